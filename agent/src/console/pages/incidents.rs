//! Incidents: what is open, and of one of them everything that was said, in the order of time.

use std::{collections::BTreeSet, sync::Arc};

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing,
};
use model::{ids::MessageId, invalid::Invalid, level::EventLevel, stage::Stage, time::Timestamp};
use proto::{rules, status::Lang, v1};

use crate::console::{
    Console, Noted, clock,
    failure::{Failure, filled, see_other},
    frame::{Entry, Frame},
    gate::{Act, Form, Listening, Seated},
    sheet::{Choice, moment},
    stream,
    view::{self, Ring},
    words::Words,
};

/// Threads of one incident that are looked through.
const THREADS_MAX: u32 = 200;
/// Incidents of a list.
const LIST_MAX: u32 = 200;

/// In the rail.
pub const ENTRY: Entry =
    Entry { path: "/incidents", key: "incidents", icon: "incident", letter: "n", count: Console::open_incidents };

pub fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/incidents", routing::get(list).post(learn))
        .route("/incidents/{id}", routing::get(show))
        .route("/events/incidents/{id}", routing::get(live))
}

/// An incident in the list.
#[derive(Clone, Debug)]
pub struct IncidentLine {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its level, as a chip.
    pub level: String,
    /// Where it stands.
    pub state: String,
    /// Since when it is known here.
    pub known: (String, String),
    /// The next report that is owed, and by whom.
    pub owed: Option<(String, Ring)>,
    /// Nothing more is reported.
    pub over: bool,
}

#[derive(Template)]
#[template(path = "incidents.html")]
struct ListPage {
    f: Frame,
    w: Words,
    lines: Vec<IncidentLine>,
    all: bool,
    levels: Vec<Choice>,
    now: String,
}

async fn list(State(console): State<Arc<Console>>, by: Seated) -> Result<Response, Failure> {
    let w = by.visitor.words;
    let all = by.visitor.to.ends_with("all=1");
    let lines = console.incident_lines(all, w).map_err(|invalid| by.refused(invalid))?;
    let level = |level: &EventLevel| Choice {
        value: level.number().to_string(),
        label: w.level(level.number()),
        chosen: *level == EventLevel::L0,
    };
    let zone = console.zone();
    let f = console.frame(&by, ENTRY.path, w.t("incidents"));
    let levels = EventLevel::ALL.iter().map(level).collect();
    Ok(filled(&ListPage { f, w, lines, all, levels, now: moment::local_of(zone.now, zone.offset_min) }))
}

/// An incident is learned of here: it gets its number, and the time for its reports begins.
async fn learn(State(console): State<Arc<Console>>, Act { by, form }: Act) -> Result<Response, Failure> {
    let refused = |invalid: Invalid| by.refused(invalid);
    let officer = by.officer()?;
    let known_at = known_at(&form, console.zone().offset_min).map_err(refused)?;
    let ask = v1::LearnIncidentRequest {
        title: form.get("title").trim().to_owned(),
        event_level: form.get("level").parse().unwrap_or(0),
        known_at,
        officer: Some(officer),
    };
    let learned = console.desk.learn_incident(ask).await.map_err(refused)?;
    console.note(Noted::by("INCIDENT_LEARNED", &by)).await.map_err(refused)?;
    Ok(see_other(&format!("/incidents/{}", learned.incident_id)))
}

fn known_at(form: &Form, offset_min: i32) -> Result<Option<prost_types::Timestamp>, Invalid> {
    let typed = form.get("known-at").trim();
    if typed.is_empty() {
        return Ok(None);
    }
    let read = moment::of_local(typed, offset_min).and_then(|text| text.parse().ok());
    read.map(Some)
        .ok_or_else(|| Invalid::schema("known_at", "json.value").detail(typed.chars().take(40).collect::<String>()))
}

