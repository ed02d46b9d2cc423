//! What goes wrong in a month: lines, programs, clocks, certificates.

use std::time::Duration;

use super::Days;
use crate::traffic::{CAST, CITIES};

/// How far a clock steps, either way, once a week.
const CLOCK_STEP: Duration = Duration::from_secs(90);

impl Days {
    /// Lines whose time is over are mended, and two of the nine are cut for 1 to 600 s.
    pub(super) fn lines_flap(&mut self) {
        let now = self.now;
        let (over, still): (Vec<_>, Vec<_>) = self.outages.drain(..).partition(|(until, _)| *until <= now);
        self.outages = still;
        for (_, at) in over {
            self.mends(at);
        }
        for _ in 0..2 {
            let at = usize::try_from(self.dice.below(CITIES as u64)).unwrap();
            let until = now.plus(Duration::from_secs(1 + self.dice.below(600)));
            if Some(at) != self.away && self.outages.iter().all(|(_, cut)| *cut != at) {
                self.world.agent(CAST[at]).line.cut();
                self.outages.push((until, at));
                self.counts("lines cut");
            }
        }
        for at in (0..CAST.len()).filter(|at| self.outages.iter().all(|(_, cut)| cut != at)) {
            self.world.agent(CAST[at]).inside().link.hurry();
        }
    }

    fn mends(&self, at: usize) {
        self.world.agent(CAST[at]).line.mend();
        self.world.agent(CAST[at]).inside().link.hurry();
    }

    pub(super) async fn broker_restarts(&mut self) {
        if self.dice.below(2) == 0 {
            self.world.kill_broker().await;
            self.counts("broker killed");
        } else {
            self.world.stop_broker().await;
            self.counts("broker restarted");
        }
        self.world.start_broker().await;
    }

    pub(super) async fn an_agent_restarts(&mut self) {
        let at = usize::try_from(self.dice.below(CAST.len() as u64)).unwrap();
        let kill = self.dice.below(2) == 0;
        let agent = self.world.agent_mut(CAST[at]);
        if kill {
            agent.kill().await;
        } else {
            agent.stop().await;
        }
        agent.start().await;
        self.counts(if kill { "agents killed" } else { "agents restarted" });
    }

    /// Every leaf and every signed file anew.
    pub(super) async fn rotates(&mut self) {
        self.world.pass(Duration::ZERO).await;
        for city in CAST {
            self.world.agent(city).inside().tls.reload().unwrap();
        }
        self.counts("rotations");
    }

    /// One program's clock goes wrong by a minute and a half; the one that was wrong is put right.
    pub(super) fn a_clock_steps(&mut self) {
        self.world.clock.set(self.now);
        for city in CAST {
            self.world.agent(city).clock.set(self.now);
        }
        let wrong = if self.dice.below(2) == 0 { self.now.plus(CLOCK_STEP) } else { self.now.minus(CLOCK_STEP) };
        match CAST.get(usize::try_from(self.dice.below(CAST.len() as u64 + 1)).unwrap()) {
            Some(city) => self.world.agent(city).clock.set(wrong),
            None => self.world.clock.set(wrong),
        }
        self.counts("clocks stepped");
    }

    /// A leaf is revoked: its session ends, and with a new one the agent comes back.
    pub(super) async fn a_leaf_is_revoked(&mut self) {
        let (city, now) = (CAST[2], self.now);
        self.world.agent(city).line.mend();
        self.outages.retain(|(_, at)| *at != 2);
        self.world.agent(city).linked_at_once().await;
        self.world.region.revoke_leaf(city, now).unwrap();
        self.world.relay().reload_trust().await;
        self.world.relay().cut_untrusted();
        self.world.agent(city).unlinked().await;
        self.world.region.issue_leaf(city, now).unwrap();
        self.world.agent(city).inside().tls.reload().unwrap();
        self.world.agent(city).linked_at_once().await;
        self.counts("leaves revoked");
    }
}
