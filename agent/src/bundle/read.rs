//! Takes what is good of a bundle that was carried here, and says what was not. What it says is durable when it says so.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, pin_mut};
use journal::{Lane, Record};
use model::{
    ids::{Digest, JurisdictionId, MessageId},
    invalid::Invalid,
    limits,
    reason::Reason,
    stage::Stage,
};
use prost::Message as _;
use proto::{
    border,
    record::{ReceiptsReceived, Received, Refused, kind},
    v1::{self, CarriedOutcome, bundle_part::Part},
};
use store::blobs::{BlobError, Blobs};

use super::file::Parts;
use crate::{
    desk::{Desk, internal, rows},
    fold::{id_of, query},
    link::carry,
    message::{self, Read},
};

/// Messages that become durable together.
const BURST: usize = 64;
/// Outcomes that are told; beyond them a bundle is no bundle of ours.
const MESSAGES_MAX: usize = limits::BUNDLE_MESSAGES_MAX * 2;

impl Desk {
    /// Takes a bundle. Whatever is good of it is in the inbox, in the store of files and among the receipts when this
    /// returns; taking it again changes nothing.
    ///
    /// # Errors
    /// It is no bundle, of another region or for somebody else: nothing was taken. Or the disk failed: what was taken so far
    /// stays, and the bundle may be read again.
    pub async fn take_bundle(
        &self,
        pieces: impl Stream<Item = Result<Bytes, Invalid>>,
    ) -> Result<v1::ImportBundleResponse, Invalid> {
        pin_mut!(pieces);
        let (mut parts, mut taking) = (Parts::default(), None);
        let mut whole = true;
        'file: while let Some(piece) = pieces.next().await {
            parts.push(&piece?)?;
            loop {
                let part = match (parts.take(), &taking) {
                    (Ok(Some(part)), _) => part,
                    (Ok(None), _) => break,
                    (Err(invalid), None) => return Err(invalid),
                    (Err(_), Some(_)) => {
                        whole = false;
                        break 'file;
                    }
                };
                match &mut taking {
                    None => taking = Some(self.begin_taking(part)?),
                    Some(taking) => taking.part(part).await?,
                }
            }
        }
        let taking = taking.ok_or_else(|| Invalid::schema("bundle", "bundle.magic"))?;
        taking.end(whole && parts.is_at_an_end()).await
    }

    /// Reads the index, which comes first.
    fn begin_taking(&self, first: Part) -> Result<Taking<'_>, Invalid> {
        let no_index = || Invalid::schema("bundle.index", "bundle.part");
        let Part::Index(sealed) = first else { return Err(no_index()) };
        let index = v1::BundleIndex::decode(sealed.index.clone()).map_err(|_| no_index())?;
        if index.region != self.names.region.as_str() {
            let detail = format!("{} / {}", index.region, self.names.region);
            return Err(Invalid::new(Reason::Unroutable, "bundle.region", "header.region").detail(detail));
        }
        if index.to != self.names.jurisdiction().as_str() {
            let detail = format!("{} / {}", index.to, self.names.jurisdiction());
            return Err(Invalid::new(Reason::Unroutable, "bundle.to", "bundle.to").detail(detail));
        }
        let from: JurisdictionId = index.from.parse()?;
        let at = border::time::required(index.at, "bundle.at")?;
        let index_sealed = self.trust.verify_index(&sealed, &from, at).is_ok();
        let listed = index.envelopes.iter().filter_map(|entry| id_of(&entry.message_id)).collect();
        let answer = v1::ImportBundleResponse { from: index.from, at: index.at, index_sealed, ..Default::default() };
        tracing::info!(%from, index_sealed, "a bundle is taken");
        let blobs = self.blobs.brought_by(&from);
        Ok(Taking {
            desk: self,
            from,
            sealed,
            answer,
            listed,
            seen: BTreeSet::new(),
            taken: BTreeSet::new(),
            burst: Vec::new(),
            receipts: Vec::new(),
            files: BTreeMap::new(),
            blobs,
        })
    }
}

