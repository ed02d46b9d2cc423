//! Receipts: batches under one signature, single ones with their path, and what a statement must hold.

use bytes::Bytes;
use ed25519_dalek::{SigningKey, VerifyingKey};
use model::{
    ids::{Digest, JurisdictionId, KeyId, MessageId, RegionId},
    invalid::Invalid,
    limits,
    merkle::{self, Hash},
    reason::Reason,
    seal::{self, Path, Seal, SealKind, Signed},
    stage::Stage,
    time::Timestamp,
};
use prost::Message as _;

use super::{exact, must};
use crate::v1;

/// What a statement says, as far as programs act on it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// The envelope.
    pub message_id: MessageId,
    /// SHA-256 of its content.
    pub content_hash: Digest,
    /// About which recipient; none for ACCEPTED.
    pub recipient: Option<JurisdictionId>,
    /// The stage reached.
    pub stage: Stage,
    /// When.
    pub at: Timestamp,
    /// Whose key must have signed: the part of `by` before the slash.
    pub author: JurisdictionId,
    /// Who sent the envelope.
    pub sender: JurisdictionId,
}

/// Reads a statement; every fact must be there.
pub fn facts(statement: &Bytes) -> Result<Facts, Invalid> {
    let wire = v1::ReceiptStatement::decode(statement.clone())
        .map_err(|_| Invalid::schema("statement", "statement.readable"))?;
    let author = wire.by.split('/').next().unwrap_or_default();
    let recipient =
        if wire.recipient.is_empty() { None } else { Some(JurisdictionId::member_or_broker(&wire.recipient)?) };
    Ok(Facts {
        message_id: MessageId(exact(&wire.message_id, "message_id")?),
        content_hash: Digest(exact(&wire.content_hash, "content_hash")?),
        recipient,
        stage: must(wire.stage, Stage::from_number, "stage")?,
        at: super::time::required(wire.at, "at")?,
        author: JurisdictionId::member_or_broker(author)?,
        sender: JurisdictionId::member_or_broker(&wire.sender)?,
    })
}

/// Signs `statements` together, 1 to 256 of them.
pub fn sign_batch(
    region: &RegionId,
    key: &SigningKey,
    statements: Vec<Bytes>,
) -> Result<v1::ReceiptBatch, seal::BadSeal> {
    let signed = seal::sign(SealKind::Receipt, region, key, &leaves(&statements))?;
    Ok(v1::ReceiptBatch {
        statements,
        key_id: signed.key_id.0.to_vec().into(),
        signature: signed.signature.to_vec().into(),
    })
}

/// The key that a batch names.
pub fn batch_key(batch: &v1::ReceiptBatch) -> Result<KeyId, Invalid> {
    exact(&batch.key_id, "receipts.key_id").map(KeyId)
}

/// Verifies a batch under `key`: one signature over all statements.
pub fn verify_batch(region: &RegionId, key: &VerifyingKey, batch: &v1::ReceiptBatch) -> Result<(), Invalid> {
    let bad = |rule: &'static str| Invalid::new(Reason::BadSeal, "receipts", rule);
    if batch.statements.is_empty() || batch.statements.len() > limits::SEAL_LEAVES_MAX {
        return Err(bad("seal.size"));
    }
    let leaves = leaves(&batch.statements);
    let signed = Signed {
        key_id: batch_key(batch)?,
        signature: exact(&batch.signature, "receipts.signature")?,
        root: merkle::root(&leaves),
        size: u32::try_from(leaves.len()).unwrap_or(0),
    };
    seal::verify_root(SealKind::Receipt, region, key, &signed)
        .map_err(|error| bad("seal.verify").detail(error.to_string()))
}

/// The receipt at `index` of a batch, by itself, with its path. None when there is no such place.
pub fn single(batch: &v1::ReceiptBatch, index: usize) -> Option<v1::Receipt> {
    singles(batch).into_iter().nth(index)
}

/// All receipts of a batch, each by itself with its path, in order, at the cost of one tree. Empty when key or signature
/// have not the length of one.
pub fn singles(batch: &v1::ReceiptBatch) -> Vec<v1::Receipt> {
    let (Ok(key_id), Ok(signature)) = (batch_key(batch), batch.signature.as_ref().try_into()) else {
        return Vec::new();
    };
    let leaves = leaves(&batch.statements);
    let size = u32::try_from(leaves.len()).unwrap_or(u32::MAX);
    let paths = merkle::paths(&leaves).into_iter().zip(0..);
    let seals = paths.map(|(hashes, index)| Seal { key_id, signature, path: Path { index, size, hashes } });
    let receipts = batch.statements.iter().zip(seals);
    receipts
        .map(|(statement, seal)| v1::Receipt { statement: statement.clone(), seal: Some(super::seal::to_wire(&seal)) })
        .collect()
}

/// Verifies a single receipt under `key`.
pub fn verify_single(region: &RegionId, key: &VerifyingKey, receipt: &v1::Receipt) -> Result<(), Invalid> {
    let seal = super::seal::parse(receipt.seal.clone())?;
    let verified = seal::verify(SealKind::Receipt, region, key, &receipt.statement, &seal);
    verified
        .map(|_| ())
        .map_err(|error| Invalid::new(Reason::BadSeal, "receipt", "seal.verify").detail(error.to_string()))
}

fn leaves(statements: &[Bytes]) -> Vec<Hash> {
    statements.iter().map(|statement| seal::leaf(SealKind::Receipt, statement)).collect()
}
