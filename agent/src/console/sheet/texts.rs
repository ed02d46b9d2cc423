//! Values of fields as people type and read them: times on the desk's own clock, points and money in one line, lists line by
//! line.

use model::time::Timestamp;
use proto::{border, rules::FieldInfo, v1::Format};
use serde_json::Value;

use crate::formats::sheet::flat::decimal;

/// What was typed, part by part: a field has one, a list as many as there are lines or codes.
pub fn parts(field: &FieldInfo, typed: &[&str]) -> Vec<String> {
    let clean = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
    let all: Vec<String> = typed.iter().map(|text| clean(text)).filter(|text| !text.is_empty()).collect();
    if !field.repeated {
        return all.into_iter().take(1).collect();
    }
    let free = field.type_name == "text" && field.format == Format::Unspecified;
    let split: fn(char) -> bool = if free { |c| c == '\n' } else { |c| matches!(c, '\n' | ',' | '，' | '、') };
    let split = all.iter().flat_map(|text| text.split(split)).map(|part| part.trim().to_owned());
    split.filter(|part| !part.is_empty()).collect()
}

/// A text as the contract reads it.
pub fn read(field: &FieldInfo, text: &str, offset_min: i32) -> String {
    let local = if field.type_name == "time" { of_local(text, offset_min) } else { None };
    local.unwrap_or_else(|| text.to_owned())
}

/// A value as it is typed.
pub fn shown(field: &FieldInfo, value: &Value, offset_min: i32) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if field.type_name == "time" => local(text, offset_min),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(|one| shown(field, one, offset_min)).collect::<Vec<_>>().join("\n"),
        Value::Object(object) => {
            let number = |name: &str| object.get(name).and_then(whole);
            match field.type_name.as_str() {
                "Point" => match (number("lat_e7"), number("lon_e7")) {
                    (Some(lat), Some(lon)) => format!("{},{}", decimal(lat, 7), decimal(lon, 7)),
                    _ => String::new(),
                },
                "Money" => number("fen").map(|fen| decimal(fen, 2)).unwrap_or_default(),
                _ => String::new(),
            }
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// `2026-12-03T08:40` on the desk's clock.
pub fn local(text: &str, offset_min: i32) -> String {
    let wire = text.parse::<prost_types::Timestamp>().ok();
    let at = wire.and_then(|wire| border::time::optional(Some(wire), "").ok().flatten());
    at.map_or_else(|| text.to_owned(), |at| local_of(at, offset_min))
}

/// The same of a time.
pub fn local_of(at: Timestamp, offset_min: i32) -> String {
    let civil = at.civil(offset_min);
    let minutes = civil.ms_of_day / 60_000;
    let (hour, minute) = (minutes / 60, minutes % 60);
    format!("{:04}-{:02}-{:02}T{hour:02}:{minute:02}", civil.year, civil.month, civil.day)
}

/// What a local time is for everybody; none where it says its own offset, or is no time.
pub fn of_local(text: &str, offset_min: i32) -> Option<String> {
    let text = text.trim().replacen(' ', "T", 1);
    let (_, clock) = text.split_once('T')?;
    let plain = clock.chars().all(|c| c.is_ascii_digit() || c == ':');
    let seconds = match clock.matches(':').count() {
        1 => ":00",
        2 => "",
        _ => return None,
    };
    let (sign, offset) = (if offset_min < 0 { '-' } else { '+' }, offset_min.unsigned_abs());
    plain.then(|| format!("{text}{seconds}{sign}{:02}:{:02}", offset / 60, offset % 60))
}
