//! What is owed on messages, as far as headers tell: acknowledgements, and the replies that a kind asks for. A duty runs
//! from the acceptance that starts it, climbs its ladder as time passes, and ends with what was owed, with its matter, or
//! with the message. A rung that somebody is told of, and an answer after it, leave a notice that the broker owes.
//!
//! Agents run the same deadlines beside this one from what reached them; `model` holds what both know.

use bytes::Bytes;
use model::{
    deadline::{self, DeadlineName, Meets, Rung, meets},
    header::Header,
    ids::{Digest, JurisdictionId, MessageId},
    level::EventLevel,
    role::Role,
    stage::{As, Stage},
    status::{Action, Status},
    thread::{
        Deadline,
        card::Card,
        ledger::{Key, Standing, Start},
    },
    time::Timestamp,
};
use proto::{
    record::{self, DeliveryRow, DutyRow, MemberCardRow, MessageRow, NoticeRow},
    v1::DeadlineEvent,
};
use store::{FoldError, Rows};

use super::{
    Folding, Outcome, decode_row,
    keys::{self, DutyKey},
    messages::stage_of,
    state::time,
    submitted::{id_of, positive},
};

/// Duties on one message that are looked at in one go; a message has far fewer recipients.
const DUTIES_MAX: usize = 4_096;

/// Revisions of one message whose duties a CANCEL looks for.
const REVISIONS_MAX: usize = 1_024;

/// A duty as its key and its row keep it.
#[derive(Clone, Debug)]
pub struct Duty {
    key: DutyKey,
    row: DutyRow,
    deadline: Deadline,
}

impl Duty {
    pub(super) fn of(key: DutyKey, row: DutyRow) -> Option<Self> {
        let mut deadline = Deadline::begin(start(&key, &row)?, false);
        deadline.standing = i32::try_from(row.standing).ok().and_then(Standing::from_number)?;
        deadline.rung = i32::try_from(row.rung).ok().and_then(Rung::from_number);
        deadline.met_at = (row.met_at != 0).then(|| time(row.met_at));
        Some(Self { key, row, deadline })
    }

    fn level(&self) -> EventLevel {
        i32::try_from(self.row.level).ok().and_then(EventLevel::from_number).unwrap_or(EventLevel::L0)
    }

    /// The next rung and when time reaches it, or none and when it is forgotten: nobody climbs after the message expired.
    fn next(&self) -> (Option<Rung>, Timestamp) {
        let until = time(self.row.until);
        match self.deadline.next_rung(self.level()).filter(|(_, at)| *at < until) {
            Some((rung, at)) => (Some(rung), at),
            None => (None, until),
        }
    }

    /// Whether anybody is told of its rungs: of those of the ladder, and of a day's report.
    fn is_told(&self) -> bool {
        self.key.name.climbs() || self.key.name == DeadlineName::D18
    }

    /// Whether anybody is told that it was met after `rung`. A reminder was the obligor's own, and it knows what it did.
    fn is_answer_told(&self, rung: Rung) -> bool {
        self.is_told() && rung > Rung::Reminder
    }

    /// Nobody acknowledged a message of the gravest levels before it ended, and nobody has been told.
    fn is_breach_at_its_end(&self) -> bool {
        let untold = self.deadline.rung.is_none_or(|rung| rung < Rung::Breach);
        self.key.name == DeadlineName::D01 && self.level().is_gravest() && untold
    }

    /// The record of what time has come to by `now`, if to anything.
    pub fn reached(&self, now: Timestamp) -> Option<record::Rung> {
        let (next, at) = self.next();
        let rung = next.filter(|_| now < time(self.row.until));
        (at <= now).then(|| record::Rung {
            matter: self.key.on.0.to_vec().into(),
            deadline: positive(self.key.name.number()),
            jurisdiction: self.key.obligor.to_string(),
            subject: String::new(),
            rung: rung.map_or(0, |rung| positive(rung.number())),
        })
    }
}

