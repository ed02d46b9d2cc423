//! One resource: what its owner says, how far that may be relied on, and what goes on with it.

use clap::Args;
use model::{catalogue::Readiness, status::Status};
use prost::Message as _;
use proto::{rules, v1};
use serde_json::json;

use super::{search::Row, unknown, us};
use crate::cli::{
    desk::{Where, within},
    out::{self, Context, cell, muted},
    words,
};

/// Which resource.
#[derive(Args, Debug)]
pub struct Show {
    /// The resource's id, as `liandong catalogue search` lists it
    #[arg(value_name = "ID")]
    id: String,
}

impl Show {
    /// Shows it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        let ask_for = v1::SearchCatalogueRequest { resource_id: self.id.clone(), ..Default::default() };
        let limit = std::time::Duration::from_secs(20);
        let found = desk.search_catalogue(within(limit, ask_for)).await?.into_inner();
        let Some(seen) = found.resources.first() else { return Err(unknown(&self.id, context)) };
        if context.is_table() {
            out::line(&text(seen, context))?;
        } else {
            context.value(&as_json(seen, context), |_| String::new())?;
        }
        let (us, id) = (us(&mut desk).await?, &self.id);
        if seen.owner == us {
            let command = format!("liandong catalogue publish {id} --verified");
            context.next(&command, "核实无误后更新核实时间", "say that it was verified just now");
        } else {
            let command = format!("liandong request new --to {} --example", seen.owner);
            context.next(&command, "向其所属单位请求资源", "ask its owner for it");
        }
        Ok(())
    }
}

/// The record as a body, which is what views are made of.
fn body(seen: &v1::ResourceSeen) -> bytes::Bytes {
    let change = v1::CatalogueChange { record: seen.record.clone() };
    v1::Body { body: Some(v1::body::Body::CatalogueChange(change)) }.encode_to_vec().into()
}

fn as_json(seen: &v1::ResourceSeen, context: Context) -> serde_json::Value {
    let record = seen.record.clone().unwrap_or_default().encode_to_vec();
    let used = |used: &v1::ResourceUse| {
        json!({
            "readiness": Readiness::from_number(used.readiness).map(Readiness::name),
            "thread_id": words::whole(&used.originating_message_id),
            "until": out::rfc3339(used.until),
            "mission": used.mission,
            "status": Status::from_number(used.status).map(Status::name),
        })
    };
    let mut value = serde_json::to_value(Row::of(seen, context)).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("uses".to_owned(), seen.uses.iter().map(used).collect());
        object.insert("changed_at".to_owned(), json!(out::rfc3339(seen.changed_at)));
        object.insert("record".to_owned(), rules::message_to_json("ResourceRecord", &record));
    }
    value
}

fn text(seen: &v1::ResourceSeen, context: Context) -> String {
    let lines = rules::view(&body(seen), context.lang).into_iter().map(|line| {
        let label = format!("{}{}", "  ".repeat(line.indent.into()), line.label);
        vec![muted(&label), cell(out::local_text(line.value))]
    });
    let record = out::table(None, lines);
    let flaws: Vec<String> = seen
        .flaws
        .iter()
        .map(|flaw| format!("{} −{}", context.say(&flaw.text_zh, &flaw.text_en), flaw.costs))
        .collect();
    let state = Readiness::from_number(seen.readiness);
    let state = state.map(|state| context.say(state.zh(), state.name())).unwrap_or_default();
    let mut facts = vec![
        (context.say("目录", "catalogue").to_owned(), seen.owner.clone()),
        (context.say("当前状态", "stands").to_owned(), state.to_owned()),
        (
            context.say("信息质量", "quality").to_owned(),
            format!("{}/100  {}", seen.quality, flaws.join(context.say("、", ", "))),
        ),
    ];
    if seen.expired {
        facts.push((context.say("有效期", "valid").to_owned(), context.say("已过期", "no longer").to_owned()));
    }
    facts.extend(seen.uses.iter().map(|used| (context.say("去向", "use").to_owned(), said(used, context))));
    format!("{}\n\n{record}", out::facts(facts))
}

fn said(used: &v1::ResourceUse, context: Context) -> String {
    let thread = words::short(&used.originating_message_id);
    let real = words::not_real(used.status, context.lang);
    if used.mission.is_empty() {
        let until = used.until.map(|at| out::full_time(Some(at))).unwrap_or_default();
        let (zh, en) = (
            format!("{real}已报盘，{until} 前保留（会话 {thread}）"),
            format!("{real}offered, held until {until} (thread {thread})"),
        );
        return context.say(&zh, &en).to_owned();
    }
    let state = used.mission.parse::<model::thread::resource::MissionState>();
    let word = state.map_or_else(|_| used.mission.clone(), |state| context.say(state.zh(), state.name()).to_owned());
    let (zh, en) =
        (format!("{real}任务中：{word}（会话 {thread}）"), format!("{real}on a mission: {word} (thread {thread})"));
    context.say(&zh, &en).to_owned()
}
