//! Which records have left on purpose.

use model::{
    merkle::Frontier,
    position::{Epoch, Position},
};

use super::{checked, fits};

const MAGIC: &[u8; 8] = b"LDRETIR1";
/// More bytes than it ever has: some thirty thousand lives.
pub(crate) const RETIRED_BYTES_MAX: usize = 1 << 20;

/// The beginning of the journal that is not there any more, and need not be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Retired {
    /// The tree at the last record that has left; its size is that position.
    pub tree: Frontier,
    /// Every life that began before then.
    pub epochs: Vec<Epoch>,
}

impl Retired {
    /// The last record that has left.
    pub fn through(&self) -> Position {
        Position(self.tree.size())
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.tree.size().to_be_bytes());
        out.extend_from_slice(&fits(self.tree.peaks().len()).to_be_bytes());
        self.tree.peaks().iter().for_each(|peak| out.extend_from_slice(peak));
        out.extend_from_slice(&fits(self.epochs.len()).to_be_bytes());
        for Epoch { id, first, ended_at } in &self.epochs {
            out.extend_from_slice(&id.0);
            out.extend_from_slice(&first.0.to_be_bytes());
            out.extend_from_slice(&ended_at.map_or(0, |end| end.0).to_be_bytes());
        }
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_be_bytes());
        out
    }

    /// Reads what was written; none if these bytes were not.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut front = checked(bytes, *MAGIC)?;
        let (size, peaks) = (front.u64()?, usize::try_from(front.u32()?).ok()?);
        let peaks = front.take(peaks.checked_mul(32)?)?.as_chunks().0.to_vec();
        let mut epochs = Vec::new();
        for _ in 0..front.u32()? {
            let (id, first, ended_at) = (front.epoch()?, Position(front.u64()?), front.u64()?);
            epochs.push(Epoch { id, first, ended_at: (ended_at > 0).then_some(Position(ended_at)) });
        }
        Some(Self { tree: Frontier::from_parts(size, peaks)?, epochs })
    }
}
