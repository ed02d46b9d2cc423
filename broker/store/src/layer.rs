//! One sorted layer of changes in memory: what was put and what was removed since the layer began.

use std::{collections::BTreeMap, ops::Bound};

use bytes::Bytes;
use model::position::Position;

/// What a change costs in memory besides its bytes: the map's share, two allocations, the value's handle.
const CHANGE_BYTES: usize = 112;

/// The last change of a key in a layer.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// The record that made it.
    pub position: Position,
    /// The payload put, or none: removed.
    pub payload: Option<Bytes>,
}

impl Change {
    fn bytes(&self, key: &[u8]) -> usize {
        CHANGE_BYTES + key.len() + self.payload.as_ref().map_or(0, Bytes::len)
    }
}

/// Changes, sorted by key, and what they weigh.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    changes: BTreeMap<Box<[u8]>, Change>,
    bytes: usize,
}

impl Layer {
    /// The change of `key` in this layer.
    pub fn get(&self, key: &[u8]) -> Option<&Change> {
        self.changes.get(key)
    }

    /// Keeps `change` in place of an earlier one of the same key.
    pub fn insert(&mut self, key: &[u8], change: Change) {
        self.bytes += change.bytes(key);
        if let Some(known) = self.changes.get_mut(key) {
            self.bytes -= known.bytes(key);
            *known = change;
        } else {
            self.changes.insert(key.into(), change);
        }
    }

    /// Forgets that `key` was changed.
    pub fn forget(&mut self, key: &[u8]) {
        if let Some(known) = self.changes.remove(key) {
            self.bytes -= known.bytes(key);
        }
    }

    /// Changes of keys within `range`, in order.
    pub fn range<'s>(
        &'s self,
        range: (Bound<&[u8]>, Bound<&[u8]>),
    ) -> impl Iterator<Item = (&'s [u8], &'s Change)> + use<'s> {
        self.changes.range::<[u8], _>(range).map(|(key, change)| (&**key, change))
    }

    /// Every change, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Change)> {
        self.changes.iter().map(|(key, change)| (&**key, change))
    }

    /// How many keys were changed.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// What the layer takes in memory, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
