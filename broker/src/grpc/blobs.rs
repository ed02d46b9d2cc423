//! `Blobs`: attachments in chunks, resumable, known by their digest. Unfinished parts are their bringer's alone, who
//! brings one digest over one call at a time.

use std::{pin::Pin, sync::Arc};

use futures_util::{Stream, StreamExt as _};
use journal::{Lane, Record};
use model::{
    ids::{Digest, JurisdictionId},
    invalid::Invalid,
    limits,
    precedence::Precedence,
    reason::Reason,
};
use prost::Message as _;
use proto::{
    record::{BlobRow, BlobStored, kind},
    status::{self, Lang},
    v1::{self, blobs_server::Blobs},
};
use store::{
    AppendError,
    blobs::{BlobError, Blobs as Folder},
    tasks::Tasks,
};
use tonic::{Request, Response, Status, Streaming};

use super::{
    peer,
    uploads::{Upload, Uploads},
};
use crate::relay::{Relay, accept, fold::keys};

/// The service.
#[derive(Clone, Debug)]
pub struct BlobsFace {
    /// Does the work.
    pub relay: Arc<Relay>,
    /// Owns the threads that check and sync whole blobs.
    pub tasks: Tasks,
    /// What is being brought just now.
    pub uploads: Uploads,
}

#[tonic::async_trait]
impl Blobs for BlobsFace {
    async fn offer(&self, request: Request<v1::OfferRequest>) -> Result<Response<v1::OfferResponse>, Status> {
        let (caller, lang) = (peer::agent(&self.relay, &request)?.jurisdiction, Lang::of(request.metadata()));
        let bytes = request.get_ref().bytes;
        let digest = announced(&request.get_ref().sha256, bytes, lang)?;
        let mine = self.relay.blobs.brought_by(&caller);
        if self.holds(&caller, digest) {
            return Ok(Response::new(v1::OfferResponse { offset: mine.held(digest) }));
        }
        if bytes > 0 && mine.brought(digest) == bytes {
            // every byte came, but what follows them was cut short; bytes that do not fit are thrown away and come again
            let upload = self.begin(&caller, digest, lang)?;
            match self.finish(upload, bytes, lang).await {
                Ok(bytes) => return Ok(Response::new(v1::OfferResponse { offset: bytes })),
                Err(_) if mine.brought(digest) == 0 => {}
                Err(refused) => return Err(refused),
            }
        }
        self.room_for(&mine, digest, request.get_ref().precedence, lang)?;
        Ok(Response::new(v1::OfferResponse { offset: mine.brought(digest) }))
    }

    async fn put(&self, request: Request<Streaming<v1::PutRequest>>) -> Result<Response<v1::PutResponse>, Status> {
        let (caller, lang) = (peer::agent(&self.relay, &request)?.jurisdiction, Lang::of(request.metadata()));
        let mut parts = request.into_inner();
        let first = parts.next().await.transpose()?.ok_or_else(|| status::of(&Invalid::missing("sha256"), lang))?;
        let (digest, bytes) = (announced(&first.sha256, first.bytes, lang)?, first.bytes);
        let upload = self.begin(&caller, digest, lang)?;
        let mine = self.relay.blobs.brought_by(&caller);
        let holds = self.holds(&caller, digest);
        let began_at = first.offset;
        if !holds {
            self.room_for(&mine, digest, first.precedence, lang)?;
        }
        if !holds && mine.brought(digest) != began_at {
            return Err(again("blob.moved", lang)); // since it was offered, more came or all was thrown away
        }
        let mut part = Some(first);
        while let Some(chunk) = part {
            if !holds && !chunk.chunk.is_empty() {
                self.may_bring(upload.caller(), chunk.chunk.len() as u64, lang)?;
                mine.add(digest, chunk.offset, &chunk.chunk).map_err(|error| blob_status(&error, lang))?;
            }
            part = parts.next().await.transpose()?;
        }
        match self.finish(upload, bytes, lang).await {
            Ok(bytes) => Ok(Response::new(v1::PutResponse { bytes })),
            // what came before this call may be at fault: all of it comes once more
            Err(_) if began_at > 0 && !holds && mine.brought(digest) == 0 => Err(again("blob.moved", lang)),
            Err(refused) => Err(refused),
        }
    }

