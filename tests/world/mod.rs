//! A world to exercise in: brokers and agents in one process, each with its own directory and a clock that moves when
//! told, and links that are slowed, cut and mended.
#![allow(dead_code, unused_imports, unused_macros, reason = "each test target uses its own part")]

pub mod bare;
pub mod clock;
pub mod desk;
pub mod dice;
pub mod drafts;
pub mod honest;
pub mod hook;
pub mod live;
pub mod papers;
pub mod proxy;
pub mod rebuilt;
pub mod region;
