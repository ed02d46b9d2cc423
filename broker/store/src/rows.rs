//! The rows as a fold and its readers see them: one sorted map, and an index of what is closed.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use model::{
    position::{EpochId, Position},
    time::Timestamp,
};

use crate::{
    closed::{Closed, Id, id_time},
    fault::Fault,
    fold::FoldError,
    hash::Tally,
    overlay::Overlay,
};

/// A key is this long at most.
pub const KEY_BYTES_MAX: usize = 512;
/// A row's value is this long at most: beyond it sled moves leaves into files that nobody syncs.
pub const VALUE_BYTES_MAX: usize = 4_096;
/// An entry of the closed index is this long at most.
pub const ENTRY_BYTES_MAX: usize = 1_024;

/// The rows and what they are the fold of.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub overlay: Overlay,
    pub closed: Closed,
    /// Everything up to here is in the rows.
    pub folded: Position,
    /// The epoch of that record.
    pub epoch: EpochId,
    /// The greatest record time up to there.
    pub time: Timestamp,
    /// The overlay holds a part of a record that was not folded to its end: it must never be spilled.
    pub torn: bool,
    /// How long a settled id is found; none is for ever.
    pub settled_for: Option<Duration>,
}

impl Held {
    /// The least time of an id that is found, ms since 1970.
    fn asked_from(&self) -> i64 {
        self.settled_for.map_or(i64::MIN, |time| self.time.minus(time).millis())
    }

    /// Whether what was settled under this id is found.
    fn remembers(&self, id: &Id) -> bool {
        i64::try_from(id_time(id)).unwrap_or(i64::MAX) >= self.asked_from()
    }

    /// Forgets index files of what the journal has let go and nobody asks for; gives them, to be removed.
    pub fn retire(&mut self, first: Position) -> Vec<PathBuf> {
        let asked_from = self.asked_from();
        self.closed.retire(first, asked_from)
    }

    /// The rows, for whoever holds the lock.
    pub fn rows(&mut self) -> Rows<'_> {
        Rows { position: self.folded, held: self }
    }

    /// The rows, for the record at `position`.
    pub fn rows_at(&mut self, position: Position) -> Rows<'_> {
        Rows { position, held: self }
    }

    /// What is in memory and not yet in sled or an index file, about.
    pub fn bytes(&self) -> usize {
        self.overlay.bytes() + self.closed.fresh_bytes()
    }

    /// What a spill would take now, about.
    pub fn fresh_bytes(&self) -> usize {
        self.overlay.fresh_bytes() + self.closed.fresh_bytes()
    }
}

/// The open rows in order of their keys, and the index of what is closed. The first byte of a key names its table.
///
/// Only a fold changes them; what it changes is seen by its own next read.
#[derive(Debug)]
pub struct Rows<'r> {
    held: &'r mut Held,
    position: Position,
}

