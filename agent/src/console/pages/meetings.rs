//! Meetings: the agendas that everybody pulls and edits together. Whoever saves over a text that is newer than the one that was
//! read sees both, and chooses.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing,
};
use bytes::Bytes;
use model::{
    agenda::{AgendaStatus, ItemState},
    ids::DocumentId,
    invalid::Invalid,
    kind::Kind,
    reason::Reason,
};
use proto::{
    border::{self, facts::meeting},
    rules,
    status::Lang,
    v1::{self, agenda_change::Change},
};
use serde_json::{Value, json};

use crate::console::{
    Console, Noted, clock,
    failure::{Failure, encoded, filled, see_other},
    frame::{Entry, Frame},
    gate::{Act, Form, Listening, Seated},
    sheet::Choice,
    words::Words,
};

/// In the rail.
pub const ENTRY: Entry =
    Entry { path: "/meetings", key: "meetings", icon: "meeting", letter: "m", count: Console::nothing_to_count };

pub fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/meetings", routing::get(list).post(open))
        .route("/meetings/{id}/agenda", routing::get(show).post(put))
        .route("/meetings/{id}/agenda/head", routing::post(put_head))
        .route("/events/meetings/{id}/agenda", routing::get(part))
}

/// An agenda in the list.
#[derive(Clone, Debug)]
pub struct AgendaLine {
    /// The meeting's id.
    pub id: String,
    /// Where it is.
    pub path: String,
    /// What it is called.
    pub title: String,
    /// Its status.
    pub status: String,
    /// Whose it is.
    pub owner: String,
    /// How many items it has.
    pub items: usize,
}

#[derive(Template)]
#[template(path = "meetings.html")]
struct ListPage {
    f: Frame,
    w: Words,
    lines: Vec<AgendaLine>,
    cached: bool,
}

async fn list(State(console): State<Arc<Console>>, by: Seated) -> Result<Response, Failure> {
    let refused = |invalid: Invalid| by.refused(invalid);
    let w = by.visitor.words;
    let listed = console.desk.list_documents("agenda/").await.map_err(refused)?;
    let mut lines = Vec::new();
    for document in listed.documents {
        // a list holds no items; one that cannot be brought is shown without them
        let whole = console.agenda_document(&document.document_id).await.map_or(document, |(whole, _)| whole);
        lines.push(console.agenda_line(&whole, w));
    }
    let f = console.frame(&by, ENTRY.path, w.t("meetings"));
    Ok(filled(&ListPage { f, w, lines, cached: listed.from_cache }))
}

/// Begins an agenda of ours, open for proposals.
async fn open(State(console): State<Arc<Console>>, Act { by, form }: Act) -> Result<Response, Failure> {
    let refused = |invalid: Invalid| by.refused(invalid);
    by.officer()?;
    let meeting = form.get("meeting").trim().to_owned();
    let id: DocumentId = format!("agenda/{meeting}").parse().map_err(refused)?;
    let there = console.agenda_document(id.as_ref()).await.is_ok_and(|(document, _)| document.head.is_some());
    if !there {
        let says = [("status", "OPEN_FOR_PROPOSALS"), ("meeting_id", &meeting), ("title", form.get("title").trim())];
        let says: Vec<(String, &str)> = says.iter().map(|(name, text)| (format!("head.{name}"), *text)).collect();
        console.change_agenda(&by, &id, "", &Bytes::new(), &says, json!({})).await.map_err(refused)?;
    }
    Ok(see_other(&format!("/meetings/{}/agenda", encoded(&meeting))))
}

/// An item as the page shows it.
#[derive(Clone, Debug, Default)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// The version that is shown, in hex.
    pub etag: String,
    /// What it is about.
    pub title: String,
    /// Its type: the word, and the contract's name.
    pub kind: (String, String),
    /// How long it takes.
    pub minutes: String,
    /// Who presents it.
    pub presenter: String,
    /// What it says.
    pub summary: String,
    /// Who proposed it.
    pub proposed_by: String,
    /// Where it stands: the word, and the contract's name.
    pub state: (String, String),
    /// Why it is declined.
    pub reason: String,
    /// Who changed it last, and when.
    pub changed: (String, String, String),
}

