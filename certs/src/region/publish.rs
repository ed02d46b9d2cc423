//! Signing and publishing: a proposal that enough signers carry comes into force; one that lacks signatures waits as a
//! draft, which the next signer signs where his key is.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use ed25519_dalek::SigningKey;
use model::{
    grant::{Policy, demo_text},
    ids::RegionId,
    seal::SealKind,
    time::Timestamp,
};
use serde::Deserialize;

use super::{Region, RegionError, place};
use crate::{
    disk,
    files::{self, Bytes3, DirectoryFile, FilesError, RootFile, Trusted, name},
    handover::Bundle,
    revocation::Revocations,
    signed::{self, SignedError},
    succession::{self, NotNext},
    trust,
};

/// How long directory and grants are good.
pub(super) const FILES_LIFE: Duration = Duration::from_hours(30 * 24);

/// What came of a proposal.
#[derive(Debug)]
pub enum Proposal {
    /// It is in force, in this version of the directory.
    InForce(u64),
    /// It waits for signatures in this file.
    Waits {
        /// The draft.
        file: PathBuf,
        /// Good signatures.
        have: usize,
        /// Needed.
        need: usize,
    },
    /// It waits for the root keys, since neither the old authority nor they vouch for a new one.
    WaitsForRoot(PathBuf),
}

impl Region {
    /// Signs directory and grants anew, each one version higher, and writes them with fresh revocation lists everywhere.
    pub fn publish(&mut self, now: Timestamp) -> Result<(), RegionError> {
        let next = self.next_directory(now);
        self.grants_version += 1;
        let grants = demo_text(&self.region, self.grants_version, now.plus(FILES_LIFE), &self.agreements);
        self.directory = next;
        self.publish_grants(&grants)?;
        self.publish_revocations(&[], now)
    }

    /// Signs `grants` as they are and writes them, with the directory, everywhere.
    pub fn publish_grants(&mut self, grants: &str) -> Result<(), RegionError> {
        let policy = Policy::parse(grants)?;
        let directory = signed::sign(SealKind::Directory, &self.region, &self.directory_text()?, &self.enough()?);
        let signed = signed::sign(SealKind::Grants, &self.region, grants, &self.enough()?);
        grants.clone_into(&mut self.grants);
        self.grants_version = policy.version;
        let bytes = Bytes3 { root: self.root_file.clone(), directory, grants: signed };
        self.put_everywhere(&files::verify(&bytes, &[])?)
    }

    /// Writes revocation lists everywhere; `serials` are revoked at every member's authority that is here.
    pub fn publish_revocations(&mut self, serials: &[Vec<u8>], now: Timestamp) -> Result<(), RegionError> {
        self.renew_lists(serials, now)?;
        let pems: Vec<String> = self.lists.values().cloned().collect();
        self.take_lists(&pems).map(|_| ())
    }

    /// What is in force.
    pub fn in_force(&self) -> Result<Trusted, RegionError> {
        Ok(files::load(&self.folder.join(place::SIGNED))?)
    }

    /// The signed files in force, in one file for everybody.
    pub fn bundle(&self) -> Result<String, RegionError> {
        let trusted = self.in_force()?;
        let Bytes3 { root, directory, grants } = trusted.bytes;
        let crls = trusted.revocations.lists.into_iter().map(|(id, list)| (id.to_string(), list.pem)).collect();
        Ok(Bundle { root, directory, grants, crls }.write()?)
    }

    /// Directory and grants once more, each one version higher and good for another 30 days, with fresh lists.
    pub fn refresh(&mut self, now: Timestamp) -> Result<Proposal, RegionError> {
        self.nothing_waits()?;
        self.renew_drafts(now)
    }

    pub(super) fn renew_drafts(&mut self, now: Timestamp) -> Result<Proposal, RegionError> {
        let grants = refreshed(&self.grants, self.grants_version + 1, now.plus(FILES_LIFE));
        Policy::parse(&grants)?;
        self.draft(SealKind::Grants, &grants)?;
        let next = self.next_directory(now);
        self.propose(&next, now)
    }

    /// Proposes grants that somebody has written; their version must be higher than the one in force.
    pub fn propose_grants(&mut self, grants: &str, now: Timestamp) -> Result<Proposal, RegionError> {
        self.nothing_waits()?;
        Policy::parse(grants)?;
        self.draft(SealKind::Grants, grants)?;
        self.enforce(now)
    }

    /// Takes revocation lists that members have handed in, and publishes them; how many were newer than those here.
    pub fn take_lists(&mut self, pems: &[String]) -> Result<usize, RegionError> {
        let mut trusted = self.in_force()?;
        let before = trusted.revocations.clone();
        trusted.revocations = Revocations::of(trusted.bound(), pems);
        trusted.revocations.remember(&before, |_, _| true);
        let newer = trusted.revocations.lists.iter().filter(|(id, list)| before.lists.get(id) != Some(list)).count();
        self.put_everywhere(&trusted)?;
        self.lists = by_name(&trusted);
        Ok(newer)
    }

