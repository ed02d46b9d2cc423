//! What the engine's threads tell each other: spill now, there is room, stop.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What the spill thread is to do next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    /// Make a round; answer for the requests up to this number.
    Round { requests: u64 },
    /// Make a last round, which answers for all requests up to this number, and end.
    LastRound { requests: u64 },
    /// End at once.
    End,
}

#[derive(Debug, Default)]
struct Asks {
    spill: bool,
    /// Checkpoints asked for since the beginning, and those that a round was begun for.
    requests: u64,
    begun: u64,
    stop: bool,
    end: bool,
}

/// Requests and signals between threads.
#[derive(Debug, Default)]
pub(crate) struct Control {
    asks: Mutex<Asks>,
    changed: Condvar,
}

impl Control {
    /// The overlay has grown enough to be spilled.
    pub fn ask_spill(&self) {
        self.change(|asks| asks.spill = true);
    }

    /// Asks for a checkpoint of everything folded by now; gives the number of the request.
    pub fn ask_checkpoint(&self) -> u64 {
        self.change(|asks| {
            asks.requests += 1;
            asks.requests
        })
    }

    /// Asks for a last round.
    pub fn stop(&self) {
        self.change(|asks| asks.stop = true);
    }

    /// Ends every wait, now and later.
    pub fn end(&self) {
        self.change(|asks| asks.end = true);
    }

    /// Wakes whoever waits for a condition of its own.
    pub fn wake(&self) {
        self.change(|_| ());
    }

    /// Waits for something to do, at most `period`.
    pub fn next(&self, period: Duration) -> Next {
        let idle = |asks: &mut Asks| !(asks.spill || asks.stop || asks.end || asks.requests > asks.begun);
        let waited = self.changed.wait_timeout_while(self.lock(), period, idle);
        let (mut asks, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if asks.end {
            return Next::End;
        }
        asks.begun = asks.requests;
        if asks.stop {
            return Next::LastRound { requests: asks.begun };
        }
        asks.spill = false;
        Next::Round { requests: asks.begun }
    }

    /// Waits while `holds`, or until the end; told of changes by [`Control::wake`].
    pub fn wait_while(&self, holds: impl Fn() -> bool) {
        let waited = self.changed.wait_while(self.lock(), |asks| !asks.end && holds());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// A pause of `length` that ends early if everything ends.
    pub fn pause(&self, length: Duration) {
        let waited = self.changed.wait_timeout_while(self.lock(), length, |asks| !asks.end);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether everything is to end.
    pub fn has_ended(&self) -> bool {
        self.lock().end
    }

    /// Whether the last round was asked for, or everything is to end.
    pub fn is_ending(&self) -> bool {
        let asks = self.lock();
        asks.stop || asks.end
    }

    fn change<T>(&self, change: impl FnOnce(&mut Asks) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    fn lock(&self) -> MutexGuard<'_, Asks> {
        self.asks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
