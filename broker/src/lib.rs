//! The exchange that all agents of a region call.
//!
//! `broker` builds every part and starts the tasks. `relay` does the work and never sees a wire connection or a status
//! code; `grpc` and `admin` are faces: they parse, ask the relay, encode. `trust` holds what the signed files say.

pub mod admin;
pub mod broker;
pub mod config;
pub mod grpc;
pub mod health;
pub mod metrics;
pub mod relay;
pub mod trust;

pub use broker::{Broker, Running, StartError};
pub use config::Config;
