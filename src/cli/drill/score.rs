//! Times taken in a drill against times allowed, for people and for programs.

use clap::Args;
use model::kind::Kind;
use proto::v1;
use serde::Serialize;

use super::scored;
use crate::{
    cli::{
        desk::Where,
        out::{self, Cell, Context, bad, cell, good, muted},
        words,
    },
    lang::Lang,
};

/// Which drill.
#[derive(Args, Debug)]
#[command(after_help = "  liandong drill score 371300-DR-2027-09\n  liandong drill score 371300-DR-2027-09 -o wide")]
pub struct Score {
    /// The drill's id, or any message of it: its id, or the last 6 or more digits of it
    #[arg(value_name = "DRILL")]
    drill: String,
}

impl Score {
    /// Shows it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        let score = scored(&mut desk, &self.drill, context).await?;
        context.value(&Whole::from(&score), |_| text(&score, context))?;
        let command = format!("liandong drill report {}", score.drill_id);
        context.next(&command, "评估报告初稿（Markdown）", "the after-action report, as a draft in Markdown");
        Ok(())
    }
}

/// The whole for programs.
#[derive(Serialize)]
struct Whole {
    drill_id: String,
    title: String,
    organiser: String,
    state: String,
    started_at: Option<String>,
    ended_at: Option<String>,
    aborted_by: String,
    abort_reason: String,
    real_incident_id: String,
    played: u32,
    injects_planned: u32,
    sides: Vec<Side>,
    injects: Vec<Inject>,
    times: Vec<Time>,
    recalled: Vec<Recalled>,
}

#[derive(Serialize)]
struct Side {
    jurisdiction: String,
    answer: String,
    took_part: bool,
    start_acknowledged_at: Option<String>,
    met: u32,
    times: u32,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "as programs read them")]
struct Inject {
    inject_id: String,
    message_id: String,
    title: String,
    objective_ids: Vec<String>,
    planned_offset_s: Option<u32>,
    sent_at: Option<String>,
    arrivals: Vec<Arrival>,
}

#[derive(Serialize)]
struct Arrival {
    jurisdiction: String,
    delivered_at: Option<String>,
    opened_at: Option<String>,
    acknowledged_at: Option<String>,
    officer: String,
    recalled: bool,
}

#[derive(Serialize)]
struct Time {
    deadline: String,
    jurisdiction: String,
    message_id: String,
    kind: String,
    inject_id: String,
    objective_ids: Vec<String>,
    starts_at: Option<String>,
    allowed_s: u32,
    taken_s: Option<u32>,
    met: bool,
}

#[derive(Serialize)]
struct Recalled {
    message_id: String,
    kind: String,
    jurisdiction: String,
    reason: String,
}

fn kind(number: i32) -> String {
    Kind::from_number(number).map_or("", Kind::name).to_owned()
}

impl From<&v1::DrillScoreResponse> for Whole {
    fn from(score: &v1::DrillScoreResponse) -> Self {
        Self {
            drill_id: score.drill_id.clone(),
            title: score.title.clone(),
            organiser: score.organiser.clone(),
            state: score.state.clone(),
            started_at: out::rfc3339(score.started_at),
            ended_at: out::rfc3339(score.ended_at),
            aborted_by: score.aborted_by.clone(),
            abort_reason: score.abort_reason.clone(),
            real_incident_id: score.real_incident_id.clone(),
            played: score.played,
            injects_planned: score.injects_planned,
            sides: score.sides.iter().map(side).collect(),
            injects: score.injects.iter().map(inject).collect(),
            times: score.times.iter().map(time).collect(),
            recalled: score.recalled.iter().map(recalled).collect(),
        }
    }
}

fn side(side: &v1::DrillSide) -> Side {
    Side {
        jurisdiction: side.jurisdiction.clone(),
        answer: side.answer.clone(),
        took_part: side.took_part,
        start_acknowledged_at: out::rfc3339(side.start_acknowledged_at),
        met: side.met,
        times: side.times,
    }
}

