//! What the field options of the contract say, read once, and everything generic that follows from it: checks and
//! their texts, examples, JSON, views for people, and the printed reference.
//!
//! | module | what |
//! |---|---|
//! | `schema` | options, names and comments of every message, as plain values |
//! | `info` | the same for callers: kinds, and their fields depth first |
//! | `check`, `format` | bodies against their rules; the shapes of texts |
//! | `kinds` | rules that need more than one field, one file a family |
//! | `example` | a complete and valid draft of every kind |
//! | `json`, `set` | messages as JSON, and one field of a draft from a text |
//! | `view` | a body for people to read |
//! | `reference`, `text` | the printed reference; faults in words |
//!
//! Required fields and limits are judged where a message is made. A reader shows what is there and never refuses a
//! message for what lacks, so nothing here but `check` judges. Bodies are read through their descriptors from the
//! sealed bytes and never written back: fields of newer versions survive.

mod check;
mod example;
mod format;
mod info;
mod json;
mod kinds;
mod reference;
mod schema;
mod secret;
mod set;
mod text;
mod view;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use model::{invalid::Invalid, kind::Kind, time::Timestamp};

pub use self::{
    info::{FieldInfo, KindInfo, ValueInfo},
    json::{base64, closest},
    view::ViewLine,
};
use crate::{status::Lang, v1};
use schema::Schema;

pub(crate) use self::text::words;

/// Every kind that has a body, in the catalogue's order.
pub fn kinds() -> &'static [KindInfo] {
    Schema::contract().kinds()
}

/// A kind by any of its names: `K11`, `11`, `RESOURCE_REQUEST`, `resource-request`, or its Chinese name.
pub fn kind(name: &str) -> Option<&'static KindInfo> {
    info::find(kinds(), name)
}

/// The fields of a kind's body, depth first: for flags, `explain` and the reference.
pub fn fields(kind: Kind) -> Vec<FieldInfo> {
    info::fields(Schema::contract(), kind)
}

/// The fields of the header, depth first.
pub fn header_fields() -> Vec<FieldInfo> {
    info::header_fields(Schema::contract())
}

/// Checks an encoded `Body` against the rules of its kind.
///
/// # Errors
/// The first fault, with a field path such as `body.items[2].quantity` and a rule such as `K11.items.quantity.required`.
pub fn check(body: &Bytes, header: &v1::Header) -> Result<(), Invalid> {
    check::first(Schema::contract(), body, header)
}

/// Every fault of an encoded `Body`: for forms.
pub fn check_all(body: &Bytes, header: &v1::Header) -> Vec<Invalid> {
    check::all(Schema::contract(), body, header)
}

/// The path of the first text of a body that carries the marking of a state secret.
pub fn secret_marking(body: &Bytes) -> Option<String> {
    secret::marking(Schema::contract(), body)
}

/// A complete and valid draft of `kind` from 371300 to 320300. What the agent knows better is left to it.
pub fn example(kind: Kind, lang: Lang, now: Timestamp) -> v1::Draft {
    example::draft(Schema::contract(), kind, lang, now)
}

/// A draft as JSON: names as in the contract, enum values by their short names, ids as text.
pub fn draft_to_json(draft: &v1::Draft) -> serde_json::Value {
    json::draft::write(Schema::contract(), draft)
}

/// A draft from JSON. Takes what [`draft_to_json`] writes and canonical proto3 JSON, and is lenient about the rest:
/// enum names long or short, times with an offset, bytes as hex or base64. With a kind, the body may stand alone.
///
/// # Errors
/// BAD_SCHEMA for an unknown key, naming it and the closest known one; BAD_CODE for a value that cannot be read.
pub fn draft_from_json(kind: Option<Kind>, value: &serde_json::Value) -> Result<v1::Draft, Invalid> {
    json::draft::read(Schema::contract(), kind, value)
}

/// Sets one field of a draft in JSON from a text: `items[0].quantity` in the body, `header.precedence` in the header.
///
/// # Errors
/// BAD_SCHEMA for a path that leads nowhere, BAD_CODE for a text that is no value of the field.
pub fn set(value: &mut serde_json::Value, path: &str, text: &str, kind: Kind) -> Result<(), Invalid> {
    set::field(Schema::contract(), value, path, text, kind)
}

/// Any message of the contract as JSON, from its name (`Receipt` or `liandong.v1.Receipt`) and its bytes. `Null` when
/// there is no such message or the bytes are not one.
pub fn message_to_json(name: &str, bytes: &[u8]) -> serde_json::Value {
    json::message(Schema::contract(), name, bytes, json::Fields::Present)
}

/// The same with the plain fields that are absent as well, each with its empty value: for conditions, which ask for a field
/// without asking first whether it is there.
pub fn message_to_facts(name: &str, bytes: &[u8]) -> serde_json::Value {
    json::message(Schema::contract(), name, bytes, json::Fields::Plain)
}

/// What a body says, for people: present fields only, in the order of the contract.
pub fn view(body: &Bytes, lang: Lang) -> Vec<ViewLine> {
    view::lines(Schema::contract(), body, lang)
}

/// A text in which nothing acts on a screen: control characters and the marks of bidirectional text stand there by number.
pub fn inert(text: &str) -> String {
    view::inert(text.to_owned())
}

/// One line about a body: its title if it has one, else its kind and its first text.
pub fn title(body: &Bytes, lang: Lang) -> String {
    view::title(Schema::contract(), body, lang)
}

/// The public contract as an encoded descriptor set, for other programs and for `buf breaking`: without comments and
/// without what journals hold.
pub fn released() -> Vec<u8> {
    reference::released::descriptors(crate::DESCRIPTORS)
}

/// The printed reference: Markdown by file name. Equal contracts give equal pages.
pub fn reference(lang: Lang) -> std::collections::BTreeMap<String, String> {
    reference::pages(Schema::contract(), lang)
}
