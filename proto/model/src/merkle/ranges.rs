//! Paths and proofs of a tree that is too large for memory: which ranges of leaves their hashes stand for, and of which
//! full subtrees such a range is made. Whoever keeps the hashes of full subtrees needs nothing else.

use super::{Hash, empty_root, node};

/// Leaves from `from` up to but not including `to`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Range {
    /// The first.
    pub from: u64,
    /// The first that is not in it any more.
    pub to: u64,
}

/// A full subtree: `2^height` leaves, from `index · 2^height` on.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Full {
    /// Its height; a leaf has none.
    pub height: u32,
    /// Which one of that height.
    pub index: u64,
}

impl Range {
    /// Everything in a tree of `size` leaves.
    pub const fn all(size: u64) -> Self {
        Self { from: 0, to: size }
    }

    const fn leaves(self) -> u64 {
        self.to.saturating_sub(self.from)
    }

    /// Where RFC 6962 §2.1 splits it: the left part is the largest full one that leaves something to the right.
    fn split(self) -> (Self, Self) {
        let left = (self.leaves() - 1).checked_ilog2().map_or(0, |height| 1 << height);
        let at = self.from + left;
        (Self { from: self.from, to: at }, Self { from: at, to: self.to })
    }

    /// The full subtrees that it is made of, largest first. It must be one that a tree has.
    pub fn full(self) -> impl Iterator<Item = Full> {
        let mut at = self.from;
        std::iter::from_fn(move || {
            let height = (self.to.saturating_sub(at)).checked_ilog2()?;
            let full = Full { height, index: at >> height };
            at += 1 << height;
            Some(full)
        })
    }
}

/// The root over full subtrees, largest first, as [`Range::full`] lists them.
pub fn over(full: &[Hash]) -> Hash {
    let mut peaks = full.iter().rev();
    let Some(last) = peaks.next() else { return empty_root() };
    peaks.fold(*last, |right, left| node(left, &right))
}

/// The ranges whose roots are the audit path of the leaf at `index` in a tree of `size` leaves, from the leaf upwards.
/// Empty when `index` is not in the tree.
pub fn path(index: u64, size: u64) -> Vec<Range> {
    let (mut here, mut path) = (Range::all(size), Vec::new());
    if index >= size {
        return path;
    }
    while here.leaves() > 1 {
        let (left, right) = here.split();
        let sibling = if index < right.from { right } else { left };
        here = if index < right.from { left } else { right };
        path.push(sibling);
    }
    path.reverse();
    path
}

/// The ranges whose roots are the proof that the tree of `old` leaves is the beginning of that of `new`, in the order of
/// RFC 6962 §2.1.2. Empty when there is nothing to prove.
pub fn consistency(old: u64, new: u64) -> Vec<Range> {
    let (mut here, mut known, mut proof) = (Range::all(new), true, Vec::new());
    if old == 0 || old >= new {
        return proof;
    }
    while old < here.to {
        let (left, right) = here.split();
        if old <= right.from {
            proof.push(right);
            here = left;
        } else {
            proof.push(left);
            (here, known) = (right, false);
        }
    }
    if !known {
        proof.push(here);
    }
    proof.reverse();
    proof
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::*;
    use crate::merkle;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|number| merkle::leaf(&number.to_be_bytes())).collect()
    }

    fn hash(leaves: &[Hash], range: Range) -> Hash {
        let part = |from: u64, to: u64| {
            &leaves[usize::try_from(from).unwrap_or(usize::MAX)..usize::try_from(to).unwrap_or(usize::MAX)]
        };
        let full: Vec<Hash> = range
            .full()
            .map(|full| merkle::root(part(full.index << full.height, (full.index + 1) << full.height)))
            .collect();
        assert_eq!(over(&full), merkle::root(part(range.from, range.to)), "{range:?}");
        over(&full)
    }

    #[test]
    fn every_path_and_every_proof_of_small_trees_is_the_one_that_the_leaves_give() {
        for size in 0..40_u64 {
            let leaves = leaves(size);
            for index in 0..size + 2 {
                let at = usize::try_from(index).unwrap_or(usize::MAX);
                let ranges = path(index, size);
                let hashes: Vec<Hash> = ranges.into_iter().map(|range| hash(&leaves, range)).collect();
                assert_eq!(hashes, merkle::path(&leaves, at), "leaf {index} of {size}");
                let ranges = consistency(index, size);
                let hashes: Vec<Hash> = ranges.into_iter().map(|range| hash(&leaves, range)).collect();
                assert_eq!(hashes, merkle::consistency(&leaves, at), "{index} to {size}");
            }
        }
    }

    #[test]
    fn a_path_in_the_largest_of_trees_is_short() {
        assert!(path(u64::MAX - 1, u64::MAX).len() <= 64);
        assert!(path(0, u64::MAX).len() <= 64);
        assert!(consistency(u64::MAX / 3, u64::MAX).len() <= 65);
    }
}
