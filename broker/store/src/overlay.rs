//! The open rows, read through as one: changes since the last spill, changes being spilled, and sled below.

use std::{ops::Bound, sync::Arc};

use bytes::Bytes;
use model::position::Position;

use crate::{
    fault::Fault,
    layer::{Change, Layer},
    row,
    sieve::Sieve,
    tree::{Stored, Tree},
};

/// What was spilled, with what is needed to ask it seldom.
#[derive(Debug)]
pub(crate) struct Spilled {
    /// The rows.
    pub tree: Tree,
    /// Which keys surely have no row.
    pub sieve: Arc<Sieve>,
    /// Rows by table, the first byte of the fold's key: an empty table is not asked.
    pub tables: Tables,
}

/// How many rows each table has.
#[derive(Clone, Debug)]
pub(crate) struct Tables([i64; 256]);

impl Default for Tables {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Tables {
    /// Counts `change` rows more for the table of the fold's `key`.
    pub fn count(&mut self, key: &[u8], change: i64) {
        if let Some(rows) = key.first().and_then(|table| self.0.get_mut(usize::from(*table))) {
            *rows += change;
        }
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(rows, change)| *rows += change);
    }

    fn is_empty(&self, key: &[u8]) -> bool {
        match key.first() {
            Some(table) => self.0.get(usize::from(*table)) == Some(&0),
            None => self.0.iter().all(|rows| *rows == 0),
        }
    }

    /// All rows.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.0.iter().sum::<i64>()).unwrap_or(0)
    }
}

/// The layers, the newest first.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    fresh: Layer,
    frozen: Option<Arc<Layer>>,
    spilled: Option<Spilled>,
}

impl Overlay {
    /// Nothing in memory over what was spilled.
    pub fn over(spilled: Spilled) -> Self {
        Self { fresh: Layer::default(), frozen: None, spilled: Some(spilled) }
    }

