//! A region that lives: a broker and agents in one process, each with its own directory and clock, and a line between
//! each agent and the broker. Waiting is for events, never for time; a wait without its event ends the test and says
//! what was awaited.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::ids::{JurisdictionId, MessageId};
use model::position::Position;
use model::time::Timestamp;
use prost::Message as _;
use proto::{record, v1};
use store::tasks::Tasks;
use tokio::sync::watch;
use tonic::transport::Channel;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::TestWriter;

use super::bare::{Bare, channel};
use super::clock::HandClock;
use super::desk::Desk;
use super::dice::Dice;
use super::proxy::Proxy;
use super::rebuilt::Left;
use super::region::{Lands, REGION, Region};

/// 2027-05-12 09:00 in Linyi.
pub const MORNING: Timestamp = Timestamp::from_millis(1_810_083_600_000);
/// Longer than anything that is awaited takes.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long an orderly end may take.
const GRACE: Duration = Duration::from_secs(20);

/// A region that lives.
pub struct World {
    pub region: Region,
    /// Everybody's clock, unless somebody was given another.
    pub clock: HandClock,
    /// Chance; its seed is printed.
    pub dice: Dice,
    broker: Option<Broker>,
    broker_at: SocketAddr,
    agents: BTreeMap<String, Agent>,
    /// What the broker's journal says is no longer what it wrote.
    damaged: AtomicBool,
    directory: tempfile::TempDir,
}

struct Broker {
    running: broker::Running,
    tasks: Tasks,
}

/// One agent of a world: its files, its line, and its program while it runs.
pub struct Agent {
    pub city: String,
    pub line: Proxy,
    pub clock: HandClock,
    config: agent::config::Config,
    life: Option<Life>,
    named: bytes::Bytes,
}

struct Life {
    running: agent::agent::Running,
    tasks: Tasks,
}

impl World {
    /// A broker, and an agent in each of `cities`, all linked.
    pub async fn of(cities: &[&str]) -> Self {
        let mut world = Self::without_agents(cities, Lands::Unknown).await;
        for city in cities {
            world.start_agent(city).await;
        }
        for city in cities {
            world.agent(city).linked().await;
        }
        world
    }

    /// A broker, and the files of `cities`.
    pub async fn without_agents(cities: &[&str], lands: Lands) -> Self {
        let seed = Dice::seed_from_env();
        println!("LIANDONG_SEED={seed}");
        log();
        let directory = tempfile::tempdir().unwrap();
        let region = Region::create_on(directory.path(), cities, lands, MORNING).unwrap();
        let (clock, dice) = (HandClock::at(MORNING), Dice::of(seed));
        let broker_at = SocketAddr::from(([127, 0, 0, 1], 0));
        let (agents, damaged) = (BTreeMap::new(), AtomicBool::new(false));
        let mut world = Self { region, clock, dice, broker: None, broker_at, agents, damaged, directory };
        world.start_broker().await;
        world
    }

    /// Starts the broker; lines lead to it.
    pub async fn start_broker(&mut self) {
        let text = std::fs::read_to_string(&self.region.broker_config).unwrap();
        let mut config: broker::Config = toml::from_str(&text).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        (config.listen, config.admin_listen, config.metrics_listen) = (any, any, any);
        let tasks = Tasks::new();
        let running = broker::Broker::start(config, self.clock.clock(), tasks.clone()).await.unwrap();
        self.broker_at = running.address;
        self.agents.values().for_each(|agent| agent.line.lead_to(running.address));
        self.broker = Some(Broker { running, tasks });
    }

    /// Ends the broker as an operator does.
    pub async fn stop_broker(&mut self) {
        let Some(Broker { running, tasks }) = self.broker.take() else { return };
        running.relay.engine.stop().await.unwrap();
        running.relay.engine.journal().stop();
        tasks.stop(GRACE).await.unwrap();
    }

    /// Ends the broker without a warning: what is not durable is gone.
    pub async fn kill_broker(&mut self) {
        let Some(Broker { running, tasks }) = self.broker.take() else { return };
        running.relay.engine.kill();
        running.relay.engine.journal().stop();
        tasks.stop(GRACE).await.unwrap();
    }

    /// The broker that runs.
    pub fn broker(&self) -> &broker::Running {
        &self.broker.as_ref().expect("the broker runs").running
    }

