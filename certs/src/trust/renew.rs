//! The own leaf and the own revocation list, by the own authority.

use std::path::Path;

use model::{ids::JurisdictionId, time::Timestamp};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use super::{TrustError, read};
use crate::{
    bound::Bound,
    ca::{self, Authority, Issued, LeafTerms},
    disk,
    files::name,
    keys,
    profile::{self, Facts, Name, Side, Who},
    revocation::Serial,
    seen,
};

/// Seconds after which a revocation list is written anew.
const LIST_AGE: i64 = 86_400;

/// Who the leaf in `folder` names, and what else it says.
pub fn identity_of(folder: &Path) -> Result<(Name, Facts), TrustError> {
    let path = folder.join(name::LEAF);
    let wrong = |source| TrustError::Leaf { file: path.display().to_string(), source };
    let der =
        CertificateDer::from_pem_slice(read(&path)?.as_bytes()).map_err(|_| wrong(profile::Refusal::Unreadable))?;
    let facts = profile::check(&der, Side::Client).or_else(|_| profile::check(&der, Side::Server)).map_err(wrong)?;
    Ok((facts.name.clone(), facts))
}

/// Writes a leaf and its key. A program that loads the folder meanwhile finds a chain with its key: the old, or the new.
pub fn put_leaf(folder: &Path, issued: &Issued) -> Result<(), TrustError> {
    disk::private_dir(folder)?;
    let next = folder.join(name::LEAF_KEY_NEXT);
    keys::write(&next, &issued.key)?;
    if !folder.join(name::LEAF_KEY).exists() {
        keys::write(&folder.join(name::LEAF_KEY), &issued.key)?;
    }
    disk::replace(&folder.join(name::LEAF), issued.chain.as_bytes())?;
    Ok(disk::rename(&next, &folder.join(name::LEAF_KEY))?)
}

/// Renews the leaf in `folder`, with a new key, for the same name, hosts and use.
pub fn renew(folder: &Path, authority: &Authority, now: Timestamp) -> Result<(), TrustError> {
    let (identity, _) = identity_of(folder)?;
    let hosts = seen::first(&read(&folder.join(name::LEAF))?).map(|seen| seen.hosts).unwrap_or_default();
    let terms = match identity.who {
        Who::Broker(_) => LeafTerms::server(now, &hosts),
        Who::Agent(_) | Who::Operator(_) => LeafTerms::client(now),
    };
    put_leaf(folder, &ca::leaf(&identity, authority, &terms)?)
}

/// Issues a leaf for another name into another folder.
pub fn issue(folder: &Path, identity: &Name, authority: &Authority, terms: &LeafTerms) -> Result<(), TrustError> {
    put_leaf(folder, &ca::leaf(identity, authority, terms)?)
}

/// Whose authority issues leaves with this name.
pub(crate) fn issuer_of(identity: &Name) -> JurisdictionId {
    match &identity.who {
        Who::Agent(agent) => agent.jurisdiction.clone(),
        Who::Broker(_) | Who::Operator(_) => JurisdictionId::broker(),
    }
}

/// Writes the revocation list of the authority anew, with what it revoked before; returns it.
pub fn own_list(folder: &Path, authority: &Authority, now: Timestamp) -> Result<String, TrustError> {
    revoke(folder, authority, &[], now)
}

/// Revokes serials on the list of the authority that lies in `folder`; returns the new list.
pub fn revoke(folder: &Path, authority: &Authority, serials: &[Serial], now: Timestamp) -> Result<String, TrustError> {
    let id = issuer_of(&identity_of(folder)?.0);
    let lists = folder.join(name::CRLS);
    let path = lists.join(format!("{id}.pem"));
    let before = std::fs::read_to_string(&path).ok();
    let pem = next_list(authority, before.as_deref(), serials, now)?;
    disk::private_dir(&lists)?;
    disk::replace(&path, pem.as_bytes())?;
    Ok(pem)
}

/// The revocation list after `before`, with `serials` as well.
pub(crate) fn next_list(
    authority: &Authority,
    before: Option<&str>,
    serials: &[Serial],
    now: Timestamp,
) -> Result<String, TrustError> {
    let bound = Bound::read(&authority.pem()).ok();
    let before = bound.and_then(|bound| before.and_then(|pem| bound.list(pem)));
    let mut all = before.as_ref().map(|list| list.serials.clone()).unwrap_or_default();
    all.extend(serials.iter().cloned());
    // the number is the time, and never one that was there already
    let clock = u64::try_from(now.millis()).unwrap_or(0);
    let number = before.map_or(clock, |list| clock.max(list.number + 1));
    let all: Vec<Serial> = all.into_iter().collect();
    Ok(ca::revocations(authority, &all, number, now)?)
}

/// What was due and has been done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Renewed {
    /// The leaf: a third of its life had passed.
    pub leaf: bool,
    /// The revocation list: it was a day old.
    pub list: bool,
}

/// Renews leaf and revocation list in a trust directory when they are due, if the authority's key lies there. An agent
/// calls this now and then, so that two weeks without anybody always fit.
pub fn keep_fresh(folder: &Path, now: Timestamp) -> Result<Renewed, TrustError> {
    if !folder.join(name::CA_KEY).exists() {
        return Ok(Renewed::default());
    }
    let (identity, facts) = identity_of(folder)?;
    let seconds = now.millis() / 1_000;
    let third = (facts.not_after - facts.not_before) / 3;
    let path = folder.join(name::CRLS).join(format!("{}.pem", issuer_of(&identity)));
    let bound = Bound::read(&read(&folder.join(name::CA))?).ok();
    let list = bound.zip(std::fs::read_to_string(path).ok()).and_then(|(bound, pem)| bound.list(&pem));
    let due = Renewed {
        leaf: seconds >= facts.not_before + third,
        list: list.is_none_or(|list| seconds >= list.issued + LIST_AGE),
    };
    if due == Renewed::default() {
        return Ok(due);
    }
    let authority = super::authority(folder)?;
    if due.leaf {
        renew(folder, &authority, now)?;
    }
    if due.list {
        own_list(folder, &authority, now)?;
    }
    Ok(due)
}
