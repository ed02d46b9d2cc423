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
