//! What offers and missions do to resources of ours: rows beside their matters, so that whoever reads the catalogue need
//! not read every matter.

use std::collections::BTreeSet;

use model::{
    catalogue::Use,
    status::Status,
    thread::{
        AnyMachine, Mark, Marked, Matter,
        resource::{MissionState, Used},
    },
    time::Timestamp,
};
use prost::Message as _;
use proto::record::{MatterUsesRow, UseRow};
use store::FoldError;

use super::{Folding, bytes_of, keys, keys::MatterKey, long, matters::MatterState, number, query};

impl Folding<'_, '_> {
    /// Writes down what a matter does to resources of ours, in the place of what it did before.
    pub(super) fn keep_uses(&mut self, key: &MatterKey, state: &MatterState) -> Result<(), FoldError> {
        let Some(AnyMachine::Resource(request)) = state.thread.as_ref().map(|thread| &thread.machine) else {
            return Ok(());
        };
        let row_key = keys::uses(key);
        let uses: Vec<UseRow> = request.uses(self.us).into_iter().map(use_row).collect();
        if uses.is_empty() || state.dropped {
            return long::remove(self.rows, &row_key);
        }
        let thread = if let Matter::Thread(id) = state.matter { id } else { state.opened_by };
        let originating = bytes_of(thread);
        let row = MatterUsesRow { status: number(state.status.number()), originating, uses };
        // more than half a megabyte of names is more than a catalogue holds; what stood before then stays
        long::put(self.rows, &row_key, &row.encode_to_vec()).map(|_| ())
    }

    /// Resources of ours that this matter names and another of the same status too, at this time.
    pub(super) fn promised_twice(
        &self,
        key: &MatterKey,
        status: Status,
        at: Timestamp,
    ) -> Result<Vec<Marked>, FoldError> {
        let all = query::uses(self.rows)?;
        let live = |row: &MatterUsesRow| -> BTreeSet<String> {
            let uses = row.uses.iter().filter(|row| use_of(row).is_some_and(|one| one.readiness_at(at).is_some()));
            uses.map(|row| row.resource_id.clone()).collect()
        };
        let Some((_, own)) = all.iter().find(|(other, _)| other == key) else { return Ok(Vec::new()) };
        let same = |row: &MatterUsesRow| row.status == number(status.number());
        let others = all.iter().filter(|(other, row)| other != key && same(row));
        let elsewhere: BTreeSet<String> = others.flat_map(|(_, row)| live(row)).collect();
        Ok(live(own).intersection(&elsewhere).map(|id| Marked::new(Mark::DoublePromise, id.as_str())).collect())
    }
}

fn use_row(used: Used) -> UseRow {
    let Used { resource_id, mission_id, what } = used;
    let (mission, until) = match what {
        Use::Held(until) => (0, until.map(Timestamp::millis)),
        Use::Sent(state) => (number(state.number()), None),
    };
    UseRow { resource_id, mission, until, mission_id: mission_id.unwrap_or_default() }
}

/// What a row says is done to its resource.
pub fn use_of(row: &UseRow) -> Option<Use> {
    match row.mission {
        0 => Some(Use::Held(row.until.map(Timestamp::from_millis))),
        state => i32::try_from(state).ok().and_then(MissionState::from_number).map(Use::Sent),
    }
}
