//! Messages for the tests of machines: who says what in which thread, and what a matter makes of it.
#![allow(clippy::unwrap_used)]

use std::{fmt::Write as _, time::Duration};

use super::{Facts, Ledger, Marks, Step, Thread};
use crate::{
    header::{Action, Address, Answer, DrillControl, DrillRef, Header},
    invalid::Invalid,
    judge::sample,
    kind::Kind,
    reason::Reason,
    time::{Civil, Timestamp},
};

/// One message of a test.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) header: Header,
    pub(crate) facts: Facts,
    pub(crate) at: Timestamp,
}

impl Message {
    /// `by` starts the thread `n` with it.
    pub(crate) fn new(n: u8, kind: Kind, by: &str, facts: Facts) -> Self {
        let id = sample::message_id(n);
        let mut header = Header { message_id: id, originating_message_id: id, ..sample::header(kind) };
        header.sender.jurisdiction = sample::member(by);
        Self { header, facts, at: sample::NOON }
    }

    /// It goes on in the thread of `before`.
    pub(crate) fn follows(mut self, before: &Self, action: Action) -> Self {
        self.header.action = action;
        self.header.originating_message_id = before.header.originating_message_id;
        self.header.preceding_message_id = Some(before.header.message_id);
        let counts_on = matches!(action, Action::Update | Action::Cancel);
        self.header.revision = if counts_on { before.header.revision + 1 } else { 1 };
        self.header.answer = (action == Action::Reply).then_some(Answer::Definite);
        self
    }

    pub(crate) fn at(mut self, at: Timestamp) -> Self {
        self.at = at;
        self
    }

    pub(crate) fn to(mut self, to: &[&str]) -> Self {
        let address = |id: &&str| Address::Jurisdiction { id: sample::member(id), role: None };
        self.header.recipients = to.iter().map(address).collect();
        self
    }

    pub(crate) fn drill(mut self, drill: &str, control: Option<DrillControl>) -> Self {
        self.header.drill = Some(DrillRef { drill_id: drill.parse().unwrap(), control });
        self
    }

    pub(crate) fn step(&self) -> Step<'_> {
        Step { header: &self.header, facts: &self.facts, at: self.at }
    }
}

/// A refusal, as far as tests look.
pub(crate) type Refused = (Reason, String);

pub(crate) fn refused(invalid: Invalid) -> Refused {
    (invalid.reason, invalid.rule)
}

pub(crate) fn wrong(rule: &str) -> Refused {
    (Reason::WrongSequence, rule.to_owned())
}

/// The matter that a message opens.
pub(crate) fn opened(message: &Message) -> Thread {
    Thread::open(&message.step()).unwrap().unwrap().0
}

/// What the matter says to a message. A refused one changes nothing, which is checked each time, and so is that a row
/// keeps all of it.
pub(crate) fn says(thread: &mut Thread, message: &Message) -> Result<Marks, Refused> {
    let before = thread.clone();
    let said = thread.step(&message.step());
    if said.is_err() {
        assert_eq!(*thread, before, "a refused step changes nothing");
    }
    let row = serde_json::to_string(thread).unwrap();
    assert_eq!(serde_json::from_str::<Thread>(&row).unwrap(), *thread, "a row keeps it");
    said.map_err(refused)
}

/// A time of 2027 by the clocks of China.
pub(crate) fn china(month: u8, day: u8, hour: u8, minute: u8) -> Timestamp {
    Civil::date(2027, month, day).unwrap().at(hour, minute).timestamp(480)
}

pub(crate) const fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

pub(crate) const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// Every deadline as a line: `D21 371300 plan 1 · due 2027-09-13 09:00 · Running`.
pub(crate) fn owed(ledger: &Ledger) -> Vec<String> {
    let line = |deadline: &super::Deadline| {
        let mut due = deadline.due_at.civil(480).to_string();
        due.truncate(16);
        let (name, owes, about) = (deadline.name, &deadline.obligor.jurisdiction, &deadline.subject);
        let mut line = String::new();
        write!(line, "{name} {owes} {about} · due {due} · {:?}", deadline.standing).unwrap();
        line
    };
    ledger.all().map(line).collect()
}

/// Every part as a line: `320300 ATTEND`.
pub(crate) fn parts(thread: &Thread, at: Timestamp) -> Vec<String> {
    let line = |part: super::Part| format!("{} {} {}", part.name, part.state.name, part.detail).trim_end().to_owned();
    thread.parts_at(at).into_iter().map(line).collect()
}
