//! The contract itself: every kind's example, JSON, view and faults.

use model::kind::Kind;

use super::*;
use crate::rules;

#[test]
fn every_condition_of_the_contract_names_a_field_and_a_value_that_exist() {
    let schema = Schema::contract();
    for message in schema.messages() {
        for field in &message.fields {
            for condition in &field.rule.when {
                let place = format!("{}.{}: {condition:?}", message.name, field.name);
                let subject =
                    rules::text::subject(schema, message, &condition.field).unwrap_or_else(|| panic!("{place}"));
                assert_ne!(condition.equals.is_empty(), !condition.present, "{place}");
                if let rules::schema::Class::Enum(list) = &subject.class {
                    let known = list.values.iter().any(|value| value.short == condition.equals);
                    assert!(known || condition.present, "{place}");
                }
            }
        }
    }
}

#[test]
fn the_contract_has_no_maps() {
    let schema = Schema::contract();
    for message in schema.messages() {
        assert_eq!(message.fields.len(), message.descriptor.fields().len(), "{}", message.name);
    }
}

#[test]
fn a_kind_is_found_by_any_of_its_names() {
    for name in ["K07", "k7", "7", "BULLETIN", "bulletin", "KIND_BULLETIN", "信息通报"] {
        assert_eq!(rules::kind(name).map(|info| info.kind), Some(Kind::Bulletin), "{name}");
    }
    assert_eq!(rules::kind("K99"), None);
    assert_eq!(rules::kind(""), None);
}

/// The encoded body of a kind's example.
fn example_body(kind: Kind, lang: Lang) -> (Bytes, v1::Header) {
    let draft = rules::example(kind, lang, NOON);
    (draft.body.unwrap().encode_to_vec().into(), draft.header.unwrap())
}

fn every_kind() -> impl Iterator<Item = (Kind, Lang)> {
    rules::kinds().iter().flat_map(|info| [(info.kind, Lang::Zh), (info.kind, Lang::En)])
}

/// A header as the agent completes it before it is judged.
fn completed(header: v1::Header, kind: Kind) -> v1::Header {
    use model::{kind::KindFacts, precedence::Precedence, role::Role, stage::Stage};
    let facts: &KindFacts = kind.facts();
    let id = Bytes::copy_from_slice(model::ids::MessageId::new(NOON, [1; 10]).as_bytes());
    let precedence = Precedence::from_number(header.precedence).unwrap();
    let mut header = v1::Header {
        message_id: id.clone(),
        originating_message_id: id,
        schema_version: 1,
        action: v1::Action::Originate.into(),
        revision: 1,
        incarnation: vec![1; 8].into(),
        sender_seq: 1,
        sent_at: Some(crate::border::time::to_wire(NOON)),
        expires_at: Some(crate::border::time::to_wire(NOON.plus(facts.life))),
        utc_offset_min: 480,
        receipt_required: kind.stage_floor(precedence).unwrap_or(Stage::Delivered).number(),
        prepared_by: Some(v1::Signatory { name: "王明".into(), role: Role::DutyOfficer.number(), at: None }),
        region: "linyi".into(),
        ..header
    };
    header.sender.get_or_insert_default().role = Role::DutyOfficer.number();
    header
}

#[test]
fn every_kind_of_the_catalogue_has_a_body_with_its_names() {
    let bodies: Vec<Kind> = rules::kinds().iter().map(|info| info.kind).collect();
    assert_eq!(bodies, Kind::ALL);
    for info in rules::kinds() {
        assert!(!info.en.is_empty() && !info.help.is_empty(), "{info:?}");
        assert_eq!(info.zh, info.kind.zh(), "{info:?}");
        assert_eq!(info.field.to_uppercase(), info.kind.name());
    }
}

#[test]
fn every_example_is_valid_in_both_languages() {
    let mut wrong = Vec::new();
    for (kind, lang) in every_kind() {
        let (body, header) = example_body(kind, lang);
        wrong.extend(rules::check_all(&body, &header).into_iter().map(|fault| format!("{kind} {lang:?}: {fault}")));
        let header = completed(header, kind);
        let judged =
            crate::border::header::from_wire(header.clone()).and_then(|header| model::judge::judge_static(&header));
        wrong.extend(judged.err().map(|fault| format!("{kind} {lang:?}: header {fault}")));
        wrong.extend(rules::check(&body, &header).err().map(|fault| format!("{kind} {lang:?}: whole {fault}")));
        wrong.extend(rules::secret_marking(&body).map(|field| format!("{kind} {lang:?}: secret {field}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_survives_json() {
    for (kind, lang) in every_kind() {
        let draft = rules::example(kind, lang, NOON);
        let json = rules::draft_to_json(&draft);
        assert_eq!(rules::draft_from_json(None, &json), Ok(draft.clone()), "{kind} {json:#}");
        let alone = json.pointer("/body").and_then(|body| body.as_object()?.values().next()).unwrap();
        let read = rules::draft_from_json(Some(kind), alone).unwrap_or_else(|wrong| panic!("{kind}: {wrong}"));
        assert_eq!(read.body, draft.body, "{kind}");
    }
}

#[test]
fn every_example_is_shown_in_both_languages() {
    for (kind, lang) in every_kind() {
        let (body, _) = example_body(kind, lang);
        let lines = rules::view(&body, lang);
        assert!(!lines.is_empty() && lines.iter().all(|line| !line.label.is_empty()), "{kind}");
        let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..'\u{9fff}').contains(&c));
        let foreign: Vec<_> = lines.iter().filter(|line| lang == Lang::En && chinese(&line.label)).collect();
        assert!(foreign.is_empty(), "{kind}: {foreign:?}");
        let title = rules::title(&body, lang);
        assert!(!title.is_empty() && title.chars().count() <= 60 && !title.contains('\n'), "{kind}: {title}");
    }
}
