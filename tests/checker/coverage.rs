//! That a run is not vacuous: what it claims to have done to the programs really happened, and while they worked.

use std::collections::BTreeSet;

use super::event::{Event, FaultKind, Hand, Line, Receipt};
use super::history::History;
use super::{Rule, Violation};

/// Of a hundred kills, so many must fall while a call waits for its answer.
pub const IN_FLIGHT_PERCENT_LEAST: usize = 90;

/// A run with so many kills of all programs is a long one …
const LONG_RUN_KILLS: usize = 100;
/// … and owes so many acceptances while a program is down.
const ACCEPTED_IN_FAULTS_LEAST: usize = 1_000;

/// How many kills there were of programs that worked, how many of them fell while a call waited for its answer, and how
/// many fell while the program was starting again.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Kills {
    pub all: usize,
    pub in_flight: usize,
    pub starting: usize,
}

/// Counts kills of our own programs, not of those at a desk. A call is in flight from its submit until the first word about it: accepted, failed, unknown, refused.
pub fn kills(lines: &[Line]) -> Kills {
    let mut waiting = std::collections::HashSet::new();
    let mut kills = Kills::default();
    for line in lines {
        match &line.event {
            Event::Submit(submit) => drop(waiting.insert(submit.id.as_str())),
            Event::Ok(_) | Event::Fail(_) | Event::Unknown(_) | Event::Refuse(_) => {
                waiting.remove(line.event.id().unwrap_or_default());
            }
            Event::Fault(fault) if fault.kind.is_death() && !fault.victim.starts_with("desk:") => {
                kills.all += 1;
                kills.in_flight += usize::from(!waiting.is_empty());
            }
            Event::Fault(fault) if fault.kind.is_death_at_start() => kills.starting += 1,
            _ => {}
        }
    }
    kills
}

/// What the power cuts of a run took.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Cuts {
    pub all: usize,
    /// Bytes that the harness had not synced were gone.
    pub real: usize,
}

/// Counts power cuts, also those of programs that were starting.
pub fn cuts(lines: &[Line]) -> Cuts {
    let mut cuts = Cuts::default();
    for line in lines {
        match &line.event {
            Event::Fault(fault) => {
                cuts.all += usize::from(matches!(fault.kind, FaultKind::PowerCut | FaultKind::PowerCutStarting));
            }
            Event::Lost(lost) => cuts.real += usize::from(lost.canary),
            _ => {}
        }
    }
    cuts
}

/// Every planned fault fired, at least nine kills in ten of programs that worked fell with a call in flight, every power cut
/// took what was not synced, and something was accepted.
pub fn not_vacuous(lines: &[Line]) -> Vec<Violation> {
    let history = History::of(lines);
    let mut found: Vec<Violation> = unfired(&history);
    let kills = kills(lines);
    if kills.in_flight * 100 < kills.all * IN_FLIGHT_PERCENT_LEAST {
        let says = format!("only {} of {} kills fell with a call in flight", kills.in_flight, kills.all);
        found.push(Violation::new(Rule::NotVacuous, says, []));
    }
    let cuts = cuts(lines);
    if cuts.real < cuts.all {
        let says = format!("only {} of {} power cuts took what was not synced", cuts.real, cuts.all);
        found.push(Violation::new(Rule::NotVacuous, says, []));
    }
    if !history.messages.values().any(super::history::Message::is_accepted) {
        found.push(Violation::new(Rule::NotVacuous, "nothing was accepted", []));
    }
    found
}

/// What the rules that need more than a history of calls had to judge.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Judged {
    /// Hand-overs and receipts whose signatures the harness checked.
    pub verified: usize,
    /// Those that it did not.
    pub unverified: usize,
    /// Answers of the broker about messages.
    pub asked: usize,
    /// Accepted before a death of the broker, and not asked about since.
    pub unasked: usize,
    /// Times that the deliveries were counted.
    pub sums: usize,
    /// The most that waited at one of them.
    pub waiting: u64,
    /// Acceptances that were told while a program was down.
    pub accepted_in_faults: usize,
    /// Heads of evidence trees.
    pub heads: usize,
}

