//! Threads, the messages of one, and the way of one message through all places.

use clap::Subcommand;
use model::stage::Stage;
use proto::v1;
use serde::Serialize;

use super::{
    compose::values,
    deadlines,
    desk::{Client, Where, ask},
    ids, inbox,
    out::{self, Cell, Context, bad, cell, good, muted},
    words,
};

/// What to do with threads.
#[derive(Debug, Subcommand)]
pub enum Thread {
    /// List threads with their newest message
    Ls {
        /// Only threads of this incident
        #[arg(long, value_name = "INCIDENT")]
        incident: Option<String>,
        /// At most this many, newest first
        #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = values::up_to(1_000))]
        limit: u32,
    },
    /// All messages of one thread, oldest first
    Show {
        /// Any message of the thread: its id, or the last 6 or more digits of it
        #[arg(value_name = "ID")]
        id: String,
    },
    /// The way of one message: who had it, when, for how long
    Trace {
        /// The message's id, or the last 6 or more digits of it
        #[arg(value_name = "ID")]
        id: String,
    },
}

impl Thread {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        match self {
            Self::Ls { incident, limit } => list(place, incident.unwrap_or_default(), limit, context).await,
            Self::Show { id } => show(place, &id, context).await,
            Self::Trace { id } => trace(place, &id, context).await,
        }
    }
}

async fn list(place: &Where, incident_id: String, limit: u32, context: Context) -> anyhow::Result<()> {
    let mut desk = place.client(context.lang).await?;
    let ask_for = v1::ThreadsRequest { incident_id, limit, ..v1::ThreadsRequest::default() };
    let lines = desk.threads(ask(ask_for)).await?.into_inner().messages;
    print(&lines, context)?;
    if let Some(header) = lines.first().and_then(|line| line.header.as_ref()) {
        let command = format!("liandong thread show {}", words::short(&header.message_id));
        context.next(&command, "这一会话的全部消息", "all messages of this thread");
    }
    Ok(())
}

async fn show(place: &Where, id: &str, context: Context) -> anyhow::Result<()> {
    let mut desk = place.client(context.lang).await?;
    let message_id: bytes::Bytes = ids::resolve(&mut desk, id, context).await?.0.to_vec().into();
    let known = desk.show(ask(v1::ShowRequest { message_id, ..Default::default() })).await?.into_inner();
    let header = known.summary.and_then(|summary| summary.header).unwrap_or_default();
    let originating_message_id = header.originating_message_id;
    let ask_for = v1::ThreadsRequest { originating_message_id, ..v1::ThreadsRequest::default() };
    let lines = desk.threads(ask(ask_for)).await?.into_inner().messages;
    print(&lines, context)?;
    if context.is_table() {
        standing(&mut desk, &lines, context).await?;
    }
    if let Some(header) = lines.last().and_then(|line| line.header.as_ref()) {
        let command = format!("liandong thread trace {}", words::short(&header.message_id));
        context.next(&command, "最新一条走到了哪里", "how far the newest has come");
    }
    Ok(())
}

/// State, parts and deadlines of the matter that the thread belongs to.
async fn standing(desk: &mut Client, lines: &[v1::MessageSummary], context: Context) -> anyhow::Result<()> {
    let Some(header) = lines.last().and_then(|line| line.header.as_ref()) else { return Ok(()) };
    let ask_for = v1::MatterRequest { message_id: header.message_id.clone() };
    let matter = desk.matter(ask(ask_for)).await?.into_inner();
    let word = |state: &v1::StateSeen| context.say(&state.text_zh, &state.name).to_owned();
    if let Some(state) = &matter.state {
        out::line(&format!("\n{}  {}", context.say("状态", "state"), word(state)))?;
    }
    if !matter.parts.is_empty() {
        let rows = matter.parts.iter().map(|part| {
            let state = part.state.as_ref().map(word).unwrap_or_default();
            vec![
                cell(words::part(&part.name, context.lang)),
                cell(state),
                muted(&words::part_detail(&part.detail, context.lang)),
            ]
        });
        out::line(&format!("\n{}", out::table(None, rows)))?;
    }
    let owed: Vec<&v1::DeadlineSeen> = matter.deadlines.iter().chain(&matter.acknowledgements).collect();
    if !owed.is_empty() {
        out::line("")?;
        context.table(&deadlines::HEADER, owed.iter().map(|seen| deadlines::cells(seen, context)))?;
    }
    Ok(())
}

