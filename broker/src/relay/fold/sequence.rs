//! The numbers of one agent's sequence: the highest that came, and the gaps below it. What is urgent overtakes, so a gap
//! may be long; it is kept as its first and last number.

use model::{header::Header, invalid::Invalid, reason::Reason};
use proto::record::SequenceRow;
use store::FoldError;

use super::{Folding, keys, submitted::Verdict};

/// Gaps that are remembered. Beyond it the two oldest become one, and what lies between them is taken for missing too:
/// a number may then be used twice unseen, but none is refused that is new. So many fit a row, however large an agent
/// chooses its numbers (ten bytes each): a row that does not fit would end the fold, and every start after it.
const GAPS_MAX: usize = 192;

impl Folding<'_, '_> {
    /// A number that was used before for other bytes is never taken.
    pub(super) fn sequence_is_new(&self, header: &Header) -> Result<(), Verdict> {
        let row = self.sequence(header)?;
        let seq = header.sender_seq;
        let is_new = seq > row.highest || gaps(&row).any(|(first, last)| (first..=last).contains(&seq));
        if is_new {
            return Ok(());
        }
        Err(Invalid::new(Reason::RolledBack, "sender_seq", "was used for another message").into())
    }

    /// Books the sender's sequence, with the gaps in it.
    pub(super) fn book_sequence(&mut self, header: &Header) -> Result<(), FoldError> {
        let mut row = self.sequence(header)?;
        book(&mut row, header.sender_seq);
        row.at = self.at.time.millis();
        self.put(&keys::sequence(&header.sender.jurisdiction, header.incarnation), &row)
    }

    fn sequence(&self, header: &Header) -> Result<SequenceRow, FoldError> {
        Ok(self.row(&keys::sequence(&header.sender.jurisdiction, header.incarnation))?.unwrap_or_default())
    }
}

/// First and last number of each gap, in order.
pub fn gaps(row: &SequenceRow) -> impl Iterator<Item = (u64, u64)> + '_ {
    row.missing.chunks_exact(2).filter_map(|gap| Some((*gap.first()?, *gap.get(1)?)))
}

fn book(row: &mut SequenceRow, seq: u64) {
    let mut now: Vec<(u64, u64)> = Vec::with_capacity(row.missing.len() / 2 + 1);
    for (first, last) in gaps(row) {
        if (first..=last).contains(&seq) {
            now.extend((first < seq).then(|| (first, seq - 1)));
            now.extend((seq < last).then(|| (seq + 1, last)));
        } else {
            now.push((first, last));
        }
    }
    if seq > row.highest {
        now.extend((row.highest + 1 < seq).then(|| (row.highest + 1, seq - 1)));
        row.highest = seq;
    }
    while now.len() > GAPS_MAX {
        let oldest = now.remove(0);
        if let Some(next) = now.first_mut() {
            next.0 = oldest.0;
        }
    }
    row.missing = now.into_iter().flat_map(|(first, last)| [first, last]).collect();
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn booked(numbers: impl IntoIterator<Item = u64>) -> SequenceRow {
        let mut row = SequenceRow::default();
        numbers.into_iter().for_each(|seq| book(&mut row, seq));
        row
    }

    #[test]
    fn a_long_gap_that_something_urgent_left_is_filled_from_its_beginning() {
        let mut row = booked([1_000]);
        for seq in 1..1_000 {
            assert!(gaps(&row).any(|(first, last)| (first..=last).contains(&seq)), "{seq}");
            book(&mut row, seq);
        }
        assert_eq!((row.highest, row.missing), (1_000, Vec::new()));
    }

    proptest! {
        #[test]
        fn whatever_did_not_come_is_missing_and_nothing_else(numbers in prop::collection::btree_set(1_u64..300, 1..100), order in any::<u64>()) {
            let mut shuffled: Vec<u64> = numbers.iter().copied().collect();
            shuffled.sort_by_key(|seq| seq.wrapping_mul(order | 1));
            let row = booked(shuffled);
            let missing: BTreeSet<u64> = gaps(&row).flat_map(|(first, last)| first..=last).collect();
            let expected: BTreeSet<u64> = (1..row.highest).filter(|seq| !numbers.contains(seq)).collect();
            prop_assert_eq!(missing, expected);
        }
    }

    #[test]
    fn the_row_fits_whatever_numbers_an_agent_chooses() {
        use prost::Message as _;
        let mut row = booked((0..1_000).map(|n| u64::MAX - 4_000 + n * 3));
        (row.announced, row.boot_count, row.at) = (u64::MAX, u64::MAX, i64::MIN);
        assert_eq!(row.missing.len(), 2 * GAPS_MAX);
        assert!(row.encoded_len() <= store::rows::VALUE_BYTES_MAX, "{}", row.encoded_len());
    }

    #[test]
    fn with_too_many_gaps_nothing_that_is_new_is_refused() {
        let row = booked((1..=600).map(|n| n * 3));
        assert!(row.missing.len() <= 2 * GAPS_MAX);
        let missing: BTreeSet<u64> = gaps(&row).flat_map(|(first, last)| first..=last).collect();
        assert!((1..1_800).filter(|seq| seq % 3 != 0).all(|new| missing.contains(&new)));
    }
}
