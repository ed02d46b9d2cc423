#![allow(clippy::unwrap_used)]

mod alerts;
mod hostile;
mod round_trip;
mod rules;
mod verdicts;

use super::{Reading, read, rule::Level};

/// An update of a flood warning that breaks no rule.
const FLOOD: &str = include_str!("flood.cap");

/// The file with one passage changed; it must be there.
fn changed(from: &str, to: &str) -> String {
    assert!(FLOOD.contains(from), "{from}");
    FLOOD.replacen(from, to, 1)
}

fn reading(text: &str) -> Reading {
    read(text.as_bytes()).unwrap()
}

/// Rules that were broken, by name without `CAP.`; remarks left out.
fn broken(reading: &Reading) -> Vec<&'static str> {
    let found = reading.findings.iter().filter(|finding| finding.rule.level() != Level::Note);
    let mut names: Vec<_> = found.map(|finding| finding.rule.name().trim_start_matches("CAP.")).collect();
    names.dedup();
    names
}