/// A bundle that is being taken.
struct Taking<'d> {
    desk: &'d Desk,
    from: JurisdictionId,
    sealed: v1::SealedIndex,
    answer: v1::ImportBundleResponse,
    /// What the index promises.
    listed: Vec<MessageId>,
    seen: BTreeSet<MessageId>,
    /// What of it is good: a second copy in the same bundle is passed over.
    taken: BTreeSet<MessageId>,
    /// Messages that are not durable yet.
    burst: Vec<Record>,
    receipts: Vec<v1::Receipt>,
    /// Files that messages of this bundle name: nobody fills our disk with others.
    files: BTreeMap<Digest, u64>,
    blobs: Blobs,
}

impl Taking<'_> {
    async fn part(&mut self, part: Part) -> Result<(), Invalid> {
        match part {
            Part::Index(_) => Ok(()), // there is one, and it came first
            Part::Trust(trust) => {
                carry::from_bundle(self.desk, trust);
                self.look_at_the_index_again()
            }
            Part::Envelope(carried) => self.envelope(carried).await,
            Part::Receipt(receipt) => self.receipt(receipt).await,
            Part::Chunk(chunk) => self.chunk(&chunk),
        }
    }

    /// The author's key may be newer than the directory that was in force here.
    fn look_at_the_index_again(&mut self) -> Result<(), Invalid> {
        let at = border::time::required(self.answer.at, "bundle.at")?;
        self.answer.index_sealed |= self.desk.trust.verify_index(&self.sealed, &self.from, at).is_ok();
        Ok(())
    }

    async fn envelope(&mut self, carried: v1::BundleEnvelope) -> Result<(), Invalid> {
        if self.answer.messages.len() >= MESSAGES_MAX {
            return Err(Invalid::too_large("bundle.envelopes", self.answer.messages.len() + 1, MESSAGES_MAX));
        }
        let envelope = carried.envelope.clone().unwrap_or_default();
        let (outcome, line) = match message::read(&envelope) {
            Ok(read) if self.taken.contains(&read.header.message_id) => return Ok(()),
            Ok(read) => {
                let id = read.header.message_id;
                self.seen.insert(id);
                let outcome = self.judge(carried, &read).await;
                self.taken.extend(outcome.is_ok().then_some(id));
                (outcome, Desk::line(&envelope, &read))
            }
            Err(invalid) => (Err(invalid), v1::CarriedMessage::default()),
        };
        let line = match outcome {
            Ok(outcome) => v1::CarriedMessage { outcome: outcome.into(), ..line },
            Err(invalid) => {
                self.refuse(&line, &envelope, &invalid).await?;
                refused(line, &invalid)
            }
        };
        self.answer.messages.push(line);
        Ok(())
    }

    /// Checks what the link's frames are checked for, but that here only the seal says who speaks.
    async fn judge(&mut self, carried: v1::BundleEnvelope, read: &Read) -> Result<CarriedOutcome, Invalid> {
        let v1::BundleEnvelope { envelope, accepted } = carried;
        let header = &read.header;
        let us = self.desk.names.jurisdiction();
        if header.sender.jurisdiction == *us {
            return self.desk.is_known_as_ours(read);
        }
        let stamp = accepted.and_then(|receipt| self.desk.stamp_of(&receipt, read));
        let sealed = envelope.clone().unwrap_or_default();
        let accepted_at = stamp.as_ref().and_then(|stamp| stamp.accepted_at);
        let now = self.desk.clock.now();
        let accepted_at = border::time::optional(accepted_at, "stamp.accepted_at")?.unwrap_or(now);
        self.desk.trust.verify_envelope(&sealed, header, accepted_at)?;
        let ours = match &stamp {
            Some(stamp) => stamp.deliveries.iter().any(|delivery| delivery.jurisdiction == us.as_str()),
            None => self.desk.goes_to(header, us),
        };
        if !ours {
            return Err(Invalid::new(Reason::Unroutable, "header.recipients", "bundle.not_ours"));
        }
        self.files.extend(message::blobs(header));
        let hands_up = stamp.is_none();
        let transport = v1::Transport::Carried.into();
        let delivery = v1::Delivery { envelope, stamp, transport, ..v1::Delivery::default() };
        let one = self.desk.judge(delivery)?;
        let Some(fresh) = one.fresh else { return self.desk.is_known(read) };
        let refused = (!fresh.refused.is_empty())
            .then(|| Invalid::new(fresh.refused.parse().unwrap_or(Reason::Internal), "", fresh.rule.clone()));
        // each in a record of its own: its place in the outbox, where it is handed up, is then its own too
        let receipts = self.desk.signer.receipts(vec![one.statement]).map_err(|error| internal(&error))?;
        let record = Received { deliveries: vec![fresh], receipts: Some(receipts) };
        self.burst.push(Record::new(kind::RECEIVED, now, record.encode_to_vec()));
        if self.burst.len() >= BURST {
            self.store().await?;
        }
        if let Some(invalid) = refused {
            return Err(invalid);
        }
        self.answer.handed_up += u32::from(hands_up);
        Ok(CarriedOutcome::Taken)
    }

    /// Makes durable what waits.
    async fn store(&mut self) -> Result<(), Invalid> {
        let mut records = std::mem::take(&mut self.burst);
        if !self.receipts.is_empty() {
            let receipts = std::mem::take(&mut self.receipts);
            let record = ReceiptsReceived { receipts, carried: true, ..ReceiptsReceived::default() };
            records.push(Record::new(kind::RECEIPTS_RECEIVED, self.desk.clock.now(), record.encode_to_vec()));
        }
        if records.is_empty() {
            return Ok(());
        }
        self.desk.write_all(records, Lane::Normal).await
    }

    /// Keeps a security record of what did not hold.
    async fn refuse(
        &mut self,
        line: &v1::CarriedMessage,
        envelope: &v1::Envelope,
        invalid: &Invalid,
    ) -> Result<(), Invalid> {
        tracing::warn!(from = %self.from, sender = line.sender, %invalid, "a message of a bundle was not taken");
        let record = Refused {
            source: format!("bundle {}", self.from),
            reason: invalid.reason.code().to_owned(),
            claimed: line.sender.clone(),
            rule: format!("{}: {}", invalid.field, invalid.rule),
            message_id: line.message_id.clone(),
            content_hash: Bytes::copy_from_slice(&Digest::of(&envelope.content).0),
            stored_hash: Bytes::new(),
            count: 1,
        };
        self.burst.push(Record::new(kind::REFUSED, self.desk.clock.now(), record.encode_to_vec()));
        if self.burst.len() >= BURST { self.store().await } else { Ok(()) }
    }

    /// A receipt counts if it is about a message of ours and its signature holds.
    async fn receipt(&mut self, receipt: v1::Receipt) -> Result<(), Invalid> {
        match self.desk.is_new_receipt(&receipt) {
            Ok(true) => {
                self.answer.receipts_taken += 1;
                self.receipts.push(receipt);
            }
            Ok(false) => self.answer.receipts_known += 1,
            Err(invalid) => {
                tracing::warn!(from = %self.from, %invalid, "a receipt of a bundle was not taken");
                self.answer.receipts_refused += 1;
            }
        }
        if self.receipts.len() >= limits::SEAL_LEAVES_MAX { self.store().await } else { Ok(()) }
    }

    /// A piece of a file. One that does not follow the one before, or makes no whole, costs that file alone.
    fn chunk(&mut self, chunk: &v1::BundleChunk) -> Result<(), Invalid> {
        let Ok(digest) = chunk.sha256.as_ref().try_into().map(Digest) else { return Ok(()) };
        if self.files.get(&digest) != Some(&chunk.bytes) || self.blobs.has(digest) {
            return Ok(());
        }
        match self.put(digest, chunk) {
            Ok(()) => Ok(()),
            Err(BlobError::Disk(error)) => Err(internal(&error)),
            Err(error) => {
                tracing::warn!(from = %self.from, %digest, %error, "a file of a bundle was not taken");
                Ok(())
            }
        }
    }

    fn put(&self, digest: Digest, chunk: &v1::BundleChunk) -> Result<(), BlobError> {
        let end = chunk.offset.saturating_add(chunk.chunk.len() as u64);
        if self.blobs.held(digest) < end {
            self.blobs.add(digest, chunk.offset, &chunk.chunk)?;
        }
        if end == chunk.bytes { self.blobs.finish(digest, chunk.bytes) } else { Ok(()) }
    }

    async fn end(mut self, whole: bool) -> Result<v1::ImportBundleResponse, Invalid> {
        self.store().await?;
        let missing = self.listed.iter().filter(|id| !self.seen.contains(*id));
        self.answer.missing = missing.map(|id| Bytes::copy_from_slice(&id.0)).collect();
        self.answer.cut_short = !whole;
        let here = self.files.keys().filter(|digest| self.desk.blobs.has(**digest)).count();
        self.answer.files = u32::try_from(here).unwrap_or(u32::MAX);
        Ok(self.answer)
    }
}