    /// Its relay.
    pub fn relay(&self) -> &Arc<broker::relay::Relay> {
        &self.broker().relay
    }

    /// Where agents call it; bare ones do so without a line.
    pub fn broker_address(&self) -> SocketAddr {
        self.broker_at
    }

    /// Waits until `look` finds something in the broker's rows.
    pub async fn at_broker<T>(&self, what: &str, mut look: impl FnMut(&broker::relay::Relay) -> Option<T>) -> T {
        let relay = self.relay();
        until(relay.engine.folded(), what, || look(relay)).await
    }

    /// What the broker's journal keeps of refusals, oldest first.
    pub fn refusals(&self) -> Vec<record::Refused> {
        refusals_of(&self.relay().engine)
    }

    /// How many envelopes the broker knows: accepted ones, not those that it refused.
    pub fn accepted_count(&self) -> u64 {
        self.relay().engine.read(|fold, _| fold.state().tallies.accepted.values().sum())
    }

    /// Starts the agent of `city`, whose files there are.
    pub async fn start_agent(&mut self, city: &str) {
        if !self.agents.contains_key(city) {
            self.prepare_agent(city, self.clock.clone()).await;
        }
        self.agent_mut(city).start().await;
    }

    /// Lays a line to the agent of `city`, which will go by this clock.
    pub async fn prepare_agent(&mut self, city: &str, clock: HandClock) {
        let line = Proxy::start(self.broker_at).await.unwrap();
        self.region.write_agent(city, line.address()).unwrap();
        let text = std::fs::read_to_string(&self.region.agent(city).config).unwrap();
        let config = toml::from_str(&text).unwrap();
        let agent = Agent { city: city.into(), line, clock, config, life: None, named: bytes::Bytes::new() };
        self.agents.insert(city.into(), agent);
    }

    /// The agent of `city`.
    pub fn agent(&self, city: &str) -> &Agent {
        &self.agents[city]
    }

    /// The same, to be started and stopped.
    pub fn agent_mut(&mut self, city: &str) -> &mut Agent {
        self.agents.get_mut(city).expect("an agent of that city")
    }

    /// The desk of `city`.
    pub fn desk(&self, city: &str) -> Desk {
        Desk::at(&self.region.agent(city).desk_socket)
    }

    /// A bare agent of `city`, which may lie.
    pub fn bare(&self, city: &str) -> Bare {
        Bare::of(city, &self.region.trust.trust(city), &self.clock.clock()).unwrap()
    }

    /// A line to the operators' door, with an operator's certificate.
    pub fn operator(&self) -> Channel {
        let identity = certs::tls::Identity::load(&self.region.trust.trust("operator"), self.clock.clock()).unwrap();
        channel(&Arc::new(identity), self.broker().admin_address)
    }

