//! The append-only log that is the truth.

mod committer;
pub mod file;
mod segment;

use bytes::Bytes;
pub use model::position::{Epoch, EpochId, Position};
use model::time::Timestamp;
pub use segment::{FileJournal, OpenError, Options};
use std::{future::Future, sync::Arc};

/// A record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// Kind.
    pub kind: u16,
    /// Flags.
    pub flags: u8,
    /// Time.
    pub at: Timestamp,
    /// Bytes.
    pub bytes: Bytes,
}
impl Record {
    /// New.
    pub fn new(kind: u16, at: Timestamp, bytes: impl Into<Bytes>) -> Self {
        Self { kind, flags: 0, at, bytes: bytes.into() }
    }
}
/// Lane.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Lane {
    /// Settling.
    Settling,
    /// Flash.
    Flash,
    /// Normal.
    Normal,
}
/// Ticket.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Ticket(pub u64);
/// Batch.
#[derive(Clone, Debug)]
pub struct RecordBatch {
    /// Records.
    pub records: Vec<Record>,
    /// Lane.
    pub lane: Lane,
    /// Ticket.
    pub ticket: Ticket,
}
/// Committed.
#[derive(Clone, Debug)]
pub struct Committed {
    /// Epoch.
    pub epoch: EpochId,
    /// First.
    pub first: Position,
    /// Records.
    pub records: Arc<[Record]>,
    /// Tickets.
    pub tickets: Vec<(Ticket, u32)>,
}
/// Errors.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// Full.
    #[error("the journal is busy")]
    Busy,
    /// Failed.
    #[error("the journal has failed: {0}")]
    Failed(Arc<str>),
    /// Not there.
    #[error("no such record: {0}")]
    Missing(Position),
    /// Too large.
    #[error("a record is too large")]
    TooLarge,
    /// Stopped.
    #[error("the journal has stopped")]
    Stopped,
}
/// The truth.
pub trait Journal: Send + Sync + 'static {
    /// Appends.
    fn append(&self, batch: RecordBatch) -> impl Future<Output = Result<Position, JournalError>> + Send;
    /// Reads.
    fn read(
        &self,
        from: Position,
    ) -> Result<Box<dyn Iterator<Item = Result<Committed, JournalError>> + Send>, JournalError>;
    /// One.
    fn record(&self, at: Position) -> Result<Record, JournalError>;
    /// End.
    fn committed(&self) -> Position;
    /// Epochs.
    fn epochs(&self) -> Vec<Epoch>;
}
