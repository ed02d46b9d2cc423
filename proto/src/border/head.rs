//! Heads of evidence trees on the wire and in the model.

use ed25519_dalek::{SigningKey, VerifyingKey};
use model::{
    head::Head,
    ids::{JurisdictionId, RegionId},
    invalid::Invalid,
    limits,
    merkle::Hash,
    position::EpochId,
    reason::Reason,
    seal::{self, Seal, SealKind},
};

use super::exact;
use crate::v1;

/// A head with its seal, neither verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sealed {
    /// What is said.
    pub head: Head,
    /// By whom: the owner, or a witness.
    pub signer: JurisdictionId,
    /// The seal.
    pub seal: Seal,
}

/// Signs `head` in its owner's name, or as `witness` in that one's.
pub fn sign(region: &RegionId, key: &SigningKey, head: &Head, witness: Option<&JurisdictionId>) -> v1::TreeHead {
    let seal = seal::seal_one(SealKind::Head, region, key, &head.signed_bytes());
    v1::TreeHead {
        owner: head.owner.to_string(),
        epoch: head.epoch.0.to_vec().into(),
        size: head.size,
        root: head.root.to_vec().into(),
        at: Some(super::time::to_wire(head.at)),
        seal: Some(super::seal::to_wire(&seal)),
        witness: witness.map(ToString::to_string).unwrap_or_default(),
    }
}

/// Reads a head; who signed it is what it says, until it is verified.
pub fn parse(wire: v1::TreeHead) -> Result<Sealed, Invalid> {
    let owner = JurisdictionId::member_or_broker(&wire.owner).map_err(|invalid| invalid.within("head.owner"))?;
    let signer = if wire.witness.is_empty() {
        owner.clone()
    } else {
        JurisdictionId::member_or_broker(&wire.witness).map_err(|invalid| invalid.within("head.witness"))?
    };
    let head = Head {
        owner,
        epoch: EpochId(exact(&wire.epoch, "head.epoch")?),
        size: wire.size,
        root: exact(&wire.root, "head.root")?,
        at: super::time::required(wire.at, "head.at")?,
    };
    Ok(Sealed { head, signer, seal: super::seal::parse(wire.seal)? })
}

impl Sealed {
    /// Verifies the seal under `key`, which the caller knows to be the signer's.
    pub fn verify(&self, region: &RegionId, key: &VerifyingKey) -> Result<(), Invalid> {
        let verified = seal::verify(SealKind::Head, region, key, &self.head.signed_bytes(), &self.seal);
        verified
            .map(|_| ())
            .map_err(|error| Invalid::new(Reason::BadSeal, "head.seal", "seal.verify").detail(error.to_string()))
    }
}

/// The hashes of a path or a proof; no tree needs more than [`limits::PROOF_HASHES_MAX`].
pub fn hashes(wire: &[bytes::Bytes], field: &'static str) -> Result<Vec<Hash>, Invalid> {
    if wire.len() > limits::PROOF_HASHES_MAX {
        return Err(Invalid::too_large(field, wire.len(), limits::PROOF_HASHES_MAX));
    }
    wire.iter().map(|hash| exact(hash, field)).collect()
}

/// Hashes for the wire.
pub fn hashes_to_wire(hashes: &[Hash]) -> Vec<bytes::Bytes> {
    hashes.iter().map(|hash| hash.to_vec().into()).collect()
}
