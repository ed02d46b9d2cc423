//! The way of the rows to sled: chunk by chunk, with undo rows, `applied` in the last; then flush, sync, tidy up.

use std::{
    fs::File,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use model::{
    position::{EpochId, Position},
    time::Timestamp,
};

use crate::{
    closed::{self, Bounds, Run},
    fault::Fault,
    hash::hash,
    layer::Layer,
    options::AfterBatch,
    overlay::{Tables, fold_key},
    row::{self, META_KEY, Meta, UndoRows},
    rows::Held,
    sieve::Sieve,
    tree::{Batch, Tree, keeps_blobs},
};

/// A filter is made for at least so many rows.
pub(crate) const SIEVE_ROOM_MIN: usize = 65_536;

/// Why a spill did not end.
#[derive(Debug)]
pub(crate) enum Unspilled {
    /// The rows cannot be written.
    Fault(Fault),
    /// A test wants the process dead here.
    Killed,
}

impl From<Fault> for Unspilled {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Whoever holds rows under a lock: the engine's state.
pub(crate) trait Holds {
    /// The rows.
    fn held(&mut self) -> &mut Held;
}

/// Writes the rows to disk. There is one, on its own thread; nobody else writes to sled.
#[derive(Debug)]
pub(crate) struct Spiller {
    /// sled, for writing.
    pub tree: Tree,
    /// What sled's meta row says.
    pub meta: Meta,
    /// Our own descriptor of sled's file, opened before the first write.
    pub db: File,
    /// Folder of sled.
    pub rows_folder: PathBuf,
    /// Folder of the index files.
    pub closed_folder: PathBuf,
    /// Which keys may be in sled; shared with the overlay.
    pub sieve: Arc<Sieve>,
    /// When runs become a closed file.
    pub bounds: Bounds,
    /// Keys in one batch, undo and meta rows included.
    pub chunk_keys: usize,
    /// What a test does after each batch.
    pub after_batch: AfterBatch,
    /// sled's cache, for the file that a bloated one is moved into.
    pub cache_bytes: u64,
    /// A file up to this long is never called bloated.
    pub bloat_floor_bytes: u64,
    /// Bytes of all keys and values in sled.
    pub live_bytes: u64,
    /// What the last move into a new file came to.
    pub refolded_bytes: u64,
}

/// Everything up to a position, set aside under the lock.
struct Frozen {
    layer: Arc<Layer>,
    through: Position,
    epoch: EpochId,
    time: Timestamp,
    runs: Option<Vec<Arc<Run>>>,
}

/// A batch of sled being gathered.
#[derive(Default)]
struct Chunk {
    batch: Batch,
    keys: usize,
}

impl Chunk {
    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.batch.put(key, value);
        self.keys += 1;
    }

    fn remove(&mut self, key: &[u8]) {
        self.batch.remove(key);
        self.keys += 1;
    }
}

impl Spiller {
    /// Spills what was folded since the last round and makes a checkpoint of it: when this returns, a power cut leaves
    /// rows from which only what comes later is replayed. False if there was nothing.
    pub fn round<S: Holds>(&mut self, state: &Mutex<S>, pause: impl Fn()) -> Result<bool, Unspilled> {
        let Some(frozen) = self.freeze(state) else { return Ok(false) };
        let mut garbage = Vec::new();
        let mut indexed = self.meta.indexed;
        if let Some(runs) = &frozen.runs {
            garbage = self.write_index(state, runs)?;
            indexed = frozen.through;
        }
        self.make_room(state, frozen.layer.len())?;
        let target =
            Meta { applied: frozen.through, epoch: frozen.epoch, time: frozen.time, indexed, tally: self.meta.tally };
        let (tables, undo_rows) = self.write_rows(&frozen.layer, target, &pause)?;
        lock(state).held().overlay.thaw(&tables);
        self.drop_undo(&undo_rows, &pause)?;
        self.checkpoint()?;
        for path in garbage {
            crate::disk::remove(&path).map_err(|error| self.failed(&error))?;
        }
        Ok(true)
    }

    fn freeze<S: Holds>(&self, state: &Mutex<S>) -> Option<Frozen> {
        let mut state = lock(state);
        let held = state.held();
        if held.torn || held.folded == self.meta.applied {
            return None;
        }
        let settled = held.closed.freeze(self.meta.indexed, held.folded);
        Some(Frozen {
            layer: held.overlay.freeze(),
            through: held.folded,
            epoch: held.epoch,
            time: held.time,
            runs: settled.then(|| held.closed.runs()),
        })
    }

    /// Writes the settled entries; gives the files that are no longer needed once `applied` has moved for good.
    fn write_index<S: Holds>(&self, state: &Mutex<S>, runs: &[Arc<Run>]) -> Result<Vec<PathBuf>, Fault> {
        let Some(plan) = closed::plan(runs, self.bounds) else { return Ok(Vec::new()) };
        let written = closed::write(&plan, &self.closed_folder).map_err(|fault| self.tree.faults().note(fault))?;
        Ok(lock(state).held().closed.replace(&plan, written, &self.closed_folder))
    }

    /// Makes the filter anew, from the rows, before it would answer "perhaps" too often.
    fn make_room<S: Holds>(&mut self, state: &Mutex<S>, more: usize) -> Result<(), Fault> {
        if !self.sieve.is_full_with(more) {
            return Ok(());
        }
        let rows = self.meta.tally.count as usize;
        let sieve = Arc::new(Sieve::with_room((4 * (rows + more)).max(SIEVE_ROOM_MIN)));
        for row in self.tree.all()? {
            let (key, _) = row?;
            if key.first() == Some(&row::ROW) {
                sieve.add(fold_key(&key));
            }
        }
        self.sieve = sieve.clone();
        if let Some(spilled) = lock(state).held().overlay.spilled() {
            spilled.sieve = sieve;
        }
        Ok(())
    }

    /// Writes a frozen layer. Gives how many rows each table gained, and the undo rows that are of no use now.
    fn write_rows(
        &mut self,
        layer: &Layer,
        target: Meta,
        pause: &impl Fn(),
    ) -> Result<(Tables, Vec<UndoRow>), Unspilled> {
        let (mut chunk, mut undo) = (Chunk::default(), UndoRows::new(self.meta.applied));
        let (mut tables, mut undo_rows) = (Tables::default(), Vec::new());
        for (key, change) in layer.iter() {
            if chunk.keys + 4 > self.chunk_keys {
                self.keep_undo(&mut chunk, undo.finish(), &mut undo_rows);
                self.apply(std::mem::take(&mut chunk))?;
                pause();
            }
            let stored_key = row::stored_key(key);
            let old = if self.sieve.may_hold(key) { self.tree.get(&stored_key)? } else { None };
            if let Some(old) = &old {
                self.keep_undo(&mut chunk, undo.keep(&stored_key, old), &mut undo_rows);
                self.meta.tally.take(&stored_key, old);
                self.live_bytes = self.live_bytes.saturating_sub((stored_key.len() + old.len()) as u64);
            }
            match (&change.payload, old.is_some()) {
                (Some(payload), known) => {
                    let value = row::encode(&stored_key, change.position, payload);
                    self.meta.tally.add(&stored_key, &value);
                    self.live_bytes += (stored_key.len() + value.len()) as u64;
                    chunk.put(stored_key, value);
                    if !known {
                        self.sieve.add(key);
                        tables.count(key, 1);
                    }
                }
                (None, true) => {
                    chunk.remove(&stored_key);
                    tables.count(key, -1);
                }
                (None, false) => {}
            }
        }
        self.keep_undo(&mut chunk, undo.finish(), &mut undo_rows);
        self.meta = Meta { tally: self.meta.tally, ..target };
        self.apply(chunk)?;
        Ok((tables, undo_rows))
    }

    fn keep_undo(&mut self, chunk: &mut Chunk, row: Option<(Vec<u8>, Vec<u8>)>, undo_rows: &mut Vec<UndoRow>) {
        if let Some((key, value)) = row {
            self.meta.tally.add(&key, &value);
            undo_rows.push(UndoRow { hash: hash(&[&key, &value]), key: key.clone() });
            chunk.put(key, value);
        }
    }

    fn drop_undo(&mut self, undo_rows: &[UndoRow], pause: &impl Fn()) -> Result<(), Unspilled> {
        for rows in undo_rows.chunks(self.chunk_keys - 1) {
            pause();
            let mut chunk = Chunk::default();
            for row in rows {
                chunk.remove(&row.key);
                self.meta.tally.take_hash(row.hash);
            }
            self.apply(chunk)?;
        }
        Ok(())
    }

    fn apply(&self, mut chunk: Chunk) -> Result<(), Unspilled> {
        chunk.put(META_KEY.to_vec(), self.meta.encode());
        self.tree.apply(chunk.batch)?;
        if self.after_batch.dies() { Err(Unspilled::Killed) } else { Ok(()) }
    }

    /// Makes everything written so far survive a power cut.
    pub fn checkpoint(&self) -> Result<(), Fault> {
        self.tree.flush()?;
        crate::disk::sync_data(&self.db).map_err(|error| self.failed(&error))?;
        if keeps_blobs(&self.rows_folder) {
            return Err(self.tree.faults().note(Fault::Damaged("sled keeps blobs, which nobody syncs".to_owned())));
        }
        Ok(())
    }

    pub(crate) fn failed(&self, error: &std::io::Error) -> Fault {
        self.tree.faults().note(Fault::Failed(error.to_string()))
    }
}

/// An undo row that was written, and what it adds to the sum.
struct UndoRow {
    key: Vec<u8>,
    hash: u64,
}

/// The state, whatever became of whoever held it.
pub(crate) fn lock<S>(state: &Mutex<S>) -> std::sync::MutexGuard<'_, S> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