    /// A copy of a program's state directory: `broker` or a city.
    pub fn copy_of(&self, who: &str) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_all(&self.state(who), copy.path());
        copy
    }

    /// Puts a copy back in the place of a program's state directory.
    pub fn put_back(&self, who: &str, copy: &Path) {
        self.lose_state(who);
        copy_all(copy, &self.state(who));
    }

    /// Deletes a program's state directory.
    pub fn lose_state(&self, who: &str) {
        std::fs::remove_dir_all(self.state(who)).unwrap();
    }

    /// Waits until the broker's program ends by itself, and says which of its tasks ended first.
    pub async fn broker_ends(&self) -> Option<&'static str> {
        let tasks = &self.broker.as_ref().expect("the broker runs").tasks;
        within("the broker ends", tasks.stopping()).await;
        tasks.ended()
    }

    /// Changes one byte of a file that an agent keeps.
    pub fn damage_blob(&self, city: &str, sha256: &[u8]) {
        let path = self.state(city).join("blobs").join(certs::signed::hex(sha256));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[0] ^= 1;
        std::fs::write(path, bytes).unwrap();
    }

    /// Changes one byte of what the broker's journal says, where it says `words`.
    pub fn damage_journal(&self, words: &str) {
        let mut segments: Vec<_> = std::fs::read_dir(self.state("broker").join("journal")).unwrap().collect();
        segments.retain(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "seg"));
        let found = segments.into_iter().find_map(|entry| {
            let (path, words) = (entry.unwrap().path(), words.as_bytes());
            let bytes = std::fs::read(&path).unwrap();
            let at = bytes.windows(words.len()).position(|window| window == words)?;
            Some((path, bytes, at))
        });
        let (path, mut bytes, at) = found.expect("a segment that holds these words");
        bytes[at] ^= 1;
        std::fs::write(path, bytes).unwrap();
        self.damaged.store(true, Ordering::SeqCst);
    }

    /// Deletes the broker's rows; its journal stays.
    pub fn lose_rows_of_broker(&self) {
        std::fs::remove_dir_all(self.state("broker").join("store")).unwrap();
    }

    /// The broker's journal is gone, and its rows are of a journal that is not there.
    pub fn lose_journal_of_broker(&self) {
        std::fs::remove_dir_all(self.state("broker").join("journal")).unwrap();
    }

    /// Time passes, however much: everybody gets new leaves, and the signed files are published anew.
    pub async fn pass(&mut self, time: Duration) {
        self.clock.advance(time);
        let now = self.clock.now();
        self.region.trust.issue_broker(&["127.0.0.1".into()], now).unwrap();
        let cities: Vec<String> = self.region.trust.members.iter().map(|(id, _)| id.to_string()).collect();
        for city in cities {
            self.region.issue_leaf(&city, now).unwrap();
        }
        self.region.trust.publish(now).unwrap();
        assert_eq!(self.relay().reload_trust().await.1, Vec::<String>::new());
    }

    /// The incarnation under which the agent of `city` ran last.
    pub fn named(&self, city: &str) -> bytes::Bytes {
        self.agents[city].named.clone()
    }

    /// The state directory of a program: `broker` or a city.
    pub fn state(&self, who: &str) -> PathBuf {
        self.directory.path().join(who)
    }

    /// Ends the broker and gives its rows as it saw them last.
    pub async fn last_rows_of_broker(&mut self) -> store::Dump {
        let engine = self.broker().relay.engine.clone();
        self.stop_broker().await;
        engine.dump().unwrap()
    }

    /// Finds these rows in what the broker's journal makes; nothing of the broker runs.
    pub async fn broker_is_rebuilt_as(&self, rows: Option<store::Dump>) {
        let state = self.state("broker");
        let left = Left { who: "broker", state: &state, owner: REGION.into(), clock: self.clock.clock() };
        left.is_rebuilt_equal(rows, || broker::relay::fold::BrokerFold::new(Arc::default())).await;
    }

    /// Ends everything. Every program's rows, deleted and made anew from its journal, are what they were; a broker whose
    /// journal was damaged makes others from it, and is left out.
    pub async fn end(mut self) {
        for agent in self.agents.values_mut() {
            let engine = agent.life.as_ref().map(|life| life.running.desk.engine.clone());
            agent.stop().await;
            let live = engine.map(|engine| engine.dump().unwrap());
            let (state, jurisdiction) = (self.directory.path().join(&agent.city), agent.city.parse().unwrap());
            let owner = format!("{REGION}/{}", agent.city);
            let left = Left { who: &agent.city, state: &state, owner, clock: agent.clock.clock() };
            let fold = || agent::fold::AgentFold::new(JurisdictionId::clone(&jurisdiction), Arc::default());
            left.is_rebuilt_equal(live, fold).await;
        }
        let rows = if self.broker.is_some() { Some(self.last_rows_of_broker().await) } else { None };
        if self.damaged.load(Ordering::SeqCst) {
            println!("the broker's journal was damaged by the test: its rows are not compared");
            return;
        }
        self.broker_is_rebuilt_as(rows).await;
    }
}

impl Agent {
    /// Starts the program.
    pub async fn start(&mut self) {
        let tasks = Tasks::new();
        let running = agent::agent::start(self.config.clone(), self.clock.clock(), tasks.clone()).await.unwrap();
        self.named = running.desk.engine.read(|fold, _| fold.agent().incarnation.clone());
        self.life = Some(Life { running, tasks });
    }

    /// Ends it, changes its configuration and starts it again.
    pub async fn restart_with(&mut self, change: impl FnOnce(&mut agent::config::Config)) {
        self.stop().await;
        change(&mut self.config);
        self.start().await;
    }

    /// Ends it as an operator does.
    pub async fn stop(&mut self) {
        let Some(Life { running, tasks }) = self.life.take() else { return };
        running.desk.engine.stop().await.unwrap();
        running.desk.engine.journal().stop();
        tasks.stop(GRACE).await.unwrap();
    }

