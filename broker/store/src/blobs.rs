//! Attachments on disk, named by their SHA-256: written in parts, checked whole, and only then known to the journal.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{ids::Digest, limits};

/// The folder of blobs.
#[derive(Clone, Debug)]
pub struct Blobs {
    folder: Arc<Path>,
}

/// Why a blob was not taken or not found.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// No such blob.
    #[error("no blob with this digest is here")]
    NotFound,
    /// The bytes do not fit the digest; what was there is gone.
    #[error("the bytes do not fit the digest")]
    Digest,
    /// Longer than allowed, or parts that do not follow each other.
    #[error("a part does not follow the one before, or the blob is longer than announced")]
    Parts,
    /// The disk.
    #[error("disk")]
    Disk(#[from] io::Error),
}

impl Blobs {
    /// Opens the folder, which is made if it is not there.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        journal::file::create_dir(&folder)?;
        Ok(Self { folder: folder.into() })
    }

    /// How many bytes of a blob are here; the whole counts as all of it.
    pub fn held(&self, digest: Digest) -> u64 {
        let length = |path: PathBuf| std::fs::metadata(path).map(|meta| meta.len()).ok();
        length(self.whole(digest)).or_else(|| length(self.part(digest))).unwrap_or(0)
    }

    /// True when the whole is here.
    pub fn has(&self, digest: Digest) -> bool {
        self.whole(digest).is_file()
    }

    /// Adds a part at `offset`, which must be where the last one ended.
    pub fn add(&self, digest: Digest, offset: u64, chunk: &[u8]) -> Result<(), BlobError> {
        let held = std::fs::metadata(self.part(digest)).map_or(0, |meta| meta.len());
        if held != offset
            || chunk.len() > limits::BLOB_CHUNK_BYTES_MAX
            || offset + chunk.len() as u64 > limits::ATTACHMENTS_BYTES_MAX
        {
            return Err(BlobError::Parts);
        }
        Ok(journal::file::append(&self.part(digest), chunk)?)
    }

    /// Checks the whole, syncs it and gives it its name. After this it survives a power cut. What is shorter than
    /// announced stays as it is: the rest may come later.
    pub fn finish(&self, digest: Digest, bytes: u64) -> Result<(), BlobError> {
        if self.has(digest) {
            return Ok(());
        }
        let part = self.part(digest);
        if self.held(digest) < bytes {
            return Err(BlobError::Parts);
        }
        let whole = std::fs::read(&part)?;
        if whole.len() as u64 != bytes || Digest::of(&whole) != digest {
            journal::file::remove(&part)?;
            return Err(BlobError::Digest);
        }
        Ok(journal::file::sync_and_rename(&part, &self.whole(digest))?)
    }

    /// Stores a whole blob at once. When this returns it survives a power cut.
    pub fn put(&self, digest: Digest, bytes: &[u8]) -> Result<(), BlobError> {
        if self.has(digest) {
            return Ok(());
        }
        match journal::file::remove(&self.part(digest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {} // a part of it that was left, or none
        }
        journal::file::append(&self.part(digest), bytes)?;
        self.finish(digest, bytes.len() as u64)
    }

    /// Up to `most` bytes from `offset` on, and the length of the whole.
    pub fn read(&self, digest: Digest, offset: u64, most: usize) -> Result<(Vec<u8>, u64), BlobError> {
        use std::os::unix::fs::FileExt as _;
        let file = std::fs::File::open(self.whole(digest)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => BlobError::NotFound,
            _ => BlobError::Disk(error),
        })?;
        let length = file.metadata()?.len();
        let mut chunk = vec![0; most.min(usize::try_from(length.saturating_sub(offset)).unwrap_or(most))];
        file.read_exact_at(&mut chunk, offset)?;
        Ok((chunk, length))
    }

    fn whole(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.to_string())
    }

    fn part(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("{digest}.part"))
    }
}
