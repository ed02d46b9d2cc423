//! The way of one message, as far as the broker knows it. Not yours and not there are one answer.

use journal::JournalError;
use model::{
    ids::{JurisdictionId, MessageId},
    invalid::Invalid,
    position::Position,
    reason::Reason,
};
use prost::Message as _;
use proto::{
    record::{DeliveryRow, LineRow, MessageRow, ProofRow, Submitted},
    v1,
};

use super::{Relay, accept, deliver::DeliverError, documents::DocumentError, fold::stage_of, line};

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
        receipts.extend(self.proofs(&row, id)?);
        let states = row.deliveries.iter().map(|delivery| self.state(delivery)).collect();
        Ok(v1::TraceResponse {
            sender: row.sender.clone(),
            stamp: Some(accept::stamp(&row)),
            place: Some(v1::JournalPlace { epoch: row.epoch.clone(), position: row.position }),
            receipts,
            states,
        })
    }

    /// The row of a message, open or closed.
    pub fn message_row(&self, id: MessageId) -> Result<Option<MessageRow>, store::FoldError> {
        Ok(self.engine.read(|_, rows| super::fold::message(rows, id))?.map(|(row, _open)| row))
    }

    /// The receipt of each stage that each delivery went through.
    fn proofs(&self, row: &MessageRow, id: MessageId) -> Result<Vec<v1::Receipt>, DocumentError> {
        let (mut lines, mut receipts) = (Vec::new(), Vec::new());
        for (delivery, proof) in row.deliveries.iter().flat_map(|of| of.proofs.iter().map(move |proof| (of, proof))) {
            let at = Position(proof.position);
            match proof.evidence_index {
                Some(index) => receipts.extend(self.evidence(at, index)?),
                None => lines.push((at, line_of(row, id, delivery, proof))),
            }
        }
        receipts.extend(line::receipts(&self.engine, &self.signer, &lines)?);
        Ok(receipts)
    }

    fn evidence(&self, at: Position, index: u32) -> Result<Option<v1::Receipt>, DeliverError> {
        let record = match self.engine.record(at) {
            Err(JournalError::Retired(_)) => return Ok(None), // the row says what it said
            record => record?,
        };
        let submitted = Submitted::decode(record.bytes).map_err(|error| store::FoldError::new(error.to_string()))?;
        Ok(submitted.evidence.into_iter().nth(index as usize))
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

fn line_of(row: &MessageRow, id: MessageId, delivery: &DeliveryRow, proof: &ProofRow) -> LineRow {
    LineRow {
        batch_index: proof.batch_index,
        stage: proof.stage,
        message_id: id.0.to_vec().into(),
        recipient: delivery.jurisdiction.clone(),
        reason: proof.reason.clone(),
        related: proof.related.clone(),
        content_hash: row.content_hash.clone(),
        sender: row.sender.clone(),
        at: proof.at,
    }
}
