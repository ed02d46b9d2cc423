//! Duty: who sits where, what is to be done now, what is owed on both sides, and who has reported the day.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing,
};
use model::{deadline::DeadlineName, ids::MessageId, invalid::Invalid, task::TaskKind, time::Timestamp};
use proto::{rules, status::Lang, v1};

use crate::console::{
    Console, clock,
    failure::{Failure, filled, see_other},
    frame::{Entry, Frame},
    gate::{Act, Listening, Seated},
    stream,
    view::Ring,
    words::Words,
};

/// Tasks and deadlines of the page.
const LIST_MAX: u32 = 200;
/// Days of the tracker.
const DAYS: u64 = 7;

/// In the rail.
pub const ENTRY: Entry = Entry { path: "/duty", key: "duty", icon: "duty", letter: "d", count: Console::open_tasks };

pub fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/duty", routing::get(show))
        .route("/duty/tasks/{id}", routing::post(done))
        .route("/duty/call", routing::post(call))
        .route("/duty/waive", routing::post(waive))
        .route("/events/duty", routing::get(live))
}

/// A post of our roster.
#[derive(Clone, Debug)]
pub struct PostLine {
    /// Which.
    pub post: String,
    /// Who sits there, and how to call them.
    pub people: Vec<(String, String)>,
    /// Nobody does, and somebody must.
    pub vacant: bool,
    /// Who comes next, and when.
    pub next: String,
}

/// Something to do.
#[derive(Clone, Debug)]
pub struct TaskLine {
    /// Its id in hex.
    pub id: String,
    /// What.
    pub what: String,
    /// About whom.
    pub whom: String,
    /// About which message.
    pub title: String,
    /// Where that is; empty where there is none.
    pub path: String,
    /// The message in text, for calls.
    pub message: String,
    /// The jurisdiction, for calls.
    pub jurisdiction: String,
    /// Since when.
    pub at: (String, String),
    /// Whom to call, and how.
    pub person: String,
    /// See above.
    pub phone: String,
    /// More about it.
    pub detail: String,
    /// A call settles it.
    pub by_phone: bool,
}

/// Something that is owed.
#[derive(Clone, Debug)]
pub struct OwedLine {
    /// By whom.
    pub who: String,
    /// What, by when.
    pub ring: Ring,
    /// On which message.
    pub title: String,
    /// Where that is.
    pub path: String,
    /// What names it, for a waiver: matter, deadline, jurisdiction, subject.
    pub named: (String, String, String, String),
}

/// The week of a member: a sign and its word a day.
#[derive(Clone, Debug)]
pub struct Week {
    /// Whose.
    pub who: String,
    /// One a day: sign, word, class, and the report that was given.
    pub days: Vec<Day>,
}

/// One day of a member.
#[derive(Clone, Debug)]
pub struct Day {
    /// `✓ ● ○ ! –`.
    pub sign: &'static str,
    /// What it means.
    pub word: String,
    /// Where the report is; empty where there is none.
    pub path: String,
}

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Duty {
    /// Posts of our roster; empty where it is not known here.
    pub posts: Vec<PostLine>,
    /// What is to be done, the newest first.
    pub tasks: Vec<TaskLine>,
    /// What we owe.
    pub ours: Vec<OwedLine>,
    /// What others owe.
    pub theirs: Vec<OwedLine>,
    /// The days of the tracker.
    pub days: Vec<String>,
    /// Who reported when.
    pub weeks: Vec<Week>,
    /// May do something here.
    pub acting: bool,
    /// May waive a deadline.
    pub waives: bool,
}

#[derive(Template)]
#[template(path = "duty.html")]
struct Page {
    f: Frame,
    w: Words,
    duty: Duty,
}

async fn show(State(console): State<Arc<Console>>, by: Seated) -> Result<Response, Failure> {
    let w = by.visitor.words;
    let duty = console.duty(&by, w).map_err(|invalid| by.refused(invalid))?;
    let f = console.frame(&by, ENTRY.path, w.t("duty"));
    Ok(filled(&Page { f, w, duty }))
}

#[derive(Template)]
#[template(path = "parts/duty_owed.html")]
struct Part {
    w: Words,
    duty: Duty,
}

/// What is owed and who reported, as it changes; forms in which somebody writes stay as they are.
async fn live(State(console): State<Arc<Console>>, Listening(by): Listening) -> Response {
    let w = by.visitor.words;
    let key = by.person.key;
    stream::live(console, key, move |console, _| Ok(Part { w, duty: console.duty(&by, w)? }))
}

/// A person says that something is done.
async fn done(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Act { by, form }: Act,
) -> Result<Response, Failure> {
    let officer = by.officer()?;
    let task_id = unhex(&id).ok_or_else(|| by.refused(Invalid::schema("task_id", "id.width")))?;
    let note = form.get("note").trim().to_owned();
    let ask = v1::CloseTaskRequest { task_id: task_id.into(), note, officer: Some(officer) };
    console.desk.close_task(ask).await.map_err(|invalid| by.refused(invalid))?;
    Ok(see_other("/duty"))
}