fn inject(seen: &v1::InjectSeen) -> Inject {
    let arrival = |arrival: &v1::InjectArrival| {
        let officer = arrival.officer.clone().unwrap_or_default();
        Arrival {
            jurisdiction: arrival.jurisdiction.clone(),
            delivered_at: out::rfc3339(arrival.delivered_at),
            opened_at: out::rfc3339(arrival.opened_at),
            acknowledged_at: out::rfc3339(arrival.acknowledged_at),
            officer: words::person(&officer.name, officer.role, Lang::En),
            recalled: arrival.recalled,
        }
    };
    Inject {
        inject_id: seen.inject_id.clone(),
        message_id: words::whole(&seen.message_id),
        title: seen.title.clone(),
        objective_ids: seen.objective_ids.clone(),
        planned_offset_s: seen.planned_offset_s,
        sent_at: out::rfc3339(seen.sent_at),
        arrivals: seen.arrivals.iter().map(arrival).collect(),
    }
}

fn time(seen: &v1::TimeSeen) -> Time {
    let time = seen.time.clone().unwrap_or_default();
    Time {
        met: time.met() == v1::YesNo::Yes,
        jurisdiction: time.obligor.map(|obligor| obligor.jurisdiction).unwrap_or_default(),
        deadline: time.deadline,
        message_id: words::whole(&time.message_id),
        kind: kind(time.kind),
        inject_id: time.inject_id,
        objective_ids: seen.objective_ids.clone(),
        starts_at: out::rfc3339(seen.starts_at),
        allowed_s: time.allowed_s,
        taken_s: time.taken_s,
    }
}

fn recalled(seen: &v1::RecalledSeen) -> Recalled {
    Recalled {
        message_id: words::whole(&seen.message_id),
        kind: kind(seen.kind),
        jurisdiction: seen.jurisdiction.clone(),
        reason: seen.reason.clone(),
    }
}

