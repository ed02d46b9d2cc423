//! What people and programs read: tables, JSON, errors.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use anyhow::Context as _;
use clap::ValueEnum;
pub use comfy_table::Cell;
use comfy_table::{CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, Width, presets};
use model::time::Timestamp;
use serde::Serialize;
use tonic::Status;

use super::{certs, exit::Said, starts, words};
use crate::lang::{Lang, say};

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For people: whole ids and times, and no line is broken.
    Wide,
    /// One JSON value.
    Json,
    /// One JSON value a line.
    Jsonl,
}

/// Whether anything but data and errors is said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Talk {
    /// What happened, and what to do next.
    Full,
    /// Nothing: `-q`.
    Quiet,
}

/// How to speak to whoever called.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Language.
    pub lang: Lang,
    /// Format of data.
    pub format: Format,
    /// Talk beside the data.
    pub talk: Talk,
}

impl Context {
    /// One of two texts.
    pub const fn say<'t>(self, zh: &'t str, en: &'t str) -> &'t str {
        say(self.lang, zh, en)
    }

    /// Says what happened, on standard error.
    pub fn tell(self, zh: &str, en: &str) {
        if self.talk == Talk::Full {
            anstream::eprintln!("{}", self.say(zh, en));
        }
    }

    /// Writes a file and says so.
    pub fn write(self, to: &Path, bytes: &[u8]) -> anyhow::Result<()> {
        let file = to.display();
        fs::write(to, bytes).with_context(|| file.to_string())?;
        self.tell(&format!("已写入 {file}"), &format!("wrote {file}"));
        Ok(())
    }

    /// Names the next useful command, on standard error.
    pub fn next(self, command: &str, zh: &str, en: &str) {
        let mark = self.say("下一步", "next");
        self.tell(&format!("{mark}  {command}    {zh}"), &format!("{mark}  {command}    {en}"));
    }

    /// Data is for people, not for a program.
    pub fn is_table(self) -> bool {
        matches!(self.format, Format::Table | Format::Wide)
    }

    /// Prints rows: a table for people, JSON objects for programs.
    pub fn rows<T: Serialize, C: Into<Cell>>(
        self,
        rows: &[T],
        header: &[(&str, &str)],
        cells: impl Fn(&T) -> Vec<C>,
    ) -> anyhow::Result<()> {
        let cells = |row: &T| cells(row).into_iter().map(Into::into).collect();
        if self.is_table() { self.table(header, rows.iter().map(cells)) } else { self.json(rows.iter()) }
    }

    /// A table for people.
    pub fn table(self, header: &[(&str, &str)], rows: impl ExactSizeIterator<Item = Vec<Cell>>) -> anyhow::Result<()> {
        if rows.len() == 0 {
            self.tell("（无）", "(none)");
            return Ok(());
        }
        let heads = header.iter().map(|(zh, en)| muted(self.say(zh, en)));
        line(&laid_out(Some(heads.collect()), rows, self.arrangement()))
    }

    /// The same for programs.
    pub fn json<T: Serialize>(self, rows: impl Iterator<Item = T>) -> anyhow::Result<()> {
        if self.format == Format::Jsonl {
            let mut rows = rows;
            return rows.try_for_each(|row| line(&serde_json::to_string(&row)?));
        }
        line(&serde_json::to_string_pretty(&rows.collect::<Vec<_>>())?)
    }

    fn arrangement(self) -> ContentArrangement {
        if self.format == Format::Wide { ContentArrangement::Disabled } else { ContentArrangement::Dynamic }
    }

    /// An id in a table: its end, by which people name it, or the whole where there is room.
    pub fn id(self, id: &[u8]) -> String {
        if self.format == Format::Wide { words::whole(id) } else { words::short(id) }
    }

    /// A time in a table.
    pub fn time(self, at: Option<prost_types::Timestamp>) -> String {
        if self.format == Format::Wide { full_time(at) } else { time(at) }
    }

    /// Prints one value: as text for people, as JSON for programs.
    pub fn value<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        match self.format {
            Format::Json => line(&serde_json::to_string_pretty(value)?),
            Format::Jsonl => line(&serde_json::to_string(value)?),
            Format::Table | Format::Wide => line(&text(value)),
        }
    }
}

