//! Resources: what is asked for, offered, promised and on its way, column by column; and one request with its three parts.

mod board;
mod request;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing,
};
use model::ids::MessageId;

use self::{
    board::{Board, Wanted},
    request::{Parts, Request},
};
use crate::console::{
    Console,
    failure::{Failure, filled},
    frame::{Entry, Frame},
    gate::{Listening, Seated},
    stream,
    words::Words,
};

/// In the rail.
pub const ENTRY: Entry =
    Entry { path: "/resources", key: "resources", icon: "board", letter: "r", count: Console::nothing_to_count };

pub fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/resources", routing::get(show))
        .route("/resources/{id}", routing::get(one))
        .route("/events/resources", routing::get(live))
        .route("/events/resources/{id}", routing::get(live_one))
}

#[derive(Template)]
#[template(path = "resources.html")]
struct Page {
    f: Frame,
    w: Words,
    board: Board,
    live: String,
}

async fn show(State(console): State<Arc<Console>>, by: Seated) -> Result<Response, Failure> {
    let (wanted, w) = (Wanted::of(&by.visitor.to), by.visitor.words);
    let board = console.board(&wanted, w).map_err(|invalid| by.refused(invalid))?;
    let f = console.frame(&by, ENTRY.path, w.t("resources"));
    Ok(filled(&Page { f, w, board, live: format!("/events{}", wanted.path()) }))
}

#[derive(Template)]
#[template(path = "parts/board.html")]
struct BoardPart {
    w: Words,
    board: Board,
}

/// The board, as it moves.
async fn live(State(console): State<Arc<Console>>, Listening(by): Listening) -> Response {
    let (wanted, w) = (Wanted::of(&by.visitor.to), by.visitor.words);
    stream::live(console, by.person.key, move |console, _| Ok(BoardPart { w, board: console.board(&wanted, w)? }))
}

#[derive(Template)]
#[template(path = "resource_request.html")]
struct RequestPage {
    f: Frame,
    w: Words,
    request: Request,
    parts: Parts,
    live: String,
}

async fn one(State(console): State<Arc<Console>>, Path(id): Path<String>, by: Seated) -> Result<Response, Failure> {
    let refused = |invalid| by.refused(invalid);
    let id: MessageId = id.parse().map_err(refused)?;
    let w = by.visitor.words;
    let request = console.request(&by, id).await?;
    let parts = console.request_parts(id, w).map_err(refused)?;
    let f = console.frame(&by, ENTRY.path, format!("{} · {}", w.t("resource-request"), request.title));
    Ok(filled(&RequestPage { f, w, request, parts, live: format!("/events/resources/{id}") }))
}

#[derive(Template)]
#[template(path = "parts/request_parts.html")]
struct RequestPart {
    w: Words,
    parts: Parts,
}

/// Where a request stands, as it moves.
async fn live_one(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Listening(by): Listening,
) -> Result<Response, Failure> {
    let id: MessageId = id.parse().map_err(|invalid| by.refused(invalid))?;
    let w = by.visitor.words;
    Ok(stream::live(console, by.person.key, move |console, _| {
        Ok(RequestPart { w, parts: console.request_parts(id, w)? })
    }))
}

impl Console {
    /// A rail without a number.
    #[expect(clippy::unused_self, reason = "an entry of the rail counts so")]
    pub(in crate::console) fn nothing_to_count(&self) -> u64 {
        0
    }
}
