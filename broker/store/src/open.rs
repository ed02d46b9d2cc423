//! Opening: clean, open, verify, put back, or give up and begin anew. Nothing is deleted that was ever whole.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{
    clock::Clock,
    position::{Epoch, Position},
};

use crate::{
    base,
    closed::{self, Bounds},
    fault::{Fault, Faults},
    note::{NAME as NOTE, Note},
    options::{AfterBatch, CHUNK_KEYS_MAX, Options},
    overlay::{Overlay, Spilled, Tables, fold_key},
    refold::workshop,
    row::{self, META_KEY, Meta},
    rows::Held,
    sieve::Sieve,
    spill::{SIEVE_ROOM_MIN, Spiller},
    tree::{Batch, Tree, Unopened},
    watch::Pulse,
};

/// What opening found and did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Opened {
    /// There was no store; it was folded from the journal's start.
    Fresh {
        /// Records folded.
        replayed: u64,
    },
    /// The store was good; what came after its last spill was folded again.
    Reopened {
        /// Records folded.
        replayed: u64,
    },
    /// The store was given up and folded anew from the journal's start. A person should hear of it.
    Rebuilt {
        /// What was wrong with it.
        why: String,
        /// Where it lies now.
        quarantined: PathBuf,
        /// Records folded.
        replayed: u64,
    },
}

/// Why the store did not open. The journal is as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The machine does not let us: no space, no rights, no threads.
    #[error("store {}", path.display())]
    Io {
        /// Which folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The rows must be made again, and what the journal has let go is nowhere.
    #[error("{}: {why}; what came before record {first} has left the journal, so the rows cannot be made again without it: restore a backup", path.display())]
    BaseLost {
        /// Where it should be.
        path: PathBuf,
        /// The first record that is there.
        first: Position,
        /// What is wrong.
        why: String,
    },
    /// The journal could not be read.
    #[error("journal")]
    Journal(#[from] journal::JournalError),
    /// A record could not be folded, or the fold could not begin with no rows.
    #[error("fold")]
    Fold(#[from] crate::fold::FoldError),
    /// The engine failed while it replayed.
    #[error("replay: {0}")]
    Failed(crate::failure::Failure),
}

/// What the journal holds, for comparison.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    /// Its first position.
    pub first: Position,
    /// Its last.
    pub last: Position,
    /// Its lives.
    pub epochs: Vec<Epoch>,
}

impl Extent {
    /// Why rows that are the fold up to `meta.applied` are not a fold of this journal, if they are not.
    fn denies(&self, meta: &Meta) -> Option<String> {
        let Meta { applied, epoch, .. } = *meta;
        if applied > self.last {
            return Some(format!("the rows are a fold up to {applied}, the journal ends at {}", self.last));
        }
        if applied.next() < self.first {
            return Some(format!("the rows are a fold up to {applied}, the journal begins at {}", self.first));
        }
        let named = |known: &Epoch| {
            known.id == epoch && known.first <= applied && known.ended_at.is_none_or(|end| applied <= end)
        };
        let is_ours = applied < self.first || self.epochs.iter().any(named);
        (!is_ours).then(|| format!("record {applied} of epoch {epoch} is not in the journal"))
    }
}

/// How the rows were come by.
#[derive(Debug)]
pub(crate) enum Found {
    Nothing,
    Good,
    GivenUp { why: String, quarantined: PathBuf },
}

impl Found {
    /// The report, once so many records were folded.
    pub fn report(self, replayed: u64) -> Opened {
        match self {
            Self::Nothing => Opened::Fresh { replayed },
            Self::Good => Opened::Reopened { replayed },
            Self::GivenUp { why, quarantined } => Opened::Rebuilt { why, quarantined, replayed },
        }
    }
}

/// The store's folder and what is needed to open it.
#[derive(Debug)]
pub(crate) struct Place<'o> {
    pub options: &'o Options,
    pub extent: Extent,
    pub clock: &'o Clock,
    pub reads: Pulse,
    pub writes: Pulse,
}

