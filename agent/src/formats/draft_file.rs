//! Drafts and templates in files: TOML or JSON, read as JSON.

use serde_json::Value;

/// JSON if it begins like JSON, else TOML.
///
/// # Errors
/// What cannot be read, with its place.
pub fn parse(text: &str) -> Result<Value, String> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    toml::from_str(text).map(json).map_err(|error: toml::de::Error| error.to_string())
}

/// TOML as JSON; times become their text.
pub fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(all) => all.into_iter().map(json).collect(),
        toml::Value::Table(table) => Value::Object(table.into_iter().map(|(key, value)| (key, json(value))).collect()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = parse("kind = \"BULLETIN\"\n[header]\nexpires_at = 2026-12-03T08:40:00+08:00\n").unwrap();
        let json = r#"{"kind": "BULLETIN", "header": {"expires_at": "2026-12-03T08:40:00+08:00"}}"#;

        assert_eq!(toml, parse(json).unwrap());
    }

    #[test]
    fn a_broken_file_says_where() {
        let error = parse("kind = \n").unwrap_err();
        assert!(error.contains("line 1"), "{error}");
    }
}
