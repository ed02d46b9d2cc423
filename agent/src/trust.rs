//! What the agent trusts: evidence keys and grants of the signed files, which it verified itself.

use std::sync::{Arc, Mutex, PoisonError};

use certs::{files::Trusted, tls::Identity};
use model::{
    grant::Ask,
    header::Header,
    ids::JurisdictionId,
    invalid::Invalid,
    reason::Reason,
    seal::{self, RootCache, SealKind},
    time::Timestamp,
};
use proto::{border, v1};

/// Roots whose signature verified.
const ROOTS_KEPT: usize = 4_096;

/// Verifies what comes from others.
#[derive(Debug)]
pub struct Trust {
    identity: Arc<Identity>,
    roots: Mutex<RootCache>,
}

impl Trust {
    /// Trust by the files of `identity`.
    pub fn new(identity: Arc<Identity>) -> Self {
        Self { identity, roots: Mutex::new(RootCache::new(ROOTS_KEPT)) }
    }

    /// What the signed files say now.
    pub fn now(&self) -> Arc<Trusted> {
        self.identity.trusted()
    }

    /// Verifies seal and sender of an envelope that the broker accepted at `at`: its key was in force then, whatever time the
    /// header claims.
    pub fn verify_envelope(&self, envelope: &v1::Envelope, header: &Header, at: Timestamp) -> Result<(), Invalid> {
        let seal = border::seal::parse(envelope.seal.clone())?;
        let trusted = self.now();
        let key = trusted.evidence_key(seal.key_id, &header.sender.jurisdiction, at)?;
        let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        let verified = roots.verify(SealKind::Envelope, &trusted.region, &key, &envelope.content, &seal);
        verified
            .map(|_| ())
            .map_err(|error| Invalid::new(Reason::BadSeal, "seal", "seal.verify").detail(error.to_string()))
    }

    /// Verifies that a grant lets this envelope come to `us`.
    pub fn granted(
        &self,
        header: &Header,
        us: &JurisdictionId,
        content_bytes: u64,
        copied: bool,
        now: Timestamp,
    ) -> Result<(), Invalid> {
        // a copy for a superior is the broker's act
        let to = (!copied).then_some(us);
        self.now().policy.judge(Ask { header, to, content_bytes, now }).map(|_| ())
    }

    /// Verifies a receipt by its author's key.
    pub fn verify_receipt(&self, receipt: &v1::Receipt) -> Result<border::receipt::Facts, Invalid> {
        let facts = border::receipt::facts(&receipt.statement)?;
        let seal = border::seal::parse(receipt.seal.clone())?;
        let trusted = self.now();
        let key = trusted.evidence_key(seal.key_id, &facts.author, facts.at)?;
        border::receipt::verify_single(&trusted.region, &key, receipt)?;
        Ok(facts)
    }

    /// Verifies that `from` sealed the index of a bundle at `at`.
    pub fn verify_index(&self, sealed: &v1::SealedIndex, from: &JurisdictionId, at: Timestamp) -> Result<(), Invalid> {
        let seal = border::seal::parse(sealed.seal.clone())?;
        let trusted = self.now();
        let key = trusted.evidence_key(seal.key_id, from, at)?;
        seal::verify(SealKind::Bundle, &trusted.region, &key, &sealed.index, &seal)
            .map(|_| ())
            .map_err(|error| Invalid::new(Reason::BadSeal, "index", "seal.verify").detail(error.to_string()))
    }

    /// Verifies a head by the key of who says to have signed it, which was in force then.
    pub fn verify_head(&self, sealed: &border::head::Sealed) -> Result<(), Invalid> {
        let trusted = self.now();
        let key = trusted.evidence_key(sealed.seal.key_id, &sealed.signer, sealed.head.at)?;
        sealed.verify(&trusted.region, &key)
    }

    /// Verifies a batch of the broker's receipts.
    pub fn verify_brokers(&self, batch: &v1::ReceiptBatch, now: Timestamp) -> Result<(), Invalid> {
        let trusted = self.now();
        let key = trusted.evidence_key(border::receipt::batch_key(batch)?, &JurisdictionId::broker(), now)?;
        border::receipt::verify_batch(&trusted.region, &key, batch)
    }
}
