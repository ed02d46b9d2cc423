//! What is owed by when: the recipients' acknowledgements, the deadlines of matters, what time does to them, and what it
//! means for the people at this desk.

use bytes::Bytes;
use model::{
    deadline::{DeadlineName, Rung, stamped_reply},
    header::{Header, Precedence, Stage, Status},
    ids::{JurisdictionId, MessageId},
    kind::Kind,
    level::EventLevel,
    role::Role,
    stage::As,
    task::{TaskKind, task_id},
    thread::{
        AnyMachine, Deadline, Ledger, Matter,
        card::Card,
        ledger::{Key, Standing, Start},
        owe,
    },
    time::Timestamp,
};
use proto::{
    record::{self, CardRow, DeskAct, GraveRow, PeerRow, PeersSeen, PhoneCall, TaskRow, desk_act},
    v1,
};
use store::FoldError;

use super::{
    Folding, Outcome, bytes_of, decode_row, id_of, keys, keys::MatterKey, matters::MatterState, number, query,
};

/// Messages for one recipient that are looked at when its link goes down.
const GRAVE_MAX: usize = 1_024;

/// A message whose recipients owe an acknowledgement.
struct Owing {
    id: MessageId,
    level: EventLevel,
    accepted_at: Timestamp,
    ack_by: Timestamp,
    status: Status,
}

impl Folding<'_, '_> {
    /// The broker took charge of a message of ours: its recipients owe an acknowledgement, where one is asked.
    pub(super) fn acks_of_ours(&mut self, id: MessageId, accepted: &v1::ReceiptStatement) -> Result<(), FoldError> {
        let Some(row) = self.sent(id)? else { return Ok(()) };
        let Some(stamp) = &accepted.stamp else { return Ok(()) };
        if row.status == number(Status::Exercise.number()) && self.is_dropped(&row.matter)? {
            return Ok(()); // its drill ended before we knew that the broker had it
        }
        let at = time_of(accepted.at).unwrap_or(self.at.time);
        self.retime(&row, id, at)?;
        if let Some(kind) = i32::try_from(row.kind).ok().and_then(Kind::from_number) {
            self.replies_owed(&row.matter, id, kind, stamp)?;
        }
        let Some(ack_by) = time_of(stamp.ack_by) else { return Ok(()) };
        let grave = row.grave;
        let owing = Owing { id, level: level_of(row.level), accepted_at: at, ack_by, status: status_of(row.status) };
        for delivery in stamp.deliveries.iter().filter(|delivery| delivery.r#as == As::To.number()) {
            let Ok(recipient) = delivery.jurisdiction.parse::<JurisdictionId>() else { continue };
            self.owe_ack(&owing, &recipient)?;
            if grave && !self.has_acknowledged(id, &recipient)? {
                self.watch_grave(id, &recipient)?;
            }
        }
        Ok(())
    }

