//! Certificates and trust from the command line: the whole way of a neighbour into a region, between folders that share
//! nothing but the files that are carried.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod flow;
mod offices;
mod refusals;
mod running;
