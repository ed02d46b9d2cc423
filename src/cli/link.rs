//! The agent's way to its broker: how it is, and what is wrong with it.

use clap::Subcommand;
use comfy_table::CellAlignment;
use proto::{border, v1};
use serde::Serialize;

use super::{
    desk::{Where, ask, within},
    exit::{self, Said},
    out::{self, Cell, Context, Format, bad, cell, good, muted},
};

/// What to do with the link.
#[derive(Debug, Subcommand)]
pub enum Link {
    /// How the link is, what waits, and who else is linked
    Status,
    /// Test the way to the broker step by step; a red line comes with its remedy
    Test {
        /// Also ask whether this jurisdiction is linked
        #[arg(value_name = "JURISDICTION")]
        jurisdiction: Option<String>,
    },
}

impl Link {
    /// Does it. A red link ends with 69.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let green = match self {
            Self::Status => status(place, context).await?,
            Self::Test { jurisdiction } => test(place, jurisdiction.unwrap_or_default(), context).await?,
        };
        if green { Ok(()) } else { Err(Said(exit::UNAVAILABLE).into()) }
    }
}

#[derive(Serialize)]
struct Status {
    jurisdiction: String,
    state: String,
    endpoint: String,
    problem: Option<String>,
    text: Option<String>,
    since: Option<String>,
    retry_in_seconds: Option<u64>,
    queued: u64,
    unsettled: u64,
    unopened: u64,
    skew_ms: i64,
    tls_group: String,
    endings: Vec<String>,
    members: Vec<Member>,
    diverged: Vec<String>,
}

#[derive(Serialize)]
struct Member {
    jurisdiction: String,
    up: bool,
    last_heard: Option<String>,
    skew_ms: i64,
    software: String,
}

async fn status(place: &Where, context: Context) -> anyhow::Result<bool> {
    let mut desk = place.client(context.lang).await?;
    let answer = desk.link_status(ask(v1::LinkStatusRequest {})).await?.into_inner();
    let up = answer.state == "UP";
    context.value(&as_json(&answer, context), |_| text(&answer, up, context))?;
    if up {
        context.next("liandong link test", "逐步检查", "test it step by step");
    } else {
        context.tell(
            "链路不通时仍可写、可读、可发：消息先存在本机，恢复后自动送出。",
            "With the link down everything can still be read, written and sent: messages wait here and leave by themselves.",
        );
        context.next("liandong link test", "逐步检查，找出原因", "find out why, step by step");
    }
    Ok(up)
}

fn as_json(answer: &v1::LinkStatusResponse, context: Context) -> Status {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Status {
        jurisdiction: answer.jurisdiction.clone(),
        state: answer.state.clone(),
        endpoint: answer.endpoint.clone(),
        problem: given(&answer.problem),
        text: given(context.say(&answer.text_zh, &answer.text_en)),
        since: out::rfc3339(answer.since),
        retry_in_seconds: answer.retry_in.map(|length| border::time::length(length).as_secs()),
        queued: answer.queued,
        unsettled: answer.unsettled,
        unopened: answer.unopened,
        skew_ms: millis(answer.skew),
        tls_group: answer.tls_group.clone(),
        endings: endings(answer, context),
        diverged: answer.diverged.iter().map(|tree| tree.owner.clone()).collect(),
        members: answer
            .members
            .iter()
            .map(|member| Member {
                jurisdiction: member.jurisdiction.clone(),
                up: member.up,
                last_heard: out::rfc3339(member.last_heard),
                skew_ms: millis(member.skew),
                software: member.software.clone(),
            })
            .collect(),
    }
}

fn text(answer: &v1::LinkStatusResponse, up: bool, context: Context) -> String {
    let state = match answer.state.as_str() {
        "UP" => context.say("● 已连接", "● up"),
        "DIALING" => context.say("▲ 正在连接", "▲ dialling"),
        "WAITING" => context.say("✕ 已断开，等待重试", "✕ down, waiting to try again"),
        "HELD" => context.say("✕ 被中心搁置", "✕ held by the broker"),
        other => other,
    };
    let retry = answer.retry_in.map(border::time::length).filter(|_| !up);
    let facts = [
        (("单位", "jurisdiction"), answer.jurisdiction.clone()),
        (("链路", "link"), state.to_owned()),
        (("自", "since"), out::full_time(answer.since)),
        (("中心", "broker"), answer.endpoint.clone()),
        (("加密", "encryption"), answer.tls_group.clone()),
        (("与中心时差", "clock"), if up { format!("{:+} ms", millis(answer.skew)) } else { String::new() }),
        (("原因", "problem"), context.say(&answer.text_zh, &answer.text_en).to_owned()),
        (("再试", "next try"), retry.map(|retry| out::length(retry, context.lang)).unwrap_or_default()),
        (("待发", "queued"), answer.queued.to_string()),
        (("在途", "on their way"), answer.unsettled.to_string()),
        (("未打开", "not opened"), answer.unopened.to_string()),
        (("审计", "audit"), diverged(answer, context)),
    ];
    let told = facts.into_iter().filter(|(_, value)| !value.is_empty());
    let facts = out::facts(told.map(|((zh, en), value)| (context.say(zh, en).to_owned(), value)));
    let facts = endings(answer, context).iter().fold(facts, |facts, ending| format!("{facts}\n▲ {ending}"));
    if answer.members.is_empty() { facts } else { format!("{facts}\n\n{}", members(answer, context)) }
}

