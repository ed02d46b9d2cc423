//! The signed files of a region as values: the root of trust, the directory, the grants; and how they are loaded from
//! a trust directory, verified, and never replaced by an older version.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use ed25519_dalek::VerifyingKey;
use model::{
    directory::{ByArea, Directory, Member, Window},
    geometry::{Point, Polygon},
    grant::Policy,
    ids::{GroupId, JurisdictionId, KeyId, RegionId},
    invalid::Invalid,
    reason::Reason,
    seal::{self, SealKind},
    time::{Civil, Timestamp},
};
use sha2::{Digest as _, Sha256};

pub use crate::written::{
    Degrees, DirectoryFile, Endorsement, EvidenceEntry, FormerEntry, MemberEntry, RevokedEntry, RootFile, WindowEntry,
};
use crate::{
    bound::Bound,
    profile,
    revocation::{Revocations, Serial},
    signed::{self, SignedError},
    succession::{self, NotNext},
};

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
    /// Key of a renewed leaf, until it has taken the place of the old one.
    pub const LEAF_KEY_NEXT: &str = "leaf.key.next";
    /// Certificate of the own authority.
    pub const CA: &str = "ca.pem";
    /// Its key, which stays where it was made.
    pub const CA_KEY: &str = "ca.key";
    /// Certificate of the own authority that the directory does not bind yet.
    pub const CA_NEXT: &str = "ca.pem.next";
    /// Its key.
    pub const CA_KEY_NEXT: &str = "ca.key.next";
    /// Evidence key that the directory does not certify yet.
    pub const EVIDENCE_KEY_NEXT: &str = "evidence.key.next";
    /// What an office that is joining was invited to.
    pub const JOINING: &str = "joining.toml";
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
    /// Good in itself, but not what may follow what is in force.
    #[error(transparent)]
    NotNext(#[from] NotNext),
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
    /// The owner's authority's word for it.
    pub certified: Vec<u8>,
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
    /// Each member's authority.
    pub authorities: BTreeMap<JurisdictionId, Bound>,
    /// The broker's authority.
    pub broker_authority: Bound,
    /// How authorities came to their keys; the broker's under its own id.
    pub endorsements: BTreeMap<JurisdictionId, Vec<Endorsement>>,
    /// Last authority key of everybody who was a member once.
    pub former: BTreeMap<JurisdictionId, Vec<u8>>,
    /// Whether the root keys signed the directory too.
    pub root_countersigned: bool,
    /// What the directory's signers revoked.
    pub directory_revoked: BTreeSet<(JurisdictionId, Serial)>,
    /// What is revoked in all.
    pub revocations: Revocations,
    /// Revocation lists, PEM.
    pub crls: Vec<String>,
    /// Text of the directory, hashed: the next version names it.
    pub directory_hash: String,
    /// The version before this one, as the directory names it.
    pub directory_previous: String,
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

/// Loads and verifies the signed files of `folder`.
pub fn load(folder: &Path) -> Result<Trusted, FilesError> {
    let bytes = Bytes3 {
        root: read(folder, name::ROOT)?,
        directory: read(folder, name::DIRECTORY)?,
        grants: read(folder, name::GRANTS)?,
    };
    verify(&bytes, &crls(folder)?)
}

/// Loads and verifies the signed files of `folder`, and that they may follow `known`, which is in force. What was once
/// revoked stays so.
pub fn load_after(folder: &Path, known: &Trusted) -> Result<Trusted, FilesError> {
    let mut next = load(folder)?;
    succession::may_follow(known, &next)?;
    next.remember(known);
    Ok(next)
}

impl Trusted {
    /// Keeps what was revoked, and lists that are newer than those found.
    pub fn remember(&mut self, known: &Self) {
        let (authorities, broker) = (&self.authorities, &self.broker_authority);
        let bound = |id: &JurisdictionId| if id.is_broker() { Some(broker) } else { authorities.get(id) };
        self.revocations
            .remember(&known.revocations, |id, list| bound(id).is_some_and(|bound| bound.list(&list.pem).is_some()));
        self.crls = self.revocations.pems();
    }

    /// The evidence key with `id`, if the directory certifies it for `owner` and it was in force at `at`.
    pub fn evidence_key(&self, id: KeyId, owner: &JurisdictionId, at: Timestamp) -> Result<VerifyingKey, Invalid> {
        let bad = |rule: &'static str| Invalid::new(Reason::BadSeal, "seal.key_id", rule).detail(id.to_string());
        let known = self.evidence.get(&id).ok_or_else(|| bad("seal.key_known"))?;
        if known.owner != *owner {
            return Err(Invalid::new(Reason::SenderMismatch, "seal.key_id", "seal.key_owner")
                .detail(format!("the key is {}'s", known.owner)));
        }
        if known.until.is_some_and(|until| at > until) {
            return Err(bad("seal.key_in_force"));
        }
        Ok(known.key)
    }

    /// Every authority, the broker's among them.
    pub fn bound(&self) -> impl Iterator<Item = (JurisdictionId, &Bound)> {
        let members = self.authorities.iter().map(|(id, bound)| (id.clone(), bound));
        members.chain([(JurisdictionId::broker(), &self.broker_authority)])
    }
}

/// Reads a root file whose own keys have signed it. Whether it is the right one, the caller knows: pinned, or compared.
pub fn root_of(file: &str) -> Result<(RootFile, RegionId), FilesError> {
    let form = |why: String| FilesError::Form { file: name::ROOT, why };
    let (text, _) = signed::split(SealKind::Root, file)
        .ok_or(FilesError::Signed { file: name::ROOT, source: SignedError::Form })?;
    let root: RootFile = toml::from_str(text).map_err(|error| form(error.to_string()))?;
    let region: RegionId = root.region.parse().map_err(|error: Invalid| form(error.to_string()))?;
    check(SealKind::Root, name::ROOT, &region, file, &root.root_keys, root.root_threshold)?;
    Ok((root, region))
}

fn check<'f>(
    kind: SealKind,
    file: &'static str,
    region: &RegionId,
    text: &'f str,
    keys: &[String],
    needed: usize,
) -> Result<&'f str, FilesError> {
    let form = || FilesError::Form { file: name::ROOT, why: "a key is not readable".to_owned() };
    let keys = verifying(keys).ok_or_else(form)?;
    signed::verify(kind, region, text, &keys, needed).map_err(|source| FilesError::Signed { file, source })
}

