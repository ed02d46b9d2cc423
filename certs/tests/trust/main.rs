//! Trust by real handshakes and real files: who is let in, who is not and why, and what may follow what.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod brokers;
mod callers;
mod enrolment;
mod files;
mod line;
mod office;
mod reload;
mod secrets;
