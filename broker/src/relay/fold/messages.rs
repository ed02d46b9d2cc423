//! Message rows: where an envelope's deliveries stand, when it is closed, and what is told to its sender.

use bytes::Bytes;
use model::{
    ids::{JurisdictionId, MessageId},
    position::Position,
    precedence::Precedence,
    stage::Stage,
    status::Status,
};
use proto::{
    record::{DeliveryRow, LineRow, MessageRow, ProofRow, SenderRow, WaitingRow},
    v1,
};
use store::FoldError;

use super::{Folding, carried::envelope_at, keys, keys::WaitingKey, pieces, state::time};

/// The stage of a delivery; what cannot be read counts as ACCEPTED.
pub fn stage_of(delivery: &DeliveryRow) -> Stage {
    i32::try_from(delivery.stage).ok().and_then(Stage::from_number).unwrap_or(Stage::Accepted)
}

/// True when a delivery is handed over or has come to a negative end.
pub fn is_settled(delivery: &DeliveryRow) -> bool {
    stage_of(delivery) != Stage::Accepted
}

/// True when nothing more is owed on a delivery: a negative end, or the stage that is owed. Copies owe DELIVERED only.
fn is_fulfilled(row: &MessageRow, delivery: &DeliveryRow) -> bool {
    let stage = stage_of(delivery);
    let copied = delivery.r#as == v1::DeliveryAs::CcSuperior as i32;
    let owed = i32::try_from(row.owed).ok().and_then(Stage::from_number).unwrap_or(Stage::Delivered);
    stage.is_negative() || (stage != Stage::Accepted && (copied || stage >= owed))
}

/// What the broker tells a sender about one of its messages.
pub(super) struct Told<'t> {
    pub recipient: &'t JurisdictionId,
    pub stage: Stage,
    pub reason: &'t str,
    pub related: &'t [u8],
}

impl Folding<'_, '_> {
    /// The row of a message, open or closed; the flag says whether it is open.
    pub(super) fn message(&self, id: MessageId) -> Result<Option<(MessageRow, bool)>, FoldError> {
        pieces::message(self.rows, id)
    }

    /// Writes a message's row back: as an open row, or, when nothing is owed any more, into the index of what is closed.
    pub(super) fn keep(&mut self, id: MessageId, row: &MessageRow, was_open: bool) -> Result<(), FoldError> {
        let over = row.expires_at <= self.at.time.millis();
        let closed =
            row.deliveries.iter().all(|delivery| is_settled(delivery) && (over || is_fulfilled(row, delivery)));
        let expiry = keys::expiry(time(row.expires_at), id);
        match (closed, was_open) {
            (false, false) => self.rows.put(&expiry, Bytes::new())?, // it is open again, and its time still passes
            (true, true) => {
                pieces::remove(self.rows, id)?;
                self.rows.remove(&expiry)?;
            }
            (false, true) | (true, false) => {}
        }
        if closed { pieces::settle(self.rows, id, row) } else { pieces::put(self.rows, id, row) }
    }

    /// Puts a delivery into its mailbox.
    pub(super) fn enqueue(
        &mut self,
        row: &MessageRow,
        id: MessageId,
        mailbox: &JurisdictionId,
    ) -> Result<(), FoldError> {
        let Some(key) = waiting_key(row, mailbox, self.at.position) else { return Ok(()) };
        if self.at.position.0.is_multiple_of(200) && store::seeded::has("drop-one-in-200") {
            return Ok(());
        }
        let waiting = WaitingRow {
            message_id: id.0.to_vec().into(),
            submitted_at: envelope_at(row),
            bytes: row.bytes,
            expires_at: row.expires_at,
            since: self.at.time.millis(),
        };
        self.put(&key.encode(), &waiting)?;
        self.state.waits(&key, row.bytes);
        Ok(())
    }

    /// Takes a delivery out of its mailbox, if it is there.
    pub(super) fn dequeue(&mut self, row: &MessageRow, delivery: &mut DeliveryRow) -> Result<(), FoldError> {
        let queued_at = std::mem::take(&mut delivery.queued_at);
        let Ok(mailbox) = delivery.jurisdiction.parse() else { return Ok(()) };
        if queued_at == 0 {
            return Ok(());
        }
        if let Some(key) = waiting_key(row, &mailbox, Position(queued_at)) {
            self.rows.remove(&key.encode())?;
            self.state.left(&key, row.bytes);
        }
        Ok(())
    }

