//! A table made the own catalogue: checked as a whole, compared, and what differs sent.

use std::{fs, path::PathBuf};

use agent::formats::sheet::{self, records};
use anyhow::Context as _;
use clap::Args;
use model::invalid::Invalid;
use proto::{status, v1};
use serde::Serialize;

use super::{Speaking, publish, us};
use crate::cli::{
    desk::Where,
    exit::{DATA, Said, TEMPORARY},
    out::{Cell, Context, bad, cell, muted},
};

/// Faults that are listed for people.
const LISTED: usize = 40;

/// Which table.
#[derive(Args, Debug)]
#[command(
    after_help = "  liandong catalogue import resources.xlsx --dry-run\n  liandong catalogue import resources.csv --remove-missing --role resource-manager"
)]
pub struct Import {
    /// The table: .csv in UTF-8, or the first sheet of an .xlsx
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only check and compare
    #[arg(long)]
    dry_run: bool,
    /// Take records out of the catalogue that the table does not hold
    #[arg(long)]
    remove_missing: bool,
    #[command(flatten)]
    speaking: Speaking,
}

impl Import {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let table = self.table()?;
        if !table.faults.is_empty() {
            return faults(&table.faults, context);
        }
        let mut desk = place.client(context.lang).await?;
        let request = v1::PublishCatalogueRequest {
            records: table.records.into_iter().map(|placed| placed.record).collect(),
            remove_missing: self.remove_missing,
            dry_run: self.dry_run,
            ..self.speaking.request()
        };
        let said = publish(&mut desk, request).await?;
        outcomes(&said, context)?;
        if self.dry_run {
            let (file, speaking) = (self.file.display(), self.speaking.typed());
            let missing = if self.remove_missing { " --remove-missing" } else { "" };
            context.tell("仅检查：什么也没有发出。", "Only checked: nothing was sent.");
            context.next(&format!("liandong catalogue import {file}{missing}{speaking}"), "正式导入", "import it");
        } else {
            let us = us(&mut desk).await?;
            context.next(&format!("liandong catalogue search --of {us}"), "看本单位目录", "the own catalogue");
        }
        if !self.remove_missing && said.iter().any(|one| one.outcome() == v1::PublishOutcome::Missing) {
            context.tell(
                "目录中有、表中没有的资源已保留；要删除它们，加 --remove-missing。",
                "Records that the table does not hold stay; --remove-missing takes them out.",
            );
        }
        Ok(())
    }

    fn table(&self) -> anyhow::Result<records::Table> {
        let named = || self.file.display().to_string();
        let size = fs::metadata(&self.file).with_context(named)?.len();
        if size > sheet::FILE_BYTES_MAX as u64 {
            return Err(Invalid::too_large("file", size, sheet::FILE_BYTES_MAX).into());
        }
        let rows = sheet::read(&fs::read(&self.file).with_context(named)?)?;
        Ok(records::of(&rows))
    }
}

#[derive(Serialize)]
struct Wrong {
    cell: String,
    field: String,
    rule: String,
    reason: &'static str,
    text: String,
}

/// Every fault at its cell: nothing of the table was taken.
fn faults(found: &[records::Fault], context: Context) -> anyhow::Result<()> {
    let wrong = |fault: &records::Fault| {
        let (zh, en) = status::texts(&fault.invalid);
        Wrong {
            cell: fault.cell.clone(),
            field: fault.invalid.field.clone(),
            rule: fault.invalid.rule.clone(),
            reason: fault.invalid.reason.code(),
            text: context.say(&zh, &en).to_owned(),
        }
    };
    let most = if context.is_table() { LISTED } else { found.len() };
    let rows: Vec<Wrong> = found.iter().take(most).map(wrong).collect();
    context.rows(&rows, &[("单元格", "CELL"), ("问题", "WHAT")], |row| vec![cell(&row.cell), cell(&row.text)])?;
    let (count, more) = (found.len(), found.len().saturating_sub(most));
    if more > 0 {
        context.tell(&format!("另有 {more} 处。"), &format!("and {more} more."));
    }
    context.tell(
        &format!("共 {count} 处问题，整个文件均未导入：改正后再导入。"),
        &format!("{count} faults, and nothing of the file was taken: correct them and import it again."),
    );
    Err(Said(DATA).into())
}

