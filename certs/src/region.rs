//! The secretariat's folder of a region: made whole at once, opened again from disk, changed by proposals that enough
//! signers carry.
//!
//! ```text
//! DIR/region.toml     name of the region, where the broker is called
//! DIR/offline/        root keys, signer keys, region root CA, broker CA: keep it offline
//! DIR/signed/         root, directory, grants and revocation lists in force
//! DIR/draft/          what waits for another signature
//! DIR/invitations/    who was invited, and whether the invitation was used
//! DIR/broker/         trust directory of the broker
//! DIR/operator/       trust directory of an operator
//! DIR/JURISDICTION/   trust directory of an agent that was made here
//! ```

mod create;
mod members;
mod open;
mod publish;
mod rekey;
mod revoke;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use ed25519_dalek::SigningKey;
use model::{
    grant::PolicyError,
    ids::{AgentId, AgreementId, JurisdictionId, RegionId},
    time::Timestamp,
};

pub use self::{
    create::create,
    members::{Admission, Invited},
    open::{open, signing_keys},
    publish::{Proposal, sign_file},
    rekey::Replaced,
    revoke::Revoked,
};
use crate::{
    ca::{self, Authority, Issued, LeafTerms},
    files::{Degrees, DirectoryFile, FilesError},
    handover::HandoverError,
    keys::KeyError,
    profile::{Name, Who},
    succession::NotNext,
    trust::{self, TrustError},
};

/// Names of files and folders in a region's folder.
mod place {
    pub(super) const REGION: &str = "region.toml";
    pub(super) const OFFLINE: &str = "offline";
    pub(super) const SIGNED: &str = "signed";
    pub(super) const DRAFT: &str = "draft";
    pub(super) const INVITATIONS: &str = "invitations";
    pub(super) const BROKER: &str = "broker";
    pub(super) const OPERATOR: &str = "operator";
    pub(super) const ROOT_CA: &str = "root-ca";
    pub(super) const BROKER_CA: &str = "broker-ca";
}