/// Columns under each other, without lines; the width of Chinese is the terminal's two cells a character.
pub fn table(header: Option<Vec<Cell>>, rows: impl Iterator<Item = Vec<Cell>>) -> String {
    laid_out(header, rows, ContentArrangement::Dynamic)
}

fn laid_out(
    header: Option<Vec<Cell>>,
    rows: impl Iterator<Item = Vec<Cell>>,
    arrangement: ContentArrangement,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(arrangement);
    if let Some(header) = header {
        table.set_header(header);
    }
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// One row of a table whose other rows come later: the first columns have at least these widths.
pub fn columns(row: Vec<Cell>, widths: &[u16]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).add_row(row);
    for (column, width) in table.column_iter_mut().zip(widths.iter().map(Some).chain(std::iter::repeat(None))) {
        column.set_padding((0, 2));
        if let Some(width) = width {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width + 2)));
        }
    }
    table.to_string().trim_end().to_owned()
}

/// A label and its value on each line.
pub fn facts(facts: impl IntoIterator<Item = (String, String)>) -> String {
    table(None, facts.into_iter().map(|(label, value)| vec![muted(&label), Cell::new(value)]))
}

/// A plain cell.
pub fn cell(text: impl ToString) -> Cell {
    Cell::new(text)
}

/// A number, to the right.
pub fn number(text: impl ToString) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// What is there for orientation only.
pub fn muted(text: &str) -> Cell {
    Cell::new(text).fg(Color::DarkGrey)
}

/// Good: always beside a word or mark that says so too.
pub fn good(text: &str) -> Cell {
    Cell::new(text).fg(Color::Green)
}

/// Bad: always beside a word or mark that says so too.
pub fn bad(text: &str) -> Cell {
    Cell::new(text).fg(Color::Red)
}

/// A line of data. A reader that went away is no error of ours.
pub fn line(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match writeln!(out, "{}", text.trim_end()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        written => Ok(written?),
    }
}

/// A line of talk that is said in any case.
pub fn note(text: &str) {
    anstream::eprintln!("{text}");
}

/// An error with what to do about it.
pub fn error(error: &anyhow::Error, context: Context) {
    let lang = context.lang;
    if error.is::<Said>() {
        return;
    }
    let mark = say(lang, "错误：", "error: ");
    let mut texts: Vec<String> = Vec::new();
    for cause in error.chain() {
        if let Some((zh, en)) = starts::words(cause) {
            // it says what is below it, too
            texts.push(say(lang, &zh, &en).to_owned());
            break;
        }
        let text = text_of(cause, lang);
        if !text.is_empty() && texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
    }
    anstream::eprintln!("\u{1b}[31m{mark}\u{1b}[0m{}", texts.join(say(lang, "：", ": ")));
    if error.chain().any(is_link) {
        context.next("liandong link test", "逐步检查，找出原因", "find out why, step by step");
    } else if let Some(reason) = error.chain().find_map(reason_of) {
        let command = format!("liandong errors LD{}", reason.number());
        context.next(&command, "含义与处置", "what it means, and what to do");
    }
}

