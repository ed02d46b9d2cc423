//! What is owed from the moment at which an incident is learned of, before anything is written: the telephone report,
//! the first report, and word to the neighbours whom it may touch. The report itself carries the same duties on.

use super::{
    ledger::{Ledger, Start},
    owe::key,
};
use crate::{
    deadline::{DeadlineName, from_known},
    ids::{JurisdictionId, MessageId},
    level::EventLevel,
    role::Role,
    time::Timestamp,
};

/// D02 to D04 of `author`, from when it learned of the incident. `cause` is the report, or what stands for it until there
/// is one.
pub fn start(ledger: &mut Ledger, author: &JurisdictionId, level: EventLevel, known_at: Timestamp, cause: MessageId) {
    for name in [DeadlineName::D02, DeadlineName::D03, DeadlineName::D04] {
        let Some(within) = from_known(name, level) else { continue };
        ledger.start(Start {
            key: key(name, author, ""),
            role: Role::DutyOfficer,
            cause,
            starts_at: known_at,
            due_at: known_at.plus(within),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::sample::{NOON, member, message_id};

    fn minutes(level: EventLevel) -> Vec<(&'static str, u64)> {
        let mut ledger = Ledger::default();
        start(&mut ledger, &member("371300"), level, NOON, message_id(1));
        ledger.all().map(|owed| (owed.name.name(), owed.due_at.since(owed.starts_at).as_secs() / 60)).collect()
    }

    #[test]
    fn a_grave_incident_is_telephoned_written_and_told_to_the_neighbours() {
        assert_eq!(minutes(EventLevel::L2), [("D02", 30), ("D03", 60), ("D04", 30)]);
        assert_eq!(minutes(EventLevel::L3), [("D02", 60), ("D03", 60), ("D04", 60)]);
    }

    #[test]
    fn a_mild_one_owes_no_call() {
        assert_eq!(minutes(EventLevel::L4), [("D03", 120), ("D04", 120)]);
        assert_eq!(minutes(EventLevel::L0), [("D03", 120), ("D04", 120)]);
    }
}
