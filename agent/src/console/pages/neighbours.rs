//! Neighbours and lines: who is linked, who is silent, whom to call; a schematic beside the table, and the test of the way.

use std::sync::Arc;

use askama::Template;
use axum::{Router, extract::State, response::Response, routing};
use model::{ids::JurisdictionId, invalid::Invalid};
use proto::{rules, status::Lang, v1};
use tokio::sync::mpsc;

use crate::{
    console::{
        Console, Noted,
        clock::{self, span},
        failure::{Failure, filled},
        frame::{Entry, Frame, Pill},
        gate::{Act, Seated},
        view::Ring,
        words::Words,
    },
    link,
};

/// Steps of a test at most.
const STEPS_MAX: usize = 64;
/// The middle of the schematic, and how far from it names stand.
const MIDDLE: f64 = 200.0;
const RING: f64 = 140.0;

/// In the rail.
pub const ENTRY: Entry =
    Entry { path: "/neighbours", key: "neighbours", icon: "link", letter: "v", count: Console::nothing_to_count };

pub fn routes() -> Router<Arc<Console>> {
    Router::new().route("/neighbours", routing::get(show)).route("/neighbours/test", routing::post(test))
}

/// A member of the region.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `up`, `down`, `unknown`: as the broker reports it.
    pub class: &'static str,
    /// Its sign and word.
    pub link: String,
    /// When the broker last heard of it.
    pub heard: (String, String),
    /// How far its clock is off.
    pub skew: String,
    /// Its program.
    pub software: String,
    /// What it owes us, and the next of it.
    pub owes: (usize, Option<Ring>),
    /// What we owe it, and the next of it.
    pub owed: (usize, Option<Ring>),
    /// Who is on duty there, and the telephone.
    pub person: String,
    /// See above.
    pub phone: String,
    /// Since when it owes, for the order of the table.
    since: i64,
}

