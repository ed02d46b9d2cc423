//! Who asks, and whether that person may act. Handlers name what they need as an argument: [`Visitor`] anybody, [`Seated`] who
//! has signed in, [`Act`] who has signed in, acts, and sends a form of this very session.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, State},
    http::{HeaderMap, Method, Request, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http_body_util::{BodyExt as _, Limited};
use model::{invalid::Invalid, reason::Reason};
use proto::{status::Lang, v1};

use super::{
    Console,
    door::Source,
    failure::Failure,
    frame::Theme,
    post::Post,
    sessions::{Hand, Person},
    words::Words,
};
use crate::api::{http, token};

/// Bytes of a form at most.
const FORM_BYTES_MAX: usize = 256 * 1024;
/// How long a form may take to come.
const FORM_TIME: std::time::Duration = std::time::Duration::from_secs(15);

/// Lets a request through, or says why not: it was meant for this machine, and what changes something comes from a page of
/// ours.
pub async fn check(State(console): State<Arc<Console>>, request: Request<Body>, next: Next) -> Response {
    match allows(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(invalid) => refused(&console, request.headers(), invalid).into_response(),
    }
}

fn allows(method: &Method, headers: &HeaderMap) -> Result<(), Invalid> {
    let host = text(headers, header::HOST.as_str());
    if !http::is_here(host) {
        let detail: String = host.chars().take(100).collect();
        return Err(Invalid::new(Reason::RoleForbidden, "host", "console.origin").detail(detail));
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let (origin, site) = (text(headers, "origin"), text(headers, "sec-fetch-site"));
    // pages that send no referrer send no origin with their forms either: `null`, which only the site then vouches for
    let unsaid = matches!(origin, "" | "null");
    let from_us = origin == format!("http://{host}") || (unsaid && site == "same-origin");
    let detail: String = origin.chars().take(100).collect();
    let known_site = site.is_empty() || site == "same-origin";
    if from_us && known_site {
        Ok(())
    } else {
        Err(Invalid::new(Reason::RoleForbidden, "origin", "console.origin").detail(detail))
    }
}

/// Anybody.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Texts in the visitor's language.
    pub words: Words,
    /// Colours that the visitor chose.
    pub theme: Theme,
    /// The session, where there is one.
    pub person: Option<Person>,
    /// From where.
    pub source: Source,
    /// What was asked for.
    pub to: String,
    /// What the browser keeps of accounts that have signed in there.
    known: Vec<(String, String)>,
}

impl Visitor {
    /// What the browser keeps of this account's signing in; empty where it has not.
    pub fn kept_of(&self, account: &str) -> &str {
        self.known.iter().find(|(own, _)| own == account).map_or("", |(_, kept)| kept)
    }

    /// A refusal in the visitor's language.
    pub fn refused(&self, invalid: Invalid) -> Failure {
        Failure::Refused { invalid, words: self.words, theme: self.theme }
    }

    fn of(console: &Console, parts: &Parts, hand: Hand) -> Self {
        let headers = &parts.headers;
        let name = cookie(headers, &console.cookie());
        let person = name.and_then(|name| console.sessions.find(name, hand, console.desk.clock.now()));
        let unknown = Source(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
        Self {
            words: words_of(headers),
            theme: Theme::of(cookie(headers, "ld-theme").unwrap_or_default()),
            person,
            source: parts.extensions.get::<Source>().copied().unwrap_or(unknown),
            to: parts.uri.path_and_query().map_or("/", |to| to.as_str()).to_owned(),
            known: cookies(headers)
                .filter_map(|(name, kept)| Some((console.account_of(name)?, kept.to_owned())))
                .collect(),
        }
    }
}

impl FromRequestParts<Arc<Console>> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Self::Rejection> {
        Ok(Self::of(console, parts, Hand::On))
    }
}

/// Somebody who has signed in; the session may only watch.
#[derive(Clone, Debug)]
pub struct Seated {
    /// In which language and so on.
    pub visitor: Visitor,
    /// Who.
    pub person: Person,
}

impl Seated {
    /// A refusal in the person's language.
    pub fn refused(&self, invalid: Invalid) -> Failure {
        self.visitor.refused(invalid)
    }

    /// The role in which the person acts for the desk; none for whoever keeps the house.
    pub const fn role(&self) -> Option<model::role::Role> {
        match self.person.post {
            Post::Desk(role) => Some(role),
            Post::SystemAdmin | Post::SecurityAdmin | Post::Auditor => None,
        }
    }

    /// The person as receipts name them; whoever keeps the house is refused.
    ///
    /// # Errors
    /// The post never acts for the desk.
    pub fn officer(&self) -> Result<v1::Officer, Failure> {
        let refused = || self.refused(Invalid::new(Reason::RoleForbidden, "post", "console.keeps_house"));
        self.person.officer().ok_or_else(refused)
    }
}

impl FromRequestParts<Arc<Console>> for Seated {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Failure> {
        seated(Visitor::of(console, parts, Hand::On))
    }
}

/// A page of somebody who has signed in, which asks by itself: no hand is on it.
#[derive(Clone, Debug)]
pub struct Listening(pub Seated);

impl FromRequestParts<Arc<Console>> for Listening {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Failure> {
        // nobody follows a stream to a page: it is told that the session has ended
        seated(Visitor::of(console, parts, Hand::Off)).map(Self).map_err(|_nobody| Failure::Ended)
    }
}

fn seated(visitor: Visitor) -> Result<Seated, Failure> {
    match visitor.person.clone() {
        Some(person) => Ok(Seated { visitor, person }),
        None => Err(Failure::SignIn(visitor.to)),
    }
}

/// A form of somebody who may act.
#[derive(Clone, Debug)]
pub struct Act {
    /// Who.
    pub by: Seated,
    /// What the form says.
    pub form: Form,
}

impl FromRequest<Arc<Console>> for Act {
    type Rejection = Failure;

    async fn from_request(request: Request<Body>, console: &Arc<Console>) -> Result<Self, Failure> {
        let (visitor, form) = form_of(request, console, Hand::On).await?;
        let by = seated(Visitor { to: form.back(), ..visitor })?;
        by.holds_token(&form)?;
        if by.person.acting { Ok(Self { by, form }) } else { Err(Failure::Resume(form.back())) }
    }
}

/// A form that a page sends by itself: no hand is on it, and nobody follows it to a page. Its session acts for the desk.
#[derive(Clone, Debug)]
pub struct Quiet {
    /// Who.
    pub by: Seated,
    /// What the form says.
    pub form: Form,
}

impl FromRequest<Arc<Console>> for Quiet {
    type Rejection = Failure;

    async fn from_request(request: Request<Body>, console: &Arc<Console>) -> Result<Self, Failure> {
        let (visitor, form) = form_of(request, console, Hand::Off).await?;
        let by = seated(visitor).map_err(|_nobody| Failure::Ended)?;
        by.holds_token(&form)?;
        by.officer()?;
        if by.person.acting {
            return Ok(Self { by, form });
        }
        let invalid = Invalid::new(Reason::RoleForbidden, "session", "console.watching");
        Err(Failure::Short { invalid, words: by.visitor.words })
    }
}

/// A form of somebody who has signed in, also where the session only watches: to resume, to sign out.
#[derive(Clone, Debug)]
pub struct OwnForm {
    /// Who.
    pub by: Seated,
    /// What the form says.
    pub form: Form,
}

impl FromRequest<Arc<Console>> for OwnForm {
    type Rejection = Failure;

    async fn from_request(request: Request<Body>, console: &Arc<Console>) -> Result<Self, Failure> {
        let (visitor, form) = form_of(request, console, Hand::On).await?;
        let by = seated(visitor)?;
        by.holds_token(&form)?;
        Ok(Self { by, form })
    }
}

impl Seated {
    fn holds_token(&self, form: &Form) -> Result<(), Failure> {
        if token::same(form.get("token").as_bytes(), self.person.token.as_bytes()) {
            Ok(())
        } else {
            Err(self.refused(Invalid::new(Reason::RoleForbidden, "token", "console.token")))
        }
    }
}

/// A form of anybody: to sign in, to choose a language.
#[derive(Clone, Debug)]
pub struct AnyForm {
    /// Who.
    pub visitor: Visitor,
    /// What the form says.
    pub form: Form,
}

impl FromRequest<Arc<Console>> for AnyForm {
    type Rejection = Failure;

    async fn from_request(request: Request<Body>, console: &Arc<Console>) -> Result<Self, Failure> {
        let (visitor, form) = form_of(request, console, Hand::On).await?;
        Ok(Self { visitor, form })
    }
}

/// Names and values of a form.
#[derive(Clone, Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// The fields of an encoded form or query.
    pub fn read(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// The value of a field; empty where it is not there.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// Every value of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The name of every field, once each, in the order of the form.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::with_capacity(self.0.len());
        let mut known = std::collections::BTreeSet::new();
        names.extend(self.0.iter().map(|(name, _)| name.as_str()).filter(|name| known.insert(*name)));
        names
    }

    /// Where the person comes from and goes on: a place of this console, never another's.
    pub fn back(&self) -> String {
        local(self.get("back"))
    }
}

