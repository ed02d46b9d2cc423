//! JSON there and back, and single fields from texts, on the small contract.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::rules::{json as engine, set};

const K11: Kind = Kind::ResourceRequest;

fn back(kind: Kind, bytes: &Bytes) -> Value {
    let whole = engine::message(sample(), "sample.Body", bytes, engine::Fields::Present);
    whole.get(&sample().body_field(kind).unwrap().name).cloned().unwrap()
}

fn read(kind: Kind, value: &Value) -> Result<DynamicMessage, Invalid> {
    let reading = Reading { schema: sample(), code: kind.code() };
    reading.message(sample().body_of(kind).unwrap(), value, "body")
}

#[test]
fn what_is_written_can_be_read_again() {
    let value = json!({
        "effect": "排涝",
        "items": [{"quantity": 2, "necessity": "NICE", "floor": 0, "balance_fen": 1_250_050}],
        "needed_by": "2026-07-18T04:00:00Z",
        "needed_for": "5400s",
        "toward": ["320300"],
        "air": "直升机",
    });
    assert_eq!(back(K11, &body(K11, &value)), value);

    let report = json!({
        "title": "a", "dead": {"count": 0, "certainty": "CONFIRMED", "as_of": "2026-07-18T04:00:00.250Z"},
        "point": {"lat_e7": 346_283_000, "lon_e7": 1_183_164_000},
        "follows": "01981a30-25a0-7000-8000-000000000001",
        "digest": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "blob": "AAECAwQF/w==", "share": 12.5, "public": true,
    });
    assert_eq!(back(Kind::IncidentReport, &body(Kind::IncidentReport, &report)), report);
}

