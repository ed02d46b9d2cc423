//! The contract in Rust: types made from `liandong/v1/*.proto`, and the border between them and the model.
//!
//! `v1` is what travels, `record` is what journals hold. `border` takes wire values apart and makes model values of
//! them; nothing else may. `rules` reads the field options once. `status` maps reasons to gRPC statuses, `witness` says what
//! is kept of the evidence trees of others. This crate does no I/O.

pub mod border;
pub mod record;
pub mod rules;
pub mod status;
pub mod v1;
pub mod witness;

/// The descriptors of everything here, with options and comments: for reflection, JSON and the published contract.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/liandong.binpb"));
