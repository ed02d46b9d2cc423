//! `Audit`: heads of the broker's tree, and proofs that records which concern the caller are in it.

use std::sync::Arc;

use journal::{JournalError, Record};
use model::{ids::JurisdictionId, ids::MessageId, invalid::Invalid, limits, position::Position, reason::Reason};
use prost::Message as _;
use proto::{
    border,
    record::{Confirmed, HeadWitnessed, ReceiptsSeen, SessionBegan, Submitted, kind},
    status::{self, Lang},
    v1::{self, audit_server::Audit},
};
use store::tasks::Tasks;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use super::peer;
use crate::relay::{Relay, heads::HeadError};

/// The service.
#[derive(Clone, Debug)]
pub struct AuditFace {
    /// Does the work.
    pub relay: Arc<Relay>,
    /// Owns the threads that make proofs.
    pub tasks: Tasks,
    /// So many proofs at a time.
    pub proofs: Arc<Semaphore>,
}

impl AuditFace {
    /// The service over `relay`.
    pub fn new(relay: Arc<Relay>, tasks: Tasks) -> Self {
        Self { relay, tasks, proofs: Arc::new(Semaphore::new(limits::PROOFS_AT_A_TIME)) }
    }
}

#[tonic::async_trait]
impl Audit for AuditFace {
    async fn head(&self, request: Request<v1::HeadRequest>) -> Result<Response<v1::HeadResponse>, Status> {
        let (caller, lang) = (peer::agent(&self.relay, &request)?.jurisdiction, Lang::of(request.metadata()));
        let answer = self.heads(&caller, request.into_inner()).await;
        answer.map(Response::new).map_err(|invalid| status::of(&invalid, lang))
    }

    async fn inclusion(
        &self,
        request: Request<v1::InclusionRequest>,
    ) -> Result<Response<v1::InclusionResponse>, Status> {
        let (caller, lang) = (peer::agent(&self.relay, &request)?.jurisdiction, Lang::of(request.metadata()));
        let answer = self.included(&caller, request.get_ref()).await;
        answer.map(Response::new).map_err(|invalid| status::of(&invalid, lang))
    }

    async fn consistency(
        &self,
        request: Request<v1::ConsistencyRequest>,
    ) -> Result<Response<v1::ConsistencyResponse>, Status> {
        let lang = Lang::of(request.metadata());
        peer::agent(&self.relay, &request)?;
        let answer = self.consistent(request.get_ref()).await;
        answer.map(Response::new).map_err(|invalid| status::of(&invalid, lang))
    }
}

impl AuditFace {
    async fn heads(&self, caller: &JurisdictionId, ask: v1::HeadRequest) -> Result<v1::HeadResponse, Invalid> {
        if let Some(own) = ask.own {
            self.relay.shown_head(caller, own, (ask.own_from, &ask.own_proof)).await?;
        }
        if let Some(countersigned) = ask.countersigned {
            let (journal, size) = (self.relay.engine.journal().clone(), countersigned.size);
            let root = match self.proof(move || journal.root(size)).await {
                Ok(root) => Some(root),
                Err(larger) if larger.reason == Reason::NotFound => None,
                Err(busy) => return Err(busy),
            };
            self.relay.countersigned_by(caller, countersigned, root)?;
        }
        let known = self.relay.witnessed(caller).map_err(|error| internal(&error))?.and_then(|row| row.head);
        Ok(v1::HeadResponse {
            head: self.relay.heads.newest(),
            known_size: known.as_ref().map_or(0, |head| head.size),
            countersigned: known.and_then(|head| self.relay.countersign(head)),
            witnessed: self.relay.heads_for(caller).map_err(|error| internal(&error))?,
        })
    }

    async fn included(
        &self,
        caller: &JurisdictionId,
        ask: &v1::InclusionRequest,
    ) -> Result<v1::InclusionResponse, Invalid> {
        let at = Position(ask.position);
        let record = self.relay.engine.record(at).ok().filter(|record| self.concerns(caller, at, record));
        let record = record.ok_or_else(|| Invalid::new(Reason::NotFound, "position", "audit.record"))?;
        let head = self.relay.head_over(&self.tasks, at).await.map_err(unproved)?;
        let size = if ask.size == 0 { head.size } else { ask.size };
        if size < at.0 {
            return Err(Invalid::new(Reason::NotFound, "size", "audit.size"));
        }
        let journal = self.relay.engine.journal().clone();
        let path = self.proof(move || journal.inclusion(at, size)).await?;
        Ok(v1::InclusionResponse {
            record: record.bytes,
            path: border::head::hashes_to_wire(&path),
            head: Some(head),
            kind: u32::from(record.kind),
            flags: u32::from(record.flags),
            at: record.at.millis(),
        })
    }