/// A line of the schematic.
#[derive(Clone, Debug)]
pub struct Spoke {
    /// Whose.
    pub name: String,
    /// `up`, `down`, `unknown`.
    pub class: &'static str,
    /// Where it ends.
    pub end: (String, String),
    /// Where the name stands, and how it is set: `start`, `middle`, `end`.
    pub text: (String, String, &'static str),
    /// What it owes us.
    pub owes: usize,
}

/// A step of the test.
#[derive(Clone, Debug)]
pub struct Step {
    /// It holds.
    pub ok: bool,
    /// What was found.
    pub text: String,
    /// What to do.
    pub remedy: String,
    /// How long it took.
    pub took: String,
}

#[derive(Template)]
#[template(path = "neighbours.html")]
struct Page {
    f: Frame,
    w: Words,
    own: Pill,
    endpoint: String,
    /// Our own link is cut: the telephones come first.
    cut: bool,
    neighbours: Vec<Neighbour>,
    spokes: Vec<Spoke>,
    us: String,
    endings: Vec<(String, String)>,
    steps: Vec<Step>,
    /// The way to whom was tested; empty where none was.
    tested: String,
}

async fn show(State(console): State<Arc<Console>>, by: Seated) -> Result<Response, Failure> {
    Ok(filled(&console.neighbours(&by, Vec::new(), String::new()).await))
}

/// Tests the way, step by step; that somebody did is written down.
async fn test(State(console): State<Arc<Console>>, Act { by, form }: Act) -> Result<Response, Failure> {
    let refused = |invalid: Invalid| by.refused(invalid);
    by.officer()?;
    let to: JurisdictionId = form.get("to").parse().map_err(refused)?;
    console.note(Noted::by("LINK_TESTED", &by)).await.map_err(refused)?;
    let w = by.visitor.words;
    let (say, mut heard) = mpsc::channel(STEPS_MAX);
    let (desk, endpoints) = (console.desk.clone(), console.endpoints.clone());
    let run = async {
        let say = say;
        link::test::run(&desk, &endpoints, to.as_str(), &say).await;
    };
    let collect = async {
        let mut steps = Vec::new();
        while let Some(step) = heard.recv().await {
            steps.push(told(step, w));
        }
        steps
    };
    let ((), steps) = tokio::join!(run, collect);
    let tested = console.name_of(to.as_str(), w);
    Ok(filled(&console.neighbours(&by, steps, tested).await))
}

fn told(step: v1::LinkTestResponse, w: Words) -> Step {
    let zh = w.lang == Lang::Zh;
    let took = step.took.map(proto::border::time::length).unwrap_or_default();
    Step {
        ok: step.ok,
        text: if zh { step.text_zh } else { step.text_en },
        remedy: if zh { step.remedy_zh } else { step.remedy_en },
        took: format!("{} ms", took.as_millis()),
    }
}

impl Console {
    async fn neighbours(&self, by: &Seated, steps: Vec<Step>, tested: String) -> Page {
        let w = by.visitor.words;
        let state = self.desk.link.watch().borrow().clone();
        let links = self.desk.link.members().await;
        let us = self.desk.names.jurisdiction().clone();
        let owed = self.owed("");
        let trusted = self.desk.trust.now();
        let members = trusted.directory.members().filter(|member| member.id != us);
        let mut neighbours: Vec<Neighbour> =
            members.map(|member| self.neighbour(member.id.as_str(), &links, &owed, w)).collect();
        // who has owed something longest stands first
        neighbours.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        let spokes = neighbours.iter().filter_map(|one| {
            let from = trusted.directory.member(&us)?.centroid?;
            let to = trusted.directory.member(&one.id.parse().ok()?)?.centroid?;
            Some(spoke(one, bearing(from, to)))
        });
        let zone = self.zone();
        let endings = self.desk.endings(zone.now);
        let ending = |ending: &certs::ends::Ending| {
            let (zh, en) = ending.texts(zone.now);
            (zone.short(ending.at), if w.lang == Lang::Zh { zh } else { en })
        };
        Page {
            f: self.frame(by, ENTRY.path, w.t("neighbours")),
            w,
            own: self.pill(w),
            endpoint: rules::inert(&state.endpoint),
            cut: state.phase != link::Phase::Up,
            spokes: spokes.collect(),
            us: self.name_of(us.as_str(), w),
            endings: endings.iter().map(ending).collect(),
            neighbours,
            steps,
            tested,
        }
    }

    fn neighbour(&self, id: &str, links: &[v1::LinkState], owed: &[v1::DeadlineSeen], w: Words) -> Neighbour {
        let zone = self.zone();
        let state = links.iter().find(|state| state.jurisdiction == id);
        let (class, link) = match state {
            Some(state) if state.up => ("up", format!("● {}", w.t("neighbour-up"))),
            Some(_) => ("down", format!("✕ {}", w.t("neighbour-down"))),
            None => ("unknown", format!("– {}", w.t("neighbour-unknown"))),
        };
        let heard = state.and_then(|state| clock::of_wire(state.last_heard));
        let skew = state.and_then(|state| state.skew).map(|skew| {
            let ms = skew.seconds * 1_000 + i64::from(skew.nanos) / 1_000_000;
            format!("{}{}.{} s", if ms <= -100 { "−" } else { "+" }, ms.abs() / 1_000, ms.abs() / 100 % 10)
        });
        let theirs: Vec<_> = owed.iter().filter(|owed| owed.jurisdiction == id).collect();
        let us = self.desk.names.jurisdiction().as_str();
        let ours: Vec<_> = owed.iter().filter(|owed| owed.jurisdiction == us && self.is_from(owed, id)).collect();
        let first = |all: &[&v1::DeadlineSeen]| (all.len(), all.first().and_then(|owed| Ring::of(owed, w, zone)));
        let (person, phone) = self.on_duty_at(id, w);
        Neighbour {
            id: id.to_owned(),
            name: self.name_of(id, w),
            class,
            link,
            heard: heard
                .map(|at| (format!("{} {}", zone.second(at), ago(zone.now.since(at), w)), zone.whole(at)))
                .unwrap_or_default(),
            skew: skew.unwrap_or_default(),
            software: rules::inert(state.map_or("", |state| &state.software)),
            owes: first(&theirs),
            owed: first(&ours),
            person,
            phone,
            since: theirs.iter().filter_map(|owed| Some(owed.starts_at?.seconds)).min().unwrap_or(i64::MAX),
        }
    }

