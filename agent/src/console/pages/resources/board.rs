//! The board: every item that is asked for and every mission, in the column in which it stands. The same questions to the desk
//! as `liandong request board`.

use std::collections::BTreeSet;

use model::{
    ids::MessageId,
    invalid::Invalid,
    kind::{Family, Kind},
    stage::Stage,
};
use proto::{rules, status::Lang, v1};

use crate::console::{
    Console, clock,
    gate::Form,
    view::{self, Ring},
    words::Words,
};

/// Threads that are looked through, newest first.
const THREADS_MAX: u32 = 200;

/// What of the board is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    incident: String,
    all: bool,
}

impl Wanted {
    /// From the address of the page.
    pub fn of(to: &str) -> Self {
        let query = Form::read(to.split_once('?').map_or("", |(_, query)| query).as_bytes());
        Self { incident: query.get("incident").to_owned(), all: query.get("all") == "1" }
    }

    /// Where it is.
    pub fn path(&self) -> String {
        let incident = crate::console::failure::encoded(&self.incident);
        let all = if self.all { "&all=1" } else { "" };
        if incident.is_empty() && !self.all {
            "/resources".to_owned()
        } else {
            format!("/resources?incident={incident}{all}")
        }
    }

    fn other(&self) -> String {
        Self { all: !self.all, ..self.clone() }.path()
    }
}

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Names it.
    pub name: &'static str,
    /// Its heading.
    pub title: String,
    /// What stands in it.
    pub cards: Vec<Card>,
}

/// One item or mission.
#[derive(Clone, Debug)]
pub struct Card {
    /// Its request.
    pub path: String,
    /// Names it on the page.
    pub anchor: String,
    /// What is asked for, or which mission.
    pub what: String,
    /// To what end, and who asks.
    pub title: String,
    /// Who asks.
    pub asks: String,
    /// Who sends it; empty for an item.
    pub supplier: String,
    /// Where it stands, in words.
    pub state: String,
    /// How far it is filled; none for a mission.
    pub fill: Option<Fill>,
    /// The next that is owed.
    pub ring: Option<Ring>,
    /// Who owes it.
    pub owes: String,
    /// Nothing more happens to it.
    pub over: bool,
    /// When it is due to arrive.
    pub eta: (String, String),
    /// 演练: not real.
    pub exercise: bool,
}

/// How far an item is filled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fill {
    /// Promised, of all.
    pub committed: u64,
    /// All.
    pub quantity: u64,
    /// What nobody offers.
    pub uncovered: u64,
}

impl Fill {
    /// From what stands beside a part: `1/2 uncovered 1`.
    pub fn of(detail: &str) -> Option<Self> {
        let (numbers, uncovered) = detail.split_once(" uncovered ")?;
        let (committed, quantity) = numbers.split_once('/')?;
        Some(Self {
            committed: committed.parse().ok()?,
            quantity: quantity.parse().ok()?,
            uncovered: uncovered.parse().ok()?,
        })
    }

    /// Of 100: what is promised, and what is offered at least.
    pub fn parts(&self) -> (u64, u64) {
        let part = |n: u64| (n * 100).checked_div(self.quantity.max(1)).unwrap_or(0).min(100);
        (part(self.committed), part(self.quantity.saturating_sub(self.uncovered)))
    }

    /// What somebody offers.
    pub const fn offered(&self) -> u64 {
        self.quantity.saturating_sub(self.uncovered)
    }
}

/// The board.
#[derive(Clone, Debug)]
pub struct Board {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Nothing stands on it.
    pub empty: bool,
    /// Where it is with what is over, or without.
    pub other: String,
    /// What is over is shown too.
    pub all: bool,
    /// The incident that it is about alone.
    pub incident: String,
}

/// The columns and their words.
const COLUMNS: [(&str, &str); 6] = [
    ("requested", "board-requested"),
    ("offered", "board-offered"),
    ("committed", "board-committed"),
    ("moving", "board-moving"),
    ("arrived", "board-arrived"),
    ("returned", "board-returned"),
];

