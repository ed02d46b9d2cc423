//! Resources of every member, searched: brought up to date from the broker, or from the copies here when the line is down.

use std::sync::Arc;

use askama::Template;
use axum::{Router, extract::State, response::Response, routing};
use model::{
    catalogue::{Readiness, ResourceKind},
    invalid::Invalid,
};
use proto::{rules, status::Lang, v1};

use crate::console::{
    Console, clock,
    failure::{Failure, filled},
    frame::{Entry, Frame},
    gate::{Form, Seated},
    sheet::Choice,
    words::Words,
};

/// Records of one page.
const PAGE: u32 = 50;

/// In the rail.
pub const ENTRY: Entry =
    Entry { path: "/catalogue", key: "catalogue", icon: "search", letter: "c", count: Console::nothing_to_count };

pub fn routes() -> Router<Arc<Console>> {
    Router::new().route("/catalogue", routing::get(show))
}

/// A record of a catalogue.
#[derive(Clone, Debug)]
pub struct RecordLine {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What sort it is.
    pub kind: String,
    /// Whose it is.
    pub owner: String,
    /// How many are free, of all.
    pub quantity: String,
    /// Whether it is ready, in a word; what uses it.
    pub readiness: String,
    /// It may be asked for now.
    pub ready: bool,
    /// How far it is, in km.
    pub distance: String,
    /// How soon it can leave.
    pub mobilise: String,
    /// Whom to call.
    pub contact: String,
    /// See above.
    pub phone: String,
    /// How good the record is, of 100, and what it lacks.
    pub quality: u32,
    /// See above.
    pub flaws: String,
    /// When it was verified last.
    pub verified: (String, String),
    /// What limits it.
    pub limits: String,
}

#[derive(Template)]
#[template(path = "catalogue.html")]
struct Page {
    f: Frame,
    w: Words,
    text: String,
    near: String,
    kinds: Vec<Choice>,
    states: Vec<Choice>,
    members: Vec<Choice>,
    lines: Vec<RecordLine>,
    found: u64,
    /// Where the next records are; empty at the end.
    more: String,
    /// Catalogues that are copies: whose, and of when.
    copies: Vec<String>,
    problem: String,
}

async fn show(State(console): State<Arc<Console>>, by: Seated) -> Result<Response, Failure> {
    let w = by.visitor.words;
    let query = Form::read(by.visitor.to.split_once('?').map_or("", |(_, query)| query).as_bytes());
    let ask = asked(&query);
    // what cannot be asked is said above the form, which stays as it was filled in
    let (answer, problem) = match console.desk.search_catalogue(&ask).await {
        Ok(answer) => (answer, String::new()),
        Err(invalid) => (v1::SearchCatalogueResponse::default(), text_of(&invalid, w)),
    };
    let next = ask.offset.saturating_add(PAGE);
    let more = if next < answer.found { format!("/catalogue?{}", with_offset(&query, next)) } else { String::new() };
    let page = Page {
        f: console.frame(&by, ENTRY.path, w.t("catalogue")),
        w,
        text: query.get("q").to_owned(),
        near: query.get("near").to_owned(),
        kinds: choices(ResourceKind::ALL, query.get("kind"), w),
        states: choices(Readiness::ALL, query.get("state"), w),
        members: console.members_to_choose(query.get("of"), w),
        lines: answer.resources.iter().map(|seen| console.record_line(seen, w)).collect(),
        found: u64::from(answer.found),
        more,
        copies: answer
            .catalogues
            .iter()
            .filter(|seen| seen.from_cache)
            .map(|seen| console.copy_line(seen, w))
            .collect(),
        problem,
    };
    Ok(filled(&page))
}

fn text_of(invalid: &Invalid, w: Words) -> String {
    let (zh, en) = proto::status::texts(invalid);
    if w.lang == Lang::Zh { zh } else { en }
}

fn with_offset(query: &Form, offset: u32) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    for name in ["q", "kind", "state", "of", "near"] {
        out.append_pair(name, query.get(name));
    }
    out.append_pair("offset", &offset.to_string()).finish()
}

fn asked(query: &Form) -> v1::SearchCatalogueRequest {
    let one = |name: &str| query.get(name).trim().to_owned();
    let mut near = None;
    if let Some((lat, lon)) = one("near").split_once([',', '，']) {
        let e7 = |text: &str| text.trim().parse::<f64>().ok().filter(|degrees| degrees.abs() <= 180.0).map(degrees_e7);
        near = e7(lat).zip(e7(lon)).map(|(lat_e7, lon_e7)| v1::Point { lat_e7, lon_e7 });
    }
    v1::SearchCatalogueRequest {
        text: one("q"),
        kinds: number(ResourceKind::ALL, query.get("kind")).into_iter().collect(),
        readiness: number(Readiness::ALL, query.get("state")).into_iter().collect(),
        owners: Some(one("of")).filter(|of| !of.is_empty()).into_iter().collect(),
        near,
        limit: PAGE,
        offset: one("offset").parse().unwrap_or(0),
        ..Default::default()
    }
}