    /// The next directory as it would be without changes.
    pub(super) fn next_directory(&self, now: Timestamp) -> DirectoryFile {
        let mut next = self.directory.clone();
        next.version += 1;
        next.issued = now.millis();
        next.expires = now.plus(FILES_LIFE).millis();
        next.previous = if self.directory.version == 0 {
            String::new()
        } else {
            self.directory_text().map(|text| files::hash(&text)).unwrap_or_default()
        };
        next
    }

    /// Proposes a directory: signed by the signers at hand it comes into force, or waits for the others.
    pub(super) fn propose(&mut self, next: &DirectoryFile, now: Timestamp) -> Result<Proposal, RegionError> {
        self.draft(SealKind::Directory, &toml::to_string(next)?)?;
        self.enforce(now)
    }

    /// Puts in force what waits, if enough have signed it; else says what is lacking.
    pub fn enforce(&mut self, now: Timestamp) -> Result<Proposal, RegionError> {
        let known = self.in_force()?;
        let mut bytes = known.bytes.clone();
        for (kind, text) in [
            (SealKind::Root, &mut bytes.root),
            (SealKind::Directory, &mut bytes.directory),
            (SealKind::Grants, &mut bytes.grants),
        ] {
            let file = self.draft_file(kind);
            let Ok(draft) = fs::read_to_string(&file) else { continue };
            let (have, need) = self.signatures(kind, &draft)?;
            if have < need {
                return Ok(Proposal::Waits { file, have, need });
            }
            *text = draft;
        }
        self.renew_lists(&[], now)?;
        let mut next = files::verify(&bytes, &self.pems())?;
        match succession::may_follow(&known, &next) {
            Err(NotNext::Authority(_)) => return Ok(Proposal::WaitsForRoot(self.draft_file(SealKind::Directory))),
            other => other?,
        }
        next.remember(&known);
        self.put_everywhere(&next)?;
        self.take(&next)?;
        Ok(Proposal::InForce(next.directory.version))
    }

    fn take(&mut self, trusted: &Trusted) -> Result<(), RegionError> {
        let text = |kind, file| signed::split(kind, file).map_or("", |(text, _)| text);
        self.directory =
            super::open::parse(Path::new(name::DIRECTORY), text(SealKind::Directory, &trusted.bytes.directory))?;
        text(SealKind::Grants, &trusted.bytes.grants).clone_into(&mut self.grants);
        self.grants_version = trusted.policy.version;
        self.lists = by_name(trusted);
        self.waiting_lists.clear();
        let waiting = self.folder.join(place::DRAFT).join(name::CRLS);
        if waiting.exists() {
            fs::remove_dir_all(waiting)?;
        }
        self.root_file.clone_from(&trusted.bytes.root);
        for kind in WAITING {
            let draft = self.draft_file(kind);
            if draft.exists() {
                fs::remove_file(draft)?;
            }
        }
        Ok(())
    }

    fn put_everywhere(&self, trusted: &Trusted) -> Result<(), RegionError> {
        let signed = self.folder.join(place::SIGNED);
        disk::private_dir(&signed)?;
        for folder in [signed].into_iter().chain(self.folders()) {
            trust::put(&folder, trusted)?;
        }
        Ok(())
    }

    /// New lists of the authorities that are here, with what they revoked before.
    pub(super) fn renew_lists(&mut self, serials: &[Vec<u8>], now: Timestamp) -> Result<(), RegionError> {
        let mut lists = BTreeMap::new();
        if let Some(broker) = &self.broker {
            let before = self.lists.get(place::BROKER).map(String::as_str);
            lists.insert(place::BROKER.to_owned(), trust::next_list(broker, before, &[], now)?);
        }
        for (id, authority) in &self.members {
            let before = self.lists.get(id.as_str()).map(String::as_str);
            lists.insert(id.to_string(), trust::next_list(authority, before, serials, now)?);
        }
        self.lists.extend(lists);
        Ok(())
    }

    /// Lists in force, and those that came with what waits.
    fn pems(&self) -> Vec<String> {
        self.lists.values().chain(&self.waiting_lists).cloned().collect()
    }

    fn directory_text(&self) -> Result<String, RegionError> {
        Ok(toml::to_string(&self.directory)?)
    }

