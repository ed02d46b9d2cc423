//! A neighbour may write anything into a body. Whatever it is, it is judged and the fold goes on: a record that cannot be
//! folded would stop the agent at every start.

use model::{kind::Kind, time::Timestamp};
use proto::{record::kind, rules, status::Lang};
use serde_json::Value;

use super::{
    super::query,
    desk::{DAY, NOON, Table, XUZHOU},
};

/// Longer than a row, in a script of four bytes a character.
const TEXT_CHARS: usize = 1_200;
/// As long as a name may be.
const NAME_CHARS: usize = 64;
/// Entries of every list.
const ENTRIES: usize = 64;

/// Long after everything was due, time reaches every rung of every matter.
fn everything_falls_due(desk: &mut Table) {
    desk.now += 400 * DAY;
    let now = Timestamp::from_millis(desk.now);
    for (key, state) in desk.read(|_, rows| query::matters(rows, true)).unwrap() {
        for rung in state.rungs(&key, now) {
            desk.fold(kind::RUNG, &rung);
        }
    }
}

/// Where texts stand in a body, as JSON pointers.
fn texts(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(entries) => {
            entries.iter().enumerate().for_each(|(number, entry)| texts(entry, &format!("{at}/{number}"), found));
        }
        Value::Object(fields) => fields.iter().for_each(|(name, field)| texts(field, &format!("{at}/{name}"), found)),
        _ => {}
    }
}

/// Every list as long as it may be, with its first entry again and again.
fn lengthen(value: &mut Value) {
    match value {
        Value::Array(entries) => {
            entries.iter_mut().for_each(lengthen);
            if let Some(first) = entries.first().cloned() {
                entries.resize(ENTRIES, first);
            }
        }
        Value::Object(fields) => fields.values_mut().for_each(lengthen),
        _ => {}
    }
}

#[test]
fn no_text_of_any_kind_stops_the_fold() {
    let mut desk = Table::new();
    let mut tried = 0;
    for kind in Kind::ALL {
        let example = rules::draft_to_json(&rules::example(*kind, Lang::Zh, Timestamp::from_millis(NOON)));
        let mut places = Vec::new();
        example["body"].as_object().unwrap().values().for_each(|body| texts(body, "", &mut places));
        for place in places {
            for chars in [NAME_CHARS, TEXT_CHARS] {
                let swollen = |body: &mut Value| *body.pointer_mut(&place).unwrap() = "🌊".repeat(chars).into();
                // a time or the name of a value cannot be swollen: nobody could encode it
                let Some(draft) = desk.example(*kind, XUZHOU, swollen) else { continue };
                desk.receive(&[(&draft, "")]);
                tried += 1;
            }
        }
    }
    assert!(tried > 400, "only {tried} bodies could be made");
    everything_falls_due(&mut desk);
    desk.replay();
}

#[test]
fn no_list_of_any_kind_stops_the_fold() {
    let mut desk = Table::new();
    let mut tried = 0;
    for kind in Kind::ALL {
        let Some(draft) = desk.example(*kind, XUZHOU, lengthen) else { continue };
        desk.receive(&[(&draft, "")]);
        tried += 1;
    }
    assert!(tried > 30, "only {tried} bodies could be made");
    everything_falls_due(&mut desk);
    desk.replay();
}
