//! R14 on the real programs: two cities exchange in peace while the agents of two others are killed again and again.
//!
//! Calm and faults take turns, so that whatever else the machine does meets both alike. In each turn the peaceful city sends
//! as many messages and the turn lasts until they are handed over: each is measured under one of the two conditions alone, and
//! should the peaceful ones be held up, that is the measurement.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proto::v1;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::checker::event::{Event, Fault, FaultKind, Healed, Plan};
use crate::checker::history::History;
use crate::checker::recorder::Recorder;
use crate::checker::rules::isolation::{Leg, legs};
use crate::checker::{check, report};
use crate::kill::book::Book;
use crate::kill::cargo::Load;
use crate::kill::desks::{Receiver, Sender};
use crate::kill::notary_of;
use crate::kill::programs::{Program, listening};
use crate::world::clock::system_now;
use crate::world::desk::Desk;
use crate::world::dice::Dice;
use crate::world::region::{LY, LYG, RZ, Region, XZ};

/// Turns of calm, each followed by one of faults.
const TURNS: usize = 6;
/// So many messages the peaceful city sends in each: enough for a 99th percentile in six turns.
const SENT_A_TURN: u32 = 20;
/// A message is sent so often, whatever became of those before: a pace that two cores and unoptimised programs keep.
const PACE: Duration = Duration::from_millis(50);
/// Calls that may wait at a time: more than a pair at this pace has in any turn.
const WINDOW: usize = 10_000;
/// Longer than any turn, start or settling takes.
const PATIENCE: Duration = Duration::from_mins(2);

/// Two cities, one sending to the other at a steady pace.
pub struct Pair {
    pub book: Arc<Book>,
    sender: Sender,
    sending: JoinSet<()>,
    pub stop: CancellationToken,
    reading: CancellationToken,
    tasks: JoinSet<()>,
}

