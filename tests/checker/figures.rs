//! What a run was like, in numbers for people.

use std::collections::BTreeSet;
use std::fmt;

use super::coverage::{Cuts, Judged, Kills, cuts, kills};
use super::event::{Event, Line};
use super::history::History;
use super::{Rule, Violation};

/// The numbers of a run.
#[derive(Clone, Debug)]
pub struct Figures {
    pub kills: Kills,
    pub cuts: Cuts,
    pub judged: Judged,
    /// The most that any program used.
    pub used: Used,
    pub accepted: usize,
    pub handed: usize,
    pub refused: usize,
    pub unknown: usize,
    pub lost: usize,
    pub duplicates: usize,
    pub order_violations: usize,
    /// Submit to first hand-over: half were faster.
    pub p50_ms: u64,
    /// Submit to first hand-over: one in a hundred was slower.
    pub p99_ms: u64,
}

impl Figures {
    /// Counts a history and what the checker found in it.
    pub fn of(lines: &[Line], violations: &[Violation]) -> Self {
        let history = History::of(lines);
        let messages = history.messages.values();
        let count = |rule| violations.iter().filter(|violation| violation.rule == rule).count();
        let mut waits: Vec<u64> = Vec::new();
        for message in history.messages.values() {
            let handed: BTreeSet<&str> = message.hands.iter().map(|(_, _, hand)| hand.to.as_str()).collect();
            let Some((_, submit, _)) = message.submits.first() else { continue };
            waits.extend(handed.iter().filter_map(|to| Some(message.first_hand(to)?.1.t.saturating_sub(submit.t))));
        }
        waits.sort_unstable();
        Self {
            kills: kills(lines),
            cuts: cuts(lines),
            judged: Judged::of(&history),
            used: Used::of(lines),
            accepted: messages.clone().filter(|message| message.is_accepted()).count(),
            handed: waits.len(),
            refused: messages.clone().filter(|message| message.is_failed()).count(),
            unknown: messages.filter(|m| !m.is_accepted() && !m.is_failed()).count(),
            lost: count(Rule::R1NoLoss),
            duplicates: count(Rule::R2NoDuplicate),
            order_violations: count(Rule::R4Order),
            p50_ms: percentile(&waits, 50) / 1_000,
            p99_ms: percentile(&waits, 99) / 1_000,
        }
    }
}

/// The most that any program used of each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    pub samples: usize,
    pub peak_bytes: u64,
    pub descriptors: u64,
    pub threads: u64,
}

impl Used {
    fn of(lines: &[Line]) -> Self {
        let mut used = Self::default();
        for line in lines {
            let Event::Sample(sample) = &line.event else { continue };
            used.samples += 1;
            used.peak_bytes = used.peak_bytes.max(sample.peak_bytes);
            used.descriptors = used.descriptors.max(sample.descriptors);
            used.threads = used.threads.max(sample.threads);
        }
        used
    }
}

/// The value that so many in a hundred do not exceed; 0 of none.
pub fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kills { all, in_flight, starting } = self.kills;
        writeln!(f, "kills {all}, with a submit in flight {in_flight}; besides {starting} while starting")?;
        let Cuts { all, real } = self.cuts;
        if all > 0 {
            writeln!(f, "of all these power cuts {all}, proved to have taken what was not synced {real}")?;
        }
        writeln!(
            f,
            "accepted {}, handed {}, refused {}, unknown {}",
            self.accepted, self.handed, self.refused, self.unknown
        )?;
        writeln!(f, "lost {}, duplicates {}, order violations {}", self.lost, self.duplicates, self.order_violations)?;
        let Judged { verified, unverified, asked, unasked, sums, waiting, accepted_in_faults, heads } = self.judged;
        writeln!(
            f,
            "signatures checked {verified}, not checked {unverified}; accepted while a program was down {accepted_in_faults}"
        )?;
        writeln!(
            f,
            "asked of the broker {asked}, not asked after its death {unasked}; sums {sums}, with {waiting} waiting; heads {heads}"
        )?;
        let Used { samples, peak_bytes, descriptors, threads } = self.used;
        writeln!(
            f,
            "samples {samples}: at most {} MiB, {descriptors} descriptors, {threads} threads",
            peak_bytes >> 20
        )?;
        write!(f, "submit to hand-over p50 {} ms, p99 {} ms", self.p50_ms, self.p99_ms)
    }
}