/// A place of this console; its first page for anything else.
pub fn local(to: &str) -> String {
    let plain = to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') && to.is_ascii();
    if plain && !to.chars().any(char::is_control) { to.to_owned() } else { "/inbox".to_owned() }
}

async fn form_of(request: Request<Body>, console: &Arc<Console>, hand: Hand) -> Result<(Visitor, Form), Failure> {
    let (parts, body) = request.into_parts();
    let visitor = Visitor::of(console, &parts, hand);
    let media = text(&parts.headers, header::CONTENT_TYPE.as_str());
    if !media.starts_with("application/x-www-form-urlencoded") {
        return Err(visitor.refused(Invalid::schema("content-type", "console.form")));
    }
    match whole(body).await {
        Ok(bytes) => Ok((visitor, Form::read(&bytes))),
        Err(invalid) => Err(visitor.refused(invalid)),
    }
}

async fn whole(body: Body) -> Result<Bytes, Invalid> {
    let read = tokio::time::timeout(FORM_TIME, Limited::new(body, FORM_BYTES_MAX).collect()).await;
    let read = read.map_err(|_late| Invalid::new(Reason::Busy, "", "console.form"))?;
    let bytes = read.map(http_body_util::Collected::to_bytes);
    bytes.map_err(|error| Invalid::schema("body", "console.form").detail(error.to_string()))
}

