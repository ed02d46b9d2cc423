//! The shared agenda of a joint meeting: pulled, read, and proposed to.

use clap::Subcommand;
use model::{agenda::AgendaStatus, document::MemberRights, ids::Digest, kind::Kind};
use proto::rules;
use proto::{
    border::{self, facts::meeting},
    v1,
    v1::agenda_change::Change,
};
use serde::Serialize;
use serde_json::json;

use super::{
    compose::{set, values},
    desk::{Client, Where, ask, within},
    exit::{BadInput, Exists},
    out::{self, Context, cell, muted, number},
    words,
};
use crate::{clock, lang::say};

/// A change waits for the broker's word.
const CHANGE: std::time::Duration = std::time::Duration::from_secs(40);

/// What to do with an agenda.
#[derive(Debug, Subcommand)]
pub enum Agenda {
    /// List the agendas known here; from the copies here when the link is down
    Ls,
    /// Bring the newest version from the broker; says whether it is new
    Pull {
        /// The agenda: 371300-M-2027 or agenda/371300-M-2027
        #[arg(value_name = "AGENDA")]
        id: String,
    },
    /// Show head and items; from the copy here when the link is down
    Show {
        /// The agenda: 371300-M-2027 or agenda/371300-M-2027
        #[arg(value_name = "AGENDA")]
        id: String,
    },
    /// Begin an agenda that this jurisdiction owns, open for proposals; needs the link
    New {
        /// The agenda: 371300-M-2027 or agenda/371300-M-2027
        #[arg(value_name = "AGENDA")]
        id: String,
        /// What it is called
        #[arg(long, value_name = "TEXT")]
        title: String,
        /// The meeting it belongs to; unset: the agenda's own id
        #[arg(long, value_name = "MEETING")]
        meeting: Option<String>,
        /// Another field, repeatable: head.order=…, header.precedence=…
        #[arg(long, value_name = "FIELD=VALUE", value_parser = super::compose::field)]
        set: Vec<(String, String)>,
    },
    /// Propose an item; needs the link
    Propose {
        /// The agenda: 371300-M-2027 or agenda/371300-M-2027
        #[arg(value_name = "AGENDA")]
        id: String,
        /// What it is about
        #[arg(long, value_name = "TEXT")]
        title: String,
        /// info, discuss or decide
        #[arg(long = "type", value_name = "TYPE", default_value = "discuss")]
        kind: String,
        /// How long it takes, in minutes
        #[arg(long, value_name = "MINUTES", default_value_t = 15, value_parser = values::up_to(1_440))]
        minutes: u32,
        /// Id of the item; unset: a new one is made
        #[arg(long, value_name = "ITEM")]
        item: Option<String>,
        /// Another field, repeatable: item.summary=…, item.presenter.name=…
        #[arg(long, value_name = "FIELD=VALUE", value_parser = super::compose::field)]
        set: Vec<(String, String)>,
    },
}

impl Agenda {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        match self {
            Self::Ls => list(&mut desk, context).await,
            Self::Pull { id } => pull(&mut desk, document_id(&id), context).await,
            Self::Show { id } => show(&mut desk, document_id(&id), context).await,
            Self::New { id, title, meeting, set } => {
                let document_id = document_id(&id);
                is_new(&mut desk, &document_id, context).await?;
                let meeting = meeting.unwrap_or_else(|| document_id.trim_start_matches("agenda/").to_owned());
                let fields = [("status", "OPEN_FOR_PROPOSALS".to_owned()), ("meeting_id", meeting), ("title", title)];
                let fields: Vec<_> =
                    fields.into_iter().map(|(name, text)| (format!("head.{name}"), text)).chain(set).collect();
                let change = v1::DocumentChange { document_id, ..v1::DocumentChange::default() };
                self::change(&mut desk, change, &fields, context).await
            }
            Self::Propose { id, title, kind, minutes, item, set } => {
                let us = desk.link_status(ask(v1::LinkStatusRequest {})).await?.into_inner().jurisdiction;
                let fields = [
                    ("item.title", title),
                    ("item.type", kind),
                    ("item.minutes", minutes.to_string()),
                    ("item.presenter.jurisdiction", us.clone()),
                    ("item.proposed_by", us),
                    ("item.state", "PROPOSED".to_owned()),
                ];
                let fields = fields.into_iter().map(|(path, text)| (path.to_owned(), text));
                let fields: Vec<_> = fields.chain(set).collect();
                let item_id = item.map_or_else(new_item, Ok)?;
                let change =
                    v1::DocumentChange { document_id: document_id(&id), item_id, ..v1::DocumentChange::default() };
                self::change(&mut desk, change, &fields, context).await
            }
        }
    }
}

