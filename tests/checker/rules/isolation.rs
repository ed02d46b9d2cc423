//! R14: the faults of some do not slow the others down.

use std::collections::BTreeMap;

use crate::checker::event::Event;
use crate::checker::figures::percentile;
use crate::checker::history::{History, Message};
use crate::checker::{Rule, Violation};

/// Of fewer messages than this nothing is said, in either of the two: one slow one would be the 99th percentile.
pub const SAMPLES_LEAST: usize = 100;
/// A peer may become so much slower.
const FACTOR: u64 = 2;
/// Below this nothing is meant. On a machine of two cores a program that starts takes one of them for some hundred
/// milliseconds, and other tests run beside this one; what R14 is about is a peer that waits for another's return or
/// time limit, and the shortest of those takes seconds.
const MEANT_FROM_US: u64 = 1_000_000;

/// What one leg of the way took, of messages that met no fault of their own.
#[derive(Clone, Debug, Default)]
pub struct Took {
    /// While nobody was under a fault.
    pub calm_us: Vec<u64>,
    /// While somebody else was.
    pub fault_us: Vec<u64>,
}

/// The two legs that are timed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Leg {
    /// From the call to the sender's knowledge of the acceptance.
    Accept,
    /// From there to the first hand-over.
    HandOver,
}

/// R14: for each pair of sender and recipient and each leg, the 99th percentile while others are under a fault is at most
/// twice that without any. Judged where there are enough messages of both.
pub fn isolation(history: &History<'_>) -> Vec<Violation> {
    legs(history).into_iter().filter_map(|((from, to, leg), took)| slower(from, to, leg, &took)).collect()
}

fn slower(from: &str, to: &str, leg: Leg, took: &Took) -> Option<Violation> {
    let (calm, fault) = took.judged()?;
    let most = MEANT_FROM_US.max(calm * FACTOR);
    let says = format!(
        "{from} → {to}, {leg:?}: p99 {} ms while others were under a fault, {} ms without; {} ms at most",
        fault / 1_000,
        calm / 1_000,
        most / 1_000
    );
    (fault > most).then(|| Violation::new(Rule::R14Isolation, says, []))
}

impl Took {
    /// The 99th percentiles without and with faults of others, where there are enough messages for both.
    pub fn judged(&self) -> Option<(u64, u64)> {
        let p99 = |took: &Vec<u64>| {
            let mut sorted = took.clone();
            sorted.sort_unstable();
            percentile(&sorted, 99)
        };
        let enough = self.calm_us.len() >= SAMPLES_LEAST && self.fault_us.len() >= SAMPLES_LEAST;
        enough.then(|| (p99(&self.calm_us), p99(&self.fault_us)))
    }
}

/// What every leg took, by sender and recipient.
pub fn legs<'a>(history: &History<'a>) -> BTreeMap<(&'a str, &'a str, Leg), Took> {
    let windows = windows(history);
    let mut legs: BTreeMap<_, Took> = BTreeMap::new();
    for message in history.messages.values() {
        for (from, to, leg, began, ended) in timed(message) {
            let took = legs.entry((from, to, leg)).or_default();
            match touched(&windows, [from, to], began, ended) {
                Touched::Nobody => took.calm_us.push(ended - began),
                Touched::Others => took.fault_us.push(ended - began),
                Touched::Own => {}
            }
        }
    }
    legs
}

fn timed<'a>(message: &Message<'a>) -> Vec<(&'a str, &'a str, Leg, u64, u64)> {
    let (Some((_, call, submit)), Some(accepted)) = (message.submits.first(), message.accepted_at()) else {
        return Vec::new();
    };
    let mut legs = Vec::new();
    for to in message.recipients() {
        legs.push((submit.from.as_str(), to, Leg::Accept, call.t, accepted));
        let handed = message.first_hand(to).map(|(_, line, _)| line.t);
        // the word of the acceptance and the hand-over go two ways: the second may come first
        legs.extend(handed.map(|handed| (submit.from.as_str(), to, Leg::HandOver, accepted.min(handed), handed)));
    }
    legs
}

/// From when to when who was under a fault.
struct Window<'a> {
    victim: &'a str,
    from: u64,
    until: u64,
}

fn windows<'a>(history: &History<'a>) -> Vec<Window<'a>> {
    let mut open: BTreeMap<&str, u64> = BTreeMap::new();
    let mut windows = Vec::new();
    for line in history.lines {
        match &line.event {
            Event::Fault(fault) => drop(open.entry(&fault.victim).or_insert(line.t)),
            Event::Healed(healed) => {
                let victim = healed.victim.as_str();
                windows.extend(open.remove(victim).map(|from| Window { victim, from, until: line.t }));
            }
            _ => {}
        }
    }
    // a desk's program that died comes back by itself: nobody tells when
    let open = open.into_iter().filter(|(victim, _)| !victim.starts_with("desk:"));
    windows.extend(open.map(|(victim, from)| Window { victim, from, until: u64::MAX }));
    windows
}

/// Whose fault a span meets.
enum Touched {
    Nobody,
    Others,
    Own,
}

/// Whether a span meets a fault, and whose. The broker's faults are everybody's own.
fn touched(windows: &[Window<'_>], pair: [&str; 2], began: u64, ended: u64) -> Touched {
    let met: Vec<&Window<'_>> = windows.iter().filter(|window| window.from <= ended && began <= window.until).collect();
    let is_own = |window: &Window<'_>| {
        window.victim == "broker" || window.victim.split_once(':').is_some_and(|(_, city)| pair.contains(&city))
    };
    match met.is_empty() {
        true => Touched::Nobody,
        false if met.into_iter().any(is_own) => Touched::Own,
        false => Touched::Others,
    }
}
