//! Watches the free space of a state directory: keeps ballast while there is room, gives it back to a start that finds none, and
//! says when so little is left that only what is urgent or settles may be taken.

use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use journal::{ballast, file};

use crate::control::Control;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// How long after it could not be set apart it is tried again: each try writes all of it.
const AGAIN: Duration = Duration::from_mins(10);
/// Nothing is set apart before: what runs for a moment needs none.
const FIRST: Duration = Duration::from_secs(3);

/// Before anything is opened: where less than `bytes` are free, the ballast is given back. True if it was.
pub fn make_room(state: &Path, bytes: u64) -> io::Result<bool> {
    let (free, _) = file::space(state)?;
    let given = free < bytes && ballast::give_back(state)?;
    if given {
        tracing::warn!(free, "the disk is full: the ballast is given back, so that the program can open");
    }
    Ok(given)
}

/// What a segment comes to on the disk of `state`, where the configuration does not say it, four times.
pub fn usual_ballast(state: &Path, segment_bytes: Option<u64>) -> u64 {
    const MIB: u64 = 1 << 20;
    let usual = || file::space(state).map_or(MIB, |(_, total)| (total / 64).clamp(MIB, 64 * MIB));
    4 * segment_bytes.unwrap_or_else(usual)
}

/// The free space of one state directory.
#[derive(Debug)]
pub(crate) struct Space {
    state: PathBuf,
    bytes: u64,
    short: AtomicBool,
}

impl Space {
    /// Keeps `bytes` apart in `state`; none where that is 0.
    pub fn of(state: &Path, bytes: u64) -> Self {
        Self { state: state.to_owned(), bytes, short: AtomicBool::new(false) }
    }

    /// There is so little that only what settles, and FLASH, is taken.
    pub fn is_short(&self) -> bool {
        self.short.load(Ordering::Relaxed)
    }

    /// The thread: looks until everything ends.
    pub fn watch(&self, control: &Control) {
        if self.bytes == 0 {
            return control.wait_while(|| true);
        }
        control.pause(FIRST);
        let mut waits = Duration::ZERO;
        while !control.has_ended() {
            if let Err(error) = self.look(waits.is_zero()) {
                tracing::warn!(%error, "the ballast could not be set apart");
                waits = AGAIN;
            }
            control.pause(EVERY);
            waits = waits.saturating_sub(EVERY);
        }
    }

    /// Sets the ballast apart where there is twice as much room beside it. Nothing gives it back while the program runs: it is for
    /// the start that follows, should the rows find no room to grow.
    fn look(&self, may_set_apart: bool) -> io::Result<()> {
        let (free, _) = file::space(&self.state)?;
        let apart = if ballast::is_there(&self.state) { self.bytes } else { 0 };
        // with the ballast or without it, the same space is meant
        self.tell(free + apart < self.bytes / 2 * 3, free);
        if apart == 0 && may_set_apart && free >= self.bytes * 3 {
            ballast::set_apart(&self.state, self.bytes)?;
        }
        Ok(())
    }

    fn tell(&self, short: bool, free: u64) {
        if self.short.swap(short, Ordering::Relaxed) == short {
            return;
        }
        if short {
            tracing::error!(free, "the disk is full: only FLASH and what settles is taken");
        } else {
            tracing::info!(free, "the disk has room again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ballast_that_was_given_back_counts_as_room_so_no_start_refuses_what_was_taken_before() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path();
        let (free, _) = file::space(state).unwrap();
        let short_of = |bytes: u64| {
            let space = Space::of(state, bytes);
            space.look(false).unwrap();
            space.is_short()
        };

        assert!(!short_of(free / 2), "twice as much is free");
        assert!(short_of(free), "no more than the ballast is free, and none is set apart");
        ballast::set_apart(state, 4_096).unwrap();
        assert!(!short_of(free), "it is set apart and as much is free beside it");
        assert!(short_of(free * 3), "a third of it is free");
    }
}
