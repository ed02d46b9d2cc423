//! kill -9 of the broker, of either agent, of the desk's program and of all at once, at times that a seed decides, under
//! load; one in eight loses its rows as well. What was told as accepted is handed over once and in order, whatever dies when.
//!
//! `LIANDONG_KILL_CYCLES` sets how many kills (100), `LIANDONG_KILL_VICTIM` names the only one to be killed (`broker`,
//! `sender`, `receiver`), `LIANDONG_SEED` gives the same schedule again: `tests/tools/kill --cycles 1000 --victim broker`
//! sets them. The history of the run stays in the target directory; its path is printed.

pub mod book;
pub mod cargo;
pub mod desks;
pub mod notary;
pub mod office;
pub mod programs;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proto::v1;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::book::{Book, statement};
use self::cargo::Load;
use self::desks::{Receiver, Sender, receipt_event};
use self::notary::Notary;
use self::office::Office;
use self::programs::{Program, listening};
use crate::checker::coverage::{not_vacuous, unjudged};
use crate::checker::event::{
    Attached, Event, Fault, FaultKind, Head, Healed, Line, Listed, Lost, Plan, Proof, Proved, Read, Stage, Stands,
};
use crate::checker::figures::Figures;
use crate::checker::recorder::Recorder;
use crate::checker::{Violation, check, report};
use crate::disk::{FileSystem, LoopDisk, fresh_folder};
use crate::stopped::copy;
use crate::world::desk::Desk;
use crate::world::dice::Dice;
use crate::world::region::Region;

const LY: &str = "371300";
const XZ: &str = "320300";
/// Calls that may wait at a time, and tasks that make them.
const WINDOW: usize = 24;
const SENDERS: usize = 4;
/// How long a program may take to start before the run counts as failed. One whose rows are gone folds its whole journal
/// again, and that grows all through the run.
const STARTS_WITHIN: Duration = Duration::from_mins(5);
/// How long something new may take to be accepted after everything is up again.
const GOES_ON_WITHIN: Duration = Duration::from_secs(90);
/// How many messages are looked up in the broker's tree at the end.
const LOOKED_AT: usize = 40;
/// What is sent at the end while its recipient is away, so that something waits when the deliveries are counted.
const SENT_TO_WAIT: u64 = 12;
/// How long the rest may take after the last kill; the checker itself is stricter.
const SETTLES_WITHIN: Duration = Duration::from_mins(1);

/// What to do.
pub struct Options {
    pub cycles: u64,
    pub seed: u64,
    /// The only programs to be killed, by their places; all of them in turn, and all at once, where none is named.
    pub victims: Vec<usize>,
    /// A bug that the programs were built with and are told to have.
    pub bug: Option<String>,
    pub blow: Blow,
}

/// How the victims die.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Blow {
    /// kill -9.
    Kill,
    /// Their state lies on disks of this sort and size in MiB, whose power is cut; what is sent is of all sizes.
    PowerCut(FileSystem, u64),
    /// kill -9, and then their state is gone, or an older copy of it is put back.
    StateLost,
    /// kill -9, and then they live for a while under a clock that is wrong.
    ClockStep,
}

/// What came of it.
pub struct Outcome {
    pub violations: Vec<Violation>,
    pub vacuous: Vec<Violation>,
    pub figures: Figures,
    pub history: PathBuf,
}

/// Runs it all: a region of two cities, traffic, kills, quiet, and the checker.
pub async fn run(options: &Options) -> Outcome {
    let victims: String = options.victims.iter().map(usize::to_string).collect();
    let blow = match options.blow {
        Blow::Kill => options.bug.clone().unwrap_or("plain".into()),
        Blow::PowerCut(system, _) => format!("{system:?}-{victims}"),
        Blow::StateLost => "lost".into(),
        Blow::ClockStep => format!("clock-{victims}"),
    };
    let directory = fresh_folder(&format!("kill-{}-{blow}", options.seed));
    let history = Recorder::begin(&directory.join("history.jsonl")).unwrap();
    println!("seed {}, history {}", options.seed, history.path().display());
    let mut harness = Harness::start(options, &directory, history).await;
    harness.exercise(options.cycles, &options.victims).await;
    Box::pin(harness.end()).await
}

