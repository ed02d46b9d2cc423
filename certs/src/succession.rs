//! What may follow what: a root is signed by the one before it, versions only grow, nothing known is forgotten, and a
//! known name gets a new authority only with the old one's word or the root's.

use std::collections::BTreeMap;

use ed25519_dalek::VerifyingKey;
use model::{
    ids::{JurisdictionId, RegionId},
    seal::SealKind,
};

use crate::{
    bound,
    ca::Authority,
    files::{self, Trusted, name},
    signed,
    written::Endorsement,
};

const FOLLOWS: &[u8] = b"LIANDONG-V1-CA-FOLLOWS";
const EVIDENCE: &[u8] = b"LIANDONG-V1-CA-EVIDENCE";
/// More keys than this nobody had between two directories.
const KEYS_MAX: usize = 64;

/// Why signed files that are good in themselves are not taken; what was in force stays so.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotNext {
    /// Another region.
    #[error("the files are of region {0}, and this is another")]
    Region(String),
    /// Another root that the pinned one does not vouch for.
    #[error("root.toml: the new root of trust is not signed by enough keys of the pinned one")]
    Root,
    /// Older than what is in force.
    #[error("{file}: version {found} is lower than {known}, which is in force")]
    Older {
        /// Which.
        file: &'static str,
        /// Found.
        found: u64,
        /// In force.
        known: u64,
    },
    /// Two texts of one version.
    #[error(
        "{file}: there is another text of version {version}, or of the one before it: somebody signs two histories"
    )]
    Forked {
        /// Which.
        file: &'static str,
        /// Which version.
        version: u64,
    },
    /// A known name with an unknown key.
    #[error("directory.toml: {0} has a new authority that neither its old authority nor the root of trust vouches for")]
    Authority(JurisdictionId),
    /// Somebody who was a member is not even a former one.
    #[error("directory.toml: {0} was a member and is now forgotten")]
    Forgotten(JurisdictionId),
    /// An evidence key vanished, changed hands, or lives again.
    #[error("directory.toml: an evidence key of {0} has vanished, changed its owner, or got a later end")]
    Evidence(JurisdictionId),
    /// An evidence key that the signers alone have given somebody.
    #[error("directory.toml: {0} has a new evidence key that neither its authority nor the root of trust vouches for")]
    Uncertified(JurisdictionId),
    /// A revoked certificate is no longer so.
    #[error("directory.toml: a revoked certificate of {0} is no longer revoked")]
    Unrevoked(JurisdictionId),
}

/// Checks that `next` may take the place of `known`.
pub fn may_follow(known: &Trusted, next: &Trusted) -> Result<(), NotNext> {
    if known.region != next.region {
        return Err(NotNext::Region(next.region.to_string()));
    }
    root_may_follow(&known.bytes.root, &next.bytes.root)?;
    let versions = (known.directory.version, next.directory.version);
    grows(name::DIRECTORY, versions, known.directory_hash == next.directory_hash)?;
    let (before, after) = (text(SealKind::Grants, &known.bytes.grants), text(SealKind::Grants, &next.bytes.grants));
    grows(name::GRANTS, (known.policy.version, next.policy.version), before == after)?;
    if versions.0 + 1 == versions.1 && next.directory_previous != known.directory_hash {
        return Err(NotNext::Forked { file: name::DIRECTORY, version: versions.1 });
    }
    authorities(known, next)?;
    evidence(known, next)?;
    new_evidence(known, next)?;
    directory_revocations(known, next)
}

/// Checks that a root file is the pinned one, or a later one that enough keys of the pinned one have signed as well.
pub fn root_may_follow(pinned: &str, next: &str) -> Result<(), NotNext> {
    if text(SealKind::Root, pinned) == text(SealKind::Root, next) {
        return Ok(());
    }
    let (Ok((old, region)), Ok((new, _))) = (files::root_of(pinned), files::root_of(next)) else {
        return Err(NotNext::Root);
    };
    let keys = files::verifying(&old.root_keys).ok_or(NotNext::Root)?;
    signed::verify(SealKind::Root, &region, next, &keys, old.root_threshold).map_err(|_| NotNext::Root)?;
    grows(name::ROOT, (old.version, new.version), false)
}

fn text(kind: SealKind, file: &str) -> &str {
    signed::split(kind, file).map_or(file, |(text, _)| text)
}

fn grows(file: &'static str, (known, found): (u64, u64), same: bool) -> Result<(), NotNext> {
    match found.cmp(&known) {
        std::cmp::Ordering::Less => Err(NotNext::Older { file, found, known }),
        std::cmp::Ordering::Equal if !same => Err(NotNext::Forked { file, version: found }),
        std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => Ok(()),
    }
}

/// Everybody whose key is known keeps it, or shows how it came to another.
fn authorities(known: &Trusted, next: &Trusted) -> Result<(), NotNext> {
    let after: BTreeMap<JurisdictionId, &[u8]> =
        next.bound().map(|(id, bound)| (id, bound.public_key.as_slice())).collect();
    let before = known.bound().map(|(id, bound)| (id, bound.public_key.as_slice()));
    let former = known.former.iter().map(|(id, key)| (id.clone(), key.as_slice()));
    for (id, old) in before.chain(former) {
        let good = match (after.get(&id), next.former.get(&id)) {
            (Some(new), _) => {
                let steps = next.endorsements.get(&id).map(Vec::as_slice).unwrap_or_default();
                next.root_countersigned || leads(&next.region, &id, old, new, steps)
            }
            (None, Some(kept)) => kept == old || next.root_countersigned,
            (None, None) => return Err(NotNext::Forgotten(id)),
        };
        if !good {
            return Err(NotNext::Authority(id));
        }
    }
    Ok(())
}

