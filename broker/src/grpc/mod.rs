//! The face that agents call: parse, ask the relay, encode. Who calls is known from the connection alone.

mod audit;
mod blobs;
mod count;
mod directory;
mod documents;
pub mod doors;
mod exchange;
mod failures;
mod frames;
mod guard;
mod link;
mod opening;
mod peer;
mod places;
mod server;
mod session;
mod uploads;
mod watch;

pub use directory::links;
pub use peer::operator;
pub use server::{Faces, serve_admin, serve_agents};
