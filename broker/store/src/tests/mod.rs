//! The engine held against a sorted map that takes the same records, and stopped, killed and damaged meanwhile.

mod base;
mod crash;
mod damage;
mod limits;
mod memory;
mod reference;
mod refold;
mod retire;
mod spill;
mod stopping;
mod toy;
pub mod world;
