//! Every rule broken once, on the small contract.

use model::reason::Reason;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::rules::text;

/// The one fault of a value, as reason, path and rule.
fn fault(kind: Kind, value: &Value) -> (Reason, String, String) {
    let faults = faults(kind, value);
    assert_eq!(faults.len(), 1, "{faults:?}");
    let Invalid { reason, field, rule, .. } = faults.into_iter().next().unwrap();
    (reason, field, rule)
}

fn is(reason: Reason, field: &str, rule: &str) -> (Reason, String, String) {
    (reason, field.to_owned(), rule.to_owned())
}

const K11: Kind = Kind::ResourceRequest;
const K01: Kind = Kind::IncidentReport;

#[test]
fn what_keeps_every_rule_has_no_fault() {
    assert_eq!(faults(K11, &request()), []);
    assert_eq!(faults(K01, &report()), []);
}

#[test]
fn a_required_field_that_is_absent_or_blank_is_named() {
    let missing = |field: &str, rule: &str| is(Reason::MissingField, field, rule);
    let gone = |path: &str| with(request(), path, Value::Null);

    assert_eq!(fault(K11, &gone("/effect")), missing("body.effect", "K11.effect.required"));
    assert_eq!(fault(K11, &with(request(), "/effect", json!(" \n"))), missing("body.effect", "K11.effect.required"));
    assert_eq!(fault(K11, &gone("/needed_by")), missing("body.needed_by", "K11.needed_by.required"));
    assert_eq!(fault(K11, &with(request(), "/items", json!([]))), missing("body.items", "K11.items.required"));
    assert_eq!(
        fault(K11, &with(request(), "/items/1/quantity", json!(0))),
        missing("body.items[1].quantity", "K11.items.quantity.required")
    );
    assert_eq!(
        fault(K11, &with(request(), "/road/number", json!(""))),
        missing("body.road.number", "K11.road.number.required")
    );
    assert_eq!(fault(K11, &gone("/road")), missing("body.road", "K11.road.required"));
    assert_eq!(
        fault(K01, &with(report(), "/dead", json!({}))),
        missing("body.dead.certainty", "K01.dead.certainty.required")
    );
}

#[test]
fn any_member_of_a_group_serves_where_one_is_required() {
    let by_air = plus(with(request(), "/road", Value::Null), "air", json!("直升机"));

    assert_eq!(faults(K11, &by_air), []);
}

#[test]
fn conditions_on_siblings_and_on_the_header_make_a_field_required() {
    let missing = |field: &str, rule: &str| is(Reason::MissingField, field, rule);
    let essential = with(request(), "/items/1/why", Value::Null);
    assert_eq!(fault(K11, &essential), missing("body.items[1].why", "K11.items.why.required"));

    let resolved = plus(report(), "resolved", json!("2026-07-18T03:00:00Z"));
    assert_eq!(fault(K01, &resolved), missing("body.outcome", "K01.outcome.required"));

    let confirmed = with(report(), "/dead", json!({"certainty": "CONFIRMED", "as_of": "2026-07-18T03:00:00Z"}));
    assert_eq!(fault(K01, &confirmed), missing("body.dead.count", "K01.dead.count.required"));

    let reply = v1::Header { action: v1::Action::Reply.into(), ..header(K11) };
    let found = check::all(sample(), &body(K11, &request()), &reply);
    assert_eq!(found.first().map(|fault| fault.rule.as_str()), Some("K11.reason.required"));
}

#[test]
fn a_zero_that_says_something_counts_as_said() {
    let floor = with(request(), "/items/0", json!({"quantity": 1, "necessity": "NICE", "floor": 0, "balance_fen": 0}));

    assert_eq!(faults(K11, &floor), []);
    let none = json!({"certainty": "CONFIRMED", "count": 0, "as_of": "2026-07-18T03:00:00Z"});
    assert_eq!(faults(K01, &with(report(), "/dead", none)), []);
    let unknown = with(report(), "/dead", json!({"certainty": "UNKNOWN", "count": 0}));
    assert_eq!(fault(K01, &unknown), is(Reason::BadSchema, "body.dead.count", "K01.dead.count.unknown_count"));
}