impl Rows<'_> {
    /// The value under `key`. A key that was never written costs no disk.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, FoldError> {
        Ok(self.held.overlay.get(key)?)
    }

    /// Puts `value` under `key`, in place of an earlier one.
    pub fn put(&mut self, key: &[u8], value: impl Into<Bytes>) -> Result<(), FoldError> {
        let value = value.into();
        key_fits(key)?;
        within("value", value.len(), VALUE_BYTES_MAX)?;
        self.held.overlay.put(key, self.position, value);
        Ok(())
    }

    /// Removes what is under `key`, if anything is.
    pub fn remove(&mut self, key: &[u8]) -> Result<(), FoldError> {
        key_fits(key)?;
        self.held.overlay.remove(key, self.position);
        Ok(())
    }

    /// The rows whose keys begin with `prefix`, in order, from the key `from` on, `limit` at most. To go on, ask from
    /// the last key with a zero byte after it.
    pub fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<(Bytes, Bytes)>, FoldError> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        self.held.overlay.visit(prefix, from, |key, _, payload| {
            found.push((Bytes::copy_from_slice(key), payload.to_bytes()));
            Ok::<_, FoldError>(found.len() < limit)
        })?;
        Ok(found)
    }

    /// Shows `visit` every row whose key begins with `prefix`, in order, until it answers with an error.
    pub fn each(
        &self,
        prefix: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), FoldError>,
    ) -> Result<(), FoldError> {
        self.held.overlay.visit(prefix, prefix, |key, _, payload| visit(key, payload.as_slice()).map(|()| true))
    }

    /// Puts `entry` into the index of what is closed, under a UUIDv7, in place of an earlier one. It stays as long as the
    /// journal keeps the record that is folded now, and costs no row.
    pub fn settle(&mut self, id: [u8; 16], entry: impl Into<Bytes>) -> Result<(), FoldError> {
        let entry = entry.into();
        within("entry", entry.len(), ENTRY_BYTES_MAX)?;
        self.held.closed.settle(id, entry);
        Ok(())
    }

    /// The last entry that was settled under `id`. An id newer than all index files asks no disk.
    /// One whose time lies further back than [`crate::Options::settled_for`] is not found, whether or not it is still there:
    /// so a fold sees the same after its oldest records have left.
    pub fn settled(&self, id: [u8; 16]) -> Result<Option<Bytes>, FoldError> {
        let id: Id = id;
        if self.held.remembers(&id) { Ok(self.held.closed.find(&id)?) } else { Ok(None) }
    }

    /// Everything up to here is folded; within `apply`, everything before its record.
    pub fn folded(&self) -> Position {
        self.held.folded
    }

    /// The greatest record time up to there.
    pub fn time(&self) -> Timestamp {
        self.held.time
    }

    /// Everything that two folds of the same records must agree on, byte for byte.
    pub fn dump(&self) -> Result<Dump, FoldError> {
        let mut rows = Vec::new();
        self.held.overlay.visit(&[], &[], |key, position, payload| {
            rows.push((Bytes::copy_from_slice(key), position, payload.to_bytes()));
            Ok::<_, Fault>(true)
        })?;
        let settled = self.held.closed.dump()?.into_iter().filter(|(id, _)| self.held.remembers(id)).collect();
        Ok(Dump { folded: self.held.folded, rows, settled })
    }

    /// The same as [`Rows::dump`], summed up. Reads everything.
    pub fn fingerprint(&self) -> Result<Fingerprint, FoldError> {
        let (mut rows, mut settled) = (Tally::default(), Tally::default());
        self.held.overlay.visit(&[], &[], |key, position, payload| {
            rows.add(key, &[&position.0.to_be_bytes(), payload.as_slice()].concat());
            Ok::<_, Fault>(true)
        })?;
        let remembered = self.held.closed.dump()?;
        remembered.iter().filter(|(id, _)| self.held.remembers(id)).for_each(|(id, entry)| settled.add(id, entry));
        Ok(Fingerprint { folded: self.held.folded, rows, settled })
    }
}

/// Every row and every settled entry, in order of their keys.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Dump {
    /// Of the fold up to here.
    pub folded: Position,
    /// Open rows: key, the record that wrote it, value.
    pub rows: Vec<(Bytes, Position, Bytes)>,
    /// Settled entries, by id.
    pub settled: Vec<([u8; 16], Bytes)>,
}

/// The count and a sum over every row, with the position that wrote it, and over every settled entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fingerprint {
    /// Of the fold up to here.
    pub folded: Position,
    rows: Tally,
    settled: Tally,
}

impl Fingerprint {
    /// How many rows are open.
    pub fn open_rows(&self) -> u64 {
        self.rows.count
    }

    /// The same, however many records it took.
    #[must_use]
    pub fn contents(&self) -> Self {
        Self { folded: Position::START, ..*self }
    }

    /// How many ids are settled.
    pub fn settled_ids(&self) -> u64 {
        self.settled.count
    }
}

fn key_fits(key: &[u8]) -> Result<(), FoldError> {
    if key.is_empty() {
        return Err(FoldError::new("a key names its table in its first byte; this one is empty"));
    }
    within("key", key.len(), KEY_BYTES_MAX)
}

fn within(what: &'static str, bytes: usize, bytes_max: usize) -> Result<(), FoldError> {
    if bytes <= bytes_max { Ok(()) } else { Err(FoldError::TooLarge { what, bytes, bytes_max }) }
}
