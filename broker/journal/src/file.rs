//! Small files, folders and locks of a state directory.
use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _},
    path::Path,
};
/// Makes a folder 0700, with parents.
pub fn create_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
/// Appends to a file.
pub fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?.write_all(bytes)
}
/// Removes a file.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}
/// Syncs a file and gives it its name.
pub fn sync_and_rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::File::open(from)?.sync_all()?;
    fs::rename(from, to)?;
    sync_dir(to.parent().unwrap_or(Path::new(".")))
}
/// Syncs a folder.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}
/// Writes a whole file atomically.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temp = path.with_extension("new");
    let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temp)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temp, path)?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}
/// Bytes that are free for us, and those together with what is used. What is kept back for others (reserved blocks, a
/// quota) is neither.
pub fn space(path: &Path) -> io::Result<(u64, u64)> {
    let stat = rustix::fs::statvfs(path)?;
    let used = stat.f_blocks.saturating_sub(stat.f_bfree);
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Ok((bytes(stat.f_bavail), bytes(stat.f_bavail.saturating_add(used))))
}
/// An exclusive lock on a state directory; it ends with the value.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code)] fs::File);
/// Locks.
pub fn lock(folder: &Path) -> io::Result<Lock> {
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(folder.join("lock"))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        io::Error::new(io::ErrorKind::AlreadyExists, format!("{} is in use by another process", folder.display()))
    })?;
    Ok(Lock(file))
}
pub(crate) fn zeroed(path: &Path, bytes: u64) -> io::Result<fs::File> {
    let file = fs::OpenOptions::new().create(true).truncate(true).read(true).write(true).mode(0o600).open(path)?;
    let zeros = vec![0u8; 1 << 20];
    let mut at = 0;
    while at < bytes {
        let n = usize::try_from((bytes - at).min(1 << 20)).unwrap_or(1 << 20);
        file.write_all_at(zeros.get(..n).unwrap_or(&zeros), at)?;
        at += n as u64;
    }
    file.sync_all()?;
    Ok(file)
}
