//! Who may speak: callers that reached this machine's own address, are no browser, and show the token.

use std::{net::IpAddr, sync::Arc};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Request, header},
    middleware::Next,
    response::Response,
};
use model::{invalid::Invalid, reason::Reason};

use super::{EventsFace, answer::Answer, lang_of};
use crate::api::token;

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
    if !is_here(host) {
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

/// Whether a `Host` names loopback: by number, or as `localhost`.
fn is_here(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(inner, _)| inner),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_loopback_are_here() {
        for host in ["127.0.0.1:7451", "127.0.0.1", "localhost", "LOCALHOST:80", "[::1]:7451"] {
            assert!(is_here(host), "{host}");
        }
        for host in ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil:1", "10.0.0.1", "[::2]:1"] {
            assert!(!is_here(host), "{host}");
        }
    }
}