#[test]
fn what_people_type_is_understood() {
    let typed = json!({
        "effect": "a",
        "items": {"quantity": "2", "necessity": "必需", "why": "b", "balanceFen": "9007199254740993"},
        "neededBy": "2026-07-18 12:00",
        "需用时长": "1h30m",
        "air": null,
        "road": {"number": "G2"},
    });
    let expected = json!({
        "effect": "a",
        "items": [{"quantity": 2, "necessity": "ESSENTIAL", "why": "b", "balance_fen": "9007199254740993"}],
        "needed_by": "2026-07-18T04:00:00Z",
        "needed_for": "5400s",
        "road": {"number": "G2"},
    });
    assert_eq!(back(K11, &body(K11, &typed)), expected);
    for long in ["NECESSITY_NICE", "nice", "Nice to have", "可选"] {
        let value = json!({"items": [{"necessity": long}]});
        assert_eq!(back(K11, &body(K11, &value))["items"][0]["necessity"], "NICE", "{long}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_closest_known_one() {
    let wrong = read(K11, &json!({"items": [{}, {"quantitiy": 1}]})).unwrap_err();

    assert_eq!((wrong.field.as_str(), wrong.rule.as_str()), ("body.items[1].quantitiy", "json.unknown_key"));
    assert_eq!(wrong.detail, "did you mean quantity?");
}

#[test]
fn a_value_that_cannot_be_read_names_its_rule() {
    let wrong = |value| read(K11, &value).map(drop).unwrap_err();

    let code = wrong(json!({"items": [{"necessity": "ESENTIAL"}]}));
    assert_eq!((code.field.as_str(), code.rule.as_str()), ("body.items[0].necessity", "K11.items.necessity.known"));
    assert_eq!(code.detail, "ESENTIAL; did you mean ESSENTIAL?");
    assert_eq!(wrong(json!({"items": [{"quantity": -1}]})).rule, "K11.items.quantity.value");
    assert_eq!(wrong(json!({"items": [{"quantity": 1.5}]})).rule, "K11.items.quantity.value");
    assert_eq!(wrong(json!({"needed_by": "tomorrow"})).rule, "K11.needed_by.value");
    assert_eq!(wrong(json!({"needed_by": "2026-07-18"})).rule, "K11.needed_by.value");
    assert_eq!(wrong(json!({"road": "G2"})).rule, "json.object");
    assert_eq!(wrong(json!({"road": {"number": "1"}, "air": "2"})).rule, "json.one_of");
}

#[test]
fn a_field_is_set_by_its_path() {
    let mut draft = Value::Null;
    for (path, text) in [
        ("effect", "排涝"),
        ("items[0].quantity", "2"),
        ("items[0].necessity", "nice"),
        ("body.items[1].quantity", "3"),
        ("toward", "320300,320700"),
        ("road.number", "G2"),
        ("air", "直升机"),
        ("area", r#"{"circle": {"center": {"lat_e7": 1, "lon_e7": 2}, "radius_m": 3}}"#),
        ("header.precedence", "FLASH"),
        ("header.incident_id", "371300-20260718-0001"),
    ] {
        set::field(sample(), &mut draft, path, text, K11).unwrap_or_else(|wrong| panic!("{path}: {wrong}"));
    }
    let inner = draft.pointer("/body/resource_request").unwrap();
    let message = read(K11, inner).unwrap();
    let again = back(K11, &wrapped(K11, message));
    assert_eq!(again["items"][1]["quantity"], 3);
    assert_eq!(again["toward"], json!(["320300", "320700"]));
    assert_eq!((again.get("road"), &again["air"]), (None, &json!("直升机")));
    assert_eq!(draft["header"]["precedence"], "FLASH");
}

#[test]
fn a_path_that_leads_nowhere_is_refused() {
    let wrong = |path: &str, text: &str| set::field(sample(), &mut json!({}), path, text, K11).unwrap_err().rule;

    assert_eq!(wrong("item[0].quantity", "1"), "json.unknown_key");
    assert_eq!(wrong("items[1].quantity", "1"), "json.index");
    assert_eq!(wrong("effect[0]", "1"), "json.no_list");
    assert_eq!(wrong("effect.more", "1"), "json.no_message");
    assert_eq!(wrong("items[0].quantity", "many"), "K11.items.quantity.value");
    assert_eq!(wrong("header.precedence", "URGENT"), "header.precedence.known");
    assert_eq!(wrong("road", "G2"), "json.object");
    for odd in
        ["", ".", "..", "items[", "items[]", "items[99999999999999999999]", "[0]", "header.", "items[-1].quantity"]
    {
        assert!(set::field(sample(), &mut json!({}), odd, "1", K11).is_err() || odd.starts_with("items["), "{odd}");
    }
}

proptest! {
    #[test]
    fn any_numbers_and_texts_survive_json(quantity: u32, floor in any::<i32>(), fen: i64, text in "\\PC{1,30}", seconds in 0_i64..200_000_000_000, nanos in 0_i32..1_000_000_000) {
        let at = prost_types::Timestamp { seconds, nanos };
        let item = json!({"quantity": quantity, "floor": floor, "balance_fen": fen});
        let bytes = body(K11, &json!({"effect": text, "items": [item], "needed_by": at.to_string()}));
        let again = body(K11, &back(K11, &bytes));
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn any_bytes_survive_json(blob in prop::collection::vec(any::<u8>(), 1..120)) {
        let mut message = read(Kind::IncidentReport, &json!({})).unwrap();
        message.set_field_by_name("blob", prost_reflect::Value::Bytes(blob.into()));
        let bytes = wrapped(Kind::IncidentReport, message);
        prop_assert_eq!(body(Kind::IncidentReport, &back(Kind::IncidentReport, &bytes)), bytes);
    }

    #[test]
    fn no_text_makes_setting_panic(path in "[a-z\\[\\]0-9.]{0,20}", text in ".{0,20}") {
        let _ = set::field(sample(), &mut json!({}), &path, &text, K11);
        let _ = read(K11, &json!({"needed_by": text, "items": [{"necessity": path}]}));
        let _ = read(K11, &json!({"needed_for": text}));
    }
}
