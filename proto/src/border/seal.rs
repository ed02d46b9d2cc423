//! Seals on the wire and in the model.

use model::{
    ids::KeyId,
    invalid::Invalid,
    limits,
    reason::Reason,
    seal::{Path, Seal},
};

use super::exact;
use crate::v1;

/// A seal from the wire; its path is looked at when it is verified.
pub fn parse(wire: Option<v1::Seal>) -> Result<Seal, Invalid> {
    let v1::Seal { key_id, signature, path } =
        wire.ok_or_else(|| Invalid::new(Reason::BadSeal, "seal", "seal.present"))?;
    let v1::MerklePath { index, size, hashes } =
        path.ok_or_else(|| Invalid::new(Reason::BadSeal, "seal.path", "seal.present"))?;
    if hashes.len() > limits::SEAL_LEAVES_MAX {
        return Err(Invalid::too_large("seal.path.hashes", hashes.len(), limits::SEAL_LEAVES_MAX));
    }
    let hashes = hashes.iter().map(|hash| exact(hash, "seal.path.hashes")).collect::<Result<_, _>>().map_err(bad)?;
    Ok(Seal {
        key_id: KeyId(exact(&key_id, "seal.key_id").map_err(bad)?),
        signature: exact(&signature, "seal.signature").map_err(bad)?,
        path: Path { index, size, hashes },
    })
}

/// A seal for the wire.
pub fn to_wire(seal: &Seal) -> v1::Seal {
    v1::Seal {
        key_id: seal.key_id.0.to_vec().into(),
        signature: seal.signature.to_vec().into(),
        path: Some(v1::MerklePath {
            index: seal.path.index,
            size: seal.path.size,
            hashes: seal.path.hashes.iter().map(|hash| hash.to_vec().into()).collect(),
        }),
    }
}

fn bad(invalid: Invalid) -> Invalid {
    Invalid { reason: Reason::BadSeal, ..invalid }
}
