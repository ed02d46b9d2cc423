//! Mailboxes and dead letters at the broker, for its operators. Every act is recorded with the operator's name.

mod broker;

use std::time::Duration;

use clap::Subcommand;
use model::precedence::Precedence;
use proto::{border, v1};
use serde::Serialize;

use super::{
    admin::{Client, Door},
    compose::values,
    deadlines::{self, CardRow},
    desk::ask,
    exit::{BadInput, NotFound},
    ids,
    out::{self, Cell, Context, bad, cell, good, muted, number},
    words,
};

/// What to do with mailboxes.
#[derive(Debug, Subcommand)]
pub enum Mailbox {
    /// How the broker is: serving, draining or degraded, and by which versions of the signed files
    Status {
        #[command(flatten)]
        door: Door,
    },
    /// Read the signed files and certificates again; says what changed
    Reload {
        #[command(flatten)]
        door: Door,
    },
    /// Depth and oldest age of each mailbox
    Ls {
        #[command(flatten)]
        door: Door,
    },
    /// How members kept the deadlines that the broker runs
    Card {
        /// Only this member's
        #[arg(value_name = "JURISDICTION")]
        of: Option<String>,
        #[command(flatten)]
        door: Door,
    },
    /// What waits in a mailbox, headers only
    Peek {
        /// Whose mailbox
        #[arg(value_name = "JURISDICTION")]
        jurisdiction: String,
        /// Dead letters instead of what waits
        #[arg(long)]
        dead: bool,
        /// At most this many
        #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = values::up_to(256))]
        limit: u32,
        #[command(flatten)]
        door: Door,
    },
    /// Give dead letters a new life; the first life stays in the history
    Redrive {
        /// Whose mailbox
        #[arg(value_name = "JURISDICTION")]
        jurisdiction: String,
        /// These dead letters: ids, or the last 6 or more digits of them
        #[arg(value_name = "ID", required_unless_present = "all")]
        ids: Vec<String>,
        /// All dead letters of the mailbox
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// Why; kept in the journal
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        door: Door,
    },
    /// End all sessions in order and take no new work, before maintenance
    Drain {
        /// Give sessions this long to confirm what they hold, in seconds; 60 at most
        #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = values::up_to(GRACE_MAX))]
        grace: u32,
        /// End the drain: take work again
        #[arg(long)]
        undo: bool,
        #[command(flatten)]
        door: Door,
    },
}

impl Mailbox {
    /// Does it.
    pub async fn run(self, context: Context) -> anyhow::Result<()> {
        match self {
            Self::Status { door } => broker::status(&mut door.client(context).await?, context).await,
            Self::Reload { door } => broker::reload(&mut door.client(context).await?, context).await,
            Self::Ls { door } => list(&mut door.client(context).await?, context).await,
            Self::Card { of, door } => {
                let ask = ask(v1::CardsRequest { jurisdiction: of.unwrap_or_default() });
                let cards = door.client(context).await?.cards(ask).await?.into_inner().cards;
                deadlines::print_cards(&cards.into_iter().map(CardRow::from).collect::<Vec<_>>(), context)
            }
            Self::Peek { jurisdiction, dead, limit, door } => {
                let peek = v1::PeekRequest { jurisdiction, dead, limit };
                self::peek(&mut door.client(context).await?, peek, context).await
            }
            Self::Redrive { jurisdiction, ids, all: _, reason, door } => {
                redrive(&mut door.client(context).await?, jurisdiction, &ids, reason, context).await
            }
            Self::Drain { grace, undo, door } => drain(&mut door.client(context).await?, grace, undo, context).await,
        }
    }
}

#[derive(Serialize)]
struct Row {
    jurisdiction: String,
    linked: bool,
    waiting: u64,
    oldest_seconds: u64,
    bytes: u64,
    dead: u64,
    flash: u64,
    immediate: u64,
    priority: u64,
    routine: u64,
}

async fn list(broker: &mut Client, context: Context) -> anyhow::Result<()> {
    let boxes = broker.mailboxes(ask(v1::MailboxesRequest {})).await?.into_inner().mailboxes;
    let mut rows: Vec<Row> = boxes.iter().map(row).collect();
    // whoever waits longest comes first
    rows.sort_by(|a, b| b.oldest_seconds.cmp(&a.oldest_seconds).then_with(|| a.jurisdiction.cmp(&b.jurisdiction)));
    let header = [
        ("信箱", "MAILBOX"),
        ("链路", "LINK"),
        ("待送", "WAITING"),
        ("最早", "OLDEST"),
        ("◆", "◆"),
        ("▲", "▲"),
        ("■", "■"),
        ("●", "●"),
        ("字节", "SIZE"),
        ("死信", "DEAD"),
    ];
    broker::tell_state(broker, context).await?;
    context.rows(&rows, &header, |row| row.cells(context))?;
    match rows.iter().find(|row| row.dead > 0) {
        Some(row) => {
            let command = format!("liandong mailbox peek {} --dead", row.jurisdiction);
            context.next(&command, "看死信", "look at the dead letters");
        }
        None => context.next("liandong mailbox peek JURISDICTION", "看某信箱里待送的", "look into one"),
    }
    Ok(())
}

