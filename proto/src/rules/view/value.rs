//! Single values for people.

use std::fmt::Write as _;

use model::{geometry::Point, ids::MessageId, time::Timestamp};
use prost_reflect::{DynamicMessage, Value};

use super::super::{
    check::whole,
    schema::{Class, FieldRules, MessageRules},
};
use crate::{
    border,
    status::Lang,
    v1::{self, Format},
};

/// People see times in China's offset.
const OFFSET_MIN: i32 = 480;
/// Bytes that are shown of long bytes.
const BYTES_SHOWN: usize = 8;

/// One value of a field that is no message of ours.
pub fn shown(field: &FieldRules, value: &Value, lang: Lang) -> String {
    match (&field.class, value) {
        (Class::Text, Value::String(text)) => text.clone(),
        (Class::Bytes, Value::Bytes(bytes)) => bytes_shown(field.rule.format(), bytes),
        (Class::Bool, Value::Bool(truth)) => pick(lang, if *truth { ("是", "yes") } else { ("否", "no") }).to_owned(),
        (Class::Enum(list), Value::EnumNumber(number)) => match list.number(*number) {
            Some(value) => value.label(lang).to_owned(),
            None => format!("{} {number}", pick(lang, ("未知代码", "unknown code"))),
        },
        (Class::Time, Value::Message(message)) => time(message.transcode_to().ok()),
        (Class::Length, Value::Message(message)) => length(&message.transcode_to().unwrap_or_default(), lang),
        _ => number(field, value, lang),
    }
}

/// A text in which nothing acts on a screen: what steers a terminal or turns the direction of writing stands there by
/// its number. Lines and tabs stay.
pub fn inert(text: String) -> String {
    let text = if text.contains("\r\n") { text.replace("\r\n", "\n") } else { text };
    if !text.chars().any(acts) {
        return text;
    }
    let mark = |c: char| if acts(c) { format!("⟨U+{:04X}⟩", u32::from(c)) } else { c.to_string() };
    text.chars().map(mark).collect()
}

/// Control characters, and the marks of bidirectional text.
fn acts(c: char) -> bool {
    let turns = matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (c.is_control() && !matches!(c, '\n' | '\t'))
}

fn pick<'a>(lang: Lang, (zh, en): (&'a str, &'a str)) -> &'a str {
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

fn number(field: &FieldRules, value: &Value, lang: Lang) -> String {
    let plain = match (whole(value), value) {
        (Some(fen), _) if field.rule.unit == "fen" => yuan(fen),
        (Some(number), _) => number.to_string(),
        (None, Value::F64(number)) => number.to_string(),
        (None, Value::F32(number)) => number.to_string(),
        (None, _) => String::new(),
    };
    match unit(&field.rule.unit, lang) {
        "" => plain,
        "%" => format!("{plain}%"),
        unit => format!("{plain} {unit}"),
    }
}

/// A unit as a person reads it. Money is kept in fen and shown in yuan.
pub fn unit(unit: &str, lang: Lang) -> &str {
    let (zh, en) = match unit {
        "fen" | "yuan" => ("元", "yuan"),
        "km" => ("公里", "km"),
        "m" => ("米", "m"),
        "t" => ("吨", "t"),
        "kg" => ("千克", "kg"),
        "s" => ("秒", "s"),
        "min" => ("分钟", "min"),
        "h" => ("小时", "h"),
        "d" => ("天", "d"),
        "person" | "persons" | "people" => ("人", "people"),
        "bed" | "beds" => ("张", "beds"),
        "B" => ("字节", "bytes"),
        other => (other, other),
    };
    pick(lang, (zh, en))
}

/// An id whole, other bytes by their beginning.
fn bytes_shown(format: Format, bytes: &[u8]) -> String {
    match MessageId::try_from(bytes) {
        Ok(id) if format == Format::MessageId => id.to_string(),
        _ => {
            let mut text = hex(bytes.get(..BYTES_SHOWN).unwrap_or(bytes));
            if bytes.len() > BYTES_SHOWN {
                text.push('…');
            }
            text
        }
    }
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String does not fail
        text
    })
}

/// `2026-07-18 11:05`, with seconds where they are not 0.
fn time(wire: Option<prost_types::Timestamp>) -> String {
    let Ok(Some(time)) = border::time::optional(wire, "") else { return "?".to_owned() };
    clock(time)
}

fn clock(time: Timestamp) -> String {
    let text = time.civil(OFFSET_MIN).to_string();
    let seconds = text.get(16..19).filter(|seconds| *seconds != ":00").unwrap_or_default();
    format!("{}{seconds} +08:00", text.get(..16).unwrap_or(&text))
}