/// A telephone call about a message: it stands for an acknowledgement.
async fn call(State(console): State<Arc<Console>>, Act { by, form }: Act) -> Result<Response, Failure> {
    let refused = |invalid: Invalid| by.refused(invalid);
    let officer = by.officer()?;
    let id: MessageId = form.get("message").parse().map_err(refused)?;
    let ask = v1::RecordCallRequest {
        message_id: id.0.to_vec().into(),
        jurisdiction: form.get("jurisdiction").to_owned(),
        spoke_with: form.get("spoke-with").trim().to_owned(),
        gist: form.get("gist").trim().to_owned(),
        at: None,
        officer: Some(officer),
    };
    console.desk.record_call(ask).await.map_err(refused)?;
    Ok(see_other("/duty"))
}

/// A shift leader waives a deadline, with a reason.
async fn waive(State(console): State<Arc<Console>>, Act { by, form }: Act) -> Result<Response, Failure> {
    let refused = |invalid: Invalid| by.refused(invalid);
    let officer = by.officer()?;
    let matter = unhex(form.get("matter")).ok_or_else(|| refused(Invalid::schema("matter", "deadline.matter")))?;
    let ask = v1::WaiveRequest {
        matter: matter.into(),
        name: form.get("name").to_owned(),
        jurisdiction: form.get("jurisdiction").to_owned(),
        subject: form.get("subject").to_owned(),
        reason: form.get("reason").trim().to_owned(),
        officer: Some(officer),
    };
    console.desk.waive(ask).await.map_err(refused)?;
    Ok(see_other("/duty"))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let plain = text.len().is_multiple_of(2) && text.is_ascii() && text.len() <= 256;
    let pair = |at: usize| u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok();
    if plain { (0..text.len() / 2).map(pair).collect() } else { None }
}

impl Console {
    /// What a person should do.
    pub(in crate::console) fn open_tasks(&self) -> u64 {
        let found = self.desk.tasks(&v1::TasksRequest { all: false, limit: LIST_MAX });
        found.map_or(0, |found| found.tasks.len() as u64)
    }

    fn duty(&self, by: &Seated, w: Words) -> Result<Duty, Invalid> {
        let us = self.desk.names.jurisdiction().to_string();
        let (ours, theirs): (Vec<_>, Vec<_>) = self.owed("").into_iter().partition(|owed| owed.jurisdiction == us);
        let tasks = self.desk.tasks(&v1::TasksRequest { all: false, limit: LIST_MAX })?.tasks;
        let lines = |owed: &[v1::DeadlineSeen]| owed.iter().filter_map(|owed| self.owed_line(owed, w)).collect();
        let (days, weeks) = self.weeks(w)?;
        Ok(Duty {
            posts: self.post_lines(&us, w),
            tasks: tasks.into_iter().map(|task| self.task_line(task, w)).collect(),
            ours: lines(&ours),
            theirs: lines(&theirs),
            days,
            weeks,
            acting: by.person.acting && by.role().is_some(),
            waives: by.person.acting && by.role().is_some_and(model::role::Role::signs_off),
        })
    }

    fn post_lines(&self, us: &str, w: Words) -> Vec<PostLine> {
        let ask = v1::OnDutyRequest { jurisdiction: us.to_owned(), ..Default::default() };
        let (posts, zone) = (self.desk.on_duty(&ask).map(|found| found.posts).unwrap_or_default(), self.zone());
        let called = |person: &v1::RosterPerson| {
            (rules::inert(&person.name), rules::inert(person.phones.first().map_or("", String::as_str)))
        };
        let line = |post: &v1::PostSeen| {
            let next = post.next.first().zip(clock::of_wire(post.next_change));
            PostLine {
                post: w.role(post.role),
                people: post.people.iter().map(called).collect(),
                vacant: post.must_be_filled && post.people.is_empty(),
                next: next
                    .map(|(person, at)| format!("{} {}", zone.short(at), rules::inert(&person.name)))
                    .unwrap_or_default(),
            }
        };
        posts.iter().map(line).collect()
    }

    fn task_line(&self, task: v1::TaskSeen, w: Words) -> TaskLine {
        let (zone, kind) = (self.zone(), task.kind.parse::<TaskKind>().ok());
        let message = MessageId::try_from(task.message_id.as_ref()).ok();
        let deadline = task.deadline.parse::<DeadlineName>().ok();
        let due = deadline.map(|name| if w.lang == Lang::Zh { name.zh() } else { name.en() }).unwrap_or_default();
        let what = if w.lang == Lang::Zh { task.text_zh.clone() } else { spoken(&task.kind) };
        TaskLine {
            id: certs::signed::hex(&task.task_id),
            what: [what.as_str(), due].join(" ").trim().to_owned(),
            whom: if task.jurisdiction.is_empty() { String::new() } else { self.name_of(&task.jurisdiction, w) },
            title: rules::inert(&task.title),
            path: message.map(|id| format!("/m/{id}")).unwrap_or_default(),
            message: message.map(|id| id.to_string()).unwrap_or_default(),
            jurisdiction: task.jurisdiction,
            at: clock::of_wire(task.at).map(|at| (zone.short(at), zone.whole(at))).unwrap_or_default(),
            person: rules::inert(&task.person),
            phone: rules::inert(&task.phone),
            detail: rules::inert(&task.detail),
            by_phone: message.is_some() && matches!(kind, Some(TaskKind::CallByPhone | TaskKind::VoiceFallback)),
        }
    }

