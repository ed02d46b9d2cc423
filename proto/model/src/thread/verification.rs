//! K02 and K03: a lead is handed to a place, which says whether it is true. A place that is not concerned names another,
//! and the asker asks there: the time for an answer begins anew for that place, the whole time since the first question
//! stays on the thread.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Ledger, Machine, Marks, Part, StateName, Step, chain::Chain, closed, no_part, not_author, owe, wrong_sequence,
};
use crate::{
    deadline::{DeadlineName, verify_by_phone},
    header::{Action, Answer},
    ids::JurisdictionId,
    invalid::Invalid,
    numbered::numbered,
    reason::Reason,
    time::Timestamp,
};

numbered! {
    /// What a place found.
    pub enum Finding as "finding" {
        /// It is true.
        True = 1, "TRUE", "属实";
        /// Some of it is.
        Partly = 2, "PARTLY", "部分属实";
        /// It is not.
        False = 3, "FALSE", "不实";
        /// Not known yet.
        StillChecking = 4, "STILL_CHECKING", "正在核实";
        /// It is somebody else's ground.
        NotOurArea = 5, "NOT_OUR_AREA", "非本辖区";
    }
}

numbered! {
    /// The asker's word on an answer.
    pub enum Verdict as "verdict" {
        /// It settles the question.
        Confirmed = 1, "CONFIRMED", "确认";
        /// It does not.
        Reopened = 2, "REOPENED", "重新核报";
    }
}

/// What the machine needs of K02 and K03.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Facts {
    /// K02, with the asker's word on an earlier answer if it has one.
    Request(Option<Verdict>),
    /// K03.
    Reply(Finding),
}

/// The deadline for an answer in writing, and its half by telephone.
const PHONE: &str = "phone";

/// One lead.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    chain: Chain,
    asked_at: Timestamp,
    places: BTreeMap<JurisdictionId, Option<Finding>>,
    verdict: Option<Verdict>,
    /// Rounds of questions: each that is opened again is a new one.
    round: u32,
    cancelled: bool,
}

impl Machine for Verification {
    fn open(step: &Step<'_>, ledger: &mut Ledger) -> Result<(Self, Marks), Invalid> {
        let super::Facts::Verification(Facts::Request(verdict)) = step.facts else {
            return Err(wrong_sequence("header.kind", "K02.opens", "an answer to nothing"));
        };
        if let Some(verdict) = verdict {
            return Err(wrong_sequence("body.verdict", "K02.verdict", verdict.name()));
        }
        let mut verification = Self {
            chain: Chain::of(step),
            asked_at: step.at,
            places: BTreeMap::new(),
            verdict: None,
            round: 1,
            cancelled: false,
        };
        verification.ask(step, ledger);
        Ok((verification, Marks::new()))
    }

    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let super::Facts::Verification(facts) = step.facts else { return Ok(Marks::new()) };
        if self.cancelled || self.verdict == Some(Verdict::Confirmed) {
            return Err(closed(self.state()));
        }
        match facts {
            Facts::Request(verdict) => self.asked_again(step, *verdict, ledger),
            Facts::Reply(finding) => self.answered(step, *finding, ledger),
        }
    }

    fn state(&self) -> StateName {
        let found = || self.places.values().flatten();
        let (name, zh, over) = match self.verdict {
            _ if self.cancelled => ("CANCELLED", "已撤销", true),
            Some(Verdict::Confirmed) => ("CONFIRMED", "已确认", true),
            _ if found().any(|finding| is_answer(*finding)) => ("ANSWERED", "已反馈", false),
            Some(Verdict::Reopened) if found().next().is_none() => ("REOPENED", "重新核报", false),
            _ if found().any(|finding| *finding == Finding::StillChecking) => ("CHECKING", "正在核实", false),
            _ => ("ASKED", "待核报", false),
        };
        StateName { name, zh, over }
    }

    fn parts(&self) -> Vec<Part> {
        let part = |(place, finding): (&JurisdictionId, &Option<Finding>)| {
            let state = finding.map_or(StateName { name: "ASKED", zh: "待核报", over: false }, |finding| {
                StateName { name: finding.name(), zh: finding.zh(), over: finding != Finding::StillChecking }
            });
            Part { name: place.to_string(), state, detail: String::new() }
        };
        self.places.iter().map(part).collect()
    }
}