fn row(mailbox: &v1::Mailbox) -> Row {
    let of = |precedence: Precedence| {
        let depth = mailbox.depths.iter().find(|depth| depth.precedence == precedence.number());
        depth.map_or(0, |depth| depth.deliveries)
    };
    let oldest = mailbox.depths.iter().filter_map(|depth| depth.oldest).map(border::time::length).max();
    Row {
        jurisdiction: mailbox.jurisdiction.clone(),
        linked: mailbox.linked,
        waiting: mailbox.depths.iter().map(|depth| depth.deliveries).sum(),
        oldest_seconds: oldest.unwrap_or_default().as_secs(),
        bytes: mailbox.depths.iter().map(|depth| depth.bytes).sum(),
        dead: mailbox.dead,
        flash: of(Precedence::Flash),
        immediate: of(Precedence::Immediate),
        priority: of(Precedence::Priority),
        routine: of(Precedence::Routine),
    }
}

impl Row {
    fn cells(&self, context: Context) -> Vec<Cell> {
        let link = if self.linked {
            good(context.say("● 已连接", "● up"))
        } else {
            bad(context.say("✕ 断开", "✕ down"))
        };
        let oldest = match self.waiting {
            0 => "–".to_owned(),
            _ => out::length(Duration::from_secs(self.oldest_seconds), context.lang),
        };
        let dead = if self.dead == 0 { number(0) } else { bad(&self.dead.to_string()) };
        let depths = [self.flash, self.immediate, self.priority, self.routine].map(number);
        let first = [cell(&self.jurisdiction), link, number(self.waiting), number(oldest)];
        first.into_iter().chain(depths).chain([number(words::size(self.bytes)), dead]).collect()
    }
}

#[derive(Serialize)]
struct Entry {
    message_id: String,
    kind: String,
    sender: String,
    precedence: String,
    status: String,
    accepted_at: Option<String>,
    expires_at: Option<String>,
    bytes: u64,
    failed_tries: u32,
    reason: Option<String>,
}

async fn peek(broker: &mut Client, peek: v1::PeekRequest, context: Context) -> anyhow::Result<()> {
    let (whose, dead) = (peek.jurisdiction.clone(), peek.dead);
    is_there(broker, &whose, context).await?;
    let entries = broker.peek(ask(peek)).await?.into_inner().entries;
    if context.is_table() {
        let header = [
            ("编号", "ID"),
            ("紧急程度", "PRECEDENCE"),
            ("类别", "KIND"),
            ("来自", "FROM"),
            ("受理", "ACCEPTED"),
            ("失效", "EXPIRES"),
            ("字节", "SIZE"),
            ("失败", "FAILED"),
            ("原因", "REASON"),
        ];
        context.table(&header, entries.iter().map(|entry| entry_cells(entry, context)))?;
    } else {
        context.json(entries.iter().map(as_json))?;
    }
    match (dead, entries.first()) {
        (true, Some(entry)) => {
            let command = format!("liandong mailbox redrive {whose} {} --reason …", words::short(&entry.message_id));
            context.next(&command, "排除原因后重新投递", "deliver it again once the cause is gone");
        }
        (true, None) => context.next(&format!("liandong mailbox peek {whose}"), "待送的", "what waits"),
        (false, _) => context.next(&format!("liandong mailbox peek {whose} --dead"), "死信", "its dead letters"),
    }
    Ok(())
}

/// Every member has a mailbox, and nobody else.
async fn is_there(broker: &mut Client, whose: &str, context: Context) -> anyhow::Result<()> {
    let boxes = broker.mailboxes(ask(v1::MailboxesRequest {})).await?.into_inner().mailboxes;
    if boxes.iter().any(|mailbox| mailbox.jurisdiction == whose) {
        return Ok(());
    }
    let zh = format!("没有 `{whose}` 的信箱；`liandong mailbox ls` 列出全部信箱");
    let en = format!("there is no mailbox of `{whose}`; `liandong mailbox ls` lists them all");
    Err(NotFound(context.say(&zh, &en).to_owned()).into())
}

