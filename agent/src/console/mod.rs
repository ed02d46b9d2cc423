//! The duty desk in a browser: what came, who waits for us, for whom we wait. Pages are made here, from the same functions
//! that the `Desk` service calls; a script of our own rings, counts down and keeps the hands on the keys.
//!
//! | module | what |
//! |---|---|
//! | `pages/` | one file or folder a page: asks the desk, fills a template, says which routes are its own |
//! | `gate`, `headers` | who may ask and act; what every answer carries |
//! | `accounts`, `post`, `totp`, `attempts`, `sessions` | who may sign in, as what; who guesses; who sits at which browser |
//! | `frame`, `view`, `clock` | what stands around every page; messages, rings and times as people see them |
//! | `stream` | what a page shows, kept fresh; alarms, from the journal |
//! | `words`, `assets`, `tone` | texts in two languages; what pages load; what rings |
//! | `sheet`, `drafts` | a message in the making, field by field; where it is kept |
//! | `door` | the listener |
//!
//! Absent on purpose: any rule of the trade (the desk judges, also what the page hides), any text from outside that is not
//! escaped, and anything that a page would load from elsewhere.

pub mod accounts;
mod assets;
mod attempts;
mod clock;
mod door;
mod drafts;
mod failure;
mod frame;
mod gate;
mod headers;
mod pages;
pub mod post;
mod routes;
mod sessions;
mod sheet;
mod stream;
mod tone;
pub mod totp;
mod view;
mod words;

#[cfg(test)]
mod tests;

use std::sync::{Arc, atomic::AtomicU64};

use model::{ids::MessageId, invalid::Invalid, reason::Reason};
use proto::{
    record::{ConsoleAct, desk_act},
    v1,
};
use store::tasks::Tasks;

pub use self::door::{Door, serve};
use self::{accounts::Accounts, attempts::Attempts, drafts::Drafts, gate::Seated, sessions::Sessions};
use crate::desk::Desk;

/// What every page stands on.
#[derive(Debug)]
pub struct Console {
    /// Does the work.
    desk: Arc<Desk>,
    /// Who may sign in.
    accounts: Accounts,
    /// Who tries to.
    attempts: Attempts,
    /// Who has.
    sessions: Sessions,
    /// Messages in the making; one request at a time changes one.
    drafts: Arc<tokio::sync::Mutex<Drafts>>,
    /// How many of them wait for a second person.
    waiting: AtomicU64,
    /// The brokers, in the order in which they are tried.
    endpoints: Vec<String>,
    /// Owns what takes long.
    tasks: Tasks,
}

impl Console {
    /// The console of a desk, whose accounts lie in this state directory.
    ///
    /// # Errors
    /// The machine gives no random bytes.
    pub fn new(
        desk: Arc<Desk>,
        state: &std::path::Path,
        endpoints: Vec<String>,
        tasks: Tasks,
    ) -> Result<Self, Invalid> {
        let (accounts, attempts) = (Accounts::of(state), Attempts::new()?);
        let drafts = Drafts::of(state);
        let waiting = AtomicU64::new(drafts.waiting());
        let (drafts, sessions) = (Arc::new(tokio::sync::Mutex::new(drafts)), Sessions::default());
        Ok(Self { desk, accounts, attempts, sessions, drafts, waiting, endpoints, tasks })
    }

    /// Writes down, once a session, that this person was shown what a message says.
    async fn note_viewed(&self, by: &Seated, id: MessageId) -> Result<(), Invalid> {
        let key = by.person.key;
        if !self.sessions.has_viewed(key, id) {
            self.note(Noted { about: Some(id), ..Noted::by("BODY_VIEWED", by) }).await?;
            self.sessions.viewed(key, id);
        }
        Ok(())
    }

    /// Writes down what a person did here that no message says. When this returns, it is durable.
    async fn note(&self, act: Noted<'_>) -> Result<(), Invalid> {
        let Noted { what, account, name, post, source, about } = act;
        let role = match post {
            Some(post::Post::Desk(role)) => role.number(),
            Some(_) | None => 0,
        };
        let officer = v1::Officer { name: name.to_owned(), role };
        let console = ConsoleAct {
            what: what.to_owned(),
            account: account.chars().take(64).collect(),
            post: post.map_or("", post::Post::name).to_owned(),
            source: source.to_string(),
            message_id: about.map(|id| id.0.to_vec().into()).unwrap_or_default(),
        };
        self.desk.act(officer, desk_act::Act::Console(console)).await
    }
}

/// What is written down about a person at the console.
struct Noted<'a> {
    what: &'static str,
    account: &'a str,
    name: &'a str,
    post: Option<post::Post>,
    source: std::net::IpAddr,
    about: Option<MessageId>,
}

impl<'a> Noted<'a> {
    /// What somebody did who has signed in.
    const fn by(what: &'static str, by: &'a Seated) -> Self {
        let person = &by.person;
        Self {
            what,
            account: person.account.as_str(),
            name: person.name.as_str(),
            post: Some(person.post),
            source: by.visitor.source.0,
            about: None,
        }
    }
}

/// Something of the machine is wrong; the log says what.
fn broken(error: &str) -> Invalid {
    tracing::error!(error, "the console cannot answer");
    Invalid::new(Reason::Internal, "", "agent.internal")
}
