//! An answer leaves after the disk has it: the real broker under `strace`, which shows, delays and breaks its
//! `fdatasync` calls. Without `strace` a test says that it is skipped; `tests/run` installs it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use model::clock::Clock;
use proto::v1;
use tokio::{process::Child, time::timeout};

use crate::{
    kill::programs::listening,
    world::{
        bare::{Bare, header_of},
        clock::system_now,
        drafts::bulletin,
        region::{LY, Region, XZ},
    },
};

/// How long a program may take to start while every sync is delayed.
const STARTS_WITHIN: Duration = Duration::from_mins(2);
/// How long an ended process may take to be gone.
const ENDS_WITHIN: Duration = Duration::from_secs(5);
/// How much slower the delayed syncs are.
const DELAY: Duration = Duration::from_millis(500);

/// A region whose broker runs under `strace`.
struct Traced {
    region: Region,
    broker: Child,
    trace: PathBuf,
    ly: Bare,
    xz: Bare,
}

impl Traced {
    /// Starts it with an injection such as `delay_enter=500000`, or none. None when there is no `strace`.
    async fn start(name: &str, inject: Option<&str>) -> Option<Self> {
        if std::process::Command::new("strace").arg("--version").stdout(Stdio::null()).status().is_err() {
            println!("skipped: needs strace");
            return None;
        }
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("sync-{name}"));
        drop(fs::remove_dir_all(&directory));
        let region = Region::create(&directory, &[LY, XZ], system_now()).unwrap();
        let trace = directory.join("trace");
        let broker = strace(&region, &trace, inject);
        listening(region.broker_address, STARTS_WITHIN).await.unwrap();
        let clock = Clock::new(system_now);
        let bare = |city: &str| Bare::of(city, &region.trust.trust(city), &clock).unwrap();
        let (ly, xz) = (bare(LY), bare(XZ));
        Some(Self { region, broker, trace, ly, xz })
    }

    async fn submit(&self, text: &str) -> Result<v1::Envelope, String> {
        let envelope = self.ly.envelope(bulletin(&[XZ], v1::Precedence::Priority, text));
        self.ly.submit(self.region.broker_address, envelope.clone()).await.map(|_| envelope)
    }

    /// Waits until the process is gone, and gives its status.
    async fn ended(&mut self) -> std::process::ExitStatus {
        timeout(ENDS_WITHIN, self.broker.wait()).await.expect("the process ends by itself").unwrap()
    }
}

/// `strace` as a grandchild: the child that is killed and waited for is the broker itself.
fn strace(region: &Region, trace: &Path, inject: Option<&str>) -> Child {
    let mut command = tokio::process::Command::new("strace");
    command.args(["-D", "-f", "-ttt", "-T", "-e", "trace=fdatasync", "-o"]).arg(trace);
    if let Some(inject) = inject {
        command.args(["-e", &format!("inject=fdatasync:{inject}")]);
    }
    let log = fs::File::create(region.broker_config.with_extension("log")).unwrap();
    command.arg(env!("CARGO_BIN_EXE_liandong")).arg("broker").arg("--config").arg(&region.broker_config);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true).spawn().unwrap()
}

/// Begin and end of every completed `fdatasync` in a trace, in seconds since 1970.
fn syncs(trace: &str) -> Vec<(f64, f64)> {
    let completed = trace.lines().filter(|line| line.contains("fdatasync") && line.contains("= 0 <"));
    let span = |line: &str| {
        let at: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        let took: f64 = line.rsplit_once('<')?.1.strip_suffix('>')?.parse().ok()?;
        // a call that was interrupted by another thread's line is stamped when it ended
        Some(if line.contains("resumed>") { (at - took, at) } else { (at, at + took) })
    };
    completed.filter_map(span).collect()
}

/// Now, in seconds since 1970 modulo a million, so that milliseconds survive in a float of any size.
fn seconds() -> f64 {
    let ms = u32::try_from(system_now().millis() % 1_000_000_000).unwrap();
    f64::from(ms) / 1_000.0
}

#[tokio::test]
async fn a_sync_completes_between_a_submit_and_its_answer() {
    let Some(traced) = Traced::start("plain", None).await else { return };
    traced.submit("first").await.unwrap();

    let mut calls = Vec::new();
    for number in 0..20 {
        let began = seconds();
        traced.submit(&format!("number {number}")).await.unwrap();
        calls.push((began, seconds()));
    }

    let trace = fs::read_to_string(&traced.trace).unwrap();
    let short = |at: f64| at % 1_000_000.0;
    let syncs: Vec<(f64, f64)> = syncs(&trace).into_iter().map(|(from, to)| (short(from), short(to))).collect();
    for (began, answered) in calls {
        // strace and the test read one clock; a millisecond covers how it is rounded here
        let within = |(from, to): &(f64, f64)| *from >= began - 0.001 && *to <= answered + 0.001;
        assert!(syncs.iter().any(within), "no sync within {began}..{answered}: {syncs:?}");
    }
}

#[tokio::test]
async fn an_answer_waits_for_a_delayed_sync() {
    let Some(traced) = Traced::start("delayed", Some(&format!("delay_enter={}", DELAY.as_micros()))).await else {
        return;
    };

    for number in 0..3 {
        let began = tokio::time::Instant::now();
        traced.submit(&format!("number {number}")).await.unwrap();
        assert!(began.elapsed() >= DELAY, "answered after {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_failed_sync_stops_the_broker_and_nothing_acknowledged_is_missing() {
    let Some(mut traced) = Traced::start("failing", Some("error=EIO:when=40")).await else { return };

    let mut accepted = Vec::new();
    let mut refused = None;
    for number in 0..200 {
        match traced.submit(&format!("number {number}")).await {
            Ok(envelope) => accepted.push(header_of(&envelope).message_id),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let status = traced.ended().await;

    assert!(refused.is_some(), "every one of 200 was accepted although a sync failed");
    assert_eq!(status.code(), Some(74));
    assert!(!accepted.is_empty());
    let mut broker = strace(&traced.region, &traced.trace, None);
    listening(traced.region.broker_address, STARTS_WITHIN).await.unwrap();
    let mut session = traced.xz.session(traced.region.broker_address).await.unwrap();
    let there = session.take(accepted.len()).await.unwrap();
    let there: Vec<_> = there.iter().filter_map(|d| d.envelope.as_ref()).map(|e| header_of(e).message_id).collect();
    for id in &accepted {
        assert!(there.contains(id), "an accepted message is missing");
    }
    broker.kill().await.unwrap();
}
