//! Fixed vectors, and every way in which a seal must fail.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;
use crate::ids::Digest;

fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn region() -> RegionId {
    "linyi".parse().unwrap()
}

fn burst(kind: SealKind, n: u8) -> (Vec<Vec<u8>>, Vec<Seal>) {
    let all: Vec<Vec<u8>> = (0..n).map(|at| vec![at; 20]).collect();
    let leaves: Vec<Hash> = all.iter().map(|bytes| leaf(kind, bytes)).collect();
    let signed = sign(kind, &region(), &key(1), &leaves).unwrap();
    let seals = seals_for(&signed, &leaves);
    (all, seals)
}

fn check(kind: SealKind, bytes: &[u8], seal: &Seal) -> Result<Hash, BadSeal> {
    verify(kind, &region(), &key(1).verifying_key(), bytes, seal)
}

#[test]
fn a_seal_made_today_is_the_seal_of_the_vectors() {
    let seal = seal_one(SealKind::Envelope, &region(), &key(1), b"content");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();

    assert_eq!(seal.key_id.to_string(), VECTOR_KEY_ID);
    assert_eq!(Digest(leaf(SealKind::Envelope, b"content")).to_string(), VECTOR_LEAF);
    assert_eq!(hex(&seal.signature), VECTOR_SIGNATURE);
}

/// Made with another program (OpenSSL) from the layout in the module's documentation.
const VECTOR_KEY_ID: &str = "34750f98bd59fcfc946da45aaabe933b";
const VECTOR_LEAF: &str = "2f82a6192f43432b2faaf24f9f04f84fd551205d76ed375ce77bd82de47b5a4b";
const VECTOR_SIGNATURE: &str = "faa80a972faf451fe14a60ef5e8a041c959528865f84fa743d6c8a5feacfa47a\
    2bb3c6d22fbedfbd25433b790f88c206bd6074da9957ce32242ef5f2cf7e5907";

#[test]
fn the_signed_bytes_are_laid_out_as_documented() {
    let message = root_message(SealKind::Receipt, &region(), KeyId([0xAA; 16]), 258, &[0xBB; 32]);
    let mut expected = b"LIANDONG-V1-ROOT\x07receipt\x05linyi".to_vec();
    expected.extend([0xAA; 16]);
    expected.extend([0, 0, 1, 2]);
    expected.extend([0xBB; 32]);
    assert_eq!(message, expected);

    let by_hand = Sha256::digest(b"\x00LIANDONG-V1\x07receiptbytes");
    assert_eq!(leaf(SealKind::Receipt, b"bytes"), <Hash>::from(by_hand));
}

#[test]
fn every_leaf_of_a_burst_verifies_to_one_root() {
    for n in [1, 2, 3, 7, 64, 255] {
        let (all, seals) = burst(SealKind::Envelope, n);
        let roots: HashSet<Hash> =
            all.iter().zip(&seals).map(|(bytes, seal)| check(SealKind::Envelope, bytes, seal).unwrap()).collect();
        assert_eq!(roots.len(), 1, "{n}");
    }
}

#[test]
fn no_seal_of_one_type_passes_as_another() {
    for made in SealKind::ALL {
        let alone = seal_one(*made, &region(), &key(1), b"bytes");
        let (all, seals) = burst(*made, 3);
        for read in SealKind::ALL {
            assert_eq!(check(*read, b"bytes", &alone).is_ok(), made == read, "{made:?} as {read:?}");
            assert_eq!(check(*read, &all[1], &seals[1]).is_ok(), made == read, "{made:?} as {read:?}");
        }
    }
}

#[test]
fn a_root_signed_as_one_type_does_not_verify_as_another_even_over_the_same_leaves() {
    let leaves = vec![leaf(SealKind::Receipt, b"bytes")];
    for made in SealKind::ALL.iter().filter(|kind| **kind != SealKind::Receipt) {
        let signed = sign(*made, &region(), &key(1), &leaves).unwrap();
        let seal = seals_for(&signed, &leaves).remove(0);
        assert_eq!(check(SealKind::Receipt, b"bytes", &seal), Err(BadSeal::Signature), "{made:?}");
    }
}

#[test]
fn a_seal_of_another_region_or_key_fails() {
    let seal = seal_one(SealKind::Envelope, &region(), &key(1), b"bytes");
    let elsewhere: RegionId = "linyi2".parse().unwrap();
    let verifying = key(1).verifying_key();

    assert_eq!(verify(SealKind::Envelope, &elsewhere, &verifying, b"bytes", &seal), Err(BadSeal::Signature));
    let other = key(2).verifying_key();
    assert_eq!(verify(SealKind::Envelope, &region(), &other, b"bytes", &seal), Err(BadSeal::Key));
    let renamed = Seal { key_id: key_id(&other), ..seal };
    assert_eq!(verify(SealKind::Envelope, &region(), &other, b"bytes", &renamed), Err(BadSeal::Signature));
}

