//! What stands in all matters of a sort: the board of resources, and who owes a report.

use std::collections::BTreeSet;

use clap::Args;
use model::{
    deadline::DeadlineName,
    kind::{Family, Kind},
};
use proto::v1;
use serde::Serialize;

use crate::cli::{
    compose::values,
    deadlines,
    desk::{Where, ask},
    out::{Context, cell, muted},
    words,
};

/// Every item that is asked for, and every mission.
#[derive(Args, Debug)]
pub struct Board {
    /// Only what belongs to this incident
    #[arg(long, value_name = "INCIDENT")]
    incident: Option<String>,
    /// Those that are over as well
    #[arg(long)]
    all: bool,
    /// Look through at most this many threads, newest first
    #[arg(short = 'n', long, value_name = "N", default_value_t = 200, value_parser = values::up_to(1_000))]
    limit: u32,
}

/// Whose duty report is late or missing, as far as this desk was told.
#[derive(Args, Debug)]
pub struct Owed {
    /// Those that were given, waived or void as well
    #[arg(long)]
    all: bool,
}

#[derive(Serialize)]
struct Row {
    message_id: String,
    incident_id: String,
    title: String,
    part: String,
    state: String,
    state_zh: String,
    detail: String,
    over: bool,
}

impl Board {
    /// Shows it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        let incident_id = self.incident.clone().unwrap_or_default();
        let ask_for = v1::ThreadsRequest { incident_id, limit: self.limit, ..v1::ThreadsRequest::default() };
        let threads = desk.threads(ask(ask_for)).await?.into_inner().messages;
        let (mut rows, mut seen) = (Vec::new(), BTreeSet::new());
        for line in &threads {
            let Some(header) = line.header.as_ref().filter(|header| is_resource(header.kind)) else { continue };
            if !seen.insert(header.originating_message_id.clone()) {
                continue;
            }
            let first = v1::ShowRequest { message_id: header.originating_message_id.clone(), ..Default::default() };
            let Ok(first) = desk.show(ask(first)).await else { continue }; // a thread whose beginning did not come here
            let first = first.into_inner().summary.unwrap_or_default();
            let matter =
                desk.matter(ask(v1::MatterRequest { message_id: header.message_id.clone() })).await?.into_inner();
            rows.extend(matter.parts.into_iter().map(|part| row(header, effect(&first.title), part)));
        }
        rows.retain(|row| self.all || !row.over);
        show(&rows, context)
    }
}

fn is_resource(kind: i32) -> bool {
    Kind::from_number(kind).is_some_and(|kind| kind.family() == Family::A2)
}

/// What is wanted: a title that was made from the body begins with the kind.
fn effect(title: &str) -> &str {
    title.split_once('：').map_or(title, |(_, effect)| effect)
}

fn row(header: &v1::Header, title: &str, part: v1::PartSeen) -> Row {
    let state = part.state.unwrap_or_default();
    Row {
        message_id: words::whole(&header.originating_message_id),
        incident_id: header.incident_id.clone(),
        title: title.to_owned(),
        part: part.name,
        state: state.name,
        state_zh: state.text_zh,
        detail: part.detail,
        over: state.over,
    }
}

fn show(rows: &[Row], context: Context) -> anyhow::Result<()> {
    let header = [
        ("请求", "REQUEST"),
        ("事件", "INCIDENT"),
        ("所需效果", "EFFECT WANTED"),
        ("项目／任务", "ITEM OR MISSION"),
        ("状态", "STATE"),
        ("已承诺／所需", "PROMISED OF ASKED"),
    ];
    context.rows(rows, &header, |row| {
        vec![
            cell(row.message_id.get(28..).unwrap_or(&row.message_id)),
            muted(&row.incident_id),
            cell(&row.title),
            cell(words::part(&row.part, context.lang)),
            cell(context.say(&row.state_zh, &row.state)),
            muted(&words::part_detail(&row.detail, context.lang)),
        ]
    })?;
    if let Some(first) = rows.first() {
        let command = format!("liandong thread show {}", first.message_id.get(28..).unwrap_or_default());
        context.next(&command, "这一请求的往来与时限", "the messages and deadlines of this request");
    }
    Ok(())
}

impl Owed {
    /// Shows it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        let ask_for = v1::DeadlinesRequest { all: self.all, limit: 1_000, ..v1::DeadlinesRequest::default() };
        let mut seen = desk.deadlines(ask(ask_for)).await?.into_inner().deadlines;
        seen.retain(|seen| seen.name == DeadlineName::D18.name());
        deadlines::show(&seen, context)?;
        context.next("liandong report zero", "无事则报平安", "report that nothing happened");
        Ok(())
    }
}
