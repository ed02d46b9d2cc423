//! The shared agenda of a joint meeting: pulled, read, and proposed to.

use clap::Subcommand;
use model::{ids::Digest, kind::Kind};
use prost::Message as _;
use proto::rules;
use proto::v1;
use serde::Serialize;
use serde_json::json;

use super::{
    compose::values,
    desk::{Client, Where, ask, within},
    exit::BadInput,
    out::{self, Context, cell, muted},
    words,
};

/// A change waits for the broker's word.
const CHANGE: std::time::Duration = std::time::Duration::from_secs(40);

/// What to do with an agenda.
#[derive(Debug, Subcommand)]
pub enum Agenda {
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
        #[arg(long, value_name = "MINUTES", value_parser = values::up_to(1_440))]
        minutes: Option<u32>,
        /// Id of the item; unset: a new one is made
        #[arg(long, value_name = "ITEM")]
        item: Option<String>,
        /// Another field of the item, repeatable
        #[arg(long, value_name = "FIELD=VALUE", value_parser = super::compose::field)]
        set: Vec<(String, String)>,
    },
}

impl Agenda {
    /// Does it.
    pub async fn run(self, place: &Where, context: Context) -> anyhow::Result<()> {
        let mut desk = place.client(context.lang).await?;
        match self {
            Self::Pull { id } => pull(&mut desk, document_id(&id), context).await,
            Self::Show { id } => show(&mut desk, document_id(&id), context).await,
            Self::Propose { id, title, kind, minutes, item, set } => {
                let mut fields = vec![("title".to_owned(), title), ("type".to_owned(), kind)];
                fields.extend(minutes.map(|minutes| ("minutes".to_owned(), minutes.to_string())));
                fields.extend(set);
                propose(&mut desk, document_id(&id), item, &fields, context).await
            }
        }
    }
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
    item_id: String,
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
    context.next(&format!("liandong agenda propose {id} --title …"), "提出议题", "propose an item");
    Ok(())
}

fn content(item: &v1::DocumentItem) -> v1::Content {
    let envelope = item.envelope.clone().unwrap_or_default();
    v1::Content::decode(envelope.content).unwrap_or_default()
}

fn as_json(item: &v1::DocumentItem, context: Context) -> Item {
    let content = content(item);
    let title = content.body.as_ref().map(|body| rules::title(body, context.lang)).unwrap_or_default();
    let draft = v1::Draft { header: content.header, body: content.body, inline: Vec::new() };
    Item {
        item_id: item.item_id.clone(),
        title,
        author: item.author.clone(),
        changed_at: out::rfc3339(item.changed_at),
        etag: hex(&item.etag),
        body: rules::draft_to_json(&draft),
    }
}

fn text(item: &v1::DocumentItem, context: Context) -> String {
    let body = content(item).body.unwrap_or_default();
    let name = if item.item_id.is_empty() { context.say("（总则）", "(head)") } else { &item.item_id };
    let lines = rules::view(&body, context.lang)
        .into_iter()
        .map(|line| vec![muted(&format!("  {}{}", "  ".repeat(line.indent), line.label)), cell(line.value)]);
    let changed = out::time(item.changed_at);
    format!("{name}  {}  {changed}\n{}", item.author, out::table(None, lines))
}

async fn propose(
    desk: &mut Client,
    document_id: String,
    item: Option<String>,
    fields: &[(String, String)],
    context: Context,
) -> anyhow::Result<()> {
    let mut value = json!({});
    for (path, text) in fields {
        rules::set(&mut value, path, text, Kind::AgendaChange)?;
    }
    let mut draft = rules::draft_from_json(Some(Kind::AgendaChange), &value)?;
    let item_id = match item {
        Some(item) => item,
        None => new_item()?,
    };
    draft.header.get_or_insert_default().document = Some(v1::DocumentChange {
        document_id: document_id.clone(),
        item_id: item_id.clone(),
        op: v1::DocumentOp::Put.into(),
        ..v1::DocumentChange::default()
    });
    let request = v1::ChangeDocumentRequest { draft: Some(draft) };
    let changed = desk.change_document(within(CHANGE, request)).await?.into_inner();
    let value = json!({
        "document_id": document_id,
        "item_id": item_id,
        "message_id": words::whole(&changed.message_id),
        "item_etag": hex(&changed.item_etag),
        "document_etag": hex(&changed.document_etag),
    });
    context.value(&value, |_| item_id.clone())?;
    context.tell("已提出，中心已受理。", "Proposed; the broker has it.");
    context.next(&format!("liandong agenda show {document_id}"), "看议题", "read its items");
    Ok(())
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