/// The programs, and the desks that use them.
struct Harness {
    book: Arc<Book>,
    dice: Dice,
    /// Broker, sender's agent, receiver's agent.
    programs: [Program; 3],
    blow: Blow,
    /// Where the state of each lies, if its power is cut.
    disks: [Option<LoopDisk>; 3],
    region: Region,
    office: Office,
    sender: Sender,
    sending: CancellationToken,
    reading: CancellationToken,
    tasks: JoinSet<()>,
    /// The newest head of the broker's tree that was seen.
    head: Option<v1::TreeHead>,
}

impl Harness {
    async fn start(options: &Options, directory: &std::path::Path, history: Recorder) -> Self {
        let mut dice = Dice::of(options.seed);
        let now = crate::world::clock::system_now();
        // certificates hold before the earliest of the wrong clocks
        let made = if options.blow == Blow::ClockStep { now.minus(Duration::from_hours(48)) } else { now };
        let region = Region::create(directory, &[LY, XZ], made).unwrap();
        let bug = options.bug.as_deref();
        let programs = [
            Program::new("broker", "broker", &region.broker_config, bug),
            Program::new(&format!("agent:{LY}"), "agent", &region.agent(LY).config, bug),
            Program::new(&format!("agent:{XZ}"), "agent", &region.agent(XZ).config, bug),
        ];
        let disks = [0, 1, 2].map(|program| {
            let Blow::PowerCut(system, mib) = options.blow else { return None };
            options.victims.contains(&program).then_some(())?;
            let disk = LoopDisk::make(directory, &format!("disk-{program}"), system, mib);
            disk.hold(&programs[program].state());
            Some(disk)
        });
        let book = Arc::new(Book::begin(history, notary_of(&region), WINDOW, 0));
        let (sending, reading) = (CancellationToken::new(), CancellationToken::new());
        let desk = Desk::at(&region.agent(LY).desk_socket);
        let load = if matches!(options.blow, Blow::PowerCut(..)) { Load::OfAllSizes } else { Load::Small };
        let sender = Sender { desk, book: book.clone(), from: LY, to: XZ, stop: sending.clone(), load };
        let receiver = Receiver {
            desk: Desk::at(&region.agent(XZ).desk_socket),
            book: book.clone(),
            to: XZ,
            stop: reading.clone(),
            cursor: directory.join("cursor"),
            dice: Dice::of(dice.throw()),
            tries: std::collections::HashMap::new(),
        };
        let (office, tasks) = (Office::of(&region, LY), JoinSet::new());
        let (blow, head) = (options.blow, None);
        let mut harness =
            Self { book, dice, programs, blow, disks, region, office, sender, sending, reading, tasks, head };
        harness.start_programs(&[0, 1, 2]).await;
        let ear = Sender { stop: harness.reading.clone(), ..harness.sender.clone() };
        harness.tasks.spawn(ear.hear_all());
        harness.tasks.spawn(receiver.take_all());
        for _ in 0..SENDERS {
            let dice = Dice::of(harness.dice.throw());
            harness.tasks.spawn(harness.sender.clone().send_all(dice));
        }
        harness
    }

    async fn start_programs(&mut self, which: &[usize]) {
        for program in which {
            self.programs[*program].start();
        }
        for program in which {
            let ready = match program {
                0 => listening(self.region.broker_address, STARTS_WITHIN).await,
                1 => self.sender.desk.ready(STARTS_WITHIN).await,
                _ => Desk::at(&self.region.agent(XZ).desk_socket).ready(STARTS_WITHIN).await,
            };
            let problem = ready.err().map(|late| self.programs[*program].ended().unwrap_or(late));
            assert_eq!(problem, None);
        }
    }

    async fn exercise(&mut self, cycles: u64, victims: &[usize]) {
        let schedule: Vec<(String, Vec<usize>)> = (0..cycles).map(|cycle| self.plan(cycle, victims)).collect();
        let faults = schedule.iter().flat_map(|(name, victims)| victims.iter().map(move |v| (name.clone(), *v)));
        let last = [("the end".to_owned(), 2)];
        let faults =
            faults.chain(last).map(|(name, victim)| format!("{name} {}", self.programs[victim].name)).collect();
        let all_sizes = self.sender.load == Load::OfAllSizes;
        self.book.history.record(Event::Plan(Plan {
            seed: self.dice.throw(),
            faults,
            negative_ends: false,
            all_sizes,
        }));
        self.go_on().await;
        for (name, victims) in schedule {
            self.cycle(&name, &victims).await;
        }
    }

