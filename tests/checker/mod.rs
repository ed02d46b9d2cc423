//! The history checker: what the harness wrote down, held against the rules of the house.
//!
//! Each rule is a pure function from a history to its violations. The checker knows nothing of the programs under
//! test: no type of theirs, no code of theirs. What a history does not tell, no rule judges: a harness that wants R7,
//! R11, R13 or R14 judged writes down the events they need, and `coverage` says where it did not.
#![allow(dead_code, reason = "each test target uses its own part")]

pub mod coverage;
pub mod event;
pub mod figures;
pub mod history;
pub mod recorder;
pub mod rules;

use std::fmt;

use event::Line;
use history::History;

/// A rule of the checker.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Rule {
    /// A call without an answer takes effect at most once.
    R0Indeterminate,
    /// What was accepted is handed over and confirmed, or comes to a lawful negative end.
    R1NoLoss,
    /// Nothing is handed over again after it was confirmed.
    R2NoDuplicate,
    /// Nothing is handed over that nobody sent.
    R3NoPhantom,
    /// Order per sender, recipient and precedence; between precedences the urgent first.
    R4Order,
    /// No name ever means two things.
    R5Names,
    /// A delivery never goes back.
    R6ForwardOnly,
    /// What was told as accepted is still there after a recovery.
    R7AckIsTrue,
    /// Receipts are true.
    R8Receipts,
    /// The same again is answered the same; other bytes under a known id are refused.
    R9Idempotence,
    /// Nothing reaches whom it was not resolved to.
    R10Rights,
    /// Heads and proofs agree, and so do the sums.
    R11Evidence,
    /// Everything settles soon after everything is healed.
    R12Liveness,
    /// No program uses more than its limits.
    R13Bounds,
    /// The faults of some do not slow the others down.
    R14Isolation,
    /// The run really did what it claims.
    NotVacuous,
}

/// A rule that a history breaks, with the lines that show it.
#[derive(Clone, Debug)]
pub struct Violation {
    pub rule: Rule,
    pub says: String,
    pub lines: Vec<Line>,
}

impl Violation {
    /// A violation shown by these lines.
    pub fn new<'a>(rule: Rule, says: impl Into<String>, lines: impl IntoIterator<Item = &'a Line>) -> Self {
        Self { rule, says: says.into(), lines: lines.into_iter().cloned().collect() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}: {}", self.rule, self.says)?;
        self.lines.iter().try_for_each(|line| writeln!(f, "    {}", event::print(line)))
    }
}

/// All violations of all rules, in the order of the rules.
pub fn check(lines: &[Line]) -> Vec<Violation> {
    let history = History::of(lines);
    rules::ALL.iter().flat_map(|rule| rule(&history)).collect()
}

/// A text for people: each violation with its lines, at most `most` of them.
pub fn report(violations: &[Violation], most: usize) -> String {
    let shown: String = violations.iter().take(most).map(ToString::to_string).collect();
    match violations.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown}… and {more} more\n"),
    }
}
