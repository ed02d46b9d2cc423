//! The shelf's books.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use model::{
    merkle::Frontier,
    position::{EpochId, Position},
};

use super::{Ended, Hot, OPEN_SEGMENTS_MAX};
use crate::{disk::DiskFile, format::Found, kept::Kept, record::Committed, report::Damage};

/// A segment, read or not yet read.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub number: u32,
    pub epoch: EpochId,
    pub first: Position,
    /// Its last position that counts; one less than `first` while there is none.
    pub last: Position,
    pub contents: Option<Contents>,
}

/// An open segment and where its batches lie.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    pub file: Arc<dyn DiskFile>,
    pub batches: Vec<Entry>,
}

/// Where a batch lies, or good frames of a damaged one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Entry {
    pub first: Position,
    pub at: u64,
    pub length: u32,
    pub count: u32,
    /// A batch; without it, frames alone.
    pub has_trailer: bool,
}

impl Entry {
    /// The last position of the batch.
    pub fn last(&self) -> Position {
        self.first.plus(u64::from(self.count).saturating_sub(1))
    }
}

impl From<Found> for Entry {
    fn from(found: Found) -> Self {
        let count = u32::try_from(found.last.0 - found.first.0 + 1).unwrap_or(u32::MAX);
        Self { first: found.first, at: found.at, length: found.length, count, has_trailer: found.root.is_some() }
    }
}

/// Where to look for a position.
#[derive(Debug)]
pub(super) enum Lookup {
    Hot(Arc<Committed>),
    Cold {
        number: u32,
        epoch: EpochId,
        file: Arc<dyn DiskFile>,
        entry: Entry,
    },
    Unread(Segment),
    Damaged,
    Missing,
    /// It has left; perhaps a copy was kept.
    Retired,
}

#[derive(Debug, Default)]
pub(super) struct State {
    segments: BTreeMap<Position, Segment>,
    /// First positions of closed segments with contents, longest open first.
    open: VecDeque<Position>,
    hot: Hot,
    pub damaged: Vec<Damage>,
    pub end: Position,
    /// Of everything up to `end`.
    pub tree: Frontier,
    pub ended: Ended,
    /// Everything up to here has left.
    pub retired: Position,
    /// But for copies of these.
    pub kept: Arc<Kept>,
}

impl State {
    /// Adds a segment that grows no more, as opening found it.
    pub fn add(&mut self, segment: Segment) {
        let first = segment.first;
        let has_contents = segment.contents.is_some();
        self.segments.insert(first, segment);
        if has_contents {
            self.keep_open(first);
        }
    }

    pub fn begin(&mut self, segment: Segment) {
        let closed = self.segments.last_key_value().map(|(first, _)| *first);
        self.segments.insert(segment.first, segment);
        if let Some(first) = closed {
            self.keep_open(first);
        }
    }

    /// Makes the segment that begins at `first` one of those kept open, and closes the one that was open longest.
    fn keep_open(&mut self, first: Position) {
        if !self.open.contains(&first) {
            self.open.push_back(first);
        }
        if self.open.len() > OPEN_SEGMENTS_MAX
            && let Some(segment) = self.open.pop_front().and_then(|first| self.segments.get_mut(&first))
        {
            segment.contents = None;
        }
    }

    pub fn commit(&mut self, entry: Entry) {
        if let Some(mut segment) = self.segments.last_entry() {
            segment.get_mut().last = entry.last();
            if let Some(contents) = &mut segment.get_mut().contents {
                contents.batches.push(entry);
            }
        }
        self.end = entry.last();
    }

    pub fn warm(&mut self, bytes: usize, committed: Arc<Committed>) {
        self.hot.push(bytes, committed);
    }

    /// A segment was read, for reading.
    pub fn fill(&mut self, first: Position, contents: Contents) {
        if let Some(segment) = self.segments.get_mut(&first) {
            segment.contents = Some(contents);
            self.keep_open(first);
        }
    }

    /// Only `rest` is still good of `entry`.
    pub fn shrink(&mut self, entry: Entry, rest: &[Entry]) {
        if let Some((_, segment)) = self.segments.range_mut(..=entry.first).next_back()
            && let Some(contents) = &mut segment.contents
            && let Ok(place) = contents.batches.binary_search_by_key(&entry.first, |entry| entry.first)
        {
            contents.batches.splice(place..=place, rest.iter().copied());
        }
    }

    /// These cannot be read any more.
    pub fn lose(&mut self, damage: Damage) {
        if let Some((_, segment)) = self.segments.range_mut(..=damage.first).next_back()
            && let Some(contents) = &mut segment.contents
        {
            contents.batches.retain(|entry| entry.last() < damage.first || entry.first > damage.last);
        }
        let is_known = self.damaged.iter().any(|known| known.first <= damage.first && known.last >= damage.last);
        if !is_known {
            self.damaged.push(damage);
        }
    }

    pub fn look_up(&self, at: Position) -> Lookup {
        if at.0 == 0 || at > self.end {
            return Lookup::Missing;
        }
        if at <= self.retired {
            return Lookup::Retired;
        }
        if let Some(committed) = self.hot.find(at) {
            return Lookup::Hot(committed);
        }
        let Some((_, segment)) = self.segments.range(..=at).next_back() else { return self.before_all(at) };
        let Some(contents) = &segment.contents else {
            return if at <= segment.last { Lookup::Unread(segment.clone()) } else { Lookup::Damaged };
        };
        let behind = contents.batches.partition_point(|entry| entry.first <= at);
        match behind.checked_sub(1).and_then(|number| contents.batches.get(number)) {
            Some(entry) if entry.last() >= at && at <= segment.last => Lookup::Cold {
                number: segment.number,
                epoch: segment.epoch,
                file: contents.file.clone(),
                entry: *entry,
            },
            _ => Lookup::Damaged,
        }
    }

    fn before_all(&self, at: Position) -> Lookup {
        let is_damaged = self.damaged.iter().any(|damage| (damage.first..=damage.last).contains(&at));
        if is_damaged { Lookup::Damaged } else { Lookup::Missing }
    }

    /// Everything up to `through` has left, but for copies.
    pub fn retire(&mut self, through: Position, kept: Kept) {
        self.segments.retain(|_, segment| segment.last > through);
        self.open.retain(|first| self.segments.contains_key(first));
        self.damaged.retain(|damage| damage.last > through);
        (self.retired, self.kept) = (through, Arc::new(kept));
    }

    /// Numbers, first and last positions of all segments, oldest first.
    pub fn segments(&self) -> Vec<(u32, Position, Position)> {
        self.segments.values().map(|segment| (segment.number, segment.first, segment.last)).collect()
    }

    /// The next position behind `at`, which cannot be read, that perhaps can.
    pub fn behind(&self, at: Position) -> Position {
        let here = self.segments.range(..=at).next_back().and_then(|(_, segment)| {
            let batches = &segment.contents.as_ref()?.batches;
            let next = batches.get(batches.partition_point(|entry| entry.first <= at))?;
            (next.first <= segment.last).then_some(next.first)
        });
        let later = || self.segments.range(at.next()..).next().map(|(first, _)| *first);
        here.or_else(later).unwrap_or_else(|| self.end.max(at).next())
    }

    /// The first position that the journal has, or will have.
    pub fn first(&self) -> Position {
        let first = self.segments.first_key_value().map_or_else(|| self.end.next(), |(first, _)| *first);
        self.damaged.iter().map(|damage| damage.first).fold(first, Position::min)
    }
}
