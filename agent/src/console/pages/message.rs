//! One message: what it says, what is owed on it, and what a person may do with it now.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing,
};
use model::{ids::MessageId, invalid::Invalid, stage::Stage};
use proto::{border, rules, status::Lang, v1};

use super::steps::StepItem;
use crate::console::{
    Console, clock,
    failure::{Failure, filled, see_other},
    frame::Frame,
    gate::{Act, Listening, Seated},
    stream,
    view::{self, Line, Ring},
    words::Words,
};

pub fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/m/{id}", routing::get(show))
        .route("/m/{id}/open", routing::post(open))
        .route("/m/{id}/acknowledge", routing::post(acknowledge))
        .route("/m/{id}/will-answer", routing::post(will_answer))
        .route("/events/m/{id}/stages", routing::get(live))
}

/// One line of a body.
#[derive(Clone, Debug)]
pub struct Field {
    /// How deep it stands: 0 to 4.
    pub depth: u8,
    /// What it is.
    pub label: String,
    /// What it says.
    pub value: String,
    /// About a person.
    pub personal: bool,
}

/// A file that came with it.
#[derive(Clone, Debug)]
pub struct FileLine {
    /// Its name.
    pub name: String,
    /// Its size.
    pub size: String,
}

/// Something that happened to it.
#[derive(Clone, Debug)]
pub struct Step {
    /// When, short and whole.
    pub at: (String, String),
    /// What.
    pub what: String,
    /// Whose delivery.
    pub whose: String,
    /// By whom.
    pub who: String,
    /// A remark.
    pub note: String,
}

/// One message, for whoever looks at it.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what a template asks, one by one")]
pub struct Detail {
    /// As in the list.
    pub line: Line,
    /// Sent by us.
    pub ours: bool,
    /// Who sent it: the person and the post, and the telephone.
    pub sender: String,
    /// The telephone of the sender's desk.
    pub phone: String,
    /// For whom.
    pub to: String,
    /// When its author sealed it, short and whole.
    pub sent: (String, String),
    /// The warning colour, as a chip.
    pub warning: String,
    /// Nobody has opened it, and this person may: the body is shown once they have.
    pub closed: bool,
    /// The person's post may not read the body.
    pub withheld: bool,
    /// The body.
    pub fields: Vec<Field>,
    /// The files.
    pub files: Vec<FileLine>,
    /// What is owed on it by us.
    pub rings: Vec<Ring>,
    /// Marks and verdicts of the rules.
    pub marks: Vec<String>,
    /// What happened.
    pub stages: Vec<Step>,
    /// May be acknowledged; may be promised an answer.
    pub may: (bool, bool),
    /// The steps of its matter that may follow it now.
    pub steps: Vec<StepItem>,
    /// The session only watches.
    pub watching: bool,
    /// What forms carry.
    pub token: String,
    /// Where forms come back to.
    pub here: String,
    /// Where the list is.
    pub list: String,
    /// Under whose name opening is told.
    pub person: String,
    /// Where the steps keep themselves fresh.
    pub live: String,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Page {
    f: Frame,
    w: Words,
    detail: Detail,
}

async fn show(State(console): State<Arc<Console>>, Path(id): Path<String>, by: Seated) -> Result<Response, Failure> {
    let id: MessageId = id.parse().map_err(|invalid| by.refused(invalid))?;
    let detail = console.detail(&by, id, format!("/m/{id}")).await?;
    let title = format!("{} {}", detail.line.kind, detail.line.title);
    let f = console.frame(&by, "/m", title);
    Ok(filled(&Page { f, w: by.visitor.words, detail }))
}

/// A person opens it: the first opening is told to its sender.
async fn open(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Act { by, form }: Act,
) -> Result<Response, Failure> {
    let officer = by.officer()?;
    let id: MessageId = id.parse().map_err(|invalid| by.refused(invalid))?;
    console.desk.open(id, Some(officer)).await.map_err(|invalid| by.refused(invalid))?;
    Ok(see_other(&form.back()))
}

async fn acknowledge(state: State<Arc<Console>>, id: Path<String>, act: Act) -> Result<Response, Failure> {
    attest(state, id, act, false).await
}

async fn will_answer(state: State<Arc<Console>>, id: Path<String>, act: Act) -> Result<Response, Failure> {
    attest(state, id, act, true).await
}

async fn attest(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Act { by, form }: Act,
    will_answer: bool,
) -> Result<Response, Failure> {
    let officer = Some(by.officer()?);
    let id: MessageId = id.parse().map_err(|invalid| by.refused(invalid))?;
    let ask = v1::AcknowledgeRequest {
        message_id: id.0.to_vec().into(),
        officer,
        will_answer,
        note: form.get("note").to_owned(),
    };
    console.desk.acknowledge(ask).await.map_err(|invalid| by.refused(invalid))?;
    Ok(see_other(&form.back()))
}

#[derive(Template)]
#[template(path = "parts/stages.html")]
struct Part {
    w: Words,
    stages: Vec<Step>,
}

/// What happens to it, as it happens.
async fn live(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Listening(by): Listening,
) -> Result<Response, Failure> {
    let id: MessageId = id.parse().map_err(|invalid| by.refused(invalid))?;
    let w = by.visitor.words;
    Ok(stream::live(console, by.person.key, move |console, _| Ok(Part { w, stages: console.stages(id, w)? })))
}

impl Console {
    /// A message for this person; that its body is shown is written down, once a session.
    pub(in crate::console) async fn detail(&self, by: &Seated, id: MessageId, here: String) -> Result<Detail, Failure> {
        let refused = |invalid: Invalid| by.refused(invalid);
        let (detail, shows_body) = self.look(by, id, here).map_err(refused)?;
        if shows_body {
            self.note_viewed(by, id).await.map_err(refused)?;
        }
        Ok(detail)
    }

