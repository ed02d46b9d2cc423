//! The conditions of a field: a sibling, or a field of the header, has a value or is there.

use std::cell::OnceCell;

use prost_reflect::{DynamicMessage, Value};

use super::{
    super::schema::{Class, FieldRules, MessageRules, Schema},
    is_present,
};
use crate::v1;

/// What a condition's path begins with when it is about the header.
pub const HEADER: &str = "header.";

/// The header beside a body, opened once somebody asks for it.
pub struct Head<'a> {
    schema: &'a Schema,
    wire: &'a v1::Header,
    opened: OnceCell<Option<DynamicMessage>>,
}

impl<'a> Head<'a> {
    /// The header that a condition may ask about.
    pub const fn new(schema: &'a Schema, wire: &'a v1::Header) -> Self {
        Self { schema, wire, opened: OnceCell::new() }
    }

    /// Whether a field must be there: always, or because a condition holds. A member of a oneof asks for any of its
    /// group.
    pub fn asks_for(&self, rules: &MessageRules, field: &FieldRules, outer: &DynamicMessage) -> bool {
        let asked = field.rule.required || self.any_holds(rules, &field.rule.when, outer);
        asked && !field.oneof.as_ref().is_some_and(|group| any_is_set(rules, group, outer))
    }

    /// Whether any of the conditions holds for a message.
    fn any_holds(&self, rules: &MessageRules, when: &[v1::Condition], outer: &DynamicMessage) -> bool {
        when.iter().any(|condition| match condition.field.strip_prefix(HEADER) {
            None => holds(condition, rules.field(&condition.field), outer),
            Some(field) => {
                let rules = self.schema.named("Header");
                rules.zip(self.open()).is_some_and(|(rules, header)| holds(condition, rules.field(field), header))
            }
        })
    }

    fn open(&self) -> Option<&DynamicMessage> {
        let open = || {
            let mut opened = DynamicMessage::new(self.schema.named("Header")?.descriptor.clone());
            opened.transcode_from(self.wire).ok()?;
            Some(opened)
        };
        self.opened.get_or_init(open).as_ref()
    }
}

fn any_is_set(rules: &MessageRules, group: &str, outer: &DynamicMessage) -> bool {
    rules.fields.iter().any(|other| other.oneof.as_deref() == Some(group) && outer.has_field(&other.descriptor))
}

fn holds(condition: &v1::Condition, field: Option<&FieldRules>, outer: &DynamicMessage) -> bool {
    let Some(field) = field else { return false };
    if condition.equals.is_empty() {
        return condition.present && is_present(field, outer);
    }
    let value = outer.get_field(&field.descriptor);
    match value.as_list() {
        Some(list) => list.iter().any(|value| equals(&condition.equals, field, value)),
        None => equals(&condition.equals, field, &value),
    }
}

fn equals(wanted: &str, field: &FieldRules, value: &Value) -> bool {
    match (&field.class, value) {
        (Class::Enum(list), Value::EnumNumber(number)) => {
            list.number(*number).is_some_and(|value| value.short == wanted)
        }
        (_, Value::String(text)) => text == wanted,
        (_, Value::Bool(truth)) => wanted == if *truth { "true" } else { "false" },
        (_, number) => super::value::whole(number).is_some_and(|number| number.to_string() == wanted),
    }
}
