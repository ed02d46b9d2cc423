//! What the fold counts in memory beside its rows: depths of mailboxes, which origins wait, whom to wake. All of it is
//! made again from the rows when the store opens.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use model::{
    histogram::Histogram,
    ids::JurisdictionId,
    precedence::{PerPrecedence, Precedence},
    time::Timestamp,
};
use proto::record::WaitingRow;
use store::{FoldError, Rows};
use tokio::sync::Notify;

use super::{
    decode_row,
    keys::{self, WaitingKey},
};

/// One class of a mailbox's schedule: precedence first, real before exercise.
pub type Class = (Precedence, bool);

/// What waits in one class of one mailbox.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Deliveries.
    pub deliveries: u64,
    /// Bytes of content.
    pub bytes: u64,
    /// Deliveries by origin; no origin with none.
    pub origins: BTreeMap<JurisdictionId, u64>,
}

/// Counters of every mailbox.
#[derive(Debug, Default)]
pub struct State {
    mailboxes: HashMap<JurisdictionId, BTreeMap<Class, Counts>>,
    dead: HashMap<JurisdictionId, u64>,
    woken: BTreeSet<JurisdictionId>,
    /// Envelopes accepted and refused since the start, for the metrics.
    pub tallies: Tallies,
}

/// Totals since the start, for the metrics; no row depends on them.
#[derive(Clone, Debug)]
pub struct Tallies {
    /// Accepted, by kind, precedence and status as the contract numbers them.
    pub accepted: BTreeMap<(u32, u32, u32), u64>,
    /// Refused by the fold, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Receipts, by stage as the contract numbers it.
    pub receipts: BTreeMap<u32, u64>,
    /// Duplicates of accepted envelopes.
    pub duplicates: u64,
    /// From ACCEPTED to DELIVERED, in milliseconds, by the precedence they were carried with.
    pub delivered_ms: Arc<PerPrecedence<Histogram>>,
}

/// Bounds for times of delivery, in milliseconds: 10 ms to a day.
const DELIVERED_MS: &[u64] = &[
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000, 14_400_000,
    86_400_000,
];

impl Default for Tallies {
    fn default() -> Self {
        let delivered_ms = Arc::new(PerPrecedence::from_fn(|_| Histogram::new(DELIVERED_MS)));
        let (accepted, refused, receipts) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { accepted, refused, receipts, duplicates: 0, delivered_ms }
    }
}

impl State {
    /// Counts what the rows hold.
    pub fn load(rows: &Rows<'_>) -> Result<Self, FoldError> {
        let mut state = Self::default();
        rows.each(&[keys::table::WAITING], |key, value| {
            let waiting = decode_row::<WaitingRow>(value)?;
            if let Some(key) = WaitingKey::decode(key) {
                state.waits(&key, waiting.bytes);
            }
            Ok(())
        })?;
        rows.each(&[keys::table::DEAD], |key, _| {
            if let Some(mailbox) = keys::dead_mailbox(key) {
                *state.dead.entry(mailbox).or_default() += 1;
            }
            Ok(())
        })?;
        state.woken.clear();
        Ok(state)
    }

    /// The classes of a mailbox in which something waits.
    pub fn mailbox(&self, mailbox: &JurisdictionId) -> Option<&BTreeMap<Class, Counts>> {
        self.mailboxes.get(mailbox)
    }

    /// Every mailbox in which something waits.
    pub fn mailboxes(&self) -> impl Iterator<Item = (&JurisdictionId, &BTreeMap<Class, Counts>)> {
        self.mailboxes.iter()
    }

    /// Dead letters of a mailbox.
    pub fn dead(&self, mailbox: &JurisdictionId) -> u64 {
        self.dead.get(mailbox).copied().unwrap_or(0)
    }

    /// A delivery waits now.
    pub(super) fn waits(&mut self, key: &WaitingKey, bytes: u64) {
        let counts =
            self.mailboxes.entry(key.mailbox.clone()).or_default().entry((key.precedence, key.exercise)).or_default();
        counts.deliveries += 1;
        counts.bytes += bytes;
        *counts.origins.entry(key.origin.clone()).or_default() += 1;
        self.woken.insert(key.mailbox.clone());
    }

    /// A delivery waits no longer.
    pub(super) fn left(&mut self, key: &WaitingKey, bytes: u64) {
        let Some(classes) = self.mailboxes.get_mut(&key.mailbox) else { return };
        let class = (key.precedence, key.exercise);
        if let Some(counts) = classes.get_mut(&class) {
            counts.deliveries = counts.deliveries.saturating_sub(1);
            counts.bytes = counts.bytes.saturating_sub(bytes);
            let left = counts.origins.get(&key.origin).map_or(0, |count| count.saturating_sub(1));
            if left == 0 {
                counts.origins.remove(&key.origin);
            } else {
                counts.origins.insert(key.origin.clone(), left);
            }
            if counts.deliveries == 0 {
                classes.remove(&class);
            }
        }
        if classes.is_empty() {
            self.mailboxes.remove(&key.mailbox);
        }
    }

    /// A letter died, or came back to life.
    pub(super) fn dead_changed(&mut self, mailbox: &JurisdictionId, died: bool) {
        let count = self.dead.entry(mailbox.clone()).or_default();
        *count = if died { *count + 1 } else { count.saturating_sub(1) };
    }

    /// Something for `jurisdiction` is there.
    pub(super) fn wake(&mut self, jurisdiction: &JurisdictionId) {
        self.woken.insert(jurisdiction.clone());
    }

    /// Whom to wake, once.
    pub(super) fn take_woken(&mut self) -> BTreeSet<JurisdictionId> {
        std::mem::take(&mut self.woken)
    }
}

/// Bells of the sessions: one for each jurisdiction.
#[derive(Debug, Default)]
pub struct Wakes(Mutex<HashMap<JurisdictionId, Arc<Notify>>>);

impl Wakes {
    /// The bell of `jurisdiction`.
    pub fn bell(&self, jurisdiction: &JurisdictionId) -> Arc<Notify> {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bells.entry(jurisdiction.clone()).or_default().clone()
    }

    /// Rings the bells of `woken`; a bell that nobody waits at is remembered once.
    pub(super) fn wake(&self, woken: &BTreeSet<JurisdictionId>) {
        if woken.is_empty() {
            return;
        }
        let bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        woken.iter().filter_map(|jurisdiction| bells.get(jurisdiction)).for_each(|bell| bell.notify_one());
    }
}

/// Milliseconds in a row as a point in time.
pub fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}