impl Place<'_> {
    /// The store's folder.
    pub fn store(&self) -> PathBuf {
        self.options.state.join("store")
    }

    fn rows(&self) -> PathBuf {
        self.store().join("rows")
    }

    fn closed(&self) -> PathBuf {
        self.store().join("closed")
    }

    /// Opens what is there if it is good, else sets it aside and begins anew.
    pub fn open(&self) -> Result<(Held, Spiller, Found), OpenError> {
        if !self.store().exists() {
            let (held, spiller) = self.create()?;
            return Ok((held, spiller, Found::Nothing));
        }
        let note = Note::read(&self.store());
        match self.reopen(note.clone().unwrap_or_default()) {
            Ok((held, spiller)) => Ok((held, spiller, Found::Good)),
            Err(Unopened::Unusable(why)) if note.is_none() && why == UNFINISHED => {
                self.set_aside()?;
                self.create().map(|(held, spiller)| (held, spiller, Found::Nothing))
            }
            Err(Unopened::Unusable(why)) => self.give_up(why),
            Err(Unopened::Io(error)) => {
                self.pardon(note);
                Err(self.io(error))
            }
        }
    }

    /// Sets the store aside and begins anew.
    pub fn give_up(&self, why: String) -> Result<(Held, Spiller, Found), OpenError> {
        let quarantined = self.set_aside()?;
        let (held, spiller) = self.create()?;
        tracing::error!(%why, quarantined = %quarantined.display(), "the store was given up; it is folded anew from the journal");
        Ok((held, spiller, Found::GivenUp { why, quarantined }))
    }

    fn set_aside(&self) -> Result<PathBuf, OpenError> {
        crate::disk::quarantine(&self.options.state, &self.store(), "store", self.clock.now())
            .map_err(|error| self.io(error))
    }

    /// A machine that refuses is no sign against the rows: the attempt that it ended does not count.
    fn pardon(&self, note: Option<Note>) {
        if let Some(Err(error)) = note.map(|note| note.write(&self.store())) {
            tracing::warn!(%error, "the note for the next start could not be written");
        }
    }

    /// A store with the rows that what has left comes to; without rows where nothing has.
    fn create(&self) -> Result<(Held, Spiller), OpenError> {
        match self.made_of_base() {
            // a base that is not needed yet need not be good
            Err(OpenError::BaseLost { .. }) if self.extent.first <= Position(1) => self.empty(),
            made => made,
        }
    }

    /// The base's rows, copied.
    fn made_of_base(&self) -> Result<(Held, Spiller), OpenError> {
        let base = self.options.state.join(base::FOLDER).join("store");
        let lost = |why: String| OpenError::BaseLost { path: base.clone(), first: self.extent.first, why };
        if !base.join(NOTE).is_file() {
            return Err(lost("it is not there".to_owned()));
        }
        let fresh = self.store().with_extension("new");
        let copied = crate::disk::remove_all(&fresh).and_then(|()| crate::disk::copy_all(&base, &fresh));
        copied.and_then(|()| crate::disk::rename_new(&fresh, &self.store())).map_err(|error| self.io(error))?;
        match self.reopen(Note::default()) {
            Ok(parts) => Ok(parts),
            Err(Unopened::Unusable(why)) => {
                crate::disk::remove_all(&self.store()).map_err(|error| self.io(error))?;
                Err(lost(why))
            }
            Err(Unopened::Io(error)) => Err(self.io(error)),
        }
    }

    fn empty(&self) -> Result<(Held, Spiller), OpenError> {
        let (rows, closed) = (self.rows(), self.closed());
        let made = [&self.store(), &rows, &closed].into_iter().try_for_each(|folder| crate::disk::create_dir(folder));
        made.map_err(|error| self.io(error))?;
        let tree = Tree::open(&rows, self.options.cache_bytes, Faults::default(), self.writes.clone())
            .map_err(|error| self.unopened(error))?;
        let meta = Meta::default();
        let after_batch = AfterBatch::default();
        let found = Recovered {
            meta,
            sieve: Sieve::with_room(SIEVE_ROOM_MIN),
            tables: Tables::default(),
            after_batch,
            live_bytes: 0,
        };
        let (held, spiller) = self.parts(tree, found).map_err(|error| self.unopened(error))?;
        let mut batch = Batch::default();
        batch.put(META_KEY.to_vec(), meta.encode());
        spiller.tree.apply(batch).and_then(|()| spiller.checkpoint()).map_err(|fault| self.unopened(fault.into()))?;
        // sled syncs neither its settings nor its folder
        let synced = crate::disk::sync_file(&rows.join("conf")).and_then(|()| crate::disk::sync_dir(&rows));
        synced.and_then(|()| Note::default().write(&self.store())).map_err(|error| self.io(error))?;
        Ok((held, spiller))
    }

    fn reopen(&self, note: Note) -> Result<(Held, Spiller), Unopened> {
        if let Some(why) = note.gives_up() {
            return Err(Unopened::Unusable(why));
        }
        if !self.rows().join("db").exists() || !self.closed().is_dir() {
            return Err(Unopened::Unusable(UNFINISHED.to_owned()));
        }
        Note { attempts: note.attempts + 1, ..note }.write(&self.store()).map_err(Unopened::Io)?;
        crate::disk::remove_all(&workshop(&self.rows())).map_err(Unopened::Io)?;
        let tree = Tree::open(&self.rows(), self.options.cache_bytes, Faults::default(), self.writes.clone())?;
        let found = recover(&tree, &self.extent, &self.options.after_batch)?;
        self.parts(tree, found)
    }

    fn parts(&self, tree: Tree, found: Recovered) -> Result<(Held, Spiller), Unopened> {
        let Recovered { meta, sieve, tables, live_bytes, .. } = found;
        let faults = tree.faults().clone();
        let (index, useless) = closed::open(&self.closed(), self.extent.first, meta.indexed, faults)?;
        for path in useless {
            crate::disk::remove(&path).map_err(Unopened::Io)?;
        }
        let sieve = Arc::new(sieve);
        let db = fs::File::open(self.rows().join("db")).map_err(Unopened::Io)?;
        let overlay =
            Overlay::over(Spilled { tree: tree.watched_by(self.reads.clone()), sieve: sieve.clone(), tables });
        let mut held = Held {
            overlay,
            closed: index,
            folded: meta.applied,
            epoch: meta.epoch,
            time: meta.time,
            torn: false,
            settled_for: Some(self.options.settled_for),
        };
        for path in held.retire(self.extent.first) {
            crate::disk::remove(&path).map_err(Unopened::Io)?;
        }
        let bounds = Bounds { entries: self.options.index_entries_max, bytes: self.options.index_bytes_max };
        let after_batch = self.options.after_batch.clone();
        Ok((
            held,
            Spiller {
                tree,
                meta,
                db,
                rows_folder: self.rows(),
                closed_folder: self.closed(),
                sieve,
                bounds,
                chunk_keys: self.options.chunk_keys.clamp(CHUNK_KEYS_MIN, CHUNK_KEYS_MAX),
                after_batch,
                cache_bytes: self.options.cache_bytes,
                bloat_floor_bytes: self.options.bloat_floor_bytes,
                live_bytes,
                refolded_bytes: 0,
            },
        ))
    }

    fn unopened(&self, error: Unopened) -> OpenError {
        match error {
            Unopened::Io(error) => self.io(error),
            Unopened::Unusable(why) => self.io(io::Error::other(why)),
        }
    }

    fn io(&self, source: io::Error) -> OpenError {
        OpenError::Io { path: self.store(), source }
    }
}

