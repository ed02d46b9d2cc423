//! An envelope whose record was damaged came again from its origin: what waits is handed over from the new record.

use model::{
    ids::{JurisdictionId, MessageId},
    invalid::Invalid,
    position::Position,
    reason::Reason,
};
use proto::{
    border,
    record::{MessageRow, Submitted, WaitingRow},
};
use store::FoldError;

use super::{Folding, Outcome, messages::waiting_key};

/// Where the envelope of a message stands.
pub fn envelope_at(row: &MessageRow) -> u64 {
    if row.carried_at == 0 { row.position } else { row.carried_at }
}

impl Folding<'_, '_> {
    /// Moves the place of the envelope; the message keeps its own place, its order and its receipts.
    pub(super) fn carried(&mut self, record: &Submitted) -> Result<Outcome, FoldError> {
        let unknown = || Outcome::Refused(Invalid::new(Reason::NotFound, "message_id", "message.yours"));
        let Ok(id) = id_in(record) else { return Ok(unknown()) };
        let Some((mut row, open)) = self.message(id)? else { return Ok(unknown()) };
        if row.content_hash != record.content_hash {
            return Ok(Outcome::Refused(Invalid::new(Reason::ConflictId, "message_id", "message.same_content")));
        }
        if open {
            row.carried_at = self.at.position.0;
            self.point_at_carried(&row)?;
            self.keep(id, &row, true)?;
        }
        Ok(Outcome::Accepted { row: Box::new(row), duplicate: true })
    }

    fn point_at_carried(&mut self, row: &MessageRow) -> Result<(), FoldError> {
        for delivery in row.deliveries.iter().filter(|delivery| delivery.queued_at != 0) {
            let Ok(mailbox) = delivery.jurisdiction.parse::<JurisdictionId>() else { continue };
            let Some(key) = waiting_key(row, &mailbox, Position(delivery.queued_at)) else { continue };
            let Some(waiting) = self.row::<WaitingRow>(&key.encode())? else { continue };
            self.put(&key.encode(), &WaitingRow { submitted_at: row.carried_at, ..waiting })?;
            self.state.wake(&mailbox);
        }
        Ok(())
    }
}

fn id_in(record: &Submitted) -> Result<MessageId, Invalid> {
    let envelope = record.envelope.as_ref().ok_or_else(|| Invalid::missing("envelope"))?;
    let parts = border::content::parts(&envelope.content)?;
    Ok(border::header::parse(&parts.header)?.message_id)
}
