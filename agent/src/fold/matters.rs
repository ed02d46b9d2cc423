//! What messages do to the matter they are about. A lawful step moves the matter on; one that is not changes nothing, is
//! marked, and its sender is told. A message whose matter has not begun here waits for the one it follows.

use bytes::Bytes;
use model::{
    header::{Action, Header, Status},
    ids::{IncidentId, MessageId},
    invalid::Invalid,
    kind::Kind,
    level::EventLevel,
    reason::Reason,
    task::{TaskKind, task_id},
    thread::{AnyMachine, Facts, Ledger, Mark, Marked, Marks, Matter, Step, Thread, bulletin, duty},
    time::Timestamp,
};
use proto::{
    border,
    record::{Followed, JudgedRow, MarkRow, OrphanRow, Rung, TaskRow},
};
use serde::{Deserialize, Serialize};
use store::{FoldError, Rows};

use super::{Folding, Outcome, bytes_of, drills, id_of, keys, keys::MatterKey, long, number, query};
use crate::message::Read;

/// A matter as its row keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatterState {
    /// Which.
    pub matter: Matter,
    /// Real or exercise: the two never touch.
    pub status: Status,
    /// The column of the deadline tables, by the newest message that said one.
    pub level: EventLevel,
    /// The incident it is about.
    pub incident: Option<IncidentId>,
    /// The message that opened it.
    pub opened_by: MessageId,
    /// Machine and ledger; no machine where only the recipients' duties are kept.
    pub thread: Option<Thread>,
    /// What is owed where there is no machine.
    pub duties: Ledger,
    /// When time next reaches a rung here.
    pub wake: Option<Timestamp>,
    /// It was played in a drill that a real emergency ended: what it promised is dropped.
    #[serde(default)]
    pub dropped: bool,
}

impl MatterState {
    /// What is owed.
    pub fn ledger(&self) -> &Ledger {
        self.thread.as_ref().map_or(&self.duties, |thread| &thread.ledger)
    }

    /// The same, to change it.
    pub fn ledger_mut(&mut self) -> &mut Ledger {
        match &mut self.thread {
            Some(thread) => &mut thread.ledger,
            None => &mut self.duties,
        }
    }

    /// The records of every rung that time has reached in it.
    pub fn rungs(&self, key: &MatterKey, now: Timestamp) -> Vec<Rung> {
        let reached = self.ledger().reached(self.level, now).into_iter();
        let records = reached.map(|(deadline, rung)| Rung {
            matter: Bytes::copy_from_slice(key),
            deadline: number(deadline.name.number()),
            jurisdiction: deadline.jurisdiction.to_string(),
            subject: deadline.subject,
            rung: number(rung.number()),
        });
        records.collect()
    }
}

/// A message at the door of its matter.
pub(super) struct Knock<'a> {
    pub header: &'a Header,
    pub body: &'a Bytes,
    /// When the broker took charge of it, or when it was queued here.
    pub at: Timestamp,
    /// Its place in the lists of this agent.
    pub cursor: u64,
    /// Ours: nobody need be told what is wrong with it.
    pub ours: bool,
    /// Since when it has waited for another, if it has.
    pub waits_since: Option<Timestamp>,
}

impl<'a> Knock<'a> {
    pub fn of(read: &'a Read, at: Timestamp, cursor: u64, ours: bool) -> Self {
        Self { header: &read.header, body: &read.parts.body, at, cursor, ours, waits_since: None }
    }
}

