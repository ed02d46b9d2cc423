//! Shared documents and attachments: from the broker while the link is up, from the copy here when it is down.

use std::time::Duration;

use super::{Desk, internal, rows};
use crate::fold::query;
use journal::Lane;
use model::{
    ids::{Digest, DocumentClass, DocumentId, MessageId},
    invalid::Invalid,
    limits,
    position::Position,
    reason::Reason,
};
use prost::Message as _;
use proto::{
    border,
    record::{DocumentCached, kind},
    status, v1,
};

/// How long a change waits for the broker's word; it stays queued all the same.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// How long a reader waits for the broker before the copy is shown.
pub(super) const READ_TIME_MAX: Duration = Duration::from_secs(5);

impl Desk {
    /// A document: the broker's, or with the link down the copy that was made last.
    pub async fn pull(&self, ask: v1::PullDocumentRequest) -> Result<v1::PullDocumentResponse, Invalid> {
        let id: DocumentId = ask.document_id.parse()?;
        let cached = self.cached(&id)?;
        let Some(mut client) = self.link.documents() else { return from_cache(cached, &ask) };
        let have = cached.as_ref().map(|(document, _)| document.etag.clone()).unwrap_or_default();
        let get = client.get(v1::GetRequest { document_id: ask.document_id.clone(), if_none_match: have });
        let document = match tokio::time::timeout(READ_TIME_MAX, get).await {
            Ok(Ok(answer)) => answer.into_inner().document,
            Ok(Err(status)) if status::reason(&status).is_some() => return Err(told(&status, "document_id")),
            // the link broke or is silent
            Ok(Err(_)) | Err(_) => return from_cache(cached, &ask),
        };
        let document = match (document, cached) {
            (Some(document), _) => {
                self.owner_sealed(&id, &document)?;
                self.cache(&id, &document).await?;
                document
            }
            (None, Some((document, _))) => document,
            (None, None) => return Err(internal(&"the broker says not modified, but no copy is here")),
        };
        let not_modified = !ask.if_none_match.is_empty() && ask.if_none_match == document.etag;
        Ok(v1::PullDocumentResponse {
            document: (!not_modified).then_some(document),
            not_modified,
            from_cache: false,
            as_of: Some(border::time::to_wire(self.clock.now())),
        })
    }

    /// Changes an item. The change is a message of ours like any other, but the caller waits for the broker's word; so
    /// this needs the link. Refused changes say why, and change nothing.
    pub async fn change(&self, draft: v1::Draft) -> Result<v1::ChangeDocumentResponse, Invalid> {
        if self.link.channel().is_none() {
            return Err(Invalid::new(Reason::Busy, "", "link.needed"));
        }
        let unsealed = self.compose(draft)?;
        if let Some(change) = &unsealed.header.document
            && change.item_id.is_none()
            && change.document_id.class() == DocumentClass::Agenda
        {
            // what came too late under this head is told by its place after it
            Box::pin(self.put_off_late_items_of(change.document_id.to_string())).await.or_else(may_begin)?;
        }
        self.agenda_allows(&unsealed).await?;
        let Some(change) = unsealed.header.document.clone() else { return Err(Invalid::missing("header.document")) };
        let header = self.outbox.queue(unsealed).await?;
        self.answered(header.message_id).await?;
        let pulled = v1::PullDocumentRequest {
            document_id: change.document_id.to_string(),
            ..v1::PullDocumentRequest::default()
        };
        let document = self.pull(pulled).await?.document.unwrap_or_default();
        let item = change.item_id.map(|item| item.to_string()).unwrap_or_default();
        let items = document.items.iter().chain(&document.head);
        let etag = items.filter(|other| other.item_id == item).map(|item| item.etag.clone()).next();
        Ok(v1::ChangeDocumentResponse {
            message_id: header.message_id.0.to_vec().into(),
            item_etag: etag.unwrap_or_default(),
            document_etag: document.etag,
        })
    }

