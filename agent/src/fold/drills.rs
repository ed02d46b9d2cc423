//! Drills: which messages are of one, what an abort ends of it, and what becomes of the tasks that its review left.

use model::{
    header::{Header, Status},
    ids::{ItemId, JurisdictionId, MessageId},
    stage::Stage,
    task::{TaskKind, task_id},
    thread::{
        AnyMachine, Matter, drill,
        drill::Drill,
        item::{self, Item, Origin},
    },
};
use prost::Message as _;
use proto::{
    record::{ListRow, ReceivedRow, SentRow},
    v1::{self, action_item::Part, body::Body},
};
use store::FoldError;

use super::{Folding, bytes_of, id_of, keys, keys::MatterKey, matters::MatterState, query};

impl Folding<'_, '_> {
    /// Files a message under its drill: what is played names it, and so does the matter of real talk about it.
    pub(super) fn file_in_drill(
        &mut self,
        header: &Header,
        matter: &[u8],
        cursor: u64,
        sent: bool,
    ) -> Result<(), FoldError> {
        let about = MatterKey::try_from(matter).ok().filter(|_| header.kind.is_about_drill());
        let Some(drill) = drill_of(header).or(about) else { return Ok(()) };
        self.put(&keys::drill(&drill, cursor), &ListRow { message_id: bytes_of(header.message_id), sent })
    }

    /// What is played in a drill that was aborted, and came all the same, is owed nothing and promises nothing.
    pub(super) fn after_abort(&mut self, header: &Header, matter: &[u8]) -> Result<(), FoldError> {
        let Some(key) = drill_of(header).filter(|_| header.status == Status::Exercise) else { return Ok(()) };
        if self.is_dropped(&key)? { self.void_played(header.message_id, matter) } else { Ok(()) }
    }

    /// Whether an exercise in this matter was ended by a real emergency.
    pub(super) fn is_dropped(&self, matter: &[u8]) -> Result<bool, FoldError> {
        let Ok(key) = MatterKey::try_from(matter) else { return Ok(false) };
        let aborted = |state: &MatterState| machine(state).is_some_and(|drill| drill.aborted().is_some());
        Ok(self.matter(&key)?.is_some_and(|state| state.dropped || aborted(&state)))
    }

