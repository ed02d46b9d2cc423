//! Small files, folders and locks of a state directory: the one home of writing, syncing, renaming and removing there.
//!
//! Everybody else asks here, so that no side path forgets a sync.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Makes a folder that only its owner may enter, with its parents; when this returns, all of them survive a power cut.
/// One that is there already stays as it is.
pub fn create_dir(path: &Path) -> io::Result<()> {
    let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.is_dir();
    let made: Vec<&Path> = path.ancestors().take_while(missing).collect();
    if made.is_empty() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    made.into_iter().try_for_each(|folder| sync_dir(folder_of(folder)))
}

/// Appends to a file, and makes it if it is not there. Nothing is synced: [`sync_and_rename`] does that when it is whole.
pub fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?.write_all(bytes)
}

/// How much of a file is read at once.
const PIECE_BYTES: usize = 1 << 18;

/// Reads a whole file in pieces; says how long it was.
pub fn read_pieces(path: &Path, mut each: impl FnMut(&[u8])) -> io::Result<u64> {
    pour(&mut fs::File::open(path)?, |piece, _| {
        each(piece);
        Ok(())
    })
}

/// Copies a file to a new one, with holes for its zeros, and syncs it; `each` sees what is copied. Its name survives a power
/// cut only after [`sync_dir`]. Says how long it is.
pub fn copy(from: &Path, to: &Path, mut each: impl FnMut(&[u8])) -> io::Result<u64> {
    let mut source = fs::File::open(from)?;
    let target = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(to)?;
    let bytes = pour(&mut source, |piece, at| {
        each(piece);
        if piece.iter().all(|byte| *byte == 0) { Ok(()) } else { target.write_all_at(piece, at) }
    })?;
    target.set_len(bytes)?;
    target.sync_all()?;
    Ok(bytes)
}

