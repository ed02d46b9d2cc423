//! What happens at this agent, as a stream that may be resumed: the journal is read, so nothing is missed.

use model::{ids::Digest, invalid::Invalid, position::Position};
use prost::Message as _;
use proto::{
    border,
    record::{Attested, BrokerAccepted, BrokerRefused, ReceiptsReceived, Received, kind},
    v1::{self, subscribe_response::Event},
};

use super::{Desk, read, rows};
use crate::{
    fold::{keys, query},
    message,
};

impl Desk {
    /// The cursor after which only what is new comes.
    pub fn newest_cursor(&self) -> u64 {
        keys::cursor(self.folded().next(), 0).saturating_sub(1)
    }

    /// The events of one record, after the cursor.
    pub fn events(&self, at: Position, after: u64) -> Result<Vec<v1::SubscribeResponse>, Invalid> {
        let record = self.raw(at)?;
        let batch = |batch: Option<v1::ReceiptBatch>| {
            let batch = batch.unwrap_or_default();
            (0..batch.statements.len())
                .filter_map(|at| border::receipt::single(&batch, at))
                .map(Event::Receipt)
                .collect()
        };
        let events: Vec<Event> = match record.kind {
            kind::RECEIVED => self.received_events(read::of::<Received>(&record)?)?,
            kind::RECEIPTS_RECEIVED => self.news_of(at, read::of::<ReceiptsReceived>(&record)?.receipts)?,
            kind::ATTESTED => batch(read::of::<Attested>(&record)?.receipts),
            kind::BROKER_ACCEPTED => batch(read::of::<BrokerAccepted>(&record)?.receipts),
            kind::BROKER_REFUSED => {
                read::of::<BrokerRefused>(&record)?.refusal.into_iter().map(Event::Refused).collect()
            }
            _ => Vec::new(),
        };
        let numbered = events.into_iter().enumerate().map(|(index, event)| v1::SubscribeResponse {
            cursor: keys::cursor(at, u32::try_from(index).unwrap_or(u32::MAX)),
            event: Some(event),
        });
        Ok(numbered.filter(|event| event.cursor > after).collect())
    }

    /// Receipts that were new when they came. A broker that was killed sends its line again; nobody is told twice.
    fn news_of(&self, at: Position, receipts: Vec<v1::Receipt>) -> Result<Vec<Event>, Invalid> {
        let mut news = Vec::with_capacity(receipts.len());
        for (index, receipt) in (0..).zip(receipts) {
            if self.filed_elsewhere(at, index, &receipt)? {
                continue;
            }
            news.push(Event::Receipt(receipt));
        }
        Ok(news)
    }

    /// Whether the same statement stands at another place of the journal.
    fn filed_elsewhere(&self, at: Position, index: u32, receipt: &v1::Receipt) -> Result<bool, Invalid> {
        let Ok(statement) = v1::ReceiptStatement::decode(receipt.statement.clone()) else { return Ok(false) };
        let Some(id) = crate::fold::id_of(&statement.message_id) else { return Ok(false) };
        let filed = self.engine.read(|_, found| query::receipts(found, id)).map_err(rows)?;
        let hash = Digest::of(&receipt.statement).0;
        let here = filed.iter().any(|filed| (filed.at, filed.index) == (at, index));
        Ok(!here && filed.iter().any(|filed| filed.row.hash.as_ref() == hash))
    }

    fn received_events(&self, record: Received) -> Result<Vec<Event>, Invalid> {
        let taken = record.deliveries.into_iter().filter(|delivery| delivery.refused.is_empty());
        let ids =
            taken.filter_map(|delivery| message::read(&delivery.envelope?).ok()).map(|read| read.header.message_id);
        ids.map(|id| self.summary(id).map(Event::Received)).collect()
    }
}
