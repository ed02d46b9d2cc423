//! Single values from JSON: what canonical proto3 JSON allows, and what people type.

use bytes::Bytes;
use model::ids::MessageId;
use prost_reflect::Value as Wire;
use serde_json::Value;

use super::super::schema::{Class, FieldRules, Integer, Real};
use crate::v1::Format;

/// A value of a field that is no message of ours; none when it cannot be read as one.
pub fn scalar(field: &FieldRules, value: &Value) -> Option<Wire> {
    match &field.class {
        Class::Text => value.as_str().map(|text| Wire::String(text.to_owned())),
        Class::Bytes => value.as_str().and_then(|text| bytes(field, text.trim())).map(Wire::Bytes),
        Class::Bool => truth(value).map(Wire::Bool),
        Class::Integer(width) => number(value).and_then(|number| integer(*width, number)),
        Class::Real(width) => fraction(value).map(|number| match width {
            Real::F32 => Wire::F32(number as f32),
            Real::F64 => Wire::F64(number),
        }),
        Class::Enum(list) => match value {
            Value::String(text) => {
                let found = list.find(text).map(|value| value.number);
                let kind = || super::super::kind(text).filter(|_| list.name == "Kind").map(|info| info.kind.number());
                found.or_else(kind).or_else(|| text.trim().parse().ok()).map(Wire::EnumNumber)
            }
            other => other.as_i64().and_then(|number| i32::try_from(number).ok()).map(Wire::EnumNumber),
        },
        Class::Time => value.as_str().and_then(time).and_then(|wire| dynamic(field, &wire)),
        Class::Length => length_of(value).and_then(|wire| dynamic(field, &wire)),
        Class::Encoded => value.as_str().and_then(base64::decode).map(|bytes| Wire::Bytes(bytes.into())),
        Class::Message(_) => None,
    }
}

fn dynamic<M: prost::Message>(field: &FieldRules, wire: &M) -> Option<Wire> {
    let kind = field.descriptor.kind();
    let mut message = prost_reflect::DynamicMessage::new(kind.as_message()?.clone());
    message.transcode_from(wire).ok()?;
    Some(Wire::Message(message))
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "是" => Some(true),
            "false" | "no" | "否" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A whole number, as a number or as text; `2.0` counts, `2.5` does not.
fn number(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => {
            let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
            let round = || number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9.0e15).map(|n| n as i128);
            whole.or_else(round)
        }
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn integer(width: Integer, number: i128) -> Option<Wire> {
    match width {
        Integer::I32 => i32::try_from(number).ok().map(Wire::I32),
        Integer::I64 => i64::try_from(number).ok().map(Wire::I64),
        Integer::U32 => u32::try_from(number).ok().map(Wire::U32),
        Integer::U64 => u64::try_from(number).ok().map(Wire::U64),
    }
}

fn fraction(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Whether this many bytes of a field are written as hex: a digest, or bytes of a fixed small width.
pub fn is_hex_width(field: &FieldRules, bytes: usize) -> bool {
    let fixed = matches!(usize::try_from(field.rule.max), Ok(max @ 1..=64) if max == bytes);
    fixed || (field.rule.format() == Format::Sha256 && bytes == 32)
}

/// An id as text, hex of the field's width, or base64 of either alphabet.
fn bytes(field: &FieldRules, text: &str) -> Option<Bytes> {
    let id = || text.parse::<MessageId>().ok().filter(|_| field.rule.format() == Format::MessageId);
    if let Some(id) = id() {
        return Some(Bytes::copy_from_slice(id.as_bytes()));
    }
    let fits = is_hex_width(field, text.len() / 2) && text.len().is_multiple_of(2);
    let hex = if fits { unhex(text) } else { None };
    hex.or_else(|| base64::decode(text)).map(Bytes::from)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

/// RFC 3339 with any offset; `2026-07-18 11:05` alone is in China's.
fn time(text: &str) -> Option<prost_types::Timestamp> {
    let text = text.trim();
    // an offset is asked for: the parser would take a time without one as UTC
    let clock = text.get(10..).unwrap_or_default();
    let told = clock.ends_with(['Z', 'z']) || clock.contains(['+', '-']);
    let local = match (told, clock.len()) {
        (true, _) => text.to_owned(),
        (false, 6) => format!("{text}:00+08:00"),
        (false, 9..) => format!("{text}+08:00"),
        (false, _) => return None,
    };
    local.replacen(' ', "T", 1).parse().ok()
}

/// `3600s`, `1.5s`, `2h30m`, `90 min`, or a number of seconds.
fn length_of(value: &Value) -> Option<prost_types::Duration> {
    match value {
        Value::Number(number) => {
            Some(prost_types::Duration { seconds: number.as_i64().filter(|seconds| *seconds >= 0)?, nanos: 0 })
        }
        Value::String(text) => canonical(text.trim()).or_else(|| spelt(text.trim())),
        _ => None,
    }
}

fn canonical(text: &str) -> Option<prost_types::Duration> {
    let number = text.strip_suffix('s')?;
    let (sign, number) = number.strip_prefix('-').map_or((1, number), |rest| (-1, rest));
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > 9 || !digits(whole) || !digits(part) {
        return None;
    }
    let nanos: i32 = format!("{part:0<9}").parse().ok()?;
    Some(prost_types::Duration { seconds: whole.parse::<i64>().ok()?.checked_mul(sign)?, nanos: nanos * sign as i32 })
}

fn spelt(text: &str) -> Option<prost_types::Duration> {
    let (mut seconds, mut rest) = (0_i64, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let tail = tail.trim_start();
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, next) = tail.split_at_checked(end)?;
        let length = match unit.trim() {
            "d" | "天" => 86_400,
            "h" | "小时" => 3_600,
            "m" | "min" | "分" | "分钟" => 60,
            "s" | "秒" => 1,
            _ => return None,
        };
        seconds = number.parse::<i64>().ok()?.checked_mul(length).and_then(|more| seconds.checked_add(more))?;
        rest = next;
    }
    (!text.is_empty()).then_some(prost_types::Duration { seconds, nanos: 0 })
}

/// Base64 of RFC 4648: written with the standard alphabet and padding, read with either and with or without.
pub mod base64 {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    /// Bytes as text.
    pub fn encode(bytes: &[u8]) -> String {
        let sign = |bits: u32, shift: u32| {
            let at = usize::try_from(bits >> shift & 63).unwrap_or(0);
            ALPHABET.get(at).map_or('=', |byte| char::from(*byte))
        };
        let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
        for three in bytes.chunks(3) {
            let bits = three.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
            let shown = three.len() + 1;
            text.extend([18, 12, 6, 0].into_iter().enumerate().map(
                |(at, shift)| {
                    if at < shown { sign(bits, shift) } else { '=' }
                },
            ));
        }
        text
    }

    /// Text as bytes; none when it is not base64.
    pub fn decode(text: &str) -> Option<Vec<u8>> {
        let text = text.trim_end_matches('=');
        if text.len() % 4 == 1 {
            return None;
        }
        let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
        for four in text.as_bytes().chunks(4) {
            let bits = four.iter().try_fold(0_u32, |bits, sign| Some(bits << 6 | value(*sign)?))?;
            let bits = bits << (6 * (4 - four.len()));
            bytes.extend(bits.to_be_bytes().into_iter().skip(1).take(four.len() * 3 / 4));
        }
        Some(bytes)
    }

    fn value(sign: u8) -> Option<u32> {
        match sign {
            b'-' => Some(62),
            b'_' => Some(63),
            sign => ALPHABET.iter().position(|known| *known == sign).and_then(|at| u32::try_from(at).ok()),
        }
    }
}