/// In which column a state stands.
fn column_of(state: &str) -> &'static str {
    match state {
        "OPEN" | "PARTLY_OFFERED" => "requested",
        "OFFERED" => "offered",
        "PARTLY_COMMITTED" | "FILLED" | "COMMITTED" => "committed",
        "MOBILISING" | "EN_ROUTE" => "moving",
        "ARRIVED" | "IN_USE" => "arrived",
        _ => "returned",
    }
}

/// One request and where it stands.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Its first message.
    pub first: v1::MessageSummary,
    /// What it says, as far as it is known here.
    pub asked: Option<v1::ResourceRequest>,
    /// Where it stands.
    pub matter: v1::MatterResponse,
}

impl Console {
    /// The board.
    pub(super) fn board(&self, wanted: &Wanted, w: Words) -> Result<Board, Invalid> {
        let ask = v1::ThreadsRequest { incident_id: wanted.incident.clone(), limit: THREADS_MAX, ..Default::default() };
        let mut seen = BTreeSet::new();
        let mut cards: Vec<(&'static str, Card)> = Vec::new();
        for line in self.desk.threads(&ask)?.messages {
            let Some(header) = line.header.filter(|header| is_resource(header.kind)) else { continue };
            if !seen.insert(header.originating_message_id.clone()) {
                continue;
            }
            // a thread whose beginning did not come here is no request that can be shown
            let Some(thread) = self.thread(&header.originating_message_id, &header.message_id)? else { continue };
            cards.extend(self.cards(&thread, w));
        }
        cards.retain(|(_, card)| wanted.all || !card.over);
        let column = |(name, key): &(&'static str, &str)| Column {
            name,
            title: w.t(key),
            cards: cards.iter().filter(|(of, _)| of == name).map(|(_, card)| card.clone()).collect(),
        };
        Ok(Board {
            empty: cards.is_empty(),
            columns: COLUMNS.iter().map(column).collect(),
            other: wanted.other(),
            all: wanted.all,
            incident: rules::inert(&wanted.incident),
        })
    }

    /// A request by its first message; where it stands is asked by any message of it.
    pub(super) fn thread(&self, first: &[u8], any: &[u8]) -> Result<Option<Thread>, Invalid> {
        let (Ok(first), Ok(any)) = (MessageId::try_from(first), MessageId::try_from(any)) else { return Ok(None) };
        let Ok(summary) = self.desk.summary(first) else { return Ok(None) };
        // what nobody here has opened shows no body by this way either
        let us = self.desk.names.jurisdiction().as_str();
        let header = summary.header.clone().unwrap_or_default();
        let ours = header.sender.is_some_and(|sender| sender.jurisdiction == us);
        let stage = summary.states.first().and_then(|state| Stage::from_number(state.stage));
        let shows = ours || stage.is_some_and(|stage| stage >= Stage::Opened);
        let content = if shows { self.desk.content_of(first)? } else { None };
        let asked = content.and_then(|(content, _)| match content.body?.body? {
            v1::body::Body::ResourceRequest(asked) => Some(asked),
            _ => None,
        });
        Ok(Some(Thread { first: summary, asked, matter: self.desk.matter(any)? }))
    }

    /// The cards of one request.
    fn cards(&self, thread: &Thread, w: Words) -> Vec<(&'static str, Card)> {
        let cancelled = thread.matter.state.as_ref().is_some_and(|state| state.name == "CANCELLED");
        let card = |part: &v1::PartSeen| {
            let state = part.state.clone().unwrap_or_default();
            let is_item = item_of(&part.name).is_some();
            let column = if cancelled && is_item { "returned" } else { column_of(&state.name) };
            (column, self.card(thread, part, &state, w))
        };
        thread.matter.parts.iter().map(card).collect()
    }

    /// The card of an item or a mission.
    pub(super) fn card(&self, thread: &Thread, part: &v1::PartSeen, state: &v1::StateSeen, w: Words) -> Card {
        let header = thread.first.header.clone().unwrap_or_default();
        let id = view::id_text(&header.message_id);
        let asks = header.sender.as_ref().map(|sender| sender.jurisdiction.clone()).unwrap_or_default();
        let fill = Fill::of(&part.detail);
        let mine = |owed: &&v1::DeadlineSeen| {
            owed.met_at.is_none() && (fill.is_some() == owed.subject.is_empty() || owed.subject == part.name)
        };
        let owed = thread.matter.deadlines.iter().filter(mine).filter(|owed| is_running(owed));
        let next = owed.min_by_key(|owed| owed.due_at.map(|at| at.seconds));
        let zone = self.zone();
        let eta = clock::of_wire(thread.asked.as_ref().and_then(|asked| asked.needed_by));
        Card {
            path: format!("/resources/{id}"),
            anchor: format!("card-{id}-{}", part.name.replace(|c: char| !c.is_ascii_alphanumeric(), "-")),
            what: item_of(&part.name).map_or_else(|| part.name.clone(), |no| item_text(thread.asked.as_ref(), no, w)),
            title: rules::inert(effect(&thread.first.title)),
            asks: self.name_of(&asks, w),
            supplier: if fill.is_none() { self.name_of(&part.detail, w) } else { String::new() },
            state: if w.lang == Lang::Zh { state.text_zh.clone() } else { spoken(&state.name) },
            ring: next.and_then(|owed| Ring::of(owed, w, zone)),
            owes: next.map(|owed| self.name_of(&owed.jurisdiction, w)).unwrap_or_default(),
            over: state.over,
            eta: eta.filter(|_| fill.is_some()).map(|at| (zone.short(at), zone.whole(at))).unwrap_or_default(),
            exercise: header.status == model::status::Status::Exercise.number(),
            fill,
        }
    }
}

/// `PARTLY_OFFERED` as people read it.
fn spoken(name: &str) -> String {
    name.to_lowercase().replace('_', " ")
}

fn is_running(owed: &v1::DeadlineSeen) -> bool {
    use v1::DeadlineStanding::{Breached, Running, Warned};
    matches!(owed.standing(), Running | Warned | Breached)
}

fn is_resource(kind: i32) -> bool {
    Kind::from_number(kind).is_some_and(|kind| kind.family() == Family::A2)
}

/// `item 2` is the second item; anything else is a mission.
fn item_of(part: &str) -> Option<u32> {
    part.strip_prefix("item ")?.parse().ok()
}

/// What an item asks for, in a line.
fn item_text(asked: Option<&v1::ResourceRequest>, no: u32, w: Words) -> String {
    let number = w.count("board-item", u64::from(no));
    let item = asked.and_then(|asked| asked.items.iter().find(|item| item.item_no == no));
    let said = item.map(|item| {
        let what = if item.description.is_empty() { &item.category_code } else { &item.description };
        rules::inert(what)
    });
    said.filter(|said| !said.is_empty()).unwrap_or(number)
}

/// What is wanted: a title that was made from the body begins with the kind.
fn effect(title: &str) -> &str {
    title.split_once('：').map_or(title, |(_, effect)| effect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_filled_as_far_as_is_promised_and_offered() {
        let fill = Fill::of("1/4 uncovered 2").unwrap();
        assert_eq!((fill.parts(), fill.offered()), ((25, 50), 2));
        assert_eq!(Fill::of("371300"), None);
        assert_eq!(Fill { committed: 9, quantity: 0, uncovered: 0 }.parts(), (100, 0));
    }

    #[test]
    fn every_state_of_items_and_missions_has_its_column() {
        use model::thread::resource::{ItemState, MissionState};
        let states =
            ItemState::ALL.iter().map(|state| state.name()).chain(MissionState::ALL.iter().map(|state| state.name()));
        let columns: BTreeSet<&str> = states.map(column_of).collect();
        assert_eq!(columns, COLUMNS.iter().map(|(name, _)| *name).collect());
        assert_eq!((column_of("LAPSED"), column_of("RECALLED")), ("returned", "returned"));
    }
}
