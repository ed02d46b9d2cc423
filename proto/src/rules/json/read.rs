//! From JSON to values. What is not understood is refused with its path, never dropped.

use model::invalid::Invalid;
use prost::Message as _;
use prost_reflect::{DynamicMessage, Value as Wire};
use serde_json::{Map, Value};

use super::{
    super::schema::{Class, FieldRules, MessageRules, Schema},
    scalar,
};

/// Reads JSON of one kind, or of none in particular.
pub struct Reading<'a> {
    /// Which messages there are.
    pub schema: &'a Schema,
    /// Where the rules of faults begin: `K11`, or empty.
    pub code: String,
}

impl Reading<'_> {
    /// A message from an object. `path` is where it stands.
    pub fn message(&self, rules: &MessageRules, value: &Value, path: &str) -> Result<DynamicMessage, Invalid> {
        let object = value.as_object().ok_or_else(|| Invalid::schema(path, "json.object").detail(sort_of(value)))?;
        let mut message = DynamicMessage::new(rules.descriptor.clone());
        self.fill(&mut message, rules, object, path)?;
        Ok(message)
    }

    fn fill(
        &self,
        message: &mut DynamicMessage,
        rules: &MessageRules,
        object: &Map<String, Value>,
        path: &str,
    ) -> Result<(), Invalid> {
        let mut groups: Vec<&str> = Vec::new();
        for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
            let field = find(rules, key).ok_or_else(|| unknown_key(rules, key, path))?;
            let inner = join(path, &field.name);
            if let Some(group) = &field.oneof {
                if groups.contains(&group.as_str()) {
                    return Err(Invalid::schema(inner, "json.one_of").detail(group.as_str()));
                }
                groups.push(group);
            }
            let wire = self.field(field, value, &inner)?;
            let unfit = |_| self.unreadable(&inner, value);
            message.try_set_field(&field.descriptor, wire).map_err(unfit)?;
        }
        Ok(())
    }

    /// The value of a whole field, list or not. A single value where a list is asked for is a list of one.
    pub fn field(&self, field: &FieldRules, value: &Value, path: &str) -> Result<Wire, Invalid> {
        if !field.repeated {
            return self.one(field, value, path);
        }
        let alone = std::slice::from_ref(value);
        let entries = value.as_array().map_or(alone, Vec::as_slice).iter().enumerate();
        entries
            .map(|(at, value)| self.one(field, value, &format!("{path}[{at}]")))
            .collect::<Result<_, _>>()
            .map(Wire::List)
    }

    /// One value of a field.
    pub fn one(&self, field: &FieldRules, value: &Value, path: &str) -> Result<Wire, Invalid> {
        match self.schema.inside(field) {
            Some(rules) => self.message(rules, value, path).map(Wire::Message),
            None if matches!(field.class, Class::Encoded) && value.is_object() => {
                let rules = self.schema.body().ok_or_else(|| self.unreadable(path, value))?;
                self.message(rules, value, path).map(|body| Wire::Bytes(body.encode_to_vec().into()))
            }
            None => scalar::scalar(field, value).ok_or_else(|| self.refused(field, value, path)),
        }
    }

    fn refused(&self, field: &FieldRules, value: &Value, path: &str) -> Invalid {
        match (&field.class, value) {
            (Class::Enum(list), Value::String(text)) => {
                let near = closest(text, list.values.iter().map(|value| value.short.as_str()));
                let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                let refused = self.fault(path, "known");
                refused.detail(format!("{}{hint}", shown(text)))
            }
            _ => self.unreadable(path, value),
        }
    }

    fn unreadable(&self, path: &str, value: &Value) -> Invalid {
        self.fault(path, "value").detail(sort_of(value))
    }

    /// A fault with the rule that `check` would name.
    fn fault(&self, path: &str, rule: &str) -> Invalid {
        let steps = path.split('.').skip(1).map(|step| super::super::text::indexed(step).0);
        let plain: String = steps.flat_map(|step| [step, "."]).collect();
        match self.code.as_str() {
            "" => Invalid::code(path, format!("json.{rule}")),
            _ if path.starts_with("header") => Invalid::code(path, format!("header.{plain}{rule}")),
            code => Invalid::code(path, format!("{code}.{plain}{rule}")),
        }
    }
}

/// A field by its name in the contract, in canonical JSON, or in Chinese.
pub fn find<'a>(rules: &'a MessageRules, key: &str) -> Option<&'a FieldRules> {
    let named = |field: &&FieldRules| {
        field.name == key
            || field.descriptor.json_name() == key
            || field.rule.zh == key
            || field.name == key.replace('-', "_")
    };
    rules.fields.iter().find(named)
}

/// The refusal of a key that the contract does not know, with the closest that it does.
pub fn unknown_key(rules: &MessageRules, key: &str, path: &str) -> Invalid {
    let known = rules.fields.iter().map(|field| field.name.as_str());
    let detail = match closest(key, known.clone()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("known: {}", known.collect::<Vec<_>>().join(", ")),
    };
    Invalid::schema(join(path, &shown(key)), "json.unknown_key").detail(detail)
}

/// One step further.
pub fn join(path: &str, step: &str) -> String {
    if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") }
}

/// The beginning of what somebody wrote, with nothing in it that a screen would obey.
fn shown(text: &str) -> String {
    text.chars().take(40).filter(|c| !c.is_control()).collect()
}

fn sort_of(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => shown(text),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The known name that is few letters away.
pub fn closest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_ascii_lowercase();
    let far = (wanted.chars().count() / 3).max(1);
    known
        .map(|name| (distance(&wanted, &name.to_ascii_lowercase()), name))
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters must be put in, taken out or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let (mut corner, mut left) = (i, i + 1);
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            let change = corner + usize::from(x != *y);
            corner = *above;
            left = change.min(left + 1).min(above + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
