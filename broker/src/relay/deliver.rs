//! What a session is sent next: the schedule over precedences, fair rotation over origins, the receiver's credit.
//!
//! A row stays in its mailbox until a settling record exists. The pump only remembers how far it has sent each origin's
//! line in this session; a new session begins with everything that is left.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use journal::{JournalError, Record};
use model::{
    ids::{JurisdictionId, MessageId},
    in_flight::{InFlight, Sent},
    position::Position,
    precedence::{PerPrecedence, Precedence},
    schedule::Scheduler,
    stage::Stage,
};
use prost::Message as _;
use proto::{
    record::{MessageRow, Submitted, WaitingRow},
    v1,
};
use store::Rows;
use tokio::time::Instant;

use super::{
    BrokerEngine, accept,
    fold::{BrokerFold, decode_row, keys, keys::WaitingKey, stage_of},
    mend::Lost,
};

/// Most deliveries in one frame.
const FRAME_DELIVERIES_MAX: usize = 64;
/// A frame is full once it holds this many bytes of content.
const FRAME_BYTES: usize = 64 * 1024;
/// Rows that are read ahead of one origin's line.
const LOOKAHEAD: usize = 64;

/// One line of a mailbox: precedence, exercise or not, origin.
type Line = (Precedence, bool, JurisdictionId);

/// Sends one mailbox in one session.
#[derive(Debug)]
pub struct Pump {
    mailbox: JurisdictionId,
    scheduler: Scheduler,
    lines: HashMap<Line, Ahead>,
    rotation: BTreeMap<(Precedence, bool), JurisdictionId>,
    granted: PerPrecedence<Amount>,
    sent: PerPrecedence<Amount>,
    /// Bytes that are left of what was granted, for whoever looks on.
    left: Arc<PerPrecedence<AtomicU64>>,
    next_tag: u64,
    /// What was sent and not confirmed, by tag.
    sent_as: BTreeMap<u64, (MessageId, Sent)>,
    in_flight: InFlight,
    /// Chosen, but their records are damaged: by key, with their line and the place that cannot be read.
    damaged: BTreeMap<Vec<u8>, (Line, u64)>,
    /// Those of them that nobody has been told of.
    lost: Vec<Lost>,
}

/// Bytes and envelopes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Amount {
    /// Bytes of content.
    pub bytes: u64,
    /// Envelopes.
    pub envelopes: u64,
}

/// How far one origin's line was read and sent.
#[derive(Debug, Default)]
struct Ahead {
    rows: VecDeque<(WaitingKey, WaitingRow)>,
    read_through: Position,
}

/// A delivery that was chosen.
struct Chosen {
    line: Line,
    key: WaitingKey,
    waiting: WaitingRow,
    message: MessageRow,
    sent: Sent,
}