    type GetStream = Pin<Box<dyn Stream<Item = Result<v1::BlobsGetResponse, Status>> + Send>>;

    async fn get(&self, request: Request<v1::BlobsGetRequest>) -> Result<Response<Self::GetStream>, Status> {
        let (caller, lang) = (peer::agent(&self.relay, &request)?.jurisdiction, Lang::of(request.metadata()));
        let digest = announced(&request.get_ref().sha256, 0, lang)?;
        // what is not the caller's is not there for it: one answer
        if !self.may_read(&caller, digest) {
            return Err(blob_status(&BlobError::NotFound, lang));
        }
        self.is_sound(digest, lang).await?;
        let blobs = self.relay.blobs.clone();
        let chunks = futures_util::stream::unfold(Some(request.get_ref().offset), move |at| {
            let blobs = blobs.clone();
            async move {
                let offset = at?;
                match blobs.read(digest, offset, limits::BLOB_CHUNK_BYTES_MAX) {
                    Ok((chunk, bytes)) => {
                        let next = offset + chunk.len() as u64;
                        let chunk = v1::BlobsGetResponse { offset, bytes, chunk: chunk.into() };
                        Some((Ok(chunk), (next < bytes).then_some(next)))
                    }
                    Err(error) => Some((Err(blob_status(&error, lang)), None)),
                }
            }
        });
        Ok(Response::new(Box::pin(chunks)))
    }
}

impl BlobsFace {
    /// Whether a blob is here and `caller` has it: it brought all of it, or was sent it.
    fn holds(&self, caller: &JurisdictionId, digest: Digest) -> bool {
        let has = |who| self.relay.engine.read(|_, rows| rows.get(&keys::reader(digest, who)).ok().flatten()).is_some();
        self.relay.blobs.has(digest) && has(caller)
    }

    /// The file has the bytes of its name, or is not handed out: what is damaged comes again from whoever has it.
    async fn is_sound(&self, digest: Digest, lang: Lang) -> Result<(), Status> {
        let blobs = self.relay.blobs.clone();
        let looked = self.tasks.blocking("check blob", move || blobs.is_sound(digest)).await;
        match looked.map_err(|_| status::internal(lang))? {
            Ok(true) => Ok(()),
            Ok(false) => Err(blob_status(&BlobError::NotFound, lang)),
            Err(error) => Err(blob_status(&error, lang)),
        }
    }

    /// Whether a blob is for `caller`.
    fn may_read(&self, caller: &JurisdictionId, digest: Digest) -> bool {
        let row = self.relay.engine.read(|_, rows| rows.get(&keys::blob(digest)).ok().flatten());
        // older versions did not keep who may read
        let everybody = row.and_then(|row| BlobRow::decode(row).ok()).is_some_and(|row| !row.readers_kept);
        everybody || self.holds(caller, digest) || self.holds(&JurisdictionId::broker(), digest)
    }

    /// Counts what a member brings.
    fn may_bring(&self, caller: &JurisdictionId, bytes: u64, lang: Lang) -> Result<(), Status> {
        self.relay.quotas.file_bytes(caller, bytes, self.relay.clock.now()).map_err(|wait| {
            let invalid = Invalid::new(Reason::RateLimited, "sha256", "blob.day");
            status::with_retry(&invalid, lang, Some(wait))
        })
    }

    /// Begins an upload, unless the same caller brings the same blob over another call.
    fn begin(&self, caller: &JurisdictionId, digest: Digest, lang: Lang) -> Result<Upload, Status> {
        self.uploads.begin(caller, digest).ok_or_else(|| again("blob.uploading", lang))
    }

