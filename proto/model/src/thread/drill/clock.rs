//! The drill's own clock, which pauses and jumps, and what the plan wants sent by it.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{ids::JurisdictionId, numbered::numbered, time::Timestamp};

/// How long a drill has run by its own clock: real time since STARTEX, less pauses, plus jumps.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct DrillClock {
    /// When STARTEX was given.
    pub started_at: Timestamp,
    /// Since when it stands still: paused or ended.
    pub stopped_at: Option<Timestamp>,
    /// Pauses that are over.
    pub paused: Duration,
    /// Jumps, together.
    pub jumped: Duration,
}

impl DrillClock {
    /// A clock that starts now.
    pub const fn start(at: Timestamp) -> Self {
        Self { started_at: at, stopped_at: None, paused: Duration::ZERO, jumped: Duration::ZERO }
    }

    /// It stands still from now on.
    pub fn stop(&mut self, at: Timestamp) {
        self.stopped_at.get_or_insert(at);
    }

    /// It runs again.
    pub fn resume(&mut self, at: Timestamp) {
        if let Some(stopped_at) = self.stopped_at.take() {
            self.paused = self.paused.saturating_add(at.since(stopped_at));
        }
    }

    /// It jumps ahead.
    pub fn jump(&mut self, by: Duration) {
        self.jumped = self.jumped.saturating_add(by);
    }

    /// What it shows at a real time, as the time since STARTEX.
    pub fn elapsed(&self, now: Timestamp) -> Duration {
        let until = self.stopped_at.map_or(now, |stopped_at| stopped_at.min(now));
        until.since(self.started_at).saturating_sub(self.paused).saturating_add(self.jumped)
    }

    /// At which real time it shows `offset`, as far as is known now; none while it stands still before that.
    pub fn reaches(&self, offset: Duration) -> Option<Timestamp> {
        let runs = offset.saturating_sub(self.jumped).saturating_add(self.paused);
        let at = self.started_at.plus(runs);
        self.stopped_at.is_none_or(|stopped_at| at <= stopped_at).then_some(at)
    }
}

numbered! {
    /// What an inject is for.
    pub enum InjectType as "type" {
        /// It lets the player know how things stand.
        Contextual = 1, "CONTEXTUAL", "情景信息";
        /// It is used only when the player does not do what was expected.
        Contingency = 2, "CONTINGENCY", "应变注入";
        /// It marks what the player should do now.
        ExpectedAction = 3, "EXPECTED_ACTION", "预期行动";
    }
}

/// One inject of a plan, as far as the clock needs it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Planned {
    /// Its id.
    pub inject_id: String,
    /// How long after STARTEX, by the drill's clock.
    pub offset: Duration,
    /// What it is for: a controller decides about a contingency, and an expected action is watched, not sent.
    pub kind: InjectType,
    /// Who sends it and watches the answer.
    pub controller: JurisdictionId,
    /// How soon the player should act.
    pub expected_within: Option<Duration>,
}

/// The injects of `plan` whose time has come and that are not among `sent`, in the order of their offsets and then of
/// the plan. A pause holds back what is still to come; a jump brings everything that it passes.
pub fn due<'a>(plan: &'a [Planned], clock: &DrillClock, sent: &BTreeSet<String>, now: Timestamp) -> Vec<&'a Planned> {
    let elapsed = clock.elapsed(now);
    let mut due: Vec<&Planned> =
        plan.iter().filter(|inject| inject.offset <= elapsed && !sent.contains(&inject.inject_id)).collect();
    due.sort_by_key(|inject| inject.offset);
    due
}

