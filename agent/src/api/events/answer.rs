//! What a caller is told: 202 and the message, or a problem as RFC 9457 has it, in the caller's language and in both.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use model::{
    header::Header,
    invalid::Invalid,
    reason::{Reason, ReasonClass},
    time::Timestamp,
};
use proto::status::{self, Lang};
use serde_json::{Value, json};

use crate::{fold::HOUR_MS, formats::told};

const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";
/// After how many seconds what is busy is asked again.
const BUSY_S: i64 = 5;

/// How to answer one call.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The caller's language.
    pub lang: Lang,
    /// When.
    pub now: Timestamp,
}

impl Answer {
    /// Nothing came of it.
    pub fn refused(self, problem: &Invalid) -> Response {
        let code = code_of(problem);
        tracing::info!(status = code.as_u16(), %problem, "a call for events is refused");
        self.told(code, &self.problem(problem))
    }

    /// A problem, and when to come again.
    fn told(self, code: StatusCode, problem: &Value) -> Response {
        let mut response = respond(code, PROBLEM, problem);
        let headers = response.headers_mut();
        if code == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after(code) {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }

    /// Each event of a batch: all are messages, or some are not.
    pub fn batch(self, taken: &[Result<Header, Invalid>], link_up: bool) -> Response {
        let one = |result: &Result<Header, Invalid>| match result {
            Ok(header) => told::queued(header, link_up),
            Err(problem) => json!({ "outcome": "refused", "problem": self.problem(problem) }),
        };
        let results: Vec<Value> = taken.iter().map(one).collect();
        let Some(first) = taken.iter().find_map(|result| result.as_ref().err()) else {
            return respond(StatusCode::ACCEPTED, JSON, &json!({ "results": results }));
        };
        let whole = Invalid { field: "results".to_owned(), rule: "event.batch".to_owned(), ..first.clone() };
        let mut problem = self.problem(&whole);
        add(&mut problem, [("results", results.into()), ("status", code_of(first).as_u16().into())]);
        self.told(code_of(first), &problem)
    }

    fn problem(self, invalid: &Invalid) -> Value {
        let mut problem = told::problem(invalid);
        let (zh, en) = status::texts(invalid);
        let members = [
            ("type", format!("urn:liandong:problem:{}", invalid.reason.code()).into()),
            ("title", invalid.reason.code().into()),
            ("status", code_of(invalid).as_u16().into()),
            ("detail", if self.lang == Lang::Zh { zh } else { en }.into()),
        ];
        add(&mut problem, members);
        problem
    }

    /// A share begins anew with each hour.
    fn retry_after(self, code: StatusCode) -> Option<i64> {
        match code {
            StatusCode::TOO_MANY_REQUESTS => Some((HOUR_MS - self.now.millis().rem_euclid(HOUR_MS)) / 1_000 + 1),
            StatusCode::SERVICE_UNAVAILABLE => Some(BUSY_S),
            _ => None,
        }
    }
}

/// The event is a message.
pub fn taken(header: &Header, link_up: bool) -> Response {
    respond(StatusCode::ACCEPTED, JSON, &told::queued(header, link_up))
}

fn add<const N: usize>(problem: &mut Value, members: [(&str, Value); N]) {
    if let Some(problem) = problem.as_object_mut() {
        problem.extend(members.map(|(name, value)| (name.to_owned(), value)));
    }
}

fn respond(code: StatusCode, media_type: &'static str, value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// The code of HTTP for what was refused.
fn code_of(invalid: &Invalid) -> StatusCode {
    match (invalid.rule.as_str(), invalid.reason) {
        ("event.media", _) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ("event.path", Reason::NotFound) => StatusCode::NOT_FOUND,
        ("event.path", _) => StatusCode::METHOD_NOT_ALLOWED,
        ("event.slow", _) => StatusCode::REQUEST_TIMEOUT,
        (_, Reason::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
        (_, Reason::RateLimited) => StatusCode::TOO_MANY_REQUESTS,
        (_, reason) => of_class(reason.class()),
    }
}

const fn of_class(class: ReasonClass) -> StatusCode {
    match class {
        ReasonClass::Unauthenticated => StatusCode::UNAUTHORIZED,
        ReasonClass::PermissionDenied => StatusCode::FORBIDDEN,
        ReasonClass::InvalidArgument => StatusCode::BAD_REQUEST,
        ReasonClass::FailedPrecondition | ReasonClass::Aborted | ReasonClass::AlreadyExists => StatusCode::CONFLICT,
        ReasonClass::NotFound | ReasonClass::OutOfRange | ReasonClass::DeadlineExceeded => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        ReasonClass::ResourceExhausted => StatusCode::SERVICE_UNAVAILABLE,
        ReasonClass::DataLoss | ReasonClass::Internal | ReasonClass::Information => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
