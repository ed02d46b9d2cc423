//! Notices of the broker (K58): the rungs that it raised, the answers that came after them, and posts at which nobody is on
//! duty. What our own clerk raises has the same event id, so whoever is first makes the task, and nothing is counted twice.

use model::{
    deadline::{DeadlineName, Rung},
    kind::Kind,
    level::EventLevel,
    limits::JURISDICTION_ID_BYTES_MAX,
    role::Role,
    stage::As,
    status::Status,
    task::TaskKind,
    thread::{
        AnyMachine, Deadline, Ledger, Matter, Thread,
        duty::{self, Day},
        ledger::{Key, Start},
    },
    time::Timestamp,
};
use prost::Message as _;
use proto::{
    record::{ReceivedRow, TaskRow},
    v1,
};
use store::FoldError;

use super::{
    Folding,
    duties::time_of,
    id_of, keys,
    keys::MatterKey,
    matters::{MatterState, cut},
    number,
};
use crate::message::Read;

/// A rung of somebody's deadline, as a notice tells it.
struct Told {
    rung: Rung,
    /// The deadline as far as the notice knows it.
    deadline: Deadline,
    met_at: Option<Timestamp>,
}

impl Folding<'_, '_> {
    /// The broker tells of a deadline; of other messages this says nothing.
    pub(super) fn noticed(&mut self, read: &Read) -> Result<(), FoldError> {
        if read.header.kind != Kind::DeadlineNotice {
            return Ok(());
        }
        let Some(notice) = notice_in(&read.parts.body) else { return Ok(()) };
        match notice.what() {
            v1::DeadlineEvent::NobodyOnDuty => return self.vacancy_told(&notice),
            v1::DeadlineEvent::Lapsed => return self.lapse_told(&notice),
            _ => {}
        }
        let Some(told) = told(&notice) else { return Ok(()) };
        match told.met_at {
            _ if told.deadline.name == DeadlineName::D18 => self.day_told(&told),
            Some(at) => self.met_elsewhere(told.deadline, at),
            None => self.rung_told(&told, read.header.status),
        }
    }

    /// A message of ours expired while something was owed on it: a person decides whether that still matters. What was met or
    /// waived here, which the broker does not know, is nobody's to decide any more.
    fn lapse_told(&mut self, notice: &v1::DeadlineNotice) -> Result<(), FoldError> {
        let obligor = notice.obligor.clone().unwrap_or_default();
        let event = <[u8; 16]>::try_from(notice.event_id.as_ref());
        let (Ok(event), Some(deadline)) = (event, deadline_of(notice, &obligor.jurisdiction)) else { return Ok(()) };
        for key in self.matters_of(&deadline)? {
            // of an acknowledgement that was given nothing is kept
            let Some(state) = self.matter(&key)? else { return Ok(()) };
            let ledger = state.ledger();
            let known = the_same(ledger, &deadline).and_then(|key| ledger.get(&key));
            if known.is_some_and(|known| !known.is_owed()) {
                return Ok(());
            }
        }
        let task = TaskRow {
            kind: number(TaskKind::Lapsed.number()),
            message_id: notice.message_id.clone(),
            about: deadline.obligor.jurisdiction.to_string(),
            deadline: number(deadline.name.number()),
            ..TaskRow::default()
        };
        self.raise_task(event, &task)
    }

    /// Where the deadline runs here too its ledger goes up by this rung; where it ran and is met, nothing is asked of
    /// anybody; whoever has no part in it but to be told gets the task alone.
    fn rung_told(&mut self, told: &Told, status: Status) -> Result<(), FoldError> {
        let matters = self.matters_of(&told.deadline)?;
        for key in &matters {
            let Some(state) = self.matter(key)? else { continue };
            if let Some(known) = the_same(state.ledger(), &told.deadline) {
                return self.change(key, |state| state.raise(&known, told.rung));
            }
        }
        let is_ours = told.deadline.obligor.jurisdiction == *self.us && status != Status::Exercise;
        if is_ours && told.rung > Rung::Reminder && self.received_row(told.deadline.cause)?.is_none() {
            self.breach_told(&told.deadline)?;
        }
        let over = told.deadline.name == DeadlineName::D01 && !matters.is_empty();
        if over { Ok(()) } else { self.rung_task(&told.deadline, told.rung) }
    }