/// An agenda.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what a template asks, one by one")]
pub struct Agenda {
    /// Its line in the list.
    pub line: AgendaLine,
    /// Its items, in their order.
    pub items: Vec<Item>,
    /// The version of its head, in hex.
    pub etag: String,
    /// The order of the items, as the head says it.
    pub order: String,
    /// The status, as the contract names it.
    pub status: &'static str,
    /// It is a copy: the link is down.
    pub cached: bool,
    /// It is ours to order and to lock.
    pub ours: bool,
    /// Items may be added.
    pub adds: bool,
    /// Items may be changed.
    pub edits: bool,
    /// How long all of it takes.
    pub minutes: u64,
}

/// Two texts of one item: the one that stands there, and the one that somebody wrote over an older version.
#[derive(Clone, Debug)]
pub struct Clash {
    /// What stands there now.
    pub theirs: Item,
    /// What was written.
    pub mine: Item,
}

#[derive(Template)]
#[template(path = "agenda.html")]
struct Page {
    f: Frame,
    w: Words,
    agenda: Agenda,
    /// The item that is being edited; a new one has no id.
    edited: Option<Item>,
    clash: Option<Clash>,
    problem: String,
    kinds: Vec<Choice>,
    states: Vec<Choice>,
    statuses: Vec<Choice>,
    live: String,
}

async fn show(State(console): State<Arc<Console>>, Path(id): Path<String>, by: Seated) -> Result<Response, Failure> {
    let (document, cached) = console.agenda_named(&id).await.map_err(|invalid| by.refused(invalid))?;
    let query = Form::read(by.visitor.to.split_once('?').map_or("", |(_, query)| query).as_bytes());
    let agenda = console.agenda(&document, cached, by.visitor.words);
    let wanted = query.get("edit");
    let edited = match wanted {
        "" => None,
        "new" => Some(Item::default()),
        id => agenda.items.iter().find(|item| item.id == id).cloned(),
    };
    Ok(filled(&console.agenda_page(&by, &id, agenda, edited, None, String::new())))
}

#[derive(Template)]
#[template(path = "parts/agenda_items.html")]
struct Part {
    w: Words,
    agenda: Agenda,
}

/// The items as they are now: the page asks again by itself, for changes come to the broker and not to this desk.
async fn part(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Listening(by): Listening,
) -> Result<Response, Failure> {
    let (document, cached) = console.agenda_named(&id).await.map_err(|invalid| by.refused(invalid))?;
    let w = by.visitor.words;
    Ok(filled(&Part { w, agenda: console.agenda(&document, cached, w) }))
}

/// Writes an item: a new one, or over the version that was read.
async fn put(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Act { by, form }: Act,
) -> Result<Response, Failure> {
    let refused = |invalid: Invalid| by.refused(invalid);
    by.officer()?;
    let (document, cached) = console.agenda_named(&id).await.map_err(refused)?;
    let w = by.visitor.words;
    let mine = typed(&form, w);
    match console.put_item(&by, &document, &mine).await {
        Ok(()) => Ok(see_other(&format!("/meetings/{}/agenda", encoded(&id)))),
        Err(invalid) => {
            // what was written is never lost: it stands on the page with what is wrong, or beside what stands there now
            let now = console.agenda_named(&id).await.unwrap_or((document, cached));
            let agenda = console.agenda(&now.0, now.1, w);
            let theirs = agenda.items.iter().find(|item| item.id == mine.id).cloned();
            let differs = theirs.filter(|theirs| theirs.etag != mine.etag || invalid.reason == Reason::EtagMismatch);
            let clash = differs.map(|theirs| Clash { mine: mine.clone(), theirs });
            let (zh, en) = proto::status::texts(&invalid);
            let problem = if w.lang == Lang::Zh { zh } else { en };
            let mut answer = filled(&console.agenda_page(&by, &id, agenda, Some(mine), clash, problem));
            *answer.status_mut() = StatusCode::CONFLICT;
            Ok(answer)
        }
    }
}

