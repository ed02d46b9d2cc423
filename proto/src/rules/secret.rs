//! Markings of state secrets in the texts of a body. The sender's own agent asks before it seals.

use bytes::Bytes;
use model::secrecy;
use prost_reflect::{DynamicMessage, Value};

use super::{
    check::open,
    schema::{Class, MessageRules, Schema},
};

/// The path of the first marked text; none when the body cannot be read, which `check` says.
pub fn marking(schema: &Schema, body: &Bytes) -> Option<String> {
    let opened = open(schema, body).ok()?;
    within(schema, opened.rules, &opened.value).map(|path| format!("body.{path}"))
}

fn within(schema: &Schema, rules: &MessageRules, message: &DynamicMessage) -> Option<String> {
    rules.fields.iter().filter(|field| message.has_field(&field.descriptor)).find_map(|field| {
        let value = message.get_field(&field.descriptor);
        let inside = |value: &Value| match value {
            Value::String(text) => secrecy::marking(text).map(|_| String::new()),
            Value::Bytes(bytes) if matches!(field.class, Class::Encoded) => {
                marking(schema, bytes).and_then(|path| path.strip_prefix("body").map(str::to_owned))
            }
            Value::Message(inner) => within(schema, schema.inside(field)?, inner).map(|path| format!(".{path}")),
            _ => None,
        };
        match value.as_list() {
            None => inside(&value).map(|rest| format!("{}{rest}", field.name)),
            Some(list) => {
                let entry = |(at, value)| inside(value).map(|rest| format!("{}[{at}]{rest}", field.name));
                list.iter().enumerate().find_map(entry)
            }
        }
    })
}