/// Something that happened in an incident.
#[derive(Clone, Debug)]
pub struct Moment {
    /// When, short and whole.
    pub at: (String, String),
    /// Its place in time.
    pub order: i64,
    /// Who did it.
    pub who: String,
    /// What it was.
    pub what: String,
    /// About what.
    pub title: String,
    /// Where it leads; empty where there is nothing to open.
    pub path: String,
    /// By us.
    pub ours: bool,
    /// One that matters most: a report, a request, an alert.
    pub pinned: bool,
    /// Withdrawn.
    pub recalled: bool,
}

/// A report of the chain: its figures, and how each differs from the one before.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where it is.
    pub path: String,
    /// 初报, 续报一 …
    pub name: String,
    /// By whom.
    pub who: String,
    /// When.
    pub at: (String, String),
    /// What it says of each figure.
    pub figures: Vec<Figure>,
    /// Why a figure was corrected.
    pub reason: String,
}

/// One figure of a report.
#[derive(Clone, Debug)]
pub struct Figure {
    /// As it is said: `2`, `约 20`, `不明`.
    pub text: String,
    /// `+1`, `−3`: against the report before; empty where nothing changed.
    pub change: String,
    /// It fell.
    pub fell: bool,
}

/// Everything about one incident.
#[derive(Clone, Debug)]
pub struct Story {
    /// What is owed now, and by whom.
    pub rings: Vec<(String, Ring)>,
    /// What happened, the newest first.
    pub moments: Vec<Moment>,
    /// The heads of the figures.
    pub heads: Vec<String>,
    /// The reports, oldest first.
    pub reports: Vec<Report>,
}

#[derive(Template)]
#[template(path = "incident.html")]
struct Page {
    f: Frame,
    w: Words,
    line: IncidentLine,
    story: Story,
    live: String,
}

async fn show(State(console): State<Arc<Console>>, Path(id): Path<String>, by: Seated) -> Result<Response, Failure> {
    let refused = |invalid: Invalid| by.refused(invalid);
    let w = by.visitor.words;
    let _checked: model::ids::IncidentId = id.parse().map_err(refused)?;
    let known = console.incident_lines(true, w).map_err(refused)?.into_iter().find(|line| line.id == id);
    let story = console.story(&id, w).map_err(refused)?;
    let none =
        || refused(Invalid::new(model::reason::Reason::NotFound, "incident_id", "console.page").detail(id.clone()));
    let line = match known {
        Some(line) => line,
        // others speak of it, and nobody has reported it to us: what was said first that matters stands for its title
        None if !story.moments.is_empty() => IncidentLine {
            id: id.clone(),
            title: first_title(&story),
            level: String::new(),
            state: w.t("incident-unreported"),
            known: Default::default(),
            owed: None,
            over: false,
        },
        None => return Err(none()),
    };
    let f = console.frame(&by, ENTRY.path, format!("{} {id}", w.t("incident")));
    Ok(filled(&Page { f, w, line, story, live: format!("/events/incidents/{id}") }))
}

#[derive(Template)]
#[template(path = "parts/story.html")]
struct Part {
    w: Words,
    story: Story,
}

/// What happens in an incident, as it happens.
async fn live(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Listening(by): Listening,
) -> Result<Response, Failure> {
    let _checked: model::ids::IncidentId = id.parse().map_err(|invalid| by.refused(invalid))?;
    let w = by.visitor.words;
    Ok(stream::live(console, by.person.key, move |console, _| Ok(Part { w, story: console.story(&id, w)? })))
}

impl Console {
    /// Incidents that are open.
    pub(in crate::console) fn open_incidents(&self) -> u64 {
        let found = self.desk.incidents(&v1::IncidentsRequest { limit: LIST_MAX, ..Default::default() });
        found.map_or(0, |found| found.incidents.len() as u64)
    }