/// A row, an undo row that it fills, the undo row that ends the batch, and the meta row.
const CHUNK_KEYS_MIN: usize = 4;
/// A store whose making was interrupted: no note says that it was ever whole.
const UNFINISHED: &str = "a part of the store is missing";

impl From<Fault> for Unopened {
    fn from(fault: Fault) -> Self {
        Self::Unusable(fault.to_string())
    }
}

/// The tree as it was at `meta.applied`.
struct Recovered {
    meta: Meta,
    sieve: Sieve,
    tables: Tables,
    after_batch: AfterBatch,
    live_bytes: u64,
}

/// What a full scan found.
struct Scan {
    recovered: Recovered,
    undo: Vec<Vec<u8>>,
    newer: Vec<Vec<u8>>,
}

/// Verifies every row, then makes the tree what it was at `applied`.
fn recover(tree: &Tree, extent: &Extent, after_batch: &AfterBatch) -> Result<Recovered, Unopened> {
    let value = tree.get(META_KEY)?.ok_or_else(|| Unopened::Unusable(UNFINISHED.to_owned()))?;
    let meta = Meta::decode(&value)?;
    if let Some(why) = extent.denies(&meta) {
        return Err(Unopened::Unusable(why));
    }
    let Scan { mut recovered, undo, newer } = scan(tree, meta, extent.last)?;
    recovered.after_batch = after_batch.clone();
    for key in undo {
        recovered.put_back(tree, &key)?;
    }
    for keys in newer.chunks(128) {
        recovered.remove_newer(tree, keys)?;
    }
    Ok(recovered)
}

