//! K06: what one jurisdiction owes on one local day. The report is due at a fixed hour; half an hour later its duty officer
//! is reminded, an hour later it is missing for all to see. Silence is never zero.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Ledger, Machine, Mark, Marked, Marks, StateName, Step, chain::Chain, owe, wrong_sequence};
use crate::{
    deadline::DeadlineName,
    header::Action,
    ids::{Digest, IncidentId, JurisdictionId, MessageId},
    invalid::Invalid,
    numbered::numbered,
    role::Role,
    thread::ledger::Start,
    time::{Civil, Timestamp},
};

numbered! {
    /// The two reports.
    pub enum Form as "report" {
        /// Nothing to report, said explicitly.
        Zero = 1, "ZERO", "零报告";
        /// The report of the day.
        Daily = 2, "DAILY", "日报告";
    }
}

/// What the machine needs of K06.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// The local day as YYYYMMDD.
    pub date: u32,
    /// The same as a day of the calendar.
    pub day: Civil,
    /// In a window: a holiday or a sensitive period.
    pub in_window: bool,
    /// Which report.
    pub form: Form,
    /// The incidents that it names as open.
    pub open_incidents: Vec<IncidentId>,
    /// The test of the link worked.
    pub link_works: bool,
}

/// After this the duty officer is reminded; after twice this the report is missing. Source: the work plan, hours O.
pub const REMIND_AFTER: Duration = Duration::from_mins(30);

/// One day.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Day {
    due_at: Timestamp,
    form: Option<Form>,
    chain: Option<Chain>,
    submitted_at: Option<Timestamp>,
    seen_at: Timestamp,
}

/// When the report of a day is due: 17:00 in a window, else 08:30.
pub fn due_at(day: Civil, in_window: bool, utc_offset_min: i32) -> Timestamp {
    let due = if in_window { day.at(17, 0) } else { day.at(8, 30) };
    due.timestamp(utc_offset_min)
}

/// The clock by which the days of a region begin: Beijing time.
pub const REGION_OFFSET_MIN: i32 = 480;

/// What stands for a day as the cause of what is owed on it: the same whoever names it.
pub fn day_id(day: Civil) -> MessageId {
    let Digest(hash) = Digest::of(format!("LIANDONG-V1-DAY {}", day.date_number()).as_bytes());
    let mut random = [0; 10];
    random.iter_mut().zip(hash).for_each(|(byte, made)| *byte = made);
    MessageId::new(day.at(0, 0).timestamp(REGION_OFFSET_MIN), random)
}

/// D18: the report is owed at `due_at`; half way is the reminder, the end is MISSING.
pub fn owed(jurisdiction: &JurisdictionId, due_at: Timestamp, cause: MessageId) -> Start {
    Start {
        key: owe::key(DeadlineName::D18, jurisdiction, ""),
        role: Role::DutyOfficer,
        cause,
        starts_at: due_at,
        due_at: due_at.plus(REMIND_AFTER * 2),
    }
}

/// A zero report says that nothing is open; whoever has an open incident has something to report.
///
/// # Errors
/// WRONG_SEQUENCE, rule `K06.zero_with_open_incident`, with the first of them.
pub fn judge_zero(facts: &Facts, open: &[IncidentId]) -> Result<(), Invalid> {
    let said = facts.open_incidents.first();
    match (facts.form, said.or_else(|| open.first())) {
        (Form::Zero, Some(incident)) => {
            Err(wrong_sequence("body.report", "K06.zero_with_open_incident", incident.to_string()))
        }
        (Form::Zero | Form::Daily, _) => Ok(()),
    }
}

impl Day {
    /// The day begins: its report is owed. `cause` stands for it until there is one.
    pub fn due(jurisdiction: &JurisdictionId, due_at: Timestamp, cause: MessageId, ledger: &mut Ledger) -> Self {
        ledger.start_dated(owed(jurisdiction, due_at, cause));
        Self { due_at, form: None, chain: None, submitted_at: None, seen_at: due_at.minus(REMIND_AFTER) }
    }

    /// The report came, as somebody says who has it.
    pub fn heard(&mut self, at: Timestamp) {
        self.submitted_at = self.submitted_at.or(Some(at));
        self.seen_at = self.seen_at.max(at);
    }

