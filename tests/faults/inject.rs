//! Programs that die, or are told of an error, at a system call that a test chose (F3, F12): `strace` does it to the real program.
//!
//! Every kill and every error is proved by the trace. `LIANDONG_INJECTIONS` sets how many kills of each program are tried of all
//! that its start has room for (8; `all` for every one); `LIANDONG_SEED` chooses the same again.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use model::clock::Clock;
use proto::v1;

use crate::disk::has;
use crate::kill::programs::Program;
use crate::stopped::{End, PATIENCE, Stopped, Whose, until};
use crate::world::bare::Bare;
use crate::world::clock::system_now;
use crate::world::dice::Dice;
use crate::world::drafts::bulletin;
use crate::world::region::{LY, XZ};

/// The calls by which a program changes its disk.
const CALLS: [&str; 9] =
    ["fdatasync", "fsync", "pwrite64", "write", "rename", "renameat2", "unlink", "ftruncate", "sync_file_range"];
/// What a program writes to wake another thread or to say something is no change of its disk: of `write` so many of a thread.
const WRITES_MOST: usize = 24;
/// A start that has not reached the call when it answers may reach it so much later.
const FIRES_WITHIN: Duration = Duration::from_secs(20);
/// After an error nothing is taken any more, and the process is gone within this.
const STOPS_WITHIN_MS: i64 = 1_000;

/// `strace`, as a grandchild, so that the child is the program itself.
fn strace(trace: &Path, calls: &str, inject: Option<String>) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["strace", "-D", "-f", "-ttt", "-o"].map(OsString::from).into();
    words.push(trace.into());
    words.extend(["-e".into(), format!("trace={calls}").into()]);
    words.extend(inject.into_iter().flat_map(|inject| ["-e".into(), format!("inject={inject}").into()]));
    words
}

/// How often the busiest thread made each call before it said that the program is ready.
fn counted(trace: &str) -> BTreeMap<String, usize> {
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    for line in trace.lines() {
        let mut words = line.split_whitespace();
        let (Some(thread), Some(_at), Some(call)) = (words.next(), words.next(), words.next()) else { continue };
        if call.starts_with("write(1,") {
            break;
        }
        let Some((name, _)) = call.split_once('(') else { continue };
        *counts.entry((thread, name)).or_default() += 1;
    }
    let mut most = BTreeMap::new();
    for ((_, call), count) in counts {
        let most: &mut usize = most.entry(call.to_owned()).or_default();
        *most = count.max(*most);
    }
    most
}

/// Every place at which a start may be killed: the n-th of a call.
async fn places(stopped: &Stopped, whose: Whose, trace: &Path) -> Vec<(String, usize)> {
    let mut program = stopped.program(whose);
    stopped.put_back(whose);
    program.wrapper = strace(trace, &CALLS.join(","), None);
    program.start();
    program.ready(PATIENCE).await.unwrap();
    program.kill().await;
    let counts = counted(&fs::read_to_string(trace).unwrap());
    assert!(counts.len() >= 4, "{whose:?} makes few calls: {counts:?}");
    println!("{whose:?} makes before it is ready, in one thread: {counts:?}");
    let bounded = |call: &str, count: usize| if call == "write" { count.min(WRITES_MOST) } else { count };
    counts.iter().flat_map(|(call, count)| (1..=bounded(call, *count)).map(move |n| (call.clone(), n))).collect()
}

/// So many of them, chosen by the dice; all where the variable says so.
fn chosen(mut places: Vec<(String, usize)>, dice: &mut Dice) -> Vec<(String, usize)> {
    let wanted = std::env::var("LIANDONG_INJECTIONS").unwrap_or_else(|_| "8".into());
    if wanted == "all" {
        return places;
    }
    let wanted: usize = wanted.parse().expect("LIANDONG_INJECTIONS is a number, or `all`");
    let mut chosen = Vec::new();
    while chosen.len() < wanted && !places.is_empty() {
        let at = usize::try_from(dice.below(places.len() as u64)).unwrap();
        chosen.push(places.swap_remove(at));
    }
    chosen
}