#[derive(Serialize)]
struct Row {
    document_id: String,
    title: String,
    status: String,
    items: usize,
    owner: String,
    changed_at: Option<String>,
}

async fn list(desk: &mut Client, context: Context) -> anyhow::Result<()> {
    let known = desk.list_documents(ask(v1::ListDocumentsRequest { prefix: "agenda/".to_owned() })).await?.into_inner();
    let mut rows = Vec::new();
    for document in known.documents {
        // a list holds no items
        let whole = brought(desk, document.document_id.clone()).await.ok().and_then(|pulled| pulled.document);
        let document = whole.unwrap_or(document);
        let changed = document.items.iter().chain(&document.head).filter_map(|item| item.changed_at);
        let changed = changed.max_by_key(|at| (at.seconds, at.nanos));
        rows.push((row(&document, changed, context), changed));
    }
    let header = [
        ("议程", "AGENDA"),
        ("名称", "TITLE"),
        ("状态", "STATUS"),
        ("议题", "ITEMS"),
        ("所有者", "OWNER"),
        ("最近更改", "CHANGED"),
    ];
    if context.is_table() {
        context.table(&header, rows.iter().map(|(row, changed)| row.cells(*changed, context)))?;
    } else {
        context.json(rows.iter().map(|(row, _)| row))?;
    }
    if known.from_cache {
        context
            .tell("链路不通：只列出本机有副本的议程。", "The link is down: only agendas with a copy here are listed.");
    }
    match rows.first() {
        Some((row, _)) => {
            context.next(&format!("liandong agenda show {}", row.document_id), "看议题", "read its items");
        }
        None => context.next("liandong agenda new ID --title …", "新建议程", "begin one"),
    }
    Ok(())
}

fn row(document: &v1::Document, changed: Option<prost_types::Timestamp>, context: Context) -> Row {
    let head = document.head.as_ref().map(sealed);
    let status = match document.head.as_ref().and_then(meeting::agenda_change) {
        Some(Change::Head(head)) => meeting::agenda_head(&head).ok(),
        Some(Change::Item(_)) | None => None,
    };
    let name = |status: AgendaStatus| {
        if context.is_table() { say(context.lang, status.zh(), status.name()) } else { status.name() }
    };
    Row {
        document_id: document.document_id.clone(),
        title: head.map(|body| rules::title(&body, context.lang)).unwrap_or_default(),
        status: status.map(name).unwrap_or_default().to_owned(),
        items: document.items.len(),
        owner: document.owner.clone(),
        changed_at: out::rfc3339(changed),
    }
}

impl Row {
    fn cells(&self, changed: Option<prost_types::Timestamp>, context: Context) -> Vec<out::Cell> {
        vec![
            cell(&self.document_id),
            cell(&self.title),
            cell(&self.status),
            number(self.items),
            cell(&self.owner),
            muted(&context.time(changed)),
        ]
    }
}

/// An agenda begins once; afterwards it has items.
async fn is_new(desk: &mut Client, document_id: &str, context: Context) -> anyhow::Result<()> {
    // what cannot be read is left to the broker to judge
    let found = brought(desk, document_id.to_owned()).await.ok().and_then(|pulled| pulled.document);
    if found.is_none_or(|document| document.head.is_none()) {
        return Ok(());
    }
    let zh = format!("{document_id} 已经存在：`liandong agenda show {document_id}` 查看");
    let en = format!("{document_id} exists already: `liandong agenda show {document_id}` shows it");
    Err(Exists(context.say(&zh, &en).to_owned()).into())
}

