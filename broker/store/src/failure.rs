//! How an engine ends for good, and what whoever appends is told when records are not taken.

use journal::JournalError;
use model::position::Position;

use crate::{fault::Fault, fold::FoldError};

/// Why the engine stopped for good. The journal has every record that was answered.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The journal cannot be read or written.
    #[error("journal: {0}")]
    Journal(#[from] JournalError),
    /// A record could not be folded.
    #[error("record {position}: {error}")]
    Fold {
        /// Which record.
        position: Position,
        /// Why not.
        error: FoldError,
    },
    /// The rows cannot be read or written.
    #[error(transparent)]
    Rows(#[from] Fault),
    /// The fold panicked: a bug of ours.
    #[error("the fold panicked after record {0}")]
    Panicked(Position),
    /// Somebody wanted it dead; only tests do.
    #[error("killed")]
    Killed,
}

/// Why records were not taken, or why nobody can say whether they were.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// There is no room now; nothing was written. Try again later.
    #[error("busy")]
    Busy,
    /// The engine stops or has stopped. What was in flight may be in the journal or not.
    #[error("stopped")]
    Stopped,
    /// The engine has failed. What was in flight may be in the journal or not.
    #[error("failed: {0}")]
    Failed(Failure),
    /// The journal refused the records; nothing was written.
    #[error("journal")]
    Journal(#[from] JournalError),
}
