//! What each record means for the agent: outbox, inbox, threads, receipts, cursors. Same journal, same rows: nothing
//! here reads a clock or rolls dice, and nothing here answers anybody.
//!
//! One file a record family. `keys` says where rows lie, `query` reads them for desk and link.

mod automation;
mod broker;
pub mod drills;
mod duties;
mod figures;
pub mod heads;
mod inbox;
pub mod keys;
mod learned;
mod long;
pub mod matters;
mod needs;
mod notices;
mod outbox;
mod own;
mod programs;
pub mod query;
mod receipts;
mod threads;
pub mod uses;

#[cfg(test)]
mod tests;

pub use self::automation::HOUR_MS;

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use journal::Record;
use model::{
    ids::{Digest, JurisdictionId, MessageId},
    position::Position,
    stage::Stage,
};
use prost::Message;
use proto::record::{AgentRow, kind};
use store::{At, Fold, FoldError, Rows};
use tokio::sync::{Notify, watch};

/// What a record came to, for whoever appended it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Folded.
    Done,
    /// Receipts of ours about received messages: where the receipt of each stands. For one that said nothing new it
    /// is the one that stood before.
    Attested(Vec<Option<(Position, u32)>>),
}

/// What wakes when rows change.
#[derive(Debug)]
pub struct Bells {
    /// Something waits in the outbox.
    pub outbox: Notify,
    /// Receipts of ours wait for the broker.
    pub confirms: Notify,
    /// The clerk has something to do, or at another time than it thought.
    pub clerk: Notify,
    /// A rule asks for something.
    pub acts: Notify,
    /// A roster is likely to have changed.
    pub rosters: Notify,
    /// Everything up to here is folded.
    pub folded: watch::Sender<Position>,
}

impl Default for Bells {
    fn default() -> Self {
        Self {
            outbox: Notify::new(),
            confirms: Notify::new(),
            clerk: Notify::new(),
            acts: Notify::new(),
            rosters: Notify::new(),
            folded: watch::Sender::new(Position::START),
        }
    }
}

/// The agent's fold.
#[derive(Debug)]
pub struct AgentFold {
    us: JurisdictionId,
    agent: AgentRow,
    bells: Arc<Bells>,
    rung: Rung,
}

/// Which bells ring when a commit is folded.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each bell")]
struct Rung {
    outbox: bool,
    confirms: bool,
    clerk: bool,
    acts: bool,
    rosters: bool,
}

impl AgentFold {
    /// The fold of this jurisdiction's agent, which rings `bells`.
    pub fn new(us: JurisdictionId, bells: Arc<Bells>) -> Self {
        Self { us, agent: AgentRow::default(), bells, rung: Rung::default() }
    }

    /// The agent itself: incarnation, sequence, cursors, counters.
    pub fn agent(&self) -> &AgentRow {
        &self.agent
    }
}

impl Fold for AgentFold {
    type Outcome = Outcome;

    fn apply(&mut self, at: At, record: &Record, rows: &mut Rows<'_>) -> Result<Outcome, FoldError> {
        let before = self.agent.clone();
        let mut folding = Folding { at, rows, us: &self.us, agent: &mut self.agent, rung: &mut self.rung };
        let outcome = match record.kind {
            kind::INCARNATED => Ok(folding.incarnated(&decode(record)?)),
            kind::QUEUED => folding.queued(&decode(record)?),
            kind::RESEALED => folding.resealed(&decode(record)?),
            kind::BROKER_ACCEPTED => folding.broker_accepted(&decode(record)?),
            kind::BROKER_REFUSED => folding.broker_refused(&decode(record)?),
            kind::RECEIVED => folding.received(&decode(record)?),
            kind::RECEIPTS_RECEIVED => folding.receipts_received(&decode(record)?),
            kind::ATTESTED => folding.attested(&decode(record)?),
            kind::CONFIRM_KEPT => folding.confirm_kept(&decode(record)?),
            kind::EPOCHS_KNOWN => folding.epochs_known(&decode(record)?),
            kind::DOCUMENT_CACHED => folding.document_cached(&decode(record)?),
            kind::RUNG => folding.rung_reached(&decode(record)?),
            kind::DESK_ACT => folding.desk_act(&decode(record)?),
            kind::FOLLOWED => folding.followed(&decode(record)?),
            kind::PEERS_SEEN => folding.peers_seen(&decode(record)?),
            kind::RULES_LOOKED => folding.rules_looked(&decode(record)?),
            kind::ACT_TRIED => folding.act_tried(&decode(record)?),
            kind::ACT_ENDED => folding.act_ended(&decode(record)?),
            kind::HEAD_WITNESSED => folding.head_witnessed(&decode(record)?),
            kind::LINK_TURNED
            | kind::EPOCH_BEGAN
            | kind::BLOB_STORED
            | kind::REFUSED
            | kind::HEAD_SIGNED
            | kind::EVIDENCE_AGED => Ok(Outcome::Done),
            unknown => Err(FoldError::new(format!("record kind {unknown} is not known to this version"))),
        }?;
        if self.agent != before {
            rows.put(&keys::agent(), self.agent.encode_to_vec())?;
        }
        Ok(outcome)
    }

