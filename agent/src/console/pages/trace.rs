//! The way of one message: one line a recipient, one column a stage, and below it the evidence itself.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing,
};
use model::{ids::MessageId, invalid::Invalid, stage::Stage, time::Timestamp};
use prost::Message as _;
use proto::{rules, v1};

use crate::console::{
    Console, clock,
    failure::{Failure, filled},
    frame::Frame,
    gate::{Listening, Seated},
    stream,
    view::{self, Line, Ring, Signed},
    words::Words,
};

/// Bytes of a content that are shown in hex.
const HEX_BYTES_MAX: usize = 4_096;
/// The columns; the fourth is reached by a promise too.
const COLUMNS: [Stage; 5] = [Stage::Accepted, Stage::Delivered, Stage::Opened, Stage::Acknowledged, Stage::Answered];

pub fn routes() -> Router<Arc<Console>> {
    Router::new().route("/m/{id}/trace", routing::get(show)).route("/events/m/{id}/trace", routing::get(live))
}

/// What stands where a recipient and a stage meet.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// When, short and whole; empty where it is not reached.
    pub at: (String, String),
    /// How long after the stage before.
    pub after: String,
    /// Who.
    pub who: String,
    /// The stage's word where it is not the column's.
    pub word: String,
    /// `done`, `waiting`.
    pub class: &'static str,
    /// What runs here.
    pub ring: Option<Ring>,
}

/// One recipient.
#[derive(Clone, Debug)]
pub struct Way {
    /// Its name.
    pub who: String,
    /// Its stages.
    pub cells: Vec<Cell>,
    /// A negative end: what, when and why.
    pub ended: String,
}

/// A receipt below the table.
#[derive(Clone, Debug)]
pub struct Proof {
    /// When.
    pub at: (String, String),
    /// What it says.
    pub text: String,
    /// Who signed.
    pub place: String,
    /// About which recipient.
    pub whose: String,
    /// The person.
    pub who: String,
    /// Its signature was checked and is good.
    pub good: bool,
}

/// The table and what it is drawn from.
#[derive(Clone, Debug)]
pub struct Table {
    /// When it was queued here, short and whole; empty for what came from others.
    pub queued: (String, String),
    /// The columns' words.
    pub columns: Vec<String>,
    /// One a recipient.
    pub ways: Vec<Way>,
    /// Every receipt, in the order of time.
    pub proofs: Vec<Proof>,
    /// Why the broker took no charge; empty where it did.
    pub refused: String,
}

#[derive(Template)]
#[template(path = "trace.html")]
struct Page {
    f: Frame,
    w: Words,
    line: Line,
    from: String,
    seal: String,
    bytes: String,
    table: Table,
    json: String,
    hex: String,
    withheld: bool,
    live: String,
}

async fn show(State(console): State<Arc<Console>>, Path(id): Path<String>, by: Seated) -> Result<Response, Failure> {
    let refused = |invalid: Invalid| by.refused(invalid);
    let id: MessageId = id.parse().map_err(refused)?;
    let w = by.visitor.words;
    let shown = console.desk.show_to(id, Some(&by.person.reader())).map_err(refused)?;
    let summary = shown.summary.clone().unwrap_or_default();
    let header = summary.header.clone().unwrap_or_default();
    let sender = header.sender.clone().unwrap_or_default().jurisdiction;
    let line = console.sent_line(&summary, &view::Owed::new(), w);
    let envelope = shown.envelope.clone().unwrap_or_default();
    let seal = envelope.seal.as_ref().map(|seal| certs::signed::hex(&seal.key_id)).unwrap_or_default();
    let hides = console.hides(&summary, &by);
    if !hides && !shown.withheld {
        console.note_viewed(&by, id).await.map_err(refused)?;
    }
    let page = Page {
        from: console.name_of(&sender, w),
        seal,
        bytes: envelope.content.len().to_string(),
        table: console.table(id, w).map_err(refused)?,
        json: json(&shown, hides),
        hex: if hides { String::new() } else { hex(&envelope.content) },
        withheld: shown.withheld,
        live: format!("/events/m/{id}/trace"),
        f: console.frame(&by, "/m", format!("{} {}", w.t("trace"), line.title)),
        line,
        w,
    };
    Ok(filled(&page))
}

#[derive(Template)]
#[template(path = "parts/trace_table.html")]
struct Part {
    w: Words,
    table: Table,
}

/// The table, as it fills.
async fn live(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Listening(by): Listening,
) -> Result<Response, Failure> {
    let id: MessageId = id.parse().map_err(|invalid| by.refused(invalid))?;
    let w = by.visitor.words;
    Ok(stream::live(console, by.person.key, move |console, _| Ok(Part { w, table: console.table(id, w)? })))
}

impl Console {
    /// A body that nobody has opened is not shown by the way of its trace.
    fn hides(&self, summary: &v1::MessageSummary, by: &Seated) -> bool {
        let header = summary.header.clone().unwrap_or_default();
        let sender = header.sender.unwrap_or_default().jurisdiction;
        let stage = summary.states.first().and_then(|state| Stage::from_number(state.stage));
        let ours = sender == self.desk.names.jurisdiction().as_str();
        by.person.officer().is_none() || (!ours && stage.is_none_or(|stage| stage < Stage::Opened))
    }