    fn look(&self, by: &Seated, id: MessageId, here: String) -> Result<(Detail, bool), Invalid> {
        let (w, zone, person) = (by.visitor.words, self.zone(), &by.person);
        let shown = self.desk.show_to(id, Some(&person.reader()))?;
        let summary = shown.summary.unwrap_or_default();
        let header = summary.header.clone().unwrap_or_default();
        let sender = header.sender.clone().unwrap_or_default();
        let ours = sender.jurisdiction == self.desk.names.jurisdiction().as_str();
        let due = self.owed(if ours { "" } else { self.desk.names.jurisdiction().as_str() });
        let due: Vec<_> = due.into_iter().filter(|owed| owed.message_id == header.message_id).collect();
        let rings: Vec<Ring> = due.iter().filter_map(|owed| Ring::of(owed, w, zone)).collect();
        let owed = view::by_message(due);
        let line = if ours { self.sent_line(&summary, &owed, w) } else { self.received_line(&summary, &owed, w)? };
        let acting = person.acting && person.post.acts_for_the_desk();
        let closed = !ours && line.unread;
        let body = shown.envelope.as_ref().map(|envelope| border::parts(&envelope.content)).transpose()?;
        let stage = summary.states.first().and_then(|state| Stage::from_number(state.stage));
        let open = !ours && !closed && acting;
        let fields = match body.filter(|_| !closed && !shown.withheld) {
            Some(parts) => rules::view(&parts.body, w.lang).into_iter().map(field).collect(),
            None => Vec::new(),
        };
        let shows_body = !fields.is_empty();
        let detail = Detail {
            ours,
            sender: [rules::inert(&sender.name), w.role(sender.role)].join(" ").trim().to_owned(),
            phone: rules::inert(&sender.duty_phone),
            to: header.recipients.iter().map(|to| self.address(to, w)).collect::<Vec<_>>().join(", "),
            sent: clock::of_wire(header.sent_at).map(|at| (zone.second(at), zone.whole(at))).unwrap_or_default(),
            warning: w.warning(header.warning_level),
            closed,
            withheld: shown.withheld,
            fields,
            files: header.attachments.iter().map(file).collect(),
            rings,
            marks: marks(&summary, w),
            stages: self.stages(id, w)?,
            may: (
                open && stage.is_none_or(|stage| stage < Stage::Acknowledged),
                open && stage.is_none_or(|stage| stage < Stage::WillAnswer),
            ),
            steps: if open || ours { self.step_items(by, id)? } else { Vec::new() },
            watching: !person.acting && person.post.acts_for_the_desk(),
            token: person.token.clone(),
            list: here.split("&m=").next().filter(|list| list.starts_with("/inbox")).unwrap_or("/inbox").to_owned(),
            here,
            person: person.name.clone(),
            live: format!("/events/m/{id}/stages"),
            line,
        };
        Ok((detail, shows_body))
    }

    /// What happened to a message, as far as receipts tell here.
    fn stages(&self, id: MessageId, w: Words) -> Result<Vec<Step>, Invalid> {
        let zone = self.zone();
        let mut all: Vec<_> = self.desk.receipts(id)?.iter().filter_map(view::signed).collect();
        all.sort_by_key(|one| one.at);
        let step = |one: view::Signed| Step {
            at: (zone.second(one.at), zone.whole(one.at)),
            what: w.stage(one.stage.number()),
            whose: if one.recipient.is_empty() { String::new() } else { self.name_of(&one.recipient, w) },
            who: one.officer,
            note: one.note,
        };
        Ok(all.into_iter().map(step).collect())
    }
}

fn field(line: rules::ViewLine) -> Field {
    Field { depth: line.indent.min(4), label: line.label, value: line.value, personal: line.personal }
}

fn file(of: &v1::Attachment) -> FileLine {
    let kib = of.bytes.div_ceil(1024);
    let size = if kib < 1024 { format!("{kib} KiB") } else { format!("{}.{} MiB", kib / 1024, kib % 1024 * 10 / 1024) };
    FileLine { name: rules::inert(&of.name), size }
}

/// What the rules of its matter say to it.
fn marks(of: &v1::MessageSummary, w: Words) -> Vec<String> {
    let Some(judged) = &of.judgement else { return Vec::new() };
    let zh = w.lang == Lang::Zh;
    let mark = |mark: &v1::MarkSeen| if zh { mark.text_zh.clone() } else { mark.name.clone() };
    let mut all: Vec<String> = judged.marks.iter().map(mark).collect();
    if !judged.reason.is_empty() {
        all.push(format!("{} · {}", w.t("message-unlawful"), rules::inert(&judged.rule)));
    }
    if judged.orphan {
        all.push(w.t("message-orphan"));
    }
    all
}
