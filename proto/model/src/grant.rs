//! Who may send what to whom. A policy is a file that people can read; what no line of it allows is refused.

pub mod agreement;
mod demo;
mod file;
mod review;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    deadline::DeadlineName,
    header::{Confidentiality, Cover, Header, Status},
    ids::{AgreementId, GrantId, JurisdictionId, RegionId},
    invalid::Invalid,
    kind::{self, Kind},
    limits,
    precedence::Precedence,
    reason::Reason,
    time::Timestamp,
};

pub use self::{
    demo::demo_text,
    file::PolicyError,
    review::{Change, Finding, Gravity},
};

/// The grants of a region, in one version.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The version, which only grows.
    pub version: u64,
    /// The region it is for.
    pub region: RegionId,
    /// After this it is stale: it goes on to apply, and everybody is told.
    pub expires: Timestamp,
    grants: Vec<Grant>,
    admins: Vec<Admin>,
}

/// One line: what these may send to those.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// Its name in every decision.
    pub id: GrantId,
    /// Who may send.
    pub from: Members,
    /// To whom. Document changes have no recipient and need `Any`.
    pub to: Members,
    /// What.
    pub kinds: BTreeSet<Kind>,
    /// In which status.
    pub status: BTreeSet<Status>,
    /// Up to which precedence.
    pub precedence: Precedence,
    /// Up to which confidentiality.
    pub confidentiality: Confidentiality,
    /// Under which agreements, for kinds that need one.
    pub agreements: BTreeSet<AgreementId>,
    /// Whether `NONE` (with the sign-off of both sides) will do.
    pub outside: OutsideAgreement,
    /// Content up to this many bytes.
    pub content_bytes_max: u64,
    /// What the sender may use; where unset, the limit of `limits`.
    pub quota: QuotaTerms,
    /// Deadlines that the agreement sets instead of the catalogue's.
    pub deadlines: BTreeMap<DeadlineName, Duration>,
    /// From when it applies.
    pub valid_from: Option<Timestamp>,
    /// Until when.
    pub valid_until: Option<Timestamp>,
}

/// Whether kinds that need an agreement may go without one under a sign-off.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum OutsideAgreement {
    /// They may.
    Allowed,
    /// They may not.
    Refused,
}

/// A set of members.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Members {
    /// `*`: every member.
    Any,
    /// These.
    These(BTreeSet<JurisdictionId>),
}

impl Members {
    /// Whether `id` is one of them.
    pub fn has(&self, id: &JurisdictionId) -> bool {
        match self {
            Self::Any => true,
            Self::These(ids) => ids.contains(id),
        }
    }
}

/// What a grant says about quotas, field by field.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct QuotaTerms {
    /// Envelopes a second.
    pub per_second: Option<u32>,
    /// Bytes a second.
    pub bytes_per_second: Option<u64>,
    /// FLASH messages an hour.
    pub flash_per_hour: Option<u32>,
    /// Bytes kept and not settled.
    pub stored_bytes: Option<u64>,
    /// Envelopes kept and not settled.
    pub stored_envelopes: Option<u64>,
}

/// What one sender may use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quota {
    /// Envelopes a second.
    pub per_second: u32,
    /// Bytes a second.
    pub bytes_per_second: u64,
    /// FLASH messages an hour; the rest is carried as IMMEDIATE.
    pub flash_per_hour: u32,
    /// Bytes kept and not settled.
    pub stored_bytes: u64,
    /// Envelopes kept and not settled.
    pub stored_envelopes: u64,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            per_second: limits::ENVELOPES_PER_SECOND,
            bytes_per_second: limits::BYTES_PER_SECOND,
            flash_per_hour: limits::FLASH_PER_HOUR,
            stored_bytes: limits::STORED_BYTES_MAX,
            stored_envelopes: limits::STORED_ENVELOPES_MAX,
        }
    }
}

/// Who may do what at the broker itself. Never everybody.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Admin {
    /// Its name in every decision.
    pub id: GrantId,
    /// Operators, by the names of their certificates.
    pub who: BTreeSet<String>,
    /// What they may do: names of acts, such as `redrive`.
    pub acts: BTreeSet<String>,
}

/// What is asked of the policy.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The header.
    pub header: &'a Header,
    /// One recipient; none for a document change.
    pub to: Option<&'a JurisdictionId>,
    /// Length of the content.
    pub content_bytes: u64,
    /// Our time.
    pub now: Timestamp,
}

