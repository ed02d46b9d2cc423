//! A bundle for a jurisdiction that no link reaches: messages of ours that wait for it, and our receipts about what it sent.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use model::{
    header::Header,
    ids::{Digest, JurisdictionId, MessageId},
    invalid::Invalid,
    limits,
    position::Position,
    precedence::Precedence,
    reason::Reason,
    route,
    stage::Stage,
    time::Timestamp,
};
use prost::Message as _;
use proto::{
    border,
    v1::{self, bundle_part::Part},
};

use super::file;
use crate::{
    desk::{Desk, internal, rows},
    fold::{id_of, keys, query, stage_of},
    message,
};

/// Rows that are read in one go.
const PAGE: usize = 256;

/// A bundle in the making: what goes in is decided, its bytes are read as they are asked for.
#[derive(Debug)]
pub struct Bundle {
    head: Vec<Part>,
    messages: Vec<Waiting>,
    receipts: Vec<v1::Receipt>,
    files: BTreeMap<Digest, u64>,
}

/// A message of ours that waits for the reader of the bundle.
#[derive(Debug)]
struct Waiting {
    id: MessageId,
    content_hash: Bytes,
    precedence: Precedence,
    /// Its record.
    at: Position,
    /// The broker's receipt, where it has one.
    accepted: Option<(Position, u32)>,
}

impl Desk {
    /// What waits for `to`, and what it is to know. Reads no bodies yet.
    ///
    /// # Errors
    /// Nobody of that name is a member, or it is ourselves.
    pub fn bundle_for(&self, to: &JurisdictionId) -> Result<Bundle, Invalid> {
        let trusted = self.trust.now();
        if to == self.names.jurisdiction() || to.is_broker() || !trusted.directory.has(to) {
            return Err(Invalid::new(Reason::NotFound, "to", "bundle.member").detail(to.to_string()));
        }
        let mut messages = self.waiting_for(to)?;
        let left_out = messages.len().saturating_sub(limits::BUNDLE_MESSAGES_MAX);
        messages.truncate(limits::BUNDLE_MESSAGES_MAX);
        let receipts = self.receipts_for(to)?;
        let mut files = BTreeMap::new();
        for waiting in &messages {
            let read = message::read(&self.own_envelope(waiting.at)?)?;
            files.extend(message::blobs(&read.header).filter(|(digest, _)| self.blobs.has(*digest)));
        }
        let index = v1::BundleIndex {
            region: self.names.region.to_string(),
            from: self.names.jurisdiction().to_string(),
            to: to.to_string(),
            at: Some(border::time::to_wire(self.clock.now())),
            envelopes: messages.iter().map(Waiting::entry).collect(),
            receipts: u32::try_from(receipts.len()).unwrap_or(u32::MAX),
            files: files.iter().map(|(digest, bytes)| listed(*digest, *bytes)).collect(),
            left_out: u32::try_from(left_out).unwrap_or(u32::MAX),
        };
        let index: Bytes = index.encode_to_vec().into();
        let seal = Some(self.signer.bundle(&index).map_err(|error| internal(&error))?);
        let head = vec![Part::Index(v1::SealedIndex { index, seal }), Part::Trust(self.trust_to_carry())];
        Ok(Bundle { head, messages, receipts, files })
    }

    /// The signed files and lists in force here.
    pub(crate) fn trust_to_carry(&self) -> v1::BundleTrust {
        let trusted = self.tls.trusted();
        let lists = trusted.revocations.lists.values();
        v1::BundleTrust {
            root: trusted.bytes.root.clone().into(),
            directory: trusted.bytes.directory.clone().into(),
            grants: trusted.bytes.grants.clone().into(),
            crls: lists.map(|list| list.pem.clone().into()).collect(),
        }
    }

    /// Messages of ours for `to` that are neither with it nor at an end, the most urgent first, in the order of their sequence.
    fn waiting_for(&self, to: &JurisdictionId) -> Result<Vec<Waiting>, Invalid> {
        let now = self.clock.now();
        let mut found = self.queued_for(to, now)?;
        for id in self.engine.read(|_, found| query::unsettled(found)).map_err(rows)? {
            found.extend(self.accepted_for(to, id, now)?);
        }
        found.sort_by_key(|waiting| (waiting.precedence, waiting.at));
        Ok(found)
    }

    /// What the broker does not have yet: where it goes is resolved here, as the broker will.
    fn queued_for(&self, to: &JurisdictionId, now: Timestamp) -> Result<Vec<Waiting>, Invalid> {
        let mut found = Vec::new();
        for (precedence, at, id) in self.waiting_ours()? {
            let read = message::read(&self.own_envelope(at)?)?;
            if read.header.expires_at > now && self.goes_to(&read.header, to) {
                let content_hash = Bytes::copy_from_slice(&read.content_hash.0);
                found.push(Waiting { id, content_hash, precedence, at, accepted: None });
            }
        }
        Ok(found)
    }

