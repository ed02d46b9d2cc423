//! What a record means is somebody else's knowledge: `trait Fold` is how the engine asks for it.

use std::collections::BTreeSet;

use journal::Record;
use model::{
    position::{EpochId, Position},
    time::Timestamp,
};

use crate::{fault::Fault, rows::Rows};

/// Where and when a record stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct At {
    /// The life of the journal in which it was written.
    pub epoch: EpochId,
    /// Its number.
    pub position: Position,
    /// The greatest time of any record so far, this one included: the only time that a fold knows.
    pub time: Timestamp,
}

/// What records mean: state and owed acts, as rows. Two implementors: the broker's and the agent's.
///
/// Deterministic: the same records give the same rows and outcomes on every machine, at every replay. A fold
/// reads no clock and rolls no dice, and whatever it keeps in memory it can make again from the rows.
pub trait Fold: Send + 'static {
    /// What whoever appended a record is told.
    type Outcome: Send + 'static;

    /// Writes down what `record` means. An error stops the engine for good: a record that only makes no sense is an
    /// outcome, an error is a record that this program cannot read or rows that it cannot trust.
    fn apply(&mut self, at: At, record: &Record, rows: &mut Rows<'_>) -> Result<Self::Outcome, FoldError>;

    /// Records up to `through` that are still read though all around them leave: copies of them stay.
    fn needs(&self, rows: &Rows<'_>, through: Position) -> Result<BTreeSet<Position>, FoldError> {
        let _ = (rows, through);
        Ok(BTreeSet::new())
    }

    /// Everything up to `through` is folded and whoever appended it is answered: wakes whoever waits. Must not block.
    fn folded(&mut self, through: Position) {
        let _ = through;
    }

    /// Makes what is kept in memory again from the rows, in place of whatever it held. Called once before the first
    /// record, and once more with empty rows if the rows had to be given up.
    fn load(&mut self, rows: &Rows<'_>) -> Result<(), FoldError> {
        let _ = rows;
        Ok(())
    }
}

/// Why a record could not be folded or a row not be read. The engine stops; the record is durable and stays.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FoldError {
    /// The record or row does not say what this program can read.
    #[error("{0}")]
    Unreadable(String),
    /// A key, value or entry is longer than the store takes.
    #[error("{what} of {bytes} bytes; the store takes {bytes_max}")]
    TooLarge {
        /// Which.
        what: &'static str,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        bytes_max: usize,
    },
    /// The rows cannot be read; the engine stops by itself.
    #[error("rows")]
    Rows(#[from] Fault),
}

impl FoldError {
    /// A record or row that this program cannot read, and why.
    pub fn new(why: impl Into<String>) -> Self {
        Self::Unreadable(why.into())
    }
}
