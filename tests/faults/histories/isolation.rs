//! R14: the faults of some do not slow the others down.

use super::{accepted, done, hand, healed, killed, submit};
use crate::checker::event::{Event, Line};
use crate::checker::rules::isolation::SAMPLES_LEAST;
use crate::checker::{Rule, check};

const SECOND: u64 = 1_000_000;

/// Messages that begin one each millisecond and are handed over `took` later.
fn messages(lines: &mut Vec<Line>, from_us: u64, first: usize, count: usize, took_us: u64) {
    let mut handed = Vec::new();
    for n in first..first + count {
        let (t, id) = (from_us + 1_000 * (n - first) as u64, format!("m{n}"));
        lines.extend([submit(&id), accepted(&id)].map(|event| Line { t, event }));
        handed.extend([hand(&id), done(&id)].map(|event| Line { t: t + took_us, event }));
    }
    lines.extend(handed);
}

/// So many messages without a fault, and so many while `victim` is under one.
fn slowed(victim: &str, count: usize, calm_us: u64, fault_us: u64) -> Vec<Rule> {
    let mut lines = Vec::new();
    messages(&mut lines, 0, 1, count, calm_us);
    let fault_from = 50 * SECOND;
    lines.push(Line { t: fault_from, event: killed(victim) });
    messages(&mut lines, fault_from, 1 + count, count, fault_us);
    let end = fault_from + 50 * SECOND;
    lines.extend([healed(victim), Event::Quiet, Event::End].map(|event| Line { t: end, event }));
    check(&lines).into_iter().map(|violation| violation.rule).collect()
}

#[test]
fn r14_a_peer_may_be_twice_as_slow_while_others_are_under_a_fault() {
    assert_eq!(slowed("agent:370400", SAMPLES_LEAST, 2 * SECOND, 4 * SECOND), []);
    assert_eq!(slowed("agent:370400", SAMPLES_LEAST, 2 * SECOND, 4 * SECOND + 1), [Rule::R14Isolation]);
}

#[test]
fn r14_below_a_second_nothing_is_meant() {
    assert_eq!(slowed("agent:370400", SAMPLES_LEAST, 1_000, SECOND), []);
    assert_eq!(slowed("agent:370400", SAMPLES_LEAST, 1_000, SECOND + 1), [Rule::R14Isolation]);
}

#[test]
fn r14_of_few_messages_nothing_is_said() {
    assert_eq!(slowed("agent:370400", SAMPLES_LEAST - 1, 1_000, 9 * SECOND), []);
}

#[test]
fn r14_a_fault_of_ones_own_or_of_the_broker_may_slow_one_down() {
    for victim in ["agent:371300", "agent:320300", "broker"] {
        assert_eq!(slowed(victim, SAMPLES_LEAST, 1_000, 9 * SECOND), []);
    }
}
