//! Kinds and fields as callers see them: for flags, `explain`, forms and the reference.

use model::kind::Kind;

use super::{
    schema::{Class, FieldRules, Help, MessageRules, Schema},
    text,
};
use crate::{status::Lang, v1};

/// A kind that has a body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KindInfo {
    /// Which.
    pub kind: Kind,
    /// Its name in Chinese.
    pub zh: String,
    /// Its name in English.
    pub en: String,
    /// The message that is its body, for example `ResourceRequest`.
    pub message: String,
    /// The member of `Body` that holds it, for example `resource_request`.
    pub field: String,
    /// What the contract says about it.
    pub help: Help,
}

/// A field, anywhere below a body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FieldInfo {
    /// Where it stands, for example `items[].quantity`.
    pub path: String,
    /// Its name in Chinese.
    pub zh: String,
    /// Its name in English.
    pub en: String,
    /// What the contract says about it.
    pub help: Help,
    /// `text`, `integer`, `number`, `boolean`, `bytes`, `time`, `duration`, or the name of an enum or a message.
    pub type_name: String,
    /// Unit of a number; may be empty.
    pub unit: String,
    /// Never absent. Of the members of a oneof, one must be there.
    pub required: bool,
    /// When it is required too, as the contract writes it: `header.action = REPLY`; may be empty.
    pub when: String,
    /// The same in Chinese.
    pub when_zh: String,
    /// The same in English.
    pub when_en: String,
    /// Characters of a text, entries of a list or bytes at most; none where nothing is counted.
    pub max: Option<usize>,
    /// Smallest number.
    pub least: Option<i64>,
    /// Largest number.
    pub most: Option<i64>,
    /// The shape of a text.
    pub format: v1::Format,
    /// What an enum may say.
    pub values: Vec<ValueInfo>,
    /// Where the rule comes from.
    pub source: String,
    /// An example in Chinese; may be empty.
    pub example_zh: String,
    /// An example in English; may be empty.
    pub example_en: String,
    /// A list.
    pub repeated: bool,
    /// Holds personal data.
    pub personal: bool,
    /// The group of which one member may be set; may be empty.
    pub oneof: String,
}

/// A value that an enum may have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ValueInfo {
    /// Its short name, for example `INITIAL`.
    pub name: String,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// A kind by any of its names.
pub fn find<'a>(kinds: &'a [KindInfo], name: &str) -> Option<&'a KindInfo> {
    let name = name.trim();
    let upper = name.to_ascii_uppercase().replace(['-', ' '], "_");
    let short = upper.strip_prefix("KIND_").unwrap_or(&upper);
    let number = short.strip_prefix('K').unwrap_or(short).parse::<i32>().ok();
    kinds.iter().find(|info| {
        let kind = info.kind;
        number == Some(kind.number()) || kind.name() == short || kind.zh() == name || info.zh == name
    })
}

/// The fields of a kind's body, depth first.
pub fn fields(schema: &Schema, kind: Kind) -> Vec<FieldInfo> {
    let mut found = Vec::new();
    if let Some(body) = schema.body_of(kind) {
        walk(schema, body, &mut vec![body.descriptor.full_name()], "", &mut found);
    }
    found
}

/// The fields of the header, depth first.
pub fn header_fields(schema: &Schema) -> Vec<FieldInfo> {
    let mut found = Vec::new();
    if let Some(header) = schema.named("Header") {
        walk(schema, header, &mut vec![header.descriptor.full_name()], "", &mut found);
    }
    found
}

/// Goes into a message unless it stands within itself, and never into another whole body.
fn walk<'a>(
    schema: &'a Schema,
    message: &'a MessageRules,
    around: &mut Vec<&'a str>,
    path: &str,
    found: &mut Vec<FieldInfo>,
) {
    for field in &message.fields {
        let many = if field.repeated { "[]" } else { "" };
        let path =
            if path.is_empty() { format!("{}{many}", field.name) } else { format!("{path}.{}{many}", field.name) };
        found.push(info(schema, message, field, path.clone()));
        let Some(inner) = schema.inside(field) else { continue };
        let name = inner.descriptor.full_name();
        if !around.contains(&name) && !inner.is("Body") {
            around.push(name);
            walk(schema, inner, around, &path, found);
            around.pop();
        }
    }
}

fn info(schema: &Schema, message: &MessageRules, field: &FieldRules, path: String) -> FieldInfo {
    let rule = &field.rule;
    let values = match &field.class {
        Class::Enum(list) => list.values.iter(),
        _ => [].iter(),
    };
    FieldInfo {
        path,
        zh: rule.zh.clone(),
        en: rule.en.clone(),
        help: field.help.clone(),
        type_name: type_name(schema, field),
        unit: rule.unit.clone(),
        required: rule.required,
        when: text::conditions(&rule.when),
        when_zh: text::conditions_in_words(schema, message, &rule.when, Lang::Zh),
        when_en: text::conditions_in_words(schema, message, &rule.when, Lang::En),
        max: super::check::most_of(field),
        least: rule.least,
        most: rule.most,
        format: rule.format(),
        values: values
            .map(|value| ValueInfo { name: value.short.clone(), zh: value.zh.clone(), en: value.en.clone() })
            .collect(),
        source: rule.source.clone(),
        example_zh: rule.example_zh.clone(),
        example_en: if rule.example_en.is_empty() { rule.example_zh.clone() } else { rule.example_en.clone() },
        repeated: field.repeated,
        personal: rule.personal,
        oneof: field.oneof.clone().unwrap_or_default(),
    }
}

fn type_name(schema: &Schema, field: &FieldRules) -> String {
    let name = match &field.class {
        Class::Text => "text",
        Class::Bytes => "bytes",
        Class::Bool => "boolean",
        Class::Integer(_) => "integer",
        Class::Real(_) => "number",
        Class::Time => "time",
        Class::Length => "duration",
        Class::Encoded => "Body",
        Class::Enum(list) => &list.name,
        Class::Message(key) => schema.message(*key).map_or("", |message| &message.name),
    };
    name.to_owned()
}
