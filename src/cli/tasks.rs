//! What a person should do, and the telephone calls that stand for a line that is down.

use certs::signed::hex;
use clap::{Args, Subcommand};
use model::{role::Role, task::TaskKind};
use proto::v1;
use serde::Serialize;

use super::{
    compose::values,
    deadlines,
    desk::{Client, Where, ask},
    exit::{BadInput, NotFound},
    ids,
    out::{self, Cell, Context, cell, muted},
    words,
};

/// What to do with tasks.
#[derive(Debug, Subcommand)]
pub enum Tasks {
    /// List what a person should do, newest first
    Ls {
        /// Closed ones as well
        #[arg(long)]
        all: bool,
        /// At most this many
        #[arg(short = 'n', long, value_name = "N", default_value_t = 50, value_parser = values::up_to(1_000))]
        limit: u32,
    },
    /// Say that a task is done
    Done {
        /// The task, as `tasks ls` shows it
        #[arg(value_name = "TASK")]
        task: String,
        /// A remark
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        /// Who says so; unset: whoever the agent's configuration names
        #[arg(long = "as", value_name = "NAME/ROLE", value_parser = values::officer)]
        officer: Option<v1::Officer>,
    },
}

impl Tasks {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        match self {
            Self::Ls { all, limit } => list(&mut desk, all, limit, context).await,
            Self::Done { task, note, officer } => done(&mut desk, &task, note, officer, context).await,
        }
    }
}

/// A telephone call about a message: it stands for an acknowledgement, never for a written answer.
#[derive(Args, Debug)]
pub struct Call {
    /// The message the call was about
    #[arg(value_name = "ID")]
    id: String,
    /// The jurisdiction that was called
    #[arg(long, value_name = "JURISDICTION")]
    with: String,
    /// Who answered
    #[arg(long, value_name = "NAME")]
    spoke_with: String,
    /// What was said
    #[arg(long, value_name = "TEXT")]
    gist: String,
    /// Who called; unset: whoever the agent's configuration names
    #[arg(long = "as", value_name = "NAME/ROLE", value_parser = values::officer)]
    officer: Option<v1::Officer>,
}

impl Call {
    /// Records it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        let message_id = ids::resolve(&mut desk, &self.id, context).await?.0.to_vec().into();
        let call = v1::RecordCallRequest {
            message_id,
            jurisdiction: self.with,
            spoke_with: self.spoke_with,
            at: None,
            gist: self.gist,
            officer: self.officer,
        };
        let met = desk.record_call(ask(call)).await?.into_inner().deadline;
        match met {
            Some(met) => context
                .value(&deadlines::row(&met), |_| out::table(None, std::iter::once(deadlines::cells(&met, context))))?,
            None => context.tell("已记录；对方没有待签收的义务。", "Recorded; no acknowledgement was owed."),
        }
        context.next("liandong tasks ls", "还有哪些待办", "what else is to do");
        Ok(())
    }
}

/// A task as programs read it.
#[derive(Serialize)]
pub struct Row {
    task: String,
    kind: String,
    message_id: String,
    title: String,
    jurisdiction: String,
    deadline: String,
    rung: String,
    subject: String,
    at: Option<String>,
    closed_at: Option<String>,
    outcome: String,
    detail: String,
    person: String,
    role: String,
    phone: String,
}

/// The row of a task.
pub fn row(task: &v1::TaskSeen) -> Row {
    Row {
        task: hex(&task.task_id),
        kind: task.kind.clone(),
        message_id: words::whole(&task.message_id),
        title: task.title.clone(),
        jurisdiction: task.jurisdiction.clone(),
        deadline: task.deadline.clone(),
        rung: task.rung.clone(),
        subject: task.subject.clone(),
        at: out::rfc3339(task.at),
        closed_at: out::rfc3339(task.closed_at),
        outcome: task.outcome.clone(),
        detail: task.detail.clone(),
        person: task.person.clone(),
        role: Role::from_number(task.role).map_or("", Role::name).to_owned(),
        phone: task.phone.clone(),
    }
}

