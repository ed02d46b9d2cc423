//! Descriptors and memory that run out (F20): no program spins, and all goes on once there is enough again.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use model::clock::Clock;
use proto::v1;
use tokio::net::TcpStream;

use crate::disk::{has, run};
use crate::kill::office::sample;
use crate::stopped::{End, PATIENCE, Stopped, Whose};
use crate::world::bare::Bare;
use crate::world::clock::system_now;
use crate::world::drafts::bulletin;
use crate::world::region::{LY, XZ};

/// Of one core, a program that has nothing to do uses less than this while it lacks descriptors.
const BUSY_PERCENT_MOST: u64 = 20;
/// How long its processor time is watched.
const WATCHED: Duration = Duration::from_secs(4);
/// Strangers that want a connection of a program that may open no descriptor.
const STRANGERS: usize = 30;

/// Processor time of a process so far, in hundredths of a second.
fn used_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit(") ").next().unwrap();
    let field = |at: usize| after_name.split(' ').nth(at).unwrap().parse::<u64>().unwrap();
    field(11) + field(12)
}

fn limit_descriptors(pid: u32, limit: u64) {
    run(Command::new("prlimit").args([format!("--pid={pid}"), format!("--nofile={limit}:")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_without_descriptors_does_not_spin_keeps_its_sessions_and_recovers() {
    if !has(&["prlimit"]) {
        return;
    }
    let stopped = Box::pin(Stopped::after_work("exhaust-descriptors", End::InOrder)).await;
    let mut broker = stopped.program(Whose::Broker);
    stopped.put_back(Whose::Broker);
    broker.start();
    broker.ready(PATIENCE).await.unwrap();
    let address = stopped.region.broker_address;
    let bare = |city: &str| Bare::of(city, &stopped.region.trust.trust(city), &Clock::new(system_now)).unwrap();
    let (ly, xz) = (bare(LY), bare(XZ));
    let mut session = ly.session(address).await.unwrap();
    let pid = broker.id().unwrap();
    let used = sample("broker", pid).unwrap().descriptors;

    limit_descriptors(pid, used);
    let mut strangers = Vec::new();
    for _ in 0..STRANGERS {
        strangers.extend(
            tokio::time::timeout(Duration::from_secs(1), TcpStream::connect(address)).await.into_iter().flatten(),
        );
    }
    let before = used_ticks(pid);
    tokio::time::sleep(WATCHED).await;
    let percent = (used_ticks(pid) - before) * 100 / (WATCHED.as_secs() * 100);
    println!("{} strangers wait, the broker uses {percent} % of a core", strangers.len());

    assert!(strangers.len() > 10, "the strangers did not come as far as the broker's door");
    let log = fs::read_to_string(stopped.log(Whose::Broker)).unwrap();
    assert!(log.contains("Too many open files"), "it had descriptors left");
    assert!(percent < BUSY_PERCENT_MOST, "{percent} % of a core");
    let envelope = ly.envelope(bulletin(&[XZ], v1::Precedence::Flash, "旧会话"));
    let answers = session.submit(vec![envelope]).await.unwrap();
    assert_eq!(answers.refused, [], "a session goes on");
    drop(strangers);
    limit_descriptors(pid, 1_024);
    let mut fresh = None;
    for _ in 0..100 {
        fresh = xz.session(address).await.ok();
        if fresh.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(fresh.is_some(), "nobody gets in though there are descriptors again");
    assert_eq!(broker.ended(), None);
    broker.kill().await;
}

/// A memory cgroup of the test's own; goes with the value.
struct Group(PathBuf);

impl Group {
    fn make(bytes: u64) -> Option<Self> {
        let folder = PathBuf::from(format!("/sys/fs/cgroup/memory/liandong-{}", std::process::id()));
        if fs::create_dir(&folder).is_err() {
            println!("skipped: needs root, a memory cgroup (v1)");
            return None;
        }
        fs::write(folder.join("memory.limit_in_bytes"), bytes.to_string()).unwrap();
        Some(Self(folder))
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap()
    }

    /// Starts a program inside.
    fn wrapper(&self) -> Vec<std::ffi::OsString> {
        let script = format!("echo $$ > {}/cgroup.procs; exec \"$@\"", self.0.display());
        ["sh", "-c", &script, "sh"].map(std::ffi::OsString::from).into()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(fs::remove_dir(&self.0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_the_system_kills_for_its_memory_lost_nothing() {
    // less than its libraries and its threads need: it dies while it starts
    let Some(group) = Group::make(12 << 20) else { return };
    let stopped = Box::pin(Stopped::after_work("exhaust-memory", End::Killed)).await;
    let whose = Whose::Broker;
    stopped.put_back(whose);
    let mut plain = stopped.program(whose);
    plain.start();
    plain.ready(PATIENCE).await.unwrap();
    let expected = stopped.said_by(whose).await;
    plain.kill().await;
    stopped.put_back(whose);
    let mut starved = stopped.program(whose);
    starved.wrapper = group.wrapper();
    starved.start();

    let ended = starved.has_ended(Duration::from_secs(30)).await;

    let killed = group.read("memory.oom_control");
    assert!(killed.contains("oom_kill ") && !killed.contains("oom_kill 0"), "nobody was killed: {killed} {ended:?}");
    plain.start();
    plain.ready(PATIENCE).await.unwrap();
    let said = stopped.said_by(whose).await;
    plain.kill().await;
    assert_eq!(said.differs(&expected), Vec::<String>::new());
}
