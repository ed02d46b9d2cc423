//! What local systems and people may ask of the agent. Every answer that says "stored" is durable.

pub mod act;
mod agenda;
pub mod alerts;
pub mod catalogue;
pub mod compose;
pub mod documents;
mod drills;
pub mod events;
mod form;
mod handover;
pub mod incidents;
mod late_items;
pub mod lawful;
pub mod matters;
mod objection;
pub mod programs;
pub mod read;
pub mod rosters;
pub mod steps;

use std::sync::Arc;

use certs::tls;
use journal::{FileJournal, JournalError, Lane, Record};
use model::{
    clock::Clock, ids::MessageId, invalid::Invalid, position::Position, precedence::Precedence, reason::Reason,
};
use prost::Message;
use proto::{
    border,
    record::{Attested, BrokerAccepted, BrokerRefused, Queued, ReceiptsReceived, Received, Resealed, kind},
    v1,
};
use store::{Engine, FoldError, blobs::Blobs};

use crate::{
    config::{Identity, OfficerConfig},
    fold::{AgentFold, Bells, id_of, query},
    link::Link,
    outbox::{Outbox, not_stored},
    rules::Board,
    signer::Signer,
    trust::Trust,
    witness::Witness,
};

/// The agent's engine.
pub type AgentEngine = Engine<AgentFold, FileJournal>;

/// Everything that a question needs.
#[derive(Debug)]
pub struct Desk {
    /// Who we are.
    pub names: Identity,
    /// What a draft leaves out.
    pub officer: OfficerConfig,
    /// Error of our clock, for receipts.
    pub clock_error_ms: u32,
    /// Journal and rows.
    pub engine: AgentEngine,
    /// What rings when rows change.
    pub bells: Arc<Bells>,
    /// Our key.
    pub signer: Arc<Signer>,
    /// Keys of others.
    pub trust: Trust,
    /// Our connection certificates.
    pub tls: Arc<tls::Identity>,
    /// The sealer's door.
    pub outbox: Outbox,
    /// The way to the broker.
    pub link: Link,
    /// Attachments.
    pub blobs: Blobs,
    /// Copies of documents.
    pub documents: Blobs,
    /// How fresh the copies of catalogues are.
    pub catalogues: catalogue::copies::Freshness,
    /// One incident or identifier is minted at a time, until the rows know it.
    pub minting: Arc<tokio::sync::Mutex<()>>,
    /// Programs send one message at a time, until it is a row.
    pub programs: Arc<tokio::sync::Mutex<()>>,
    /// The rules in force.
    pub rules: Board,
    /// Heads of evidence trees.
    pub witness: Witness,
    /// The time.
    pub clock: Clock,
}

impl Desk {
    /// Makes one record durable; the rows follow it.
    pub(crate) async fn write(&self, kind: u16, message: &impl Message, lane: Lane) -> Result<(), Invalid> {
        self.write_all(vec![Record::new(kind, self.clock.now(), message.encode_to_vec())], lane).await
    }

    /// Makes records durable, all of them or none; the rows follow them.
    pub(crate) async fn write_all(&self, records: Vec<Record>, lane: Lane) -> Result<(), Invalid> {
        self.engine.append(records, lane).await.map(|_| ()).map_err(|error| not_stored(&error))
    }

    /// A record of our journal, decoded. It must be of `kind`.
    pub(crate) fn record<M: Message + Default>(&self, at: Position, kind: u16) -> Result<M, Invalid> {
        let record = self.raw(at)?;
        if record.kind != kind {
            return Err(internal(&format!("record {at} is of kind {}, not {kind}", record.kind)));
        }
        decode(&record)
    }

    pub(crate) fn raw(&self, at: Position) -> Result<Record, Invalid> {
        self.engine.record(at).map_err(|error| match error {
            JournalError::Retired(at) => {
                Invalid::new(Reason::NotFound, "message_id", LEFT).detail(format!("record {at}"))
            }
            error => internal(&error),
        })
    }

    /// Messages of ours that wait for the broker: their precedence and place, by precedence and then as they were queued.
    /// What came on a bundle has its place in another's sequence and is left out.
    pub(crate) fn waiting_ours(&self) -> Result<Vec<(Precedence, Position, MessageId)>, Invalid> {
        const PAGE: usize = 256;
        let mut all = Vec::new();
        for precedence in Precedence::ALL.iter().copied() {
            let mut after = Position::START;
            loop {
                let page = self.engine.read(|_, found| query::outbox(found, precedence, after, PAGE)).map_err(rows)?;
                let Some((last, _)) = page.last() else { break };
                after = *last;
                let ours = page.iter().filter(|(_, row)| !row.carried);
                all.extend(ours.filter_map(|(at, row)| Some((precedence, *at, id_of(&row.message_id)?))));
            }
        }
        Ok(all)
    }

