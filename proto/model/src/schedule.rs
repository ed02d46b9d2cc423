//! What is sent next: by precedence, with a bound on starving; and a fair turn for every origin within a precedence.

use std::{borrow::Borrow, ops::Bound};

use crate::{
    limits,
    precedence::{PerPrecedence, Precedence},
};

/// Chooses the precedence of the next frame of a session.
///
/// The highest precedence that waits and has credit is sent, unless a lower one has been passed by 42 frames; then that
/// one is sent, but never two such overdue ones in a row while a higher one waits. So a waiting precedence with credit
/// sends at least one frame in every 48, and FLASH keeps at least nine in ten.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Scheduler {
    /// Frames of other precedences sent while this one waited, since it last sent.
    passed: PerPrecedence<u32>,
    last_was_overdue: bool,
}

impl Scheduler {
    /// The precedence to send one frame of, given which wait and have credit; none when nothing waits. The choice
    /// counts as sent.
    pub fn choose(&mut self, waiting: PerPrecedence<bool>) -> Option<Precedence> {
        let highest = waiting.iter().find(|(_, waits)| **waits).map(|(precedence, _)| precedence)?;
        let overdue = self.most_overdue(waiting).filter(|overdue| !self.last_was_overdue || *overdue == highest);
        let chosen = overdue.unwrap_or(highest);
        self.last_was_overdue = overdue.is_some_and(|overdue| overdue != highest);
        self.count(chosen, waiting);
        Some(chosen)
    }

    fn most_overdue(&self, waiting: PerPrecedence<bool>) -> Option<Precedence> {
        let overdue = self.passed.iter().filter(|(p, passed)| *waiting.get(*p) && **passed >= limits::PASSED_MAX);
        // Of equals the more urgent: `max_by_key` keeps the last, so the order is turned.
        overdue.map(|(p, passed)| (*passed, std::cmp::Reverse(p))).max().map(|(_, p)| p.0)
    }

    fn count(&mut self, sent: Precedence, waiting: PerPrecedence<bool>) {
        for precedence in Precedence::ALL.iter().copied() {
            let passed = self.passed.get_mut(precedence);
            let waits = precedence != sent && *waiting.get(precedence);
            *passed = if waits { passed.saturating_add(1) } else { 0 };
        }
    }
}

/// Whose turn it is: origins in order, each once before any comes again.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rotation<O> {
    last: Option<O>,
}

impl<O: Ord + Clone> Rotation<O> {
    /// A rotation that begins with the first origin.
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// After whom it goes on.
    pub const fn last(&self) -> Option<&O> {
        self.last.as_ref()
    }