/// When the next inject comes that is neither due nor sent; none while the clock stands still, or after the last.
pub fn next(plan: &[Planned], clock: &DrillClock, sent: &BTreeSet<String>, now: Timestamp) -> Option<Timestamp> {
    let elapsed = clock.elapsed(now);
    let ahead = plan.iter().filter(|inject| inject.offset > elapsed && !sent.contains(&inject.inject_id));
    ahead.map(|inject| inject.offset).min().and_then(|offset| clock.reaches(offset))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::judge::sample::{NOON, member};

    const fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    fn at(minute: u64) -> Timestamp {
        NOON.plus(minutes(minute))
    }

    fn plan(offsets: &[u64]) -> Vec<Planned> {
        let inject = |(n, offset): (usize, &u64)| Planned {
            inject_id: format!("INJ-{n:02}"),
            offset: minutes(*offset),
            kind: InjectType::Contextual,
            controller: member("371300"),
            expected_within: None,
        };
        offsets.iter().enumerate().map(inject).collect()
    }

    fn ids(due: &[&Planned]) -> Vec<String> {
        due.iter().map(|inject| inject.inject_id.clone()).collect()
    }

    #[test]
    fn injects_come_by_their_offsets_and_each_once() {
        let (plan, clock) = (plan(&[0, 30, 10, 10]), DrillClock::start(at(0)));
        let none = BTreeSet::new();

        assert_eq!(ids(&due(&plan, &clock, &none, at(0))), ["INJ-00"]);
        assert_eq!(next(&plan, &clock, &none, at(0)), Some(at(10)));
        assert_eq!(ids(&due(&plan, &clock, &none, at(10))), ["INJ-00", "INJ-02", "INJ-03"]);
        let sent = ["INJ-00".to_owned(), "INJ-02".to_owned()].into();
        assert_eq!(ids(&due(&plan, &clock, &sent, at(30))), ["INJ-03", "INJ-01"], "by offset, not by place");
        assert_eq!(next(&plan, &clock, &sent, at(30)), None, "after the last");
    }

    #[test]
    fn a_pause_holds_back_what_is_still_to_come() {
        let (plan, mut clock) = (plan(&[10, 20]), DrillClock::start(at(0)));
        let none = BTreeSet::new();
        clock.stop(at(15));
        assert_eq!(ids(&due(&plan, &clock, &none, at(60))), ["INJ-00"], "due before the pause");
        assert_eq!(next(&plan, &clock, &none, at(60)), None, "nobody knows when");

        clock.resume(at(45));
        assert_eq!(next(&plan, &clock, &none, at(45)), Some(at(50)));
        assert_eq!(due(&plan, &clock, &none, at(49)).len(), 1);
        assert_eq!(due(&plan, &clock, &none, at(50)).len(), 2);
    }

    #[test]
    fn a_jump_brings_everything_that_it_passes() {
        let (plan, mut clock) = (plan(&[10, 60, 90]), DrillClock::start(at(0)));
        let none = BTreeSet::new();
        clock.jump(minutes(60));
        assert_eq!(ids(&due(&plan, &clock, &none, at(5))), ["INJ-00", "INJ-01"], "the clock shows 65 minutes");
        assert_eq!(next(&plan, &clock, &none, at(5)), Some(at(30)));
    }

    #[test]
    fn a_jump_during_a_pause_counts_and_the_end_stops_the_clock() {
        let mut clock = DrillClock::start(at(0));
        clock.stop(at(10));
        clock.jump(minutes(30));
        assert_eq!(clock.elapsed(at(20)), minutes(40));
        clock.resume(at(20));
        assert_eq!(clock.elapsed(at(25)), minutes(45));
        clock.stop(at(30));
        assert_eq!(clock.elapsed(at(500)), minutes(50));
    }

    proptest! {
        #[test]
        fn the_clock_shows_an_offset_when_it_reaches_it(
            offset in 0_u64..600, jump in 0_u64..300, pause in 0_u64..300, from in 0_u64..300,
        ) {
            let mut clock = DrillClock::start(at(0));
            clock.stop(at(from));
            clock.jump(minutes(jump));
            clock.resume(at(from + pause));
            let reached = clock.reaches(minutes(offset)).unwrap();
            // what was passed before the pause is reckoned from its end
            prop_assert!(clock.elapsed(reached.max(at(from + pause))) >= minutes(offset));
            if reached > at(from + pause) {
                prop_assert_eq!(clock.elapsed(reached), minutes(offset));
            }
        }
    }
}
