//! What was received, and what people did with it. Inbox entry, dedupe and DELIVERED receipt are one record, so a cut
//! leaves all of them or none.

use model::{
    header::Action,
    ids::MessageId,
    position::{EpochId, Position},
    stage::{As, Stage},
};
use prost::Message as _;
use proto::{
    record::{Attested, Delivered, EarlyCancelRow, ListRow, OtherActRow, OutboxRow, Received, ReceivedRow},
    v1,
};
use store::FoldError;

use super::{
    Folding, Outcome, bytes_of, decode_row, duties, hash_of, id_of, index, keys,
    matters::{Knock, TEXT_BYTES, cut},
    number, stage_of,
};
use crate::message::{self, Read};

/// More authors than this do not cancel one message that has not come yet.
const EARLY_CANCELS_MAX: usize = 1_024;

impl Folding<'_, '_> {
    /// The receipts of a record stand in the order of its deliveries. One that was here before (two sessions may overlap)
    /// changes nothing, and its receipt is not sent: the first one's is.
    pub(super) fn received(&mut self, record: &Received) -> Result<Outcome, FoldError> {
        let statements: &[bytes::Bytes] = record.receipts.as_ref().map_or(&[], |batch| &batch.statements);
        let mut any = false;
        for (at, (delivery, statement)) in record.deliveries.iter().zip(statements).enumerate() {
            any |= self.one_received(delivery, statement, index(at))?;
        }
        if any {
            self.keep_record(self.at.position)?;
        }
        Ok(Outcome::Done)
    }

    fn one_received(&mut self, delivery: &Delivered, statement: &[u8], at: u32) -> Result<bool, FoldError> {
        // what cannot be read is declined and never journalled as received
        let Some(read) = delivery.envelope.as_ref().and_then(|envelope| message::read(envelope).ok()) else {
            return Ok(false);
        };
        let id = read.header.message_id;
        if self.received_row(id)?.is_some() && !store::seeded::has("dedupe-not-persisted") {
            return Ok(false);
        }
        let recipient = v1::ReceiptStatement::decode(statement).map(|said| said.recipient).unwrap_or_default();
        let mut row = self.new_row(&read, delivery, at);
        row.last_receipt = hash_of(statement);
        row.r#as = came_as(delivery, &recipient);
        self.list_received(&read, &row)?;
        let stage = stage_of(row.stage).unwrap_or(Stage::Delivered);
        self.receipt(id, at, &recipient, stage, statement, false)?;
        self.cancel_early(&read, &mut row)?;
        if row.refused.is_empty() {
            self.breaches_known(id)?;
            let accepted_at = duties::accepted_at(delivery.stamp.as_ref()).unwrap_or(self.at.time);
            let contradicted = self.contradicted(&read.header)?;
            row.matter = self.knock(&Knock::of(&read, accepted_at, row.cursor, false))?;
            self.compare(&read.header, &contradicted)?;
            if let Some(stamp) = &delivery.stamp {
                self.replies_owed(&row.matter, id, read.header.kind, stamp)?;
            }
            self.ack_of_theirs(&read.header, delivery.stamp.as_ref(), &recipient)?;
            self.file_in_drill(&read.header, &row.matter, row.cursor, false)?;
            self.after_abort(&read.header, &row.matter)?;
            self.noticed(&read)?;
        }
        self.put(&keys::received(id), &row)?;
        if is_to_hand_up(delivery) {
            let bytes = delivery.envelope.as_ref().map_or(0, |envelope| envelope.content.len() as u64);
            self.hand_up(id, &row, bytes)?;
        }
        if let Some(place) = &delivery.place
            && let Ok(epoch) = place.epoch.as_ref().try_into()
        {
            self.told(EpochId(epoch), Position(place.position));
        }
        Ok(true)
    }

