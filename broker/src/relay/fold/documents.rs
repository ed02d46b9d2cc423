//! Shared documents: who may change what, which version was meant, and the order of changes that readers follow.

use model::{
    document::{DocumentOp, MemberRights},
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

use super::{
    Folding, keys,
    submitted::{Verdict, hex},
};

impl Folding<'_, '_> {
    /// Applies a change if the author may make it and meant the version that is there.
    pub(super) fn change_document(&mut self, header: &Header, parts: &Parts, row: &MessageRow) -> Result<(), Verdict> {
        let Some(change) = &header.document else { return Ok(()) };
        let document = &change.document_id;
        let head = self.item(document, None)?;
        let now = self.item(document, change.item_id.as_ref())?;
        let owner = owner_of(document, head.as_ref(), header)?;
        let living = now.as_ref().filter(|item| !item.removed);
        if header.sender.jurisdiction.as_str() != owner {
            members_may(change, head.as_ref(), living)?;
        }
        matches_version(change, living)?;
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
        self.rows.put(&keys::change(&change.document_id, self.at.position), changed.as_bytes())
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

/// What a member who does not own the document may do: what the item allows, else what the head allows.
fn members_may(change: &DocumentChange, head: Option<&ItemRow>, item: Option<&ItemRow>) -> Result<(), Invalid> {
    let rights = |row: &ItemRow| i32::try_from(row.members).ok().and_then(MemberRights::from_number);
    let forbidden = |rule: &str| Err(Invalid::new(Reason::RoleForbidden, "document", rule));
    let allowed = item.and_then(rights).or_else(|| head.and_then(rights)).unwrap_or(MemberRights::None);
    match (change.item_id.is_some(), item, change.op, allowed) {
        (false, ..) => forbidden("the head is its owner's alone"),
        (_, Some(_), DocumentOp::Put, MemberRights::AddAndEdit)
        | (_, None, DocumentOp::Put, MemberRights::Add | MemberRights::AddAndEdit) => Ok(()),
        (_, Some(_), DocumentOp::Put, MemberRights::Add) => {
            Err(Invalid::new(Reason::DocumentLocked, "document.item_id", "items are locked; new ones may be added"))
        }
        (_, _, DocumentOp::Remove, _) => forbidden("only the owner removes items"),
        (true, ..) => forbidden("members may read only"),
    }
}

/// The version that was meant must be the one that is there.
fn matches_version(change: &DocumentChange, now: Option<&ItemRow>) -> Result<(), Invalid> {
    match (now, &change.if_match) {
        (None, None) if change.op == DocumentOp::Put => Ok(()),
        (None, None) => Err(Invalid::new(Reason::NotFound, "document.item_id", "must be an item that is there")),
        (None, Some(_)) => Err(Invalid::new(Reason::EtagMismatch, "document.if_match", "must be empty for a new item")),
        (Some(_), None) => {
            Err(Invalid::new(Reason::MissingField, "document.if_match", "must name the version that was read"))
        }
        (Some(item), Some(meant)) if item.etag.as_ref() == meant.0 => Ok(()),
        (Some(item), Some(_)) => {
            Err(Invalid::new(Reason::EtagMismatch, "document.if_match", "must be the version that is there")
                .detail(hex(&item.etag)))
        }
    }
}