fn entry_cells(entry: &v1::PeekEntry, context: Context) -> Vec<Cell> {
    let kind = words::kind(entry.kind, context.lang);
    vec![
        cell(context.id(&entry.message_id)),
        words::precedence_cell(entry.precedence, context.lang),
        cell(format!("{}{kind}", words::not_real(entry.status, context.lang))),
        cell(&entry.sender),
        muted(&context.time(entry.accepted_at)),
        muted(&context.time(entry.expires_at)),
        number(words::size(entry.bytes)),
        number(entry.failed_tries),
        if entry.reason.is_empty() { cell("") } else { bad(&entry.reason) },
    ]
}

fn as_json(entry: &v1::PeekEntry) -> Entry {
    Entry {
        message_id: words::whole(&entry.message_id),
        kind: model::kind::Kind::from_number(entry.kind).map_or("", model::kind::Kind::name).to_owned(),
        sender: entry.sender.clone(),
        precedence: Precedence::from_number(entry.precedence).map_or("", Precedence::name).to_owned(),
        status: model::status::Status::from_number(entry.status).map_or("", model::status::Status::name).to_owned(),
        accepted_at: out::rfc3339(entry.accepted_at),
        expires_at: out::rfc3339(entry.expires_at),
        bytes: entry.bytes,
        failed_tries: entry.failed_tries,
        reason: (!entry.reason.is_empty()).then(|| entry.reason.clone()),
    }
}

async fn redrive(
    broker: &mut Client,
    jurisdiction: String,
    ids: &[String],
    reason: String,
    context: Context,
) -> anyhow::Result<()> {
    is_there(broker, &jurisdiction, context).await?;
    let mut message_ids = Vec::new();
    if !ids.is_empty() {
        let peek = v1::PeekRequest { jurisdiction: jurisdiction.clone(), dead: true, limit: 256 };
        let dead = broker.peek(ask(peek)).await?.into_inner().entries;
        for text in ids {
            message_ids.push(chosen(&dead, text, context)?);
        }
    }
    let ask_for = v1::RedriveRequest { jurisdiction: jurisdiction.clone(), message_ids, reason };
    let redriven = broker.redrive(ask(ask_for)).await?.into_inner().redriven;
    context.value(&serde_json::json!({ "redriven": redriven }), |_| {
        let (zh, en) = (format!("重新投递 {redriven} 条"), format!("{redriven} redriven"));
        context.say(&zh, &en).to_owned()
    })?;
    context.next(&format!("liandong mailbox peek {jurisdiction}"), "是否已送走", "whether they have left");
    Ok(())
}

fn chosen(dead: &[v1::PeekEntry], text: &str, context: Context) -> anyhow::Result<bytes::Bytes> {
    let found: Vec<&v1::PeekEntry> = dead.iter().filter(|entry| ids::may_mean(text, &entry.message_id)).collect();
    match found.as_slice() {
        [one] => Ok(one.message_id.clone()),
        [] => {
            let zh = format!("这个信箱没有编号为 `{text}` 的死信");
            let en = format!("this mailbox has no dead letter `{text}`");
            Err(NotFound(context.say(&zh, &en).to_owned()).into())
        }
        many => {
            let ids: Vec<String> = many.iter().map(|entry| words::whole(&entry.message_id)).collect();
            let zh = format!("`{text}` 不止指一条：{}", ids.join(" "));
            let en = format!("`{text}` means more than one: {}", ids.join(" "));
            Err(BadInput(context.say(&zh, &en).to_owned()).into())
        }
    }
}

/// The longest grace that a broker gives, in seconds.
const GRACE_MAX: u32 = 60;

async fn drain(broker: &mut Client, grace: u32, undo: bool, context: Context) -> anyhow::Result<()> {
    let grace = Some(border::time::duration(Duration::from_secs(grace.into())));
    let sessions = broker.drain(ask(v1::DrainRequest { grace, drain: !undo })).await?.into_inner().sessions;
    let draining = !undo;
    context.value(&serde_json::json!({ "draining": draining, "sessions": sessions }), |_| {
        let (zh, en) = if undo {
            ("重新接收工作".to_owned(), "taking work again".to_owned())
        } else {
            (
                format!("已通知 {sessions} 个会话离开；即刻不再接收新消息，宽限期内仍收回执"),
                format!("{sessions} sessions were told to go; nothing new is taken from now on, receipts are until the grace is over"),
            )
        };
        context.say(&zh, &en).to_owned()
    })?;
    if draining {
        context.next("liandong mailbox drain --undo", "恢复接收", "take work again");
    } else {
        context.next("liandong mailbox ls", "各代理是否已连回", "whether the agents are back");
    }
    Ok(())
}
