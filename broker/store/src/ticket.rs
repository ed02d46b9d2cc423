//! Who waits for the fold's verdict on what.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use journal::Ticket;
use model::position::Position;
use tokio::sync::{Notify, oneshot};

use crate::failure::AppendError;

/// Where the first record stands and what each came to.
pub(crate) type Verdict<O> = Result<(Position, Vec<O>), AppendError>;

/// Whoever appended and was not answered yet.
#[derive(Debug)]
pub(crate) struct Tickets<O> {
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Verdict<O>>>>,
    emptied: Notify,
}

impl<O> Default for Tickets<O> {
    fn default() -> Self {
        Self { next: AtomicU64::new(1), waiting: Mutex::default(), emptied: Notify::new() }
    }
}

/// A place in the line; whoever drops it waits no longer.
#[derive(Debug)]
pub(crate) struct Waiter<'t, O> {
    tickets: &'t Tickets<O>,
    number: u64,
    /// Hears the verdict.
    pub verdict: oneshot::Receiver<Verdict<O>>,
}

impl<O> Waiter<'_, O> {
    /// What the journal carries along.
    pub fn ticket(&self) -> Ticket {
        Ticket(self.number)
    }
}

impl<O> Drop for Waiter<'_, O> {
    fn drop(&mut self) {
        let mut waiting = self.tickets.lock();
        waiting.remove(&self.number);
        self.tickets.tell_if_empty(&waiting);
    }
}

impl<O> Tickets<O> {
    /// Begins to wait.
    pub fn take(&self) -> Waiter<'_, O> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, verdict) = oneshot::channel();
        self.lock().insert(number, tell);
        Waiter { tickets: self, number, verdict }
    }

    /// Answers several; a ticket that nobody holds any more is passed over.
    pub fn answer(&self, answers: Vec<(Ticket, Verdict<O>)>) {
        if answers.is_empty() {
            return;
        }
        let mut waiting = self.lock();
        for (ticket, verdict) in answers {
            if let Some(tell) = waiting.remove(&ticket.0) {
                let _ = tell.send(verdict); // whoever waited may just have gone
            }
        }
        self.tell_if_empty(&waiting);
    }

    /// Answers everyone with `error`.
    pub fn give_up(&self, error: impl Fn() -> AppendError) {
        let mut waiting = self.lock();
        for (_, tell) in waiting.drain() {
            let _ = tell.send(Err(error())); // whoever waited may just have gone
        }
        self.tell_if_empty(&waiting);
    }

    /// Returns once nobody waits: everyone was answered or went away.
    pub async fn none_waits(&self) {
        loop {
            let mut emptied = std::pin::pin!(self.emptied.notified());
            emptied.as_mut().enable();
            if self.lock().is_empty() {
                return;
            }
            emptied.await;
        }
    }

    fn tell_if_empty(&self, waiting: &HashMap<u64, oneshot::Sender<Verdict<O>>>) {
        if waiting.is_empty() {
            self.emptied.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Verdict<O>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
