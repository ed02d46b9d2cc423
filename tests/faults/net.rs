//! Bad lines in a network of the test's own (F13, F15, F16): the agents live in a namespace, the broker outside; packets are lost,
//! one way or both, the line is slow, down, up and down. Nothing is lost, doubled or out of order, and what waits goes through
//! soon after the line is good again.
//!
//! `LIANDONG_WEATHER` sets how many episodes (7: one of each sort); `LIANDONG_SEED` gives them again.

use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use tokio::time::Instant;

use crate::checker::event::{Event, Fault, FaultKind, Healed, Plan};
use crate::checker::recorder::Recorder;
use crate::checker::{check, report};
use crate::disk::{fresh_folder, has, run};
use crate::isolation::Pair;
use crate::kill::programs::Program;
use crate::world::clock::system_now;
use crate::world::desk::Desk;
use crate::world::dice::Dice;
use crate::world::region::{LY, Lands, Region, XZ};

const PATIENCE: Duration = Duration::from_mins(2);
/// How long the weather is bad.
const BAD_FOR_MS: u64 = 4_000;
/// What waits is through so soon after the line is good again.
const DRAINED_WITHIN: Duration = Duration::from_secs(30);

/// What the line does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Weather {
    /// A third of the packets is lost, both ways.
    Loss,
    /// Nothing comes in: the agents hear nothing.
    Deaf,
    /// Nothing goes out: nobody hears the agents.
    Mute,
    /// Nothing goes either way, and nobody is told: a black hole.
    BlackHole,
    /// 256 kbit/s.
    Slow,
    /// The line is down.
    Down,
    /// It goes down and up.
    Flapping,
}

const ALL: [Weather; 7] =
    [Weather::Loss, Weather::Deaf, Weather::Mute, Weather::BlackHole, Weather::Slow, Weather::Down, Weather::Flapping];

/// A namespace with one line to the world of the test; goes with the value, and all in it.
struct Net {
    name: String,
    outer: String,
    inner: String,
}

impl Net {
    /// Ours outside is `.1`, the agents' inside `.2` of a network that only this process uses.
    fn make() -> Self {
        let id = std::process::id();
        let net = Self { name: format!("liandong-{id}"), outer: format!("ld{id}a"), inner: format!("ld{id}b") };
        Self::ip(&["netns", "add", &net.name]);
        Self::ip(&["link", "add", &net.outer, "type", "veth", "peer", "name", &net.inner, "netns", &net.name]);
        Self::ip(&["addr", "add", &format!("{}/24", Self::broker()), "dev", &net.outer]);
        Self::ip(&["link", "set", &net.outer, "up"]);
        Self::ip(&["-n", &net.name, "addr", "add", &format!("{}/24", Self::address(2)), "dev", &net.inner]);
        Self::ip(&["-n", &net.name, "link", "set", &net.inner, "up"]);
        net
    }

    fn address(last: u8) -> IpAddr {
        let id = std::process::id().to_be_bytes();
        IpAddr::from([10, 200 + id[2] % 32, id[3], last])
    }

    fn broker() -> IpAddr {
        Self::address(1)
    }

    fn ip(words: &[&str]) {
        run(Command::new("ip").args(words));
    }

    /// A command inside.
    fn inside(&self, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).args(words);
        command
    }

    /// Drops what a hook sees, all or of a hundred so many, and counts it.
    fn drops(&self, hook: &str, percent: u32) {
        let some = if percent < 100 { format!("numgen random mod 100 < {percent}") } else { String::new() };
        let rules = format!(
            "add table inet bad; add chain inet bad {hook} {{ type filter hook {hook} priority 0; }}; \
             add rule inet bad {hook} meta l4proto tcp {some} counter drop"
        );
        run(&mut self.inside(&["nft", &rules]));
    }

    fn set_line(&self, up: bool) {
        Self::ip(&["-n", &self.name, "link", "set", &self.inner, if up { "up" } else { "down" }]);
    }

    fn begin(&self, weather: Weather) {
        match weather {
            Weather::Loss => {
                self.drops("input", 33);
                self.drops("output", 33);
            }
            Weather::Deaf => self.drops("input", 100),
            Weather::Mute => self.drops("output", 100),
            Weather::BlackHole => {
                self.drops("input", 100);
                self.drops("output", 100);
            }
            Weather::Slow => {
                let tbf = [
                    "tc",
                    "qdisc",
                    "add",
                    "dev",
                    &self.inner,
                    "root",
                    "tbf",
                    "rate",
                    "256kbit",
                    "burst",
                    "4kb",
                    "latency",
                    "400ms",
                ];
                run(&mut self.inside(&tbf));
            }
            Weather::Down | Weather::Flapping => self.set_line(false),
        }
    }

    /// The line is good again; says how many packets met the weather.
    fn end(&self, weather: Weather) -> u64 {
        match weather {
            Weather::Down | Weather::Flapping => {
                self.set_line(true);
                1
            }
            Weather::Slow => {
                let shown = self.inside(&["tc", "-s", "qdisc", "show", "dev", &self.inner]).output().unwrap();
                run(&mut self.inside(&["tc", "qdisc", "del", "dev", &self.inner, "root"]));
                // each that went out went at this pace: "Sent 4096 bytes 12 pkt"
                number_after(&String::from_utf8_lossy(&shown.stdout), " bytes ")
            }
            _ => {
                let shown = self.inside(&["nft", "list", "ruleset"]).output().unwrap();
                run(&mut self.inside(&["nft", "delete", "table", "inet", "bad"]));
                number_after(&String::from_utf8_lossy(&shown.stdout), "counter packets ")
            }
        }
    }
}

