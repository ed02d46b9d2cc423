//! What came, and what was sent.

use std::io::{IsTerminal as _, Write as _};

use clap::Args;
use model::{header::Action, precedence::Precedence, stage::Stage, status::Status};
use proto::v1::{self, subscribe_response::Event};
use serde::Serialize;

use super::{
    compose::values,
    desk::{Client, Where, ask},
    out::{self, Cell, Context, Format, bad, cell, muted},
    receipts, words,
};
use crate::lang::Lang;

/// A list of messages.
#[derive(Args, Debug)]
pub struct Inbox {
    /// Stay and show what comes
    #[arg(short, long)]
    watch: bool,
    /// What we sent instead of what came
    #[arg(long)]
    sent: bool,
    /// Only what nobody has opened
    #[arg(long, conflicts_with = "sent")]
    unopened: bool,
    /// Only this; unset: everything but test
    #[arg(long, value_name = "STATUS", value_parser = values::list::<Status>(), ignore_case = true)]
    status: Option<Status>,
    /// At most this many, newest first
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = values::up_to(1_000))]
    limit: u32,
}

impl Inbox {
    /// Prints it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        let events = if self.watch { Some(receipts::listen(&mut desk).await?) } else { None };
        let list = v1::InboxRequest {
            sent: self.sent,
            limit: self.limit,
            unopened: self.unopened,
            status: self.status.map_or(0, Status::number),
            ..v1::InboxRequest::default()
        };
        let list = desk.inbox(ask(list)).await?.into_inner();
        print(&list.messages, self.sent, context)?;
        if let Some(events) = events {
            return self.follow(&mut desk, events, context).await;
        }
        if list.next != 0 {
            context.tell("还有更早的；用 -n 多列一些。", "There are older ones; -n lists more.");
        }
        match list.messages.first().and_then(|newest| newest.header.as_ref()) {
            Some(header) if self.sent => {
                let command = format!("liandong thread trace {}", words::short(&header.message_id));
                context.next(&command, "走到了哪里", "how far it has come");
            }
            Some(header) => {
                let command = format!("liandong show {}", words::short(&header.message_id));
                context.next(&command, "看全文与回执", "read it, with its receipts");
            }
            None => context.next("liandong inbox -w", "等候来文", "wait for what comes"),
        }
        Ok(())
    }

    async fn follow(
        &self,
        desk: &mut Client,
        mut events: tonic::Streaming<v1::SubscribeResponse>,
        context: Context,
    ) -> anyhow::Result<()> {
        context.tell("等候来文；Ctrl-C 结束。", "Waiting for what comes; Ctrl-C ends.");
        while let Some(event) = events.message().await? {
            match event.event {
                Some(Event::Received(line)) if !self.sent && self.wants(&line) => {
                    arrived(&line, context)?;
                    ring(&line);
                }
                Some(Event::Receipt(receipt)) if self.sent => {
                    let statement: v1::ReceiptStatement = prost::Message::decode(receipt.statement)?;
                    self.progressed(desk, &statement.message_id, context).await?;
                }
                Some(Event::LinkUp(true)) => context.tell("链路已恢复", "the link is up"),
                Some(Event::LinkUp(false)) => context.tell("链路中断", "the link is down"),
                Some(Event::Refused(refusal)) if self.sent => {
                    self.progressed(desk, &refusal.message_id, context).await?;
                }
                Some(Event::Refused(refusal)) => {
                    let text = context.say(&refusal.text_zh, &refusal.text_en);
                    let mark = context.say("✕ 中心拒收", "✕ refused by the broker");
                    out::note(&format!("{mark}  {}  {text}", words::short(&refusal.message_id)));
                }
                Some(Event::Received(_) | Event::Receipt(_)) | None => {}
            }
        }
        Err(tonic::Status::unavailable(context.say("代理已停止", "the agent has stopped")).into())
    }

    fn wants(&self, line: &v1::MessageSummary) -> bool {
        let status = line.header.as_ref().map_or(0, |header| header.status);
        self.status.map_or(status != Status::Test.number(), |wanted| wanted.number() == status)
    }

    /// Something about a message of ours changed.
    async fn progressed(&self, desk: &mut Client, id: &bytes::Bytes, context: Context) -> anyhow::Result<()> {
        let shown =
            desk.show(ask(v1::ShowRequest { message_id: id.clone(), ..Default::default() })).await?.into_inner();
        match shown.summary {
            Some(line) if line.states.iter().all(|state| state.stage != 0) && ours(&line) => arrived(&line, context),
            Some(_) | None => Ok(()),
        }
    }
}

/// Sent mail knows whether the broker has it.
fn ours(line: &v1::MessageSummary) -> bool {
    line.accepted || line.refusal.is_some()
}

/// One line as programs read it.
#[derive(Serialize)]
pub struct Row {
    message_id: String,
    thread_id: String,
    kind: String,
    action: String,
    status: String,
    precedence: String,
    from: String,
    to: Vec<String>,
    incident_id: Option<String>,
    title: String,
    at: Option<String>,
    states: Vec<State>,
    recalled: bool,
    accepted: bool,
    refused: Option<String>,
}

#[derive(Serialize)]
struct State {
    jurisdiction: String,
    stage: String,
}