fn refused(console: &Console, headers: &HeaderMap, invalid: Invalid) -> Failure {
    tracing::warn!(region = %console.desk.names.region, "a request of another origin is refused");
    let theme = Theme::of(cookie(headers, "ld-theme").unwrap_or_default());
    Failure::Refused { invalid, words: words_of(headers), theme }
}

/// The language: chosen, else as the browser says, else Chinese.
fn words_of(headers: &HeaderMap) -> Words {
    let asked = cookie(headers, "ld-lang").unwrap_or_else(|| text(headers, header::ACCEPT_LANGUAGE.as_str()));
    let lang = if asked.trim_start().to_ascii_lowercase().starts_with("en") { Lang::En } else { Lang::Zh };
    Words { lang }
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    cookies(headers).find(|(own, _)| *own == name).map(|(_, value)| value)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl Console {
    /// The name of the cookie. Browsers send a cookie to every port of a machine: desks on one machine have each their own.
    pub(super) fn cookie(&self) -> String {
        format!("__Host-ld-{}", self.desk.names.jurisdiction())
    }

    /// The name of the cookie by which a browser is known where this account has signed in.
    pub(super) fn known_cookie(&self, account: &str) -> String {
        format!("{}-known-{account}", self.cookie())
    }

    fn account_of(&self, cookie: &str) -> Option<String> {
        cookie.strip_prefix(&self.known_cookie("")).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_something_comes_from_a_page_of_ours() {
        let ask = |method, pairs: &[(&'static str, &'static str)]| {
            let headers = pairs.iter().map(|(name, value)| {
                (name.parse::<axum::http::HeaderName>().unwrap(), axum::http::HeaderValue::from_static(value))
            });
            allows(&method, &headers.collect()).is_ok()
        };
        let host = ("host", "127.0.0.1:7460");
        assert!(ask(Method::GET, &[host]) && !ask(Method::GET, &[("host", "desk.example")]) && !ask(Method::GET, &[]));
        assert!(ask(Method::POST, &[host, ("origin", "http://127.0.0.1:7460")]));
        assert!(ask(Method::POST, &[host, ("sec-fetch-site", "same-origin")]));
        assert!(ask(Method::POST, &[host, ("origin", "null"), ("sec-fetch-site", "same-origin")]));
        for bad in [
            &[host][..],
            &[host, ("origin", "null")],
            &[host, ("origin", "null"), ("sec-fetch-site", "cross-site")],
            &[host, ("origin", "http://127.0.0.1:7461")],
            &[host, ("origin", "https://127.0.0.1:7460")],
            &[host, ("origin", "http://127.0.0.1:7460"), ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "same-site")],
        ] {
            assert!(!ask(Method::POST, bad), "{bad:?}");
        }
    }

    #[test]
    fn nobody_is_led_elsewhere() {
        for to in ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a\r\nset-cookie: x", "inbox"] {
            assert_eq!(local(to), "/inbox", "{to}");
        }
        assert_eq!(local("/m/0198/trace?x=1"), "/m/0198/trace?x=1");
    }
}
