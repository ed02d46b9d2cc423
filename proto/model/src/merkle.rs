//! The Merkle tree of RFC 6962: roots of any size, kept as a stack of full subtrees, and the paths of small trees.

pub mod ranges;

use sha2::{Digest as _, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The leaf of `bytes`: SHA-256(0x00 ‖ bytes), RFC 6962 §2.1.
pub fn leaf(bytes: &[u8]) -> Hash {
    leaf_of_parts(&[bytes])
}

/// The leaf of several pieces that stand next to each other.
pub fn leaf_of_parts(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0x00]);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The node over two subtrees: SHA-256(0x01 ‖ left ‖ right).
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0x01]);
    hasher.update(left);
    hasher.update(right);
    hasher.finalize().into()
}

/// The root of the empty tree: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Sha256::new().finalize().into()
}

/// A growing tree that remembers only its full subtrees, at most 64 hashes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Frontier {
    size: u64,
    /// Roots of the full subtrees, largest first: one for each bit of `size`.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The tree of `size` leaves whose full subtrees are `peaks`, or none when their number does not fit the size.
    pub fn from_parts(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (u32::try_from(peaks.len()).ok()? == size.count_ones()).then_some(Self { size, peaks })
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of its full subtrees, largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds a leaf at the end.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root of the tree as it is.
    pub fn root(&self) -> Hash {
        ranges::over(&self.peaks)
    }
}

/// The root over `leaves`.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut tree = Frontier::default();
    for leaf in leaves {
        tree.push(*leaf);
    }
    tree.root()
}

/// The audit path of the leaf at `index` in the tree over `leaves`: sibling hashes from the leaf upwards. Empty when
/// `index` is not in the tree.
pub fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() <= 1 || index >= leaves.len() {
        return Vec::new();
    }
    let split = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(split);
    let (mut path, sibling) =
        if index < split { (path(left, index), root(right)) } else { (path(right, index - split), root(left)) };
    path.push(sibling);
    path
}

/// The root that `leaf` at `index` of `size` leaves leads to along `path`, or none when the path has not exactly the
/// length that RFC 6962 gives (RFC 9162 §2.1.3.2 describes the walk).
pub fn root_by_path(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            hash = node(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// The audit paths of all `leaves`, in order: for each what [`path`] gives, at the cost of one tree.
pub fn paths(leaves: &[Hash]) -> Vec<Vec<Hash>> {
    let mut paths = vec![Vec::new(); leaves.len()];
    let mut level = leaves.to_vec();
    let mut height = 0_u32;
    while level.len() > 1 {
        for (leaf, path) in paths.iter_mut().enumerate() {
            path.extend(level.get((leaf >> height) ^ 1));
        }
        level = level
            .chunks(2)
            .filter_map(|pair| match pair {
                [left, right] => Some(node(left, right)),
                [lone] => Some(*lone),
                _ => None,
            })
            .collect();
        height += 1;
    }
    paths
}

/// The proof that the tree over the first `first` of `leaves` is the beginning of the tree over all of them, RFC 6962
/// §2.1.2. Empty when there is nothing to prove.
pub fn consistency(leaves: &[Hash], first: usize) -> Vec<Hash> {
    if first == 0 || first >= leaves.len() { Vec::new() } else { subproof(leaves, first, Known::Yes) }
}

/// Whether the verifier already has the root of the subtree that a subproof begins with.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Known {
    Yes,
    No,
}

fn subproof(leaves: &[Hash], first: usize, known: Known) -> Vec<Hash> {
    if first == leaves.len() {
        return if known == Known::Yes { Vec::new() } else { vec![root(leaves)] };
    }
    let split = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(split);
    let (mut proof, sibling) = if first <= split {
        (subproof(left, first, known), root(right))
    } else {
        (subproof(right, first - split, Known::No), root(left))
    };
    proof.push(sibling);
    proof
}

/// Whether `proof` shows that the `old` head (size and root) is the beginning of the `new` one: RFC 9162 §2.1.4.2. A
/// shrunk tree never joins; two heads of one size join only if they are equal; the empty tree begins every other.
pub fn joins(old: (u64, Hash), new: (u64, Hash), proof: &[Hash]) -> bool {
    let ((first, old_root), (second, new_root)) = (old, new);
    if first > second {
        return false;
    }
    if first == second || first == 0 {
        return proof.is_empty() && (first == 0 || old_root == new_root);
    }
    let full = first.is_power_of_two();
    let Some((seed, rest)) = (if full { Some((&old_root, proof)) } else { proof.split_first() }) else { return false };
    let (mut at, mut last) = (first - 1, second - 1);
    let shift = at.trailing_ones();
    at >>= shift;
    last >>= shift;
    let (mut before, mut after) = (*seed, *seed);
    for hash in rest {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            (before, after) = (node(hash, &before), node(hash, &after));
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            after = node(&after, hash);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && before == old_root && after == new_root
}

#[cfg(test)]
mod tests;
