//! Proofs over the journal's tree. The hash of every leaf, and of every full subtree of 256, 65,536, … leaves, lies in
//! files of its own beside the journal, so that no proof reads records and memory stays small:
//!
//! ```text
//! <state>/tree/0      32 bytes a leaf, in their order
//! <state>/tree/1      32 bytes for each full 256 leaves; 2 for each full 65,536; …
//! ```
//!
//! They are made from the records as somebody asks, and are nobody's truth: what they say must lead to the root that the
//! writer knows, and every proof is checked before it is given. Where they do not, they are made anew from the records.

mod tiles;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{
    merkle::{self, Frontier, Hash, ranges},
    position::{EpochId, Position},
};

use crate::{JournalError, disk::Place, record::lost_leaf, shelf::Shelf};
use tiles::Tiles;

/// Leaves that are written at once.
const CHUNK_LEAVES: usize = 4096;

/// A tree at one of its sizes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TreeSize {
    /// The epoch that lived then.
    pub epoch: EpochId,
    /// Its leaves: the last position.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// The tree of everything that is committed.
#[derive(Debug)]
pub(crate) struct Tree {
    shelf: Arc<Shelf>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tiles: Tiles,
    /// The files were made anew in this life: what is wrong now lies in the records.
    made_anew: bool,
    /// Made anew they did not lead to the writer's root either: records that it goes over are lost.
    lost: bool,
    /// The last size at which they led to the writer's root, and that root.
    good_to: u64,
    good: Hash,
}

impl State {
    /// The root at `size`, once it is shown that the newest one grew from it; none where the files lie.
    fn root(&self, size: u64) -> std::io::Result<Option<Hash>> {
        let root = self.tiles.root(size)?;
        let proof = self.tiles.hashes(&ranges::consistency(size, self.good_to))?;
        Ok(merkle::joins((size, root), (self.good_to, self.good), &proof).then_some(root))
    }
}

impl Tree {
    /// The tree of the journal at `place`, whose files may say something about the first `end` records.
    pub fn open(place: &Place, shelf: Arc<Shelf>, end: u64) -> Self {
        let state = State {
            tiles: Tiles::open(place, end),
            made_anew: false,
            lost: false,
            good_to: 0,
            good: Frontier::default().root(),
        };
        Self { shelf, state: Mutex::new(state) }
    }

    /// The files, as far as everything that is committed.
    fn caught_up(&self) -> Result<MutexGuard<'_, State>, JournalError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let committed = self.shelf.tree();
        while state.good_to < committed.size() {
            self.extend(&mut state.tiles, committed.size())?;
            if state.tiles.root(committed.size()).map_err(unusable)? == committed.root() {
                (state.good_to, state.good) = (committed.size(), committed.root());
            } else if std::mem::replace(&mut state.made_anew, true) {
                state.lost = true;
                return Err(JournalError::Unproved(Arc::from("records that the tree goes over are lost")));
            } else {
                tracing::warn!("the files of the tree do not lead to its root: they are made anew");
                state.tiles.rewind(self.shelf.retired().0);
            }
        }
        Ok(state)
    }

    /// Adds the leaves up to `size`.
    fn extend(&self, tiles: &mut Tiles, size: u64) -> Result<(), JournalError> {
        let mut leaves = Vec::new();
        let mut next = Position(tiles.leaves()).next();
        while next.0 <= size {
            match self.shelf.batch(next) {
                Ok(committed) => {
                    let skip = usize::try_from(next.0 - committed.first.0).unwrap_or(usize::MAX);
                    leaves.extend(committed.records.iter().skip(skip).map(crate::Record::leaf));
                    next = committed.first.plus(committed.records.len() as u64);
                }
                Err(JournalError::Damaged(_) | JournalError::Missing(_) | JournalError::Retired(_)) => {
                    leaves.push(lost_leaf());
                    next = next.next();
                }
                Err(error) => return Err(error),
            }
            if leaves.len() >= CHUNK_LEAVES || next.0 > size {
                tiles.push(&leaves).map_err(unusable)?;
                leaves.clear();
            }
        }
        tiles.sync().map_err(unusable)
    }

    fn is_lost(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).lost
    }

    /// The newest size and its root; proofs up to it can be made, unless records that it goes over are lost.
    pub fn newest(&self, epoch: EpochId) -> Result<TreeSize, JournalError> {
        match self.caught_up() {
            Ok(state) => Ok(TreeSize { epoch, size: state.good_to, root: state.good }),
            // the writer knows its root without them: heads go on
            Err(JournalError::Unproved(why)) if self.is_lost() => {
                tracing::warn!(%why, "nothing can be proved of the tree");
                let tree = self.shelf.tree();
                Ok(TreeSize { epoch, size: tree.size(), root: tree.root() })
            }
            Err(error) => Err(error),
        }
    }

    /// The root at `size`.
    pub fn root(&self, size: u64) -> Result<Hash, JournalError> {
        self.proved(size, |state| state.root(size))
    }

    /// The audit path of the record at `at` in the tree of `size`. It leads from the record's leaf to the root.
    pub fn inclusion(&self, at: Position, size: u64) -> Result<Vec<Hash>, JournalError> {
        if at.0 == 0 || at.0 > size {
            return Err(JournalError::Missing(at));
        }
        // of a record that has left there is the hash alone
        let leaf = match self.shelf.record(at) {
            Ok(record) => Some(record.leaf()),
            Err(JournalError::Retired(_)) => None,
            Err(error) => return Err(error),
        };
        self.proved(size, |state| {
            let index = at.0.saturating_sub(1);
            let leaf = leaf.map_or_else(|| state.tiles.leaf(index), Ok)?;
            let path = state.tiles.hashes(&ranges::path(index, size))?;
            let root = state.root(size)?;
            let leads = root.is_some() && merkle::root_by_path(leaf, index, size, &path) == root;
            Ok(leads.then_some(path))
        })
    }

    /// The proof that the tree of `from` leaves is the beginning of that of `to`.
    pub fn consistency(&self, from: u64, to: u64) -> Result<Vec<Hash>, JournalError> {
        if from > to {
            return Err(JournalError::Missing(Position(from)));
        }
        self.proved(to, |state| {
            let proof = state.tiles.hashes(&ranges::consistency(from, to))?;
            let (Some(before), Some(after)) = (state.root(from)?, state.root(to)?) else { return Ok(None) };
            Ok(merkle::joins((from, before), (to, after), &proof).then_some(proof))
        })
    }

    /// Makes something that is checked, or none where it does not hold; then, once in a life, the files are made anew.
    fn proved<T>(&self, size: u64, make: impl Fn(&State) -> std::io::Result<Option<T>>) -> Result<T, JournalError> {
        loop {
            let mut state = self.caught_up()?;
            within(&state, size)?;
            if let Some(proof) = make(&state).map_err(unusable)? {
                return Ok(proof);
            }
            if std::mem::replace(&mut state.made_anew, true) {
                return Err(JournalError::Unproved(Arc::from("a record is not the one that the tree was made over")));
            }
            tracing::warn!("the files of the tree give a proof that does not hold: they are made anew");
            state.tiles.rewind(self.shelf.retired().0);
            (state.good_to, state.good) = (0, Frontier::default().root());
        }
    }
}

fn within(state: &State, size: u64) -> Result<(), JournalError> {
    if size > state.good_to { Err(JournalError::Missing(Position(size))) } else { Ok(()) }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn unusable(error: std::io::Error) -> JournalError {
    JournalError::Unproved(error.to_string().into())
}

#[cfg(test)]
mod tests;
