//! Attachments on disk, named by their SHA-256: written in parts, checked whole, and only then known to the journal.
//! Whole ones are everybody's; unfinished parts belong to whoever brings them, so nobody's bytes spoil another's.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{
    ids::{Digest, JurisdictionId},
    limits,
    time::Timestamp,
};

/// The folder of blobs, as one sees it who brings parts.
#[derive(Clone, Debug)]
pub struct Blobs {
    folder: Arc<Path>,
    /// Whose parts; none where one alone brings any.
    bringer: Option<JurisdictionId>,
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

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Swept {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Blobs {
    /// Opens the folder, which is made if it is not there.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        journal::file::create_dir(&folder)?;
        Ok(Self { folder: folder.into(), bringer: None })
    }

    /// The same folder with the unfinished parts of `bringer` instead of anybody else's. Whole blobs are the same.
    #[must_use]
    pub fn brought_by(&self, bringer: &JurisdictionId) -> Self {
        Self { folder: self.folder.clone(), bringer: Some(bringer.clone()) }
    }

    /// How many bytes of a blob are here; the whole counts as all of it.
    pub fn held(&self, digest: Digest) -> u64 {
        let length = |path: PathBuf| std::fs::metadata(path).map(|meta| meta.len()).ok();
        length(self.whole(digest)).or_else(|| length(self.part(digest))).unwrap_or(0)
    }

    /// How many bytes of a blob this bringer has brought that are not part of a whole.
    pub fn brought(&self, digest: Digest) -> u64 {
        std::fs::metadata(self.part(digest)).map_or(0, |meta| meta.len())
    }

    /// True when the whole is here.
    pub fn has(&self, digest: Digest) -> bool {
        self.whole(digest).is_file()
    }

    /// Adds a part at `offset`, which must be where the last one ended. A blob that is whole needs no more parts, but of a
    /// bringer, who shows with them that it has the blob too.
    pub fn add(&self, digest: Digest, offset: u64, chunk: &[u8]) -> Result<(), BlobError> {
        if self.bringer.is_none() && self.has(digest) {
            return Ok(());
        }
        if self.brought(digest) != offset
            || chunk.len() > limits::BLOB_CHUNK_BYTES_MAX
            || offset + chunk.len() as u64 > limits::ATTACHMENTS_BYTES_MAX
        {
            return Err(BlobError::Parts);
        }
        Ok(journal::file::append(&self.part(digest), chunk)?)
    }

    /// Checks the whole, syncs it and gives it its name. After this it survives a power cut. What is shorter than
    /// announced stays as it is: the rest may come later. Of a blob that is whole already no part is left, and what was
    /// brought of it must be that blob too. What could not
    /// be synced is gone, for after a failed sync the kernel may call lost pages clean and the next sync good: it must come
    /// again from the beginning.
    pub fn finish(&self, digest: Digest, bytes: u64) -> Result<(), BlobError> {
        let part = self.part(digest);
        let held = match std::fs::read(&part).map_err(not_found) {
            Err(BlobError::NotFound) if self.has(digest) => return Ok(()),
            held => held?,
        };
        if (held.len() as u64) < bytes {
            return Err(BlobError::Parts);
        }
        if held.len() as u64 != bytes || Digest::of(&held) != digest {
            journal::file::remove(&part)?;
            return Err(BlobError::Digest);
        }
        if self.has(digest) {
            return Ok(self.forget_part(digest)?);
        }
        let whole = self.whole(digest);
        journal::file::sync_and_rename(&part, &whole).map_err(|error| {
            // none of it can be believed, under either name, unless another call has just finished it
            if error.kind() != io::ErrorKind::NotFound {
                forget(if part.is_file() { &part } else { &whole });
            }
            BlobError::Disk(error)
        })
    }

    /// Stores a whole blob at once. When this returns it survives a power cut.
    pub fn put(&self, digest: Digest, bytes: &[u8]) -> Result<(), BlobError> {
        if self.has(digest) {
            return Ok(());
        }
        self.forget_part(digest)?;
        journal::file::append(&self.part(digest), bytes)?;
        self.finish(digest, bytes.len() as u64)
    }

    /// Whether the whole is here with the bytes of its name. One with other bytes is moved to `quarantine/` beside the folder,
    /// which the log tells, and is not here from then on: it may come again. Reads all of it.
    pub fn is_sound(&self, digest: Digest) -> Result<bool, BlobError> {
        let whole = self.whole(digest);
        match std::fs::read(&whole).map_err(not_found) {
            Err(BlobError::NotFound) => return Ok(false),
            Err(error) => return Err(error),
            Ok(bytes) if Digest::of(&bytes) == digest => return Ok(true),
            Ok(_) => {}
        }
        let ward = self.folder.parent().unwrap_or(Path::new(".")).join("quarantine");
        let place = ward.join(format!("{digest}.blob"));
        tracing::error!(%digest, place = %place.display(), "an attachment is damaged; it is set aside");
        journal::file::create_dir(&ward)?;
        match journal::file::move_to(&whole, &place).map_err(not_found) {
            // whoever looked at the same time was first
            Ok(()) | Err(BlobError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Up to `most` bytes from `offset` on, and the length of the whole. Not checked: see [`Blobs::is_sound`].
    pub fn read(&self, digest: Digest, offset: u64, most: usize) -> Result<(Vec<u8>, u64), BlobError> {
        use std::os::unix::fs::FileExt as _;
        let file = std::fs::File::open(self.whole(digest)).map_err(not_found)?;
        let length = file.metadata()?.len();
        let mut chunk = vec![0; most.min(usize::try_from(length.saturating_sub(offset)).unwrap_or(most))];
        file.read_exact_at(&mut chunk, offset)?;
        Ok((chunk, length))
    }

    /// Removes what nobody needs: whole blobs that `marks` does not name and parts that were never finished, if they were
    /// last written before `before`, so that what is on its way is left alone. Files that are not ours stay.
    pub fn sweep(&self, marks: impl Fn(Digest) -> bool, before: Timestamp) -> io::Result<Swept> {
        let mut swept = Swept::default();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let (text, is_part) = name.strip_suffix(".part").map_or((&*name, false), |text| (part_of(text), true));
            let needed = |digest: Digest| !is_part && marks(digest);
            let (Ok(digest), meta) = (text.parse::<Digest>(), entry.metadata()?) else { continue };
            if digest.to_string() == text && !needed(digest) && written_at(&meta)? < before {
                journal::file::remove(&entry.path())?;
                swept.files += 1;
                swept.bytes += meta.len();
            }
        }
        journal::file::sync_dir(&self.folder)?;
        Ok(swept)
    }

    fn whole(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.to_string())
    }

    fn part(&self, digest: Digest) -> PathBuf {
        self.folder.join(match &self.bringer {
            Some(bringer) => format!("{digest}.{bringer}.part"),
            None => format!("{digest}.part"),
        })
    }

    /// Removes a part that was left, if there is one.
    fn forget_part(&self, digest: Digest) -> io::Result<()> {
        match journal::file::remove(&self.part(digest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// The digest in the name of a part, which may name its bringer after it.
fn part_of(name: &str) -> &str {
    name.split_once('.').map_or(name, |(digest, _)| digest)
}

/// Removes what could not be synced.
fn forget(path: &Path) {
    if let Err(error) = journal::file::remove(path) {
        tracing::error!(%error, path = %path.display(), "a file that could not be synced cannot be removed");
    }
}

fn not_found(error: io::Error) -> BlobError {
    if error.kind() == io::ErrorKind::NotFound { BlobError::NotFound } else { BlobError::Disk(error) }
}

/// When a file was last written; before 1970 counts as 1970.
fn written_at(meta: &std::fs::Metadata) -> io::Result<Timestamp> {
    let since = meta.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        time::{Duration, UNIX_EPOCH},
    };

    use proptest::prelude::*;

    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn blobs() -> (tempfile::TempDir, Blobs) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path().join("blobs")).unwrap();
        (folder, blobs)
    }

    fn names(blobs: &Blobs) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(&blobs.folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Sets when a file was written.
    fn age(path: &Path, minutes_before_noon: u64) {
        let at =
            UNIX_EPOCH + Duration::from_millis(NOON.millis().unsigned_abs()) - Duration::from_mins(minutes_before_noon);
        File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
    }

    #[test]
    fn a_put_that_was_cut_short_goes_on_where_it_ended() {
        let (folder, blobs) = blobs();
        let (bytes, digest) = (b"a map of the dam", Digest::of(b"a map of the dam"));
        blobs.add(digest, 0, &bytes[..5]).unwrap();
        drop(blobs);

        let blobs = Blobs::open(folder.path().join("blobs")).unwrap(); // the next start
        assert!((blobs.held(digest), blobs.has(digest)) == (5, false));
        assert!(matches!(blobs.read(digest, 0, 99), Err(BlobError::NotFound)), "a part is nobody's to read");
        blobs.add(digest, 5, &bytes[5..]).unwrap();
        blobs.finish(digest, bytes.len() as u64).unwrap();

        assert_eq!(blobs.read(digest, 0, 99).unwrap(), (bytes.to_vec(), 16));
        assert_eq!(names(&blobs), [digest.to_string()]);
    }

    #[test]
    fn parts_that_do_not_follow_each_other_are_refused() {
        let (_folder, blobs) = blobs();
        let digest = Digest::of(b"abc");
        blobs.add(digest, 0, b"a").unwrap();
        assert!(matches!(blobs.add(digest, 0, b"a"), Err(BlobError::Parts)), "again");
        assert!(matches!(blobs.add(digest, 2, b"c"), Err(BlobError::Parts)), "a hole");
        let long = vec![0; limits::BLOB_CHUNK_BYTES_MAX + 1];
        assert!(matches!(blobs.add(digest, 1, &long), Err(BlobError::Parts)), "a part is too long");
        assert_eq!(blobs.held(digest), 1);
    }

    #[test]
    fn a_blob_longer_than_the_limit_is_refused_before_it_fills_the_disk() {
        let (_folder, blobs) = blobs();
        let digest = Digest::of(b"long");
        let part = blobs.part(digest);
        File::create(&part).unwrap().set_len(limits::ATTACHMENTS_BYTES_MAX - 1).unwrap();

        assert!(matches!(blobs.add(digest, limits::ATTACHMENTS_BYTES_MAX - 1, b"ab"), Err(BlobError::Parts)));
        blobs.add(digest, limits::ATTACHMENTS_BYTES_MAX - 1, b"a").unwrap();
    }

    #[test]
    fn bytes_that_do_not_fit_their_digest_are_thrown_away() {
        let (_folder, blobs) = blobs();
        let digest = Digest::of(b"true");
        blobs.add(digest, 0, b"fals").unwrap();

        assert!(matches!(blobs.finish(digest, 4), Err(BlobError::Digest)));
        assert_eq!((blobs.held(digest), names(&blobs).len()), (0, 0), "the next try begins at the beginning");

        blobs.add(digest, 0, b"tru").unwrap();
        assert!(matches!(blobs.finish(digest, 4), Err(BlobError::Parts)), "shorter than announced");
        assert_eq!(blobs.held(digest), 3, "the rest may come");
        assert!(matches!(blobs.put(digest, b"other"), Err(BlobError::Digest)));
        assert!(!blobs.has(digest));
    }

    #[test]
    fn wrong_bytes_of_one_do_not_spoil_what_another_brings() {
        let (_folder, blobs) = blobs();
        let [liar, honest] = ["liar", "honest"].map(|id| blobs.brought_by(&id.parse().unwrap()));
        let digest = Digest::of(b"true");
        liar.add(digest, 0, b"fa").unwrap();

        assert_eq!(honest.held(digest), 0, "parts are their bringer's alone");
        honest.add(digest, 0, b"true").unwrap();
        honest.finish(digest, 4).unwrap();

        assert_eq!((liar.held(digest), liar.has(digest)), (4, true), "the whole is everybody's");
        assert_eq!(liar.brought(digest), 2, "who has brought half of it has not shown that it has it");
        assert!(matches!(liar.finish(digest, 4), Err(BlobError::Parts)));
        liar.add(digest, 2, b"ke").unwrap();
        assert!(matches!(liar.finish(digest, 4), Err(BlobError::Digest)), "nor who brought something else");
        liar.add(digest, 0, b"true").unwrap();
        liar.finish(digest, 4).unwrap();
        assert_eq!(names(&blobs), [digest.to_string()], "and no part is left");
    }

    #[test]
    fn what_could_not_be_synced_begins_again_at_the_beginning() {
        let (_folder, blobs) = blobs();
        let digest = Digest::of(b"true");
        blobs.add(digest, 0, b"true").unwrap();
        fs::create_dir(blobs.whole(digest)).unwrap(); // a name that cannot be given: the same way out as a failed sync

        assert!(matches!(blobs.finish(digest, 4), Err(BlobError::Disk(_))));

        assert!(!blobs.part(digest).exists(), "a second try would believe a sync that says nothing");
        fs::remove_dir(blobs.whole(digest)).unwrap();
        assert_eq!(blobs.held(digest), 0);
        blobs.put(digest, b"true").unwrap();
        assert!(blobs.has(digest));
    }

    #[test]
    fn a_blob_of_which_nothing_came_cannot_be_finished() {
        let (_folder, blobs) = blobs();
        assert!(matches!(blobs.finish(Digest::of(b"x"), 1), Err(BlobError::NotFound)));
        assert!(matches!(blobs.read(Digest::of(b"x"), 0, 1), Err(BlobError::NotFound)));
    }

    #[test]
    fn a_whole_blob_takes_no_more_parts_and_is_put_once() {
        let (_folder, blobs) = blobs();
        let digest = Digest::of(b"once");
        blobs.add(digest, 0, b"on").unwrap(); // a part that was left
        blobs.put(digest, b"once").unwrap();
        blobs.put(digest, b"once").unwrap();
        blobs.add(digest, 0, b"once").unwrap();
        blobs.finish(digest, 4).unwrap();

        assert_eq!(names(&blobs), [digest.to_string()], "and leaves no part behind");
        assert_eq!(blobs.held(digest), 4);
    }

    #[test]
    fn reading_gives_what_is_there_from_where_it_is_asked() {
        let (_folder, blobs) = blobs();
        let digest = Digest::of(b"0123456789");
        blobs.put(digest, b"0123456789").unwrap();
        assert_eq!(blobs.read(digest, 3, 4).unwrap(), (b"3456".to_vec(), 10));
        assert_eq!(blobs.read(digest, 8, 4).unwrap(), (b"89".to_vec(), 10));
        assert_eq!(blobs.read(digest, 10, 4).unwrap(), (vec![], 10));
        assert_eq!(blobs.read(digest, 99, 4).unwrap(), (vec![], 10));
    }

    #[test]
    fn a_blob_with_other_bytes_than_its_name_says_is_set_aside_and_may_come_again() {
        let state = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(state.path().join("blobs")).unwrap();
        let digest = Digest::of(b"0123456789");
        assert!(!blobs.is_sound(digest).unwrap(), "it is not here");
        blobs.put(digest, b"0123456789").unwrap();
        assert!(blobs.is_sound(digest).unwrap());

        fs::write(blobs.whole(digest), b"0123456780").unwrap();

        assert!(!blobs.is_sound(digest).unwrap());
        assert!(!blobs.has(digest));
        let kept = state.path().join("quarantine").join(format!("{digest}.blob"));
        assert_eq!(fs::read(kept).unwrap(), b"0123456780");
        blobs.put(digest, b"0123456789").unwrap();
        assert!(blobs.is_sound(digest).unwrap());
    }

    #[test]
    fn a_sweep_removes_what_is_old_and_unmarked_and_nothing_else() {
        let (_folder, blobs) = blobs();
        let [kept, old, fresh, part, fresh_part] =
            [&b"kept"[..], b"old", b"fresh", b"part", b"new part"].map(Digest::of);
        for (digest, bytes) in [(kept, &b"kept"[..]), (old, b"old"), (fresh, b"fresh")] {
            blobs.put(digest, bytes).unwrap();
        }
        let bringer = blobs.brought_by(&"371300".parse().unwrap());
        for digest in [part, fresh_part] {
            blobs.add(digest, 0, b"?").unwrap();
        }
        bringer.add(part, 0, b"??").unwrap();
        let note = blobs.folder.join("README");
        fs::write(&note, "the operator's").unwrap();
        for path in [blobs.whole(kept), blobs.whole(old), blobs.part(part), bringer.part(part), note] {
            age(&path, 90);
        }
        for path in [blobs.whole(fresh), blobs.part(fresh_part)] {
            age(&path, 10);
        }

        let hour_ago = Timestamp::from_millis(NOON.millis() - 3_600_000);
        let swept = blobs.sweep(|digest| digest == kept, hour_ago).unwrap();

        assert_eq!(swept, Swept { files: 3, bytes: 3 + 1 + 2 });
        let mut left = [kept.to_string(), fresh.to_string(), format!("{fresh_part}.part"), "README".to_owned()];
        left.sort();
        assert_eq!(names(&blobs), left);
        assert_eq!(blobs.sweep(|digest| digest == kept, hour_ago).unwrap(), Swept::default());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn a_blob_comes_back_as_it_was_put_however_it_was_cut(bytes in prop::collection::vec(any::<u8>(), 0..4_000), cuts in prop::collection::vec(1..900_usize, 1..9)) {
            let (_folder, blobs) = blobs();
            let digest = Digest::of(&bytes);
            let (mut at, mut lengths) = (0, cuts.iter().cycle());
            blobs.add(digest, 0, b"").unwrap();
            while at < bytes.len() {
                let end = (at + lengths.next().unwrap()).min(bytes.len());
                blobs.add(digest, at as u64, &bytes[at..end]).unwrap();
                at = end;
                prop_assert_eq!(blobs.held(digest), at as u64);
            }
            blobs.finish(digest, bytes.len() as u64).unwrap();

            let mut back = Vec::new();
            while back.len() < bytes.len() {
                back.extend(blobs.read(digest, back.len() as u64, 700).unwrap().0);
            }
            prop_assert_eq!(back, bytes);
        }
    }
}
