//! How long things took in a drill against what was allowed: computed from what is owed and what came, typed by nobody.

use std::time::Duration;

use crate::{
    deadline::DeadlineName,
    ids::MessageId,
    thread::{Deadline, Ledger, Obligor, ledger::Standing},
    time::Timestamp,
};

/// One time taken against one time allowed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Score {
    /// How long was allowed.
    pub allowed: Duration,
    /// How long it took; none when it never came.
    pub taken: Option<Duration>,
    /// It came in time.
    pub met: bool,
}

impl Score {
    /// What was begun at `from` and allowed `allowed`, and was done at `done` or never.
    pub fn of(allowed: Duration, from: Timestamp, done: Option<Timestamp>) -> Self {
        let taken = done.map(|done| done.since(from));
        Self { allowed, taken, met: taken.is_some_and(|taken| taken <= allowed) }
    }
}

/// One deadline of the drill and how it was kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Observed {
    /// Which of the catalogue.
    pub deadline: DeadlineName,
    /// The message that started it.
    pub message: MessageId,
    /// Who owed it.
    pub obligor: Obligor,
    /// Since when.
    pub starts_at: Timestamp,
    /// The times.
    pub score: Score,
}

/// What a matter of the drill showed, in the order in which it was owed. What the end of the drill made void before it
/// came due, what was waived, and what still runs at `until` says nothing about anybody.
pub fn observed(ledger: &Ledger, until: Timestamp) -> Vec<Observed> {
    let mut seen: Vec<&Deadline> = ledger.all().filter(|deadline| is_telling(deadline, until)).collect();
    seen.sort_by_key(|deadline| (deadline.starts_at, deadline.due_at));
    seen.into_iter()
        .map(|deadline| Observed {
            deadline: deadline.name,
            message: deadline.cause,
            obligor: deadline.obligor.clone(),
            starts_at: deadline.starts_at,
            score: Score::of(
                deadline.due_at.since(deadline.starts_at),
                deadline.starts_at,
                deadline.met_at.filter(|met_at| *met_at <= until),
            ),
        })
        .collect()
}

fn is_telling(deadline: &Deadline, until: Timestamp) -> bool {
    let was_due = deadline.due_at <= until;
    match deadline.standing {
        Standing::Met | Standing::Breached => was_due || deadline.met_at.is_some_and(|met_at| met_at <= until),
        Standing::Running | Standing::Warned => was_due,
        Standing::Waived | Standing::Void => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        judge::sample::{NOON, member, message_id},
        role::Role,
        thread::ledger::{Key, Start},
    };

    const fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    fn owed(ledger: &mut Ledger, name: DeadlineName, by: &str, within: u64) -> Key {
        let key = Key { name, jurisdiction: member(by), subject: String::new() };
        ledger.start(Start {
            key: key.clone(),
            role: Role::DutyOfficer,
            cause: message_id(7),
            starts_at: NOON,
            due_at: NOON.plus(minutes(within)),
        });
        key
    }

    #[test]
    fn an_answer_in_41_minutes_is_scored_against_60() {
        let mut ledger = Ledger::default();
        let key = owed(&mut ledger, DeadlineName::D10, "320300", 60);
        ledger.meet(&key, NOON.plus(minutes(41)), Some(message_id(8)));

        let seen = observed(&ledger, NOON.plus(minutes(300)));

        let score = Score { allowed: minutes(60), taken: Some(minutes(41)), met: true };
        assert_eq!(seen.iter().map(|one| one.score).collect::<Vec<_>>(), [score]);
        assert_eq!((seen[0].deadline, seen[0].message), (DeadlineName::D10, message_id(7)));
    }

    #[test]
    fn late_and_never_are_told_apart_and_what_the_end_cut_off_is_left_out() {
        let mut ledger = Ledger::default();
        let late = owed(&mut ledger, DeadlineName::D10, "320300", 60);
        ledger.meet(&late, NOON.plus(minutes(75)), Some(message_id(8)));
        let never = owed(&mut ledger, DeadlineName::D15, "320700", 60);
        ledger.raise(&never, crate::deadline::Rung::Breach);
        owed(&mut ledger, DeadlineName::D13, "320300", 400);
        let waived = owed(&mut ledger, DeadlineName::D12, "371300", 60);
        ledger.waive(&waived, "演练提前结束");
        ledger.void_all();

        let seen = observed(&ledger, NOON.plus(minutes(90)));

        let scores: Vec<_> = seen.iter().map(|one| (one.deadline, one.score.taken, one.score.met)).collect();
        let expected = [(DeadlineName::D10, Some(minutes(75)), false), (DeadlineName::D15, None, false)];
        assert_eq!(scores, expected);
    }

    #[test]
    fn what_came_after_the_end_and_was_not_due_before_it_says_nothing() {
        let mut ledger = Ledger::default();
        let key = owed(&mut ledger, DeadlineName::D10, "320300", 60);
        ledger.meet(&key, NOON.plus(minutes(50)), Some(message_id(8)));

        assert_eq!(observed(&ledger, NOON.plus(minutes(41))), []);
        assert!(observed(&ledger, NOON.plus(minutes(50)))[0].score.met);
    }

    #[test]
    fn to_the_second_is_in_time() {
        assert!(Score::of(minutes(5), NOON, Some(NOON.plus(minutes(5)))).met);
        assert!(!Score::of(minutes(5), NOON, Some(NOON.plus(minutes(5) + Duration::from_millis(1)))).met);
        assert!(!Score::of(minutes(5), NOON, None).met);
    }
}