    /// Whom a cycle kills: mostly one, now and then all.
    fn plan(&mut self, cycle: u64, victims: &[usize]) -> (String, Vec<usize>) {
        let throw = self.dice.below(10);
        if !victims.is_empty() {
            let victim = victims[usize::try_from(throw).unwrap_or_default() % victims.len()];
            return (format!("cycle {cycle}"), vec![victim]);
        }
        let victims = match throw {
            0..4 => vec![0],
            4..6 => vec![1],
            6..9 => vec![2],
            _ => vec![0, 1, 2],
        };
        (format!("cycle {cycle}"), victims)
    }

    async fn cycle(&mut self, name: &str, victims: &[usize]) {
        self.pause(300).await;
        let works = self.book.until(GOES_ON_WITHIN, Book::in_flight).await;
        assert!(works, "{name}: no call was made within {GOES_ON_WITHIN:?}");
        self.sample();
        self.kill(name, When::Working, victims).await;
        self.pause(200).await;
        // one restart in five dies while it starts
        if self.dice.below(5) == 0 {
            for victim in victims {
                self.programs[*victim].start();
            }
            self.pause(150).await;
            self.kill(&format!("{name}, starting"), When::Starting, victims).await;
        }
        self.start_programs(victims).await;
        for victim in victims {
            let victim = self.programs[*victim].name.clone();
            self.book.history.record(Event::Healed(Healed { victim }));
        }
        self.look_at_head().await;
        if victims.contains(&0) && self.blow != Blow::StateLost {
            self.ask(self.book.unasked()).await;
        }
        if self.dice.below(2) == 0 {
            self.go_on().await;
        }
        let ended: Vec<String> = self.programs.iter_mut().filter_map(Program::ended).collect();
        assert!(ended.is_empty(), "{ended:?}");
    }

    async fn kill(&mut self, name: &str, when: When, victims: &[usize]) {
        for victim in victims {
            let (program, disk) = (&mut self.programs[*victim], &self.disks[*victim]);
            let (name, victim) = (format!("{name} {}", program.name), program.name.clone());
            let kind = when.kind(self.blow, disk.is_some());
            // written before the blow: what is in flight then was in flight
            self.book.history.record(Event::Fault(Fault { name: name.clone(), kind, victim }));
            match disk {
                Some(disk) => {
                    let lost = cut(name, program, disk).await;
                    self.book.history.record(Event::Lost(lost));
                }
                None => program.kill().await,
            }
            if kind == FaultKind::ClockStep {
                live_under(self.dice.pick(&CLOCKS), program).await;
            }
            if kind == FaultKind::StateLost {
                lose(&program.state(), self.dice.below(2) == 0);
            }
            // now and then its rows are gone too: they are folded again from the journal
            if self.dice.below(8) == 0 {
                drop(std::fs::remove_dir_all(program.state().join("store")));
            }
        }
    }

    /// What the programs use: written down before each kill, so that every life is seen at its largest.
    fn sample(&self) {
        let samples = self.programs.iter().filter_map(Program::sample);
        samples.for_each(|sample| self.book.history.record(Event::Sample(sample)));
    }

    /// Asks the broker about messages, and writes its answers down.
    async fn ask(&self, messages: Vec<(bytes::Bytes, String)>) -> Vec<Stands> {
        let answers = self.office.stands(messages).await;
        for stands in &answers {
            self.book.history.record(Event::Stands(stands.clone()));
        }
        answers
    }

    /// Writes the broker's newest head down, and whether it continues the one that was seen before.
    async fn look_at_head(&mut self) {
        if self.blow == Blow::StateLost {
            return; // its tree begins anew, and the desks say so
        }
        let before = self.head.as_ref().map_or(0, |head| head.size);
        let Some((head, path)) = self.office.head(before).await else { return };
        self.book.history.record(Event::Head(Head {
            owner: head.owner.clone(),
            size: head.size,
            root: book::hex(&head.root),
            verified: Some(self.book.notary.vouches_for_head(&head)),
        }));
        if let Some(seen) = self.head.replace(head.clone()) {
            let of = Proved::Continues { from: seen.size, to: head.size };
            let proof = proto::border::head::hashes(&path, "path").unwrap();
            let holds = model::merkle::joins((seen.size, hash_of(&seen)), (head.size, hash_of(&head)), &proof);
            self.book.history.record(Event::Proof(Proof { owner: head.owner, of, holds }));
        }
    }

