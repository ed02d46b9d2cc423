//! Load and endurance: a month that passes in minutes, and a surge.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::result_large_err, reason = "tests do not mind a large status")]

#[path = "../scenarios/chlorine/papers.rs"]
#[allow(dead_code, reason = "the story of the tanker uses them all")]
mod papers;
#[path = "../world/mod.rs"]
mod world;

mod days;
mod figures;
mod looks;
mod surge;
mod traffic;