impl Folding<'_, '_> {
    /// Lets a message step its matter; gives that matter's key, or nothing where no machine follows the kind.
    pub(super) fn knock(&mut self, knock: &Knock<'_>) -> Result<Bytes, FoldError> {
        let header = knock.header;
        if !is_followed(header) {
            return Ok(Bytes::new());
        }
        let facts = match border::facts::facts(header, knock.body) {
            Ok(Facts::Nothing) => return Ok(Bytes::new()),
            Ok(facts) => facts,
            Err(invalid) => {
                self.object(knock, &invalid)?;
                return Ok(Bytes::new());
            }
        };
        if let (Facts::Duty(said), Status::Actual) = (&facts, header.status) {
            let open = query::open_incidents(self.rows, &header.sender.jurisdiction)?;
            if let Err(invalid) = duty::judge_zero(said, &open) {
                self.object(knock, &invalid)?;
                return Ok(Bytes::new());
            }
        }
        let key = self.take_step(knock, &facts)?;
        let reaches_further = matches!(
            facts,
            Facts::Bulletin(bulletin::Facts { merged: Some(_), .. }) | Facts::Drill(_) | Facts::Item(_)
        );
        if !reaches_further || !query::has_stepped(self.rows, header.message_id)? {
            return Ok(Bytes::copy_from_slice(&key));
        }
        match &facts {
            Facts::Bulletin(bulletin::Facts { merged: Some((from, into)), .. }) => self.merge(header, from, into)?,
            Facts::Drill(facts) => self.drill_stepped(&key, facts)?,
            Facts::Item(facts) => self.item_stepped(header, &key, facts)?,
            _ => {}
        }
        if header.kind == Kind::DrillInject {
            self.knock_inside(knock)?;
        }
        Ok(Bytes::copy_from_slice(&key))
    }

    fn take_step(&mut self, knock: &Knock<'_>, facts: &Facts) -> Result<MatterKey, FoldError> {
        let matter = Matter::of(knock.header, facts);
        let key = keys::matter(&matter);
        let step = Step { header: knock.header, facts, at: knock.at };
        match self.matter(&key)? {
            Some(state) => self.go_on(knock, &key, state, &step)?,
            None if begins(knock.header, &matter) => self.begin(knock, &key, matter, &step)?,
            None => self.wait(knock, &key, None)?,
        }
        Ok(key)
    }

    /// What an inject holds begins a matter in the inject's own thread, as if it had come in earnest.
    fn knock_inside(&mut self, knock: &Knock<'_>) -> Result<(), FoldError> {
        let (kind, body) = match border::facts::inside(knock.body) {
            Ok(Some(inside)) => inside,
            Ok(None) => return Ok(()),
            Err(invalid) => return self.object(knock, &invalid),
        };
        // it waits for nothing: the inject itself has taken its step
        let header = Header { kind, preceding_message_id: None, ..knock.header.clone() };
        let inside = Knock { header: &header, body: &body, ..*knock };
        match border::facts::facts(&header, &body) {
            Ok(Facts::Nothing) => Ok(()),
            Ok(facts) => self.take_step(&inside, &facts).map(|_| ()),
            Err(invalid) => self.object(&inside, &invalid.within("body.inner")),
        }
    }

    /// The author of either incident says that they are one: the first is reported under the other's id from now on.
    fn merge(&mut self, header: &Header, from: &IncidentId, into: &IncidentId) -> Result<(), FoldError> {
        let by = &header.sender.jurisdiction;
        if from == into || header.action != Action::Originate || ![from, into].iter().any(|id| id.jurisdiction() == by)
        {
            return Ok(());
        }
        let reports = query::reports(self.rows, from)?;
        for (key, _) in reports.iter().filter(|(_, report)| report.status == header.status) {
            self.change(key, |state| {
                let Some(Thread { machine: AnyMachine::Incident(incident), ledger, .. }) = &mut state.thread else {
                    return;
                };
                incident.merged(into.clone(), ledger);
            })?;
        }
        Ok(())
    }

