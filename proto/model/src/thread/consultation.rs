//! K23 and K24: a call to consult, who comes, and what was concluded.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Ledger, Machine, Marks, Part, StateName, Step, chain::Chain, closed, no_part, not_author, owe, wrong_sequence,
};
use crate::{
    deadline::DeadlineName, header::Action, ids::JurisdictionId, invalid::Invalid, numbered::numbered, time::Timestamp,
};

numbered! {
    /// What an invited one says to the call.
    pub enum Word as "answer" {
        /// Comes.
        Join = 1, "JOIN", "参加";
        /// Comes later.
        Late = 2, "LATE", "稍后参加";
        /// Somebody else comes.
        Delegate = 3, "DELEGATE", "委托他人";
        /// Does not come.
        Decline = 4, "DECLINE", "不参加";
    }
}

numbered! {
    /// What a member says to the conclusion.
    pub enum Verdict as "answer" {
        /// It stands.
        Confirm = 1, "CONFIRM", "确认";
        /// With these words against it.
        Object = 2, "OBJECT", "异议";
    }
}

/// What the machine needs of K23 and K24.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Facts {
    /// K23: when it is held; none means now.
    Call(Option<Timestamp>),
    /// K23: an answer to the call.
    Reply(Word),
    /// K24: the owners of what was decided.
    Conclusion(Vec<JurisdictionId>),
    /// K24: a word on the conclusion.
    Verdict(Verdict),
}

/// One consultation.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Consultation {
    chain: Chain,
    held_at: Timestamp,
    /// Who was called, and what they said.
    called: BTreeMap<JurisdictionId, Option<Word>>,
    concluded: Option<Chain>,
    verdicts: BTreeMap<JurisdictionId, Verdict>,
    cancelled: bool,
    seen_at: Timestamp,
}

impl Machine for Consultation {
    fn open(step: &Step<'_>, ledger: &mut Ledger) -> Result<(Self, Marks), Invalid> {
        let super::Facts::Consultation(Facts::Call(at)) = step.facts else {
            return Err(wrong_sequence("header.kind", "K23.opens", "an answer to nothing"));
        };
        let mut consultation = Self {
            chain: Chain::of(step),
            held_at: at.unwrap_or(step.at),
            called: BTreeMap::new(),
            concluded: None,
            verdicts: BTreeMap::new(),
            cancelled: false,
            seen_at: step.at,
        };
        consultation.call(step, ledger);
        Ok((consultation, Marks::new()))
    }

    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let super::Facts::Consultation(facts) = step.facts else { return Ok(Marks::new()) };
        if self.cancelled {
            return Err(closed(self.state()));
        }
        let marks = match facts {
            Facts::Call(at) => self.called_again(step, *at, ledger),
            Facts::Reply(word) => self.answered(step, *word, ledger),
            Facts::Conclusion(_) => self.concluded(step),
            Facts::Verdict(verdict) => self.judged(step, *verdict),
        }?;
        self.seen_at = self.seen_at.max(step.at);
        Ok(marks)
    }

    fn state(&self) -> StateName {
        self.state_at(self.seen_at)
    }

    fn state_at(&self, at: Timestamp) -> StateName {
        let objected = self.verdicts.values().any(|verdict| *verdict == Verdict::Object);
        let (name, zh, over) = match &self.concluded {
            _ if self.cancelled => ("CANCELLED", "已取消", true),
            Some(_) if self.all_judged() && objected => ("CONFIRMED_WITH_OBJECTION", "已确认（有异议）", true),
            Some(_) if self.all_judged() => ("CONFIRMED", "已确认", true),
            Some(_) => ("CONCLUDED", "已形成结论", false),
            None if at >= self.held_at => ("LIVE", "会商中", false),
            None => ("CALLED", "已召集", false),
        };
        StateName { name, zh, over }
    }

    fn parts(&self) -> Vec<Part> {
        let part = |(who, word): (&JurisdictionId, &Option<Word>)| {
            let verdict = self.verdicts.get(who);
            let state = match (verdict, word) {
                (Some(verdict), _) => StateName { name: verdict.name(), zh: verdict.zh(), over: true },
                (None, Some(word)) => StateName { name: word.name(), zh: word.zh(), over: false },
                (None, None) => StateName { name: "CALLED", zh: "未答复", over: false },
            };
            Part { name: who.to_string(), state, detail: String::new() }
        };
        self.called.iter().map(part).collect()
    }
}

impl Consultation {
    fn call(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        for who in owe::addressed(step.header).filter(|who| *who != step.by()) {
            self.called.entry(who.clone()).or_default();
            owe::owe_reply(step, ledger, owe::key(DeadlineName::D16, who, ""));
        }
    }

    /// Everybody who did not decline has judged the conclusion.
    fn all_judged(&self) -> bool {
        let came = self.called.iter().filter(|(_, word)| **word != Some(Word::Decline));
        came.map(|(who, _)| who).all(|who| self.verdicts.contains_key(who))
    }

    fn called_again(&mut self, step: &Step<'_>, at: Option<Timestamp>, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        if !self.chain.is_by(step) {
            return Err(not_author("K23.author", self.chain.author.as_str()));
        }
        if let Some(overtaken) = self.chain.overtaken(step) {
            return Ok(overtaken);
        }
        if self.concluded.is_some() {
            return Err(wrong_sequence("header.action", "K23.concluded", step.header.action.name()));
        }
        match step.header.action {
            Action::Cancel => {
                self.cancelled = true;
                ledger.void_all();
            }
            Action::Update => {
                self.held_at = at.unwrap_or(self.held_at);
                self.call(step, ledger);
            }
            Action::Originate | Action::Reply | Action::Error => {
                return Err(wrong_sequence("header.action", "K23.updated", step.header.action.name()));
            }
        }
        self.chain.moves_to(step);
        Ok(Marks::new())
    }

    fn answered(&mut self, step: &Step<'_>, word: Word, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let who = step.by();
        let Some(said) = self.called.get_mut(who) else { return Err(no_part("K23.called", who.as_str())) };
        if self.concluded.is_some() {
            return Err(wrong_sequence("body.reply", "K23.concluded", word.name()));
        }
        *said = Some(word);
        ledger.meet(&owe::key(DeadlineName::D16, who, ""), step.at, Some(step.id()));
        Ok(Marks::new())
    }

    /// Whoever called writes down what came of it; again to correct it, and then the words on it are asked anew.
    fn concluded(&mut self, step: &Step<'_>) -> Result<Marks, Invalid> {
        if !self.chain.is_by(step) {
            return Err(not_author("K24.author", self.chain.author.as_str()));
        }
        if step.at < self.held_at {
            return Err(wrong_sequence("body.conclusion", "K24.not_held_yet", self.held_at.rfc3339()));
        }
        if let Some(chain) = self.concluded.as_mut() {
            if let Some(overtaken) = chain.overtaken(step) {
                return Ok(overtaken);
            }
            chain.moves_to(step);
            self.verdicts.clear();
        } else {
            self.concluded = Some(Chain::of(step));
        }
        Ok(Marks::new())
    }

    fn judged(&mut self, step: &Step<'_>, verdict: Verdict) -> Result<Marks, Invalid> {
        let who = step.by();
        if !self.called.contains_key(who) {
            return Err(no_part("K24.called", who.as_str()));
        }
        if self.concluded.is_none() {
            return Err(wrong_sequence("body.reply", "K24.not_concluded", verdict.name()));
        }
        self.verdicts.insert(who.clone(), verdict);
        Ok(Marks::new())
    }
}
