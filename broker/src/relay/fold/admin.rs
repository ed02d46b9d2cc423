//! What operators do, and blobs that arrived.

use bytes::Bytes;
use model::{
    ids::{Digest, JurisdictionId},
    stage::Stage,
};
use proto::record::{AdminAct, BlobRow, BlobStored};
use store::FoldError;

use super::{
    Folding, Outcome, keys,
    messages::{is_settled, number, stage_of},
    submitted::id_of,
};

impl Folding<'_, '_> {
    pub(super) fn admin_act(&mut self, record: &AdminAct) -> Result<Outcome, FoldError> {
        match record.act.as_str() {
            "redrive" => self.redrive(record),
            _ => Ok(Outcome::Done),
        }
    }

    /// Starts a new delivery life of a dead letter, at the end of its line; the first life stays in the receipts.
    fn redrive(&mut self, record: &AdminAct) -> Result<Outcome, FoldError> {
        let (Ok(mailbox), Some(id)) = (record.jurisdiction.parse::<JurisdictionId>(), id_of(&record.message_id)) else {
            return Ok(Outcome::Done);
        };
        let key = keys::dead(&mailbox, id);
        if self.rows.get(&key)?.is_none() {
            return Ok(Outcome::Done);
        }
        self.rows.remove(&key)?;
        self.state.dead_changed(&mailbox, false);
        let Some((mut row, open)) = self.message(id)? else { return Ok(Outcome::Done) };
        let was_settled = row.deliveries.iter().all(is_settled);
        let mut deliveries = std::mem::take(&mut row.deliveries);
        let mine = deliveries.iter_mut().find(|delivery| delivery.jurisdiction == mailbox.as_str());
        if let Some(delivery) = mine.filter(|delivery| stage_of(delivery) == Stage::Dead) {
            (delivery.stage, delivery.failed, delivery.queued_at) = (number(Stage::Accepted), 0, self.at.position.0);
            self.enqueue(&row, id, &mailbox)?;
            if was_settled {
                let bytes = row.bytes;
                self.account(&row.sender, |account| {
                    account.envelopes += 1;
                    account.bytes += bytes;
                })?;
            }
        }
        row.deliveries = deliveries;
        self.keep(id, &row, open)?;
        Ok(Outcome::Done)
    }

    pub(super) fn blob_stored(&mut self, record: BlobStored) -> Result<Outcome, FoldError> {
        if let Ok(digest) = record.sha256.as_ref().try_into().map(Digest) {
            if let Ok(by) = record.by.parse() {
                self.rows.put(&keys::reader(digest, &by), Bytes::new())?;
            }
            // where an older version let everybody read it, nobody is locked out
            let readers_kept = self.row::<BlobRow>(&keys::blob(digest))?.is_none_or(|row| row.readers_kept);
            self.put(&keys::blob(digest), &BlobRow { bytes: record.bytes, by: record.by, readers_kept })?;
        }
        Ok(Outcome::Done)
    }
}
