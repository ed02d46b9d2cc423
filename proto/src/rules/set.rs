//! One field of a draft from a text, as `--set` and forms do it.

use model::{invalid::Invalid, kind::Kind};
use serde_json::{Map, Value};

use super::{
    json::{Reading, draft},
    schema::{Class, FieldRules, MessageRules, Schema},
    text::indexed,
};
use crate::v1::Format;

/// Entries that a path may reach beyond the end of a list: it grows one by one.
const LIST_MAX: usize = 4_096;

/// Sets the field at `path` to what `text` says.
pub fn field(schema: &Schema, value: &mut Value, path: &str, text: &str, kind: Kind) -> Result<(), Invalid> {
    let unknown = || Invalid::code("kind", "kind.known").detail(kind.code());
    let member = schema.body_field(kind).ok_or_else(unknown)?;
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    let whole = value.as_object_mut().ok_or_else(|| Invalid::schema("draft", "json.object"))?;
    let setting = Setting { reading: Reading { schema, code: kind.code() } };
    if let Some(path) = path.strip_prefix("header.") {
        let rules = schema.named("Header").ok_or_else(unknown)?;
        return setting.walk(rules, whole.entry("header").or_insert_with(empty), path, "header", text);
    }
    let body = whole.entry("body").or_insert_with(empty);
    draft::wrap(schema, kind, body);
    let object = body.as_object_mut().ok_or_else(|| Invalid::schema("body", "json.object"))?;
    let key = object.keys().next().cloned().unwrap_or_else(|| member.name.clone());
    let rules = schema.inside(member).ok_or_else(unknown)?;
    let path = path.strip_prefix("body.").unwrap_or(path);
    setting.walk(rules, object.entry(key).or_insert_with(empty), path, "body", text)
}

fn empty() -> Value {
    Value::Object(Map::new())
}

struct Setting<'a> {
    reading: Reading<'a>,
}

impl Setting<'_> {
    /// Follows `path` from a message, making what is not there yet.
    fn walk(
        &self,
        rules: &MessageRules,
        place: &mut Value,
        path: &str,
        so_far: &str,
        text: &str,
    ) -> Result<(), Invalid> {
        let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
        let (name, at) = indexed(step);
        let field = draft_field(rules, name, so_far)?;
        let so_far = format!("{so_far}.{}{}", field.name, at.map(|at| format!("[{at}]")).unwrap_or_default());
        let object = place.as_object_mut().ok_or_else(|| Invalid::schema(so_far.as_str(), "json.object"))?;
        let old = [field.descriptor.json_name(), field.name.as_str()].into_iter().find(|key| object.contains_key(*key));
        let key = old.unwrap_or(&field.name).to_owned();
        if field.oneof.is_some() {
            forget_group(rules, field, object);
        }
        let entry = object.entry(key).or_insert(Value::Null);
        let place = match (field.repeated, at, rest) {
            (true, Some(at), _) => list_entry(entry, at, &so_far)?,
            (true, None, Some(_)) => list_entry(entry, 0, &so_far)?,
            (false, Some(_), _) => return Err(Invalid::schema(so_far, "json.no_list")),
            (_, None, _) => entry,
        };
        match (rest, self.reading.schema.inside(field)) {
            (None, _) => self.put(field, place, at.is_some(), &so_far, text),
            (Some(rest), Some(inner)) => {
                if place.is_null() {
                    *place = empty();
                }
                self.walk(inner, place, rest, &so_far, text)
            }
            (Some(_), None) => Err(Invalid::schema(so_far, "json.no_message")),
        }
    }

    /// Puts the value that `text` says. Without an index a list grows.
    fn put(&self, field: &FieldRules, place: &mut Value, entry: bool, path: &str, text: &str) -> Result<(), Invalid> {
        if field.repeated && !entry {
            let mut list = place.take().as_array().cloned().unwrap_or_default();
            for part in parts(field, text) {
                list.push(self.value(field, path, part)?);
            }
            *place = Value::Array(list);
            return Ok(());
        }
        *place = self.value(field, path, text)?;
        Ok(())
    }

    fn value(&self, field: &FieldRules, path: &str, text: &str) -> Result<Value, Invalid> {
        let value = match field.class {
            Class::Message(_) | Class::Encoded => {
                let short = self.reading.schema.inside(field).and_then(|inside| short(inside, text));
                let json = || serde_json::from_str(text);
                short.map_or_else(json, Ok).map_err(|_| Invalid::schema(path, "json.object").detail("not JSON"))?
            }
            _ => Value::from(text),
        };
        self.reading.one(field, &value, path)?;
        Ok(value)
    }
}

/// Messages that people write as one text: a point as `34.45,118.36` in degrees, money as `12000.50` in yuan. Exact: what
/// has more decimals than the field holds is not taken.
fn short(rules: &MessageRules, text: &str) -> Option<Value> {
    if rules.is("Point") {
        let (lat, lon) = text.split_once([',', '，'])?;
        return Some(serde_json::json!({"lat_e7": decimal(lat, 7)?, "lon_e7": decimal(lon, 7)?}));
    }
    rules.is("Money").then(|| Some(serde_json::json!({"fen": decimal(text, 2)?})))?
}

/// A decimal number in units of its last place.
fn decimal(text: &str, places: usize) -> Option<i64> {
    let text = text.trim();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || rest.len() > places || !plain(whole) || !plain(rest) {
        return None;
    }
    format!("{whole}{rest:0<places$}").parse::<i64>().ok().map(|number| sign * number)
}

fn draft_field<'a>(rules: &'a MessageRules, name: &str, so_far: &str) -> Result<&'a FieldRules, Invalid> {
    super::json::find(rules, name).ok_or_else(|| super::json::unknown_key(rules, name, so_far))
}

/// Codes, numbers and enum names may come as `a,b`; a free text keeps its commas.
fn parts<'a>(field: &FieldRules, text: &'a str) -> Vec<&'a str> {
    let free = matches!(field.class, Class::Text) && field.rule.format() == Format::Unspecified;
    if free || matches!(field.class, Class::Message(_)) {
        return vec![text];
    }
    text.split([',', '，', '、']).map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// The other members of a group give way.
fn forget_group(rules: &MessageRules, field: &FieldRules, object: &mut Map<String, Value>) {
    let others = rules.fields.iter().filter(|other| other.oneof == field.oneof && other.name != field.name);
    for other in others {
        object.remove(&other.name);
        object.remove(other.descriptor.json_name());
    }
}

/// The entry `at`, which may be the next one.
fn list_entry<'a>(list: &'a mut Value, at: usize, path: &str) -> Result<&'a mut Value, Invalid> {
    if list.is_null() {
        *list = Value::Array(Vec::new());
    }
    let wrong = || Invalid::schema(path, "json.index");
    let entries = list.as_array_mut().ok_or_else(wrong)?;
    if at == entries.len() && at < LIST_MAX {
        entries.push(Value::Null);
    }
    let count = entries.len();
    entries.get_mut(at).ok_or_else(|| wrong().detail(format!("{count} entries so far")))
}
