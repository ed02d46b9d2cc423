//! How close a commit comes to the disk: `cargo run --release -p journal --example bench [FOLDER]`.
//! Both sides preallocate with written zeros; the bare loop only writes and syncs. Rounds are interleaved.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock and starts its callers")]

use std::{
    fs, io,
    os::unix::fs::FileExt as _,
    path::Path,
    time::{Duration, Instant},
};

use journal::{FileJournal, Journal as _, Lane, Options, Record, RecordBatch, Ticket};
use model::{clock::Clock, time::Timestamp};

type Done<T = ()> = Result<T, Box<dyn std::error::Error>>;

const BODY_BYTES: usize = 1024;
const ROUNDS: usize = 5;
const SYNCS: usize = 1000;
const CALLERS: usize = 256;
const APPENDS: usize = 200;

/// Seconds of each of `SYNCS` writes of `bytes` with an fdatasync.
fn bare(folder: &Path, bytes: usize) -> io::Result<Vec<Duration>> {
    let file = fs::OpenOptions::new().create(true).truncate(true).write(true).open(folder.join("bare"))?;
    let body = vec![0x5A; bytes];
    file.write_all_at(&vec![0; bytes * SYNCS], 0)?;
    file.sync_all()?;
    let write = |number: usize| {
        let began = Instant::now();
        file.write_all_at(&body, (number * bytes) as u64)?;
        file.sync_data()?;
        Ok(began.elapsed())
    };
    (0..SYNCS).map(write).collect()
}

fn batch() -> RecordBatch {
    let records = vec![Record::new(2, Timestamp::EPOCH, vec![0x5A; BODY_BYTES])];
    RecordBatch { records, lane: Lane::Normal, ticket: Ticket(1) }
}

async fn one_at_a_time(journal: &FileJournal) -> Done<Vec<Duration>> {
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let began = Instant::now();
        journal.append(batch()).await?;
        times.push(began.elapsed());
    }
    Ok(times)
}

/// Records a second with many callers.
async fn many(journal: &FileJournal) -> Done<f64> {
    let began = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let journal = journal.clone();
            tokio::spawn(async move {
                for _ in 0..APPENDS {
                    journal.append(batch()).await?;
                }
                Ok::<_, journal::JournalError>(())
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    Ok(f64::from(u32::try_from(CALLERS * APPENDS)?) / began.elapsed().as_secs_f64())
}

fn micros(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    times.get(times.len() * percent / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

fn middle(mut of: Vec<f64>) -> f64 {
    of.sort_unstable_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or_default()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Done {
    let folder = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let folder = tempfile::tempdir_in(folder)?;
    let clock = Clock::new(|| Timestamp::EPOCH);
    let journal = FileJournal::open(Options {
        segment_bytes: Some(64 << 20),
        ..Options::new(folder.path().join("journal"), clock)
    })?;
    let [mut bare_50, mut bare_99, mut own_50, mut own_99, mut bare_rate, mut own_rate] = [const { Vec::new() }; 6];
    for _ in 0..ROUNDS {
        let mut times = bare(folder.path(), BODY_BYTES)?;
        bare_50.push(micros(&mut times, 50));
        bare_99.push(micros(&mut times, 99));
        let mut times = one_at_a_time(&journal).await?;
        own_50.push(micros(&mut times, 50));
        own_99.push(micros(&mut times, 99));
        let times = bare(folder.path(), CALLERS * BODY_BYTES / 4)?;
        let records = f64::from(u32::try_from(SYNCS * CALLERS / 4)?);
        bare_rate.push(records / times.iter().sum::<Duration>().as_secs_f64());
        own_rate.push(many(&journal).await?);
    }
    journal.stop();
    let [bare_50, bare_99, own_50, own_99] = [bare_50, bare_99, own_50, own_99].map(middle);
    let [bare_rate, own_rate] = [bare_rate, own_rate].map(middle);
    println!("1 KiB, one at a time, medians of {ROUNDS}, µs");
    println!("  bare write + fdatasync  p50 {bare_50:.0}  p99 {bare_99:.0}");
    println!(
        "  journal append          p50 {own_50:.0}  p99 {own_99:.0}  ratio {:.2} / {:.2}",
        own_50 / bare_50,
        own_99 / bare_99
    );
    println!("1 KiB, {CALLERS} callers, records/s");
    println!("  bare, 64 a sync         {bare_rate:.0}");
    println!("  journal append          {own_rate:.0}  ratio {:.2}", own_rate / bare_rate);
    Ok(())
}