    async fn consistent(&self, ask: &v1::ConsistencyRequest) -> Result<v1::ConsistencyResponse, Invalid> {
        let head = self.relay.head_over(&self.tasks, Position(ask.to_size)).await.map_err(unproved)?;
        let (from, to) = (ask.from_size, if ask.to_size == 0 { head.size } else { ask.to_size });
        let journal = self.relay.engine.journal().clone();
        let path = self.proof(move || journal.consistency(from, to)).await?;
        Ok(v1::ConsistencyResponse { path: border::head::hashes_to_wire(&path), head: Some(head) })
    }

    /// Makes a proof on a thread of its own; few at a time, so that nobody keeps the disk from others.
    async fn proof<T: Send + 'static>(
        &self,
        make: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, Invalid> {
        // a new head makes everybody ask in the same moment
        let place = tokio::time::timeout(limits::PROOF_WAIT, self.proofs.acquire()).await;
        let Ok(Ok(_place)) = place else { return Err(Invalid::new(Reason::Busy, "", "audit.busy")) };
        let made = self.tasks.blocking("proof", make).await.map_err(|error| unproved(error.into()))?;
        made.map_err(|error| unproved(error.into()))
    }

    /// Whether all of a record concerns the caller: what it handed in itself, what it sent, and what it was handed.
    fn concerns(&self, caller: &JurisdictionId, at: Position, record: &Record) -> bool {
        let us = caller.as_str();
        match record.kind {
            kind::SUBMITTED | kind::CARRIED => {
                decoded::<Submitted>(record).is_some_and(|record| record.by == us || self.is_party(us, at, &record))
            }
            kind::CONFIRMED => {
                decoded::<Confirmed>(record).is_some_and(|record| record.by == us || all_to(us, &record))
            }
            kind::SESSION_BEGAN => decoded::<SessionBegan>(record).is_some_and(|record| record.jurisdiction == us),
            kind::RECEIPTS_SEEN => decoded::<ReceiptsSeen>(record).is_some_and(|record| record.jurisdiction == us),
            kind::HEAD_WITNESSED => {
                decoded::<HeadWitnessed>(record).is_some_and(|record| record.head.is_some_and(|head| head.owner == us))
            }
            kind::HEAD_SIGNED | kind::EPOCH_BEGAN => true,
            _ => false,
        }
    }

    /// Whether `us` is sender or recipient of the message that was accepted by this very record: nobody sees of a refused
    /// one what it would have been handed.
    fn is_party(&self, us: &str, at: Position, record: &Submitted) -> bool {
        let content = record.envelope.as_ref().map(|envelope| envelope.content.clone()).unwrap_or_default();
        let header = border::parts(&content).ok().and_then(|parts| v1::Header::decode(parts.header).ok());
        let id = header.and_then(|header| header.message_id.as_ref().try_into().ok().map(MessageId));
        let row = id.and_then(|id| self.relay.message_row(id).ok().flatten());
        row.is_some_and(|row| {
            let here = row.position == at.0 || row.carried_at == at.0;
            here && (row.sender == us || row.deliveries.iter().any(|delivery| delivery.jurisdiction == us))
        })
    }
}

fn decoded<M: prost::Message + Default>(record: &Record) -> Option<M> {
    M::decode(record.bytes.clone()).ok()
}

/// Whether every receipt in the record is about messages of `us`.
fn all_to(us: &str, record: &Confirmed) -> bool {
    let batch = record.receipts.iter().flat_map(|batch| &batch.statements);
    let mut all = batch.chain(record.carried.iter().map(|receipt| &receipt.statement));
    all.all(|statement| border::receipt::facts(statement).is_ok_and(|facts| facts.sender.as_str() == us))
}

fn unproved(error: HeadError) -> Invalid {
    match error {
        HeadError::Journal(JournalError::Missing(at)) => {
            Invalid::new(Reason::NotFound, "size", "audit.size").detail(at.to_string())
        }
        HeadError::Journal(JournalError::Retired(at)) => {
            Invalid::new(Reason::NotFound, "position", "audit.record").detail(at.to_string())
        }
        HeadError::Append(store::AppendError::Busy) => Invalid::new(Reason::Busy, "", "journal"),
        HeadError::Journal(error @ (JournalError::Damaged(_) | JournalError::Unproved(_))) => {
            tracing::error!(%error, "a proof could not be given");
            Invalid::new(Reason::Internal, "", "audit.unproved").detail(error.to_string())
        }
        error => internal(&error),
    }
}

fn internal(error: &dyn std::error::Error) -> Invalid {
    tracing::error!(%error, "an audit question could not be answered");
    Invalid::new(Reason::Internal, "", "broker.internal")
}
