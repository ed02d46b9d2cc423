//! The file: one line that names it, then parts, each behind its length. Reading it allocates no more than it has.

use bytes::{Buf as _, Bytes};
use model::{ids::Digest, limits};
use prost::Message as _;
use proto::v1::{self, evidence_part::Part};

/// The first line of every file of evidence.
pub const MAGIC: &[u8] = b"LIANDONG-EVIDENCE-1\n";

/// A part as it stands in the file.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Where it begins in the file, its length included.
    pub at: u64,
    /// Digest of its bytes without the length, as the summary lists it.
    pub digest: Digest,
    /// What it says; none if this program does not know such a part.
    pub part: Option<Part>,
}

/// Why a file cannot be read, or not further.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unreadable {
    /// It does not begin as a file of evidence does.
    NoEvidence,
    /// It is longer than any.
    TooLong,
    /// It ends within the part that begins here.
    Ends(u64),
    /// The part that begins here is none.
    Part(u64),
}

/// The file of these parts: the summary first.
pub fn encode(parts: &[Bytes]) -> Bytes {
    let mut file = MAGIC.to_vec();
    for part in parts {
        prost::encode_length_delimiter(part.len(), &mut file).unwrap_or_default(); // a vector grows
        file.extend_from_slice(part);
    }
    file.into()
}

/// A part's bytes, without its length.
pub fn part(part: Part) -> Bytes {
    v1::EvidencePart { part: Some(part) }.encode_to_vec().into()
}

/// Takes a file apart: the parts that can be read, and why it was not read to its end, if it was not.
pub fn decode(file: &Bytes) -> (Vec<Placed>, Option<Unreadable>) {
    let mut parts = Vec::new();
    if !file.starts_with(MAGIC) {
        return (parts, Some(Unreadable::NoEvidence));
    }
    if file.len() as u64 > limits::EVIDENCE_BYTES_MAX {
        return (parts, Some(Unreadable::TooLong));
    }
    let mut rest = file.slice(MAGIC.len()..);
    while rest.has_remaining() {
        let at = (file.len() - rest.len()) as u64;
        if parts.len() >= limits::EVIDENCE_PARTS_MAX {
            return (parts, Some(Unreadable::TooLong));
        }
        let mut ahead = rest.clone();
        let Ok(length) = prost::decode_length_delimiter(&mut ahead) else {
            let why = if rest.len() < 10 { Unreadable::Ends(at) } else { Unreadable::Part(at) };
            return (parts, Some(why));
        };
        if length > limits::BUNDLE_PART_BYTES_MAX {
            return (parts, Some(Unreadable::Part(at)));
        }
        if ahead.len() < length {
            return (parts, Some(Unreadable::Ends(at)));
        }
        let bytes = ahead.split_to(length);
        rest = ahead;
        let digest = Digest::of(&bytes);
        match v1::EvidencePart::decode(bytes) {
            Ok(v1::EvidencePart { part }) => parts.push(Placed { at, digest, part }),
            Err(_) => return (parts, Some(Unreadable::Part(at))),
        }
    }
    (parts, None)
}
