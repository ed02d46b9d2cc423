//! That a run is not vacuous: what it claims to have done to the programs really happened, and while they worked.

use super::event::{Event, FaultKind, Line};
use super::history::History;
use super::{Rule, Violation};

/// Of a hundred kills, so many must fall while a call waits for its answer.
pub const IN_FLIGHT_PERCENT_LEAST: usize = 90;

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
            Event::Fault(fault) if fault.kind == FaultKind::Kill && !fault.victim.starts_with("desk:") => {
                kills.all += 1;
                kills.in_flight += usize::from(!waiting.is_empty());
            }
            Event::Fault(fault) if fault.kind == FaultKind::KillStarting => kills.starting += 1,
            _ => {}
        }
    }
    kills
}

/// Every planned fault fired, at least nine kills in ten of programs that worked fell with a call in flight, and something was accepted.
pub fn not_vacuous(lines: &[Line]) -> Vec<Violation> {
    let history = History::of(lines);
    let mut found: Vec<Violation> = unfired(&history);
    let kills = kills(lines);
    if kills.in_flight * 100 < kills.all * IN_FLIGHT_PERCENT_LEAST {
        let says = format!("only {} of {} kills fell with a call in flight", kills.in_flight, kills.all);
        found.push(Violation::new(Rule::NotVacuous, says, []));
    }
    if !history.messages.values().any(super::history::Message::is_accepted) {
        found.push(Violation::new(Rule::NotVacuous, "nothing was accepted", []));
    }
    found
}

fn unfired(history: &History<'_>) -> Vec<Violation> {
    let fired = |name: &&String| history.faults.iter().any(|(_, _, fault)| fault.name == **name);
    let missing = history.plan.faults.iter().filter(|name| !fired(name));
    missing.map(|name| Violation::new(Rule::NotVacuous, format!("the fault {name} never fired"), [])).collect()
}
