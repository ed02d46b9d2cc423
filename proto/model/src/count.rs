//! How many people were harmed: numbers that know as of when they hold, and what they say about the level of an event. A
//! number that nobody knows is unknown, never zero.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{level::EventLevel, time::Timestamp};

/// A number of people, and as of when. Unknown is not zero.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// How many; none while nobody knows.
    pub count: Option<u32>,
    /// As of when.
    pub as_of: Option<Timestamp>,
}

impl Count {
    /// Somebody knows it.
    pub const fn is_known(self) -> bool {
        self.count.is_some()
    }

    /// There were people before, and after there are fewer, or nobody knows any more.
    pub fn falls_to(self, after: Self) -> bool {
        self.count.is_some_and(|before| before > 0 && after.count.is_none_or(|after| after < before))
    }

    /// There are more after than anybody knew of before.
    pub fn rises_to(self, after: Self) -> bool {
        after.count.is_some_and(|after| after > self.count.unwrap_or(0))
    }

    /// Another number after than before; that nobody was harmed where nothing was known is none.
    pub fn changes_to(self, after: Self) -> bool {
        self.falls_to(after) || self.rises_to(after)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            Some(count) => write!(f, "{count}"),
            None => f.write_str("不明 unknown"),
        }
    }
}

/// People harmed or moved.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Casualties {
    /// Dead.
    pub dead: Count,
    /// Missing 下落不明.
    pub missing: Count,
    /// Trapped 涉险.
    pub trapped: Count,
    /// Seriously injured, acutely poisoned.
    pub seriously_injured: Count,
    /// Lightly injured.
    pub lightly_injured: Count,
    /// Moved to safety.
    pub evacuated: Count,
}

impl Casualties {
    /// Each with its name, as forms show them.
    pub const fn named(&self) -> [(&'static str, Count); 6] {
        [
            ("dead", self.dead),
            ("missing", self.missing),
            ("trapped", self.trapped),
            ("seriously_injured", self.seriously_injured),
            ("lightly_injured", self.lightly_injured),
            ("evacuated", self.evacuated),
        ]
    }

    /// Each by name, with what it was before and what it is after.
    pub fn against(&self, after: &Self) -> impl Iterator<Item = (&'static str, Count, Count)> {
        self.named().into_iter().zip(after.named()).map(|((name, before), (_, after))| (name, before, after))
    }
}

/// The level that the numbers of people and the direct loss propose: the gravest that any of them reaches; none while
/// none of them says that anything was lost. An officer decides. Source: L 条例493 art. 3, where 以上 includes the number.
pub fn proposed_level(casualties: &Casualties, loss_yuan: Option<u64>) -> Option<EventLevel> {
    let people = |count: Count| count.count.map(u64::from);
    let columns = [
        (people(casualties.dead), [30, 10, 3, 1]),
        (people(casualties.seriously_injured), [100, 50, 10, 1]),
        (loss_yuan, [100_000_000, 50_000_000, 10_000_000, 1]),
    ];
    let levels = [EventLevel::L1, EventLevel::L2, EventLevel::L3, EventLevel::L4];
    let reached = |(number, row): (Option<u64>, [u64; 4])| {
        let number = number?;
        row.into_iter().zip(levels).find(|(least, _)| number >= *least).map(|(_, level)| level)
    };
    columns.into_iter().filter_map(reached).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::sample::NOON;

    const fn count(count: Option<u32>) -> Count {
        Count { count, as_of: Some(NOON) }
    }

    fn proposed(dead: Option<u32>, injured: Option<u32>, loss_yuan: Option<u64>) -> &'static str {
        let casualties = Casualties { dead: count(dead), seriously_injured: count(injured), ..Casualties::default() };
        proposed_level(&casualties, loss_yuan).map_or("none", EventLevel::name)
    }

    #[test]
    fn each_threshold_of_the_law_includes_its_number() {
        let by_dead = [30, 29, 10, 9, 3, 2, 1, 0].map(|dead| proposed(Some(dead), None, None));
        assert_eq!(by_dead, ["L1", "L2", "L2", "L3", "L3", "L4", "L4", "none"]);
        let by_injured = [100, 99, 50, 49, 10, 9, 1, 0].map(|injured| proposed(None, Some(injured), None));
        assert_eq!(by_injured, ["L1", "L2", "L2", "L3", "L3", "L4", "L4", "none"]);
        let losses = [100_000_000, 99_999_999, 50_000_000, 49_999_999, 10_000_000, 9_999_999, 1, 0];
        let by_loss = losses.map(|loss| proposed(None, None, Some(loss)));
        assert_eq!(by_loss, ["L1", "L2", "L2", "L3", "L3", "L4", "L4", "none"]);
    }

    #[test]
    fn the_gravest_column_counts_and_what_nobody_knows_proposes_nothing() {
        assert_eq!(proposed(Some(3), Some(62), Some(1_500_000)), "L2");
        assert_eq!(proposed(None, None, None), "none");
        assert_eq!(proposed(None, Some(10), None), "L3");
    }

    #[test]
    fn a_number_that_nobody_knows_is_not_zero() {
        let (none, zero, two, three) = (count(None), count(Some(0)), count(Some(2)), count(Some(3)));
        let falls = [(three, two), (three, none), (none, two), (zero, none), (two, two), (two, three)];
        assert_eq!(falls.map(|(before, after)| before.falls_to(after)), [true, true, false, false, false, false]);
        let rises = [(none, two), (none, zero), (two, three), (two, none), (zero, two)];
        assert_eq!(rises.map(|(before, after)| before.rises_to(after)), [true, false, true, false, true]);
        assert!(!none.changes_to(zero) && !zero.changes_to(none) && two.changes_to(none));
        assert_eq!(none.to_string(), "不明 unknown");
    }
}
