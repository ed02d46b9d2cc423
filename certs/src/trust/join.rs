//! An office joins a region: it pins the root, makes its own authority, evidence key and leaf, and asks to be admitted.

use std::path::Path;

use ed25519_dalek::SigningKey;
use model::{
    ids::{AgentId, JurisdictionId, RegionId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{TrustError, authority, identity_of, own_list, put_authority, put_leaf, read};
use crate::{
    bound::Bound,
    ca::{self, Authority, LeafTerms},
    disk,
    files::name,
    handover::{self, HandoverError, Invitation, Request},
    keys,
    profile::{Name, Who},
    signed, succession,
    words::Words,
};

/// What an office that is joining keeps of its invitation.
#[derive(Debug, Deserialize, Serialize)]
struct Joining {
    number: String,
}

/// An office that asks to be admitted.
#[derive(Debug)]
pub struct Joined {
    /// What it was invited to.
    pub invitation: Invitation,
    /// Words of the root that it has pinned.
    pub root_words: Words,
    /// The request, for the secretariat.
    pub request: String,
    /// Words of the request.
    pub request_words: Words,
}

/// Pins the root of an invitation in `folder`, makes what is not there yet, and writes the request. Doing it twice is
/// harmless: keys that are there stay.
pub fn join(folder: &Path, invitation: &str, agent: &str, now: Timestamp) -> Result<Joined, TrustError> {
    let (said, _) = Invitation::read(invitation, now)?;
    let (region, id): (RegionId, JurisdictionId) = (said.region.parse()?, said.jurisdiction.parse()?);
    disk::private_dir(folder)?;
    pin(folder, &said.root)?;
    let identity = Name { region: region.clone(), who: Who::Agent(AgentId::new(id.clone(), agent)?) };
    make_keys(folder, &identity, &ca::authority_name(&region, &id), now)?;
    let joining = Joining { number: said.number.clone() };
    disk::replace(&folder.join(name::JOINING), toml::to_string(&joining)?.as_bytes())?;
    let (request, request_words) = write(folder, &identity, &joining.number, now)?;
    Ok(Joined { root_words: handover::root_words(&said.root), invitation: said, request, request_words })
}

fn pin(folder: &Path, root: &str) -> Result<(), TrustError> {
    let path = folder.join(name::ROOT);
    match std::fs::read_to_string(&path) {
        Ok(pinned) => Ok(succession::root_may_follow(&pinned, root)?),
        Err(_) => Ok(disk::replace(&path, root.as_bytes())?),
    }
}

fn make_keys(folder: &Path, identity: &Name, authority_name: &str, now: Timestamp) -> Result<(), TrustError> {
    if folder.join(name::LEAF).exists() {
        let (there, _) = identity_of(folder)?;
        if there != *identity {
            return Err(TrustError::Taken(folder.display().to_string(), there.uri()));
        }
    }
    if !folder.join(name::CA).exists() {
        put_authority(folder, &ca::own(authority_name, now)?)?;
    }
    if !folder.join(name::EVIDENCE_KEY).exists() {
        keys::new_signing(&folder.join(name::EVIDENCE_KEY))?;
    }
    if !folder.join(name::LEAF).exists() {
        put_leaf(folder, &ca::leaf(identity, &authority(folder)?, &LeafTerms::client(now))?)?;
    }
    Ok(())
}

fn write(folder: &Path, identity: &Name, number: &str, now: Timestamp) -> Result<(String, Words), TrustError> {
    let authority = authority(folder)?;
    let evidence = keys::signing(&folder.join(name::EVIDENCE_KEY))?;
    let crl = own_list(folder, &authority, now)?;
    let request = asked(identity, number, &authority, &evidence, crl, now)?;
    Ok(request.prove(&authority, &evidence)?)
}

fn asked(
    identity: &Name,
    number: &str,
    authority: &Authority,
    evidence: &SigningKey,
    crl: String,
    now: Timestamp,
) -> Result<Request, TrustError> {
    let id = identity.agent().map(|agent| agent.jurisdiction.clone()).ok_or(HandoverError::Sort)?;
    Ok(Request {
        region: identity.region.to_string(),
        evidence_certified: succession::certify(&identity.region, &id, authority, &evidence.verifying_key())?,
        jurisdiction: id.to_string(),
        number: number.to_owned(),
        issued: now.millis(),
        evidence: signed::hex(evidence.verifying_key().as_bytes()),
        ca: authority.pem(),
        crl,
        ca_endorsed_by: None,
    })
}

/// What a member wants to change. The new keys wait beside the old ones until the directory names them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// Nothing: the same keys again, for one whose request was lost.
    Nothing,
    /// Another authority.
    Authority,
    /// Another evidence key.
    Evidence,
    /// Both.
    Both,
}

/// Writes a request of one who has joined: with new keys that wait until the directory names them.
pub fn request(folder: &Path, change: Change, now: Timestamp) -> Result<(String, Words), TrustError> {
    let (identity, _) = identity_of(folder)?;
    let number = read(&folder.join(name::JOINING)).ok().and_then(|text| toml::from_str::<Joining>(&text).ok());
    let number = number.map_or_else(String::new, |joining| joining.number);
    let old = authority(folder)?;
    let evidence = match change {
        Change::Evidence | Change::Both => waiting_evidence(folder)?,
        Change::Nothing | Change::Authority => keys::signing(&folder.join(name::EVIDENCE_KEY))?,
    };
    if matches!(change, Change::Nothing | Change::Evidence) {
        let crl = own_list(folder, &old, now)?;
        return Ok(asked(&identity, &number, &old, &evidence, crl, now)?.prove(&old, &evidence)?);
    }
    let id = identity.agent().map(|agent| agent.jurisdiction.clone()).ok_or(HandoverError::Sort)?;
    let new = waiting_authority(folder, &ca::authority_name(&identity.region, &id), now)?;
    let crl = ca::revocations(&new, &[], u64::try_from(now.millis()).unwrap_or(0), now)?;
    let mut request = asked(&identity, &number, &new, &evidence, crl, now)?;
    request.ca_endorsed_by = Some(succession::endorse(&identity.region, &id, &old, new.public_key())?);
    Ok(request.prove(&new, &evidence)?)
}

fn waiting_evidence(folder: &Path) -> Result<SigningKey, TrustError> {
    let path = folder.join(name::EVIDENCE_KEY_NEXT);
    Ok(if path.exists() { keys::signing(&path)? } else { keys::new_signing(&path)? })
}

fn waiting_authority(folder: &Path, called: &str, now: Timestamp) -> Result<Authority, TrustError> {
    let (pem, key) = (folder.join(name::CA_NEXT), folder.join(name::CA_KEY_NEXT));
    let there = pem.exists() && key.exists() && Bound::read(&read(&pem)?).is_ok();
    if there {
        return super::authority_at(&pem, &key);
    }
    let new = ca::own(called, now)?;
    keys::write(&key, &new.key_pem())?;
    disk::replace(&pem, new.pem().as_bytes())?;
    Ok(new)
}