/// The owner opens, locks and orders the agenda.
async fn put_head(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Act { by, form }: Act,
) -> Result<Response, Failure> {
    let refused = |invalid: Invalid| by.refused(invalid);
    by.officer()?;
    let (document, _) = console.agenda_named(&id).await.map_err(refused)?;
    let document_id: DocumentId = document.document_id.parse().map_err(refused)?;
    let etag = unhex(form.get("etag"));
    let order = form.get("order").split([',', '，', '\n', ' ']).map(str::trim).filter(|one| !one.is_empty());
    let order: Vec<&str> = order.collect();
    let base = json!({"head": {"order": order, "meeting_id": id}});
    let says =
        vec![("head.status".to_owned(), form.get("status")), ("head.title".to_owned(), form.get("title").trim())];
    console.change_agenda(&by, &document_id, "", &etag, &says, base).await.map_err(refused)?;
    Ok(see_other(&format!("/meetings/{}/agenda", encoded(&id))))
}

/// An item as it was typed.
fn typed(form: &Form, w: Words) -> Item {
    let text = |name: &str| form.get(name).trim().to_owned();
    let kind = text("type");
    let state = text("state");
    Item {
        id: text("item"),
        etag: text("etag"),
        title: text("title"),
        kind: (type_word(&kind, w), kind),
        minutes: text("minutes"),
        presenter: text("presenter"),
        summary: text("summary"),
        state: (state_word(&state, w), state),
        reason: text("reason"),
        ..Item::default()
    }
}

fn unhex(text: &str) -> Bytes {
    let pair = |at: usize| u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = if text.is_ascii() { (0..text.len() / 2).map(pair).collect() } else { None };
    bytes.unwrap_or_default().into()
}

fn state_word(name: &str, w: Words) -> String {
    let found = ItemState::ALL.iter().find(|state| state.name() == name);
    found
        .map_or_else(String::new, |state| if w.lang == Lang::Zh { state.zh().to_owned() } else { spoken(state.name()) })
}

fn type_word(name: &str, w: Words) -> String {
    match name {
        "INFO" => w.t("agenda-info"),
        "DISCUSS" => w.t("agenda-discuss"),
        "DECIDE" => w.t("agenda-decide"),
        other => other.to_owned(),
    }
}

fn spoken(name: &str) -> String {
    name.to_lowercase().replace('_', " ")
}

impl Console {
    async fn agenda_named(&self, id: &str) -> Result<(v1::Document, bool), Invalid> {
        let id: DocumentId = format!("agenda/{id}").parse()?;
        self.agenda_document(id.as_ref()).await
    }

    async fn agenda_document(&self, document_id: &str) -> Result<(v1::Document, bool), Invalid> {
        let ask = v1::PullDocumentRequest { document_id: document_id.to_owned(), ..Default::default() };
        let pulled = self.desk.pull(ask).await?;
        let none = || Invalid::new(Reason::NotFound, "document_id", "console.page");
        Ok((pulled.document.ok_or_else(none)?, pulled.from_cache))
    }

    fn agenda_line(&self, document: &v1::Document, w: Words) -> AgendaLine {
        let id = document.document_id.trim_start_matches("agenda/").to_owned();
        let head = head_of(document);
        let status = head.as_ref().and_then(|head| meeting::agenda_head(head).ok());
        let title = head.map(|head| rules::inert(&head.title)).unwrap_or_default();
        AgendaLine {
            path: format!("/meetings/{}/agenda", encoded(&id)),
            title: if title.is_empty() { rules::inert(&id) } else { title },
            status: status.map(|status| self.status_word(status, w)).unwrap_or_default(),
            owner: self.name_of(&document.owner, w),
            items: document.items.len(),
            id,
        }
    }

    #[expect(clippy::unused_self, reason = "a word of the console")]
    fn status_word(&self, status: AgendaStatus, w: Words) -> String {
        if w.lang == Lang::Zh { status.zh().to_owned() } else { spoken(status.name()) }
    }

