//! A message in a file: TOML or JSON, by name or from standard input.

use std::{fs, io::Read as _, path::Path};

use anyhow::Context as _;
use serde_json::Value;

use crate::cli::exit::BadInput;

/// Reads a draft; `-` is standard input.
pub fn read(path: &Path) -> anyhow::Result<Value> {
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).context("stdin")?;
    } else {
        text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    }
    parse(&text).with_context(|| path.display().to_string())
}

/// JSON if it begins like JSON, else TOML.
pub fn parse(text: &str) -> anyhow::Result<Value> {
    if text.trim_start().starts_with('{') {
        return Ok(serde_json::from_str(text).map_err(|error| BadInput(error.to_string()))?);
    }
    let value: toml::Value = toml::from_str(text).map_err(|error| BadInput(error.to_string()))?;
    Ok(json(value))
}

/// TOML as JSON; times become their text.
fn json(value: toml::Value) -> Value {
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
    use super::*;

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = parse("kind = \"BULLETIN\"\n[header]\nexpires_at = 2026-12-03T08:40:00+08:00\n").unwrap();
        let json = r#"{"kind": "BULLETIN", "header": {"expires_at": "2026-12-03T08:40:00+08:00"}}"#;

        assert_eq!(toml, parse(json).unwrap());
    }

    #[test]
    fn a_broken_file_says_where() {
        let error = parse("kind = \n").unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
    }
}
