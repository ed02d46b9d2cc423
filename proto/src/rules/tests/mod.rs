//! The engine against a small contract of every shape, and against the contract itself.

mod checks;
mod contract;
mod jsons;
mod kinds;
mod printed;
mod views;

use std::sync::LazyLock;

use bytes::Bytes;
use model::{invalid::Invalid, kind::Kind, time::Timestamp};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, Value};
use serde_json::json;

use super::{
    check, example,
    json::Reading,
    schema::{MessageRules, Schema},
};
use crate::{status::Lang, v1};

pub const NOON: Timestamp = Timestamp::from_millis(1_784_347_500_000);

static SAMPLE: LazyLock<Schema> = LazyLock::new(|| {
    let home = env!("CARGO_MANIFEST_DIR");
    let mut compiler = protox::Compiler::new([home, &format!("{home}/src/rules/tests")]).unwrap();
    compiler.include_imports(true).include_source_info(true).open_file("sample.proto").unwrap();
    Schema::of(&DescriptorPool::decode(&*compiler.encode_file_descriptor_set()).unwrap(), "sample.Body")
});

/// The small contract.
pub fn sample() -> &'static Schema {
    &SAMPLE
}

/// A body of the small contract from JSON.
pub fn body(kind: Kind, value: &serde_json::Value) -> Bytes {
    let rules = sample().body_of(kind).unwrap();
    let reading = Reading { schema: sample(), code: kind.code() };
    wrapped(kind, reading.message(rules, value, "body").unwrap())
}

pub fn wrapped(kind: Kind, inner: DynamicMessage) -> Bytes {
    let mut outer = DynamicMessage::new(sample().body().unwrap().descriptor.clone());
    outer.set_field(&sample().body_field(kind).unwrap().descriptor, Value::Message(inner));
    outer.encode_to_vec().into()
}

/// A request that keeps every rule.
pub fn request() -> serde_json::Value {
    json!({
        "effect": "排涝",
        "items": [{"quantity": 2, "necessity": "NICE"}, {"quantity": 100, "necessity": "ESSENTIAL", "why": "断电"}],
        "needed_by": "2026-07-18T12:00:00+08:00",
        "road": {"number": "G2"},
    })
}

/// A report that keeps every rule.
pub fn report() -> serde_json::Value {
    json!({"title": "沂河超警", "dead": {"certainty": "UNKNOWN"}})
}

pub fn header(kind: Kind) -> v1::Header {
    v1::Header { kind: kind.number(), ..v1::Header::default() }
}

pub fn faults(kind: Kind, value: &serde_json::Value) -> Vec<Invalid> {
    check::all(sample(), &body(kind, value), &header(kind))
}

/// `request` or `report` with one change.
pub fn with(mut value: serde_json::Value, path: &str, new: serde_json::Value) -> serde_json::Value {
    *value.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = new;
    value
}

pub fn plus(mut value: serde_json::Value, key: &str, new: serde_json::Value) -> serde_json::Value {
    value.as_object_mut().unwrap().insert(key.to_owned(), new);
    value
}

#[test]
fn options_names_and_comments_are_read_from_the_descriptors() {
    let kinds: Vec<(Kind, &str)> = sample().kinds().iter().map(|info| (info.kind, info.en.as_str())).collect();
    assert_eq!(kinds, [(Kind::IncidentReport, "Incident report"), (Kind::ResourceRequest, "Resource request")]);
    let request = sample().body_of(Kind::ResourceRequest).unwrap();
    let effect = request.field("effect").unwrap();
    assert_eq!(
        (effect.rule.zh.as_str(), effect.rule.max, effect.help.en.as_str()),
        ("目标", 20, "What must be achieved.")
    );
    assert_eq!(request.help.en, "Asks for things.");
}

#[test]
fn fields_are_listed_depth_first_and_a_body_within_a_body_stays_closed() {
    let fields = super::info::fields(sample(), Kind::ResourceRequest);
    let paths: Vec<&str> = fields.iter().map(|field| field.path.as_str()).take(8).collect();
    let items = ["items[].quantity", "items[].necessity", "items[].why", "items[].floor", "items[].balance_fen"];
    assert_eq!(paths, [&["effect", "items[]"][..], &items, &["needed_by"]].concat());
    let why = fields.iter().find(|field| field.path == "items[].why").unwrap();
    assert_eq!(why.when, "necessity = ESSENTIAL");
    assert_eq!(
        (why.when_zh.as_str(), why.when_en.as_str()),
        ("当“必要性”为“必需”时", "when “Necessity” is “Essential”")
    );
}

#[test]
fn an_example_of_the_small_contract_keeps_its_rules_in_both_languages() {
    for (kind, lang) in [(Kind::ResourceRequest, Lang::Zh), (Kind::IncidentReport, Lang::En)] {
        let rules: &MessageRules = sample().body_of(kind).unwrap();
        let made = example::body(sample(), kind, lang, NOON, &header(kind)).unwrap();
        assert_eq!(check::all(sample(), &made, &header(kind)), [], "{}", rules.name);
    }
}
