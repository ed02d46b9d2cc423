//! Fingerprints that two people compare by phone: six words that can be spoken in any language, or the same as six
//! numbers of five digits. Both carry the first 96 bits of a SHA-256.
//!
//! A word is sixteen bits as consonant, vowel, consonant, vowel, consonant (the "proquint" alphabet, in which no two
//! letters sound alike on a bad line).

use std::fmt;

use sha2::{Digest as _, Sha256};

const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aiou";

/// What a fingerprint is of; part of what is hashed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Of {
    /// A region's root of trust.
    Root,
    /// A request to join or to change keys.
    Request,
    /// A certificate.
    Certificate,
    /// An evidence key.
    Key,
}

/// Six words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Words([u16; 6]);

impl Words {
    /// The words of some bytes.
    pub fn of(what: Of, bytes: &[u8]) -> Self {
        let context: &[u8] = match what {
            Of::Root => b"LIANDONG-V1-WORDS-ROOT\0",
            Of::Request => b"LIANDONG-V1-WORDS-REQUEST\0",
            Of::Certificate => b"LIANDONG-V1-WORDS-CERTIFICATE\0",
            Of::Key => b"LIANDONG-V1-WORDS-KEY\0",
        };
        let hash = Sha256::new().chain_update(context).chain_update(bytes).finalize();
        let mut words = [0; 6];
        for (word, pair) in words.iter_mut().zip(hash.as_slice().chunks_exact(2)) {
            *word = pair.iter().fold(0, |word, byte| word << 8 | u16::from(*byte));
        }
        Self(words)
    }

    /// The same as numbers: `04711 59340 …`.
    pub fn numbers(&self) -> String {
        self.0.map(|word| format!("{word:05}")).join(" ")
    }

    /// Whether somebody wrote down these words, or these numbers, with whatever between them.
    pub fn are(&self, heard: &str) -> bool {
        let parts = heard.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
        let heard = parts.map(str::to_ascii_lowercase).collect::<Vec<_>>().join(" ");
        heard == self.to_string() || heard == self.numbers()
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.map(spoken).join(" "))
    }
}

fn spoken(word: u16) -> String {
    let letter = |table: &[u8], shift: u16| {
        let index = usize::from(word >> shift) & (table.len() - 1);
        table.get(index).map_or('?', |letter| char::from(*letter))
    };
    [(12, true), (10, false), (6, true), (4, false), (0, true)]
        .map(|(shift, consonant)| if consonant { letter(CONSONANTS, shift) } else { letter(VOWELS, shift) })
        .iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_the_proquint_of_its_sixteen_bits() {
        // 127.0.0.1 and 63.84.220.193 in the alphabet's own paper
        assert_eq!([0x7f00, 0x0001, 0x3f54, 0xdcc1].map(spoken), ["lusab", "babad", "gutih", "tugad"]);
    }

    #[test]
    fn words_and_numbers_are_recognised_however_they_were_written_down() {
        let words = Words::of(Of::Root, b"root");

        assert!(words.are(&words.to_string().to_uppercase().replace(' ', "-")));
        assert!(words.are(&format!("  {}\n", words.numbers().replace(' ', ", "))));
        assert!(!words.are(&words.to_string().replace('a', "o")));
        assert!(!words.are(""));
        assert!(!words.are("lusab"));
    }

    #[test]
    fn the_same_bytes_have_other_words_as_another_thing() {
        assert_ne!(Words::of(Of::Root, b"x"), Words::of(Of::Request, b"x"));
    }
}
