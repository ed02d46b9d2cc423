//! One hash for the sum of rows and for filters; its definition is part of the format.

const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
const STEP: u64 = 0xD6E8_FEB8_6659_FD93;
const LAST: u64 = 0xFF51_AFD7_ED55_8CCD;

/// The hash of `parts`, each with its length: moving a byte from one to the next changes it.
pub(crate) fn hash(parts: &[&[u8]]) -> u64 {
    let mut hash = parts.iter().fold(SEED, |hash, part| step(part_words(hash, part), part.len() as u64));
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(LAST);
    hash ^ (hash >> 33)
}

fn part_words(hash: u64, part: &[u8]) -> u64 {
    let (words, tail) = part.as_chunks::<8>();
    let hash = words.iter().fold(hash, |hash, word| step(hash, u64::from_le_bytes(*word)));
    if tail.is_empty() {
        return hash;
    }
    let last = tail.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    step(hash, last)
}

fn step(hash: u64, word: u64) -> u64 {
    let mixed = (hash ^ word).wrapping_mul(STEP);
    mixed ^ (mixed >> 32)
}

/// How many rows there are and the wrapping sum of their hashes: the same for the same rows, in whatever order.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    /// How many.
    pub count: u64,
    /// Wrapping sum of hashes.
    pub sum: u64,
}

impl Tally {
    /// With this row too.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        self.count = self.count.wrapping_add(1);
        self.sum = self.sum.wrapping_add(hash(&[key, value]));
    }

    /// Without this row.
    pub fn take(&mut self, key: &[u8], value: &[u8]) {
        self.take_hash(hash(&[key, value]));
    }

    /// Without the row of this hash.
    pub fn take_hash(&mut self, hash: u64) {
        self.count = self.count.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(hash);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_hash_of_a_known_row_never_changes() {
        assert_eq!(hash(&[b"key", b"a value longer than eight bytes"]), 0x8267_FF26_D818_A3CD);
        assert_eq!(hash(&[]), 0x9341_CA26_3702_A9E6);
    }

    #[test]
    fn a_byte_that_moves_to_the_next_part_changes_the_hash() {
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
        assert_ne!(hash(&[b"a\0"]), hash(&[b"a"]));
    }

    proptest! {
        #[test]
        fn a_tally_does_not_mind_the_order(mut rows: Vec<(Vec<u8>, Vec<u8>)>) {
            let mut there = Tally::default();
            for (key, value) in &rows {
                there.add(key, value);
            }
            rows.reverse();
            for (key, value) in &rows {
                there.take(key, value);
            }
            prop_assert_eq!(there, Tally::default());
        }
    }
}