impl Desk {
    fn line(envelope: &v1::Envelope, read: &Read) -> v1::CarriedMessage {
        v1::CarriedMessage {
            message_id: Bytes::copy_from_slice(&read.header.message_id.0),
            sender: read.header.sender.jurisdiction.to_string(),
            title: crate::desk::read::headed(envelope).map(|headed| headed.title).unwrap_or_default(),
            ..v1::CarriedMessage::default()
        }
    }

    /// A message of ours has no business here, but a copy of one that we know does no harm.
    fn is_known_as_ours(&self, read: &Read) -> Result<CarriedOutcome, Invalid> {
        let row = self.engine.read(|_, found| query::sent(found, read.header.message_id)).map_err(rows)?;
        let other = || Invalid::new(Reason::SenderMismatch, "header.sender", "bundle.ours");
        known(row.map(|row| row.content_hash), read).ok_or_else(other)
    }

    /// Known with these bytes; other bytes under a known id are refused.
    fn is_known(&self, read: &Read) -> Result<CarriedOutcome, Invalid> {
        let row = self.engine.read(|_, found| query::received(found, read.header.message_id)).map_err(rows)?;
        let other = || Invalid::new(Reason::ConflictId, "message_id", "message.same_bytes");
        known(row.map(|row| row.content_hash), read).ok_or_else(other)
    }