impl Pair {
    /// Begins; counts its calls from `first_call`.
    pub fn start(region: &Region, history: &Recorder, cities: [&'static str; 2], first_call: u64) -> Self {
        let [from, to] = cities;
        let book = Arc::new(Book::begin(history.clone(), notary_of(region), WINDOW, first_call));
        let (stop, reading) = (CancellationToken::new(), CancellationToken::new());
        let desk = Desk::at(&region.agent(from).desk_socket);
        let ear = Sender { desk, book: book.clone(), from, to, stop: reading.clone(), load: Load::Small };
        let sender = Sender { stop: stop.clone(), ..ear.clone() };
        let receiver = Receiver {
            desk: Desk::at(&region.agent(to).desk_socket),
            book: book.clone(),
            to,
            stop: reading.clone(),
            cursor: region.agent(to).config.with_extension("cursor"),
            dice: Dice::of(first_call),
            tries: std::collections::HashMap::new(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(ear.hear_all());
        tasks.spawn(receiver.take_all());
        Self { book, sender, sending: JoinSet::new(), stop, reading, tasks }
    }

    /// Sends at a steady pace until told to stop.
    pub fn send_on(&mut self) {
        self.sending.spawn(at_a_pace(self.sender.clone(), u32::MAX));
    }

    /// Sends a turn's messages, and waits until they are handed over.
    async fn turn(&self) {
        at_a_pace(self.sender.clone(), SENT_A_TURN).await;
        self.settled().await;
    }

    async fn settled(&self) {
        let settled = self.book.until(PATIENCE, |book| book.is_answered() && book.is_settled()).await;
        assert!(settled, "{} → {} stands still", self.sender.from, self.sender.to);
    }

    /// What was sent settles; then everything ends.
    pub async fn end(mut self) {
        // what it sent last is settled too
        while let Some(ended) = self.sending.join_next().await {
            ended.unwrap();
        }
        self.settled().await;
        self.reading.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

/// Sends at each beat, so many at most, without waiting for what was sent before; ends when all are answered.
async fn at_a_pace(sender: Sender, most: u32) {
    let (mut beat, mut calls) = (interval(PACE), JoinSet::new());
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for _ in 0..most {
        if sender.stop.is_cancelled() {
            break;
        }
        beat.tick().await;
        let sender = sender.clone();
        calls.spawn(async move { sender.send(v1::Precedence::Immediate).await });
    }
    calls.join_all().await;
}

/// The programs of the region: the broker and four agents.
struct Programs {
    region: Region,
    broker: Program,
    agents: Vec<(&'static str, Program)>,
}

impl Programs {
    async fn start(directory: &std::path::Path) -> Self {
        let cities = [LY, XZ, LYG, RZ];
        let region = Region::create(directory, &cities, system_now()).unwrap();
        let agent = |city| (city, Program::new(&format!("agent:{city}"), "agent", &region.agent(city).config, None));
        let agents = cities.into_iter().map(agent).collect();
        let mut broker = Program::new("broker", "broker", &region.broker_config, None);
        broker.start();
        listening(region.broker_address, PATIENCE).await.unwrap();
        let mut programs = Self { region, broker, agents };
        for city in cities {
            programs.start_agent(city).await;
            // else the first messages of the calm would wait for it
            programs.desk(city).linked(PATIENCE).await.unwrap();
        }
        programs
    }

    fn agent(&mut self, city: &str) -> &mut Program {
        &mut self.agents.iter_mut().find(|(of, _)| *of == city).expect("an agent").1
    }

    async fn start_agent(&mut self, city: &str) {
        self.agent(city).start();
        self.desk(city).ready(PATIENCE).await.unwrap();
    }

    fn desk(&self, city: &str) -> Desk {
        Desk::at(&self.region.agent(city).desk_socket)
    }

    fn sample(&self, history: &Recorder) {
        let agents = self.agents.iter().map(|(_, agent)| agent);
        let samples = [&self.broker].into_iter().chain(agents).filter_map(Program::sample);
        samples.for_each(|sample| history.record(Event::Sample(sample)));
    }

    /// An agent dies, stays away while the peaceful city sends, and comes back and catches up while it sends again.
    async fn fault(&mut self, turn: usize, city: &'static str, peaceful: &Pair, history: &Recorder) {
        let victim = format!("agent:{city}");
        history.record(Event::Fault(Fault { name: fault(turn), kind: FaultKind::Kill, victim: victim.clone() }));
        self.agent(city).kill().await;
        peaceful.turn().await;
        self.start_agent(city).await;
        peaceful.turn().await;
        history.record(Event::Healed(Healed { victim }));
    }
}

fn fault(turn: usize) -> String {
    format!("turn {turn}")
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_without_a_fault_keep_their_pace_while_others_die() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("isolation");
    drop(std::fs::remove_dir_all(&directory));
    let history = Recorder::begin(&directory.join("history.jsonl")).unwrap();
    let mut programs = Programs::start(&directory).await;
    history.record(Event::Plan(Plan { faults: (0..TURNS).map(fault).collect(), ..Plan::default() }));
    let peaceful = Pair::start(&programs.region, &history, [LYG, RZ], 0);
    let mut troubled = Pair::start(&programs.region, &history, [LY, XZ], 1_000_000);
    troubled.send_on();

    for (turn, city) in (0..TURNS).zip([LY, XZ].into_iter().cycle()) {
        peaceful.turn().await;
        programs.sample(&history);
        programs.fault(turn, city, &peaceful, &history).await;
    }
    troubled.stop.cancel();
    history.record(Event::Quiet);
    peaceful.end().await;
    troubled.end().await;
    history.record(Event::End);

    let lines = history.lines();
    let legs = legs(&History::of(&lines));
    for leg in [Leg::Accept, Leg::HandOver] {
        let (calm, fault) = legs[&(LYG, RZ, leg)].judged().expect("enough messages with and without faults");
        println!("{leg:?}: p99 {} ms in peace, {} ms beside faults", calm / 1_000, fault / 1_000);
    }
    let found = check(&lines);
    assert!(found.is_empty(), "history {}\n{}", history.path().display(), report(&found, 10));
}