    /// Whether the broker would hand a message to `to`, as far as is known here.
    pub(super) fn goes_to(&self, header: &Header, to: &JurisdictionId) -> bool {
        let routed = route::resolve(header, &self.trust.now().directory, None);
        routed.is_ok_and(|routed| routed.deliveries.iter().any(|(one, _)| one == to))
    }

    /// What the broker has and could not hand over.
    fn accepted_for(&self, to: &JurisdictionId, id: MessageId, now: Timestamp) -> Result<Option<Waiting>, Invalid> {
        let (row, delivery) = self
            .engine
            .read(|_, found| Ok((query::sent(found, id)?, query::delivery(found, id, to)?)))
            .map_err(rows)?;
        let waits = delivery.is_some_and(|delivery| stage_of(delivery.stage) == Some(Stage::Accepted));
        let Some(row) = row.filter(|row| waits && row.expires_at > now.millis()) else { return Ok(None) };
        let precedence = i32::try_from(row.precedence).ok().and_then(Precedence::from_number);
        Ok(Some(Waiting {
            id,
            content_hash: row.content_hash,
            precedence: precedence.unwrap_or(Precedence::Routine),
            at: Position(row.position),
            accepted: Some((Position(row.accepted_at), row.accepted_index)),
        }))
    }

    /// What we signed about messages of `to`'s that came in the last days.
    fn receipts_for(&self, to: &JurisdictionId) -> Result<Vec<v1::Receipt>, Invalid> {
        let since = self.clock.now().minus(limits::BUNDLE_RECEIPTS_FOR).millis();
        let (mut receipts, mut before) = (Vec::new(), 0);
        loop {
            let page =
                self.engine.read(|_, found| query::list(found, keys::table::INBOX, before, PAGE)).map_err(rows)?;
            for (cursor, line) in &page {
                before = *cursor;
                let Some(id) = id_of(&line.message_id) else { continue };
                let row = self.engine.read(|_, found| query::received(found, id)).map_err(rows)?;
                match row {
                    Some(row) if row.at < since => return Ok(receipts),
                    Some(row) if row.sender == to.as_str() => receipts.extend(self.receipts(id)?),
                    Some(_) | None => {}
                }
            }
            if page.len() < PAGE || receipts.len() >= limits::BUNDLE_RECEIPTS_MAX {
                receipts.truncate(limits::BUNDLE_RECEIPTS_MAX);
                return Ok(receipts);
            }
        }
    }

    /// A message of the bundle with the broker's word for it.
    fn carried(&self, waiting: &Waiting) -> Result<Part, Invalid> {
        let envelope = Some(self.own_envelope(waiting.at)?);
        let accepted = waiting.accepted.map(|(at, index)| self.receipt(at, index)).transpose()?;
        Ok(Part::Envelope(v1::BundleEnvelope { envelope, accepted }))
    }
}

impl Waiting {
    fn entry(&self) -> v1::BundleEntry {
        let message_id = Bytes::copy_from_slice(&self.id.0);
        v1::BundleEntry { message_id, content_hash: self.content_hash.clone() }
    }
}

impl Bundle {
    /// The file, piece by piece, read from `desk` as it is asked for.
    pub fn bytes(self, desk: Arc<Desk>) -> impl Iterator<Item = Result<Bytes, Invalid>> + Send + 'static {
        let Self { head, messages, receipts, files } = self;
        let of_files = desk.clone();
        let messages = messages.into_iter().map(move |waiting| desk.carried(&waiting));
        let receipts = receipts.into_iter().map(|receipt| Ok(Part::Receipt(receipt)));
        let pieces = files.into_iter().flat_map(move |(digest, bytes)| pieces(of_files.clone(), digest, bytes));
        let parts = head.into_iter().map(Ok).chain(messages).chain(receipts).chain(pieces);
        std::iter::once(Ok(file::beginning())).chain(parts.map(|part| part.map(file::part)))
    }
}

/// The pieces of a file; an empty one is one piece.
fn pieces(desk: Arc<Desk>, digest: Digest, bytes: u64) -> impl Iterator<Item = Result<Part, Invalid>> {
    let step = limits::BLOB_CHUNK_BYTES_MAX;
    (0..bytes.max(1)).step_by(step).map(move |offset| {
        let (chunk, _) = desk.blobs.read(digest, offset, step).map_err(|error| internal(&error))?;
        let sha256 = Bytes::copy_from_slice(&digest.0);
        Ok(Part::Chunk(v1::BundleChunk { sha256, bytes, offset, chunk: chunk.into() }))
    })
}

fn listed(digest: Digest, bytes: u64) -> v1::BundleFile {
    v1::BundleFile { sha256: Bytes::copy_from_slice(&digest.0), bytes }
}
