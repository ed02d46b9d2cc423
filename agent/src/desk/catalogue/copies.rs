//! Copies of every member's catalogue, brought up to date while the link is up, so that they can be searched when it is
//! down.

use std::sync::atomic::{AtomicI64, Ordering};

use model::{
    header::Header,
    ids::{Digest, DocumentId, JurisdictionId},
    invalid::Invalid,
    kind::Kind,
    reason::Reason,
    time::Timestamp,
};
use proto::{
    border,
    v1::{self, documents_client::DocumentsClient},
};
use tokio::sync::Mutex;
use tonic::transport::Channel;

use super::{PREFIX, id_of, replica};
use crate::{
    desk::{Desk, documents::told, rows},
    fold::query,
    message,
};

/// How fresh the copies are.
#[derive(Debug, Default)]
pub struct Freshness {
    /// One at a time brings them up to date.
    turn: Mutex<()>,
    /// When they were last as the broker had them, in ms; 0 since the start.
    as_of_ms: AtomicI64,
}

impl Freshness {
    /// When the copies were last as the broker had them; none since the start.
    pub(super) fn as_of(&self) -> Option<Timestamp> {
        Some(self.as_of_ms.load(Ordering::Acquire)).filter(|ms| *ms > 0).map(Timestamp::from_millis)
    }
}

impl Desk {
    /// Brings every copy up to date. When this returns they are durable here, and as the broker had them just now.
    pub async fn refresh_catalogues(&self) -> Result<(), Invalid> {
        let _turn = self.catalogues.turn.lock().await;
        let began = self.clock.now();
        let needed = || Invalid::new(Reason::Busy, "", "link.needed");
        let mut client = self.link.documents().ok_or_else(needed)?;
        let ask = v1::ListRequest { prefix: PREFIX.to_owned() };
        let listed = client.list(ask).await.map_err(|status| told(&status, "prefix"))?.into_inner().documents;
        for document in &listed {
            if let Err(problem) = self.refresh(&mut client, document).await {
                // one that cannot be read hides no other
                tracing::warn!(%problem, document = document.document_id, "a catalogue could not be brought up to date");
            }
        }
        self.forget_vanished(&listed).await?;
        self.catalogues.as_of_ms.store(began.millis(), Ordering::Release);
        Ok(())
    }

    async fn refresh(&self, client: &mut DocumentsClient<Channel>, listed: &v1::Document) -> Result<(), Invalid> {
        let id: DocumentId = listed.document_id.parse()?;
        let owner: JurisdictionId = listed.owner.parse()?;
        if id != id_of(&owner)? {
            return Err(Invalid::new(Reason::BadSchema, "document_id", "catalogue.owner").detail(listed.owner.clone()));
        }
        let copy = self.cached(&id)?.map(|(document, _)| document);
        if copy.as_ref().is_some_and(|copy| copy.etag == listed.etag) {
            return Ok(());
        }
        let mut document = replica::newest(client, copy, listed).await?;
        let known = |item: &v1::DocumentItem| item.envelope.is_none();
        for item in document.items.iter_mut().filter(|item| !known(item)) {
            if let Err(problem) = self.vouch(&id, &owner, item) {
                tracing::warn!(%problem, document = %id, item = item.item_id, "a record of a catalogue is left out");
                item.envelope = None; // its place is kept, for the version of the whole
            }
        }
        self.cache(&id, &document).await
    }

    /// An item is what its owner sealed for this very place.
    fn vouch(&self, id: &DocumentId, owner: &JurisdictionId, item: &v1::DocumentItem) -> Result<(), Invalid> {
        let envelope = item.envelope.clone().ok_or_else(|| Invalid::missing("envelope"))?;
        let read = message::read(&envelope)?;
        let header: &Header = &read.header;
        let here = header.document.as_ref().is_some_and(|change| {
            change.document_id == *id && change.item_id.as_ref().is_some_and(|name| name.as_str() == item.item_id)
        });
        let theirs = header.sender.jurisdiction == *owner && header.kind == Kind::CatalogueChange;
        if !here || !theirs || Digest::of(&read.parts.body).0 != *item.etag {
            return Err(Invalid::new(Reason::BadSeal, "envelope", "catalogue.item"));
        }
        let at = border::time::required(item.changed_at, "changed_at")?;
        self.trust.verify_envelope(&envelope, header, at)
    }

    /// What the broker no longer lists has no record left: its copy has none either.
    async fn forget_vanished(&self, listed: &[v1::Document]) -> Result<(), Invalid> {
        let copies = self.engine.read(|_, found| query::documents(found, PREFIX)).map_err(rows)?;
        for (id, _) in copies.iter().filter(|(id, _)| listed.iter().all(|document| document.document_id != *id)) {
            let id: DocumentId = id.parse()?;
            let Some((copy, _)) = self.cached(&id)?.filter(|(copy, _)| !copy.items.is_empty()) else { continue };
            let bare = v1::Document { document_id: copy.document_id, owner: copy.owner, ..v1::Document::default() };
            self.cache(&id, &v1::Document { etag: replica::etag_of(&bare), ..bare }).await?;
        }
        Ok(())
    }
}
