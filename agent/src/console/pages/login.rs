//! Signing in as a person in a post, resuming after a pause, signing out.

use std::{net::IpAddr, sync::Arc};

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::{HeaderValue, header},
    response::Response,
    routing,
};
use model::{invalid::Invalid, reason::Reason, time::Timestamp};

use crate::console::{
    Console, Noted,
    accounts::{Account, is_password},
    assets,
    attempts::{Turn, Whose},
    failure::{Failure, encoded, filled, see_other},
    frame::Theme,
    gate::{AnyForm, Form, OwnForm, Seated, Visitor, local},
    post::Post,
    sessions::Arrival,
    words::Words,
};

/// How long a browser is known where an account has signed in: a month.
const KNOWN_SECONDS: u32 = 30 * 24 * 3_600;

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

impl Kept {
    const fn key(&self) -> &'static str {
        match self {
            Self::Wrong => "login-wrong",
            Self::Out => "login-kept-out",
        }
    }
}

/// What somebody says to be let in.
struct Tried<'a> {
    account: &'a str,
    post: Option<Post>,
    form: &'a Form,
    whose: Whose<'a>,
    /// As what it is written down when it is right.
    what: &'static str,
}

async fn sign_in(State(console): State<Arc<Console>>, AnyForm { visitor, form }: AnyForm) -> Result<Response, Failure> {
    let name = form.get("account");
    let whose = console.attempts.whose(name, visitor.source.0, visitor.kept_of(name));
    let tried = Tried { account: name, post: form.get("post").parse().ok(), form: &form, whose, what: "SIGNED_IN" };
    match console.checked(visitor.source.0, tried).await.map_err(|invalid| visitor.refused(invalid))? {
        Ok((account, post)) => {
            let refused = |invalid: Invalid| visitor.refused(invalid);
            let kept = console.attempts.device(&account.name).map_err(refused)?;
            let known = console.known_cookie(&account.name);
            let arrival = Arrival { account: account.name, name: account.person, post };
            let session = console.sessions.begin(arrival, console.desk.clock.now()).map_err(refused)?;
            let answer = with_cookie(see_other(&form.back()), &console.cookie(), &session, None);
            Ok(with_cookie(answer, &known, &kept, Some(KNOWN_SECONDS)))
        }
        Err(kept) => {
            let shown = page(&console, &visitor, form.back(), &form, visitor.words.t(kept.key()));
            let mut answer = filled(&shown);
            *answer.status_mut() = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
            Ok(answer)
        }
    }
}

impl Console {
    /// The second person who signs a message off at somebody else's screen: account, post, password and code of the form.
    /// That it was right, and that it was not, is written down.
    ///
    /// # Errors
    /// `SIGNOFF_MISSING` when something of it is wrong, or the person is kept out for now.
    pub(in crate::console) async fn second_person(
        &self,
        visitor: &Visitor,
        form: &Form,
    ) -> Result<(Account, Post), Invalid> {
        let name = form.get("account");
        let whose = self.attempts.whose(name, visitor.source.0, visitor.kept_of(name));
        let post = form.get("post").parse().ok();
        let tried = Tried { account: name, post, form, whose, what: "SECOND_PERSON" };
        self.checked(visitor.source.0, tried).await?.map_err(|kept| {
            let rule = match kept {
                Kept::Wrong => "console.second_person",
                Kept::Out => "console.kept_out",
            };
            Invalid::new(Reason::SignoffMissing, "signed_off_by", rule)
        })
    }

    /// The account and post, if all that was said is right. Answers are written down.
    async fn checked(&self, source: IpAddr, tried: Tried<'_>) -> Result<Result<(Account, Post), Kept>, Invalid> {
        let Tried { account: name, post, form, whose, what } = tried;
        let now = self.desk.clock.now();
        let found = self.accounts.find(name).map_err(unreadable)?;
        let forgiven = found.as_ref().map_or(0, |account| account.unlocked_at);
        let turn = self.attempts.begin(&whose, now, Timestamp::from_millis(forgiven));
        if turn == Turn::KeptOut {
            return Ok(Err(Kept::Out));
        }
        let noted = |what, person| Noted { what, account: name, name: person, post, source, about: None };
        let right = self.is_right(found.as_ref(), form.get("password")).await?;
        let is_theirs = |account: &Account| right && !account.locked && post.is_some_and(|post| account.has(post));
        if let (Some(account), Some(post)) = (found.filter(is_theirs), post)
            && (!post.needs_second_factor() || self.uses(name, form.get("code")).await?)
        {
            self.attempts.succeeded(&whose);
            self.note(noted(what, &account.person)).await?;
            return Ok(Ok((account, post)));
        }
        let out = turn == Turn::Last;
        if self.attempts.may_be_told(now) {
            self.note(noted(if out { "LOCKED_OUT" } else { "REFUSED" }, "")).await?;
        } else {
            tracing::warn!(%source, "more attempts to sign in than are written down");
        }
        Ok(Err(if out { Kept::Out } else { Kept::Wrong }))
    }

    /// Whether the password is right; where there is no such account, as much time goes by.
    async fn is_right(&self, account: Option<&Account>, password: &str) -> Result<bool, Invalid> {
        let stored = account.map(|account| account.password.clone()).unwrap_or_default();
        let password = password.to_owned();
        let _turn = self.attempts.hashing().await?;
        let known = self.tasks.blocking("password", move || is_password(&stored, &password)).await;
        known.map_err(|error| crate::console::broken(&error.to_string()))
    }

    /// Whether a code of the account's second factor is good; it is not good again.
    async fn uses(&self, name: &str, code: &str) -> Result<bool, Invalid> {
        let (accounts, name, code) = (self.accounts.clone(), name.to_owned(), code.to_owned());
        let now = self.desk.clock.now();
        let used = move || accounts.change(&name, |account| account.uses(&code, now));
        let used = self.tasks.blocking("accounts", used).await;
        let used = used.map_err(|error| crate::console::broken(&error.to_string()))?;
        Ok(used.map_err(unreadable)?.unwrap_or(false))
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
    let person = &by.person;
    let whose = Whose::Session(person.key);
    let tried = Tried { account: &person.account, post: Some(person.post), form: &form, whose, what: "RESUMED" };
    match console.checked(by.visitor.source.0, tried).await.map_err(|invalid| by.refused(invalid))? {
        Ok(_) => {
            console.sessions.resume(by.person.key, console.desk.clock.now());
            Ok(see_other(&form.back()))
        }
        Err(kept) => {
            let mut answer = filled(&Pause::of(&by, form.back(), by.visitor.words.t(kept.key())));
            *answer.status_mut() = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
            Ok(answer)
        }
    }
}

/// Whoever goes is gone, also when nothing can be written down.
async fn sign_out(State(console): State<Arc<Console>>, OwnForm { by, .. }: OwnForm) -> Response {
    console.sessions.end(by.person.key);
    if let Err(problem) = console.note(Noted::by("SIGNED_OUT", &by)).await {
        tracing::error!(%problem, account = by.person.account, "a signing out is not in the journal");
    }
    with_cookie(see_other("/login"), &console.cookie(), "", Some(0))
}

fn with_cookie(mut answer: Response, cookie: &str, value: &str, age: Option<u32>) -> Response {
    let age = age.map_or_else(String::new, |age| format!("; Max-Age={age}"));
    let line = format!("{cookie}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{age}");
    if let Ok(line) = HeaderValue::from_str(&line) {
        answer.headers_mut().append(header::SET_COOKIE, line);
    }
    answer
}
