//! D02 to D08: what the author of reports owes, and until when.

use super::{Facts, Newest};
use crate::{
    count::Count,
    deadline::{DeadlineName, SUPPLEMENT_WITHIN, after_resolved, between_reports, on_change},
    ids::JurisdictionId,
    level::EventLevel,
    thread::{
        Ledger, Step, learned,
        ledger::{Key, Start},
        owe::{key, level, owe, until},
    },
    time::Timestamp,
};

/// The first report tells since when the incident is known: what is owed from then on is met by it and by its recipients.
pub(super) fn first(step: &Step<'_>, facts: &Facts, ledger: &mut Ledger) {
    learned::start(ledger, step.by(), level(step), facts.known_at, step.id());
    ledger.meet(&key(DeadlineName::D03, step.by(), ""), step.at, Some(step.id()));
    if !step.header.recipients.is_empty() {
        ledger.meet(&key(DeadlineName::D04, step.by(), ""), step.at, Some(step.id()));
    }
}

/// A report may say that it was telephoned before.
pub(super) fn telephoned(step: &Step<'_>, facts: &Facts, ledger: &mut Ledger) {
    if let Some(at) = facts.phone_reported_at {
        ledger.meet(&key(DeadlineName::D02, step.by(), ""), at, None);
    }
}

/// The follow-up of this number is owed next.
pub(super) fn follow_up(step: &Step<'_>, number: u32, ledger: &mut Ledger) {
    let next = next_report(step.at, level(step), step.header.utc_offset_min);
    let start = until(step, key(DeadlineName::D05, step.by(), number.to_string()), next.due_at);
    if next.is_hour { ledger.start_dated(start) } else { ledger.start(start) }
}

/// It came, or a later one in its place.
pub(super) fn followed_up(step: &Step<'_>, number: u32, ledger: &mut Ledger) {
    ledger.meet(&key(DeadlineName::D05, step.by(), number.to_string()), step.at, Some(step.id()));
}

/// The emergency is over by the follow-up of this number: the final report is owed.
pub(super) fn final_report(step: &Step<'_>, number: u32, ledger: &mut Ledger) {
    let key = key(DeadlineName::D07, step.by(), number.to_string());
    owe(step, ledger, key, after_resolved(level(step)));
}

/// It came.
pub(super) fn final_reported(step: &Step<'_>, ledger: &mut Ledger) {
    for key in finals(step.by(), ledger) {
        ledger.meet(&key, step.at, Some(step.id()));
    }
}

/// It goes on after all: nothing final is owed.
pub(super) fn reopened(step: &Step<'_>, ledger: &mut Ledger) {
    for key in finals(step.by(), ledger) {
        ledger.void(&key);
    }
}

fn finals(by: &JurisdictionId, ledger: &Ledger) -> Vec<Key> {
    let of = |key: &Key| key.name == DeadlineName::D07 && key.jurisdiction == *by;
    ledger.all().map(super::super::Deadline::key).filter(of).collect()
}

/// D06: a follow-up that changes the number of dead meets its time from when that was known. A change of level or of
/// reach is reported by saying so; no field tells since when it was known, so it runs no time.
pub(super) fn deaths_changed(step: &Step<'_>, facts: &Facts, before: &Newest, ledger: &mut Ledger) {
    let (then, now) = (before.casualties.dead, facts.casualties.dead);
    if then.changes_to(now) {
        let key = key(DeadlineName::D06, step.by(), facts.sequence_no.to_string());
        told(step, &key, now, on_change(level(step)), ledger);
    }
}

/// D08: a supplement meets its time from when the first change of casualties in it was known. The window itself is no
/// duty: it ends the matter.
pub(super) fn supplemented(step: &Step<'_>, facts: &Facts, before: &Newest, ledger: &mut Ledger) {
    let changes = before.casualties.against(&facts.casualties).filter(|(_, then, now)| then.changes_to(*now));
    if let Some(first) = changes.map(|(_, _, now)| now).filter(|now| now.as_of.is_some()).min_by_key(|now| now.as_of) {
        let key = key(DeadlineName::D08, step.by(), facts.sequence_no.to_string());
        told(step, &key, first, SUPPLEMENT_WITHIN, ledger);
    }
}

/// What was owed since the figure was known is told now.
fn told(step: &Step<'_>, key: &Key, figure: Count, within: std::time::Duration, ledger: &mut Ledger) {
    let Some(known_at) = figure.as_of else { return };
    let known_at = known_at.min(step.at);
    ledger.start(Start { starts_at: known_at, ..until(step, key.clone(), known_at.plus(within)) });
    ledger.meet(key, step.at, Some(step.id()));
}

/// When the next report is due, and whether that is a fixed hour of the day.
struct Next {
    due_at: Timestamp,
    is_hour: bool,
}

/// At the two gravest levels reports are there by these hours of the author's clock. Source: P 河南.
const HOURS: [u8; 2] = [8, 17];
/// A report that comes so shortly before an hour is that hour's report. Source: O.
const AHEAD: std::time::Duration = std::time::Duration::from_hours(3);

fn next_report(at: Timestamp, level: EventLevel, utc_offset_min: i32) -> Next {
    let latest = at.plus(between_reports(level));
    let from = at.plus(AHEAD);
    let days = [from, from.plus(std::time::Duration::from_hours(24))].map(|day| day.civil(utc_offset_min));
    let hours = days.iter().flat_map(|day| HOURS.map(|hour| day.at(hour, 0).timestamp(utc_offset_min)));
    match hours.filter(|hour| level.is_gravest() && *hour > from && *hour <= latest).min() {
        Some(hour) => Next { due_at: hour, is_hour: true },
        None => Next { due_at: latest, is_hour: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thread::talk::china;

    fn next(hour: u8, minute: u8, level: EventLevel) -> String {
        let next = next_report(china(5, 12, hour, minute), level, 480);
        let mut due = next.due_at.civil(480).to_string();
        due.truncate(16);
        if next.is_hour { format!("{due} sharp") } else { due }
    }

    #[test]
    fn a_mild_incident_is_reported_once_a_day() {
        for level in [EventLevel::L3, EventLevel::L4, EventLevel::L0] {
            assert_eq!(next(9, 9, level), "2027-05-13 09:09");
        }
    }

    #[test]
    fn a_grave_one_after_twelve_hours_and_by_eight_and_seventeen() {
        let at = |hour, minute| next(hour, minute, EventLevel::L2);
        assert_eq!(at(9, 49), "2027-05-12 17:00 sharp");
        assert_eq!(at(13, 59), "2027-05-12 17:00 sharp");
        assert_eq!(at(14, 0), "2027-05-13 02:00", "this is the report of 17:00");
        assert_eq!(at(16, 50), "2027-05-13 04:50");
        assert_eq!(at(20, 0), "2027-05-13 08:00 sharp");
        assert_eq!(at(4, 59), "2027-05-12 08:00 sharp");
        assert_eq!(at(7, 30), "2027-05-12 17:00 sharp");
        assert_eq!(next(23, 0, EventLevel::L1), "2027-05-13 08:00 sharp");
    }
}
