//! Rules of an agent: checked, tried on a message, watched, and what they did not do.

use std::{fs, path::Path, path::PathBuf};

use agent::rules::file;
use anyhow::Context as _;
use clap::Subcommand;
use proto::{rules, v1};
use serde::Serialize;

use super::{
    compose::{self, values},
    desk::{Where, ask},
    exit::BadInput,
    ids,
    out::{self, Cell, Context, bad, cell, good, muted},
    words,
};

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub enum Rules {
    /// Check a rules file without putting it in force
    #[command(after_help = "liandong rules check rules.toml")]
    Check {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Show a commented example
    #[command(after_help = "liandong rules print > rules.toml")]
    Print,
    /// Show what the rules of a file would do with a message; nothing is done
    #[command(after_help = "liandong rules test rules.toml 8f3a2c1d\nliandong rules test rules.toml bulletin.toml")]
    Test {
        /// The rules file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// A message of this desk, or a file with a draft that is treated as if it had just come
        #[arg(value_name = "MESSAGE")]
        message: String,
    },
    /// List the rules that are in force, and how each of them does
    #[command(after_help = "liandong rules ls -o json")]
    Ls,
    /// List what rules did not do: given up, or held by a guard
    #[command(after_help = "liandong rules dead --rule to-the-map")]
    Dead {
        /// Only of this rule
        #[arg(long, value_name = "NAME", default_value = "")]
        rule: String,
        /// At most this many
        #[arg(short = 'n', long, value_name = "N", default_value_t = 50, value_parser = values::up_to(1_000))]
        limit: u32,
    },
}

impl Rules {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        match self {
            Self::Check { file } => check(&file, context),
            Self::Print => print(context),
            Self::Test { file, message } => test(place, &file, &message, context).await,
            Self::Ls => list(place, context).await,
            Self::Dead { rule, limit } => dead(place, rule, limit, context).await,
        }
    }
}

/// A rule of a file, or a source: what a program may send by events, and where it is from.
#[derive(Serialize)]
struct Checked {
    name: String,
    on: String,
    actions: Vec<String>,
    when: String,
}

fn check(path: &Path, context: Context) -> anyhow::Result<()> {
    let read = file::text(path).and_then(|text| file::parse(&text));
    let read = read.map_err(anyhow::Error::new).with_context(|| path.display().to_string())?;
    let rule = |rule: &agent::rules::Rule| Checked {
        name: rule.name.clone(),
        on: rule.on.name().to_owned(),
        actions: rule.actions().map(|action| action.name().to_owned()).collect(),
        when: rule.when.as_ref().map(|when| when.text().to_owned()).unwrap_or_default(),
    };
    let source = |source: &agent::rules::source::Source| Checked {
        name: source.program.name.clone(),
        on: "event".to_owned(),
        actions: source.kinds.iter().map(|kind| kind.code()).collect(),
        when: source.source.clone(),
    };
    let rules: Vec<Checked> = read.rules.iter().map(rule).chain(read.sources.iter().map(source)).collect();
    let header = [("规则", "RULE"), ("事件", "ON"), ("动作", "DOES"), ("条件", "WHEN")];
    context.rows(&rules, &header, |rule| {
        vec![cell(&rule.name), cell(&rule.on), cell(rule.actions.join(" ")), muted(&rule.when)]
    })?;
    let command = format!("liandong rules test {} MESSAGE", path.display());
    context.next(&command, "用一条消息试运行，不产生任何动作", "try it on a message; nothing is done");
    Ok(())
}

fn print(context: Context) -> anyhow::Result<()> {
    if !context.is_table() {
        let value: toml::Table = toml::from_str(file::EXAMPLE)?;
        return context.value(&value, |_| String::new());
    }
    out::line(file::EXAMPLE)?;
    let command = "liandong rules print > rules.toml; liandong rules check rules.toml";
    context.next(command, "存为文件，改后检查", "keep it as a file, change it, check it");
    Ok(())
}

/// What a rule of a file would do.
#[derive(Serialize)]
struct Tried {
    rule: String,
    verdict: String,
    fault: String,
    acts: Vec<Act>,
}

/// One act, told in advance or afterwards.
#[derive(Serialize)]
struct Act {
    action: String,
    detail: String,
    problem: String,
    field: String,
    rule: String,
    text_zh: String,
    text_en: String,
}

