//! From bytes to an event: which attributes there are, in which form, and what its type asks for.

use model::{invalid::Invalid, kind::Kind};
use proto::rules::base64;
use serde_json::{Map, Value};

use super::{Event, name_of};

/// Attributes of an event at most.
const ATTRIBUTES_MAX: usize = 64;
/// Characters of an attribute's value at most.
const VALUE_CHARS_MAX: usize = 1_024;
/// Characters of `id` and `source` at most.
pub const NAME_CHARS_MAX: usize = 256;
/// Bytes of an attribute's name at most.
const ATTRIBUTE_BYTES_MAX: usize = 40;

/// An event in structured mode: one JSON object.
///
/// # Errors
/// The attribute that is not as CloudEvents 1.0 has it.
pub fn structured(value: Value) -> Result<Event, Invalid> {
    let Value::Object(mut members) = value else { return Err(Invalid::schema("", "event.data").detail("no object")) };
    let data = members.remove("data").filter(|data| !data.is_null());
    let encoded = members.remove("data_base64").filter(|data| !data.is_null());
    let data = match (data, encoded) {
        (Some(_), Some(_)) => return Err(Invalid::schema("data_base64", "event.data").detail("data is there as well")),
        (None, Some(encoded)) => decoded(&encoded)?,
        (data, None) => data.unwrap_or_default(),
    };
    let mut attributes = Map::new();
    for (name, value) in members.into_iter().filter(|(_, value)| !value.is_null()) {
        let text = match value {
            Value::String(text) => text,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) | Value::Null => return Err(unfit(&name)),
        };
        attributes.insert(name, text.into());
    }
    event(attributes, data)
}

/// An event in binary mode: attributes in headers `ce-…`, the data as the body.
///
/// # Errors
/// The attribute that is not as CloudEvents 1.0 has it.
pub fn binary<'h>(
    headers: impl Iterator<Item = (&'h str, &'h [u8])>,
    content_type: &str,
    body: &[u8],
) -> Result<Event, Invalid> {
    let mut attributes = Map::new();
    for (name, value) in headers.filter_map(|(name, value)| Some((name.strip_prefix("ce-")?, value))) {
        let text = percent_decoded(value).ok_or_else(|| unfit(name))?;
        if attributes.insert(name.to_owned(), text.into()).is_some() {
            return Err(Invalid::schema(shown(name), "event.attribute").detail("twice"));
        }
    }
    attributes.insert("datacontenttype".to_owned(), content_type.into());
    let data = if body.is_empty() { Value::Null } else { parsed(body, "data")? };
    event(attributes, data)
}

fn event(attributes: Map<String, Value>, data: Value) -> Result<Event, Invalid> {
    if attributes.len() > ATTRIBUTES_MAX {
        return Err(Invalid::too_large("", attributes.len(), ATTRIBUTES_MAX));
    }
    for (name, value) in &attributes {
        check(name, value.as_str().unwrap_or_default())?;
    }
    let text = |name: &str| attributes.get(name).and_then(Value::as_str).unwrap_or_default();
    let needed = |name: &str, most: usize| match text(name) {
        "" => Err(Invalid::missing(name)),
        text if text.chars().count() > most => Err(Invalid::too_large(name, text.chars().count(), most)),
        text => Ok(text.to_owned()),
    };
    if needed("specversion", VALUE_CHARS_MAX)? != "1.0" {
        return Err(Invalid::code("specversion", "event.version").detail(text("specversion")));
    }
    let (id, source) = (needed("id", NAME_CHARS_MAX)?, needed("source", NAME_CHARS_MAX)?);
    let (kind, exercise) = kind_of(&needed("type", VALUE_CHARS_MAX)?)?;
    if !matches!(text("datacontenttype"), "") && !is_json(text("datacontenttype")) {
        return Err(Invalid::schema("datacontenttype", "event.media").detail(text("datacontenttype")));
    }
    let data = match data {
        Value::Object(data) => data,
        Value::Null => Map::new(),
        _ => return Err(Invalid::schema("data", "event.data")),
    };
    Ok(Event { source, id, kind, exercise, attributes, data })
}

/// Names are small letters and digits; values hold nothing that a log or a terminal would act on.
fn check(name: &str, value: &str) -> Result<(), Invalid> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if name.is_empty() || name.len() > ATTRIBUTE_BYTES_MAX || !name.bytes().all(plain) {
        return Err(unfit(name));
    }
    let chars = value.chars().count();
    if chars > VALUE_CHARS_MAX {
        return Err(Invalid::too_large(name, chars, VALUE_CHARS_MAX));
    }
    if value.chars().any(char::is_control) { Err(unfit(name)) } else { Ok(()) }
}

fn unfit(name: &str) -> Invalid {
    Invalid::schema(shown(name), "event.attribute")
}

/// A name from outside, as an answer repeats it.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(ATTRIBUTE_BYTES_MAX).collect()
}

/// `cn.liandong.info.bulletin.v1`, for an exercise `cn.liandong.exercise.info.bulletin.v1`.
fn kind_of(text: &str) -> Result<(Kind, bool), Invalid> {
    let inner = text.strip_prefix("cn.liandong.").and_then(|rest| rest.strip_suffix(".v1"));
    let (name, exercise) = match inner.map(|inner| (inner, inner.strip_prefix("exercise."))) {
        Some((_, Some(name))) => (name, true),
        Some((name, None)) => (name, false),
        None => ("", false),
    };
    let kind = Kind::ALL.iter().copied().find(|kind| name_of(*kind) == name);
    kind.map(|kind| (kind, exercise)).ok_or_else(|| Invalid::code("type", "event.type").detail(shown(text)))
}

/// Whether a media type is JSON.
pub fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn decoded(encoded: &Value) -> Result<Value, Invalid> {
    let bytes = encoded.as_str().and_then(base64::decode);
    let bytes = bytes.ok_or_else(|| Invalid::schema("data_base64", "event.data").detail("no base64"))?;
    parsed(&bytes, "data_base64")
}

fn parsed(bytes: &[u8], field: &str) -> Result<Value, Invalid> {
    serde_json::from_slice(bytes).map_err(|error| Invalid::schema(field, "event.data").detail(error.to_string()))
}

/// The value of a header: `%E7%BA%A2` is 红. A percent sign that begins no byte stands for itself no more.
fn percent_decoded(value: &[u8]) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(value.len()), value);
    while let Some((first, behind)) = rest.split_first() {
        if *first == b'%' {
            let (pair, behind) = behind.split_at_checked(2)?;
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            let [high, low] = pair else { return None };
            bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
            rest = behind;
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    String::from_utf8(bytes).ok()
}