fn pour(source: &mut fs::File, mut into: impl FnMut(&[u8], u64) -> io::Result<()>) -> io::Result<u64> {
    let (mut piece, mut bytes) = (vec![0; PIECE_BYTES], 0);
    loop {
        match source.read(&mut piece) {
            Ok(0) => return Ok(bytes),
            Ok(there) => {
                into(piece.get(..there).unwrap_or_default(), bytes)?;
                bytes += there as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Removes a file. A power cut may bring it back until its folder is synced.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// Syncs a file, gives it its final name, and syncs the folder: from then on it is there after a power cut, whole.
pub fn sync_and_rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::File::open(from)?.sync_all()?;
    fs::rename(from, to)?;
    sync_dir(folder_of(to))
}

/// Moves a file into another folder, in place of one that has its name there. When this returns, it is there after a power
/// cut, and nowhere else.
pub fn move_to(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    if is_same(from, to)? {
        fs::remove_file(from)?; // of two names of one file, renaming leaves both
    }
    sync_dir(folder_of(to))?;
    sync_dir(folder_of(from))
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let mark = |path| match fs::symlink_metadata(path) {
        Ok(meta) => Ok(Some((meta.dev(), meta.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let (one, other) = (mark(one)?, mark(other)?);
    Ok(one.is_some() && one == other)
}

/// The bytes of a plain file: no link is followed and no pipe waited for. Of a longer one, `most` bytes and one more.
pub fn read_plain(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed();
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no plain file"));
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes the names in a folder survive a power cut.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// Writes a whole file in place of what was there. At any power cut the file is the old one or the new one; when this
/// returns it is the new one for good.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = beside(path);
    let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    sync_dir(folder_of(path))
}

/// Where what is to have this name is made, until it is whole.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Bytes that are free for us and bytes that we might ever have, in the file system that holds `path`: what is set apart
/// for others counts as neither, as `df` has it.
pub fn space(path: &Path) -> io::Result<(u64, u64)> {
    let stat = rustix::fs::statvfs(path)?;
    let used = stat.f_blocks.saturating_sub(stat.f_bfree);
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Ok((bytes(stat.f_bavail), bytes(used.saturating_add(stat.f_bavail))))
}

/// An exclusive lock on a state directory; it ends with the value, and with the process.
#[derive(Debug)]
pub struct Lock {
    _file: fs::File,
}

/// Locks a state directory, so that no second process works on it. Does not wait.
pub fn lock(folder: &Path) -> io::Result<Lock> {
    let file = lock_file(folder)?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Lock { _file: file }),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "in use by another process"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Waits until nobody else holds the lock on this folder: for what is done in a moment.
pub fn wait_for_lock(folder: &Path) -> io::Result<Lock> {
    let file = lock_file(folder)?;
    loop {
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive) {
            Err(rustix::io::Errno::INTR) => {}
            locked => return Ok(locked.map(|()| Lock { _file: file })?),
        }
    }
}

fn lock_file(folder: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(folder.join("lock"))
}

/// File systems on which a sync does not mean what we need, by their `statfs` type, and why.
const UNSAFE: [(u32, &str); 9] = [
    (0x0000_6969, "NFS: the server decides what a sync means, and locks get lost"),
    (0x0000_517B, "SMB: the server decides what a sync means, and locks get lost"),
    (0xFF53_4D42, "CIFS: the server decides what a sync means, and locks get lost"),
    (0xFE53_4D42, "SMB2: the server decides what a sync means, and locks get lost"),
    (0x6573_5546, "FUSE: a program in between decides what a sync means"),
    (0x0102_1997, "9p: the host decides what a sync means"),
    (0x0102_1994, "tmpfs: it is memory, and a power cut takes everything"),
    (0x8584_58F6, "ramfs: it is memory, and a power cut takes everything"),
    (0x00C3_6400, "Ceph: the cluster decides what a sync means"),
];

/// Why the file system that holds `path` is no place for a state directory, if it is none.
pub fn refuses(path: &Path) -> io::Result<Option<&'static str>> {
    let kind = rustix::fs::statfs(path)?.f_type;
    Ok(reason(kind.cast_unsigned()))
}

/// [`refuses`], as an error that says so, unless the operator allows it.
pub fn check(path: &Path, allow_unsafe: AllowUnsafe) -> io::Result<()> {
    let Some(reason) = refuses(path)? else { return Ok(()) };
    if allow_unsafe == AllowUnsafe::Yes {
        tracing::warn!(path = %path.display(), reason, "the state directory is on an unsafe file system, as allowed");
        return Ok(());
    }
    let text =
        format!("the file system is not safe ({reason}); use a local disk, or set allow_unsafe_filesystem for a test");
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

/// Whether the operator wants a file system whose syncs mean nothing. For tests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AllowUnsafe {
    /// Accept it, with a warning.
    Yes,
    /// Refuse it.
    No,
}

impl From<bool> for AllowUnsafe {
    fn from(allowed: bool) -> Self {
        if allowed { Self::Yes } else { Self::No }
    }
}

/// The type is 32 bits; machines differ in how wide and with which sign they tell it.
fn reason(kind: u64) -> Option<&'static str> {
    let kind = kind & 0xFFFF_FFFF;
    UNSAFE.iter().find(|(known, _)| u64::from(*known) == kind).map(|(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_is_refused_until_the_first_goes() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path()).unwrap();

        let second = lock(folder.path()).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AlreadyExists);

        drop(first);
        assert!(lock(folder.path()).is_ok());
    }

    #[test]
    fn a_folder_is_made_with_its_parents_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c");
        create_dir(&path).unwrap();
        create_dir(&path).unwrap();
        assert!(path.is_dir());
        assert!(create_dir(Path::new("")).is_ok(), "here is there already");
    }

    #[test]
    fn a_plain_file_is_read_up_to_its_bound_and_nothing_else_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link, moved) = (folder.path().join("a"), folder.path().join("link"), folder.path().join("b/a"));
        fs::write(&file, b"four").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(read_plain(&file, 4).unwrap(), b"four");
        assert_eq!(read_plain(&file, 2).unwrap(), b"fou", "one more, so that the reader sees that it is too long");
        assert!(read_plain(&link, 4).is_err());
        assert!(read_plain(folder.path(), 4).is_err());

        create_dir(&folder.path().join("b")).unwrap();
        move_to(&file, &moved).unwrap();
        assert!(!file.exists() && read_plain(&moved, 4).unwrap() == b"four");
        fs::hard_link(&moved, &file).unwrap();
        move_to(&file, &moved).unwrap();
        assert!(
            !file.exists() && read_plain(&moved, 4).unwrap() == b"four",
            "two names of one file are one afterwards"
        );
    }

    #[test]
    fn an_atomic_write_leaves_the_new_bytes_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("note.1");
        write_atomic(&path, b"old").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn file_systems_without_a_true_sync_are_refused_by_name() {
        assert!(reason(0xFF53_4D42).is_some_and(|why| why.starts_with("CIFS")));
        assert!(reason(0xFFFF_FFFF_FF53_4D42).is_some_and(|why| why.starts_with("CIFS")), "sign-extended");
        assert_eq!(reason(0xEF53), None, "ext4");
        assert_eq!(reason(0x5846_5342), None, "xfs");
    }

    #[test]
    fn what_is_refused_may_be_allowed() {
        let shm = Path::new("/dev/shm"); // tmpfs wherever there is one
        let is_refused = refuses(shm).is_ok_and(|why| why.is_some());
        assert_eq!(check(shm, AllowUnsafe::No).is_err(), is_refused || !shm.exists());
        assert_eq!(check(shm, AllowUnsafe::Yes).is_ok(), shm.exists());
    }
}
