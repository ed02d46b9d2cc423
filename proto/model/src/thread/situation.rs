//! K05: one numbered report on a situation. Its author corrects it, with a reason where a count falls; the next number is
//! a thread of its own and takes its place.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::{Ledger, Machine, Marks, Part, StateName, Step, chain::Chain, closed, not_author, wrong_sequence};
use crate::{
    contradiction::Figures, count::Casualties, header::Action, ids::JurisdictionId, invalid::Invalid,
    numbered::numbered, place::Place, reason::Reason,
};

/// People harmed at one place.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct At {
    /// Where.
    pub place: Place,
    /// How many.
    pub casualties: Casualties,
}

/// What the machine needs of K05.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// Which of the author's reports on this incident.
    pub number: u32,
    /// Figures by place.
    pub places: Vec<At>,
    /// Somebody says why an earlier figure was wrong.
    pub corrects: bool,
}

numbered! {
    /// Where a report stands. On no wire; the number is its place in the catalogue's row.
    pub enum Phase as "phase" {
        /// As it was sent.
        Published = 1, "PUBLISHED", "已发布";
        /// Its author has changed it.
        Corrected = 2, "CORRECTED", "已更正";
        /// A later number is there.
        Followed = 3, "FOLLOWED", "已有后续专报";
        /// Its author took it back.
        Cancelled = 4, "CANCELLED", "已撤销";
    }
}

/// One report.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Situation {
    chain: Chain,
    number: u32,
    places: Vec<At>,
    phase: Phase,
}

impl Machine for Situation {
    fn open(step: &Step<'_>, _: &mut Ledger) -> Result<(Self, Marks), Invalid> {
        let super::Facts::Situation(facts) = step.facts else {
            return Err(wrong_sequence("header.kind", "K05.opens", "no situation report"));
        };
        let phase = match step.header.action {
            Action::Originate => Phase::Published,
            // the first revision gave way to it on its way here
            Action::Update => Phase::Corrected,
            Action::Cancel => Phase::Cancelled,
            Action::Reply | Action::Error => {
                return Err(wrong_sequence("header.action", "K05.opens", step.header.action.name()));
            }
        };
        let places = facts.places.clone();
        Ok((Self { chain: Chain::of(step), number: facts.number, places, phase }, Marks::new()))
    }

    fn step(&mut self, step: &Step<'_>, _: &mut Ledger) -> Result<Marks, Invalid> {
        let super::Facts::Situation(facts) = step.facts else { return Ok(Marks::new()) };
        if !self.chain.is_by(step) {
            return Err(not_author("K05.author", self.chain.author.as_str()));
        }
        if matches!(step.header.action, Action::Reply | Action::Error) {
            return Err(wrong_sequence("header.action", "K05.updated", step.header.action.name()));
        }
        if let Some(overtaken) = self.chain.overtaken(step) {
            return Ok(overtaken);
        }
        if self.phase == Phase::Cancelled {
            return Err(closed(self.state()));
        }
        if step.cancels() {
            self.phase = Phase::Cancelled;
        } else {
            self.corrected(facts)?;
        }
        self.chain.moves_to(step);
        Ok(Marks::new())
    }

    fn state(&self) -> StateName {
        let over = matches!(self.phase, Phase::Followed | Phase::Cancelled);
        StateName { name: self.phase.name(), zh: self.phase.zh(), over }
    }

    /// The dead and missing of each place.
    fn parts(&self) -> Vec<Part> {
        let part = |at: &At| Part {
            name: at.place.name.clone(),
            state: self.state(),
            detail: format!("{} / {}", at.casualties.dead, at.casualties.missing),
        };
        self.places.iter().map(part).collect()
    }
}

impl Situation {
    /// Who counts.
    pub const fn author(&self) -> &JurisdictionId {
        &self.chain.author
    }

    /// Which of its author's reports on the incident.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// What is compared with the figures of others.
    pub fn figures(&self) -> impl Iterator<Item = Figures> {
        self.places.iter().map(|at| Figures {
            place: at.place.clone(),
            dead: at.casualties.dead,
            missing: at.casualties.missing,
        })
    }

    /// The same author has published this number on the same incident, in a thread of its own. A report that is followed
    /// may still be corrected: it stays history.
    pub const fn followed(&mut self, by: u32) {
        if by > self.number && !matches!(self.phase, Phase::Cancelled) {
            self.phase = Phase::Followed;
        }
    }

    fn corrected(&mut self, facts: &Facts) -> Result<(), Invalid> {
        if facts.number != self.number {
            let detail = format!("{}, and this is {}", facts.number, self.number);
            return Err(wrong_sequence("body.report_number", "K05.number", detail));
        }
        self.justified(facts)?;
        self.places.clone_from(&facts.places);
        if self.phase == Phase::Published {
            self.phase = Phase::Corrected;
        }
        Ok(())
    }

    /// A count that falls, or is not said any more, is explained.
    fn justified(&self, facts: &Facts) -> Result<(), Invalid> {
        let falls = |before: &&At| {
            let after = facts.places.iter().find(|after| after.place.is_named_as(&before.place));
            let after = after.map_or_else(Casualties::default, |after| after.casualties);
            before.casualties.against(&after).any(|(_, before, after)| before.falls_to(after))
        };
        match self.places.iter().find(falls) {
            Some(at) if !facts.corrects => {
                let missing = Invalid::new(Reason::MissingField, "body.correction_reason", "K05.correction_reason");
                Err(missing.detail(at.place.name.clone()))
            }
            Some(_) | None => Ok(()),
        }
    }
}
