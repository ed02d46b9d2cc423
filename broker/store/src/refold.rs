//! sled never gives space back: when its file is many times what is live, the rows move into a new one beside it, and
//! the two folders change places in one step. Readers go on in the old one meanwhile; nobody but the spiller writes.

use std::{
    fs::File,
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Mutex,
};

use crate::{
    disk,
    fault::Fault,
    hash::Tally,
    row::META_KEY,
    spill::{Holds, Spiller, Unspilled},
    tree::{Batch, Tree, Unopened},
};

/// A file this many times as long as what is live is bloated.
const TIMES_LIVE: u64 = 4;

/// Where the new rows are made: a cut leaves it behind, and the next start removes it.
pub(crate) fn workshop(rows_folder: &Path) -> PathBuf {
    rows_folder.with_extension("new")
}

impl Spiller {
    /// Moves the rows if sled's file has outgrown them. It is put off, until the file is twice as long again, when the
    /// machine refuses or when `pause`, which is asked between two batches, has no time for it.
    pub fn refold_if_bloated<S: Holds>(
        &mut self,
        state: &Mutex<S>,
        pause: impl Fn() -> ControlFlow<()>,
    ) -> Result<bool, Unspilled> {
        if !self.is_bloated() {
            return Ok(false);
        }
        let began = self.file_bytes();
        self.refolded_bytes = began;
        let Some((tree, db)) = self.copy(&pause)? else { return Ok(false) };
        if let Err(error) = self.change_places() {
            tracing::warn!(%error, "the store's rows stay in a file that is larger than it need be");
            return Ok(false);
        }
        self.move_in(state, tree, db);
        tracing::info!(from = began, to = self.file_bytes(), "the store's rows moved into a smaller file");
        if let Err(error) = disk::remove_all(&workshop(&self.rows_folder)) {
            tracing::warn!(%error, "the old rows are removed at the next start");
        }
        Ok(true)
    }

    /// More than four times what is live and than the floor, and more than twice what the last move came to.
    fn is_bloated(&self) -> bool {
        let bytes = self.file_bytes();
        bytes > self.bloat_floor_bytes.max(TIMES_LIVE * self.live_bytes).max(2 * self.refolded_bytes)
    }

    fn file_bytes(&self) -> u64 {
        self.db.metadata().map_or(0, |meta| meta.len())
    }

    /// Every row in a new file, synced, meta row last; none if it is put off.
    fn copy(&self, pause: &impl Fn() -> ControlFlow<()>) -> Result<Option<(Tree, File)>, Unspilled> {
        let folder = workshop(&self.rows_folder);
        let opened = clean(&folder).map_err(Unopened::Io).and_then(|()| {
            let tree = Tree::open(&folder, self.cache_bytes, self.tree.faults().clone(), self.tree.pulse())?;
            let db = File::open(folder.join("db")).map_err(Unopened::Io)?;
            Ok((tree, db))
        });
        let (tree, db) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                tracing::warn!(?error, "the store's rows stay in a file that is larger than it need be");
                return Ok(None);
            }
        };
        if self.copy_rows(&tree, pause)?.is_break() {
            tracing::info!("the store's rows move into a smaller file later");
            return Ok(None);
        }
        tree.flush()?;
        let synced = disk::sync_data(&db).and_then(|()| disk::sync_file(&folder.join("conf")));
        synced.and_then(|()| disk::sync_dir(&folder)).map_err(|error| self.failed(&error))?;
        Ok(Some((tree, db)))
    }

    fn copy_rows(&self, into: &Tree, pause: &impl Fn() -> ControlFlow<()>) -> Result<ControlFlow<()>, Unspilled> {
        let (mut batch, mut keys, mut tally) = (Batch::default(), 0, Tally::default());
        for row in self.tree.all()? {
            let (key, value) = row?;
            if *key == *META_KEY {
                continue;
            }
            tally.add(&key, &value);
            batch.put(key.to_vec(), value.to_vec());
            keys += 1;
            if keys == self.chunk_keys {
                self.write(into, std::mem::take(&mut batch))?;
                keys = 0;
                if pause().is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        if tally != self.meta.tally {
            let fault = Fault::Damaged(format!("there are {} rows, not {}", tally.count, self.meta.tally.count));
            return Err(self.tree.faults().note(fault).into());
        }
        batch.put(META_KEY.to_vec(), self.meta.encode());
        self.write(into, batch)?;
        Ok(ControlFlow::Continue(()))
    }

    fn write(&self, into: &Tree, batch: Batch) -> Result<(), Unspilled> {
        into.apply(batch)?;
        if self.after_batch.dies() { Err(Unspilled::Killed) } else { Ok(()) }
    }

    fn change_places(&self) -> io::Result<()> {
        disk::exchange(&self.rows_folder, &workshop(&self.rows_folder))
    }

    /// From here on readers and the spiller use the new tree; the old one closes.
    fn move_in<S: Holds>(&mut self, state: &Mutex<S>, tree: Tree, db: File) {
        let mut state = crate::spill::lock(state);
        if let Some(spilled) = state.held().overlay.spilled() {
            spilled.tree = tree.watched_by(spilled.tree.pulse());
        }
        drop(state);
        (self.tree, self.db) = (tree, db);
        self.refolded_bytes = self.file_bytes();
    }
}

fn clean(folder: &Path) -> io::Result<()> {
    disk::remove_all(folder)?;
    disk::create_dir(folder)
}