fn start(key: &DutyKey, row: &DutyRow) -> Option<Start> {
    Some(Start {
        key: Key { name: key.name, jurisdiction: key.obligor.clone(), subject: String::new() },
        role: Role::DutyOfficer,
        cause: id_of(&row.cause)?,
        starts_at: time(row.starts_at),
        due_at: time(row.due_at),
    })
}

/// The duty under this key, for whoever reads rows.
pub fn duty(rows: &Rows<'_>, key: &DutyKey) -> Result<Option<Duty>, FoldError> {
    let row = rows.get(&key.encode())?.map(decode_row::<DutyRow>).transpose()?;
    Ok(row.and_then(|row| Duty::of(key.clone(), row)))
}

/// Whose card, of which deadline, and what stands on it.
pub type MemberCard = ((JurisdictionId, DeadlineName), MemberCardRow);

/// How members kept the deadlines that are run here, by member and deadline.
pub fn cards(rows: &Rows<'_>) -> Result<Vec<MemberCard>, FoldError> {
    let mut cards = Vec::new();
    rows.each(&[keys::table::CARD], |key, row| {
        if let Some(of) = keys::card_parts(key) {
            cards.push((of, decode_row(row)?));
        }
        Ok(())
    })?;
    Ok(cards)
}

impl Folding<'_, '_> {
    /// A message was accepted: what its recipients owe begins.
    pub(super) fn owe(&mut self, header: &Header, row: &MessageRow) -> Result<(), FoldError> {
        let id = header.message_id;
        for obligor in addressed(row).filter(|delivery| stage_of(delivery) < Stage::Acknowledged) {
            if row.ack_by != 0 {
                self.begin(id, DeadlineName::D01, obligor, header, row, row.ack_by)?;
            }
        }
        let reply = deadline::owed_reply(header).and_then(|owes| owes.deadline);
        let Some(name) = reply.filter(|name| name.is_run_by_broker() && row.reply_by != 0) else { return Ok(()) };
        let before = self.asked_before(header)?;
        let on = id_of(&row.chain).unwrap_or(id);
        for obligor in addressed(row) {
            if before.contains(&obligor.jurisdiction) {
                self.live_on(on, name, obligor, row)?;
            } else {
                self.begin(on, name, obligor, header, row, row.reply_by)?;
            }
        }
        Ok(())
    }

