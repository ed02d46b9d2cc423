//! The wall: read only, for a screen that nobody sits at. What is owed by precedence, what is due next, what is FLASH.

use std::sync::Arc;

use askama::Template;
use axum::{Router, extract::State, response::Response, routing};
use model::{ids::MessageId, precedence::Precedence, status::Status};
use proto::v1;

use super::duty::OwedLine;
use crate::console::{
    Console,
    failure::{Failure, filled},
    frame::Frame,
    gate::{Listening, Seated},
    stream, view,
    words::Words,
};

/// What stands on the wall at most.
const LINES_MAX: usize = 8;

pub fn routes() -> Router<Arc<Console>> {
    Router::new().route("/wall", routing::get(show)).route("/events/wall", routing::get(live))
}

/// How many messages of a precedence somebody here owes something on.
#[derive(Clone, Debug)]
pub struct Number {
    /// Its class.
    pub class: &'static str,
    /// Its mark.
    pub mark: &'static str,
    /// Its word.
    pub word: String,
    /// How many.
    pub count: usize,
}

/// What stands on the wall.
#[derive(Clone, Debug)]
pub struct Wall {
    /// One a precedence, the most urgent first.
    pub numbers: Vec<Number>,
    /// FLASH messages on which we owe something.
    pub flashes: Vec<OwedLine>,
    /// What we owe next.
    pub ours: Vec<OwedLine>,
    /// What others owe us next.
    pub theirs: Vec<OwedLine>,
    /// What is to be done.
    pub tasks: u64,
    /// What nobody has opened.
    pub unopened: u64,
}

#[derive(Template)]
#[template(path = "wall.html")]
struct Page {
    f: Frame,
    w: Words,
    wall: Wall,
}

async fn show(State(console): State<Arc<Console>>, by: Seated) -> Result<Response, Failure> {
    let w = by.visitor.words;
    let f = console.frame(&by, "/wall", w.t("wall"));
    Ok(filled(&Page { f, w, wall: console.wall(w) }))
}

#[derive(Template)]
#[template(path = "parts/wall_numbers.html")]
struct Part {
    w: Words,
    wall: Wall,
}

async fn live(State(console): State<Arc<Console>>, Listening(by): Listening) -> Response {
    let w = by.visitor.words;
    stream::live(console, by.person.key, move |console, _| Ok(Part { w, wall: console.wall(w) }))
}

impl Console {
    fn wall(&self, w: Words) -> Wall {
        let us = self.desk.names.jurisdiction().as_str();
        // an exercise is counted nowhere
        let real = self.owed("").into_iter().filter_map(|owed| Some((self.precedence_of(&owed)?, owed)));
        let (ours, theirs): (Vec<_>, Vec<_>) = real.partition(|(_, owed)| owed.jurisdiction == us);
        let number = |of: &Precedence| {
            let (mark, class) = view::badge(Some(*of));
            let messages: std::collections::BTreeSet<_> =
                ours.iter().filter(|(own, _)| own == of).map(|(_, owed)| owed.message_id.clone()).collect();
            Number { class, mark, word: w.precedence(of.number()), count: messages.len() }
        };
        let lines = |all: &mut dyn Iterator<Item = &v1::DeadlineSeen>| {
            all.filter_map(|owed| self.owed_line(owed, w)).take(LINES_MAX).collect::<Vec<_>>()
        };
        Wall {
            numbers: Precedence::ALL.iter().map(number).collect(),
            flashes: lines(&mut ours.iter().filter(|(of, _)| *of == Precedence::Flash).map(|(_, owed)| owed)),
            ours: lines(&mut ours.iter().map(|(_, owed)| owed)),
            theirs: lines(&mut theirs.iter().map(|(_, owed)| owed)),
            tasks: self.open_tasks(),
            unopened: self.unopened(),
        }
    }

    /// The precedence of what something is owed on; none for an exercise. What is owed without a message is routine.
    fn precedence_of(&self, owed: &v1::DeadlineSeen) -> Option<Precedence> {
        let id = MessageId::try_from(owed.message_id.as_ref()).ok();
        let Some(header) = id.and_then(|id| self.desk.summary(id).ok()).and_then(|found| found.header) else {
            return Some(Precedence::Routine);
        };
        let real = header.status != Status::Exercise.number();
        real.then(|| Precedence::from_number(header.precedence).unwrap_or(Precedence::Routine))
    }
}
