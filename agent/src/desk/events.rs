//! What happens at this agent, as a stream that may be resumed: the journal is read, so nothing is missed.

use model::{ids::Digest, invalid::Invalid, position::Position, stage::Stage};
use prost::Message as _;
use proto::{
    border,
    record::{Attested, BrokerAccepted, BrokerRefused, ReceiptsReceived, Received, kind},
    v1::{self, subscribe_response::Event},
};

use super::{Desk, read, rows};
use crate::{
    fold::{keys, query, stage_of},
    message,
};

impl Desk {
    /// The cursor after which only what is new comes.
    pub fn newest_cursor(&self) -> u64 {
        keys::cursor(self.folded().next(), 0).saturating_sub(1)
    }

    /// The events of one record, after the cursor.
    pub fn events(&self, at: Position, after: u64) -> Result<Vec<v1::SubscribeResponse>, Invalid> {
        let record = match self.raw(at) {
            Err(invalid) if super::has_left(&invalid) => return Ok(Vec::new()),
            read => read?,
        };
        let batch = |batch: Option<v1::ReceiptBatch>| {
            let receipts = border::receipt::singles(&batch.unwrap_or_default());
            (0..).zip(receipts.into_iter().map(Event::Receipt)).collect()
        };
        let events: Vec<(u32, Event)> = match record.kind {
            kind::RECEIVED => self.received_events(at, read::of::<Received>(&record)?)?,
            kind::RECEIPTS_RECEIVED => self.news_of(at, read::of::<ReceiptsReceived>(&record)?.receipts)?,
            kind::ATTESTED => batch(read::of::<Attested>(&record)?.receipts),
            kind::BROKER_ACCEPTED => batch(read::of::<BrokerAccepted>(&record)?.receipts),
            kind::BROKER_REFUSED => {
                let refusal = read::of::<BrokerRefused>(&record)?.refusal;
                refusal.into_iter().map(|refusal| (0, Event::Refused(refusal))).collect()
            }
            _ => Vec::new(),
        };
        // an event is numbered by its place in the record, also where others are left out
        let numbered = events
            .into_iter()
            .map(|(index, event)| v1::SubscribeResponse { cursor: keys::cursor(at, index), event: Some(event) });
        Ok(numbered.filter(|event| event.cursor > after).collect())
    }

    /// Each message that this record brought. One that an overlapping session brought before is none, and neither is one
    /// that was refused.
    fn received_events(&self, at: Position, record: Received) -> Result<Vec<(u32, Event)>, Invalid> {
        let mut events = Vec::new();
        for (index, delivery) in (0..).zip(record.deliveries).filter(|(_, delivery)| delivery.refused.is_empty()) {
            let Some(Ok(read)) = delivery.envelope.as_ref().map(message::read) else { continue };
            let id = read.header.message_id;
            let row = self.engine.read(|_, found| query::received(found, id)).map_err(rows)?;
            if row.is_some_and(|row| row.cursor == keys::cursor(at, index)) {
                events.push((index, Event::Received(self.summary(id)?)));
            }
        }
        Ok(events)
    }

    /// Receipts that were news when they came. A broker that was killed sends its line again, and nobody is told twice; what
    /// a person signed may come before the DELIVERED of the same message, and nobody is told of a step back. Both are filed.
    fn news_of(&self, at: Position, receipts: Vec<v1::Receipt>) -> Result<Vec<(u32, Event)>, Invalid> {
        let mut news = Vec::with_capacity(receipts.len());
        for (index, receipt) in (0..).zip(receipts) {
            if self.is_news(at, index, &receipt)? {
                news.push((index, Event::Receipt(receipt)));
            }
        }
        Ok(news)
    }

    /// Not when the same statement stands at another place of the journal, nor when a later stage stands before it.
    fn is_news(&self, at: Position, index: u32, receipt: &v1::Receipt) -> Result<bool, Invalid> {
        let Ok(statement) = v1::ReceiptStatement::decode(receipt.statement.clone()) else { return Ok(true) };
        let Some(id) = crate::fold::id_of(&statement.message_id) else { return Ok(true) };
        let filed = self.engine.read(|_, found| query::receipts(found, id)).map_err(rows)?;
        let hash = Digest::of(&receipt.statement).0;
        let here = filed.iter().any(|filed| (filed.at, filed.index) == (at, index));
        let elsewhere = !here && filed.iter().any(|filed| filed.row.hash.as_ref() == hash);
        let passed = filed.iter().any(|filed| {
            let before = (filed.at, filed.index) < (at, index) && filed.row.recipient == statement.recipient;
            before && is_passed_by(statement.stage, stage_of(filed.row.stage))
        });
        Ok(!elsewhere && !passed)
    }
}

/// Whether a positive stage is earlier than another positive one.
fn is_passed_by(stage: i32, by: Option<Stage>) -> bool {
    let stage = Stage::from_number(stage);
    stage.zip(by).is_some_and(|(stage, by)| !stage.is_negative() && !by.is_negative() && stage < by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_passed_by_a_later_one_and_never_by_an_end() {
        let passed = |stage: Stage, by| is_passed_by(stage.number(), Some(by));
        assert!(passed(Stage::Delivered, Stage::Opened) && passed(Stage::Opened, Stage::Acknowledged));
        assert!(!passed(Stage::Opened, Stage::Delivered) && !passed(Stage::Delivered, Stage::Delivered));
        assert!(!passed(Stage::Delivered, Stage::Expired), "a delivery overtakes an end");
        assert!(!passed(Stage::Expired, Stage::Acknowledged) && !is_passed_by(0, Some(Stage::Opened)));
    }
}