fn text_of(cause: &(dyn std::error::Error + 'static), lang: Lang) -> String {
    match (cause.downcast_ref::<Status>(), cause.downcast_ref::<model::invalid::Invalid>()) {
        (Some(status), _) => match (status.message(), status.code()) {
            ("", code) => format!("{code:?}"),
            (message, _) => message.to_owned(),
        },
        (None, Some(invalid)) => {
            let (zh, en) = proto::status::texts(invalid);
            say(lang, &zh, &en).to_owned()
        }
        (None, None) if lang == Lang::Zh => {
            let known = certs::texts::zh(cause).or_else(|| starts::head_zh(cause));
            known.unwrap_or_else(|| cause.to_string())
        }
        (None, None) => cause.to_string(),
    }
}

/// Whether it is the link that is missing.
fn is_link(cause: &(dyn std::error::Error + 'static)) -> bool {
    let status = cause.downcast_ref::<Status>();
    status.is_some_and(|status| status.code() == tonic::Code::Unavailable && proto::status::reason(status).is_some())
}

fn reason_of(cause: &(dyn std::error::Error + 'static)) -> Option<model::reason::Reason> {
    let of_status = cause.downcast_ref::<Status>().and_then(proto::status::reason);
    of_status.or_else(|| cause.downcast_ref::<model::invalid::Invalid>().map(|invalid| invalid.reason))
}

/// A time of the contract as a time of the model.
pub fn at(wire: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    proto::border::time::optional(wire, "at").ok().flatten()
}

/// A time as programs read it.
pub fn rfc3339(wire: Option<prost_types::Timestamp>) -> Option<String> {
    Some(at(wire)?.rfc3339())
}

/// A time as the machine's people read it.
pub fn time(wire: Option<prost_types::Timestamp>) -> String {
    at(wire).map_or_else(|| "–".to_owned(), |at| local(at).strftime("%m-%d %H:%M:%S").to_string())
}

/// The day of a time as the machine's people read it: `2027-06-03`.
pub fn date(at: Timestamp) -> String {
    local(at).strftime("%Y-%m-%d").to_string()
}

const FULL: &str = "%Y-%m-%d %H:%M:%S %:z";

/// The same with year and offset.
pub fn full_time(wire: Option<prost_types::Timestamp>) -> String {
    at(wire).map_or_else(|| "–".to_owned(), |at| local(at).strftime(FULL).to_string())
}

/// A time as the contract's view of a body says it (`2026-07-18 11:05 +08:00`), as the machine's people read it; any
/// other text as it is.
pub fn local_text(text: String) -> String {
    let read = |form| jiff::fmt::strtime::parse(form, &text).and_then(|parsed| parsed.to_timestamp());
    match read("%Y-%m-%d %H:%M:%S %:z").or_else(|_| read("%Y-%m-%d %H:%M %:z")) {
        Ok(at) => local(Timestamp::from_millis(at.as_millisecond())).strftime(FULL).to_string(),
        Err(_) => text,
    }
}

/// How long, in the two units that matter: `0.3 s`, `42 s`, `5 min 12 s`, `3 h 20 min`, `2 d 4 h`.
pub fn length(length: std::time::Duration, lang: Lang) -> String {
    let s = length.as_secs();
    let [day, hour, minute, second] = match lang {
        Lang::Zh => ["天", "小时", "分", "秒"],
        Lang::En => [" d", " h", " min", " s"],
    };
    let gap = say(lang, "", " ");
    match s {
        0..10 => format!("{:.1}{second}", length.as_secs_f64()),
        10..60 => format!("{s}{second}"),
        60..3_600 => format!("{}{minute}{gap}{}{second}", s / 60, s % 60),
        3_600..86_400 => format!("{}{hour}{gap}{}{minute}", s / 3_600, s % 3_600 / 60),
        _ => format!("{}{day}{gap}{}{hour}", s / 86_400, s % 86_400 / 3_600),
    }
}

fn local(at: Timestamp) -> jiff::Zoned {
    let stamp = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
    stamp.to_zoned(jiff::tz::TimeZone::system())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn columns_stand_under_each_other_with_chinese_in_them() {
        let rows = [["临沂", "1"], ["ab", "22"], ["连云港", "3"]];
        let text = table(None, rows.iter().map(|row| row.iter().map(Cell::new).collect()));

        assert_eq!(text, "临沂    1\nab      22\n连云港  3");
    }

    #[test]
    fn a_time_of_a_body_is_said_in_the_zone_of_the_header() {
        let at = "2026-07-18T03:05:00Z".parse::<jiff::Timestamp>().unwrap();
        let header = full_time(Some(prost_types::Timestamp { seconds: at.as_second(), nanos: 0 }));

        assert_eq!(local_text("2026-07-18 11:05 +08:00".to_owned()), header);
        assert_eq!(local_text("2026-07-18 11:05:00 +08:00".to_owned()), header);
        assert_eq!(local_text("7 月 18 日 11:05 +08:00".to_owned()), "7 月 18 日 11:05 +08:00");
    }

    #[test]
    fn lengths_are_said_in_the_two_units_that_matter() {
        let said = |ms| (length(Duration::from_millis(ms), Lang::Zh), length(Duration::from_millis(ms), Lang::En));

        assert_eq!(said(340), ("0.3秒".into(), "0.3 s".into()));
        assert_eq!(said(312_000), ("5分12秒".into(), "5 min 12 s".into()));
        assert_eq!(said(12_000_000), ("3小时20分".into(), "3 h 20 min".into()));
        assert_eq!(said(187_200_000), ("2天4小时".into(), "2 d 4 h".into()));
    }
}
