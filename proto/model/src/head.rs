//! Heads of evidence trees: what an owner says of its journal at one size, and what a witness makes of two of them.

use crate::{
    ids::JurisdictionId,
    merkle::{self, Hash},
    position::EpochId,
    time::Timestamp,
};

/// What a head says. Its seal, of type `head`, covers exactly [`Head::signed_bytes`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Head {
    /// Whose journal: a member, or the broker's reserved id.
    pub owner: JurisdictionId,
    /// The epoch that lived.
    pub epoch: EpochId,
    /// Records in the tree.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// When it was signed, by its owner's clock.
    pub at: Timestamp,
}

/// What came of holding a head against the one that was known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is the one that was known, or an older one of the same tree: nothing to keep.
    Known,
    /// It continues what was known.
    Joined,
    /// Its tree is smaller than it was before.
    Shrunk,
    /// What was known is not its beginning.
    Forked,
}

impl Verdict {
    /// Whether somebody must be told.
    pub const fn diverges(self) -> bool {
        matches!(self, Self::Shrunk | Self::Forked)
    }
}

impl Head {
    /// The bytes that are sealed: `len(owner) ‖ owner ‖ epoch (16) ‖ size (8) ‖ root (32) ‖ ms since 1970 (8)`, numbers
    /// big-endian, `len` in one byte.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let owner = self.owner.as_str().as_bytes();
        [
            [u8::try_from(owner.len()).unwrap_or(u8::MAX)].as_slice(),
            owner,
            &self.epoch.0,
            &self.size.to_be_bytes(),
            &self.root,
            &self.at.millis().to_be_bytes(),
        ]
        .concat()
    }

    /// The sizes between which a proof is needed before anything can be said about this head, if one is needed.
    pub fn needs_proof(&self, known: &Self) -> Option<(u64, u64)> {
        (self.size > known.size).then_some((known.size, self.size))
    }

    /// What this head is to whoever knew `known`; `proof` leads from the size that was known to this one. A smaller tree
    /// that was signed before is merely late; one that was signed after has shrunk.
    pub fn held_against(&self, known: &Self, proof: &[Hash]) -> Verdict {
        match self.size.cmp(&known.size) {
            std::cmp::Ordering::Equal if self.root == known.root => Verdict::Known,
            std::cmp::Ordering::Equal => Verdict::Forked,
            std::cmp::Ordering::Less if self.at <= known.at => Verdict::Known,
            std::cmp::Ordering::Less => Verdict::Shrunk,
            std::cmp::Ordering::Greater => {
                let joins = merkle::joins((known.size, known.root), (self.size, self.root), proof);
                if joins { Verdict::Joined } else { Verdict::Forked }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::*;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|number| merkle::leaf(&number.to_be_bytes())).collect()
    }

    fn head(leaves: &[Hash], at: i64) -> Head {
        Head {
            owner: JurisdictionId::broker(),
            epoch: EpochId([7; 16]),
            size: leaves.len() as u64,
            root: merkle::root(leaves),
            at: Timestamp::from_millis(at),
        }
    }

    #[test]
    fn a_tree_that_grew_joins_by_its_proof_and_by_no_other() {
        let all = leaves(11);
        let (old, new) = (head(&all[..7], 10), head(&all, 20));
        let proof = merkle::consistency(&all, 7);
        assert_eq!(new.needs_proof(&old), Some((7, 11)));
        assert_eq!(new.held_against(&old, &proof), Verdict::Joined);
        assert_eq!(new.held_against(&old, &proof[1..]), Verdict::Forked);
        assert_eq!(new.held_against(&old, &[]), Verdict::Forked);

        let mut edited = all.clone();
        edited[2] = merkle::leaf(b"another");
        let other = head(&edited, 20);
        assert_eq!(other.held_against(&old, &merkle::consistency(&edited, 7)), Verdict::Forked);
    }

    #[test]
    fn two_roots_of_one_size_are_a_fork_and_a_later_smaller_tree_has_shrunk() {
        let all = leaves(11);
        let known = head(&all, 10);
        assert_eq!(head(&all, 30).held_against(&known, &[]), Verdict::Known);
        assert_eq!(Head { root: [1; 32], ..known.clone() }.held_against(&known, &[]), Verdict::Forked);
        assert_eq!(head(&all[..3], 5).held_against(&known, &[]), Verdict::Known, "merely late");
        assert_eq!(head(&all[..3], 10).held_against(&known, &[]), Verdict::Known, "of the same instant");
        assert_eq!(head(&all[..3], 20).held_against(&known, &[]), Verdict::Shrunk);
    }

    #[test]
    fn every_field_is_under_the_signature() {
        let known = head(&leaves(3), 10);
        let others = [
            Head { owner: "371300".parse().unwrap_or_else(|_| JurisdictionId::broker()), ..known.clone() },
            Head { epoch: EpochId([8; 16]), ..known.clone() },
            Head { size: 4, ..known.clone() },
            Head { root: [0; 32], ..known.clone() },
            Head { at: Timestamp::from_millis(11), ..known.clone() },
        ];
        for other in others {
            assert_ne!(other.signed_bytes(), known.signed_bytes(), "{other:?}");
        }
    }
}
