//! Bytes of the journal, as FORMAT.md says: made and read here and nowhere else.

mod batch;
mod header;
mod mark;
mod retired;
mod salvage;
mod scan;

pub(crate) use batch::{FRAME_BYTES, Seed, TRAILER_BYTES, decode, decode_frames, encode, encoded_bytes};
pub(crate) use header::{HEADER_BYTES, Header, Read};
pub(crate) use mark::{MARK_BYTES_MAX, Mark};
pub(crate) use retired::{RETIRED_BYTES_MAX, Retired};
pub(crate) use scan::{Found, Known, Met, Tail, epoch_of, first_of, index, remains, scan};

use model::position::EpochId;

/// What one append may bring at most, in bytes of records.
pub(crate) const APPEND_BYTES_MAX: usize = 8 << 20;
/// The journal's own kind of record.
pub(crate) const EPOCH_BEGAN: u16 = 1;

/// Takes fixed-width pieces off the front of bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Front<'a>(pub &'a [u8]);

impl<'a> Front<'a> {
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    pub fn epoch(&mut self) -> Option<EpochId> {
        self.array().map(EpochId)
    }
}

/// What stands between a magic and the CRC of all before it; none if these bytes are not such a file.
fn checked(bytes: &[u8], magic: [u8; 8]) -> Option<Front<'_>> {
    let (body, crc) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    let mut front = Front(body);
    (crc32c::crc32c(body).to_be_bytes() == crc && front.take(8)? == magic).then_some(front)
}

/// A length or count that fits because it was bounded before.
fn fits(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
