//! The chains of alerts that are here, as CAP names them: what a file may do to them. A member may send us what it says
//! that another house said, so a chain of our own always goes before that of a neighbour.

use std::collections::{BTreeMap, btree_map::Entry};

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
    formats::cap::{findings::Findings, rule::Rule},
};

/// Every chain, own and received.
#[derive(Debug)]
pub struct Chains {
    us: JurisdictionId,
    all: Vec<(Status, Alert)>,
}

/// What the chains say to a file.
#[derive(Debug, Default)]
pub struct Said {
    /// The rules that it breaks.
    pub findings: Findings,
    /// What it follows, always a chain of ours; nothing where it begins one.
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

/// One message of a chain.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Real or exercise.
    pub status: Status,
    /// Whether we are its author.
    pub ours: bool,
    /// What it is.
    pub revision: &'a Revision,
    chain: &'a Alert,
}

impl Chains {
    /// Those among the matters.
    pub fn of(us: JurisdictionId, matters: Vec<(MatterKey, MatterState)>) -> Self {
        let alert = |(_, state): (MatterKey, MatterState)| match state.thread {
            Some(Thread { machine: AnyMachine::Alert(alert), .. }) => Some((state.status, alert)),
            _ => None,
        };
        Self { us, all: matters.into_iter().filter_map(alert).collect() }
    }

    fn messages(&self) -> impl Iterator<Item = Known<'_>> {
        self.all.iter().flat_map(|(status, chain)| {
            let ours = *chain.author() == self.us;
            chain.messages().map(move |revision| Known { status: *status, ours, revision, chain })
        })
    }

    /// The messages that may be the one that a file says: of its sender, identifier and status.
    pub fn named_as<'a>(&'a self, alert: &'a v1::CapAlert) -> impl Iterator<Item = Known<'a>> {
        self.messages().filter(|known| {
            known.chain.issuer() == alert.sender
                && known.revision.identifier == alert.identifier
                && known.status == status_of(alert)
        })
    }

    /// Identifiers of our own alerts.
    pub fn own_identifiers(&self) -> impl Iterator<Item = &str> {
        self.messages().filter(|known| known.ours).map(|known| known.revision.identifier.as_str())
    }

    /// Judges a file by C21 to C24 and C27. `as_new` lets an update of what is not here begin a chain.
    pub fn judge(&self, alert: &v1::CapAlert, now: Timestamp, as_new: bool) -> Said {
        let mut said = Said::default();
        if matches!(alert.message_type(), v1::CapMessageType::Alert | v1::CapMessageType::Unspecified) || as_new {
            return said;
        }
        let known = self.referred_to(alert);
        let Some(newest) = known.last().copied() else {
            let first = alert.references.first().map_or("", |named| &named.identifier);
            said.findings.add(Rule::C21, "references", 0, first);
            return said;
        };
        if matches!(alert.message_type(), v1::CapMessageType::Ack | v1::CapMessageType::Error) {
            said.answers = Some(newest.revision.message);
            return said;
        }
        for known in &known {
            known.judge(alert, now, &mut said.findings);
        }
        let identifier = &newest.revision.identifier;
        if known.iter().all(|known| !known.revision.head) {
            said.findings.add(Rule::C23, "references", 0, identifier);
        }
        if newest.ours {
            let colour = v1::WarningLevel::try_from(newest.revision.colour.number()).unwrap_or_default();
            said.follows = Some(Follows { newest: newest.chain.newest(), colour });
        } else if !said.findings.refuses() {
            said.findings.add(Rule::C21, "references", 0, format!("{identifier}: {}", newest.chain.author()));
        }
        said
    }

    /// The messages to which a file refers, in its order: one a reference, and those of neighbours only where none is
    /// ours. Each chain is looked at once, however many references there are.
    fn referred_to(&self, alert: &v1::CapAlert) -> Vec<Known<'_>> {
        let places = alert.references.iter().enumerate();
        let places: BTreeMap<(&str, &str), usize> =
            places.map(|(at, named)| ((named.sender.as_str(), named.identifier.as_str()), at)).collect();
        let status = status_of(alert);
        let mut found: BTreeMap<usize, Known<'_>> = BTreeMap::new();
        for known in self.messages() {
            let Some(at) = places.get(&(known.chain.issuer(), known.revision.identifier.as_str())) else { continue };
            match found.entry(*at) {
                Entry::Vacant(free) => _ = free.insert(known),
                Entry::Occupied(mut taken) if known.fit(status) > taken.get().fit(status) => _ = taken.insert(known),
                Entry::Occupied(_) => {}
            }
        }
        let ours = found.values().any(|known| known.ours);
        found.into_values().filter(|known| known.ours == ours).collect()
    }
}

impl Known<'_> {
    /// How well it answers to a reference of a file of this status.
    fn fit(&self, status: Status) -> (bool, bool) {
        (self.ours, self.status == status)
    }

    /// C22, C24 and C27: who changes it, whether it still can be changed, and real or exercise.
    fn judge(&self, alert: &v1::CapAlert, now: Timestamp, findings: &mut Findings) {
        if self.chain.issuer() != alert.sender {
            findings.add(Rule::C22, "references", 0, self.chain.issuer());
        }
        let StateName { name, over, .. } = self.chain.state_at(now);
        if over {
            findings.add(Rule::C24, "references", 0, format!("{} {name}", self.revision.identifier));
        }
        if self.status != status_of(alert) {
            findings.add(Rule::C27, "references", 0, self.status.name());
        }
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
