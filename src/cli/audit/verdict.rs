//! What a file of evidence proves, for people and for programs.

use agent::evidence::verify::{Fault, Step, Verdict};
use model::{kind::Kind, role::Role, time::Timestamp};
use proto::border;
use serde::Serialize;

use crate::cli::{
    exit::{self, Said},
    out::{self, Cell, Context, bad, cell, good, muted},
    words,
};

/// Where the evidence came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum From {
    /// A file.
    File,
    /// This desk, just now.
    Desk,
}

#[derive(Serialize)]
struct Shown {
    holds: bool,
    root: Option<String>,
    root_given: bool,
    region: Option<String>,
    written_by: Option<String>,
    written_at: Option<String>,
    from_broker: bool,
    message: Option<Message>,
    steps: Vec<Proved>,
    trees: Vec<Tree>,
    faults: Vec<Wrong>,
}

#[derive(Serialize)]
struct Message {
    id: String,
    kind: &'static str,
    sender: String,
    title: String,
    sent_at: String,
    sha256: String,
    trees: Vec<Place>,
}

#[derive(Serialize)]
struct Proved {
    stage: &'static str,
    recipient: Option<String>,
    at: String,
    due: Option<String>,
    late: bool,
    by: String,
    officer: Option<String>,
    role: Option<&'static str>,
    reason: Option<String>,
    trees: Vec<Place>,
}

#[derive(Serialize)]
struct Place {
    tree: String,
    position: u64,
}

#[derive(Serialize)]
struct Tree {
    owner: String,
    records: u64,
    at: String,
    witnesses: Vec<String>,
}

#[derive(Serialize)]
struct Wrong {
    sort: &'static str,
    part: Option<usize>,
    byte: Option<u64>,
    text: &'static str,
    detail: String,
}

/// Prints a verdict; one with faults ends with 74.
pub fn print(verdict: &Verdict, at: Option<&str>, from: From, context: Context) -> anyhow::Result<()> {
    let steps: Vec<&Step> = verdict
        .steps
        .iter()
        .filter(|step| at.is_none_or(|at| step.statement.recipient.is_empty() || step.statement.recipient == at))
        .collect();
    if context.is_table() {
        people(verdict, &steps, context)?;
    } else {
        context.value(&shown(verdict, &steps, context), |_| String::new())?;
    }
    conclude(verdict, from, context);
    if verdict.holds() { Ok(()) } else { Err(Said(exit::DAMAGE).into()) }
}

fn conclude(verdict: &Verdict, from: From, context: Context) {
    if !verdict.holds() {
        return context.tell(
            "结论：证据不成立。上列各处之外的内容仍以各自签名为准；请索取原文件重新核验。",
            "Verdict: the evidence does not hold. What is not named above still stands on its own signatures; ask for the original file and check again.",
        );
    }
    context.tell("结论：证据成立。", "Verdict: the evidence holds.");
    if let (Some(words), false, From::File) = (verdict.root, verdict.root_given, from) {
        context.tell(
            &format!("以文件所附的根核验。根的六个词：{words}（{}）。请与本单位掌握的根核对，或用 --root 指定。", words.numbers()),
            &format!("It was checked under the root that the file brings. Its six words: {words} ({}). Compare them with the root that you know, or name one with --root.", words.numbers()),
        );
    }
}

fn people(verdict: &Verdict, steps: &[&Step], context: Context) -> anyhow::Result<()> {
    let fact = |zh, en, value: String| (context.say(zh, en).to_owned(), value);
    let mut facts = Vec::new();
    if let Some(about) = &verdict.message {
        let header = &about.read.header;
        facts.push(fact("消息", "message", header.message_id.to_string()));
        facts.push(fact("类别", "kind", words::kind(header.kind.number(), context.lang)));
        facts.push(fact("标题", "title", about.title.clone()));
        facts.push(fact("发送方", "sender", header.sender.jurisdiction.to_string()));
        facts.push(fact("签发时间", "sealed", out::full_time(Some(border::time::to_wire(header.sent_at)))));
        facts.push(fact("内容摘要", "SHA-256", about.read.content_hash.to_string()));
        facts.push(fact("所在审计树", "in the trees of", places(&about.trees)));
    }
    if let Some(summary) = &verdict.summary {
        let at = out::full_time(summary.at);
        let by = context.say(&format!("{} 于 {at}", summary.from), &format!("{} at {at}", summary.from)).to_owned();
        facts.push(fact("证据出具", "written by", by));
    }
    if !facts.is_empty() {
        out::line(&out::facts(facts))?;
        out::line("")?;
    }
    let header =
        [("环节", "STAGE"), ("单位", "WHO"), ("时间", "AT"), ("时限", "DUE"), ("人员", "OFFICER"), ("审计树", "TREES")];
    if !steps.is_empty() {
        context.table(&header, steps.iter().map(|step| cells(step, context)))?;
        out::line("")?;
    }
    let header = [("审计树", "TREE"), ("记录数", "RECORDS"), ("签署时间", "SIGNED"), ("会签", "WITNESSES")];
    let trees: Vec<Vec<Cell>> = verdict.trees.iter().map(|tree| tree_cells(tree, context)).collect();
    if !trees.is_empty() {
        context.table(&header, trees.into_iter())?;
    }
    for fault in in_order(verdict) {
        out::line("")?;
        out::line(&fault_text(fault, context))?;
    }
    Ok(())
}