fn text(score: &v1::DrillScoreResponse, context: Context) -> String {
    let parts = [
        format!("{}{}", words::not_real(v1::Status::Exercise.into(), context.lang), score.title),
        out::facts(head(score, context)),
        listed(("参演单位", "who took part"), &SIDES, score.sides.iter().map(|one| side_cells(one, context)), context),
        listed(("情景注入", "injects"), &INJECTS, injects(score, context), context),
        listed(("用时", "times"), &TIMES, score.times.iter().map(|one| time_cells(one, context)), context),
        listed(
            ("收回", "taken back"),
            &RECALLED,
            score.recalled.iter().map(|one| recalled_cells(one, context)),
            context,
        ),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

type Heads = [(&'static str, &'static str)];

const SIDES: [(&str, &str); 4] =
    [("单位", "JURISDICTION"), ("答复", "ANSWER"), ("签收开始", "START ACKNOWLEDGED"), ("按时", "IN TIME")];
const INJECTS: [(&str, &str); 6] = [
    ("注入", "INJECT"),
    ("发出", "SENT"),
    ("接收方", "TO"),
    ("送达", "DELIVERED"),
    ("打开", "OPENED"),
    ("签收", "ACKNOWLEDGED"),
];
const TIMES: [(&str, &str); 7] = [
    ("时限", "DEADLINE"),
    ("起因", "CAUSE"),
    ("责任方", "OWED BY"),
    ("注入", "INJECT"),
    ("允许", "ALLOWED"),
    ("用时", "TAKEN"),
    ("结果", "RESULT"),
];
const RECALLED: [(&str, &str); 4] = [("编号", "ID"), ("类别", "KIND"), ("发往", "TO"), ("原因", "WHY")];

fn listed(name: (&str, &str), heads: &Heads, rows: impl Iterator<Item = Vec<Cell>>, context: Context) -> String {
    let rows: Vec<Vec<Cell>> = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    let heads = heads.iter().map(|(zh, en)| muted(context.say(zh, en))).collect();
    format!("{}\n{}", context.say(name.0, name.1), out::table(Some(heads), rows.into_iter()))
}

/// What stands above everything; what is not so is left out.
fn head(score: &v1::DrillScoreResponse, context: Context) -> Vec<(String, String)> {
    let at = |at: Option<prost_types::Timestamp>| at.map(|at| out::full_time(Some(at))).unwrap_or_default();
    let met: u32 = score.sides.iter().map(|side| side.met).sum();
    let aborted = [&*score.aborted_by, &*score.abort_reason, &*score.real_incident_id];
    let facts = [
        (("演练", "drill"), score.drill_id.clone()),
        (("组织单位", "organiser"), score.organiser.clone()),
        (("状态", "state"), context.say(&score.state_zh, &score.state).to_owned()),
        (("开始", "start"), at(score.started_at)),
        (("结束", "end"), at(score.ended_at)),
        (
            ("中止", "aborted by"),
            aborted.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("  "),
        ),
        (("注入", "injects"), format!("{}/{}", score.injects.len(), score.injects_planned)),
        (("演练消息", "played"), score.played.to_string()),
        (("按时", "in time"), format!("{met}/{}", score.times.len())),
    ];
    let told = facts.into_iter().filter(|(_, value)| !value.is_empty());
    told.map(|((zh, en), value)| (context.say(zh, en).to_owned(), value)).collect()
}

fn side_cells(side: &v1::DrillSide, context: Context) -> Vec<Cell> {
    let started = if side.took_part { context.time(side.start_acknowledged_at) } else { out_of_it(context) };
    vec![
        cell(&side.jurisdiction),
        cell(answer(&side.answer, context)),
        cell(started),
        out::number(format!("{}/{}", side.met, side.times)),
    ]
}

fn out_of_it(context: Context) -> String {
    context.say("未参演", "took no part").to_owned()
}

/// An answer to the invitation as people read it.
pub(super) fn answer(name: &str, context: Context) -> String {
    let word = name.parse::<model::thread::invitation::Word>();
    word.map_or_else(|_| String::new(), |word| context.say(word.zh(), word.name()).to_owned())
}

fn injects(score: &v1::DrillScoreResponse, context: Context) -> impl Iterator<Item = Vec<Cell>> {
    score.injects.iter().flat_map(move |inject| {
        let nobody = [v1::InjectArrival::default()];
        let arrivals = if inject.arrivals.is_empty() { nobody.to_vec() } else { inject.arrivals.clone() };
        arrivals.into_iter().map(move |arrival| inject_cells(inject, &arrival, context))
    })
}

fn inject_cells(inject: &v1::InjectSeen, arrival: &v1::InjectArrival, context: Context) -> Vec<Cell> {
    let delivered = if arrival.recalled {
        bad(context.say("✕ 已收回", "✕ taken back"))
    } else {
        cell(context.time(arrival.delivered_at))
    };
    vec![
        cell(&inject.inject_id),
        muted(&context.time(inject.sent_at)),
        cell(&arrival.jurisdiction),
        delivered,
        cell(context.time(arrival.opened_at)),
        cell(context.time(arrival.acknowledged_at)),
    ]
}

fn time_cells(seen: &v1::TimeSeen, context: Context) -> Vec<Cell> {
    let time = seen.time.clone().unwrap_or_default();
    let obligor = time.obligor.clone().unwrap_or_default();
    let met = time.met() == v1::YesNo::Yes;
    vec![
        cell(format!("{} {}", time.deadline, words::deadline(&time.deadline, context.lang))),
        cell(words::kind(time.kind, context.lang)),
        cell(obligor.jurisdiction),
        cell(&time.inject_id),
        out::number(length(time.allowed_s, context)),
        out::number(time.taken_s.map_or_else(|| "–".to_owned(), |taken| length(taken, context))),
        if met {
            good(&format!("✓ {}", result(&time, context)))
        } else {
            bad(&format!("✕ {}", result(&time, context)))
        },
    ]
}

/// Whether it came in time, in words.
pub(super) fn result(time: &v1::ObservedTime, context: Context) -> &'static str {
    match (time.met() == v1::YesNo::Yes, time.taken_s) {
        (true, _) => context.say("按时", "in time"),
        (false, Some(_)) => context.say("超时", "late"),
        (false, None) => context.say("未完成", "never done"),
    }
}

/// A time as people read it.
pub(super) fn length(seconds: u32, context: Context) -> String {
    out::length(std::time::Duration::from_secs(seconds.into()), context.lang)
}

fn recalled_cells(seen: &v1::RecalledSeen, context: Context) -> Vec<Cell> {
    vec![
        cell(context.id(&seen.message_id)),
        cell(words::kind(seen.kind, context.lang)),
        cell(&seen.jurisdiction),
        muted(&seen.reason),
    ]
}