    /// As many keys of the directory's and the grants' signers as the threshold asks for.
    pub(super) fn enough(&self) -> Result<Vec<SigningKey>, RegionError> {
        let root = files::root_of(&self.root_file)?.0;
        let named = |key: &&SigningKey| root.directory_keys.contains(&signed::hex(key.verifying_key().as_bytes()));
        let at_hand: Vec<SigningKey> = self.signers.iter().filter(named).cloned().collect();
        let (have, need) = (at_hand.len(), root.directory_threshold);
        if have < need {
            Err(RegionError::Signers { have, need })
        } else {
            Ok(at_hand.into_iter().take(need).collect())
        }
    }

    pub(super) fn nothing_waits(&self) -> Result<(), RegionError> {
        let waiting = WAITING.map(|kind| self.draft_file(kind));
        match waiting.iter().find(|file| file.exists()) {
            Some(file) => Err(RegionError::Waiting(file.display().to_string())),
            None => Ok(()),
        }
    }

    pub(super) fn root_file(&self) -> &str {
        &self.root_file
    }

    fn draft_file(&self, kind: SealKind) -> PathBuf {
        self.folder.join(place::DRAFT).join(file_of(kind))
    }

    /// Writes a draft, signed by every key at hand.
    fn draft(&self, kind: SealKind, text: &str) -> Result<(), RegionError> {
        let file = self.draft_file(kind);
        disk::private_dir(&self.folder.join(place::DRAFT))?;
        Ok(disk::replace(&file, signed::sign(kind, &self.region, text, &self.signers).as_bytes())?)
    }

    /// Good signatures of a draft, and how many it needs. A root needs those of the one before it and its own.
    fn signatures(&self, kind: SealKind, draft: &str) -> Result<(usize, usize), RegionError> {
        let (old, region) = files::root_of(&self.root_file)?;
        let count = |keys: &[String], need: usize| {
            let keys = files::verifying(keys).unwrap_or_default();
            match signed::verify(kind, &region, draft, &keys, need) {
                Ok(_) => Ok((need, need)),
                Err(SignedError::Threshold { good, needed }) => Ok((good, needed)),
                Err(source @ SignedError::Form) => Err(FilesError::Signed { file: file_of(kind), source }),
            }
        };
        if kind == SealKind::Root {
            let text = signed::split(kind, draft).map_or("", |(text, _)| text);
            let new: RootFile = super::open::parse(Path::new(name::ROOT), text)?;
            let (before, own) =
                (count(&old.root_keys, old.root_threshold)?, count(&new.root_keys, new.root_threshold)?);
            return Ok(if before.0 < before.1 { before } else { own });
        }
        // what a new root brings with it is signed by the signers that it names
        let root = match fs::read_to_string(self.draft_file(SealKind::Root)) {
            Ok(draft) => files::root_of(&draft)?.0,
            Err(_) => old,
        };
        let (keys, need) = match kind {
            SealKind::Grants => (root.grants_keys, root.grants_threshold),
            _ => (root.directory_keys, root.directory_threshold),
        };
        Ok(count(&keys, need)?)
    }
}

/// What may wait for signatures.
const WAITING: [SealKind; 3] = [SealKind::Root, SealKind::Directory, SealKind::Grants];

fn file_of(kind: SealKind) -> &'static str {
    match kind {
        SealKind::Root => name::ROOT,
        SealKind::Grants => name::GRANTS,
        _ => name::DIRECTORY,
    }
}

pub(super) fn by_name(trusted: &Trusted) -> BTreeMap<String, String> {
    trusted.revocations.lists.iter().map(|(id, list)| (id.to_string(), list.pem.clone())).collect()
}

/// Grants with another version and end; every other line as it was written.
fn refreshed(grants: &str, version: u64, expires: Timestamp) -> String {
    let mut at_top = true;
    let line = |line: &str| {
        at_top &= !line.trim_start().starts_with('[');
        match line.split_once('=').map(|(key, _)| key.trim()) {
            Some("version") if at_top => format!("version = {version}\n"),
            Some("expires") if at_top => format!("expires = {}\n", expires.rfc3339()),
            _ => format!("{line}\n"),
        }
    };
    grants.lines().map(line).collect()
}

/// Adds signatures to a directory, to grants or to a root that wait for them; says what the file is.
pub fn sign_file(file: &Path, keys: &[SigningKey]) -> Result<SealKind, RegionError> {
    #[derive(Deserialize)]
    struct Named {
        region: String,
    }
    let text = fs::read_to_string(file)?;
    let kinds = [SealKind::Directory, SealKind::Grants, SealKind::Root];
    let found = kinds.into_iter().find_map(|kind| signed::split(kind, &text).map(|(text, _)| (kind, text)));
    let (kind, body) = found.ok_or(RegionError::Nothing)?;
    let named: Named = super::open::parse(file, body)?;
    let region: RegionId = named.region.parse()?;
    let signed = signed::add(kind, &region, &text, keys).ok_or(RegionError::Nothing)?;
    disk::replace(file, signed.as_bytes())?;
    Ok(kind)
}
