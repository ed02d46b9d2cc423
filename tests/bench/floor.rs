//! What the disk alone can do: 1 KiB into a file of written zeros, one `fdatasync` each.

use std::{fs::File, os::unix::fs::FileExt as _, time::Duration};

use tokio::time::Instant;

use crate::Times;

const CALLS: u64 = 2_000;
const BYTES: u64 = 1_024;

/// Measures and says so.
pub fn run() {
    let path = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("floor");
    let file = File::create(&path).unwrap();
    file.write_all_at(&vec![0; usize::try_from(CALLS * BYTES).unwrap()], 0).unwrap();
    file.sync_all().unwrap();
    let block = vec![7; usize::try_from(BYTES).unwrap()];
    let began = Instant::now();
    let took = (0..CALLS).map(|call| {
        let began = Instant::now();
        file.write_all_at(&block, call * BYTES).unwrap();
        file.sync_data().unwrap();
        began.elapsed()
    });
    let times = Times::of(took.collect::<Vec<Duration>>());
    let rate = CALLS as f64 / began.elapsed().as_secs_f64();
    println!("  fdatasync alone, preallocated, 1 KiB: {}, {rate:.0}/s", times.report());
    std::fs::remove_file(path).unwrap();
}
