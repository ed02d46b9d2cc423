//! What each record means for the broker: mailboxes, lines of receipts, chains, documents, drills, accounts. Same
//! journal, same rows, on every machine: nothing here reads a clock or rolls dice, and nothing here answers anybody.
//!
//! One file a record family. `keys` says where rows lie, `state` what is counted in memory beside them.

mod admin;
mod carried;
mod confirmed;
mod days;
mod documents;
mod drills;
mod duties;
mod ended;
mod heads;
pub mod keys;
mod messages;
mod needs;
mod pieces;
mod posts;
mod sequence;
mod session;
mod state;
mod submitted;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc};

use bytes::Buf;
use journal::Record;
use model::{invalid::Invalid, position::Position};
use prost::Message;
use proto::record::{MessageRow, kind};
use store::{At, Fold, FoldError, Rows};

pub use self::{
    carried::envelope_at,
    confirmed::tells,
    duties::{MemberCard, cards, duty},
    messages::{is_settled, stage_of},
    pieces::message,
    sequence::gaps as missing,
    state::{Counts, State, Tallies, Wakes},
};

/// What a record came to, for whoever appended it.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// An envelope was accepted; a duplicate gets the row of the first.
    Accepted {
        /// What the receipt says.
        row: Box<MessageRow>,
        /// The broker had it already.
        duplicate: bool,
    },
    /// An envelope was refused; nothing of it is kept but the record.
    Refused(Invalid),
    /// A session began.
    Session {
        /// The agent's state was put back from a copy: it used less than what is recorded here.
        rolled_back: bool,
    },
    /// Folded.
    Done,
}

/// The broker's fold.
#[derive(Debug)]
pub struct BrokerFold {
    state: State,
    wakes: Arc<Wakes>,
}

impl BrokerFold {
    /// A fold that wakes whoever waits on `wakes`.
    pub fn new(wakes: Arc<Wakes>) -> Self {
        Self { state: State::default(), wakes }
    }

    /// What is counted in memory.
    pub fn state(&self) -> &State {
        &self.state
    }
}

impl Fold for BrokerFold {
    type Outcome = Outcome;

    fn apply(&mut self, at: At, record: &Record, rows: &mut Rows<'_>) -> Result<Outcome, FoldError> {
        let mut folding = Folding { at, rows, state: &mut self.state, line_index: 0 };
        match record.kind {
            kind::SUBMITTED => folding.submitted(&decode(record)?),
            kind::CARRIED => folding.carried(&decode(record)?),
            kind::CONFIRMED => folding.confirmed(decode(record)?),
            kind::EXPIRED => folding.expired(&decode(record)?),
            kind::DAY_BEGAN => folding.day_began(&decode(record)?),
            kind::POST_TURNED => folding.post_turned(&decode(record)?),
            kind::RUNG => folding.rung_reached(&decode(record)?),
            kind::TRIED => folding.tried(decode(record)?),
            kind::ADMIN_ACT => folding.admin_act(&decode(record)?),
            kind::BLOB_STORED => folding.blob_stored(decode(record)?),
            kind::RECEIPTS_SEEN => folding.receipts_seen(&decode(record)?),
            kind::SESSION_BEGAN => folding.session_began(&decode(record)?),
            kind::HEAD_WITNESSED => folding.head_witnessed(&decode(record)?),
            kind::EPOCH_BEGAN | kind::TRUST_CHANGED | kind::REFUSED | kind::HEAD_SIGNED | kind::EVIDENCE_AGED => {
                Ok(Outcome::Done)
            }
            unknown => Err(FoldError::new(format!("record kind {unknown} is not known to this version"))),
        }
    }

    fn needs(&self, rows: &Rows<'_>, through: Position) -> Result<BTreeSet<Position>, FoldError> {
        needs::needed(rows, through)
    }

    fn folded(&mut self, _through: Position) {
        self.wakes.wake(&self.state.take_woken());
    }

    fn load(&mut self, rows: &Rows<'_>) -> Result<(), FoldError> {
        self.state = State::load(rows)?;
        Ok(())
    }
}

/// One record being folded.
struct Folding<'f, 'r> {
    at: At,
    rows: &'f mut Rows<'r>,
    state: &'f mut State,
    /// Receipts that this record has put into lines so far.
    line_index: u32,
}

impl Folding<'_, '_> {
    /// The row under `key`, decoded.
    fn row<M: Message + Default>(&self, key: &[u8]) -> Result<Option<M>, FoldError> {
        self.rows.get(key)?.map(decode_row).transpose()
    }

    /// Writes `row` under `key`.
    fn put(&mut self, key: &[u8], row: &impl Message) -> Result<(), FoldError> {
        self.rows.put(key, row.encode_to_vec())
    }
}

/// A row made from its bytes.
pub fn decode_row<M: Message + Default>(bytes: impl Buf) -> Result<M, FoldError> {
    M::decode(bytes).map_err(|error| FoldError::new(format!("a row cannot be read: {error}")))
}

fn decode<M: Message + Default>(record: &Record) -> Result<M, FoldError> {
    M::decode(record.bytes.clone())
        .map_err(|error| FoldError::new(format!("record kind {} cannot be read: {error}", record.kind)))
}
