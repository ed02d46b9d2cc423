//! What can go wrong with the rows while they are used. The first fault is kept; the engine stops for it.

use std::sync::{Arc, OnceLock};

/// The rows cannot be read or written. Nothing is lost: they are made again from the journal.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Fault {
    /// sled or the file system answered with an error. Opening again and replaying may help.
    #[error("store: {0}")]
    Failed(String),
    /// Bytes are not what was written. The next start rebuilds.
    #[error("store damaged: {0}")]
    Damaged(String),
}

/// Keeps the first fault, for everyone who uses the same rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Arc<OnceLock<Fault>>);

impl Faults {
    /// Remembers `fault` if it is the first, and hands it on.
    pub fn note(&self, fault: Fault) -> Fault {
        tracing::error!(%fault, "the rows cannot be used");
        let _ = self.0.set(fault.clone()); // a later fault follows from the first
        fault
    }

    /// The first fault, if there was one.
    pub fn first(&self) -> Option<&Fault> {
        self.0.get()
    }
}
