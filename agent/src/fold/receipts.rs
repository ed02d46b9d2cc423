//! Receipts about messages of ours, and what the broker keeps of those that we signed. Every receipt is kept for ever;
//! one whose signature could not be checked is kept too and counts for nothing.

use bytes::Bytes;
use model::{
    ids::{JurisdictionId, MessageId},
    limits,
    position::{EpochId, Position},
    stage::Stage,
};
use prost::Message as _;
use proto::{
    record::{ConfirmKept, KeptRow, ReceiptRow, ReceiptsReceived, SentDeliveryRow},
    v1,
};
use store::FoldError;

use super::{Folding, Outcome, decode_row, duties, hash_of, id_of, index, keys, number, outbox::waiting, stage_of};

impl Folding<'_, '_> {
    pub(super) fn receipts_received(&mut self, record: &ReceiptsReceived) -> Result<Outcome, FoldError> {
        for (at, receipt) in record.receipts.iter().enumerate() {
            let unverified = record.unverified.contains(&index(at));
            self.receipt_came(&receipt.statement, index(at), unverified)?;
        }
        if record.carried {
            self.keep_record(self.at.position)?;
        }
        if let Some(through) = &record.through {
            // what is no epoch's name is not kept: a row has a bound, and one that does not fit would end the fold
            if let Ok(epoch) = through.epoch.as_ref().try_into() {
                self.agent.line_epoch = through.epoch.clone();
                self.agent.line_position = through.position;
                self.told(EpochId(epoch), Position(through.position));
            }
        }
        Ok(Outcome::Done)
    }

    fn receipt_came(&mut self, bytes: &[u8], at: u32, unverified: bool) -> Result<(), FoldError> {
        let Ok(statement) = v1::ReceiptStatement::decode(bytes) else { return Ok(()) };
        let (Some(id), Some(stage)) = (id_of(&statement.message_id), Stage::from_number(statement.stage)) else {
            return Ok(());
        };
        if statement.recipient.len() > limits::JURISDICTION_ID_BYTES_MAX {
            return Ok(()); // nobody's name; it would not fit its row
        }
        let new = self.receipt(id, at, &statement.recipient, stage, bytes, unverified)?;
        let Ok(recipient) = statement.recipient.parse::<JurisdictionId>() else { return Ok(()) };
        let sent = self.sent(id)?;
        let other_bytes = sent.as_ref().is_some_and(|row| row.content_hash != statement.content_hash);
        if !new || unverified || other_bytes || stage == Stage::Accepted {
            return Ok(());
        }
        self.advance(id, &recipient, stage)?;
        let when = duties::time_of(statement.at).unwrap_or(self.at.time);
        self.stage_proved(id, &recipient, stage, when)?;
        sent.map_or(Ok(()), |row| self.settle_sent(id, row))
    }

    /// Positive stages go forward, and a proof of hand-over overtakes a negative end; an end counts while it waits.
    fn advance(&mut self, id: MessageId, recipient: &JurisdictionId, stage: Stage) -> Result<(), FoldError> {
        let key = keys::sent_delivery(id, recipient);
        let mut row: SentDeliveryRow = self.row(&key)?.unwrap_or_else(waiting);
        let now = stage_of(row.stage).unwrap_or(Stage::Accepted);
        let moves = if stage.is_negative() { now == Stage::Accepted } else { now.is_negative() || stage > now };
        if moves {
            if now.is_negative() {
                row.overtaken = row.stage;
            }
            row.stage = number(stage.number());
        }
        // written even when nothing moved: a receipt that came before the acceptance shows who the recipients are
        self.put(&key, &row)
    }

    /// Files a receipt under its message; false when the same was there already. A repeat that verifies takes the place
    /// of one that did not.
    pub(super) fn receipt(
        &mut self,
        id: MessageId,
        at: u32,
        recipient: &str,
        stage: Stage,
        statement: &[u8],
        unverified: bool,
    ) -> Result<bool, FoldError> {
        let (hash, stage) = (hash_of(statement), number(stage.number()));
        let mut known = None;
        self.rows.each(&keys::receipt_prefix(id), |key, value| {
            let row: ReceiptRow = decode_row(value)?;
            if row.hash == hash {
                known = Some((key.to_vec(), row.unverified));
            }
            Ok(())
        })?;
        match known {
            Some((key, true)) if !unverified => self.rows.remove(&key)?,
            Some(_) => return Ok(false),
            None => {}
        }
        let row = ReceiptRow { stage, recipient: recipient.to_owned(), unverified, hash };
        self.put(&keys::receipt(id, self.at.position, at), &row)?;
        Ok(true)
    }

    /// Receipts of ours, all of one record, are on the broker's disk.
    pub(super) fn confirm_kept(&mut self, record: &ConfirmKept) -> Result<Outcome, FoldError> {
        let Some(place) = &record.place else { return Ok(Outcome::Done) };
        let Ok(epoch) = place.epoch.as_ref().try_into().map(EpochId) else { return Ok(Outcome::Done) };
        for at in &record.records {
            let at = Position(*at);
            if self.rows.get(&keys::keep(at))?.is_none() {
                continue;
            }
            self.rows.remove(&keys::keep(at))?;
            let row = KeptRow { epoch: place.epoch.clone(), position: place.position, at: self.now_ms() };
            self.put(&keys::kept(at), &row)?;
        }
        self.told(epoch, Position(place.position));
        Ok(Outcome::Done)
    }

    /// Receipts of ours in this record wait for the broker.
    pub(super) fn keep_record(&mut self, at: Position) -> Result<(), FoldError> {
        self.rows.put(&keys::keep(at), Bytes::new())?;
        self.rung.confirms = true;
        Ok(())
    }
}
