//! The own catalogue made to say what an officer's table says: compared with what is published, checked as a whole, and
//! only then sent, each record as a message of ours on the version that was read.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::future;
use model::{ids::MessageId, invalid::Invalid, limits, reason::Reason};
use proto::{border, status, v1, v1::body::Body};

use super::id_of;
use crate::{
    desk::Desk,
    formats::sheet::{RECORDS_MAX, flat},
    outbox::Unsealed,
};

/// A record that stands in the catalogue.
struct Standing {
    etag: Bytes,
    texts: BTreeMap<String, String>,
}

/// Who speaks, and how urgently; 0 is left to the desk.
#[derive(Clone, Copy)]
struct Speaks {
    role: i32,
    precedence: i32,
}

/// What is to be done with one record.
struct Plan {
    outcome: v1::PublishOutcome,
    resource_id: String,
    changed: Vec<String>,
    /// What is sent; nothing where nothing is to be done.
    draft: Option<v1::Draft>,
}

impl Desk {
    /// Publishes records. When this returns without an error, every change was checked, and the broker has said something
    /// to each: what it refused is told beside it. A refused check changes nothing.
    ///
    /// # Errors
    /// What is wrong with the first record, or that there is no link.
    pub async fn publish_catalogue(
        &self,
        ask: v1::PublishCatalogueRequest,
    ) -> Result<v1::PublishCatalogueResponse, Invalid> {
        if !ask.dry_run && self.link.channel().is_none() {
            return Err(Invalid::new(Reason::Busy, "", "link.needed"));
        }
        let (dry_run, plans) = (ask.dry_run, self.plans(ask).await?);
        let mut drafts = Vec::new();
        for plan in &plans {
            let composed = plan.draft.clone().map(|draft| self.compose(draft)).transpose();
            drafts.push(composed.map_err(|invalid| about(invalid, &plan.resource_id))?);
        }
        if dry_run {
            let records = plans.into_iter().map(|plan| plan.said(None)).collect();
            return Ok(v1::PublishCatalogueResponse { records, ..v1::PublishCatalogueResponse::default() });
        }
        let said = self.sent(drafts).await?;
        let records = plans.into_iter().zip(said).map(|(plan, said)| plan.said(said)).collect();
        let document = self.own_catalogue().await?;
        Ok(v1::PublishCatalogueResponse { records, document_etag: document.etag })
    }

    /// The own catalogue, empty where nothing was published yet.
    async fn own_catalogue(&self) -> Result<v1::Document, Invalid> {
        let document_id = id_of(self.names.jurisdiction())?.to_string();
        match self.pull(v1::PullDocumentRequest { document_id, ..v1::PullDocumentRequest::default() }).await {
            Ok(pulled) => Ok(pulled.document.unwrap_or_default()),
            Err(invalid) if invalid.reason == Reason::NotFound => Ok(v1::Document::default()),
            Err(invalid) => Err(invalid),
        }
    }

    async fn plans(&self, ask: v1::PublishCatalogueRequest) -> Result<Vec<Plan>, Invalid> {
        if ask.records.len() > RECORDS_MAX {
            return Err(Invalid::too_large("records", ask.records.len(), RECORDS_MAX));
        }
        let document = self.own_catalogue().await?;
        let speaks = Speaks { role: ask.role, precedence: ask.precedence };
        let mut there: BTreeMap<String, Standing> = document.items.iter().map(standing).collect();
        let (mut plans, mut named) = (Vec::new(), BTreeSet::new());
        for record in ask.records {
            if !named.insert(record.resource_id.clone()) {
                return Err(Invalid::schema("records", "catalogue.id_once").detail(record.resource_id));
            }
            let before = there.remove(&record.resource_id);
            plans.push(self.plan(record, before.as_ref(), speaks)?);
        }
        if let Some(unknown) = ask.remove.iter().find(|id| !there.contains_key(*id)) {
            return Err(Invalid::new(Reason::NotFound, "remove", "document.item_known").detail(unknown.as_str()));
        }
        for (resource_id, before) in there {
            let (outcome, draft) = if ask.remove_missing || ask.remove.contains(&resource_id) {
                let draft = self.draft(&resource_id, v1::DocumentOp::Remove, before.etag, None, speaks)?;
                (v1::PublishOutcome::Removed, Some(draft))
            } else {
                (v1::PublishOutcome::Missing, None)
            };
            plans.push(Plan { outcome, resource_id, changed: Vec::new(), draft });
        }
        Ok(plans)
    }