/// Verifies files that came from anywhere: signatures first, then what they say.
pub fn verify(bytes: &Bytes3, crls: &[String]) -> Result<Trusted, FilesError> {
    let form = |file: &'static str| move |why: String| FilesError::Form { file, why };
    let (root, region) = root_of(&bytes.root)?;
    let (keys, needed) = (&root.directory_keys, root.directory_threshold);
    let directory = check(SealKind::Directory, name::DIRECTORY, &region, &bytes.directory, keys, needed)?;
    let (keys, needed) = (&root.grants_keys, root.grants_threshold);
    let grants = check(SealKind::Grants, name::GRANTS, &region, &bytes.grants, keys, needed)?;
    let policy = Policy::parse(grants).map_err(|error| form(name::GRANTS)(error.to_string()))?;
    let written: DirectoryFile = toml::from_str(directory).map_err(|error| form(name::DIRECTORY)(error.to_string()))?;
    if written.region != region.to_string() || policy.region != region {
        return Err(form(name::DIRECTORY)("directory, grants and root are not of one region".to_owned()));
    }
    let (keys, needed) = (&root.root_keys, root.root_threshold);
    let root_countersigned =
        check(SealKind::Directory, name::DIRECTORY, &region, &bytes.directory, keys, needed).is_ok();
    let directory_hash = hash(directory);
    let said = Said { region, root, policy, root_countersigned, directory_hash, bytes: bytes.clone() };
    assemble(&written, said, crls).map_err(form(name::DIRECTORY))
}

/// SHA-256 of a signed text, hexadecimal.
pub fn hash(text: &str) -> String {
    signed::hex(&Sha256::digest(text.as_bytes()))
}

/// What verifying has found beside the directory's entries.
struct Said {
    region: RegionId,
    root: RootFile,
    policy: Policy,
    root_countersigned: bool,
    directory_hash: String,
    bytes: Bytes3,
}

fn assemble(written: &DirectoryFile, said: Said, crls: &[String]) -> Result<Trusted, String> {
    let broker = JurisdictionId::broker();
    let (mut members, mut evidence, mut authorities) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let mut endorsements = BTreeMap::from([(broker.clone(), written.broker_ca_endorsed_by.clone())]);
    keys_of(&broker, &written.broker_evidence, &mut evidence)?;
    for entry in &written.members {
        let member = member(entry).map_err(|error| format!("{}: {error}", entry.id))?;
        keys_of(&member.id, &entry.evidence, &mut evidence)?;
        let bound = Bound::read(&entry.ca).map_err(|error| format!("{}: {error}", entry.id))?;
        endorsements.insert(member.id.clone(), entry.ca_endorsed_by.clone());
        if authorities.insert(member.id.clone(), bound).is_some() {
            return Err(format!("{} is there twice", entry.id));
        }
        members.push(member);
    }
    let former = former(written, &authorities, &mut evidence)?;
    one_key_each(&authorities)?;
    let broker_authority = Bound::read(&written.broker_ca).map_err(|error| format!("broker: {error}"))?;
    let members_bound = authorities.iter().map(|(id, bound)| (id.clone(), bound));
    let bound = members_bound.chain([(broker, &broker_authority)]);
    let mut revocations = Revocations::of(bound, crls);
    let directory_revoked = revoked(written)?;
    for (of, serial) in &directory_revoked {
        revocations.revoke(of, serial.clone());
    }
    Ok(Trusted {
        region: said.region,
        root: said.root,
        directory: seated(Directory::new(written.version, members, groups(written)?), written)?,
        directory_expires: Timestamp::from_millis(written.expires),
        policy: said.policy,
        evidence,
        authorities,
        broker_authority,
        endorsements,
        former,
        root_countersigned: said.root_countersigned,
        directory_revoked,
        crls: revocations.pems(),
        revocations,
        directory_hash: said.directory_hash,
        directory_previous: written.previous.clone(),
        bytes: said.bytes,
    })
}

