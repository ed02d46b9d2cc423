//! Which keys surely are not there: a blocked Bloom filter, in memory over sled's keys and in index files over ids.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::hash::hash;

/// Words of a block: 64 bytes, one cache line.
pub(crate) const BLOCK_WORDS: usize = 8;
const BITS_PER_KEY: usize = 12;
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Blocks for `keys` keys.
pub(crate) fn blocks_for(keys: usize) -> usize {
    (keys.saturating_mul(BITS_PER_KEY)).div_ceil(BLOCK_WORDS * 64).max(1)
}

/// Where a hash falls among `blocks` blocks: the block, and a mask for each of its words.
pub(crate) fn place(hash: u64, blocks: usize) -> (usize, [u64; BLOCK_WORDS]) {
    let block = ((hash >> 32) * blocks as u64) >> 32;
    let spread = hash.wrapping_mul(SPREAD);
    let mut masks = [0; BLOCK_WORDS];
    for shift in [10, 19, 28, 37, 46, 55] {
        let bit = (spread >> shift) & 511;
        if let Some(mask) = masks.get_mut((bit / 64) as usize) {
            *mask |= 1 << (bit % 64);
        }
    }
    (block as usize, masks)
}

/// A filter that many may ask while one adds.
#[derive(Debug)]
pub(crate) struct Sieve {
    blocks: Box<[[AtomicU64; BLOCK_WORDS]]>,
    keys: AtomicU64,
    room: u64,
}

impl Sieve {
    /// An empty filter with room for `keys` keys; beyond that it only answers "perhaps" more often.
    pub fn with_room(keys: usize) -> Self {
        let blocks = (0..blocks_for(keys)).map(|_| Default::default()).collect();
        Self { blocks, keys: AtomicU64::new(0), room: keys as u64 }
    }

    /// Adds a key.
    pub fn add(&self, key: &[u8]) {
        let (block, masks) = place(hash(&[key]), self.blocks.len());
        let words = self.blocks.get(block).into_iter().flatten();
        words.zip(masks).filter(|(_, mask)| *mask != 0).for_each(|(word, mask)| {
            word.fetch_or(mask, Ordering::Release);
        });
        self.keys.fetch_add(1, Ordering::Relaxed);
    }

    /// False means that the key was never added.
    pub fn may_hold(&self, key: &[u8]) -> bool {
        if self.keys.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let (block, masks) = place(hash(&[key]), self.blocks.len());
        let words = self.blocks.get(block).into_iter().flatten();
        words.zip(masks).all(|(word, mask)| word.load(Ordering::Acquire) & mask == mask)
    }

    /// Whether `more` keys would be more than it was made for.
    pub fn is_full_with(&self, more: usize) -> bool {
        self.keys.load(Ordering::Relaxed) + more as u64 > self.room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_never_denied_and_little_else_is_allowed() {
        let sieve = Sieve::with_room(10_000);
        (0..10_000_u32).for_each(|n| sieve.add(&n.to_be_bytes()));

        assert!((0..10_000_u32).all(|n| sieve.may_hold(&n.to_be_bytes())));
        let wrong = (10_000..110_000_u32).filter(|n| sieve.may_hold(&n.to_be_bytes())).count();
        assert!(wrong < 2_500, "{wrong} of 100,000");
    }
}
