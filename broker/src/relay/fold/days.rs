//! D18 by the calendar: a day begins, every member owes its duty report, and the report that comes on that day meets it. A
//! report for an earlier day is the desks' to count.

use model::{
    deadline::DeadlineName,
    header::{Header, Status},
    ids::JurisdictionId,
    kind::Kind,
    level::EventLevel,
    status::Action,
    thread::{duty, ledger::Standing},
    time::Timestamp,
};
use proto::record::{DayBegan, DayRow, DutyRow};
use store::FoldError;

use super::{
    Folding, Outcome,
    duties::{Duty, duty as owed},
    keys::{self, DutyKey},
    state::time,
    submitted::positive,
};

/// How long after its beginning a day is over.
const DAY: std::time::Duration = std::time::Duration::from_hours(24);

impl Folding<'_, '_> {
    pub(super) fn day_began(&mut self, record: &DayBegan) -> Result<Outcome, FoldError> {
        let row = DayRow { date: record.date, due_at: record.due_at, salt: record.salt.clone() };
        self.put(&[keys::table::DAY], &row)?;
        for member in record.members.iter().filter_map(|id| id.parse::<JurisdictionId>().ok()) {
            self.owe_report(&member, time(record.due_at))?;
        }
        Ok(Outcome::Done)
    }

    fn owe_report(&mut self, member: &JurisdictionId, due_at: Timestamp) -> Result<(), FoldError> {
        let day = due_at.civil(duty::REGION_OFFSET_MIN);
        let start = duty::owed(member, due_at, duty::day_id(day));
        let begun = DutyRow {
            cause: start.cause.0.to_vec().into(),
            level: positive(EventLevel::L0.number()),
            starts_at: start.starts_at.millis(),
            due_at: start.due_at.millis(),
            until: due_at.midnight(duty::REGION_OFFSET_MIN).plus(DAY).millis(),
            standing: positive(Standing::Running.number()),
            ..DutyRow::default()
        };
        match Duty::of(DutyKey { on: start.cause, name: DeadlineName::D18, obligor: member.clone() }, begun) {
            Some(duty) => self.keep_duty(duty),
            None => Ok(()),
        }
    }

    /// A duty report counts for the local day on which it was sent. One that is taken back is owed again.
    pub(super) fn report_of_the_day(&mut self, header: &Header) -> Result<(), FoldError> {
        if header.kind != Kind::DutyReport || header.status != Status::Actual {
            return Ok(());
        }
        let day = header.sent_at.civil(duty::REGION_OFFSET_MIN);
        let key =
            DutyKey { on: duty::day_id(day), name: DeadlineName::D18, obligor: header.sender.jurisdiction.clone() };
        match (owed(self.rows, &key)?, header.action == Action::Cancel) {
            (Some(duty), false) => self.meet_day(duty, header),
            (Some(duty), true) => self.reopen_day(duty, header),
            (None, _) => Ok(()),
        }
    }
}