    /// The broker's stamp, if this is its receipt for exactly this message.
    fn stamp_of(&self, receipt: &v1::Receipt, read: &Read) -> Option<v1::Stamp> {
        let facts = self.trust.verify_receipt(receipt).ok()?;
        let fits = facts.author.is_broker()
            && facts.stage == Stage::Accepted
            && facts.message_id == read.header.message_id
            && facts.content_hash == read.content_hash;
        let statement = v1::ReceiptStatement::decode(receipt.statement.clone()).ok()?;
        statement.stamp.filter(|_| fits)
    }

    /// Whether a receipt tells us something; an error when it does not hold.
    fn is_new_receipt(&self, receipt: &v1::Receipt) -> Result<bool, Invalid> {
        let facts = self.trust.verify_receipt(receipt)?;
        let about_itself = facts.recipient.as_ref() == Some(&facts.author);
        let (sent, filed) = self
            .engine
            .read(|_, found| Ok((query::sent(found, facts.message_id)?, query::receipts(found, facts.message_id)?)))
            .map_err(rows)?;
        if !about_itself || sent.is_none_or(|row| row.content_hash != facts.content_hash.0.as_slice()) {
            return Err(Invalid::new(Reason::NotFound, "receipt.message_id", "bundle.receipt"));
        }
        let hash = Digest::of(&receipt.statement);
        Ok(filed.iter().all(|one| one.row.unverified || one.row.hash != hash.0.as_slice()))
    }
}

fn refused(line: v1::CarriedMessage, invalid: &Invalid) -> v1::CarriedMessage {
    let (text_zh, text_en) = proto::status::texts(invalid);
    v1::CarriedMessage {
        outcome: CarriedOutcome::Refused.into(),
        reason: invalid.reason.code().to_owned(),
        rule: invalid.rule.clone(),
        text_zh,
        text_en,
        ..line
    }
}

/// Whether the bytes that stand here are those that came.
fn known(stored: Option<Bytes>, read: &Read) -> Option<CarriedOutcome> {
    stored.filter(|hash| *hash == read.content_hash.0.as_slice()).map(|_| CarriedOutcome::Known)
}
