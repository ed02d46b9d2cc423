//! Heads of the evidence trees of others: the newest of each, and a task where one does not join.

use model::{
    ids::{Digest, JurisdictionId},
    task::{TaskKind, divergence_task_id},
};
use proto::{
    record::{HeadVerdict, HeadWitnessed, TaskRow, WitnessRow},
    v1, witness,
};
use store::{FoldError, Rows};

use super::{Folding, Outcome, decode_row, keys, number};

impl Folding<'_, '_> {
    pub(super) fn head_witnessed(&mut self, record: &HeadWitnessed) -> Result<Outcome, FoldError> {
        let owner = record.head.as_ref().map(|head| head.owner.as_str()).unwrap_or_default();
        let Ok(owner) = JurisdictionId::member_or_broker(owner) else { return Ok(Outcome::Done) };
        let key = keys::witness(&owner);
        let row: Option<WitnessRow> = self.row(&key)?;
        self.put(&key, &witness::row_after(row, record, self.now_ms()))?;
        if witness::diverges(record) {
            self.divergence_task(&owner, record)?;
        }
        Ok(Outcome::Done)
    }

    fn divergence_task(&mut self, owner: &JurisdictionId, record: &HeadWitnessed) -> Result<(), FoldError> {
        let digest = |head: &Option<v1::TreeHead>| {
            Digest::of(&head.as_ref().map(prost::Message::encode_to_vec).unwrap_or_default())
        };
        let size = |head: &Option<v1::TreeHead>| head.as_ref().map_or(0, |head| head.size);
        let what = if record.verdict() == HeadVerdict::Shrunk { "SHRUNK" } else { "FORKED" };
        let task = TaskRow {
            kind: number(TaskKind::AuditDivergence.number()),
            about: owner.to_string(),
            detail: format!("{what} {} {}", size(&record.known), size(&record.head)),
            ..TaskRow::default()
        };
        self.raise_task(divergence_task_id(&digest(&record.known), &digest(&record.head)), &task)
    }
}

/// What is known of the tree of `owner`.
pub fn witnessed(rows: &Rows<'_>, owner: &JurisdictionId) -> Result<Option<WitnessRow>, FoldError> {
    rows.get(&keys::witness(owner))?.map(|bytes| decode_row(&bytes)).transpose()
}

/// What is known of every tree but our own.
pub fn all_witnessed(rows: &Rows<'_>) -> Result<Vec<(String, WitnessRow)>, FoldError> {
    let mut all = Vec::new();
    rows.each(&[keys::table::WITNESS], |_, value| {
        let row: WitnessRow = decode_row(value)?;
        let owner = row.head.as_ref().map(|head| head.owner.clone()).unwrap_or_default();
        all.push((owner, row));
        Ok(())
    })?;
    Ok(all)
}
