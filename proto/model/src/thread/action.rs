//! K20 to K22: actions that somebody is asked for, what each who is asked says to each of them, and how it goes.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    Ledger, Machine, Marks, Part, StateName, Step, chain::Chain, closed, no_part, not_author, owe, wrong_sequence,
};
use crate::{
    deadline::DeadlineName, header::Action, ids::JurisdictionId, invalid::Invalid, numbered::numbered, reason::Reason,
};

numbered! {
    /// Where one action of one who was asked stands.
    pub enum Progress as "progress" {
        /// Nothing was said yet.
        Asked = 1, "ASKED", "待答复";
        /// It will be done as asked.
        Agreed = 2, "AGREED", "已同意";
        /// It will be done otherwise.
        Changed = 3, "CHANGED", "同意并调整";
        /// It will not be done.
        Declined = 4, "DECLINED", "不同意";
        /// An authority must approve.
        PendingApproval = 5, "PENDING_APPROVAL", "待批准";
        /// It has begun.
        Started = 6, "STARTED", "已开始";
        /// It is done.
        Done = 7, "DONE", "已完成";
        /// It could not be done.
        Failed = 8, "FAILED", "未成功";
        /// It was stopped.
        Stopped = 9, "STOPPED", "已停止";
    }
}

impl Progress {
    /// A word that settles whether it will be done.
    const fn is_decided(self) -> bool {
        !matches!(self, Self::Asked | Self::PendingApproval)
    }

    /// Nothing more is expected of it.
    const fn is_over(self) -> bool {
        matches!(self, Self::Declined | Self::Done | Self::Failed | Self::Stopped)
    }

    /// Whether a report may lead from here to there.
    const fn leads_to(self, next: Self) -> bool {
        match next {
            Self::Started => matches!(self, Self::Agreed | Self::Changed | Self::Started),
            // that it is done says that it was begun
            Self::Done | Self::Failed | Self::Stopped => matches!(self, Self::Agreed | Self::Changed | Self::Started),
            _ => false,
        }
    }
}

/// What the machine needs of K20 to K22.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Facts {
    /// K20: the numbers of the actions.
    Request(Vec<u32>),
    /// K21: what is said to each.
    Response(Vec<(u32, Progress)>),
    /// K22: how one of them goes; under way counts as started.
    Report(u32, Progress),
}

/// A request for actions.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Actions {
    chain: Chain,
    numbers: BTreeSet<u32>,
    /// Anybody may be reached by group or area.
    open: bool,
    asked: BTreeMap<JurisdictionId, BTreeMap<u32, Progress>>,
    cancelled: bool,
}

impl Machine for Actions {
    fn open(step: &Step<'_>, ledger: &mut Ledger) -> Result<(Self, Marks), Invalid> {
        let super::Facts::Action(Facts::Request(actions)) = step.facts else {
            return Err(wrong_sequence("header.kind", "K20.opens", "an answer to nothing"));
        };
        let mut request = Self {
            chain: Chain::of(step),
            numbers: BTreeSet::new(),
            open: false,
            asked: BTreeMap::new(),
            cancelled: false,
        };
        request.ask(step, actions, ledger)?;
        Ok((request, Marks::new()))
    }

    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let super::Facts::Action(facts) = step.facts else { return Ok(Marks::new()) };
        match facts {
            Facts::Request(actions) => self.requested(step, actions, ledger),
            Facts::Response(said) => self.answered(step, said, ledger),
            Facts::Report(action, progress) => self.reported(step, *action, *progress),
        }
    }

    fn state(&self) -> StateName {
        let all = || self.asked.values().flat_map(BTreeMap::values);
        let (name, zh, over) = if self.cancelled {
            ("CANCELLED", "已取消", true)
        } else if all().all(|progress| progress.is_over()) && !self.asked.is_empty() {
            ("CLOSED", "已办结", true)
        } else if all().any(|progress| *progress == Progress::Started) {
            ("UNDER_WAY", "进行中", false)
        } else if all().all(|progress| progress.is_decided()) && !self.asked.is_empty() {
            ("DECIDED", "已答复", false)
        } else {
            ("ASKED", "待答复", false)
        };
        StateName { name, zh, over }
    }

    fn parts(&self) -> Vec<Part> {
        let part = |who: &JurisdictionId, action: &u32, progress: &Progress| Part {
            name: format!("{who} {action}"),
            state: StateName { name: progress.name(), zh: progress.zh(), over: progress.is_over() },
            detail: String::new(),
        };
        let of = |(who, actions): (&JurisdictionId, &BTreeMap<u32, Progress>)| {
            actions.iter().map(|(action, progress)| part(who, action, progress)).collect::<Vec<_>>()
        };
        self.asked.iter().flat_map(of).collect()
    }
}

