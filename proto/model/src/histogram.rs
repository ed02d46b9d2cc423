//! Counts of values by size, for figures that a collector reads. Adding one never waits.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often values up to each bound were seen. The bounds rise; what is above the last is counted in the total alone.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    counts: Vec<AtomicU64>,
    total: AtomicU64,
    sum: AtomicU64,
}

/// What a histogram holds at one moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Snapshot {
    /// Each bound with the number of values at or below it.
    pub upto: Vec<(u64, u64)>,
    /// All values.
    pub total: u64,
    /// Their sum.
    pub sum: u64,
}

/// Bounds for durations of disks and calls, in microseconds: 100 µs to 10 s.
pub const DURATIONS_US: &[u64] =
    &[100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 10_000_000];

/// Bounds for numbers of records in one commit.
pub const RECORDS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256];

impl Histogram {
    /// An empty one with these bounds.
    pub fn new(bounds: &'static [u64]) -> Self {
        let counts = bounds.iter().map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, total: AtomicU64::new(0), sum: AtomicU64::new(0) }
    }

    /// Counts one value.
    pub fn add(&self, value: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(at) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.total.fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// What it holds now. Values that are being added may be in one figure and not yet in another.
    pub fn snapshot(&self) -> Snapshot {
        let mut below = 0;
        let upto = self.bounds.iter().zip(&self.counts).map(|(bound, count)| {
            below += count.load(Ordering::Relaxed);
            (*bound, below)
        });
        let upto = upto.collect();
        let (total, sum) = (self.total.load(Ordering::Relaxed), self.sum.load(Ordering::Relaxed));
        Snapshot { upto, total: total.max(below), sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_up_to_their_bound_and_beyond_the_last_in_the_total() {
        let histogram = Histogram::new(&[10, 20]);
        for value in [0, 10, 11, 20, 21] {
            histogram.add(value);
        }
        assert_eq!(histogram.snapshot(), Snapshot { upto: vec![(10, 2), (20, 4)], total: 5, sum: 62 });
    }
}
