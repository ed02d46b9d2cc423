//! Thirty days of nine cities and two superiors: lines that flap, programs that restart, clocks that step, certificates
//! that change. Everything that must hold is looked at after every hour.
//!
//! `LIANDONG_DAYS` and `LIANDONG_PER_HOUR` say how long and how much; `tests/tools/days` plays the whole with optimised
//! programs. A seed is printed; `LIANDONG_SEED` plays the same traffic and the same faults again.

mod faults;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use model::ids::MessageId;
use model::position::Position;
use model::time::Timestamp;
use prost::Message as _;
use proto::record::WaitingRow;
use proto::v1;
use store::{base::Retention, tasks::Tasks};
use tokio::time::Instant;

use crate::figures::Figures;
use crate::looks::Looks;
use crate::traffic::{self, Answer, CAST, CITIES, Traffic, Turn, bytes_of};
use crate::world::clock::HandClock;
use crate::world::dice::Dice;
use crate::world::drafts::officer;
use crate::world::live::{MORNING, World, id_of};
use crate::world::papers::Paper;
use crate::world::region::{LY, Lands, XZ};

/// A step of the clocks.
const STEP: Duration = Duration::from_mins(5);
/// Steps of an hour.
const STEPS: u64 = 12;
/// Leaves and signed files are renewed so often.
const ROTATION_DAYS: u64 = 7;
/// The city that is away.
const AWAY: usize = 7;
/// How long it is away, where the run is long enough.
const AWAY_HOURS: u64 = 72;
/// Nothing lives longer than six of these.
const AFTERWARDS: Duration = Duration::from_hours(24 * 5 + 1);

/// How long, and how much.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub days: u64,
    pub per_hour: u64,
}

impl Plan {
    /// What the environment asks for, or what fits into everybody's test run.
    pub fn from_env() -> Self {
        let number = |name: &str, otherwise: u64| {
            std::env::var(name).map_or(otherwise, |number| number.parse().expect("a number"))
        };
        Self { days: number("LIANDONG_DAYS", 1), per_hour: number("LIANDONG_PER_HOUR", 4) }
    }

    fn hours(self) -> u64 {
        self.days * 24
    }

    /// When the one city goes and when it comes back, in hours.
    fn away(self) -> (u64, u64) {
        let away = AWAY_HOURS.min(self.hours() / 2);
        let from = self.hours() / 4;
        (from, from + away)
    }
}

/// The region while the days pass.
pub struct Days {
    pub world: World,
    pub traffic: Traffic,
    /// Who is cut off for days.
    pub away: Option<usize>,
    /// What waited for it when it came back, and how it was carried.
    pub back: Vec<(u32, MessageId)>,
    /// Drafts that a desk did not take, by sort and rule.
    pub kept_back: BTreeMap<String, u64>,
    plan: Plan,
    dice: Dice,
    hour: u64,
    /// Lines that are cut, and until when.
    outages: Vec<(Timestamp, usize)>,
    /// The true time; a clock may be wrong.
    now: Timestamp,
    pub written: u64,
    pub faults: BTreeMap<&'static str, u64>,
}

impl Days {
    /// The morning of the first day: everybody is linked.
    pub async fn begin(plan: Plan) -> Self {
        let mut world = World::without_agents(&CAST, Lands::Known).await;
        for city in CAST {
            world.prepare_agent(city, HandClock::at(MORNING)).await;
            world.start_agent(city).await;
        }
        for city in CAST {
            world.agent(city).linked().await;
        }
        let (traffic, dice) = (Traffic::of(world.dice.clone()), Dice::of(!world.dice.clone().throw()));
        Self {
            world,
            traffic,
            away: None,
            back: Vec::new(),
            kept_back: BTreeMap::new(),
            plan,
            dice,
            hour: 0,
            outages: Vec::new(),
            now: MORNING,
            written: 0,
            faults: BTreeMap::new(),
        }
    }