    /// Ends a waiting delivery and tells the sender.
    pub(super) fn end(
        &mut self,
        id: MessageId,
        row: &MessageRow,
        delivery: &mut DeliveryRow,
        told: &Told<'_>,
    ) -> Result<(), FoldError> {
        self.dequeue(row, delivery)?;
        self.stands(delivery, told);
        self.stage_of_duty(id, row, told.recipient, told.stage, self.at.time)?;
        self.tell(id, row, told)
    }

    /// A delivery stands where the broker itself says.
    pub(super) fn stands(&self, delivery: &mut DeliveryRow, told: &Told<'_>) {
        delivery.stage = number(told.stage);
        let (reason, related) = (told.reason.to_owned(), told.related.to_vec().into());
        delivery.proofs.push(ProofRow { reason, related, ..self.proof(told.stage) });
    }

    /// The proof of a stage that this record makes.
    pub(super) fn proof(&self, stage: Stage) -> ProofRow {
        ProofRow {
            position: self.at.position.0,
            stage: number(stage),
            at: self.at.time.millis(),
            ..ProofRow::default()
        }
    }

    /// Puts a receipt of the broker's own into the sender's line.
    pub(super) fn tell(&mut self, id: MessageId, row: &MessageRow, told: &Told<'_>) -> Result<(), FoldError> {
        let line = LineRow {
            batch_index: None,
            stage: number(told.stage),
            message_id: id.0.to_vec().into(),
            recipient: told.recipient.to_string(),
            reason: told.reason.to_owned(),
            related: told.related.to_vec().into(),
            content_hash: row.content_hash.clone(),
            sender: row.sender.clone(),
            at: self.at.time.millis(),
        };
        self.put_line(&row.sender, &line)
    }

    /// Puts a receipt into a line, after those of the same record.
    pub(super) fn put_line(&mut self, jurisdiction: &str, line: &LineRow) -> Result<(), FoldError> {
        let Ok(jurisdiction) = jurisdiction.parse::<JurisdictionId>() else { return Ok(()) };
        let index = self.line_index;
        self.line_index += 1;
        *self.state.tallies.receipts.entry(line.stage).or_default() += 1;
        self.put(&keys::line(&jurisdiction, self.at.position, index), line)?;
        self.state.wake(&jurisdiction);
        Ok(())
    }

    /// Books envelopes and bytes that a sender has unsettled.
    pub(super) fn account(&mut self, sender: &str, change: impl FnOnce(&mut SenderRow)) -> Result<(), FoldError> {
        let Ok(sender) = sender.parse::<JurisdictionId>() else { return Ok(()) };
        let key = keys::sender(&sender);
        let mut account = self.row::<SenderRow>(&key)?.unwrap_or_default();
        change(&mut account);
        self.put(&key, &account)
    }

    /// After deliveries of an open message changed: releases the sender's account once all are settled, and keeps the row.
    pub(super) fn settled(&mut self, id: MessageId, row: &MessageRow, was_settled: bool) -> Result<(), FoldError> {
        if !was_settled && row.deliveries.iter().all(is_settled) {
            self.account(&row.sender, |account| {
                account.envelopes = account.envelopes.saturating_sub(1);
                account.bytes = account.bytes.saturating_sub(row.bytes);
            })?;
        }
        self.keep(id, row, true)
    }
}

/// A stage as rows number it.
pub(super) fn number(stage: Stage) -> u32 {
    u32::try_from(stage.number()).unwrap_or(0)
}

pub(super) fn waiting_key(row: &MessageRow, mailbox: &JurisdictionId, position: Position) -> Option<WaitingKey> {
    Some(WaitingKey {
        mailbox: mailbox.clone(),
        precedence: i32::try_from(row.carried_as).ok().and_then(Precedence::from_number)?,
        exercise: row.status == u32::try_from(Status::Exercise.number()).unwrap_or(0),
        origin: JurisdictionId::member_or_broker(&row.sender).ok()?,
        position,
    })
}
