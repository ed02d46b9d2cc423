//! Who is linked. A newer session of a jurisdiction fences the older one.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use certs::profile::Facts;
use model::{ids::JurisdictionId, precedence::PerPrecedence, reason::Reason, time::Timestamp};
use tokio_util::sync::CancellationToken;

/// One living session.
#[derive(Debug)]
pub struct Session {
    /// Its number, for logs.
    pub number: u64,
    /// Whose.
    pub jurisdiction: JurisdictionId,
    /// The certificate of its connection.
    pub facts: Facts,
    /// Version of the agent's program.
    pub software: String,
    /// The agent's clock against ours, in milliseconds.
    pub skew_ms: i64,
    /// Bytes that the agent will still take.
    pub credit: Arc<PerPrecedence<AtomicU64>>,
    heard_ms: AtomicI64,
    ended: Mutex<Option<Reason>>,
    stop: CancellationToken,
    draining: CancellationToken,
    grace_ms: AtomicU64,
}

impl Session {
    /// A byte was heard.
    pub fn heard(&self, at: Timestamp) {
        self.heard_ms.store(at.millis(), Ordering::Relaxed);
    }

    /// When the last byte was heard.
    pub fn last_heard(&self) -> Timestamp {
        Timestamp::from_millis(self.heard_ms.load(Ordering::Relaxed))
    }

    /// Ends the session; the first reason counts.
    pub fn end(&self, reason: Option<Reason>) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.is_none() {
            *ended = reason;
        }
        self.stop.cancel();
    }

    /// Sends nothing new from now on; the agent is heard for `grace`, then the session ends.
    pub fn drain(&self, grace: Duration) {
        self.grace_ms.store(u64::try_from(grace.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.draining.cancel();
    }

    /// Fires when the session is to send nothing new.
    pub fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// How long the agent is heard after that.
    pub fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_ms.load(Ordering::Relaxed))
    }

    /// Why it ended, if it was ended for a reason.
    pub fn reason(&self) -> Option<Reason> {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fires when the session is to end.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// True from the moment the session is fenced: nothing it sends counts any more.
    pub fn is_over(&self) -> bool {
        self.stop.is_cancelled()
    }
}

/// Every living session.
#[derive(Debug, Default)]
pub struct Sessions {
    next: AtomicU64,
    living: Mutex<HashMap<JurisdictionId, Arc<Session>>>,
    gone: Mutex<HashMap<JurisdictionId, Timestamp>>,
    draining: AtomicBool,
}

impl Sessions {
    /// Begins a session and fences an older one of the same jurisdiction.
    pub fn begin(
        &self,
        jurisdiction: &JurisdictionId,
        facts: Facts,
        software: String,
        skew_ms: i64,
        now: Timestamp,
    ) -> Arc<Session> {
        let session = Arc::new(Session {
            number: self.next.fetch_add(1, Ordering::Relaxed) + 1,
            jurisdiction: jurisdiction.clone(),
            facts,
            software,
            skew_ms,
            credit: Arc::default(),
            heard_ms: AtomicI64::new(now.millis()),
            ended: Mutex::new(None),
            stop: CancellationToken::new(),
            draining: CancellationToken::new(),
            grace_ms: AtomicU64::new(0),
        });
        let mut living = self.living.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(older) = living.insert(jurisdiction.clone(), session.clone()) {
            tracing::warn!(%jurisdiction, session = older.number, by = session.number, "a session is fenced by a newer one");
            older.end(Some(Reason::Superseded));
        }
        session
    }

    /// Forgets a session that is over, unless a newer one has taken its place.
    pub fn over(&self, session: &Session) {
        session.end(None);
        let mut living = self.living.lock().unwrap_or_else(PoisonError::into_inner);
        if living.get(&session.jurisdiction).is_some_and(|now| now.number == session.number) {
            living.remove(&session.jurisdiction);
            let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
            gone.insert(session.jurisdiction.clone(), session.last_heard());
        }
    }

    /// The living session of a jurisdiction.
    pub fn of(&self, jurisdiction: &JurisdictionId) -> Option<Arc<Session>> {
        self.living.lock().unwrap_or_else(PoisonError::into_inner).get(jurisdiction).cloned()
    }

    /// When a jurisdiction that is not linked was last heard.
    pub fn last_heard(&self, jurisdiction: &JurisdictionId) -> Option<Timestamp> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).get(jurisdiction).copied()
    }

    /// While the broker drains no session begins.
    pub fn are_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Drains every session, or lets them begin again; how many are told.
    pub fn drain(&self, drain: bool, grace: Duration) -> usize {
        self.draining.store(drain, Ordering::Relaxed);
        let living = if drain { self.all() } else { Vec::new() };
        for session in &living {
            session.drain(grace);
        }
        living.len()
    }

    /// All living sessions.
    pub fn all(&self) -> Vec<Arc<Session>> {
        self.living.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
