//! Who may speak: callers that reached this machine's own address, are no browser, and show the token.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Request, header},
    middleware::Next,
    response::Response,
};
use model::{invalid::Invalid, reason::Reason};

use super::{EventsFace, answer::Answer, lang_of};
use crate::api::{http, token};

/// Lets a call through, or says why not. Nothing of its body was read.
pub async fn check(State(face): State<Arc<EventsFace>>, request: Request<Body>, next: Next) -> Response {
    match allows(request.headers(), &face.token) {
        Ok(()) => next.run(request).await,
        Err(problem) => {
            let answer = Answer { lang: lang_of(request.headers()), now: face.desk.clock.now() };
            answer.refused(&problem)
        }
    }
}

/// A name that leads to this machine by somebody else's DNS, and a page in a browser, are kept out before the token is
/// looked at.
fn allows(headers: &HeaderMap, token: &str) -> Result<(), Invalid> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    if !http::is_here(host) {
        let detail: String = host.chars().take(100).collect();
        return Err(Invalid::new(Reason::RoleForbidden, "host", "event.host").detail(detail));
    }
    for name in ["origin", "sec-fetch-site"] {
        if headers.contains_key(name) {
            return Err(Invalid::new(Reason::RoleForbidden, name, "event.host"));
        }
    }
    if !token::is_shown(text(header::AUTHORIZATION), token) {
        return Err(Invalid::new(Reason::Unauthenticated, "authorization", "event.token"));
    }
    Ok(())
}