#[test]
fn limits_are_passed_by_one() {
    let large = |field: &str, rule: &str| is(Reason::TooLarge, field, rule);
    let code = |field: &str, rule: &str| is(Reason::BadCode, field, rule);
    let item = json!({"quantity": 1, "necessity": "NICE"});

    assert_eq!(faults(K11, &with(request(), "/effect", json!("排".repeat(20)))), []);
    assert_eq!(fault(K11, &with(request(), "/effect", json!("排".repeat(21)))), large("body.effect", "K11.effect.max"));
    assert_eq!(
        fault(K11, &with(request(), "/items", json!([item, item, item, item]))),
        large("body.items", "K11.items.max")
    );
    assert_eq!(
        fault(K11, &with(request(), "/items/0/quantity", json!(101))),
        code("body.items[0].quantity", "K11.items.quantity.most")
    );
    let floor = json!({"quantity": 1, "necessity": "NICE", "floor": -6});
    assert_eq!(fault(K11, &with(request(), "/items/0", floor)), code("body.items[0].floor", "K11.items.floor.least"));
    assert_eq!(
        fault(K11, &plus(request(), "needed_for", json!("86401s"))),
        code("body.needed_for", "K11.needed_for.most")
    );
    assert_eq!(fault(K01, &plus(report(), "share", json!(100.5e3))), code("body.share", "K01.share.most"));
    assert_eq!(fault(K01, &plus(report(), "blob", json!("QUFB".repeat(34)))), large("body.blob", "K01.blob.max"));
}

#[test]
fn texts_and_bytes_have_their_shapes() {
    let code = |field: &str| is(Reason::BadCode, &format!("body.{field}"), &format!("K01.{field}.format"));
    for (field, good, bad) in [
        ("phone", "+86 (539) 800-0000", "ask Wang"),
        ("day", "2024-02-29", "2026-02-29"),
        ("link", "tel:+865398000000", "example.org/a"),
        ("follows", "01981a30-25a0-7000-8000-000000000001", "01981a30-25a0-4000-8000-000000000001"),
        ("digest", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "QUFB"),
    ] {
        assert_eq!(faults(K01, &plus(report(), field, json!(good))), [], "{field}");
        if field == "follows" {
            continue; // JSON already refuses a text that is no UUIDv7
        }
        assert_eq!(fault(K01, &plus(report(), field, json!(bad))), code(field));
    }
    let copies = plus(request(), "toward", json!(["320300", "临沂"]));
    assert_eq!(fault(K11, &copies), is(Reason::BadCode, "body.toward[1]", "K11.toward.format"));
    let control = plus(report(), "outcome", json!("a\u{7}b"));
    assert_eq!(fault(K01, &control), is(Reason::BadSchema, "body.outcome", "K01.outcome.plain"));
    assert_eq!(faults(K01, &plus(report(), "outcome", json!("a\n\tb"))), []);
}

#[test]
fn unknown_codes_times_and_impossible_places_are_refused() {
    let necessity = with(request(), "/items/0/necessity", json!(9));
    assert_eq!(fault(K11, &necessity), is(Reason::BadCode, "body.items[0].necessity", "K11.items.necessity.known"));

    let point = plus(report(), "point", json!({"lat_e7": 1_183_164_000, "lon_e7": 346_283_000}));
    assert_eq!(fault(K01, &point), is(Reason::BadGeometry, "body.point.lat_e7", "K01.point.latitude"));

    let open = json!({"polygon": {"points": [
        {"lat_e7": 0, "lon_e7": 0}, {"lat_e7": 0, "lon_e7": 9}, {"lat_e7": 9, "lon_e7": 9}, {"lat_e7": 9, "lon_e7": 0}]}});
    let area = plus(request(), "area", open);
    assert_eq!(fault(K11, &area), is(Reason::BadGeometry, "body.area.polygon.points", "K11.area.closed"));
    let nothing = plus(request(), "area", json!({}));
    assert_eq!(fault(K11, &nothing), is(Reason::MissingField, "body.area.shape", "K11.area.required"));

    let mut inner = Reading { schema: sample(), code: String::new() }
        .message(sample().body_of(K01).unwrap(), &report(), "")
        .unwrap();
    let resolved = inner.get_field_by_name_mut("resolved").unwrap().as_message_mut().unwrap();
    resolved.set_field_by_name("nanos", prost_reflect::Value::I32(-1));
    let found = check::first(sample(), &wrapped(K01, inner), &header(K01)).unwrap_err();
    assert_eq!((found.reason, found.rule.as_str()), (Reason::BadSchema, "K01.resolved.time"));
}