    fn agenda(&self, document: &v1::Document, cached: bool, w: Words) -> Agenda {
        let head = head_of(document).unwrap_or_default();
        let status = meeting::agenda_head(&head).unwrap_or(AgendaStatus::Draft);
        let ours = document.owner == self.desk.names.jurisdiction().as_str();
        let place = |id: &str| head.order.iter().position(|one| one == id).unwrap_or(usize::MAX);
        let mut items: Vec<Item> = document.items.iter().filter_map(|item| self.agenda_item(item, w)).collect();
        items.sort_by_key(|item| place(&item.id));
        let all = items.iter().filter_map(|item| item.minutes.parse::<u64>().ok()).sum();
        Agenda {
            line: self.agenda_line(document, w),
            etag: document.head.as_ref().map(|head| certs::signed::hex(&head.etag)).unwrap_or_default(),
            order: head.order.iter().map(|id| rules::inert(id)).collect::<Vec<_>>().join(", "),
            status: status.name(),
            adds: !cached
                && (ours || matches!(status, AgendaStatus::OpenForProposals | AgendaStatus::Locked))
                && status != AgendaStatus::Final,
            edits: !cached && status != AgendaStatus::Final && (ours || status == AgendaStatus::OpenForProposals),
            minutes: all,
            items,
            cached,
            ours,
        }
    }

    fn agenda_item(&self, item: &v1::DocumentItem, w: Words) -> Option<Item> {
        let Some(Change::Item(said)) = meeting::agenda_change(item) else { return None };
        let zone = self.zone();
        let kind = said.r#type().as_str_name().trim_start_matches("AGENDA_ITEM_TYPE_").to_owned();
        let state = ItemState::from_number(said.state).map_or("", ItemState::name).to_owned();
        let presenter = said.presenter.unwrap_or_default();
        let at = clock::of_wire(item.changed_at);
        Some(Item {
            id: item.item_id.clone(),
            etag: certs::signed::hex(&item.etag),
            title: rules::inert(&said.title),
            kind: (type_word(&kind, w), kind),
            minutes: said.minutes.to_string(),
            presenter: rules::inert(&presenter.name),
            summary: rules::inert(&said.summary),
            proposed_by: self.name_of(&said.proposed_by, w),
            state: (state_word(&state, w), state),
            reason: rules::inert(&said.decline_reason),
            changed: (
                self.name_of(item.author.split('/').next().unwrap_or_default(), w),
                at.map(|at| zone.short(at)).unwrap_or_default(),
                at.map(|at| zone.whole(at)).unwrap_or_default(),
            ),
        })
    }

    fn agenda_page(
        &self,
        by: &Seated,
        id: &str,
        agenda: Agenda,
        edited: Option<Item>,
        clash: Option<Clash>,
        problem: String,
    ) -> Page {
        let w = by.visitor.words;
        let chosen = |item: fn(&Item) -> &str| edited.as_ref().map(item).unwrap_or_default().to_owned();
        let (kind, state) = (chosen(|item| &item.kind.1), chosen(|item| &item.state.1));
        let choice = |value: &str, label: String, chosen: bool| Choice { value: value.to_owned(), label, chosen };
        Page {
            kinds: ["INFO", "DISCUSS", "DECIDE"].map(|name| choice(name, type_word(name, w), name == kind)).into(),
            states: ItemState::ALL
                .iter()
                .map(|one| choice(one.name(), state_word(one.name(), w), one.name() == state))
                .collect(),
            statuses: AgendaStatus::ALL
                .iter()
                .map(|one| choice(one.name(), self.status_word(*one, w), one.name() == agenda.status))
                .collect(),
            live: format!("/events/meetings/{}/agenda", encoded(id)),
            f: self.frame(by, ENTRY.path, format!("{} · {}", w.t("agenda"), agenda.line.title)),
            w,
            agenda,
            edited,
            clash,
            problem,
        }
    }

