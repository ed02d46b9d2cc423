//! How urgently a message travels: the four of telegrams, the floor that level and colour set, and a value for each.

use crate::{
    level::{EventLevel, WarningLevel},
    numbered::numbered,
};

numbered! {
    /// How urgently a message travels. In order, FLASH is first: more urgent is smaller.
    pub enum Precedence as "precedence" {
        /// 特提.
        Flash = 1, "FLASH", "特提";
        /// 特急.
        Immediate = 2, "IMMEDIATE", "特急";
        /// 加急.
        Priority = 3, "PRIORITY", "加急";
        /// 平急.
        Routine = 4, "ROUTINE", "平急";
    }
}

impl Precedence {
    /// FLASH and IMMEDIATE: somebody must acknowledge.
    pub const fn is_urgent(self) -> bool {
        matches!(self, Self::Flash | Self::Immediate)
    }

    /// At least as urgent as `floor`.
    pub fn meets(self, floor: Self) -> bool {
        self <= floor
    }

    /// What an event of this level demands at least.
    pub const fn floor_of_level(level: EventLevel) -> Self {
        match level {
            EventLevel::L1 => Self::Flash,
            EventLevel::L2 => Self::Immediate,
            EventLevel::L3 => Self::Priority,
            EventLevel::L4 | EventLevel::L0 => Self::Routine,
        }
    }

    /// What level and colour together demand: the more urgent of the two.
    pub fn floor(level: Option<EventLevel>, colour: Option<WarningLevel>) -> Self {
        let of = |level: Option<EventLevel>| level.map_or(Self::Routine, Self::floor_of_level);
        of(level).min(of(colour.map(WarningLevel::column)))
    }
}

/// One value for each precedence.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PerPrecedence<T> {
    /// For FLASH.
    pub flash: T,
    /// For IMMEDIATE.
    pub immediate: T,
    /// For PRIORITY.
    pub priority: T,
    /// For ROUTINE.
    pub routine: T,
}

impl<T> PerPrecedence<T> {
    /// The value that `of` gives for each.
    pub fn from_fn(mut of: impl FnMut(Precedence) -> T) -> Self {
        Self {
            flash: of(Precedence::Flash),
            immediate: of(Precedence::Immediate),
            priority: of(Precedence::Priority),
            routine: of(Precedence::Routine),
        }
    }

    /// The value for `precedence`.
    pub const fn get(&self, precedence: Precedence) -> &T {
        match precedence {
            Precedence::Flash => &self.flash,
            Precedence::Immediate => &self.immediate,
            Precedence::Priority => &self.priority,
            Precedence::Routine => &self.routine,
        }
    }

    /// The value for `precedence`, to change.
    pub const fn get_mut(&mut self, precedence: Precedence) -> &mut T {
        match precedence {
            Precedence::Flash => &mut self.flash,
            Precedence::Immediate => &mut self.immediate,
            Precedence::Priority => &mut self.priority,
            Precedence::Routine => &mut self.routine,
        }
    }

    /// Precedence and value, FLASH first.
    pub fn iter(&self) -> impl Iterator<Item = (Precedence, &T)> {
        Precedence::ALL.iter().map(|precedence| (*precedence, self.get(*precedence)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flash_comes_first() {
        assert!(Precedence::ALL.is_sorted());
        assert!(Precedence::Flash.meets(Precedence::Immediate));
        assert!(!Precedence::Routine.meets(Precedence::Priority));
    }

    #[test]
    fn the_floor_is_the_more_urgent_of_level_and_colour() {
        let floor = Precedence::floor;
        assert_eq!(floor(None, None), Precedence::Routine);
        assert_eq!(floor(Some(EventLevel::L3), None), Precedence::Priority);
        assert_eq!(floor(Some(EventLevel::L4), Some(WarningLevel::Orange)), Precedence::Immediate);
        assert_eq!(floor(Some(EventLevel::L1), Some(WarningLevel::Blue)), Precedence::Flash);
        assert_eq!(floor(Some(EventLevel::L0), Some(WarningLevel::Blue)), Precedence::Routine);
    }
}
