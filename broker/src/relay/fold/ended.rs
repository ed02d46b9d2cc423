//! Ends that are not receipts of an agent: time that has passed, hand-overs that failed.

use model::{ids::JurisdictionId, limits, stage::Stage};
use proto::record::{DeadRow, Expired, Tried};
use store::FoldError;

use super::{
    Folding, Outcome,
    carried::envelope_at,
    keys,
    messages::{Told, is_settled},
    state::time,
    submitted::id_of,
};

impl Folding<'_, '_> {
    /// Ends what still waits of messages whose time has passed, and closes them.
    pub(super) fn expired(&mut self, record: &Expired) -> Result<Outcome, FoldError> {
        for id in record.message_ids.iter().filter_map(|id| id_of(id)) {
            let Some((mut row, open)) = self.message(id)? else { continue };
            if !open {
                // nothing waits for this time any more
                self.rows.remove(&keys::expiry(time(row.expires_at), id))?;
            } else if row.expires_at <= self.at.time.millis() {
                self.end_all(id, &mut row, Stage::Expired, "LD502_EXPIRED", &[])?;
            }
        }
        Ok(Outcome::Done)
    }

    /// Counts hand-overs that failed; the fifth makes a dead letter.
    pub(super) fn tried(&mut self, record: Tried) -> Result<Outcome, FoldError> {
        let Ok(mailbox) = record.jurisdiction.parse::<JurisdictionId>() else { return Ok(Outcome::Done) };
        for failed in record.tries {
            let Some(id) = id_of(&failed.message_id) else { continue };
            let Some((mut row, true)) = self.message(id)? else { continue };
            let was_settled = row.deliveries.iter().all(is_settled);
            let mut deliveries = std::mem::take(&mut row.deliveries);
            let mine = deliveries.iter_mut().find(|delivery| delivery.jurisdiction == mailbox.as_str());
            if let Some(delivery) = mine.filter(|delivery| !is_settled(delivery)) {
                delivery.failed += 1;
                if delivery.failed >= limits::TRIES_MAX {
                    let told = Told { recipient: &mailbox, stage: Stage::Dead, reason: &failed.reason, related: &[] };
                    self.end(id, &row, delivery, &told)?;
                    let dead = DeadRow {
                        message_id: failed.message_id.clone(),
                        submitted_at: envelope_at(&row),
                        reason: failed.reason.clone(),
                        at: self.at.time.millis(),
                    };
                    self.put(&keys::dead(&mailbox, id), &dead)?;
                    self.state.dead_changed(&mailbox, true);
                }
            }
            row.deliveries = deliveries;
            self.settled(id, &row, was_settled)?;
        }
        Ok(Outcome::Done)
    }
}
