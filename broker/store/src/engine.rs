//! The engine: a thread that folds what the journal commits, a thread that spills, and the door for everyone else.

mod work;

use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
};

use journal::{Journal, JournalError, Lane, Record, RecordBatch};
use model::{
    clock::Clock,
    position::{Epoch, Position},
    time::Timestamp,
};
use tokio::sync::watch;

use crate::{
    control::Control,
    disk,
    failure::{AppendError, Failure},
    fault::Faults,
    fold::{Fold, FoldError},
    open::{self, Extent, Found, OpenError, Opened, Place},
    options::Options,
    rows::{Dump, Held, Rows},
    space::Space,
    spill::{Holds, Spiller},
    tasks::Tasks,
    ticket::Tickets,
    watch::Pulse,
};

/// What the engine holds, for the metrics.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Figures {
    /// Changes in memory that are not in sled yet, in bytes, about.
    pub overlay_bytes: usize,
    /// Rows in sled.
    pub spilled_rows: u64,
    /// A start after a power cut would replay what comes after this.
    pub checkpoint: Position,
}

struct State<F> {
    fold: F,
    held: Held,
}

impl<F> Holds for State<F> {
    fn held(&mut self) -> &mut Held {
        &mut self.held
    }
}

struct Shared<F: Fold, J> {
    journal: J,
    clock: Clock,
    options: Options,
    state: Mutex<State<F>>,
    tickets: Tickets<F::Outcome>,
    control: Control,
    /// Copies of what the state holds, for questions that need no lock.
    overlay_bytes: AtomicUsize,
    newest_ms: AtomicI64,
    folded: watch::Sender<Position>,
    /// Checkpoint and the last request it answers.
    checkpoint: watch::Sender<(Position, u64)>,
    stopping: AtomicBool,
    /// The journal gives no more commits.
    journal_ended: AtomicBool,
    spill_ended: watch::Sender<bool>,
    failure: OnceLock<Failure>,
    faults: Faults,
    space: Space,
}

/// The journal, folded: appends are durable and folded when they return, reads see whole commits. Cheap to clone.
pub struct Engine<F: Fold, J: Journal>(Arc<Shared<F, J>>);

impl<F: Fold, J: Journal> Clone for Engine<F, J> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<F: Fold, J: Journal> fmt::Debug for Engine<F, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("folded", &*self.0.folded.borrow())
            .field("failed", &self.0.failure.get())
            .finish_non_exhaustive()
    }
}

impl<F: Fold, J: Journal> Engine<F, J> {
    /// Opens the store, folds what the journal has beyond it, and goes on folding on threads that `tasks` owns. Blocks,
    /// for minutes if the store has to be made anew.
    pub fn open(
        options: Options,
        journal: J,
        mut fold: F,
        tasks: &Tasks,
        clock: Clock,
    ) -> Result<(Self, Opened), OpenError> {
        let (reads, writes) = (Pulse::default(), Pulse::default());
        let extent = Extent { first: journal.first(), last: journal.committed(), epochs: journal.epochs() };
        let place = Place {
            options: &options,
            extent: extent.clone(),
            clock: &clock,
            reads: reads.clone(),
            writes: writes.clone(),
        };
        let (mut held, mut spiller, mut found) = place.open()?;
        if let Err(error) = fold.load(&held.rows()) {
            drop((held, spiller));
            (held, spiller, found) = place.give_up(format!("the rows could not be loaded: {error}"))?;
            fold.load(&held.rows())?;
        }
        let began = held.folded;
        let faults = spiller.tree.faults().clone();
        let engine = Self(Arc::new(Shared::new(options, journal, State { fold, held }, clock, faults)));
        let started = engine.start(spiller, [reads, writes], tasks);
        let opened = started.and_then(|()| engine.replay(began, extent.last, found));
        if opened.is_err() {
            engine.0.control.end(); // nobody else could: the engine is not handed out
        }
        Ok((engine, opened?))
    }

    /// Starts the four threads. Each ends when the engine fails; folding also ends with the journal.
    fn start(&self, spiller: Spiller, pulses: [Pulse; 2], tasks: &Tasks) -> Result<(), OpenError> {
        let shared = &self.0;
        let commits = shared.journal.read(shared.folded.borrow().next())?;
        let [folder, writer, watcher, keeper] = [shared.clone(), shared.clone(), shared.clone(), shared.clone()];
        let started = tasks
            .thread("fold", move |_| folder.fold_all(commits))
            .and_then(|()| tasks.thread("spill", move |_| writer.spill_all(spiller)))
            .and_then(|()| tasks.thread("space", move |_| keeper.space.watch(&keeper.control)))
            .and_then(|()| {
                tasks.thread("watchdog", move |_| {
                    crate::watch::look(&watcher.control, &watcher.options.watchdog, pulses);
                })
            });
        started.map_err(|source| OpenError::Io { path: shared.options.state.join("store"), source })
    }

    /// Waits until everything that the journal had at the start is folded.
    fn replay(&self, began: Position, end: Position, found: Found) -> Result<Opened, OpenError> {
        let shared = &self.0;
        let missing = || *shared.folded.borrow() < end;
        shared.control.wait_while(|| missing() && !shared.journal_ended.load(Ordering::SeqCst));
        if let Some(failure) = shared.failure.get() {
            return Err(OpenError::Failed(failure.clone()));
        }
        if missing() {
            return Err(OpenError::Journal(JournalError::Stopped));
        }
        let store = shared.options.state.join("store");
        open::attempts_over(&store).map_err(|source| OpenError::Io { path: store, source })?;
        Ok(found.report(end.0.saturating_sub(began.0)))
    }

