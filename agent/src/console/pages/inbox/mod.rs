//! What came, by precedence, and what we sent: the list on the left, one message on the right.

mod list;

use std::sync::Arc;

use askama::Template;
use axum::{Router, extract::State, response::Response, routing};
use model::{ids::MessageId, invalid::Invalid};
use proto::v1;

use self::list::{Asked, List, Tab};
use super::message::Detail;
use crate::console::{
    Console,
    failure::{Failure, filled, see_other},
    frame::{Entry, Frame},
    gate::{Act, Form, Listening, Seated},
    stream,
    words::Words,
};

/// In the rail.
pub const ENTRY: Entry = Entry { path: "/inbox", key: "inbox", icon: "inbox", letter: "i", count: Console::unopened };

pub fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/inbox", routing::get(show))
        .route("/inbox/acknowledge", routing::post(acknowledge_routine))
        .route("/events/inbox", routing::get(live))
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct Page {
    f: Frame,
    w: Words,
    list: List,
    detail: Option<Detail>,
    live: String,
}

async fn show(State(console): State<Arc<Console>>, by: Seated) -> Result<Response, Failure> {
    let asked = Asked::of(&by.visitor.to);
    let w = by.visitor.words;
    let list = console.list(&by.person, &asked, w).map_err(|invalid| by.refused(invalid))?;
    let detail = match asked.chosen {
        Some(id) => Some(console.detail(&by, id, asked.here()).await?),
        None => None,
    };
    let title = if asked.tab == Tab::Sent { w.t("inbox-tab-sent") } else { w.t("inbox") };
    let f = console.frame(&by, ENTRY.path, title);
    Ok(filled(&Page { f, w, list, detail, live: asked.live() }))
}

#[derive(Template)]
#[template(path = "parts/inbox_list.html")]
struct Part {
    w: Words,
    list: List,
}

/// The list, whenever something of it changes.
async fn live(State(console): State<Arc<Console>>, Listening(by): Listening) -> Response {
    let asked = Asked::of(&by.visitor.to);
    let w = by.visitor.words;
    stream::live(console, by.person.key, move |console, person| Ok(Part { w, list: console.list(person, &asked, w)? }))
}

/// Several at once, for ROUTINE alone: whatever else is named is left as it is.
async fn acknowledge_routine(State(console): State<Arc<Console>>, Act { by, form }: Act) -> Result<Response, Failure> {
    let officer = by.officer()?;
    for id in chosen(&form) {
        let id = id.map_err(|invalid| by.refused(invalid))?;
        let routine = console.is_routine(id).map_err(|invalid| by.refused(invalid))?;
        if routine {
            let ask = v1::AcknowledgeRequest {
                message_id: id.0.to_vec().into(),
                officer: Some(officer.clone()),
                ..Default::default()
            };
            console.desk.acknowledge(ask).await.map_err(|invalid| by.refused(invalid))?;
        }
    }
    Ok(see_other(&form.back()))
}

fn chosen(form: &Form) -> impl Iterator<Item = Result<MessageId, Invalid>> {
    form.all("id").map(str::parse)
}

impl Console {
    fn is_routine(&self, id: MessageId) -> Result<bool, Invalid> {
        let header = self.desk.summary(id)?.header.unwrap_or_default();
        Ok(header.precedence() == v1::Precedence::Routine)
    }
}