    /// The envelope that waits for the broker: one of ours, or one that came on a bundle in a record of its own.
    pub(crate) fn waiting_envelope(&self, at: Position) -> Result<v1::Envelope, Invalid> {
        let record = self.raw(at)?;
        if record.kind != kind::RECEIVED {
            return self.own_envelope(at);
        }
        let alone = decode::<Received>(&record)?.deliveries.into_iter().next();
        alone.and_then(|delivery| delivery.envelope).ok_or_else(|| internal(&"a delivery without envelope"))
    }

    /// The envelope of a message of ours.
    pub(crate) fn own_envelope(&self, at: Position) -> Result<v1::Envelope, Invalid> {
        let record = self.raw(at)?;
        let envelope = match record.kind {
            kind::QUEUED => decode::<Queued>(&record)?.envelope,
            kind::RESEALED => decode::<Resealed>(&record)?.envelope,
            other => return Err(internal(&format!("record {at} of kind {other} holds no message of ours"))),
        };
        envelope.ok_or_else(|| internal(&"a queued record without envelope"))
    }

    /// The receipt that stands at `index` of the record at `at`.
    pub(crate) fn receipt(&self, at: Position, index: u32) -> Result<v1::Receipt, Invalid> {
        let (record, index) = (self.raw(at)?, index as usize);
        let of_batch = |batch: Option<v1::ReceiptBatch>| batch.and_then(|batch| border::receipt::single(&batch, index));
        let receipt = match record.kind {
            kind::BROKER_ACCEPTED => of_batch(decode::<BrokerAccepted>(&record)?.receipts),
            kind::RECEIVED => of_batch(decode::<Received>(&record)?.receipts),
            kind::ATTESTED => of_batch(decode::<Attested>(&record)?.receipts),
            kind::RECEIPTS_RECEIVED => decode::<ReceiptsReceived>(&record)?.receipts.get(index).cloned(),
            _ => None,
        };
        receipt.ok_or_else(|| internal(&format!("no receipt {index} in record {at}")))
    }

    pub(crate) fn refusal(&self, at: Position) -> Result<Option<v1::Refusal>, Invalid> {
        if at == Position::START {
            Ok(None)
        } else {
            let refused = self.record::<BrokerRefused>(at, kind::BROKER_REFUSED);
            if refused.as_ref().is_err_and(has_left) { Ok(None) } else { Ok(refused?.refusal) }
        }
    }
}

/// The rule of what is older than is kept.
const LEFT: &str = "evidence.left";

/// Whether this says that something is older than is kept.
pub(crate) fn has_left(invalid: &Invalid) -> bool {
    invalid.rule == LEFT
}

pub(crate) fn decode<M: Message + Default>(record: &Record) -> Result<M, Invalid> {
    M::decode(record.bytes.clone()).map_err(|error| internal(&error))
}

/// Something of ours is wrong; the log says what.
pub(crate) fn internal(error: &dyn std::fmt::Display) -> Invalid {
    tracing::error!(%error, "the desk cannot answer");
    Invalid::new(Reason::Internal, "", "agent.internal")
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
pub(crate) fn rows(error: FoldError) -> Invalid {
    internal(&error)
}

pub(crate) fn unknown(id: MessageId) -> Invalid {
    Invalid::new(Reason::NotFound, "message_id", "message.known").detail(id.to_string())
}

/// A text that must be there, and of at most so many characters.
fn needed(text: &str, field: &'static str, most: usize) -> Result<(), Invalid> {
    if text.trim().is_empty() { Err(Invalid::missing(field)) } else { fits(text, field, most) }
}

fn fits(text: &str, field: &'static str, most: usize) -> Result<(), Invalid> {
    let chars = text.chars().count();
    if chars > most { Err(Invalid::too_large(field, chars, most)) } else { Ok(()) }
}

/// Entries of a list at most.
const LIST_MAX: usize = 1_000;

/// How many entries a list has: as many as were asked for, within bounds; `default` where nobody said.
fn limit_of(asked: u32, default: usize) -> usize {
    if asked == 0 { default } else { (asked as usize).min(LIST_MAX) }
}