fn document_id(id: &str) -> String {
    if id.starts_with("agenda/") { id.to_owned() } else { format!("agenda/{id}") }
}

#[derive(Serialize)]
struct Pulled {
    document_id: String,
    owner: String,
    etag: String,
    items: usize,
    from_cache: bool,
    as_of: Option<String>,
}

async fn brought(desk: &mut Client, document_id: String) -> anyhow::Result<v1::PullDocumentResponse> {
    let ask_for = v1::PullDocumentRequest { document_id, ..v1::PullDocumentRequest::default() };
    Ok(desk.pull_document(ask(ask_for)).await?.into_inner())
}

async fn pull(desk: &mut Client, id: String, context: Context) -> anyhow::Result<()> {
    let pulled = brought(desk, id.clone()).await?;
    let document = pulled.document.clone().unwrap_or_default();
    let value = Pulled {
        etag: hex(&document.etag),
        items: document.items.len(),
        from_cache: pulled.from_cache,
        as_of: out::rfc3339(pulled.as_of),
        document_id: document.document_id,
        owner: document.owner,
    };
    context.value(&value, |value| {
        let (short, items) = (value.etag.get(..8).unwrap_or_default(), value.items);
        let zh = format!("{}  所有者 {}  {items} 项  版本 {short}", value.document_id, value.owner);
        let en = format!("{}  owner {}  {items} items  version {short}", value.document_id, value.owner);
        context.say(&zh, &en).to_owned()
    })?;
    cached(&pulled, context);
    context.next(&format!("liandong agenda show {id}"), "看议题", "read its items");
    Ok(())
}

fn cached(pulled: &v1::PullDocumentResponse, context: Context) {
    if pulled.from_cache {
        let at = out::full_time(pulled.as_of);
        context.tell(
            &format!("链路不通：这是 {at} 的本机副本，可能已有更新。"),
            &format!("The link is down: this is the copy of {at}; there may be a newer one."),
        );
    }
}

#[derive(Serialize)]
struct Item {
    #[serde(rename = "item_id")]
    id: String,
    title: String,
    author: String,
    changed_at: Option<String>,
    etag: String,
    body: serde_json::Value,
}

async fn show(desk: &mut Client, id: String, context: Context) -> anyhow::Result<()> {
    let pulled = brought(desk, id.clone()).await?;
    let document = pulled.document.clone().unwrap_or_default();
    let items: Vec<&v1::DocumentItem> = document.head.iter().chain(&document.items).collect();
    if !context.is_table() {
        return context.json(items.into_iter().map(|item| as_json(item, context)));
    }
    let lines: Vec<String> = items.into_iter().map(|item| text(item, context)).collect();
    out::line(&lines.join("\n\n"))?;
    cached(&pulled, context);
    if let Some(paper) = document.items.iter().flat_map(papers).next() {
        let command = format!("liandong blob get {} -O FILE", hex(&paper.sha256));
        context.next(&command, &format!("取材料“{}”", paper.title), &format!("bring the paper \"{}\"", paper.title));
    }
    context.next(&format!("liandong agenda propose {id} --title …"), "提出议题", "propose an item");
    Ok(())
}

/// The sealed body of an item.
fn sealed(item: &v1::DocumentItem) -> bytes::Bytes {
    let envelope = item.envelope.clone().unwrap_or_default();
    border::parts(&envelope.content).map(|parts| parts.body).unwrap_or_default()
}

/// The papers of an item that are attached files.
fn papers(item: &v1::DocumentItem) -> Vec<v1::FileRef> {
    let papers = match meeting::agenda_change(item) {
        Some(Change::Item(item)) => item.papers,
        Some(Change::Head(_)) | None => Vec::new(),
    };
    papers.into_iter().filter(|paper| !paper.sha256.is_empty()).collect()
}