    fn needs(&self, rows: &Rows<'_>, through: Position) -> Result<BTreeSet<Position>, FoldError> {
        needs::needed(rows, through)
    }

    fn folded(&mut self, through: Position) {
        let rung = std::mem::take(&mut self.rung);
        if rung.outbox {
            self.bells.outbox.notify_one();
        }
        if rung.confirms {
            self.bells.confirms.notify_one();
        }
        if rung.clerk {
            self.bells.clerk.notify_one();
        }
        if rung.acts {
            self.bells.acts.notify_one();
        }
        if rung.rosters {
            self.bells.rosters.notify_one();
        }
        self.bells.folded.send_replace(through);
    }

    fn load(&mut self, rows: &Rows<'_>) -> Result<(), FoldError> {
        self.agent = rows.get(&keys::agent())?.map(|bytes| decode_row(&bytes)).transpose()?.unwrap_or_default();
        Ok(())
    }
}

/// One record being folded.
struct Folding<'f, 'r> {
    at: At,
    rows: &'f mut Rows<'r>,
    us: &'f JurisdictionId,
    agent: &'f mut AgentRow,
    rung: &'f mut Rung,
}

impl Folding<'_, '_> {
    /// The row under `key`, decoded.
    fn row<M: Message + Default>(&self, key: &[u8]) -> Result<Option<M>, FoldError> {
        self.rows.get(key)?.map(|bytes| decode_row(&bytes)).transpose()
    }

    /// Writes `row` under `key`.
    fn put(&mut self, key: &[u8], row: &impl Message) -> Result<(), FoldError> {
        self.rows.put(key, row.encode_to_vec())
    }

    /// The time of this record as rows keep it.
    fn now_ms(&self) -> i64 {
        self.at.time.millis()
    }
}

/// A row made from its bytes.
pub fn decode_row<M: Message + Default>(bytes: &[u8]) -> Result<M, FoldError> {
    M::decode(bytes).map_err(|error| FoldError::new(format!("a row cannot be read: {error}")))
}

fn decode<M: Message + Default>(record: &Record) -> Result<M, FoldError> {
    let read = M::decode(record.bytes.clone());
    read.map_err(|error| FoldError::new(format!("record kind {} cannot be read: {error}", record.kind)))
}

/// The id in these bytes, if they are one.
pub fn id_of(bytes: &[u8]) -> Option<MessageId> {
    bytes.try_into().ok().map(MessageId)
}

/// A stage as rows number it.
pub fn stage_of(number: u32) -> Option<Stage> {
    i32::try_from(number).ok().and_then(Stage::from_number)
}

/// A number of the contract as rows keep it.
fn number(of: i32) -> u32 {
    u32::try_from(of).unwrap_or(0)
}

/// A place in a record as rows keep it; records are far smaller.
fn index(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

/// The bytes of an id in a row.
fn bytes_of(id: MessageId) -> Bytes {
    Bytes::copy_from_slice(&id.0)
}

/// The digest of a statement in a row.
fn hash_of(statement: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&Digest::of(statement).0)
}