/// The sum of the numbers that follow a word.
fn number_after(text: &str, word: &str) -> u64 {
    let numbers =
        text.split(word).skip(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    numbers.map(|digits| digits.parse::<u64>().unwrap_or_default()).sum()
}

impl Drop for Net {
    fn drop(&mut self) {
        drop(Command::new("ip").args(["netns", "del", &self.name]).status());
        drop(Command::new("ip").args(["link", "del", &self.outer]).stderr(std::process::Stdio::null()).status());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_on_bad_lines_and_all_goes_through_when_they_are_good() {
    if !has(&["root", "ip", "nft", "tc"]) {
        return;
    }
    let seed = Dice::seed_from_env();
    let episodes: usize = std::env::var("LIANDONG_WEATHER").map_or(ALL.len(), |count| count.parse().expect("a number"));
    let mut dice = Dice::of(seed);
    let folder = fresh_folder("net");
    let history = Recorder::begin(&folder.join("history.jsonl")).unwrap();
    println!("seed {seed}, history {}", history.path().display());
    let net = Net::make();
    let region = Region::create_at(Net::broker(), &folder, &[LY, XZ], Lands::Unknown, system_now()).unwrap();
    let mut broker = Program::new("broker", "broker", &region.broker_config, None);
    broker.start();
    broker.ready(PATIENCE).await.unwrap();
    let mut agents = [LY, XZ].map(|city| Program::new(city, "agent", &region.agent(city).config, None));
    for agent in &mut agents {
        agent.wrapper = ["ip", "netns", "exec", &net.name].map(Into::into).into();
        agent.start();
    }
    for city in [LY, XZ] {
        Desk::at(&region.agent(city).desk_socket).linked(PATIENCE).await.unwrap();
    }
    let name = |number: usize, weather: Weather| format!("episode {number}: {weather:?}");
    let begins = usize::try_from(dice.below(ALL.len() as u64)).unwrap();
    let planned: Vec<Weather> = (0..episodes).map(|number| ALL[(begins + number) % ALL.len()]).collect();
    let faults = planned.iter().enumerate().map(|(number, weather)| name(number, *weather)).collect();
    history.record(Event::Plan(Plan { seed, faults, ..Plan::default() }));
    let mut pair = Pair::start(&region, &history, [LY, XZ], 0);
    pair.send_on();

    for (number, weather) in planned.into_iter().enumerate() {
        let fault = name(number, weather);
        let victims = [LY, XZ].map(|city| format!("link:{city}"));
        net.begin(weather);
        for victim in victims.clone() {
            history.record(Event::Fault(Fault { name: fault.clone(), kind: FaultKind::Cut, victim }));
        }
        let turns = if weather == Weather::Flapping { 4 } else { 1 };
        let mut met = 0;
        for turn in 0..turns {
            tokio::time::sleep(Duration::from_millis((BAD_FOR_MS + dice.below(2_000)) / turns)).await;
            met += net.end(weather);
            if turn + 1 < turns {
                tokio::time::sleep(Duration::from_millis(dice.below(800))).await;
                net.begin(weather);
            }
        }
        assert!(met > 0, "{fault}: no packet met it");
        for victim in victims {
            history.record(Event::Healed(Healed { victim }));
        }
        let began = Instant::now();
        let before = pair.book.count();
        let waits = pair.book.backlog();
        let goes_on = pair.book.until(DRAINED_WITHIN, |book| book.count() > before).await;
        assert!(goes_on, "{fault}: nothing was accepted within {DRAINED_WITHIN:?} after it");
        println!("{fault}: {met} packets met it; {waits} waited; goes on after {:?}", began.elapsed());
    }
    pair.stop.cancel();
    history.record(Event::Quiet);
    pair.end().await;
    history.record(Event::End);
    let ended: Vec<String> = agents.iter_mut().chain([&mut broker]).filter_map(Program::ended).collect();
    assert_eq!(ended, Vec::<String>::new());
    for program in agents.iter_mut().chain([&mut broker]) {
        program.kill().await;
    }
    let lines = history.lines();
    let found = [check(&lines), crate::checker::coverage::not_vacuous(&lines)].concat();
    assert!(found.is_empty(), "seed {seed}, history {}\n{}", history.path().display(), report(&found, 10));
}