impl Policy {
    /// Reads a policy, or says where it is wrong.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        file::parse(text)
    }

    /// Its lines, in order.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Its lines about operators.
    pub fn admins(&self) -> &[Admin] {
        &self.admins
    }

    /// The line of this name.
    pub fn grant(&self, id: &GrantId) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.id == *id)
    }

    /// Past its expiry: it goes on to apply, since a missing signer must not silence the region, and everybody is told.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        now > self.expires
    }

    /// The first line that allows what is asked. Asked at accept for the sender and again at delivery. The broker's
    /// own messages need no line; they are allowed as `broker`.
    ///
    /// # Errors
    /// What the line that came nearest to allowing it does not allow.
    pub fn judge(&self, ask: Ask<'_>) -> Result<GrantId, Invalid> {
        if ask.header.sender.jurisdiction.is_broker() {
            return "broker".parse();
        }
        let mut nearest = (Nearness::None, Invalid::new(Reason::NoAgreement, "", "grant.none"));
        for grant in &self.grants {
            match grant.allows(ask) {
                Ok(()) => return Ok(grant.id.clone()),
                Err((nearness, invalid)) if nearness > nearest.0 => {
                    nearest = (nearness, invalid.detail(format!("grant {}", grant.id)));
                }
                Err(_) => {}
            }
        }
        Err(nearest.1)
    }

    /// What `from` may use now: the most that any line in force for it says, else the common limits.
    pub fn quota(&self, from: &JurisdictionId, now: Timestamp) -> Quota {
        let terms =
            self.grants.iter().filter(|grant| grant.from.has(from) && grant.is_valid(now)).map(|grant| grant.quota);
        let most = terms.fold(QuotaTerms::default(), QuotaTerms::most);
        let common = Quota::default();
        Quota {
            per_second: most.per_second.unwrap_or(common.per_second),
            bytes_per_second: most.bytes_per_second.unwrap_or(common.bytes_per_second),
            flash_per_hour: most.flash_per_hour.unwrap_or(common.flash_per_hour),
            stored_bytes: most.stored_bytes.unwrap_or(common.stored_bytes),
            stored_envelopes: most.stored_envelopes.unwrap_or(common.stored_envelopes),
        }
    }

    /// Whether `who` may do `act` at the broker, and by which line.
    pub fn allows_admin(&self, who: &str, act: &str) -> Option<&GrantId> {
        let line = self.admins.iter().find(|admin| admin.who.contains(who) && admin.acts.contains(act))?;
        Some(&line.id)
    }
}

/// How near a line came to allowing something; the nearest one explains the refusal.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Nearness {
    None,
    Parties,
    Kind,
    Time,
    Agreement,
    Caps,
}

impl Grant {
    /// In force at `now`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.valid_from.is_none_or(|from| now >= from) && self.valid_until.is_none_or(|until| now <= until)
    }

    fn allows(&self, ask: Ask<'_>) -> Result<(), (Nearness, Invalid)> {
        let header = ask.header;
        let refused = |nearness, reason, field, rule| Err((nearness, Invalid::new(reason, field, rule)));
        let to = ask.to.map_or(self.to == Members::Any, |to| self.to.has(to));
        if !self.from.has(&header.sender.jurisdiction) || !to {
            return refused(Nearness::None, Reason::NoAgreement, "recipients", "grant.parties");
        }
        if !self.kinds.contains(&header.kind) || !self.status.contains(&header.status) {
            return refused(Nearness::Parties, Reason::NoAgreement, "kind", "grant.kind");
        }
        if !self.is_valid(ask.now) {
            return refused(Nearness::Kind, Reason::NoAgreement, "kind", "grant.validity");
        }
        if !self.covers(header) {
            return refused(Nearness::Time, Reason::NoAgreement, "agreement_id", "grant.agreement");
        }
        if header.confidentiality > self.confidentiality {
            return refused(Nearness::Agreement, Reason::Confidentiality, "confidentiality", "grant.confidentiality");
        }
        if !self.precedence.meets(header.precedence) {
            return refused(Nearness::Agreement, Reason::NoAgreement, "precedence", "grant.precedence");
        }
        if ask.content_bytes > self.content_bytes_max {
            return refused(Nearness::Caps, Reason::TooLarge, "content", "grant.size");
        }
        Ok(())
    }

    /// Kinds that need no agreement are covered by any line that names them; the others by one of its agreements.
    fn covers(&self, header: &Header) -> bool {
        match (header.kind.facts().cover, &header.agreement_id) {
            (kind::Cover::Free, _) => true,
            (kind::Cover::Required, Some(Cover::Agreement(id))) => self.agreements.contains(id),
            (kind::Cover::Required, Some(Cover::Outside)) => self.outside == OutsideAgreement::Allowed,
            (kind::Cover::Required, None) => false,
        }
    }
}

impl QuotaTerms {
    fn most(self, other: Self) -> Self {
        Self {
            per_second: self.per_second.max(other.per_second),
            bytes_per_second: self.bytes_per_second.max(other.bytes_per_second),
            flash_per_hour: self.flash_per_hour.max(other.flash_per_hour),
            stored_bytes: self.stored_bytes.max(other.stored_bytes),
            stored_envelopes: self.stored_envelopes.max(other.stored_envelopes),
        }
    }
}

#[cfg(test)]
mod tests;
