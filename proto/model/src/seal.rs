//! Seals: one Ed25519 signature over the root of a small Merkle tree, and for each leaf its path to that root. Type and
//! region are part of what is hashed and signed, so no signature of one sort passes as another.
//!
//! ```text
//! leaf   = SHA-256(0x00 ‖ "LIANDONG-V1" ‖ len(type) ‖ type ‖ bytes)
//! node   = SHA-256(0x01 ‖ left ‖ right)
//! signed = "LIANDONG-V1-ROOT" ‖ len(type) ‖ type ‖ len(region) ‖ region ‖ key_id(16) ‖ u32 BE size ‖ root
//! ```

use std::collections::{HashSet, VecDeque};

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::{
    ids::{KeyId, RegionId},
    limits,
    merkle::{self, Hash},
};

const LEAF_CONTEXT: &[u8] = b"LIANDONG-V1";
const ROOT_CONTEXT: &[u8] = b"LIANDONG-V1-ROOT";

/// What is sealed. The name is part of the signed bytes and never changes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SealKind {
    /// The content of a message.
    Envelope,
    /// A receipt's statement.
    Receipt,
    /// The head of a journal's tree.
    Head,
    /// A version of the directory.
    Directory,
    /// A version of the policy.
    Grants,
    /// A root of trust.
    Root,
    /// A list of revoked certificates and keys.
    Revocations,
    /// The index of a carried bundle.
    Bundle,
    /// An invitation to join.
    Invitation,
    /// The summary of a file of evidence.
    Evidence,
}

impl SealKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Envelope,
        Self::Receipt,
        Self::Head,
        Self::Directory,
        Self::Grants,
        Self::Root,
        Self::Revocations,
        Self::Bundle,
        Self::Invitation,
        Self::Evidence,
    ];

    /// Its name in the hashed and signed bytes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Envelope => "envelope",
            Self::Receipt => "receipt",
            Self::Head => "head",
            Self::Directory => "directory",
            Self::Grants => "grants",
            Self::Root => "root",
            Self::Revocations => "revocations",
            Self::Bundle => "bundle",
            Self::Invitation => "invitation",
            Self::Evidence => "evidence",
        }
    }
}

/// The way from a leaf to its root, as RFC 6962 gives it for `index` and `size`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Path {
    /// Place of the leaf, from 0.
    pub index: u32,
    /// Leaves in the tree, 1 to 256.
    pub size: u32,
    /// Sibling hashes from the leaf upwards.
    pub hashes: Vec<Hash>,
}

/// A signature over a root, and the path of one leaf to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seal {
    /// The evidence key that signed.
    pub key_id: KeyId,
    /// Ed25519 over the bytes of [`root_message`].
    pub signature: [u8; 64],
    /// The leaf's way to the root.
    pub path: Path,
}

/// One signature over the root of several leaves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signed {
    /// The evidence key that signed.
    pub key_id: KeyId,
    /// Ed25519 over the bytes of [`root_message`].
    pub signature: [u8; 64],
    /// The root over the leaves.
    pub root: Hash,
    /// How many leaves there are.
    pub size: u32,
}

/// Why a seal does not hold. What it was made for then stays unproved: the bytes are not trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadSeal {
    /// There are no leaves, or more than one signature may cover.
    #[error("a seal covers 1 to 256 leaves")]
    Size,
    /// The path is not the one that index and size demand.
    #[error("the path does not fit index and size")]
    Path,
    /// The key that was handed in is not the one that the seal names.
    #[error("the seal names another key")]
    Key,
    /// The signature is not this key's over this root, type and region.
    #[error("the signature does not verify")]
    Signature,
}

/// The id of an evidence key.
pub fn key_id(key: &VerifyingKey) -> KeyId {
    KeyId::of(key.as_bytes())
}

/// The leaf of `bytes` in a tree of `kind`.
pub fn leaf(kind: SealKind, bytes: &[u8]) -> Hash {
    merkle::leaf_of_parts(&[LEAF_CONTEXT, &length(kind.name()), kind.name().as_bytes(), bytes])
}

/// The bytes that a signature covers.
pub fn root_message(kind: SealKind, region: &RegionId, key_id: KeyId, size: u32, root: &Hash) -> Vec<u8> {
    let (kind, region) = (kind.name(), region.as_str());
    [
        ROOT_CONTEXT,
        &length(kind),
        kind.as_bytes(),
        &length(region),
        region.as_bytes(),
        key_id.as_bytes(),
        &size.to_be_bytes(),
        root,
    ]
    .concat()
}

/// The length of a type's or region's name in one byte: both are at most 32 bytes.
fn length(text: &str) -> [u8; 1] {
    [u8::try_from(text.len()).unwrap_or(u8::MAX)]
}

