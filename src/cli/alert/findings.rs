//! What was found in a file: which rule, where, what is wrong, and what to do.

use std::collections::BTreeSet;

use agent::formats::cap::{findings::Finding, rule::Level};
use proto::{status, v1};
use serde::Serialize;

use crate::cli::out::{Cell, Context, bad, cell, muted};

/// One finding as people and programs read it.
#[derive(Debug, Serialize)]
pub struct Row {
    rule: String,
    level: &'static str,
    line: u32,
    element: String,
    detail: String,
    text: &'static str,
    remedy: &'static str,
    #[serde(skip)]
    grave: v1::CapLevel,
}

impl Row {
    /// Of a finding that was made here.
    pub fn of(finding: &Finding, context: Context) -> Self {
        let grave = match finding.rule.level() {
            Level::Refuse => v1::CapLevel::Refuse,
            Level::Warn => v1::CapLevel::Warn,
            Level::Note => v1::CapLevel::Note,
        };
        Self::new(finding.rule.name(), grave, finding.line, (&finding.element, &finding.detail), context)
    }

    /// Of a finding that the desk made.
    pub fn seen(seen: &v1::CapFinding, context: Context) -> Self {
        Self::new(&seen.rule, seen.level(), seen.line, (&seen.element, &seen.detail), context)
    }

    fn new(rule: &str, grave: v1::CapLevel, line: u32, (element, detail): (&str, &str), context: Context) -> Self {
        let words = status::rule_words(rule).map(|(zh, en)| if context.say("zh", "en") == "zh" { zh } else { en });
        Self {
            rule: rule.to_owned(),
            level: word(grave).0,
            line,
            element: element.to_owned(),
            detail: detail.to_owned(),
            text: words.map_or("", |words| words.what),
            remedy: words.map_or("", |words| words.remedy),
            grave,
        }
    }

    /// The file is not taken.
    pub fn refuses(&self) -> bool {
        self.grave == v1::CapLevel::Refuse
    }

    fn cells(&self, context: Context) -> Vec<Cell> {
        let (_, zh, en) = word(self.grave);
        let level = context.say(zh, en);
        let what =
            if self.detail.is_empty() { self.text.to_owned() } else { format!("{} [{}]", self.text, self.detail) };
        let line = if self.line == 0 { String::new() } else { self.line.to_string() };
        vec![
            cell(&self.rule),
            if self.refuses() { bad(level) } else { muted(level) },
            cell(line),
            muted(&self.element),
            cell(what),
        ]
    }
}

const fn word(level: v1::CapLevel) -> (&'static str, &'static str, &'static str) {
    match level {
        v1::CapLevel::Refuse => ("REFUSE", "不予采用", "refused"),
        v1::CapLevel::Warn => ("WARN", "注意", "warning"),
        v1::CapLevel::Note | v1::CapLevel::Unspecified => ("NOTE", "说明", "remark"),
    }
}

const HEADER: [(&str, &str); 5] =
    [("规则", "RULE"), ("结果", "LEVEL"), ("行", "LINE"), ("元素", "ELEMENT"), ("问题", "WHAT")];

/// Prints them, and tells what to do about each rule once.
pub fn print(rows: &[Row], context: Context) -> anyhow::Result<()> {
    if rows.is_empty() && context.is_table() {
        return Ok(());
    }
    context.rows(rows, &HEADER, |row| row.cells(context))?;
    remedies(rows, context);
    Ok(())
}

fn remedies(rows: &[Row], context: Context) {
    let mut told = BTreeSet::new();
    for row in rows.iter().filter(|row| row.grave != v1::CapLevel::Note && told.insert(row.rule.clone())) {
        context.tell(&format!("{}  {}", row.rule, row.remedy), &format!("{}  {}", row.rule, row.remedy));
    }
}
