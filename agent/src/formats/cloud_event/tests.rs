//! Events that are drafts, and those that are none.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

const TYPE: &str = "cn.liandong.info.bulletin.v1";

fn said() -> Value {
    json!({
        "specversion": "1.0", "id": "e-1", "source": "//river/1", "type": TYPE,
        "subject": "371300-20270512-0001", "severitytext": "黄", "dataclassification": "内部",
        "ldprecedence": "PRIORITY", "time": "2027-05-12T01:00:00Z", "sequence": 7,
        "data": { "headline": "沂河水位", "subtype": "NOTICE" },
    })
}

fn with(key: &str, value: Value) -> Value {
    let mut event = said();
    event[key] = value;
    event
}

#[test]
fn attributes_become_the_header_over_what_is_known_of_the_source_and_the_data_becomes_the_body() {
    let known = json!({ "precedence": "ROUTINE", "purpose": "监测" });
    let draft = structured(said()).unwrap().draft(known.as_object().unwrap()).unwrap();

    let header = draft.header.unwrap();
    assert_eq!((header.precedence(), header.purpose.as_str()), (v1::Precedence::Priority, "监测"));
    assert_eq!((header.event_level(), header.confidentiality()), (v1::EventLevel::L3, v1::Confidentiality::Internal));
    assert_eq!(header.incident_id, "371300-20270512-0001");
    let Some(v1::body::Body::Bulletin(bulletin)) = draft.body.unwrap().body else { unreachable!("a bulletin") };
    assert_eq!(bulletin.headline, "沂河水位");
}

#[test]
fn headers_say_the_same_as_one_object() {
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "e-1"),
        ("ce-source", "//river/1"),
        ("ce-type", TYPE),
        ("ce-subject", "371300-20270512-0001"),
        ("ce-severitytext", "%E9%BB%84"),
        ("ce-dataclassification", "内部"),
        ("ce-ldprecedence", "PRIORITY"),
        ("ce-sequence", "7"),
        ("host", "localhost"),
    ];
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    let body = r#"{"subtype": "NOTICE", "headline": "沂河水位"}"#;

    let event = binary(headers, "application/json; charset=utf-8", body.as_bytes()).unwrap();

    let other = structured(said()).unwrap();
    assert_eq!(event.digest(), other.digest(), "the order of members and the time of telling say nothing");
    assert_eq!(event.draft(&Map::new()).unwrap(), other.draft(&Map::new()).unwrap());
}

#[test]
fn another_word_is_another_digest() {
    let digest = |value: Value| structured(value).unwrap().digest();
    assert_eq!(digest(said()), digest(with("time", json!("2027-05-12T02:00:00Z"))));
    assert_ne!(digest(said()), digest(with("data", json!({ "headline": "沂河水位。", "subtype": "NOTICE" }))));
    assert_ne!(digest(said()), digest(with("ldprecedence", json!("FLASH"))));
}

#[test]
fn an_exercise_is_another_type_and_nothing_contradicts_it() {
    let exercise = json!("cn.liandong.exercise.info.bulletin.v1");
    let status = |value: Value, known: Value| {
        let draft = structured(value).unwrap().draft(known.as_object().unwrap());
        draft.map(|draft| draft.header.unwrap().status()).map_err(|invalid| invalid.rule)
    };
    assert_eq!(status(with("type", exercise.clone()), json!({})), Ok(v1::Status::Exercise));
    assert_eq!(status(said(), json!({})), Ok(v1::Status::Unspecified));
    assert_eq!(status(with("ldstatus", json!("EXERCISE")), json!({})), Err("event.differs".to_owned()));
    for same in [json!("exercise"), json!("演练"), json!(2)] {
        assert_eq!(status(said(), json!({ "status": same })), Err("event.differs".to_owned()), "{same}");
        assert_eq!(
            status(with("type", exercise.clone()), json!({ "status": same })),
            Ok(v1::Status::Exercise),
            "{same}"
        );
    }
    for same in ["exercise", "演练", "2"] {
        assert_eq!(status(with("ldstatus", json!(same)), json!({})), Err("event.differs".to_owned()), "{same}");
    }
    assert_eq!(status(with("type", exercise), json!({ "status": "ACTUAL" })), Err("event.differs".to_owned()));
    assert_eq!(status(said(), json!({ "status": "EXERCISE" })), Err("event.differs".to_owned()));
    assert_eq!(status(with("ldkind", json!("K04")), json!({})), Err("event.differs".to_owned()));
}

#[test]
fn every_kind_has_a_name_of_its_own_that_leads_back_to_it() {
    for kind in Kind::ALL {
        let event = structured(with("type", json!(format!("cn.liandong.{}.v1", name_of(*kind))))).unwrap();
        assert_eq!(event.kind, *kind);
    }
}

#[test]
fn what_is_no_event_of_ours_is_refused_with_its_attribute() {
    for (key, value, field, rule) in [
        ("specversion", json!("0.3"), "specversion", "event.version"),
        ("specversion", Value::Null, "specversion", "field.required"),
        ("id", json!(""), "id", "field.required"),
        ("id", json!("x".repeat(257)), "id", "limit"),
        ("source", Value::Null, "source", "field.required"),
        ("type", json!("com.example.thing"), "type", "event.type"),
        ("type", json!("cn.liandong.info.bulletin"), "type", "event.type"),
        ("type", json!("cn.liandong.unknown.v1"), "type", "event.type"),
        ("subject", json!({}), "subject", "event.attribute"),
        ("subject", json!("a\nb"), "subject", "event.attribute"),
        ("Bad-Name", json!("x"), "Bad-Name", "event.attribute"),
        ("datacontenttype", json!("application/protobuf"), "datacontenttype", "event.media"),
        ("data", json!([1]), "data", "event.data"),
        ("data_base64", json!("e30="), "data_base64", "event.data"),
        ("comment", json!("x".repeat(1025)), "comment", "limit"),
    ] {
        let refused = structured(with(key, value)).unwrap_err();
        assert_eq!((refused.field.as_str(), refused.rule.as_str()), (field, rule), "{key}");
    }
    for (key, value, field) in [
        ("severitytext", "purple", "severitytext"),
        ("causationid", "e-0", "causationid"),
        ("ldprecedence", "SOON", "header.precedence"),
        ("expirytime", "tomorrow", "header.expires_at"),
    ] {
        let refused = structured(with(key, json!(value))).unwrap().draft(&Map::new()).unwrap_err();
        assert_eq!(refused.field, field, "{refused}");
    }
    let refused = structured(with("data", json!({ "headlin": "x" }))).unwrap().draft(&Map::new()).unwrap_err();
    assert!(refused.field.ends_with("headlin"), "{refused}");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_panic(name in "ce-[a-z0-9%]{0,9}", value: Vec<u8>, body: Vec<u8>) {
        let headers = [("ce-specversion", b"1.0".as_slice()), (name.as_str(), value.as_slice())];
        prop_assert!(binary(headers.into_iter(), "application/json", &body).is_err());
        if let Ok(value) = serde_json::from_slice(&body) {
            prop_assert!(structured(value).is_err());
        }
    }
}
