//! The exercises with faults: programs that are killed, and the checker that judges what they did.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::result_large_err, reason = "tests do not mind a large status")]

#[path = "../checker/mod.rs"]
mod checker;
#[path = "../world/mod.rs"]
mod world;

mod clocks;
mod coverage;
mod cuts;
mod damage;
mod disk;
mod exhaust;
mod full;
mod histories;
mod inject;
mod isolation;
mod kill;
mod lost;
mod net;
mod reference;
#[cfg(seeded_bugs)]
mod seeded;
mod stopped;
mod sync;