/// Degrees in units of the seventh decimal; at most 180e7, which fits.
fn degrees_e7(degrees: f64) -> i32 {
    (degrees * 1e7).round() as i32
}

/// A list of the contract whose values have names.
trait Listed: Copy + 'static {
    fn called(self) -> (&'static str, &'static str, i32);
}

impl Listed for ResourceKind {
    fn called(self) -> (&'static str, &'static str, i32) {
        (self.name(), self.zh(), self.number())
    }
}

impl Listed for Readiness {
    fn called(self) -> (&'static str, &'static str, i32) {
        (self.name(), self.zh(), self.number())
    }
}

fn number<T: Listed>(all: &[T], name: &str) -> Option<i32> {
    all.iter().map(|one| one.called()).find(|(own, ..)| *own == name).map(|(_, _, number)| number)
}

fn word(called: (&'static str, &'static str, i32), w: Words) -> String {
    if w.lang == Lang::Zh { called.1.to_owned() } else { called.0.to_lowercase().replace('_', " ") }
}

fn choices<T: Listed>(all: &[T], chosen: &str, w: Words) -> Vec<Choice> {
    let choice = |one: &T| Choice {
        value: one.called().0.to_owned(),
        label: word(one.called(), w),
        chosen: one.called().0 == chosen,
    };
    all.iter().map(choice).collect()
}

impl Console {
    fn members_to_choose(&self, chosen: &str, w: Words) -> Vec<Choice> {
        let trusted = self.desk.trust.now();
        let choice = |id: String| Choice { label: self.name_of(&id, w), chosen: id == chosen, value: id };
        trusted.directory.members().map(|member| choice(member.id.to_string())).collect()
    }

    fn copy_line(&self, seen: &v1::CatalogueSeen, w: Words) -> String {
        let zone = self.zone();
        let at = clock::of_wire(seen.as_of).map(|at| zone.short(at)).unwrap_or_default();
        format!("{} {at}", self.name_of(&seen.owner, w))
    }

    fn record_line(&self, seen: &v1::ResourceSeen, w: Words) -> RecordLine {
        let record = seen.record.clone().unwrap_or_default();
        let zone = self.zone();
        let contact = record.contact_24h.clone().unwrap_or_default();
        let state = Readiness::from_number(seen.readiness);
        let used: Vec<String> =
            seen.uses.iter().map(|used| rules::inert(&used.mission)).filter(|id| !id.is_empty()).collect();
        let free = record.quantity_available.map(|n| n.to_string()).unwrap_or_default();
        let all = record.quantity_total.map(|n| format!("/{n}")).unwrap_or_default();
        let flaw = |flaw: &v1::FlawSeen| if w.lang == Lang::Zh { flaw.text_zh.clone() } else { flaw.text_en.clone() };
        let verified = clock::of_wire(record.last_verified_at);
        RecordLine {
            id: rules::inert(&record.resource_id),
            name: rules::inert(&record.name),
            kind: ResourceKind::from_number(record.kind).map(|kind| word(kind.called(), w)).unwrap_or_default(),
            owner: self.name_of(&seen.owner, w),
            quantity: format!("{free}{all} {}", rules::inert(&record.unit)).trim().to_owned(),
            readiness: [state.map(|state| word(state.called(), w)).unwrap_or_default(), used.join(" ")].join(" "),
            ready: state == Some(Readiness::Ready) && !seen.expired,
            distance: seen.distance_m.map(|m| format!("{} km", m.div_ceil(1_000))).unwrap_or_default(),
            mobilise: record.mobilise_minutes.map(|n| w.count("catalogue-minutes", u64::from(n))).unwrap_or_default(),
            contact: rules::inert(&contact.name),
            phone: rules::inert(&contact.phone),
            quality: seen.quality,
            flaws: seen.flaws.iter().map(flaw).collect::<Vec<_>>().join(" · "),
            verified: verified.map(|at| (zone.short(at), zone.whole(at))).unwrap_or_default(),
            limits: rules::inert(&record.limiting_factors),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_from_the_address_and_goes_on_to_the_next_page() {
        let query = Form::read("q=泡沫&kind=TEAM&state=nonsense&near=34.45，118.36&of=320300".as_bytes());
        let ask = asked(&query);
        assert_eq!((ask.text.as_str(), ask.kinds.len(), ask.readiness.len()), ("泡沫", 1, 0));
        assert_eq!(ask.near, Some(v1::Point { lat_e7: 344_500_000, lon_e7: 1_183_600_000 }));
        assert_eq!(ask.owners, ["320300"]);
        let next = asked(&Form::read(with_offset(&query, 50).as_bytes()));
        assert_eq!((next.offset, next.text, next.kinds), (50, ask.text, ask.kinds));
        assert_eq!(asked(&Form::read(b"near=here")).near, None);
    }
}
