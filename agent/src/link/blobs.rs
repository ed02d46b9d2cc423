//! Attachments on their way: to the broker before the envelope that names them, from the broker when somebody asks.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use model::{
    ids::{Digest, MessageId},
    invalid::Invalid,
    limits,
    precedence::Precedence,
    reason::Reason,
};
use proto::v1::{self, blobs_client::BlobsClient};
use tokio::sync::Mutex;
use tokio_stream::StreamExt as _;
use tonic::transport::Channel;

use crate::{
    desk::{Desk, documents::told, internal},
    message,
};

/// Which message waits for a file that was not taken, and why.
pub(super) struct Unoffered {
    pub id: MessageId,
    pub invalid: Invalid,
}

/// The broker will never take this file: trying again is no use. Parts that do not follow each other are no such end:
/// somebody else brought some of them meanwhile, and the next offer goes on where they end.
pub(super) fn ends_offer(invalid: &Invalid) -> bool {
    let never = matches!(invalid.reason, Reason::TooLarge | Reason::HashMismatch | Reason::BadSchema);
    never && invalid.rule != "blob.parts"
}

/// Files on their way: each is brought by one at a time, whoever else needs it waits and finds it there.
#[derive(Debug, Default)]
pub(super) struct Uploads(std::sync::Mutex<BTreeMap<Digest, Arc<Mutex<()>>>>);

impl Uploads {
    /// The turn for a file. Files that nobody brings any more are forgotten.
    fn turn(&self, digest: Digest) -> Arc<Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        turns.entry(digest).or_default().clone()
    }
}

/// Whether an envelope of ours names files beside it.
pub(super) fn has_blobs(submission: &v1::Submission) -> bool {
    let read = submission.envelope.as_ref().and_then(|envelope| message::read(envelope).ok());
    read.is_some_and(|read| message::blobs(&read.header).next().is_some())
}

impl Desk {
    /// Brings every blob that an envelope of ours names to the broker, from where an earlier try ended.
    pub(super) async fn offer_blobs(&self, uploads: &Uploads, envelope: &v1::Envelope) -> Result<(), Unoffered> {
        let Ok(read) = message::read(envelope) else { return Ok(()) };
        let unoffered = |invalid| Unoffered { id: read.header.message_id, invalid };
        for (digest, bytes) in message::blobs(&read.header) {
            let needed = || unoffered(Invalid::new(Reason::Busy, "", "link.needed"));
            let mut client = self.link.blobs().ok_or_else(needed)?;
            if self.blobs.has(digest) {
                let turn = uploads.turn(digest);
                let _one_at_a_time = turn.lock().await;
                self.offer_blob(&mut client, (digest, bytes), read.header.precedence).await.map_err(unoffered)?;
            } else {
                // a draft is not queued without its files; a file that was lost later cannot hold up the outbox
                tracing::error!(%digest, "an attachment is not here any more");
            }
        }
        Ok(())
    }

    async fn offer_blob(
        &self,
        client: &mut BlobsClient<Channel>,
        (digest, bytes): (Digest, u64),
        precedence: Precedence,
    ) -> Result<(), Invalid> {
        let sha256 = bytes::Bytes::copy_from_slice(&digest.0);
        let precedence = precedence.number();
        let offer = v1::OfferRequest { sha256: sha256.clone(), bytes, precedence };
        let offset = client.offer(offer).await.map_err(|status| told(&status, "sha256"))?.into_inner().offset;
        if offset >= bytes {
            return Ok(());
        }
        let blobs = self.blobs.clone();
        let parts = futures_util::stream::unfold(offset, move |at| {
            let (blobs, sha256) = (blobs.clone(), sha256.clone());
            async move {
                if at >= bytes {
                    return None;
                }
                let (chunk, _) = blobs.read(digest, at, limits::BLOB_CHUNK_BYTES_MAX).ok()?;
                let next = at + chunk.len() as u64;
                Some((v1::PutRequest { sha256, bytes, offset: at, chunk: chunk.into(), precedence }, next))
            }
        });
        client.put(parts).await.map(|_| ()).map_err(|status| told(&status, "sha256"))
    }

    /// Brings a blob here, also one that lay here and is damaged, from where an earlier try ended; when this returns it is whole and durable.
    pub async fn fetch_blob(&self, digest: Digest) -> Result<(), Invalid> {
        if self.blobs.is_sound(digest).map_err(|error| internal(&error))? {
            return Ok(());
        }
        let mut client = self.link.blobs().ok_or_else(|| Invalid::new(Reason::Busy, "", "link.needed"))?;
        let ask = v1::BlobsGetRequest { sha256: digest.0.to_vec().into(), offset: self.blobs.held(digest) };
        let mut chunks = client.get(ask).await.map_err(|status| told(&status, "sha256"))?.into_inner();
        let mut length = 0;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|status| told(&status, "sha256"))?;
            length = chunk.bytes;
            if chunk.bytes > limits::ATTACHMENTS_BYTES_MAX {
                return Err(Invalid::too_large("bytes", chunk.bytes, limits::ATTACHMENTS_BYTES_MAX));
            }
            self.blobs.add(digest, chunk.offset, &chunk.chunk).map_err(|error| internal(&error))?;
        }
        self.blobs.finish(digest, length).map_err(|_| Invalid::new(Reason::HashMismatch, "sha256", "blob.digest"))
    }
}