    pub(super) fn owed_line(&self, owed: &v1::DeadlineSeen, w: Words) -> Option<OwedLine> {
        let ring = Ring::of(owed, w, self.zone())?;
        let id = MessageId::try_from(owed.message_id.as_ref()).ok();
        let title = id.and_then(|id| self.desk.summary(id).ok()).map(|found| rules::inert(&found.title));
        let known = title.is_some();
        let incident = rules::inert(&owed.incident_id);
        let of_incident = if incident.is_empty() { String::new() } else { format!("/incidents/{incident}") };
        Some(OwedLine {
            who: self.name_of(&owed.jurisdiction, w),
            ring,
            title: title.unwrap_or_else(|| if incident.is_empty() { rules::inert(&owed.subject) } else { incident }),
            path: id.filter(|_| known).map_or(of_incident, |id| format!("/m/{id}")),
            named: (
                certs::signed::hex(&owed.matter),
                owed.name.clone(),
                owed.jurisdiction.clone(),
                owed.subject.clone(),
            ),
        })
    }

    /// Who gave the report of which day, as far as it is known here. Silence is never shown as zero.
    fn weeks(&self, w: Words) -> Result<(Vec<String>, Vec<Week>), Invalid> {
        let zone = self.zone();
        let day = |at: Timestamp| at.civil(model::thread::duty::REGION_OFFSET_MIN).date_number();
        let last: Vec<Timestamp> =
            (0..DAYS).rev().map(|back| zone.now.minus(std::time::Duration::from_hours(24 * back))).collect();
        let all =
            self.desk.deadlines(&v1::DeadlinesRequest { all: true, limit: 1_000, ..Default::default() })?.deadlines;
        let mut by: BTreeMap<String, BTreeMap<u32, v1::DeadlineSeen>> = BTreeMap::new();
        for owed in all.into_iter().filter(|owed| owed.name == DeadlineName::D18.name()) {
            if let Some(at) = clock::of_wire(owed.due_at) {
                by.entry(owed.jurisdiction.clone()).or_default().insert(day(at), owed);
            }
        }
        let week = |(who, days): (&String, &BTreeMap<u32, v1::DeadlineSeen>)| Week {
            who: self.name_of(who, w),
            days: last.iter().map(|at| self.day(days.get(&day(*at)), w)).collect(),
        };
        let head = |at: &Timestamp| {
            let civil = at.civil(model::thread::duty::REGION_OFFSET_MIN);
            format!("{:02}-{:02}", civil.month, civil.day)
        };
        Ok((last.iter().map(head).collect(), by.iter().map(week).collect()))
    }

    fn day(&self, owed: Option<&v1::DeadlineSeen>, w: Words) -> Day {
        let day = |sign, key: &str| Day { sign, word: w.t(key), path: String::new() };
        let Some(owed) = owed else { return day("·", "tracker-none") };
        let given = MessageId::try_from(owed.met_by.as_ref()).ok();
        let late = owed.standing() == v1::DeadlineStanding::Breached;
        let shown = match (given, owed.standing()) {
            (Some(id), _) if self.says_zero(id) => day("✓", if late { "tracker-zero-late" } else { "tracker-zero" }),
            (Some(_), _) => day("●", if late { "tracker-daily-late" } else { "tracker-daily" }),
            (None, v1::DeadlineStanding::Running | v1::DeadlineStanding::Warned) => day("○", "tracker-not-yet"),
            (None, v1::DeadlineStanding::Breached) if owed.rung.is_empty() => day("!", "tracker-late"),
            (None, v1::DeadlineStanding::Breached) => day("–", "tracker-missing"),
            (None, _) => day("·", "tracker-waived"),
        };
        Day { path: given.map(|id| format!("/m/{id}")).unwrap_or_default(), ..shown }
    }

    fn says_zero(&self, id: MessageId) -> bool {
        let body = self.desk.content_of(id).ok().flatten().and_then(|(content, _)| content.body?.body);
        matches!(body, Some(v1::body::Body::DutyReport(report)) if report.report() == v1::DutyReportForm::Zero)
    }
}

/// `CALL_BY_PHONE` as people read it.
fn spoken(name: &str) -> String {
    name.to_lowercase().replace('_', " ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_in_addresses_are_hex_or_nothing() {
        assert_eq!(super::unhex("00ff"), Some(vec![0, 255]));
        for bad in ["0", "0g", "é0", &"0".repeat(258)] {
            assert_eq!(super::unhex(bad), None, "{bad}");
        }
    }
}
