//! Puts signed files in force in a trust directory, whoever brought them: only what may follow what is there.

use std::path::Path;

use model::{ids::JurisdictionId, seal};

use super::{TrustError, identity_of, put_leaf};
use crate::{
    bound::Bound,
    ca, disk,
    files::{self, Bytes3, Trusted, name},
    keys,
    profile::Who,
    revocation::List,
    succession,
};

/// What was put in force, and what it meant for the own keys.
#[derive(Debug)]
pub struct Installed {
    /// What is in force now.
    pub trusted: Trusted,
    /// Whether the directory binds the own authority.
    pub bound: bool,
    /// Whether an authority that waited has taken its place.
    pub new_authority: bool,
    /// Whether an evidence key that waited has taken its place.
    pub new_evidence: bool,
}

/// Verifies the files against the root that is pinned in `folder` and against what is in force there, and puts them in
/// force. When this fails, everything is as it was.
pub fn install(
    folder: &Path,
    bytes: &Bytes3,
    crls: &[String],
    now: model::time::Timestamp,
) -> Result<Installed, TrustError> {
    let pinned = std::fs::read_to_string(folder.join(name::ROOT));
    let pinned = pinned.map_err(|_| TrustError::NotPinned(folder.display().to_string()))?;
    // lists that lie here may be newer than those that came, the own one above all
    let lists = [crls, &files::crls(folder)?].concat();
    let mut next = files::verify(bytes, &lists)?;
    succession::root_may_follow(&pinned, &bytes.root)?;
    if folder.join(name::DIRECTORY).exists() {
        let known = files::load(folder)?;
        succession::may_follow(&known, &next)?;
        next.remember(&known);
    }
    put(folder, &next)?;
    let (new_authority, new_evidence) = (next_authority(folder, &next, now)?, next_evidence(folder, &next)?);
    let bound = bound(folder, &next)?;
    Ok(Installed { trusted: next, bound, new_authority, new_evidence })
}

/// Writes verified files into `folder`; a revocation list that is newer there stays.
pub fn put(folder: &Path, trusted: &Trusted) -> Result<(), TrustError> {
    let lists = folder.join(name::CRLS);
    disk::private_dir(&lists)?;
    for (id, bound) in trusted.bound() {
        let path = lists.join(format!("{id}.pem"));
        let there = std::fs::read_to_string(&path).ok().and_then(|pem| bound.list(&pem));
        let newer = |list: &&List| there.as_ref().is_none_or(|there| there.number < list.number);
        if let Some(list) = trusted.revocations.lists.get(&id).filter(newer) {
            disk::replace(&path, list.pem.as_bytes())?;
        }
    }
    let Bytes3 { root, directory, grants } = &trusted.bytes;
    for (file, text) in [(name::ROOT, root), (name::DIRECTORY, directory), (name::GRANTS, grants)] {
        let path = folder.join(file);
        if !std::fs::read_to_string(&path).is_ok_and(|there| there == *text) {
            disk::replace(&path, text.as_bytes())?;
        }
    }
    Ok(())
}

/// Whose trust directory it is, if a member's.
fn owner(folder: &Path) -> Result<Option<JurisdictionId>, TrustError> {
    if !folder.join(name::LEAF).exists() {
        return Ok(None);
    }
    let (identity, _) = identity_of(folder)?;
    Ok(match identity.who {
        Who::Agent(agent) => Some(agent.jurisdiction),
        Who::Broker(_) | Who::Operator(_) => None,
    })
}

fn bound(folder: &Path, trusted: &Trusted) -> Result<bool, TrustError> {
    let Some(id) = owner(folder)? else { return Ok(true) };
    let own = std::fs::read_to_string(folder.join(name::CA)).ok().and_then(|pem| Bound::read(&pem).ok());
    let said = trusted.authorities.get(&id);
    Ok(match (own, said) {
        (Some(own), Some(said)) => own.public_key == said.public_key,
        // the authority lies elsewhere
        (None, Some(_)) => true,
        (_, None) => false,
    })
}

/// An authority that waited takes its place when the directory binds it; a leaf of it comes with it.
fn next_authority(folder: &Path, trusted: &Trusted, now: model::time::Timestamp) -> Result<bool, TrustError> {
    let (pem, key) = (folder.join(name::CA_NEXT), folder.join(name::CA_KEY_NEXT));
    let Some(id) = owner(folder)? else { return Ok(false) };
    let waiting = std::fs::read_to_string(&pem).ok().and_then(|pem| Bound::read(&pem).ok());
    let is_bound =
        waiting.zip(trusted.authorities.get(&id)).is_some_and(|(own, said)| own.public_key == said.public_key);
    if !is_bound {
        return Ok(false);
    }
    if key.exists() {
        disk::rename(&key, &folder.join(name::CA_KEY))?;
    }
    disk::rename(&pem, &folder.join(name::CA))?;
    let (identity, _) = identity_of(folder)?;
    put_leaf(folder, &ca::leaf(&identity, &super::authority(folder)?, &ca::LeafTerms::client(now))?)?;
    Ok(true)
}

/// An evidence key that waited takes its place when the directory certifies it.
fn next_evidence(folder: &Path, trusted: &Trusted) -> Result<bool, TrustError> {
    let path = folder.join(name::EVIDENCE_KEY_NEXT);
    if !path.exists() {
        return Ok(false);
    }
    let id = seal::key_id(&keys::signing(&path)?.verifying_key());
    let certified = trusted.evidence.contains_key(&id);
    if certified {
        disk::rename(&path, &folder.join(name::EVIDENCE_KEY))?;
    }
    Ok(certified)
}