/// Digits of a task that lists show and commands take.
const SHORT: usize = 8;

async fn list(desk: &mut Client, all: bool, limit: u32, context: Context) -> anyhow::Result<()> {
    let tasks = desk.tasks(ask(v1::TasksRequest { all, limit })).await?.into_inner().tasks;
    if !context.is_table() {
        return context.json(tasks.iter().map(row));
    }
    let header = [
        ("待办", "TASK"),
        ("时间", "SINCE"),
        ("做什么", "WHAT"),
        ("单位", "ABOUT"),
        ("时限", "DEADLINE"),
        ("找谁", "CALL"),
        ("消息", "MESSAGE"),
        ("标题", "TITLE"),
        ("结果", "OUTCOME"),
    ];
    context.table(&header, tasks.iter().map(|task| cells(task, context)))?;
    match tasks.iter().find(|task| task.closed_at.is_none()) {
        Some(task) if is_call(&task.kind) => {
            let command = format!(
                "liandong call {} --with {} --spoke-with … --gist …",
                words::short(&task.message_id),
                task.jurisdiction
            );
            context.next(&command, "打过电话后记录", "after the call, record it");
        }
        Some(task) => {
            let command = format!("liandong show {}", words::short(&task.message_id));
            context.next(&command, "看消息", "read the message");
        }
        None => {}
    }
    Ok(())
}

fn is_call(kind: &str) -> bool {
    kind == TaskKind::CallByPhone.name() || kind == TaskKind::VoiceFallback.name()
}

fn cells(task: &v1::TaskSeen, context: Context) -> Vec<Cell> {
    let person = words::person(&task.person, task.role, context.lang);
    vec![
        muted(&hex(&task.task_id).chars().take(SHORT).collect::<String>()),
        cell(context.time(task.at)),
        cell(what(task, context)),
        cell(&task.jurisdiction),
        cell(&task.deadline),
        cell([person.as_str(), &task.phone].join(" ").trim()),
        muted(&context.id(&task.message_id)),
        cell(&task.title),
        cell(words::outcome(&task.outcome, context.lang)),
    ]
}

/// What a task asks for, with what it is about.
pub fn what(task: &v1::TaskSeen, context: Context) -> String {
    let what = context.say(&task.text_zh, &task.kind);
    let detail = words::role_named(&task.detail, context.lang); // of a vacant post; other details are no post's name
    [what, &detail].join(" ").trim().to_owned()
}

async fn done(
    desk: &mut Client,
    text: &str,
    note: String,
    officer: Option<v1::Officer>,
    context: Context,
) -> anyhow::Result<()> {
    let typed = text.trim().to_ascii_lowercase();
    let tasks = desk.tasks(ask(v1::TasksRequest { all: true, limit: 1_000 })).await?.into_inner().tasks;
    let mut found = tasks.iter().filter(|task| typed.len() >= SHORT && hex(&task.task_id).starts_with(&typed));
    let (first, second) = (found.next(), found.next());
    let Some(task) = first else {
        let zh = format!("没有待办 `{text}`；`liandong tasks ls` 列出待办，至少写 {SHORT} 位");
        let en = format!("no task `{text}`; `liandong tasks ls` lists them, give at least {SHORT} digits");
        return Err(NotFound(context.say(&zh, &en).to_owned()).into());
    };
    if second.is_some() {
        let zh = format!("`{text}` 不止指一项待办，请多写几位");
        let en = format!("`{text}` means more than one task; give more digits");
        return Err(BadInput(context.say(&zh, &en).to_owned()).into());
    }
    let close = v1::CloseTaskRequest { task_id: task.task_id.clone(), note, officer };
    let closed = desk.close_task(ask(close)).await?.into_inner().task.unwrap_or_default();
    context.value(&row(&closed), |_| out::table(None, std::iter::once(cells(&closed, context))))
}
