//! Which files belong to a copy, and in which order they are taken.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use super::{BackupError, MANIFEST, at};

/// What is made again, or belongs to the running program alone.
const LEFT_OUT: [&str; 4] = ["store", "quarantine", "lock", MANIFEST];
/// Endings of files that are being made, and of doors.
const UNFINISHED: [&str; 3] = [".new", ".part", ".sock"];

/// The files of a state directory, in the order in which a sound copy takes them.
pub(super) fn of_state(state: &Path) -> Result<Vec<String>, BackupError> {
    let mut files = Vec::new();
    below(state, "", &mut files)?;
    files.retain(|name| !LEFT_OUT.iter().any(|out| name == out || name.starts_with(&format!("{out}/"))));
    files.retain(|name| !UNFINISHED.iter().any(|ending| name.ends_with(ending)));
    // a spare that is taken into use meanwhile would begin behind what was copied of the segment before it
    files.retain(|name| !is_segment(name) || has_begun(&state.join(name)));
    files.sort_by_cached_key(|name| (turn(name), name.clone()));
    Ok(files)
}

/// Every file of a copy but its manifest.
pub(super) fn of_backup(folder: &Path) -> Result<Vec<String>, BackupError> {
    let mut files = Vec::new();
    below(folder, "", &mut files)?;
    files.retain(|name| name != MANIFEST);
    Ok(files)
}

fn below(root: &Path, folder: &str, files: &mut Vec<String>) -> Result<(), BackupError> {
    let path = root.join(folder);
    for entry in fs::read_dir(&path).map_err(at(&path))? {
        let entry = entry.map_err(at(&path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let kind = entry.file_type().map_err(at(&entry.path()))?;
        if kind.is_dir() {
            if !LEFT_OUT.contains(&&*name) {
                below(root, &name, files)?;
            }
        } else if kind.is_file() {
            files.push(name); // links and doors are nobody's state
        }
    }
    Ok(())
}

fn is_segment(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == "seg")
}

/// Whether a segment has its header.
fn has_begun(segment: &Path) -> bool {
    let mut first = [0];
    fs::File::open(segment).and_then(|mut file| io::Read::read_exact(&mut file, &mut first)).is_ok() && first != [0]
}

/// Promises before what keeps them: marks and hashes, then segments, then files that records name.
fn turn(name: &str) -> u8 {
    match name {
        _ if name.starts_with("journal/") && !is_segment(name) => 0,
        _ if name.starts_with("tree/") => 1,
        _ if name.starts_with("journal/") => 2,
        _ => 3,
    }
}

/// Whether a name leads to something below the folder that it is joined to.
pub(super) fn is_within(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// A folder and all folders in it.
pub(super) fn folders(root: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let mut all = vec![root.to_owned()];
    let mut next = 0;
    while let Some(folder) = all.get(next).cloned() {
        for entry in fs::read_dir(&folder).map_err(at(&folder))? {
            let entry = entry.map_err(at(&folder))?;
            if entry.file_type().map_err(at(&entry.path()))?.is_dir() {
                all.push(entry.path());
            }
        }
        next += 1;
    }
    Ok(all)
}

/// Names in a folder; of one that is not there, none.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, BackupError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(at(folder))?,
    };
    entries.map(|entry| Ok(entry.map_err(at(folder))?.file_name().to_string_lossy().into_owned())).collect()
}

/// Files below a folder, or the file itself, and their bytes.
pub(super) fn size(path: &Path) -> Result<(u64, u64), BackupError> {
    let meta = fs::symlink_metadata(path).map_err(at(path))?;
    if !meta.is_dir() {
        return Ok((1, meta.len()));
    }
    let (mut files, mut bytes) = (0, 0);
    for name in names(path)? {
        let (more, longer) = size(&path.join(name))?;
        (files, bytes) = (files + more, bytes + longer);
    }
    Ok((files, bytes))
}
