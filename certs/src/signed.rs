//! Signed files that people can read: a TOML text, then a line of marks, then one line for each signature.
//!
//! ```text
//! version = 3
//! …
//! # --- signatures: directory ---
//! # 5f0c…(key id)  a3b1…(Ed25519 over the root of the text, see docs/formats.md)
//! ```
//! The signed bytes are exactly the text before the mark.

use ed25519_dalek::{SigningKey, VerifyingKey};
use model::{
    ids::RegionId,
    seal::{self, Path, Seal, SealKind},
};

/// Why a file is not taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SignedError {
    /// No mark, or lines after it that are no signatures.
    #[error("the file has no readable signatures")]
    Form,
    /// Fewer good signatures of named keys than the threshold.
    #[error("the file has {good} good signatures of {needed} needed")]
    Threshold {
        /// Good ones.
        good: usize,
        /// Needed.
        needed: usize,
    },
}

/// Signs `text` with every key.
pub fn sign(kind: SealKind, region: &RegionId, text: &str, keys: &[SigningKey]) -> String {
    let mut file = format!("{text}{}", mark(kind));
    for key in keys {
        file.push_str(&line(kind, region, text, key));
    }
    file
}

/// Adds signatures to a file of `kind`; a key that has signed already is left out.
pub fn add(kind: SealKind, region: &RegionId, file: &str, keys: &[SigningKey]) -> Option<String> {
    let (text, there) = split(kind, file)?;
    let lines = keys.iter().map(|key| line(kind, region, text, key)).filter(|line| !there.contains(line.as_str()));
    Some(file.to_owned() + &lines.collect::<String>())
}

fn line(kind: SealKind, region: &RegionId, text: &str, key: &SigningKey) -> String {
    let seal = seal::seal_one(kind, region, key, text.as_bytes());
    format!("# {} {}\n", seal.key_id, hex(&seal.signature))
}

/// The text of a signed file, once at least `needed` different `keys` have signed exactly it.
pub fn verify<'f>(
    kind: SealKind,
    region: &RegionId,
    file: &'f str,
    keys: &[VerifyingKey],
    needed: usize,
) -> Result<&'f str, SignedError> {
    let (text, signatures) = split(kind, file).ok_or(SignedError::Form)?;
    let mut good: Vec<&VerifyingKey> = Vec::new();
    for line in signatures.lines().filter(|line| !line.trim().is_empty()) {
        let seal = parse(line).ok_or(SignedError::Form)?;
        let signer = keys.iter().find(|key| seal::key_id(key) == seal.key_id);
        if let Some(key) = signer
            && !good.contains(&key)
            && seal::verify(kind, region, key, text.as_bytes(), &seal).is_ok()
        {
            good.push(key);
        }
    }
    if good.len() < needed.max(1) {
        return Err(SignedError::Threshold { good: good.len(), needed: needed.max(1) });
    }
    Ok(text)
}

/// Text and signature lines of a file of `kind`; the text ends before the only mark.
pub fn split(kind: SealKind, file: &str) -> Option<(&str, &str)> {
    file.split_once(&mark(kind))
}

fn mark(kind: SealKind) -> String {
    format!("# --- signatures: {} ---\n", kind.name())
}

fn parse(line: &str) -> Option<Seal> {
    let mut words = line.strip_prefix("# ")?.split_whitespace();
    let (key_id, signature) = (words.next()?.parse().ok()?, unhex(words.next()?)?.try_into().ok()?);
    let path = Path { index: 0, size: 1, hashes: Vec::new() };
    words.next().is_none().then_some(Seal { key_id, signature, path })
}

/// Bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Bytes from hexadecimal.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    Some(pairs.map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn region() -> RegionId {
        "linyi".parse().unwrap()
    }

    #[test]
    fn two_of_three_signatures_carry_a_file() {
        let file = sign(SealKind::Directory, &region(), "version = 1\n", &[key(1), key(2)]);
        let keys = [key(1), key(2), key(3)].map(|key| key.verifying_key());

        assert_eq!(verify(SealKind::Directory, &region(), &file, &keys, 2), Ok("version = 1\n"));
    }

    #[test]
    fn one_key_that_signs_twice_counts_once() {
        let file = sign(SealKind::Directory, &region(), "version = 1\n", &[key(1), key(1)]);
        let keys = [key(1), key(2)].map(|key| key.verifying_key());

        assert_eq!(
            verify(SealKind::Directory, &region(), &file, &keys, 2),
            Err(SignedError::Threshold { good: 1, needed: 2 })
        );
    }

    #[test]
    fn an_altered_text_or_another_type_carries_nothing() {
        let file = sign(SealKind::Directory, &region(), "version = 1\n", &[key(1), key(2)]);
        let keys = [key(1), key(2)].map(|key| key.verifying_key());

        assert!(verify(SealKind::Directory, &region(), &file.replace("= 1", "= 2"), &keys, 2).is_err());
        assert!(verify(SealKind::Grants, &region(), &file, &keys, 2).is_err());
    }
}
