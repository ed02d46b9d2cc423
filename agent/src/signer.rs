//! The jurisdiction's evidence key at work: envelopes and receipts, one signature a burst.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use model::{
    head::Head,
    ids::{JurisdictionId, RegionId},
    seal::{self, BadSeal, SealKind},
};
use proto::{border, v1};

/// Signs in the jurisdiction's name.
pub struct Signer {
    region: RegionId,
    key: SigningKey,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Signer {
    /// Signs with `key` for `region`.
    pub fn new(region: RegionId, key: SigningKey) -> Self {
        Self { region, key }
    }

    /// Seals contents together, 1 to 256 of them.
    pub fn envelopes(&self, contents: Vec<Bytes>) -> Result<Vec<v1::Envelope>, BadSeal> {
        let leaves: Vec<_> = contents.iter().map(|content| seal::leaf(SealKind::Envelope, content)).collect();
        let signed = seal::sign(SealKind::Envelope, &self.region, &self.key, &leaves)?;
        let seals = seal::seals_for(&signed, &leaves);
        Ok(contents
            .into_iter()
            .zip(&seals)
            .map(|(content, seal)| v1::Envelope { content, seal: Some(border::seal::to_wire(seal)) })
            .collect())
    }

    /// Seals the index of a bundle.
    pub fn bundle(&self, index: &Bytes) -> Result<v1::Seal, BadSeal> {
        let leaves = [seal::leaf(SealKind::Bundle, index)];
        let signed = seal::sign(SealKind::Bundle, &self.region, &self.key, &leaves)?;
        seal::seals_for(&signed, &leaves).first().map(border::seal::to_wire).ok_or(BadSeal::Size)
    }

    /// Seals the summary of a file of evidence.
    pub fn evidence(&self, summary: &Bytes) -> v1::Seal {
        border::seal::to_wire(&seal::seal_one(SealKind::Evidence, &self.region, &self.key, summary))
    }

    /// A head of our own tree, or, as `witness`, a countersignature under another's.
    pub fn head(&self, head: &Head, witness: Option<&JurisdictionId>) -> v1::TreeHead {
        border::head::sign(&self.region, &self.key, head, witness)
    }

    /// Signs statements together, 1 to 256 of them.
    pub fn receipts(&self, statements: Vec<Bytes>) -> Result<v1::ReceiptBatch, BadSeal> {
        border::receipt::sign_batch(&self.region, &self.key, statements)
    }
}
