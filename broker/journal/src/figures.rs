//! What a collector reads of the journal since it was opened.

use model::histogram::{DURATIONS_US, Histogram, RECORDS};

/// Figures of the committer. Adding to them never waits.
#[derive(Debug)]
pub struct Figures {
    /// How long each fdatasync of a commit took, in microseconds.
    pub sync_us: Histogram,
    /// Records of each commit.
    pub records: Histogram,
}

impl Default for Figures {
    fn default() -> Self {
        Self { sync_us: Histogram::new(DURATIONS_US), records: Histogram::new(RECORDS) }
    }
}
