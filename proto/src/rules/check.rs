//! Bodies against the rules of their fields: what is required, how much may stand there, and in which shape.

mod place;
mod shape;
mod value;
mod when;

use bytes::Bytes;
use model::{invalid::Invalid, kind::Kind, limits, reason::Reason};
use prost_reflect::DynamicMessage;

pub use self::value::whole;
use self::{place::Place, when::Head};
use super::{
    format, kinds,
    schema::{Class, FieldRules, MessageRules, Schema},
};
use crate::{border, v1};

/// The first fault.
pub fn first(schema: &Schema, body: &Bytes, header: &v1::Header) -> Result<(), Invalid> {
    run(schema, body, header, Until::First).into_iter().next().map_or(Ok(()), Err)
}

/// Every fault.
pub fn all(schema: &Schema, body: &Bytes, header: &v1::Header) -> Vec<Invalid> {
    run(schema, body, header, Until::End)
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Until {
    First,
    End,
}

/// One look at one body.
struct Check<'a> {
    schema: &'a Schema,
    code: String,
    header: Head<'a>,
    until: Until,
    faults: Vec<Invalid>,
}

/// A decoded body: which kind, by which rules, and what it says.
pub struct Opened<'a> {
    /// Which.
    pub kind: Kind,
    /// The rules of its message.
    pub rules: &'a MessageRules,
    /// Its values.
    pub value: DynamicMessage,
}

/// Decodes an encoded `Body` as the one kind it holds.
pub fn open<'a>(schema: &'a Schema, bytes: &Bytes) -> Result<Opened<'a>, Invalid> {
    let number = border::content::kind_of(bytes)?;
    let kind = i32::try_from(number).ok().and_then(Kind::from_number);
    let unknown = || Invalid::code("body", "kind.known").detail(number.to_string());
    let kind = kind.ok_or_else(unknown)?;
    let (outer, field) = schema.body().zip(schema.body_field(kind)).ok_or_else(unknown)?;
    let unreadable = || Invalid::schema("body", "content.readable");
    let mut whole = DynamicMessage::decode(outer.descriptor.clone(), bytes.clone()).map_err(|_| unreadable())?;
    let inner = whole.take_field(&field.descriptor).ok_or_else(unreadable)?;
    let prost_reflect::Value::Message(value) = inner else { return Err(unreadable()) };
    Ok(Opened { kind, rules: schema.inside(field).ok_or_else(unknown)?, value })
}

fn run(schema: &Schema, body: &Bytes, header: &v1::Header, until: Until) -> Vec<Invalid> {
    if body.len() > limits::CONTENT_BYTES_MAX {
        return vec![Invalid::too_large("body", body.len(), limits::CONTENT_BYTES_MAX)];
    }
    let opened = match open(schema, body) {
        Ok(opened) => opened,
        Err(invalid) => return vec![invalid],
    };
    if header.kind != 0 && header.kind != opened.kind.number() {
        return vec![Invalid::schema("header.kind", "content.kind_matches")];
    }
    if removes_item(opened.kind, header) && opened.value.fields().next().is_none() {
        return Vec::new(); // what is removed leaves nothing to say
    }
    let code = opened.kind.code();
    let mut check = Check { schema, code, header: Head::new(schema, header), until, faults: Vec::new() };
    check.message(opened.rules, &opened.value, &Place::root("body"));
    if !check.is_done() {
        check.faults.extend(kinds::check(body, header));
    }
    check.faults
}

/// A change that takes an item out of a document carries an empty body.
fn removes_item(kind: Kind, header: &v1::Header) -> bool {
    let op = header.document.as_ref().map(v1::DocumentChange::op);
    kind.is_document() && op == Some(v1::DocumentOp::Remove)
}

