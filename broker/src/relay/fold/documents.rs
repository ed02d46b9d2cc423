//! Shared documents: who may change what, which version was meant, and the order of changes that readers follow.

use model::{
    document::{self, DocumentOp, Living, MemberRights},
    header::{DocumentChange, Header},
    ids::{Digest, DocumentId, ItemId},
    invalid::Invalid,
    reason::Reason,
};
use proto::{
    border::content::Parts,
    record::{ItemRow, MessageRow},
};
use store::FoldError;

use super::{Folding, keys, submitted::Verdict};

impl Folding<'_, '_> {
    /// Applies a change if the author may make it and meant the version that is there.
    pub(super) fn change_document(&mut self, header: &Header, parts: &Parts, row: &MessageRow) -> Result<(), Verdict> {
        let Some(change) = &header.document else { return Ok(()) };
        let id = &change.document_id;
        let head = self.item(id, None)?;
        let now = self.item(id, change.item_id.as_ref())?;
        let owner = owner_of(id, head.as_ref(), header)?;
        let living = now.as_ref().map(living).transpose()?.flatten();
        if header.sender.jurisdiction.as_str() != owner {
            document::member_may(change, head.as_ref().and_then(rights), living.as_ref())?;
        }
        document::means_version(change, living.as_ref())?;
        self.write_item(header, change, parts, row, &owner, now.as_ref())?;
        Ok(())
    }

    fn item(&self, document: &DocumentId, item: Option<&ItemId>) -> Result<Option<ItemRow>, FoldError> {
        self.row(&keys::item(document, item))
    }

    fn write_item(
        &mut self,
        header: &Header,
        change: &DocumentChange,
        parts: &Parts,
        row: &MessageRow,
        owner: &str,
        before: Option<&ItemRow>,
    ) -> Result<(), FoldError> {
        if let Some(before) = before {
            self.rows.remove(&keys::change(&change.document_id, model::position::Position(before.position)))?;
        }
        let removed = change.op == DocumentOp::Remove;
        let kept = before.map_or(0, |before| before.members);
        let item = ItemRow {
            etag: if removed { Vec::new().into() } else { Digest::of(&parts.body).0.to_vec().into() },
            position: self.at.position.0,
            author: row.sender.clone(),
            changed_at: self.at.time.millis(),
            members: change.members.map_or(kept, |members| super::submitted::positive(members.number())),
            removed,
            owner: owner.to_owned(),
            message_id: header.message_id.0.to_vec().into(),
            status: 0,
            placed_by: before
                .filter(|before| !before.removed)
                .map_or_else(|| row.sender.clone(), |before| before.placed_by.clone()),
        };
        self.put(&keys::item(&change.document_id, change.item_id.as_ref()), &item)?;
        let changed = change.item_id.as_ref().map_or("", ItemId::as_str);
        self.rows.put(&keys::change(&change.document_id, self.at.position), changed.as_bytes().to_vec())
    }
}

/// Whose document it is. `catalogue/X` and `roster/X` are X's by name; others belong to whoever wrote the head first.
fn owner_of(document: &DocumentId, head: Option<&ItemRow>, header: &Header) -> Result<String, Invalid> {
    if let Some(owner) = document.owner() {
        return Ok(owner.to_string());
    }
    if let Some(head) = head {
        return Ok(head.owner.clone());
    }
    match header.document.as_ref().and_then(|change| change.item_id.as_ref()) {
        None => Ok(header.sender.jurisdiction.to_string()),
        Some(_) => Err(Invalid::new(Reason::NotFound, "document.document_id", "must be a document that has a head")),
    }
}

/// An item of a row; a tombstone is none.
fn living(row: &ItemRow) -> Result<Option<Living>, FoldError> {
    if row.removed {
        return Ok(None);
    }
    let etag = Digest::try_from(row.etag.as_ref()).map_err(|invalid| FoldError::new(invalid.to_string()))?;
    Ok(Some(Living { etag, members: rights(row) }))
}

fn rights(row: &ItemRow) -> Option<MemberRights> {
    i32::try_from(row.members).ok().and_then(MemberRights::from_number)
}
