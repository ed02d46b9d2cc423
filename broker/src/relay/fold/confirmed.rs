//! Receipts that an agent signed: deliveries move forward, senders are told, what is settled leaves its mailbox.

use model::{
    ids::{JurisdictionId, MessageId},
    precedence::Precedence,
    stage::Stage,
};
use prost::Message as _;
use proto::{
    border,
    record::{Confirmed, DeliveryRow, LineRow, MessageRow, ProofRow},
    v1,
};
use store::FoldError;

use super::{
    Folding, Outcome, keys,
    messages::{is_settled, number, stage_of},
    submitted::id_of,
};

impl Folding<'_, '_> {
    pub(super) fn confirmed(&mut self, record: Confirmed) -> Result<Outcome, FoldError> {
        let Ok(by) = record.by.parse::<JurisdictionId>() else { return Ok(Outcome::Done) };
        let own = record.receipts.map(|batch| batch.statements).unwrap_or_default().into_iter();
        let own = own.map(|statement| (Some(by.clone()), statement));
        let carried = record.carried.into_iter().map(|receipt| (None, receipt.statement));
        for (index, (by, statement)) in (0u32..).zip(own.chain(carried)) {
            // what cannot be read was refused before it was journalled; an old record stays harmless
            let Ok(statement) = v1::ReceiptStatement::decode(statement) else { continue };
            // what came on a bundle speaks for whoever signed it
            if let Some(by) = by.or_else(|| statement.recipient.parse().ok()) {
                self.receipt(&by, &statement, index)?;
            }
        }
        Ok(Outcome::Done)
    }

    fn receipt(&mut self, by: &JurisdictionId, statement: &v1::ReceiptStatement, index: u32) -> Result<(), FoldError> {
        let (Some(id), Some(stage)) = (id_of(&statement.message_id), Stage::from_number(statement.stage)) else {
            return Ok(());
        };
        if statement.recipient != by.as_str() {
            return Ok(());
        }
        let Some((mut row, open)) = self.message(id)? else {
            // the broker was refilled and the envelope is not back yet: the receipt finds its sender by itself
            return self.pass_on(statement, index, &statement.sender);
        };
        if statement.content_hash != row.content_hash {
            return Ok(()); // it speaks of other bytes under this id
        }
        let was_settled = row.deliveries.iter().all(is_settled);
        let mut deliveries = std::mem::take(&mut row.deliveries);
        let delivery = deliveries.iter_mut().find(|delivery| delivery.jurisdiction == by.as_str());
        let proves = delivery.as_ref().is_some_and(|delivery| tells(delivery, stage));
        if let Some(delivery) = delivery.filter(|_| proves) {
            if moves(delivery, stage) {
                self.advance(id, &row, delivery, stage)?;
                let at = border::time::optional(statement.at, "at").ok().flatten().unwrap_or(self.at.time);
                self.stage_of_duty(id, &row, by, stage, at)?;
            }
            delivery.proofs.push(ProofRow { batch_index: Some(index), ..self.proof(stage) });
        }
        row.deliveries = deliveries;
        if !proves {
            return Ok(());
        }
        self.pass_on(statement, index, &row.sender)?;
        self.keep_moved(id, &row, open, was_settled)
    }

    fn keep_moved(&mut self, id: MessageId, row: &MessageRow, open: bool, was_settled: bool) -> Result<(), FoldError> {
        if open { self.settled(id, row, was_settled) } else { self.keep(id, row, false) }
    }

    fn advance(
        &mut self,
        id: MessageId,
        row: &MessageRow,
        delivery: &mut DeliveryRow,
        stage: Stage,
    ) -> Result<(), FoldError> {
        self.dequeue(row, delivery)?;
        self.time_delivery(row, delivery, stage);
        if stage_of(delivery).is_negative() {
            self.bury_no_more(id, delivery)?;
            delivery.overtaken = delivery.stage;
        }
        delivery.stage = number(stage);
        Ok(())
    }

    /// Counts how long it took until it was handed over: a refusal is no delivery, and none is counted twice.
    fn time_delivery(&mut self, row: &MessageRow, delivery: &DeliveryRow, stage: Stage) {
        let carried_as = i32::try_from(row.carried_as).ok().and_then(Precedence::from_number);
        let is_first = stage_of(delivery) == Stage::Accepted || stage_of(delivery).is_negative();
        if let (Some(precedence), true, false) = (carried_as, is_first, stage.is_negative()) {
            let took = self.at.time.millis().saturating_sub(row.accepted_at);
            self.state.tallies.delivered_ms.get(precedence).add(u64::try_from(took).unwrap_or(0));
        }
    }

    /// A letter that was handed over after all is no dead letter.
    fn bury_no_more(&mut self, id: MessageId, delivery: &DeliveryRow) -> Result<(), FoldError> {
        let Ok(mailbox) = delivery.jurisdiction.parse::<JurisdictionId>() else { return Ok(()) };
        let key = keys::dead(&mailbox, id);
        if stage_of(delivery) == Stage::Dead && self.rows.get(&key)?.is_some() {
            self.rows.remove(&key)?;
            self.state.dead_changed(&mailbox, false);
        }
        Ok(())
    }

    /// Puts the receipt into the sender's line.
    fn pass_on(&mut self, statement: &v1::ReceiptStatement, index: u32, sender: &str) -> Result<(), FoldError> {
        let line = LineRow {
            batch_index: Some(index),
            stage: u32::try_from(statement.stage).unwrap_or(0),
            message_id: statement.message_id.clone(),
            ..LineRow::default()
        };
        self.put_line(sender, &line)
    }
}

/// Whether a receipt says anything new about a delivery.
pub fn tells(delivery: &DeliveryRow, stage: Stage) -> bool {
    moves(delivery, stage) || fills(delivery, stage)
}

/// Whether a receipt proves a stage that was passed without proof: what a person signs may overtake the DELIVERED of the
/// same message. It moves nothing, but its sender is owed the whole chain.
fn fills(delivery: &DeliveryRow, stage: Stage) -> bool {
    let now = stage_of(delivery);
    let proved = |stage| delivery.proofs.iter().any(|proof| proof.stage == number(stage));
    let positive = matches!(stage, Stage::Delivered | Stage::Opened | Stage::Acknowledged | Stage::WillAnswer);
    positive && !now.is_negative() && stage < now && !proved(stage)
}

/// Whether a receipt moves a delivery: forward only; DELIVERED and what follows it overtake a negative end; a refusal
/// counts while the delivery waits.
fn moves(delivery: &DeliveryRow, stage: Stage) -> bool {
    let now = stage_of(delivery);
    match stage {
        Stage::Refused => now == Stage::Accepted,
        Stage::Delivered | Stage::Opened | Stage::Acknowledged | Stage::WillAnswer => now.is_negative() || now < stage,
        _ => false,
    }
}
