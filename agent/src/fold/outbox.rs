//! Messages of ours: queued, taken charge of, refused. What waits stands in the outbox in the order of the journal,
//! which is the order of the sequence.

use bytes::Bytes;
use model::{
    header::{Action, Header},
    ids::{JurisdictionId, MessageId},
    position::{EpochId, Position},
    precedence::Precedence,
    stage::Stage,
    task::{TaskKind, task_id},
};
use prost::Message as _;
use proto::{
    record::{BrokerAccepted, BrokerRefused, ListRow, OutboxRow, Queued, Resealed, SentDeliveryRow, SentRow, TaskRow},
    v1,
};
use store::FoldError;

use super::{
    Folding, Outcome, bytes_of, duties, id_of, index, keys,
    matters::{Knock, TEXT_BYTES, cut},
    number, stage_of,
};
use crate::message::{self, Read};

impl Folding<'_, '_> {
    pub(super) fn queued(&mut self, record: &Queued) -> Result<Outcome, FoldError> {
        let read = read_own(record.envelope.as_ref())?;
        let (header, id) = (&read.header, read.header.message_id);
        if self.sent(id)?.is_some() {
            return Ok(Outcome::Done);
        }
        let cursor = keys::cursor(self.at.position, 0);
        let contradicted = self.contradicted(header)?;
        let matter = self.knock(&Knock::of(&read, self.at.time, cursor, true))?;
        let row = SentRow { at: self.now_ms(), matter, ..self.sent_row(&read, record.envelope.as_ref()) };
        self.put_sent(id, &row)?;
        self.file_in_drill(header, &row.matter, cursor, true)?;
        self.after_abort(header, &row.matter)?;
        self.enqueue(id, &row, false)?;
        self.put(&keys::listed(keys::table::SENT_LIST, cursor), &ListRow { message_id: bytes_of(id), sent: true })?;
        self.file(header, cursor, true)?;
        self.compare(header, &contradicted)?;
        self.follow(header)?;
        self.objected(header)?;
        self.sent_by_rule(record)?;
        self.sent_by_program(id, record)?;
        self.count_sequence(header);
        Ok(Outcome::Done)
    }

    /// The same message under a new incarnation, for a state directory that was put back from a copy. It keeps its place
    /// in lists and threads; in the outbox it moves to this record.
    pub(super) fn resealed(&mut self, record: &Resealed) -> Result<Outcome, FoldError> {
        let read = read_own(record.envelope.as_ref())?;
        let id = read.header.message_id;
        let Some(old) = self.sent(id)?.filter(|row| row.accepted_epoch.is_empty()) else { return Ok(Outcome::Done) };
        self.dequeue(&old)?;
        let row = SentRow {
            at: old.at,
            followed_by: old.followed_by,
            matter: old.matter,
            ..self.sent_row(&read, record.envelope.as_ref())
        };
        self.put_sent(id, &row)?;
        self.enqueue(id, &row, false)?;
        self.count_sequence(&read.header);
        Ok(Outcome::Done)
    }

    fn sent_row(&self, read: &Read, envelope: Option<&v1::Envelope>) -> SentRow {
        let header = &read.header;
        SentRow {
            position: self.at.position.0,
            content_hash: read.content_hash.0.to_vec().into(),
            precedence: number(header.precedence.number()),
            kind: number(header.kind.number()),
            status: number(header.status.number()),
            expires_at: header.expires_at.millis(),
            originating: bytes_of(header.thread()),
            revision: header.revision,
            bytes: envelope.map_or(0, |envelope| envelope.content.len() as u64),
            owed: number(header.owed_stage().number()),
            incident: header.incident_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            seq: header.sender_seq,
            grave: duties::is_grave(header),
            level: header.level().map_or(0, |level| number(level.number())),
            ..SentRow::default()
        }
    }

    /// An objection of ours is on its way: it is owed no more.
    fn objected(&mut self, header: &Header) -> Result<(), FoldError> {
        match (header.action, header.preceding_message_id) {
            (Action::Error, Some(about)) => self.rows.remove(&keys::objection(about)),
            _ => Ok(()),
        }
    }

