//! Gathers the evidence of a message. Nothing of any other message gets into the file: a record that holds more than this
//! one stays out, and what it says is proved by signatures alone.

use bytes::Bytes;
use model::{
    ids::{Digest, JurisdictionId, MessageId},
    invalid::Invalid,
    limits,
    merkle::{self, Hash},
    position::Position,
};
use prost::Message as _;
use proto::{
    border::{self, head},
    record::{Attested, BrokerAccepted, Queued, ReceiptsReceived, Received, Resealed, kind},
    v1::{self, audit_client::AuditClient, evidence_part::Part},
};
use store::tasks::Tasks;
use tonic::transport::Channel;

use super::file;
use crate::{
    desk::{Desk, decode, rows, unknown},
    fold::query,
    witness::{asked, proof},
};

/// What goes into the file, in its order.
#[derive(Debug, Default)]
struct Gathered {
    records: Vec<v1::EvidenceRecord>,
    heads: Vec<v1::TreeHead>,
    links: Vec<v1::EvidenceLink>,
    from_broker: bool,
}

impl Desk {
    /// The evidence of a message that was sent or received here, as a file.
    ///
    /// # Errors
    /// The message is not known here, or our own journal cannot prove itself. What the broker does not prove, because the
    /// link is down or it knows nothing, is left out.
    pub async fn export_evidence(&self, id: MessageId, tasks: &Tasks) -> Result<Bytes, Invalid> {
        let (envelope, _) = self.envelope(id)?.ok_or_else(|| unknown(id))?;
        let mut receipts = self.receipts(id)?;
        for receipt in self.link.trace(id).await.map(|answer| answer.receipts).unwrap_or_default() {
            let is_known = receipts.iter().any(|known| known.statement == receipt.statement);
            if !is_known && self.trust.verify_receipt(&receipt).is_ok() {
                receipts.push(receipt);
            }
        }
        let mut gathered = Gathered::default();
        if let Err(invalid) = self.exchange_heads(tasks).await {
            tracing::warn!(%invalid, "evidence is written without newer heads");
        }
        self.sign_head(tasks).await?;
        self.own_records(id, tasks, &mut gathered).await?;
        if let Some(channel) = self.link.channel() {
            let asked = self.brokers_record(channel, &receipts, &mut gathered).await;
            gathered.from_broker = asked.is_ok();
            if let Err(invalid) = asked {
                tracing::warn!(%invalid, "the broker proves nothing for a file of evidence");
            }
        }
        Ok(self.file(id, envelope, receipts, gathered))
    }

    fn file(&self, id: MessageId, envelope: v1::Envelope, receipts: Vec<v1::Receipt>, gathered: Gathered) -> Bytes {
        let mut parts = vec![Part::Trust(self.trust_to_carry()), Part::Envelope(envelope)];
        parts.extend(receipts.into_iter().map(Part::Receipt));
        parts.extend(gathered.records.into_iter().map(Part::Record));
        parts.extend(gathered.heads.into_iter().map(Part::Head));
        parts.extend(gathered.links.into_iter().map(Part::Link));
        let mut parts: Vec<Bytes> = parts.into_iter().map(file::part).collect();
        let summary = v1::EvidenceSummary {
            region: self.names.region.to_string(),
            message_id: Bytes::copy_from_slice(&id.0),
            from: self.names.jurisdiction().to_string(),
            at: Some(border::time::to_wire(self.clock.now())),
            software: env!("CARGO_PKG_VERSION").to_owned(),
            parts: parts.iter().map(|part| Bytes::copy_from_slice(&Digest::of(part).0)).collect(),
            from_broker: gathered.from_broker,
        };
        let summary: Bytes = summary.encode_to_vec().into();
        let seal = Some(self.signer.evidence(&summary));
        parts.insert(0, file::part(Part::Summary(v1::SealedSummary { summary, seal })));
        file::encode(&parts)
    }

    /// Records of ours about this message alone, under our newest head and, where it reaches, the one that the broker
    /// countersigned.
    async fn own_records(&self, id: MessageId, tasks: &Tasks, gathered: &mut Gathered) -> Result<(), Invalid> {
        let Some(own) = self.witness.own() else { return Ok(()) };
        let seen = self.witness.own_countersigned().filter(|(_, seen)| seen.size <= own.size);
        let owner = self.names.jurisdiction().to_string();
        let mut under_own = false;
        for at in self.places(id)? {
            let record = self.raw(at)?;
            if !is_about(&record, id) || record.bytes.len() > limits::BUNDLE_PART_BYTES_MAX / 2 {
                continue;
            }
            let size = seen.as_ref().map(|(_, seen)| seen.size).filter(|size| *size >= at.0).unwrap_or(own.size);
            under_own |= size == own.size;
            let journal = self.engine.journal().clone();
            let path = proof(tasks, move || journal.inclusion(at, size)).await?;
            gathered.records.push(v1::EvidenceRecord {
                owner: owner.clone(),
                position: at.0,
                record: Some(leaf_record(&record)),
                size,
                path: head::hashes_to_wire(&path),
            });
        }
        let seen_size = seen.as_ref().map(|(_, seen)| seen.size);
        if let Some(from) = seen_size.filter(|size| under_own && *size < own.size) {
            let (journal, to) = (self.engine.journal().clone(), own.size);
            let path = proof(tasks, move || journal.consistency(from, to)).await?;
            gathered.links.push(link(&owner, (from, to), &path));
        }
        if under_own || seen.is_none() {
            gathered.heads.push(own);
        }
        if let Some((ours, brokers)) = seen {
            let is_there = gathered.heads.contains(&ours);
            gathered.heads.extend((!is_there).then_some(ours));
            gathered.heads.push(brokers);
        }
        Ok(())
    }

