//! Two streams. `/events/…` carries what a page shows, made anew from state whenever something changes, so that an event which
//! is lost costs nothing once a later one comes. `/alarms` carries what happened, out of the journal: its ids are places there,
//! so nothing rings twice and nothing is missed.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use askama::Template;
use axum::{
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use model::{ids::Digest, invalid::Invalid, position::Position, precedence::Precedence, status::Status};
use proto::{
    rules,
    v1::{self, subscribe_response::Event as Happened},
};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    Console, clock,
    failure::Failure,
    gate::{Form, Listening},
    sessions::{Hand, Key, Person},
    view,
    words::Words,
};
use crate::{fold::keys, link::LinkState};

/// How often a stream says that it lives.
const LIFE: Duration = Duration::from_secs(10);
/// What happens within this time is shown at once.
const BURST: Duration = Duration::from_millis(80);
/// Records that are told again at most to a page that comes back.
const AGAIN_MAX: u64 = 10_000;

/// What a stream waits for.
struct Bells {
    folded: watch::Receiver<Position>,
    link: watch::Receiver<LinkState>,
}

impl Bells {
    fn of(console: &Console) -> Self {
        Self { folded: console.desk.bells.folded.subscribe(), link: console.desk.link.watch() }
    }

    /// From now on.
    fn silence(&mut self) {
        self.folded.borrow_and_update();
        self.link.borrow_and_update();
    }

    /// Until something changes, or a while has passed. False when nothing will change any more.
    async fn ring(&mut self) -> bool {
        tokio::select! {
            more = self.folded.changed() => more.is_ok(),
            more = self.link.changed() => more.is_ok(),
            () = tokio::time::sleep(LIFE) => true,
        }
    }
}

/// A part of a page, now and whenever it changes, for as long as the session lasts.
pub fn live<T, R>(console: Arc<Console>, key: Key, part: R) -> Response
where
    T: Template,
    R: Fn(&Console, &Person) -> Result<T, Invalid> + Send + Sync + 'static,
{
    let render = move |console: &Console, person: &Person| {
        part(console, person)?.render().map_err(|error| super::broken(&error.to_string()))
    };
    let bells = Bells::of(&console);
    let events = futures_util::stream::unfold(
        (console, bells, render, None),
        move |(console, mut bells, render, shown)| async move {
            loop {
                bells.silence();
                let person = console.sessions.look(key, Hand::Off, console.desk.clock.now())?;
                let at = console.desk.newest_cursor();
                match render(&console, &person) {
                    Ok(html) => {
                        let digest = Digest::of(html.as_bytes());
                        if shown != Some(digest) {
                            let event = Event::default().id(at.to_string()).data(html.replace('\r', ""));
                            return Some((Ok::<_, Infallible>(event), (console, bells, render, Some(digest))));
                        }
                    }
                    Err(problem) => {
                        tracing::warn!(%problem, "a part of a page cannot be made");
                        return None;
                    }
                }
                if !bells.ring().await {
                    return None;
                }
                tokio::time::sleep(BURST).await;
            }
        },
    );
    Sse::new(events).keep_alive(KeepAlive::new().interval(LIFE)).into_response()
}

/// Alarms: what came and went, what is owed, how the link is, what time it is at the agent.
pub async fn alarms(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    by: Result<Listening, Failure>,
) -> Response {
    // a browser asks an ended stream again and again; this it hears, and a refusal it does not
    let Ok(Listening(by)) = by else {
        let last = Event::default().data(ended().to_string());
        return Sse::new(futures_util::stream::iter([Ok::<_, Infallible>(last)])).into_response();
    };
    let query = Form::read(by.visitor.to.split_once('?').map_or("", |(_, query)| query).as_bytes());
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).unwrap_or(query.get("after"));
    let newest = console.desk.newest_cursor();
    let after = last.parse().ok().filter(|after| *after <= newest).unwrap_or(newest);
    let alarms = Alarms {
        bells: Bells::of(&console),
        at: keys::cursor_position(after),
        after,
        key: by.person.key,
        w: by.visitor.words,
        waiting: VecDeque::new(),
        told: None,
        over: false,
        console,
    };
    let events = futures_util::stream::unfold(alarms, |mut alarms| async move {
        let (after, value) = alarms.next().await?;
        let event = Event::default().id(after.to_string()).data(value.to_string());
        Some((Ok::<_, Infallible>(event), alarms))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(LIFE)).into_response()
}

struct Alarms {
    console: Arc<Console>,
    bells: Bells,
    key: Key,
    w: Words,
    at: Position,
    after: u64,
    waiting: VecDeque<(u64, Value)>,
    told: Option<Value>,
    /// The session has ended, and that was told.
    over: bool,
}