    fn begin(&mut self, knock: &Knock<'_>, key: &MatterKey, matter: Matter, step: &Step<'_>) -> Result<(), FoldError> {
        let (thread, marks) = match Thread::open(step) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(()),
            Err(invalid) => return self.object(knock, &invalid),
        };
        let header = knock.header;
        let state = MatterState {
            matter,
            status: header.status,
            level: header.level().unwrap_or(EventLevel::L0),
            incident: header.incident_id.clone(),
            opened_by: header.message_id,
            thread: Some(thread),
            duties: Ledger::default(),
            wake: None,
            dropped: false,
        };
        let real = header.status == Status::Actual;
        let owed = match (&state.incident, header.kind) {
            (Some(incident), Kind::IncidentReport) if knock.ours && real => self.reported(incident)?,
            _ => Ledger::default(),
        };
        self.keep(knock, key, &owed, None, state, &marks)
    }

    fn go_on(
        &mut self,
        knock: &Knock<'_>,
        key: &MatterKey,
        mut state: MatterState,
        step: &Step<'_>,
    ) -> Result<(), FoldError> {
        if !mixes(&state) && state.status != knock.header.status {
            return self.object(knock, &Invalid::new(Reason::StatusMix, "header.status", "thread.status"));
        }
        let (owed, wake) = (state.ledger().clone(), state.wake);
        let stepped = state.thread.as_mut().map_or(Ok(Marks::new()), |thread| thread.step(step));
        match stepped {
            Ok(marks) => {
                if let Some(level) = knock.header.level() {
                    state.level = level;
                }
                self.keep(knock, key, &owed, wake, state, &marks)
            }
            Err(invalid) => match self.awaited(knock)? {
                Some(before) => self.wait(knock, key, Some(before)),
                None => self.object(knock, &invalid),
            },
        }
    }

    /// The message that another's step follows, where that has not come: a higher precedence overtakes, and what is unlawful
    /// without it may be lawful after it.
    fn awaited(&self, knock: &Knock<'_>) -> Result<Option<MessageId>, FoldError> {
        let Some(before) = knock.header.preceding_message_id.filter(|_| !knock.ours) else { return Ok(None) };
        Ok((!query::has_come(self.rows, before)?).then_some(before))
    }

    fn keep(
        &mut self,
        knock: &Knock<'_>,
        key: &MatterKey,
        owed: &Ledger,
        wake: Option<Timestamp>,
        state: MatterState,
        marks: &[Marked],
    ) -> Result<(), FoldError> {
        if !self.put_over(key, owed, wake, state)? {
            return self.object(knock, &Invalid::new(Reason::TooLarge, "header.originating_message_id", "thread.size"));
        }
        // ours to choose about: when we promise it, and again when one of the two is ordered of us
        let promises = match knock.header.kind {
            Kind::ResourceOffer | Kind::ResourceCommitment => knock.ours,
            Kind::ResourceDecision => !knock.ours,
            _ => false,
        };
        let twice = if promises { self.promised_twice(key, knock.header.status, knock.at)? } else { Vec::new() };
        self.mark(knock, &[marks, &twice].concat())
    }

    /// Writes a matter with its wake and what its ledger's changes mean for tasks and cards. False when it has grown too
    /// large to be kept; then nothing has changed.
    pub(super) fn put_matter(
        &mut self,
        key: &MatterKey,
        before: Option<&MatterState>,
        state: MatterState,
    ) -> Result<bool, FoldError> {
        let nothing = Ledger::default();
        let owed = before.map_or(&nothing, MatterState::ledger);
        self.put_over(key, owed, before.and_then(|before| before.wake), state)
    }

    /// The same over what was owed and the wake that stood.
    fn put_over(
        &mut self,
        key: &MatterKey,
        owed: &Ledger,
        old: Option<Timestamp>,
        mut state: MatterState,
    ) -> Result<bool, FoldError> {
        state.wake = if state.dropped { None } else { state.ledger().wake(state.level) };
        let json = serde_json::to_vec(&state).map_err(|error| FoldError::new(format!("a matter: {error}")))?;
        if !long::put(self.rows, &keys::matter_row(key), &json)? {
            return Ok(false);
        }
        if old != state.wake {
            if let Some(at) = old {
                self.rows.remove(&keys::wake(at, key))?;
            }
            if let Some(at) = state.wake {
                self.rows.put(&keys::wake(at, key), Bytes::new())?;
                self.rung.clerk = true;
            }
        }
        self.settle_duties(state.status, owed, state.ledger())?;
        self.keep_uses(key, &state)?;
        self.keep_chair(key, &state)?;
        Ok(true)
    }

    /// Writes down that the chair is handed over here, so that whoever asks for it need not read every matter.
    fn keep_chair(&mut self, key: &MatterKey, state: &MatterState) -> Result<(), FoldError> {
        let machine = state.thread.as_ref().map(|thread| &thread.machine);
        let is_real = state.status == Status::Actual;
        if is_real && matches!(machine, Some(AnyMachine::Handover(_))) {
            self.rows.put(&keys::chair(key), Bytes::new())?;
        }
        Ok(())
    }

    /// Removes a matter in which nothing is owed any more and that no machine follows.
    pub(super) fn drop_matter(&mut self, key: &MatterKey, state: &MatterState) -> Result<(), FoldError> {
        if let Some(at) = state.wake {
            self.rows.remove(&keys::wake(at, key))?;
        }
        long::remove(self.rows, &keys::matter_row(key))
    }

    /// The matter under this key.
    pub(super) fn matter(&self, key: &MatterKey) -> Result<Option<MatterState>, FoldError> {
        read_matter(self.rows, key)
    }

    /// A message waits: for the one that it follows, or for its matter to begin. It waits so long in all, whatever for.
    fn wait(&mut self, knock: &Knock<'_>, key: &MatterKey, before: Option<MessageId>) -> Result<(), FoldError> {
        let id = knock.header.message_id;
        let row = OrphanRow {
            message_id: bytes_of(id),
            at: knock.waits_since.map_or(self.now_ms(), Timestamp::millis),
            accepted_at: knock.at.millis(),
            awaits: before.map(bytes_of).unwrap_or_default(),
        };
        self.put(&keys::orphan(key, knock.cursor), &row)?;
        self.rung.clerk = true;
        self.put(&keys::judged(id), &JudgedRow { orphan: true, ..JudgedRow::default() })
    }

    /// A message that waited takes its step, or has waited long enough.
    pub(super) fn followed(&mut self, record: &Followed) -> Result<Outcome, FoldError> {
        let Some(id) = id_of(&record.message_id) else { return Ok(Outcome::Done) };
        let Some((key, cursor, since)) = self.orphan_of(id)? else { return Ok(Outcome::Done) };
        self.rows.remove(&keys::orphan(&key, cursor))?;
        let Ok((header, body)) = crate::message::header_and_body(&record.content) else {
            let invalid = Invalid::new(Reason::UnknownReference, "header.preceding_message_id", "thread.unknown");
            self.judge_row(id, &invalid)?;
            if !self.was_in_dropped(cursor)? {
                self.rows.put(&keys::objection(id), Bytes::new())?;
            }
            return Ok(Outcome::Done);
        };
        self.rows.remove(&keys::judged(id))?;
        let at = Timestamp::from_millis(record.at);
        let ours = self.sent(id)?.is_some();
        let contradicted = self.contradicted(&header)?;
        let knock = Knock { header: &header, body: &body, at, cursor, ours, waits_since: Some(since) };
        let matter = self.knock(&knock)?;
        self.compare(&header, &contradicted)?;
        if let Some(stamp) = &record.stamp {
            self.replies_owed(&matter, id, header.kind, stamp)?;
        }
        self.after_abort(&header, &matter)?;
        Ok(Outcome::Done)
    }

    /// Where a message waits, and since when.
    fn orphan_of(&self, id: MessageId) -> Result<Option<(MatterKey, u64, Timestamp)>, FoldError> {
        let mut found = None;
        self.rows.each(&[keys::table::ORPHAN], |key, value| {
            let row: OrphanRow = super::decode_row(value)?;
            if row.message_id.as_ref() == id.0 {
                let place = keys::orphan_matter(key).zip(keys::thread_cursor(key));
                found = place.map(|(matter, cursor)| (matter, cursor, Timestamp::from_millis(row.at)));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Marks a step that was not lawful. Another's is objected to, and stands among the tasks.
    fn object(&mut self, knock: &Knock<'_>, invalid: &Invalid) -> Result<(), FoldError> {
        let id = knock.header.message_id;
        self.judge_row(id, invalid)?;
        if knock.ours || knock.header.kind == Kind::Error {
            return Ok(());
        }
        self.rows.put(&keys::objection(id), Bytes::new())?;
        self.rung.clerk = true;
        let about = &knock.header.sender.jurisdiction;
        self.raise_task(
            task_id(TaskKind::OutOfOrder, id, Some(about)),
            &TaskRow {
                kind: number(TaskKind::OutOfOrder.number()),
                message_id: bytes_of(id),
                about: about.to_string(),
                detail: invalid.rule.clone(),
                ..TaskRow::default()
            },
        )
    }

    fn judge_row(&mut self, id: MessageId, invalid: &Invalid) -> Result<(), FoldError> {
        let row = JudgedRow {
            reason: invalid.reason.code().to_owned(),
            field: cut(&invalid.field, TEXT_BYTES),
            rule: cut(&invalid.rule, TEXT_BYTES),
            detail: cut(&invalid.detail, TEXT_BYTES),
            ..JudgedRow::default()
        };
        self.put(&keys::judged(id), &row)
    }

    fn mark(&mut self, knock: &Knock<'_>, marks: &[Marked]) -> Result<(), FoldError> {
        if marks.is_empty() {
            return Ok(());
        }
        let id = knock.header.message_id;
        let rows = marks.iter().take(MARKS_MAX);
        let rows =
            rows.map(|marked| MarkRow { mark: number(marked.mark.number()), about: cut(&marked.about, ABOUT_BYTES) });
        self.put(&keys::judged(id), &JudgedRow { marks: rows.collect(), ..JudgedRow::default() })?;
        let asks = |marked: &&Marked| match marked.mark {
            Mark::LevelProposal | Mark::TwoHeads | Mark::Recurring => true,
            // what is promised twice is its supplier's to choose about
            Mark::DoublePromise => knock.ours || knock.header.kind == Kind::ResourceDecision,
            _ => false,
        };
        for marked in marks.iter().filter(asks) {
            self.raise_task(
                task_id(TaskKind::Discrepancy, id, None),
                &TaskRow {
                    kind: number(TaskKind::Discrepancy.number()),
                    message_id: bytes_of(id),
                    about: knock.header.sender.jurisdiction.to_string(),
                    detail: cut(&told(knock, marked), TEXT_BYTES),
                    ..TaskRow::default()
                },
            )?;
        }
        Ok(())
    }
}

/// What a mark says to whoever looks into it; an item that comes back is told with the earlier one.
fn told(knock: &Knock<'_>, marked: &Marked) -> String {
    let said = format!("{} {}", marked.mark.zh(), marked.about);
    let earlier = (marked.mark == Mark::Recurring).then(|| drills::earlier(knock.body, &marked.about)).flatten();
    earlier.map_or_else(|| said.clone(), |earlier| format!("{said} ← {earlier}"))
}

/// Marks of one message that are kept: with what each is about they fit into one row of 4,096 bytes.
const MARKS_MAX: usize = 32;
/// Bytes of what a mark is about.
const ABOUT_BYTES: usize = 100;
/// Bytes of a field, rule or detail that a row keeps.
pub(super) const TEXT_BYTES: usize = 400;

/// As much of a text as fits into so many bytes.
pub(super) fn cut(text: &str, bytes_max: usize) -> String {
    let ends = text.char_indices().map(|(at, char)| at + char.len_utf8());
    let end = ends.take_while(|end| *end <= bytes_max).last().unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

/// The matter under a key, for whoever reads rows.
pub fn read_matter(rows: &Rows<'_>, key: &MatterKey) -> Result<Option<MatterState>, FoldError> {
    let Some(json) = long::get(rows, &keys::matter_row(key))? else { return Ok(None) };
    let read = serde_json::from_slice(&json);
    read.map(Some).map_err(|error| FoldError::new(format!("a matter cannot be read: {error}")))
}

/// A drill is talked about as what is real, and played as an exercise.
pub fn mixes(state: &MatterState) -> bool {
    matches!(state.matter, Matter::Drill(_))
}

/// TEST and what the program itself says are followed by no machine, and neither is an objection.
pub fn is_followed(header: &Header) -> bool {
    matches!(header.status, Status::Actual | Status::Exercise) && header.action != Action::Error
}

/// A thread begins with its first message, or with a later revision that the first gave way to; drills, meetings and duty
/// days begin with any of theirs.
pub fn begins(header: &Header, matter: &Matter) -> bool {
    matches!(header.action, Action::Originate | Action::Update) || !matches!(matter, Matter::Thread(_))
}
