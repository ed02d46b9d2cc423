//! What of the old records the rows still lead to. Everything else may leave with its segment.

use std::collections::BTreeSet;

use model::{ids::MessageId, position::Position};
use prost::Message;
use proto::record::{DeadRow, ItemRow, MessageRow, WaitingRow};
use store::{FoldError, Rows};

use super::{
    carried::envelope_at,
    decode_row,
    keys::{self, table},
    pieces,
};

/// Documents as they stand, messages that are not closed, what waits, dead letters, receipts that nobody fetched yet, and
/// what a duty or a notice is about.
pub(super) fn needed(rows: &Rows<'_>, through: Position) -> Result<BTreeSet<Position>, FoldError> {
    let mut needed = Needed { through, positions: BTreeSet::new() };
    each(rows, table::ITEM, |_, item: ItemRow| {
        if !item.removed {
            needed.add(item.position);
        }
    })?;
    each(rows, table::WAITING, |_, waiting: WaitingRow| needed.add(waiting.submitted_at))?;
    each(rows, table::DEAD, |_, dead: DeadRow| needed.add(dead.submitted_at))?;
    rows.each(&[table::LINE], |key, _| {
        needed.add(keys::line_position(key).unwrap_or_default().0);
        Ok(())
    })?;
    for id in messages(rows)? {
        if let Some((row, open)) = pieces::message(rows, id)? {
            needed.message(&row, open);
        }
    }
    Ok(needed.positions)
}

struct Needed {
    through: Position,
    positions: BTreeSet<Position>,
}

impl Needed {
    fn add(&mut self, at: u64) {
        if at > 0 && at <= self.through.0 {
            self.positions.insert(Position(at));
        }
    }

    /// The envelope; of an open message also the proof of each stage that it went through.
    fn message(&mut self, row: &MessageRow, open: bool) {
        self.add(row.position);
        self.add(envelope_at(row));
        if open {
            let proofs = row.deliveries.iter().flat_map(|delivery| &delivery.proofs);
            proofs.for_each(|proof| self.add(proof.position));
        }
    }
}

/// Messages that are open, or that something is owed on or told about.
fn messages(rows: &Rows<'_>) -> Result<BTreeSet<MessageId>, FoldError> {
    let mut ids = BTreeSet::new();
    let mut add = |id: Option<&[u8]>| ids.extend(id.and_then(|id| id.try_into().ok()).map(MessageId));
    rows.each(&[table::MESSAGE], |key, _| {
        add(key.get(1..));
        Ok(())
    })?;
    rows.each(&[table::DUTY], |key, value| {
        add(key.get(1..17));
        add(Some(&decode_row::<proto::record::DutyRow>(value)?.cause));
        Ok(())
    })?;
    rows.each(&[table::NOTICE], |_, value| {
        add(Some(&decode_row::<proto::record::NoticeRow>(value)?.cause));
        Ok(())
    })?;
    Ok(ids)
}

fn each<M: Message + Default>(rows: &Rows<'_>, table: u8, mut see: impl FnMut(&[u8], M)) -> Result<(), FoldError> {
    rows.each(&[table], |key, value| {
        see(key, decode_row(value)?);
        Ok(())
    })
}