fn print(lines: &[v1::MessageSummary], context: Context) -> anyhow::Result<()> {
    if !context.is_table() {
        return context.json(lines.iter().map(inbox::row));
    }
    let header = [
        ("编号", "ID"),
        ("时间", "TIME"),
        ("来自", "FROM"),
        ("发往", "TO"),
        ("紧急程度", "PRECEDENCE"),
        ("标题", "TITLE"),
    ];
    let cells = |line: &v1::MessageSummary| {
        let header = line.header.clone().unwrap_or_default();
        let from = header.sender.as_ref().map(|sender| sender.jurisdiction.clone()).unwrap_or_default();
        vec![
            cell(context.id(&header.message_id)),
            muted(&context.time(line.at)),
            cell(from),
            cell(words::addresses(&header, context.lang)),
            words::precedence_cell(header.precedence, context.lang),
            cell(inbox::title(line, context)),
        ]
    };
    context.table(&header, lines.iter().map(cells))
}

#[derive(Serialize)]
struct Step {
    at: Option<String>,
    after_ms: Option<i64>,
    place: String,
    stage: Option<String>,
    recipient: String,
    officer: Option<String>,
    text: String,
    verified: bool,
}

async fn trace(place: &Where, id: &str, context: Context) -> anyhow::Result<()> {
    let mut desk = place.client(context.lang).await?;
    let id = ids::resolve(&mut desk, id, context).await?;
    let traced = desk.trace(ask(v1::DeskTraceRequest { message_id: id.0.to_vec().into() })).await?.into_inner();
    let first = traced.steps.first().and_then(|step| step.at);
    if context.is_table() {
        let header = [
            ("时间", "TIME"),
            ("历时", "AFTER"),
            ("何处", "PLACE"),
            ("接收方", "RECIPIENT"),
            ("环节", "STAGE"),
            ("何人", "WHO"),
            ("说明", "NOTE"),
            ("签名", "SEAL"),
        ];
        context.table(&header, traced.steps.iter().map(|step| cells(step, first, context)))?;
    } else {
        context.json(traced.steps.iter().map(|step| row(step, first, context)))?;
    }
    if !traced.from_broker {
        context.tell(
            "链路不通：以上只是本机所知，中心和对方可能更进一步。",
            "The link is down: this is what is known here; broker and recipients may be further.",
        );
    }
    context.next(&format!("liandong show {}", words::short(&id.0)), "看全文", "read it");
    Ok(())
}

fn row(step: &v1::TraceStep, first: Option<prost_types::Timestamp>, context: Context) -> Step {
    Step {
        at: out::rfc3339(step.at),
        after_ms: out::at(step.at).zip(out::at(first)).map(|(at, first)| at.millis() - first.millis()),
        place: step.place.clone(),
        stage: Stage::from_number(step.stage).map(|stage| stage.name().to_owned()),
        recipient: step.recipient.clone(),
        officer: step.officer.as_ref().map(|officer| officer.name.clone()),
        text: context.say(&step.text_zh, &step.text_en).to_owned(),
        verified: step.verified,
    }
}

fn cells(step: &v1::TraceStep, first: Option<prost_types::Timestamp>, context: Context) -> Vec<Cell> {
    let lang = context.lang;
    let stage = Stage::from_number(step.stage);
    let word =
        if stage.is_some() { words::stage(step.stage, lang) } else { context.say("已存待发", "queued").to_owned() };
    let officer = step.officer.clone().unwrap_or_default();
    // the text begins with the stage's own name
    let text = context.say(&step.text_zh, &step.text_en);
    let note = text.strip_prefix(word.as_str()).unwrap_or(text).trim();
    let failed = stage.is_some_and(Stage::is_negative);
    let place = if step.place == "broker" { context.say("中心", "broker").to_owned() } else { step.place.clone() };
    let seal = match (step.receipt.is_some(), step.verified) {
        (false, _) => muted(""),
        (true, true) => good(context.say("✓ 有效", "✓ good")),
        (true, false) => bad(context.say("✕ 未能验证", "✕ not verified")),
    };
    vec![
        cell(context.time(step.at)),
        out::number(super::receipts::since(step.at, first, context)),
        cell(place),
        cell(&step.recipient),
        if failed { bad(&format!("✕ {word}")) } else { cell(word) },
        cell(words::person(&officer.name, officer.role, lang)),
        cell(note),
        seal,
    ]
}