    /// The table of a message, from the receipts that are here.
    fn table(&self, id: MessageId, w: Words) -> Result<Table, Invalid> {
        let zone = self.zone();
        let summary = self.desk.summary(id)?;
        let header = summary.header.clone().unwrap_or_default();
        let ours =
            header.sender.as_ref().is_some_and(|sender| sender.jurisdiction == self.desk.names.jurisdiction().as_str());
        let receipts = self.desk.receipts(id)?;
        let mut signed: Vec<Signed> = receipts.iter().filter_map(view::signed).collect();
        signed.sort_by_key(|one| one.at);
        let owed: Vec<_> = self.owed("").into_iter().filter(|owed| owed.message_id == header.message_id).collect();
        let queued = clock::of_wire(summary.at).filter(|_| ours);
        let whole = |at: Option<Timestamp>| at.map(|at| (zone.second(at), zone.whole(at))).unwrap_or_default();
        let way = |state: &v1::DeliveryState| {
            let due: Vec<_> = owed.iter().filter(|owed| owed.jurisdiction == state.jurisdiction).collect();
            self.way(&state.jurisdiction, &signed, &due, queued, w)
        };
        let mut proofs = receipts.iter().filter_map(|receipt| self.proof(receipt, w)).collect::<Vec<_>>();
        proofs.sort_by(|a, b| a.at.1.cmp(&b.at.1));
        let refusal = summary.refusal.as_ref();
        let refused = refusal.map(|refusal| if w.tag() == "en" { &refusal.text_en } else { &refusal.text_zh });
        Ok(Table {
            queued: whole(queued),
            columns: COLUMNS.iter().map(|stage| w.stage(stage.number())).collect(),
            ways: summary.states.iter().map(way).collect(),
            proofs,
            refused: refused.map(|text| rules::inert(text)).unwrap_or_default(),
        })
    }

    fn way(
        &self,
        recipient: &str,
        signed: &[Signed],
        due: &[&v1::DeadlineSeen],
        queued: Option<Timestamp>,
        w: Words,
    ) -> Way {
        let zone = self.zone();
        let mine: Vec<&Signed> =
            signed.iter().filter(|one| one.recipient == recipient || one.recipient.is_empty()).collect();
        let mut before = queued;
        let mut cells = Vec::with_capacity(COLUMNS.len());
        for column in COLUMNS {
            let fits = |one: &&&Signed| {
                one.stage == column || (column == Stage::Acknowledged && one.stage == Stage::WillAnswer)
            };
            let found = mine.iter().filter(fits).min_by_key(|one| (one.stage, one.at));
            let runs = || due.iter().find(|owed| view::is_acknowledgement(owed) == (column == Stage::Acknowledged));
            let waits = matches!(column, Stage::Acknowledged | Stage::Answered);
            cells.push(match found {
                Some(one) => Cell {
                    at: (zone.second(one.at), zone.whole(one.at)),
                    after: before.map(|before| clock::later(one.at.since(before), w)).unwrap_or_default(),
                    who: one.officer.clone(),
                    word: if one.stage == column { String::new() } else { w.stage(one.stage.number()) },
                    class: "done",
                    ring: None,
                },
                None => Cell {
                    class: "waiting",
                    ring: if waits { runs().and_then(|owed| Ring::of(owed, w, zone)) } else { None },
                    ..Cell::default()
                },
            });
            before = found.map(|one| one.at).or(before);
        }
        let ended = mine.iter().find(|one| one.stage.is_negative());
        let ended = ended.map(|one| [w.stage(one.stage.number()), zone.second(one.at), one.note.clone()].join(" "));
        Way { who: self.name_of(recipient, w), cells, ended: ended.unwrap_or_default() }
    }

    fn proof(&self, receipt: &v1::Receipt, w: Words) -> Option<Proof> {
        let zone = self.zone();
        let one = view::signed(receipt)?;
        Some(Proof {
            at: (zone.second(one.at), zone.whole(one.at)),
            text: [w.stage(one.stage.number()), one.note].join(" ").trim().to_owned(),
            place: rules::inert(&one.by),
            whose: if one.recipient.is_empty() { String::new() } else { self.name_of(&one.recipient, w) },
            who: one.officer,
            good: self.desk.trust.verify_receipt(receipt).is_ok(),
        })
    }
}

/// The message as JSON, without what this person may not read.
fn json(shown: &v1::ShowResponse, hides: bool) -> String {
    let content = shown.content.clone().unwrap_or_default();
    let content = if hides { v1::Content { header: content.header, ..Default::default() } } else { content };
    let value = rules::message_to_json("Content", &content.encode_to_vec());
    rules::inert(&serde_json::to_string_pretty(&value).unwrap_or_default())
}

/// Sixteen bytes a line.
fn hex(bytes: &[u8]) -> String {
    let lines = bytes.get(..HEX_BYTES_MAX.min(bytes.len())).unwrap_or_default().chunks(16).enumerate();
    let line = |(at, line): (usize, &[u8])| {
        let hex: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:06x}  {}\n", at * 16, hex.join(" "))
    };
    let mut text: String = lines.map(line).collect();
    if bytes.len() > HEX_BYTES_MAX {
        text.push_str("…\n");
    }
    text
}