    /// The payload under `key`.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        let frozen = || self.frozen.as_ref().and_then(|layer| layer.get(key));
        if let Some(change) = self.fresh.get(key).or_else(frozen) {
            return Ok(change.payload.clone());
        }
        match &self.spilled {
            Some(spilled) if spilled.sieve.may_hold(key) => spilled.get(key),
            _ => Ok(None),
        }
    }

    /// Puts `payload` under `key`.
    pub fn put(&mut self, key: &[u8], position: Position, payload: Bytes) {
        self.fresh.insert(key, Change { position, payload: Some(payload) });
    }

    /// Removes `key`. Nothing is kept of it if only the fresh layer knew it.
    pub fn remove(&mut self, key: &[u8], position: Position) {
        if self.is_below(key) {
            self.fresh.insert(key, Change { position, payload: None });
        } else {
            self.fresh.forget(key);
        }
    }

    /// Whether `key` may have a row under the fresh layer.
    fn is_below(&self, key: &[u8]) -> bool {
        match self.frozen.as_ref().and_then(|layer| layer.get(key)) {
            Some(change) => change.payload.is_some(),
            None => self.spilled.as_ref().is_some_and(|spilled| spilled.sieve.may_hold(key)),
        }
    }

    /// Shows `visit` the rows whose keys begin with `prefix`, from `from` on, in order, until it answers false.
    pub fn visit<E: From<Fault>>(
        &self,
        prefix: &[u8],
        from: &[u8],
        mut visit: impl FnMut(&[u8], Position, Payload<'_>) -> Result<bool, E>,
    ) -> Result<(), E> {
        let from = from.max(prefix);
        let end = successor(prefix);
        let until = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        if end.as_deref().is_some_and(|end| from >= end) {
            return Ok(());
        }
        let range = (Bound::Included(from), until);
        let mut fresh = self.fresh.range(range).peekable();
        let mut frozen = self.frozen.iter().flat_map(|layer| layer.range(range)).peekable();
        let mut spilled = self.spilled_rows(prefix, from)?.peekable();
        loop {
            if let Some(Err(fault)) = spilled.peek() {
                return Err(fault.clone().into());
            }
            let [in_fresh, in_frozen, in_spilled] = {
                let keys = [
                    fresh.peek().map(|(key, _)| *key),
                    frozen.peek().map(|(key, _)| *key),
                    spilled.peek().and_then(key_of),
                ];
                let Some(least) = keys.iter().flatten().min().copied() else { return Ok(()) };
                keys.map(|key| key == Some(least))
            };
            let fresh = if in_fresh { fresh.next() } else { None };
            let frozen = if in_frozen { frozen.next() } else { None };
            let spilled = if in_spilled { spilled.next().transpose()? } else { None };
            let goes_on = match (fresh.or(frozen), spilled) {
                (Some((key, change)), _) => change
                    .payload
                    .as_ref()
                    .map_or(Ok(true), |payload| visit(key, change.position, Payload::Shared(payload)))?,
                (None, Some((key, value))) => {
                    let (position, payload) = self.row(&key, &value)?;
                    visit(fold_key(&key), position, Payload::Plain(payload))?
                }
                (None, None) => return Ok(()),
            };
            if !goes_on {
                return Ok(());
            }
        }
    }

    fn spilled_rows<'s>(
        &'s self,
        prefix: &[u8],
        from: &[u8],
    ) -> Result<impl Iterator<Item = Result<(Stored, Stored), Fault>> + use<'s>, Fault> {
        let asked = self.spilled.as_ref().filter(|spilled| !spilled.tables.is_empty(prefix));
        let Some(spilled) = asked else { return Ok(None.into_iter().flatten()) };
        let (from, end) = (row::stored_key(from), successor(&row::stored_key(prefix)));
        let until = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let rows = spilled.tree.range((Bound::Included(&from), until))?;
        Ok(Some(rows).into_iter().flatten())
    }

    fn row<'v>(&self, stored_key: &[u8], value: &'v [u8]) -> Result<(Position, &'v [u8]), Fault> {
        row::decode(stored_key, value).map_err(|fault| match &self.spilled {
            Some(spilled) => spilled.tree.faults().note(fault),
            None => fault,
        })
    }

    /// What is in memory, about.
    pub fn bytes(&self) -> usize {
        self.fresh.bytes() + self.frozen.as_ref().map_or(0, |layer| layer.bytes())
    }

    /// What was put into memory since the last spill began, about.
    pub fn fresh_bytes(&self) -> usize {
        self.fresh.bytes()
    }

    /// Sets the fresh layer aside for spilling; it stays readable until [`Overlay::thaw`].
    pub fn freeze(&mut self) -> Arc<Layer> {
        let frozen = Arc::new(std::mem::take(&mut self.fresh));
        self.frozen = Some(frozen.clone());
        frozen
    }

    /// The frozen layer is in sled now, which holds so many rows more.
    pub fn thaw(&mut self, change: &Tables) {
        self.frozen = None;
        if let Some(spilled) = &mut self.spilled {
            spilled.tables.add(change);
        }
    }

    /// What is below.
    pub fn spilled(&mut self) -> Option<&mut Spilled> {
        self.spilled.as_mut()
    }

    /// Rows in sled.
    pub fn spilled_count(&self) -> u64 {
        self.spilled.as_ref().map_or(0, |spilled| spilled.tables.rows())
    }
}

impl Spilled {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        let stored_key = row::stored_key(key);
        let Some(value) = self.tree.get(&stored_key)? else { return Ok(None) };
        let payload = row::decode(&stored_key, &value).map_err(|fault| self.tree.faults().note(fault));
        payload.map(|(_, payload)| Some(Bytes::copy_from_slice(payload)))
    }
}

/// A row's payload, wherever it lies.
#[derive(Debug)]
pub(crate) enum Payload<'p> {
    /// In memory, shared at no cost.
    Shared(&'p Bytes),
    /// In sled's hands.
    Plain(&'p [u8]),
}

impl Payload<'_> {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Plain(bytes) => bytes,
        }
    }

    /// The bytes, kept.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Shared(bytes) => (*bytes).clone(),
            Self::Plain(bytes) => Bytes::copy_from_slice(bytes),
        }
    }
}

/// The fold's key of a key in sled.
pub(crate) fn fold_key(stored_key: &[u8]) -> &[u8] {
    stored_key.split_first().map_or(&[], |(_, key)| key)
}

fn key_of(row: &Result<(Stored, Stored), Fault>) -> Option<&[u8]> {
    row.as_ref().ok().map(|(key, _)| fold_key(key))
}

/// The least key that is greater than every key beginning with `prefix`; none if there is none.
pub(crate) fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=kept)?.to_vec();
    let last = end.last_mut()?;
    *last += 1;
    Some(end)
}
