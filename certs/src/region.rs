//! A whole region at once: root of trust, authorities, leaves, evidence keys, signed files; for `certs init`, the demo
//! and tests.
//!
//! ```text
//! DIR/offline/        root and signer keys, region root CA, authorities of members made here: keep it offline
//! DIR/broker/         trust directory of the broker
//! DIR/operator/       trust directory of an operator
//! DIR/JURISDICTION/   trust directory of an agent
//! ```

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use ed25519_dalek::SigningKey;
use model::{
    grant::demo_text,
    ids::{AgentId, AgreementId, JurisdictionId, RegionId},
    seal::SealKind,
    time::Timestamp,
};

use crate::{
    ca::{self, Authority, Issued, LeafTerms},
    files::{Degrees, DirectoryFile, EvidenceEntry, MemberEntry, RootFile, name},
    keys::{self, KeyError},
    profile::{Name, Who},
    signed,
};

/// How long directory and grants are good.
const FILES_LIFE: Duration = Duration::from_hours(30 * 24);

/// Why a region could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RegionError {
    /// Disk.
    #[error("disk")]
    Disk(#[from] io::Error),
    /// Key files.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Certificates.
    #[error("certificate")]
    Certificate(#[from] rcgen::Error),
    /// The text of a signed file.
    #[error("signed file")]
    Text(#[from] toml::ser::Error),
    /// A name that is none.
    #[error(transparent)]
    Invalid(#[from] model::invalid::Invalid),
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

/// A region that was made: the authorities are still in memory.
pub struct Region {
    /// Where it lies.
    pub folder: PathBuf,
    /// Its id.
    pub region: RegionId,
    /// Root authority.
    pub root: Authority,
    /// The broker's authority, which also issues operators.
    pub broker: Authority,
    /// Members' authorities.
    pub members: Vec<(JurisdictionId, Authority)>,
    signers: Vec<SigningKey>,
    root_file: String,
    directory: DirectoryFile,
    grants_version: u64,
    agreements: Vec<AgreementId>,
}

impl std::fmt::Debug for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Region").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Makes a region in `folder`. When this returns, every trust directory is complete.
pub fn create(folder: &Path, spec: &Spec, now: Timestamp) -> Result<Region, RegionError> {
    let offline = folder.join("offline");
    private_dir(&offline)?;
    let root_keys = signing_keys(&offline, "root")?;
    let signers = signing_keys(&offline, "signer")?;
    let root_file = root_file(spec, &root_keys, &signers)?;
    let root = ca::root(&spec.region, now)?;
    let broker = ca::authority(&format!("{} broker CA", spec.region), &root, now)?;
    fs::write(offline.join("root-ca.pem"), root.pem())?;
    keys::write(&offline.join("root-ca.key"), &root.key_pem())?;
    keys::write(&offline.join("broker-ca.key"), &broker.key_pem())?;
    let broker_evidence = evidence(&folder.join("broker"))?;
    let directory = DirectoryFile {
        region: spec.region.to_string(),
        version: 0,
        issued: now.millis(),
        expires: now.plus(FILES_LIFE).millis(),
        previous: String::new(),
        broker_ca: broker.pem(),
        broker_ca_endorsed_by: Vec::new(),
        broker_evidence: vec![broker_evidence],
        groups: std::collections::BTreeMap::default(),
        members: Vec::new(),
        former: Vec::new(),
        revoked: Vec::new(),
    };
    let mut region = Region {
        folder: folder.to_owned(),
        region: spec.region.clone(),
        root,
        broker,
        members: Vec::new(),
        signers,
        root_file,
        directory,
        grants_version: 1,
        agreements: spec.agreements.clone(),
    };
    region.issue_broker(&spec.broker_hosts, now)?;
    region.issue_operator(now)?;
    for member in &spec.members {
        region.add_member(member, now)?;
    }
    region.publish(now)?;
    Ok(region)
}

impl Region {
    /// The trust directory of the broker, of `operator`, or of a member.
    pub fn trust(&self, who: &str) -> PathBuf {
        self.folder.join(who)
    }

    /// Writes a new broker leaf.
    pub fn issue_broker(&self, hosts: &[String], now: Timestamp) -> Result<(), RegionError> {
        let name = Name { region: self.region.clone(), who: Who::Broker("main".to_owned()) };
        put_leaf(&self.trust("broker"), &ca::leaf(&name, &self.broker, &LeafTerms::server(now, hosts))?)
    }

    /// Writes an operator's leaf.
    pub fn issue_operator(&self, now: Timestamp) -> Result<(), RegionError> {
        let name = Name { region: self.region.clone(), who: Who::Operator("admin".to_owned()) };
        put_leaf(&self.trust("operator"), &ca::leaf(&name, &self.broker, &LeafTerms::client(now))?)
    }

    /// Makes a member: its authority, its agent's leaf and evidence key, its entry in the next directory.
    pub fn add_member(&mut self, member: &MemberSpec, now: Timestamp) -> Result<(), RegionError> {
        let authority = ca::authority(&ca::authority_name(&self.region, &member.id), &self.root, now)?;
        let folder = self.trust(member.id.as_str());
        let evidence = evidence(&folder)?;
        keys::write(&self.folder.join("offline").join(format!("{}-ca.key", member.id)), &authority.key_pem())?;
        put_leaf(&folder, &ca::leaf(&self.agent_name(&member.id)?, &authority, &LeafTerms::client(now))?)?;
        self.directory.members.push(entry(member, authority.pem(), evidence));
        self.members.push((member.id.clone(), authority));
        Ok(())
    }

    /// The name of a member's agent.
    pub fn agent_name(&self, id: &JurisdictionId) -> Result<Name, RegionError> {
        Ok(Name { region: self.region.clone(), who: Who::Agent(AgentId::new(id.clone(), "desk")?) })
    }

    /// Signs directory and grants anew, each one version higher, and writes them with fresh revocation lists everywhere.
    pub fn publish(&mut self, now: Timestamp) -> Result<(), RegionError> {
        self.directory.version += 1;
        self.directory.issued = now.millis();
        self.directory.expires = now.plus(FILES_LIFE).millis();
        let grants = demo_text(&self.region, self.grants_version, now.plus(FILES_LIFE), &self.agreements);
        self.publish_grants(&grants)?;
        self.publish_revocations(&[], now)
    }

    /// Signs `grants` as they are and writes them, with the directory, everywhere.
    pub fn publish_grants(&self, grants: &str) -> Result<(), RegionError> {
        let two = self.signers.get(..2).unwrap_or(&self.signers);
        let directory = signed::sign(SealKind::Directory, &self.region, &toml::to_string(&self.directory)?, two);
        let grants = signed::sign(SealKind::Grants, &self.region, grants, two);
        for folder in self.folders() {
            fs::write(folder.join(name::ROOT), &self.root_file)?;
            fs::write(folder.join(name::DIRECTORY), &directory)?;
            fs::write(folder.join(name::GRANTS), &grants)?;
        }
        Ok(())
    }

    /// Writes revocation lists everywhere; `serials` are revoked at every authority.
    pub fn publish_revocations(&self, serials: &[Vec<u8>], now: Timestamp) -> Result<(), RegionError> {
        let number = u64::try_from(now.millis()).unwrap_or(0);
        let mut lists = vec![("broker".to_owned(), ca::revocations(&self.broker, &[], number, now)?)];
        for (id, authority) in &self.members {
            lists.push((id.to_string(), ca::revocations(authority, serials, number, now)?));
        }
        for folder in self.folders() {
            let crls = folder.join(name::CRLS);
            private_dir(&crls)?;
            for (of, pem) in &lists {
                fs::write(crls.join(format!("{of}.pem")), pem)?;
            }
        }
        Ok(())
    }

    fn folders(&self) -> Vec<PathBuf> {
        let members = self.members.iter().map(|(id, _)| self.trust(id.as_str()));
        members.chain([self.trust("broker"), self.trust("operator")]).collect()
    }
}

fn root_file(spec: &Spec, root_keys: &[SigningKey], signers: &[SigningKey]) -> Result<String, RegionError> {
    let hex =
        |keys: &[SigningKey]| keys.iter().map(|key| signed::hex(key.verifying_key().as_bytes())).collect::<Vec<_>>();
    let root = RootFile {
        region: spec.region.to_string(),
        version: 1,
        root_keys: hex(root_keys),
        root_threshold: 2,
        directory_keys: hex(signers),
        directory_threshold: 2,
        grants_keys: hex(signers),
        grants_threshold: 2,
    };
    Ok(signed::sign(SealKind::Root, &spec.region, &toml::to_string(&root)?, root_keys.get(..2).unwrap_or(root_keys)))
}

fn signing_keys(folder: &Path, name: &str) -> Result<Vec<SigningKey>, RegionError> {
    (1..=3).map(|number| Ok(keys::new_signing(&folder.join(format!("{name}-{number}.key")))?)).collect()
}

fn evidence(folder: &Path) -> Result<EvidenceEntry, RegionError> {
    private_dir(folder)?;
    let key = keys::new_signing(&folder.join(name::EVIDENCE_KEY))?;
    Ok(EvidenceEntry { key: signed::hex(key.verifying_key().as_bytes()), until: None })
}

/// Writes a leaf and its key into a trust directory.
pub fn put_leaf(folder: &Path, issued: &Issued) -> Result<(), RegionError> {
    private_dir(folder)?;
    fs::write(folder.join(name::LEAF), &issued.chain)?;
    Ok(keys::write(&folder.join(name::LEAF_KEY), &issued.key)?)
}

fn entry(member: &MemberSpec, ca: String, evidence: EvidenceEntry) -> MemberEntry {
    MemberEntry {
        id: member.id.to_string(),
        name_zh: member.name_zh.clone(),
        name_en: member.name_en.clone(),
        ca,
        ca_endorsed_by: Vec::new(),
        evidence: vec![evidence],
        superiors: member.province.iter().map(ToString::to_string).collect(),
        province: member.province.as_ref().map(ToString::to_string),
        by_area: member.by_area,
        centroid: member.centroid,
        territory: member.territory.clone(),
    }
}

fn private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