    /// The record that each of the last ACCEPTED receipts names lies under a head, and holds that very message.
    async fn look_at_records(&mut self) {
        if self.blow == Blow::StateLost {
            return;
        }
        let sent = self.sender.desk.list(true).await.unwrap();
        let ids = sent.into_iter().filter_map(|summary| Some(summary.header?.message_id));
        for message_id in ids.take(LOOKED_AT) {
            let Ok(trace) = self.sender.desk.trace(&message_id).await else { continue };
            let receipts = trace.steps.into_iter().filter_map(|step| step.receipt);
            let accepted = receipts.map(|receipt| (statement(&receipt), receipt)).find(|(said, _)| said.stage == 1);
            let Some((said, receipt)) = accepted else { continue };
            let proved = self.office.inclusion(said.position).await.unwrap();
            let head = proved.head.clone().unwrap();
            self.book.history.record(Event::Head(Head {
                owner: head.owner.clone(),
                size: head.size,
                root: book::hex(&head.root),
                verified: Some(self.book.notary.vouches_for_head(&head)),
            }));
            let (hash, owner, size) = (book::hex(&Sha256::digest(&receipt.statement)), head.owner.clone(), head.size);
            let holds = leads(&proved, &said, &head);
            let of = Proved::Contains { receipt: hash, size };
            self.book.history.record(Event::Proof(Proof { owner, of, holds }));
        }
    }

    /// Counts the deliveries once nothing moves any more.
    async fn count(&self) {
        self.book.until(SETTLES_WITHIN, Book::is_answered).await;
        self.sender.desk.all_sent(SETTLES_WITHIN).await;
        let sent = self.sender.desk.list(true).await.unwrap();
        let accepted = sent.iter().filter(|summary| summary.accepted).count() as u64;
        self.book.until(SETTLES_WITHIN, |book| book.count() >= accepted).await;
        if self.blow == Blow::StateLost {
            return; // it knows nothing of what had settled
        }
        let answers = self.ask(self.book.messages()).await;
        let sum = self.office.sum(&answers).await.unwrap();
        self.book.history.record(Event::Sum(sum));
    }

    /// While the receiver is away, the last messages wait for it and everything is counted.
    async fn wait_and_count(&mut self) {
        self.book.until(GOES_ON_WITHIN, Book::in_flight).await;
        self.kill("the end", When::Last, &[2]).await;
        self.sending.cancel();
        for _ in 0..SENT_TO_WAIT {
            self.sender.send(v1::Precedence::Priority).await;
        }
        self.count().await;
        self.start_programs(&[2]).await;
        self.book.history.record(Event::Healed(Healed { victim: self.programs[2].name.clone() }));
    }

    /// A time that only the seed decides, in which the programs work.
    async fn pause(&mut self, below_ms: u64) {
        let pause = Duration::from_millis(self.dice.below(below_ms));
        tokio::time::sleep(pause).await;
    }

    /// Waits until something new is accepted: everything works again.
    async fn go_on(&mut self) {
        let before = self.book.count();
        let goes_on = self.book.until(GOES_ON_WITHIN, |book| book.count() > before).await;
        let ended: Vec<String> = self.programs.iter_mut().filter_map(Program::ended).collect();
        assert!(goes_on, "nothing new was accepted within {GOES_ON_WITHIN:?}; ended: {ended:?}");
    }

    /// Lets the rest settle, reads everything once more, and judges.
    async fn end(mut self) -> Outcome {
        self.sample();
        self.wait_and_count().await;
        self.book.history.record(Event::Quiet);
        self.book.until(SETTLES_WITHIN, Book::is_settled).await;
        self.count().await;
        self.reading.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        self.read_everything().await;
        self.look_at_head().await;
        self.look_at_records().await;
        self.book.history.record(Event::End);
        for program in &mut self.programs {
            program.kill().await;
        }
        let lines = self.book.history.lines();
        judge(&lines, self.book.history.path())
    }