/// What ends soon, in the reader's language.
fn endings(answer: &v1::LinkStatusResponse, context: Context) -> Vec<String> {
    answer.endings.iter().map(|ending| context.say(&ending.text_zh, &ending.text_en).to_owned()).collect()
}

/// Whose evidence tree does not continue what was known of it; empty where all do.
fn diverged(answer: &v1::LinkStatusResponse, context: Context) -> String {
    let owners: Vec<&str> = answer.diverged.iter().map(|tree| tree.owner.as_str()).collect();
    if owners.is_empty() {
        return String::new();
    }
    let owners = owners.join(" ");
    let zh = format!("✕ AUDIT_DIVERGENCE：{owners} 的审计树不一致（liandong audit heads）");
    let en = format!("✕ AUDIT_DIVERGENCE: the tree of {owners} does not join (liandong audit heads)");
    context.say(&zh, &en).to_owned()
}

fn members(answer: &v1::LinkStatusResponse, context: Context) -> String {
    let header = [("单位", "MEMBER"), ("链路", "LINK"), ("最近", "LAST HEARD"), ("时差", "CLOCK"), ("版本", "VERSION")];
    let rows = answer.members.iter().map(|member| {
        let link = if member.up {
            good(context.say("● 已连接", "● up"))
        } else {
            bad(context.say("✕ 断开", "✕ down"))
        };
        let skew = member.skew.map(|skew| format!("{:+} ms", millis(Some(skew)))).unwrap_or_default();
        vec![
            cell(&member.jurisdiction),
            link,
            muted(&context.time(member.last_heard)),
            out::number(skew),
            muted(&member.software),
        ]
    });
    out::table(Some(header.iter().map(|(zh, en)| muted(context.say(zh, en))).collect()), rows)
}

#[derive(Serialize)]
struct Step {
    #[serde(rename = "step")]
    name: String,
    ok: bool,
    text: String,
    remedy: Option<String>,
    took_ms: u128,
}

/// How long a whole test may take.
const TEST: std::time::Duration = std::time::Duration::from_mins(1);

async fn test(place: &Where, jurisdiction: String, context: Context) -> anyhow::Result<bool> {
    let mut desk = place.client(context.lang).await?;
    let mut steps = desk.link_test(within(TEST, v1::LinkTestRequest { jurisdiction })).await?.into_inner();
    let (mut all, mut green, mut works) = (Vec::new(), true, false);
    while let Some(step) = steps.message().await? {
        green &= step.ok;
        // the last one tells: of several endpoints one is enough
        works = step.ok;
        match context.format {
            Format::Table | Format::Wide => out::line(&line(&step, context))?,
            Format::Json | Format::Jsonl => all.push(as_step(step, context)),
        }
    }
    if !context.is_table() {
        context.json(all.iter())?;
    }
    if green {
        context.tell("全部正常。", "All green.");
        context.next("liandong link status", "待发、在途与各单位链路", "what waits, and who else is linked");
    } else if works {
        context.tell(
            "链路可用；有一处中心地址不通，请按提示处置。",
            "The link works; one of the broker's endpoints does not: see its remedy.",
        );
        context.next("liandong link test", "处置后再测", "test again after the remedy");
    } else {
        context.next("liandong link test", "处置后再测", "test again after the remedy");
    }
    Ok(works)
}

fn as_step(step: v1::LinkTestResponse, context: Context) -> Step {
    let remedy = context.say(&step.remedy_zh, &step.remedy_en).to_owned();
    Step {
        ok: step.ok,
        text: context.say(&step.text_zh, &step.text_en).to_owned(),
        remedy: (!remedy.is_empty()).then_some(remedy),
        took_ms: step.took.map(border::time::length).unwrap_or_default().as_millis(),
        name: step.step,
    }
}

/// One step, printed as soon as it is known; a remedy stands under its red line.
fn line(step: &v1::LinkTestResponse, context: Context) -> String {
    let took = step.took.map(border::time::length).unwrap_or_default().as_millis();
    let name = match step.step.as_str() {
        "DNS" => context.say("域名解析", "DNS"),
        "TCP" => context.say("网络连接", "TCP"),
        "TLS" => context.say("加密通道", "TLS"),
        "IDENTITY" => context.say("身份", "identity"),
        "CLOCK" => context.say("时钟", "clock"),
        "ECHO" => context.say("中心应答", "echo"),
        "PEER" => context.say("对方链路", "neighbour"),
        other => other,
    };
    let mark = if step.ok { good("✓") } else { bad("✕") };
    let text = context.say(&step.text_zh, &step.text_en);
    let took = muted(&format!("{took} ms")).set_alignment(CellAlignment::Right);
    let row: Vec<Cell> = vec![mark, cell(name), took, cell(text)];
    let line = out::columns(row, &[1, 9, 7]);
    let remedy = context.say(&step.remedy_zh, &step.remedy_en);
    if remedy.is_empty() {
        return line;
    }
    format!("{line}\n                        → {}{remedy}", context.say("处置：", "remedy: "))
}

fn millis(wire: Option<prost_types::Duration>) -> i64 {
    wire.map_or(0, |wire| wire.seconds * 1_000 + i64::from(wire.nanos / 1_000_000))
}
