//! What the engine's threads do: fold commits, spill rows, and end.

use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
};

use journal::{Committed, Journal, JournalError, Lane};
use model::{clock::Clock, position::Position};
use tokio::sync::watch;

use super::{Shared, State};
use crate::{
    control::{Control, Next},
    failure::{AppendError, Failure},
    fault::Faults,
    fold::{At, Fold, FoldError},
    open,
    options::Options,
    space::Space,
    spill::{Spiller, Unspilled},
    ticket::Tickets,
};

impl<F: Fold, J: Journal> Shared<F, J> {
    pub(super) fn new(options: Options, journal: J, state: State<F>, clock: Clock, faults: Faults) -> Self {
        let began = state.held.folded;
        let space = Space::of(&options.state, options.ballast_bytes);
        Self {
            journal,
            clock,
            options,
            newest_ms: AtomicI64::new(state.held.time.millis()),
            state: Mutex::new(state),
            tickets: Tickets::default(),
            control: Control::default(),
            overlay_bytes: AtomicUsize::new(0),
            folded: watch::Sender::new(began),
            checkpoint: watch::Sender::new((began, 0)),
            stopping: AtomicBool::new(false),
            spill_ended: watch::Sender::new(false),
            journal_ended: AtomicBool::new(false),
            failure: OnceLock::new(),
            faults,
            space,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<F>> {
        // a reader that panicked has changed nothing, and a fold that panicked has failed the engine
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn may_append(&self, lane: Lane) -> Result<(), AppendError> {
        if let Some(failure) = self.failure.get() {
            return Err(AppendError::Failed(failure.clone()));
        }
        if self.stopping.load(Ordering::SeqCst) {
            return Err(AppendError::Stopped);
        }
        let reserve = self.options.overlay_bytes_max / 4 * 3;
        let full = self.overlay_bytes.load(Ordering::Relaxed) >= reserve;
        let refused = full && lane != Lane::Settling || self.space.is_short() && lane == Lane::Normal;
        if refused { Err(AppendError::Busy) } else { Ok(()) }
    }

    /// The journal's answer; the fold's is still to come.
    pub(super) fn taken(&self, position: Result<Position, JournalError>) -> Result<bool, AppendError> {
        match position {
            Ok(_) => Ok(true),
            Err(JournalError::Busy) => Err(AppendError::Busy),
            Err(JournalError::Stopped) => Err(AppendError::Stopped),
            Err(error @ JournalError::Failed(_)) => {
                self.fail(&Failure::Journal(error.clone())); // after a failed sync nothing is sure: no second try
                Err(AppendError::Failed(Failure::Journal(error)))
            }
            Err(error) => Err(AppendError::Journal(error)),
        }
    }

    /// The fold's thread.
    pub(super) fn fold_all(&self, commits: impl Iterator<Item = Result<Committed, JournalError>>) {
        for committed in commits {
            let folded = committed.map_err(Failure::from).and_then(|committed| self.fold(&committed));
            if let Err(failure) = folded {
                self.fail(&failure);
            }
            if self.control.has_ended() {
                return;
            }
        }
        self.journal_ended.store(true, Ordering::SeqCst);
        self.tickets.give_up(|| AppendError::Stopped);
        self.control.wake();
    }

    /// Folds one commit, answers whoever waits for it, and wakes whoever it concerns.
    fn fold(&self, committed: &Committed) -> Result<(), Failure> {
        self.control.wait_while(|| self.overlay_bytes.load(Ordering::Relaxed) >= self.options.overlay_bytes_max);
        let mut state = self.lock();
        let outcomes = guarded(&mut state, |state| state.apply(committed))??;
        let (through, newest) = (state.held.folded, state.held.time);
        let fresh = state.held.fresh_bytes();
        self.weigh(&state);
        drop(state);
        self.newest_ms.store(newest.millis(), Ordering::Relaxed);
        self.answer(committed, outcomes);
        guarded(&mut self.lock(), |state| state.fold.folded(through))?;
        self.folded.send_replace(through);
        if fresh >= self.options.spill_bytes.min(self.options.overlay_bytes_max / 2) {
            self.control.ask_spill();
        } else {
            self.control.wake();
        }
        Ok(())
    }

    /// Notes what the overlay takes, under the lock: a figure of a moment before never comes after.
    fn weigh(&self, state: &State<F>) {
        self.overlay_bytes.store(state.held.bytes(), Ordering::Relaxed);
    }

    fn answer(&self, committed: &Committed, outcomes: Vec<F::Outcome>) {
        let (mut outcomes, mut next) = (outcomes.into_iter(), committed.first);
        let mut answers = Vec::with_capacity(committed.tickets.len());
        for (ticket, count) in &committed.tickets {
            let own: Vec<_> = outcomes.by_ref().take(*count as usize).collect();
            answers.push((*ticket, Ok((next, own))));
            next = next.plus(u64::from(*count));
        }
        self.tickets.answer(answers);
    }

    /// The spill thread.
    pub(super) fn spill_all(&self, mut spiller: Spiller) {
        loop {
            let (requests, last) = match self.control.next(self.options.checkpoint_every) {
                Next::Round { requests } => (requests, false),
                Next::LastRound { requests } => (requests, true),
                Next::End => break,
            };
            match spiller.round(&self.state, || self.control.pause(self.options.chunk_pause)) {
                Ok(_) => {
                    self.spilled(spiller.meta.applied, requests);
                    if !last {
                        self.refold(&mut spiller);
                    }
                }
                Err(Unspilled::Fault(fault)) => self.fail(&Failure::Rows(fault)),
                Err(Unspilled::Killed) => self.fail(&Failure::Killed),
            }
            if last {
                break;
            }
        }
        drop(spiller);
        self.control.end();
        self.spill_ended.send_replace(true);
    }

    fn refold(&self, spiller: &mut Spiller) {
        let pause = || {
            self.control.pause(self.options.chunk_pause);
            let fills = self.overlay_bytes.load(Ordering::Relaxed) >= self.options.overlay_bytes_max / 2;
            if fills || self.control.is_ending() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match spiller.refold_if_bloated(&self.state, pause) {
            Ok(_) => {}
            Err(Unspilled::Fault(fault)) => self.fail(&Failure::Rows(fault)),
            Err(Unspilled::Killed) => self.fail(&Failure::Killed),
        }
    }

    fn spilled(&self, through: Position, requests: u64) {
        self.weigh(&self.lock());
        self.checkpoint.send_modify(|(position, answered)| {
            *position = through;
            *answered = requests;
        });
        self.control.wake();
    }

    /// Stops for good: nothing more is folded or spilled, nobody waits on.
    pub(super) fn fail(&self, failure: &Failure) {
        if self.failure.set(failure.clone()).is_err() {
            return; // a later failure follows from the first
        }
        if !matches!(failure, Failure::Killed) {
            tracing::error!(%failure, "the engine stops; the journal has every record that was answered");
        }
        if let Failure::Rows(fault) | Failure::Fold { error: FoldError::Rows(fault), .. } = failure {
            open::leave_word(&self.options.state.join("store"), fault, &self.clock);
        }
        self.tickets.give_up(|| AppendError::Failed(failure.clone()));
        self.control.end();
    }
}

impl<F: Fold> State<F> {
    /// Folds the records of one commit that were not folded yet.
    fn apply(&mut self, committed: &Committed) -> Result<Vec<F::Outcome>, Failure> {
        let Self { fold, held } = self;
        if committed.first > held.folded.next() {
            tracing::warn!(from = %held.folded.next(), to = %committed.first, "the journal has no records in between");
        }
        let mut outcomes = Vec::with_capacity(committed.records.len());
        for (number, record) in committed.records.iter().enumerate() {
            let position = committed.first.plus(number as u64);
            if position <= held.folded {
                continue;
            }
            held.time = held.time.max(record.at);
            let at = At { epoch: committed.epoch, position, time: held.time };
            held.torn = true;
            let outcome = fold.apply(at, record, &mut held.rows_at(position));
            outcomes.push(outcome.map_err(|error| Failure::Fold { position, error })?);
            held.torn = false;
            held.folded = position;
            held.epoch = committed.epoch;
        }
        Ok(outcomes)
    }
}

/// Does `work`; a panic is a bug of the fold's and a failure of the engine.
fn guarded<F: Fold, R>(state: &mut State<F>, work: impl FnOnce(&mut State<F>) -> R) -> Result<R, Failure> {
    let before = state.held.folded;
    catch_unwind(AssertUnwindSafe(|| work(state))).map_err(|_panic| Failure::Panicked(before))
}
