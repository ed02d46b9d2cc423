//! K05: one numbered report on a situation. Its author corrects it, with a reason where a count falls; the next number
//! is a matter of its own.

use serde::{Deserialize, Serialize};

use super::{
    Ledger, Machine, Marks, StateName, Step, chain::Chain, closed, incident::Count, not_author, wrong_sequence,
};
use crate::{geometry::Point, header::Action, invalid::Invalid, reason::Reason};

/// A place and its figures.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Division code.
    pub division: String,
    /// Its name there.
    pub name: String,
    /// Where it is.
    pub point: Option<Point>,
    /// Dead.
    pub dead: Count,
    /// Missing.
    pub missing: Count,
}

/// What the machine needs of K05.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// Which of the incident's reports.
    pub number: u32,
    /// Figures by place.
    pub places: Vec<Figures>,
    /// Why an earlier figure was wrong; empty when not said.
    pub correction_reason: String,
}

/// One report.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Situation {
    chain: Chain,
    number: u32,
    places: Vec<Figures>,
    corrected: bool,
    cancelled: bool,
}

impl Machine for Situation {
    fn open(step: &Step<'_>, _ledger: &mut Ledger) -> Result<(Self, Marks), Invalid> {
        let super::Facts::Situation(facts) = step.facts else {
            return Err(wrong_sequence("header.kind", "K05.opens", "no situation report"));
        };
        let situation = Self {
            chain: Chain::of(step),
            number: facts.number,
            places: facts.places.clone(),
            corrected: step.header.revision > 1,
            cancelled: step.cancels(),
        };
        Ok((situation, Marks::new()))
    }

    fn step(&mut self, step: &Step<'_>, _ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let super::Facts::Situation(facts) = step.facts else { return Ok(Marks::new()) };
        if !self.chain.is_by(step) {
            return Err(not_author("K05.author", self.chain.author.as_str()));
        }
        if let Some(overtaken) = self.chain.overtaken(step) {
            return Ok(overtaken);
        }
        if self.cancelled {
            return Err(closed(self.state()));
        }
        if matches!(step.header.action, Action::Originate | Action::Reply | Action::Error) {
            return Err(wrong_sequence("header.action", "K05.updated", step.header.action.name()));
        }
        if facts.number != self.number {
            return Err(wrong_sequence("body.report_number", "K05.number", self.number.to_string()));
        }
        self.justified(facts)?;
        self.cancelled = step.cancels();
        self.corrected = true;
        self.places.clone_from(&facts.places);
        self.chain.moves_to(step);
        Ok(Marks::new())
    }

    fn state(&self) -> StateName {
        let (name, zh) = match (self.cancelled, self.corrected) {
            (true, _) => ("CANCELLED", "已撤销"),
            (false, true) => ("CORRECTED", "已更正"),
            (false, false) => ("PUBLISHED", "已发布"),
        };
        StateName { name, zh, over: self.cancelled }
    }
}

impl Situation {
    /// The figures in force.
    pub fn places(&self) -> &[Figures] {
        &self.places
    }

    /// A count that falls is explained.
    fn justified(&self, facts: &Facts) -> Result<(), Invalid> {
        let falls = |before: &Figures, after: &Figures| {
            before.dead.falls_to(&after.dead) || before.missing.falls_to(&after.missing)
        };
        let same = |before: &&Figures, after: &Figures| before.division == after.division && before.name == after.name;
        let fell = facts
            .places
            .iter()
            .find(|after| self.places.iter().find(|before| same(before, after)).is_some_and(|b| falls(b, after)));
        match fell {
            Some(place) if facts.correction_reason.is_empty() => {
                let invalid = Invalid::new(Reason::MissingField, "body.correction_reason", "K05.correction_reason");
                Err(invalid.detail(place.name.clone()))
            }
            Some(_) | None => Ok(()),
        }
    }
}
