//! The first honest figures of speed: durable messages over mutual TLS, next to a bare `fdatasync` loop on the same disk
//! in the same run; and a recipient who comes back to 100,000 messages. Run by hand: `cargo bench --bench exchange`.
//!
//! Clients are bare: they seal, send and confirm as agents do and keep nothing on disk. Broker and agent are the real
//! release binary in processes of their own. Absolute figures are those of one machine on one day: compare the ratios.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::cast_precision_loss, reason = "a report for people")]
#![allow(clippy::result_large_err, reason = "statuses are large, and rare here")]

#[path = "../world/mod.rs"]
mod world;

mod backlog;
mod client;
mod floor;
mod place;
mod speed;

use std::time::Duration;

/// A call's durations, sorted.
pub struct Times(Vec<Duration>);

impl Times {
    fn of(mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        Self(took)
    }

    /// The value below which so many thousandths lie.
    fn at(&self, thousandth: usize) -> Duration {
        let index = (self.0.len() * thousandth).div_ceil(1_000).saturating_sub(1);
        self.0.get(index).copied().unwrap_or_default()
    }

    fn report(&self) -> String {
        format!("p50 {:?}, p99 {:?}, p99.9 {:?}", self.at(500), self.at(990), self.at(999))
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    // cargo bench hands over `--bench`; what follows names parts
    let parts: Vec<String> = std::env::args().skip(1).filter(|part| !part.starts_with("--")).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    println!("cores {}, payload 1 KiB of content, mutual TLS 1.3", std::thread::available_parallelism().unwrap());
    runtime.block_on(async {
        for run in 1..=3 {
            if wanted("speed") {
                println!("run {run}");
                floor::run();
                speed::run().await;
            }
        }
        if wanted("backlog") {
            backlog::run().await;
        }
    });
}
