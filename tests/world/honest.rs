//! Honest traffic: one member writes to another fifty times a second, whatever happens beside it, and it is written down
//! how long each envelope took.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proto::v1;
use store::tasks::Tasks;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::bare::Bare;
use super::clock::HandClock;
use super::drafts::bulletin;
use super::live::{World, within};

/// Fifty a second.
const EVERY: Duration = Duration::from_millis(20);
/// What is going on while nothing does.
const CALM: &str = "calm";

/// How long each envelope took from the moment it was due until it was handed over, by what went on beside it.
pub type Took = BTreeMap<&'static str, Vec<Duration>>;

/// Honest traffic that goes on.
pub struct Honest {
    tasks: Tasks,
    beside: Arc<Mutex<&'static str>>,
    took: oneshot::Receiver<Took>,
}

impl Honest {
    /// Begins; the world's clock goes with it, as a real one would.
    pub fn between(world: &World, from: &str, to: &str) -> Self {
        let (tasks, beside, (tell, took)) = (Tasks::new(), Arc::new(Mutex::new(CALM)), oneshot::channel());
        let talk = Talk {
            from: world.bare(from),
            to: world.bare(to),
            broker: world.broker_address(),
            clock: world.clock.clone(),
            beside: beside.clone(),
        };
        tasks.task("honest", async move |stop| drop(tell.send(talk.go_on(stop).await)));
        Self { tasks, beside, took }
    }

    /// Lets nothing happen for a while.
    pub async fn calm(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Does `attack` again and again for at least `time`; what is sent meanwhile is written down beside its name.
    pub async fn beside(&self, name: &'static str, time: Duration, attack: impl AsyncFn()) {
        let began = Instant::now();
        self.now(name);
        while began.elapsed() < time {
            attack().await;
        }
        self.now(CALM);
    }

    fn now(&self, name: &'static str) {
        *self.beside.lock().unwrap_or_else(PoisonError::into_inner) = name;
    }

    /// Ends it: how long each took. Nobody saw an error, and everything came once, whole and in order: else it has
    /// broken off, and this ends the test.
    pub async fn end(self) -> Took {
        self.tasks.begin_stop();
        let took = within("honest traffic goes on to its end", self.took).await;
        took.expect("no honest caller sees an error, and everything comes once and in order")
    }
}

struct Talk {
    from: Bare,
    to: Bare,
    broker: std::net::SocketAddr,
    clock: HandClock,
    beside: Arc<Mutex<&'static str>>,
}

impl Talk {
    async fn go_on(&self, stop: CancellationToken) -> Took {
        let (mut took, mut due) = (Took::new(), Instant::now());
        let mut sender = self.from.session(self.broker).await.unwrap();
        let mut reader = self.to.session(self.broker).await.unwrap();
        while !stop.is_cancelled() {
            due += EVERY;
            tokio::time::sleep_until(due).await;
            self.clock.advance(EVERY);
            let beside = *self.beside.lock().unwrap_or_else(PoisonError::into_inner);
            let sent = self.from.envelope(bulletin(&[&self.to.city], v1::Precedence::Priority, "照常"));
            let answers = sender.submit(vec![sent.clone()]).await.unwrap();
            assert_eq!(answers.refused, []);
            let handed = reader.take(1).await.unwrap();
            took.entry(beside).or_default().push(due.elapsed());
            assert_eq!((handed.len(), handed[0].envelope.as_ref()), (1, Some(&sent)));
            reader.confirm(&handed).await.unwrap();
        }
        took
    }
}

/// The value under which 99 of 100 lie.
pub fn p99(mut took: Vec<Duration>) -> Duration {
    took.sort();
    took[(took.len() * 99).div_ceil(100) - 1]
}
