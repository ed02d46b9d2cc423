//! Example values: what the contract says, else made from type, shape and name.

use std::time::Duration;

use model::{
    ids::{Digest, MessageId},
    kind::Family,
    time::Timestamp,
};
use prost_reflect::{DynamicMessage, Value};

use super::{
    super::{
        json::scalar,
        schema::{Class, FieldRules, Integer, MessageRules, Real},
    },
    Maker, header,
};
use crate::{
    border,
    v1::{self, Format},
};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// One value of a field that is no message of ours.
pub fn of(maker: &Maker<'_>, field: &FieldRules) -> Option<Value> {
    let said = maker.said(field);
    match field.class {
        Class::Time => moment(field, shifted(said).map_or_else(|| maker.usual(&field.name), |by| by_ms(maker.now, by))),
        Class::Text if said.is_empty() => Some(Value::String(text(maker, field))),
        _ if !said.is_empty() => scalar(field, &serde_json::Value::from(said)),
        _ => plain(maker, field),
    }
}

fn plain(maker: &Maker<'_>, field: &FieldRules) -> Option<Value> {
    let number = usual_number(field);
    Some(match &field.class {
        Class::Bool => Value::Bool(true),
        Class::Enum(list) => Value::EnumNumber(list.values.first()?.number),
        Class::Integer(Integer::I32) => Value::I32(i32::try_from(number).ok()?),
        Class::Integer(Integer::I64) => Value::I64(number),
        Class::Integer(Integer::U32) => Value::U32(u32::try_from(number).ok()?),
        Class::Integer(Integer::U64) => Value::U64(u64::try_from(number).ok()?),
        Class::Real(Real::F32) => Value::F32(f32::from(i16::try_from(number).ok()?)),
        Class::Real(Real::F64) => Value::F64(f64::from(i32::try_from(number).ok()?)),
        Class::Bytes => Value::Bytes(bytes(maker.now, field).into()),
        Class::Length => return scalar(field, &serde_json::Value::from("3600s")),
        Class::Text | Class::Time | Class::Message(_) | Class::Encoded => return None,
    })
}

/// 1, or the nearest number that is allowed.
fn usual_number(field: &FieldRules) -> i64 {
    let least = field.rule.least.unwrap_or(i64::MIN);
    let most = field.rule.most.unwrap_or(i64::MAX);
    1.max(least).min(most)
}

fn bytes(now: Timestamp, field: &FieldRules) -> Vec<u8> {
    match field.rule.format() {
        Format::MessageId => MessageId::new(now, [7; 10]).as_bytes().to_vec(),
        Format::Sha256 => Digest::of(field.name.as_bytes()).0.to_vec(),
        _ => vec![7; usize::try_from(field.rule.max).ok().filter(|max| (1..=64).contains(max)).unwrap_or(8)],
    }
}

fn text(maker: &Maker<'_>, field: &FieldRules) -> String {
    match field.rule.format() {
        Format::Jurisdiction => header::SENDER.to_owned(),
        Format::IncidentId => header::incident(maker.now),
        Format::Phone => "0539-8000000".to_owned(),
        Format::Uri => "https://example.org/linyi".to_owned(),
        Format::Date => date(maker.usual(&field.name)),
        Format::Id => format!("{}-1", field.name.replace('_', "-")),
        Format::Sha256 => Digest::of(field.name.as_bytes()).to_string(),
        Format::MessageId => MessageId::new(maker.now, [7; 10]).to_string(),
        Format::OpenCode => "00000".to_owned(),
        Format::Unspecified => field.label(maker.lang).to_owned(),
    }
}

fn date(at: Timestamp) -> String {
    at.civil(480).to_string().chars().take(10).collect()
}

fn moment(field: &FieldRules, at: Timestamp) -> Option<Value> {
    let mut message = DynamicMessage::new(field.descriptor.kind().as_message()?.clone());
    message.transcode_from(&border::time::to_wire(at)).ok()?;
    Some(Value::Message(message))
}

fn by_ms(now: Timestamp, ms: i64) -> Timestamp {
    let length = Duration::from_millis(ms.unsigned_abs());
    if ms < 0 { now.minus(length) } else { now.plus(length) }
}

/// An example such as `-30min` or `+2h`, as milliseconds from now.
fn shifted(said: &str) -> Option<i64> {
    let (sign, rest) = match said.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, said.strip_prefix('+')?),
    };
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = rest.split_at_checked(digits)?;
    let length = match unit {
        "min" | "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(sign * length)
}

impl Maker<'_> {
    fn usual(&self, name: &str) -> Timestamp {
        by_ms(self.now, usual_ms(name, matches!(self.family, Family::A4 | Family::A5 | Family::A0)))
    }
}

/// How far from now a time lies that suits the field's name: what began lies behind, what is due ahead, and ends follow
/// beginnings. Drills, meetings and agreements are `planned` weeks ahead; the rest is for today.
fn usual_ms(name: &str, planned: bool) -> i64 {
    let ahead = |words: &[&str]| words.iter().any(|word| name == *word || name.ends_with(&format!("_{word}")));
    match name {
        "occurred_at" | "first_seen_at" => -40 * MINUTE,
        "known_at" => -30 * MINUTE,
        "last_verified_at" | "verified_at" => -DAY,
        _ if name.starts_with("departure") || name.ends_with("departure") => HOUR,
        _ if ahead(&["eta", "needed_by", "answer_by"]) => 3 * HOUR,
        _ if name.starts_with("next_") => 12 * HOUR,
        _ if ahead(&["lapse_at", "expires", "until", "needed_back_by"]) => 2 * DAY,
        _ if ahead(&["rsvp_by", "by"]) => 5 * DAY,
        _ if ahead(&["from", "start", "effective", "onset", "from_date", "from_when", "valid_from"]) => {
            if planned {
                20 * DAY
            } else {
                HOUR
            }
        }
        _ if ahead(&["to", "end", "due", "valid_to"]) => {
            if planned {
                21 * DAY
            } else {
                DAY
            }
        }
        _ => -10 * MINUTE,
    }
}

/// A place, circle, polygon or area near Linyi; none for other messages.
pub fn geometry(rules: &MessageRules) -> Option<DynamicMessage> {
    let corner = |lat_e7, lon_e7| v1::Point { lat_e7, lon_e7 };
    let polygon = v1::Polygon {
        points: vec![
            corner(346_000_000, 1_183_000_000),
            corner(346_000_000, 1_184_000_000),
            corner(347_000_000, 1_184_000_000),
            corner(346_000_000, 1_183_000_000),
        ],
    };
    let circle = v1::Circle { center: Some(corner(346_283_000, 1_183_164_000)), radius_m: 5_000 };
    let area = v1::Area { shape: Some(v1::area::Shape::Circle(circle)), buffer_m: 0 };
    let mut message = DynamicMessage::new(rules.descriptor.clone());
    let made = if rules.is("Area") {
        message.transcode_from(&area)
    } else if rules.is("Circle") {
        message.transcode_from(&circle)
    } else if rules.is("Polygon") {
        message.transcode_from(&polygon)
    } else if rules.is("Point") {
        message.transcode_from(&corner(346_283_000, 1_183_164_000))
    } else {
        return None;
    };
    made.ok().map(|()| message)
}