    /// The true time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    fn passes(&mut self, time: Duration) {
        self.now = self.now.plus(time);
        self.world.clock.advance(time);
        for city in CAST {
            self.world.agent(city).clock.advance(time);
        }
    }

    fn counts(&mut self, what: &'static str) {
        *self.faults.entry(what).or_default() += 1;
    }

    /// One hour: traffic, people, faults; then everything that can settle settles.
    pub async fn hour(&mut self, looks: &mut Looks) {
        self.begins_an_hour().await;
        let back = std::mem::take(&mut self.back);
        if !back.is_empty() {
            looks.is_back(self, AWAY, &back);
        }
        let restarts = [self.dice.below(24 * STEPS), self.dice.below(24 * STEPS)];
        for step in 0..STEPS {
            self.lines_flap();
            self.writes(self.share(step)).await;
            self.people_answer().await;
            // once a day each, on average
            if restarts[0] < STEPS && restarts[0] == step {
                self.broker_restarts().await;
            }
            if restarts[1] < STEPS && restarts[1] == step {
                self.an_agent_restarts().await;
            }
            self.passes(STEP);
        }
        self.hour += 1;
        self.settles().await;
    }

    /// Envelopes of one step: all of an hour's come to `per_hour`.
    fn share(&self, step: u64) -> u64 {
        self.plan.per_hour * (step + 1) / STEPS - self.plan.per_hour * step / STEPS
    }

    async fn begins_an_hour(&mut self) {
        let local = self.now.civil(480).to_string();
        let of_day = local.get(11..13).and_then(|hour| hour.parse::<u64>().ok()).expect("an hour");
        match of_day {
            8 => self.duty_reports().await,
            10 => self.drill_begins().await,
            18 => {
                if let Some(order) = self.traffic.endex(self.now) {
                    self.orders(order).await;
                }
            }
            _ => {}
        }
        if self.hour > 0 && self.hour.is_multiple_of(24 * ROTATION_DAYS) {
            self.rotates().await;
            self.a_clock_steps();
        }
        if self.hour == self.plan.hours() / 3 {
            self.a_leaf_is_revoked().await;
        }
        let (from, until) = self.plan.away();
        if self.hour == from {
            self.world.agent(CAST[AWAY]).line.cut();
            self.away = Some(AWAY);
            self.counts("a city away for days");
        } else if self.hour == until {
            self.comes_back().await;
        }
    }

    /// Whoever was away is linked again, and gets what waited for it before anybody writes on.
    async fn comes_back(&mut self) {
        use broker::relay::fold::{self, keys};
        let prefix = keys::mailbox_prefix(&CAST[AWAY].parse().unwrap());
        self.back = self.world.relay().engine.read(|_, rows| {
            let waits = rows.scan(&prefix, &prefix, usize::MAX).unwrap().into_iter();
            let waits = waits.map(|(_, row)| id_of(&WaitingRow::decode(row).unwrap().message_id));
            let carried = |id: MessageId| fold::message(rows, id).unwrap().expect("a row").0.carried_as;
            waits.map(|id| (carried(id), id)).collect()
        });
        self.away = None;
        self.settles().await;
    }

    /// 零报告: of every city that is there, but now and then of none.
    async fn duty_reports(&mut self) {
        for (city, name) in CAST.iter().enumerate().take(CITIES) {
            if Some(city) == self.away || self.dice.below(12) == 0 {
                continue;
            }
            let inside = self.world.agent(name).inside();
            let us = name.parse().unwrap();
            let open = inside.engine.read(|_, rows| agent::fold::query::open_incidents(rows, &us)).unwrap();
            let open = open.iter().map(ToString::to_string).collect();
            let report = traffic::duty_report(self.now, city, open);
            self.sends(city, report, "duty report").await;
        }
    }

    /// 临沂 invites everybody who is there, all answer, the plan is frozen, and the drill begins.
    async fn drill_begins(&mut self) {
        let there: Vec<&str> = (1..CAST.len()).filter(|at| Some(*at) != self.away).map(|at| CAST[at]).collect();
        let (id, invitation) = traffic::invitation(self.now, self.hour / 24, &there);
        let invited = self.orders(invitation).await;
        self.settles().await;
        let away = self.away;
        for at in (1..CAST.len()).filter(|at| Some(*at) != away) {
            let reply = traffic::takes_part(self.now, invited, &id);
            self.sends(at, reply, "drill").await;
        }
        self.settles().await;
        self.orders(traffic::plan(self.now, &id, &there)).await;
        let startex = self.traffic.startex(self.now, id, &there);
        self.orders(startex).await;
    }

    /// What 临沂 says of a drill: the broker has it before anybody goes on.
    async fn orders(&mut self, order: Paper) -> MessageId {
        let id = self.sends(0, order, "drill").await.unwrap_or_else(|| panic!("{:?}", self.kept_back));
        self.world.agent(LY).accepted(id).await;
        for at in (1..CAST.len()).filter(|at| Some(*at) != self.away) {
            self.traffic.answers_later(Answer { at, about: id }, self.now.plus(Duration::from_mins(2)));
        }
        id
    }

    async fn sends(&mut self, by: usize, paper: Paper, sort: &str) -> Option<MessageId> {
        match self.world.agent(CAST[by]).inside().send(paper.0).await {
            Ok(header) => {
                self.written += 1;
                Some(header.message_id)
            }
            Err(invalid) => {
                *self.kept_back.entry(format!("{sort}: {invalid}")).or_default() += 1;
                None
            }
        }
    }

    /// So many messages, of whoever's turn it is, at once.
    async fn writes(&mut self, count: u64) {
        let (world, now, away) = (&self.world, self.now, self.away);
        let has = |at: usize, id: MessageId| {
            let inside = world.agent(CAST[at]).inside();
            inside.engine.read(|_, rows| {
                let (sent, came) = (agent::fold::query::sent(rows, id), agent::fold::query::received(rows, id));
                sent.unwrap().is_some() || came.unwrap().is_some_and(|row| row.refused.is_empty())
            })
        };
        let turns: Vec<Turn> = (0..count).map(|_| self.traffic.turn(now, away, has)).collect();
        let sending = turns.iter().map(|turn| world.agent(CAST[turn.by]).inside().send(turn.paper.0.clone()));
        let answers = join_all(sending).await;
        for (turn, answer) in turns.into_iter().zip(answers) {
            match answer {
                Ok(header) => {
                    self.written += 1;
                    self.traffic.written(turn, header.message_id, now);
                }
                Err(invalid) => *self.kept_back.entry(format!("{}: {invalid}", turn.sort)).or_default() += 1,
            }
        }
    }

    /// Whoever has a message opens and acknowledges it, as was thrown for it; who has it not looks again later.
    async fn people_answer(&mut self) {
        let due = self.traffic.answers(self.now);
        let (world, away) = (&self.world, self.away);
        let answering = due.into_iter().map(|answer| async move {
            if Some(answer.at) == away {
                return Some(answer);
            }
            let inside = world.agent(CAST[answer.at]).inside();
            let row = inside.engine.read(|_, rows| agent::fold::query::received(rows, answer.about)).unwrap();
            let row = match row {
                None => return Some(answer),
                Some(row) if !row.refused.is_empty() => return None,
                Some(row) => row,
            };
            // the plan of a drill is for those alone who run or judge it
            let plan = row.kind == u32::try_from(v1::Kind::DrillPlan as i32).unwrap();
            let evaluator = v1::Officer { role: v1::Role::Evaluator.into(), ..officer() };
            let who = if plan { evaluator } else { officer() };
            inside.open(answer.about, Some(who.clone())).await.unwrap();
            // a message that owes no more is opened, and that is all
            if row.kind != u32::try_from(v1::Kind::Bulletin as i32).unwrap() {
                let message_id = bytes_of(answer.about);
                let ask = v1::AcknowledgeRequest { message_id, officer: Some(who), ..Default::default() };
                inside.acknowledge(ask).await.unwrap();
            }
            None
        });
        let later: Vec<Answer> = join_all(answering).await.into_iter().flatten().collect();
        for answer in later {
            // what was taken back or has expired never comes
            let ends = self.now.minus(Duration::from_hours(80));
            if answer.about.time() > ends {
                self.traffic.answers_later(answer, self.now.plus(Duration::from_mins(15)));
            }
        }
    }

    /// All lines but that of who is away are mended, and what can come has come and is known to its sender.
    pub async fn settles(&mut self) {
        self.outages.clear();
        let there: Vec<&str> = (0..CAST.len()).filter(|at| Some(*at) != self.away).map(|at| CAST[at]).collect();
        for city in &there {
            self.world.agent(city).line.mend();
        }
        for city in &there {
            self.world.agent(city).linked_at_once().await;
        }
        self.time_tells(&there).await;
        for city in &there {
            let queued = |desk: &agent::desk::Desk| desk.engine.read(|fold, _| fold.agent().queued);
            self.world.agent(city).until("nothing is queued", |desk| (queued(desk) == 0).then_some(())).await;
        }
        let waits = |relay: &broker::relay::Relay| {
            relay.engine.read(|fold, _| fold.state().mailboxes().any(|(who, _)| there.contains(&who.as_str())))
        };
        self.world.at_broker("nothing waits for who is linked", |relay| (!waits(relay)).then_some(())).await;
        for city in &there {
            self.world.agent(city).until("its line is read", |desk| self.line_is_read(city, desk)).await;
            if self.away.is_none() {
                let unsettled = |desk: &agent::desk::Desk| desk.engine.read(|fold, _| fold.agent().unsettled);
                self.world.agent(city).until("all is settled", |desk| (unsettled(desk) == 0).then_some(())).await;
            }
        }
    }

    /// The broker has no receipt for this agent that it does not know.
    fn line_is_read(&self, city: &str, desk: &agent::desk::Desk) -> Option<()> {
        use broker::relay::fold::keys;
        let read = Position(desk.engine.read(|fold, _| fold.agent().line_position));
        let jurisdiction = city.parse().unwrap();
        let (prefix, from) = (keys::line_prefix(&jurisdiction), keys::line(&jurisdiction, read.next(), 0));
        let more = self.world.relay().engine.read(|_, rows| rows.scan(&prefix, &from, 1)).unwrap();
        more.is_empty().then_some(())
    }

    /// Whatever time has come to is done: what expired has ended, and every rung is raised and told.
    async fn time_tells(&self, there: &[&str]) {
        use agent::fold::query;
        for city in there {
            let agent = self.world.agent(city);
            agent.inside().bells.clerk.notify_one();
        }
        let now = self.world.clock.now();
        self.world.at_broker("time has told", |relay| (!owes_time(relay, now)).then_some(())).await;
        for city in there {
            let agent = self.world.agent(city);
            let now = agent.clock.now();
            let first = |desk: &agent::desk::Desk| desk.engine.read(|_, rows| query::first_wake(rows).unwrap());
            let told = |desk: &agent::desk::Desk| first(desk).is_none_or(|(at, _)| at > now).then_some(());
            agent.until("its clerk has raised what is late", told).await;
        }
    }
}

