//! What is owed by when, who waived what, and how it was kept.

use clap::Subcommand;
use proto::v1;
use serde::Serialize;

use super::{
    compose::values,
    desk::{Where, ask},
    exit::{BadInput, NotFound},
    ids,
    out::{self, Cell, Context, bad, cell, good, muted},
    words,
};
use crate::clock;

/// What to do with deadlines.
#[derive(Debug, Subcommand)]
pub enum Deadlines {
    /// List what is owed, the next due first
    Ls {
        /// Those that were met, waived or void as well
        #[arg(long)]
        all: bool,
        /// Only what this jurisdiction owes
        #[arg(long, value_name = "JURISDICTION", default_value = "")]
        of: String,
        /// Only of this incident
        #[arg(long, value_name = "INCIDENT", default_value = "")]
        incident: String,
        /// At most this many
        #[arg(short = 'n', long, value_name = "N", default_value_t = 50, value_parser = values::up_to(1_000))]
        limit: u32,
    },
    /// Waive a deadline of a message's matter, as shift leader
    Waive {
        /// The message that started it, as `deadlines ls` shows it
        #[arg(value_name = "ID")]
        id: String,
        /// Which deadline: D10
        #[arg(value_name = "DEADLINE")]
        name: String,
        /// Whose; needed where more than one jurisdiction owes it
        #[arg(long, value_name = "JURISDICTION", default_value = "")]
        of: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Who waives it
        #[arg(long = "as", value_name = "NAME/ROLE", value_parser = values::officer)]
        officer: v1::Officer,
    },
    /// How each jurisdiction kept its deadlines, as far as this agent saw
    Card {
        /// Only this jurisdiction's
        #[arg(long, value_name = "JURISDICTION", default_value = "")]
        of: String,
    },
}

impl Deadlines {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        match self {
            Self::Ls { all, of, incident, limit } => list(place, all, of, incident, limit, context).await,
            Self::Waive { id, name, of, reason, officer } => {
                waive(place, &id, &Named { name, of }, reason, officer, context).await
            }
            Self::Card { of } => card(place, of, context).await,
        }
    }
}

/// A deadline as programs read it.
#[derive(Serialize)]
pub struct Row {
    name: String,
    jurisdiction: String,
    role: String,
    subject: String,
    message_id: String,
    incident_id: String,
    starts_at: Option<String>,
    due_at: Option<String>,
    standing: String,
    met_at: Option<String>,
    late_ms: Option<i64>,
    rung: String,
    reason: String,
}

/// The row of a deadline.
pub fn row(seen: &v1::DeadlineSeen) -> Row {
    let late = seen.late_by.map(|late| late.seconds * 1_000 + i64::from(late.nanos) / 1_000_000);
    Row {
        name: seen.name.clone(),
        jurisdiction: seen.jurisdiction.clone(),
        role: words::role(seen.role, crate::lang::Lang::En),
        subject: seen.subject.clone(),
        message_id: words::whole(&seen.message_id),
        incident_id: seen.incident_id.clone(),
        starts_at: out::rfc3339(seen.starts_at),
        due_at: out::rfc3339(seen.due_at),
        standing: words::standing(seen.standing, crate::lang::Lang::En),
        met_at: out::rfc3339(seen.met_at),
        late_ms: late,
        rung: seen.rung.clone(),
        reason: seen.reason.clone(),
    }
}

/// The heads of the columns that `cells` fills.
pub const HEADER: [(&str, &str); 7] = [
    ("时限", "DEADLINE"),
    ("义务方", "OWED BY"),
    ("事项", "ABOUT"),
    ("到期", "DUE"),
    ("还剩", "LEFT"),
    ("状态", "STANDING"),
    ("起因", "CAUSE"),
];

/// A deadline as people read it.
pub fn cells(seen: &v1::DeadlineSeen, context: Context) -> Vec<Cell> {
    let lang = context.lang;
    let standing = words::standing(seen.standing, lang);
    let standing = match seen.standing() {
        v1::DeadlineStanding::Met => good(&format!("✓ {standing}")),
        v1::DeadlineStanding::Breached => bad(&format!("✕ {standing}{}", after(seen, context))),
        v1::DeadlineStanding::Warned => cell(format!("! {standing}")),
        _ => cell(standing),
    };
    vec![
        cell(format!("{} {}", seen.name, words::deadline(&seen.name, lang))),
        cell(words::person(&seen.jurisdiction, seen.role, lang)),
        cell(&seen.subject),
        cell(context.time(seen.due_at)),
        out::number(left(seen, context)),
        standing,
        muted(&context.id(&seen.message_id)),
    ]
}

/// A list of deadlines, for people or for programs.
pub fn show(seen: &[v1::DeadlineSeen], context: Context) -> anyhow::Result<()> {
    if context.is_table() {
        return context.table(&HEADER, seen.iter().map(|seen| cells(seen, context)));
    }
    context.json(seen.iter().map(row))
}

/// By how much it was late, once it was done.
fn after(seen: &v1::DeadlineSeen, context: Context) -> String {
    let Some(late) = seen.late_by else { return String::new() };
    let late = out::length(proto::border::time::length(late), context.lang);
    format!("{}{late}", context.say("，迟", ", late by "))
}