async fn survives_a_kill_at_every_call(whose: Whose) {
    if !has(&["strace"]) {
        return;
    }
    let seed = Dice::seed_from_env();
    println!("seed {seed}");
    let stopped = Box::pin(Stopped::after_work(&format!("inject-start-{whose:?}"), End::Killed)).await;
    let trace = stopped.log(whose).with_extension("trace");
    let mut plain = stopped.program(whose);
    stopped.put_back(whose);
    plain.start();
    plain.ready(PATIENCE).await.unwrap();
    let expected = stopped.said_by(whose).await;
    plain.kill().await;
    let places = places(&stopped, whose, &trace).await;
    let all = places.len();
    let chosen = chosen(places, &mut Dice::of(seed));

    for (call, n) in &chosen {
        stopped.put_back(whose);
        let mut doomed = stopped.program(whose);
        doomed.wrapper = strace(&trace, call, Some(format!("{call}:signal=SIGKILL:when={n}")));
        doomed.start();
        let ended = doomed.has_ended(FIRES_WITHIN).await;
        assert!(ended.is_some_and(|status| status.code().is_none()), "the kill at {call} {n} did not fire: {ended:?}");
        plain.start();
        plain.ready(PATIENCE).await.unwrap();
        let said = stopped.said_by(whose).await;
        plain.kill().await;
        let differs = said.differs(&expected);
        assert!(differs.is_empty(), "seed {seed}: after a kill at {call} {n} {whose:?} says\n{}", differs.join("\n"));
    }
    println!("{whose:?}: killed at {} of {all} calls of its start", chosen.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_at_a_call_of_its_start_starts() {
    Box::pin(survives_a_kill_at_every_call(Whose::Broker)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_is_killed_at_a_call_of_its_start_starts() {
    Box::pin(survives_a_kill_at_every_call(Whose::Sender)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_killed_at_a_call_of_its_start_starts() {
    Box::pin(survives_a_kill_at_every_call(Whose::Receiver)).await;
}

/// An error of the disk, given to a program that works.
struct Broken {
    call: &'static str,
    with: &'static str,
    /// The n-th call of any thread.
    when: usize,
}

/// When the first injected error was told, in milliseconds since 1970; an interrupted call tells it when it resumes.
fn fired_at(trace: &str) -> Option<i64> {
    let line = trace.lines().find(|line| line.contains("(INJECTED)"))?;
    let at: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some((at * 1_000.0) as i64)
}

/// Under load the program meets the error: it ends soon, with its own code where the journal met it, and accepts nothing after it.
async fn stops_at(stopped: &Stopped, whose: Whose, error: &Broken) {
    let Broken { call, with: error, when } = error;
    let name = format!("{whose:?}: {error} at {call} {when}");
    let trace = stopped.log(whose).with_extension("trace");
    stopped.put_back(whose);
    let mut program = stopped.program(whose);
    program.wrapper = strace(&trace, call, Some(format!("{call}:error={error}:when={when}")));
    program.start();
    let mut accepted = Vec::new();
    if program.ready(PATIENCE).await.is_ok() {
        accepted = load(stopped, whose, &mut program).await;
    }
    let status = program.has_ended(Duration::from_secs(5)).await.unwrap_or_else(|| panic!("{name}: it goes on"));
    let ended = system_now().millis();
    let text = fs::read_to_string(&trace).unwrap();
    let fired = fired_at(&text).unwrap_or_else(|| panic!("{name} did not fire; it ended with {status}"));
    assert!(!status.success(), "{name}: {status}");
    assert!(ended - fired <= STOPS_WITHIN_MS, "{name}: it ended {} ms after the error", ended - fired);
    let late: Vec<_> = accepted.iter().filter(|(at, _)| *at > fired + 1).collect();
    assert!(late.is_empty(), "{name}: accepted after the error at {fired}: {late:?}");
    let mut plain = stopped.program(whose);
    plain.start();
    plain.ready(PATIENCE).await.unwrap();
    knows_all(stopped, whose, &accepted, &name).await;
    plain.kill().await;
}

/// Hands messages in until the program ends: when each was accepted, and its name.
async fn load(stopped: &Stopped, whose: Whose, program: &mut Program) -> Vec<(i64, bytes::Bytes)> {
    let clock = Clock::new(system_now);
    let ly = Bare::of(LY, &stopped.region.trust.trust(LY), &clock).unwrap();
    let agent = if whose == Whose::Broker { Whose::Sender } else { whose };
    let desk = stopped.desk(agent);
    let mut accepted = Vec::new();
    for number in 0..2_000 {
        let draft = bulletin(&[XZ], v1::Precedence::Immediate, &format!("再报{number}"));
        let id = match whose {
            Whose::Broker => {
                let envelope = ly.envelope(draft);
                let id = crate::world::bare::header_of(&envelope).message_id;
                ly.submit(stopped.region.broker_address, envelope).await.ok().map(|_| id)
            }
            _ => desk.send(draft).await.ok().map(|sent| sent.message_id),
        };
        accepted.extend(id.map(|id| (system_now().millis(), id)));
        if program.ended().is_some() {
            break;
        }
    }
    accepted
}

async fn knows_all(stopped: &Stopped, whose: Whose, accepted: &[(i64, bytes::Bytes)], name: &str) {
    let ids: Vec<_> = accepted.iter().map(|(_, id)| (id.clone(), crate::kill::book::hex(id))).collect();
    if whose == Whose::Broker {
        let stands = crate::kill::office::Office::of(&stopped.region, LY).stands(ids.clone()).await;
        let known = stands.iter().filter(|stands| !stands.at.is_empty()).count();
        assert_eq!(known, ids.len(), "{name}: accepted, and known after");
        return;
    }
    let desk = stopped.desk(whose);
    for (id, hex) in ids {
        assert!(desk.show(&id).await.is_ok(), "{name}: {hex} was queued and is not there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_journals_disk_ends_a_program_within_a_second_and_nothing_is_accepted_after_it() {
    if !has(&["strace"]) {
        return;
    }
    let seed = Dice::seed_from_env();
    println!("seed {seed}");
    let rounds: u64 = std::env::var("LIANDONG_ERRORS").map_or(1, |rounds| rounds.parse().expect("a number"));
    let stopped = Box::pin(Stopped::after_work("inject-errors", End::InOrder)).await;
    let mut dice = Dice::of(seed);
    let mut fired = 0;
    for _ in 0..rounds {
        for whose in [Whose::Broker, Whose::Sender] {
            for (call, error) in
                [("fdatasync", "EIO"), ("fdatasync", "ENOSPC"), ("pwrite64", "EIO"), ("pwrite64", "ENOSPC")]
            {
                let when = 30 + usize::try_from(dice.below(60)).unwrap();
                stops_at(&stopped, whose, &Broken { call, with: error, when }).await;
                fired += 1;
            }
        }
    }
    println!("{fired} errors fired, each ended its program within {STOPS_WITHIN_MS} ms");
}

/// Slower than the broker's own probe waits.
const SLOW: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_on_a_disk_that_is_slow_says_so_and_answers_no_earlier() {
    if !has(&["strace"]) {
        return;
    }
    let stopped = Box::pin(Stopped::after_work("inject-slow", End::InOrder)).await;
    let (whose, trace) = (Whose::Broker, stopped.log(Whose::Broker).with_extension("trace"));
    stopped.put_back(whose);
    let mut program = stopped.program(whose);
    // the calls of the start are quick
    program.wrapper = strace(&trace, "fdatasync", Some(format!("fdatasync:delay_enter={}:when=12+", SLOW.as_micros())));
    program.start();
    program.ready(PATIENCE).await.unwrap();
    let ly = Bare::of(LY, &stopped.region.trust.trust(LY), &Clock::new(system_now)).unwrap();
    let (address, metrics) = (stopped.region.broker_address, stopped.region.metrics_address);

    let mut slow = 0;
    for number in 0..16 {
        let began = tokio::time::Instant::now();
        let envelope = ly.envelope(bulletin(&[XZ], v1::Precedence::Flash, &format!("慢盘{number}")));
        let answered = ly.submit(address, envelope).await;
        assert!(answered.is_ok(), "{answered:?}");
        slow += usize::from(began.elapsed() >= SLOW);
        if slow == 2 {
            break;
        }
    }
    let said_so = async || !crate::inject::health(metrics).await.contains("200 OK");
    until("health tells of the slow disk", said_so).await;
    assert_eq!(slow, 2, "no answer waited for a slow sync");
    assert_eq!(program.ended(), None);
    program.kill().await;
}

/// The head of the answer of `/healthz`.
pub async fn health(address: std::net::SocketAddr) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let asked = async {
        let mut line = tokio::net::TcpStream::connect(address).await?;
        line.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        line.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    asked.await.unwrap_or_else(|error| error.to_string())
}
