//! A message in a file: TOML or JSON, by name or from standard input.

use std::{fs, io::Read as _, path::Path};

use agent::formats::draft_file;
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
    Ok(draft_file::parse(text).map_err(BadInput)?)
}
