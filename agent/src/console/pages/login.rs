//! Signing in as a person in a post, resuming after a pause, signing out.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::{HeaderValue, header},
    response::Response,
    routing,
};
use model::{invalid::Invalid, reason::Reason};

use crate::console::{
    Console, Noted,
    accounts::{Account, is_password},
    assets,
    failure::{Failure, encoded, filled, see_other},
    frame::Theme,
    gate::{AnyForm, Form, OwnForm, Seated, Visitor, local},
    post::Post,
    sessions::Arrival,
    words::Words,
};

pub fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/login", routing::get(show).post(sign_in))
        .route("/resume", routing::get(pause).post(resume))
        .route("/logout", routing::post(sign_out))
}

#[derive(Template)]
#[template(path = "login.html")]
struct Page {
    w: Words,
    theme: Theme,
    office: String,
    back: String,
    here: String,
    account: String,
    posts: Vec<(&'static str, String, bool)>,
    problem: String,
    /// Nobody can sign in yet: how the first account is made.
    empty: bool,
}

impl Page {
    #[expect(clippy::unused_self, reason = "templates call it")]
    fn asset(&self, name: &str) -> &'static str {
        assets::path(name)
    }
}

async fn show(State(console): State<Arc<Console>>, visitor: Visitor) -> Response {
    let query = visitor.to.split_once('?').map_or("", |(_, query)| query);
    let back = local(Form::read(query.as_bytes()).get("to"));
    filled(&page(&console, &visitor, back, &Form::default(), String::new()))
}

fn page(console: &Console, visitor: &Visitor, back: String, form: &Form, problem: String) -> Page {
    let w = visitor.words;
    let chosen = form.get("post");
    let posts = Post::ALL.iter().map(|post| (post.name(), w.t(post.key()), post.name() == chosen));
    Page {
        w,
        theme: visitor.theme,
        office: console.name_of(console.desk.names.jurisdiction().as_str(), w),
        here: format!("/login?to={}", encoded(&back)),
        back,
        account: form.get("account").to_owned(),
        posts: posts.collect(),
        problem,
        empty: console.accounts.all().is_ok_and(|all| all.is_empty()),
    }
}

/// Why nobody was let in. People are not told which part was wrong.
enum Kept {
    Wrong,
    Out,
}

async fn sign_in(State(console): State<Arc<Console>>, AnyForm { visitor, form }: AnyForm) -> Result<Response, Failure> {
    match console.checked(&visitor, &form).await.map_err(|invalid| visitor.refused(invalid))? {
        Ok((account, post)) => {
            let arrival = Arrival { account: account.name.clone(), name: account.person.clone(), post };
            let name = console
                .sessions
                .begin(arrival, console.desk.clock.now())
                .map_err(|invalid| visitor.refused(invalid))?;
            Ok(with_cookie(see_other(&form.back()), &console.cookie(), &name, None))
        }
        Err(kept) => {
            let key = if matches!(kept, Kept::Out) { "login-kept-out" } else { "login-wrong" };
            let shown = page(&console, &visitor, form.back(), &form, visitor.words.t(key));
            let mut answer = filled(&shown);
            *answer.status_mut() = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
            Ok(answer)
        }
    }
}

impl Console {
    /// The account and post of a form, if all of it is right. Every answer is written down.
    async fn checked(&self, visitor: &Visitor, form: &Form) -> Result<Result<(Account, Post), Kept>, Invalid> {
        let (name, source, now) = (form.get("account"), visitor.source.0, self.desk.clock.now());
        if self.sessions.is_kept_out(name, source, now) {
            return Ok(Err(Kept::Out));
        }
        let found = self.accounts.find(name).map_err(unreadable)?;
        let post = form.get("post").parse::<Post>().ok();
        let right = self.is_right(found.as_ref(), form.get("password")).await?;
        let step = found.as_ref().and_then(|account| account.step_of(form.get("code"), now));
        let allowed = found.filter(|account| {
            let has = post.is_some_and(|post| account.has(post) && (!post.needs_second_factor() || step.is_some()));
            right && has && !account.locked
        });
        let (Some(account), Some(post)) = (allowed, post) else {
            let out = self.sessions.failed(name, source, now);
            let what = if out { "LOCKED_OUT" } else { "REFUSED" };
            self.note(Noted { what, account: name, name: "", post, source, about: None }).await?;
            return Ok(Err(if out { Kept::Out } else { Kept::Wrong }));
        };
        if let Some(step) = step {
            let used = Account { totp_used: step, ..account.clone() };
            self.accounts.put(used).map_err(unreadable)?;
        }
        self.sessions.succeeded(name, source);
        let noted =
            Noted { what: "SIGNED_IN", account: name, name: &account.person, post: Some(post), source, about: None };
        self.note(noted).await?;
        Ok(Ok((account, post)))
    }

