//! What a message does to a shared document, what members may do, and which version they must mean.

use crate::{header::DocumentChange, ids::Digest, invalid::Invalid, numbered::numbered, reason::Reason};

numbered! {
    /// What a document change does.
    pub enum DocumentOp as "op" {
        /// Writes the item.
        Put = 1, "PUT", "写入";
        /// Removes the item and leaves a tombstone.
        Remove = 2, "REMOVE", "移除";
    }
}

numbered! {
    /// What members other than the owner may do in a document; later in order is more.
    pub enum MemberRights as "members" {
        /// Read only.
        None = 1, "NONE", "只读";
        /// Add items.
        Add = 2, "ADD", "可新增";
        /// Add items and edit every item.
        AddAndEdit = 3, "ADD_AND_EDIT", "可新增和修改";
    }
}

/// An item that is there, as far as a change of it is judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Living {
    /// Its etag.
    pub etag: Digest,
    /// What members may do with it; none means what the head says.
    pub members: Option<MemberRights>,
}

/// What a member that does not own the document may do: what the item allows, else what the head allows. The head is
/// its owner's alone, and only the owner removes items.
///
/// # Errors
/// ROLE_FORBIDDEN, or DOCUMENT_LOCKED where new items may be added and those that are there not edited.
pub fn member_may(change: &DocumentChange, head: Option<MemberRights>, item: Option<&Living>) -> Result<(), Invalid> {
    let forbidden = |rule: &'static str| Err(Invalid::new(Reason::RoleForbidden, "document", rule));
    let allowed = item.and_then(|item| item.members).or(head).unwrap_or(MemberRights::None);
    match (change.item_id.is_some(), item, change.op, allowed) {
        (false, ..) => forbidden("document.head_of_owner"),
        (_, _, DocumentOp::Remove, _) => forbidden("document.owner_removes"),
        (_, Some(_), DocumentOp::Put, MemberRights::AddAndEdit)
        | (_, None, DocumentOp::Put, MemberRights::Add | MemberRights::AddAndEdit) => Ok(()),
        (_, Some(_), DocumentOp::Put, MemberRights::Add) => {
            Err(Invalid::new(Reason::DocumentLocked, "document.item_id", "document.locked"))
        }
        (_, _, DocumentOp::Put, MemberRights::None) => forbidden("document.read_only"),
    }
}

/// The version that a change means must be the one that is there; a new item has none.
///
/// # Errors
/// MISSING_FIELD where it names no version, ETAG_MISMATCH where it names another, NOT_FOUND where it would remove what
/// is not there.
pub fn means_version(change: &DocumentChange, item: Option<&Living>) -> Result<(), Invalid> {
    let refused = |reason, field, rule: &'static str| Err(Invalid::new(reason, field, rule));
    match (item, change.if_match) {
        (None, None) if change.op == DocumentOp::Put => Ok(()),
        (None, None) => refused(Reason::NotFound, "document.item_id", "document.item_known"),
        (None, Some(_)) => refused(Reason::EtagMismatch, "document.if_match", "document.new_item_has_no_version"),
        (Some(_), None) => refused(Reason::MissingField, "document.if_match", "document.version_read"),
        (Some(item), Some(meant)) if item.etag == meant => Ok(()),
        (Some(item), Some(_)) => refused(Reason::EtagMismatch, "document.if_match", "document.version_there")
            .map_err(|invalid| invalid.detail(item.etag.to_string())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn change(item: Option<&str>, op: DocumentOp, if_match: Option<&[u8]>) -> DocumentChange {
        DocumentChange {
            document_id: "agenda/371300-M-2027".parse().unwrap(),
            item_id: item.map(|item| item.parse().unwrap()),
            op,
            if_match: if_match.map(Digest::of),
            members: None,
        }
    }

    fn living(members: Option<MemberRights>) -> Living {
        Living { etag: Digest::of(b"e3"), members }
    }

    #[test]
    fn a_member_may_what_the_item_allows_and_else_what_the_head_allows() {
        use DocumentOp::{Put, Remove};
        use MemberRights::{Add, AddAndEdit, None as ReadOnly};
        let judged = |item: Option<&str>, op, head, there: Option<Option<MemberRights>>| {
            let there = there.map(living);
            member_may(&change(item, op, None), head, there.as_ref()).map_err(|invalid| (invalid.reason, invalid.rule))
        };
        let refused = |reason, rule: &str| Err((reason, rule.to_owned()));
        let forbidden = |rule| refused(Reason::RoleForbidden, rule);
        let edit = |head, there| judged(Some("3"), Put, head, Some(there));
        let add = |head| judged(Some("9"), Put, head, None);

        assert_eq!([add(Some(AddAndEdit)), add(Some(Add))], [Ok(()), Ok(())]);
        assert_eq!(
            [add(Some(ReadOnly)), add(None)],
            [forbidden("document.read_only"), forbidden("document.read_only")]
        );
        assert_eq!(edit(Some(AddAndEdit), None), Ok(()));
        assert_eq!(edit(Some(Add), None), refused(Reason::DocumentLocked, "document.locked"));
        assert_eq!(edit(Some(Add), Some(AddAndEdit)), Ok(()), "the item's own word goes first");
        assert_eq!(edit(Some(AddAndEdit), Some(ReadOnly)), forbidden("document.read_only"));
        assert_eq!(judged(None, Put, Some(AddAndEdit), Some(None)), forbidden("document.head_of_owner"));
        let remove = judged(Some("5"), Remove, Some(AddAndEdit), Some(None));
        assert_eq!(remove, forbidden("document.owner_removes"));
    }

    #[test]
    fn a_change_means_the_version_that_is_there() {
        use DocumentOp::{Put, Remove};
        let judged = |op, if_match: Option<&[u8]>, there: bool| {
            let there = there.then(|| living(None));
            means_version(&change(Some("3"), op, if_match), there.as_ref())
                .map_err(|invalid| (invalid.reason, invalid.rule))
        };
        let refused = |reason, rule: &str| Err((reason, rule.to_owned()));
        assert_eq!(judged(Put, Some(b"e3"), true), Ok(()));
        assert_eq!(judged(Put, None, false), Ok(()));
        assert_eq!(judged(Put, None, true), refused(Reason::MissingField, "document.version_read"));
        assert_eq!(judged(Put, Some(b"e2"), true), refused(Reason::EtagMismatch, "document.version_there"));
        let no_version = refused(Reason::EtagMismatch, "document.new_item_has_no_version");
        assert_eq!(judged(Put, Some(b"e2"), false), no_version);
        assert_eq!(judged(Remove, None, false), refused(Reason::NotFound, "document.item_known"));
    }
}