    fn plan(&self, record: v1::ResourceRecord, before: Option<&Standing>, speaks: Speaks) -> Result<Plan, Invalid> {
        let (resource_id, after) = (record.resource_id.clone(), flat::texts(&record));
        let changed = before.map(|before| differing(&before.texts, &after)).unwrap_or_default();
        let outcome = match before {
            None => v1::PublishOutcome::Added,
            Some(_) if changed.is_empty() => v1::PublishOutcome::Unchanged,
            Some(_) => v1::PublishOutcome::Changed,
        };
        let etag = before.map(|before| before.etag.clone()).unwrap_or_default();
        let draft = if outcome == v1::PublishOutcome::Unchanged {
            None
        } else {
            Some(self.draft(&resource_id, v1::DocumentOp::Put, etag, Some(record), speaks)?)
        };
        Ok(Plan { outcome, resource_id, changed, draft })
    }

    fn draft(
        &self,
        item_id: &str,
        op: v1::DocumentOp,
        if_match: Bytes,
        record: Option<v1::ResourceRecord>,
        speaks: Speaks,
    ) -> Result<v1::Draft, Invalid> {
        let document_id = id_of(self.names.jurisdiction())?.to_string();
        let change =
            v1::DocumentChange { document_id, item_id: item_id.to_owned(), op: op.into(), if_match, members: 0 };
        let sender = v1::Party { role: speaks.role, ..v1::Party::default() };
        let header = v1::Header {
            document: Some(change),
            sender: Some(sender),
            precedence: speaks.precedence,
            ..v1::Header::default()
        };
        let body = v1::Body { body: Some(Body::CatalogueChange(v1::CatalogueChange { record })) };
        Ok(v1::Draft { header: Some(header), body: Some(body), inline: Vec::new() })
    }

    /// Queues what is to be sent, in bursts that one signature seals, and waits for what the broker says to each.
    async fn sent(&self, drafts: Vec<Option<Unsealed>>) -> Result<Vec<Option<Said>>, Invalid> {
        let mut ids = Vec::with_capacity(drafts.len());
        let mut drafts = drafts.into_iter().peekable();
        while drafts.peek().is_some() {
            let burst = drafts.by_ref().take(limits::SEAL_LEAVES_MAX).map(|draft| async {
                match draft {
                    Some(draft) => self.outbox.queue(draft).await.map(|header| Some(header.message_id)),
                    None => Ok(None),
                }
            });
            ids.extend(future::try_join_all(burst).await?);
        }
        let mut said = Vec::with_capacity(ids.len());
        for id in ids {
            said.push(match id {
                Some(id) => Some(Said { id, refused: self.answered(id).await.err() }),
                None => None,
            });
        }
        Ok(said)
    }
}

/// What the broker said to a change.
struct Said {
    id: MessageId,
    refused: Option<Invalid>,
}

impl Plan {
    fn said(self, said: Option<Said>) -> v1::PublishedRecord {
        let refused = said.as_ref().and_then(|said| said.refused.as_ref());
        let (text_zh, text_en) = refused.map(status::texts).unwrap_or_default();
        v1::PublishedRecord {
            resource_id: self.resource_id,
            outcome: self.outcome.into(),
            changed: self.changed,
            refused: refused.map(|invalid| invalid.reason.code().to_owned()).unwrap_or_default(),
            message_id: said.map(|said| Bytes::copy_from_slice(&said.id.0)).unwrap_or_default(),
            text_zh,
            text_en,
        }
    }
}

/// An item by its id; one that holds no record says nothing.
fn standing(item: &v1::DocumentItem) -> (String, Standing) {
    let texts = border::catalogue::record_of(item).map(|record| flat::texts(&record)).unwrap_or_default();
    (item.item_id.clone(), Standing { etag: item.etag.clone(), texts })
}

/// The paths at which two records say something else.
fn differing(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    paths.into_iter().filter(|path| before.get(*path) != after.get(*path)).cloned().collect()
}

/// The fault with the record that has it.
fn about(invalid: Invalid, resource_id: &str) -> Invalid {
    let detail =
        if invalid.detail.is_empty() { resource_id.to_owned() } else { format!("{resource_id}: {}", invalid.detail) };
    invalid.detail(detail)
}
