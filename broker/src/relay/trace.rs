//! The way of one message, as far as the broker knows it. Not yours and not there are one answer.

use model::{
    ids::{JurisdictionId, MessageId},
    invalid::Invalid,
    position::Position,
    reason::Reason,
};
use proto::{
    record::{DeliveryRow, LineRow, MessageRow},
    v1,
};

use super::{
    Relay, accept,
    documents::DocumentError,
    fold::{decode_row, keys, stage_of},
    line,
};

impl Relay {
    /// Everything about `id` that `caller` may see: its sender and its recipients may.
    pub fn trace(&self, caller: &JurisdictionId, id: MessageId) -> Result<v1::TraceResponse, DocumentError> {
        let not_here = || Invalid::new(Reason::NotFound, "message_id", "message.yours");
        let row = self.message_row(id)?.ok_or_else(not_here)?;
        let concerns = row.sender == caller.as_str()
            || row.deliveries.iter().any(|delivery| delivery.jurisdiction == caller.as_str());
        if !concerns {
            return Err(not_here().into());
        }
        let mut receipts = vec![self.signer.lone(&accept::accepted(&row, &id.0))];
        receipts.extend(self.line_receipts(&row, id)?);
        let states = row.deliveries.iter().map(|delivery| self.state(delivery)).collect();
        Ok(v1::TraceResponse {
            sender: row.sender.clone(),
            stamp: Some(accept::stamp(&row)),
            place: Some(v1::JournalPlace { epoch: row.epoch.clone(), position: row.position }),
            receipts,
            states,
        })
    }

    fn message_row(&self, id: MessageId) -> Result<Option<MessageRow>, store::FoldError> {
        Ok(self.engine.read(|_, rows| super::fold::message(rows, id))?.map(|(row, _open)| row))
    }

    /// Receipts that still wait in the sender's line; older ones are at the sender.
    fn line_receipts(&self, row: &MessageRow, id: MessageId) -> Result<Vec<v1::Receipt>, DocumentError> {
        let Ok(sender) = row.sender.parse::<JurisdictionId>() else { return Ok(Vec::new()) };
        let mut lines: Vec<(Position, LineRow)> = Vec::new();
        self.engine.read(|_, rows| {
            rows.each(&keys::line_prefix(&sender), |key, value| {
                let line: LineRow = decode_row(value)?;
                if line.message_id == id.0.as_slice() {
                    lines.push((keys::line_position(key).unwrap_or_default(), line));
                }
                Ok(())
            })
        })?;
        Ok(line::receipts(&self.engine, &self.signer, &lines)?)
    }

    fn state(&self, delivery: &DeliveryRow) -> v1::DeliveryState {
        let stage = stage_of(delivery);
        let linked = delivery.jurisdiction.parse().is_ok_and(|jurisdiction| self.sessions.of(&jurisdiction).is_some());
        let waits = stage == model::stage::Stage::Accepted;
        v1::DeliveryState {
            jurisdiction: delivery.jurisdiction.clone(),
            r#as: delivery.r#as,
            stage: stage.number(),
            blocked: if waits && !linked { "OFFLINE".to_owned() } else { String::new() },
            failed_tries: delivery.failed,
        }
    }
}
