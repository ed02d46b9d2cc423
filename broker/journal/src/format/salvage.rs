//! What a damaged batch still has: frames that are whole and whose place is sure.
//!
//! A place is sure if frames lead to it one by one, from where the batch begins or to the batch's own trailer. Bytes
//! that only look like a frame, say in somebody's letter, are never taken for one.

use model::{merkle::Hash, position::Position, time::Timestamp};

use super::{
    APPEND_BYTES_MAX, FRAME_BYTES, TRAILER_BYTES,
    batch::{Frame, Trailer},
    fits,
    scan::{Found, Walk},
};
use crate::record;

/// No batch is longer.
const BATCH_BYTES_MAX: u64 = 2 * APPEND_BYTES_MAX as u64;
/// Places in a damaged batch that are tried behind a frame whose length is not to be believed.
const TRIES_MAX: u32 = 256;

/// Good frames next to each other.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub found: Found,
    pub leaves: Vec<Hash>,
    /// Where their batch ends in the file, as near as that is known.
    pub end_at: u64,
}

/// What is left of a damaged batch.
#[derive(Debug, Default)]
pub(super) struct Salvage {
    pub runs: Vec<Run>,
    /// Where the next batch begins, and with which position, if this one's trailer, or the place behind it, is sure.
    pub next: Option<(u64, Position)>,
}

/// A place in the file and the position of the frame there.
type Spot = (u64, Position);

impl Walk<'_> {
    /// What is left of the batch that begins at `begin` with `first`.
    pub fn salvage(&mut self, begin: u64, first: Position) -> Salvage {
        let mut runs = Vec::new();
        let stuck = self.follow((begin, first), &mut runs);
        let end = self.seal((begin, first), stuck.0);
        let next = end.map(|(place, trailer)| (place, trailer.last().next()));
        if let Some(next) = next.filter(|next| *next != stuck) {
            runs.extend(self.resume(stuck, next));
        }
        // a trailer that is damaged is still as long as any
        let behind = (stuck.0 + TRAILER_BYTES as u64, stuck.1);
        let end_at = next.map_or(behind.0, |(place, _)| place + TRAILER_BYTES as u64);
        let next = match next {
            Some((_, next)) => Some((end_at, next)),
            None => self.leads(behind.0, behind.1).then_some(behind),
        };
        for run in &mut runs {
            run.end_at = end_at;
        }
        Salvage { runs, next }
    }

    /// Goes from frame to frame, over damaged ones whose length leads to what must come next, and adds the good ones to
    /// `runs`. Ends where it knows no further.
    fn follow(&mut self, (mut at, mut expected): Spot, runs: &mut Vec<Run>) -> Spot {
        while let Some(frame) = self.frame(at) {
            let behind = at + (FRAME_BYTES + frame.length) as u64;
            if self.is_good(at, &frame) && frame.position == expected {
                self.keep(at, &frame, runs);
            } else if !self.leads(behind, expected.next()) {
                break;
            }
            (at, expected) = (behind, expected.next());
        }
        (at, expected)
    }

    fn frame(&mut self, at: u64) -> Option<Frame> {
        self.bytes(at, FRAME_BYTES).get(..FRAME_BYTES).and_then(Frame::decode)
    }

    fn is_good(&mut self, at: u64, frame: &Frame) -> bool {
        let (seed, whole) = (self.seed, FRAME_BYTES + frame.length);
        let bytes = self.bytes(at, whole);
        bytes.len() == whole && frame.is_whole(seed, bytes)
    }

    /// Whether the frame of `expected`, or the trailer before it, stands at `at`.
    fn leads(&mut self, at: u64, expected: Position) -> bool {
        let seed = self.seed;
        let trailer = Trailer::decode(seed, self.bytes(at, TRAILER_BYTES));
        let frame = self.frame(at).filter(|frame| frame.position == expected);
        trailer.is_some_and(|trailer| trailer.last().next() == expected)
            || frame.is_some_and(|frame| self.is_good(at, &frame))
    }

    fn keep(&mut self, at: u64, frame: &Frame, runs: &mut Vec<Run>) {
        let whole = FRAME_BYTES + frame.length;
        let makes_leaves = self.makes_leaves;
        let body = self.bytes(at, whole).get(FRAME_BYTES..).unwrap_or_default();
        let leaf = makes_leaves.then(|| record::leaf(frame.kind, frame.flags, frame.time, body));
        match runs.last_mut() {
            Some(run) if run.found.last.next() == frame.position => run.grow(frame, leaf),
            _ => runs.push(Run::new(at, frame, leaf)),
        }
    }

    /// The trailer of the batch that begins at `begin` with `first`, and its place. The last that fits is the true one:
    /// a body could hold another.
    fn seal(&mut self, (begin, first): Spot, from: u64) -> Option<(u64, Trailer)> {
        let (mut at, mut seal) = (from, None);
        while let Some(place) = self.magic_behind(at).filter(|place| *place - begin <= BATCH_BYTES_MAX) {
            at = place + 1;
            let seed = self.seed;
            let trailer = Trailer::decode(seed, self.bytes(place, TRAILER_BYTES));
            let trailer = trailer.filter(|trailer| trailer.first == first && u64::from(trailer.bytes) == place - begin);
            seal = trailer.map(|trailer| (place, trailer)).or(seal);
        }
        let (_, trailer) = seal.as_ref()?;
        self.synced_to = self.synced_to.max(trailer.synced_to);
        seal
    }

    /// The frames behind `stuck` that lead to `end`, the place of the trailer and the position after the batch.
    fn resume(&mut self, stuck: Spot, end: Spot) -> Vec<Run> {
        let mut tries = 0;
        for at in stuck.0 + 1..end.0 {
            let frame = self.frame(at).filter(|frame| frame.position > stuck.1 && frame.position < end.1);
            let Some(frame) = frame.filter(|frame| at + ((FRAME_BYTES + frame.length) as u64) <= end.0) else {
                continue;
            };
            tries += 1;
            let mut runs = Vec::new();
            if self.is_good(at, &frame) && self.follow((at, frame.position), &mut runs) == end {
                return runs;
            }
            if tries == TRIES_MAX {
                break;
            }
        }
        Vec::new()
    }
}

impl Run {
    fn new(at: u64, frame: &Frame, leaf: Option<Hash>) -> Self {
        let Frame { position, time, .. } = *frame;
        let length = fits(FRAME_BYTES + frame.length);
        let synced_to = Position(0);
        let found = Found { first: position, last: position, at, length, synced_to, root: None, newest: time };
        Self { found, leaves: leaf.into_iter().collect(), end_at: at }
    }

    fn grow(&mut self, frame: &Frame, leaf: Option<Hash>) {
        self.found.last = frame.position;
        self.found.length += fits(FRAME_BYTES + frame.length);
        self.found.newest = Timestamp::max(self.found.newest, frame.time);
        self.leaves.extend(leaf);
    }
}