    async fn read_everything(&self) {
        let desk = Desk::at(&self.region.agent(XZ).desk_socket);
        for summary in desk.list(false).await.unwrap() {
            let header = summary.header.unwrap_or_default();
            let Some(id) = self.book.name(&header.message_id) else { continue };
            for attachment in header.attachments.iter().filter(|file| file.placement() == v1::Placement::Blob) {
                let whole = desk.get_blob(&attachment.sha256).await;
                let whole = whole.is_ok_and(|bytes| Sha256::digest(&bytes).as_slice() == attachment.sha256.as_ref());
                self.book.history.record(Event::Attached(Attached { id: id.clone(), to: XZ.into(), whole }));
            }
            let (to, message, cursor) = (XZ.to_owned(), book::hex(&header.message_id), summary.cursor);
            self.book.history.record(Event::Listed(Listed { id, to, message, cursor }));
        }
        for (message_id, id) in self.book.messages() {
            self.read_trace(&message_id, &id).await;
        }
        for summary in self.sender.desk.list(true).await.unwrap() {
            let Some(id) = self.book.name(&summary.header.unwrap_or_default().message_id) else { continue };
            for state in summary.states {
                let Some(stage) = Stage::from_wire(state.stage) else { continue };
                let (id, to) = (id.clone(), state.jurisdiction);
                self.book.history.record(Event::Read(Read { id, to, stage }));
            }
        }
    }

    /// Receipts that came by no event, and any whose signature is not good.
    async fn read_trace(&self, message_id: &bytes::Bytes, id: &str) {
        let Ok(trace) = self.sender.desk.trace(message_id).await else { return };
        for step in trace.steps {
            let Some(receipt) = step.receipt.filter(|receipt| statement(receipt).stage != 0) else { continue };
            let event = receipt_event(id, &receipt, self.book.notary.vouches_for_receipt(&receipt));
            if self.book.tell_once(&event.hash) || event.verified == Some(false) {
                self.book.history.record(Event::Receipt(event));
            }
        }
    }
}

/// When a program dies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum When {
    Working,
    Starting,
    /// At the end of the run, to come back with its state.
    Last,
}

impl When {
    fn kind(self, blow: Blow, by_power_cut: bool) -> FaultKind {
        match (self, by_power_cut) {
            (Self::Working, _) if blow == Blow::StateLost => FaultKind::StateLost,
            (Self::Working, _) if blow == Blow::ClockStep => FaultKind::ClockStep,
            (Self::Working | Self::Last, false) => FaultKind::Kill,
            (Self::Starting, false) => FaultKind::KillStarting,
            (Self::Working | Self::Last, true) => FaultKind::PowerCut,
            (Self::Starting, true) => FaultKind::PowerCutStarting,
        }
    }
}

/// Cuts the power of a program's disk, kills it, and plugs the disk in again.
async fn cut(name: String, program: &mut Program, disk: &LoopDisk) -> Lost {
    disk.cut();
    program.kill().await;
    Lost { name, canary: disk.comes_back() }
}

/// How wrong a clock is, as `faketime` reads it, and in milliseconds.
/// More than an hour is another matter: docs/known-gaps.md.
const CLOCKS: [(&str, i64); 2] = [("-10m", -600_000), ("+10m", 600_000)];
/// How long a program lives under it.
const UNDER_IT: Duration = Duration::from_millis(1_500);

/// A life under a wrong clock, which its log shows.
async fn live_under((offset, ms): &(&str, i64), program: &mut Program) {
    // not by the command, which would be the program's parent; and its timers go by the true time
    let library = format!("LD_PRELOAD={}", faketime().expect("libfaketime").display());
    let wrapper = ["env", &library, "FAKETIME_DONT_FAKE_MONOTONIC=1", &format!("FAKETIME={offset}")];
    program.wrapper = wrapper.map(Into::into).into();
    program.start();
    program.ready(STARTS_WITHIN).await.unwrap();
    tokio::time::sleep(UNDER_IT).await;
    let wrong = model::time::Timestamp::from_millis(crate::world::clock::system_now().millis() + ms).rfc3339();
    // to ten minutes: the true time never begins like this
    let begin = wrong.get(..15).unwrap_or_default();
    assert!(program.wrote(begin), "{} did not live at {wrong}", program.name);
    program.kill().await;
    program.wrapper.clear();
}

