//! A delivery waits and its record on disk is damaged: it goes on waiting, its origin is asked for the envelope, and
//! what comes back is written anew and handed over. An origin keeps what it sent until every recipient has it; one that
//! has it no more says so, and only then is the delivery a dead letter. Where no answer ever comes, the message expires.
//!
//! What is asked for is kept in memory alone: after a start whoever reads the mailbox meets the damage again.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use journal::{JournalError, Lane, Record};
use model::{
    header::Header,
    ids::{Digest, JurisdictionId, MessageId},
    limits,
    position::Position,
    reason::Reason,
    stage::Stage,
};
use prost::Message as _;
use proto::record::{FailedTry, MessageRow, Tried, kind};

use super::{
    Relay,
    fold::{envelope_at, stage_of},
};

/// Ids of one frame.
const ASKS_MAX: usize = 64;

/// A waiting delivery whose record cannot be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lost {
    /// Who sent it.
    pub origin: JurisdictionId,
    /// Which message.
    pub id: MessageId,
}

/// Envelopes that are asked for, each with the session that was asked, by origin.
type Wanted = HashMap<JurisdictionId, BTreeMap<MessageId, Option<u64>>>;

/// What the broker lost and wants again.
#[derive(Debug, Default)]
pub struct Mending {
    wanted: Mutex<Wanted>,
    lost: AtomicU64,
    mended: AtomicU64,
    buried: AtomicU64,
}

impl Mending {
    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True when it was not wanted before.
    fn want(&self, lost: &Lost) -> bool {
        let is_new = self.lock().entry(lost.origin.clone()).or_default().insert(lost.id, None).is_none();
        self.lost.fetch_add(u64::from(is_new), Relaxed);
        is_new
    }

    /// Whether `origin` is asked for `id`.
    pub fn wants(&self, origin: &JurisdictionId, id: MessageId) -> bool {
        self.lock().get(origin).is_some_and(|wanted| wanted.contains_key(&id))
    }

    /// What `origin` has not been asked for in this session; from now on it has.
    fn ask(&self, origin: &JurisdictionId, session: u64) -> Vec<MessageId> {
        let mut all = self.lock();
        let Some(wanted) = all.get_mut(origin) else { return Vec::new() };
        let fresh = wanted.iter_mut().filter(|(_, asked)| **asked != Some(session)).take(ASKS_MAX);
        fresh.map(|(id, asked)| (*asked = Some(session), *id).1).collect()
    }

    /// What came could not be taken just now; it is asked for once more.
    pub fn ask_again(&self, origin: &JurisdictionId, id: MessageId) {
        if let Some(asked) = self.lock().get_mut(origin).and_then(|wanted| wanted.get_mut(&id)) {
            *asked = None;
        }
    }

    fn over(&self, origin: &JurisdictionId, id: MessageId) {
        let mut all = self.lock();
        if let Some(wanted) = all.get_mut(origin) {
            wanted.remove(&id);
            if wanted.is_empty() {
                all.remove(origin);
            }
        }
    }

    /// Lines for the metrics.
    pub fn write(&self, page: &mut String) -> std::fmt::Result {
        let wanted: usize = self.lock().values().map(BTreeMap::len).sum();
        page.push_str("# HELP liandong_envelopes_wanted Damaged envelopes that their origins are asked for.\n");
        writeln!(page, "# TYPE liandong_envelopes_wanted gauge\nliandong_envelopes_wanted {wanted}")?;
        page.push_str(
            "# HELP liandong_envelopes_damaged Damaged envelopes met since the start, and what became of them.\n",
        );
        page.push_str("# TYPE liandong_envelopes_damaged counter\n");
        for (name, count) in [("met", &self.lost), ("repaired", &self.mended), ("dead", &self.buried)] {
            writeln!(page, "liandong_envelopes_damaged_total{{outcome=\"{name}\"}} {}", count.load(Relaxed))?;
        }
        Ok(())
    }
}

impl Relay {
    /// Wants these again and rings their origins' bells.
    pub fn miss(&self, lost: &[Lost]) {
        for lost in lost.iter().filter(|lost| self.mending.want(lost)) {
            let Lost { origin, id } = lost;
            tracing::error!(%origin, message = %id, "an envelope that waits is damaged; its origin is asked for it");
            self.wakes.bell(&lost.origin).notify_one();
        }
    }