    /// What runs already goes on as long as the newest revision does.
    fn live_on(
        &mut self,
        on: MessageId,
        name: DeadlineName,
        obligor: &DeliveryRow,
        row: &MessageRow,
    ) -> Result<(), FoldError> {
        let Ok(obligor) = obligor.jurisdiction.parse::<JurisdictionId>() else { return Ok(()) };
        match duty(self.rows, &DutyKey { on, name, obligor })? {
            Some(mut running) if running.row.until < row.expires_at => {
                running.row.until = row.expires_at;
                self.keep_duty(running)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whom the revision before this one asked: a reply runs once for each, and an update does not start it again.
    fn asked_before(&self, header: &Header) -> Result<Vec<String>, FoldError> {
        let Some(before) = header.preceding_message_id.filter(|_| header.action == Action::Update) else {
            return Ok(Vec::new());
        };
        let known = self.message(before)?.map(|(row, _)| row.deliveries).unwrap_or_default();
        Ok(known.into_iter().filter(is_addressed).map(|delivery| delivery.jurisdiction).collect())
    }

    /// The revision in force of what was asked, where it has been revised.
    fn newest_of(&self, duty: &Duty) -> Result<Option<MessageId>, FoldError> {
        let Ok(sender) = duty.row.sender.parse::<JurisdictionId>() else { return Ok(None) };
        let chain: Option<record::ChainRow> = self.row(&keys::chain(&sender, duty.key.on))?;
        Ok(chain.and_then(|chain| id_of(&chain.message_id)))
    }

    fn begin(
        &mut self,
        on: MessageId,
        name: DeadlineName,
        obligor: &DeliveryRow,
        header: &Header,
        row: &MessageRow,
        due_at: i64,
    ) -> Result<(), FoldError> {
        let Ok(obligor) = obligor.jurisdiction.parse::<JurisdictionId>() else { return Ok(()) };
        let begun = DutyRow {
            cause: header.message_id.0.to_vec().into(),
            sender: row.sender.clone(),
            level: positive(header.level().unwrap_or(EventLevel::L0).number()),
            starts_at: row.accepted_at,
            due_at,
            until: row.expires_at,
            standing: positive(Standing::Running.number()),
            rung: 0,
            // what is said about a drill is real, and is owed whatever becomes of it
            drill_id: if header.status == Status::Exercise { row.drill_id.clone() } else { String::new() },
            ..DutyRow::default()
        };
        self.begin_once(DutyKey { on, name, obligor }, begun)
    }

    /// What runs already is not started again.
    fn begin_once(&mut self, key: DutyKey, begun: DutyRow) -> Result<(), FoldError> {
        if duty(self.rows, &key)?.is_some() {
            return Ok(());
        }
        Duty::of(key, begun).map_or(Ok(()), |begun| self.keep_duty(begun))
    }

    /// Writes a duty back with the time at which it is looked at next.
    pub(super) fn keep_duty(&mut self, mut duty: Duty) -> Result<(), FoldError> {
        let (_, at) = duty.next();
        if !duty.row.drill_id.is_empty() {
            self.rows.put(&keys::drill_duty(&duty.row.drill_id, &duty.key), Bytes::new())?;
        }
        if duty.row.wake != at.millis() {
            self.sleep(&duty)?;
            self.rows.put(&keys::wake(at, &duty.key), Bytes::new())?;
        }
        duty.row.wake = at.millis();
        duty.row.standing = positive(duty.deadline.standing.number());
        duty.row.rung = duty.deadline.rung.map_or(0, |rung| positive(rung.number()));
        self.put(&duty.key.encode(), &duty.row)
    }

    fn sleep(&mut self, duty: &Duty) -> Result<(), FoldError> {
        if duty.row.wake == 0 { Ok(()) } else { self.rows.remove(&keys::wake(time(duty.row.wake), &duty.key)) }
    }

    /// Nobody waits for it any more.
    fn forget(&mut self, duty: &Duty) -> Result<(), FoldError> {
        self.sleep(duty)?;
        if !duty.row.drill_id.is_empty() {
            self.rows.remove(&keys::drill_duty(&duty.row.drill_id, &duty.key))?;
        }
        self.rows.remove(&duty.key.encode())
    }

    /// Time has reached a rung, or the end of the message. The record says which, so a replay needs no clock.
    pub(super) fn rung_reached(&mut self, record: &record::Rung) -> Result<Outcome, FoldError> {
        let name = i32::try_from(record.deadline).ok().and_then(DeadlineName::from_number);
        let named = (id_of(&record.matter), name, record.jurisdiction.parse().ok());
        let (Some(on), Some(name), Some(obligor)) = named else { return Ok(Outcome::Done) };
        let Some(duty) = duty(self.rows, &DutyKey { on, name, obligor })? else { return Ok(Outcome::Done) };
        match i32::try_from(record.rung).ok().and_then(Rung::from_number) {
            Some(rung) => self.raise(duty, rung)?,
            // whichever of the two sees the end of a grave message first: that nobody acknowledged it is a breach
            None if duty.is_breach_at_its_end() => self.raise(duty, Rung::Breach)?,
            None => self.lapse(&duty)?,
        }
        Ok(Outcome::Done)
    }

    /// The message has expired, and whoever has it has not done what it owes: its sender is told, and nobody waits any more.
    fn lapse(&mut self, duty: &Duty) -> Result<(), FoldError> {
        if self.is_lapse(duty)? {
            let told = NoticeRow { what: DeadlineEvent::Lapsed.into(), rung: 0, ..self.notice_of(duty, None) };
            self.put_notice(duty.deadline.lapse_id(), &told)?;
        }
        self.forget(duty)
    }

    /// Of a delivery that is not acknowledged its acknowledgement lapses and no reply beside it; one that never arrived has
    /// a receipt of its end.
    fn is_lapse(&self, duty: &Duty) -> Result<bool, FoldError> {
        let on_message = duty.key.name != DeadlineName::D18;
        let newest = if duty.key.name == DeadlineName::D01 { None } else { self.newest_of(duty)? };
        let cause = newest.or(id_of(&duty.row.cause)).filter(|_| on_message);
        let Some((row, _)) = cause.map(|id| self.message(id)).transpose()?.flatten() else { return Ok(false) };
        let obligor = duty.key.obligor.as_str();
        let delivery = row.deliveries.iter().find(|delivery| delivery.jurisdiction == obligor);
        let is_acknowledged = |stage: Stage| row.ack_by == 0 || stage >= Stage::Acknowledged;
        Ok(match delivery.map(stage_of) {
            Some(stage) if stage.is_negative() || stage < Stage::Delivered => false,
            Some(stage) => (duty.key.name == DeadlineName::D01) != is_acknowledged(stage),
            None => true, // a promise of the obligor's own, given in an interim answer
        })
    }

    fn raise(&mut self, mut duty: Duty, rung: Rung) -> Result<(), FoldError> {
        let before = duty.deadline.rung;
        self.turn(&mut duty, |deadline| deadline.raise(rung))?;
        if duty.deadline.rung != before && duty.is_told() {
            self.owe_notice(&duty, rung, None)?;
        }
        self.keep_duty(duty)
    }

    /// What was owed came. Whoever a breach was told to hears of it, with its lateness.
    pub(super) fn meet(&mut self, mut duty: Duty, at: Timestamp, by: Option<MessageId>) -> Result<(), FoldError> {
        self.turn(&mut duty, |deadline| deadline.meet(at, by))?;
        if let Some(rung) = duty.deadline.rung.filter(|rung| duty.is_answer_told(*rung)) {
            self.owe_notice(&duty, rung, duty.deadline.met_at)?;
        }
        self.forget(&duty)
    }

    /// The report of a day came: kept until the day is over, for it may be taken back.
    pub(super) fn meet_day(&mut self, mut duty: Duty, by: &Header) -> Result<(), FoldError> {
        if duty.deadline.met_at.is_some() {
            return Ok(());
        }
        let at = self.at.time;
        self.turn(&mut duty, |deadline| deadline.meet(at, Some(by.message_id)))?;
        if let Some(rung) = duty.deadline.rung {
            self.owe_notice(&duty, rung, duty.deadline.met_at)?;
        }
        duty.row.met_at = self.at.time.millis();
        duty.row.met_by = by.originating_message_id.0.to_vec().into();
        self.keep_duty(duty)
    }

    /// The report that met a day was taken back: it is owed again, and what was told of it is not told twice.
    pub(super) fn reopen_day(&mut self, mut duty: Duty, taken_back: &Header) -> Result<(), FoldError> {
        if duty.row.met_by != taken_back.originating_message_id.0.as_slice() {
            return Ok(());
        }
        self.turn(&mut duty, Deadline::reopen)?;
        (duty.row.met_at, duty.row.met_by) = (0, bytes::Bytes::new());
        self.keep_duty(duty)
    }

    /// Changes a duty and counts what became of it on its obligor's card; what was played stands in the score of its drill.
    fn turn(&mut self, duty: &mut Duty, change: impl FnOnce(&mut Deadline)) -> Result<(), FoldError> {
        let before = duty.deadline.clone();
        change(&mut duty.deadline);
        if !duty.row.drill_id.is_empty() {
            return Ok(());
        }
        let key = keys::card(&duty.key.obligor, duty.key.name);
        let MemberCardRow { on_time, late, missing } = self.row(&key)?.unwrap_or_default();
        let mut card = Card { on_time, late, missing, waived: 0 };
        card.turn(Some(&before), &duty.deadline);
        let Card { on_time, late, missing, waived: _ } = card; // nobody waives at the broker
        self.put(&key, &MemberCardRow { on_time, late, missing })
    }

    /// The broker owes a notice. Its message's id is made here, of what it tells: it is sent once.
    fn owe_notice(&mut self, duty: &Duty, rung: Rung, met_at: Option<Timestamp>) -> Result<(), FoldError> {
        let missing = duty.key.name == DeadlineName::D18 && rung > Rung::Reminder;
        let what = if missing { DeadlineEvent::Missing } else { DeadlineEvent::Rung }.into();
        let notice = NoticeRow { what, rung: positive(rung.number()), ..self.notice_of(duty, met_at) };
        self.put_notice(duty.deadline.event_id(rung), &notice)
    }

    fn notice_of(&self, duty: &Duty, met_at: Option<Timestamp>) -> NoticeRow {
        NoticeRow {
            cause: duty.row.cause.clone(),
            deadline: positive(duty.key.name.number()),
            jurisdiction: duty.key.obligor.to_string(),
            sender: duty.row.sender.clone(),
            due_at: duty.deadline.owed_at().millis(),
            at: self.at.time.millis(),
            met_at: met_at.map_or(0, Timestamp::millis),
            met_by: duty.deadline.met_by.map(|id| id.0.to_vec()).unwrap_or_default().into(),
            ..NoticeRow::default()
        }
    }

    /// What the broker owes to say, under the id that its message will have.
    pub(super) fn put_notice(&mut self, event: [u8; 16], notice: &NoticeRow) -> Result<(), FoldError> {
        let salt = self.row::<record::DayRow>(&[keys::table::DAY])?.map(|day| day.salt).unwrap_or_default();
        let id = notice_id(self.at.time, event, notice.met_at != 0, &salt);
        self.put(&keys::notice(id), notice)
    }

    /// A stage of a delivery is proved or the broker ends it: an acknowledgement meets what is owed, an end makes it
    /// needless. What expires unread at the two gravest levels is a breach.
    pub(super) fn stage_of_duty(
        &mut self,
        id: MessageId,
        row: &MessageRow,
        recipient: &JurisdictionId,
        stage: Stage,
        at: Timestamp,
    ) -> Result<(), FoldError> {
        if row.ack_by == 0 || (!stage.is_negative() && stage < Stage::Acknowledged) {
            return Ok(());
        }
        let key = DutyKey { on: id, name: DeadlineName::D01, obligor: recipient.clone() };
        let Some(duty) = duty(self.rows, &key)? else { return Ok(()) };
        match stage.is_negative() {
            false => self.meet(duty, at.min(self.at.time), None),
            true if stage == Stage::Expired && duty.level().is_gravest() => self.raise(duty, Rung::Breach),
            true => self.forget(&duty),
        }
    }

    /// A reply came to what its sender was asked: it settles the matter, or meets this deadline and starts the next.
    pub(super) fn replied(
        &mut self,
        header: &Header,
        asked: Option<MessageId>,
        row: &MessageRow,
    ) -> Result<(), FoldError> {
        let (Some(answer), Some(asked)) = (header.answer, asked) else { return Ok(()) };
        let Some((question, _)) = self.message(asked)? else { return Ok(()) };
        let on = id_of(&question.chain).unwrap_or(asked);
        for duty in self.duties_on(on)? {
            let name = duty.key.name;
            if matches!(name, DeadlineName::D01 | DeadlineName::D18) || duty.key.obligor != header.sender.jurisdiction {
                continue;
            }
            match meets(name, answer) {
                Meets::Whole => self.meet(duty, self.at.time, Some(header.message_id))?,
                Meets::Then(next) => {
                    self.begin_next(&duty, next, header, row)?;
                    self.meet(duty, self.at.time, Some(header.message_id))?;
                }
                Meets::Nothing => {}
            }
        }
        Ok(())
    }

    /// The definite answer that an interim one leaves owed.
    fn begin_next(
        &mut self,
        first: &Duty,
        next: DeadlineName,
        header: &Header,
        row: &MessageRow,
    ) -> Result<(), FoldError> {
        let Some(within) = next.within(first.level()) else { return Ok(()) };
        let latest = time(row.accepted_at).plus(within);
        let due_at = header.reply_by.map_or(latest, |asked| asked.min(latest));
        let begun = DutyRow {
            cause: header.message_id.0.to_vec().into(),
            starts_at: row.accepted_at,
            due_at: due_at.millis(),
            standing: positive(Standing::Running.number()),
            rung: 0,
            wake: 0,
            ..first.row.clone()
        };
        self.begin_once(DutyKey { name: next, ..first.key.clone() }, begun)
    }

    /// The author takes a message back: nothing is owed on its chain any more.
    pub(super) fn void_chain(&mut self, header: &Header, root: Option<MessageId>) -> Result<(), FoldError> {
        if header.action != Action::Cancel {
            return Ok(());
        }
        let mut voided: Vec<MessageId> = root.into_iter().collect();
        let mut revision = header.preceding_message_id;
        while let Some(id) = revision.filter(|id| !voided.contains(id) && voided.len() < REVISIONS_MAX) {
            voided.push(id);
            revision = self.message(id)?.and_then(|(row, _)| id_of(&row.preceding));
        }
        let owed = voided.into_iter().map(|on| self.duties_on(on)).collect::<Result<Vec<_>, _>>()?.concat();
        // what is owed to somebody else is not the author's to take back
        for duty in owed.iter().filter(|duty| duty.row.sender == header.sender.jurisdiction.as_str()) {
            self.forget(duty)?;
        }
        Ok(())
    }

    /// A drill was aborted: nothing that was played is owed.
    pub(super) fn void_drill(&mut self, drill: &str) -> Result<(), FoldError> {
        let mut owed = Vec::new();
        self.rows.each(&keys::drill_duty_prefix(drill), |key, _| {
            owed.extend(keys::drill_duty_key(key));
            Ok(())
        })?;
        for key in owed {
            if let Some(duty) = duty(self.rows, &key)? {
                self.forget(&duty)?;
            }
        }
        Ok(())
    }

    fn duties_on(&self, on: MessageId) -> Result<Vec<Duty>, FoldError> {
        self.duties(&keys::duty_prefix(on), DUTIES_MAX)
    }

    fn duties(&self, prefix: &[u8], limit: usize) -> Result<Vec<Duty>, FoldError> {
        let mut found = Vec::new();
        for (key, row) in self.rows.scan(prefix, prefix, limit)? {
            found.extend(DutyKey::decode(&key).zip(Some(decode_row(row)?)).and_then(|(key, row)| Duty::of(key, row)));
        }
        Ok(found)
    }
}

/// The id of the message that will carry a notice: of the moment, of what it tells, and of what only the broker knows, so
/// that nobody takes the id before.
fn notice_id(at: Timestamp, event: [u8; 16], met: bool, salt: &[u8]) -> MessageId {
    let Digest(hash) = Digest::of(&[&event[..], &[u8::from(met)], salt].concat());
    let mut random = [0; 10];
    random.iter_mut().zip(hash).for_each(|(byte, made)| *byte = made);
    MessageId::new(at, random)
}

fn addressed(row: &MessageRow) -> impl Iterator<Item = &DeliveryRow> {
    row.deliveries.iter().filter(|delivery| is_addressed(delivery) && !stage_of(delivery).is_negative())
}

fn is_addressed(delivery: &DeliveryRow) -> bool {
    delivery.r#as == As::To.number()
}
