//! What an engine is told when it opens.

use std::{fmt, ops::ControlFlow, path::PathBuf, sync::Arc, time::Duration};

use crate::watch::Watchdog;

/// Keys in one batch of sled at most, undo and meta rows included.
pub(crate) const CHUNK_KEYS_MAX: usize = 256;

/// Where the store lies and how much of everything it takes.
#[derive(Clone, Debug)]
pub struct Options {
    /// The state directory: the store is its folder `store`, given-up ones go to its folder `quarantine`.
    pub state: PathBuf,
    /// What changes may take in memory: at three quarters appends are answered busy, at all of it the fold waits.
    pub overlay_bytes_max: usize,
    /// A spill begins when changes since the last take this much.
    pub spill_bytes: usize,
    /// A checkpoint begins at most this long after the last.
    pub checkpoint_every: Duration,
    /// Keys in one batch of a spill, from 4 to 256: a batch holds one lock for the whole process.
    pub chunk_keys: usize,
    /// How long a spill pauses between two chunks.
    pub chunk_pause: Duration,
    /// sled's cache; it is a soft limit.
    pub cache_bytes: u64,
    /// sled's file is made anew when it is over four times what is live, but never below this.
    pub bloat_floor_bytes: u64,
    /// Settled entries kept in memory, at most so many or so many bytes, before they become a closed index file.
    pub index_entries_max: usize,
    /// A settled id is found for so long after its time, and not longer: less than the journal keeps its record.
    pub settled_for: Duration,
    /// See `index_entries_max`.
    pub index_bytes_max: usize,
    /// What is set apart on the disk for the day on which it is full; 0 for nothing.
    pub ballast_bytes: u64,
    /// What to do about a call of sled that does not come back.
    pub watchdog: Watchdog,
    /// For tests: called after each batch that a spill or an opening wrote; `Break` makes the engine die there as if it
    /// were killed.
    pub after_batch: AfterBatch,
}

impl Options {
    /// The usual sizes, for the store in the state directory `state`.
    pub fn new(state: impl Into<PathBuf>) -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            state: state.into(),
            overlay_bytes_max: 64 * MIB,
            spill_bytes: 16 * MIB,
            checkpoint_every: Duration::from_secs(10),
            chunk_keys: CHUNK_KEYS_MAX,
            chunk_pause: Duration::from_millis(1),
            cache_bytes: 32 * MIB as u64,
            bloat_floor_bytes: 64 * MIB as u64,
            index_entries_max: 65_536,
            settled_for: Duration::from_hours(179 * 24),
            index_bytes_max: 8 * MIB,
            ballast_bytes: 0,
            watchdog: Watchdog::aborting(),
            after_batch: AfterBatch::default(),
        }
    }
}

/// Something that a test does after each batch of sled.
#[derive(Clone, Default)]
pub struct AfterBatch(Option<Arc<dyn Fn() -> ControlFlow<()> + Send + Sync>>);

impl AfterBatch {
    /// Calls `act` after each batch.
    pub fn call(act: impl Fn() -> ControlFlow<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(act)))
    }

    pub(crate) fn dies(&self) -> bool {
        self.0.as_ref().is_some_and(|act| act().is_break())
    }
}

impl fmt::Debug for AfterBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "AfterBatch(test)" } else { "AfterBatch(none)" })
    }
}
