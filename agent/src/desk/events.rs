//! What happens at this agent, as a stream that may be resumed: the journal is read, so nothing is missed.

use model::{invalid::Invalid, position::Position};
use proto::{
    border,
    record::{Attested, BrokerAccepted, BrokerRefused, ReceiptsReceived, Received, kind},
    v1::{self, subscribe_response::Event},
};

use super::{Desk, read};
use crate::{fold::keys, message};

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
            kind::RECEIPTS_RECEIVED => {
                read::of::<ReceiptsReceived>(&record)?.receipts.into_iter().map(Event::Receipt).collect()
            }
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

    fn received_events(&self, record: Received) -> Result<Vec<Event>, Invalid> {
        let taken = record.deliveries.into_iter().filter(|delivery| delivery.refused.is_empty());
        let ids =
            taken.filter_map(|delivery| message::read(&delivery.envelope?).ok()).map(|read| read.header.message_id);
        ids.map(|id| self.summary(id).map(Event::Received)).collect()
    }
}
