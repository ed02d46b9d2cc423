//! The signed files of a region as values: the root of trust, the directory, the grants; and how they are loaded from
//! a trust directory, verified, and never replaced by an older version.

use std::{collections::BTreeMap, fs, path::Path};

use ed25519_dalek::VerifyingKey;
use model::{
    directory::{ByArea, Directory, Member},
    geometry::{Point, Polygon},
    grant::Policy,
    ids::{GroupId, JurisdictionId, KeyId, RegionId},
    seal::{self, SealKind},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::signed::{self, SignedError};

/// Names of the files in a trust directory.
pub mod name {
    /// The root of trust.
    pub const ROOT: &str = "root.toml";
    /// Members and keys.
    pub const DIRECTORY: &str = "directory.toml";
    /// Who may send what.
    pub const GRANTS: &str = "grants.toml";
    /// Certificate chain of the own leaf.
    pub const LEAF: &str = "leaf.pem";
    /// Its key.
    pub const LEAF_KEY: &str = "leaf.key";
    /// Evidence key.
    pub const EVIDENCE_KEY: &str = "evidence.key";
    /// Folder of revocation lists, one PEM file for each authority.
    pub const CRLS: &str = "crls";
}

/// Why the signed files are not taken; what was in force stays so.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A file cannot be read.
    #[error("{file}")]
    Disk {
        /// Which.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// Signatures.
    #[error("{file}: {source}")]
    Signed {
        /// Which.
        file: &'static str,
        /// Why.
        source: SignedError,
    },
    /// The text is not what it should be.
    #[error("{file}: {why}")]
    Form {
        /// Which.
        file: &'static str,
        /// Why.
        why: String,
    },
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
}

/// The root of trust: who signs the directory and the grants.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RootFile {
    /// Which region.
    pub region: String,
    /// Counts up.
    pub version: u64,
    /// Root keys, hexadecimal.
    pub root_keys: Vec<String>,
    /// So many of them sign the next root.
    pub root_threshold: usize,
    /// Keys that sign the directory.
    pub directory_keys: Vec<String>,
    /// So many of them.
    pub directory_threshold: usize,
    /// Keys that sign the grants.
    pub grants_keys: Vec<String>,
    /// So many of them.
    pub grants_threshold: usize,
}

/// The directory as it is written.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryFile {
    /// Which region.
    pub region: String,
    /// Counts up.
    pub version: u64,
    /// Unix milliseconds.
    pub issued: i64,
    /// Unix milliseconds; stale after this.
    pub expires: i64,
    /// Certificate of the broker's authority, PEM.
    pub broker_ca: String,
    /// Evidence keys of the broker.
    pub broker_evidence: Vec<EvidenceEntry>,
    /// Groups by id.
    #[serde(default)]
    pub groups: BTreeMap<String, Vec<String>>,
    /// Members.
    #[serde(default)]
    pub members: Vec<MemberEntry>,
}

/// An evidence key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceEntry {
    /// Ed25519 public key, hexadecimal.
    pub key: String,
    /// Unix milliseconds; seals made later are refused.
    #[serde(default)]
    pub until: Option<i64>,
}

/// A member.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MemberEntry {
    /// Division code or id.
    pub id: String,
    /// In Chinese.
    pub name_zh: String,
    /// In English.
    pub name_en: String,
    /// Certificate of its authority, PEM: leaves of this member are issued by exactly this one.
    pub ca: String,
    /// Evidence keys.
    pub evidence: Vec<EvidenceEntry>,
    /// Superiors, nearest first.
    #[serde(default)]
    pub superiors: Vec<String>,
    /// Its province.
    #[serde(default)]
    pub province: Option<String>,
    /// Reached by area addresses.
    #[serde(default = "yes")]
    pub by_area: bool,
    /// `[lat, lon]` in degrees, by name.
    #[serde(default)]
    pub centroid: Option<Degrees>,
    /// Polygons of points; entered by the directory's signers.
    #[serde(default)]
    pub territory: Vec<Vec<Degrees>>,
}

