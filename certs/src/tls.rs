//! TLS for broker and agents: 1.3 only, X25519MLKEM768 preferred, no resumption, both sides judged by our own
//! verifiers, everything reloadable without a restart. The accept loop is ours, with its limits.

mod broker;
mod caller;
mod chain;
mod door;
mod identity;
pub mod web;

use rustls::Error;

pub use self::{
    door::{ConnectError, Incoming, Peer, TurnedAway, accept, connect, connect_over, descriptors, next_connection},
    identity::{Identity, PostQuantum},
};
use crate::{files::FilesError, keys::KeyError};

/// Why a TLS identity could not be made; what was in force stays so.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The signed files.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A certificate that cannot be read.
    #[error("{0}")]
    Pem(String),
    /// The library refuses the set.
    #[error("TLS: {0}")]
    Rustls(#[from] Error),
}

/// For whom a listener is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Listener {
    /// Agents of members, each under the authority that the directory binds.
    Agents,
    /// Operators, under the broker's authority.
    Operators,
}
