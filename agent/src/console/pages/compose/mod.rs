//! Writing a message: one form for every kind, made from the contract. The draft lives at the agent, is kept every few seconds,
//! is looked through with whoever signs it off, and leaves by the way of the command line's `send`.

mod keep;
mod review;
mod to;

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
    routing,
};
use model::{
    ids::MessageId,
    invalid::Invalid,
    kind::{Cover, Incident, Kind},
    reason::Reason,
    status::{Action, Status},
};
use proto::{rules, status::Lang, v1};

use self::{
    keep::{Begun, Judged, Undone},
    to::To,
};
use super::steps;
use crate::{
    console::{
        Console, Noted,
        clock::span,
        drafts::Draft,
        failure::{Failure, filled, see_other},
        frame::Frame,
        gate::{Act, Form, Quiet, Seated},
        sheet::{Choice, Contract, Field, Piece, Showing, Suggested, anchor},
        words::Words,
    },
    desk::steps::BEGINNINGS,
};

pub fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/compose", routing::get(choose).post(begin))
        .route("/compose/{id}", routing::get(show).post(keep))
        .route("/compose/{id}/keep", routing::post(keep_quietly))
        .route("/compose/{id}/review", routing::get(review::show))
        .route("/compose/{id}/send", routing::post(review::send))
}

/// A draft in a list.
#[derive(Clone, Debug)]
pub struct DraftLine {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Its title, as far as there is one.
    pub title: String,
    /// Who writes it.
    pub person: String,
    /// How long ago it was kept.
    pub ago: String,
    /// It waits for a second person.
    pub waits: bool,
}

/// A message that may be begun.
#[derive(Clone, Debug)]
pub struct BeginItem {
    /// Its name.
    pub name: &'static str,
    /// What it is called.
    pub word: String,
    /// The kind's code and name.
    pub kind: String,
}

#[derive(Template)]
#[template(path = "compose_choose.html")]
struct Choose {
    f: Frame,
    w: Words,
    waiting: Vec<DraftLine>,
    drafts: Vec<DraftLine>,
    begin: Vec<BeginItem>,
}

async fn choose(State(console): State<Arc<Console>>, by: Seated) -> Result<Response, Failure> {
    let w = by.visitor.words;
    let all = console.all_drafts().await.map_err(|undone| undone.failure(&by))?;
    let line = |draft: &Draft| {
        let line = console.draft_line(draft, w);
        let hidden = keep::may_see(&by, draft).is_err();
        DraftLine { title: if hidden { "——".to_owned() } else { line.title }, ..line }
    };
    let lines = all.iter().map(line);
    let (waiting, drafts) = lines.partition(|line| line.waits);
    let kinds = by.role().map(|role| console.desk.beginnings(role)).unwrap_or_default();
    let item = |one: &&crate::desk::steps::Beginning| BeginItem {
        name: one.name,
        word: w.t(steps::key(one.name)),
        kind: format!("{} {}", one.kind.code(), w.kind(one.kind.number())),
    };
    let f = console.frame(&by, "/compose", w.t("compose"));
    Ok(filled(&Choose { f, w, waiting, drafts, begin: kinds.iter().map(item).collect() }))
}

/// Begins a message of one's own, or the step that was chosen on a message.
async fn begin(State(console): State<Arc<Console>>, Act { by, form }: Act) -> Result<Response, Failure> {
    let refused = |invalid: Invalid| by.refused(invalid);
    let role = by.role().ok_or_else(|| refused(Invalid::new(Reason::RoleForbidden, "post", "console.keeps_house")))?;
    let begun = if form.get("about").is_empty() {
        let none = || refused(Invalid::code("begin", "kind.known"));
        let one = BEGINNINGS.iter().find(|one| one.name == form.get("begin")).ok_or_else(none)?;
        let value = console.desk.begun_alone(one).map_err(refused)?;
        Begun { kind: one.kind, action: Action::Originate, about: None, step: one.name.to_owned(), value }
    } else {
        let id: MessageId = form.get("about").parse().map_err(refused)?;
        let step = console.desk.step_named(form.get("step"), id, role).map_err(refused)?;
        let value = console.desk.begun(step, id).map_err(refused)?;
        Begun { kind: step.kind, action: step.action, about: Some(id), step: step.name.to_owned(), value }
    };
    let id = console.begin(&by, begun).await.map_err(|undone| undone.failure(&by))?;
    Ok(see_other(&format!("/compose/{id}")))
}

