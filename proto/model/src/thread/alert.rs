//! K04: one chain of an alert, from its issue to its cancellation or expiry. Only its issuer changes it; nothing changes
//! a chain that is over but a new issue, which is another chain.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::{
    Ledger, Machine, Mark, Marked, Marks, Part, StateName, Step, chain::Chain, closed, not_author, owe, wrong_sequence,
};
use crate::{
    deadline::DeadlineName,
    header::Action,
    ids::{JurisdictionId, MessageId},
    invalid::Invalid,
    level::WarningLevel,
    numbered::numbered,
    reason::Reason,
    time::Timestamp,
};

numbered! {
    /// What a message does to its alert.
    pub enum Act as "alert_action" {
        /// A new one.
        Issue = 1, "ISSUE", "发布";
        /// Other words, the same colour.
        Update = 2, "UPDATE", "更新";
        /// A graver colour.
        Upgrade = 3, "UPGRADE", "升级";
        /// A milder colour.
        Downgrade = 4, "DOWNGRADE", "降级";
        /// Taken back.
        Cancel = 5, "CANCEL", "解除";
    }
}

/// What the machine needs of K04.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// What it does.
    pub act: Act,
    /// When the alert ends by itself.
    pub expires: Timestamp,
    /// The identifiers that it refers to, as CAP names them.
    pub references: Vec<String>,
    /// Its own identifier.
    pub identifier: String,
    /// Who issues it, as CAP names senders.
    pub issuer: String,
}

/// One revision of a chain.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// As CAP names it.
    pub identifier: String,
    /// The message that is it.
    pub message: MessageId,
    /// Its colour.
    pub colour: WarningLevel,
    /// When it ends by itself.
    pub expires: Timestamp,
    /// Nothing has superseded or cancelled it.
    pub head: bool,
}

/// One chain. It has one head, unless an update left the head before it standing: then it has both.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    chain: Chain,
    issuer: String,
    /// Oldest first; a cancellation is none of them.
    revisions: Vec<Revision>,
    /// Those that took something back, oldest first: none is ever a head.
    #[serde(default)]
    cancellations: Vec<Revision>,
    seen_at: Timestamp,
}

impl Machine for Alert {
    fn open(step: &Step<'_>, ledger: &mut Ledger) -> Result<(Self, Marks), Invalid> {
        let super::Facts::Alert(facts) = step.facts else {
            return Err(wrong_sequence("header.kind", "K04.opens", "no alert"));
        };
        if step.header.action == Action::Originate && facts.act != Act::Issue {
            return Err(wrong_sequence("body.alert_action", "K04.issue_opens", facts.act.name()));
        }
        let first = revision(step, facts)?;
        let (chain, issuer) = (Chain::of(step), facts.issuer.clone());
        passed_on(step, ledger, 1);
        Ok((Self { chain, issuer, revisions: vec![first], cancellations: Vec::new(), seen_at: step.at }, Marks::new()))
    }

    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let super::Facts::Alert(facts) = step.facts else { return Ok(Marks::new()) };
        if !self.chain.is_by(step) {
            return Err(not_author("K04.author", self.chain.author.as_str()));
        }
        if facts.issuer != self.issuer {
            let other = Invalid::new(Reason::CapInvalid, "body.cap.sender", "CAP.C22");
            return Err(other.detail(self.issuer.clone()));
        }
        if let Some(overtaken) = self.chain.overtaken(step) {
            return Ok(overtaken);
        }
        if self.state_at(step.at).over {
            return Err(closed(self.state_at(step.at)));
        }
        let named = self.named(facts);
        self.fits(step, facts, &named)?;
        let marks = self.marks(&named);
        for at in named {
            if let Some(superseded) = self.revisions.get_mut(at) {
                superseded.head = false;
            }
        }
        let count = self.revisions.len() + 1;
        let kept = if facts.act == Act::Cancel { &mut self.cancellations } else { &mut self.revisions };
        kept.push(revision(step, facts)?);
        self.seen_at = self.seen_at.max(step.at);
        self.chain.moves_to(step);
        if self.is_cancelled() {
            ledger.void_all();
        } else {
            passed_on(step, ledger, count);
        }
        Ok(marks)
    }

    fn state(&self) -> StateName {
        self.state_at(self.seen_at)
    }

    fn state_at(&self, at: Timestamp) -> StateName {
        let (name, zh, over) = if self.is_cancelled() {
            ("CANCELLED", "已解除", true)
        } else if self.heads().all(|head| at > head.expires) {
            ("EXPIRED", "已过期", true)
        } else if self.revisions.len() > 1 || self.chain.revision > 1 {
            ("UPDATED", "已更新", false)
        } else {
            ("ISSUED", "生效中", false)
        };
        StateName { name, zh, over }
    }

    fn parts(&self) -> Vec<Part> {
        self.parts_at(self.seen_at)
    }

    /// Both heads where there are two; one head is the alert itself.
    fn parts_at(&self, at: Timestamp) -> Vec<Part> {
        if self.heads().count() < 2 {
            return Vec::new();
        }
        let state = |head: &Revision| {
            let over = at > head.expires;
            let (name, zh) = if over { ("EXPIRED", "已过期") } else { ("IN_FORCE", "生效中") };
            StateName { name, zh, over }
        };
        let part = |head: &Revision| Part {
            name: head.identifier.clone(),
            state: state(head),
            detail: head.colour.name().to_owned(),
        };
        self.heads().map(part).collect()
    }
}