    /// The matters in which the deadline runs here: none where we are only told of it.
    fn matters_of(&self, deadline: &Deadline) -> Result<Vec<MatterKey>, FoldError> {
        let cause = deadline.cause;
        let (sent, received) = (self.sent(cause)?, self.row::<ReceivedRow>(&keys::received(cause))?);
        let received = received.filter(|row| row.r#as == number(As::To.number()));
        if deadline.name == DeadlineName::D01 {
            let ours = sent.is_some() || (received.is_some() && deadline.obligor.jurisdiction == *self.us);
            return Ok(ours.then(|| keys::matter(&Matter::Message(cause))).into_iter().collect());
        }
        let matters = sent.map(|row| row.matter).into_iter().chain(received.map(|row| row.matter));
        Ok(matters.filter_map(|key| MatterKey::try_from(key.as_ref()).ok()).collect())
    }

    /// The day of a member: it is reminded or missing, or its report has come after all. The desk that has the report itself
    /// knows better.
    fn day_told(&mut self, told: &Told) -> Result<(), FoldError> {
        let (who, due_at) = (&told.deadline.obligor.jurisdiction, told.deadline.owed_at());
        let date = due_at.civil(duty::REGION_OFFSET_MIN).date_number();
        let key = keys::matter(&Matter::Duty(who.clone(), date));
        let before = self.matter(&key)?;
        let mut state = before.clone().unwrap_or_else(|| day_of(told));
        let d18 = told.deadline.key();
        match told.met_at {
            None => state.ledger_mut().raise(&d18, told.rung),
            Some(at) => {
                if let Some(AnyMachine::Duty(day)) = state.thread.as_mut().map(|thread| &mut thread.machine) {
                    day.heard(at);
                }
                state.ledger_mut().meet(&d18, at, None);
            }
        }
        self.put_matter(&key, before.as_ref(), state).map(|_| ())
    }

    /// Nobody is on duty at a post, or somebody is again: one task, from the beginning to the end. Where its end comes first
    /// the task is closed from the start.
    fn vacancy_told(&mut self, notice: &v1::DeadlineNotice) -> Result<(), FoldError> {
        self.rung.rosters = true; // whom to call has changed
        let (Ok(id), Some(since)) = (<[u8; 16]>::try_from(notice.event_id.as_ref()), time_of(notice.due_at)) else {
            return Ok(());
        };
        let obligor = notice.obligor.clone().unwrap_or_default();
        let role = Role::from_number(obligor.role).map_or("", Role::name);
        self.raise_task(
            id,
            &TaskRow {
                kind: number(TaskKind::NobodyOnDuty.number()),
                about: cut(&obligor.jurisdiction, JURISDICTION_ID_BYTES_MAX),
                at: since.millis(),
                detail: role.to_owned(),
                ..TaskRow::default()
            },
        )?;
        match time_of(notice.met_at) {
            Some(until) => self.close_task(&id, &format!("FILLED {}", until.since(since).as_secs() / 60)),
            None => Ok(()),
        }
    }

    /// What was owed came, as the broker saw it: nobody need do anything any more.
    fn met_elsewhere(&mut self, mut deadline: Deadline, at: Timestamp) -> Result<(), FoldError> {
        deadline.meet(at, None);
        self.close_rungs(&deadline)
    }
}

/// The deadline as it runs here. Of those that one message starts for one obligor it is the one that is due at about the
/// same time: a place owes its word by telephone before it owes it in writing.
fn the_same(ledger: &Ledger, told: &Deadline) -> Option<Key> {
    let same = |known: &&Deadline| (known.cause, known.name, &known.obligor) == (told.cause, told.name, &told.obligor);
    ledger.all().filter(same).min_by_key(|known| known.due_at.distance(told.due_at)).map(Deadline::key)
}

/// A day of which nothing is known here but what the broker tells.
fn day_of(told: &Told) -> MatterState {
    let (who, due_at) = (&told.deadline.obligor.jurisdiction, told.deadline.owed_at());
    let mut ledger = Ledger::default();
    let day = Day::due(who, due_at, told.deadline.cause, &mut ledger);
    MatterState {
        matter: Matter::Duty(who.clone(), due_at.civil(duty::REGION_OFFSET_MIN).date_number()),
        status: Status::Actual,
        level: EventLevel::L0,
        incident: None,
        opened_by: told.deadline.cause,
        thread: Some(Thread { machine: AnyMachine::Duty(day), ledger }),
        duties: Ledger::default(),
        wake: None,
        dropped: false,
    }
}

fn notice_in(body: &[u8]) -> Option<v1::DeadlineNotice> {
    match v1::Body::decode(body).ok()?.body? {
        v1::body::Body::DeadlineNotice(notice) => Some(notice),
        _ => None,
    }
}

/// A deadline is a duty officer's, whoever stands for that post when it is told of: a change of shift is no other event.
fn told(notice: &v1::DeadlineNotice) -> Option<Told> {
    let rung = match notice.what() {
        v1::DeadlineEvent::Rung => Rung::from_number(i32::try_from(notice.rung).ok()?)?,
        v1::DeadlineEvent::Missing => Rung::Breach,
        _ => return None,
    };
    let obligor = notice.obligor.as_ref()?;
    Some(Told { rung, deadline: deadline_of(notice, &obligor.jurisdiction)?, met_at: time_of(notice.met_at) })
}

/// The deadline that a notice is about, as far as it knows.
fn deadline_of(notice: &v1::DeadlineNotice, obligor: &str) -> Option<Deadline> {
    let (key, due_at) = (key(notice, obligor)?, time_of(notice.due_at)?);
    let start = if key.name == DeadlineName::D18 {
        duty::owed(&key.jurisdiction, due_at, duty::day_id(due_at.civil(duty::REGION_OFFSET_MIN)))
    } else {
        Start { key, role: Role::DutyOfficer, cause: id_of(&notice.message_id)?, starts_at: due_at, due_at }
    };
    Some(Deadline::begin(start, false))
}

fn key(notice: &v1::DeadlineNotice, obligor: &str) -> Option<Key> {
    let (name, jurisdiction) = (DeadlineName::from_number(notice.deadline)?, obligor.parse().ok()?);
    Some(Key { name, jurisdiction, subject: String::new() })
}
