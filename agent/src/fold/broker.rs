//! What the broker's journal went through. Whatever it confirmed beyond the end of an epoch, or in one that it does not
//! list, it does not have any more: envelopes and receipts of ours go back to where they wait.

use std::collections::BTreeMap;

use model::{
    limits,
    position::{EpochId, Position},
};
use proto::record::{EpochRow, EpochsKnown, KeptRow};
use store::FoldError;

use super::{Folding, Outcome, decode_row, keys};

impl Folding<'_, '_> {
    pub(super) fn epochs_known(&mut self, record: &EpochsKnown) -> Result<Outcome, FoldError> {
        let listed: BTreeMap<EpochId, EpochRow> = record
            .epochs
            .iter()
            .filter_map(|epoch| {
                let id = EpochId(epoch.epoch.as_ref().try_into().ok()?);
                Some((id, EpochRow { first: epoch.first, last: epoch.last }))
            })
            .collect();
        self.rewrite_epochs(&listed)?;
        let has =
            |epoch: EpochId, at: Position| listed.get(&epoch).is_some_and(|row| row.last == 0 || at.0 <= row.last);
        self.envelopes_again(&has)?;
        self.receipts_again(&has)?;
        Ok(Outcome::Done)
    }

    fn rewrite_epochs(&mut self, listed: &BTreeMap<EpochId, EpochRow>) -> Result<(), FoldError> {
        let mut gone = Vec::new();
        self.rows.each(&[keys::table::EPOCH], |key, _| {
            if keys::epoch_id(key).is_none_or(|id| !listed.contains_key(&id)) {
                gone.push(key.to_vec());
            }
            Ok(())
        })?;
        for key in gone {
            self.rows.remove(&key)?;
        }
        for (id, row) in listed {
            self.put(&keys::epoch(*id), row)?;
        }
        Ok(())
    }

    /// Envelopes that the broker lost, unless their time has passed: what every recipient has, and what nobody may be
    /// handed any more, needs no broker.
    fn envelopes_again(&mut self, has: &impl Fn(EpochId, Position) -> bool) -> Result<(), FoldError> {
        let (mut lost, mut old, now) = (Vec::new(), Vec::new(), self.now_ms());
        let oldest = self.at.time.minus(limits::DEDUPE);
        self.rows.each(&[keys::table::ACCEPTED], |key, _| {
            match keys::accepted_parts(key) {
                Some((_, _, id)) if id.time() < oldest => old.push(key.to_vec()),
                Some((epoch, at, id)) if !has(epoch, at) => lost.push((key.to_vec(), id)),
                Some(_) | None => {}
            }
            Ok(())
        })?;
        for key in old {
            self.rows.remove(&key)?; // nobody can be handed it any more, and the broker has forgotten it too
        }
        for (key, id) in lost {
            match self.sent(id)? {
                // it stays under its old place until the broker names a new one, so that a second loss before that is seen too
                Some(row) if !row.settled || row.expires_at > now => self.offer_again(id, &row)?,
                Some(_) | None => self.rows.remove(&key)?,
            }
        }
        Ok(())
    }

    /// Receipts that the broker lost; beyond the time that a message is remembered nobody asks for them.
    fn receipts_again(&mut self, has: &impl Fn(EpochId, Position) -> bool) -> Result<(), FoldError> {
        let oldest = self.at.time.minus(limits::DEDUPE).millis();
        let (mut old, mut lost) = (Vec::new(), Vec::new());
        self.rows.each(&[keys::table::KEPT], |key, value| {
            let row: KeptRow = decode_row(value)?;
            let Some(at) = keys::keep_position(key) else { return Ok(()) };
            let epoch = row.epoch.as_ref().try_into().map(EpochId).unwrap_or_default();
            if row.at < oldest {
                old.push(at);
            } else if !has(epoch, Position(row.position)) {
                lost.push(at);
            }
            Ok(())
        })?;
        for at in old.iter().chain(&lost) {
            self.rows.remove(&keys::kept(*at))?;
        }
        lost.into_iter().try_for_each(|at| self.keep_record(at))
    }

    /// The broker named a place in its journal. The newest one heard is the highest: an epoch that began later counts more,
    /// whatever its numbers.
    pub(super) fn told(&mut self, epoch: EpochId, at: Position) {
        if self.agent.highest_epoch.as_ref() == epoch.0 {
            self.agent.highest_position = self.agent.highest_position.max(at.0);
        } else {
            self.agent.highest_epoch = epoch.0.to_vec().into();
            self.agent.highest_position = at.0;
        }
    }
}
