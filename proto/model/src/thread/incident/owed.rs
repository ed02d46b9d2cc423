//! D02 to D08: what the author of reports owes, and until when.

use super::{Facts, Incident, Phase, ReportType, level};
use crate::{
    deadline::{DeadlineName, after_resolved, between_reports, on_change},
    level::EventLevel,
    role::Role,
    thread::{
        Ledger, Obligor, Step, learned,
        ledger::Start,
        owe::{self, key},
    },
    time::Timestamp,
};

/// The first report: what was owed since the incident was known is met by it, by the call that it tells of, and by its
/// recipients.
pub(super) fn first(step: &Step<'_>, facts: &Facts, ledger: &mut Ledger) {
    learned::start(ledger, step.by(), level(step), facts.known_at, step.id());
    let met = |name| key(name, step.by(), "");
    if let Some(at) = facts.phone_reported_at {
        ledger.meet(&met(DeadlineName::D02), at, None);
    }
    ledger.meet(&met(DeadlineName::D03), step.at, Some(step.id()));
    if !step.header.recipients.is_empty() {
        ledger.meet(&met(DeadlineName::D04), step.at, Some(step.id()));
    }
}

impl Incident {
    /// The report that was owed next has come.
    pub(super) fn met_round(&self, step: &Step<'_>, facts: &Facts, ledger: &mut Ledger) {
        let round = key(DeadlineName::D05, step.by(), self.rounds.to_string());
        ledger.meet(&round, step.at, Some(step.id()));
        let last = key(DeadlineName::D07, step.by(), self.rounds.to_string());
        match facts.report_type {
            ReportType::Final => ledger.meet(&last, step.at, Some(step.id())),
            // it goes on after all
            ReportType::FollowUp => ledger.void(&last),
            ReportType::Initial | ReportType::Supplement => {}
        }
    }

    /// What is owed after a report: the next one while it is open, the final one after the emergency.
    pub(super) fn owe_next(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        match self.phase {
            Phase::Reported | Phase::Open => {
                self.rounds += 1;
                let due = next_due(step.at, level(step), step.header.utc_offset_min);
                ledger.start_dated(Start {
                    name: DeadlineName::D05,
                    obligor: Obligor { jurisdiction: step.by().clone(), role: Role::DutyOfficer },
                    subject: self.rounds.to_string(),
                    cause: step.id(),
                    starts_at: step.at,
                    due_at: due,
                });
            }
            Phase::Resolved => {
                self.rounds += 1;
                let final_report = key(DeadlineName::D07, step.by(), self.rounds.to_string());
                owe::owe(step, ledger, final_report, after_resolved(level(step)));
            }
            Phase::Final | Phase::Supplemented | Phase::Refuted => {}
        }
    }
}

/// A change of deaths was known since then and is told by this report.
pub(super) fn changed(step: &Step<'_>, since: Timestamp, round: u32, ledger: &mut Ledger) {
    let change = key(DeadlineName::D06, step.by(), round.to_string());
    ledger.start_dated(Start {
        name: DeadlineName::D06,
        obligor: Obligor { jurisdiction: step.by().clone(), role: Role::DutyOfficer },
        subject: change.subject.clone(),
        cause: step.id(),
        starts_at: since.min(step.at),
        due_at: since.min(step.at).plus(on_change(level(step))),
    });
    ledger.meet(&change, step.at, Some(step.id()));
}

/// When the next report is due: a day after this one; at the two gravest levels half a day after it, and by 08:00 and
/// 17:00 of the author's clock. Sources: L 令21, P for the hours.
pub(super) fn next_due(at: Timestamp, level: EventLevel, utc_offset_min: i32) -> Timestamp {
    let latest = at.plus(between_reports(level));
    if !matches!(level, EventLevel::L1 | EventLevel::L2) {
        return latest;
    }
    let day = at.civil(utc_offset_min);
    let tomorrow = at.plus(std::time::Duration::from_hours(24)).civil(utc_offset_min);
    let hours = [day.at(8, 0), day.at(17, 0), tomorrow.at(8, 0)].map(|hour| hour.timestamp(utc_offset_min));
    hours.into_iter().filter(|hour| *hour > at).min().map_or(latest, |hour| hour.min(latest))
}