    /// Waits for what the broker says about a message of ours; an error is its refusal.
    pub(super) async fn answered(&self, id: MessageId) -> Result<(), Invalid> {
        let mut folded = self.bells.folded.subscribe();
        let patience = tokio::time::sleep(ANSWER_TIME_MAX);
        let mut patience = std::pin::pin!(patience);
        loop {
            let row = self.engine.read(|_, found| query::sent(found, id)).map_err(rows)?.unwrap_or_default();
            if !row.accepted_epoch.is_empty() {
                return Ok(());
            }
            if let Some(refusal) = self.refusal(Position(row.refused_at))? {
                let reason = refusal.reason.parse().unwrap_or(Reason::Internal);
                return Err(Invalid::new(reason, refusal.field, refusal.rule));
            }
            tokio::select! {
                changed = folded.changed() => changed.map_err(|error| internal(&error))?,
                () = &mut patience => {
                    // it stays queued; why it waits is said when it is known
                    let halted = self.link.watch().borrow().problem.clone();
                    return Err(halted.unwrap_or_else(|| Invalid::new(Reason::Busy, "", "link.no_answer")));
                }
            }
        }
    }

    /// Documents whose id begins so, without their items.
    pub async fn list_documents(&self, prefix: &str) -> Result<v1::ListDocumentsResponse, Invalid> {
        if let Some(mut client) = self.link.documents()
            && let list = client.list(v1::ListRequest { prefix: prefix.to_owned() })
            && let Ok(Ok(answer)) = tokio::time::timeout(READ_TIME_MAX, list).await
        {
            return Ok(v1::ListDocumentsResponse { documents: answer.into_inner().documents, from_cache: false });
        }
        let known = self.engine.read(|_, found| query::documents(found, prefix)).map_err(rows)?;
        let mut documents = Vec::new();
        for (id, _) in known {
            if let Some((document, _)) = self.cached(&id.parse()?)? {
                documents.push(v1::Document { items: Vec::new(), ..document });
            }
        }
        Ok(v1::ListDocumentsResponse { documents, from_cache: true })
    }

    pub(super) async fn cache(&self, id: &DocumentId, document: &v1::Document) -> Result<(), Invalid> {
        let bytes = document.encode_to_vec();
        let digest = Digest::of(&bytes);
        self.documents.put(digest, &bytes).map_err(|error| internal(&error))?;
        let record = DocumentCached {
            document_id: id.to_string(),
            sha256: digest.0.to_vec().into(),
            etag: document.etag.clone(),
        };
        self.write(kind::DOCUMENT_CACHED, &record, Lane::Normal).await
    }

    pub(super) fn cached(&self, id: &DocumentId) -> Result<Option<(v1::Document, i64)>, Invalid> {
        let Some(row) = self.engine.read(|_, found| query::document(found, id)).map_err(rows)? else { return Ok(None) };
        let digest =
            row.sha256.as_ref().try_into().map(Digest).map_err(|_| internal(&"a digest of the wrong length"))?;
        let most = usize::try_from(limits::ATTACHMENTS_BYTES_MAX).unwrap_or(usize::MAX);
        let (bytes, _) = self.documents.read(digest, 0, most).map_err(|error| internal(&error))?;
        let document = v1::Document::decode(bytes.as_slice()).map_err(|error| internal(&error))?;
        Ok(Some((document, row.at)))
    }
}

fn from_cache(
    cached: Option<(v1::Document, i64)>,
    ask: &v1::PullDocumentRequest,
) -> Result<v1::PullDocumentResponse, Invalid> {
    let (document, at) = cached.ok_or_else(|| Invalid::new(Reason::NotFound, "document_id", "document.no_copy"))?;
    let not_modified = !ask.if_none_match.is_empty() && ask.if_none_match == document.etag;
    Ok(v1::PullDocumentResponse {
        document: (!not_modified).then_some(document),
        not_modified,
        from_cache: true,
        as_of: Some(border::time::to_wire(model::time::Timestamp::from_millis(at))),
    })
}

/// What the broker said, as the desk says it.
pub(crate) fn told(status: &tonic::Status, field: &'static str) -> Invalid {
    match status::invalid(status) {
        Some(invalid) if invalid.field.is_empty() => Invalid { field: field.to_owned(), ..invalid },
        Some(invalid) => invalid,
        None => Invalid::new(Reason::Busy, "", "link.lost").detail(status.message().to_owned()),
    }
}

/// An agenda that is not there yet may begin.
fn may_begin(invalid: Invalid) -> Result<(), Invalid> {
    if invalid.reason == Reason::NotFound { Ok(()) } else { Err(invalid) }
}