/// What a page hears last.
fn ended() -> Value {
    json!({ "type": "session.ended" })
}

impl Alarms {
    async fn next(&mut self) -> Option<(u64, Value)> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            self.bells.silence();
            let now = self.console.desk.clock.now();
            if self.over {
                return None;
            }
            let Some(person) = self.console.sessions.look(self.key, Hand::Off, now) else {
                self.over = true;
                return Some((self.after, ended()));
            };
            self.gather();
            self.tell_state(&person);
            if self.waiting.is_empty() {
                if !self.bells.ring().await {
                    return None;
                }
                let now = self.console.desk.clock.now().millis();
                self.waiting.push_back((self.after, json!({ "type": "agent.time", "now": now })));
            }
        }
    }

    /// What the journal says since the last event.
    fn gather(&mut self) {
        let through = self.console.desk.folded();
        self.at = self.at.max(Position(through.0.saturating_sub(AGAIN_MAX)));
        while self.at <= through && self.waiting.len() < 256 {
            let found = if self.at.0 == 0 { Ok(Vec::new()) } else { self.console.desk.events(self.at, self.after) };
            let found = found.unwrap_or_else(|problem| {
                tracing::error!(at = %self.at, %problem, "the alarms of a record cannot be told");
                Vec::new()
            });
            for event in found {
                self.after = event.cursor;
                if let Some(value) = event.event.and_then(|event| self.console.alarm(event, self.w)) {
                    self.waiting.push_back((self.after, value));
                }
            }
            self.at = self.at.next();
        }
    }

    /// What is owed and how the link is, when it is not as it was told last.
    fn tell_state(&mut self, person: &Person) {
        let state = self.console.state(person, self.w);
        if self.told.as_ref() != Some(&state) {
            self.told = Some(state.clone());
            self.waiting.push_back((self.after, state));
        }
    }
}

impl Console {
    fn alarm(&self, event: Happened, w: Words) -> Option<Value> {
        match event {
            Happened::Received(summary) => {
                let header = summary.header.clone().unwrap_or_default();
                let from = header.sender.as_ref().map(|sender| sender.jurisdiction.as_str()).unwrap_or_default();
                let (from, precedence) = (self.name_of(from, w), Precedence::from_number(header.precedence));
                let title = rules::inert(&summary.title);
                let kind = w.kind(header.kind);
                Some(json!({
                    "type": "delivery.new",
                    "id": view::id_text(&header.message_id),
                    "precedence": precedence.map_or("ROUTINE", Precedence::name),
                    "exercise": header.status == Status::Exercise.number(),
                    "say": format!("{} {kind} · {from} · {title}", w.precedence(header.precedence)),
                }))
            }
            Happened::Receipt(receipt) => {
                let signed = view::signed(&receipt)?;
                let statement: v1::ReceiptStatement = prost::Message::decode(receipt.statement).ok()?;
                let who = if signed.recipient.is_empty() { w.t("broker") } else { self.name_of(&signed.recipient, w) };
                Some(json!({
                    "type": "delivery.stage",
                    "id": view::id_text(&statement.message_id),
                    "stage": signed.stage.name(),
                    "say": format!("{who} {} {}", w.stage(signed.stage.number()), signed.officer).trim_end(),
                }))
            }
            Happened::Refused(refusal) => {
                let id = view::id_text(&refusal.message_id);
                Some(json!({ "type": "delivery.refused", "id": id, "say": w.t("alarm-refused") }))
            }
            Happened::LinkUp(_) => None,
        }
    }

    /// What a page needs to ring and to count.
    fn state(&self, person: &Person, w: Words) -> Value {
        let pill = self.pill(w);
        let owed = self.owed_by_us().into_iter().filter_map(|owed| {
            let id = model::ids::MessageId::try_from(owed.message_id.as_ref()).ok()?;
            let header = self.desk.summary(id).ok()?.header.unwrap_or_default();
            Some(json!({
                "id": id.to_string(),
                "name": owed.name,
                "precedence": Precedence::from_number(header.precedence).map_or("ROUTINE", Precedence::name),
                "exercise": header.status == Status::Exercise.number(),
                "starts": clock::of_wire(owed.starts_at)?.millis(),
                "due": clock::of_wire(owed.due_at)?.millis(),
            }))
        });
        json!({
            "type": "desk.state",
            "link": { "class": pill.class, "text": format!("{} {}", pill.sign, pill.text) },
            "unopened": self.unopened(),
            "acting": person.acting,
            "owed": owed.collect::<Vec<_>>(),
        })
    }
}