/// The message that a draft follows.
#[derive(Clone, Debug)]
pub struct About {
    /// Where it is.
    pub path: String,
    /// Its kind and title.
    pub text: String,
    /// From whom.
    pub who: String,
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug)]
pub struct FaultLine {
    /// The field's place on the page.
    pub anchor: String,
    /// What is wrong and what to do.
    pub text: String,
}

#[derive(Template)]
#[template(path = "compose.html")]
struct Page {
    f: Frame,
    w: Words,
    id: String,
    title: String,
    line: DraftLine,
    /// Somebody else writes it.
    anothers: bool,
    about: Option<About>,
    exercise: bool,
    faults: Vec<FaultLine>,
    to: Option<To>,
    first: Vec<Field>,
    rest: Vec<Field>,
    rest_open: bool,
    pieces: Vec<Piece>,
}

async fn show(State(console): State<Arc<Console>>, Path(id): Path<String>, by: Seated) -> Result<Response, Failure> {
    let refused = |invalid: Invalid| by.refused(invalid);
    let id: MessageId = id.parse().map_err(refused)?;
    let (draft, contract) = console.draft(&by, id).await.map_err(|undone| undone.failure(&by))?;
    Ok(filled(&console.page(&by, &draft, &contract)))
}

/// Keeps what was typed, and does what the button says.
async fn keep(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Act { by, form }: Act,
) -> Result<Response, Failure> {
    let undone = |undone: Undone| undone.failure(&by);
    by.officer()?;
    let id: MessageId = id.parse().map_err(|invalid| by.refused(invalid))?;
    if !form.get("take-over").is_empty() {
        console.take_over(&by, id).await.map_err(undone)?;
        let noted = console.note(Noted { about: Some(id), ..Noted::by("DRAFT_TAKEN_OVER", &by) }).await;
        noted.map_err(|invalid| by.refused(invalid))?;
        return Ok(see_other(&format!("/compose/{id}")));
    }
    if !form.get("discard").is_empty() {
        console.discard(&by, id).await.map_err(undone)?;
        return Ok(see_other("/compose"));
    }
    let reviews = !form.get("review").is_empty();
    let change = move |draft: &mut Draft, contract: &Contract| {
        take(draft, contract, &form);
        draft.judged |= reviews;
        press(draft, contract, &form)
    };
    let (draft, place) = console.change_draft(&by, id, change).await.map_err(undone)?;
    if reviews {
        let contract = draft.contract(console.desk.officer.utc_offset_min);
        let whole = contract.is_some_and(|contract| console.judge(&draft, &contract).whole.is_some());
        return Ok(see_other(&format!("/compose/{id}{}", if whole { "/review" } else { "#faults" })));
    }
    Ok(see_other(&format!("/compose/{id}{place}")))
}

/// Keeps what was typed, as the page does by itself every few seconds: says when, or why not.
async fn keep_quietly(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Quiet { by, form }: Quiet,
) -> Result<Response, Failure> {
    let short = |invalid: Invalid| Failure::Short { invalid, words: by.visitor.words };
    let id: MessageId = id.parse().map_err(short)?;
    let kept = console.change_draft(&by, id, move |draft, contract| take(draft, contract, &form)).await;
    kept.map_err(|undone| match undone {
        Undone::Sent(_) => short(Invalid::new(Reason::WrongSequence, "draft", "console.draft_sent")),
        Undone::Refused(invalid) => short(invalid),
    })?;
    let zone = console.zone();
    Ok(zone.second(zone.now).into_response())
}

