//! The high-water mark's bytes.

use model::{
    merkle::Frontier,
    position::{EpochId, Position},
    time::Timestamp,
};

use super::{checked, fits};

const MAGIC: &[u8; 8] = b"LDJMARK1";
/// More bytes than any mark has.
pub(crate) const MARK_BYTES_MAX: usize = 4096;

/// How far the journal was synced when this was written, at least.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Mark {
    pub generation: u64,
    pub epoch: EpochId,
    /// The tree at the last synced position; its size is that position.
    pub tree: Frontier,
    /// The greatest time known.
    pub clock_floor: Timestamp,
}

impl Mark {
    /// The last synced position.
    pub fn position(&self) -> Position {
        Position(self.tree.size())
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.generation.to_be_bytes());
        out.extend_from_slice(&self.epoch.0);
        out.extend_from_slice(&self.tree.size().to_be_bytes());
        out.extend_from_slice(&self.clock_floor.millis().to_be_bytes());
        out.extend_from_slice(&fits(self.tree.peaks().len()).to_be_bytes());
        self.tree.peaks().iter().for_each(|peak| out.extend_from_slice(peak));
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_be_bytes());
        out
    }

    /// Reads a mark; none if it is not what was written.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut front = checked(bytes, *MAGIC)?;
        let (generation, epoch, size) = (front.u64()?, front.epoch()?, front.u64()?);
        let clock_floor = Timestamp::from_millis(front.i64()?);
        let peaks = usize::try_from(front.u32()?).ok()?;
        let peaks = front.take(peaks.checked_mul(32)?)?.as_chunks().0.to_vec();
        Some(Self { generation, epoch, tree: Frontier::from_parts(size, peaks)?, clock_floor })
    }
}
