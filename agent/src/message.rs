//! An envelope read once: header, parts and digest of the exact bytes.

use bytes::Bytes;
use model::{
    header::{Header, Placement},
    ids::Digest,
    invalid::Invalid,
    reason::Reason,
};
use proto::{
    border::{self, content::Parts},
    v1,
};

/// What stands in an envelope. The body stays closed.
#[derive(Clone, Debug)]
pub struct Read {
    /// The header, well formed field by field.
    pub header: Header,
    /// Header, body and inline parts as bytes.
    pub parts: Parts,
    /// SHA-256 of the content.
    pub content_hash: Digest,
}

/// Reads an envelope; its seal is not looked at.
pub fn read(envelope: &v1::Envelope) -> Result<Read, Invalid> {
    let parts = border::parts(&envelope.content)?;
    let header = border::header::parse(&parts.header)?;
    if i64::from(header.kind.number()) != i64::from(parts.body_kind) {
        return Err(Invalid::schema("body", "content.kind_matches"));
    }
    Ok(Read { header, parts, content_hash: Digest::of(&envelope.content) })
}

/// Header and body of a content that was read before; no digest is made.
pub fn header_and_body(content: &Bytes) -> Result<(Header, Bytes), Invalid> {
    let parts = border::parts(content)?;
    Ok((border::header::parse(&parts.header)?, parts.body))
}

/// Checks that the inline parts are the files that the header lists, in its order.
pub fn check_inline(read: &Read) -> Result<(), Invalid> {
    check_parts(&read.header, &read.parts.inline)
}

/// Checks that these parts are the inline files that `header` lists, in its order.
pub fn check_parts(header: &Header, parts: &[Bytes]) -> Result<(), Invalid> {
    let mut parts = parts.iter();
    for (at, file) in header.attachments.iter().enumerate() {
        if file.placement != Placement::Inline {
            continue;
        }
        let fits = parts.next().is_some_and(|part| part.len() as u64 == file.bytes && Digest::of(part) == file.sha256);
        if !fits {
            return Err(Invalid::new(Reason::HashMismatch, format!("header.attachments[{at}]"), "attachment.digest"));
        }
    }
    if parts.next().is_some() {
        return Err(Invalid::schema("inline", "content.inline_listed"));
    }
    Ok(())
}

/// The digests of attachments that travel as blobs, with their lengths.
pub fn blobs(header: &Header) -> impl Iterator<Item = (Digest, u64)> + '_ {
    let blobs = header.attachments.iter().filter(|file| file.placement == Placement::Blob);
    blobs.map(|file| (file.sha256, file.bytes))
}
