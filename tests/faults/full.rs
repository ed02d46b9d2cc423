//! Disks that fill up, in stages and to the last byte, under load and at the start (F11): nothing accepted is lost, whoever is
//! refused is told why, and all heals when there is room again.
//!
//! `LIANDONG_EPISODES` sets how many episodes for each program (4: one of each stage); `LIANDONG_SEED` gives them again.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use model::clock::Clock;
use proto::v1;
use tokio::time::timeout;

use crate::disk::{FileSystem, LoopDisk, has};
use crate::inject::health;
use crate::kill::cargo::Cargo;
use crate::kill::office::Office;
use crate::kill::programs::Program;
use crate::stopped::until;
use crate::world::bare::{Bare, header_of};
use crate::world::clock::system_now;
use crate::world::desk::Desk;
use crate::world::dice::Dice;
use crate::world::drafts::bulletin;
use crate::world::region::{LY, Region, XZ};

const DISK_MIB: u64 = 128;
/// Longer than any start takes; a start on a full disk too.
const PATIENCE: Duration = Duration::from_mins(1);
/// So soon the broker knows that its disk has filled up, or has room again.
const SEES_WITHIN: Duration = Duration::from_secs(5);

/// How full the disk is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Watch,
    Tight,
    Reserve,
    Full,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Watch, Self::Tight, Self::Reserve, Self::Full];

    /// Of a thousand bytes, so many stay free.
    fn free_per_mille(self) -> u64 {
        match self {
            Self::Watch => 150,
            Self::Tight => 75,
            Self::Reserve => 30,
            Self::Full => 0,
        }
    }

    /// The most urgent precedence that is surely refused.
    fn refuses_from(self) -> v1::Precedence {
        match self {
            Self::Watch => v1::Precedence::Routine,
            Self::Tight => v1::Precedence::Priority,
            Self::Reserve | Self::Full => v1::Precedence::Immediate,
        }
    }
}

const PRECEDENCES: [v1::Precedence; 4] =
    [v1::Precedence::Flash, v1::Precedence::Immediate, v1::Precedence::Priority, v1::Precedence::Routine];

fn episodes() -> (u64, Dice) {
    let seed = Dice::seed_from_env();
    println!("seed {seed}");
    let episodes = std::env::var("LIANDONG_EPISODES").map_or(4, |episodes| episodes.parse().expect("a number"));
    (episodes, Dice::of(seed))
}

/// A broker whose state lies on a small disk, and two bare agents.
struct Broker {
    region: Region,
    program: Program,
    disk: LoopDisk,
    ly: Bare,
    xz: Bare,
    accepted: BTreeSet<Bytes>,
    handed: BTreeSet<Bytes>,
}

impl Broker {
    async fn start(name: &str) -> Self {
        let folder = crate::disk::fresh_folder(name);
        let region = Region::create(&folder, &[LY, XZ], system_now()).unwrap();
        let mut program = Program::new("broker", "broker", &region.broker_config, None);
        let disk = LoopDisk::make(&folder, "disk", FileSystem::Ext4, DISK_MIB);
        disk.hold(&region.broker_state());
        program.start();
        program.ready(PATIENCE).await.unwrap();
        let bare = |city: &str| Bare::of(city, &region.trust.trust(city), &Clock::new(system_now)).unwrap();
        let (ly, xz) = (bare(LY), bare(XZ));
        Self { region, program, disk, ly, xz, accepted: BTreeSet::new(), handed: BTreeSet::new() }
    }

    /// Hands one message in: refused with a code, or kept for good.
    async fn submit(&mut self, precedence: v1::Precedence, bytes: usize) -> Result<(), String> {
        let cargo = if bytes == 0 { Cargo::Nothing } else { Cargo::Inside(vec![Bytes::from(vec![7; bytes])]) };
        let envelope = self.ly.envelope(cargo.on(bulletin(&[XZ], precedence, "满盘演习")));
        let id = header_of(&envelope).message_id;
        self.ly.submit(self.region.broker_address, envelope).await?;
        self.accepted.insert(id);
        Ok(())
    }

    /// What waits is handed over and confirmed, up to `most`: settling goes on whatever is full.
    async fn settle(&mut self, most: usize) {
        let mut session = self.xz.session(self.region.broker_address).await.unwrap();
        let (mut taken, wanted) = (0, most.min(self.accepted.len() - self.handed.len()));
        while taken < wanted {
            let deliveries = session.deliveries().await.unwrap();
            for delivery in &deliveries {
                let id = header_of(delivery.envelope.as_ref().unwrap()).message_id;
                assert!(self.accepted.contains(&id), "handed over, and never accepted");
                assert!(self.handed.insert(id), "handed over twice after it was confirmed");
                taken += 1;
            }
            timeout(PATIENCE, session.confirm(&deliveries)).await.expect("a confirmation is stored").unwrap();
        }
    }

