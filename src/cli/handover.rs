//! The list for whoever takes the desk over: who comes, what is open, and who did what about it.

use model::role::Role;
use proto::v1;
use serde::Serialize;

use super::{
    deadlines,
    desk::{Where, ask},
    inbox,
    out::{self, Cell, Context, cell, muted},
    roster::view,
    tasks, words,
};
use crate::lang::Lang;

/// Prints what is open at a change of shift.
pub async fn run(place: &Where, context: Context) -> anyhow::Result<()> {
    let mut desk = place.client(context.lang).await?;
    let open = desk.handover(ask(v1::HandoverRequest {})).await?.into_inner();
    context.value(&Whole::from(&open), |_| text(&open, context))?;
    match open.items.iter().find_map(|item| item.message.as_ref()?.header.as_ref()) {
        _ if open.posts.is_empty() => {
            context.next("liandong roster set --example", "写本单位的值班表", "write our roster");
        }
        Some(header) => {
            let command = format!("liandong show {}", words::short(&header.message_id));
            context.next(&command, "最先到期的一件", "what is due first");
        }
        None => context.next("liandong roster on-duty", "现在谁在岗", "who is on duty now"),
    }
    Ok(())
}

/// What somebody did with a message, as programs read it.
#[derive(Serialize)]
pub struct ActRow {
    stage: String,
    officer: String,
    role: String,
    at: Option<String>,
    note: String,
}

/// The row of an act.
pub fn act_row(act: &v1::ActSeen) -> ActRow {
    let officer = act.officer.clone().unwrap_or_default();
    ActRow {
        stage: words::stage(act.stage, Lang::En),
        officer: officer.name,
        role: Role::from_number(officer.role).map_or("", Role::name).to_owned(),
        at: out::rfc3339(act.at),
        note: act.note.clone(),
    }
}

/// An act as people read it: `王明（值班员）已打开 06-03 07:58:00`.
pub fn act(act: &v1::ActSeen, context: Context) -> String {
    let officer = act.officer.clone().unwrap_or_default();
    let parts = [
        words::person(&officer.name, officer.role, context.lang),
        words::stage(act.stage, context.lang),
        context.time(act.at),
        words::note(&act.note, context.lang),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[derive(Serialize)]
struct Whole {
    at: Option<String>,
    posts: Vec<view::PostRow>,
    items: Vec<Item>,
    awaited: Vec<deadlines::Row>,
    open_incident_ids: Vec<String>,
}

#[derive(Serialize)]
struct Item {
    message: Option<inbox::Row>,
    incident_id: String,
    acts: Vec<ActRow>,
    owed: Vec<deadlines::Row>,
    tasks: Vec<tasks::Row>,
}

impl From<&v1::HandoverResponse> for Whole {
    fn from(open: &v1::HandoverResponse) -> Self {
        let item = |item: &v1::OpenItem| Item {
            message: item.message.as_ref().map(inbox::row),
            incident_id: item.incident_id.clone(),
            acts: item.acts.iter().map(act_row).collect(),
            owed: item.owed.iter().map(deadlines::row).collect(),
            tasks: item.tasks.iter().map(tasks::row).collect(),
        };
        Self {
            at: out::rfc3339(open.at),
            posts: open.posts.iter().map(view::post_row).collect(),
            items: open.items.iter().map(item).collect(),
            awaited: open.awaited.iter().map(deadlines::row).collect(),
            open_incident_ids: open.open_incident_ids.clone(),
        }
    }
}

fn text(open: &v1::HandoverResponse, context: Context) -> String {
    let mut parts = vec![format!("{}  {}", context.say("交接班清单", "Handover"), out::full_time(open.at))];
    if !open.posts.is_empty() {
        let heads = view::POSTS.iter().map(|(zh, en)| muted(context.say(zh, en)));
        let rows = open.posts.iter().map(|post| view::post_cells(post, context));
        parts.push(out::table(Some(heads.collect()), rows));
    }
    parts.push(items(open, context));
    if !open.awaited.is_empty() {
        let heads = deadlines::HEADER.iter().map(|(zh, en)| muted(context.say(zh, en)));
        let rows = open.awaited.iter().map(|seen| deadlines::cells(seen, context));
        let title = context.say("等待对方", "Awaited from others");
        parts.push(format!("{title}\n{}", out::table(Some(heads.collect()), rows)));
    }
    if !open.open_incident_ids.is_empty() {
        parts.push(format!("{}  {}", context.say("未结事件", "Open incidents"), open.open_incident_ids.join("  ")));
    }
    parts.join("\n\n")
}

fn items(open: &v1::HandoverResponse, context: Context) -> String {
    if open.items.is_empty() {
        return context.say("本单位没有未办结的事项。", "Nothing is open here.").to_owned();
    }
    let heads = [
        ("消息", "MESSAGE"),
        ("来自", "FROM"),
        ("标题", "TITLE"),
        ("经过", "SO FAR"),
        ("应办", "OWED"),
        ("待办", "TO DO"),
    ];
    let heads = heads.iter().map(|(zh, en)| muted(context.say(zh, en)));
    out::table(Some(heads.collect()), open.items.iter().map(|item| cells(item, context)))
}

fn cells(item: &v1::OpenItem, context: Context) -> Vec<Cell> {
    let header = item.message.as_ref().and_then(|message| message.header.clone()).unwrap_or_default();
    let from = header.sender.as_ref().map(|sender| sender.jurisdiction.as_str()).unwrap_or_default();
    let title =
        item.message.as_ref().map_or_else(|| item.incident_id.clone(), |message| inbox::title(message, context));
    let so_far: Vec<String> = item.acts.iter().map(|seen| act(seen, context)).collect();
    vec![
        muted(&context.id(&header.message_id)),
        cell(from),
        cell(title),
        cell(if item.message.as_ref().is_some_and(is_unopened) {
            context.say("尚无人打开", "nobody has opened it").to_owned()
        } else {
            so_far.join("\n")
        }),
        cell(item.owed.iter().map(|owed| owed_text(owed, context)).collect::<Vec<_>>().join("\n")),
        cell(item.tasks.iter().map(|task| tasks::what(task, context)).collect::<Vec<_>>().join("\n")),
    ]
}

/// Another's message that has come and that nobody has opened.
fn is_unopened(message: &v1::MessageSummary) -> bool {
    let stage = message.states.first().map(|state| state.stage);
    !message.accepted && stage == Some(v1::Stage::Delivered.into())
}

fn owed_text(owed: &v1::DeadlineSeen, context: Context) -> String {
    let what = words::deadline(&owed.name, context.lang);
    let standing = words::standing(owed.standing, context.lang);
    let role = words::role(owed.role, context.lang);
    format!("{} {what} {} {standing} {role}", owed.name, context.time(owed.due_at))
}