    fn new_row(&self, read: &Read, delivery: &Delivered, at: u32) -> ReceivedRow {
        let header = &read.header;
        let stage = if delivery.refused.is_empty() { Stage::Delivered } else { Stage::Refused };
        ReceivedRow {
            position: self.at.position.0,
            index: at,
            content_hash: read.content_hash.0.to_vec().into(),
            sender: header.sender.jurisdiction.to_string(),
            kind: number(header.kind.number()),
            status: number(header.status.number()),
            precedence: number(header.precedence.number()),
            originating: bytes_of(header.thread()),
            revision: header.revision,
            stage: number(stage.number()),
            refused: delivery.refused.clone(),
            r#as: number(As::To.number()),
            cursor: keys::cursor(self.at.position, at),
            at: self.now_ms(),
            expires_at: header.expires_at.millis(),
            incident: header.incident_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            ..ReceivedRow::default()
        }
    }

    /// What came on a bundle before the broker had it waits for the broker, among messages of ours. It stands in a record of
    /// its own, so its place in the outbox is nobody else's.
    fn hand_up(&mut self, id: MessageId, row: &ReceivedRow, bytes: u64) -> Result<(), FoldError> {
        let Some(key) = super::outbox::outbox_key(row.precedence, row.position) else { return Ok(()) };
        self.agent.queued += 1;
        self.rung.outbox = true;
        self.put(&key, &OutboxRow { message_id: bytes_of(id), bytes, again: false, carried: true })
    }

    /// The broker has taken charge of what we handed up, or never will.
    pub(super) fn handed_up(&mut self, id: MessageId) -> Result<(), FoldError> {
        let Some(row) = self.received_row(id)? else { return Ok(()) };
        let Some(key) = super::outbox::outbox_key(row.precedence, row.position) else { return Ok(()) };
        if self.row::<OutboxRow>(&key)?.is_some_and(|waits| waits.carried) {
            self.agent.queued = self.agent.queued.saturating_sub(1);
            self.rows.remove(&key)?;
        }
        Ok(())
    }

    /// Inbox, unopened and thread; a refused one is kept for the record and stands in no list.
    fn list_received(&mut self, read: &Read, row: &ReceivedRow) -> Result<(), FoldError> {
        if !row.refused.is_empty() {
            return Ok(());
        }
        let line = ListRow { message_id: bytes_of(read.header.message_id), sent: false };
        self.put(&keys::listed(keys::table::INBOX, row.cursor), &line)?;
        self.put(&keys::listed(keys::table::UNOPENED, row.cursor), &line)?;
        self.agent.unopened += 1;
        self.file(&read.header, row.cursor, false)
    }

    /// A CANCEL marks what it names, if both are of one author; one that comes first is remembered.
    fn cancel_early(&mut self, read: &Read, row: &mut ReceivedRow) -> Result<(), FoldError> {
        let header = &read.header;
        if !row.refused.is_empty() {
            return Ok(());
        }
        let early = keys::early_cancel_prefix(header.message_id);
        let own = keys::early_cancel(header.message_id, &header.sender.jurisdiction);
        for (key, _) in self.rows.scan(&early, &early, EARLY_CANCELS_MAX)? {
            row.recalled |= key == own;
            self.rows.remove(&key)?;
        }
        let (Action::Cancel, Some(target)) = (header.action, header.preceding_message_id) else { return Ok(()) };
        match self.received_row(target)? {
            Some(mut cancelled) if cancelled.sender == row.sender => {
                cancelled.recalled = true;
                self.put(&keys::received(target), &cancelled)
            }
            Some(_) => Ok(()),
            None => {
                let key = keys::early_cancel(target, &header.sender.jurisdiction);
                self.put(&key, &EarlyCancelRow { author: row.sender.clone() })
            }
        }
    }

