//! The header block of a segment.

use model::{
    merkle::Frontier,
    position::{EpochId, Position},
    time::Timestamp,
};

use super::Front;

/// Length of the header block.
pub(crate) const HEADER_BYTES: usize = 4096;
const MAGIC: &[u8; 8] = b"LDJOURNL";
const FORMAT: u32 = 1;
const OWNER_AT: usize = 128;
const OWNER_BYTES_MAX: usize = 128;
const PEAKS_AT: usize = 256;
const CRC_AT: usize = HEADER_BYTES - 4;

/// What a segment says about itself and about everything before it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    pub number: u32,
    pub epoch: EpochId,
    /// First position of the epoch.
    pub epoch_first: Position,
    /// The epoch before; zeros if there was none.
    pub previous: EpochId,
    /// Where that one ended.
    pub previous_ended_at: Position,
    /// First position of the segment.
    pub first: Position,
    pub created: Timestamp,
    pub owner: String,
    /// The tree before the segment; it has `first - 1` leaves.
    pub tree: Frontier,
}

/// What the first block of a file is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Read {
    /// A header.
    Good(Box<Header>),
    /// Zeros: the segment was not begun.
    Blank,
    /// A header of a format that this program does not know.
    Unknown(u32),
    /// Anything else. It may have been a header.
    Bad,
}

impl Header {
    /// The longest owner that fits.
    pub fn owner_cut(owner: &str) -> &str {
        owner.get(..owner.floor_char_boundary(OWNER_BYTES_MAX)).unwrap_or_default()
    }

    /// The block.
    pub fn encode(&self) -> Vec<u8> {
        let mut block = Vec::with_capacity(HEADER_BYTES);
        block.extend_from_slice(MAGIC);
        block.extend_from_slice(&FORMAT.to_be_bytes());
        block.extend_from_slice(&self.number.to_be_bytes());
        block.extend_from_slice(&self.epoch.0);
        block.extend_from_slice(&self.epoch_first.0.to_be_bytes());
        block.extend_from_slice(&self.previous.0);
        block.extend_from_slice(&self.previous_ended_at.0.to_be_bytes());
        block.extend_from_slice(&self.first.0.to_be_bytes());
        block.extend_from_slice(&self.created.millis().to_be_bytes());
        let owner = Self::owner_cut(&self.owner);
        block.push(u8::try_from(self.tree.peaks().len()).unwrap_or(u8::MAX));
        block.push(u8::try_from(owner.len()).unwrap_or(u8::MAX));
        pad(&mut block, OWNER_AT);
        block.extend_from_slice(owner.as_bytes());
        pad(&mut block, PEAKS_AT);
        self.tree.peaks().iter().for_each(|peak| block.extend_from_slice(peak));
        pad(&mut block, CRC_AT);
        let crc = crc32c::crc32c(&block);
        block.extend_from_slice(&crc.to_be_bytes());
        block
    }

    /// Reads a block.
    pub fn decode(block: &[u8]) -> Read {
        if block == [0; HEADER_BYTES] {
            return Read::Blank;
        }
        let whole = block.split_at_checked(CRC_AT).filter(|(body, crc)| crc32c::crc32c(body).to_be_bytes() == **crc);
        let Some((body, _)) = whole else { return Read::Bad };
        match Self::format(body) {
            Some(FORMAT) => Self::fields(body).map_or(Read::Bad, |header| Read::Good(Box::new(header))),
            Some(other) => Read::Unknown(other),
            None => Read::Bad,
        }
    }

    fn format(body: &[u8]) -> Option<u32> {
        let mut front = Front(body);
        (front.take(8)? == MAGIC).then(|| front.u32()).flatten()
    }

    fn fields(body: &[u8]) -> Option<Self> {
        let mut front = Front(body.get(12..)?);
        let number = front.u32()?;
        let (epoch, epoch_first) = (front.epoch()?, Position(front.u64()?));
        let (previous, previous_ended_at) = (front.epoch()?, Position(front.u64()?));
        let (first, created) = (Position(front.u64()?), Timestamp::from_millis(front.i64()?));
        let (peaks, owner) = (usize::from(front.u8()?), usize::from(front.u8()?));
        let owner = std::str::from_utf8(body.get(OWNER_AT..OWNER_AT + owner)?).ok()?.to_owned();
        let peaks = body.get(PEAKS_AT..PEAKS_AT + peaks * 32)?.as_chunks().0.to_vec();
        let tree = Frontier::from_parts(first.0.checked_sub(1)?, peaks)?;
        Some(Self { number, epoch, epoch_first, previous, previous_ended_at, first, created, owner, tree })
    }
}

fn pad(block: &mut Vec<u8>, length: usize) {
    block.extend_from_slice(&vec![0; length.saturating_sub(block.len())]);
}
