//! Content as bytes: where header, body and inline parts stand, found without decoding any of them.

use bytes::{Buf as _, Bytes};
use model::{invalid::Invalid, limits};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// Field numbers of `Content`.
const HEADER: u32 = 1;
const BODY: u32 = 2;
const INLINE: u32 = 3;

/// A body's field number in `Body` is its kind's number plus this.
const BODY_FIELD_OFFSET: u32 = 100;

/// The parts of an encoded `Content`, as slices of it.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The encoded header.
    pub header: Bytes,
    /// The encoded `Body`: what etags are made of.
    pub body: Bytes,
    /// The catalogue's number of the kind that the body holds.
    pub body_kind: u32,
    /// Inline attachments.
    pub inline: Vec<Bytes>,
}

/// Finds the parts of `content`. Each of header and body must stand there exactly once; unknown fields are left alone.
pub fn parts(content: &Bytes) -> Result<Parts, Invalid> {
    if content.len() > limits::CONTENT_BYTES_MAX {
        return Err(Invalid::too_large("content", content.len(), limits::CONTENT_BYTES_MAX));
    }
    let mut found = Found::default();
    let mut rest = content.clone();
    while rest.has_remaining() {
        let (tag, wire) = key(&mut rest)?;
        match tag {
            HEADER => once(&mut found.header, slice(&mut rest, wire)?, "header")?,
            BODY => once(&mut found.body, slice(&mut rest, wire)?, "body")?,
            INLINE => found.inline.push(slice(&mut rest, wire)?),
            _ => skip(&mut rest, tag, wire)?,
        }
        if found.inline.len() > limits::ATTACHMENTS_MAX {
            return Err(Invalid::too_large("inline", found.inline.len(), limits::ATTACHMENTS_MAX));
        }
    }
    found.complete()
}

#[derive(Default)]
struct Found {
    header: Option<Bytes>,
    body: Option<Bytes>,
    inline: Vec<Bytes>,
}

impl Found {
    fn complete(self) -> Result<Parts, Invalid> {
        let header = self.header.ok_or_else(|| Invalid::schema("header", "content.header"))?;
        let body = self.body.ok_or_else(|| Invalid::schema("body", "content.body"))?;
        if header.len() > limits::HEADER_BYTES_MAX {
            return Err(Invalid::too_large("header", header.len(), limits::HEADER_BYTES_MAX));
        }
        let body_kind = kind_of(&body)?;
        Ok(Parts { header, body, body_kind, inline: self.inline })
    }
}

/// The number of the kind whose body stands in `body`: exactly one.
pub fn kind_of(body: &Bytes) -> Result<u32, Invalid> {
    let mut rest = body.clone();
    let mut kind = None;
    while rest.has_remaining() {
        let (tag, wire) = key(&mut rest)?;
        skip(&mut rest, tag, wire)?;
        if tag > BODY_FIELD_OFFSET && kind.replace(tag - BODY_FIELD_OFFSET).is_some() {
            return Err(Invalid::schema("body", "content.one_kind"));
        }
    }
    kind.ok_or_else(|| Invalid::schema("body", "content.one_kind"))
}

fn once(place: &mut Option<Bytes>, bytes: Bytes, field: &'static str) -> Result<(), Invalid> {
    match place.replace(bytes) {
        None => Ok(()),
        Some(_) => Err(Invalid::schema(field, "content.once")),
    }
}

fn key(rest: &mut Bytes) -> Result<(u32, WireType), Invalid> {
    decode_key(rest).map_err(|_| unreadable())
}

fn slice(rest: &mut Bytes, wire: WireType) -> Result<Bytes, Invalid> {
    if wire != WireType::LengthDelimited {
        return Err(unreadable());
    }
    let length = decode_varint(rest).ok().and_then(|length| usize::try_from(length).ok()).ok_or_else(unreadable)?;
    if length > rest.remaining() {
        return Err(unreadable());
    }
    Ok(rest.split_to(length))
}

fn skip(rest: &mut Bytes, tag: u32, wire: WireType) -> Result<(), Invalid> {
    skip_field(wire, tag, rest, DecodeContext::default()).map_err(|_| unreadable())
}

fn unreadable() -> Invalid {
    Invalid::schema("content", "content.readable")
}
