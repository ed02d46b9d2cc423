//! What opening found, for people and for health.

use std::path::PathBuf;

use model::{
    position::{EpochId, Position},
    time::Timestamp,
};

/// What opening found and did. All of it is also in the log.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OpenReport {
    /// The last record before this life that can be read.
    pub end: Position,
    /// What cannot be read any more. Empty after any number of power cuts on an honest disk.
    pub damaged: Vec<Damage>,
    /// Segments whose header could not be read but whose records can.
    pub headers_repaired: Vec<u32>,
    /// The torn end that was cut: bytes that were never promised.
    pub torn: Option<Torn>,
    /// The last batch, written once more because nobody knows whether it was ever synced.
    pub rewritten: Option<(Position, Position)>,
    /// Something that was promised may be gone.
    pub data_loss_suspected: Option<DataLoss>,
    /// The tree goes on over lost records with leaves that are not theirs: heads signed before do not join heads after.
    pub evidence_broken: bool,
    /// Marks that were there and could not be read.
    pub marks_damaged: u8,
    /// The greatest time known before this life: no clock may say less.
    pub clock_floor: Timestamp,
    /// Files that are not ours. They were left alone.
    pub strays: Vec<String>,
}

/// Positions that cannot be read any more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Damage {
    /// The first of them.
    pub first: Position,
    /// The last of them.
    pub last: Position,
    /// The segment they were in, or the one before the place where they should be.
    pub segment: Option<u32>,
    /// Where a copy of that segment lies.
    pub quarantined: Option<PathBuf>,
}

/// Bytes behind the last good batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Torn {
    /// In this segment.
    pub segment: u32,
    /// From this byte on.
    pub from: u64,
}

/// Why data loss is suspected.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DataLoss {
    /// More was synced than is there.
    #[error("the journal ends at {end}, but was synced up to {mark}")]
    EndsEarly {
        /// The last record that can be read.
        end: Position,
        /// The last one that was synced.
        mark: Position,
    },
    /// The records up to here are not those that were there.
    #[error("the tree at {at} has another root than noted")]
    OtherRoot {
        /// Where the roots differ.
        at: Position,
    },
    /// No segment knows the epoch that was living when the mark was written.
    #[error("epoch {0} of the mark is not in the journal")]
    EpochMissing(EpochId),
}