#[test]
fn a_path_that_does_not_fit_is_refused_before_the_signature_is_looked_at() {
    let (all, seals) = burst(SealKind::Envelope, 5);
    let broken = |change: fn(&mut Path)| {
        let mut seal = seals[2].clone();
        change(&mut seal.path);
        check(SealKind::Envelope, &all[2], &seal).unwrap_err()
    };
    assert_eq!(broken(|path| path.hashes.push([0; 32])), BadSeal::Path);
    assert_eq!(broken(|path| path.hashes.truncate(1)), BadSeal::Path);
    assert_eq!(broken(|path| path.index = 5), BadSeal::Path);
    assert_eq!(broken(|path| path.index = 3), BadSeal::Signature);
    assert_eq!(broken(|path| path.size = 0), BadSeal::Size);
    assert_eq!(broken(|path| path.size = 257), BadSeal::Size);
    assert_eq!(broken(|path| path.size = 6), BadSeal::Signature, "the size is signed");
}

#[test]
fn nothing_and_too_much_is_not_signed() {
    let sign_n = |n: usize| sign(SealKind::Envelope, &region(), &key(1), &vec![[0; 32]; n]).map(|signed| signed.size);
    assert_eq!(sign_n(0), Err(BadSeal::Size));
    assert_eq!(sign_n(256), Ok(256));
    assert_eq!(sign_n(257), Err(BadSeal::Size));
}

#[test]
fn a_public_key_of_small_order_verifies_nothing() {
    // With the neutral point as key, ordinary verification accepts one signature for every message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let weak = VerifyingKey::from_bytes(&neutral).unwrap();
    let mut signature = [0; 64];
    signature[0] = 1;
    let seal = Seal { key_id: key_id(&weak), signature, path: Path { index: 0, size: 1, hashes: Vec::new() } };
    assert_eq!(verify(SealKind::Envelope, &region(), &weak, b"bytes", &seal), Err(BadSeal::Signature));
}

#[test]
fn the_cache_checks_the_signature_of_a_burst_once_and_stays_small() {
    let (all, seals) = burst(SealKind::Envelope, 40);
    let mut cache = RootCache::new(2);
    let verifying = key(1).verifying_key();
    for (bytes, seal) in all.iter().zip(&seals) {
        cache.verify(SealKind::Envelope, &region(), &verifying, bytes, seal).unwrap();
    }
    assert_eq!(cache.len(), 1);

    for n in 0..5 {
        let seal = seal_one(SealKind::Envelope, &region(), &key(1), &[n]);
        cache.verify(SealKind::Envelope, &region(), &verifying, &[n], &seal).unwrap();
    }
    assert_eq!(cache.len(), 2);
}

#[test]
fn what_the_cache_knows_proves_nothing_else() {
    let (all, seals) = burst(SealKind::Envelope, 4);
    let mut cache = RootCache::new(8);
    let verifying = key(1).verifying_key();
    cache.verify(SealKind::Envelope, &region(), &verifying, &all[0], &seals[0]).unwrap();
    let mut ask = |kind, key: &VerifyingKey, bytes: &[u8], seal: &Seal| cache.verify(kind, &region(), key, bytes, seal);

    assert!(ask(SealKind::Envelope, &verifying, b"other", &seals[0]).is_err());
    assert!(ask(SealKind::Receipt, &verifying, &all[0], &seals[0]).is_err());
    assert!(ask(SealKind::Envelope, &key(2).verifying_key(), &all[0], &seals[0]).is_err());
    let mut forged = seals[1].clone();
    forged.signature[5] ^= 1;
    assert!(ask(SealKind::Envelope, &verifying, &all[1], &forged).is_err());
    assert_eq!(cache.len(), 1, "a failure is not remembered");
}

proptest! {
    #[test]
    fn one_altered_bit_anywhere_fails(at in 0_usize..20, bit in 0_u8..8, leaf_at in 0_usize..9, place in 0_usize..3) {
        let (all, seals) = burst(SealKind::Envelope, 9);
        let (mut bytes, mut seal) = (all[leaf_at].clone(), seals[leaf_at].clone());
        match place {
            0 => bytes[at] ^= 1 << bit,
            1 => seal.signature[at * 3] ^= 1 << bit,
            _ => {
                let hashes = seal.path.hashes.len();
                seal.path.hashes[at % hashes][at] ^= 1 << bit;
            }
        }
        prop_assert!(check(SealKind::Envelope, &bytes, &seal).is_err());
    }
}
