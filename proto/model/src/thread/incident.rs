//! K01: the reports of one incident, 初报, 续报, 终报, 补报. Their author alone reports on; counts are never lowered without a
//! reason, and a count that nobody knows is unknown, never zero.

mod facts;
mod owed;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::facts::{Casualties, Count, Facts, Known, Place, ReportType, proposed_level};

use super::{
    Ledger, Machine, Mark, Marked, Marks, Part, StateName, Step, chain::Chain, closed, not_author, wrong_sequence,
};
use crate::{header::Action, ids::IncidentId, invalid::Invalid, level::EventLevel, reason::Reason, time::Timestamp};

/// The reports of one incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    chain: Chain,
    phase: Phase,
    level: EventLevel,
    /// The newest report in force.
    newest: Known,
    /// Follow-ups, and supplements after the final report.
    follow_ups: u32,
    supplements: u32,
    /// Times that a next report was owed.
    rounds: u32,
    /// The incident that this one turned out to be.
    merged: Option<IncidentId>,
    cancelled: bool,
    seen_at: Timestamp,
}

/// Where the reports stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
enum Phase {
    Reported,
    Open,
    Resolved,
    Final,
    Supplemented,
    Refuted,
}

impl Machine for Incident {
    fn open(step: &Step<'_>, ledger: &mut Ledger) -> Result<(Self, Marks), Invalid> {
        let super::Facts::Incident(facts) = step.facts else {
            return Err(wrong_sequence("header.kind", "K01.opens", "no report"));
        };
        if step.header.action == Action::Originate && facts.report_type != ReportType::Initial {
            return Err(wrong_sequence("body.report_type", "K01.initial_opens", facts.report_type.name()));
        }
        let mut incident = Self {
            chain: Chain::of(step),
            phase: phase_of(facts),
            level: level(step),
            newest: facts.known(),
            follow_ups: facts.sequence_no,
            supplements: 0,
            rounds: 0,
            merged: None,
            cancelled: step.cancels(),
            seen_at: step.at,
        };
        owed::first(step, facts, ledger);
        incident.owe_next(step, ledger);
        Ok((incident, proposal(step, facts)))
    }

    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let super::Facts::Incident(facts) = step.facts else { return Ok(Marks::new()) };
        if !self.chain.is_by(step) {
            return Err(not_author("K01.author", self.chain.author.as_str()));
        }
        if step.header.action == Action::Reply || step.header.action == Action::Originate {
            return Err(wrong_sequence("header.action", "K01.updated", step.header.action.name()));
        }
        if let Some(overtaken) = self.chain.overtaken(step) {
            return Ok(overtaken);
        }
        if self.is_closed_at(step.at, facts) {
            return Err(closed(self.state_at(step.at)));
        }
        if step.cancels() {
            self.cancelled = true;
            ledger.void_all();
            self.chain.moves_to(step);
            return Ok(Marks::new());
        }
        self.follows(facts)?;
        self.justified(facts)?;
        let marks = self.marks(step, facts);
        self.take(step, facts, ledger);
        Ok(marks)
    }

    fn state(&self) -> StateName {
        self.state_at(self.seen_at)
    }

    fn state_at(&self, at: Timestamp) -> StateName {
        let (name, zh, over) = match self.phase {
            _ if self.cancelled => ("CANCELLED", "已撤销", true),
            _ if self.merged.is_some() => ("MERGED", "已并入", true),
            Phase::Refuted => ("REFUTED", "不属实", true),
            Phase::Final | Phase::Supplemented if at > self.newest.supplements_until() => ("CLOSED", "已结束", true),
            Phase::Reported => ("REPORTED", "已初报", false),
            Phase::Open => ("OPEN", "续报中", false),
            Phase::Resolved => ("RESOLVED", "险情已解除", false),
            Phase::Final => ("FINAL", "已终报", false),
            Phase::Supplemented => ("SUPPLEMENTED", "已补报", false),
        };
        StateName { name, zh, over }
    }

    /// The counts in force.
    fn parts(&self) -> Vec<Part> {
        let state = StateName { name: self.level.name(), zh: self.level.zh(), over: false };
        let part = |(name, count): (&str, Count)| Part { name: name.to_owned(), state, detail: count.to_string() };
        self.newest.casualties.named().into_iter().map(part).collect()
    }
}

impl Incident {
    /// The counts in force.
    pub const fn casualties(&self) -> &Casualties {
        &self.newest.casualties
    }

    /// The report in force, for whoever compares what two sides say.
    pub const fn known(&self) -> &Known {
        &self.newest
    }

    /// It turned out to be another incident; its thread stays readable.
    pub fn merge(&mut self, into: IncidentId, ledger: &mut Ledger) {
        self.merged = Some(into);
        ledger.void_all();
    }

