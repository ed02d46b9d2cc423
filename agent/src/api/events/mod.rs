//! CloudEvents in: programs on this machine POST events to `/events`, and each becomes a message as the rules file lets its
//! source. An event told again is answered with the message that it was made.
//!
//! `serve` bounds connections, `guard` keeps strangers and browsers out, `answer` knows HTTP's codes.

mod answer;
mod guard;
mod serve;

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Request, header},
    response::Response,
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use model::{header::Header, invalid::Invalid, limits, reason::Reason};
use proto::status::Lang;
use serde_json::Value;

use self::answer::Answer;
pub use self::serve::{Door, serve};
use crate::{
    desk::{Desk, programs::EventName},
    formats::cloud_event::{self, Event},
};

/// Bytes of a request's body at most: one message.
const BODY_BYTES_MAX: usize = limits::WIRE_MESSAGE_BYTES_MAX;
/// Events of a batch at most.
const BATCH_MAX: usize = 100;
/// One event.
const STRUCTURED: &str = "application/cloudevents+json";
/// A list of events.
const BATCH: &str = "application/cloudevents-batch+json";

/// What the door needs.
#[derive(Debug)]
pub struct EventsFace {
    /// Does the work.
    pub desk: Arc<Desk>,
    /// What callers show.
    pub token: String,
}

/// What a request says.
enum Said {
    One(Result<Event, Invalid>),
    Many(Vec<Result<Event, Invalid>>),
}

async fn post(State(face): State<Arc<EventsFace>>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let answer = Answer { lang: lang_of(&head.headers), now: face.desk.clock.now() };
    let said = match whole(body).await {
        Ok(bytes) => read(&head.headers, &bytes),
        Err(problem) => Err(problem),
    };
    match said {
        Ok(Said::One(event)) => match face.take(event).await {
            Ok(header) => answer::taken(&header, face.desk.link.is_up()),
            Err(problem) => answer.refused(&problem),
        },
        Ok(Said::Many(events)) => {
            let mut taken = Vec::with_capacity(events.len());
            for event in events {
                taken.push(face.take(event).await);
            }
            answer.batch(&taken, face.desk.link.is_up())
        }
        Err(problem) => answer.refused(&problem),
    }
}

impl EventsFace {
    /// The message that an event is made, or was made before.
    async fn take(&self, event: Result<Event, Invalid>) -> Result<Header, Invalid> {
        let event = event?;
        let state = self.desk.rules.now();
        let Some(rules) = &state.rules else {
            let none = if state.problem.is_some() { Reason::Busy } else { Reason::RoleForbidden };
            let rule = if state.problem.is_some() { "event.rules" } else { "event.source" };
            return Err(Invalid::new(none, "source", rule));
        };
        let source = rules.source(&event.source, event.kind).ok_or_else(|| {
            Invalid::new(Reason::RoleForbidden, "source", "event.source").detail(format!(
                "{} {}",
                event.source,
                event.kind.code()
            ))
        })?;
        let draft = event.draft(&source.header)?;
        let digest = event.digest();
        let name = EventName { source: event.source, id: event.id, digest };
        self.desk.send_for_program(&source.program, draft, Some(name)).await
    }
}

/// The body, within bounds of size and time.
async fn whole(body: Body) -> Result<Bytes, Invalid> {
    let read = Limited::new(body, BODY_BYTES_MAX).collect();
    let read = tokio::time::timeout(serve::REQUEST, read).await;
    let read = read.map_err(|_late| Invalid::new(Reason::Busy, "", "event.slow"))?;
    read.map(http_body_util::Collected::to_bytes).map_err(|error| {
        if error.is::<LengthLimitError>() {
            Invalid::too_large("body", format!("more than {BODY_BYTES_MAX}"), BODY_BYTES_MAX)
        } else {
            Invalid::schema("body", "event.slow").detail(error.to_string())
        }
    })
}

/// By its content type, one event in structured or binary mode, or a list.
fn read(headers: &HeaderMap, body: &[u8]) -> Result<Said, Invalid> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = || {
        let parsed: Result<Value, _> = serde_json::from_slice(body);
        parsed.map_err(|error| Invalid::schema("body", "event.data").detail(error.to_string()))
    };
    match essence.as_str() {
        STRUCTURED => Ok(Said::One(cloud_event::structured(json()?))),
        BATCH => match json()? {
            Value::Array(all) if all.len() > BATCH_MAX => Err(Invalid::too_large("body", all.len(), BATCH_MAX)),
            Value::Array(all) => Ok(Said::Many(all.into_iter().map(cloud_event::structured).collect())),
            _ => Err(Invalid::schema("body", "event.data").detail("no list")),
        },
        _ if headers.contains_key("ce-specversion") && cloud_event::is_json(given) => {
            let all = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
            Ok(Said::One(cloud_event::binary(all, given, body)))
        }
        _ => Err(Invalid::schema("content-type", "event.media").detail(given.chars().take(100).collect::<String>())),
    }
}

fn lang_of(headers: &HeaderMap) -> Lang {
    let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Lang::from_tag(asked.unwrap_or_default())
}
