//! The next segment, made in the background before it is needed.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
};

use crate::{
    disk::Place,
    segment::{self, Blank},
    threads::Threads,
};

/// Where fresh segments come from.
#[derive(Debug)]
pub(crate) struct Spares {
    place: Place,
    bytes: u64,
    give_up: Arc<AtomicBool>,
    /// One that was made and could not be made longer.
    ready: Option<Blank>,
    background: Option<Background>,
}

/// The thread's two ends: numbers wanted, segments made. One is under way or ready at any time.
#[derive(Debug)]
struct Background {
    wanted: Sender<u32>,
    made: Receiver<io::Result<Blank>>,
}

impl Spares {
    /// Segments of `bytes`, made when asked for.
    pub fn new(place: Place, bytes: u64) -> Self {
        Self { place, bytes, give_up: Arc::default(), ready: None, background: None }
    }

    /// From now on a thread makes them ahead; the next will be `number`.
    pub fn start(&mut self, number: u32, threads: &Threads) -> io::Result<()> {
        let (wanted, numbers) = channel();
        let (makes, made) = channel();
        let (place, bytes, give_up) = (self.place.clone(), self.bytes, self.give_up.clone());
        threads.start("journal spare", move || {
            for number in numbers {
                if makes.send(Blank::make(&place, number, bytes, &give_up)).is_err() {
                    return;
                }
            }
        })?;
        let background = Background { wanted, made };
        background.want(number);
        self.background = Some(background);
        Ok(())
    }

    /// The segment `number`, at least `bytes_min` long. After an error the same number may be asked for again.
    pub fn take(&mut self, number: u32, bytes_min: u64) -> io::Result<Blank> {
        let mut blank = match self.ready.take() {
            Some(blank) => blank,
            None => self.next(number)?,
        };
        debug_assert_eq!(blank.number, number, "spares come in order");
        if blank.bytes < bytes_min
            && let Err(error) = blank.lengthen(bytes_min)
        {
            self.ready = Some(blank);
            return Err(error);
        }
        Ok(blank)
    }

    fn next(&self, number: u32) -> io::Result<Blank> {
        let Some(background) = &self.background else {
            return Blank::make(&self.place, number, self.bytes, &self.give_up);
        };
        let made = background.made.recv().unwrap_or_else(|_| Err(io::Error::other("the thread for spares has ended")));
        background.want(if made.is_ok() { number.saturating_add(1) } else { number });
        made
    }

    /// Ends the thread and removes what was made for nothing.
    pub fn stop(&mut self) {
        self.give_up.store(true, Ordering::Relaxed);
        let made = self.background.take().into_iter().flat_map(|Background { wanted, made }| {
            drop(wanted);
            made.into_iter().flatten()
        });
        for blank in self.ready.take().into_iter().chain(made) {
            if let Err(error) = self.place.disk.remove(&self.place.folder.join(segment::name(blank.number))) {
                tracing::debug!(%error, "a spare segment stays until the next start");
            }
        }
    }
}

impl Background {
    fn want(&self, number: u32) {
        if self.wanted.send(number).is_err() {
            tracing::debug!("the thread for spares has ended"); // the next `take` says so
        }
    }
}