    /// A drill took a step. When that ended it for a real emergency, everything that was played in it is void here.
    pub(super) fn drill_stepped(&mut self, key: &MatterKey, facts: &drill::Facts) -> Result<(), FoldError> {
        match facts {
            drill::Facts::Control(_) => self.void_drill(key),
            drill::Facts::Evaluation(review) if review.stage == drill::Review::Final => {
                for improvement in &review.improvements {
                    self.item_in_drill(key, &improvement.item_id)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn void_drill(&mut self, key: &MatterKey) -> Result<(), FoldError> {
        if !self.is_dropped(key)? {
            return Ok(());
        }
        for line in query::drill(self.rows, key)? {
            let Some(id) = id_of(&line.message_id) else { continue };
            let (status, matter) = if line.sent {
                let row: Option<SentRow> = self.row(&keys::sent(id))?;
                row.map(|row| (row.status, row.matter)).unwrap_or_default()
            } else {
                let row: Option<ReceivedRow> = self.row(&keys::received(id))?;
                row.map(|row| (row.status, row.matter)).unwrap_or_default()
            };
            if status == super::number(Status::Exercise.number()) {
                self.void_played(id, &matter)?;
            }
        }
        Ok(())
    }

    /// Nothing is owed on an exercise message any more, and what its matter promises of our resources is dropped.
    fn void_played(&mut self, id: MessageId, matter: &[u8]) -> Result<(), FoldError> {
        let played = MatterKey::try_from(matter).ok();
        let acks = [keys::matter(&Matter::Message(id)), keys::matter(&Matter::Thread(id))];
        for key in played.into_iter().chain(acks) {
            if self.matter(&key)?.is_some_and(|state| state.status == Status::Exercise && !state.is_of_drill()) {
                self.change(&key, |state| {
                    state.ledger_mut().void_all();
                    state.dropped = true;
                })?;
            }
        }
        for (recipient, _) in query::deliveries(self.rows, id)? {
            self.rows.remove(&keys::grave(&recipient, id))?;
            self.close_task(&task_id(TaskKind::VoiceFallback, id, Some(&recipient)), Stage::Recalled.zh())?;
        }
        Ok(())
    }

    /// A task was set, changed or reported on. The first message with its id is what others with this id lead back to.
    pub(super) fn item_stepped(
        &mut self,
        header: &Header,
        key: &MatterKey,
        facts: &item::Facts,
    ) -> Result<(), FoldError> {
        if let item::Facts::Task(task) = facts {
            let place = keys::item(&task.item_id);
            if self.rows.get(&place)?.is_none() {
                self.put(&place, &ListRow { message_id: bytes_of(header.thread()), sent: false })?;
            }
        }
        let Some(state) = self.matter(key)? else { return Ok(()) };
        let Some(task) = item(&state).map(Item::task).filter(|task| task.origin == Origin::DrillReview) else {
            return Ok(());
        };
        let drill = task.origin_id.as_deref().and_then(|id| id.parse().ok());
        match drill {
            Some(drill) => self.item_in_drill(&keys::matter(&Matter::Drill(drill)), &task.item_id),
            None => Ok(()),
        }
    }

    /// Tells a drill how far a task of its review is, where the organiser set both.
    fn item_in_drill(&mut self, key: &MatterKey, id: &ItemId) -> Result<(), FoldError> {
        let Some(row) = self.row::<ListRow>(&keys::item(id))? else { return Ok(()) };
        let Some(thread) = id_of(&row.message_id) else { return Ok(()) };
        let Some(state) = self.matter(&keys::matter(&Matter::Thread(thread)))? else { return Ok(()) };
        let Some(item) = item(&state) else { return Ok(()) };
        let (author, over): (JurisdictionId, bool) = (item.author().clone(), state.is_over());
        self.change(key, |state| {
            if let Some(drill) = machine_mut(state).filter(|drill| *drill.organiser() == author) {
                drill.item(id, over);
            }
        })
    }
}

/// The matter of the drill that a header names.
fn drill_of(header: &Header) -> Option<MatterKey> {
    header.drill.as_ref().map(|drill| keys::matter(&Matter::Drill(drill.drill_id.clone())))
}

impl MatterState {
    /// It is a drill itself, not something played in one.
    fn is_of_drill(&self) -> bool {
        matches!(self.matter, Matter::Drill(_))
    }

    fn is_over(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| thread.state().over)
    }
}

/// The machine of a drill.
pub fn machine(state: &MatterState) -> Option<&Drill> {
    match state.thread.as_ref().map(|thread| &thread.machine) {
        Some(AnyMachine::Drill(drill)) => Some(drill),
        Some(_) | None => None,
    }
}

fn machine_mut(state: &mut MatterState) -> Option<&mut Drill> {
    match state.thread.as_mut().map(|thread| &mut thread.machine) {
        Some(AnyMachine::Drill(drill)) => Some(drill),
        Some(_) | None => None,
    }
}

fn item(state: &MatterState) -> Option<&Item> {
    match state.thread.as_ref().map(|thread| &thread.machine) {
        Some(AnyMachine::Item(item)) => Some(item),
        Some(_) | None => None,
    }
}

/// The earlier item that comes back as `item`, as a task or a review says.
pub fn earlier(body: &[u8], item: &str) -> Option<ItemId> {
    let said = match v1::Body::decode(body).ok()?.body? {
        Body::ActionItem(v1::ActionItem { part: Some(Part::Task(task)) }) if task.item_id == item => task.recurrence_of,
        Body::DrillEvaluation(review) => {
            let found = review.improvements.into_iter().find(|improvement| improvement.item_id == item);
            found.map(|improvement| improvement.recurrence_of)?
        }
        _ => return None,
    };
    said.parse().ok()
}