/// Where the library lies that tells a program another time, if it is installed.
pub fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|library| library.is_file())
}

/// The state is gone; or, where there is one, the copy is put back that was made at the loss before.
fn lose(state: &std::path::Path, put_back: bool) {
    let (older, newer) = (state.with_extension("older"), state.with_extension("newer"));
    copy(state, &newer);
    std::fs::remove_dir_all(state).unwrap();
    if put_back && older.is_dir() {
        std::fs::rename(&older, state).unwrap();
    }
    drop(std::fs::remove_dir_all(&older));
    std::fs::rename(&newer, &older).unwrap();
}

fn hash_of(head: &v1::TreeHead) -> [u8; 32] {
    head.root.as_ref().try_into().expect("a root")
}

/// Whether the record is the one in which the message was handed in, and lies under the head.
fn leads(proved: &v1::InclusionResponse, said: &v1::ReceiptStatement, head: &v1::TreeHead) -> bool {
    use prost::Message as _;
    let (kind, flags) = (u16::try_from(proved.kind).unwrap(), u8::try_from(proved.flags).unwrap());
    let leaf = model::merkle::leaf_of_parts(&[&kind.to_be_bytes(), &[flags], &proved.at.to_be_bytes(), &proved.record]);
    let path = proto::border::head::hashes(&proved.path, "path").unwrap();
    let record = proto::record::Submitted::decode(proved.record.clone()).unwrap_or_default();
    let content = record.envelope.unwrap_or_default().content;
    let root = model::merkle::root_by_path(leaf, said.position - 1, head.size, &path);
    root == Some(hash_of(head)) && Sha256::digest(&content).as_slice() == said.content_hash.as_ref()
}

/// Whoever checks seals under the keys of this region.
pub fn notary_of(region: &Region) -> Notary {
    let file = region.trust.trust("broker").join(certs::files::name::DIRECTORY);
    Notary::of(&std::fs::read_to_string(file).unwrap())
}

fn judge(lines: &[Line], history: PathBuf) -> Outcome {
    let violations = check(lines);
    let figures = Figures::of(lines, &violations);
    Outcome { vacuous: [not_vacuous(lines), unjudged(lines)].concat(), violations, figures, history }
}

#[test]
fn a_history_that_is_named_is_judged_again() {
    let Ok(path) = std::env::var("LIANDONG_KILL_HISTORY") else {
        return println!("LIANDONG_KILL_HISTORY names no history to judge again");
    };
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    let Outcome { violations, vacuous, figures, .. } = judge(&lines, path.into());

    println!("{figures}");
    let found: Vec<Violation> = violations.into_iter().chain(vacuous).collect();
    assert!(found.is_empty(), "{}", report(&found, 10));
}

fn victims_from_env() -> Vec<usize> {
    let Ok(named) = std::env::var("LIANDONG_KILL_VICTIM") else { return Vec::new() };
    let place = ["broker", "sender", "receiver"].iter().position(|victim| *victim == named);
    vec![place.expect("LIANDONG_KILL_VICTIM is broker, sender or receiver")]
}

fn cycles_from_env() -> u64 {
    std::env::var("LIANDONG_KILL_CYCLES")
        .map_or(100, |cycles| cycles.parse().expect("LIANDONG_KILL_CYCLES is a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_doubled_or_reordered_when_programs_are_killed() {
    let (cycles, seed, victims) = (cycles_from_env(), Dice::seed_from_env(), victims_from_env());

    holds(&Options { cycles, seed, victims, bug: None, blow: Blow::Kill }).await;
}

/// Runs it, prints the figures, and finds nothing.
pub async fn holds(options: &Options) {
    let Outcome { violations, vacuous, figures, history } = Box::pin(run(options)).await;

    println!("{figures}");
    let found: Vec<Violation> = violations.into_iter().chain(vacuous).collect();
    assert!(found.is_empty(), "seed {}, history {}\n{}", options.seed, history.display(), report(&found, 10));
}