/// Everything that was typed. Of the header, what its form shows: nothing else of it is a person's to write.
fn take(draft: &mut Draft, contract: &Contract, form: &Form) {
    to::take(&mut draft.sheet, contract, form);
    let (first, rest) = header_fields(contract);
    let shown = |name: &str| first.iter().chain(&rest).any(|(own, _)| *own == name);
    for name in form.names() {
        if name.starts_with("body.") || name.strip_prefix("header.").is_some_and(shown) {
            let typed: Vec<&str> = form.all(name).collect();
            draft.sheet.put(contract, name, &typed);
        }
    }
}

/// The button that was pressed; where the page goes on.
fn press(draft: &mut Draft, contract: &Contract, form: &Form) -> String {
    let body = |name: &str| Some(form.get(name)).filter(|path| path.starts_with("body.")).unwrap_or_default();
    let (add, remove, pick) = (body("add"), body("remove"), body("pick"));
    let place = |path: &str| format!("#{}", anchor(path));
    if !add.is_empty() {
        draft.sheet.add(contract, add);
        let last = draft.sheet.entries(contract, add).saturating_sub(1);
        return place(&format!("{add}[{last}]"));
    }
    if !remove.is_empty() {
        draft.sheet.remove(contract, remove);
        return place(remove.split('[').next().unwrap_or(remove));
    }
    if !pick.is_empty() {
        draft.sheet.pick(contract, pick);
        return place(pick);
    }
    // where a hand was when the page asked to be made anew
    let at = form.get("at");
    let plain = at.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if plain && at.starts_with("f-") { format!("#{at}") } else { String::new() }
}

impl Console {
    fn draft_line(&self, draft: &Draft, w: Words) -> DraftLine {
        let now = self.desk.clock.now();
        let kept = model::time::Timestamp::from_millis(draft.kept_at);
        let contract = draft.contract(self.desk.officer.utc_offset_min);
        DraftLine {
            id: draft.id.clone(),
            kind: w.kind(draft.kind),
            title: contract.map(|contract| rules::inert(&draft.sheet.title(&contract))).unwrap_or_default(),
            person: rules::inert(&draft.person),
            ago: span(now.since(kept), w),
            waits: draft.waits,
        }
    }

    fn page(&self, by: &Seated, draft: &Draft, contract: &Contract) -> Page {
        let w = by.visitor.words;
        let judged = draft.judged.then(|| self.judge(draft, contract));
        let faults: Vec<Invalid> = judged.map_or_else(|| draft.sheet.unread(contract), |Judged { faults, .. }| faults);
        let by_path = faults.iter().map(|fault| (fault.field.clone(), short(fault, w))).collect::<BTreeMap<_, _>>();
        let suggested = self.suggested(w);
        let showing = Showing { contract, lang: w.lang, faults: &by_path, suggested: &suggested };
        let (first, rest) = header_fields(contract);
        let rest = draft.sheet.header(&showing, &rest);
        let line = self.draft_line(draft, w);
        let document = contract.kind.is_document();
        let title = format!("{} · {}", line.kind, w.t(steps::key(&draft.step)));
        let to = (!document).then(|| To {
            fault: by_path
                .iter()
                .find(|(path, _)| path.starts_with("header.recipients"))
                .map(|(_, text)| text.clone())
                .unwrap_or_default(),
            ..self.to(&draft.sheet, w)
        });
        Page {
            f: self.frame(by, "/compose", title.clone()),
            w,
            id: draft.id.clone(),
            title,
            anothers: draft.account != by.person.account,
            about: self.about(draft, w),
            exercise: draft.sheet.text(contract, "header.status") == Status::Exercise.name(),
            faults: faults.iter().map(|fault| line_of(fault, contract, w)).collect(),
            to,
            first: draft.sheet.header(&showing, &first),
            rest_open: rest.iter().any(|field| !field.fault.is_empty()),
            rest,
            pieces: draft.sheet.pieces(&showing),
            line,
        }
    }

