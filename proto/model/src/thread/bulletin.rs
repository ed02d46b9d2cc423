//! K07: a bulletin stands until it is taken back or its time is over. One that merges two incidents says so to both
//! threads.

use serde::{Deserialize, Serialize};

use super::{Ledger, Machine, Marks, StateName, Step, chain::Chain, closed, not_author, wrong_sequence};
use crate::{header::Action, ids::IncidentId, invalid::Invalid, time::Timestamp};

/// What the machine needs of K07.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// It stands until then.
    pub valid_until: Option<Timestamp>,
    /// Two incidents are one: which, into which.
    pub merged: Option<(IncidentId, IncidentId)>,
}

/// One bulletin.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Bulletin {
    chain: Chain,
    valid_until: Option<Timestamp>,
    corrected: bool,
    cancelled: bool,
    seen_at: Timestamp,
}

impl Machine for Bulletin {
    fn open(step: &Step<'_>, _ledger: &mut Ledger) -> Result<(Self, Marks), Invalid> {
        let super::Facts::Bulletin(facts) = step.facts else {
            return Err(wrong_sequence("header.kind", "K07.opens", "no bulletin"));
        };
        merges(facts)?;
        let bulletin = Self {
            chain: Chain::of(step),
            valid_until: facts.valid_until,
            corrected: step.header.revision > 1,
            cancelled: step.cancels(),
            seen_at: step.at,
        };
        Ok((bulletin, Marks::new()))
    }

    fn step(&mut self, step: &Step<'_>, _ledger: &mut Ledger) -> Result<Marks, Invalid> {
        let super::Facts::Bulletin(facts) = step.facts else { return Ok(Marks::new()) };
        // anybody may answer a bulletin with one of theirs; it changes nothing
        if step.header.action == Action::Reply {
            return Ok(Marks::new());
        }
        if !self.chain.is_by(step) {
            return Err(not_author("K07.author", self.chain.author.as_str()));
        }
        if let Some(overtaken) = self.chain.overtaken(step) {
            return Ok(overtaken);
        }
        if self.cancelled {
            return Err(closed(self.state()));
        }
        merges(facts)?;
        self.cancelled = step.cancels();
        self.corrected = true;
        self.valid_until = facts.valid_until;
        self.seen_at = self.seen_at.max(step.at);
        self.chain.moves_to(step);
        Ok(Marks::new())
    }

    fn state(&self) -> StateName {
        self.state_at(self.seen_at)
    }

    fn state_at(&self, at: Timestamp) -> StateName {
        let (name, zh, over) = if self.cancelled {
            ("CANCELLED", "已撤销", true)
        } else if self.valid_until.is_some_and(|until| at > until) {
            ("EXPIRED", "已过有效期", true)
        } else if self.corrected {
            ("CORRECTED", "已更正", false)
        } else {
            ("PUBLISHED", "有效", false)
        };
        StateName { name, zh, over }
    }
}

/// An incident is merged into another, if into any.
fn merges(facts: &Facts) -> Result<(), Invalid> {
    match facts.merged.as_ref().filter(|(from, into)| from == into) {
        None => Ok(()),
        Some((from, into)) => Err(wrong_sequence("body.merged", "K07.merged", format!("{from} into {into}"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        judge::sample::{NOON, member},
        kind::Kind,
        reason::Reason,
        thread::{
            Facts as Any, Mark, Thread,
            talk::{Message, minutes, opened, refused, says, wrong},
        },
    };

    fn bulletin(n: u8) -> Message {
        let facts = Facts { valid_until: Some(NOON.plus(minutes(60))), merged: None };
        Message::new(n, Kind::Bulletin, "371300", Any::Bulletin(facts))
    }

    #[test]
    fn a_bulletin_stands_until_its_time_is_over() {
        let thread = opened(&bulletin(1));
        assert_eq!(thread.state_at(NOON.plus(minutes(60))).name, "PUBLISHED");
        assert!(thread.state_at(NOON.plus(minutes(61))).over);
    }

    #[test]
    fn its_author_corrects_it_and_takes_it_back_and_nobody_else() {
        let first = bulletin(1);
        let mut thread = opened(&first);
        let second = bulletin(2).follows(&first, Action::Update);
        let mut foreign = second.clone();
        foreign.header.sender.jurisdiction = member("320300");
        assert_eq!(says(&mut thread, &foreign).unwrap_err(), (Reason::NotAuthor, "K07.author".to_owned()));
        let third = bulletin(3).follows(&second, Action::Cancel);
        says(&mut thread, &third).unwrap();
        assert_eq!(thread.state().name, "CANCELLED");
        assert_eq!(says(&mut thread, &second).unwrap()[0].mark, Mark::Overtaken);
        let late = bulletin(4).follows(&third, Action::Update);
        assert_eq!(says(&mut thread, &late).unwrap_err().0, Reason::ThreadClosed);
    }

    #[test]
    fn an_answer_to_a_bulletin_changes_nothing() {
        let first = bulletin(1);
        let mut thread = opened(&first);
        let mut answer = bulletin(2).follows(&first, Action::Reply);
        answer.header.sender.jurisdiction = member("320300");
        says(&mut thread, &answer).unwrap();
        assert_eq!(thread.state().name, "PUBLISHED");
    }

    #[test]
    fn an_incident_is_not_merged_into_itself() {
        let mut message = bulletin(1);
        let incident: IncidentId = "371300-20270512-0001".parse().unwrap();
        message.facts = Any::Bulletin(Facts { valid_until: None, merged: Some((incident.clone(), incident)) });
        assert_eq!(Thread::open(&message.step()).map_err(refused).unwrap_err(), wrong("K07.merged"));
    }
}
