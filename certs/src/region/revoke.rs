//! Who goes out: a member, an evidence key, one certificate.

use model::{ids::JurisdictionId, time::Timestamp};

use super::{Proposal, Region, RegionError};
use crate::{
    bound::Bound,
    files::{EvidenceEntry, FormerEntry, RevokedEntry, verifying_key},
    handover::HandoverError,
    profile, signed,
};

/// What to revoke.
#[derive(Clone, Debug)]
pub enum Revoked {
    /// A member with all its keys. What it sealed until now stays good.
    Member(JurisdictionId),
    /// An evidence key, by its id or by the key itself, hexadecimal.
    Evidence(String),
    /// A certificate by whose authority issued it (`broker` for broker and operators) and its serial, hexadecimal.
    Serial(JurisdictionId, String),
}

impl Region {
    /// Proposes a directory in which `what` is revoked.
    pub fn revoke(&mut self, what: &Revoked, now: Timestamp) -> Result<Proposal, RegionError> {
        self.nothing_waits()?;
        let mut next = self.next_directory(now);
        match what {
            Revoked::Member(id) => {
                let at = next.members.iter().position(|entry| entry.id == id.as_str());
                let entry = next.members.remove(at.ok_or_else(|| RegionError::NoMember(id.to_string()))?);
                let key = Bound::read(&entry.ca).map_err(HandoverError::Authority)?.public_key;
                let mut evidence = entry.evidence;
                for key in &mut evidence {
                    end(key, now);
                }
                next.former.push(FormerEntry { id: entry.id, ca_key: signed::hex(&key), evidence });
                for members in next.groups.values_mut() {
                    members.retain(|member| member != id.as_str());
                }
            }
            Revoked::Evidence(wanted) => {
                let members = next.members.iter_mut().flat_map(|entry| &mut entry.evidence);
                let mut all = members.chain(&mut next.broker_evidence);
                let key = all.find(|entry| is(entry, wanted)).ok_or_else(|| RegionError::NoKey(wanted.clone()))?;
                end(key, now);
            }
            Revoked::Serial(id, serial) => {
                let bytes = signed::unhex(serial).map(|bytes| profile::plain_serial(&bytes));
                let serial = bytes.filter(|bytes| !bytes.is_empty()).map(|bytes| signed::hex(&bytes));
                let serial = serial.ok_or_else(|| RegionError::NoKey(id.to_string()))?;
                if !id.is_broker() && !next.members.iter().any(|entry| entry.id == id.as_str()) {
                    return Err(RegionError::NoMember(id.to_string()));
                }
                next.revoked.push(RevokedEntry { jurisdiction: id.to_string(), serial });
            }
        }
        self.propose(&next, now)
    }
}

fn end(entry: &mut EvidenceEntry, now: Timestamp) {
    entry.until = Some(entry.until.map_or(now.millis(), |until| until.min(now.millis())));
}

fn is(entry: &EvidenceEntry, wanted: &str) -> bool {
    let id = verifying_key(&entry.key).map(|key| model::seal::key_id(&key).to_string());
    entry.key == wanted || id.as_deref() == Some(wanted)
}
