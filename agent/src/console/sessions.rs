//! Who sits at which browser. A session lives here and not in the browser, which holds a random name of it. After a quarter
//! of an hour without a hand on it a session watches and acts no more; after eight hours it ends.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use certs::signed::hex;
use model::{
    ids::{Digest, MessageId},
    invalid::Invalid,
    role::Role,
    time::Timestamp,
};
use proto::v1;

use super::{accounts::random, post::Post};

/// Without a hand on it for so long, a session acts no more.
pub const IDLE: Duration = Duration::from_mins(15);
/// A session lasts so long at most.
pub const LENGTH: Duration = Duration::from_hours(8);
/// Sessions at one time.
const SESSIONS_MAX: usize = 256;
/// Bodies whose viewing is remembered in one session.
const VIEWED_MAX: usize = 10_000;

/// A person at a browser.
#[derive(Clone, Debug)]
pub struct Person {
    /// The account.
    pub account: String,
    /// The full name.
    pub name: String,
    /// The post.
    pub post: Post,
    /// What every form of this session carries.
    pub token: String,
    /// Whether it may act; else it watches.
    pub acting: bool,
    /// Names the session here; nobody outside can use it.
    pub key: Key,
}

impl Person {
    /// As receipts name the person; none for who never acts for the desk.
    pub fn officer(&self) -> Option<v1::Officer> {
        match self.post {
            Post::Desk(role) => Some(v1::Officer { name: self.name.clone(), role: role.number() }),
            Post::SystemAdmin | Post::SecurityAdmin | Post::Auditor => None,
        }
    }

    /// As what the person reads: who keeps the house reads what the least of the desk's posts may.
    pub fn reader(&self) -> v1::Officer {
        let least = || v1::Officer { name: self.name.clone(), role: Role::System.number() };
        self.officer().unwrap_or_else(least)
    }
}

/// The digest of a session's name.
pub type Key = [u8; 32];

#[derive(Debug)]
struct Session {
    account: String,
    name: String,
    post: Post,
    token: String,
    began: Timestamp,
    seen: Timestamp,
    viewed: BTreeSet<MessageId>,
}

/// Who signs in.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The account.
    pub account: String,
    /// The full name.
    pub name: String,
    /// The post.
    pub post: Post,
}

/// What of a session a question counts as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hand {
    /// A person did something.
    On,
    /// The page asked by itself.
    Off,
}

/// All sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    open: Mutex<BTreeMap<Key, Session>>,
}

impl Sessions {
    /// Begins a session; its name is for the browser alone.
    ///
    /// # Errors
    /// The machine gives no random bytes.
    pub fn begin(&self, who: Arrival, now: Timestamp) -> Result<String, Invalid> {
        let (name, token) = (hex(&random::<16>()?), hex(&random::<16>()?));
        let Arrival { account, name: person, post } = who;
        let viewed = BTreeSet::new();
        let session = Session { account, name: person, post, token, began: now, seen: now, viewed };
        let mut open = self.open();
        open.retain(|_, session| now.since(session.began) < LENGTH);
        if open.len() >= SESSIONS_MAX {
            let idle = open.iter().min_by_key(|(_, session)| session.seen).map(|(key, _)| *key);
            idle.and_then(|key| open.remove(&key));
        }
        open.insert(key_of(&name), session);
        Ok(name)
    }

    /// Whose session this is, if it lasts.
    pub fn find(&self, name: &str, hand: Hand, now: Timestamp) -> Option<Person> {
        self.look(key_of(name), hand, now)
    }

    /// The same by its key: what a stream asks again and again.
    pub fn look(&self, key: Key, hand: Hand, now: Timestamp) -> Option<Person> {
        let mut open = self.open();
        if open.get(&key).is_some_and(|session| now.since(session.began) >= LENGTH) {
            open.remove(&key);
        }
        let session = open.get_mut(&key)?;
        let acting = now.since(session.seen) < IDLE;
        if acting && hand == Hand::On {
            session.seen = now;
        }
        Some(Person {
            account: session.account.clone(),
            name: session.name.clone(),
            post: session.post,
            token: session.token.clone(),
            acting,
            key,
        })
    }

    /// The person has said who they are once more: the session acts again.
    pub fn resume(&self, key: Key, now: Timestamp) {
        if let Some(session) = self.open().get_mut(&key) {
            session.seen = now;
        }
    }

    /// Ends a session.
    pub fn end(&self, key: Key) {
        self.open().remove(&key);
    }

    /// Whether it is written down that the session was shown this body.
    pub fn has_viewed(&self, key: Key, id: MessageId) -> bool {
        self.open().get(&key).is_some_and(|session| session.viewed.contains(&id))
    }

    /// It is written down now.
    pub fn viewed(&self, key: Key, id: MessageId) {
        let mut open = self.open();
        if let Some(session) = open.get_mut(&key).filter(|session| session.viewed.len() < VIEWED_MAX) {
            session.viewed.insert(id);
        }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<Key, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_of(name: &str) -> Key {
    Digest::of(name.as_bytes()).0
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_810_094_400_000);

    fn arrival() -> Arrival {
        Arrival { account: "wanglei".into(), name: "王磊".into(), post: Post::Desk(Role::DutyOfficer) }
    }

    fn after(minutes: u64) -> Timestamp {
        NOON.plus(Duration::from_mins(minutes))
    }

    #[test]
    fn a_quarter_of_an_hour_ends_acting_and_not_watching() {
        let sessions = Sessions::default();
        let name = sessions.begin(arrival(), NOON).unwrap();
        let acting = |hand, minutes| sessions.find(&name, hand, after(minutes)).map(|person| person.acting);

        assert_eq!(acting(Hand::On, 14), Some(true));
        assert_eq!(acting(Hand::Off, 28), Some(true));
        assert_eq!(
            (acting(Hand::Off, 29), acting(Hand::On, 30), acting(Hand::On, 31)),
            (Some(false), Some(false), Some(false))
        );

        let key = sessions.find(&name, Hand::Off, after(31)).unwrap().key;
        sessions.resume(key, after(32));
        assert_eq!(acting(Hand::On, 33), Some(true));
    }

    #[test]
    fn eight_hours_end_a_session_and_a_strange_name_has_none() {
        let sessions = Sessions::default();
        let name = sessions.begin(arrival(), NOON).unwrap();
        assert!(sessions.find("0123", Hand::On, NOON).is_none());
        assert!(sessions.find(&name, Hand::On, after(8 * 60 - 1)).is_some());
        assert!(sessions.find(&name, Hand::On, after(8 * 60)).is_none());
    }
}
