//! The one narrow way to the disk. Two implementors: real files, here, and the simulated disk of the tests.

use std::{
    fmt, fs, io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

/// A file system, as far as the journal needs one.
pub(crate) trait Disk: fmt::Debug + Send + Sync {
    /// Names in a folder, in no order. A folder that is not there has none.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Makes a folder and its parents.
    fn create_dir(&self, folder: &Path) -> io::Result<()>;
    /// Makes an empty file, or empties the one that is there. Its name survives a power cut only after [`Disk::sync_dir`].
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file to read and write it.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Gives a file another name in the same file system, in place of whatever has that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder survive a power cut.
    fn sync_dir(&self, folder: &Path) -> io::Result<()>;
}

/// An open file.
pub(crate) trait DiskFile: fmt::Debug + Send + Sync {
    /// How long it is.
    fn len(&self) -> io::Result<u64>;
    /// Reads into `buffer` from `at` on; says how many bytes there were, fewer only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes all of `bytes` from `at` on.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Cuts the file.
    fn cut(&self, length: u64) -> io::Result<()>;
    /// Makes what was written survive a power cut, with the length of the file if that changed.
    fn sync(&self) -> io::Result<()>;
}

/// Whether an error only says that there is no space, or no descriptor, now.
pub(crate) fn is_short(error: &io::Error) -> bool {
    const TOO_MANY_FILES: [i32; 2] = [23, 24];
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        || error.raw_os_error().is_some_and(|code| TOO_MANY_FILES.contains(&code))
}

/// Real files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn create_dir(&self, folder: &Path) -> io::Result<()> {
        crate::file::create_dir(folder)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = fs::OpenOptions::new().create(true).truncate(true).read(true).write(true).mode(0o600).open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(RealFile(fs::OpenOptions::new().read(true).write(true).open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        fs::File::open(folder)?.sync_all()
    }
}

/// Opens a file to read it alone.
pub(crate) fn read_only(path: &Path) -> io::Result<Arc<dyn DiskFile>> {
    Ok(Arc::new(RealFile(fs::File::open(path)?)))
}

#[derive(Debug)]
struct RealFile(fs::File);

impl DiskFile for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, at + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data() // on Linux that covers a changed length
    }
}

/// Where a journal lies: its disk, its folder, and the folder that damaged files are copied to.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub disk: Arc<dyn Disk>,
    pub folder: PathBuf,
    pub quarantine: PathBuf,
}

impl Place {
    /// The folder `folder` of a state directory.
    pub fn new(disk: Arc<dyn Disk>, folder: &Path) -> Self {
        let state = folder.parent().unwrap_or(Path::new("."));
        Self { disk, folder: folder.to_owned(), quarantine: state.join("quarantine") }
    }

    /// Writes a whole file: it is there with all its bytes, or not at all, and when this returns it survives a power cut.
    pub fn write_whole(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (fresh, path) = (self.folder.join(format!("{name}.new")), self.folder.join(name));
        let file = self.disk.create(&fresh)?;
        file.write_at(bytes, 0)?;
        file.sync()?;
        self.disk.rename(&fresh, &path)?;
        self.disk.sync_dir(&self.folder)
    }

    /// All bytes of a small file; none if it is not there.
    pub fn read_whole(&self, name: &str, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
        let file = match self.disk.open(&self.folder.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = usize::try_from(file.len()?).unwrap_or(usize::MAX).min(bytes_max);
        let mut bytes = vec![0; length];
        let there = file.read_at(&mut bytes, 0)?;
        bytes.truncate(there);
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_is_short_of_space_or_descriptors_is_no_broken_disk() {
        for code in [23, 24, 28] {
            assert!(is_short(&io::Error::from_raw_os_error(code)), "{code}");
        }
        for code in [5, 30] {
            assert!(!is_short(&io::Error::from_raw_os_error(code)), "{code}");
        }
    }
}