    /// Whether the password is right; where there is no such account, as much time goes by.
    async fn is_right(&self, account: Option<&Account>, password: &str) -> Result<bool, Invalid> {
        let stored = account.map(|account| account.password.clone()).unwrap_or_default();
        let password = password.to_owned();
        let known = self.tasks.blocking("password", move || is_password(&stored, &password)).await;
        known.map_err(|error| crate::console::broken(&error.to_string()))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn unreadable(error: std::io::Error) -> Invalid {
    tracing::error!(%error, "the accounts cannot be read or written");
    Invalid::new(Reason::Busy, "accounts", "console.accounts")
}

#[derive(Template)]
#[template(path = "resume.html")]
struct Pause {
    w: Words,
    theme: Theme,
    person: String,
    post: String,
    second: bool,
    back: String,
    token: String,
    problem: String,
}

impl Pause {
    #[expect(clippy::unused_self, reason = "templates call it")]
    fn asset(&self, name: &str) -> &'static str {
        assets::path(name)
    }

    fn of(by: &Seated, back: String, problem: String) -> Self {
        let (w, person) = (by.visitor.words, &by.person);
        Self {
            w,
            theme: by.visitor.theme,
            person: person.name.clone(),
            post: w.t(person.post.key()),
            second: person.post.needs_second_factor(),
            back,
            token: person.token.clone(),
            problem,
        }
    }
}

async fn pause(by: Seated) -> Response {
    let query = by.visitor.to.split_once('?').map_or("", |(_, query)| query);
    let back = local(Form::read(query.as_bytes()).get("to"));
    filled(&Pause::of(&by, back, String::new()))
}

async fn resume(State(console): State<Arc<Console>>, OwnForm { by, form }: OwnForm) -> Result<Response, Failure> {
    // the session says who and in which post; the form says the password alone
    let (account, post) = (by.person.account.as_str(), by.person.post.name());
    let said = [("account", account), ("post", post), ("password", form.get("password")), ("code", form.get("code"))];
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(said).finish();
    let checked = console.checked(&by.visitor, &Form::read(encoded.as_bytes())).await;
    match checked.map_err(|invalid| by.refused(invalid))? {
        Ok(_) => {
            console.sessions.resume(by.person.key, console.desk.clock.now());
            Ok(see_other(&form.back()))
        }
        Err(kept) => {
            let key = if matches!(kept, Kept::Out) { "login-kept-out" } else { "login-wrong" };
            let mut answer = filled(&Pause::of(&by, form.back(), by.visitor.words.t(key)));
            *answer.status_mut() = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
            Ok(answer)
        }
    }
}

async fn sign_out(State(console): State<Arc<Console>>, OwnForm { by, .. }: OwnForm) -> Result<Response, Failure> {
    let person = &by.person;
    let noted = Noted {
        what: "SIGNED_OUT",
        account: &person.account,
        name: &person.name,
        post: Some(person.post),
        source: by.visitor.source.0,
        about: None,
    };
    console.note(noted).await.map_err(|invalid| by.refused(invalid))?;
    console.sessions.end(person.key);
    Ok(with_cookie(see_other("/login"), &console.cookie(), "", Some(0)))
}

fn with_cookie(mut answer: Response, cookie: &str, value: &str, age: Option<u32>) -> Response {
    let age = age.map_or_else(String::new, |age| format!("; Max-Age={age}"));
    let line = format!("{cookie}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{age}");
    if let Ok(line) = HeaderValue::from_str(&line) {
        answer.headers_mut().append(header::SET_COOKIE, line);
    }
    answer
}
