//! A jurisdiction's line of receipts: read from the rows, made from the records that caused them, sent in order.

use model::{
    ids::JurisdictionId,
    position::{EpochId, Position},
};
use prost::Message as _;
use proto::{
    border,
    record::{Confirmed, LineRow},
    v1,
};

use super::{
    BrokerEngine,
    deliver::{DeliverError, readable},
    fold::{decode_row, keys},
    signer::Signer,
};

/// Most receipts in one frame: what one signature may cover.
const FRAME_RECEIPTS_MAX: usize = 256;

/// How far a session has sent a line.
#[derive(Debug)]
pub struct LineCursor {
    jurisdiction: JurisdictionId,
    /// The key to go on after; empty at the beginning.
    after: Vec<u8>,
    complete: Position,
}

impl LineCursor {
    /// Begins with everything that the jurisdiction has not stored.
    pub fn new(jurisdiction: JurisdictionId) -> Self {
        Self { jurisdiction, after: Vec::new(), complete: Position::START }
    }

    /// The next frame, or none when nothing is left.
    pub fn frame(&mut self, engine: &BrokerEngine, signer: &Signer) -> Result<Option<v1::ReceiptLine>, DeliverError> {
        let prefix = keys::line_prefix(&self.jurisdiction);
        let from = if self.after.is_empty() { prefix.clone() } else { next_key(&self.after) };
        let rows = engine.read(|_, rows| rows.scan(&prefix, &from, FRAME_RECEIPTS_MAX + 1))?;
        let more = rows.len() > FRAME_RECEIPTS_MAX;
        let mut lines: Vec<(Position, LineRow)> = Vec::with_capacity(rows.len());
        for (key, value) in rows.iter().take(FRAME_RECEIPTS_MAX) {
            lines.push((keys::line_position(key).unwrap_or_default(), decode_row(value.clone())?));
            self.after.clone_from(&key.to_vec());
        }
        let Some((last, _)) = lines.last() else { return Ok(None) };
        // a record whose receipts go on in the next frame is not complete yet
        let goes_on = more && rows.last().and_then(|(key, _)| keys::line_position(key)) == Some(*last);
        let whole = lines.iter().rev().map(|(at, _)| *at).find(|at| !goes_on || at < last);
        self.complete = whole.unwrap_or(self.complete).max(self.complete);
        let receipts = receipts(engine, signer, &lines)?;
        let through =
            v1::ReceiptsSeen { epoch: epoch_of(engine, self.complete).0.to_vec().into(), position: self.complete.0 };
        Ok(Some(v1::ReceiptLine { receipts, through: Some(through) }))
    }
}

/// The receipts behind rows: those of agents as they signed them, the broker's own under one signature.
pub fn receipts(
    engine: &BrokerEngine,
    signer: &Signer,
    lines: &[(Position, LineRow)],
) -> Result<Vec<v1::Receipt>, DeliverError> {
    let own: Vec<_> = lines
        .iter()
        .filter(|(_, line)| line.batch_index.is_none())
        .map(|(at, line)| statement(engine, *at, line))
        .collect();
    let mut own = if own.is_empty() { Vec::new() } else { border::receipt::singles(&signer.batch(&own)) }.into_iter();
    let mut confirms: Option<(Position, Vec<v1::Receipt>)> = None;
    let mut found = Vec::with_capacity(lines.len());
    for (at, line) in lines {
        let Some(index) = line.batch_index else {
            found.extend(own.next());
            continue;
        };
        if confirms.as_ref().is_none_or(|(of, _)| of != at) {
            // receipts in a damaged record are lost here; the line goes on behind them
            confirms = Some((*at, readable(confirmed(engine, *at))?.unwrap_or_default()));
        }
        found.extend(confirms.as_ref().and_then(|(_, receipts)| receipts.get(index as usize)).cloned());
    }
    Ok(found)
}

/// The receipts of a record as rows count them: first those under one signature, then those that came on a bundle.
fn confirmed(engine: &BrokerEngine, at: Position) -> Result<Vec<v1::Receipt>, DeliverError> {
    let record = Confirmed::decode(engine.record(at)?.bytes);
    let record = record.map_err(|error| store::FoldError::new(error.to_string()))?;
    let own = record.receipts.as_ref().map(border::receipt::singles).unwrap_or_default();
    Ok(own.into_iter().chain(record.carried).collect())
}

/// What the broker says about an end or an answer; the same whenever it is asked.
fn statement(engine: &BrokerEngine, at: Position, line: &LineRow) -> v1::ReceiptStatement {
    v1::ReceiptStatement {
        message_id: line.message_id.clone(),
        content_hash: line.content_hash.clone(),
        recipient: line.recipient.clone(),
        stage: i32::try_from(line.stage).unwrap_or(0),
        at: Some(border::time::to_wire(model::time::Timestamp::from_millis(line.at))),
        by: "broker".to_owned(),
        reason: line.reason.clone(),
        epoch: epoch_of(engine, at).0.to_vec().into(),
        position: at.0,
        related_message_id: line.related.clone(),
        sender: line.sender.clone(),
        ..v1::ReceiptStatement::default()
    }
}

/// The epoch in which a position was written.
pub fn epoch_of(engine: &BrokerEngine, at: Position) -> EpochId {
    let epochs = engine.epochs();
    let epoch = epochs.iter().rev().find(|epoch| epoch.first <= at);
    epoch.or(epochs.last()).map(|epoch| epoch.id).unwrap_or_default()
}

fn next_key(key: &[u8]) -> Vec<u8> {
    let mut next = key.to_vec();
    next.push(0);
    next
}
