//! What members add to an agenda of ours after it was locked: it is put off to the next meeting, and whoever proposed it
//! is told (section 7 of the catalogue).

use model::{agenda::ItemState, document::DocumentOp, invalid::Invalid, kind::Kind, role::Role};
use proto::{
    border::facts::meeting,
    v1::{self, agenda_change::Change, body::Body},
};

use super::{Desk, compose};

impl Desk {
    /// Puts off every item that a member has added to a locked agenda of ours. When this returns each of them stands as
    /// DEFERRED, and a notice to its proposer is queued.
    pub async fn put_off_late_items(&self) -> Result<(), Invalid> {
        let listed = self.list_documents("agenda/").await?;
        let mut problem = None;
        for agenda in listed.documents.into_iter().filter(|agenda| agenda.owner == self.names.jurisdiction().as_str()) {
            problem = self.put_off_late_items_of(agenda.document_id).await.err().or(problem);
        }
        problem.map_or(Ok(()), Err)
    }

    pub(super) async fn put_off_late_items_of(&self, document_id: String) -> Result<(), Invalid> {
        let ask = v1::PullDocumentRequest { document_id, ..v1::PullDocumentRequest::default() };
        let pulled = self.pull(ask).await?;
        // an agenda of another is not ours to decide about; in an old copy what was put off may still stand as proposed
        let ours = |agenda: &v1::Document| agenda.owner == self.names.jurisdiction().as_str();
        let Some(agenda) = pulled.document.filter(|agenda| ours(agenda) && !pulled.from_cache) else { return Ok(()) };
        let mut problem = None;
        for (late, item) in late_items(&agenda)? {
            problem = self.put_off(&agenda, late, item).await.err().or(problem);
        }
        problem.map_or(Ok(()), Err)
    }

    /// Puts one item off. One that cannot be taken over, for what stands in it, holds up no other.
    async fn put_off(
        &self,
        agenda: &v1::Document,
        late: &v1::DocumentItem,
        item: v1::AgendaItem,
    ) -> Result<(), Invalid> {
        let change = v1::DocumentChange {
            document_id: agenda.document_id.clone(),
            item_id: late.item_id.clone(),
            op: DocumentOp::Put.number(),
            if_match: late.etag.clone(),
            ..v1::DocumentChange::default()
        };
        let put_off = v1::AgendaItem { state: ItemState::Deferred.number(), ..item };
        let body = Body::AgendaChange(v1::AgendaChange { change: Some(Change::Item(put_off)) });
        let header = v1::Header { document: Some(change), ..v1::Header::default() };
        let done = self.change(draft(Kind::AgendaChange, header, body)).await?;
        // whoever has handed the chair over still keeps its agenda, and says nothing as secretariat
        let told = told(late, &agenda.document_id, done.document_etag);
        if self.may_be_secretariat()? { self.send(told).await.map(|_| ()) } else { Ok(()) }
    }
}

/// What others added after the head was written that locks the agenda.
fn late_items(agenda: &v1::Document) -> Result<Vec<(&v1::DocumentItem, v1::AgendaItem)>, Invalid> {
    let Some((head, Change::Head(says))) =
        agenda.head.as_ref().and_then(|head| Some((head, meeting::agenda_change(head)?)))
    else {
        return Ok(Vec::new());
    };
    if meeting::agenda_head(&says)?.takes_in() != Some(ItemState::Deferred) {
        return Ok(Vec::new());
    }
    let of_others = agenda.items.iter().filter(|item| item.author != agenda.owner && item.position > head.position);
    let proposed = of_others.filter_map(|item| match meeting::agenda_change(item)? {
        Change::Item(says) if says.state() == v1::AgendaItemState::Proposed => Some((item, says)),
        Change::Item(_) | Change::Head(_) => None,
    });
    Ok(proposed.collect())
}

/// The notice to whoever proposed an item that it was decided about.
fn told(late: &v1::DocumentItem, document_id: &str, etag: bytes::Bytes) -> v1::Draft {
    let news = v1::AgendaChanged {
        document_id: document_id.to_owned(),
        etag,
        what: v1::AgendaNews::ItemDecided.into(),
        item_ids: vec![late.item_id.clone()],
    };
    let sender = Some(v1::Party { role: Role::Secretariat.number(), ..v1::Party::default() });
    let recipients = vec![compose::to_jurisdiction(&late.author)];
    draft(Kind::AgendaChanged, v1::Header { sender, recipients, ..v1::Header::default() }, Body::AgendaChanged(news))
}

fn draft(kind: Kind, header: v1::Header, body: Body) -> v1::Draft {
    let header = v1::Header { kind: kind.number(), ..header };
    v1::Draft { header: Some(header), body: Some(v1::Body { body: Some(body) }), inline: Vec::new() }
}