    /// Writes an item over the version that was read. What of it is not on the form stays as it is.
    async fn put_item(&self, by: &Seated, document: &v1::Document, mine: &Item) -> Result<(), Invalid> {
        let there = document.items.iter().find(|item| item.item_id == mine.id && !mine.id.is_empty());
        if let Some(there) = there.filter(|there| certs::signed::hex(&there.etag) != mine.etag) {
            let newer = || Invalid::new(Reason::EtagMismatch, "header.document.if_match", "document.etag");
            return Err(newer().detail(there.item_id.clone()));
        }
        let us = self.desk.names.jurisdiction().to_string();
        let mut base = there.map_or_else(|| json!({}), item_json);
        if there.is_none() {
            base = json!({"item": {"proposed_by": us, "state": "PROPOSED", "presenter": {"jurisdiction": us}}});
        }
        let id = if mine.id.is_empty() { new_item()? } else { mine.id.clone() };
        let mut says = vec![
            ("item.title".to_owned(), mine.title.as_str()),
            ("item.type".to_owned(), mine.kind.1.as_str()),
            ("item.minutes".to_owned(), mine.minutes.as_str()),
            ("item.presenter.name".to_owned(), mine.presenter.as_str()),
            ("item.summary".to_owned(), mine.summary.as_str()),
        ];
        if document.owner == us && !mine.state.1.is_empty() {
            says.push(("item.state".to_owned(), mine.state.1.as_str()));
            says.push(("item.decline_reason".to_owned(), mine.reason.as_str()));
        }
        let etag = there.map(|there| there.etag.clone()).unwrap_or_default();
        self.change_agenda(by, &document.document_id.parse()?, &id, &etag, &says, base).await
    }

    /// Changes an agenda by the way of every change of a document, in this person's name; that they did is written down.
    async fn change_agenda(
        &self,
        by: &Seated,
        document: &DocumentId,
        item: &str,
        etag: &Bytes,
        says: &[(String, &str)],
        base: Value,
    ) -> Result<(), Invalid> {
        let mut value = json!({ "body": { "agenda_change": base } });
        for (path, text) in says.iter().filter(|(_, text)| !text.is_empty()) {
            rules::set(&mut value, path, text, Kind::AgendaChange)?;
        }
        let mut draft = rules::draft_from_json(Some(Kind::AgendaChange), &value)?;
        let head = match draft.body.as_ref().and_then(|body| body.body.as_ref()) {
            Some(v1::body::Body::AgendaChange(v1::AgendaChange { change: Some(Change::Head(head)) })) => Some(head),
            _ => None,
        };
        let members =
            head.and_then(|head| AgendaStatus::from_number(head.status)).map(|status| status.members().number());
        let header = draft.header.get_or_insert_default();
        header.document = Some(v1::DocumentChange {
            document_id: document.to_string(),
            item_id: item.to_owned(),
            op: v1::DocumentOp::Put.into(),
            if_match: etag.clone(),
            members: members.unwrap_or_default(),
        });
        let role = by.role().map_or(0, model::role::Role::number);
        let sender = header.sender.get_or_insert_default();
        (sender.role, sender.name) = (role, by.person.name.clone());
        let at = Some(border::time::to_wire(self.desk.clock.now()));
        header.prepared_by = Some(v1::Signatory { name: by.person.name.clone(), role, at });
        let changed = self.desk.change(draft).await?;
        let about = model::ids::MessageId::try_from(changed.message_id.as_ref()).ok();
        self.note(Noted { about, ..Noted::by("AGENDA_CHANGED", by) }).await
    }
}

fn head_of(document: &v1::Document) -> Option<v1::AgendaHead> {
    match document.head.as_ref().and_then(meeting::agenda_change)? {
        Change::Head(head) => Some(head),
        Change::Item(_) => None,
    }
}

/// An item as JSON, so that what is not on the form stays.
fn item_json(item: &v1::DocumentItem) -> Value {
    let envelope = item.envelope.clone().unwrap_or_default();
    let body = border::parts(&envelope.content).map(|parts| parts.body).unwrap_or_default();
    let value = rules::message_to_json("Body", &body);
    value.get("agenda_change").cloned().unwrap_or_else(|| json!({}))
}

/// An id that nobody else makes.
fn new_item() -> Result<String, Invalid> {
    let random = crate::console::accounts::random::<4>()?;
    Ok(format!("item-{}", certs::signed::hex(&random)))
}
