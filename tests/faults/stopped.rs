//! What programs leave when they end, kept so that each fault gets a fresh copy; and what a program says of such a state when
//! it runs on it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use model::clock::Clock;
use proto::v1;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use crate::disk::{fresh_folder, run};
use crate::kill::book::hex;
use crate::kill::cargo::Cargo;
use crate::kill::office::Office;
use crate::kill::programs::Program;
use crate::world::bare::Bare;
use crate::world::clock::system_now;
use crate::world::desk::Desk;
use crate::world::dice::Dice;
use crate::world::drafts::{bulletin, officer};
use crate::world::region::{LY, Region, XZ};

/// Longer than any start, delivery or end takes.
pub const PATIENCE: Duration = Duration::from_mins(2);
/// So long nothing comes of what is there no more.
const SILENCE: Duration = Duration::from_secs(2);
/// Messages of each part: handed over, waiting at the broker, queued at the sender.
const OF_EACH: usize = 12;

/// Whose state it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Whose {
    Broker,
    Sender,
    Receiver,
}

impl Whose {
    pub const ALL: [Self; 3] = [Self::Broker, Self::Sender, Self::Receiver];

    fn folder(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Sender => LY,
            Self::Receiver => XZ,
        }
    }
}

/// How they ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Told to stop.
    InOrder,
    /// kill -9.
    Killed,
}

/// The states of a region in which some messages are delivered, some wait and some are queued.
pub struct Stopped {
    pub region: Region,
    folder: PathBuf,
    messages: Vec<Bytes>,
    files: Vec<Bytes>,
}

impl Stopped {
    /// Lets a region work for a while and ends it.
    pub async fn after_work(name: &str, end: End) -> Self {
        let folder = fresh_folder(name);
        let region = Region::create(&folder, &[LY, XZ], system_now()).unwrap();
        let mut stopped = Self { region, folder, messages: Vec::new(), files: Vec::new() };
        let mut programs = Whose::ALL.map(|whose| (whose, stopped.program(whose)));
        for (_, program) in &mut programs {
            program.start();
            program.ready(PATIENCE).await.unwrap();
        }
        let [(_, broker), (_, sender), (_, receiver)] = &mut programs;
        let (ly, xz) = (stopped.desk(Whose::Sender), stopped.desk(Whose::Receiver));
        ly.linked(PATIENCE).await.unwrap();
        stopped.send(&ly).await;
        until("they are handed over", async || xz.list(false).await.unwrap().len() >= OF_EACH).await;
        for id in stopped.messages.clone().iter().step_by(2) {
            xz.open(id, officer()).await.unwrap();
            xz.acknowledge(id, officer()).await.unwrap();
        }
        for file in &stopped.files {
            xz.get_blob(file).await.unwrap();
        }
        until("its receipts are back", async || ly.link().await.unwrap().unsettled == 0).await;
        receiver.end(end).await;
        stopped.send(&ly).await;
        until("they are accepted", async || ly.link().await.unwrap().queued == 0).await;
        broker.end(end).await;
        stopped.send(&ly).await;
        sender.end(end).await;
        for whose in Whose::ALL {
            copy(&stopped.state(whose), &stopped.kept(whose));
        }
        stopped
    }

    async fn send(&mut self, desk: &Desk) {
        let mut dice = Dice::of(self.messages.len() as u64);
        let mut file = |bytes: usize| (0..bytes).map(|_| u8::try_from(dice.below(256)).unwrap()).collect::<Bytes>();
        for number in 0..OF_EACH {
            let cargo = match number {
                2 => Cargo::Inside(vec![file(20_000)]),
                5 => Cargo::Inside(vec![file(250_000); 3]),
                7 => Cargo::Beside(file(150_000)),
                _ => Cargo::Nothing,
            };
            if let Cargo::Beside(file) = &cargo {
                self.files.push(desk.put_blob(file.clone()).await.unwrap().sha256);
            }
            let draft = cargo.on(bulletin(&[XZ], v1::Precedence::Priority, &format!("第{number}号")));
            self.messages.push(desk.send(draft).await.unwrap().message_id);
        }
    }

    /// Where a program finds its state.
    pub fn state(&self, whose: Whose) -> PathBuf {
        self.folder.join(whose.folder())
    }

    /// Where its state is kept as it was left.
    pub fn kept(&self, whose: Whose) -> PathBuf {
        self.folder.join("kept").join(whose.folder())
    }

    /// The program finds its state as it was left; its log is empty.
    pub fn put_back(&self, whose: Whose) {
        drop(fs::remove_dir_all(self.state(whose)));
        copy(&self.kept(whose), &self.state(whose));
        drop(fs::remove_file(self.log(whose)));
    }

    /// A program that is not started.
    pub fn program(&self, whose: Whose) -> Program {
        match whose {
            Whose::Broker => Program::new("broker", "broker", &self.region.broker_config, None),
            agent => Program::new(agent.folder(), "agent", &self.region.agent(agent.folder()).config, None),
        }
    }

    /// What a program wrote since its state was put back.
    pub fn log(&self, whose: Whose) -> PathBuf {
        self.state(whose).with_extension("log")
    }

    /// An agent's desk.
    pub fn desk(&self, whose: Whose) -> Desk {
        Desk::at(&self.region.agent(whose.folder()).desk_socket)
    }

    /// All that a running program tells of the messages that it should know.
    pub async fn said_by(&self, whose: Whose) -> Said {
        let mut said = Said::default();
        match whose {
            Whose::Broker => self.broker_says(&mut said).await,
            agent => self.agent_says(&self.desk(agent), &mut said).await,
        }
        said.complaints.extend(self.complaints(whose));
        said
    }

