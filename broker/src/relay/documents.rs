//! Reading shared documents: whole, by what changed since a token, item by item with the sealed envelope that wrote it.

use model::{
    ids::{DocumentId, JurisdictionId},
    invalid::Invalid,
    limits,
    position::Position,
    reason::Reason,
    time::Timestamp,
};
use prost::Message as _;
use proto::{
    border,
    record::{ItemRow, Submitted},
    v1,
};
use sha2::{Digest as _, Sha256};
use store::Rows;

use super::{
    BrokerEngine, Relay,
    deliver::DeliverError,
    fold::{decode_row, keys},
    line::epoch_of,
};

/// Most changes in one answer of a sync.
const SYNC_MAX: usize = 256;

/// Why a document could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The caller's mistake.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Ours.
    #[error("store")]
    Store(#[from] DeliverError),
}

impl From<store::FoldError> for DocumentError {
    fn from(error: store::FoldError) -> Self {
        Self::Store(error.into())
    }
}

/// An item's id and row.
type Item = (String, ItemRow);

impl Relay {
    /// A whole document, tombstones left out.
    pub fn document(&self, id: &DocumentId) -> Result<v1::Document, DocumentError> {
        let (items, folded) =
            self.engine.read(|_, rows| -> Result<_, store::FoldError> { Ok((items(rows, id)?, rows.folded())) })?;
        let living: Vec<&Item> = items.iter().filter(|(_, row)| !row.removed).collect();
        if living.is_empty() {
            return Err(Invalid::new(Reason::NotFound, "document_id", "document.known").into());
        }
        let mut document = summary(id, &items, token(&self.engine, folded));
        for (item_id, row) in living {
            let item = self.item(item_id, row)?;
            if item_id.is_empty() { document.head = Some(item) } else { document.items.push(item) }
        }
        Ok(document)
    }

    /// The documents whose id begins with `prefix`, without their items.
    pub fn documents(&self, prefix: &str) -> Result<Vec<v1::Document>, DocumentError> {
        let (mut all, mut folded) = (std::collections::BTreeMap::<String, Vec<Item>>::new(), Position::START);
        self.engine.read(|_, rows| -> Result<(), store::FoldError> {
            folded = rows.folded();
            rows.each(&keys::item_prefix(None), |key, value| {
                if let Some((document, item)) =
                    keys::item_parts(key).filter(|(document, _)| document.starts_with(prefix))
                {
                    all.entry(document.to_owned()).or_default().push((item.to_owned(), decode_row(value)?));
                }
                Ok(())
            })
        })?;
        let living = all.iter().filter(|(_, items)| items.iter().any(|(_, row)| !row.removed));
        let token = token(&self.engine, folded);
        Ok(living.filter_map(|(id, items)| Some(summary(&id.parse().ok()?, items, token.clone()))).collect())
    }

    /// What changed since a token, in the order of the journal.
    pub fn sync(&self, id: &DocumentId, since: &str, limit: usize) -> Result<v1::SyncResponse, DocumentError> {
        let after = self.parse_token(since)?;
        let limit = if limit == 0 { SYNC_MAX } else { limit.min(SYNC_MAX) };
        let prefix = keys::change_prefix(id);
        let from = keys::change(id, after.next());
        let (changes, items, folded) = self.engine.read(|_, rows| -> Result<_, store::FoldError> {
            Ok((rows.scan(&prefix, &from, limit + 1)?, items(rows, id)?, rows.folded()))
        })?;
        let truncated = changes.len() > limit;
        let mut answer = v1::SyncResponse { truncated, etag: etag(&items).into(), ..v1::SyncResponse::default() };
        let mut last = after;
        for (key, value) in changes.iter().take(limit) {
            last = keys::change_position(key).unwrap_or(last);
            let name = String::from_utf8_lossy(value).into_owned();
            let Some((_, row)) = items.iter().find(|(item, _)| *item == name) else { continue };
            if row.removed {
                answer.removed.push(tombstone(&name, row));
            } else {
                answer.changed.push(self.item(&name, row)?);
            }
        }
        answer.next_token = token(&self.engine, if truncated { last } else { folded.max(last) });
        Ok(answer)
    }