impl Actions {
    /// Where an action of somebody stands.
    pub fn progress(&self, who: &JurisdictionId, action: u32) -> Option<Progress> {
        self.asked.get(who)?.get(&action).copied()
    }

    fn ask(&mut self, step: &Step<'_>, actions: &[u32], ledger: &mut Ledger) -> Result<(), Invalid> {
        for action in actions {
            if !self.numbers.insert(*action) && step.header.action == Action::Originate {
                return Err(Invalid::schema("body.actions", "K20.action_no").detail(action.to_string()));
            }
        }
        self.open = owe::addressed(step.header).count() < step.header.recipients.len();
        for who in owe::addressed(step.header).filter(|who| *who != step.by()) {
            self.told(who);
            owe::owe_reply(step, ledger, owe::key(DeadlineName::D15, who, ""));
        }
        Ok(())
    }

    /// Somebody is asked for every action.
    fn told(&mut self, who: &JurisdictionId) {
        let theirs = self.asked.entry(who.clone()).or_default();
        for action in &self.numbers {
            theirs.entry(*action).or_insert(Progress::Asked);
        }
    }

    /// The requester changes it, or takes it back.
    fn requested(&mut self, step: &Step<'_>, actions: &[u32], ledger: &mut Ledger) -> Result<Marks, Invalid> {
        if !self.chain.is_by(step) {
            return Err(not_author("K20.author", self.chain.author.as_str()));
        }
        if self.cancelled {
            return Err(closed(self.state()));
        }
        if let Some(overtaken) = self.chain.overtaken(step) {
            return Ok(overtaken);
        }
        match step.header.action {
            Action::Cancel => {
                self.cancelled = true;
                ledger.void_all();
            }
            Action::Update => self.ask(step, actions, ledger)?,
            Action::Originate | Action::Reply | Action::Error => {
                return Err(wrong_sequence("header.action", "K20.updated", step.header.action.name()));
            }
        }
        self.chain.moves_to(step);
        Ok(Marks::new())
    }

    /// Somebody who was asked says what will be done.
    fn answered(&mut self, step: &Step<'_>, said: &[(u32, Progress)], ledger: &mut Ledger) -> Result<Marks, Invalid> {
        if self.cancelled {
            return Err(closed(self.state()));
        }
        let who = step.by();
        if *who == self.chain.author || !(self.open || self.asked.contains_key(who)) {
            return Err(no_part("K21.asked", who.as_str()));
        }
        self.told(who);
        let theirs = self.asked.entry(who.clone()).or_default();
        for (action, word) in said {
            let Some(progress) = theirs.get_mut(action) else {
                let invalid = wrong_sequence("body.decisions.action_no", "K21.action_no", action.to_string());
                return Err(invalid);
            };
            if progress.is_decided() && *progress != *word && !matches!(progress, Progress::Agreed | Progress::Changed)
            {
                return Err(wrong_sequence("body.decisions.answer", "K21.decided", progress.name()));
            }
            *progress = *word;
        }
        let decided = theirs.values().all(|progress| progress.is_decided());
        fits(step, decided)?;
        if decided {
            ledger.meet(&owe::key(DeadlineName::D15, who, ""), step.at, Some(step.id()));
        }
        Ok(Marks::new())
    }

    /// How an action goes, by whoever does it.
    fn reported(&mut self, step: &Step<'_>, action: u32, progress: Progress) -> Result<Marks, Invalid> {
        let who = step.by();
        let Some(now) = self.asked.get_mut(who).and_then(|theirs| theirs.get_mut(&action)) else {
            return Err(no_part("K22.asked", format!("{who} {action}")));
        };
        if !now.leads_to(progress) {
            let detail = format!("{} → {}", now.name(), progress.name());
            return Err(wrong_sequence("body.state", "K22.order", detail));
        }
        *now = progress;
        Ok(Marks::new())
    }
}

/// The answer that decides the last action is definite, and no other is.
fn fits(step: &Step<'_>, decided: bool) -> Result<(), Invalid> {
    let definite = step.header.answer.is_none_or(|answer| !answer.is_interim());
    if definite == decided {
        return Ok(());
    }
    let detail = if decided { "every action is decided" } else { "an action is not decided" };
    Err(Invalid::new(Reason::BadSchema, "header.answer", "K21.answer").detail(detail))
}