impl Alert {
    /// The gravest colour in force.
    pub fn colour(&self) -> Option<WarningLevel> {
        self.heads().map(|head| head.colour).min()
    }

    /// Who issues it, as CAP names senders.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The jurisdiction that speaks for it here.
    pub const fn author(&self) -> &JurisdictionId {
        &self.chain.author
    }

    /// Its newest message, which the next one follows.
    pub const fn newest(&self) -> MessageId {
        self.chain.message
    }

    /// Every message that took effect: the revisions, oldest first, then the cancellations.
    pub fn messages(&self) -> impl Iterator<Item = &Revision> {
        self.revisions.iter().chain(&self.cancellations)
    }

    fn heads(&self) -> impl Iterator<Item = &Revision> {
        self.revisions.iter().filter(|revision| revision.head)
    }

    fn is_cancelled(&self) -> bool {
        self.heads().next().is_none()
    }

    /// The revisions that a message supersedes: those that it refers to, or every head where it refers to nothing.
    fn named(&self, facts: &Facts) -> Vec<usize> {
        let says = |revision: &Revision| match facts.references.as_slice() {
            [] => revision.head,
            references => references.contains(&revision.identifier),
        };
        let all = self.revisions.iter().enumerate();
        all.filter(|(_, revision)| says(revision)).map(|(at, _)| at).collect()
    }

    /// An act does what its name says to the newest revision that it supersedes, in header and body alike.
    fn fits(&self, step: &Step<'_>, facts: &Facts, named: &[usize]) -> Result<(), Invalid> {
        let next = colour(step)?;
        let newest = named.last().and_then(|at| self.revisions.get(*at)).or_else(|| self.heads().last());
        let before = newest.map_or(next, |revision| revision.colour);
        let graver = next < before;
        let (cancels, says) = (step.header.action == Action::Cancel, facts.act == Act::Cancel);
        let lawful = match facts.act {
            Act::Issue => return Err(wrong_sequence("body.alert_action", "K04.issue_opens", "another chain")),
            Act::Update => next == before,
            Act::Upgrade => graver,
            Act::Downgrade => next != before && !graver,
            Act::Cancel => true,
        };
        if cancels != says {
            return Err(wrong_sequence("header.action", "K04.cancel", facts.act.name()));
        }
        if !lawful {
            let detail = format!("{} from {} to {}", facts.act.name(), before.name(), next.name());
            return Err(Invalid::new(Reason::BadSchema, "body.alert_action", "K04.colour").detail(detail));
        }
        Ok(())
    }

    /// A message that supersedes no head leaves it standing beside itself.
    fn marks(&self, named: &[usize]) -> Marks {
        let heads = named.iter().filter_map(|at| self.revisions.get(*at)).any(|revision| revision.head);
        let standing = self.heads().last().map(|head| head.identifier.clone()).unwrap_or_default();
        if heads { Marks::new() } else { vec![Marked::new(Mark::TwoHeads, standing)] }
    }
}

fn revision(step: &Step<'_>, facts: &Facts) -> Result<Revision, Invalid> {
    Ok(Revision {
        identifier: facts.identifier.clone(),
        message: step.id(),
        colour: colour(step)?,
        expires: facts.expires,
        head: facts.act != Act::Cancel,
    })
}

fn colour(step: &Step<'_>) -> Result<WarningLevel, Invalid> {
    step.header.warning_level.ok_or_else(|| Invalid::missing("header.warning_level"))
}

/// D17: the message that warns the neighbours is the message itself, so it is met as it is owed; each is counted.
fn passed_on(step: &Step<'_>, ledger: &mut Ledger, revision: usize) {
    let subject = if revision == 1 { String::new() } else { format!("revision {revision}") };
    let key = owe::key(DeadlineName::D17, step.by(), subject);
    owe::owe_reply(step, ledger, key.clone());
    if !step.header.recipients.is_empty() {
        ledger.meet(&key, step.at, Some(step.id()));
    }
}
