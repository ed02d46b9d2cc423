//! Walks a segment from batch to batch, in a stream, and finds its way again behind damage.

use std::io;

use model::{
    merkle::Hash,
    position::{EpochId, Position},
    time::Timestamp,
};

use super::{
    FRAME_BYTES, HEADER_BYTES, TRAILER_BYTES,
    batch::{Frame, MAGIC, Seed, Trailer},
    salvage::{Run, Salvage},
};
use crate::{disk::DiskFile, record};

/// How much is read at once, unless a record is longer.
const WINDOW_BYTES: usize = 1 << 20;
const BLOCK: usize = 4096;
static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// A good batch, or good frames next to each other of a batch that is damaged, and where they lie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Found {
    pub first: Position,
    pub last: Position,
    /// Where its first frame begins in the file.
    pub at: u64,
    /// With the trailer of a batch.
    pub length: u32,
    pub synced_to: Position,
    /// Of the tree after a batch. Frames of a damaged batch have none: nothing but their own CRC vouches for them.
    pub root: Option<Hash>,
    /// The greatest time of its records.
    pub newest: Timestamp,
}

impl Found {
    /// Where it ends in the file.
    pub fn end_at(&self) -> u64 {
        self.at + u64::from(self.length)
    }
}

/// What a walk meets, in order.
#[derive(Debug)]
pub(crate) enum Met<'a> {
    /// A good batch and the leaves of its records.
    Batch(Found, &'a [Hash]),
    /// These are not there, though later ones are.
    Lost(Position, Position),
}

/// How a segment ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Tail {
    /// Where the last good batch ends.
    pub at: u64,
    /// How long the file is.
    pub length: u64,
    /// Whether anything but zeros stands behind it.
    pub is_torn: bool,
    /// The greatest synced-to of all good trailers, even of those whose frames are bad.
    pub synced_to: Position,
}

/// What is known of a segment before it is walked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// The position that it begins with, if known.
    pub first: Option<Position>,
    /// It was promised up to here, as something outside of it says: of a last batch that is damaged, what is good
    /// counts up to here and no further.
    pub promised: Position,
}