#[test]
fn a_form_hears_of_every_fault_and_a_sender_of_the_first() {
    let broken = json!({"effect": "", "items": [{"quantity": 101, "necessity": 9}], "road": {}});

    let all: Vec<String> = faults(K11, &broken).into_iter().map(|fault| fault.rule).collect();

    let expected = [
        "K11.effect.required",
        "K11.items.quantity.most",
        "K11.items.necessity.known",
        "K11.needed_by.required",
        "K11.road.number.required",
    ];
    assert_eq!(all, expected);
    let first = check::first(sample(), &body(K11, &broken), &header(K11)).unwrap_err();
    assert_eq!(first.rule, "K11.effect.required");
}

#[test]
fn a_body_of_another_kind_than_the_header_says_is_refused() {
    let found = check::first(sample(), &body(K11, &request()), &header(K01)).unwrap_err();

    assert_eq!((found.reason, found.rule.as_str()), (Reason::BadSchema, "content.kind_matches"));
}

#[test]
fn a_fault_is_told_by_the_names_that_people_know() {
    let told = |kind, value| {
        let faults = faults(kind, &value);
        text::of(sample(), faults.first().unwrap()).unwrap()
    };
    let quantity = told(K11, with(request(), "/items/1/quantity", json!(0)));
    assert_eq!(quantity.zh, "「需求项 2 › 数量」必填");
    assert_eq!(quantity.en, "“Items 2 › Quantity” is required");

    assert_eq!(told(K11, with(request(), "/items/0/quantity", json!(101))).zh, "「需求项 1 › 数量」须为 1–100 吨");
    assert_eq!(told(K11, with(request(), "/effect", json!("排".repeat(21)))).zh, "「目标」不超过 20 字");
    let why = told(K11, with(request(), "/items/1/why", Value::Null));
    assert_eq!(why.zh, "「需求项 2 › 原因」必填（当“必要性”为“必需”时）");
    assert_eq!(why.en, "“Items 2 › Why” is required when “Necessity” is “Essential”");
    let code = told(K11, with(request(), "/items/0/necessity", json!(9)));
    assert_eq!(code.zh, "「需求项 1 › 必要性」须为下列之一：ESSENTIAL 必需、NICE 可选");
    let day = told(K01, plus(report(), "day", json!("18.7.2026")));
    assert_eq!(day.en, "“Day” must be a date, such as 2026-07-18");
}

proptest! {
    #[test]
    fn no_bytes_make_the_engine_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), as_body: bool) {
        let mut bytes = bytes;
        if as_body {
            // tag 111, a length and whatever follows
            let length = u8::try_from(bytes.len().min(127)).unwrap();
            bytes.truncate(127);
            bytes.splice(0..0, [0xfa, 0x06, length]);
        }
        let bytes = Bytes::from(bytes);
        let _ = check::all(sample(), &bytes, &header(K11));
        let _ = crate::rules::view::lines(sample(), &bytes, Lang::Zh);
        let _ = crate::rules::view::title(sample(), &bytes, Lang::En);
        let _ = crate::rules::secret::marking(sample(), &bytes);
        let _ = crate::rules::json::message(sample(), "sample.Body", &bytes, crate::rules::json::Fields::Plain);
    }

    #[test]
    fn a_text_is_taken_up_to_its_limit_and_no_further(chars in 1_usize..40) {
        let value = with(request(), "/effect", json!("水".repeat(chars)));
        prop_assert_eq!(faults(K11, &value).is_empty(), chars <= 20);
    }
}