fn revoked(written: &DirectoryFile) -> Result<BTreeSet<(JurisdictionId, Serial)>, String> {
    let one = |entry: &RevokedEntry| {
        let serial = signed::unhex(&entry.serial).ok_or("a revoked serial is not hexadecimal")?;
        let of = JurisdictionId::member_or_broker(&entry.jurisdiction).map_err(|error| error.to_string())?;
        Ok((of, profile::plain_serial(&serial)))
    };
    written.revoked.iter().map(one).collect()
}

/// One authority bound to two members would let each speak as the other.
fn one_key_each(authorities: &BTreeMap<JurisdictionId, Bound>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    match authorities.iter().find(|(_, bound)| !seen.insert(&bound.public_key)) {
        Some((id, _)) => Err(format!("{id}: its authority is bound to another member too")),
        None => Ok(()),
    }
}

fn former(
    written: &DirectoryFile,
    members: &BTreeMap<JurisdictionId, Bound>,
    evidence: &mut BTreeMap<KeyId, EvidenceKey>,
) -> Result<BTreeMap<JurisdictionId, Vec<u8>>, String> {
    let mut former = BTreeMap::new();
    for entry in &written.former {
        let id: JurisdictionId = entry.id.parse().map_err(|error: Invalid| error.to_string())?;
        if members.contains_key(&id) {
            return Err(format!("{id} is a member and a former one"));
        }
        if entry.evidence.iter().any(|key| key.until.is_none()) {
            return Err(format!("{id}: the evidence keys of a former member have an end"));
        }
        keys_of(&id, &entry.evidence, evidence)?;
        let key = signed::unhex(&entry.ca_key).ok_or_else(|| format!("{id}: its key is not hexadecimal"))?;
        former.insert(id, key);
    }
    Ok(former)
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

/// The directory with its calendar and its first chair.
fn seated(directory: Directory, written: &DirectoryFile) -> Result<Directory, String> {
    let chair: Option<JurisdictionId> = match &written.chair {
        None => None,
        Some(id) => Some(id.parse().map_err(|_| format!("chair: `{id}` is no jurisdiction"))?),
    };
    if let Some(stranger) = chair.as_ref().filter(|id| !directory.has(id)) {
        return Err(format!("chair: {stranger} is no member"));
    }
    Ok(directory.with_windows(windows(written)?).with_chair(chair))
}

fn windows(written: &DirectoryFile) -> Result<Vec<Window>, String> {
    let one = |entry: &WindowEntry| {
        let day = |text: &str| Civil::from_iso(text).ok_or_else(|| format!("window {}: {text} is no day", entry.id));
        let window = Window { id: entry.id.clone(), from: day(&entry.from)?, to: day(&entry.to)? };
        if window.has(window.from) { Ok(window) } else { Err(format!("window {} ends before it begins", entry.id)) }
    };
    written.windows.iter().map(one).collect()
}

fn member(entry: &MemberEntry) -> Result<Member, Invalid> {
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
        let certified = signed::unhex(&entry.certified).unwrap_or_default();
        let until = entry.until.map(Timestamp::from_millis);
        let known = EvidenceKey { owner: owner.clone(), key, until, certified };
        if keys.insert(seal::key_id(&key), known).is_some() {
            return Err(format!("{owner}: an evidence key is there twice"));
        }
    }
    Ok(())
}

pub(crate) fn verifying(keys: &[String]) -> Option<Vec<VerifyingKey>> {
    keys.iter().map(|key| verifying_key(key)).collect()
}

pub(crate) fn verifying_key(hex: &str) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(&signed::unhex(hex)?.try_into().ok()?).ok()
}

fn read(folder: &Path, name: &str) -> Result<String, FilesError> {
    let path = folder.join(name);
    fs::read_to_string(&path).map_err(|source| FilesError::Disk { file: path.display().to_string(), source })
}

pub(crate) fn crls(folder: &Path) -> Result<Vec<String>, FilesError> {
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