/// A line as programs read it.
pub fn row(line: &v1::MessageSummary) -> Row {
    let header = line.header.clone().unwrap_or_default();
    let stage = |number| Stage::from_number(number).map_or("", Stage::name).to_owned();
    Row {
        message_id: words::whole(&header.message_id),
        thread_id: words::whole(&header.originating_message_id),
        kind: model::kind::Kind::from_number(header.kind).map_or("", model::kind::Kind::name).to_owned(),
        action: Action::from_number(header.action).map_or("", Action::name).to_owned(),
        status: Status::from_number(header.status).map_or("", Status::name).to_owned(),
        precedence: Precedence::from_number(header.precedence).map_or("", Precedence::name).to_owned(),
        to: header.recipients.iter().map(|to| words::address(to, Lang::En)).collect(),
        incident_id: (!header.incident_id.is_empty()).then(|| header.incident_id.clone()),
        from: header.sender.map(|sender| sender.jurisdiction).unwrap_or_default(),
        title: line.title.clone(),
        at: out::rfc3339(line.at),
        states: line
            .states
            .iter()
            .map(|state| State { jurisdiction: state.jurisdiction.clone(), stage: stage(state.stage) })
            .collect(),
        recalled: line.recalled,
        accepted: line.accepted,
        refused: line.refusal.as_ref().map(|refusal| refusal.reason.clone()),
    }
}

/// A table, or JSON.
pub fn print(lines: &[v1::MessageSummary], sent: bool, context: Context) -> anyhow::Result<()> {
    if context.is_table() {
        let whom = if sent { ("发往", "TO") } else { ("来自", "FROM") };
        let mut header = vec![
            ("编号", "ID"),
            ("紧急程度", "PRECEDENCE"),
            ("时间", "TIME"),
            whom,
            ("标题", "TITLE"),
            ("状态", "STATE"),
        ];
        if context.format == Format::Wide {
            header.extend([("事件编号", "INCIDENT"), ("会话", "THREAD")]);
        }
        return context.table(&header, lines.iter().map(|line| cells(line, sent, context)));
    }
    context.json(lines.iter().map(row))
}

fn cells(line: &v1::MessageSummary, sent: bool, context: Context) -> Vec<Cell> {
    let header = line.header.clone().unwrap_or_default();
    let whom = if sent {
        words::addresses(&header, context.lang)
    } else {
        header.sender.as_ref().map(|sender| sender.jurisdiction.clone()).unwrap_or_default()
    };
    let mut cells = vec![
        cell(context.id(&header.message_id)),
        words::precedence_cell(header.precedence, context.lang),
        muted(&context.time(line.at)),
        cell(whom),
        cell(title(line, context)),
        state(line, sent, context),
    ];
    if context.format == Format::Wide {
        cells.extend([cell(&header.incident_id), muted(&context.id(&header.originating_message_id))]);
    }
    cells
}

/// A title that says first what it must not be taken for.
pub fn title(line: &v1::MessageSummary, context: Context) -> String {
    let header = line.header.clone().unwrap_or_default();
    let recalled = if line.recalled { context.say("（已撤回）", " (recalled)") } else { "" };
    let kind = words::kind(header.kind, context.lang);
    // a title that was made from a body without one says its kind already
    let title = match line.title.as_str() {
        "" => kind,
        title if title.starts_with(&kind) => title.to_owned(),
        title => format!("{kind} · {title}"),
    };
    format!("{}{title}{recalled}", words::not_real(header.status, context.lang))
}

/// How far it is. For received mail our own stage, for sent mail one a recipient.
pub fn state(line: &v1::MessageSummary, sent: bool, context: Context) -> Cell {
    if let Some(refusal) = &line.refusal {
        return bad(&format!("✕ {} {}", context.say("中心拒收", "refused by the broker"), refusal.reason));
    }
    let stages: Vec<i32> = line.states.iter().map(|state| state.stage).collect();
    let text = match (sent, stages.as_slice()) {
        (false, [stage]) if *stage == Stage::Delivered.number() => context.say("未打开", "not opened").to_owned(),
        (false, [stage]) => words::stage(*stage, context.lang),
        (_, []) if line.accepted => words::stage(Stage::Accepted.number(), context.lang),
        (_, []) => context.say("已存待发", "queued").to_owned(),
        (_, _) => {
            let all: Vec<String> = line.states.iter().map(|state| words::state(state, context.lang)).collect();
            all.join(context.say("，", ", "))
        }
    };
    let failed = stages.iter().any(|stage| Stage::from_number(*stage).is_some_and(Stage::is_negative));
    if failed { bad(&format!("✕ {text}")) } else { cell(text) }
}

/// A line that has just come.
fn arrived(line: &v1::MessageSummary, context: Context) -> anyhow::Result<()> {
    if !context.is_table() {
        return out::line(&serde_json::to_string(&row(line))?);
    }
    let text = out::table(None, std::iter::once(cells(line, ours(line), context)));
    out::line(&text)
}

/// What is urgent and real rings on a terminal.
fn ring(line: &v1::MessageSummary) {
    let header = line.header.clone().unwrap_or_default();
    let urgent = Precedence::from_number(header.precedence).is_some_and(Precedence::is_urgent);
    if urgent && header.status == Status::Actual.number() && std::io::stderr().is_terminal() {
        let _ = std::io::stderr().write_all(b"\x07");
    }
}