    async fn restart(&mut self) {
        self.program.kill().await;
        self.program.start();
        let listens = self.program.ready(PATIENCE).await;
        assert_eq!((listens, self.program.ended()), (Ok(()), None), "it starts while its disk is full");
    }

    async fn knows_all(&self) {
        let named = self.accepted.iter().map(|id| (id.clone(), crate::kill::book::hex(id))).collect();
        let stands = Office::of(&self.region, LY).stands(named).await;
        let known = stands.iter().filter(|stands| !stands.at.is_empty()).count();
        assert_eq!(known, self.accepted.len(), "accepted, and known to the broker");
    }

    /// ROUTINE is refused for want of space, or taken, within the time.
    async fn until_routine_is(&mut self, taken: bool) {
        let began = tokio::time::Instant::now();
        while self.submit(v1::Precedence::Routine, 0).await.is_ok() != taken {
            assert!(began.elapsed() < SEES_WITHIN, "ROUTINE is taken: {}, the disk has {}", !taken, self.disk.free());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn episode(&mut self, stage: Stage, restarts: bool) {
        let state = self.region.broker_state();
        until("space is set apart", async || state.join("ballast").is_file()).await;
        self.disk.fill_to(self.disk.total() / 1_000 * stage.free_per_mille());
        let free = self.disk.free();
        assert!(
            free <= self.disk.total() / 1_000 * stage.free_per_mille() + 8_192,
            "the filler did not fill: {free} free"
        );
        self.until_routine_is(false).await;
        for round in 0..12 {
            for precedence in PRECEDENCES {
                let answer = self.submit(precedence, if round % 4 == 3 { 100_000 } else { 0 }).await;
                let surely_refused = precedence >= stage.refuses_from();
                match answer {
                    Ok(()) => assert!(!surely_refused, "{precedence:?} was taken at {stage:?}"),
                    Err(code) => {
                        let space = code.starts_with("LD106") || code.starts_with("LD107");
                        assert!(space, "{precedence:?} at {stage:?} was refused with {code:?}");
                        assert!(
                            surely_refused || stage == Stage::Full,
                            "{precedence:?} was refused at {stage:?}: {code}"
                        );
                    }
                }
            }
        }
        self.settle(5).await;
        if restarts {
            self.restart().await;
            self.knows_all().await;
            self.settle(5).await;
        }
        // a start that gave the ballast back has room again, if there was a little
        if stage == Stage::Full || stage == Stage::Reserve && !restarts {
            let (metrics, full) = (self.region.metrics_address, "FLASH");
            until("healthz tells of the full disk", async || health(metrics).await.contains(full)).await;
        }
        assert_eq!(self.program.ended(), None);
        self.disk.empty();
        self.until_routine_is(true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_on_a_full_disk_loses_nothing_refuses_with_a_reason_and_heals() {
    if !has(FileSystem::Ext4.tools()) {
        return;
    }
    let (episodes, mut dice) = episodes();
    let mut broker = Broker::start("full-broker").await;

    for episode in 0..episodes {
        let stage = Stage::ALL[usize::try_from(episode % 4).unwrap()];
        let restarts = stage == Stage::Full || dice.below(2) == 0;
        broker.episode(stage, restarts).await;
    }

    broker.knows_all().await;
    broker.settle(usize::MAX).await;
    assert_eq!(broker.handed, broker.accepted);
    println!("{episodes} episodes, {} accepted, all handed over once", broker.accepted.len());
    broker.program.kill().await;
}

/// A whole region; the state of one agent lies on a small disk.
struct Agents {
    region: Region,
    broker: Program,
    programs: [Program; 2],
    disk: LoopDisk,
    sent: BTreeSet<Bytes>,
    refused: BTreeSet<String>,
}

/// Which agent's disk fills up, by its place.
const SENDER: usize = 0;
const RECEIVER: usize = 1;
const CITIES: [&str; 2] = [LY, XZ];

impl Agents {
    async fn start(name: &str, filled: usize) -> Self {
        let folder = crate::disk::fresh_folder(name);
        let region = Region::create(&folder, &CITIES, system_now()).unwrap();
        let mut broker = Program::new("broker", "broker", &region.broker_config, None);
        let mut programs = CITIES.map(|city| Program::new(city, "agent", &region.agent(city).config, None));
        let disk = LoopDisk::make(&folder, "disk", FileSystem::Ext4, DISK_MIB);
        disk.hold(&programs[filled].state());
        broker.start();
        broker.ready(PATIENCE).await.unwrap();
        programs.iter_mut().for_each(Program::start);
        let all = Self { region, broker, programs, disk, sent: BTreeSet::new(), refused: BTreeSet::new() };
        for at in [SENDER, RECEIVER] {
            all.desk(at).linked(PATIENCE).await.unwrap();
        }
        all
    }

    fn desk(&self, at: usize) -> Desk {
        Desk::at(&self.region.agent(CITIES[at]).desk_socket)
    }

    /// Sends so many messages of `bytes` each: taken for good, or refused with a code.
    async fn send(&mut self, count: usize, bytes: usize) -> usize {
        let desk = self.desk(SENDER);
        let mut taken = 0;
        for _ in 0..count {
            let cargo = if bytes == 0 { Cargo::Nothing } else { Cargo::Inside(vec![Bytes::from(vec![7; bytes])]) };
            match desk.send(cargo.on(bulletin(&[XZ], v1::Precedence::Priority, "满盘演习"))).await {
                Ok(answer) => {
                    self.sent.insert(answer.message_id);
                    taken += 1;
                }
                Err(status) => drop(self.refused.insert(crate::world::bare::reason(&status))),
            }
        }
        taken
    }

    async fn restart(&mut self, at: usize) {
        self.programs[at].kill().await;
        self.programs[at].start();
        let answers = self.programs[at].ready(PATIENCE).await;
        assert_eq!((answers, self.programs[at].ended()), (Ok(()), None), "it starts while its disk is full");
    }

    /// Everything that was taken is handed over, once.
    async fn all_arrive(&self) {
        let received = async || self.desk(RECEIVER).list(false).await.unwrap_or_default();
        until("all that was taken is handed over", async || received().await.len() >= self.sent.len()).await;
        let ids: Vec<Bytes> = received().await.into_iter().filter_map(|s| Some(s.header?.message_id)).collect();
        assert_eq!(ids.len(), self.sent.len(), "each once");
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), self.sent);
    }

    async fn episode(&mut self, filled: usize, restarts: bool) {
        let state = self.programs[filled].state();
        until("space is set apart", async || state.join("ballast").is_file()).await;
        assert_eq!(self.send(5, 0).await, 5);
        self.disk.fill_to(0);
        assert!(self.disk.free() < 8_192, "the filler did not fill: {} free", self.disk.free());
        self.send(20, 200_000).await;
        if restarts {
            self.restart(filled).await;
            self.send(3, 200_000).await;
        }
        let ended = self.programs[filled].ended();
        assert_eq!(ended, None, "it goes on while its disk is full");
        self.disk.empty();
        let taken = async || self.desk(SENDER).send(bulletin(&[XZ], v1::Precedence::Priority, "又有地方了")).await;
        let began = tokio::time::Instant::now();
        loop {
            match taken().await {
                Ok(answer) => {
                    self.sent.insert(answer.message_id);
                    break;
                }
                Err(status) => {
                    assert!(began.elapsed() < SEES_WITHIN, "nothing is taken though there is room: {status:?}");
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.all_arrive().await;
    }
}

async fn an_agent_fills_up(filled: usize) {
    if !has(FileSystem::Ext4.tools()) {
        return;
    }
    let (episodes, mut dice) = episodes();
    let mut agents = Agents::start(&format!("full-agent-{filled}"), filled).await;
    for episode in 0..episodes {
        let restarts = episode % 2 == 1 || dice.below(2) == 0;
        agents.episode(filled, restarts).await;
    }
    println!(
        "{episodes} episodes, {} taken, all handed over once; refused with {:?}",
        agents.sent.len(),
        agents.refused
    );
    let reasons = agents.refused.iter().all(|code| code.starts_with("LD107") || code.starts_with("LD106"));
    assert!(reasons, "{:?}", agents.refused);
    assert!(filled == RECEIVER || !agents.refused.is_empty(), "a full disk refused nothing");
    agents.broker.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_on_a_full_disk_loses_nothing_that_it_took_and_heals() {
    Box::pin(an_agent_fills_up(SENDER)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_on_a_full_disk_confirms_nothing_that_it_has_not_and_heals() {
    Box::pin(an_agent_fills_up(RECEIVER)).await;
}