    /// The author takes its report back: the day is as if there had been none.
    fn taken_back(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        (self.chain, self.form, self.submitted_at) = (None, None, None);
        self.seen_at = self.seen_at.max(step.at);
        ledger.reopen(&owe::key(DeadlineName::D18, step.by(), ""));
    }

    /// By how much the report was late; none while there is none, and for one in time.
    pub fn late_by(&self) -> Option<Duration> {
        self.submitted_at.filter(|at| *at > self.due_at).map(|at| at.since(self.due_at))
    }
}

impl Machine for Day {
    fn open(step: &Step<'_>, ledger: &mut Ledger) -> Result<(Self, Marks), Invalid> {
        let super::Facts::Duty(facts) = step.facts else {
            return Err(wrong_sequence("header.kind", "K06.opens", "no duty report"));
        };
        if step.header.action == Action::Cancel {
            return Err(wrong_sequence("header.action", "K06.cancels_nothing", ""));
        }
        let due_at = due_at(facts.day, facts.in_window, step.header.utc_offset_min);
        let mut day = Self::due(step.by(), due_at, step.id(), ledger);
        let marks = day.step(step, ledger)?;
        Ok((day, marks))
    }

    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let super::Facts::Duty(facts) = step.facts else { return Ok(Marks::new()) };
        judge_zero(facts, &[])?;
        if let Some(overtaken) = self.chain.as_ref().and_then(|chain| chain.overtaken(step)) {
            return Ok(overtaken);
        }
        if step.header.action == Action::Cancel {
            self.taken_back(step, ledger);
            return Ok(Marks::new());
        }
        self.chain = Some(Chain::of(step));
        self.form = Some(facts.form);
        self.submitted_at = self.submitted_at.or(Some(step.at));
        self.seen_at = self.seen_at.max(step.at);
        ledger.meet(&owe::key(DeadlineName::D18, step.by(), ""), step.at, Some(step.id()));
        let failed = Marked::new(Mark::LinkFailed, "");
        Ok(if facts.link_works { Marks::new() } else { vec![failed] })
    }

    fn state(&self) -> StateName {
        self.state_at(self.seen_at)
    }

    fn state_at(&self, at: Timestamp) -> StateName {
        let (name, zh, over) = match self.submitted_at {
            Some(submitted) if submitted <= self.due_at => ("SUBMITTED", "已报", true),
            Some(_) => ("SUBMITTED_LATE", "已补报", true),
            None if at >= self.due_at.plus(REMIND_AFTER * 2) => ("MISSING", "缺报", false),
            None => ("DUE", "待报", false),
        };
        StateName { name, zh, over }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        deadline::Rung,
        judge::sample::{member, message_id},
        kind::Kind,
        level::EventLevel,
        thread::{
            Facts as Any, Thread,
            talk::{Message, china, minutes, opened, refused, says, wrong},
        },
    };

    fn report(n: u8, form: Form, at: Timestamp) -> Message {
        let day = Civil::date(2027, 10, 3).unwrap();
        let facts =
            Facts { date: day.date_number(), day, in_window: true, form, open_incidents: Vec::new(), link_works: true };
        Message::new(n, Kind::DutyReport, "370800", Any::Duty(facts)).at(at)
    }

    #[test]
    fn a_report_by_the_hour_is_submitted_and_a_later_one_is_late() {
        let in_time = opened(&report(1, Form::Zero, china(10, 3, 16, 40)));
        assert_eq!(in_time.state().name, "SUBMITTED");
        assert_eq!(in_time.ledger.all().next().unwrap().late_by(), None);
        let late = opened(&report(1, Form::Zero, china(10, 3, 19, 10)));
        assert_eq!(late.state().name, "SUBMITTED_LATE");
        assert_eq!(late.ledger.all().next().unwrap().late_by(), Some(minutes(130)));
        let a_little = opened(&report(1, Form::Zero, china(10, 3, 17, 10)));
        assert_eq!(a_little.ledger.all().next().unwrap().late_by(), Some(minutes(10)));
    }

    #[test]
    fn silence_is_reminded_and_then_missing() {
        let mut ledger = Ledger::default();
        let due = due_at(Civil::date(2027, 10, 3).unwrap(), true, 480);
        assert_eq!(due, china(10, 3, 17, 0));
        let day = Day::due(&member("370800"), due, message_id(7), &mut ledger);
        let owed = ledger.all().next().unwrap();
        assert_eq!(owed.next_rung(EventLevel::L0), Some((Rung::Reminder, china(10, 3, 17, 30))));
        assert_eq!(ledger.reached(EventLevel::L0, china(10, 3, 17, 29)), []);
        ledger.raise(&owe::key(DeadlineName::D18, &member("370800"), ""), Rung::Reminder);
        assert_eq!(ledger.wake(EventLevel::L0), Some(china(10, 3, 18, 0)));
        let names = [china(10, 3, 17, 59), china(10, 3, 18, 0)].map(|at| day.state_at(at).name);
        assert_eq!(names, ["DUE", "MISSING"]);
    }

    #[test]
    fn outside_a_window_it_is_due_in_the_morning() {
        assert_eq!(due_at(Civil::date(2027, 10, 9).unwrap(), false, 480), china(10, 9, 8, 30));
    }

    #[test]
    fn nothing_to_report_is_not_said_while_an_incident_is_open() {
        let incident: IncidentId = "320300-20271002-0001".parse().unwrap();
        let mut zero = report(1, Form::Zero, china(10, 3, 16, 45));
        let Any::Duty(facts) = &zero.facts else { unreachable!() };
        let rule = judge_zero(facts, std::slice::from_ref(&incident)).map_err(refused);
        assert_eq!(rule, Err(wrong("K06.zero_with_open_incident")));
        let named = Facts { open_incidents: vec![incident.clone()], ..facts.clone() };
        let daily = Facts { form: Form::Daily, ..named.clone() };
        assert_eq!(judge_zero(&daily, &[incident]), Ok(()));
        zero.facts = Any::Duty(named);
        assert_eq!(Thread::open(&zero.step()).map_err(refused).unwrap_err(), wrong("K06.zero_with_open_incident"));
    }

    #[test]
    fn a_report_that_is_taken_back_is_none_and_a_cancel_reports_nothing() {
        let first = report(1, Form::Zero, china(10, 3, 16, 40));
        let mut thread = opened(&first);
        let cancel = report(2, Form::Zero, china(10, 3, 17, 5)).follows(&first, Action::Cancel);
        says(&mut thread, &cancel).unwrap();
        assert_eq!(thread.state().name, "DUE");
        assert_eq!(thread.state_at(china(10, 3, 18, 0)).name, "MISSING");
        assert!(thread.ledger.all().next().unwrap().is_owed());
        says(&mut thread, &report(3, Form::Daily, china(10, 3, 17, 20))).unwrap();
        assert_eq!(thread.ledger.all().next().unwrap().late_by(), Some(minutes(20)));
        assert_eq!(Thread::open(&cancel.step()).map_err(refused).unwrap_err(), wrong("K06.cancels_nothing"));
    }

    #[test]
    fn whoever_hears_of_a_report_has_it_too() {
        let (who, mut ledger) = (member("370800"), Ledger::default());
        let day = Civil::date(2027, 10, 3).unwrap();
        assert_eq!(day_id(day), day_id(day.at(17, 0)));
        assert_eq!(day_id(day).time(), china(10, 3, 0, 0));
        let mut day = Day::due(&who, due_at(day, true, 480), day_id(day), &mut ledger);
        day.heard(china(10, 3, 19, 10));
        assert_eq!((day.state().name, day.late_by()), ("SUBMITTED_LATE", Some(minutes(130))));
    }

    #[test]
    fn a_correction_leaves_the_first_time_and_a_broken_link_is_marked() {
        let first = report(1, Form::Zero, china(10, 3, 16, 40));
        let mut thread = opened(&first);
        let mut second = report(2, Form::Daily, china(10, 3, 20, 0)).follows(&first, Action::Update);
        let Any::Duty(facts) = &mut second.facts else { unreachable!() };
        facts.link_works = false;
        assert_eq!(says(&mut thread, &second).unwrap()[0].mark, Mark::LinkFailed);
        assert_eq!(thread.state().name, "SUBMITTED");
        assert_eq!(says(&mut thread, &second).unwrap()[0].mark, Mark::Overtaken);
    }
}
