//! A surge: one incident makes everybody write at once, while a slow city has a day's routine still before it.
//!
//! `LIANDONG_SURGE`, `LIANDONG_BACKLOG` and `LIANDONG_SURGE_SECONDS` say how much and how fast. Orders are asserted, times are
//! printed: what a machine that is busy otherwise takes is no promise.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use model::ids::MessageId;
use model::kind::Kind;
use model::time::Timestamp;
use prost::Message as _;
use proto::v1;
use store::tasks::Tasks;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::papers;
use crate::world::clock::HandClock;
use crate::world::dice::Dice;
use crate::world::drafts::bulletin;
use crate::world::live::World;
use crate::world::papers::{Paper, paper};
use crate::world::proxy::Way;
use crate::world::region::{LY, LYG, Lands, RZ, XZ, ZB};

/// Who writes, and to whom.
const QUICK: [&str; 3] = [LY, XZ, LYG];
/// Whose line is slow: some 20 KiB a second, so that what waits outlasts the surge.
const SLOW: &str = ZB;
const SLOW_LINE: (usize, Duration) = (2_048, Duration::from_millis(100));
/// Envelopes of the backlog in one frame.
const BURST: usize = 64;
/// How often the writers look at the time.
const TICK: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug)]
struct Plan {
    surge: u64,
    backlog: usize,
    seconds: u64,
}

impl Plan {
    fn from_env() -> Self {
        let number = |name: &str, otherwise: u64| {
            std::env::var(name).map_or(otherwise, |number| number.parse().expect("a number"))
        };
        Self {
            surge: number("LIANDONG_SURGE", 150),
            backlog: usize::try_from(number("LIANDONG_BACKLOG", 1_000)).unwrap(),
            seconds: number("LIANDONG_SURGE_SECONDS", 0),
        }
    }
}

/// The region on that day. Its clock goes as the machine's does.
struct Surge {
    world: World,
    dice: Dice,
    ticking: Tasks,
    /// Missions under way: who is asked about it, by whom, its name and the message that promised it.
    missions: Vec<(&'static str, &'static str, String, MessageId)>,
}

/// One message of the surge.
struct Sent {
    by: &'static str,
    id: MessageId,
    precedence: v1::Precedence,
    to: Vec<&'static str>,
}

impl Surge {
    async fn prepare() -> Self {
        let cast = [LY, XZ, LYG, RZ, ZB];
        let mut world = World::without_agents(&cast, Lands::Unknown).await;
        let terms = "flash_per_hour = 100000\nper_second = 100000";
        world.region.publish_terms(terms, world.clock.now()).unwrap();
        world.relay().reload_trust().await;
        for city in QUICK.into_iter().chain([SLOW]) {
            world.start_agent(city).await;
            world.agent(city).linked().await;
        }
        let slow = world.agent_mut(SLOW);
        slow.restart_with(|config| config.link.profile = agent::config::Profile::Slow).await;
        slow.linked().await;
        let (ticking, clock) = (Tasks::new(), world.clock.clone());
        ticking.task("ticking", async move |stop| goes_on(clock, stop).await);
        let dice = world.dice.clone();
        let mut surge = Self { world, dice, ticking, missions: Vec::new() };
        for (number, (by, with)) in [(LY, XZ), (XZ, LYG), (LYG, LY)].into_iter().enumerate() {
            surge.mission(number, by, with).await;
        }
        surge
    }

    async fn send(&self, by: &str, to: &str, paper: Paper) -> MessageId {
        let id = self.world.agent(by).send(paper.to(&[to]).0).await;
        self.world.agent(by).stage(id, to, v1::Stage::Delivered).await;
        id
    }

