//! A complete and valid draft of every kind: a header as the catalogue's table of kinds asks for it, and a body with
//! every required field and with whatever else the contract gives an example for.

mod header;
mod value;

use bytes::Bytes;
use model::{
    kind::{Family, Kind},
    time::Timestamp,
};
use prost::Message as _;
use prost_reflect::{DynamicMessage, Value};

use super::{
    check,
    schema::{Class, FieldRules, MessageRules, Schema},
};
use crate::{status::Lang, v1};

/// How deep an example goes; the contract's bodies end long before.
const DEPTH_MAX: usize = 12;
/// Rounds in which conditions may ask for more: each adds at least one field.
const ROUNDS_MAX: usize = 64;

/// For whom and when an example is made.
#[derive(Clone, Copy)]
struct Maker<'a> {
    schema: &'a Schema,
    lang: Lang,
    now: Timestamp,
    family: Family,
}

/// The draft of a kind. A kind without body has an empty one.
pub fn draft(schema: &Schema, kind: Kind, lang: Lang, now: Timestamp) -> v1::Draft {
    let maker = Maker { schema, lang, now, family: kind.family() };
    let mut header = header::of(kind, lang, now);
    // the agent starts a thread with what names no message before it
    let first = v1::Header { action: v1::Action::Originate.into(), ..header.clone() };
    let body = maker.body(kind, &first);
    if body.as_ref().is_some_and(|body| is_personal(schema, body)) {
        header::keep_personal_data(&mut header, now);
    }
    let body = body.and_then(|body| v1::Body::decode(body).ok());
    if let Some(body) = body.as_ref().and_then(|body| body.body.as_ref()) {
        header::fit(&mut header, kind, body);
    }
    v1::Draft { header: Some(header), body, inline: Vec::new() }
}

/// The encoded `Body` of an example under this header.
#[cfg(test)]
pub fn body(schema: &Schema, kind: Kind, lang: Lang, now: Timestamp, header: &v1::Header) -> Option<Bytes> {
    Maker { schema, lang, now, family: kind.family() }.body(kind, header)
}

impl Maker<'_> {
    fn body(&self, kind: Kind, header: &v1::Header) -> Option<Bytes> {
        let (outer, field) = self.schema.body().zip(self.schema.body_field(kind))?;
        let rules = self.schema.inside(field)?;
        let mut inner = self.message(rules, header, 0);
        for name in super::kinds::example_fields(kind) {
            if let Some(field) = rules.field(name).filter(|field| !check::is_present(field, &inner)) {
                self.put(&mut inner, field, header, 0);
            }
        }
        super::kinds::adjust_example(kind, &mut inner);
        let mut body = DynamicMessage::new(outer.descriptor.clone());
        body.try_set_field(&field.descriptor, Value::Message(inner)).ok()?;
        Some(body.encode_to_vec().into())
    }

    /// What is required and what has an example; then, round by round, what the conditions ask for.
    fn message(&self, rules: &MessageRules, header: &v1::Header, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(rules.descriptor.clone());
        if let Some(shape) = value::geometry(rules) {
            return shape;
        }
        for field in &rules.fields {
            if (field.rule.required || self.is_shown(field)) && !is_taken(rules, field, &message) {
                self.put(&mut message, field, header, depth);
            }
        }
        for _ in 0..ROUNDS_MAX {
            let owed = rules.fields.iter().find(|field| {
                !check::is_present(field, &message) && check::is_owed(self.schema, header, rules, field, &message)
            });
            let Some(field) = owed.or_else(|| first_of_group(rules, &message)) else { break };
            self.put(&mut message, field, header, depth);
            if !check::is_present(field, &message) {
                break; // it cannot be made, and the check will name it
            }
        }
        message
    }

    /// An optional field that the contract gives an example for.
    fn is_shown(&self, field: &FieldRules) -> bool {
        !self.said(field).is_empty() && field.rule.when.is_empty()
    }

    /// What the contract says as an example, in the language that is asked for.
    fn said<'b>(&self, field: &'b FieldRules) -> &'b str {
        let rule = &field.rule;
        if self.lang == Lang::En && !rule.example_en.is_empty() { &rule.example_en } else { &rule.example_zh }
    }

    fn put(&self, message: &mut DynamicMessage, field: &FieldRules, header: &v1::Header, depth: usize) {
        let one = match self.schema.inside(field) {
            Some(inner) if depth < DEPTH_MAX => Some(Value::Message(self.message(inner, header, depth + 1))),
            Some(_) => None,
            None if matches!(field.class, Class::Encoded) => self.inner_body(header),
            None => value::of(self, field),
        };
        let Some(one) = one else { return };
        let whole = if field.repeated { Value::List(vec![one]) } else { one };
        // a value of another type is left out, and the check then names the field: a test holds that this never happens
        let _ = message.try_set_field(&field.descriptor, whole);
    }

    /// A whole body within a body, as a drill's inject has it: a bulletin.
    fn inner_body(&self, header: &v1::Header) -> Option<Value> {
        self.body(Kind::Bulletin, header).map(Value::Bytes)
    }
}

/// A group of which nothing stands there yet: its first member.
fn first_of_group<'a>(rules: &'a MessageRules, message: &DynamicMessage) -> Option<&'a FieldRules> {
    rules.fields.iter().find(|field| field.oneof.is_some() && !is_taken(rules, field, message))
}

/// Another member of its group stands there already.
fn is_taken(rules: &MessageRules, field: &FieldRules, message: &DynamicMessage) -> bool {
    let same = |other: &&FieldRules| field.oneof.is_some() && other.oneof == field.oneof;
    rules.fields.iter().filter(same).any(|other| message.has_field(&other.descriptor))
}

/// Whether a personal field is filled anywhere in the body.
fn is_personal(schema: &Schema, body: &Bytes) -> bool {
    super::view::lines(schema, body, Lang::En).iter().any(|line| line.personal)
}
