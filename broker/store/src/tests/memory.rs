//! A journal in memory: it outlives every engine, fails when told, and begins an epoch with each life.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use journal::{Committed, Epoch, EpochId, Journal, JournalError, Position, Record, RecordBatch, Ticket};
use model::time::Timestamp;

/// The kind of the record that begins an epoch.
pub const EPOCH_BEGAN: u16 = 1;

#[derive(Clone, Debug, Default)]
struct Log {
    commits: Vec<Committed>,
    epochs: Vec<Epoch>,
    end: Position,
    stopped: bool,
    failing: Option<JournalError>,
    closed_gate: bool,
}

#[derive(Debug, Default)]
struct Shared {
    log: Mutex<Log>,
    grown: Condvar,
}

/// One life of the journal.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Shared>);

impl Memory {
    /// The first life.
    pub fn new() -> Self {
        Self::living(Log::default())
    }

    /// The next life of the same records.
    pub fn next_life(&self) -> Self {
        let log = self.log().clone();
        Self::living(Log { stopped: false, failing: None, closed_gate: false, ..log })
    }

    /// The next life of a journal that lost everything after `end`.
    pub fn cut(&self, end: Position) -> Self {
        let mut log = self.log().clone();
        log.commits.retain(|commit| commit.first <= end);
        log.epochs.retain(|epoch| epoch.first <= end);
        log.end = end;
        Self::living(Log { stopped: false, failing: None, ..log })
    }

    /// The next life of a journal that has retired everything before `first`.
    pub fn retired(&self, first: Position) -> Self {
        let mut log = self.log().clone();
        log.commits.retain(|commit| commit.first >= first);
        log.epochs.retain(|epoch| epoch.ended_at.is_none_or(|end| end >= first));
        log.epochs[0].first = log.epochs[0].first.max(first);
        Self::living(Log { stopped: false, failing: None, ..log })
    }

    fn living(mut log: Log) -> Self {
        let first = log.end.next();
        if let Some(last) = log.epochs.last_mut() {
            last.ended_at = Some(log.end);
        }
        let mut id = [0; 16];
        name_of_life(&mut id, log.epochs.len() as u64 + 1, first.0);
        log.epochs.push(Epoch { id: EpochId(id), first, ended_at: None });
        let memory = Self(Arc::new(Shared { log: Mutex::new(log), grown: Condvar::new() }));
        memory.write(vec![Record::new(EPOCH_BEGAN, Timestamp::EPOCH, Vec::new())], Ticket(0));
        memory
    }

    /// Ends this life: whoever reads it hears the end.
    pub fn stop(&self) {
        self.log().stopped = true;
        self.0.grown.notify_all();
    }

    /// Every append from here on is answered with `error`.
    pub fn fail(&self, error: JournalError) {
        self.log().failing = Some(error);
    }

    /// Readers see nothing new until the gate opens.
    pub fn close_gate(&self) {
        self.log().closed_gate = true;
    }

    /// Readers go on.
    pub fn open_gate(&self) {
        self.log().closed_gate = false;
        self.0.grown.notify_all();
    }

    fn write(&self, records: Vec<Record>, ticket: Ticket) -> Position {
        let mut log = self.log();
        let first = log.end.next();
        log.end = Position(log.end.0 + records.len() as u64);
        let epoch = log.epochs.last().unwrap().id;
        let tickets = vec![(ticket, records.len() as u32)];
        log.commits.push(Committed { epoch, first, records: records.into(), tickets });
        self.0.grown.notify_all();
        first
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.log.lock().unwrap()
    }
}

/// Sixteen bytes that no other life has: this is a test, so they follow from what the life begins with.
fn name_of_life(id: &mut [u8; 16], life: u64, first: u64) {
    id[..8].copy_from_slice(&life.to_be_bytes());
    id[8..].copy_from_slice(&first.to_be_bytes());
}

impl Journal for Memory {
    async fn append(&self, batch: RecordBatch) -> Result<Position, JournalError> {
        if let Some(error) = self.log().failing.clone() {
            return Err(error);
        }
        Ok(self.write(batch.records, batch.ticket))
    }

    fn read(
        &self,
        from: Position,
    ) -> Result<Box<dyn Iterator<Item = Result<Committed, JournalError>> + Send>, JournalError> {
        let (shared, mut next) = (self.0.clone(), from.0.max(1));
        Ok(Box::new(std::iter::from_fn(move || {
            let log = shared.log.lock().unwrap();
            let waits = |log: &mut Log| (log.end.0 < next || log.closed_gate) && !log.stopped;
            let log = shared.grown.wait_while(log, waits).unwrap();
            if log.closed_gate {
                return None;
            }
            let found = log.commits.iter().find(|commit| commit.first.0 + commit.records.len() as u64 > next)?;
            next = found.first.0 + found.records.len() as u64;
            Some(Ok(found.clone()))
        })))
    }

    fn record(&self, at: Position) -> Result<Record, JournalError> {
        let log = self.log();
        let commit = log.commits.iter().rev().find(|commit| commit.first <= at).ok_or(JournalError::Missing(at))?;
        commit.records.get((at.0 - commit.first.0) as usize).cloned().ok_or(JournalError::Missing(at))
    }

    fn committed(&self) -> Position {
        self.log().end
    }

    fn epochs(&self) -> Vec<Epoch> {
        self.log().epochs.clone()
    }
}