    /// Whoever a group or an area came to owes the same reply as who was named: the broker's stamp says who they are. An
    /// unlawful step begins nothing, and one that waits nothing yet.
    pub(super) fn replies_owed(
        &mut self,
        matter: &[u8],
        id: MessageId,
        kind: Kind,
        stamp: &v1::Stamp,
    ) -> Result<(), FoldError> {
        let times = time_of(stamp.accepted_at).zip(time_of(stamp.reply_by));
        let (Some((starts_at, due_at)), Some(name)) = (times, stamped_reply(kind)) else { return Ok(()) };
        let Ok(key) = MatterKey::try_from(matter) else { return Ok(()) };
        if !query::has_stepped(self.rows, id)? {
            return Ok(());
        }
        let to = stamp.deliveries.iter().filter(|delivery| delivery.r#as == As::To.number());
        let obligors: Vec<JurisdictionId> = to.filter_map(|delivery| delivery.jurisdiction.parse().ok()).collect();
        self.change(&key, |state| {
            if state.thread.as_ref().is_some_and(|thread| thread.state().over) {
                return; // taken back before the broker had it
            }
            for who in &obligors {
                let key = owe::key(name, who, "");
                state.ledger_mut().start(Start { key, role: Role::DutyOfficer, cause: id, starts_at, due_at });
            }
        })
    }

    /// What a message of ours started counts from the broker's time, not from when it was queued.
    fn retime(&mut self, row: &record::SentRow, id: MessageId, at: Timestamp) -> Result<(), FoldError> {
        let own = MatterKey::try_from(row.matter.as_ref()).ok();
        // what an inject holds is a matter of its own
        let thread = id_of(&row.originating).filter(|_| row.kind == number(Kind::DrillInject.number()));
        let inside = thread.map(|thread| keys::matter(&Matter::Thread(thread)));
        for key in own.into_iter().chain(inside) {
            self.change(&key, |state| state.ledger_mut().accepted(id, Timestamp::from_millis(row.at), at))?;
        }
        Ok(())
    }

    /// A message came to us: we owe an acknowledgement, where one is asked.
    pub(super) fn ack_of_theirs(
        &mut self,
        header: &Header,
        stamp: Option<&v1::Stamp>,
        recipient: &str,
    ) -> Result<(), FoldError> {
        let Ok(us) = recipient.parse::<JurisdictionId>() else { return Ok(()) };
        let copied = |delivery: &v1::StampedDelivery| {
            delivery.jurisdiction == recipient && delivery.r#as == As::CcSuperior.number()
        };
        let Some(stamp) = stamp.filter(|stamp| !stamp.deliveries.iter().any(copied)) else { return Ok(()) };
        let accepted_at = time_of(stamp.accepted_at).unwrap_or(self.at.time);
        let Some(ack_by) = time_of(stamp.ack_by) else { return Ok(()) };
        let level = header.level().unwrap_or(EventLevel::L0);
        let owing = Owing { id: header.message_id, level, accepted_at, ack_by, status: header.status };
        self.owe_ack(&owing, &us)
    }

    fn owe_ack(&mut self, owing: &Owing, recipient: &JurisdictionId) -> Result<(), FoldError> {
        let key = keys::matter(&Matter::Message(owing.id));
        let before = self.matter(&key)?;
        let mut state = before.clone().unwrap_or_else(|| duties_of(owing));
        state.ledger_mut().start(Start {
            key: ack_key(recipient),
            role: Role::DutyOfficer,
            cause: owing.id,
            starts_at: owing.accepted_at,
            due_at: owing.ack_by,
        });
        if self.has_acknowledged(owing.id, recipient)? {
            let at = self.at.time.min(owing.ack_by);
            state.ledger_mut().meet(&ack_key(recipient), at, None);
        }
        self.put_matter(&key, before.as_ref(), state).map(|_| ())
    }

    fn has_acknowledged(&self, id: MessageId, recipient: &JurisdictionId) -> Result<bool, FoldError> {
        let row: Option<record::SentDeliveryRow> = self.row(&keys::sent_delivery(id, recipient))?;
        let stage = row.and_then(|row| super::stage_of(row.stage));
        Ok(stage.is_some_and(|stage| !stage.is_negative() && stage >= Stage::Acknowledged))
    }

    /// A recipient's stage is proved: an acknowledgement meets what it owes, an end makes it needless. What expires
    /// unread at the two gravest levels is a breach.
    pub(super) fn stage_proved(
        &mut self,
        id: MessageId,
        recipient: &JurisdictionId,
        stage: Stage,
        at: Timestamp,
    ) -> Result<(), FoldError> {
        let acknowledged = !stage.is_negative() && stage >= Stage::Acknowledged;
        if !acknowledged && !stage.is_negative() {
            return Ok(());
        }
        if acknowledged {
            self.drill_acknowledged(id, recipient)?;
        }
        self.rows.remove(&keys::grave(recipient, id))?;
        self.close_task(&task_id(TaskKind::VoiceFallback, id, Some(recipient)), stage.zh())?;
        let key = keys::matter(&Matter::Message(id));
        let ack = ack_key(recipient);
        self.change(&key, |state| match (acknowledged, stage == Stage::Expired && state.level.is_gravest()) {
            (true, _) => state.ledger_mut().meet(&ack, at, None),
            (false, true) => state.ledger_mut().raise(&ack, Rung::Breach),
            (false, false) => state.ledger_mut().void(&ack),
        })
    }

    /// A participant has acknowledged an order of our drill: injects wait for all to have the start.
    fn drill_acknowledged(&mut self, id: MessageId, by: &JurisdictionId) -> Result<(), FoldError> {
        let order = self.sent(id)?.filter(|row| row.kind == number(Kind::DrillControl.number()));
        let Some(Ok(key)) = order.map(|row| MatterKey::try_from(row.matter.as_ref())) else { return Ok(()) };
        self.change(&key, |state| {
            if let Some(AnyMachine::Drill(drill)) = state.thread.as_mut().map(|thread| &mut thread.machine) {
                drill.acknowledged(id, by);
            }
        })
    }

    /// Changes a matter that is known here. Duties that were all kept in time, or are none any more, leave the rows.
    pub(super) fn change(&mut self, key: &MatterKey, change: impl FnOnce(&mut MatterState)) -> Result<(), FoldError> {
        let Some(before) = self.matter(key)? else { return Ok(()) };
        let mut state = before.clone();
        change(&mut state);
        let open = |deadline: &Deadline| deadline.standing.is_running() || deadline.standing == Standing::Breached;
        if state.thread.is_some() || state.ledger().all().any(open) {
            return self.put_matter(key, Some(&before), state).map(|_| ());
        }
        self.settle_duties(state.status, before.ledger(), state.ledger())?;
        self.drop_matter(key, &before)
    }

    /// Time reached a rung. The record says which, so a replay needs no clock.
    pub(super) fn rung_reached(&mut self, record: &record::Rung) -> Result<Outcome, FoldError> {
        let named = deadline_key(record.deadline, &record.jurisdiction, &record.subject);
        let rung = i32::try_from(record.rung).ok().and_then(Rung::from_number);
        let (Ok(key), Some(deadline), Some(rung)) = (MatterKey::try_from(record.matter.as_ref()), named, rung) else {
            return Ok(Outcome::Done);
        };
        self.change(&key, |state| state.raise(&deadline, rung))?;
        Ok(Outcome::Done)
    }

    /// What the difference between two ledgers means: tasks come and go, and kept or broken duties are counted.
    pub(super) fn settle_duties(&mut self, status: Status, before: &Ledger, after: &Ledger) -> Result<(), FoldError> {
        for deadline in after.all() {
            let old = before.get(&deadline.key());
            if old == Some(deadline) {
                continue;
            }
            if let Some(rung) = deadline.rung.filter(|rung| old.and_then(|old| old.rung) != Some(*rung)) {
                self.rung_task(deadline, rung)?;
            }
            if !deadline.is_owed() && old.is_none_or(Deadline::is_owed) {
                self.close_rungs(deadline)?;
            }
            // what was played stands in the score of its drill
            if status != Status::Exercise {
                self.count_on_card(old, deadline)?;
            }
        }
        Ok(())
    }

    /// What a rung asks of the people here: of the obligor's to do it, of the other side's to telephone.
    pub(super) fn rung_task(&mut self, deadline: &Deadline, rung: Rung) -> Result<(), FoldError> {
        let ours = deadline.obligor.jurisdiction == *self.us;
        let kind = match (ours, rung) {
            (true, Rung::Reminder) => TaskKind::Remind,
            (true, _) => TaskKind::Overdue,
            (false, Rung::Reminder) => return Ok(()),
            (false, _) if deadline.name == DeadlineName::D18 => TaskKind::Missing,
            (false, Rung::Breach) => TaskKind::CallByPhone,
            (false, Rung::Leaders | Rung::Superior) => TaskKind::Escalated,
        };
        let about = &deadline.obligor.jurisdiction;
        let peer: Option<PeerRow> = self.row(&keys::peer(about))?;
        self.raise_task(
            deadline.event_id(rung),
            &TaskRow {
                kind: number(kind.number()),
                message_id: bytes_of(deadline.cause),
                about: about.to_string(),
                deadline: number(deadline.name.number()),
                subject: deadline.subject.clone(),
                rung: number(rung.number()),
                phone: peer.map(|peer| peer.phone).unwrap_or_default(),
                ..TaskRow::default()
            },
        )
    }

    /// Closes every task that these duties raised, met or not: they go on elsewhere, or nowhere.
    pub(super) fn close_all_rungs(&mut self, ledger: &Ledger, outcome: &str) -> Result<(), FoldError> {
        ledger.all().try_for_each(|deadline| self.close_rungs_as(deadline, outcome))
    }

    pub(super) fn close_rungs(&mut self, deadline: &Deadline) -> Result<(), FoldError> {
        let outcome = match deadline.standing {
            Standing::Waived => "WAIVED",
            Standing::Void => "VOID",
            Standing::Met => "MET",
            Standing::Breached | Standing::Running | Standing::Warned => "MET_LATE",
        };
        self.close_rungs_as(deadline, outcome)
    }

    fn close_rungs_as(&mut self, deadline: &Deadline, outcome: &str) -> Result<(), FoldError> {
        for rung in Rung::ALL {
            self.close_task(&deadline.event_id(*rung), outcome)?;
        }
        self.close_task(&deadline.lapse_id(), outcome)
    }

    fn count_on_card(&mut self, old: Option<&Deadline>, new: &Deadline) -> Result<(), FoldError> {
        self.turn_card(&new.obligor.jurisdiction, new.name, |card| card.turn(old, new))
    }

    fn turn_card(
        &mut self,
        of: &JurisdictionId,
        name: DeadlineName,
        turn: impl FnOnce(&mut Card),
    ) -> Result<(), FoldError> {
        let key = keys::card(of, name);
        let CardRow { on_time, late, missing, waived } = self.row(&key)?.unwrap_or_default();
        let before = Card { on_time, late, missing, waived };
        let mut card = before;
        turn(&mut card);
        if card == before {
            return Ok(());
        }
        let Card { on_time, late, missing, waived } = card;
        self.put(&key, &CardRow { on_time, late, missing, waived })
    }

    /// The broker tells of a breach of ours on a message that is not here: it counts, until the message comes and its own
    /// duty does.
    pub(super) fn breach_told(&mut self, deadline: &Deadline) -> Result<(), FoldError> {
        let key = keys::breach_told(deadline.cause, deadline.name);
        if self.rows.get(&key)?.is_some() {
            return Ok(());
        }
        self.rows.put(&key, Bytes::new())?;
        self.turn_card(&deadline.obligor.jurisdiction, deadline.name, |card| card.missing += 1)
    }

    /// A message is here: what was told of its breaches counts no longer, since what it starts does.
    pub(super) fn breaches_known(&mut self, id: MessageId) -> Result<(), FoldError> {
        let told = keys::breaches_told(id);
        for (key, _) in self.rows.scan(&told, &told, DeadlineName::ALL.len())? {
            self.rows.remove(&key)?;
            if let Some(name) = keys::breach_told_deadline(&key) {
                let us = self.us.clone();
                self.turn_card(&us, name, |card| card.missing = card.missing.saturating_sub(1))?;
            }
        }
        Ok(())
    }

    /// Puts a task, unless it is there: the same cause has one task, open or closed. It begins now unless the row says when.
    pub(super) fn raise_task(&mut self, id: [u8; 16], row: &TaskRow) -> Result<(), FoldError> {
        if self.rows.get(&keys::task(&id))?.is_some() {
            return Ok(());
        }
        self.rung.clerk = true;
        let at = if row.at == 0 { self.now_ms() } else { row.at };
        self.put(&keys::task(&id), &TaskRow { at, ..row.clone() })
    }

    /// Closes a task; one that is closed or not there stays so.
    pub(super) fn close_task(&mut self, id: &[u8; 16], outcome: &str) -> Result<(), FoldError> {
        let row: Option<TaskRow> = self.row(&keys::task(id))?;
        let Some(row) = row.filter(|row| row.closed_at == 0) else { return Ok(()) };
        self.rung.clerk = true;
        let outcome = outcome.chars().take(200).collect();
        self.put(&keys::task(id), &TaskRow { closed_at: self.now_ms(), outcome, ..row })
    }

    /// What a person did that no message says.
    pub(super) fn desk_act(&mut self, record: &DeskAct) -> Result<Outcome, FoldError> {
        match &record.act {
            Some(desk_act::Act::Waiver(waiver)) => self.waived(waiver)?,
            Some(desk_act::Act::Call(call)) => self.called(call)?,
            Some(desk_act::Act::Task(done)) => {
                if let Ok(id) = <[u8; 16]>::try_from(done.task_id.as_ref()) {
                    self.close_task(&id, if done.note.is_empty() { "DONE" } else { &done.note })?;
                }
            }
            Some(desk_act::Act::Incident(incident)) => self.learned(incident)?,
            // evidence alone: no row follows from it
            Some(desk_act::Act::Console(_)) | None => {}
        }
        Ok(Outcome::Done)
    }

    fn waived(&mut self, waiver: &record::Waiver) -> Result<(), FoldError> {
        let named = deadline_key(waiver.deadline, &waiver.jurisdiction, &waiver.subject);
        let (Ok(key), Some(deadline)) = (MatterKey::try_from(waiver.matter.as_ref()), named) else { return Ok(()) };
        let reason: String = waiver.reason.chars().take(400).collect();
        self.change(&key, |state| state.ledger_mut().waive(&deadline, &reason))
    }

    /// A telephone call stands for an acknowledgement.
    fn called(&mut self, call: &PhoneCall) -> Result<(), FoldError> {
        let (Some(id), Ok(with)) = (id_of(&call.message_id), call.jurisdiction.parse::<JurisdictionId>()) else {
            return Ok(());
        };
        let at = Timestamp::from_millis(call.at);
        self.close_task(&task_id(TaskKind::VoiceFallback, id, Some(&with)), &call.gist)?;
        let key = keys::matter(&Matter::Message(id));
        self.change(&key, |state| state.ledger_mut().meet(&ack_key(&with), at, None))
    }

    /// Whom the broker says to be linked. A link that is down while a grave message waits is a task at once.
    pub(super) fn peers_seen(&mut self, record: &PeersSeen) -> Result<Outcome, FoldError> {
        for seen in &record.peers {
            let Ok(peer) = seen.jurisdiction.parse::<JurisdictionId>() else { continue };
            let phone = seen.phone.chars().take(40).collect();
            let row = PeerRow { linked: seen.linked, since: self.now_ms(), phone };
            self.put(&keys::peer(&peer), &row)?;
            if !seen.linked {
                self.call_about_all(&peer, &row)?;
            }
        }
        Ok(Outcome::Done)
    }

    fn call_about_all(&mut self, peer: &JurisdictionId, row: &PeerRow) -> Result<(), FoldError> {
        let prefix = keys::grave_prefix(peer);
        for (key, value) in self.rows.scan(&prefix, &prefix, GRAVE_MAX)? {
            let grave: GraveRow = decode_row(&value)?;
            if let Some(id) = keys::grave_id(&key).filter(|_| !grave.called) {
                self.voice_fallback(id, peer, row)?;
            }
        }
        Ok(())
    }

    fn watch_grave(&mut self, id: MessageId, recipient: &JurisdictionId) -> Result<(), FoldError> {
        self.put(&keys::grave(recipient, id), &GraveRow { called: false })?;
        self.rung.clerk = true;
        let peer: Option<PeerRow> = self.row(&keys::peer(recipient))?;
        match peer.filter(|peer| !peer.linked) {
            Some(peer) => self.voice_fallback(id, recipient, &peer),
            None => Ok(()),
        }
    }

    fn voice_fallback(&mut self, id: MessageId, recipient: &JurisdictionId, peer: &PeerRow) -> Result<(), FoldError> {
        self.put(&keys::grave(recipient, id), &GraveRow { called: true })?;
        self.raise_task(
            task_id(TaskKind::VoiceFallback, id, Some(recipient)),
            &TaskRow {
                kind: number(TaskKind::VoiceFallback.number()),
                message_id: bytes_of(id),
                about: recipient.to_string(),
                phone: peer.phone.clone(),
                ..TaskRow::default()
            },
        )
    }
}

/// Whether a dead link to a recipient of this asks for a telephone call: L1, L2, RED, ORANGE or FLASH.
pub(super) fn is_grave(header: &Header) -> bool {
    header.level().is_some_and(EventLevel::is_gravest) || header.precedence == Precedence::Flash
}

fn duties_of(owing: &Owing) -> MatterState {
    MatterState {
        matter: Matter::Message(owing.id),
        status: owing.status,
        level: owing.level,
        incident: None,
        opened_by: owing.id,
        thread: None,
        duties: Ledger::default(),
        wake: None,
        dropped: false,
    }
}

pub(super) fn ack_key(jurisdiction: &JurisdictionId) -> Key {
    owe::key(DeadlineName::D01, jurisdiction, "")
}

fn deadline_key(name: u32, jurisdiction: &str, subject: &str) -> Option<Key> {
    let name = i32::try_from(name).ok().and_then(DeadlineName::from_number)?;
    Some(Key { name, jurisdiction: jurisdiction.parse().ok()?, subject: subject.to_owned() })
}

fn level_of(number: u32) -> EventLevel {
    i32::try_from(number).ok().and_then(EventLevel::from_number).unwrap_or(EventLevel::L0)
}

fn status_of(number: u32) -> Status {
    i32::try_from(number).ok().and_then(Status::from_number).unwrap_or(Status::Actual)
}

/// When the broker took charge, as its stamp says.
pub(super) fn accepted_at(stamp: Option<&v1::Stamp>) -> Option<Timestamp> {
    time_of(stamp?.accepted_at)
}

/// A time of the wire, if it is one.
pub(super) fn time_of(at: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    proto::border::time::optional(at, "at").ok().flatten()
}