    /// Something is still expected of its author.
    pub fn is_open(&self) -> bool {
        let ongoing = matches!(self.phase, Phase::Reported | Phase::Open | Phase::Resolved);
        ongoing && self.merged.is_none() && !self.cancelled
    }

    /// A matter that is over takes nothing; a supplement after its window is kept and marked.
    fn is_closed_at(&self, at: Timestamp, facts: &Facts) -> bool {
        let state = self.state_at(at);
        state.over && !(state.name == "CLOSED" && facts.report_type == ReportType::Supplement)
    }

    /// The reports follow each other in the order of the law.
    fn follows(&self, facts: &Facts) -> Result<(), Invalid> {
        let ended = matches!(self.phase, Phase::Final | Phase::Supplemented);
        let lawful = match facts.report_type {
            ReportType::Initial => false,
            ReportType::FollowUp => !ended,
            ReportType::Final => self.phase == Phase::Resolved,
            ReportType::Supplement => ended,
        };
        if !lawful {
            let detail = format!("{} after {}", facts.report_type.name(), self.state().name);
            return Err(wrong_sequence("body.report_type", "K01.report_order", detail));
        }
        let (next, counted) = match facts.report_type {
            ReportType::FollowUp => (self.follow_ups + 1, true),
            ReportType::Supplement => (self.supplements + 1, true),
            ReportType::Initial | ReportType::Final => (0, false),
        };
        // a number that was skipped may have been overtaken; one that comes again is none
        if counted && facts.sequence_no < next {
            let detail = format!("{} after {}", facts.sequence_no, next.saturating_sub(1));
            return Err(wrong_sequence("body.sequence_no", "K01.sequence_no", detail));
        }
        Ok(())
    }

    /// A number of dead that falls is explained.
    fn justified(&self, facts: &Facts) -> Result<(), Invalid> {
        let falls = self.newest.casualties.dead.falls_to(&facts.casualties.dead);
        if falls && facts.correction_reason.is_empty() {
            return Err(Invalid::new(Reason::MissingField, "body.correction_reason", "K01.correction_reason"));
        }
        Ok(())
    }

    fn marks(&self, step: &Step<'_>, facts: &Facts) -> Marks {
        let mut marks = proposal(step, facts);
        let mut mark = |mark| marks.push(Marked { mark, about: String::new() });
        if facts.report_type == ReportType::Supplement && step.at > self.newest.supplements_until() {
            mark(Mark::OutOfWindow);
        }
        let same = facts.known().says_as(&self.newest) && level(step) == self.level && !facts.resolved;
        if facts.report_type == ReportType::FollowUp && same {
            mark(Mark::NothingNew);
        }
        marks
    }

    fn take(&mut self, step: &Step<'_>, facts: &Facts, ledger: &mut Ledger) {
        self.met_round(step, facts, ledger);
        if let Some(since) = facts.known().deaths_changed_at(&self.newest) {
            owed::changed(step, since, self.rounds, ledger);
        }
        self.phase = phase_of(facts);
        self.level = level(step);
        let occurred_at = self.newest.occurred_at;
        self.newest = facts.known();
        self.newest.occurred_at = self.newest.occurred_at.min(occurred_at);
        match facts.report_type {
            ReportType::FollowUp => self.follow_ups = facts.sequence_no,
            ReportType::Supplement => self.supplements = facts.sequence_no,
            ReportType::Initial | ReportType::Final => {}
        }
        self.seen_at = self.seen_at.max(step.at);
        self.chain.moves_to(step);
        if self.phase == Phase::Refuted {
            ledger.void_all();
            return;
        }
        self.owe_next(step, ledger);
    }
}

fn level(step: &Step<'_>) -> EventLevel {
    super::owe::level(step)
}

fn phase_of(facts: &Facts) -> Phase {
    match facts.report_type {
        _ if facts.refuted => Phase::Refuted,
        ReportType::Initial => Phase::Reported,
        ReportType::FollowUp if facts.resolved => Phase::Resolved,
        ReportType::FollowUp => Phase::Open,
        ReportType::Final => Phase::Final,
        ReportType::Supplement => Phase::Supplemented,
    }
}

/// The counts propose a graver level than the declared one.
fn proposal(step: &Step<'_>, facts: &Facts) -> Marks {
    let proposed = proposed_level(&facts.casualties, facts.loss_yuan);
    let graver = proposed.is_some_and(|proposed| proposed < level(step));
    let about = proposed.map_or("", EventLevel::name).to_owned();
    if graver { vec![Marked { mark: Mark::LevelProposal, about }] } else { Marks::new() }
}
