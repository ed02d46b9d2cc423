//! The journal's few threads: each has a name, and whoever stops the journal waits for all of them.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

/// The threads of one journal. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Threads(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Threads {
    /// Starts one.
    #[expect(clippy::disallowed_methods, reason = "the journal owns its threads; the crate below has no tasks")]
    pub fn start(&self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let handle = thread::Builder::new().name(name.to_owned()).spawn(work)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        Ok(())
    }

    /// Waits until all of them have ended; they must have been told to.
    pub fn join(&self) {
        let handles = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for handle in handles {
            let name = handle.thread().name().unwrap_or_default().to_owned();
            if handle.thread().id() != thread::current().id() && handle.join().is_err() {
                tracing::error!(name, "a thread of the journal panicked");
            }
        }
    }
}
