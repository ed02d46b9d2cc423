//! Receipts of ours on their way to the broker's disk.

use std::{
    collections::BTreeMap,
    sync::{Arc, MutexGuard, PoisonError},
};

use journal::{Lane, Record};
use model::{invalid::Invalid, position::Position};
use proto::{
    record::{Attested, ConfirmKept, ReceiptsReceived, Received, kind},
    v1::{self, session_request::Frame as Tell},
};

use super::session::{Session, Work};
use crate::{
    desk::{decode, rows},
    fold::query,
};

/// Records that are looked at in one go.
const PAGE: usize = 256;

/// Confirms of this session.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    number: u64,
    /// Which records each confirm answers for.
    waiting: BTreeMap<u64, Vec<u64>>,
    cumulative_tag: u64,
    /// Tags beyond it.
    selective: std::collections::BTreeSet<u64>,
}

impl Keeping {
    fn stored(&mut self, tags: impl IntoIterator<Item = u64>) {
        self.selective.extend(tags);
        while self.selective.remove(&(self.cumulative_tag + 1)) {
            self.cumulative_tag += 1;
        }
    }
}

impl Session {
    /// Says which deliveries are stored here, with their receipts, which stand in the record at `at`.
    pub(super) fn confirm(&self, tags: Vec<u64>, at: Option<Position>, receipts: v1::ReceiptBatch) {
        self.hand_in(tags, at, v1::Confirm { receipts: Some(receipts), ..v1::Confirm::default() });
    }

    fn hand_in(&self, tags: Vec<u64>, at: Option<Position>, receipts: v1::Confirm) {
        let mut keeping = self.keeping();
        keeping.number += 1;
        keeping.stored(tags);
        let number = keeping.number;
        if let Some(at) = at {
            keeping.waiting.insert(number, vec![at.0]);
        }
        let confirm = v1::Confirm {
            number,
            cumulative_tag: keeping.cumulative_tag,
            selective_tags: keeping.selective.iter().copied().take(1_024).collect(),
            ..receipts
        };
        // said under the lock, so that numbers rise on the wire
        self.outgoing.say(Tell::Confirm(confirm));
    }

    /// Tags that will never be stored: they were declined.
    pub(super) fn passed_over(&self, tags: impl Iterator<Item = u64>) {
        self.keeping().stored(tags);
    }

    fn keeping(&self) -> MutexGuard<'_, Keeping> {
        self.keeping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends receipts that the broker does not keep yet: first what is left of earlier sessions, then whatever people sign.
    pub(super) async fn keep(&self) -> Result<(), Invalid> {
        let (mut after, mut first_round) = (Position::START, true);
        let last_before = self.desk.folded();
        loop {
            let bell = self.desk.bells.confirms.notified();
            let page = self.desk.engine.read(|_, found| query::to_keep(found, after, PAGE)).map_err(rows)?;
            for at in &page {
                after = *at;
                first_round &= *at <= last_before;
                self.outgoing.room().await;
                if let Err(problem) = self.keep_one(*at, first_round) {
                    tracing::error!(%at, %problem, "receipts in a record that cannot be read stay here");
                }
            }
            if page.len() < PAGE {
                bell.await;
            }
        }
    }

    /// Deliveries of this session are confirmed where they are stored; of them only those of earlier sessions count here.
    fn keep_one(&self, at: Position, earlier: bool) -> Result<(), Invalid> {
        let record = self.desk.raw(at)?;
        let signed = |receipts| v1::Confirm { receipts, ..v1::Confirm::default() };
        let confirm = match record.kind {
            kind::ATTESTED => signed(decode::<Attested>(&record)?.receipts),
            kind::RECEIVED if earlier || came_by_itself(&record)? => signed(decode::<Received>(&record)?.receipts),
            kind::RECEIPTS_RECEIVED => {
                let carried = decode::<ReceiptsReceived>(&record)?.receipts;
                v1::Confirm { carried, ..v1::Confirm::default() }
            }
            _ => return Ok(()),
        };
        if confirm.receipts.is_some() || !confirm.carried.is_empty() {
            self.hand_in(Vec::new(), Some(at), confirm);
        }
        Ok(())
    }

    /// Confirms up to a number survive a power cut of the broker.
    pub(super) fn confirm_stored(self: &Arc<Self>, stored: v1::ConfirmStored) -> Option<Work> {
        let mut keeping = self.keeping();
        let later = keeping.waiting.split_off(&(stored.number + 1));
        let done = std::mem::replace(&mut keeping.waiting, later);
        drop(keeping);
        let records: Vec<u64> = done.into_values().flatten().collect();
        if records.is_empty() {
            return None;
        }
        let desk = self.desk.clone();
        let kept = ConfirmKept { kept: Vec::new(), place: stored.place, records };
        Some(Box::pin(async move { desk.write(kind::CONFIRM_KEPT, &kept, Lane::Settling).await }))
    }
}

/// Whether no session confirmed it: it came on a bundle.
fn came_by_itself(record: &Record) -> Result<bool, Invalid> {
    let received = decode::<Received>(record)?;
    Ok(received
        .deliveries
        .iter()
        .any(|delivery| delivery.transport() == v1::Transport::Carried && delivery.place.is_none()))
}
