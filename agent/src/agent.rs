//! Builds every part of the agent, hands each what it needs, and starts the tasks.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use certs::{
    ends::{self, Ending},
    files, keys, tls,
};
use journal::{FileJournal, Lane, Record};
use model::{clock::Clock, invalid::Invalid, time::Timestamp};
use prost::Message as _;
use proto::record::{Incarnated, kind};
use store::{Engine, blobs::Blobs, tasks::Tasks};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{self, ServeError, Sockets, events},
    clerk,
    config::{Config, Identity, Verify},
    console::{self, Console},
    desk::{AgentEngine, Desk, catalogue},
    drop,
    fold::{AgentFold, Bells},
    link::{self, Link, Plan},
    outbox::Outbox,
    retention,
    rounds::{self, Rounds},
    rules::{self, Board},
    signer::Signer,
    trust::Trust,
    witness::{self, Witness},
};

/// Why the agent did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration.
    #[error("configuration: {0}")]
    Config(Invalid),
    /// The trust directory.
    #[error("trust directory")]
    Trust(#[from] tls::TlsError),
    /// The evidence key.
    #[error("evidence key")]
    Key(#[from] keys::KeyError),
    /// The trust directory is another's.
    #[error("the trust directory is for region {found}, the configuration says {configured}")]
    Region {
        /// What the signed files say.
        found: String,
        /// What the configuration says.
        configured: String,
    },
    /// The state directory.
    #[error("state directory {}", path.display())]
    State {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The journal.
    #[error("journal")]
    Journal(#[from] journal::OpenError),
    /// The store.
    #[error("store")]
    Store(#[from] store::OpenError),
    /// Opening was cut short.
    #[error("opening the store")]
    Opening(#[from] store::tasks::NoResult),
    /// The first record could not be written.
    #[error("journal: {0}")]
    Append(#[from] store::AppendError),
    /// The desk does not listen.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// An agent that runs.
#[derive(Debug)]
pub struct Running {
    /// Its desk.
    pub desk: Arc<Desk>,
    /// Where local systems call.
    pub socket: PathBuf,
    /// The loopback address, when one is configured.
    pub address: Option<std::net::SocketAddr>,
    /// Where programs send events, when that is configured.
    pub events: Option<std::net::SocketAddr>,
    /// Where browsers call, when that is configured.
    pub console: Option<std::net::SocketAddr>,
    _lock: journal::file::Lock,
}

impl Running {
    /// Signs a head over what no head covers yet: the last thing before the store closes.
    pub async fn last_head(&self, tasks: &Tasks) {
        if let Err(invalid) = self.desk.sign_head(tasks).await {
            tracing::warn!(%invalid, "no head was signed at the end; the next start signs one");
        }
    }
}

/// Starts an agent. When this returns, the journal is open and folded and local systems may call; the link comes up by
/// itself.
pub async fn start(config: Config, clock: Clock, tasks: Tasks) -> Result<Running, StartError> {
    let names = config.identity().map_err(StartError::Config)?;
    let state = |source| StartError::State { path: config.state.clone(), source };
    journal::file::create_dir(&config.state).map_err(state)?;
    journal::file::check(&config.state, config.allow_unsafe_filesystem.into()).map_err(state)?;
    let lock = journal::file::lock(&config.state).map_err(state)?;
    let tls = Arc::new(tls::Identity::load_with(&config.trust, clock.clone(), config.post_quantum)?);
    let key = keys::signing(&config.trust.join(files::name::EVIDENCE_KEY))?;
    if tls.trusted().region != names.region {
        let found = tls.trusted().region.to_string();
        return Err(StartError::Region { found, configured: names.region.to_string() });
    }
    let bells = Arc::new(Bells::default());
    let engine = open(&config, &names, &bells, &clock, &tasks).await?;
    begin(&engine, &clock).await?;
    let sockets = Sockets::open(&config).await?;
    let door = match (config.events.listen, &config.events.token_file) {
        (Some(address), Some(token_file)) => Some(events::Door::open(address, token_file).await?),
        _ => None,
    };
    let screen = match config.console.listen {
        Some(address) => Some(console::Door::open(address).await?),
        None => None,
    };
    let console = screen.as_ref().and_then(console::Door::address);
    let (address, events) = (sockets.address(), door.as_ref().and_then(events::Door::address));
    let desk = desk(&config, names, tls, key, Stored { engine, bells }, &clock, &tasks)?;
    start_tasks(&config, &desk, sockets, &tasks);
    start_programs(&config, &desk, door, &tasks);
    if let Some(screen) = screen {
        let console = Console::new(desk.clone(), &config.state, config.broker.clone(), tasks.clone());
        let pages = Arc::new(console.map_err(StartError::Config)?);
        let callers = tasks.clone();
        tasks.essential("console", move |stop| console::serve(pages, screen, callers, stop));
    }
    Ok(Running { desk, socket: config.socket(), address, events, console, _lock: lock })
}

struct Stored {
    engine: AgentEngine,
    bells: Arc<Bells>,
}

async fn open(
    config: &Config,
    names: &Identity,
    bells: &Arc<Bells>,
    clock: &Clock,
    tasks: &Tasks,
) -> Result<AgentEngine, StartError> {
    let journal = journal::Options {
        segment_bytes: config.segment_bytes,
        verify_all: config.verify == Verify::All,
        owner: format!("{}/{}", names.region, names.jurisdiction()),
        ..journal::Options::new(config.state.join("journal"), clock.clone())
    };
    let fold = AgentFold::new(names.jurisdiction().clone(), bells.clone());
    let settled_for = config.retention.settled_for();
    let ballast_bytes = store::space::usual_ballast(&config.state, config.segment_bytes);
    let options = store::Options { settled_for, ballast_bytes, ..store::Options::new(&config.state) };
    let (threads, engine_clock) = (tasks.clone(), clock.clone());
    let ours = config.state.clone();
    let opening = tasks.blocking("open", move || {
        store::space::make_room(&ours, options.ballast_bytes)
            .map_err(|source| StartError::State { path: ours, source })?;
        let journal = FileJournal::open(journal)?;
        Engine::open(options, journal, fold, &threads, engine_clock).map_err(StartError::from)
    });
    let (engine, opened) = opening.await??;
    tracing::info!(?opened, "the store is open");
    Ok(engine)
}

/// Names the state directory at its first start, and counts every start.
async fn begin(engine: &AgentEngine, clock: &Clock) -> Result<(), StartError> {
    let (incarnation, boots) = engine.read(|fold, _| (fold.agent().incarnation.clone(), fold.agent().boot_count));
    let incarnated = if incarnation.is_empty() {
        let mut id = [0; 8];
        let random = |error: getrandom::Error| {
            StartError::Config(Invalid::new(model::reason::Reason::Internal, "", "random").detail(error.to_string()))
        };
        getrandom::fill(&mut id).map_err(random)?;
        Incarnated { incarnation: id.to_vec().into(), boot_count: 1, why: "new state directory".to_owned() }
    } else {
        Incarnated { incarnation, boot_count: boots + 1, why: "start".to_owned() }
    };
    let record = Record::new(kind::INCARNATED, clock.now(), incarnated.encode_to_vec());
    engine.append(vec![record], Lane::Settling).await?;
    Ok(())
}

fn desk(
    config: &Config,
    names: Identity,
    tls: Arc<tls::Identity>,
    key: ed25519_dalek::SigningKey,
    stored: Stored,
    clock: &Clock,
    tasks: &Tasks,
) -> Result<Arc<Desk>, StartError> {
    let state = |source| StartError::State { path: config.state.clone(), source };
    let signer = Arc::new(Signer::new(names.region.clone(), key));
    let (outbox, sealer) = Outbox::new(stored.engine.clone(), signer.clone(), clock.clone());
    tasks.essential("sealer", move |stop| sealer.run(stop));
    Ok(Arc::new(Desk {
        names,
        officer: config.officer.clone(),
        clock_error_ms: config.clock_error_ms,
        engine: stored.engine,
        bells: stored.bells,
        signer,
        trust: Trust::new(tls.clone()),
        tls,
        outbox,
        link: Link::new(clock.now()),
        blobs: Blobs::open(config.state.join("blobs")).map_err(state)?,
        documents: Blobs::open(config.state.join("documents")).map_err(state)?,
        catalogues: catalogue::copies::Freshness::default(),
        minting: Arc::default(),
        programs: Arc::default(),
        rules: Board::open(config.rules.clone()),
        witness: Witness::default(),
        clock: clock.clone(),
    }))
}

fn start_tasks(config: &Config, desk: &Arc<Desk>, sockets: Sockets, tasks: &Tasks) {
    let face = Arc::new(api::DeskFace { desk: desk.clone(), endpoints: config.broker.clone(), tasks: tasks.clone() });
    tasks.essential("desk", move |stop| api::serve(face, sockets, stop));
    let (linked, plan) = (desk.clone(), Plan::of(config));
    tasks.essential("link", move |stop| link::run(linked, plan, stop));
    let carried = desk.clone();
    tasks.essential("carry", move |stop| link::carry::run(carried, stop));
    let clerk = desk.clone();
    tasks.essential("clerk", move |stop| clerk::run(clerk, stop));
    let (looking, looks) = (desk.clone(), tasks.clone());
    tasks.essential("rules", move |stop| rules::look::run(looking, looks, stop));
    let (working, works) = (desk.clone(), tasks.clone());
    tasks.essential("acts", move |stop| rules::work::run(working, works, stop));
    let (aging, kept, ages) = (desk.clone(), config.retention, tasks.clone());
    tasks.essential("retention", move |stop| retention::run(aging, kept, ages, stop));
    start_rounds(desk, tasks);
    start_witness(desk, tasks);
    let watched = desk.clone();
    tasks.essential("watch", move |stop| watch(watched, stop));
}

/// What is looked after while the link is up.
fn start_rounds(desk: &Arc<Desk>, tasks: &Tasks) {
    let copied = desk.clone();
    tasks.essential("catalogues", async move |stop| {
        let every = Duration::from_mins(1);
        let rounds = Rounds { what: "catalogues", every, bell: None };
        rounds::run(&copied, stop, rounds, |desk| async move { desk.refresh_catalogues().await }).await;
    });
    let called = desk.clone();
    tasks.essential("rosters", async move |stop| {
        let every = Duration::from_secs(5);
        let rounds = Rounds { what: "rosters", every, bell: Some(&called.bells.rosters) };
        rounds::run(&called, stop, rounds, |desk| async move { desk.bring_rosters().await }).await;
    });
    let owned = desk.clone();
    tasks.essential("agendas", async move |stop| {
        let every = Duration::from_secs(30);
        let rounds = Rounds { what: "agendas", every, bell: None };
        rounds::run(&owned, stop, rounds, |desk| async move { desk.put_off_late_items().await }).await;
    });
}

/// Heads are signed as the journal grows, link or no link, and exchanged while it is up.
fn start_witness(desk: &Arc<Desk>, tasks: &Tasks) {
    let (witness, works) = (desk.clone(), tasks.clone());
    tasks.essential("heads", async move |stop| {
        let rounds = Rounds { what: "heads", every: witness::EVERY, bell: Some(&witness.witness.bell) };
        let work = |desk: Arc<Desk>| {
            let tasks = works.clone();
            async move { desk.exchange_heads(&tasks).await }
        };
        rounds::run(&witness, stop, rounds, work).await;
    });
    let (signing, signs) = (desk.clone(), tasks.clone());
    tasks.essential("own heads", async move |stop: CancellationToken| {
        loop {
            if let Err(invalid) = signing.sign_head(&signs).await {
                tracing::warn!(%invalid, "a head of the own tree is signed later");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(witness::EVERY) => {}
            }
        }
    });
}

/// What other programs may do here.
fn start_programs(config: &Config, desk: &Arc<Desk>, door: Option<events::Door>, tasks: &Tasks) {
    if let (Some(folder), Ok(program)) = (&config.drop.folder, config.drop.program()) {
        let plan = drop::Plan { folder: folder.clone(), program };
        let (dropped, drops) = (desk.clone(), tasks.clone());
        tasks.essential("drop folder", move |stop| drop::run(dropped, drops, plan, stop));
    }
    if let Some(door) = door {
        let face = Arc::new(events::EventsFace { desk: desk.clone(), token: door.token.clone() });
        let callers = tasks.clone();
        tasks.essential("events", move |stop| events::serve(face, door, callers, stop));
    }
}

/// How often it is said what ends soon.
const TOLD_EVERY: Duration = Duration::from_hours(24);
/// How often it is looked whether the own certificate is to be renewed.
const RENEWED_EVERY: Duration = Duration::from_mins(1);

/// Renews the own certificate in time, reads the signed files again when they change, and stops the process when the journal has failed.
async fn watch(desk: Arc<Desk>, stop: CancellationToken) {
    let mut round: u32 = 0;
    let mut renewed: Option<Timestamp> = None;
    let mut told: Option<Timestamp> = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(std::time::Duration::from_millis(500)) => {}
        }
        if desk.engine.failed().is_some() || desk.engine.journal().failed().is_some() {
            // an essential task that returns ends the process: nothing is answered after a failed sync
            return;
        }
        round = round.wrapping_add(1);
        if !round.is_multiple_of(4) {
            continue;
        }
        // soon after the start, then every minute of the clock that certificates go by
        let now = desk.clock.now();
        if renewed.is_none_or(|at| now < at || now.since(at) >= RENEWED_EVERY) {
            renewed = Some(now);
            renew(&desk);
        }
        if told.is_none_or(|at| now < at || now.since(at) >= TOLD_EVERY) {
            told = Some(now);
            for ending in desk.endings(now) {
                let (zh, en) = ending.texts(now);
                tracing::warn!(zh, en, "trust ends");
            }
        }
        desk.rules.reload();
        if let Err(error) = desk.tls.reload() {
            tracing::warn!(%error, "trust stays as it was");
        }
    }
}

/// Renews the own certificate when a third of its life has passed, if the authority's key lies here.
fn renew(desk: &Desk) {
    match certs::trust::keep_fresh(desk.tls.folder(), desk.clock.now()) {
        Ok(renewed) if renewed.leaf => tracing::info!("the own certificate is renewed"),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the own certificate could not be renewed"),
    }
}

impl Desk {
    /// What ends soon of all that trust stands on.
    pub fn endings(&self, now: Timestamp) -> Vec<Ending> {
        let leaf = certs::trust::identity_of(self.tls.folder()).ok().map(|(_, facts)| facts.not_after);
        ends::endings(&self.tls.trusted(), leaf, now)
    }
}