impl Check<'_> {
    fn is_done(&self) -> bool {
        self.until == Until::First && !self.faults.is_empty()
    }

    fn message(&mut self, rules: &MessageRules, value: &DynamicMessage, place: &Place<'_>) {
        if let Some(fault) = shape::geometry(rules, value) {
            if let Err(invalid) = fault {
                self.faults.push(place.geometry(&self.code, invalid));
            }
            return;
        }
        for field in &rules.fields {
            if self.is_done() {
                return;
            }
            self.field(rules, field, value, place);
        }
        if let Some((field, reason, rule)) = shape::together(rules, value) {
            self.faults.push(place.field(field).fault(&self.code, reason, rule));
        }
    }

    /// A body within a body: whatever it is must be readable; its own rules are for whoever sends it as itself.
    fn encoded(&mut self, bytes: &Bytes, place: &Place<'_>) {
        let most = limits::CONTENT_BYTES_MAX;
        if bytes.len() > most {
            let fault = place.fault(&self.code, Reason::TooLarge, "max");
            self.faults.push(fault.detail(format!("{} > {most}", bytes.len())));
        } else if let Err(invalid) = open(self.schema, bytes) {
            self.faults.push(place.fault(&self.code, invalid.reason, "body").detail(invalid.to_string()));
        }
    }

    fn field(&mut self, rules: &MessageRules, field: &FieldRules, outer: &DynamicMessage, place: &Place<'_>) {
        if !is_present(field, outer) {
            if self.header.asks_for(rules, field, outer) {
                let rule = place.field(&field.name);
                self.faults.push(rule.fault(&self.code, Reason::MissingField, "required"));
            }
            return;
        }
        let value = outer.get_field(&field.descriptor);
        match value.as_list() {
            None => self.value(field, &value, &place.field(&field.name)),
            Some(list) => self.list(field, list, place),
        }
    }

    fn list(&mut self, field: &FieldRules, list: &[prost_reflect::Value], place: &Place<'_>) {
        let most = most_of(field).unwrap_or(limits::LIST_MAX);
        if list.len() > most {
            let whole = place.field(&field.name);
            let fault = whole.fault(&self.code, Reason::TooLarge, "max");
            self.faults.push(fault.detail(format!("{} > {most}", list.len())));
        }
        for (at, value) in list.iter().enumerate() {
            if self.is_done() {
                return;
            }
            self.value(field, value, &place.entry(&field.name, at));
        }
    }

    fn value(&mut self, field: &FieldRules, value: &prost_reflect::Value, place: &Place<'_>) {
        if let (Some(rules), Some(inner)) = (self.schema.inside(field), value.as_message()) {
            return self.message(rules, inner, place);
        }
        if let (Class::Encoded, Some(bytes)) = (&field.class, value.as_bytes()) {
            return self.encoded(bytes, place);
        }
        if let Err(fault) = value::judge(field, value) {
            self.faults.push(place.fault(&self.code, fault.reason, fault.rule).detail(fault.detail));
        }
    }
}

/// Whether a field must be there: always, or because of what stands beside it.
pub fn is_owed(
    schema: &Schema,
    header: &v1::Header,
    rules: &MessageRules,
    field: &FieldRules,
    outer: &DynamicMessage,
) -> bool {
    Head::new(schema, header).asks_for(rules, field, outer)
}

/// Whether something stands there. Blank text is nothing. A plain 0 is nothing where the rule does not allow a 0, and a
/// plain `false` is an answer.
pub fn is_present(field: &FieldRules, outer: &DynamicMessage) -> bool {
    if !outer.has_field(&field.descriptor) {
        let zero = match field.class {
            Class::Bool => true,
            Class::Integer(_) | Class::Real(_) => field.rule.least.is_some_and(|least| least <= 0),
            _ => false,
        };
        return zero && !field.repeated && !field.descriptor.supports_presence();
    }
    match (&field.class, field.repeated) {
        (Class::Text, false) => outer.get_field(&field.descriptor).as_str().is_some_and(|text| !text.trim().is_empty()),
        _ => true,
    }
}

/// How much may stand there: characters, entries or bytes. None where nothing is counted.
pub fn most_of(field: &FieldRules) -> Option<usize> {
    let said = usize::try_from(field.rule.max).ok().filter(|max| *max > 0);
    match field.class {
        _ if field.repeated => Some(said.unwrap_or(limits::LIST_MAX)),
        Class::Text => Some(said.unwrap_or(format::chars_max(field.rule.format()))),
        Class::Bytes => said,
        _ => None,
    }
}