/// `2 d 3 h 30 min`.
fn length(wire: &prost_types::Duration, lang: Lang) -> String {
    let seconds = border::time::length(*wire).as_secs();
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let said: Vec<String> =
        parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, name)| format!("{n} {}", unit(name, lang))).collect();
    if said.is_empty() { format!("0 {}", unit("s", lang)) } else { said.join(" ") }
}

/// Counts, places and areas in one line; none for other messages.
pub fn at_a_glance(rules: &MessageRules, message: &DynamicMessage, lang: Lang) -> Option<String> {
    if rules.is("Count") {
        message.transcode_to().ok().map(|wire| count(&wire, lang))
    } else if rules.is("Point") {
        message.transcode_to().ok().map(point)
    } else if rules.is("Circle") {
        message.transcode_to().ok().map(|wire| circle(&wire, lang))
    } else if rules.is("Polygon") {
        message.transcode_to().ok().map(|wire| polygon(&wire, lang))
    } else if rules.is("Area") {
        message.transcode_to().ok().map(|wire| area(&wire, lang))
    } else if rules.is("Money") {
        message.transcode_to().ok().map(|wire| money(&wire, lang))
    } else if rules.is("Quantity") {
        message.transcode_to().ok().map(|wire| quantity(&wire))
    } else {
        None
    }
}

fn money(wire: &v1::Money, lang: Lang) -> String {
    wire.fen.map_or_else(|| "?".to_owned(), |fen| format!("{} {}", yuan(i128::from(fen)), unit("yuan", lang)))
}

fn quantity(wire: &v1::Quantity) -> String {
    format!("{} {}", wire.amount.map_or_else(|| "?".to_owned(), |amount| amount.to_string()), wire.unit)
}

/// Fen as yuan with two decimals.
fn yuan(fen: i128) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", fen.unsigned_abs() / 100, fen.unsigned_abs() % 100)
}

/// An unknown count is never shown as a number.
fn count(wire: &v1::Count, lang: Lang) -> String {
    let as_of = wire.as_of.map(|at| format!("{} {}", pick(lang, ("截至", "as of")), time(Some(at))));
    let (number, sure) = match (wire.certainty(), wire.count) {
        (v1::Certainty::Confirmed, Some(number)) => (number.to_string(), pick(lang, ("已核实", "confirmed"))),
        (v1::Certainty::Estimated, Some(number)) => {
            (format!("{}{number}", pick(lang, ("约 ", "about "))), pick(lang, ("估计", "estimated")))
        }
        _ => (pick(lang, ("不明", "unknown")).to_owned(), ""),
    };
    let notes: Vec<String> =
        [Some(sure.to_owned()).filter(|sure| !sure.is_empty()), as_of].into_iter().flatten().collect();
    match (notes.is_empty(), lang) {
        (true, _) => number,
        (false, Lang::Zh) => format!("{number}（{}）", notes.join("，")),
        (false, Lang::En) => format!("{number} ({})", notes.join(", ")),
    }
}

/// Degrees with five decimals, about a metre, and never without their letters.
fn point(wire: v1::Point) -> String {
    let Ok(point) = Point::new(wire.lat_e7, wire.lon_e7) else { return "?".to_owned() };
    let (north, east) = (if point.lat() < 0.0 { "S" } else { "N" }, if point.lon() < 0.0 { "W" } else { "E" });
    format!("{:.5}°{north} {:.5}°{east}", point.lat().abs(), point.lon().abs())
}

fn circle(wire: &v1::Circle, lang: Lang) -> String {
    let center = point(wire.center.unwrap_or_default());
    match lang {
        Lang::Zh => format!("{center} 周围 {} 米", wire.radius_m),
        Lang::En => format!("{} m around {center}", wire.radius_m),
    }
}

fn polygon(wire: &v1::Polygon, lang: Lang) -> String {
    let corners: Vec<String> = wire.points.iter().take(4).map(|at| point(*at)).collect();
    let (count, more) = (wire.points.len().saturating_sub(1), if wire.points.len() > 4 { " …" } else { "" });
    match lang {
        Lang::Zh => format!("多边形，{count} 个顶点：{}{more}", corners.join("，")),
        Lang::En => format!("polygon of {count} corners: {}{more}", corners.join(", ")),
    }
}

fn area(wire: &v1::Area, lang: Lang) -> String {
    let shape = match &wire.shape {
        Some(v1::area::Shape::Polygon(wire)) => polygon(wire, lang),
        Some(v1::area::Shape::Circle(wire)) => circle(wire, lang),
        None => "?".to_owned(),
    };
    match (wire.buffer_m, lang) {
        (0, _) => shape,
        (metres, Lang::Zh) => format!("{shape}，外扩 {metres} 米"),
        (metres, Lang::En) => format!("{shape}, grown by {metres} m"),
    }
}
