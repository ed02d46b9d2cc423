//! How a jurisdiction kept its deadlines: each counts once, as what became of it is known now.

use super::{Deadline, ledger::Standing};

/// Deadlines that are over or due, by what became of them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Card {
    /// Met in time. One that was breached because the proof was still on its way counts here once the proof is there: the
    /// breach stays written, and the card tells what was done when.
    pub on_time: u64,
    /// Done after the due time.
    pub late: u64,
    /// Due, and not done.
    pub missing: u64,
    /// Waived by a shift leader.
    pub waived: u64,
}

impl Card {
    /// One deadline that stood as `before`, if it was there, stands as `after`: it counts under what it has become, and no
    /// longer under what it was.
    pub fn turn(&mut self, before: Option<&Deadline>, after: &Deadline) {
        if let Some(was) = before.and_then(|before| self.of(before)) {
            *was = was.saturating_sub(1);
        }
        if let Some(is) = self.of(after) {
            *is += 1;
        }
    }

    /// Where a deadline counts; nowhere while it runs, or when its matter ended before it was due.
    fn of(&mut self, deadline: &Deadline) -> Option<&mut u64> {
        match (deadline.standing, deadline.met_at) {
            (Standing::Running | Standing::Warned | Standing::Void, _) => None,
            (Standing::Waived, _) => Some(&mut self.waived),
            (Standing::Met | Standing::Breached, None) => Some(&mut self.missing),
            (Standing::Met | Standing::Breached, Some(at)) if at > deadline.due_at => Some(&mut self.late),
            (Standing::Met | Standing::Breached, Some(_)) => Some(&mut self.on_time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        deadline::{DeadlineName, Rung},
        ids::MessageId,
        role::Role,
        thread::ledger::{Key, Start},
        time::Timestamp,
    };

    fn counts(card: Card) -> (u64, u64, u64, u64) {
        (card.on_time, card.late, card.missing, card.waived)
    }

    fn running() -> Deadline {
        let key = Key { name: DeadlineName::D01, jurisdiction: "320300".parse().unwrap(), subject: String::new() };
        let cause = MessageId::new(Timestamp::from_millis(1_000), [7; 10]);
        let (starts_at, due_at) = (Timestamp::from_millis(1_000), Timestamp::from_millis(61_000));
        Deadline::begin(Start { key, role: Role::DutyOfficer, cause, starts_at, due_at }, false)
    }

    #[test]
    fn each_deadline_counts_once_as_what_it_has_become() {
        let mut card = Card::default();
        let mut deadline = running();
        card.turn(None, &deadline);
        assert_eq!(counts(card), (0, 0, 0, 0), "it runs");
        let steps: [(fn(&mut Deadline), _); 4] = [
            (|deadline| deadline.raise(Rung::Reminder), (0, 0, 0, 0)),
            (|deadline| deadline.raise(Rung::Breach), (0, 0, 1, 0)),
            (|deadline| deadline.raise(Rung::Leaders), (0, 0, 1, 0)),
            (|deadline| deadline.meet(Timestamp::from_millis(99_000), None), (0, 1, 0, 0)),
        ];
        for (step, expected) in steps {
            let before = deadline.clone();
            step(&mut deadline);
            card.turn(Some(&before), &deadline);
            assert_eq!(counts(card), expected);
        }
    }

    #[test]
    fn what_was_done_in_time_and_heard_of_later_counts_as_in_time() {
        let (mut card, mut deadline) = (Card::default(), running());
        deadline.raise(Rung::Breach);
        card.turn(None, &deadline);
        assert_eq!(counts(card), (0, 0, 1, 0));
        let before = deadline.clone();
        deadline.meet(Timestamp::from_millis(61_000), None);
        card.turn(Some(&before), &deadline);
        assert_eq!(counts(card), (1, 0, 0, 0));
        assert_eq!(deadline.standing, Standing::Breached, "what was written stays");
    }
}
