//! The contract itself: every kind's example, JSON, view and faults.

use std::collections::BTreeSet;

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

/// The header, every body, and whatever stands below them, by the keys of the language file.
fn helped(schema: &Schema, message: &rules::schema::MessageRules, found: &mut BTreeSet<String>) {
    for field in &message.fields {
        if !found.insert(format!("{}.{}", message.name, field.name)) {
            continue;
        }
        if let rules::schema::Class::Enum(list) = &field.class {
            found.insert(list.name.clone());
            found.extend(list.values.iter().map(|value| format!("{}.{}", list.name, value.short)));
        }
        if let Some(inner) = schema.inside(field).filter(|inner| !inner.is("Body")) {
            helped(schema, inner, found);
        }
    }
}

#[test]
fn all_help_is_there_in_chinese_and_none_is_left_over() {
    let schema = Schema::contract();
    let mut keys = BTreeSet::from(["Header".to_owned()]);
    helped(schema, schema.named("Header").unwrap(), &mut keys);
    for info in rules::kinds() {
        keys.insert(info.message.clone());
        helped(schema, schema.body_of(info.kind).unwrap(), &mut keys);
    }
    let there: BTreeSet<String> = rules::schema::HELP_ZH.keys().map(|key| (*key).to_owned()).collect();

    let lacking: Vec<&String> = keys.difference(&there).collect();
    let left_over: Vec<&String> = there.difference(&keys).collect();
    assert!(lacking.is_empty() && left_over.is_empty(), "lacking: {lacking:?}; left over: {left_over:?}");
    let chinese = |text: &&str| text.chars().any(|char| matches!(char, '一'..='龥'));
    let foreign: Vec<_> = rules::schema::HELP_ZH.iter().filter(|(_, text)| !chinese(text)).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[test]
fn every_field_that_has_a_rule_says_where_the_rule_comes_from() {
    let schema = Schema::contract();
    let ruled = |message: &rules::schema::MessageRules| {
        let lacks = |field: &&rules::schema::FieldRules| field.rule.zh != field.rule.en && field.rule.source.is_empty();
        let lacking = message.fields.iter().filter(lacks);
        lacking.map(|field| format!("{}.{}", message.name, field.name)).collect::<Vec<_>>()
    };
    let lacking: Vec<String> = schema.messages().iter().flat_map(ruled).collect();
    assert!(lacking.is_empty(), "{lacking:?}");
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
    let sender = header.sender.get_or_insert_default();
    sender.role = Role::DutyOfficer.number();
    if kind == Kind::DeadlineNotice {
        (sender.role, sender.jurisdiction) = (Role::System.number(), "broker".to_owned()); // nobody else's
    }
    header
}

#[test]
fn every_kind_of_the_catalogue_has_a_body_with_its_names() {
    let bodies: Vec<Kind> = rules::kinds().iter().map(|info| info.kind).collect();
    assert_eq!(bodies, Kind::ALL);
    for info in rules::kinds() {
        assert!(!info.en.is_empty() && !info.help.en.is_empty(), "{info:?}");
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
        let facts = judged.and_then(|()| {
            let header = crate::border::header::from_wire(header.clone())?;
            crate::border::facts::facts(&header, &body)
        });
        wrong.extend(facts.err().map(|fault| format!("{kind} {lang:?}: header or facts {fault}")));
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

#[test]
fn each_required_field_is_missed_when_it_is_taken_away() {
    let mut taken = 0;
    for info in rules::kinds() {
        let (body, header) = example_body(info.kind, Lang::Zh);
        let header = completed(header, info.kind);
        let opened = check::open(Schema::contract(), &body).unwrap();
        let mut spots = Vec::new();
        spots_of(opened.rules, &opened.value, &mut Vec::new(), &mut spots);
        for spot in spots {
            let mut value = opened.value.clone();
            let (path, rule) = take_away(&mut value, &spot, &info.kind.code());
            let faults = rules::check_all(&repacked(info.kind, value), &header);
            let told = faults.iter().any(|fault| fault.field == path && fault.rule == rule);
            assert!(told, "{path} {rule}: {faults:?}");
            let fault = faults.iter().find(|fault| fault.field == path).unwrap();
            let (zh, en) = crate::status::texts(fault);
            assert!(zh.contains('「') && zh.contains("必填") && en.contains("is required"), "{zh} {en}");
            taken += 1;
        }
    }
    assert!(taken > 250, "{taken}");
}

/// A way to a field: the names, and the entry where a list lies on it.
type Spot = Vec<(String, Option<usize>)>;

/// Every required field that stands in a message, wherever its rule alone asks for it.
fn spots_of(rules: &MessageRules, value: &DynamicMessage, so_far: &mut Spot, spots: &mut Vec<Spot>) {
    if ["Point", "Circle", "Polygon", "Area"].iter().any(|name| rules.is(name)) {
        return; // the model's
    }
    for field in rules.fields.iter().filter(|field| value.has_field(&field.descriptor)) {
        if field.rule.required && field.oneof.is_none() {
            so_far.push((field.name.clone(), None));
            spots.push(so_far.clone());
            so_far.pop();
        }
        let Some(inner) = Schema::contract().inside(field) else { continue };
        let stands = value.get_field(&field.descriptor);
        let (at, message) = match stands.as_list() {
            Some(list) => (Some(0), list.first().and_then(Value::as_message)),
            None => (None, stands.as_message()),
        };
        if let Some(message) = message {
            so_far.push((field.name.clone(), at));
            spots_of(inner, message, so_far, spots);
            so_far.pop();
        }
    }
}

/// Clears a field; the path and the rule that must be told.
fn take_away(value: &mut DynamicMessage, spot: &Spot, code: &str) -> (String, String) {
    let (mut path, mut rule, mut place) = ("body".to_owned(), code.to_owned(), value);
    let (last, way) = spot.split_last().unwrap();
    for (name, at) in way {
        path = format!("{path}.{name}{}", at.map(|at| format!("[{at}]")).unwrap_or_default());
        rule = format!("{rule}.{name}");
        let next = place.get_field_by_name_mut(name).unwrap();
        place = match at {
            Some(at) => next.as_list_mut().unwrap()[*at].as_message_mut().unwrap(),
            None => next.as_message_mut().unwrap(),
        };
    }
    place.clear_field_by_name(&last.0);
    (format!("{path}.{}", last.0), format!("{rule}.{}.required", last.0))
}

fn repacked(kind: Kind, value: DynamicMessage) -> Bytes {
    let schema = Schema::contract();
    let mut outer = DynamicMessage::new(schema.body().unwrap().descriptor.clone());
    outer.set_field(&schema.body_field(kind).unwrap().descriptor, Value::Message(value));
    outer.encode_to_vec().into()
}

#[test]
fn each_limit_is_passed_by_one() {
    let mut passed = 0;
    for info in rules::kinds() {
        let (body, header) = example_body(info.kind, Lang::Zh);
        let header = completed(header, info.kind);
        let opened = check::open(Schema::contract(), &body).unwrap();
        for field in &opened.rules.fields {
            for (value, rule) in beyond(field) {
                let mut broken = opened.value.clone();
                broken.set_field(&field.descriptor, value);
                let faults = rules::check_all(&repacked(info.kind, broken), &header);
                let name = format!("{}.{}.{rule}", info.kind.code(), field.name);
                let fault =
                    faults.iter().find(|fault| fault.rule == name).unwrap_or_else(|| panic!("{name}: {faults:?}"));
                let (zh, en) = crate::status::texts(fault);
                assert!(zh.contains(&field.rule.zh) && en.contains(&field.rule.en), "{zh} {en}");
                passed += 1;
            }
        }
    }
    assert!(passed > 100, "{passed}");
}

/// Values just beyond what a field takes, and the rules they break.
fn beyond(field: &rules::schema::FieldRules) -> Vec<(Value, &'static str)> {
    use rules::schema::{Class, Integer};
    let most = check::most_of(field);
    let number = |number: i64| match field.class {
        Class::Integer(Integer::I32) => i32::try_from(number).ok().map(Value::I32),
        Class::Integer(Integer::I64) => Some(Value::I64(number)),
        Class::Integer(Integer::U32) => u32::try_from(number).ok().map(Value::U32),
        Class::Integer(Integer::U64) => u64::try_from(number).ok().map(Value::U64),
        _ => None,
    };
    match (&field.class, field.repeated) {
        (Class::Text, false) => vec![(Value::String("a".repeat(most.unwrap() + 1)), "max")],
        (Class::Text, true) => vec![(Value::List(vec![Value::String("371300".into()); most.unwrap() + 1]), "max")],
        (Class::Bytes, false) => most.map(|most| (Value::Bytes(vec![0; most + 1].into()), "max")).into_iter().collect(),
        (Class::Enum(_), false) => vec![(Value::EnumNumber(9_999), "known")],
        (Class::Enum(_), true) => vec![(Value::List(vec![Value::EnumNumber(9_999)]), "known")],
        (Class::Integer(_), false) => {
            let less = field.rule.least.and_then(|least| number(least - 1)).filter(|_| field.rule.least != Some(1));
            let more = field.rule.most.and_then(|most| number(most + 1));
            [less.map(|value| (value, "least")), more.map(|value| (value, "most"))].into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn a_field_of_a_later_version_is_no_fault_and_is_not_lost() {
    for info in rules::kinds() {
        let (body, header) = example_body(info.kind, Lang::En);
        // the body's one field, longer by an unknown field 4000 with the value 7
        let mut inner = check::open(Schema::contract(), &body).unwrap().value.encode_to_vec();
        inner.extend([0x80, 0xfa, 0x01, 0x07]);
        let value = DynamicMessage::decode(Schema::contract().body_of(info.kind).unwrap().descriptor.clone(), &*inner);
        let newer = repacked(info.kind, value.unwrap());
        assert!(newer.len() > body.len());
        assert_eq!(rules::check_all(&newer, &header), [], "{}", info.kind);
        assert_eq!(rules::view(&newer, Lang::En), rules::view(&body, Lang::En));
    }
}

#[test]
fn broken_bodies_of_every_kind_are_judged_without_panic() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 16).unwrap()
    };
    for info in rules::kinds() {
        let (body, header) = example_body(info.kind, Lang::Zh);
        for _ in 0..40 {
            let mut bytes = body.to_vec();
            let at = next() % bytes.len();
            match next() % 3 {
                0 => bytes[at] ^= 1 << (next() % 8),
                1 => bytes.truncate(at),
                _ => bytes.insert(at, u8::try_from(next() % 256).unwrap()),
            }
            let bytes = Bytes::from(bytes);
            let faults = rules::check_all(&bytes, &header);
            assert_eq!(rules::check(&bytes, &header).err(), faults.first().cloned());
            for fault in &faults {
                let (zh, en) = crate::status::texts(fault);
                assert!(!zh.is_empty() && !en.is_empty());
            }
            rules::view(&bytes, Lang::En);
            rules::title(&bytes, Lang::Zh);
        }
    }
}

#[test]
fn a_body_without_a_title_is_named_by_what_it_is_about() {
    let title = |kind| rules::title(&example_body(kind, Lang::En).0, Lang::En);
    for (kind, beginning) in [
        (Kind::ResourceRequest, "Resource request: Seal the leak"),
        (Kind::ResourceOffer, "Resource offer: One Xuzhou hazmat team"),
        (Kind::ActionRequest, "Action request: No private vehicle"),
        (Kind::DrillInject, "Drill inject: 3 ppm of chlorine"),
    ] {
        assert!(title(kind).starts_with(beginning), "{}", title(kind));
    }
    let persons = rules::title(&example_body(Kind::ActionResponse, Lang::Zh).0, Lang::Zh);
    assert!(!persons.contains("联络员"), "{persons}");
}

#[test]
fn a_point_is_set_in_degrees_and_money_in_yuan_and_neither_is_rounded() {
    let mut value = serde_json::json!({});
    let set = |value: &mut serde_json::Value, path: &str, text: &str, kind| crate::rules::set(value, path, text, kind);
    set(&mut value, "place.point", "34.45,-118.3600001", Kind::IncidentReport).unwrap();
    let point = &value["body"]["incident_report"]["place"]["point"];
    assert_eq!((&point["lat_e7"], &point["lon_e7"]), (&344_500_000.into(), &(-1_183_600_001).into()));

    let mut value = serde_json::json!({});
    for (text, fen) in [("12000.5", 1_200_050), ("0", 0), ("7", 700)] {
        set(&mut value, "claim.total", text, Kind::CostStatement).unwrap();
        assert_eq!(value["body"]["cost_statement"]["claim"]["total"]["fen"], fen);
    }
    for wrong in ["12.345", "a", "", "1,5", "1e3"] {
        assert!(set(&mut value, "claim.total", wrong, Kind::CostStatement).is_err(), "{wrong}");
    }
    assert!(set(&mut value, "place.point", "34.45", Kind::IncidentReport).is_err());
}
