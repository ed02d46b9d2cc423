//! What desk and link ask of the rows.

use model::{
    ids::{DocumentId, JurisdictionId, MessageId},
    position::{EpochId, Position},
    precedence::Precedence,
};
use proto::record::{CachedRow, ListRow, OutboxRow, ReceiptRow, ReceivedRow, SentDeliveryRow, SentRow};
use store::{FoldError, Rows};

use super::{decode_row, keys};

/// A receipt and where it stands in the journal.
#[derive(Clone, Debug)]
pub struct Filed {
    /// What the row says.
    pub row: ReceiptRow,
    /// Its record.
    pub at: Position,
    /// Which one in it.
    pub index: u32,
}

/// A message of ours.
pub fn sent(rows: &Rows<'_>, id: MessageId) -> Result<Option<SentRow>, FoldError> {
    rows.get(&keys::sent(id))?.map(|bytes| decode_row(&bytes)).transpose()
}

/// A message from another.
pub fn received(rows: &Rows<'_>, id: MessageId) -> Result<Option<ReceivedRow>, FoldError> {
    rows.get(&keys::received(id))?.map(|bytes| decode_row(&bytes)).transpose()
}

/// Messages of ours that the broker accepted and that are not settled.
pub fn unsettled(rows: &Rows<'_>) -> Result<Vec<MessageId>, FoldError> {
    let mut ids = Vec::new();
    rows.each(&[keys::table::ACCEPTED], |key, _| {
        ids.extend(keys::accepted_parts(key).map(|(_, _, id)| id));
        Ok(())
    })?;
    ids.retain(|id| matches!(sent(rows, *id), Ok(Some(row)) if !row.settled));
    Ok(ids)
}

/// How far each recipient of a message of ours is.
pub fn deliveries(rows: &Rows<'_>, id: MessageId) -> Result<Vec<(JurisdictionId, SentDeliveryRow)>, FoldError> {
    let mut found = Vec::new();
    rows.each(&keys::sent_delivery_prefix(id), |key, value| {
        if let Some(recipient) = keys::sent_delivery_recipient(key) {
            found.push((recipient, decode_row(value)?));
        }
        Ok(())
    })?;
    Ok(found)
}

/// Up to `limit` messages of one precedence that wait for the broker, in the order of their sequence, after `after`.
pub fn outbox(
    rows: &Rows<'_>,
    precedence: Precedence,
    after: Position,
    limit: usize,
) -> Result<Vec<(Position, OutboxRow)>, FoldError> {
    let from = keys::outbox(precedence, after.next());
    let found = rows.scan(&keys::outbox_prefix(precedence), &from, limit)?;
    let entry = |(key, value): (bytes::Bytes, bytes::Bytes)| Some((keys::outbox_position(&key)?, decode_row(&value)));
    found.into_iter().filter_map(entry).map(|(at, row)| row.map(|row| (at, row))).collect()
}

/// Up to `limit` lines of a list, newest first, before the cursor `before` (0: from the newest).
pub fn list(rows: &Rows<'_>, table: u8, before: u64, limit: usize) -> Result<Vec<(u64, ListRow)>, FoldError> {
    let from = if before == 0 { vec![table] } else { keys::listed(table, before.saturating_sub(1)) };
    lines(rows.scan(&[table], &from, limit)?)
}

/// The messages of a thread, oldest first.
pub fn thread(rows: &Rows<'_>, originating: MessageId, limit: usize) -> Result<Vec<(u64, ListRow)>, FoldError> {
    let prefix = keys::thread_prefix(originating);
    let found = rows.scan(&prefix, &prefix, limit)?;
    let entry = |(key, value): (bytes::Bytes, bytes::Bytes)| Some((keys::thread_cursor(&key)?, decode_row(&value)));
    found.into_iter().filter_map(entry).map(|(cursor, row)| row.map(|row| (cursor, row))).collect()
}

/// The threads of an incident, newest first.
pub fn incident(
    rows: &Rows<'_>,
    incident: &model::ids::IncidentId,
    limit: usize,
) -> Result<Vec<(u64, ListRow)>, FoldError> {
    let prefix = keys::incident_prefix(incident);
    lines(rows.scan(&prefix, &prefix, limit)?)
}

fn lines(found: Vec<(bytes::Bytes, bytes::Bytes)>) -> Result<Vec<(u64, ListRow)>, FoldError> {
    let entry = |(key, value): (bytes::Bytes, bytes::Bytes)| Some((keys::listed_cursor(&key)?, decode_row(&value)));
    found.into_iter().filter_map(entry).map(|(cursor, row)| row.map(|row| (cursor, row))).collect()
}

/// Every receipt about a message, in the order in which they were stored.
pub fn receipts(rows: &Rows<'_>, id: MessageId) -> Result<Vec<Filed>, FoldError> {
    let mut found = Vec::new();
    rows.each(&keys::receipt_prefix(id), |key, value| {
        if let Some((at, index)) = keys::receipt_place(key) {
            found.push(Filed { row: decode_row(value)?, at, index });
        }
        Ok(())
    })?;
    Ok(found)
}

/// Up to `limit` records with receipts of ours that the broker does not keep yet, after `after`.
pub fn to_keep(rows: &Rows<'_>, after: Position, limit: usize) -> Result<Vec<Position>, FoldError> {
    let found = rows.scan(&[keys::table::KEEP], &keys::keep(after.next()), limit)?;
    Ok(found.iter().filter_map(|(key, _)| keys::keep_position(key)).collect())
}

/// The epochs of the broker's journal that are known here.
pub fn epochs(rows: &Rows<'_>) -> Result<Vec<EpochId>, FoldError> {
    let mut found = Vec::new();
    rows.each(&[keys::table::EPOCH], |key, _| {
        found.extend(keys::epoch_id(key));
        Ok(())
    })?;
    Ok(found)
}

/// The copy of a document.
pub fn document(rows: &Rows<'_>, id: &DocumentId) -> Result<Option<CachedRow>, FoldError> {
    rows.get(&keys::document(id))?.map(|bytes| decode_row(&bytes)).transpose()
}

/// Every copy of a document whose id begins so.
pub fn documents(rows: &Rows<'_>, prefix: &str) -> Result<Vec<(String, CachedRow)>, FoldError> {
    let mut found = Vec::new();
    rows.each(&[keys::table::DOCUMENT], |key, value| {
        if let Some(id) = keys::document_id(key).filter(|id| id.starts_with(prefix)) {
            found.push((id.to_owned(), decode_row(value)?));
        }
        Ok(())
    })?;
    Ok(found)
}
