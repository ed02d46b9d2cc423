//! What people and programs read: tables, JSON, errors.

use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use model::time::Timestamp;
use serde::Serialize;
use tonic::Status;

use super::certs;
use crate::lang::{Lang, say};

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON value.
    Json,
    /// One JSON value a line.
    Jsonl,
}

/// How to speak to whoever called.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Language.
    pub lang: Lang,
    /// Format of data.
    pub format: Format,
}

impl Context {
    /// One of two texts.
    pub const fn say<'t>(&self, zh: &'t str, en: &'t str) -> &'t str {
        say(self.lang, zh, en)
    }

    /// Prints rows: a table for people, JSON objects for programs.
    pub fn rows<T: Serialize>(
        &self,
        rows: &[T],
        header: &[(&str, &str)],
        cells: impl Fn(&T) -> Vec<String>,
    ) -> anyhow::Result<()> {
        match self.format {
            Format::Json => line(&serde_json::to_string_pretty(rows)?),
            Format::Jsonl => rows.iter().try_for_each(|row| line(&serde_json::to_string(row)?)),
            Format::Table if rows.is_empty() => {
                note(self.say("（无）", "(none)"));
                Ok(())
            }
            Format::Table => {
                let mut table = Table::new();
                table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
                table.set_header(header.iter().map(|(zh, en)| self.say(zh, en)));
                for row in rows {
                    table.add_row(cells(row));
                }
                line(&table.to_string())
            }
        }
    }

    /// Prints one value: as text for people, as JSON for programs.
    pub fn value<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        match self.format {
            Format::Json => line(&serde_json::to_string_pretty(value)?),
            Format::Jsonl => line(&serde_json::to_string(value)?),
            Format::Table => line(&text(value)),
        }
    }
}

/// A line of data. A reader that went away is no error of ours.
pub fn line(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match writeln!(out, "{}", text.trim_end()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        written => Ok(written?),
    }
}

/// A line of talk.
pub fn note(text: &str) {
    anstream::eprintln!("{text}");
}

/// An error with what to do about it.
pub fn error(error: &anyhow::Error, lang: Lang) {
    let mark = say(lang, "错误", "error");
    let mark = if io::stderr().is_terminal() { format!("\u{1b}[31m{mark}\u{1b}[0m") } else { mark.to_owned() };
    let mut texts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = match (cause.downcast_ref::<Status>(), cause.downcast_ref::<model::invalid::Invalid>()) {
            (Some(status), _) => status.message().to_owned(),
            (None, Some(invalid)) => {
                let (zh, en) = proto::status::texts(invalid);
                say(lang, &zh, &en).to_owned()
            }
            (None, None) if lang == Lang::Zh => certs::texts::zh(cause).unwrap_or_else(|| cause.to_string()),
            (None, None) => cause.to_string(),
        };
        if !text.is_empty() && texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
    }
    anstream::eprintln!("{mark}: {}", texts.join(": "));
}

/// A time as the machine's people read it.
pub fn time(at: Option<prost_types::Timestamp>) -> String {
    let Some(at) = at.and_then(|at| proto::border::time::optional(Some(at), "at").ok().flatten()) else {
        return "–".to_owned();
    };
    local(at).strftime("%m-%d %H:%M:%S").to_string()
}

/// The same with year and offset.
pub fn full_time(at: Option<prost_types::Timestamp>) -> String {
    let Some(at) = at.and_then(|at| proto::border::time::optional(Some(at), "at").ok().flatten()) else {
        return "–".to_owned();
    };
    local(at).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

fn local(at: Timestamp) -> jiff::Zoned {
    let stamp = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
    stamp.to_zoned(jiff::tz::TimeZone::system())
}