/// Why a frame could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The journal could not be read.
    #[error("journal")]
    Journal(#[from] JournalError),
    /// A row or record could not be read.
    #[error("store")]
    Fold(#[from] store::FoldError),
}

impl Pump {
    /// A pump that has sent nothing yet over a line on which `least` bytes may always be on their way, and keeps in `left`
    /// how many bytes it may still send.
    pub fn new(mailbox: JurisdictionId, left: Arc<PerPrecedence<AtomicU64>>, least: u64) -> Self {
        Self {
            mailbox,
            left,
            scheduler: Scheduler::default(),
            lines: HashMap::new(),
            rotation: BTreeMap::new(),
            granted: PerPrecedence::default(),
            sent: PerPrecedence::default(),
            next_tag: 1,
            sent_as: BTreeMap::new(),
            in_flight: InFlight::new(least, Instant::now().into_std()),
            damaged: BTreeMap::new(),
            lost: Vec::new(),
        }
    }

    /// Takes the receiver's credit: absolute totals, which never fall.
    pub fn credit(&mut self, precedence: Precedence, granted: Amount) {
        let now = self.granted.get_mut(precedence);
        now.bytes = now.bytes.max(granted.bytes);
        now.envelopes = now.envelopes.max(granted.envelopes);
        self.show_left(precedence);
    }

    fn show_left(&self, precedence: Precedence) {
        let (granted, sent) = (self.granted.get(precedence), self.sent.get(precedence));
        self.left.get(precedence).store(granted.bytes.saturating_sub(sent.bytes), Ordering::Relaxed);
    }

    /// Forgets tags that the receiver has stored.
    pub fn confirmed(&mut self, cumulative: u64, selective: &[u64]) {
        let now = Instant::now().into_std();
        let left = self.sent_as.split_off(&cumulative.saturating_add(1));
        let stored = std::mem::replace(&mut self.sent_as, left).into_values();
        let selected = selective.iter().filter_map(|tag| self.sent_as.remove(tag)).collect::<Vec<_>>();
        stored.chain(selected).for_each(|(_, sent)| self.in_flight.confirm(sent, now));
    }

    /// The message that was sent with `tag`, if it is still in flight; from now on it is not.
    pub fn declined(&mut self, tag: u64) -> Option<MessageId> {
        let (id, sent) = self.sent_as.remove(&tag)?;
        self.in_flight.confirm(sent, Instant::now().into_std());
        Some(id)
    }

    /// Sends a message of a declined tag again in this session.
    pub fn again(&mut self) {
        self.lines.clear();
        self.damaged.clear();
    }

    /// The next frame: whatever is ready, within credit. None when nothing is.
    pub fn frame(&mut self, engine: &BrokerEngine) -> Result<Option<v1::Deliveries>, DeliverError> {
        let chosen = engine.read(|fold, rows| self.choose(fold, rows))?;
        let mut deliveries = Vec::with_capacity(chosen.len());
        for chosen in chosen {
            match readable(engine.record(Position(chosen.waiting.submitted_at)).map_err(DeliverError::from))? {
                Some(record) => deliveries.push(self.delivery(record, chosen)?),
                None => self.set_aside(chosen),
            }
        }
        Ok((!deliveries.is_empty()).then_some(v1::Deliveries { deliveries }))
    }

    /// What a damaged record held nobody can be handed now; it must not hold up the rest.
    fn set_aside(&mut self, Chosen { line, key, waiting, message: _, sent: in_flight }: Chosen) {
        self.in_flight.forget(in_flight);
        let sent = self.sent.get_mut(line.0);
        sent.bytes = sent.bytes.saturating_sub(waiting.bytes);
        sent.envelopes = sent.envelopes.saturating_sub(1);
        self.show_left(line.0);
        if let Ok(id) = waiting.message_id.as_ref().try_into() {
            self.lost.push(Lost { origin: line.2.clone(), id: MessageId(id) });
        }
        self.damaged.insert(key.encode(), (line, waiting.submitted_at));
    }

    /// What turned out to stand in damaged records, since the last time.
    pub fn take_lost(&mut self) -> Vec<Lost> {
        std::mem::take(&mut self.lost)
    }

    /// Puts what was set aside and has been written anew in front of its line.
    fn take_up_mended(&mut self, rows: &Rows<'_>) -> Result<(), DeliverError> {
        let keys: Vec<_> = self.damaged.keys().cloned().collect();
        for bytes in keys {
            let waiting = rows.get(&bytes)?.map(decode_row::<WaitingRow>).transpose()?;
            let is_still_damaged =
                |damaged: &(Line, u64)| waiting.as_ref().is_some_and(|waiting| waiting.submitted_at == damaged.1);
            if self.damaged.get(&bytes).is_some_and(is_still_damaged) {
                continue;
            }
            let Some((line, _)) = self.damaged.remove(&bytes) else { continue };
            if let (Some(waiting), Some(key)) = (waiting, WaitingKey::decode(&bytes)) {
                self.lines.entry(line).or_default().rows.push_front((key, waiting));
            }
        }
        Ok(())
    }

    fn choose(&mut self, fold: &BrokerFold, rows: &Rows<'_>) -> Result<Vec<Chosen>, DeliverError> {
        self.take_up_mended(rows)?;
        let mut chosen = Vec::new();
        let mut bytes = 0;
        while chosen.len() < FRAME_DELIVERIES_MAX && bytes < FRAME_BYTES {
            let Some(next) = self.choose_one(fold, rows)? else { break };
            bytes += usize::try_from(next.waiting.bytes).unwrap_or(FRAME_BYTES);
            chosen.push(next);
        }
        Ok(chosen)
    }

    fn choose_one(&mut self, fold: &BrokerFold, rows: &Rows<'_>) -> Result<Option<Chosen>, DeliverError> {
        loop {
            let heads = self.heads(fold, rows)?;
            let waiting = PerPrecedence::from_fn(|precedence| {
                self.may_send(precedence) && heads.iter().any(|line| line.0 == precedence)
            });
            let chosen = if store::seeded::has("precedence-lost-on-redelivery") {
                waiting.iter().filter(|(_, waits)| **waits).map(|(precedence, _)| precedence).last()
            } else {
                self.scheduler.choose(waiting)
            };
            let Some(precedence) = chosen else { return Ok(None) };
            let Some(line) = self.rotate(precedence, heads) else { return Ok(None) };
            let Some((key, waiting)) = self.lines.get_mut(&line).and_then(|ahead| ahead.rows.pop_front()) else {
                return Ok(None);
            };
            // a row that was recalled or has expired since it was read ahead is no longer owed
            if let Some(message) = still_waits(&self.mailbox, &waiting, rows)? {
                let sent = self.sent.get_mut(precedence);
                sent.bytes += waiting.bytes;
                sent.envelopes += 1;
                self.show_left(precedence);
                let sent = self.in_flight.send(waiting.bytes, precedence, Instant::now().into_std());
                return Ok(Some(Chosen { line, key, waiting, message, sent }));
            }
        }
    }

    /// Lines that have something to send. Exercise traffic waits while a real FLASH does.
    fn heads(&mut self, fold: &BrokerFold, rows: &Rows<'_>) -> Result<Vec<Line>, DeliverError> {
        let Some(classes) = fold.state().mailbox(&self.mailbox) else { return Ok(Vec::new()) };
        let mut heads: Vec<Line> = Vec::new();
        for ((precedence, exercise), counts) in classes {
            let flash_waits = heads.iter().any(|line| line.0 == Precedence::Flash && !line.1);
            if (*exercise && flash_waits) || !self.may_send(*precedence) {
                continue;
            }
            for origin in counts.origins.keys() {
                let line = (*precedence, *exercise, origin.clone());
                if self.read_ahead(&line, rows)? {
                    heads.push(line);
                }
            }
        }
        Ok(heads)
    }

    /// Reads more of a line when nothing is left of it; true when something is there.
    fn read_ahead(&mut self, line: &Line, rows: &Rows<'_>) -> Result<bool, DeliverError> {
        let ahead = self.lines.entry(line.clone()).or_default();
        if ahead.rows.is_empty() {
            let prefix = keys::origin_prefix(&self.mailbox, line.0, line.1, &line.2);
            let mut from = prefix.clone();
            from.extend_from_slice(&ahead.read_through.next().0.to_be_bytes());
            for (key, value) in rows.scan(&prefix, &from, LOOKAHEAD)? {
                if let Some(key) = WaitingKey::decode(&key) {
                    ahead.read_through = key.position;
                    ahead.rows.push_back((key, decode_row(value)?));
                }
            }
        }
        Ok(!ahead.rows.is_empty())
    }

    /// The line of this precedence whose turn it is: real before exercise, origins in rotation.
    fn rotate(&mut self, precedence: Precedence, heads: Vec<Line>) -> Option<Line> {
        let mut lines: Vec<Line> = heads.into_iter().filter(|line| line.0 == precedence).collect();
        let exercise = lines.iter().all(|line| line.1);
        lines.retain(|line| line.1 == exercise);
        let last = self.rotation.get(&(precedence, exercise));
        let next = lines.iter().find(|line| last.is_none_or(|last| line.2 > *last)).or_else(|| lines.first())?.clone();
        self.rotation.insert((precedence, exercise), next.2.clone());
        Some(next)
    }

    /// Credit is left: what was granted has not been reached; and there is room on the line. One envelope may pass either,
    /// so that none is ever too long.
    fn may_send(&self, precedence: Precedence) -> bool {
        let (granted, sent) = (self.granted.get(precedence), self.sent.get(precedence));
        let has_credit = sent.bytes < granted.bytes && sent.envelopes < granted.envelopes;
        has_credit && self.in_flight.has_room(precedence)
    }

    fn delivery(&mut self, record: Record, chosen: Chosen) -> Result<v1::Delivery, DeliverError> {
        let Chosen { line: _, key: _, waiting, message, sent } = chosen;
        let submitted = Submitted::decode(record.bytes).map_err(|error| store::FoldError::new(error.to_string()))?;
        let tag = self.next_tag;
        self.next_tag += 1;
        match waiting.message_id.as_ref().try_into() {
            Ok(id) => drop(self.sent_as.insert(tag, (MessageId(id), sent))),
            Err(_) => self.in_flight.forget(sent), // a row that names nothing
        }
        let failed = message.deliveries.iter().find(|delivery| delivery.jurisdiction == self.mailbox.as_str());
        Ok(v1::Delivery {
            tag,
            envelope: submitted.envelope,
            failed_tries: failed.map_or(0, |delivery| delivery.failed),
            stamp: Some(accept::stamp(&message)),
            place: Some(v1::JournalPlace { epoch: message.epoch, position: message.position }),
            transport: if message.carried { v1::Transport::Carried } else { v1::Transport::Link } as i32,
        })
    }
}

/// None, and a loud word, where the journal has lost the record; every other failure stays one.
pub(super) fn readable<T>(read: Result<T, DeliverError>) -> Result<Option<T>, DeliverError> {
    match read {
        Err(DeliverError::Journal(error @ (JournalError::Damaged(_) | JournalError::Missing(_)))) => {
            tracing::error!(%error, "a record that is to be sent cannot be read; what stands behind it goes on");
            Ok(None)
        }
        Err(error) => Err(error),
        Ok(found) => Ok(Some(found)),
    }
}

/// The message behind a row that was read ahead, if it still waits in this mailbox.
fn still_waits(
    mailbox: &JurisdictionId,
    waiting: &WaitingRow,
    rows: &Rows<'_>,
) -> Result<Option<MessageRow>, DeliverError> {
    let Ok(id) = waiting.message_id.as_ref().try_into().map(MessageId) else { return Ok(None) };
    let Some((mut row, true)) = super::fold::message(rows, id)? else { return Ok(None) };
    if stage_in(mailbox, &row) != Some(Stage::Accepted) {
        return Ok(None);
    }
    row.skipped = never_seen(mailbox, row.skipped, rows)?;
    Ok(Some(row))
}

/// Where a message stands for the owner of this mailbox, if it is one of its recipients.
fn stage_in(mailbox: &JurisdictionId, row: &MessageRow) -> Option<Stage> {
    row.deliveries.iter().find(|delivery| delivery.jurisdiction == mailbox.as_str()).map(stage_of)
}

/// Of the revisions that a row replaced, those that were taken back from this mailbox.
fn never_seen(mailbox: &JurisdictionId, replaced: Vec<Bytes>, rows: &Rows<'_>) -> Result<Vec<Bytes>, DeliverError> {
    let mut skipped = Vec::new();
    for revision in replaced {
        let Ok(id) = revision.as_ref().try_into().map(MessageId) else { continue };
        let known = super::fold::message(rows, id)?;
        if known.is_none_or(|(row, _)| stage_in(mailbox, &row) == Some(Stage::Recalled)) {
            skipped.push(revision);
        }
    }
    Ok(skipped)
}
