//! Rosters as people read them.

use model::{reason::Reason, roster::Span, time::Timestamp};
use proto::{border, border::facts::roster as wire, v1};
use serde::Serialize;

use super::NotFound;
use crate::cli::{
    desk::{Client, ask},
    out::{self, Cell, Context, bad, cell, good, muted},
    words,
};

/// A roster, from the broker or from the copy here; none where there is none.
pub async fn pull(desk: &mut Client, whose: &str) -> anyhow::Result<Option<v1::PullDocumentResponse>> {
    let document_id = format!("roster/{whose}");
    let asked = desk.pull_document(ask(v1::PullDocumentRequest { document_id, ..Default::default() })).await;
    match asked {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) if proto::status::reason(&status) == Some(Reason::NotFound) => Ok(None),
        Err(status) => Err(status.into()),
    }
}

/// That there is none, and how to begin one.
pub fn none(whose: &str, context: Context) -> NotFound {
    let zh = format!("没有 {whose} 的值班表；本单位的用 `liandong roster set` 写入");
    let en = format!("there is no roster of {whose}; `liandong roster set` writes our own");
    NotFound(context.say(&zh, &en).to_owned())
}

/// A shift as programs read it.
#[derive(Serialize)]
struct Row {
    role: String,
    name: String,
    phones: Vec<String>,
    from: Option<String>,
    to: Option<String>,
    on_duty: bool,
}

/// Prints a roster, shift by shift.
pub async fn show(desk: &mut Client, whose: &str, now: Timestamp, context: Context) -> anyhow::Result<()> {
    let Some(pulled) = pull(desk, whose).await? else { return Err(none(whose, context).into()) };
    let roster = wire::of_head(pulled.document.as_ref().and_then(|document| document.head.as_ref()));
    let shifts = roster.posts().flat_map(|(role, shifts)| shifts.iter().map(move |shift| (role, shift)));
    let rows: Vec<Row> = shifts
        .map(|(role, shift)| Row {
            role: role.name().to_owned(),
            name: shift.name.clone(),
            phones: shift.phones.clone(),
            from: shift.from.map(Timestamp::rfc3339),
            to: shift.to.map(Timestamp::rfc3339),
            on_duty: shift.lasts(now),
        })
        .collect();
    let header = [("岗位", "POST"), ("姓名", "NAME"), ("电话", "PHONE"), ("起", "FROM"), ("止", "TO"), ("", "")];
    context.rows(&rows, &header, |row| {
        let time = |text: &Option<String>| {
            text.as_deref().and_then(read).map_or_else(String::new, |at| context.time(Some(at)))
        };
        vec![
            cell(words::role_named(&row.role, context.lang)),
            cell(&row.name),
            cell(row.phones.join(" ")),
            cell(time(&row.from)),
            cell(time(&row.to)),
            if row.on_duty { good(context.say("在岗", "on duty")) } else { cell("") },
        ]
    })?;
    if pulled.from_cache {
        let at = out::full_time(pulled.as_of);
        context.tell(
            &format!("链路不通：这是 {at} 的本机副本。"),
            &format!("The link is down: this is the copy of {at}."),
        );
    }
    context.next("liandong roster on-duty", "现在谁在岗", "who is on duty now");
    Ok(())
}

fn read(text: &str) -> Option<prost_types::Timestamp> {
    let at = text.parse::<jiff::Timestamp>().ok()?;
    Some(border::time::to_wire(Timestamp::from_millis(at.as_millisecond())))
}

/// A post as programs read it.
#[derive(Serialize)]
pub struct PostRow {
    jurisdiction: String,
    role: String,
    name: Option<String>,
    phone: Option<String>,
    unattended: bool,
    vacant_since: Option<String>,
    next_change: Option<String>,
    next: Option<String>,
}

/// The row of a post: whoever is called first.
pub fn post_row(post: &v1::PostSeen) -> PostRow {
    let first = post.people.first();
    PostRow {
        jurisdiction: post.jurisdiction.clone(),
        role: words::role(post.role, crate::lang::Lang::En),
        name: first.map(|person| person.name.clone()),
        phone: first.and_then(|person| person.phones.first().cloned()),
        unattended: is_unattended(post),
        vacant_since: out::rfc3339(post.vacant_since),
        next_change: out::rfc3339(post.next_change),
        next: post.next.first().map(|person| person.name.clone()),
    }
}

fn is_unattended(post: &v1::PostSeen) -> bool {
    post.must_be_filled && post.people.is_empty()
}

/// The heads of the columns that `post_cells` fills.
pub const POSTS: [(&str, &str); 6] = [
    ("单位", "JURISDICTION"),
    ("岗位", "POST"),
    ("在岗", "ON DUTY"),
    ("电话", "PHONE"),
    ("至", "UNTIL"),
    ("接班", "NEXT"),
];

/// A post as people read it.
pub fn post_cells(post: &v1::PostSeen, context: Context) -> Vec<Cell> {
    let names = post.people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>().join(" ");
    let phones = post.people.iter().filter_map(|person| person.phones.first()).map(String::as_str);
    vec![
        cell(&post.jurisdiction),
        cell(words::role(post.role, context.lang)),
        if is_unattended(post) { bad(&unattended(post, context)) } else { cell(names) },
        cell(phones.collect::<Vec<_>>().join(" ")),
        muted(&post.next_change.map_or_else(String::new, |at| context.time(Some(at)))),
        cell(post.next.iter().map(|person| person.name.as_str()).collect::<Vec<_>>().join(" ")),
    ]
}

fn unattended(post: &v1::PostSeen, context: Context) -> String {
    let mark = context.say("✕ 无人值守", "✕ nobody on duty");
    match post.vacant_since {
        Some(since) => format!("{mark}{}{}", context.say("，自 ", " since "), context.time(Some(since))),
        None => mark.to_owned(),
    }
}

/// Prints who is on duty.
pub async fn on_duty(
    desk: &mut Client,
    whose: Option<&str>,
    at: Option<Timestamp>,
    context: Context,
) -> anyhow::Result<()> {
    let jurisdiction = whose.unwrap_or_default().to_owned();
    let asked = v1::OnDutyRequest { jurisdiction: jurisdiction.clone(), at: at.map(border::time::to_wire) };
    let posts = match desk.on_duty(ask(asked)).await {
        Ok(answer) => answer.into_inner().posts,
        Err(status) if proto::status::reason(&status) == Some(Reason::NotFound) => {
            return Err(none(&jurisdiction, context).into());
        }
        Err(status) => return Err(status.into()),
    };
    if context.is_table() {
        context.table(&POSTS, posts.iter().map(|post| post_cells(post, context)))?;
    } else {
        context.json(posts.iter().map(post_row))?;
    }
    if posts.is_empty() {
        context.next("liandong roster set --example", "写本单位的值班表", "write our roster");
    } else if let Some(post) = posts.iter().find(|post| is_unattended(post)) {
        let command = format!("liandong roster show {}", post.jurisdiction);
        context.next(&command, "看它的全部班次", "see all its shifts");
    }
    Ok(())
}

/// A stretch of time: from, to, how long.
pub fn span(span: Span, context: Context) -> [String; 3] {
    let time = |at| context.time(Some(border::time::to_wire(at)));
    [time(span.from), time(span.to), out::length(span.to.since(span.from), context.lang)]
}