    /// A person opened, acknowledged or promised an answer. Whoever was first counts; who comes second is shown the
    /// receipt of the first.
    pub(super) fn attested(&mut self, record: &Attested) -> Result<Outcome, FoldError> {
        let statements: &[bytes::Bytes] = record.receipts.as_ref().map_or(&[], |batch| &batch.statements);
        let (mut places, mut any) = (Vec::with_capacity(statements.len()), false);
        for (at, bytes) in statements.iter().enumerate() {
            let (place, new) = self.one_attested(bytes, index(at))?;
            any |= new;
            places.push(place);
        }
        if any {
            self.keep_record(self.at.position)?;
        }
        Ok(Outcome::Attested(places))
    }

    fn one_attested(&mut self, bytes: &[u8], at: u32) -> Result<(Option<(Position, u32)>, bool), FoldError> {
        let Ok(statement) = v1::ReceiptStatement::decode(bytes) else { return Ok((None, false)) };
        let (Some(id), Some(stage)) = (id_of(&statement.message_id), Stage::from_number(statement.stage)) else {
            return Ok((None, false));
        };
        let Some(mut row) = self.received_row(id)? else { return Ok((None, false)) };
        let now = stage_of(row.stage).unwrap_or(Stage::Refused);
        if now.is_negative() || stage.is_negative() || stage <= now {
            self.came_after(id, stage, &statement)?;
            return Ok((self.newest_own_receipt(id)?, false));
        }
        self.receipt(id, at, &statement.recipient, stage, bytes, false)?;
        row.stage = number(stage.number());
        row.last_receipt = hash_of(bytes);
        if now == Stage::Delivered {
            self.rows.remove(&keys::listed(keys::table::UNOPENED, row.cursor))?;
            self.agent.unopened = self.agent.unopened.saturating_sub(1);
        }
        self.put(&keys::received(id), &row)?;
        if let Ok(us) = statement.recipient.parse() {
            let when = duties::time_of(statement.at).unwrap_or(self.at.time);
            self.stage_proved(id, &us, stage, when)?;
        }
        Ok((Some((self.at.position, at)), true))
    }

    /// Who opens or acknowledges after somebody else stands in this log alone.
    fn came_after(&mut self, id: MessageId, stage: Stage, said: &v1::ReceiptStatement) -> Result<(), FoldError> {
        let Some(officer) = said.officer.as_ref().filter(|_| !stage.is_negative()) else { return Ok(()) };
        let key = keys::other_act(id, stage, officer);
        if self.rows.get(&key)?.is_some() {
            return Ok(());
        }
        let row = OtherActRow {
            name: cut(&officer.name, TEXT_BYTES),
            role: number(officer.role),
            at: duties::time_of(said.at).unwrap_or(self.at.time).millis(),
            note: cut(&said.note, TEXT_BYTES),
        };
        self.put(&key, &row)
    }

    /// The receipt of the stage that the message stands at.
    fn newest_own_receipt(&self, id: MessageId) -> Result<Option<(Position, u32)>, FoldError> {
        let mut newest = None;
        self.rows.each(&keys::receipt_prefix(id), |key, value| {
            let row: proto::record::ReceiptRow = decode_row(value)?;
            if newest.as_ref().is_none_or(|(stage, _)| row.stage >= *stage) {
                newest = Some((row.stage, keys::receipt_place(key)));
            }
            Ok(())
        })?;
        Ok(newest.and_then(|(_, place)| place))
    }

    pub(super) fn received_row(&self, id: MessageId) -> Result<Option<ReceivedRow>, FoldError> {
        self.row(&keys::received(id))
    }
}

/// As what the broker handed it to us: what its stamp says, else as addressed.
fn came_as(delivery: &Delivered, recipient: &str) -> u32 {
    let stamped = delivery.stamp.iter().flat_map(|stamp| &stamp.deliveries);
    let ours = stamped.into_iter().find(|stamped| stamped.jurisdiction == recipient);
    ours.map_or(number(As::To.number()), |stamped| number(stamped.r#as))
}

/// Whether the broker is to have it from us: it came on a bundle that knew of no acceptance.
fn is_to_hand_up(delivery: &Delivered) -> bool {
    delivery.transport() == v1::Transport::Carried && delivery.stamp.is_none() && delivery.refused.is_empty()
}