    /// Whether the disk has room for what is not held yet.
    fn room_for(&self, mine: &Folder, digest: Digest, precedence: i32, lang: Lang) -> Result<(), Status> {
        let begun = mine.brought(digest) > 0;
        let precedence = Precedence::from_number(precedence).unwrap_or(Precedence::Routine);
        if self.relay.quotas.disk().takes_blob(begun, precedence) {
            return Ok(());
        }
        let invalid = Invalid::new(Reason::StoreFull, "sha256", "disk.stage");
        Err(status::with_retry(&invalid, lang, accept::retry_after(Reason::StoreFull)))
    }

    /// First the file is whole and synced, then the journal knows it: its length.
    async fn finish(&self, upload: Upload, bytes: u64, lang: Lang) -> Result<u64, Status> {
        let (mine, digest) = (self.relay.blobs.brought_by(upload.caller()), upload.digest());
        let caller = upload.caller().clone();
        let holds = self.holds(&caller, digest);
        if !holds && mine.brought(digest) < bytes {
            return Err(blob_status(&BlobError::Parts, lang)); // whoever brings less has not shown that it has the rest
        }
        let finished = self.tasks.blocking("finish blob", move || {
            let finished = mine.finish(digest, bytes).map(|()| mine.held(digest));
            drop(upload); // a caller that goes away does not end it before the file has its name
            finished
        });
        let finished = finished.await.map_err(|_| status::internal(lang))?;
        let bytes = finished.map_err(|error| blob_status(&error, lang))?;
        if holds {
            return Ok(bytes);
        }
        let stored = BlobStored { sha256: digest.0.to_vec().into(), bytes, by: caller.to_string() };
        let record = Record::new(kind::BLOB_STORED, self.relay.clock.now(), stored.encode_to_vec());
        let appended = self.relay.engine.append(vec![record], Lane::Normal).await;
        appended.map(|_| bytes).map_err(|error| {
            tracing::warn!(%error, "an attachment is on disk and not in the journal");
            status::of(&Invalid::new(not_stored(&error), "", "journal"), lang)
        })
    }
}

/// Only what is full now may be tried again soon.
fn not_stored(error: &AppendError) -> Reason {
    if matches!(error, AppendError::Busy) { Reason::Busy } else { Reason::Internal }
}

/// Not now: the same call may come again.
fn again(rule: &'static str, lang: Lang) -> Status {
    status::with_retry(&Invalid::new(Reason::Busy, "sha256", rule), lang, accept::retry_after(Reason::Busy))
}

fn announced(sha256: &[u8], bytes: u64, lang: Lang) -> Result<Digest, Status> {
    if bytes > limits::ATTACHMENTS_BYTES_MAX {
        return Err(status::of(&Invalid::too_large("bytes", bytes, limits::ATTACHMENTS_BYTES_MAX), lang));
    }
    sha256.try_into().map(Digest).map_err(|_| status::of(&Invalid::schema("sha256", "bytes.exact"), lang))
}

fn blob_status(error: &BlobError, lang: Lang) -> Status {
    let (reason, rule) = match error {
        BlobError::NotFound => (Reason::NotFound, "blob.known"),
        BlobError::Digest => (Reason::HashMismatch, "blob.digest"),
        BlobError::Parts => (Reason::BadSchema, "blob.parts"),
        BlobError::Disk(error) => {
            tracing::error!(%error, "a blob could not be read or written");
            (Reason::Internal, "blob.disk")
        }
    };
    status::of(&Invalid::new(reason, "sha256", rule), lang)
}

#[cfg(test)]
mod tests {
    use store::Failure;

    use super::*;

    #[test]
    fn only_a_full_journal_is_called_busy() {
        assert_eq!(not_stored(&AppendError::Busy), Reason::Busy);
        let failed = Failure::Journal(journal::JournalError::Failed("a sync failed".into()));
        assert_eq!(not_stored(&AppendError::Failed(failed)), Reason::Internal);
    }
}
