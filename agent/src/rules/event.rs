//! What happened here, as rules look at it. An event is read from the journal by its cursor, so what is owed for it can be
//! made again after any restart.

use std::time::Duration;

use bytes::Bytes;
use model::{ids::MessageId, invalid::Invalid, position::Position, time::Timestamp};
use prost::Message as _;
use proto::{
    border,
    record::{self, kind},
    v1::{self, subscribe_response::Event as Told},
};

use super::On;
use crate::{
    desk::{Desk, decode, rows},
    fold::{id_of, keys, matters},
};

/// How long something that does not expire by itself is worth telling.
const WORTH_TELLING: Duration = Duration::from_hours(24);

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its place in the journal; cursors never repeat.
    pub cursor: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
    /// The message that it is about, where there is one and it is known here.
    pub message: Option<Letter>,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// A message came.
    Received,
    /// A message of ours was queued.
    Sent,
    /// A receipt came or was signed.
    Receipt(Box<v1::ReceiptStatement>),
    /// The broker refused a message of ours.
    Refused(v1::Refusal),
    /// Time reached a rung.
    Deadline(record::Rung),
    /// The link came (true) or went.
    Link(bool),
}

/// A message, open on the desk.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Its id.
    pub id: MessageId,
    /// Its header.
    pub header: v1::Header,
    /// Its encoded body.
    pub body: Bytes,
    /// Its seal.
    pub seal: Option<v1::Seal>,
}

impl Event {
    /// Which rules look at it.
    pub const fn on(&self) -> On {
        match self.what {
            What::Received => On::Received,
            What::Sent => On::Sent,
            What::Receipt(_) => On::Receipt,
            What::Refused(_) => On::Refused,
            What::Deadline(_) => On::Deadline,
            What::Link(_) => On::Link,
        }
    }

    /// Until when it is worth telling: as long as the message that came or went, else a day.
    pub fn expires_at(&self) -> Timestamp {
        let of_message = match self.what {
            What::Received | What::Sent => self.message.as_ref().and_then(|letter| letter.header.expires_at),
            What::Receipt(_) | What::Refused(_) | What::Deadline(_) | What::Link(_) => None,
        };
        let expires = border::time::optional(of_message, "").ok().flatten();
        expires.unwrap_or_else(|| self.at.plus(WORTH_TELLING))
    }
}

impl Desk {
    /// What happened in one record of the journal, for rules.
    pub(super) fn happened(&self, at: Position) -> Result<Vec<Event>, Invalid> {
        let record = self.raw(at)?;
        let one = |what, message| vec![Event { cursor: keys::cursor(at, 0), at: record.at, what, message }];
        Ok(match record.kind {
            kind::QUEUED => {
                let queued: record::Queued = decode(&record)?;
                let letter = letter(&queued.envelope.unwrap_or_default())?;
                // what a rule sent never sets off a rule of the same agent
                if letter.header.hops > 0 { Vec::new() } else { one(What::Sent, Some(letter)) }
            }
            kind::RUNG => {
                let rung: record::Rung = decode(&record)?;
                let message = self.opened_by(&rung)?;
                one(What::Deadline(rung), message)
            }
            kind::LINK_TURNED => one(What::Link(decode::<record::LinkTurned>(&record)?.up), None),
            _ => {
                let told = self.events(at, 0)?;
                told.into_iter()
                    .map(|told| self.event(told, record.at))
                    .filter_map(Result::transpose)
                    .collect::<Result<_, _>>()?
            }
        })
    }

    /// The event at a cursor.
    pub(super) fn event_at(&self, cursor: u64) -> Result<Option<Event>, Invalid> {
        Ok(self.happened(keys::cursor_position(cursor))?.into_iter().find(|event| event.cursor == cursor))
    }

    fn event(&self, told: v1::SubscribeResponse, at: Timestamp) -> Result<Option<Event>, Invalid> {
        let (what, id) = match told.event {
            Some(Told::Received(summary)) => {
                (What::Received, summary.header.map(|header| header.message_id).unwrap_or_default())
            }
            Some(Told::Receipt(receipt)) => {
                let statement =
                    v1::ReceiptStatement::decode(receipt.statement).map_err(|error| crate::desk::internal(&error))?;
                let id = statement.message_id.clone();
                (What::Receipt(Box::new(statement)), id)
            }
            Some(Told::Refused(refusal)) => {
                let id = refusal.message_id.clone();
                (What::Refused(refusal), id)
            }
            Some(Told::LinkUp(_)) | None => return Ok(None),
        };
        let message = id_of(&id).map(|id| self.letter(id)).transpose()?.flatten();
        Ok(Some(Event { cursor: told.cursor, at, what, message }))
    }

    /// A message that is known here.
    pub(super) fn letter(&self, id: MessageId) -> Result<Option<Letter>, Invalid> {
        self.envelope(id)?.map(|(envelope, _)| letter(&envelope)).transpose()
    }

    /// The message that opened the matter of a deadline.
    fn opened_by(&self, rung: &record::Rung) -> Result<Option<Letter>, Invalid> {
        let Ok(key) = keys::MatterKey::try_from(rung.matter.as_ref()) else { return Ok(None) };
        let state = self.engine.read(|_, found| matters::read_matter(found, &key)).map_err(rows)?;
        state.map(|state| self.letter(state.opened_by)).transpose().map(Option::flatten)
    }
}

/// Reads an envelope of the own journal.
fn letter(envelope: &v1::Envelope) -> Result<Letter, Invalid> {
    let parts = border::parts(&envelope.content)?;
    let header = v1::Header::decode(parts.header).map_err(|error| crate::desk::internal(&error))?;
    let id = MessageId::checked(&header.message_id)?;
    Ok(Letter { id, header, body: parts.body, seal: envelope.seal.clone() })
}
