//! What a journal carries: records, and the batches they come and go in.

use std::sync::Arc;

use bytes::Bytes;
use model::{
    merkle::{self, Hash},
    position::{EpochId, Position},
    time::Timestamp,
};

/// What happened, as bytes that the journal does not look into.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// What the bytes are. Kind 1 is the journal's own.
    pub kind: u16,
    /// The caller's.
    pub flags: u8,
    /// When it happened.
    pub at: Timestamp,
    /// The caller's, at most 8 MiB.
    pub bytes: Bytes,
}

impl Record {
    /// A record without flags.
    pub fn new(kind: u16, at: Timestamp, bytes: impl Into<Bytes>) -> Self {
        Self { kind, flags: 0, at, bytes: bytes.into() }
    }

    /// Its leaf in the tree: SHA-256(0x00 ‖ kind ‖ flags ‖ time ‖ bytes). Position and epoch are no part of it.
    pub fn leaf(&self) -> Hash {
        leaf(self.kind, self.flags, self.at, &self.bytes)
    }
}

pub(crate) fn leaf(kind: u16, flags: u8, at: Timestamp, bytes: &[u8]) -> Hash {
    merkle::leaf_of_parts(&[&kind.to_be_bytes(), &[flags], &at.millis().to_be_bytes(), bytes])
}

/// Stands in the tree where a record is lost and nothing later says what the tree was.
pub(crate) fn lost_leaf() -> Hash {
    merkle::leaf(&[])
}

/// Who goes first when more waits than one commit takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Lane {
    /// Ends something that is open: receipts, confirmations, expiry. Has a reserved quarter of the channel.
    Settling,
    /// Concerns a message of the highest precedence.
    Flash,
    /// All else.
    Normal,
}

/// Comes back with the commit, so that whoever reads commits knows whom to answer. Zero is nobody.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Ticket(pub u64);

/// Records that are appended next to each other, whole or not at all.
#[derive(Clone, Debug)]
pub struct RecordBatch {
    /// In this order.
    pub records: Vec<Record>,
    /// How urgent they are.
    pub lane: Lane,
    /// Who waits for them.
    pub ticket: Ticket,
}

/// What one commit made durable: one append, or several that waited together.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The epoch of all of them.
    pub epoch: EpochId,
    /// Position of the first record.
    pub first: Position,
    /// Without gaps.
    pub records: Arc<[Record]>,
    /// Each append's ticket and how many records were its own, in order. Empty when read back from disk.
    pub tickets: Vec<(Ticket, u32)>,
}