    /// The message that a draft follows, as far as it is known here.
    fn about(&self, draft: &Draft, w: Words) -> Option<About> {
        let id: MessageId = draft.about.parse().ok()?;
        let summary = self.desk.summary(id).ok()?;
        let header = summary.header?;
        let sender = header.sender.unwrap_or_default().jurisdiction;
        Some(About {
            path: format!("/m/{id}"),
            text: format!("{} · {}", w.kind(header.kind), rules::inert(&summary.title)),
            who: self.name_of(&sender, w),
        })
    }

    /// What fields of the header propose: open incidents, agreements that are in force.
    fn suggested(&self, w: Words) -> Suggested {
        let found = self.desk.incidents(&v1::IncidentsRequest { limit: 50, ..Default::default() });
        let incident = |seen: v1::IncidentSeen| Choice {
            value: seen.incident_id,
            label: rules::inert(&seen.title),
            chosen: false,
        };
        let incidents = found.map(|found| found.incidents.into_iter().map(incident).collect()).unwrap_or_default();
        let trusted = self.desk.trust.now();
        let all = trusted.policy.grants().iter().flat_map(|grant| grant.agreements.iter().map(ToString::to_string));
        let all: std::collections::BTreeSet<String> = all.collect();
        let agreement = |id: String| Choice { value: id, label: String::new(), chosen: false };
        let outside = Choice { value: "NONE".to_owned(), label: w.t("compose-outside"), chosen: false };
        let agreements = all.into_iter().map(agreement).chain([outside]).collect();
        Suggested::from([("header.incident_id", incidents), ("header.agreement_id", agreements)])
    }
}

/// Fields of the header, each with whether it must be there.
type Asked = Vec<(&'static str, bool)>;

/// The fields of the header that a person sees, those that the kind asks for first; each with whether it must be there.
fn header_fields(contract: &Contract) -> (Asked, Asked) {
    let facts = contract.kind.facts();
    let needs = |must: bool| must && contract.action == Action::Originate;
    let mut first = Vec::new();
    if contract.action == Action::Reply {
        first.push(("answer", false));
    }
    let incident = facts.incident;
    if incident != Incident::Never {
        first.push(("incident_id", needs(incident == Incident::Required)));
        first.push(("event_level", needs(incident == Incident::Required)));
        first.push(("category", needs(incident == Incident::Required)));
    }
    if contract.kind == Kind::Alert {
        first.push(("warning_level", true));
    }
    if facts.cover == Cover::Required {
        first.push(("agreement_id", needs(true)));
    }
    first.push(("precedence", false));
    let mut rest = vec![
        ("confidentiality", false),
        ("ack_by", false),
        ("reply_by", false),
        ("expires_at", false),
        ("personal_data", false),
        ("purpose", false),
        ("retain_until", false),
        ("status", false),
        ("drill.drill_id", false),
    ];
    if facts.cover != Cover::Required {
        rest.push(("agreement_id", false));
    }
    (first, rest)
}

/// What is wrong, in the reader's words.
fn text_of(fault: &Invalid, w: Words) -> String {
    let (zh, en) = proto::status::texts(fault);
    if w.lang == Lang::Zh { zh } else { en }
}

/// A fault in the list above the form: by the name of its field.
fn line_of(fault: &Invalid, contract: &Contract, w: Words) -> FaultLine {
    let place = if fault.field.starts_with("header.recipients") { "header.recipients" } else { &fault.field };
    let label = contract.label(place, w.lang);
    let text = match fault.reason {
        Reason::MissingField if !label.is_empty() => format!("{label} · {}", w.t("compose-missing")),
        _ => text_of(fault, w),
    };
    FaultLine { anchor: anchor(place), text }
}

/// The same beside the field: that something is missing there needs no more words.
fn short(fault: &Invalid, w: Words) -> String {
    if fault.reason == Reason::MissingField { w.t("compose-missing") } else { text_of(fault, w) }
}