    /// Whether what is owed is owed on a message of this jurisdiction.
    fn is_from(&self, owed: &v1::DeadlineSeen, id: &str) -> bool {
        let message = model::ids::MessageId::try_from(owed.message_id.as_ref());
        let header = message.ok().and_then(|message| self.desk.summary(message).ok()).and_then(|found| found.header);
        header.and_then(|header| header.sender).is_some_and(|sender| sender.jurisdiction == id)
    }

    /// Who is on duty at a desk by its roster, and how to call them.
    pub(super) fn on_duty_at(&self, id: &str, w: Words) -> (String, String) {
        let ask = v1::OnDutyRequest { jurisdiction: id.to_owned(), ..Default::default() };
        let posts = self.desk.on_duty(&ask).map(|found| found.posts).unwrap_or_default();
        let filled = posts.iter().filter(|post| !post.people.is_empty());
        let post = filled.min_by_key(|post| post.role != v1::Role::DutyOfficer as i32);
        let person = post.and_then(|post| Some((post.people.first()?, post.role)));
        person.map_or_else(Default::default, |(person, role)| {
            let name = format!("{} {}", rules::inert(&person.name), w.role(role));
            (name, rules::inert(person.phones.first().map_or("", String::as_str)))
        })
    }
}

fn ago(time: std::time::Duration, w: Words) -> String {
    w.with("neighbour-ago", "ago", span(time, w))
}

/// The direction from one place to another, clockwise from north, in radians.
fn bearing(from: model::geometry::Point, to: model::geometry::Point) -> f64 {
    let degrees = |e7: i32| (f64::from(e7) / 1e7).to_radians();
    let (lat1, lat2) = (degrees(from.lat_e7()), degrees(to.lat_e7()));
    let across = degrees(to.lon_e7()) - degrees(from.lon_e7());
    let (y, x) = (across.sin() * lat2.cos(), lat1.cos() * lat2.sin() - lat1.sin() * lat2.cos() * across.cos());
    y.atan2(x)
}

fn spoke(of: &Neighbour, bearing: f64) -> Spoke {
    let place = |far: f64| (MIDDLE + far * bearing.sin(), MIDDLE - far * bearing.cos());
    let (end, text) = (place(RING), place(RING + 16.0));
    let anchor = match bearing.sin() {
        right if right > 0.3 => "start",
        left if left < -0.3 => "end",
        _ => "middle",
    };
    let number = |n: f64| format!("{n:.0}");
    Spoke {
        name: of.name.clone(),
        class: of.class,
        end: (number(end.0), number(end.1)),
        text: (number(text.0), number(text.1 + 5.0), anchor),
        owes: of.owes.0,
    }
}

#[cfg(test)]
mod tests {
    use model::geometry::Point;

    use super::*;

    #[test]
    fn north_is_up_and_east_is_right() {
        let linyi = Point::new(351_000_000, 1_183_500_000).unwrap();
        let at = |lat, lon| bearing(linyi, Point::new(lat, lon).unwrap()).to_degrees().round();
        assert!(at(361_000_000, 1_183_500_000).abs() < 1.0);
        assert!((at(351_000_000, 1_193_500_000) - 90.0).abs() <= 1.0);
        assert!((at(341_000_000, 1_183_500_000) - 180.0).abs() < 1.0);
    }
}