fn scan(tree: &Tree, meta: Meta, last: Position) -> Result<Scan, Unopened> {
    let room = usize::try_from(meta.tally.count.saturating_mul(2)).unwrap_or(usize::MAX).clamp(SIEVE_ROOM_MIN, 1 << 28);
    let after_batch = AfterBatch::default();
    let mut recovered =
        Recovered { meta, sieve: Sieve::with_room(room), tables: Tables::default(), after_batch, live_bytes: 0 };
    let (mut undo, mut newer, mut tally) = (Vec::new(), Vec::new(), crate::hash::Tally::default());
    for row in tree.all()? {
        let (key, value) = row?;
        if *key == *META_KEY {
            continue;
        }
        tally.add(&key, &value);
        recovered.live_bytes += (key.len() + value.len()) as u64;
        match key.first() {
            Some(&row::ROW) => {
                let (position, _) = row::decode(&key, &value)?;
                if position > last {
                    return Err(Unopened::Unusable(format!(
                        "row {} is of record {position}, which the journal does not have",
                        row::hex(&key)
                    )));
                }
                if position > meta.applied {
                    newer.push(key.to_vec());
                }
                recovered.know(&key);
            }
            Some(&row::UNDO) => undo.push(key.to_vec()),
            _ => return Err(Unopened::Unusable(format!("a row {} is not ours", row::hex(&key)))),
        }
    }
    if tally == meta.tally {
        Ok(Scan { recovered, undo, newer })
    } else {
        Err(Unopened::Unusable(format!("there are {} rows, not {} as noted, or others", tally.count, meta.tally.count)))
    }
}

impl Recovered {
    fn know(&mut self, stored_key: &[u8]) {
        self.sieve.add(fold_key(stored_key));
        self.tables.count(fold_key(stored_key), 1);
    }

    /// Puts back what an undo row of the current `applied` holds, and removes the undo row, in one batch.
    fn put_back(&mut self, tree: &Tree, undo_key: &[u8]) -> Result<(), Unopened> {
        let Some(value) = tree.get(undo_key)? else { return Ok(()) };
        let mut batch = Batch::default();
        if row::undo_tag(undo_key) == Some(self.meta.applied) {
            for (key, old) in row::undone(undo_key, &value)? {
                match tree.get(key)? {
                    Some(current) => self.meta.tally.take(key, &current),
                    None => self.know(key),
                }
                self.meta.tally.add(key, old);
                batch.put(key.to_vec(), old.to_vec());
            }
        }
        self.meta.tally.take(undo_key, &value);
        batch.remove(undo_key);
        self.apply(tree, batch)
    }

    /// Removes rows that were new in a spill that did not end.
    fn remove_newer(&mut self, tree: &Tree, keys: &[Vec<u8>]) -> Result<(), Unopened> {
        let mut batch = Batch::default();
        for key in keys {
            let Some(value) = tree.get(key)? else { continue };
            if row::decode(key, &value)?.0 > self.meta.applied {
                self.meta.tally.take(key, &value);
                self.tables.count(fold_key(key), -1);
                batch.remove(key);
            }
        }
        self.apply(tree, batch)
    }

    fn apply(&self, tree: &Tree, mut batch: Batch) -> Result<(), Unopened> {
        batch.put(META_KEY.to_vec(), self.meta.encode());
        tree.apply(batch)?;
        if self.after_batch.dies() { Err(Unopened::Io(io::Error::other("killed"))) } else { Ok(()) }
    }
}

/// After a fault: what the next start must know.
pub(crate) fn leave_word(store: &Path, fault: &Fault, clock: &Clock) {
    let note = Note::read(store).unwrap_or_default().after(fault, clock.now());
    if let Err(error) = note.write(store) {
        tracing::error!(%error, "the note for the next start could not be written");
    }
}

/// The rows are open and replayed: earlier attempts count no more.
pub(crate) fn attempts_over(store: &Path) -> io::Result<()> {
    let note = Note::read(store).unwrap_or_default();
    Note { attempts: 0, ..note }.write(store)
}