/// Why a region is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RegionError {
    /// Disk.
    #[error("{0}")]
    Disk(#[from] io::Error),
    /// Key files.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Certificates.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The text of a signed file.
    #[error("signed file")]
    Text(#[from] toml::ser::Error),
    /// A file that cannot be read.
    #[error("{file}: {source}")]
    Form {
        /// Which.
        file: String,
        /// Why.
        source: toml::de::Error,
    },
    /// A name that is none.
    #[error(transparent)]
    Invalid(#[from] model::invalid::Invalid),
    /// A trust directory.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Signed files.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Good files that may not follow those in force.
    #[error(transparent)]
    NotNext(#[from] NotNext),
    /// Grants.
    #[error("grants: {0}")]
    Grants(#[from] PolicyError),
    /// A file that was handed over.
    #[error(transparent)]
    Handover(#[from] HandoverError),
    /// Something is there already.
    #[error("{0} is not empty: a region is made in a new folder")]
    Occupied(String),
    /// Too few signers at hand for something that cannot wait for another.
    #[error("{have} signer keys are at hand and {need} are needed; name the others with --key")]
    Signers {
        /// At hand.
        have: usize,
        /// Needed.
        need: usize,
    },
    /// Something waits for signatures.
    #[error("{0} waits for another signature: sign and publish it first, or remove it")]
    Waiting(String),
    /// Nothing waits.
    #[error("nothing waits for publication")]
    Nothing,
    /// The words that were heard are not those of the file.
    #[error("these are not the words of the request: it was changed on its way, or it is another one")]
    Words,
    /// Nobody was invited under this number.
    #[error("no open invitation of {0} has the request's number")]
    Uninvited(JurisdictionId),
    /// Nobody of this name.
    #[error("{0} is no member")]
    NoMember(String),
    /// No such key.
    #[error("there is no key {0}")]
    NoKey(String),
    /// The key of an authority is not here.
    #[error("the key of {0}'s authority is not here")]
    NoAuthority(String),
}

/// What to make.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The region.
    pub region: RegionId,
    /// Names and addresses by which agents call the broker.
    pub broker_hosts: Vec<String>,
    /// Its members.
    pub members: Vec<MemberSpec>,
    /// Agreements that the grants name.
    pub agreements: Vec<AgreementId>,
}

/// One member.
#[derive(Clone, Debug)]
pub struct MemberSpec {
    /// Division code or id.
    pub id: JurisdictionId,
    /// In Chinese.
    pub name_zh: String,
    /// In English.
    pub name_en: String,
    /// Its province, which is its superior too.
    pub province: Option<JurisdictionId>,
    /// Reached by area addresses.
    pub by_area: bool,
    /// Its middle.
    pub centroid: Option<Degrees>,
    /// Its territory.
    pub territory: Vec<Vec<Degrees>>,
}

/// A region's folder, with the keys that are at hand in it.
pub struct Region {
    /// Where it lies.
    pub folder: PathBuf,
    /// Its id.
    pub region: RegionId,
    /// Root authority, when its key is here.
    pub root: Option<Authority>,
    /// The broker's authority, which also issues operators, when its key is here.
    pub broker: Option<Authority>,
    /// Authorities of members that were made here.
    pub members: Vec<(JurisdictionId, Authority)>,
    /// Where agents call the broker.
    pub endpoints: Vec<String>,
    signers: Vec<SigningKey>,
    root_file: String,
    directory: DirectoryFile,
    grants: String,
    grants_version: u64,
    agreements: Vec<AgreementId>,
    lists: BTreeMap<String, String>,
    waiting_lists: Vec<String>,
}

impl std::fmt::Debug for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Region").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Region {
    /// The trust directory of the broker, of `operator`, or of a member.
    pub fn trust(&self, who: &str) -> PathBuf {
        self.folder.join(who)
    }

    /// Adds signer keys that do not lie in the folder.
    pub fn bring(&mut self, keys: Vec<SigningKey>) {
        let known: Vec<[u8; 32]> = self.signers.iter().map(|key| key.verifying_key().to_bytes()).collect();
        self.signers.extend(keys.into_iter().filter(|key| !known.contains(&key.verifying_key().to_bytes())));
    }

    /// Writes a new broker leaf.
    pub fn issue_broker(&self, hosts: &[String], now: Timestamp) -> Result<(), RegionError> {
        let name = Name { region: self.region.clone(), who: Who::Broker("main".to_owned()) };
        let issued = ca::leaf(&name, self.broker_authority()?, &LeafTerms::server(now, hosts))?;
        put_leaf(&self.trust(place::BROKER), &issued)
    }

    /// Writes an operator's leaf.
    pub fn issue_operator(&self, now: Timestamp) -> Result<(), RegionError> {
        let name = Name { region: self.region.clone(), who: Who::Operator("admin".to_owned()) };
        let issued = ca::leaf(&name, self.broker_authority()?, &LeafTerms::client(now))?;
        put_leaf(&self.trust(place::OPERATOR), &issued)
    }

    /// The name of a member's agent.
    pub fn agent_name(&self, id: &JurisdictionId) -> Result<Name, RegionError> {
        Ok(Name { region: self.region.clone(), who: Who::Agent(AgentId::new(id.clone(), "desk")?) })
    }

    /// Trust directories in this folder.
    fn folders(&self) -> Vec<PathBuf> {
        let members = self.members.iter().map(|(id, _)| self.trust(id.as_str()));
        let all = members.chain([self.trust(place::BROKER), self.trust(place::OPERATOR)]);
        all.filter(|folder| folder.is_dir()).collect()
    }

    fn broker_authority(&self) -> Result<&Authority, RegionError> {
        self.broker.as_ref().ok_or_else(|| RegionError::NoAuthority(place::BROKER.to_owned()))
    }
}

/// Writes a leaf and its key into a trust directory.
pub fn put_leaf(folder: &Path, issued: &Issued) -> Result<(), RegionError> {
    Ok(trust::put_leaf(folder, issued)?)
}
