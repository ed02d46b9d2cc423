//! K04: one chain of an alert, from its issue to its cancellation or expiry. Only its issuer changes it; nothing changes
//! a chain that is over but a new issue, which is another chain.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::{
    Ledger, Machine, Mark, Marked, Marks, StateName, Step, chain::Chain, closed, not_author, owe, wrong_sequence,
};
use crate::{
    deadline::DeadlineName, header::Action, invalid::Invalid, level::WarningLevel, numbered::numbered, reason::Reason,
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
}

/// One chain.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    chain: Chain,
    colour: WarningLevel,
    expires: Timestamp,
    /// Every identifier of the chain, the head's last.
    identifiers: Vec<String>,
    cancelled: bool,
    updated: bool,
    seen_at: Timestamp,
}

impl Machine for Alert {
    fn open(step: &Step<'_>, ledger: &mut Ledger) -> Result<(Self, Marks), Invalid> {
        let super::Facts::Alert(facts) = step.facts else {
            return Err(wrong_sequence("header.kind", "K04.opens", "no alert"));
        };
        let colour = colour(step)?;
        if step.header.action == Action::Originate && facts.act != Act::Issue {
            return Err(wrong_sequence("body.alert_action", "K04.issue_opens", facts.act.name()));
        }
        let alert = Self {
            chain: Chain::of(step),
            colour,
            expires: facts.expires,
            identifiers: vec![facts.identifier.clone()],
            cancelled: facts.act == Act::Cancel,
            updated: facts.act != Act::Issue,
            seen_at: step.at,
        };
        passed_on(step, ledger, 1);
        Ok((alert, Marks::new()))
    }

    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let super::Facts::Alert(facts) = step.facts else { return Ok(Marks::new()) };
        if !self.chain.is_by(step) {
            return Err(not_author("K04.author", self.chain.author.as_str()));
        }
        if let Some(overtaken) = self.chain.overtaken(step) {
            return Ok(overtaken);
        }
        if self.state_at(step.at).over {
            return Err(closed(self.state_at(step.at)));
        }
        self.fits(step, facts)?;
        let marks = self.marks(facts);
        self.colour = colour(step)?;
        self.expires = facts.expires;
        self.cancelled = facts.act == Act::Cancel;
        self.updated = true;
        self.identifiers.push(facts.identifier.clone());
        self.seen_at = self.seen_at.max(step.at);
        self.chain.moves_to(step);
        if self.cancelled {
            ledger.void_all();
        } else {
            passed_on(step, ledger, self.identifiers.len());
        }
        Ok(marks)
    }

    fn state(&self) -> StateName {
        self.state_at(self.seen_at)
    }

    fn state_at(&self, at: Timestamp) -> StateName {
        let (name, zh, over) = if self.cancelled {
            ("CANCELLED", "已解除", true)
        } else if at > self.expires {
            ("EXPIRED", "已过期", true)
        } else if self.updated {
            ("UPDATED", "已更新", false)
        } else {
            ("ISSUED", "生效中", false)
        };
        StateName { name, zh, over }
    }
}

impl Alert {
    /// The colour in force.
    pub const fn colour(&self) -> WarningLevel {
        self.colour
    }

    /// An act does what its name says, in header and body alike.
    fn fits(&self, step: &Step<'_>, facts: &Facts) -> Result<(), Invalid> {
        let next = colour(step)?;
        let graver = next < self.colour;
        let (cancels, says) = (step.header.action == Action::Cancel, facts.act == Act::Cancel);
        let lawful = match facts.act {
            Act::Issue => return Err(wrong_sequence("body.alert_action", "K04.issue_opens", "another chain")),
            Act::Update => next == self.colour,
            Act::Upgrade => graver,
            Act::Downgrade => next != self.colour && !graver,
            Act::Cancel => true,
        };
        if cancels != says {
            return Err(wrong_sequence("header.action", "K04.cancel", facts.act.name()));
        }
        if !lawful {
            let detail = format!("{} from {} to {}", facts.act.name(), self.colour.name(), next.name());
            return Err(Invalid::new(Reason::BadSchema, "body.alert_action", "K04.colour").detail(detail));
        }
        Ok(())
    }

    /// A message that names an older revision and not the head leaves two heads.
    fn marks(&self, facts: &Facts) -> Marks {
        let head = self.identifiers.last();
        let names_head = head.is_none_or(|head| head.is_empty() || facts.references.contains(head));
        if names_head { Marks::new() } else { vec![Marked::new(Mark::TwoHeads, head.cloned().unwrap_or_default())] }
    }
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