    /// Ends it without a warning.
    pub async fn kill(&mut self) {
        let Some(Life { running, tasks }) = self.life.take() else { return };
        running.desk.engine.kill();
        running.desk.engine.journal().stop();
        tasks.stop(GRACE).await.unwrap();
    }

    /// Where programs send it events.
    pub fn events(&self) -> SocketAddr {
        self.life.as_ref().and_then(|life| life.running.events).expect("the agent runs and takes events")
    }

    /// Where browsers call it.
    pub fn console(&self) -> SocketAddr {
        self.life.as_ref().and_then(|life| life.running.console).expect("the agent runs and has a console")
    }

    /// What the program is made of.
    pub fn inside(&self) -> &Arc<agent::desk::Desk> {
        &self.life.as_ref().expect("the agent runs").running.desk
    }

    /// Waits until a session lives.
    pub async fn linked(&self) {
        self.link_is(&format!("{} is linked", self.city), |state| state.phase == agent::link::Phase::Up).await;
    }

    /// Waits until a session lives, without the pause that an agent makes before it dials again.
    pub async fn linked_at_once(&self) {
        let (what, link) = (format!("{} is linked", self.city), &self.inside().link);
        let mut state = link.watch();
        within(&what, async {
            while state.borrow_and_update().phase != agent::link::Phase::Up {
                link.hurry();
                state.changed().await.expect("the program runs");
            }
        })
        .await;
    }

    /// Waits until no session lives.
    pub async fn unlinked(&self) {
        self.link_is(&format!("{} is not linked", self.city), |state| state.phase != agent::link::Phase::Up).await;
    }

    /// Waits until the link is as wanted.
    pub async fn link_is(&self, what: &str, wanted: impl Fn(&agent::link::LinkState) -> bool) {
        let mut link = self.inside().link.watch();
        within(what, link.wait_for(|state| wanted(state))).await.unwrap();
    }

    /// Cuts the line and waits until the program has noticed.
    pub async fn cut(&self) {
        self.line.cut();
        self.unlinked().await;
    }

    /// Mends the line and waits for a session.
    pub async fn mend(&self) {
        self.line.mend();
        self.linked().await;
    }

    /// What its journal keeps of refusals, oldest first.
    pub fn refusals(&self) -> Vec<record::Refused> {
        refusals_of(&self.inside().engine)
    }

    /// Waits until `look` finds something in the agent's rows.
    pub async fn until<T>(&self, what: &str, mut look: impl FnMut(&agent::desk::Desk) -> Option<T>) -> T {
        let inside = self.inside();
        until(inside.bells.folded.subscribe(), &format!("at {}: {what}", self.city), || look(inside)).await
    }

    /// Waits until a message stands at `stage` for `recipient`: at its sender, or at the recipient itself.
    pub async fn stage(&self, id: MessageId, recipient: &str, stage: v1::Stage) {
        let what = format!("{recipient} is at {} with {id}", stage.as_str_name());
        self.until(&what, |desk| {
            let states = desk.summary(id).ok()?.states;
            let at = states.iter().find(|state| state.jurisdiction == recipient)?.stage;
            (at == i32::from(stage)).then_some(())
        })
        .await;
    }

    /// Sends a draft from this agent's desk.
    pub async fn send(&self, draft: v1::Draft) -> MessageId {
        self.inside().send(draft).await.unwrap().message_id
    }

    /// The receipts about a message that are stored here, each with its stage and recipient; all of them verify.
    pub fn receipts(&self, id: MessageId) -> Vec<(v1::Stage, String)> {
        let receipts = self.inside().receipts(id).unwrap();
        receipts.iter().map(|receipt| self.verified(receipt)).collect()
    }

    /// Stage and recipient of a receipt that verifies.
    pub fn verified(&self, receipt: &v1::Receipt) -> (v1::Stage, String) {
        self.inside().trust.verify_receipt(receipt).unwrap();
        let statement = v1::ReceiptStatement::decode(receipt.statement.clone()).unwrap();
        (statement.stage(), statement.recipient)
    }

    /// The receipts about a message that the broker has, verified here.
    pub async fn receipts_at_broker(&self, id: MessageId) -> Vec<(v1::Stage, String)> {
        let trace = self.inside().link.trace(id).await.unwrap();
        trace.receipts.iter().map(|receipt| self.verified(receipt)).collect()
    }

