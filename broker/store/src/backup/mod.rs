//! Copies of a state directory: made while its program runs, read back, and put back.
//!
//! A copy is sound because of the order in which it is taken: marks and hashes of the tree first, then the segments, oldest
//! first, then files that records name. So every promise in the copy is kept by it, and whatever came later is at most an
//! unfinished commit at its end, which nobody was promised. Rows are not copied: they are folded from the journal.

mod manifest;
mod walk;

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use journal::{
    FileJournal, OpenReport,
    inspect::{self, Flaw},
};
use model::{clock::Clock, position::Position};
use sha2::{Digest as _, Sha256};

pub use self::manifest::{Entry, Manifest};
use crate::{base, disk, note::Note};

/// The file that makes a folder a whole copy.
pub const MANIFEST: &str = "manifest.json";

/// Why there is no copy, or no state made of one.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or folder cannot be read or written.
    #[error("{}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is something in the place of what was to be made.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// No journal is there.
    #[error("{} is no state directory: it holds no journal", .0.display())]
    NoState(PathBuf),
    /// A program is working on the state.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// No copy is there, or one that was not finished.
    #[error("{} holds no whole copy: {why}", folder.display())]
    NoBackup {
        /// Where.
        folder: PathBuf,
        /// What is wrong with its manifest.
        why: String,
    },
    /// A file is not what was copied.
    #[error("{file}: {difference}")]
    Differs {
        /// Which, within the copy.
        file: String,
        /// What is other about it.
        difference: Difference,
    },
    /// The journal is not what was written.
    #[error("the journal has {} flaws; the first at record {}", .0.len(), .0.first().map_or(Position(0), |flaw| flaw.first))]
    Flawed(Vec<Flaw>),
    /// The journal cannot be opened.
    #[error("the journal cannot be opened")]
    Unopened(#[source] journal::OpenError),
}

/// How a file of a copy is not what was copied.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Difference {
    /// It is not there.
    #[error("it is missing")]
    Missing,
    /// Nobody copied it.
    #[error("it was not part of the copy")]
    Added,
    /// Its bytes are others.
    #[error("its bytes were changed")]
    Changed,
    /// The journal in the copy ends elsewhere than the manifest says.
    #[error("the journal ends elsewhere than the manifest says")]
    OtherEnd,
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    |source| BackupError::Io { path: path.to_owned(), source }
}

/// Copies the state in `state` to the new folder `to` and reads the copy back. When this returns the copy is whole and
/// survives a power cut; before, there is nothing under that name. Its program may run meanwhile: what it accepts from now
/// on may be missing. A journal with flaws is not copied as if it were sound.
///
/// # Errors
/// `to` is there, `state` has no journal or one with flaws, or the disk says no. Nothing is left under `to`.
pub fn make(state: &Path, to: &Path, clock: &Clock) -> Result<Manifest, BackupError> {
    let made = clock.now();
    make_new(state, to, |workshop| {
        let files = copy_all(state, workshop)?;
        let manifest = Manifest::of(&inspected(workshop)?, made, files);
        let path = workshop.join(MANIFEST);
        disk::write(&path, &manifest.encode()).map_err(at(&path))?;
        read_back(workshop)
    })
}

/// Fills a folder beside `to`, which gets its name when `fill` is done, and goes away if it fails.
fn make_new<T>(state: &Path, to: &Path, fill: impl FnOnce(&Path) -> Result<T, BackupError>) -> Result<T, BackupError> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    if !state.join("journal").is_dir() {
        return Err(BackupError::NoState(state.to_owned()));
    }
    let workshop = journal::file::beside(to);
    disk::remove_all(&workshop).map_err(at(&workshop))?; // of one that was broken off
    let result = fill(&workshop).and_then(|made| publish(&workshop, to).map(|()| made));
    if result.is_err()
        && let Err(error) = disk::remove_all(&workshop)
    {
        tracing::warn!(%error, path = %workshop.display(), "what was copied stays; the next copy to this place removes it");
    }
    result
}

fn publish(workshop: &Path, to: &Path) -> Result<(), BackupError> {
    disk::rename_new(workshop, to).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(to.to_owned()),
        _ => at(to)(error),
    })
}

fn copy_all(from: &Path, to: &Path) -> Result<Vec<Entry>, BackupError> {
    disk::create_dir(to).map_err(at(to))?;
    // nothing moves the base on meanwhile
    let base = from.join(base::FOLDER);
    let _held = base.is_dir().then(|| journal::file::wait_for_lock(&base)).transpose().map_err(at(&base))?;
    let files = walk::of_state(from)?;
    let copied = files.iter().map(|name| copy_one(from, to, name)).filter_map(Result::transpose);
    copied.collect::<Result<Vec<Entry>, BackupError>>().and_then(|entries| {
        walk::folders(to)?.iter().try_for_each(|folder| disk::sync_dir(folder).map_err(at(folder)))?;
        Ok(entries)
    })
}

/// Copies one file; none if it went away meanwhile and nothing depends on it.
fn copy_one(from: &Path, to: &Path, name: &str) -> Result<Option<Entry>, BackupError> {
    let (source, target) = (from.join(name), to.join(name));
    if let Some(folder) = target.parent() {
        disk::create_dir(folder).map_err(at(folder))?;
    }
    let mut digest = Sha256::new();
    match disk::copy(&source, &target, |piece| digest.update(piece)) {
        Ok(bytes) => Ok(Some(Entry { name: name.to_owned(), bytes, sha256: manifest::hex(&digest.finalize()) })),
        // a segment that is retired meanwhile leaves a gap, which reading back finds
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(&source)(error)),
    }
}