const fn yes() -> bool {
    true
}

/// A point in degrees.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Degrees {
    /// North positive.
    pub lat: f64,
    /// East positive.
    pub lon: f64,
}

/// An evidence key in force.
#[derive(Clone, Debug)]
pub struct EvidenceKey {
    /// Whose.
    pub owner: JurisdictionId,
    /// The key.
    pub key: VerifyingKey,
    /// Seals made later are refused.
    pub until: Option<Timestamp>,
}

/// Everything the signed files say, verified.
#[derive(Clone, Debug)]
pub struct Trusted {
    /// Which region.
    pub region: RegionId,
    /// The root.
    pub root: RootFile,
    /// For routing.
    pub directory: Directory,
    /// Stale after this.
    pub directory_expires: Timestamp,
    /// Who may send what.
    pub policy: Policy,
    /// Evidence keys by id.
    pub evidence: BTreeMap<KeyId, EvidenceKey>,
    /// Certificate of each member's authority, PEM.
    pub authorities: BTreeMap<JurisdictionId, String>,
    /// Certificate of the broker's authority, PEM.
    pub broker_authority: String,
    /// Revocation lists, PEM.
    pub crls: Vec<String>,
    /// The files as bytes.
    pub bytes: Bytes3,
}

/// Root, directory and grants exactly as signed.
#[derive(Clone, Debug, Default)]
pub struct Bytes3 {
    /// The root file.
    pub root: String,
    /// The directory file.
    pub directory: String,
    /// The grants file.
    pub grants: String,
}

/// Loads and verifies the signed files of `folder`. `known` are the versions in force of directory and grants; older
/// ones are refused.
pub fn load(folder: &Path, known: (u64, u64)) -> Result<Trusted, FilesError> {
    let bytes = Bytes3 {
        root: read(folder, name::ROOT)?,
        directory: read(folder, name::DIRECTORY)?,
        grants: read(folder, name::GRANTS)?,
    };
    let trusted = verify(bytes, crls(folder)?)?;
    for (file, found, known) in
        [(name::DIRECTORY, trusted.directory.version, known.0), (name::GRANTS, trusted.policy.version, known.1)]
    {
        if found < known {
            return Err(FilesError::Older { file, found, known });
        }
    }
    Ok(trusted)
}

/// Verifies files that came from anywhere: signatures first, then what they say.
pub fn verify(bytes: Bytes3, crls: Vec<String>) -> Result<Trusted, FilesError> {
    let form = |file: &'static str| move |why: String| FilesError::Form { file, why };
    let text = bytes.root.split("# --- signatures").next().unwrap_or_default();
    let root: RootFile = toml::from_str(text).map_err(|error| form(name::ROOT)(error.to_string()))?;
    let region: RegionId =
        root.region.parse().map_err(|error: model::invalid::Invalid| form(name::ROOT)(error.to_string()))?;
    let check = |kind, file, text, keys: &[String], needed| {
        let keys = verifying(keys).ok_or_else(|| form(name::ROOT)("a key is not readable".to_owned()))?;
        signed::verify(kind, &region, text, &keys, needed).map_err(|source| FilesError::Signed { file, source })
    };
    check(SealKind::Root, name::ROOT, &bytes.root, &root.root_keys, root.root_threshold)?;
    let directory =
        check(SealKind::Directory, name::DIRECTORY, &bytes.directory, &root.directory_keys, root.directory_threshold)?;
    let grants = check(SealKind::Grants, name::GRANTS, &bytes.grants, &root.grants_keys, root.grants_threshold)?;
    let policy = Policy::parse(grants).map_err(|error| form(name::GRANTS)(error.to_string()))?;
    let written: DirectoryFile = toml::from_str(directory).map_err(|error| form(name::DIRECTORY)(error.to_string()))?;
    if written.region != region.to_string() || policy.region != region {
        return Err(form(name::DIRECTORY)("directory, grants and root are not of one region".to_owned()));
    }
    assemble(&written, policy, region, root, crls, bytes.clone()).map_err(form(name::DIRECTORY))
}