fn in_order(verdict: &Verdict) -> Vec<&Fault> {
    let mut faults: Vec<&Fault> = verdict.faults.iter().collect();
    faults.sort_by_key(|fault| fault.part.unwrap_or(usize::MAX));
    faults
}

fn fault_text(fault: &Fault, context: Context) -> String {
    let (zh, en) = fault.sort.texts();
    let place = match (fault.part, fault.at) {
        (Some(part), Some(at)) => {
            let (zh, en) = (format!("第 {part} 部分（第 {at} 字节起）"), format!("part {part} (from byte {at})"));
            context.say(&zh, &en).to_owned()
        }
        _ => context.say("整个文件", "the whole file").to_owned(),
    };
    let detail = if fault.detail.is_empty() { String::new() } else { format!("  [{}]", fault.detail) };
    format!("✕ {} {place}: {}{detail}", fault.sort.name(), context.say(zh, en))
}

fn cells(step: &Step, context: Context) -> Vec<Cell> {
    let statement = &step.statement;
    let officer = statement.officer.clone().unwrap_or_default();
    let whose = crate::cli::receipts::whose(statement, context);
    let due = match step.due {
        None => muted("–"),
        Some(due) => {
            let time = context.time(Some(border::time::to_wire(due)));
            if step.is_late() {
                bad(&format!("✕ {time} {}", context.say("已超", "late")))
            } else {
                good(&format!("✓ {time}"))
            }
        }
    };
    vec![
        cell(words::stage(statement.stage, context.lang)),
        cell(whose),
        cell(context.time(statement.at)),
        due,
        cell(words::person(&officer.name, officer.role, context.lang)),
        muted(&places(&step.trees)),
    ]
}

fn tree_cells(tree: &agent::evidence::verify::Tree, context: Context) -> Vec<Cell> {
    let witnesses = if tree.witnesses.is_empty() {
        muted(context.say("无", "none"))
    } else {
        good(&format!("✓ {}", tree.witnesses.iter().cloned().collect::<Vec<_>>().join(" ")))
    };
    let at = context.time(Some(border::time::to_wire(tree.at)));
    vec![cell(&tree.owner), out::number(tree.size), cell(at), witnesses]
}

/// `broker:120 371300:44`.
fn places(trees: &[(String, u64)]) -> String {
    trees.iter().map(|(tree, position)| format!("{tree}:{position}")).collect::<Vec<_>>().join(" ")
}

fn shown(verdict: &Verdict, steps: &[&Step], context: Context) -> Shown {
    let place = |(tree, position): &(String, u64)| Place { tree: tree.clone(), position: *position };
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let summary = verdict.summary.as_ref();
    Shown {
        holds: verdict.holds(),
        root: verdict.root.map(|words| words.to_string()),
        root_given: verdict.root_given,
        region: summary.map(|summary| summary.region.clone()),
        written_by: summary.map(|summary| summary.from.clone()),
        written_at: summary.and_then(|summary| out::rfc3339(summary.at)),
        from_broker: summary.is_some_and(|summary| summary.from_broker),
        message: verdict.message.as_ref().map(|about| Message {
            id: about.read.header.message_id.to_string(),
            kind: Kind::name(about.read.header.kind),
            sender: about.read.header.sender.jurisdiction.to_string(),
            title: about.title.clone(),
            sent_at: about.read.header.sent_at.rfc3339(),
            sha256: about.read.content_hash.to_string(),
            trees: about.trees.iter().map(place).collect(),
        }),
        steps: steps
            .iter()
            .map(|step| {
                let officer = step.statement.officer.clone().unwrap_or_default();
                Proved {
                    stage: step.stage.name(),
                    recipient: given(&step.statement.recipient),
                    at: step.at.rfc3339(),
                    due: step.due.map(Timestamp::rfc3339),
                    late: step.is_late(),
                    by: step.statement.by.clone(),
                    officer: given(&officer.name),
                    role: Role::from_number(officer.role).map(Role::name),
                    reason: given(&step.statement.reason),
                    trees: step.trees.iter().map(place).collect(),
                }
            })
            .collect(),
        trees: verdict
            .trees
            .iter()
            .map(|tree| Tree {
                owner: tree.owner.clone(),
                records: tree.size,
                at: tree.at.rfc3339(),
                witnesses: tree.witnesses.iter().cloned().collect(),
            })
            .collect(),
        faults: in_order(verdict)
            .into_iter()
            .map(|fault| {
                let (zh, en) = fault.sort.texts();
                Wrong {
                    sort: fault.sort.name(),
                    part: fault.part,
                    byte: fault.at,
                    text: context.say(zh, en),
                    detail: fault.detail.clone(),
                }
            })
            .collect(),
    }
}
