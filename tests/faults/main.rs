//! The exercises with faults: programs that are killed, and the checker that judges what they did.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::result_large_err, reason = "tests do not mind a large status")]

#[path = "../checker/mod.rs"]
mod checker;
#[path = "../world/mod.rs"]
mod world;

mod coverage;
mod histories;
mod isolation;
mod kill;
mod reference;
#[cfg(seeded_bugs)]
mod seeded;
mod sync;
