//! Messages as JSON. Written: the contract's own field names (the paths of faults are then paths into the JSON), enum
//! values by their short names, times as RFC 3339 in UTC, ids as text. Read: that, canonical proto3 JSON, and what
//! people type.

pub mod draft;
mod read;
mod scalar;
mod write;

use serde_json::Value;

pub use self::{
    read::{Reading, closest, find, unknown_key},
    scalar::{base64, scalar},
    write::Fields,
};
use super::schema::Schema;

/// A message by name and bytes, with these of its fields; `Null` when it cannot be read.
pub fn message(schema: &Schema, name: &str, bytes: &[u8], fields: Fields) -> Value {
    let Some(rules) = schema.named(name) else { return Value::Null };
    match prost_reflect::DynamicMessage::decode(rules.descriptor.clone(), bytes) {
        Ok(message) => write::message(schema, rules, &message, fields),
        Err(_) => Value::Null,
    }
}
