//! From values to JSON.

use model::ids::MessageId;
use prost_reflect::{DynamicMessage, Value as Wire};
use serde_json::{Map, Value};

use super::{
    super::{
        check::whole,
        schema::{Class, FieldRules, MessageRules, Schema},
        view::hex,
    },
    scalar::{self, base64},
};
use crate::{border, v1::Format};

/// Whole numbers up to this size are JSON numbers; larger ones would lose digits and are texts.
const EXACT: u128 = 1 << 53;

/// Which fields of a message are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fields {
    /// Those that are present: for people and other programs.
    Present,
    /// Those too that are absent and have an empty value, so that a condition may ask for them: all but messages, points and
    /// lengths of time, and members of a group of which one is set.
    Plain,
}

impl Fields {
    fn writes(self, field: &FieldRules, message: &DynamicMessage) -> bool {
        let plain = !matches!(field.class, Class::Message(_) | Class::Encoded | Class::Time | Class::Length);
        let empty = field.repeated || (plain && field.oneof.is_none());
        message.has_field(&field.descriptor) || (self == Self::Plain && empty)
    }
}

/// A message with these fields.
pub fn message(schema: &Schema, rules: &MessageRules, message: &DynamicMessage, fields: Fields) -> Value {
    let written = rules.fields.iter().filter(|field| fields.writes(field, message));
    let entries = written.map(|field| {
        let value = message.get_field(&field.descriptor);
        let json = match value.as_list() {
            Some(list) => Value::Array(list.iter().map(|value| one(schema, field, value, fields)).collect()),
            None => one(schema, field, &value, fields),
        };
        (field.name.clone(), json)
    });
    Value::Object(entries.collect::<Map<_, _>>())
}

fn one(schema: &Schema, field: &FieldRules, value: &Wire, fields: Fields) -> Value {
    match (&field.class, value) {
        (Class::Message(key), Wire::Message(inner)) => {
            schema.message(*key).map_or(Value::Null, |rules| message(schema, rules, inner, fields))
        }
        (Class::Text, Wire::String(text)) => Value::from(text.as_str()),
        (Class::Bool, Wire::Bool(truth)) => Value::from(*truth),
        (Class::Encoded, Wire::Bytes(bytes)) => {
            let inner = schema.body().and_then(|rules| {
                let body = DynamicMessage::decode(rules.descriptor.clone(), bytes.clone()).ok()?;
                Some(message(schema, rules, &body, fields))
            });
            inner.unwrap_or_else(|| Value::from(base64::encode(bytes)))
        }
        (Class::Bytes, Wire::Bytes(bytes)) => Value::from(bytes_text(field, bytes)),
        (Class::Enum(list), Wire::EnumNumber(number)) => {
            list.number(*number).map_or_else(|| Value::from(*number), |value| Value::from(value.short.as_str()))
        }
        (Class::Time, Wire::Message(inner)) => inner.transcode_to().map_or(Value::Null, time),
        (Class::Length, Wire::Message(inner)) => inner.transcode_to().map_or(Value::Null, length),
        (_, Wire::F64(number)) => real(*number),
        (_, Wire::F32(number)) => real(f64::from(*number)),
        (_, number) => whole(number).map_or(Value::Null, exact),
    }
}

fn exact(number: i128) -> Value {
    match i64::try_from(number) {
        Ok(small) if number.unsigned_abs() <= EXACT => Value::from(small),
        _ => Value::from(number.to_string()),
    }
}

fn real(number: f64) -> Value {
    serde_json::Number::from_f64(number).map_or_else(|| Value::from(number.to_string()), Value::Number)
}

/// Ids and digests as people know them; bytes of a fixed small width as hex; others as base64.
fn bytes_text(field: &FieldRules, bytes: &[u8]) -> String {
    match (field.rule.format(), MessageId::try_from(bytes)) {
        (Format::MessageId, Ok(id)) => id.to_string(),
        _ if scalar::is_hex_width(field, bytes.len()) => hex(bytes),
        _ => base64::encode(bytes),
    }
}

/// RFC 3339 in UTC; digits after the second only where they say something.
fn time(wire: prost_types::Timestamp) -> Value {
    match border::time::optional(Some(wire), "") {
        Ok(Some(_)) => Value::from(wire.to_string()),
        // what no calendar has is shown as it stands, so that nothing is hidden
        Ok(None) | Err(_) => Value::from(format!("{}s{}ns", wire.seconds, wire.nanos)),
    }
}

fn length(wire: prost_types::Duration) -> Value {
    let part = wire.nanos.unsigned_abs();
    let sign = if wire.seconds < 0 || wire.nanos < 0 { "-" } else { "" };
    let whole = wire.seconds.unsigned_abs();
    let text = match part {
        0 => format!("{sign}{whole}s"),
        part => format!("{sign}{whole}.{}s", format!("{part:09}").trim_end_matches('0')),
    };
    Value::from(text)
}
