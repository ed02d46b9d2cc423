//! What is committed and where it lies: segments by their first position, the hottest batches in memory.

mod read;
mod state;

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use model::{clock::Clock, merkle::Frontier, position::Position};

use state::State;
pub(crate) use state::{Contents, Entry, Segment};

use crate::{
    JournalError,
    disk::Place,
    kept::Kept,
    quarantine,
    record::{Committed, Record},
    report::Damage,
};

/// Bytes of records that are kept in memory behind the end.
const HOT_BYTES_MAX: usize = 32 << 20;
/// Closed segments whose index and file are kept open.
pub(crate) const OPEN_SEGMENTS_MAX: usize = 32;

/// All committed records, for reading. The writer adds; everybody reads.
#[derive(Debug)]
pub(crate) struct Shelf {
    place: Place,
    clock: Clock,
    state: Mutex<State>,
    grown: Condvar,
}

/// Whether more will come.
#[derive(Clone, Debug, Default)]
pub(crate) enum Ended {
    #[default]
    No,
    Stopped,
    Failed(Arc<str>),
}

impl Shelf {
    /// What opening found: segments, damage, and the tree up to the end.
    pub fn new(
        place: Place,
        clock: Clock,
        segments: Vec<Segment>,
        damaged: Vec<Damage>,
        tree: Frontier,
        (retired, kept): (Position, Kept),
    ) -> Self {
        let mut state = State::default();
        (state.retired, state.kept) = (retired, Arc::new(kept));
        (state.damaged, state.end, state.tree) = (damaged, Position(tree.size()), tree);
        for segment in segments {
            state.add(segment);
        }
        Self { place, clock, state: Mutex::new(state), grown: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner) // every change is one step
    }

    /// A segment begins; the one before it ends with what is committed.
    pub fn begin(&self, segment: Segment) {
        self.lock().begin(segment);
    }

    /// A batch of the last segment is durable; `tree` is the one after it.
    pub fn commit(&self, entry: Entry, committed: Committed, tree: Frontier) {
        let mut state = self.lock();
        state.commit(entry);
        state.tree = tree;
        state.warm(entry.length as usize, Arc::new(committed));
        drop(state);
        self.grown.notify_all();
    }

    /// No more will come.
    pub fn end(&self, ended: Ended) {
        self.lock().ended = ended;
        self.grown.notify_all();
    }

    /// Where the journal lies.
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Everything up to `through` has left, but for copies.
    pub fn retire(&self, through: Position, kept: Kept) {
        self.lock().retire(through, kept);
    }

    /// Everything up to here has left.
    pub fn retired(&self) -> Position {
        self.lock().retired
    }

    /// Numbers, first and last positions of all segments, oldest first.
    pub fn segments(&self) -> Vec<(u32, Position, Position)> {
        self.lock().segments()
    }

    /// The first position that can be read, or will be.
    pub fn first(&self) -> Position {
        self.lock().first()
    }

    /// The copy of a record that has left, if one was kept and is good.
    fn kept(&self, at: Position) -> Option<Record> {
        let kept = self.lock().kept.clone();
        kept.get(at)
    }

    /// The last durable position.
    pub fn committed(&self) -> Position {
        self.lock().end
    }

    /// The tree of everything durable.
    pub fn tree(&self) -> Frontier {
        self.lock().tree.clone()
    }

    /// What cannot be read any more, as far as anybody has looked.
    pub fn damaged(&self) -> Vec<Damage> {
        self.lock().damaged.clone()
    }

    /// Says loudly, keeps a copy, and lets everything else go on.
    fn report(&self, segment: u32, lost: &[(Position, Position)]) {
        let quarantined = quarantine::keep(&self.place, segment, self.clock.now());
        for (first, last) in lost {
            tracing::error!(segment, %first, %last, "records of the journal are damaged");
            let damage =
                Damage { first: *first, last: *last, segment: Some(segment), quarantined: quarantined.clone() };
            self.lock().lose(damage);
        }
    }
}

/// Batches in memory, oldest first.
#[derive(Debug, Default)]
struct Hot {
    batches: VecDeque<(usize, Arc<Committed>)>,
    bytes: usize,
}

impl Hot {
    fn push(&mut self, bytes: usize, committed: Arc<Committed>) {
        self.bytes += bytes;
        self.batches.push_back((bytes, committed));
        while self.bytes > HOT_BYTES_MAX && self.batches.len() > 1 {
            let Some((bytes, _)) = self.batches.pop_front() else { return };
            self.bytes -= bytes;
        }
    }

    fn find(&self, at: Position) -> Option<Arc<Committed>> {
        let behind = self.batches.partition_point(|(_, committed)| committed.first <= at);
        let (_, committed) = self.batches.get(behind.checked_sub(1)?)?;
        (committed.first.plus(committed.records.len() as u64) > at).then(|| committed.clone())
    }
}

impl From<&Ended> for Option<JournalError> {
    fn from(ended: &Ended) -> Self {
        match ended {
            Ended::No | Ended::Stopped => None,
            Ended::Failed(why) => Some(JournalError::Failed(why.clone())),
        }
    }
}