    /// What `origin` is to be asked for in `session`: what still waits and is still damaged.
    pub fn asks(&self, origin: &JurisdictionId, session: u64) -> Vec<MessageId> {
        let mut asks = self.mending.ask(origin, session);
        asks.retain(|id| {
            let is_lost = self.open_row(*id).is_some_and(|row| self.is_damaged(&row));
            if !is_lost {
                self.mending.over(origin, *id);
            }
            is_lost
        });
        asks
    }

    /// Whether this is the content of an envelope that was asked for and is still damaged.
    pub(super) fn mends(&self, header: &Header, content_hash: &Digest) -> bool {
        self.mending.wants(&header.sender.jurisdiction, header.message_id)
            && self
                .open_row(header.message_id)
                .is_some_and(|row| row.content_hash.as_ref() == content_hash.0.as_slice() && self.is_damaged(&row))
    }

    /// An envelope was written anew.
    pub(super) fn mended(&self, header: &Header) {
        self.mending.over(&header.sender.jurisdiction, header.message_id);
        self.mending.mended.fetch_add(1, Relaxed);
        let (origin, message) = (&header.sender.jurisdiction, header.message_id);
        tracing::info!(%origin, %message, "a damaged envelope came again from its origin and is repaired");
    }

    /// `origin` has these no more: what was wanted of them becomes dead letters, and `origin` is told by receipts.
    pub async fn bury(&self, origin: &JurisdictionId, ids: Vec<MessageId>) -> Result<(), store::AppendError> {
        for id in ids.into_iter().filter(|id| self.mending.wants(origin, *id)) {
            let row = self.open_row(id).filter(|row| self.is_damaged(row));
            let records: Vec<_> = row.iter().flat_map(|row| self.last_tries(id, row)).collect();
            for records in records.chunks(limits::COMMIT_RECORDS_MAX) {
                self.engine.append(records.to_vec(), Lane::Settling).await?;
            }
            if row.is_some() {
                tracing::error!(%origin, message = %id, "a damaged envelope is lost: its origin has it no more");
                self.mending.buried.fetch_add(1, Relaxed);
            }
            self.mending.over(origin, id);
        }
        Ok(())
    }

    /// All tries at once for every recipient that waits: none would go better.
    fn last_tries(&self, id: MessageId, row: &MessageRow) -> Vec<Record> {
        let reason = Reason::Internal.code().to_owned();
        let tries = vec![FailedTry { message_id: id.0.to_vec().into(), reason }; limits::TRIES_MAX as usize];
        let waits = row.deliveries.iter().filter(|delivery| stage_of(delivery) == Stage::Accepted);
        waits
            .map(|delivery| {
                let tried = Tried { jurisdiction: delivery.jurisdiction.clone(), tries: tries.clone() };
                Record::new(kind::TRIED, self.clock.now(), tried.encode_to_vec())
            })
            .collect()
    }

    fn open_row(&self, id: MessageId) -> Option<MessageRow> {
        let found = self.engine.read(|_, rows| super::fold::message(rows, id));
        let found = found.inspect_err(|error| tracing::error!(%error, message = %id, "a row cannot be read")).ok()?;
        found.filter(|(_, open)| *open).map(|(row, _)| row)
    }

    fn is_damaged(&self, row: &MessageRow) -> bool {
        let record = self.engine.record(Position(envelope_at(row)));
        matches!(record, Err(JournalError::Damaged(_) | JournalError::Missing(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(id: u8) -> Lost {
        Lost { origin: "371300".parse().unwrap(), id: MessageId([id; 16]) }
    }

    #[test]
    fn each_session_is_asked_once_unless_what_came_could_not_be_taken() {
        let (mending, one) = (Mending::default(), lost(1));
        assert!(mending.want(&one) && !mending.want(&one));

        assert_eq!(mending.ask(&one.origin, 7), [one.id]);
        assert_eq!(mending.ask(&one.origin, 7), []);
        mending.ask_again(&one.origin, one.id);
        assert_eq!(mending.ask(&one.origin, 7), [one.id]);
        assert_eq!(mending.ask(&one.origin, 8), [one.id], "the next session");
        mending.over(&one.origin, one.id);
        assert!(!mending.wants(&one.origin, one.id) && mending.ask(&one.origin, 9).is_empty());
    }

    #[test]
    fn others_are_never_asked() {
        let mending = Mending::default();
        mending.want(&lost(1));
        assert_eq!(mending.ask(&"320300".parse().unwrap(), 1), []);
        assert!(!mending.wants(&"320300".parse().unwrap(), lost(1).id));
    }
}