    /// The next of `waiting`, in any order: the least that comes after the last one, or the least of all. The choice
    /// counts as its turn.
    pub fn choose<'a>(&mut self, waiting: impl IntoIterator<Item = &'a O> + Clone) -> Option<&'a O>
    where
        O: 'a,
    {
        let after = |origin: &&O| self.last.as_ref().is_none_or(|last| *origin > last);
        let chosen = waiting.clone().into_iter().filter(after).min().or_else(|| waiting.into_iter().min())?;
        self.last = Some(chosen.clone());
        Some(chosen)
    }

    /// Where a scan over keys in order of origin goes on: behind the last one, or at the beginning.
    pub fn resume<Q: ?Sized>(&self) -> Bound<&Q>
    where
        O: Borrow<Q>,
    {
        self.last.as_ref().map_or(Bound::Unbounded, |last| Bound::Excluded(last.borrow()))
    }

    /// Notes that `origin` has had its turn, when the caller has chosen by itself.
    pub fn served(&mut self, origin: O) {
        self.last = Some(origin);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all() -> PerPrecedence<bool> {
        PerPrecedence::from_fn(|_| true)
    }

    fn only(precedences: &[Precedence]) -> PerPrecedence<bool> {
        PerPrecedence::from_fn(|precedence| precedences.contains(&precedence))
    }

    #[test]
    fn nothing_waits_and_nothing_is_sent() {
        assert_eq!(Scheduler::default().choose(PerPrecedence::default()), None);
    }

    #[test]
    fn the_most_urgent_goes_first() {
        let mut scheduler = Scheduler::default();
        assert_eq!(scheduler.choose(only(&[Precedence::Routine])), Some(Precedence::Routine));
        assert_eq!(scheduler.choose(all()), Some(Precedence::Flash));
        assert_eq!(scheduler.choose(only(&[Precedence::Routine, Precedence::Priority])), Some(Precedence::Priority));
    }

    #[test]
    fn under_full_load_flash_keeps_nine_frames_in_ten() {
        let mut scheduler = Scheduler::default();
        let frames: Vec<_> = (0..4_800).filter_map(|_| scheduler.choose(all())).collect();
        for window in frames.windows(480) {
            let flash = window.iter().filter(|precedence| **precedence == Precedence::Flash).count();
            assert!(flash * 10 >= window.len() * 9, "{flash} of {}", window.len());
        }
    }

    #[test]
    fn an_overdue_frame_never_follows_another_while_flash_waits() {
        let mut scheduler = Scheduler::default();
        let frames: Vec<_> = (0..2_000).filter_map(|_| scheduler.choose(all())).collect();
        assert!(frames.windows(2).all(|pair| pair.contains(&Precedence::Flash)));
    }

    fn any_load() -> impl Strategy<Value = PerPrecedence<bool>> {
        prop_oneof![
            6 => Just([true; 4]),
            3 => any::<[bool; 4]>(),
            1 => Just([true, false, false, true]),
        ]
        .prop_map(|[flash, immediate, priority, routine]| PerPrecedence {
            flash,
            immediate,
            priority,
            routine,
        })
    }

    proptest! {
        #[test]
        fn who_waits_sends_at_least_one_frame_in_every_forty_eight(
            loads in prop::collection::vec((any_load(), 1_usize..120), 1..40),
        ) {
            let mut scheduler = Scheduler::default();
            let mut since = PerPrecedence::<u32>::default();
            for (waiting, times) in loads {
                for _ in 0..times {
                    let sent = scheduler.choose(waiting);
                    prop_assert!(sent.is_none_or(|sent| *waiting.get(sent)));
                    for p in Precedence::ALL.iter().copied() {
                        let waits = *waiting.get(p) && sent != Some(p);
                        *since.get_mut(p) = if waits { since.get(p) + 1 } else { 0 };
                        prop_assert!(*since.get(p) < limits::STARVATION_BOUND, "{p} passed {} times", since.get(p));
                    }
                }
            }
        }

        #[test]
        fn flash_waits_for_one_frame_at_most(loads in prop::collection::vec(any_load(), 1..400)) {
            let mut scheduler = Scheduler::default();
            let mut passed = 0;
            for waiting in loads {
                let sent = scheduler.choose(waiting);
                passed = if waiting.flash && sent != Some(Precedence::Flash) { passed + 1 } else { 0 };
                prop_assert!(passed <= 1);
            }
        }

        #[test]
        fn every_origin_that_waits_has_a_turn_within_one_round(
            origins in prop::collection::btree_set(0_u8..50, 1..20), rounds in 1_usize..4,
        ) {
            let mut rotation = Rotation::new();
            for _ in 0..rounds {
                let mut turns: Vec<u8> = (0..origins.len()).filter_map(|_| rotation.choose(&origins).copied()).collect();
                turns.sort_unstable();
                prop_assert_eq!(turns, origins.iter().copied().collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_new_origin_waits_for_no_more_than_the_others_once() {
        let mut rotation = Rotation::new();
        assert_eq!(rotation.choose(&["b", "d"]), Some(&"b"));
        assert_eq!(rotation.choose(&["a", "b", "c", "d"]), Some(&"c"));
        assert_eq!(rotation.choose(&["a", "b"]), Some(&"a"));
        assert_eq!(rotation.choose(&[]), None);
        assert_eq!(rotation.last(), Some(&"a"));
    }
}