    /// A team of `with` is on its way to `by`.
    async fn mission(&mut self, number: usize, by: &'static str, with: &'static str) {
        let now = self.world.clock.now();
        let (order, mission) = (format!("O{number}"), format!("M{number}"));
        let request = self.send(by, with, papers::resource_request(now)).await;
        let offer = self.send(with, by, papers::resource_offer(now, request, true)).await;
        let decision = self.send(by, with, papers::resource_decision(now, offer, true, &order)).await;
        let commitment = papers::commitment(now, decision, true, &mission, &order);
        let commitment = self.send(with, by, commitment).await;
        self.missions.push((with, by, mission, commitment));
    }

    /// So many ROUTINE messages wait for the slow city.
    async fn backlog(&self, count: usize) {
        self.world.agent(SLOW).line.change(|weather| {
            let (slice, rest) = SLOW_LINE;
            weather.down = Way { slice, rest, ..Way::default() };
        });
        let (rz, text) = (self.world.bare(RZ), "防汛值守常规通报".repeat(30));
        let mut line = rz.session(self.world.broker_address()).await.unwrap();
        let all: Vec<usize> = (0..count).collect();
        for burst in all.chunks(BURST) {
            let draft = || bulletin(&[SLOW], v1::Precedence::Routine, &text);
            let answers = line.submit(burst.iter().map(|_| rz.envelope(draft())).collect()).await.unwrap();
            assert_eq!(answers.refused, []);
        }
    }

    /// What waits for the slow city.
    fn waiting(&self) -> u64 {
        let slow = SLOW.parse().unwrap();
        let classes = |fold: &broker::relay::fold::BrokerFold| {
            fold.state().mailbox(&slow).map_or(0, |classes| classes.values().map(|counts| counts.deliveries).sum())
        };
        self.world.relay().engine.read(|fold, _| classes(fold))
    }

    /// One message of the surge: 40 of 100 are K01, K05 or K15; every sixth is for the slow city too.
    fn message(&mut self, number: u64, now: Timestamp) -> (&'static str, Vec<&'static str>, Paper) {
        use v1::Precedence::{Flash, Immediate, Priority, Routine};
        let (turn, other) = (self.dice.below(3), 1 + self.dice.below(2));
        let city = |at: u64| QUICK[usize::try_from(at % 3).unwrap()];
        let (by, mut to) = (city(turn), vec![city(turn + other)]);
        if number.is_multiple_of(6) {
            to.push(SLOW);
        }
        let any = [Flash, Immediate, Priority, Priority, Priority, Routine, Routine, Routine, Routine, Routine];
        let precedence = *self.dice.pick(&any);
        let urgent = if precedence == Routine { Priority } else { precedence };
        match number % 15 {
            0 | 5 => (by, to, Paper::of(Kind::IncidentReport, now).precedence(urgent)),
            2 | 7 => (by, to, Paper::of(Kind::SituationReport, now).precedence(urgent)),
            4 | 9 => {
                let (by, to, mission, promised) = self.dice.pick(&self.missions).clone();
                (by, vec![to], on_the_way(now, promised, &mission).precedence(urgent))
            }
            _ => (by, to, Paper(bulletin(&[], precedence, "涉氯罐车处置情况"))),
        }
    }

    /// All of it, spread over the time of the plan.
    async fn rises(&mut self, plan: Plan) -> Vec<Sent> {
        let (began, mut sent, mut number) = (Instant::now(), Vec::new(), 0);
        let now = self.world.clock.now();
        let every = Duration::from_secs(plan.seconds) / u32::try_from(plan.surge.max(1)).unwrap();
        while number < plan.surge {
            let due =
                if every.is_zero() { number + 16 } else { (began.elapsed().as_nanos() / every.as_nanos()) as u64 + 1 };
            let turns: Vec<_> = (number..due.min(plan.surge)).map(|number| self.message(number, now)).collect();
            number += turns.len() as u64;
            let sending = turns.into_iter().map(async |(by, to, paper)| {
                let draft = paper.to(&to).0;
                let precedence = draft.header.as_ref().map(v1::Header::precedence).unwrap_or_default();
                Sent { by, id: self.world.agent(by).send(draft).await, precedence, to }
            });
            sent.extend(join_all(sending).await);
            if !every.is_zero() {
                tokio::time::sleep(TICK).await;
            }
        }
        sent
    }