    /// Where records of ours about a message stand.
    fn places(&self, id: MessageId) -> Result<Vec<Position>, Invalid> {
        let (sent, received, filed) = self
            .engine
            .read(|_, found| Ok((query::sent(found, id)?, query::received(found, id)?, query::receipts(found, id)?)))
            .map_err(rows)?;
        let own = sent.map(|row| Position(row.position)).into_iter().chain(received.map(|row| Position(row.position)));
        let mut places: Vec<Position> = own.chain(filed.into_iter().map(|filed| filed.at)).collect();
        places.sort_unstable();
        places.dedup();
        Ok(places)
    }

    /// The broker's record of the message, its newest head, and what witnesses countersigned of its tree.
    async fn brokers_record(
        &self,
        channel: Channel,
        receipts: &[v1::Receipt],
        gathered: &mut Gathered,
    ) -> Result<(), Invalid> {
        let Some(position) = receipts.iter().find_map(accepted_at) else { return Ok(()) };
        let mut broker = AuditClient::new(channel).max_decoding_message_size(2 * limits::WIRE_MESSAGE_BYTES_MAX);
        let answer = asked(broker.inclusion(v1::InclusionRequest { position, size: 0 })).await?;
        let Some(newest) = answer.head else { return Ok(()) };
        let size = newest.size;
        let record = v1::LeafRecord { kind: answer.kind, flags: answer.flags, at: answer.at, bytes: answer.record };
        let owner = JurisdictionId::broker().to_string();
        gathered.records.push(v1::EvidenceRecord {
            owner: owner.clone(),
            position,
            record: Some(record),
            size,
            path: answer.path,
        });
        gathered.heads.push(newest.clone());
        for seen in self.witness.countersigned() {
            let (old, new) = if seen.size <= size { (&seen, &newest) } else { (&newest, &seen) };
            if old.size < new.size {
                let (from_size, to_size) = (old.size, new.size);
                let answer = asked(broker.consistency(v1::ConsistencyRequest { from_size, to_size })).await?;
                let path = head::hashes(&answer.path, "path")?;
                if !joins(old, new, &path) {
                    continue; // told as a divergence already; a file of evidence is about what holds
                }
                let new_link = link(&owner, (from_size, to_size), &path);
                if !gathered.links.contains(&new_link) {
                    gathered.links.push(new_link);
                }
            }
            gathered.heads.push(seen);
        }
        Ok(())
    }
}

fn joins(old: &v1::TreeHead, new: &v1::TreeHead, path: &[Hash]) -> bool {
    let root = |head: &v1::TreeHead| <Hash>::try_from(head.root.as_ref()).unwrap_or_default();
    merkle::joins((old.size, root(old)), (new.size, root(new)), path)
}

fn link(owner: &str, (from_size, to_size): (u64, u64), path: &[Hash]) -> v1::EvidenceLink {
    v1::EvidenceLink { owner: owner.to_owned(), from_size, to_size, path: head::hashes_to_wire(path) }
}

fn leaf_record(record: &journal::Record) -> v1::LeafRecord {
    v1::LeafRecord {
        kind: u32::from(record.kind),
        flags: u32::from(record.flags),
        at: record.at.millis(),
        bytes: record.bytes.clone(),
    }
}

/// The place in the broker's journal that an ACCEPTED receipt names.
fn accepted_at(receipt: &v1::Receipt) -> Option<u64> {
    let statement = v1::ReceiptStatement::decode(receipt.statement.clone()).ok()?;
    (statement.stage() == v1::Stage::Accepted && statement.position > 0).then_some(statement.position)
}

/// Whether a record is about this message and no other.
fn is_about(record: &journal::Record, id: MessageId) -> bool {
    let mut messages = messages_in(record).into_iter().peekable();
    messages.peek().is_some() && messages.all(|message| message.as_deref() == Some(id.0.as_slice()))
}

/// The messages that a record of ours is about; none of one that cannot be read.
fn messages_in(record: &journal::Record) -> Vec<Option<Bytes>> {
    let none = || vec![None];
    match record.kind {
        kind::QUEUED => decode::<Queued>(record).map_or_else(|_| none(), |of| vec![id_in(of.envelope.as_ref())]),
        kind::RESEALED => decode::<Resealed>(record).map_or_else(|_| none(), |of| vec![id_in(of.envelope.as_ref())]),
        kind::BROKER_ACCEPTED => {
            decode::<BrokerAccepted>(record).map_or_else(|_| none(), |of| ids(of.receipts.as_ref()))
        }
        kind::ATTESTED => decode::<Attested>(record).map_or_else(|_| none(), |of| ids(of.receipts.as_ref())),
        kind::RECEIVED => decode::<Received>(record).map_or_else(
            |_| none(),
            |of| {
                of.deliveries.iter().map(|one| id_in(one.envelope.as_ref())).chain(ids(of.receipts.as_ref())).collect()
            },
        ),
        kind::RECEIPTS_RECEIVED => decode::<ReceiptsReceived>(record)
            .map_or_else(|_| none(), |of| of.receipts.iter().map(|receipt| id_said(&receipt.statement)).collect()),
        _ => none(),
    }
}

fn id_in(envelope: Option<&v1::Envelope>) -> Option<Bytes> {
    let parts = border::parts(&envelope?.content).ok()?;
    Some(v1::Header::decode(parts.header).ok()?.message_id)
}

fn ids(batch: Option<&v1::ReceiptBatch>) -> Vec<Option<Bytes>> {
    batch.into_iter().flat_map(|batch| &batch.statements).map(id_said).collect()
}

fn id_said(statement: &Bytes) -> Option<Bytes> {
    Some(v1::ReceiptStatement::decode(statement.clone()).ok()?.message_id)
}
