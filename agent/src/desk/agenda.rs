//! What of an agenda no broker reads: the state of an item, who proposed it, and that a final agenda stays.

use model::{agenda, document::DocumentOp, header::DocumentChange, invalid::Invalid, kind::Kind, reason::Reason};
use proto::{border::facts::meeting, v1, v1::agenda_change::Change};

use super::Desk;
use crate::outbox::Unsealed;

impl Desk {
    /// Judges a change of an agenda against what stands there now. An agenda that begins with it is nobody's yet.
    pub(super) async fn agenda_allows(&self, unsealed: &Unsealed) -> Result<(), Invalid> {
        let Some(change) = unsealed.header.document.as_ref().filter(|_| unsealed.header.kind == Kind::AgendaChange)
        else {
            return Ok(());
        };
        let document_id = change.document_id.to_string();
        let ask = v1::PullDocumentRequest { document_id, ..v1::PullDocumentRequest::default() };
        let document = match self.pull(ask).await {
            Ok(pulled) => pulled.document.unwrap_or_default(),
            Err(invalid) if invalid.reason == Reason::NotFound => return Ok(()),
            Err(invalid) => return Err(invalid),
        };
        allows(&document, change, &unsealed.body, unsealed.header.sender.jurisdiction.as_str())
    }
}

fn allows(document: &v1::Document, change: &DocumentChange, body: &[u8], by: &str) -> Result<(), Invalid> {
    let Some(Change::Head(head)) = document.head.as_ref().and_then(meeting::agenda_change) else { return Ok(()) };
    let status = meeting::agenda_head(&head)?;
    let wanted = if change.op == DocumentOp::Put { meeting::agenda_change_of(body) } else { None };
    match (&change.item_id, wanted) {
        (None, Some(Change::Head(head))) => status.may_become(meeting::agenda_head(&head)?),
        (Some(id), Some(Change::Item(item))) => {
            let there = document.items.iter().find(|item| item.item_id == id.as_str()).and_then(meeting::agenda_change);
            let before = match there {
                Some(Change::Item(item)) => Some(meeting::agenda_item(&item)?),
                Some(Change::Head(_)) | None => None,
            };
            let (owner, by) = (document.owner.parse()?, by.parse()?);
            agenda::may_put(status, &owner, &by, before.as_ref(), &meeting::agenda_item(&item)?)
        }
        _ => status.may_change(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use prost::Message as _;
    use proto::v1::body::Body;

    use super::*;

    fn body(change: Change) -> Vec<u8> {
        let change = v1::AgendaChange { change: Some(change) };
        v1::Body { body: Some(Body::AgendaChange(change)) }.encode_to_vec()
    }

    fn sealed(item_id: &str, change: Change) -> v1::DocumentItem {
        let content = v1::Content {
            header: Some(v1::Header::default()),
            body: v1::Body::decode(body(change).as_slice()).ok(),
            ..v1::Content::default()
        };
        let envelope = v1::Envelope { content: content.encode_to_vec().into(), ..v1::Envelope::default() };
        v1::DocumentItem { item_id: item_id.to_owned(), envelope: Some(envelope), ..v1::DocumentItem::default() }
    }

    fn head(status: v1::AgendaStatus) -> Change {
        Change::Head(v1::AgendaHead { status: status.into(), ..v1::AgendaHead::default() })
    }

    fn item(by: &str, state: v1::AgendaItemState) -> Change {
        Change::Item(v1::AgendaItem { proposed_by: by.into(), state: state.into(), ..v1::AgendaItem::default() })
    }

    /// An agenda of 371300 with one item of 370900.
    fn agenda(status: v1::AgendaStatus) -> v1::Document {
        v1::Document {
            owner: "371300".into(),
            head: Some(sealed("", head(status))),
            items: vec![sealed("3", item("370900", v1::AgendaItemState::Proposed))],
            ..v1::Document::default()
        }
    }

    fn judged(status: v1::AgendaStatus, by: &str, id: &str, op: DocumentOp, wanted: Change) -> Result<(), String> {
        let change = DocumentChange {
            document_id: "agenda/371300-M-2027".parse().unwrap(),
            item_id: (!id.is_empty()).then(|| id.parse().unwrap()),
            op,
            if_match: None,
            members: None,
        };
        allows(&agenda(status), &change, &body(wanted), by).map_err(|invalid| invalid.rule)
    }

    #[test]
    fn the_owner_alone_moves_an_item_on() {
        use v1::AgendaItemState::{Placed, Proposed};
        let open = v1::AgendaStatus::OpenForProposals;
        let put = |by, id, wanted| judged(open, by, id, DocumentOp::Put, wanted);
        assert_eq!(put("370900", "3", item("370900", Proposed)), Ok(()));
        assert_eq!(put("370900", "3", item("370900", Placed)), Err("K42.state_of_owner".to_owned()));
        assert_eq!(put("371300", "3", item("370900", Placed)), Ok(()));
        assert_eq!(put("370300", "9", item("370900", Proposed)), Err("K42.proposed_by".to_owned()));
    }

    #[test]
    fn a_final_agenda_stays_as_it_was_held() {
        let held = Err("K42.final".to_owned());
        let last = v1::AgendaStatus::Final;
        let same = || item("370900", v1::AgendaItemState::Proposed);
        assert_eq!(judged(last, "371300", "3", DocumentOp::Put, same()), held);
        assert_eq!(judged(last, "371300", "3", DocumentOp::Remove, same()), held);
        assert_eq!(judged(last, "371300", "", DocumentOp::Put, head(v1::AgendaStatus::Draft)), held);
        let locked = v1::AgendaStatus::Locked;
        assert_eq!(judged(locked, "371300", "3", DocumentOp::Remove, same()), Ok(()));
        assert_eq!(judged(locked, "371300", "", DocumentOp::Put, head(last)), Ok(()));
    }
}
