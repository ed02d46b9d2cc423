//! Frames and trailers: how one commit lies in a segment.

use bytes::Bytes;
use model::{
    merkle::Hash,
    position::{EpochId, Position},
    time::Timestamp,
};

use super::{APPEND_BYTES_MAX, Front, fits};
use crate::Record;

/// What stands before the bytes of a record.
pub(crate) const FRAME_BYTES: usize = 28;
/// What stands behind the last frame of a batch.
pub(crate) const TRAILER_BYTES: usize = 64;
/// No possible length of a record.
pub(super) const MAGIC: [u8; 4] = *b"LDBT";

/// The beginning of every CRC of a segment: bytes of another segment or epoch never look valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Seed(u32);

impl Seed {
    /// For the segment `number` of `epoch`.
    pub fn new(number: u32, epoch: EpochId) -> Self {
        let seed = crc32c::crc32c(b"LDSEED01");
        let seed = crc32c::crc32c_append(seed, &number.to_be_bytes());
        Self(crc32c::crc32c_append(seed, &epoch.0))
    }

    fn over(self, parts: &[&[u8]]) -> [u8; 4] {
        parts.iter().fold(self.0, |crc, part| crc32c::crc32c_append(crc, part)).to_be_bytes()
    }
}

/// The fixed part of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Frame {
    pub length: usize,
    crc: [u8; 4],
    pub position: Position,
    pub time: Timestamp,
    pub kind: u16,
    pub flags: u8,
}

impl Frame {
    /// Reads the fixed part; none if its length is not possible.
    pub fn decode(head: &[u8]) -> Option<Self> {
        let mut front = Front(head);
        let length = usize::try_from(front.u32()?).ok().filter(|length| *length <= APPEND_BYTES_MAX)?;
        let (crc, position) = (front.array()?, Position(front.u64()?));
        let (time, kind, flags) = (Timestamp::from_millis(front.i64()?), front.u16()?, front.u8()?);
        Some(Self { length, crc, position, time, kind, flags })
    }

    /// Whether `frame`, the whole of it, is what was written.
    pub fn is_whole(&self, seed: Seed, frame: &[u8]) -> bool {
        match (frame.get(..4), frame.get(8..)) {
            (Some(length), Some(rest)) => seed.over(&[length, rest]) == self.crc,
            _ => false,
        }
    }
}

/// What a batch says about itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Trailer {
    pub first: Position,
    pub count: u32,
    /// Of all frames.
    pub bytes: u32,
    pub synced_to: Position,
    pub root: Hash,
}

impl Trailer {
    /// Reads a trailer; none if it is not what was written.
    pub fn decode(seed: Seed, bytes: &[u8]) -> Option<Self> {
        let mut front = Front(bytes.get(..TRAILER_BYTES)?);
        if front.array()? != MAGIC || front.array()? != seed.over(&[&MAGIC, bytes.get(8..TRAILER_BYTES)?]) {
            return None;
        }
        let (first, count, bytes) = (Position(front.u64()?), front.u32()?, front.u32()?);
        let (synced_to, root) = (Position(front.u64()?), front.array()?);
        (count > 0).then_some(Self { first, count, bytes, synced_to, root })
    }

    fn encode(&self, seed: Seed, out: &mut Vec<u8>) {
        let mut body = Vec::with_capacity(TRAILER_BYTES - 8);
        body.extend_from_slice(&self.first.0.to_be_bytes());
        body.extend_from_slice(&self.count.to_be_bytes());
        body.extend_from_slice(&self.bytes.to_be_bytes());
        body.extend_from_slice(&self.synced_to.0.to_be_bytes());
        body.extend_from_slice(&self.root);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&seed.over(&[&MAGIC, &body]));
        out.extend_from_slice(&body);
    }

    /// The last position of the batch.
    pub fn last(&self) -> Position {
        self.first.plus(u64::from(self.count) - 1)
    }
}

/// How long a batch of `records` is.
pub(crate) fn encoded_bytes(records: &[Record]) -> usize {
    records.iter().map(|record| FRAME_BYTES + record.bytes.len()).sum::<usize>() + TRAILER_BYTES
}

/// Appends a batch to `out`: `root` is the tree's after it, `synced_to` what was synced before it.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    seed: Seed,
    first: Position,
    records: &[Record],
    (synced_to, root): (Position, Hash),
) {
    out.reserve(encoded_bytes(records));
    let begin = out.len();
    let mut position = first;
    for record in records {
        frame(out, seed, position, record);
        position = position.next();
    }
    let bytes = fits(out.len() - begin);
    Trailer { first, count: fits(records.len()), bytes, synced_to, root }.encode(seed, out);
}

fn frame(out: &mut Vec<u8>, seed: Seed, position: Position, record: &Record) {
    let begin = out.len();
    let length = fits(record.bytes.len()).to_be_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&position.0.to_be_bytes());
    out.extend_from_slice(&record.at.millis().to_be_bytes());
    out.extend_from_slice(&record.kind.to_be_bytes());
    out.extend_from_slice(&[record.flags, 0]);
    out.extend_from_slice(&record.bytes);
    let crc = seed.over(&[&length, out.get(begin + 8..).unwrap_or_default()]);
    if let Some(place) = out.get_mut(begin + 4..begin + 8) {
        place.copy_from_slice(&crc);
    }
}

/// The records of the frames that fill `bytes`, checked, or none. No trailer is among them.
pub(crate) fn decode_frames(seed: Seed, first: Position, bytes: &Bytes) -> Option<Vec<Record>> {
    let (mut records, mut at, mut position) = (Vec::new(), 0, first);
    while at < bytes.len() {
        let (record, end) = decode_frame(seed, position, bytes, at)?;
        records.push(record);
        (at, position) = (end, position.next());
    }
    Some(records)
}

/// The records of the batch that `bytes` hold from their beginning, checked, or none.
pub(crate) fn decode(seed: Seed, first: Position, bytes: &Bytes) -> Option<Vec<Record>> {
    let (mut records, mut at, mut position) = (Vec::new(), 0, first);
    loop {
        let rest = bytes.get(at..)?;
        if rest.starts_with(&MAGIC) {
            let trailer = Trailer::decode(seed, rest)?;
            let fits = trailer.first == first && trailer.count == fits(records.len()) && trailer.bytes == fits(at);
            return fits.then_some(records);
        }
        let (record, end) = decode_frame(seed, position, bytes, at)?;
        records.push(record);
        (at, position) = (end, position.next());
    }
}

/// The record whose frame begins at `at`, and where the frame ends.
fn decode_frame(seed: Seed, position: Position, bytes: &Bytes, at: usize) -> Option<(Record, usize)> {
    let frame = Frame::decode(bytes.get(at..)?)?;
    let end = at + FRAME_BYTES + frame.length;
    if frame.position != position || !frame.is_whole(seed, bytes.get(at..end)?) {
        return None;
    }
    let Frame { kind, flags, time, .. } = frame;
    Some((Record { kind, flags, at: time, bytes: bytes.slice(at + FRAME_BYTES..end) }, end))
}