#[derive(Serialize)]
struct Row {
    resource_id: String,
    outcome: &'static str,
    changed: Vec<String>,
    message_id: String,
    refused: String,
    text: String,
    #[serde(skip)]
    word: &'static str,
}

impl Row {
    fn of(said: &v1::PublishedRecord, context: Context) -> Self {
        let (outcome, zh, en) = word(said.outcome());
        Self {
            resource_id: said.resource_id.clone(),
            outcome,
            changed: said.changed.clone(),
            message_id: crate::cli::words::whole(&said.message_id),
            refused: said.refused.clone(),
            text: context.say(&said.text_zh, &said.text_en).to_owned(),
            word: context.say(zh, en),
        }
    }

    fn cells(&self, context: Context) -> Vec<Cell> {
        if self.refused.is_empty() {
            return vec![cell(&self.resource_id), cell(self.word), muted(&self.changed.join(" "))];
        }
        vec![cell(&self.resource_id), bad(context.say("未受理", "refused")), cell(&self.text)]
    }
}

const fn word(outcome: v1::PublishOutcome) -> (&'static str, &'static str, &'static str) {
    match outcome {
        v1::PublishOutcome::Unspecified => ("", "", ""),
        v1::PublishOutcome::Added => ("ADDED", "新增", "added"),
        v1::PublishOutcome::Changed => ("CHANGED", "更新", "changed"),
        v1::PublishOutcome::Unchanged => ("UNCHANGED", "未变", "unchanged"),
        v1::PublishOutcome::Removed => ("REMOVED", "删除", "removed"),
        v1::PublishOutcome::Missing => ("MISSING", "表中没有", "not in the table"),
    }
}

/// Every outcome, in the order in which they are counted.
const OUTCOMES: [v1::PublishOutcome; 5] = [
    v1::PublishOutcome::Added,
    v1::PublishOutcome::Changed,
    v1::PublishOutcome::Unchanged,
    v1::PublishOutcome::Removed,
    v1::PublishOutcome::Missing,
];

/// What became of each record. What stayed as it is is only counted, for people.
pub fn outcomes(said: &[v1::PublishedRecord], context: Context) -> anyhow::Result<()> {
    let told = said.iter().filter(|one| !context.is_table() || one.outcome() != v1::PublishOutcome::Unchanged);
    let rows: Vec<Row> = told.map(|one| Row::of(one, context)).collect();
    let header = [("资源", "RESOURCE"), ("结果", "OUTCOME"), ("内容", "WHAT")];
    context.rows(&rows, &header, |row| row.cells(context))?;
    let count = |outcome: &v1::PublishOutcome| said.iter().filter(|one| one.outcome() == *outcome).count();
    let parts = |of: fn(v1::PublishOutcome) -> &'static str, between: &str| {
        let counts = OUTCOMES.iter().map(|outcome| format!("{} {}", of(*outcome), count(outcome)));
        counts.collect::<Vec<_>>().join(between)
    };
    context.tell(&parts(|outcome| word(outcome).1, "，"), &parts(|outcome| word(outcome).2, ", "));
    refusals(said, context)
}

/// A refusal of the broker is told, and is the command's end.
fn refusals(said: &[v1::PublishedRecord], context: Context) -> anyhow::Result<()> {
    let refused: Vec<&v1::PublishedRecord> = said.iter().filter(|one| !one.refused.is_empty()).collect();
    if refused.is_empty() {
        return Ok(());
    }
    let count = refused.len();
    context.tell(
        &format!("{count} 项未被中心受理，其余已生效。目录刚被他人更改的，再导入一次即可。"),
        &format!("{count} were refused by the broker, the others stand. If somebody has just changed the catalogue, import again."),
    );
    let again = refused.iter().all(|one| one.refused.ends_with("ETAG_MISMATCH") || one.refused.ends_with("BUSY"));
    Err(Said(if again { TEMPORARY } else { DATA }).into())
}