fn assemble(
    written: &DirectoryFile,
    policy: Policy,
    region: RegionId,
    root: RootFile,
    crls: Vec<String>,
    bytes: Bytes3,
) -> Result<Trusted, String> {
    let (mut members, mut evidence, mut authorities) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    keys_of(&JurisdictionId::broker(), &written.broker_evidence, &mut evidence)?;
    for entry in &written.members {
        let member = member(entry).map_err(|error| format!("{}: {error}", entry.id))?;
        keys_of(&member.id, &entry.evidence, &mut evidence)?;
        authorities.insert(member.id.clone(), entry.ca.clone());
        members.push(member);
    }
    let directory = Directory::new(written.version, members, groups(written)?);
    Ok(Trusted {
        region,
        root,
        directory,
        directory_expires: Timestamp::from_millis(written.expires),
        policy,
        evidence,
        authorities,
        broker_authority: written.broker_ca.clone(),
        crls,
        bytes,
    })
}

fn groups(written: &DirectoryFile) -> Result<BTreeMap<GroupId, std::collections::BTreeSet<JurisdictionId>>, String> {
    let mut groups = BTreeMap::new();
    for (id, members) in &written.groups {
        let ids = members
            .iter()
            .map(|id| id.parse::<JurisdictionId>())
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;
        groups.insert(id.parse::<GroupId>().map_err(|error| error.to_string())?, ids);
    }
    Ok(groups)
}

fn member(entry: &MemberEntry) -> Result<Member, model::invalid::Invalid> {
    let mut member = Member::new(entry.id.parse()?, &entry.name_zh, &entry.name_en);
    member.superiors = entry.superiors.iter().map(|id| id.parse()).collect::<Result<_, _>>()?;
    member.province = entry.province.as_ref().map(|id| id.parse()).transpose()?;
    member.by_area = if entry.by_area { ByArea::Reached } else { ByArea::NotReached };
    member.centroid = entry.centroid.map(|point| Point::from_degrees(point.lat, point.lon)).transpose()?;
    for polygon in &entry.territory {
        let points = polygon.iter().map(|point| Point::from_degrees(point.lat, point.lon)).collect::<Result<_, _>>()?;
        member.territory.push(Polygon::territory(points)?);
    }
    Ok(member)
}

fn keys_of(
    owner: &JurisdictionId,
    entries: &[EvidenceEntry],
    keys: &mut BTreeMap<KeyId, EvidenceKey>,
) -> Result<(), String> {
    for entry in entries {
        let key = verifying_key(&entry.key).ok_or_else(|| format!("{owner}: an evidence key is not readable"))?;
        keys.insert(
            seal::key_id(&key),
            EvidenceKey { owner: owner.clone(), key, until: entry.until.map(Timestamp::from_millis) },
        );
    }
    Ok(())
}

fn verifying(keys: &[String]) -> Option<Vec<VerifyingKey>> {
    keys.iter().map(|key| verifying_key(key)).collect()
}

fn verifying_key(hex: &str) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(&signed::unhex(hex)?.try_into().ok()?).ok()
}

fn read(folder: &Path, name: &str) -> Result<String, FilesError> {
    let path = folder.join(name);
    fs::read_to_string(&path).map_err(|source| FilesError::Disk { file: path.display().to_string(), source })
}

fn crls(folder: &Path) -> Result<Vec<String>, FilesError> {
    let folder = folder.join(name::CRLS);
    let disk = |source| FilesError::Disk { file: folder.display().to_string(), source };
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths: Vec<_> = fs::read_dir(&folder).map_err(disk)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "pem"))
        .map(|path| fs::read_to_string(path).map_err(disk))
        .collect()
}