    fn incident_lines(&self, all: bool, w: Words) -> Result<Vec<IncidentLine>, Invalid> {
        let (owed, zone) = (self.owed(""), self.zone());
        let line = |seen: v1::IncidentSeen| {
            let state = seen.state.unwrap_or_default();
            let next = owed.iter().find(|owed| owed.incident_id == seen.incident_id);
            let ring = next.and_then(|owed| Some((self.name_of(&owed.jurisdiction, w), Ring::of(owed, w, zone)?)));
            IncidentLine {
                id: seen.incident_id,
                title: rules::inert(&seen.title),
                level: w.level(seen.event_level),
                state: if w.lang == Lang::Zh { state.text_zh } else { state.name.to_lowercase().replace('_', " ") },
                known: clock::of_wire(seen.known_at).map(|at| (zone.short(at), zone.whole(at))).unwrap_or_default(),
                owed: ring,
                over: state.over,
            }
        };
        let found = self.desk.incidents(&v1::IncidentsRequest { all, limit: LIST_MAX })?;
        Ok(found.incidents.into_iter().map(line).collect())
    }

    /// Everything that was said and done in an incident, as far as it is known here.
    fn story(&self, incident: &str, w: Words) -> Result<Story, Invalid> {
        let ask = v1::ThreadsRequest { incident_id: incident.to_owned(), limit: THREADS_MAX, ..Default::default() };
        let mut seen = BTreeSet::new();
        let (mut moments, mut reports) = (Vec::new(), Vec::new());
        for head in self.desk.threads(&ask)?.messages {
            let thread = head.header.unwrap_or_default().originating_message_id;
            if !seen.insert(thread.clone()) {
                continue;
            }
            let whole = v1::ThreadsRequest { originating_message_id: thread, ..Default::default() };
            for line in self.desk.threads(&whole)?.messages {
                moments.extend(self.moments(&line, w)?);
                reports.extend(self.report(&line, w)?);
            }
        }
        moments.sort_by_key(|moment| std::cmp::Reverse(moment.order));
        reports.sort_by_key(|(order, ..)| *order);
        let zone = self.zone();
        let ring = |owed: v1::DeadlineSeen| Some((self.name_of(&owed.jurisdiction, w), Ring::of(&owed, w, zone)?));
        let rings = self.owed("").into_iter().filter(|owed| owed.incident_id == incident).filter_map(ring).collect();
        Ok(Story { rings, moments, heads: heads(w), reports: compared(reports, w) })
    }

    /// A message, and what people did with it here.
    fn moments(&self, line: &v1::MessageSummary, w: Words) -> Result<Vec<Moment>, Invalid> {
        let header = line.header.clone().unwrap_or_default();
        let (Ok(id), zone) = (MessageId::try_from(header.message_id.as_ref()), self.zone()) else {
            return Ok(Vec::new());
        };
        let us = self.desk.names.jurisdiction().as_str();
        let sender = header.sender.clone().unwrap_or_default();
        let ours = sender.jurisdiction == us;
        let at = clock::of_wire(header.sent_at).or_else(|| clock::of_wire(line.at)).unwrap_or(zone.now);
        let moment = |at: Timestamp| Moment {
            at: (zone.second(at), zone.whole(at)),
            order: at.millis(),
            who: String::new(),
            what: String::new(),
            title: rules::inert(&line.title),
            path: format!("/m/{id}"),
            ours,
            pinned: false,
            recalled: line.recalled,
        };
        let officer = rules::inert(&sender.name);
        let said = Moment {
            who: [self.name_of(&sender.jurisdiction, w), officer].join(" ").trim().to_owned(),
            what: w.kind(header.kind),
            pinned: is_pinned(header.kind),
            ..moment(at)
        };
        let mut all = vec![said];
        let acts = self.desk.receipts(id)?;
        for act in
            acts.iter().filter_map(view::signed).filter(|act| !act.officer.is_empty() && act.stage >= Stage::Opened)
        {
            let by = if act.recipient.is_empty() { String::new() } else { self.name_of(&act.recipient, w) };
            all.push(Moment {
                who: [by, act.officer.clone()].join(" ").trim().to_owned(),
                what: w.stage(act.stage.number()),
                ours: act.recipient == us,
                ..moment(act.at)
            });
        }
        Ok(all)
    }

