//! The engine: a deterministic fold of the journal into rows. The journal is the truth; everything here can be made again.
//!
//! | module | what |
//! |---|---|
//! | [`engine`], [`failure`] | append and wait for the fold's verdict; read; stop; how it ends for good |
//! | [`fold`], [`rows`] | what a record means, and where it is written down |
//! | [`options`], [`open`], [`watch`] | sizes; what opening found; what to do when sled hangs |
//! | [`base`] | what the journal has let go, folded: rows are made again from it and the journal |
//! | [`blobs`] | files named by their digest |
//! | [`backup`] | copies of a state directory: made, read back, put back; what was set aside |
//! | [`tasks`] | the owner of every task and thread of the process |
//! | [`trial`] | a fold without journal or disk, for its own tests |
//!
//! Inside: `overlay` over `layer`s and `tree` (sled, and nowhere else), `spill` and its undo rows, `refold`, `closed` (the index of
//! what is closed), `row` and `note` (bytes). FORMAT.md says what lies on disk and why a cut at any point does no harm.
//!
//! Absent on purpose: what any record means; any clock but the one handed in; any answer that waits for sled.

pub mod backup;
pub mod base;
pub mod blobs;
mod closed;
mod control;
mod disk;
pub mod engine;
pub mod failure;
mod fault;
pub mod fold;
mod hash;
mod layer;
mod note;
pub mod open;
pub mod options;
mod overlay;
mod refold;
mod row;
pub mod rows;
pub mod seeded;
mod sieve;
pub mod space;
mod spill;
pub mod tasks;
mod ticket;
mod tree;
pub mod trial;
pub mod watch;

#[cfg(test)]
mod tests;

pub use self::{
    engine::{Engine, Figures},
    failure::{AppendError, Failure},
    fault::Fault,
    fold::{At, Fold, FoldError},
    open::{OpenError, Opened},
    options::Options,
    rows::{Dump, Fingerprint, Rows},
};