fn evidence(known: &Trusted, next: &Trusted) -> Result<(), NotNext> {
    for (id, old) in &known.evidence {
        let kept = next.evidence.get(id).is_some_and(|new| {
            let not_later = match (old.until, new.until) {
                (Some(old), Some(new)) => new <= old,
                (Some(_), None) => false,
                (None, _) => true,
            };
            new.owner == old.owner && not_later
        });
        if !kept {
            return Err(NotNext::Evidence(old.owner.clone()));
        }
    }
    Ok(())
}

/// An evidence key that nobody knew is certified by its owner's authority, or by one on the way to it.
fn new_evidence(known: &Trusted, next: &Trusted) -> Result<(), NotNext> {
    if next.root_countersigned {
        return Ok(());
    }
    let authorities: BTreeMap<JurisdictionId, &[u8]> =
        next.bound().map(|(id, bound)| (id, bound.public_key.as_slice())).collect();
    let fresh = next.evidence.iter().filter(|(id, _)| !known.evidence.contains_key(*id));
    for (_, key) in fresh {
        let now = authorities.get(&key.owner).copied().map(<[u8]>::to_vec);
        let now = now.or_else(|| next.former.get(&key.owner).cloned());
        let steps = next.endorsements.get(&key.owner).map(Vec::as_slice).unwrap_or_default();
        // with a chain that holds, each key that handed over was the owner's once
        let once = steps.iter().filter_map(|step| signed::unhex(&step.from));
        let new = now.clone().unwrap_or_default();
        let mut keys = now.into_iter().chain(once.filter(|old| leads(&next.region, &key.owner, old, &new, steps)));
        let message = message(EVIDENCE, &next.region, &key.owner, key.key.as_bytes(), &[]);
        if !keys.any(|authority| bound::verifies(&authority, &message, &key.certified)) {
            return Err(NotNext::Uncertified(key.owner.clone()));
        }
    }
    Ok(())
}

/// The word of `authority` that an evidence key is `id`'s, hexadecimal.
pub fn certify(
    region: &RegionId,
    id: &JurisdictionId,
    authority: &Authority,
    key: &VerifyingKey,
) -> Result<String, rcgen::Error> {
    Ok(signed::hex(&authority.sign(&message(EVIDENCE, region, id, key.as_bytes(), &[]))?))
}

/// Whether `certified` is the word of the authority key `authority` for an evidence key.
pub fn certifies(
    region: &RegionId,
    id: &JurisdictionId,
    authority: &[u8],
    key: &VerifyingKey,
    certified: &str,
) -> bool {
    let message = message(EVIDENCE, region, id, key.as_bytes(), &[]);
    signed::unhex(certified).is_some_and(|signature| bound::verifies(authority, &message, &signature))
}

fn directory_revocations(known: &Trusted, next: &Trusted) -> Result<(), NotNext> {
    let lost = known.directory_revoked.iter().find(|entry| !next.directory_revoked.contains(entry));
    lost.map_or(Ok(()), |(id, _)| Err(NotNext::Unrevoked(id.clone())))
}

/// Whether `steps` lead from the key `old` to the key `new`, each signed by the key that it starts from.
fn leads(region: &RegionId, id: &JurisdictionId, old: &[u8], new: &[u8], steps: &[Endorsement]) -> bool {
    let mut at = old.to_vec();
    for _ in 0..KEYS_MAX {
        if at == new {
            return true;
        }
        let next = steps.iter().filter(|step| step.from == signed::hex(&at)).find_map(|step| {
            let (to, signature) = (signed::unhex(&step.to)?, signed::unhex(&step.signature)?);
            bound::verifies(&at, &message(FOLLOWS, region, id, &at, &to), &signature).then_some(to)
        });
        let Some(next) = next else { return false };
        at = next;
    }
    false
}

/// The word of `old` that the authority key `new` follows it for `id`.
pub fn endorse(
    region: &RegionId,
    id: &JurisdictionId,
    old: &Authority,
    new: &[u8],
) -> Result<Endorsement, rcgen::Error> {
    let from = old.public_key();
    let signature = old.sign(&message(FOLLOWS, region, id, from, new))?;
    Ok(Endorsement { from: signed::hex(from), to: signed::hex(new), signature: signed::hex(&signature) })
}

/// Whether an endorsement is good and leads from `old` to `new`.
pub fn endorses(region: &RegionId, id: &JurisdictionId, step: &Endorsement, old: &[u8], new: &[u8]) -> bool {
    leads(region, id, old, new, std::slice::from_ref(step))
}

fn message(context: &[u8], region: &RegionId, id: &JurisdictionId, from: &[u8], to: &[u8]) -> Vec<u8> {
    let parts = [context, region.as_str().as_bytes(), id.as_str().as_bytes(), from, to];
    let length = |part: &[u8]| u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes();
    parts.iter().flat_map(|part| [length(part).to_vec(), part.to_vec()].concat()).collect()
}
