//! A copy of a document brought up to date by what changed since: the changes, the tombstones, and the proof that the
//! whole is now the broker's.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::{ids::Digest, invalid::Invalid, reason::Reason};
use proto::{
    status,
    v1::{self, documents_client::DocumentsClient},
};
use tonic::transport::Channel;

use crate::desk::documents::told;

/// Answers of one sync at most: 256 changes each.
const PAGES_MAX: usize = 1_024;

/// The newest version of a document, from a copy of it where there is one: a copy that does not fit any more, or whose
/// token is too old, is made anew.
pub async fn newest(
    client: &mut DocumentsClient<Channel>,
    copy: Option<v1::Document>,
    listed: &v1::Document,
) -> Result<v1::Document, Invalid> {
    let empty = || v1::Document {
        document_id: listed.document_id.clone(),
        owner: listed.owner.clone(),
        ..v1::Document::default()
    };
    if let Some(copy) = copy.filter(|copy| !copy.token.is_empty()) {
        match follow(client, copy).await {
            Ok(document) if etag_of(&document) == document.etag => return Ok(document),
            Ok(_) => tracing::warn!(document = listed.document_id, "a copy did not fit; it is made anew"),
            Err(invalid) if invalid.reason == Reason::TokenExpired => {}
            Err(invalid) => return Err(invalid),
        }
    }
    let document = follow(client, empty()).await?;
    if etag_of(&document) == document.etag {
        Ok(document)
    } else {
        Err(Invalid::new(Reason::EtagMismatch, "document_id", "document.version_there"))
    }
}

async fn follow(client: &mut DocumentsClient<Channel>, mut document: v1::Document) -> Result<v1::Document, Invalid> {
    for _ in 0..PAGES_MAX {
        let (document_id, token) = (document.document_id.clone(), document.token.clone());
        let answer = client.sync(v1::SyncRequest { document_id, token, limit: 0 }).await;
        let answer = answer.map_err(|status| match status::reason(&status) {
            Some(Reason::TokenExpired) => Invalid::new(Reason::TokenExpired, "token", "token.kept"),
            Some(_) | None => told(&status, "document_id"),
        })?;
        let answer = answer.into_inner();
        let more = answer.truncated;
        document = merged(document, answer);
        if !more {
            return Ok(document);
        }
    }
    Err(Invalid::too_large("document_id", PAGES_MAX + 1, PAGES_MAX))
}

/// The document with what changed.
fn merged(document: v1::Document, answer: v1::SyncResponse) -> v1::Document {
    let old = document.items.into_iter().chain(document.head);
    let mut items: BTreeMap<String, v1::DocumentItem> = old.map(|item| (item.item_id.clone(), item)).collect();
    for tombstone in &answer.removed {
        items.remove(&tombstone.item_id);
    }
    items.extend(answer.changed.into_iter().map(|item| (item.item_id.clone(), item)));
    let head = items.remove("");
    let (document_id, owner) = (document.document_id, document.owner);
    v1::Document {
        document_id,
        owner,
        etag: answer.etag,
        head,
        items: items.into_values().collect(),
        token: answer.next_token,
    }
}

/// The version that a document has by what stands in it: SHA-256 over each id, with its length before it, and etag.
pub fn etag_of(document: &v1::Document) -> Bytes {
    let mut text = Vec::new();
    for item in document.head.iter().chain(&document.items) {
        text.push(u8::try_from(item.item_id.len()).unwrap_or(u8::MAX));
        text.extend_from_slice(item.item_id.as_bytes());
        text.extend_from_slice(&item.etag);
    }
    Bytes::copy_from_slice(&Digest::of(&text).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, etag: &'static [u8]) -> v1::DocumentItem {
        v1::DocumentItem { item_id: id.to_owned(), etag: Bytes::from_static(etag), ..v1::DocumentItem::default() }
    }

    fn ids(document: &v1::Document) -> Vec<(&str, &[u8])> {
        document.items.iter().map(|item| (item.item_id.as_str(), item.etag.as_ref())).collect()
    }

    #[test]
    fn changes_and_tombstones_leave_the_items_in_their_order() {
        let copy = v1::Document { items: vec![item("a", b"1"), item("c", b"1")], ..v1::Document::default() };
        let removed = vec![v1::Tombstone { item_id: "a".into(), ..v1::Tombstone::default() }];
        let changed = vec![item("c", b"2"), item("b", b"1"), item("", b"h")];
        let answer = v1::SyncResponse { changed, removed, next_token: "e.9".into(), ..v1::SyncResponse::default() };

        let document = merged(copy, answer);

        assert_eq!(ids(&document), [("b", b"1".as_ref()), ("c", b"2")]);
        assert_eq!((document.head.is_some(), document.token.as_str()), (true, "e.9"));
    }

    #[test]
    fn what_came_again_after_its_tombstone_is_there() {
        let removed = vec![v1::Tombstone { item_id: "a".into(), ..v1::Tombstone::default() }];
        let answer = v1::SyncResponse { changed: vec![item("a", b"3")], removed, ..v1::SyncResponse::default() };
        assert_eq!(ids(&merged(v1::Document::default(), answer)), [("a", b"3".as_ref())]);
    }

    #[test]
    fn a_version_is_that_of_its_items_and_their_order() {
        let of = |items: Vec<v1::DocumentItem>| etag_of(&v1::Document { items, ..v1::Document::default() });
        assert_eq!(of(vec![item("a", b"1")]), of(vec![item("a", b"1")]));
        assert_ne!(of(vec![item("a", b"1")]), of(vec![item("a", b"2")]));
        assert_ne!(of(vec![item("ab", b"1")]), of(vec![item("a", b"b1")]), "lengths stand before ids");
    }
}