impl Verification {
    /// How long the question has been open, over every place it was handed to.
    pub fn open_for(&self, now: Timestamp) -> Duration {
        now.since(self.asked_at)
    }

    fn ask(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        let places: Vec<JurisdictionId> =
            owe::addressed(step.header).filter(|place| *place != step.by()).cloned().collect();
        for place in places {
            self.places.entry(place.clone()).or_default();
            owe::owe_reply(step, ledger, owe::key(DeadlineName::D09, &place, self.written()));
            let by_phone = verify_by_phone(owe::level(step));
            owe::owe(step, ledger, owe::key(DeadlineName::D09, &place, self.phone()), by_phone);
        }
    }

    fn written(&self) -> String {
        if self.round == 1 { String::new() } else { format!("round {}", self.round) }
    }

    fn phone(&self) -> String {
        format!("{} {PHONE}", self.written()).trim_start().to_owned()
    }

    fn asked_again(
        &mut self,
        step: &Step<'_>,
        verdict: Option<Verdict>,
        ledger: &mut Ledger,
    ) -> Result<Marks, Invalid> {
        if !self.chain.is_by(step) {
            return Err(not_author("K02.author", self.chain.author.as_str()));
        }
        if let Some(overtaken) = self.chain.overtaken(step) {
            return Ok(overtaken);
        }
        match step.header.action {
            Action::Cancel => {
                self.cancelled = true;
                ledger.void_all();
            }
            Action::Update => self.updated(step, verdict, ledger)?,
            Action::Originate | Action::Reply | Action::Error => {
                return Err(wrong_sequence("header.action", "K02.updated", step.header.action.name()));
            }
        }
        self.chain.moves_to(step);
        Ok(Marks::new())
    }

    fn updated(&mut self, step: &Step<'_>, verdict: Option<Verdict>, ledger: &mut Ledger) -> Result<(), Invalid> {
        let answered = self.places.values().flatten().any(|finding| is_answer(*finding));
        match verdict {
            Some(verdict) if !answered => Err(wrong_sequence("body.verdict", "K02.verdict", verdict.name())),
            Some(Verdict::Confirmed) => {
                self.verdict = verdict;
                ledger.void_all();
                Ok(())
            }
            Some(Verdict::Reopened) => {
                self.verdict = verdict;
                self.round += 1;
                self.places.clear();
                self.ask(step, ledger);
                Ok(())
            }
            None => {
                self.ask(step, ledger);
                Ok(())
            }
        }
    }

    fn answered(&mut self, step: &Step<'_>, finding: Finding, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let place = step.by();
        if !self.places.contains_key(place) && !owe::reaches(step.header, place) {
            return Err(no_part("K03.asked", place.as_str()));
        }
        let Some(found) = self.places.get_mut(place) else { return Err(no_part("K03.asked", place.as_str())) };
        let interim = finding == Finding::StillChecking;
        if interim != (step.header.answer == Some(Answer::StillChecking)) {
            let detail = format!("{} is {}", finding.name(), if interim { "no final word" } else { "a final word" });
            return Err(Invalid::new(Reason::BadSchema, "header.answer", "K03.answer").detail(detail));
        }
        if interim && found.is_some_and(is_answer) {
            return Err(wrong_sequence("body.finding", "K03.answered", finding.name()));
        }
        *found = Some(finding);
        let (written, phone) = (self.written(), self.phone());
        ledger.meet(&owe::key(DeadlineName::D09, place, phone), step.at, Some(step.id()));
        if !interim {
            ledger.meet(&owe::key(DeadlineName::D09, place, written), step.at, Some(step.id()));
        }
        Ok(Marks::new())
    }
}

/// A word that answers the question.
const fn is_answer(finding: Finding) -> bool {
    matches!(finding, Finding::True | Finding::Partly | Finding::False)
}
