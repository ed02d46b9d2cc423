//! A record as texts by path, as cells hold them: what two records say is compared by these.

use std::collections::BTreeMap;

use prost::Message as _;
use proto::{rules, v1};
use serde_json::Value;

use super::{cell, columns::columns};

/// What a record says, by path: `capabilities[0].code`. What is empty is not there.
pub fn texts(record: &v1::ResourceRecord) -> BTreeMap<String, String> {
    let whole = rules::message_to_json("ResourceRecord", &record.encode_to_vec());
    let mut found = BTreeMap::new();
    for column in columns() {
        if column.is_listed() {
            let list = pick(&whole, column.list()).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let inner = column.path.split_once("[].").map_or("", |(_, inner)| inner);
            for (entry, value) in list.iter().enumerate() {
                keep(&mut found, column.path_of(Some(entry)), pick(value, inner), &column.field.type_name);
            }
        } else {
            let path = column.path_of(None);
            let value = pick(&whole, &path);
            keep(&mut found, path, value, &column.field.type_name);
        }
    }
    found
}

fn pick<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, step| value.get(step))
}

fn keep(found: &mut BTreeMap<String, String>, path: String, value: Option<&Value>, type_name: &str) {
    if let Some(text) = value.and_then(|value| text(value, type_name)).filter(|text| !text.is_empty()) {
        found.insert(path, text);
    }
}

fn text(value: &Value, type_name: &str) -> Option<String> {
    let number = |key: &str| value.get(key).and_then(Value::as_i64);
    match (type_name, value) {
        ("Point", _) => Some(format!("{},{}", decimal(number("lat_e7")?, 7), decimal(number("lon_e7")?, 7))),
        ("Money", _) => Some(decimal(number("fen")?, 2)),
        ("time", Value::String(text)) => Some(cell::shown_time(text)),
        (_, Value::String(text)) => Some(text.clone()),
        (_, Value::Array(list)) => {
            let all = list.iter().filter_map(|value| text_of_entry(value, type_name));
            Some(all.collect::<Vec<_>>().join(","))
        }
        (_, Value::Null) => None,
        (_, other) => Some(other.to_string()),
    }
}

fn text_of_entry(value: &Value, type_name: &str) -> Option<String> {
    if value.is_array() { None } else { text(value, type_name) }
}

/// A whole number of the last place as a decimal: 346283000 of 10⁻⁷ is `34.6283`.
pub fn decimal(number: i64, places: u32) -> String {
    let unit = 10_u64.pow(places);
    let (sign, size) = (if number < 0 { "-" } else { "" }, number.unsigned_abs());
    let rest = format!("{:0width$}", size % unit, width = places as usize);
    let rest = rest.trim_end_matches('0');
    let dot = if rest.is_empty() { "" } else { "." };
    format!("{sign}{}{dot}{rest}", size / unit)
}