    /// Appends `records`, which stand next to each other and count whole or not at all. When this returns they survive a
    /// power cut and are folded; the answer is the position of the first and what each came to, in order.
    ///
    /// If the caller goes away meanwhile, the records may be taken all the same.
    pub async fn append(&self, records: Vec<Record>, lane: Lane) -> Result<(Position, Vec<F::Outcome>), AppendError> {
        self.append_as(records, lane, lane).await
    }

    /// As [`Engine::append`], in the order of `lane`; but whether there is room is asked as for records of the lane `weight`.
    pub async fn append_as(
        &self,
        records: Vec<Record>,
        lane: Lane,
        weight: Lane,
    ) -> Result<(Position, Vec<F::Outcome>), AppendError> {
        let shared = &self.0;
        shared.may_append(weight)?;
        if records.is_empty() {
            return Ok((*shared.folded.borrow(), Vec::new()));
        }
        let mut waiter = shared.tickets.take();
        shared.may_append(weight)?; // whoever failed or stops it from here on sees our ticket
        let appending = shared.journal.append(RecordBatch { records, lane, ticket: waiter.ticket() });
        let mut appending = std::pin::pin!(appending);
        let mut durable = false;
        loop {
            tokio::select! {
                biased;
                verdict = &mut waiter.verdict => return verdict.unwrap_or(Err(AppendError::Stopped)),
                position = &mut appending, if !durable => durable = shared.taken(position)?,
            }
        }
    }

    /// Asks fold and rows. What `ask` sees is one moment between two commits; it holds up the fold, so it must be short.
    pub fn read<R>(&self, ask: impl FnOnce(&F, &Rows<'_>) -> R) -> R {
        let mut state = self.0.lock();
        let State { fold, held } = &mut *state;
        let answer = ask(fold, &held.rows());
        drop(state);
        if let Some(fault) = self.0.faults.first() {
            self.0.fail(&Failure::Rows(fault.clone()));
        }
        answer
    }

    /// Everything that two folds of the same records must agree on. Reads all rows under the lock: for tests and tools.
    pub fn dump(&self) -> Result<Dump, FoldError> {
        self.read(|_, rows| rows.dump())
    }

    /// A record of the journal, checked.
    pub fn record(&self, at: Position) -> Result<Record, JournalError> {
        self.0.journal.record(at)
    }

    /// The last folded position, and a bell for the next.
    pub fn folded(&self) -> watch::Receiver<Position> {
        self.0.folded.subscribe()
    }

    /// The last durable position.
    pub fn journal_end(&self) -> Position {
        self.0.journal.committed()
    }

    /// The lives of the journal.
    pub fn epochs(&self) -> Vec<Epoch> {
        self.0.journal.epochs()
    }

    /// The journal itself.
    pub fn journal(&self) -> &J {
        &self.0.journal
    }

    /// The time to write into a record now: the clock's, but never before a record that was folded.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now().max(Timestamp::from_millis(self.0.newest_ms.load(Ordering::Relaxed)))
    }

    /// Why the engine stopped for good, if it did.
    pub fn failed(&self) -> Option<&Failure> {
        self.0.failure.get()
    }

    /// What it holds.
    pub fn figures(&self) -> Figures {
        let spilled_rows = self.0.lock().held.overlay.spilled_count();
        Figures {
            overlay_bytes: self.0.overlay_bytes.load(Ordering::Relaxed),
            spilled_rows,
            checkpoint: self.0.checkpoint.borrow().0,
        }
    }

    /// Makes a checkpoint of everything folded by now; when this returns a power cut costs no replay of it.
    pub async fn checkpoint(&self) -> Result<Position, Failure> {
        let mut done = self.0.checkpoint.subscribe();
        let mut ended = self.0.spill_ended.subscribe();
        // a round that runs already may have begun before the last record: only ours, or a later one, will do
        let request = self.0.control.ask_checkpoint();
        tokio::select! {
            answered = done.wait_for(|(_, answered)| *answered >= request) => answered.map(|done| done.0).map_err(|_closed| Failure::Killed),
            _ = ended.wait_for(|ended| *ended) => self.0.failure.get().cloned().map_or_else(|| Ok(self.0.checkpoint.borrow().0), Err),
        }
    }

    /// The journal has given up everything before `first`: so does the index of what is closed.
    pub fn retired(&self, first: Position) -> std::io::Result<()> {
        let gone = self.0.lock().held.retire(first);
        gone.iter().try_for_each(|path| disk::remove(path))
    }

    /// What a second store beside this one is told.
    pub(crate) fn for_base(&self) -> (Options, Clock) {
        (crate::base::options(&self.0.options), self.0.clock.clone())
    }

    /// Takes no more records, waits for the answers of those in flight, spills, and makes the last checkpoint. The fold's
    /// thread ends when the journal does.
    pub async fn stop(&self) -> Result<(), Failure> {
        let shared = &self.0;
        shared.stopping.store(true, Ordering::SeqCst);
        let mut ended = shared.spill_ended.subscribe();
        tokio::select! {
            () = shared.tickets.none_waits() => {}
            _ = ended.wait_for(|ended| *ended) => {}
        }
        shared.control.stop();
        let _ = ended.wait_for(|ended| *ended).await; // the sender lives as long as we do
        shared.failure.get().cloned().map_or(Ok(()), Err)
    }

    /// The last checkpoint, and a bell for the next.
    #[cfg(test)]
    pub(crate) fn checkpoints(&self) -> watch::Receiver<(Position, u64)> {
        self.0.checkpoint.subscribe()
    }

    /// Dies as a killed process would: nothing more is written. For tests.
    pub fn kill(&self) {
        self.0.fail(&Failure::Killed);
    }
}
