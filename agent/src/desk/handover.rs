//! What is open when one shift hands over to the next: which messages, who opened them and when, what is owed on them, what is
//! to be done, and what others still owe us.

use std::collections::BTreeMap;

use model::{ids::MessageId, invalid::Invalid, stage::Stage, time::Timestamp};
use prost::Message as _;
use proto::{border, record::OtherActRow, v1};

use super::{Desk, LIST_MAX, matters, rosters, rows};
use crate::fold::{id_of, keys, query};

impl Desk {
    /// The list for whoever takes over.
    pub fn handover(&self) -> Result<v1::HandoverResponse, Invalid> {
        let (now, us) = (self.clock.now(), self.names.jurisdiction());
        let (ours, awaited): (Vec<_>, Vec<_>) =
            self.owed_now()?.into_iter().partition(|owed| owed.jurisdiction == us.as_str());
        let open = self.engine.read(|_, found| query::open_incidents(found, us)).map_err(rows)?;
        Ok(v1::HandoverResponse {
            at: Some(border::time::to_wire(now)),
            posts: self.posts(us, now),
            items: self.items(ours)?,
            awaited,
            open_incident_ids: open.iter().map(ToString::to_string).collect(),
        })
    }

    /// Everything that is owed in any matter, the next due first.
    fn owed_now(&self) -> Result<Vec<v1::DeadlineSeen>, Invalid> {
        let states = self.engine.read(|_, found| query::matters(found, false)).map_err(rows)?;
        let seen = states.iter().flat_map(|(key, state)| matters::seen_all(key, state));
        let mut owed: Vec<_> = seen.filter(rosters::is_owed).collect();
        owed.sort_by_key(|seen| seen.due_at.map(|at| (at.seconds, at.nanos)));
        self.rosters().follow(&mut owed);
        Ok(owed)
    }

    /// One item for each message that something is owed on, that a task is about, or that nobody has opened.
    fn items(&self, owed: Vec<v1::DeadlineSeen>) -> Result<Vec<v1::OpenItem>, Invalid> {
        let mut items = Items::default();
        for owed in owed {
            let item = items.about(&owed.message_id);
            item.incident_id.clone_from(&owed.incident_id);
            item.owed.push(owed);
        }
        let all = v1::TasksRequest { limit: u32::try_from(LIST_MAX).unwrap_or(u32::MAX), all: false };
        for task in self.tasks(&all)?.tasks.into_iter().rev() {
            items.about(&task.message_id).tasks.push(task);
        }
        let unopened = self.engine.read(|_, found| query::list(found, keys::table::UNOPENED, 0, LIST_MAX));
        for (_, line) in unopened.map_err(rows)?.into_iter().rev() {
            items.about(&line.message_id);
        }
        let told = items.items.into_values().map(|(message_id, item)| self.told(&message_id, item));
        told.filter_map(Result::transpose).collect()
    }

    /// An item with its message and what people did with it. A notice of the broker's own that nobody opened is no matter of
    /// its own: what it tells stands among the tasks.
    fn told(&self, message_id: &[u8], item: v1::OpenItem) -> Result<Option<v1::OpenItem>, Invalid> {
        let id = id_of(message_id);
        let Some((id, message)) = id.and_then(|id| Some((id, self.summary(id).ok()?))) else { return Ok(Some(item)) };
        let kind = message.header.as_ref().map(v1::Header::kind);
        if kind == Some(v1::Kind::DeadlineNotice) && item.owed.is_empty() && item.tasks.is_empty() {
            return Ok(None);
        }
        let incident_id = message.header.as_ref().map(|header| header.incident_id.clone());
        let incident_id = incident_id.filter(|id| !id.is_empty()).unwrap_or_else(|| item.incident_id.clone());
        Ok(Some(v1::OpenItem { acts: self.acts(id)?, message: Some(message), incident_id, ..item }))
    }

    /// What people here did with a message from another: the receipts, oldest first.
    fn acts(&self, id: MessageId) -> Result<Vec<v1::ActSeen>, Invalid> {
        let us = self.names.jurisdiction().as_str();
        let said = self.receipts(id)?.into_iter().filter_map(|receipt| {
            let said = v1::ReceiptStatement::decode(receipt.statement).ok()?;
            (said.recipient == us && said.officer.is_some()).then_some(said)
        });
        let act = |said: v1::ReceiptStatement| v1::ActSeen {
            stage: said.stage,
            officer: said.officer,
            at: said.at,
            note: said.note,
        };
        Ok(said.map(act).collect())
    }

    /// What others at this desk did after whoever the receipts name.
    pub(super) fn others(&self, id: MessageId) -> Result<Vec<v1::ActSeen>, Invalid> {
        let (first, found) = (self.acts(id)?, self.engine.read(|_, found| query::other_acts(found, id)));
        let mut others: Vec<v1::ActSeen> = found.map_err(rows)?.into_iter().map(other).collect();
        others.retain(|other| first.iter().all(|act| (act.stage, &act.officer) != (other.stage, &other.officer)));
        others.sort_by_key(|act| act.at.map(|at| (at.seconds, at.nanos)));
        Ok(others)
    }
}

fn other((stage, row): (Stage, OtherActRow)) -> v1::ActSeen {
    v1::ActSeen {
        stage: stage.number(),
        officer: Some(v1::Officer { name: row.name, role: i32::try_from(row.role).unwrap_or(0) }),
        at: Some(border::time::to_wire(Timestamp::from_millis(row.at))),
        note: row.note,
    }
}

/// Items in the order in which their messages were first named.
#[derive(Default)]
struct Items {
    places: BTreeMap<bytes::Bytes, usize>,
    items: BTreeMap<usize, (bytes::Bytes, v1::OpenItem)>,
}

impl Items {
    /// The item of a message; what is about no message stands in one of its own.
    fn about(&mut self, message_id: &bytes::Bytes) -> &mut v1::OpenItem {
        let next = self.items.len();
        let place = if message_id.is_empty() { next } else { *self.places.entry(message_id.clone()).or_insert(next) };
        let (_, item) = self.items.entry(place).or_insert_with(|| (message_id.clone(), v1::OpenItem::default()));
        item
    }
}