    fn count_sequence(&mut self, header: &Header) {
        if self.agent.incarnation.as_ref() == header.incarnation.0 {
            self.agent.last_seq = self.agent.last_seq.max(header.sender_seq);
        }
    }

    /// Marks what an UPDATE or CANCEL of ours names, so that a chain does not fork.
    fn follow(&mut self, header: &Header) -> Result<(), FoldError> {
        let (Action::Update | Action::Cancel, Some(before)) = (header.action, header.preceding_message_id) else {
            return Ok(());
        };
        let Some(mut row) = self.sent(before)? else { return Ok(()) };
        row.followed_by = bytes_of(header.message_id);
        row.recalled |= header.action == Action::Cancel;
        self.put_sent(before, &row)
    }

    pub(super) fn broker_accepted(&mut self, record: &BrokerAccepted) -> Result<Outcome, FoldError> {
        let statements = record.receipts.iter().flat_map(|batch| &batch.statements);
        for (at, statement) in statements.enumerate() {
            // what cannot be read was not appended; an old record stays harmless
            let Ok(accepted) = v1::ReceiptStatement::decode(statement.clone()) else { continue };
            if let Some(id) = id_of(&accepted.message_id) {
                self.accepted(id, &accepted, statement, index(at))?;
            }
        }
        Ok(Outcome::Done)
    }

    fn accepted(
        &mut self,
        id: MessageId,
        accepted: &v1::ReceiptStatement,
        statement: &[u8],
        at: u32,
    ) -> Result<(), FoldError> {
        let Some(mut row) = self.sent(id)?.filter(|row| row.content_hash == accepted.content_hash) else {
            return self.handed_up(id);
        };
        let Ok(epoch) = accepted.epoch.as_ref().try_into().map(EpochId) else { return Ok(()) };
        let place = Position(accepted.position);
        self.dequeue(&row)?;
        if let Some(before) = accepted_key(&row, id) {
            self.rows.remove(&before)?;
        }
        if row.accepted_epoch.is_empty() {
            self.agent.unsettled += 1;
        }
        row.accepted_epoch = accepted.epoch.clone();
        row.accepted_position = place.0;
        row.accepted_at = self.at.position.0;
        row.accepted_index = at;
        // a refusal before it, of an offer that was repeated, is overtaken
        row.refused_at = 0;
        self.rows.put(&keys::accepted(epoch, place, id), Bytes::new())?;
        self.told(epoch, place);
        self.receipt(id, at, "", Stage::Accepted, statement, false)?;
        self.expect(id, accepted.stamp.as_ref())?;
        self.put_sent(id, &row)?;
        self.acks_of_ours(id, accepted)?;
        self.settle_sent(id, row)
    }

    /// One row for each recipient that the broker resolved, unless a receipt was there before the acceptance.
    fn expect(&mut self, id: MessageId, stamp: Option<&v1::Stamp>) -> Result<(), FoldError> {
        for delivery in stamp.into_iter().flat_map(|stamp| &stamp.deliveries) {
            let Ok(recipient) = delivery.jurisdiction.parse::<JurisdictionId>() else { continue };
            let key = keys::sent_delivery(id, &recipient);
            let mut row: SentDeliveryRow = self.row(&key)?.unwrap_or_else(waiting);
            row.r#as = number(delivery.r#as);
            self.put(&key, &row)?;
        }
        Ok(())
    }