/// How much time is left, or has passed since, while it is owed.
fn left(seen: &v1::DeadlineSeen, context: Context) -> String {
    let owed = matches!(
        seen.standing(),
        v1::DeadlineStanding::Running | v1::DeadlineStanding::Warned | v1::DeadlineStanding::Breached
    );
    let Some(due) = out::at(seen.due_at).filter(|_| owed && seen.met_at.is_none()) else { return String::new() };
    let now = clock::system().now();
    if due >= now {
        out::length(due.since(now), context.lang)
    } else {
        format!("−{}", out::length(now.since(due), context.lang))
    }
}

async fn list(
    place: &Where,
    all: bool,
    jurisdiction: String,
    incident_id: String,
    limit: u32,
    context: Context,
) -> anyhow::Result<()> {
    let mut desk = place.client(context.lang).await?;
    let ask_for = v1::DeadlinesRequest { all, jurisdiction, incident_id, limit };
    let seen = desk.deadlines(ask(ask_for)).await?.into_inner().deadlines;
    show(&seen, context)?;
    if let Some(first) = seen.first() {
        let command = format!("liandong show {}", words::short(&first.message_id));
        context.next(&command, "最先到期的一件", "what is due first");
    }
    Ok(())
}

/// Which deadline a person means.
struct Named {
    name: String,
    of: String,
}

async fn waive(
    place: &Where,
    id: &str,
    named: &Named,
    reason: String,
    officer: v1::Officer,
    context: Context,
) -> anyhow::Result<()> {
    let mut desk = place.client(context.lang).await?;
    let message_id: bytes::Bytes = ids::resolve(&mut desk, id, context).await?.0.to_vec().into();
    let matter = desk.matter(ask(v1::MatterRequest { message_id })).await?.into_inner();
    let all = matter.deadlines.into_iter().chain(matter.acknowledgements);
    let name = named.name.to_ascii_uppercase();
    let mut found: Vec<v1::DeadlineSeen> =
        all.filter(|seen| seen.name == name && (named.of.is_empty() || seen.jurisdiction == named.of)).collect();
    let seen = match found.len() {
        0 => {
            let zh = format!("这条消息的事项里没有时限 {name}；`liandong thread show` 列出时限");
            let en = format!("no deadline {name} in the matter of this message; `liandong thread show` lists them");
            return Err(NotFound(context.say(&zh, &en).to_owned()).into());
        }
        1 => found.remove(0),
        _ => {
            let zh = format!("{name} 有多个义务方，请用 --of 指定");
            let en = format!("more than one jurisdiction owes {name}: say which with --of");
            return Err(BadInput(context.say(&zh, &en).to_owned()).into());
        }
    };
    let waive = v1::WaiveRequest {
        matter: seen.matter,
        name: seen.name,
        jurisdiction: seen.jurisdiction,
        subject: seen.subject,
        reason,
        officer: Some(officer),
    };
    let waived = desk.waive(ask(waive)).await?.into_inner().deadline.unwrap_or_default();
    context.value(&row(&waived), |_| out::table(None, std::iter::once(cells(&waived, context))))
}

/// How one jurisdiction kept one deadline.
#[derive(Serialize)]
pub struct CardRow {
    jurisdiction: String,
    deadline: String,
    on_time: u64,
    late: u64,
    missing: u64,
    /// Nobody waives at the broker.
    #[serde(skip_serializing_if = "Option::is_none")]
    waived: Option<u64>,
}

async fn card(place: &Where, jurisdiction: String, context: Context) -> anyhow::Result<()> {
    let mut desk = place.client(context.lang).await?;
    let lines = desk.report_card(ask(v1::ReportCardRequest { jurisdiction })).await?.into_inner().lines;
    print_cards(&lines.into_iter().map(CardRow::from).collect::<Vec<_>>(), context)
}

/// Prints report cards, those of a desk or of the broker.
pub fn print_cards(rows: &[CardRow], context: Context) -> anyhow::Result<()> {
    let header = [
        ("单位", "JURISDICTION"),
        ("时限", "DEADLINE"),
        ("按时", "ON TIME"),
        ("迟办", "LATE"),
        ("到期未办", "MISSED"),
        ("豁免", "WAIVED"),
    ];
    context.rows(rows, &header, |row| {
        vec![
            cell(&row.jurisdiction),
            cell(format!("{} {}", row.deadline, words::deadline(&row.deadline, context.lang))),
            out::number(row.on_time),
            out::number(row.late),
            out::number(row.missing),
            row.waived.map_or_else(|| cell("–"), out::number),
        ]
    })
}

impl From<v1::CardLine> for CardRow {
    fn from(line: v1::CardLine) -> Self {
        let v1::CardLine { jurisdiction, deadline, text_zh: _, on_time, late, missing, waived } = line;
        Self { jurisdiction, deadline, on_time, late, missing, waived: Some(waived) }
    }
}

impl From<v1::MemberCard> for CardRow {
    fn from(card: v1::MemberCard) -> Self {
        let v1::MemberCard { jurisdiction, deadline, text_zh: _, on_time, late, missing } = card;
        Self { jurisdiction, deadline, on_time, late, missing, waived: None }
    }
}
