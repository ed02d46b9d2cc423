//! What happens at this agent, as a stream that may be resumed: the journal is read, so nothing is missed.

use model::{invalid::Invalid, position::Position};
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
            kind::RECEIVED => return self.received_events(at, read::of::<Received>(&record)?, after),
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

    /// One event for each message that this record brought. One that an overlapping session brought before is none, and
    /// neither is one that was refused.
    fn received_events(
        &self,
        at: Position,
        record: Received,
        after: u64,
    ) -> Result<Vec<v1::SubscribeResponse>, Invalid> {
        let mut events = Vec::new();
        for delivery in record.deliveries.into_iter().filter(|delivery| delivery.refused.is_empty()) {
            let Some(Ok(read)) = delivery.envelope.as_ref().map(message::read) else { continue };
            let id = read.header.message_id;
            let row = self.engine.read(|_, found| query::received(found, id)).map_err(rows)?;
            let here = row.filter(|row| keys::cursor_position(row.cursor) == at && row.cursor > after);
            if let Some(row) = here {
                let event = Some(Event::Received(self.summary(id)?));
                events.push(v1::SubscribeResponse { cursor: row.cursor, event });
            }
        }
        events.dedup_by_key(|event| event.cursor);
        Ok(events)
    }
}
