//! The chains of alerts that are here, as CAP names them: what a file may do to them.

use model::{
    header::Status,
    ids::{JurisdictionId, MessageId},
    thread::{
        AnyMachine, Machine as _, StateName, Thread,
        alert::{Alert, Revision},
    },
    time::Timestamp,
};
use proto::v1;

use crate::{
    fold::{keys::MatterKey, matters::MatterState},
    formats::cap::{findings::Finding, rule::Rule},
};

/// Every chain, own and received.
#[derive(Debug)]
pub struct Chains(Vec<(Status, Alert)>);

/// What the chains say to a file.
#[derive(Debug, Default)]
pub struct Said {
    /// The rules that it breaks.
    pub findings: Vec<Finding>,
    /// What it follows; nothing where it begins a chain.
    pub follows: Option<Follows>,
    /// The message of ours that an Ack or Error answers.
    pub answers: Option<MessageId>,
}

/// What a file follows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Follows {
    /// The newest message of its chain.
    pub newest: MessageId,
    /// The colour of the newest revision that it refers to.
    pub colour: v1::WarningLevel,
}

impl Chains {
    /// Those among the matters.
    pub fn of(matters: Vec<(MatterKey, MatterState)>) -> Self {
        let alert = |(_, state): (MatterKey, MatterState)| match state.thread {
            Some(Thread { machine: AnyMachine::Alert(alert), .. }) => Some((state.status, alert)),
            _ => None,
        };
        Self(matters.into_iter().filter_map(alert).collect())
    }

    /// The revision that this sender gave this identifier.
    pub fn of_name(&self, sender: &str, identifier: &str) -> Option<(Status, &Alert, &Revision)> {
        let chains = self.0.iter().filter(|(_, alert)| alert.issuer() == sender);
        let mut named = chains.filter_map(|(status, alert)| {
            let revision = alert.revisions().iter().find(|revision| revision.identifier == identifier)?;
            Some((*status, alert, revision))
        });
        named.next()
    }

    /// Identifiers of the alerts of one jurisdiction.
    pub fn identifiers<'a>(&'a self, by: &'a JurisdictionId) -> impl Iterator<Item = &'a str> {
        let own = self.0.iter().filter(move |(_, alert)| alert.author() == by);
        own.flat_map(|(_, alert)| alert.revisions()).map(|revision| revision.identifier.as_str())
    }

    /// Judges a file by C21 to C24 and C27. `as_new` lets an update of what is not here begin a chain.
    pub fn judge(&self, alert: &v1::CapAlert, now: Timestamp, as_new: bool) -> Said {
        let mut said = Said::default();
        if matches!(alert.message_type(), v1::CapMessageType::Alert | v1::CapMessageType::Unspecified) || as_new {
            return said;
        }
        let named = |reference: &v1::CapReference| self.of_name(&reference.sender, &reference.identifier);
        let known: Vec<_> = alert.references.iter().filter_map(named).collect();
        let mut breaks = |rule, detail: &str| said.findings.push(Finding::new(rule, "references", 0, detail));
        let Some((_, chain, revision)) = known.last().copied() else {
            let first = alert.references.first().map_or("", |named| &named.identifier);
            breaks(Rule::C21, first);
            return said;
        };
        if matches!(alert.message_type(), v1::CapMessageType::Ack | v1::CapMessageType::Error) {
            said.answers = Some(revision.message);
            return said;
        }
        for (status, chain, revision) in &known {
            if chain.issuer() != alert.sender {
                breaks(Rule::C22, chain.issuer());
            }
            let StateName { name, over, .. } = chain.state_at(now);
            if over {
                breaks(Rule::C24, &format!("{} {name}", revision.identifier));
            }
            if *status != status_of(alert) {
                breaks(Rule::C27, status.name());
            }
        }
        if known.iter().all(|(_, _, revision)| !revision.head) {
            breaks(Rule::C23, &revision.identifier);
        }
        let colour = v1::WarningLevel::try_from(revision.colour.number()).unwrap_or_default();
        said.follows = Some(Follows { newest: chain.newest(), colour });
        said
    }
}

fn status_of(alert: &v1::CapAlert) -> Status {
    match alert.status() {
        v1::CapStatus::Exercise => Status::Exercise,
        v1::CapStatus::System => Status::System,
        v1::CapStatus::Test => Status::Test,
        v1::CapStatus::Actual | v1::CapStatus::Draft | v1::CapStatus::Unspecified => Status::Actual,
    }
}
