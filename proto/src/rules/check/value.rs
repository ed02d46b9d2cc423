//! One value against its field's limits and shape.

use model::reason::Reason;
use prost_reflect::Value;

use super::{
    super::{
        format,
        schema::{Class, EnumRules, FieldRules},
    },
    most_of,
};
use crate::border;

/// Why a value is not taken.
pub struct Fault {
    /// For which reason.
    pub reason: Reason,
    /// The last part of the rule's name.
    pub rule: &'static str,
    /// What stood there, for people; never a text of the body.
    pub detail: String,
}

impl Fault {
    const fn new(reason: Reason, rule: &'static str) -> Self {
        Self { reason, rule, detail: String::new() }
    }

    fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }
}

/// One value, an entry of a list or the whole.
pub fn judge(field: &FieldRules, value: &Value) -> Result<(), Fault> {
    match (&field.class, value) {
        (Class::Text, Value::String(text)) => text_fits(field, text),
        (Class::Bytes, Value::Bytes(bytes)) => bytes_fit(field, bytes),
        (Class::Enum(list), Value::EnumNumber(number)) => known(list, *number),
        (Class::Integer(_), number) => within(field, whole(number)),
        (Class::Real(_), Value::F64(number)) => finite(*number).and_then(|()| within(field, Some(*number as i128))),
        (Class::Real(_), Value::F32(number)) => {
            finite(f64::from(*number)).and_then(|()| within(field, Some(*number as i128)))
        }
        (Class::Time, Value::Message(_)) => time(value),
        (Class::Length, Value::Message(_)) => length(field, value),
        _ => Ok(()),
    }
}

fn text_fits(field: &FieldRules, text: &str) -> Result<(), Fault> {
    // entries of a list are counted by the list's own limit
    let alone = format::chars_max(field.rule.format());
    let most = if field.repeated { alone } else { most_of(field).unwrap_or(alone) };
    let chars = text.chars().count();
    if chars > most {
        return Err(Fault::new(Reason::TooLarge, "max").detail(format!("{chars} > {most}")));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Fault::new(Reason::BadSchema, "plain"));
    }
    if field.repeated && text.trim().is_empty() {
        return Err(Fault::new(Reason::MissingField, "required"));
    }
    if format::fits_text(field.rule.format(), text) { Ok(()) } else { Err(Fault::new(Reason::BadCode, "format")) }
}

fn bytes_fit(field: &FieldRules, bytes: &[u8]) -> Result<(), Fault> {
    match most_of(field).filter(|most| !field.repeated && bytes.len() > *most) {
        Some(most) => Err(Fault::new(Reason::TooLarge, "max").detail(format!("{} > {most}", bytes.len()))),
        None if format::fits_bytes(field.rule.format(), bytes) => Ok(()),
        None => Err(Fault::new(Reason::BadCode, "format").detail(format!("{} bytes", bytes.len()))),
    }
}

fn known(list: &EnumRules, number: i32) -> Result<(), Fault> {
    match list.number(number) {
        Some(_) => Ok(()),
        None => Err(Fault::new(Reason::BadCode, "known").detail(number.to_string())),
    }
}

fn within(field: &FieldRules, number: Option<i128>) -> Result<(), Fault> {
    let Some(number) = number else { return Ok(()) };
    let (least, most) = (field.rule.least.map(i128::from), field.rule.most.map(i128::from));
    if least.is_some_and(|least| number < least) {
        return Err(Fault::new(Reason::BadCode, "least").detail(number.to_string()));
    }
    if most.is_some_and(|most| number > most) {
        return Err(Fault::new(Reason::BadCode, "most").detail(number.to_string()));
    }
    Ok(())
}

fn finite(number: f64) -> Result<(), Fault> {
    if number.is_finite() { Ok(()) } else { Err(Fault::new(Reason::BadCode, "finite")) }
}

/// A whole number, however wide.
pub fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::I32(number) => Some(i128::from(*number)),
        Value::I64(number) => Some(i128::from(*number)),
        Value::U32(number) => Some(i128::from(*number)),
        Value::U64(number) => Some(i128::from(*number)),
        _ => None,
    }
}

fn time(value: &Value) -> Result<(), Fault> {
    let wire = value.as_message().and_then(|message| message.transcode_to().ok());
    match border::time::optional(wire, "") {
        Ok(Some(_)) => Ok(()),
        Ok(None) | Err(_) => Err(Fault::new(Reason::BadSchema, "time")),
    }
}

/// Not negative, and within the field's limits in seconds.
fn length(field: &FieldRules, value: &Value) -> Result<(), Fault> {
    let wire: Option<prost_types::Duration> = value.as_message().and_then(|message| message.transcode_to().ok());
    let whole = wire.filter(|wire| wire.seconds >= 0 && (0..1_000_000_000).contains(&wire.nanos));
    let Some(wire) = whole else { return Err(Fault::new(Reason::BadSchema, "duration")) };
    within(field, Some(i128::from(wire.seconds)))
}
