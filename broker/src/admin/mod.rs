//! The operators' face, on its own listener with operator certificates, and `/metrics` and `/healthz` for machines.

pub mod http;
mod service;

pub use service::AdminFace;
