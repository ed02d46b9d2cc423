//! The append-only log that is the truth. `FORMAT.md` says which bytes it has and what opening does with damage.
//!
//! ```text
//! append ─▶ committer (queue, natural batches) ─▶ writer ─▶ one write, one fdatasync ─▶ shelf, answers, readers
//!                                                  ├─ spare: the next segment, made in the background
//!                                                  └─ mark: the high-water mark, at most each second
//! open: headers ─▶ scan from the mark on ─▶ torn or damaged? ─▶ put right ─▶ a new epoch
//! format/  the bytes        disk  the one trait to the file system (real files; the tests have a simulated one)
//! tree/    proofs: hashes of leaves and subtrees in files of their own, made from the records
//! inspect  looks through somebody else's journal and names what is not as it was written
//! figures  what a collector reads
//! file     small files, folders and locks of a state directory, for everybody else
//! ```
//!
//! The journal never looks into a record, never decides by the clock, and never tries a failed write or sync again.
//! Segments leave whole (`retire`), with copies of single records that are still in use (`kept`).

pub mod ballast;
mod committer;
mod disk;
pub mod figures;
pub mod file;
mod format;
pub mod inspect;
mod journal;
mod kept;
mod mark;
mod open;
mod quarantine;
mod record;
mod report;
mod retire;
mod segment;
mod shelf;
mod spare;
mod threads;
mod tree;
mod writer;

#[cfg(test)]
#[path = "../../../tests/checker/mod.rs"]
mod checker;
#[cfg(test)]
mod sim;

use std::{future::Future, sync::Arc};

pub use model::position::{Epoch, EpochId, Position};

pub use crate::{
    journal::FileJournal,
    open::{OpenError, Options},
    record::{Committed, Lane, Record, RecordBatch, Ticket},
    report::{Damage, DataLoss, OpenReport, Torn},
    tree::TreeSize,
};

/// Why the journal did not take or give a record.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// More waits than the channel holds, or there is no space for another segment. Nothing was written; try again later.
    #[error("the journal is busy")]
    Busy,
    /// A write or a sync failed. Nothing is taken any more; what was in flight may be found at the next start or not.
    #[error("the journal has failed: {0}")]
    Failed(Arc<str>),
    /// There is no such record, or not yet.
    #[error("no such record: {0}")]
    Missing(Position),
    /// The record was there and cannot be read any more. Its segment is in quarantine.
    #[error("record {0} is damaged")]
    Damaged(Position),
    /// The record was there and has left, as old as it was. Its place in the tree is still proved.
    #[error("record {0} has left: it was older than is kept")]
    Retired(Position),
    /// No proof can be given: records that it goes over are lost, or the files of the tree cannot be used.
    #[error("no proof can be given: {0}")]
    Unproved(Arc<str>),
    /// One append brings at most 8 MiB.
    #[error("too many bytes for one append")]
    TooLarge,
    /// The journal stops or has stopped. What was in flight may have been written or not.
    #[error("the journal has stopped")]
    Stopped,
}

/// The truth of one region or one agent.
pub trait Journal: Send + Sync + 'static {
    /// Appends the records in order; when this returns they survive a power cut. The answer is the position of the first.
    fn append(&self, batch: RecordBatch) -> impl Future<Output = Result<Position, JournalError>> + Send;

    /// Everything from `from` on, in commits: first what is there, then, as it comes, what is committed. The first commit may
    /// begin before `from`. A damaged range is left out once it is reported, so positions may jump. Blocks; ends when the
    /// journal stops, or with an error when it fails.
    fn read(
        &self,
        from: Position,
    ) -> Result<Box<dyn Iterator<Item = Result<Committed, JournalError>> + Send>, JournalError>;

    /// The record at a position, checked.
    fn record(&self, at: Position) -> Result<Record, JournalError>;

    /// The last position that survives a power cut.
    fn committed(&self) -> Position;

    /// Its lives, oldest first, the last one living.
    fn epochs(&self) -> Vec<Epoch>;

    /// The first position that can be read, or will be: what was before has left.
    fn first(&self) -> Position {
        self.epochs().first().map_or(Position(1), |epoch| epoch.first)
    }
}