fn act(told: &v1::ActTold) -> Act {
    Act {
        action: told.action.clone(),
        detail: told.detail.clone(),
        problem: told.problem.clone(),
        field: told.field.clone(),
        rule: told.rule.clone(),
        text_zh: told.text_zh.clone(),
        text_en: told.text_en.clone(),
    }
}

async fn test(place: &Where, file: &Path, message: &str, context: Context) -> anyhow::Result<()> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut desk = place.client(context.lang).await?;
    let what = if Path::new(message).is_file() {
        let value = compose::file::read(Path::new(message))?;
        v1::test_rules_request::What::Draft(rules::draft_from_json(None, &value)?)
    } else {
        let id = ids::resolve(&mut desk, message, context).await?;
        v1::test_rules_request::What::MessageId(id.0.to_vec().into())
    };
    let request = v1::TestRulesRequest { rules: text, what: Some(what) };
    let tried = desk.test_rules(ask(request)).await?.into_inner().rules;
    let rows = tried.iter().map(|tried| Tried {
        rule: tried.name.clone(),
        verdict: verdict(tried.verdict()).2.to_owned(),
        fault: tried.fault.clone(),
        acts: tried.acts.iter().map(act).collect(),
    });
    if !context.is_table() {
        return context.json(rows);
    }
    let header = [("规则", "RULE"), ("结论", "VERDICT"), ("动作", "WOULD DO"), ("说明", "DETAIL")];
    let cells: Vec<Vec<Cell>> = tried.iter().flat_map(|tried| tried_cells(tried, context)).collect();
    context.table(&header, cells.into_iter())?;
    context.tell("以上只是试运行，没有产生任何动作。", "This was a dry run: nothing was done.");
    let command = format!("rules = \"{}\"", file.display());
    context.next(&command, "写入 agent.toml 后启用", "in agent.toml puts it in force");
    Ok(())
}

const fn verdict(of: v1::RuleVerdict) -> (&'static str, &'static str, &'static str) {
    match of {
        v1::RuleVerdict::Matches => ("符合", "matches", "MATCHES"),
        v1::RuleVerdict::Differs => ("不符合", "does not match", "DIFFERS"),
        v1::RuleVerdict::OtherEvent => ("不看此类事件", "looks at other events", "OTHER_EVENT"),
        v1::RuleVerdict::Failed => ("条件无法求值", "cannot be evaluated", "FAILED"),
        v1::RuleVerdict::Unspecified => ("–", "–", ""),
    }
}

/// A line for the rule, with its first act; one more for each other act.
fn tried_cells(tried: &v1::RuleTried, context: Context) -> Vec<Vec<Cell>> {
    let (zh, en, _) = verdict(tried.verdict());
    let said = match tried.verdict() {
        v1::RuleVerdict::Matches => good(&format!("✓ {}", context.say(zh, en))),
        v1::RuleVerdict::Failed => bad(&format!("✕ {}", context.say(zh, en))),
        _ => muted(context.say(zh, en)),
    };
    if tried.acts.is_empty() {
        return vec![vec![cell(&tried.name), said, cell(""), muted(&tried.fault)]];
    }
    let mut heads = vec![(cell(&tried.name), said)].into_iter();
    let lines = tried.acts.iter().map(|act| {
        let (name, said) = heads.next().unwrap_or_else(|| (cell(""), cell("")));
        vec![name, said, cell(&act.action), detail(act, context)]
    });
    lines.collect()
}

/// What an act comes to, or why it is not done.
fn detail(act: &v1::ActTold, context: Context) -> Cell {
    if act.problem.is_empty() {
        return cell(&act.detail);
    }
    bad(&format!("✕ {}", context.say(&act.text_zh, &act.text_en)))
}

/// A rule in force.
#[derive(Serialize)]
struct Row {
    name: String,
    on: String,
    actions: Vec<String>,
    when: String,
    matched: u64,
    done: u64,
    dead: u64,
    held: u64,
    failed: u64,
    fault: String,
    last_at: Option<String>,
}