/// Whether something waits for the broker that time has come to.
fn owes_time(relay: &broker::relay::Relay, now: Timestamp) -> bool {
    use broker::relay::fold::keys;
    relay.engine.read(|_, rows| {
        let first = |table: u8| rows.scan(&[table], &[table], 1).unwrap().into_iter().next();
        let expires = first(keys::table::EXPIRY).and_then(|(key, _)| keys::expiry_parts(&key)).map(|(at, _)| at);
        let wakes = first(keys::table::WAKE).and_then(|(key, _)| keys::wake_parts(&key)).map(|(at, _)| at);
        first(keys::table::NOTICE).is_some() || [expires, wakes].into_iter().flatten().any(|at| at <= now)
    })
}

/// The whole of it.
pub async fn pass(plan: Plan) {
    let began = Instant::now();
    let mut figures = Figures::begin();
    let mut days = Days::begin(plan).await;
    let bundle = carried(&mut days).await;
    let mut looks = Looks::default();
    for hour in 0..plan.hours() {
        days.hour(&mut looks).await;
        looks.after_an_hour(&mut days).await;
        if (hour + 1).is_multiple_of(24) {
            figures.day((hour + 1) / 24, &days);
        }
    }
    let traffic = began.elapsed();
    replayed(&mut days, &bundle).await;
    afterwards(&mut days, &mut looks).await;
    looks.at_the_end(&days);
    figures.report(&days, &looks, traffic);
    until_day_200(&mut days).await;
    let ending = Instant::now();
    days.world.end().await;
    println!("  all rows folded anew and equal, 12 programs: {:.1} s", ending.elapsed().as_secs_f64());
}

