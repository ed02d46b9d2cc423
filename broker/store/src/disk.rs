//! The store's few wishes of the file system, each through the journal's helper: no other code here writes a file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use model::time::Timestamp;

pub(crate) use journal::file::{copy, create_dir, read_pieces as read, remove, sync_dir, write_atomic as write};

/// Makes what was written to `file` survive a power cut.
pub(crate) fn sync_data(file: &fs::File) -> io::Result<()> {
    file.sync_data()
}

/// Makes the file at `path`, written by somebody else, survive a power cut.
pub(crate) fn sync_file(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// Removes a folder and all that is in it, if it is there: only what can be made again.
pub(crate) fn remove_all(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Copies a folder and all that is in it; when this returns, the copies survive a power cut.
pub(crate) fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &target)?;
        } else {
            copy(&entry.path(), &target, |_| {})?;
        }
    }
    sync_dir(to)
}

/// Two folders of one parent change places in one step: when this returns, a power cut changes nothing about it.
pub(crate) fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?;
    sync_dir(one.parent().unwrap_or(Path::new(".")))
}

/// Gives a folder its final name, which nothing has: when this returns, a power cut changes nothing about it.
pub(crate) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?;
    sync_dir(to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Moves `folder` of the state directory into `quarantine/`, and says where it lies then.
pub(crate) fn quarantine(state: &Path, folder: &Path, reason: &str, now: Timestamp) -> io::Result<PathBuf> {
    let ward = state.join("quarantine");
    create_dir(&ward)?;
    let stamp = now.rfc3339().replace([':', '.'], "");
    let free = (0_u32..)
        .map(|n| ward.join(if n == 0 { format!("{stamp}-{reason}") } else { format!("{stamp}-{reason}-{n}") }));
    let place = free.into_iter().find(|place| !place.exists()).unwrap_or_else(|| ward.join(reason));
    fs::rename(folder, &place)?;
    sync_dir(&ward)?;
    sync_dir(state)?;
    Ok(place)
}