async fn list(place: &Where, context: Context) -> anyhow::Result<()> {
    let mut desk = place.client(context.lang).await?;
    let seen = desk.rules(ask(v1::RulesRequest {})).await?.into_inner();
    let row = |rule: &v1::RuleSeen| Row {
        name: rule.name.clone(),
        on: rule.on.clone(),
        actions: rule.actions.clone(),
        when: rule.when.clone(),
        matched: rule.matched,
        done: rule.done,
        dead: rule.dead,
        held: rule.held,
        failed: rule.failed,
        fault: rule.fault.clone(),
        last_at: out::rfc3339(rule.last_at),
    };
    if context.is_table() {
        context.table(&HEADER, seen.rules.iter().map(|rule| cells(rule, context)))?;
    } else {
        context.json(seen.rules.iter().map(row))?;
    }
    if seen.file.is_empty() {
        context.tell(
            "代理配置中没有 rules，不自动处理任何事件。",
            "The agent's configuration names no rules: nothing is done by itself.",
        );
        context.next("liandong rules print > rules.toml", "从示例开始", "begin with the example");
    }
    if seen.owed > 0 {
        context.tell(&format!("{} 个动作尚待完成", seen.owed), &format!("{} acts are not done yet", seen.owed));
    }
    if seen.dead > 0 {
        context.next("liandong rules dead", "哪些动作没有做成，以及原因", "what was not done, and why");
    }
    if seen.problem.is_empty() {
        return Ok(());
    }
    let zh = format!("{} 不能启用，仍按先前的规则处理：{}", seen.file, seen.text_zh);
    let en = format!("{} cannot be used; what was in force stays: {}", seen.file, seen.text_en);
    Err(BadInput(context.say(&zh, &en).to_owned()).into())
}

const HEADER: [(&str, &str); 9] = [
    ("规则", "RULE"),
    ("事件", "ON"),
    ("动作", "DOES"),
    ("符合", "MATCHED"),
    ("已完成", "DONE"),
    ("放弃", "DEAD"),
    ("拦下", "HELD"),
    ("求值失败", "FAILED"),
    ("最近", "LAST"),
];

fn cells(rule: &v1::RuleSeen, context: Context) -> Vec<Cell> {
    let troubled = |count: u64| if count == 0 { out::number(count) } else { bad(&format!("! {count}")) };
    vec![
        cell(&rule.name),
        cell(&rule.on),
        cell(rule.actions.join(" ")),
        out::number(rule.matched),
        out::number(rule.done),
        troubled(rule.dead),
        troubled(rule.held),
        troubled(rule.failed),
        cell(context.time(rule.last_at)),
    ]
}

/// An act that was not done.
#[derive(Serialize)]
struct DeadRow {
    rule: String,
    message_id: String,
    tries: u32,
    at: Option<String>,
    act: Act,
}

async fn dead(place: &Where, rule: String, limit: u32, context: Context) -> anyhow::Result<()> {
    let mut desk = place.client(context.lang).await?;
    let acts = desk.dead_acts(ask(v1::DeadActsRequest { rule, limit })).await?.into_inner().acts;
    if !context.is_table() {
        return context.json(acts.iter().map(|dead| DeadRow {
            rule: dead.rule.clone(),
            message_id: words::whole(&dead.message_id),
            tries: dead.tries,
            at: out::rfc3339(dead.at),
            act: act(&dead.act.clone().unwrap_or_default()),
        }));
    }
    let header =
        [("时间", "AT"), ("规则", "RULE"), ("动作", "ACT"), ("消息", "MESSAGE"), ("试过", "TRIES"), ("原因", "WHY")];
    let cells = acts.iter().map(|dead| {
        let told = dead.act.clone().unwrap_or_default();
        vec![
            cell(context.time(dead.at)),
            cell(&dead.rule),
            cell(&told.action),
            muted(&context.id(&dead.message_id)),
            out::number(dead.tries),
            cell(context.say(&told.text_zh, &told.text_en)),
        ]
    });
    context.table(&header, cells)?;
    if let Some(first) = acts.iter().find(|dead| !dead.message_id.is_empty()) {
        let command = format!("liandong show {}", words::short(&first.message_id));
        context.next(&command, "看这条消息，由人处理", "look at the message; a person takes it from here");
    }
    Ok(())
}

/// Checks a rules file that a configuration names.
pub fn check_named(path: &Path) -> anyhow::Result<()> {
    let read = file::text(path).and_then(|text| file::parse(&text));
    read.map(|_| ()).map_err(anyhow::Error::new).with_context(|| format!("rules {}", path.display()))
}