/// Walks `file`, whose batches were written with `seed`.
pub(crate) fn scan(file: &dyn DiskFile, seed: Seed, known: Known, each: impl FnMut(Met<'_>)) -> io::Result<Tail> {
    Ok(Walk { makes_leaves: true, ..Walk::new(file, seed)? }.run(known, each))
}

/// [`scan`] without leaves, for whoever only wants to know where the batches are.
pub(crate) fn index(file: &dyn DiskFile, seed: Seed, known: Known, each: impl FnMut(Met<'_>)) -> io::Result<Tail> {
    Ok(Walk::new(file, seed)?.run(known, each))
}

/// What is still good of the batch, or of the frames, that begin with `first` and lie from `at` to `end` of the file.
pub(crate) fn remains(
    file: &dyn DiskFile,
    seed: Seed,
    first: Position,
    (at, end): (u64, u64),
) -> io::Result<Vec<Found>> {
    let mut walk = Walk::new(file, seed)?;
    walk.length = walk.length.min(end);
    Ok(walk.salvage(at, first).runs.into_iter().map(|run| run.found).collect())
}

/// Which of `epochs` the segment `number` was written in, if a trailer in it says so.
pub(crate) fn epoch_of(file: &dyn DiskFile, number: u32, epochs: &[EpochId]) -> io::Result<Option<EpochId>> {
    let mut walk = Walk::new(file, Seed::new(number, EpochId::default()))?;
    let mut at = HEADER_BYTES as u64;
    while let Some(place) = walk.magic_behind(at) {
        at = place + 1;
        let trailer = walk.bytes(place, TRAILER_BYTES);
        let wrote = |epoch: &&EpochId| Trailer::decode(Seed::new(number, **epoch), trailer).is_some();
        if let Some(epoch) = epochs.iter().find(wrote) {
            return Ok(Some(*epoch));
        }
    }
    Ok(None)
}

/// The first position of a segment whose header cannot be read.
pub(crate) fn first_of(file: &dyn DiskFile, seed: Seed) -> io::Result<Option<Position>> {
    let mut walk = Walk::new(file, seed)?;
    let at = HEADER_BYTES as u64;
    let found = match walk.batch(at, None) {
        None => walk.next_behind(at, None),
        found => found,
    };
    Ok(found.map(|found| found.first))
}

pub(super) struct Walk<'f> {
    file: &'f dyn DiskFile,
    pub seed: Seed,
    pub length: u64,
    /// Where the window begins.
    from: u64,
    window: Vec<u8>,
    leaves: Vec<Hash>,
    pub makes_leaves: bool,
    /// How many records the batch has.
    count: u32,
    /// The greatest time in the batch.
    newest: Timestamp,
    pub synced_to: Position,
}

impl<'f> Walk<'f> {
    fn new(file: &'f dyn DiskFile, seed: Seed) -> io::Result<Self> {
        Ok(Self {
            file,
            seed,
            length: file.len()?,
            from: 0,
            window: Vec::new(),
            leaves: Vec::new(),
            makes_leaves: false,
            count: 0,
            newest: Timestamp::EPOCH,
            synced_to: Position(0),
        })
    }

    fn run(mut self, known: Known, each: impl FnMut(Met<'_>)) -> Tail {
        let (mut at, mut first) = (HEADER_BYTES as u64, known.first);
        let mut story = Story { expected: first, end_at: at, held: Vec::new(), each };
        loop {
            if let Some(found) = self.batch(at, first) {
                story.tell_held(found.first); // the next commit began only when theirs was synced
                story.tell(found, &self.leaves, found.end_at());
                self.synced_to = self.synced_to.max(found.synced_to);
                (at, first) = (found.end_at(), Some(found.last.next()));
            } else if self.is_zero_from(at) {
                break;
            } else if let Some(next) = self.over_damage(at, first, &mut story.held) {
                (at, first) = next;
            } else {
                break;
            }
        }
        story.tell_held(known.promised.max(self.synced_to).next());
        let at = story.end_at.min(self.length);
        Tail { at, length: self.length, is_torn: !self.is_zero_from(at), synced_to: self.synced_to }
    }

    /// Where the batch behind the damaged one at `at` begins, and with which position; what is good of the damaged one
    /// is held until somebody knows whether it was promised.
    fn over_damage(
        &mut self,
        at: u64,
        first: Option<Position>,
        held: &mut Vec<Run>,
    ) -> Option<(u64, Option<Position>)> {
        let Salvage { runs, next } = first.map(|first| self.salvage(at, first)).unwrap_or_default();
        let first = runs.last().map_or(first, |run| Some(run.found.last.next()));
        held.extend(runs);
        let search = |walk: &mut Self| walk.next_behind(at, first).map(|found| (found.at, found.first));
        next.or_else(|| search(self)).map(|(at, first)| (at, Some(first)))
    }

    /// The bytes from `at` on: `count`, or what there is before the end of the file.
    pub fn bytes(&mut self, at: u64, count: usize) -> &[u8] {
        let there = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX).min(count);
        let is_inside = at >= self.from && at + there as u64 <= self.from + self.window.len() as u64;
        if !is_inside {
            let rest = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
            self.window = vec![0; rest.min(WINDOW_BYTES.max(count))];
            self.from = at;
            read_what_can_be_read(self.file, &mut self.window, at);
        }
        let begin = usize::try_from(at - self.from).unwrap_or(usize::MAX);
        self.window.get(begin..begin.saturating_add(there)).unwrap_or_default()
    }

    /// The batch that begins at `at`, if a good one does. Its leaves are left in `self.leaves`.
    fn batch(&mut self, begin: u64, first: Option<Position>) -> Option<Found> {
        self.leaves.clear();
        (self.count, self.newest) = (0, Timestamp::EPOCH);
        let (seed, makes_leaves) = (self.seed, self.makes_leaves);
        let (mut at, mut expected) = (begin, first);
        loop {
            let head = self.bytes(at, TRAILER_BYTES);
            if head.starts_with(&MAGIC) {
                let trailer = Trailer::decode(seed, head);
                return trailer.and_then(|trailer| self.ends(&trailer, begin, at, expected));
            }
            let frame = head.get(..FRAME_BYTES).and_then(Frame::decode)?;
            if frame.position.0 == 0 || expected.is_some_and(|expected| expected != frame.position) {
                return None;
            }
            let whole = FRAME_BYTES + frame.length;
            let bytes = self.bytes(at, whole);
            if bytes.len() < whole || !frame.is_whole(seed, bytes) {
                return None;
            }
            let body = bytes.get(FRAME_BYTES..).unwrap_or_default();
            let leaf = makes_leaves.then(|| record::leaf(frame.kind, frame.flags, frame.time, body));
            self.leaves.extend(leaf);
            self.count += 1;
            self.newest = self.newest.max(frame.time);
            (at, expected) = (at + whole as u64, Some(frame.position.next()));
        }
    }

    /// What the frames between `begin` and the trailer at `at` are, if the trailer means them.
    fn ends(&self, trailer: &Trailer, begin: u64, at: u64, expected: Option<Position>) -> Option<Found> {
        let fits = self.count == trailer.count
            && u64::from(trailer.bytes) == at - begin
            && expected == Some(trailer.last().next());
        let length = trailer.bytes + super::fits(TRAILER_BYTES);
        let (Trailer { first, synced_to, .. }, root) = (*trailer, Some(trailer.root));
        let (last, newest) = (trailer.last(), self.newest);
        fits.then_some(Found { first, last, at: begin, length, synced_to, root, newest })
    }

    /// The next good batch that begins at `from` or later, found by its trailer.
    fn next_behind(&mut self, from: u64, expected: Option<Position>) -> Option<Found> {
        let mut at = from;
        while let Some(place) = self.magic_behind(at) {
            at = place + 1;
            let seed = self.seed;
            let Some(trailer) = Trailer::decode(seed, self.bytes(place, TRAILER_BYTES)) else { continue };
            self.synced_to = self.synced_to.max(trailer.synced_to);
            let begin = place.checked_sub(u64::from(trailer.bytes)).filter(|begin| *begin >= from);
            let Some(begin) = begin.filter(|_| expected.is_none_or(|expected| trailer.first >= expected)) else {
                continue;
            };
            if let Some(found) = self.batch(begin, Some(trailer.first)) {
                return Some(found);
            }
        }
        None
    }

    /// Where the next trailer may be.
    pub fn magic_behind(&mut self, from: u64) -> Option<u64> {
        let mut at = from;
        while at < self.length {
            let block = self.bytes(at, BLOCK + MAGIC.len() - 1);
            let is_zero = block.get(..BLOCK) == Some(&ZEROS);
            let place = if is_zero { None } else { block.windows(MAGIC.len()).position(|four| four == MAGIC) };
            if let Some(place) = place {
                return Some(at + place as u64);
            }
            at += BLOCK as u64;
        }
        None
    }

    fn is_zero_from(&mut self, from: u64) -> bool {
        let mut at = from;
        while at < self.length {
            let block = self.bytes(at, BLOCK);
            if ZEROS.get(..block.len()) != Some(block) {
                return false;
            }
            at += BLOCK as u64;
        }
        true
    }
}

/// Tells whoever walks what was met, in order, and what is missing in between.
struct Story<F> {
    expected: Option<Position>,
    /// Where the last that was told ends in the file.
    end_at: u64,
    /// Good frames of damaged batches that are not told yet.
    held: Vec<Run>,
    each: F,
}

impl<F: FnMut(Met<'_>)> Story<F> {
    fn tell(&mut self, found: Found, leaves: &[Hash], end_at: u64) {
        if let Some(lost) = self.expected.filter(|expected| *expected < found.first) {
            (self.each)(Met::Lost(lost, Position(found.first.0 - 1)));
        }
        (self.each)(Met::Batch(found, leaves));
        (self.expected, self.end_at) = (Some(found.last.next()), end_at);
    }

    /// What is held counts if it lies before `end`.
    fn tell_held(&mut self, end: Position) {
        for Run { found, leaves, end_at } in std::mem::take(&mut self.held) {
            if found.last < end {
                self.tell(found, &leaves, end_at);
            }
        }
    }
}

/// Fills `buffer` from `at` on. A block that the disk cannot read becomes bytes that nothing good looks like: it is damage
/// like any other.
fn read_what_can_be_read(file: &dyn DiskFile, buffer: &mut [u8], at: u64) {
    if file.read_at(buffer, at).is_ok() {
        return;
    }
    for (number, block) in buffer.chunks_mut(BLOCK).enumerate() {
        let place = at + (number * BLOCK) as u64;
        if let Err(error) = file.read_at(block, place) {
            tracing::error!(%error, place, "a block of a segment cannot be read");
            block.fill(0xFF);
        }
    }
}