/// A digest that the view cuts, whole: it is there to be copied.
fn uncut(value: String, digests: &[String]) -> String {
    let cut = value.strip_suffix('…').filter(|cut| !cut.is_empty());
    cut.and_then(|cut| digests.iter().find(|digest| digest.starts_with(cut))).cloned().unwrap_or(value)
}

fn as_json(item: &v1::DocumentItem, context: Context) -> Item {
    let body = sealed(item);
    Item {
        id: item.item_id.clone(),
        title: rules::title(&body, context.lang),
        author: item.author.clone(),
        changed_at: out::rfc3339(item.changed_at),
        etag: hex(&item.etag),
        body: rules::message_to_json("Body", &body),
    }
}

fn text(item: &v1::DocumentItem, context: Context) -> String {
    let body = sealed(item);
    let name = if item.item_id.is_empty() { context.say("（总则）", "(head)") } else { &item.item_id };
    let digests: Vec<String> = papers(item).iter().map(|paper| hex(&paper.sha256)).collect();
    let lines = rules::view(&body, context.lang).into_iter().map(|line| {
        let label = format!("  {}{}", "  ".repeat(line.indent.into()), line.label);
        vec![muted(&label), cell(out::local_text(uncut(line.value, &digests)))]
    });
    let changed = out::time(item.changed_at);
    format!("{name}  {}  {changed}\n{}", item.author, out::table(None, lines))
}

/// Writes the head or one item. The broker has it when this returns.
async fn change(
    desk: &mut Client,
    change: v1::DocumentChange,
    fields: &[(String, String)],
    context: Context,
) -> anyhow::Result<()> {
    let (mut value, now) = (json!({}), clock::system().now());
    for (path, text) in fields {
        set::field(&mut value, path, text, Kind::AgendaChange, now)?;
    }
    let mut draft = rules::draft_from_json(Some(Kind::AgendaChange), &value)?;
    let (document_id, item_id) = (change.document_id.clone(), change.item_id.clone());
    let members = members_of(draft.body.as_ref()).map_or(change.members, MemberRights::number);
    let change = v1::DocumentChange { op: v1::DocumentOp::Put.into(), members, ..change };
    draft.header.get_or_insert_default().document = Some(change);
    let request = v1::ChangeDocumentRequest { draft: Some(draft) };
    let changed = desk.change_document(within(CHANGE, request)).await?.into_inner();
    let value = json!({
        "document_id": document_id,
        "item_id": item_id,
        "message_id": words::whole(&changed.message_id),
        "item_etag": hex(&changed.item_etag),
        "document_etag": hex(&changed.document_etag),
    });
    context.value(&value, |_| if item_id.is_empty() { document_id.clone() } else { item_id.clone() })?;
    context.tell("中心已受理。", "The broker has it.");
    context.next(&format!("liandong agenda show {document_id}"), "看议题", "read its items");
    Ok(())
}

/// The rights of members that go with the status of a head.
fn members_of(body: Option<&v1::Body>) -> Option<MemberRights> {
    match body?.body.as_ref()? {
        v1::body::Body::AgendaChange(v1::AgendaChange { change: Some(Change::Head(head)) }) => {
            AgendaStatus::from_number(head.status).map(AgendaStatus::members)
        }
        _ => None,
    }
}

/// An id that nobody else makes.
fn new_item() -> anyhow::Result<String> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|error| BadInput(error.to_string()))?;
    Ok(format!("item-{:08x}", u32::from_be_bytes(random)))
}

fn hex(bytes: &[u8]) -> String {
    Digest::try_from(bytes).map(|digest| digest.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_shown_whole_and_other_texts_as_they_are() {
        let digest = Digest::of(b"paper").to_string();
        let cut = format!("{}…", &digest[..16]);

        assert_eq!(uncut(cut, std::slice::from_ref(&digest)), digest);
        assert_eq!(uncut("等…".to_owned(), &[digest]), "等…");
        assert_eq!(uncut("…".to_owned(), &["ab".to_owned()]), "…");
    }
}