fn inspected(folder: &Path) -> Result<inspect::Inspection, BackupError> {
    let journal = folder.join("journal");
    let found = inspect::inspect(&journal, |_, _, _| {}).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => BackupError::NoState(folder.to_owned()),
        _ => at(&journal)(error),
    })?;
    if found.flaws.is_empty() { Ok(found) } else { Err(BackupError::Flawed(found.flaws)) }
}

/// Reads a whole copy: every byte of every file, every record and the tree over them.
///
/// # Errors
/// It is not what was copied, and where.
pub fn verify(folder: &Path) -> Result<Manifest, BackupError> {
    let manifest = read_back(folder)?;
    if manifest.says_of(&inspected(folder)?) { Ok(manifest) } else { Err(differs(MANIFEST, Difference::OtherEnd)) }
}

fn differs(file: &str, difference: Difference) -> BackupError {
    BackupError::Differs { file: file.to_owned(), difference }
}

/// Reads every byte of every file.
fn read_back(folder: &Path) -> Result<Manifest, BackupError> {
    let manifest = Manifest::read(folder)?;
    let mut there: BTreeSet<String> = walk::of_backup(folder)?.into_iter().collect();
    for entry in &manifest.files {
        if !there.remove(&entry.name) {
            return Err(differs(&entry.name, Difference::Missing));
        }
        let path = folder.join(&entry.name);
        let mut digest = Sha256::new();
        let bytes = disk::read(&path, |piece| digest.update(piece)).map_err(at(&path))?;
        if (bytes, manifest::hex(&digest.finalize())) != (entry.bytes, entry.sha256.clone()) {
            return Err(differs(&entry.name, Difference::Changed));
        }
    }
    there.pop_first().map_or(Ok(manifest), |name| Err(differs(&name, Difference::Added)))
}

/// Makes the new state directory `state` of a whole copy, which is read first. When this returns it survives a power cut
/// and its program may be started; before, there is nothing under that name.
///
/// # Errors
/// `state` is there and not empty, the copy is not what was copied, or the disk says no.
pub fn restore(folder: &Path, state: &Path) -> Result<Manifest, BackupError> {
    match fs::read_dir(state).map(|mut entries| entries.next().is_none()) {
        Ok(true) => fs::remove_dir(state).map_err(at(state))?,
        Ok(false) => return Err(BackupError::Exists(state.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(at(state)(error)),
    }
    let manifest = verify(folder)?;
    let workshop = journal::file::beside(state);
    disk::remove_all(&workshop).map_err(at(&workshop))?;
    disk::create_dir(&workshop).map_err(at(&workshop))?;
    for entry in &manifest.files {
        copy_one(folder, &workshop, &entry.name)?
            .filter(|copied| copied == entry)
            .ok_or_else(|| differs(&entry.name, Difference::Changed))?;
    }
    walk::folders(&workshop)?.iter().try_for_each(|made| disk::sync_dir(made).map_err(at(made)))?;
    publish(&workshop, state)?;
    Ok(manifest)
}

/// Leaves word that the next start folds the rows anew from the journal; the old ones go to quarantine then.
///
/// # Errors
/// A program works on the state, there is none, or the disk says no.
pub fn rebuild(state: &Path) -> Result<(), BackupError> {
    if !state.join("journal").is_dir() {
        return Err(BackupError::NoState(state.to_owned()));
    }
    let _lock = journal::file::lock(state).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::InUse(state.to_owned()),
        _ => at(state)(error),
    })?;
    let store = state.join("store");
    if !store.is_dir() {
        return Ok(()); // there are no rows: the next start makes them
    }
    let note = Note { rebuild: Some("an operator asked for it".into()), ..Note::read(&store).unwrap_or_default() };
    note.write(&store).map_err(at(&store))
}

/// Copies the state in `state` to the new folder `to`, damaged as it may be, and opens the copy's journal, which puts right
/// what can be: the original stays as it is. When this returns a program can be started on `to`; the report says what it
/// will not find there.
///
/// # Errors
/// `to` is there, `state` has no journal, or none that can be opened, or the disk says no. Nothing is left under `to`.
pub fn salvage(state: &Path, to: &Path, clock: &Clock) -> Result<OpenReport, BackupError> {
    make_new(state, to, |workshop| {
        copy_all(state, workshop)?;
        let options =
            journal::Options { verify_all: true, ..journal::Options::new(workshop.join("journal"), clock.clone()) };
        let opened = FileJournal::open(options).map_err(BackupError::Unopened)?;
        let report = opened.report().clone();
        opened.stop();
        Ok(report)
    })
}

/// Something that was set aside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Aside {
    /// Its folder's name: when, and what it was.
    pub name: String,
    /// How many files are in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What lies in `quarantine/`, oldest first.
///
/// # Errors
/// It cannot be read.
pub fn quarantined(state: &Path) -> Result<Vec<Aside>, BackupError> {
    let ward = state.join("quarantine");
    let mut names = walk::names(&ward)?;
    names.sort_unstable();
    let mut all = Vec::new();
    for name in names {
        let (files, bytes) = walk::size(&ward.join(&name))?;
        all.push(Aside { name, files, bytes });
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