    /// From the broker's acceptance to the recipient's receipt, by precedence; for the quick cities and for the slow one.
    fn took(&self, sent: &[Sent]) -> BTreeMap<(bool, i32), Vec<Duration>> {
        let mut took: BTreeMap<(bool, i32), Vec<Duration>> = BTreeMap::new();
        for Sent { by, id, precedence, .. } in sent {
            let receipts = self.world.agent(by).inside().receipts(*id).unwrap();
            let statements =
                receipts.into_iter().map(|receipt| v1::ReceiptStatement::decode(receipt.statement).unwrap());
            let statements: Vec<_> = statements.collect();
            let at = |one: &v1::ReceiptStatement| proto::border::time::optional(one.at, "at").unwrap().unwrap();
            let Some(accepted) = statements.iter().find(|one| one.stage() == v1::Stage::Accepted).map(at) else {
                continue;
            };
            for one in statements.iter().filter(|one| one.stage() == v1::Stage::Delivered) {
                let slow = one.recipient == SLOW;
                took.entry((slow, i32::from(*precedence))).or_default().push(at(one).since(accepted));
            }
        }
        took
    }

    async fn end(self) {
        self.ticking.stop(Duration::from_secs(5)).await.unwrap();
        self.world.end().await;
    }
}

/// A report from the road.
fn on_the_way(now: Timestamp, promised: MessageId, mission: &str) -> Paper {
    let status = paper!(DeploymentStatus, now, |body| {
        body.mode = v1::DeploymentMode::Report.into();
        body.mission_id = mission.into();
        body.state = v1::MissionState::Unspecified.into();
        body.milestones.clear();
        body.question.clear();
    });
    status.follows(promised).header(|header| {
        header.sender.get_or_insert_default().role = v1::Role::ResourceManager.into();
        header.action = v1::Action::Reply.into();
    })
}

/// The clock goes as the machine's.
async fn goes_on(clock: HandClock, stop: CancellationToken) {
    let (began, first) = (Instant::now(), clock.now());
    while !stop.is_cancelled() {
        tokio::time::sleep(Duration::from_millis(1)).await;
        clock.set(first.plus(began.elapsed()));
    }
}

/// The value under which so many of a hundred lie.
fn percentile(took: &mut [Duration], percent: usize) -> Duration {
    took.sort();
    took[(took.len() * percent).div_ceil(100).max(1) - 1]
}

async fn pass(plan: Plan) {
    let mut surge = Surge::prepare().await;
    surge.backlog(plan.backlog).await;
    let waited = surge.waiting();
    let (began, sent) = (Instant::now(), surge.rises(plan).await);
    for Sent { by, id, to, .. } in &sent {
        for to in to.iter().filter(|to| **to != SLOW) {
            surge.world.agent(by).stage(*id, to, v1::Stage::Delivered).await;
        }
    }
    let waits = surge.waiting();
    println!(
        "  {} sent and delivered to the quick cities in {:.1} s; {waited} waited for the slow one before, {waits} after",
        sent.len(),
        began.elapsed().as_secs_f64()
    );
    assert!(waits > 0, "the backlog outlasts the surge");
    // and what waited moves on
    surge.world.agent(SLOW).has_received(1).await;
    for ((slow, precedence), mut took) in surge.took(&sent) {
        let name = v1::Precedence::try_from(precedence).unwrap().as_str_name();
        let (p50, p99, most) = (percentile(&mut took, 50), percentile(&mut took, 99), percentile(&mut took, 100));
        let to = if slow { "slow" } else { "quick" };
        println!("  {name} to the {to}: {} deliveries, p50 {p50:?}, p99 {p99:?}, most {most:?}", took.len());
    }
    surge.world.agent(SLOW).line.mend();
    surge.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_surge_nobody_waits_for_what_waits_for_a_slow_city_and_that_moves_on() {
    Box::pin(pass(Plan::from_env())).await;
}