/// A bundle of the first hour: 临沂 is an island, and somebody drives to 徐州.
async fn carried(days: &mut Days) -> Vec<u8> {
    days.world.agent(LY).cut().await;
    for _ in 0..5 {
        let paper = Paper::of(model::kind::Kind::Bulletin, days.now()).to(&[XZ]);
        days.sends(0, paper, "carried").await.expect("a bulletin");
    }
    let file = days.world.desk(LY).export(XZ).await.unwrap();
    let told = days.world.desk(XZ).import(&file).await.unwrap();
    assert_eq!(outcomes(&told), [v1::CarriedOutcome::Taken; 5], "{told:?}");
    days.settles().await;
    file
}

/// The same bundle again, a month later: nothing of it is new.
async fn replayed(days: &mut Days, file: &[u8]) {
    let told = days.world.desk(XZ).import(file).await.unwrap();
    assert_eq!(outcomes(&told), [v1::CarriedOutcome::Known; 5], "{told:?}");
}

fn outcomes(told: &v1::ImportBundleResponse) -> Vec<v1::CarriedOutcome> {
    told.messages.iter().map(v1::CarriedMessage::outcome).collect()
}

/// Nobody writes any more, and time goes on until nothing can be on its way.
async fn afterwards(days: &mut Days, looks: &mut Looks) {
    for _ in 0..6 {
        days.passes(AFTERWARDS);
        days.rotates().await;
        days.settles().await;
        looks.after_an_hour(days).await;
    }
}

/// Nobody writes any more until day 200. What is older than a hundred and eighty days leaves whole, and nothing earlier.
async fn until_day_200(days: &mut Days) {
    const DAY: Duration = Duration::from_hours(24);
    let (tasks, kept, began) = (Tasks::new(), Retention::default(), Instant::now());
    let mut left = BTreeMap::new();
    while days.now().since(MORNING) < DAY * 200 {
        days.passes(DAY * 7);
        let is_early = days.now().since(MORNING) < kept.age();
        let mut now = vec![("broker", days.world.relay().retire(kept, &tasks).await.unwrap())];
        for city in CAST {
            now.push((city, days.world.agent(city).inside().retire(kept, &tasks).await.unwrap()));
        }
        for (program, through) in now.into_iter().filter_map(|(program, through)| Some((program, through?))) {
            assert!(!is_early, "{program}: {through} leaves on {}", days.now().rfc3339());
            left.insert(program, through.0);
        }
    }
    assert_eq!(left.len(), 1 + CAST.len(), "every program has let something go: {left:?}");
    println!("  day 200: records that have left, by program: {left:?}; {:.1} s", began.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn days_pass_and_everything_that_must_hold_holds_after_every_hour() {
    Box::pin(pass(Plan::from_env())).await;
}