    /// Waits until a message of this agent's was accepted, and gives the broker's stamp.
    pub async fn accepted(&self, id: MessageId) -> v1::Stamp {
        let what = format!("{id} is accepted");
        self.until(&what, |desk| desk.summary(id).ok().filter(|summary| summary.accepted)).await;
        self.inside().show(id).unwrap().stamp.unwrap()
    }

    /// Waits until the broker refused a message of this agent's.
    pub async fn refused(&self, id: MessageId) -> v1::Refusal {
        self.until(&format!("{id} is refused"), |desk| desk.summary(id).ok()?.refusal).await
    }

    /// The ids of what was received of others, oldest first; the broker's notices are no part of it.
    pub fn inbox(&self) -> Vec<MessageId> {
        self.received(|kind| kind != v1::Kind::DeadlineNotice)
    }

    /// The ids of the broker's notices, oldest first.
    pub fn notices(&self) -> Vec<MessageId> {
        self.received(|kind| kind == v1::Kind::DeadlineNotice)
    }

    fn received(&self, wanted: impl Fn(v1::Kind) -> bool) -> Vec<MessageId> {
        let ask = v1::InboxRequest { limit: 1_000, ..v1::InboxRequest::default() };
        let page = self.inside().inbox(&ask).unwrap();
        let headers = page.messages.into_iter().map(|summary| summary.header.unwrap_or_default());
        headers.rev().filter(|header| wanted(header.kind())).map(|header| id_of(&header.message_id)).collect()
    }

    /// Waits until so many messages stand in the inbox, and gives their ids, oldest first.
    pub async fn has_received(&self, count: usize) -> Vec<MessageId> {
        let what = format!("{count} messages in the inbox");
        self.until(&what, |_| Some(self.inbox()).filter(|ids| ids.len() >= count)).await
    }
}

/// Bytes of the log that are kept for tests to read.
const LOGGED_BYTES_MAX: usize = 4 << 20;
static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// What the programs of this process have logged so far.
pub fn logged() -> String {
    String::from_utf8_lossy(&LOGGED.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}

/// What the programs log goes to whoever runs the test, and is kept to be read by it: warnings and what the broker says,
/// or what `LIANDONG_LOG` asks for.
fn log() {
    let filter = EnvFilter::try_from_env("LIANDONG_LOG").unwrap_or_else(|_| EnvFilter::new("warn,broker=info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(|| Kept);
    // another test of this process may have set it
    drop(log.try_init());
}

/// Prints, and keeps what was printed.
struct Kept;

impl Write for Kept {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.len() < LOGGED_BYTES_MAX {
            logged.extend_from_slice(line);
        }
        TestWriter::new().write(line)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        TestWriter::new().flush()
    }
}

/// What a journal keeps of refusals, oldest first.
fn refusals_of<F: store::Fold>(engine: &store::Engine<F, journal::FileJournal>) -> Vec<record::Refused> {
    let all = (1..=engine.journal_end().0).map(|at| engine.record(Position(at)).unwrap());
    let refused = all.filter(|record| record.kind == record::kind::REFUSED);
    refused.map(|record| record::Refused::decode(record.bytes).unwrap()).collect()
}

/// The id in these bytes.
pub fn id_of(bytes: &[u8]) -> MessageId {
    MessageId(bytes.try_into().expect("an id"))
}

/// Waits until `look` finds something; it looks again whenever the bell rings.
pub async fn until<T>(mut bell: watch::Receiver<Position>, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    within(what, async {
        loop {
            bell.borrow_and_update();
            if let Some(found) = look() {
                return found;
            }
            bell.changed().await.expect("the program runs");
        }
    })
    .await
}

/// Whoever asks goes away as soon as the question has been put.
pub async fn hangs_up<T>(asked: impl Future<Output = T>) {
    let mut asked = std::pin::pin!(asked);
    std::future::poll_fn(|context| std::task::Poll::Ready(asked.as_mut().poll(context).is_ready())).await;
}

/// Waits for something, but not for ever.
pub async fn within<T>(what: &str, awaited: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, awaited).await.unwrap_or_else(|_| panic!("within {PATIENCE:?}: {what}"))
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy_all(&entry.path(), &target);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