    pub(super) fn broker_refused(&mut self, record: &BrokerRefused) -> Result<Outcome, FoldError> {
        let Some(id) = record.refusal.as_ref().and_then(|refusal| id_of(&refusal.message_id)) else {
            return Ok(Outcome::Done);
        };
        let Some(mut row) = self.sent(id)? else { return self.handed_up(id).map(|()| Outcome::Done) };
        self.dequeue(&row)?;
        // one that was accepted before and was only offered again keeps its acceptance: its receipts stand
        if row.accepted_epoch.is_empty() {
            row.refused_at = self.at.position.0;
            self.put_sent(id, &row)?;
            let refusal = record.refusal.as_ref();
            self.raise_task(
                task_id(TaskKind::Refused, id, None),
                &TaskRow {
                    kind: number(TaskKind::Refused.number()),
                    message_id: bytes_of(id),
                    detail: refusal.map(|refusal| cut(&refusal.reason, TEXT_BYTES)).unwrap_or_default(),
                    ..TaskRow::default()
                },
            )?;
        }
        Ok(Outcome::Done)
    }

    /// A message of ours is settled when every recipient is: then nothing of it need be offered again.
    pub(super) fn settle_sent(&mut self, id: MessageId, mut row: SentRow) -> Result<(), FoldError> {
        if row.settled || row.accepted_epoch.is_empty() {
            return Ok(());
        }
        let mut open = false;
        self.rows.each(&keys::sent_delivery_prefix(id), |_, value| {
            let delivery: SentDeliveryRow = super::decode_row(value)?;
            open |= stage_of(delivery.stage).is_none_or(|stage| stage == Stage::Accepted);
            Ok(())
        })?;
        if !open {
            row.settled = true;
            self.agent.unsettled = self.agent.unsettled.saturating_sub(1);
            self.put_sent(id, &row)?;
        }
        Ok(())
    }

    /// Puts a message back into the outbox, at its old place: the broker lost it.
    pub(super) fn offer_again(&mut self, id: MessageId, row: &SentRow) -> Result<(), FoldError> {
        self.enqueue(id, row, true)
    }

    fn enqueue(&mut self, id: MessageId, row: &SentRow, again: bool) -> Result<(), FoldError> {
        let Some(key) = outbox_key(row.precedence, row.position) else { return Ok(()) };
        if self.rows.get(&key)?.is_none() {
            self.agent.queued += 1;
        }
        self.put(&key, &OutboxRow { message_id: bytes_of(id), bytes: row.bytes, again, carried: false })?;
        self.rung.outbox = true;
        Ok(())
    }

    fn dequeue(&mut self, row: &SentRow) -> Result<(), FoldError> {
        let Some(key) = outbox_key(row.precedence, row.position) else { return Ok(()) };
        if self.rows.get(&key)?.is_some() {
            self.agent.queued = self.agent.queued.saturating_sub(1);
            self.rows.remove(&key)?;
        }
        Ok(())
    }

    pub(super) fn sent(&self, id: MessageId) -> Result<Option<SentRow>, FoldError> {
        self.row(&keys::sent(id))
    }

    fn put_sent(&mut self, id: MessageId, row: &SentRow) -> Result<(), FoldError> {
        self.put(&keys::sent(id), row)
    }
}

/// A recipient of whom nothing is proved yet.
pub(super) fn waiting() -> SentDeliveryRow {
    SentDeliveryRow { stage: number(Stage::Accepted.number()), ..SentDeliveryRow::default() }
}

/// Where the message of the record at `position` waits for the broker.
pub(super) fn outbox_key(precedence: u32, position: u64) -> Option<Vec<u8>> {
    let precedence = i32::try_from(precedence).ok().and_then(Precedence::from_number)?;
    Some(keys::outbox(precedence, Position(position)))
}

/// Where an accepted message stands by its place in the broker's journal.
fn accepted_key(row: &SentRow, id: MessageId) -> Option<Vec<u8>> {
    let epoch = EpochId(row.accepted_epoch.as_ref().try_into().ok()?);
    Some(keys::accepted(epoch, Position(row.accepted_position), id))
}

fn read_own(envelope: Option<&v1::Envelope>) -> Result<Read, FoldError> {
    let envelope = envelope.ok_or_else(|| FoldError::new("a queued record without envelope"))?;
    message::read(envelope).map_err(|invalid| FoldError::new(format!("an envelope of ours cannot be read: {invalid}")))
}