    async fn broker_says(&self, said: &mut Said) {
        let named = self.messages.iter().map(|id| (id.clone(), hex(id))).collect();
        for stands in Office::of(&self.region, LY).stands(named).await {
            said.says(format!("{} stands", stands.id), format!("{:?}", stands.at));
        }
        let clock = Clock::new(system_now);
        let xz = Bare::of(XZ, &self.region.trust.trust(XZ), &clock).unwrap();
        match xz.session(self.region.broker_address).await {
            Err(status) => said.complains(status.message()),
            Ok(mut session) => {
                while let Ok(Ok(deliveries)) = timeout(SILENCE, session.deliveries()).await {
                    for envelope in deliveries.into_iter().filter_map(|delivery| delivery.envelope) {
                        let digest = hex(&Sha256::digest(&envelope.content));
                        said.says(
                            format!("{} waits", hex(&crate::world::bare::header_of(&envelope).message_id)),
                            digest,
                        );
                    }
                    if said.counted("waits") >= OF_EACH {
                        break;
                    }
                }
            }
        }
        for file in &self.files {
            let ask = v1::BlobsGetRequest { sha256: file.clone(), ..Default::default() };
            let bytes = async {
                let mut parts = xz.blobs(self.region.broker_address).get(ask).await?.into_inner();
                let mut bytes = Vec::new();
                while let Some(part) = parts.message().await? {
                    bytes.extend_from_slice(&part.chunk);
                }
                Ok::<_, tonic::Status>(bytes)
            };
            said.file(file, bytes.await);
        }
    }

    async fn agent_says(&self, desk: &Desk, said: &mut Said) {
        for sent in [true, false] {
            match desk.list(sent).await {
                Err(status) => said.complains(status.message()),
                Ok(summaries) => {
                    for summary in summaries {
                        let header = summary.header.unwrap_or_default();
                        let states: Vec<_> = summary.states.iter().map(|s| (&s.jurisdiction, s.stage)).collect();
                        said.says(format!("{} listed", hex(&header.message_id)), format!("{states:?}"));
                    }
                }
            }
        }
        for id in &self.messages {
            match desk.show(id).await {
                Err(status) if status.code() == tonic::Code::NotFound => {}
                Err(status) => said.complains(status.message()),
                Ok(shown) => {
                    let digest = hex(&Sha256::digest(&shown.envelope.unwrap_or_default().content));
                    said.says(format!("{} holds", hex(id)), digest);
                }
            }
            match desk.trace(id).await {
                Err(status) if status.code() == tonic::Code::NotFound => {}
                Err(status) => said.complains(status.message()),
                Ok(trace) => {
                    let receipts = trace.steps.iter().filter_map(|step| step.receipt.as_ref());
                    let hashes: Vec<_> = receipts.map(|receipt| hex(&Sha256::digest(&receipt.statement))).collect();
                    said.says(format!("{} receipts", hex(id)), hashes.join(" "));
                }
            }
        }
        for file in &self.files {
            said.file(file, desk.get_blob(file).await);
        }
        let queued = desk.link().await.map(|link| link.queued);
        said.says("queued".into(), format!("{queued:?}"));
    }

    /// The lines of its log that say that something is wrong, without their times.
    fn complaints(&self, whose: Whose) -> Vec<String> {
        let log = fs::read_to_string(self.log(whose)).unwrap_or_default();
        let level = |line: &str| ["ERROR", "WARN"].iter().find_map(|level| Some(line.split_once(level)?.1.to_owned()));
        log.lines().filter_map(level).map(|text| text.trim().to_owned()).collect()
    }
}

/// What a program says of its state.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub facts: BTreeMap<String, String>,
    /// Refusals to answer, and what its log says is wrong.
    pub complaints: Vec<String>,
}

impl Said {
    fn says(&mut self, what: String, is: String) {
        self.facts.insert(what, is);
    }

    fn complains(&mut self, says: &str) {
        self.complaints.push(says.into());
    }

    fn counted(&self, what: &str) -> usize {
        self.facts.keys().filter(|key| key.ends_with(what)).count()
    }

    /// A file is there with the bytes of its digest, or whoever asks is refused; other bytes are a fact of their own.
    fn file(&mut self, digest: &Bytes, read: Result<Vec<u8>, tonic::Status>) {
        match read {
            Ok(bytes) => self.says(format!("{} file", hex(digest)), hex(&Sha256::digest(&bytes))),
            Err(status) => {
                self.says(format!("{} file", hex(digest)), format!("{:?}", status.code()));
                self.complains(status.message());
            }
        }
    }

    /// What differs from `other`, a line each.
    pub fn differs(&self, other: &Self) -> Vec<String> {
        let keys = self.facts.keys().chain(other.facts.keys());
        let differs = keys.filter(|key| self.facts.get(*key) != other.facts.get(*key));
        let line = |key: &String| format!("{key}: {:?} instead of {:?}", self.facts.get(key), other.facts.get(key));
        differs.map(line).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    /// Complaints that `other` does not have, by their first words: the rest are names and numbers.
    pub fn complains_beyond(&self, other: &Self) -> Vec<String> {
        let kind = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).take(60).collect::<String>();
        let usual: Vec<String> = other.complaints.iter().map(|text| kind(text)).collect();
        self.complaints.iter().filter(|text| !usual.contains(&kind(text))).cloned().collect()
    }
}

/// Waits until something holds.
pub async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let held = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, held).await.unwrap_or_else(|_| panic!("it does not come to pass that {what}"));
}

/// Copies a folder with all that is in it, sockets too.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    run(Command::new("cp").arg("-a").args([from, to]));
}