    /// Where a token stands. One older than tombstones are kept is refused, and one of another life of the journal: what
    /// stands at its position now is something else.
    fn parse_token(&self, text: &str) -> Result<Position, DocumentError> {
        if text.is_empty() {
            return Ok(Position::START);
        }
        let number = text.rsplit_once('.').map_or(text, |(_, position)| position);
        let at = number.parse().map(Position).map_err(|_| Invalid::code("token", "token.known"))?;
        let expired = || Invalid::new(Reason::TokenExpired, "token", "token.kept");
        if at > self.engine.journal_end() || text != token(&self.engine, at) {
            return Err(expired().into());
        }
        let written = self.engine.record(at.max(Position(1))).map_err(|_| expired())?.at;
        if written.plus(limits::TOMBSTONE) < self.clock.now() {
            return Err(expired().into());
        }
        Ok(at)
    }

    fn item(&self, item_id: &str, row: &ItemRow) -> Result<v1::DocumentItem, DocumentError> {
        let record = self.engine.record(Position(row.position)).map_err(DeliverError::from)?;
        let submitted = Submitted::decode(record.bytes).map_err(|error| store::FoldError::new(error.to_string()))?;
        Ok(v1::DocumentItem {
            item_id: item_id.to_owned(),
            etag: row.etag.clone(),
            envelope: submitted.envelope,
            author: row.author.clone(),
            changed_at: Some(border::time::to_wire(Timestamp::from_millis(row.changed_at))),
            position: row.position,
            members: i32::try_from(row.members).unwrap_or(0),
        })
    }

    /// An item as it is now; none when there is none, or only a tombstone.
    pub fn current_item(&self, id: &DocumentId, item: &str) -> Result<Option<v1::DocumentItem>, DocumentError> {
        let items = self.engine.read(|_, rows| items(rows, id))?;
        let living = items.iter().find(|(name, row)| name == item && !row.removed);
        living.map(|(name, row)| self.item(name, row)).transpose()
    }

    /// Etags of an item and its document, after a change.
    pub fn etags(&self, id: &DocumentId, item: &str) -> Result<(Vec<u8>, Vec<u8>), DocumentError> {
        let items = self.engine.read(|_, rows| items(rows, id))?;
        let mine = items.iter().find(|(name, _)| name == item).map(|(_, row)| row.etag.to_vec());
        Ok((mine.unwrap_or_default(), etag(&items)))
    }

    /// Members alone read documents.
    pub fn may_read(&self, caller: &JurisdictionId) -> Result<(), Invalid> {
        if self.trust.view().directory.has(caller) {
            Ok(())
        } else {
            Err(Invalid::new(Reason::NotFound, "document_id", "document.known"))
        }
    }
}

fn items(rows: &Rows<'_>, id: &DocumentId) -> Result<Vec<Item>, store::FoldError> {
    let mut items = Vec::new();
    rows.each(&keys::item_prefix(Some(id)), |key, value| {
        if let Some((_, item)) = keys::item_parts(key) {
            items.push((item.to_owned(), decode_row(value)?));
        }
        Ok(())
    })?;
    Ok(items)
}

/// A place in this life of the journal: its epoch and position.
fn token(engine: &BrokerEngine, at: Position) -> String {
    format!("{}.{at}", certs::signed::hex(&epoch_of(engine, at).0))
}

fn summary(id: &DocumentId, items: &[Item], token: String) -> v1::Document {
    v1::Document {
        document_id: id.to_string(),
        owner: items.first().map(|(_, row)| row.owner.clone()).unwrap_or_default(),
        etag: etag(items).into(),
        token,
        ..v1::Document::default()
    }
}

/// The document's etag: SHA-256 over its ordered (item id, etag) list, each id with its length before it.
fn etag(items: &[Item]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for (item, row) in items.iter().filter(|(_, row)| !row.removed) {
        hash.update([u8::try_from(item.len()).unwrap_or(u8::MAX)]);
        hash.update(item.as_bytes());
        hash.update(&row.etag);
    }
    hash.finalize().to_vec()
}

fn tombstone(item: &str, row: &ItemRow) -> v1::Tombstone {
    v1::Tombstone {
        item_id: item.to_owned(),
        author: row.author.clone(),
        removed_at: Some(border::time::to_wire(Timestamp::from_millis(row.changed_at))),
    }
}
