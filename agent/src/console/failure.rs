//! What a person sees when something did not happen: what, who holds the message now, the next step, and its code.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use model::{
    invalid::Invalid,
    reason::{Reason, ReasonClass},
};
use proto::status::{self, Lang};

use super::{frame::Theme, words::Words};

/// Why there is no page.
#[derive(Debug)]
pub enum Failure {
    /// Somebody must sign in first, and comes back here then.
    SignIn(String),
    /// A page that asks by itself belongs to no session any more.
    Ended,
    /// The session only watches: a password first, and then back here.
    Resume(String),
    /// What was asked for is found there.
    Elsewhere(String),
    /// A page that asks by itself is refused, in a line.
    Short {
        /// What.
        invalid: Invalid,
        /// In whose language.
        words: Words,
    },
    /// Something was refused.
    Refused {
        /// What.
        invalid: Invalid,
        /// In whose language.
        words: Words,
        /// In which colours.
        theme: Theme,
    },
}

#[derive(Template)]
#[template(path = "failure.html")]
struct Page {
    w: Words,
    theme: Theme,
    code: String,
    text: String,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn(to) => see_other(&format!("/login?to={}", encoded(&to))),
            Self::Ended => StatusCode::UNAUTHORIZED.into_response(),
            Self::Resume(to) => see_other(&format!("/resume?to={}", encoded(&to))),
            Self::Elsewhere(to) => see_other(&to),
            Self::Short { invalid, words } => (code_of(&invalid), said(&invalid, words)).into_response(),
            Self::Refused { invalid, words, theme } => {
                let code = code_of(&invalid);
                tracing::info!(status = code.as_u16(), problem = %invalid, "the console refuses");
                let text = said(&invalid, words);
                let page = Page { w: words, theme, code: invalid.reason.code().to_owned(), text };
                (code, filled(&page)).into_response()
            }
        }
    }
}

fn said(invalid: &Invalid, words: Words) -> String {
    let (zh, en) = status::texts(invalid);
    if words.lang == Lang::Zh { zh } else { en }
}

/// A template as a page.
pub fn filled(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Goes on at another page.
pub fn see_other(to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(place) => (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// A text as part of an address.
pub fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn code_of(invalid: &Invalid) -> StatusCode {
    match (invalid.reason, invalid.reason.class()) {
        (Reason::NotFound, _) => StatusCode::NOT_FOUND,
        (Reason::Unauthenticated, _) => StatusCode::UNAUTHORIZED,
        (Reason::Busy, _) => StatusCode::SERVICE_UNAVAILABLE,
        (Reason::Internal, _) => StatusCode::INTERNAL_SERVER_ERROR,
        (Reason::RoleForbidden, _) => StatusCode::FORBIDDEN,
        (_, ReasonClass::FailedPrecondition | ReasonClass::Aborted | ReasonClass::AlreadyExists) => {
            StatusCode::CONFLICT
        }
        _ => StatusCode::BAD_REQUEST,
    }
}