impl Judged {
    /// Counts a history.
    pub fn of(history: &History<'_>) -> Self {
        let mut judged = Self::default();
        let mut down = std::collections::HashSet::new();
        for line in history.lines {
            match &line.event {
                Event::Hand(Hand { verified, .. }) | Event::Receipt(Receipt { verified, .. }) => {
                    judged.verified += usize::from(verified.is_some());
                    judged.unverified += usize::from(verified.is_none());
                }
                Event::Stands(_) => judged.asked += 1,
                Event::Sum(sum) => {
                    judged.sums += 1;
                    judged.waiting = judged.waiting.max(sum.waiting);
                }
                Event::Head(_) => judged.heads += 1,
                Event::Fault(fault) if !fault.victim.starts_with("desk:") => drop(down.insert(fault.victim.as_str())),
                Event::Healed(healed) => drop(down.remove(healed.victim.as_str())),
                Event::Ok(_) => judged.accepted_in_faults += usize::from(!down.is_empty()),
                _ => {}
            }
        }
        judged.unasked = unasked(history);
        judged
    }
}

fn unasked(history: &History<'_>) -> usize {
    let deaths = history.faults.iter().rev().filter(|(_, _, fault)| fault.victim == "broker");
    let last_death = deaths.map(|(at, _, _)| *at).next();
    let forgotten = |message: &&super::history::Message<'_>| {
        let told = message.oks.first().map(|(at, _, _)| *at);
        let asked = message.stands.last().map(|(at, _, _)| *at);
        told.is_some() && told < last_death && asked < last_death
    };
    history.messages.values().filter(forgotten).count()
}

/// Why a run with kills judged less than it claims: seals that nobody checked, accepted messages about which the broker was not
/// asked after its death, programs of which nobody knows what they used, sums that were never made while something waited,
/// fewer acceptances inside fault windows than a long run owes.
pub fn unjudged(lines: &[Line]) -> Vec<Violation> {
    let history = History::of(lines);
    let judged = Judged::of(&history);
    let sampled = |name: &str| lines.iter().any(|line| matches!(&line.event, Event::Sample(s) if s.program == name));
    let killed = |fault: &&super::event::Fault| fault.kind.is_death() && !fault.victim.starts_with("desk:");
    let victims: BTreeSet<&str> =
        history.faults.iter().map(|(_, _, fault)| *fault).filter(killed).map(|fault| fault.victim.as_str()).collect();
    // a broker whose state was lost knows nothing of what had settled
    let lost = history.faults.iter().any(|(_, _, fault)| fault.kind == FaultKind::StateLost);
    let mut says: Vec<String> = Vec::new();
    if judged.unverified > 0 {
        says.push(format!("{} signatures were not checked", judged.unverified));
    }
    if !lost && judged.unasked > 0 {
        says.push(format!("{} were accepted, and nobody asked after the broker's death", judged.unasked));
    }
    if !lost && (judged.sums == 0 || judged.waiting == 0) {
        says.push("the deliveries were never counted while something waited".to_owned());
    }
    says.extend(victims.iter().filter(|name| !sampled(name)).map(|name| format!("nobody knows what {name} used")));
    let long = victims.len() > 2 && kills(lines).all >= LONG_RUN_KILLS;
    if long && judged.accepted_in_faults < ACCEPTED_IN_FAULTS_LEAST {
        says.push(format!("only {} were accepted while a program was down", judged.accepted_in_faults));
    }
    says.into_iter().map(|says| Violation::new(Rule::NotVacuous, says, [])).collect()
}

fn unfired(history: &History<'_>) -> Vec<Violation> {
    let fired = |name: &&String| history.faults.iter().any(|(_, _, fault)| fault.name == **name);
    let missing = history.plan.faults.iter().filter(|name| !fired(name));
    missing.map(|name| Violation::new(Rule::NotVacuous, format!("the fault {name} never fired"), [])).collect()
}
