//! Rules of bodies that need more than one field, one file a family. Each has a stable name and its words.

use bytes::Bytes;
use model::{invalid::Invalid, kind::Kind};
use prost::Message as _;
use prost_reflect::DynamicMessage;

use crate::v1;

/// A rule's name with its words in Chinese and English, said of a field.
type Named = (&'static str, (&'static str, &'static str));

/// Every rule of every family.
const NAMES: &[&[Named]] = &[];

/// The faults of a body that its fields alone do not show. A body that cannot be read has none here.
pub fn check(body: &Bytes, _header: &v1::Header) -> Vec<Invalid> {
    let Ok(v1::Body { body: Some(_) }) = v1::Body::decode(body.clone()) else { return Vec::new() };
    Vec::new()
}

/// What a rule asks, in Chinese and English.
pub fn words(rule: &str) -> Option<(&'static str, &'static str)> {
    NAMES.iter().copied().flatten().find(|(name, _)| *name == rule).map(|(_, words)| *words)
}

/// Makes the example of a kind keep the rules here too.
pub fn adjust_example(_kind: Kind, _body: &mut DynamicMessage) {}