fn checked_size(size: usize) -> Result<u32, BadSeal> {
    let fits = (1..=limits::SEAL_LEAVES_MAX).contains(&size);
    u32::try_from(size).ok().filter(|_| fits).ok_or(BadSeal::Size)
}

/// Signs the root over `leaves`, which are hashes of [`leaf`] with the same kind.
pub fn sign(kind: SealKind, region: &RegionId, key: &SigningKey, leaves: &[Hash]) -> Result<Signed, BadSeal> {
    let size = checked_size(leaves.len())?;
    let (root, key_id) = (merkle::root(leaves), key_id(&key.verifying_key()));
    let signature = key.sign(&root_message(kind, region, key_id, size, &root)).to_bytes();
    Ok(Signed { key_id, signature, root, size })
}

/// The seal of each of `leaves`, in order. They must be those that `signed` was made over.
pub fn seals_for(signed: &Signed, leaves: &[Hash]) -> Vec<Seal> {
    let paths = merkle::paths(leaves).into_iter().zip(0..);
    paths
        .map(|(hashes, index)| Seal {
            key_id: signed.key_id,
            signature: signed.signature,
            path: Path { index, size: signed.size, hashes },
        })
        .collect()
}

/// Seals one thing alone: a tree of size 1.
pub fn seal_one(kind: SealKind, region: &RegionId, key: &SigningKey, bytes: &[u8]) -> Seal {
    let (root, key_id) = (leaf(kind, bytes), key_id(&key.verifying_key()));
    let signature = key.sign(&root_message(kind, region, key_id, 1, &root)).to_bytes();
    Seal { key_id, signature, path: Path { index: 0, size: 1, hashes: Vec::new() } }
}

/// The root that `bytes` lead to along the seal's path, signature aside.
pub fn root_of(kind: SealKind, bytes: &[u8], path: &Path) -> Result<Hash, BadSeal> {
    checked_size(path.size as usize)?;
    let leaf = leaf(kind, bytes);
    merkle::root_by_path(leaf, u64::from(path.index), u64::from(path.size), &path.hashes).ok_or(BadSeal::Path)
}

/// Checks that `seal` is `key`'s, of this kind and region, over exactly these bytes; returns the root.
pub fn verify(
    kind: SealKind,
    region: &RegionId,
    key: &VerifyingKey,
    bytes: &[u8],
    seal: &Seal,
) -> Result<Hash, BadSeal> {
    let root = root_of(kind, bytes, &seal.path)?;
    let signed = Signed { key_id: seal.key_id, signature: seal.signature, root, size: seal.path.size };
    verify_root(kind, region, key, &signed)?;
    Ok(root)
}

/// Checks a signature over a root that the caller has computed itself, as for a batch of receipts.
pub fn verify_root(kind: SealKind, region: &RegionId, key: &VerifyingKey, signed: &Signed) -> Result<(), BadSeal> {
    checked_size(signed.size as usize)?;
    if key_id(key) != signed.key_id {
        return Err(BadSeal::Key);
    }
    let message = root_message(kind, region, signed.key_id, signed.size, &signed.root);
    key.verify_strict(&message, &Signature::from_bytes(&signed.signature)).map_err(|_| BadSeal::Signature)
}

/// Remembers signatures that verified, so that the one of a burst is checked once. It forgets the oldest.
#[derive(Debug)]
pub struct RootCache {
    known: HashSet<Hash>,
    order: VecDeque<Hash>,
    most: usize,
}

impl RootCache {
    /// A cache of at most `most` roots.
    pub fn new(most: usize) -> Self {
        Self { known: HashSet::new(), order: VecDeque::new(), most: most.max(1) }
    }

    /// As [`verify`], but a signature that verified before over the same root, kind, region and key is not computed
    /// again. A failure is never remembered.
    pub fn verify(
        &mut self,
        kind: SealKind,
        region: &RegionId,
        key: &VerifyingKey,
        bytes: &[u8],
        seal: &Seal,
    ) -> Result<Hash, BadSeal> {
        let root = root_of(kind, bytes, &seal.path)?;
        let signed = Signed { key_id: seal.key_id, signature: seal.signature, root, size: seal.path.size };
        let name = Self::name(kind, region, key, &signed);
        if !self.known.contains(&name) {
            verify_root(kind, region, key, &signed)?;
            self.remember(name);
        }
        Ok(root)
    }

    /// How many roots it knows.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Knows none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Everything that a verification depends on, the public key itself included.
    fn name(kind: SealKind, region: &RegionId, key: &VerifyingKey, signed: &Signed) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(key.as_bytes());
        hasher.update(signed.signature);
        hasher.update(root_message(kind, region, signed.key_id, signed.size, &signed.root));
        hasher.finalize().into()
    }

    fn remember(&mut self, name: Hash) {
        if self.order.len() >= self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.known.insert(name);
        self.order.push_back(name);
    }
}

#[cfg(test)]
mod tests;