    /// The figures of a report that may be read here.
    fn report(&self, line: &v1::MessageSummary, w: Words) -> Result<Option<Counted>, Invalid> {
        let header = line.header.clone().unwrap_or_default();
        let stage = line.states.first().and_then(|state| Stage::from_number(state.stage));
        let sender = header.sender.clone().unwrap_or_default().jurisdiction;
        let ours = sender == self.desk.names.jurisdiction().as_str();
        if header.kind() != v1::Kind::IncidentReport || !(ours || stage.is_some_and(|stage| stage >= Stage::Opened)) {
            return Ok(None);
        }
        let id = MessageId::try_from(header.message_id.as_ref())?;
        let body = self.desk.content_of(id)?.and_then(|(content, _)| content.body?.body);
        let Some(v1::body::Body::IncidentReport(report)) = body else { return Ok(None) };
        let (zone, at) = (self.zone(), clock::of_wire(header.sent_at).unwrap_or(self.zone().now));
        let shown = Report {
            path: format!("/m/{id}"),
            name: name_of(&report, w),
            who: self.name_of(&sender, w),
            at: (zone.short(at), zone.whole(at)),
            figures: Vec::new(),
            reason: rules::inert(&report.correction_reason),
        };
        Ok(Some((at.millis(), sender, shown, report.casualties.unwrap_or_default())))
    }
}

/// What was said first of what stands out; else what was said first.
fn first_title(story: &Story) -> String {
    let oldest = || story.moments.iter().rev();
    let found = oldest().find(|moment| moment.pinned).or_else(|| oldest().next());
    found.map(|moment| moment.title.clone()).unwrap_or_default()
}

/// A report with its place in time, its author and its figures.
type Counted = (i64, String, Report, v1::Casualties);

/// What stands out in the course of an incident.
fn is_pinned(kind: i32) -> bool {
    matches!(
        v1::Kind::try_from(kind),
        Ok(v1::Kind::IncidentReport | v1::Kind::Alert | v1::Kind::ResourceRequest | v1::Kind::ActionRequest)
    )
}

fn name_of(report: &v1::IncidentReport, w: Words) -> String {
    let number = u64::from(report.sequence_no.unwrap_or(0));
    match report.report_type() {
        v1::ReportType::Initial => w.t("report-initial"),
        v1::ReportType::FollowUp => w.count("report-follow-up", number),
        v1::ReportType::Final => w.t("report-final"),
        v1::ReportType::Supplement | v1::ReportType::Unspecified => w.t("report-other"),
    }
}

fn heads(w: Words) -> Vec<String> {
    ["figure-dead", "figure-missing", "figure-trapped", "figure-serious", "figure-light", "figure-evacuated"]
        .map(|key| w.t(key))
        .into()
}

fn counts(of: &v1::Casualties) -> [Option<v1::Count>; 6] {
    [of.dead, of.missing, of.trapped, of.seriously_injured, of.lightly_injured, of.evacuated]
}

/// Each report with what changed since its author's last one.
fn compared(reports: Vec<Counted>, w: Words) -> Vec<Report> {
    let mut last: std::collections::BTreeMap<String, v1::Casualties> = std::collections::BTreeMap::new();
    let mut all = Vec::with_capacity(reports.len());
    for (_, author, report, said) in reports {
        let before = last.get(&author).map(counts).unwrap_or_default();
        let figures = counts(&said).into_iter().zip(before).map(|(now, before)| figure(now, before, w)).collect();
        last.insert(author, said);
        all.push(Report { figures, ..report });
    }
    all
}

fn figure(now: Option<v1::Count>, before: Option<v1::Count>, w: Words) -> Figure {
    let number = |count: Option<v1::Count>| count.and_then(|count| count.count);
    let text = match (number(now), now.map(|count| count.certainty())) {
        (Some(n), Some(v1::Certainty::Estimated)) => w.count("figure-about", u64::from(n)),
        (Some(n), _) => n.to_string(),
        (None, _) => w.t("figure-unknown"),
    };
    let change = match (number(now), number(before)) {
        (Some(now), Some(before)) if now > before => format!("+{}", now - before),
        (Some(now), Some(before)) if now < before => format!("−{}", before - now),
        _ => String::new(),
    };
    Figure { text, fell: change.starts_with('−'), change }
}
