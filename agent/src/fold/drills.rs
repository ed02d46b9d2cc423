//! Drills: which messages are of one, what an abort ends of it, and what becomes of the tasks that its review left.

use model::{
    deadline::Rung,
    header::{Header, Status},
    ids::{ItemId, MessageId},
    stage::Stage,
    task::{TaskKind, task_id},
    thread::{
        AnyMachine, Matter, drill,
        drill::Drill,
        item::{self, Item, Origin},
        ledger::Key,
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
        if self.is_dropped(&key)? { self.void_played(header.message_id, header.thread(), matter) } else { Ok(()) }
    }

    /// Whether the exercise message at this place of the lists was of a drill that was aborted: nobody need be told what
    /// was wrong with it.
    pub(super) fn was_in_dropped(&self, cursor: u64) -> Result<bool, FoldError> {
        let mut found: Option<(MatterKey, ListRow)> = None;
        self.rows.each(&[keys::table::DRILL], |key, value| {
            if let Some((drill, _)) = keys::drill_parts(key).filter(|(_, at)| *at == cursor) {
                found = Some((drill, super::decode_row(value)?));
            }
            Ok(())
        })?;
        let Some((drill, line)) = found else { return Ok(false) };
        let Some(id) = id_of(&line.message_id) else { return Ok(false) };
        let row: Option<ReceivedRow> = self.row(&keys::received(id))?;
        let played = row.is_some_and(|row| row.status == super::number(Status::Exercise.number()));
        Ok(played && self.is_dropped(&drill)?)
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
            let (status, thread, matter) = if line.sent {
                let row: Option<SentRow> = self.row(&keys::sent(id))?;
                row.map(|row| (row.status, row.originating, row.matter)).unwrap_or_default()
            } else {
                let row: Option<ReceivedRow> = self.row(&keys::received(id))?;
                row.map(|row| (row.status, row.originating, row.matter)).unwrap_or_default()
            };
            if status == super::number(Status::Exercise.number()) {
                self.void_played(id, id_of(&thread).unwrap_or(id), &matter)?;
            }
        }
        Ok(())
    }

    /// Nothing is owed on an exercise message any more, and what its matter promises of our resources is dropped.
    /// What was broken before stays broken for the score, and asks nothing of anybody.
    fn void_played(&mut self, id: MessageId, thread: MessageId, matter: &[u8]) -> Result<(), FoldError> {
        let played = MatterKey::try_from(matter).ok();
        // its acknowledgements, and what an inject holds: that is a matter of the inject's thread
        let beside = [keys::matter(&Matter::Message(id)), keys::matter(&Matter::Thread(thread))];
        for key in played.into_iter().chain(beside) {
            let Some(state) = self.matter(&key)? else { continue };
            if state.status != Status::Exercise || state.is_of_drill() {
                continue;
            }
            self.change(&key, |state| {
                state.ledger_mut().void_all();
                state.dropped = true;
            })?;
            self.close_all_rungs(state.ledger(), "VOID")?;
        }
        for (recipient, _) in query::deliveries(self.rows, id)? {
            self.rows.remove(&keys::grave(&recipient, id))?;
            self.close_task(&task_id(TaskKind::VoiceFallback, id, Some(&recipient)), Stage::Recalled.zh())?;
        }
        Ok(())
    }

    /// A task was set, changed or reported on. The thread that set it last is what others with its id lead back to: a new
    /// chair sets again what it takes over.
    pub(super) fn item_stepped(
        &mut self,
        header: &Header,
        key: &MatterKey,
        facts: &item::Facts,
    ) -> Result<(), FoldError> {
        if let item::Facts::Task(task) = facts {
            self.item_set(&keys::item(&task.item_id), header.thread())?;
            if let Some(origin) = task.origin_id.as_deref().filter(|_| task.origin == Origin::DrillReview) {
                self.item_set(&keys::item_of(origin, &task.item_id), header.thread())?;
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

    /// Ids begin with their time, so whichever comes first here, the later thread stands.
    fn item_set(&mut self, place: &[u8], thread: MessageId) -> Result<(), FoldError> {
        let known: Option<ListRow> = self.row(place)?;
        if known.and_then(|row| id_of(&row.message_id)).is_none_or(|known| known < thread) {
            self.put(place, &ListRow { message_id: bytes_of(thread), sent: false })?;
        }
        Ok(())
    }

    /// Tells a drill how far a task is that its settled review names, whoever has the chair and set it.
    fn item_in_drill(&mut self, key: &MatterKey, id: &ItemId) -> Result<(), FoldError> {
        let Some(Matter::Drill(drill)) = self.matter(key)?.map(|state| state.matter) else { return Ok(()) };
        let Some(row) = self.row::<ListRow>(&keys::item_of(drill.as_str(), id))? else { return Ok(()) };
        let Some(thread) = id_of(&row.message_id) else { return Ok(()) };
        let Some(state) = self.matter(&keys::matter(&Matter::Thread(thread)))? else { return Ok(()) };
        if item(&state).is_none() {
            return Ok(());
        }
        self.change(key, |drill| {
            if let Some(drill) = machine_mut(drill) {
                drill.item(id, state.is_over());
            }
        })
    }
}

/// The matter of the drill that a header names.
fn drill_of(header: &Header) -> Option<MatterKey> {
    header.drill.as_ref().map(|drill| keys::matter(&Matter::Drill(drill.drill_id.clone())))
}

impl MatterState {
    /// A rung was reached, here or elsewhere; in what an abort dropped none is any more.
    pub(super) fn raise(&mut self, deadline: &Key, rung: Rung) {
        if !self.dropped {
            self.ledger_mut().raise(deadline, rung);
        }
    }

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
