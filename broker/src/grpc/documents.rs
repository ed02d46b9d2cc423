//! `Documents`: pull, list, sync, watch, change.

use std::{pin::Pin, sync::Arc};

use futures_util::Stream;
use model::{
    ids::{DocumentId, JurisdictionId},
    invalid::Invalid,
    judge::SenderClock,
    reason::Reason,
};
use prost::Message as _;
use proto::{
    status::{self, Lang},
    v1::{self, documents_server::Documents},
};
use store::tasks::Tasks;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, metadata::MetadataValue};

use super::{exchange::document_status, peer};
use crate::relay::{
    Relay,
    accept::{Answer, Refusal},
};

/// Metadata of an ETAG_MISMATCH: the `DocumentItem` that is there.
const CURRENT_ITEM: &str = "liandong-item-bin";
/// The longest item that fits into a response's headers.
const CURRENT_BYTES_MAX: usize = 5 * 1024;

/// The service.
#[derive(Clone, Debug)]
pub struct DocumentsFace {
    /// Does the work.
    pub relay: Arc<Relay>,
    /// Owns the tasks of watches.
    pub tasks: Tasks,
}

#[tonic::async_trait]
impl Documents for DocumentsFace {
    async fn get(&self, request: Request<v1::GetRequest>) -> Result<Response<v1::GetResponse>, Status> {
        let lang = self.reader(&request)?;
        let ask = request.into_inner();
        let document = self
            .relay
            .document(&document_id(&ask.document_id, lang)?)
            .map_err(|error| document_status(&error, lang))?;
        let not_modified = !ask.if_none_match.is_empty() && ask.if_none_match == document.etag;
        Ok(Response::new(v1::GetResponse { not_modified, document: (!not_modified).then_some(document) }))
    }

    async fn list(&self, request: Request<v1::ListRequest>) -> Result<Response<v1::ListResponse>, Status> {
        let lang = self.reader(&request)?;
        let documents =
            self.relay.documents(&request.get_ref().prefix).map_err(|error| document_status(&error, lang))?;
        Ok(Response::new(v1::ListResponse { documents }))
    }

    async fn sync(&self, request: Request<v1::SyncRequest>) -> Result<Response<v1::SyncResponse>, Status> {
        let lang = self.reader(&request)?;
        let ask = request.into_inner();
        let id = document_id(&ask.document_id, lang)?;
        let answer =
            self.relay.sync(&id, &ask.token, ask.limit as usize).map_err(|error| document_status(&error, lang))?;
        Ok(Response::new(answer))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<v1::WatchResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let lang = self.reader(&request)?;
        let caller = peer::agent(&self.relay, &request)?;
        let ask = request.into_inner();
        let id = document_id(&ask.document_id, lang)?;
        let (steps, wire) = mpsc::channel(4);
        let relay = self.relay.clone();
        self.tasks.task("document watch", move |stop| async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = steps.closed() => {}
                () = follow(&relay, &caller, &id, ask.token, lang, &steps) => {}
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(wire))))
    }

    async fn change(&self, request: Request<v1::ChangeRequest>) -> Result<Response<v1::ChangeResponse>, Status> {
        let (caller, lang) = (peer::agent(&self.relay, &request)?.jurisdiction, Lang::of(request.metadata()));
        let submission = v1::Submission { envelope: request.into_inner().envelope, ..v1::Submission::default() };
        let judged = match self.relay.judge(&caller, submission, SenderClock::BySentAt) {
            Ok(judged) => judged,
            Err(refusal) => return Err(self.refused(&caller, &refusal, lang).await),
        };
        let Some(change) = judged.header.document.clone() else {
            return Err(status::of(&Invalid::missing("header.document"), lang));
        };
        let item = change.item_id.as_ref().map(ToString::to_string).unwrap_or_default();
        let lane = judged.lane();
        match self.relay.take_charge(vec![judged], lane).await.pop() {
            Some(Answer::Accepted(statement)) => {
                let (item_etag, document_etag) =
                    self.relay.etags(&change.document_id, &item).map_err(|error| document_status(&error, lang))?;
                let receipt = Some(self.relay.signer.lone(&statement));
                Ok(Response::new(v1::ChangeResponse {
                    receipt,
                    item_etag: item_etag.into(),
                    document_etag: document_etag.into(),
                }))
            }
            Some(Answer::Refused(refusal)) => {
                let mut refused = self.refused(&caller, &refusal, lang).await;
                if refusal.invalid.reason == Reason::EtagMismatch {
                    self.show_current(&change.document_id, &item, &mut refused);
                }
                Err(refused)
            }
            None => Err(status::internal(lang)),
        }
    }
}

impl DocumentsFace {
    async fn refused(&self, caller: &JurisdictionId, refusal: &Refusal, lang: Lang) -> Status {
        self.relay.metrics.refused(refusal.invalid.reason);
        self.relay.audit_refusal(caller, refusal).await;
        status::with_retry(&refusal.invalid, lang, refusal.retry_after)
    }

    /// The item as it is now comes with the error; one that is long comes without its envelope.
    fn show_current(&self, document: &DocumentId, item: &str, refused: &mut Status) {
        let Ok(Some(mut current)) = self.relay.current_item(document, item) else { return };
        if current.encoded_len() > CURRENT_BYTES_MAX {
            current.envelope = None;
        }
        let value = MetadataValue::from_bytes(&current.encode_to_vec());
        refused.metadata_mut().insert_bin(CURRENT_ITEM, value);
    }

    fn reader<T>(&self, request: &Request<T>) -> Result<Lang, Status> {
        let (caller, lang) = (peer::agent(&self.relay, request)?.jurisdiction, Lang::of(request.metadata()));
        self.relay.may_read(&caller).map_err(|invalid| status::of(&invalid, lang))?;
        Ok(lang)
    }
}

/// Sends steps until the reader leaves, or would not be let in any more: what is there, then what comes.
async fn follow(
    relay: &Relay,
    caller: &peer::Caller,
    id: &DocumentId,
    mut token: String,
    lang: Lang,
    steps: &mpsc::Sender<Result<v1::WatchResponse, Status>>,
) {
    let mut folded = relay.engine.folded();
    loop {
        let is_trusted = relay.identity.still_trusts(&caller.facts).is_ok();
        if !is_trusted || relay.may_read(&caller.jurisdiction).is_err() {
            let ended = status::of(&Invalid::new(Reason::CertRevoked, "", "peer.trusted"), lang);
            let _ = steps.send(Err(ended)).await;
            return;
        }
        let step = relay.sync(id, &token, 0).map_err(|error| document_status(&error, lang));
        let more = step.as_ref().is_ok_and(|step| step.truncated);
        let news = step.as_ref().map_or(true, |step| !step.changed.is_empty() || !step.removed.is_empty());
        if let Ok(step) = &step {
            token.clone_from(&step.next_token);
        }
        let failed = step.is_err();
        if news && steps.send(step.map(|step| v1::WatchResponse { step: Some(step) })).await.is_err() || failed {
            return;
        }
        if !more && folded.changed().await.is_err() {
            return;
        }
    }
}

fn document_id(text: &str, lang: Lang) -> Result<DocumentId, Status> {
    text.parse().map_err(|invalid| status::of(&invalid, lang))
}
