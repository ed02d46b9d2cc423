//! The watchdog: a sled call that does not come back ends the process, and the next start replays.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::control::Control;

/// Counts the beginnings and ends of one caller's calls: odd while a call runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// Does `call` while the watchdog looks.
    pub fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        self.0.fetch_add(1, Ordering::Relaxed);
        let result = call();
        self.0.fetch_add(1, Ordering::Relaxed);
        result
    }

    fn beat(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What to do about a call that does not come back, and how long to wait for it.
#[derive(Clone)]
pub struct Watchdog {
    /// How long one call may take.
    pub patience: Duration,
    /// What happens then. It is called on the watchdog's own thread.
    pub bark: Arc<dyn Fn() + Send + Sync>,
}

impl Watchdog {
    /// Ten seconds, then the process aborts.
    pub fn aborting() -> Self {
        let bark = || {
            tracing::error!("a call of the store did not come back; the process ends and replays at its next start");
            std::process::abort();
        };
        Self { patience: Duration::from_secs(10), bark: Arc::new(bark) }
    }
}

impl fmt::Debug for Watchdog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchdog").field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// How often one patience is looked at.
const LOOKS: u32 = 4;

/// Looks at the callers behind `pulses` until everything ends, and barks while a call of one of them hangs.
pub(crate) fn look(control: &Control, watchdog: &Watchdog, pulses: [Pulse; 2]) {
    let mut watched = pulses.map(Watched::new);
    while !control.has_ended() {
        control.pause(watchdog.patience / LOOKS);
        if watched.iter_mut().any(Watched::hangs) {
            (watchdog.bark)();
        }
    }
}

/// What the watchdog saw last of one caller.
#[derive(Debug)]
struct Watched {
    pulse: Pulse,
    beat: u64,
    looks: u32,
}

impl Watched {
    /// Begins to watch.
    fn new(pulse: Pulse) -> Self {
        Self { pulse, beat: 0, looks: 0 }
    }

    /// Looks once; true when the same call was running at every look of one patience.
    fn hangs(&mut self) -> bool {
        let beat = self.pulse.beat();
        let same_call = beat % 2 == 1 && beat == self.beat;
        self.looks = if same_call { self.looks + 1 } else { 0 };
        self.beat = beat;
        self.looks >= LOOKS
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;
    use crate::tasks::Tasks;

    #[test]
    fn only_one_call_that_stays_is_a_hang() {
        let pulse = Pulse::default();
        let mut watched = Watched::new(pulse.clone());
        assert!((0..20).all(|_| !watched.hangs()), "idle is no hang");

        assert!((0..20).all(|_| pulse.during(|| !watched.hangs())), "many short calls are no hang");

        pulse.during(|| {
            let looks = (0..20).take_while(|_| !watched.hangs()).count();
            assert!((4..=5).contains(&looks), "{looks}");
        });
    }

    #[test]
    fn a_call_that_does_not_come_back_makes_the_watchdog_bark() {
        let (tell, heard) = mpsc::channel();
        let tell = Mutex::new(tell);
        let bark = Arc::new(move || tell.lock().unwrap().send(()).unwrap_or(()));
        let watchdog = Watchdog { patience: Duration::from_millis(4), bark };
        let (control, pulse) = (Arc::new(Control::default()), Pulse::default());
        let (watched, ends) = ([Pulse::default(), pulse.clone()], control.clone());
        Tasks::new().thread("watchdog", move |_| look(&ends, &watchdog, watched)).unwrap();

        let barked = pulse.during(|| heard.recv_timeout(Duration::from_mins(1)));

        control.end();
        assert_eq!(barked, Ok(()));
        assert!(heard.iter().count() < 60, "the watch ends when it is told");
    }
}
