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
};
use crate::{disk::DiskFile, record};

/// How much is read at once, unless a record is longer.
const WINDOW_BYTES: usize = 1 << 20;
const BLOCK: usize = 4096;
static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// A good batch and where it lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Found {
    pub first: Position,
    pub last: Position,
    /// Where its first frame begins in the file.
    pub at: u64,
    /// With its trailer.
    pub length: u32,
    pub synced_to: Position,
    pub root: Hash,
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

/// Walks `file`, whose batches were written with `seed`. `first` is the position that it begins with, if known.
pub(crate) fn scan(
    file: &dyn DiskFile,
    seed: Seed,
    first: Option<Position>,
    each: impl FnMut(Met<'_>),
) -> io::Result<Tail> {
    Ok(Walk { makes_leaves: true, ..Walk::new(file, seed)? }.run(first, each))
}

/// [`scan`] without leaves, for whoever only wants to know where the batches are.
pub(crate) fn index(file: &dyn DiskFile, seed: Seed, first: Position, each: impl FnMut(Met<'_>)) -> io::Result<Tail> {
    Ok(Walk::new(file, seed)?.run(Some(first), each))
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

struct Walk<'f> {
    file: &'f dyn DiskFile,
    seed: Seed,
    length: u64,
    /// Where the window begins.
    from: u64,
    window: Vec<u8>,
    leaves: Vec<Hash>,
    makes_leaves: bool,
    /// How many records the batch has.
    count: u32,
    /// The greatest time in the batch.
    newest: Timestamp,
    synced_to: Position,
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

    fn run(mut self, first: Option<Position>, mut each: impl FnMut(Met<'_>)) -> Tail {
        let length = self.length;
        let (mut at, mut expected) = (HEADER_BYTES as u64, first);
        loop {
            let met = match self.batch(at, expected) {
                Some(found) => Some(found),
                None if self.is_zero_from(at) => None,
                None => self.next_behind(at, expected),
            };
            let Some(found) = met else { break };
            if let Some(lost) = expected.filter(|expected| *expected < found.first) {
                each(Met::Lost(lost, Position(found.first.0 - 1)));
            }
            self.synced_to = self.synced_to.max(found.synced_to);
            each(Met::Batch(found, &self.leaves));
            (at, expected) = (found.end_at(), Some(found.last.next()));
        }
        let at = at.min(length);
        Tail { at, length, is_torn: !self.is_zero_from(at), synced_to: self.synced_to }
    }

    /// The bytes from `at` on: `count`, or what there is before the end of the file.
    fn bytes(&mut self, at: u64, count: usize) -> &[u8] {
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
        let Trailer { first, synced_to, root, .. } = *trailer;
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
    fn magic_behind(&mut self, from: u64) -> Option<u64> {
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
