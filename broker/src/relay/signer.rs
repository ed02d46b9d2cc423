//! The broker's evidence key at work: receipts of its own, signed once a batch, and the notices that it sends.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use model::{
    head::Head,
    ids::{JurisdictionId, KeyId, RegionId},
    seal::{self, SealKind},
};
use prost::Message as _;
use proto::{
    border::{self, receipt},
    v1,
};

/// Signs in the broker's name.
pub struct Signer {
    region: RegionId,
    key: SigningKey,
    key_id: KeyId,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl Signer {
    /// Signs with `key` for `region`.
    pub fn new(region: RegionId, key: SigningKey) -> Self {
        let key_id = seal::key_id(&key.verifying_key());
        Self { region, key, key_id }
    }

    /// One signature over all `statements`, at most 256.
    pub fn batch(&self, statements: &[v1::ReceiptStatement]) -> v1::ReceiptBatch {
        let encoded = statements.iter().map(|statement| statement.encode_to_vec().into()).collect();
        // the callers' frames hold 1 to 256 statements, which is all that signing asks
        receipt::sign_batch(&self.region, &self.key, encoded).unwrap_or_default()
    }

    /// Seals a content of the broker's own.
    pub fn envelope(&self, content: Bytes) -> v1::Envelope {
        let seal = seal::seal_one(SealKind::Envelope, &self.region, &self.key, &content);
        v1::Envelope { content, seal: Some(border::seal::to_wire(&seal)) }
    }

    /// A head of the broker's tree.
    pub fn head(&self, head: &Head) -> v1::TreeHead {
        border::head::sign(&self.region, &self.key, head, None)
    }

    /// Our seal under a head of another's tree.
    pub fn countersign(&self, head: &Head) -> v1::TreeHead {
        border::head::sign(&self.region, &self.key, head, Some(&JurisdictionId::broker()))
    }

    /// A receipt by itself.
    pub fn lone(&self, statement: &v1::ReceiptStatement) -> v1::Receipt {
        let batch = self.batch(std::slice::from_ref(statement));
        receipt::single(&batch, 0).unwrap_or_default()
    }
}
