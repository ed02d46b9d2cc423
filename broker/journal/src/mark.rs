//! The high-water mark: read at the start, written now and then by a thread of its own, so that no commit waits for it.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    disk::Place,
    format::{MARK_BYTES_MAX, Mark},
};

/// At most one mark is written in this time.
const EVERY: Duration = Duration::from_secs(1);

/// The marks that there are: the newer good one, and how many are bad.
pub(crate) fn read(place: &Place) -> io::Result<(Option<Mark>, u8)> {
    let (mut newest, mut damaged) = (None::<Mark>, 0);
    for name in ["mark.0", "mark.1"] {
        let Some(bytes) = place.read_whole(name, MARK_BYTES_MAX)? else { continue };
        match Mark::decode(&bytes) {
            Some(mark) if newest.as_ref().is_none_or(|known| known.generation < mark.generation) => newest = Some(mark),
            Some(_) => {}
            None => damaged += 1,
        }
    }
    Ok((newest, damaged))
}

/// Writes a mark in place of the older of the two.
pub(crate) fn write(place: &Place, mark: &Mark) -> io::Result<()> {
    let name = if mark.generation.is_multiple_of(2) { "mark.0" } else { "mark.1" };
    place.write_whole(name, &mark.encode())
}

/// Knows the newest mark and sees that it gets written.
#[derive(Clone, Debug)]
pub(crate) struct Marker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    place: Place,
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct State {
    generation: u64,
    newest: Option<Mark>,
    stops: bool,
}

impl Marker {
    /// `generation` is that of the mark on disk.
    pub fn new(place: Place, generation: u64) -> Self {
        let state = Mutex::new(State { generation, ..State::default() });
        Self(Arc::new(Inner { place, state, bell: Condvar::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A later mark; it is written soon.
    pub fn note(&self, mark: Mark) {
        let had = self.lock().newest.replace(mark);
        if had.is_none() {
            self.0.bell.notify_one();
        }
    }

    /// Writes the newest mark if it is not written yet.
    pub fn write(&self) -> io::Result<()> {
        let mark = {
            let mut state = self.lock();
            let Some(mark) = state.newest.take() else { return Ok(()) };
            state.generation += 1;
            Mark { generation: state.generation, ..mark }
        };
        write(&self.0.place, &mark)
    }

    /// The thread: writes at most once a second until told to stop, then once more.
    pub fn run(&self) -> io::Result<()> {
        loop {
            let state = self.lock();
            let waiting = |state: &mut State| state.newest.is_none() && !state.stops;
            let stops = self.0.bell.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner).stops;
            self.write()?;
            if stops {
                return Ok(());
            }
            self.pause();
        }
    }

    /// Waits a second, or until told to stop.
    pub fn pause(&self) {
        let paused = self.0.bell.wait_timeout_while(self.lock(), EVERY, |state| !state.stops);
        drop(paused.unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether it was told to stop.
    pub fn stops(&self) -> bool {
        self.lock().stops
    }

    /// Lets the thread end; it writes nothing more.
    pub fn give_up(&self) {
        self.lock().newest = None;
        self.stop();
    }

    /// Lets the thread write once more and end.
    pub fn stop(&self) {
        self.lock().stops = true;
        self.0.bell.notify_all();
    }
}
