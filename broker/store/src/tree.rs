//! The one place that calls sled. Every call is guarded: an error or a panic becomes a fault, and the watchdog sees
//! how long it takes.

use std::{
    fs, io,
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
    time::Duration,
};

use crate::{
    fault::{Fault, Faults},
    watch::Pulse,
};

/// How often a lock that somebody holds is looked at, and the pause between: ten seconds in all.
const LOCK_LOOKS: u32 = 1_000;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// A key or value that sled handed out.
pub(crate) type Stored = sled::IVec;

/// Leaves stay far below the size at which sled moves them into files that nobody syncs.
const SEGMENT_BYTES: usize = 2 * 1024 * 1024;

/// Why sled's folder could not be opened.
#[derive(Debug)]
pub(crate) enum Unopened {
    /// What lies there is of no use; it can be made again.
    Unusable(String),
    /// The machine is at fault: no space, no rights. Making it again would not help.
    Io(io::Error),
}

/// Changes that count all together or not at all.
#[derive(Debug, Default)]
pub(crate) struct Batch(sled::Batch);

impl Batch {
    /// Puts a row.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.0.insert(key, value);
    }

    /// Removes a row.
    pub fn remove(&mut self, key: &[u8]) {
        self.0.remove(key);
    }
}

/// sled, closed when the last handle goes.
#[derive(Debug)]
struct Open(Option<sled::Db>);

impl Drop for Open {
    fn drop(&mut self) {
        let db = self.0.take();
        // sled unwraps an error of its last sync; the rows are checked at the next opening anyway
        let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
    }
}

/// A handle to the tree of rows, for one caller at a time: its pulse tells the watchdog that its calls come back.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    open: Arc<Open>,
    faults: Faults,
    pulse: Pulse,
}

impl Tree {
    /// Opens or creates sled's folder, with its known debris removed before and its `blobs` empty after.
    pub fn open(folder: &Path, cache_bytes: u64, faults: Faults, pulse: Pulse) -> Result<Self, Unopened> {
        remove_debris(folder).map_err(Unopened::Io)?;
        wait_for_lock(&folder.join("db")).map_err(Unopened::Io)?;
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(cache_bytes)
            .segment_size(SEGMENT_BYTES)
            .flush_every_ms(None);
        let db = match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => db,
            Ok(Err(sled::Error::Io(error))) if is_of_the_machine(&error) => return Err(Unopened::Io(error)),
            Ok(Err(error)) => return Err(Unopened::Unusable(format!("sled: {error}"))),
            Err(panic) => return Err(Unopened::Unusable(format!("sled panicked: {}", words(&*panic)))),
        };
        if keeps_blobs(folder) {
            return Err(Unopened::Unusable("sled keeps blobs, which nobody syncs".to_owned()));
        }
        Ok(Self { open: Arc::new(Open(Some(db))), faults, pulse })
    }

    /// The same tree, for another caller.
    pub fn watched_by(&self, pulse: Pulse) -> Self {
        Self { pulse, ..self.clone() }
    }

    /// What the watchdog sees of this caller.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// The first fault of any handle.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The value under `key`.
    pub fn get(&self, key: &[u8]) -> Result<Option<Stored>, Fault> {
        self.guard(|db| db.get(key))
    }

    /// Changes all that is in `batch`, or nothing.
    pub fn apply(&self, batch: Batch) -> Result<(), Fault> {
        self.guard(|db| db.apply_batch(batch.0))
    }

    /// Hands what was changed to the operating system; a sync of the file must follow.
    pub fn flush(&self) -> Result<(), Fault> {
        self.guard(|db| db.flush().map(|_| ()))
    }

    /// Rows within `range`, in order.
    pub fn range(&self, range: (Bound<&[u8]>, Bound<&[u8]>)) -> Result<Range<'_>, Fault> {
        let rows = self.guard(|db| Ok(db.range::<&[u8], _>(range)))?;
        Ok(Range { tree: self, rows })
    }

    /// Every row.
    pub fn all(&self) -> Result<Range<'_>, Fault> {
        self.range((Bound::Unbounded, Bound::Unbounded))
    }

    fn guard<T>(&self, call: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, Fault> {
        if let Some(fault) = self.faults.first() {
            return Err(fault.clone());
        }
        let Some(db) = &self.open.0 else { return Err(Fault::Failed("closed".to_owned())) };
        match self.pulse.during(|| catch_unwind(AssertUnwindSafe(|| call(db)))) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.faults.note(Fault::Failed(error.to_string()))),
            Err(panic) => Err(self.faults.note(Fault::Failed(format!("sled panicked: {}", words(&*panic))))),
        }
    }
}

/// Rows of a range, one guarded call each.
pub(crate) struct Range<'t> {
    tree: &'t Tree,
    rows: sled::Iter,
}

impl Iterator for Range<'_> {
    type Item = Result<(Stored, Stored), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = &mut self.rows;
        self.tree.guard(|_| rows.next().transpose()).transpose()
    }
}

/// Whether sled moved values into files of their own; ours are too small for that.
pub(crate) fn keeps_blobs(folder: &Path) -> bool {
    fs::read_dir(folder.join("blobs")).is_ok_and(|mut blobs| blobs.next().is_some())
}

/// A start that was killed leaves `snap.*.generating`, for which sled refuses to open.
fn remove_debris(folder: &Path) -> io::Result<()> {
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        listed => listed?,
    };
    for entry in listed {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            tracing::info!(file = %name, "removing what an interrupted start of sled left");
            crate::disk::remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Whether an error says something about the machine and nothing about the bytes.
/// Waits until nobody holds sled's lock. sled gives it up on a thread of its own, a moment after its last handle has gone:
/// that somebody still holds it says nothing against the rows.
fn wait_for_lock(db: &Path) -> io::Result<()> {
    let file = match fs::File::open(db) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for _ in 0..LOCK_LOOKS {
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(rustix::fs::flock(&file, rustix::fs::FlockOperation::Unlock)?),
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(LOCK_PAUSE),
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::Error::new(io::ErrorKind::WouldBlock, format!("{} is in use by another process", db.display())))
}

pub(crate) fn is_of_the_machine(error: &io::Error) -> bool {
    use io::ErrorKind::{OutOfMemory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    const TOO_MANY_FILES: [i32; 2] = [23, 24];
    matches!(error.kind(), StorageFull | QuotaExceeded | PermissionDenied | ReadOnlyFilesystem | OutOfMemory)
        || error.raw_os_error().is_some_and(|code| TOO_MANY_FILES.contains(&code))
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned())
}
