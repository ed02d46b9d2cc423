//! A whole region at once: root of trust, authorities, leaves, evidence keys, signed files; for `certs init`, the demo
//! and tests.

use std::{collections::BTreeMap, fs, path::Path};

use ed25519_dalek::SigningKey;
use model::{
    grant::demo_text,
    ids::{JurisdictionId, RegionId},
    seal::SealKind,
    time::Timestamp,
};

use super::{MemberSpec, Region, RegionError, Spec, place, publish::FILES_LIFE};
use crate::{
    ca::{self, Authority, LeafTerms},
    disk,
    files::{DirectoryFile, EvidenceEntry, MemberEntry, RootFile, name},
    keys, signed, succession, trust,
};

/// So many of three sign.
const THRESHOLD: usize = 2;

/// Makes a region in `folder`. When this returns, every trust directory is complete.
pub fn create(folder: &Path, spec: &Spec, now: Timestamp) -> Result<Region, RegionError> {
    let offline = folder.join(place::OFFLINE);
    if offline.exists() {
        return Err(RegionError::Occupied(folder.display().to_string()));
    }
    disk::private_dir(&offline)?;
    let (root_keys, signers) = (new_keys(&offline, "root")?, new_keys(&offline, "signer")?);
    let root_file = root_file(spec, &root_keys, &signers)?;
    let root = ca::root(&spec.region, now)?;
    let broker = ca::authority(&format!("{} broker CA", spec.region), &root, now)?;
    put_offline(&offline, place::ROOT_CA, &root)?;
    put_offline(&offline, place::BROKER_CA, &broker)?;
    let broker_evidence = new_evidence(&folder.join(place::BROKER), &spec.region, &JurisdictionId::broker(), &broker)?;
    let directory = empty(spec, broker.pem(), broker_evidence, now);
    let mut region = Region {
        folder: folder.to_owned(),
        region: spec.region.clone(),
        root: Some(root),
        broker: Some(broker),
        members: Vec::new(),
        endpoints: spec.broker_hosts.iter().map(|host| endpoint(host)).collect(),
        signers,
        root_file,
        directory,
        grants: demo_text(&spec.region, 1, now.plus(FILES_LIFE), &spec.agreements),
        grants_version: 0,
        agreements: spec.agreements.clone(),
        lists: BTreeMap::new(),
        waiting_lists: Vec::new(),
    };
    region.issue_broker(&spec.broker_hosts, now)?;
    region.issue_operator(now)?;
    for member in &spec.members {
        region.add_member(member, now)?;
    }
    region.remember_endpoints()?;
    region.publish(now)?;
    Ok(region)
}

/// `host:port`, with the broker's usual port.
fn endpoint(host: &str) -> String {
    if host.contains(':') { format!("[{host}]:7443") } else { format!("{host}:7443") }
}

impl Region {
    /// Makes a member: its authority, its agent's leaf and evidence key, its entry in the next directory.
    pub fn add_member(&mut self, member: &MemberSpec, now: Timestamp) -> Result<(), RegionError> {
        let root = self.root.as_ref().ok_or_else(|| RegionError::NoAuthority(self.region.to_string()))?;
        let authority = ca::authority(&ca::authority_name(&self.region, &member.id), root, now)?;
        let folder = self.trust(member.id.as_str());
        let evidence = new_evidence(&folder, &self.region, &member.id, &authority)?;
        trust::put_authority(&folder, &authority)?;
        trust::put_leaf(&folder, &ca::leaf(&self.agent_name(&member.id)?, &authority, &LeafTerms::client(now))?)?;
        self.directory.members.push(entry(member, authority.pem(), evidence));
        self.members.push((member.id.clone(), authority));
        Ok(())
    }
}

fn empty(spec: &Spec, broker_ca: String, broker_evidence: EvidenceEntry, now: Timestamp) -> DirectoryFile {
    DirectoryFile {
        region: spec.region.to_string(),
        version: 0,
        issued: now.millis(),
        expires: now.plus(FILES_LIFE).millis(),
        previous: String::new(),
        broker_ca,
        broker_ca_endorsed_by: Vec::new(),
        broker_evidence: vec![broker_evidence],
        groups: BTreeMap::default(),
        windows: Vec::new(),
        chair: None,
        members: Vec::new(),
        former: Vec::new(),
        revoked: Vec::new(),
    }
}

fn root_file(spec: &Spec, root_keys: &[SigningKey], signers: &[SigningKey]) -> Result<String, RegionError> {
    let hex =
        |keys: &[SigningKey]| keys.iter().map(|key| signed::hex(key.verifying_key().as_bytes())).collect::<Vec<_>>();
    let root = RootFile {
        region: spec.region.to_string(),
        version: 1,
        root_keys: hex(root_keys),
        root_threshold: THRESHOLD,
        directory_keys: hex(signers),
        directory_threshold: THRESHOLD,
        grants_keys: hex(signers),
        grants_threshold: THRESHOLD,
    };
    let enough = root_keys.get(..THRESHOLD).unwrap_or(root_keys);
    Ok(signed::sign(SealKind::Root, &spec.region, &toml::to_string(&root)?, enough))
}

fn new_keys(folder: &Path, name: &str) -> Result<Vec<SigningKey>, RegionError> {
    (1..=3).map(|number| Ok(keys::new_signing(&folder.join(format!("{name}-{number}.key")))?)).collect()
}

fn put_offline(folder: &Path, name: &str, authority: &Authority) -> Result<(), RegionError> {
    fs::write(folder.join(format!("{name}.pem")), authority.pem())?;
    Ok(keys::write(&folder.join(format!("{name}.key")), &authority.key_pem())?)
}

fn new_evidence(
    folder: &Path,
    region: &RegionId,
    id: &JurisdictionId,
    authority: &Authority,
) -> Result<EvidenceEntry, RegionError> {
    disk::private_dir(folder)?;
    let key = keys::new_signing(&folder.join(name::EVIDENCE_KEY))?.verifying_key();
    let certified = succession::certify(region, id, authority, &key)?;
    Ok(EvidenceEntry { key: signed::hex(key.as_bytes()), certified, until: None })
}

pub(super) fn entry(member: &MemberSpec, ca: String, evidence: EvidenceEntry) -> MemberEntry {
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
