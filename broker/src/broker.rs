//! Builds every part of the broker, hands each what it needs, and starts the tasks.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use certs::{
    ends::{self, Ending},
    files, keys,
    tls::{Identity, Listener, TlsError},
};
use journal::{FileJournal, Lane, Record};
use model::{clock::Clock, time::Timestamp};
use prost::Message as _;
use proto::record::{self, kind};
use store::{Engine, Opened, blobs::Blobs, tasks::Tasks};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{self, AdminFace},
    config::{Config, Verify},
    grpc::{self, Faces, doors},
    health::{self, Health},
    metrics::Metrics,
    relay::{
        Relay, escalate, expire,
        fold::{BrokerFold, Wakes},
        gaps::{self, Gaps},
        heads::{self, Heads},
        mend::Mending,
        quota::Quotas,
        sessions::Sessions,
        signer::Signer,
    },
    trust::{Trust, TrustView},
};

/// Why the broker did not start. Nothing was accepted.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The trust directory.
    #[error("trust directory")]
    Trust(#[from] TlsError),
    /// The evidence key.
    #[error("evidence key")]
    Key(#[from] keys::KeyError),
    /// The state directory.
    #[error("state directory {path}")]
    State {
        /// Which.
        path: String,
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
}

/// A broker that runs.
#[derive(Debug)]
pub struct Running {
    /// Where agents call.
    pub address: SocketAddr,
    /// Where operators call.
    pub admin_address: SocketAddr,
    /// Where `/metrics` and `/healthz` are.
    pub metrics_address: SocketAddr,
    /// Its relay.
    pub relay: Arc<Relay>,
    _lock: journal::file::Lock,
}

const DAY: Duration = Duration::from_hours(24);

impl Running {
    /// Signs a head over what no head covers yet: the last thing before the store closes.
    pub async fn last_head(&self, tasks: &Tasks) {
        if let Err(error) = self.relay.sign_head(tasks).await {
            tracing::warn!(%error, "no head was signed at the end; the next start signs one");
        }
    }
}

/// Starts brokers.
#[derive(Clone, Copy, Debug)]
pub struct Broker;

impl Broker {
    /// Starts a broker. When this returns, the journal is open and folded, and agents are let in.
    pub async fn start(config: Config, clock: Clock, tasks: Tasks) -> Result<Running, StartError> {
        let state = |source| StartError::State { path: config.state.display().to_string(), source };
        journal::file::create_dir(&config.state).map_err(state)?;
        journal::file::check(&config.state, config.allow_unsafe_filesystem.into()).map_err(state)?;
        let lock = journal::file::lock(&config.state).map_err(state)?;
        let identity = Arc::new(Identity::load_with(&config.trust, clock.clone(), config.post_quantum)?);
        let key = keys::signing(&config.trust.join(files::name::EVIDENCE_KEY))?;
        let listeners = Listeners::bind(&config).await?;
        let relay = relay(&config, &identity, key, &clock, &tasks).await?;
        let running = listeners.addresses(relay.clone(), lock);
        start_tasks(&config, listeners, identity, &relay, &tasks);
        Ok(running)
    }
}

struct Listeners {
    agents: TcpListener,
    operators: TcpListener,
    metrics: TcpListener,
}

impl Listeners {
    async fn bind(config: &Config) -> Result<Self, StartError> {
        Ok(Self {
            agents: bind(config.listen).await?,
            operators: bind(config.admin_listen).await?,
            metrics: bind(config.metrics_listen).await?,
        })
    }

    fn addresses(&self, relay: Arc<Relay>, lock: journal::file::Lock) -> Running {
        let of = |listener: &TcpListener| listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        Running {
            address: of(&self.agents),
            admin_address: of(&self.operators),
            metrics_address: of(&self.metrics),
            relay,
            _lock: lock,
        }
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

fn options(config: &Config) -> store::Options {
    store::Options {
        settled_for: config.retention.settled_for(),
        ballast_bytes: store::space::usual_ballast(&config.state, config.segment_bytes),
        ..store::Options::new(&config.state)
    }
}

async fn relay(
    config: &Config,
    identity: &Arc<Identity>,
    key: ed25519_dalek::SigningKey,
    clock: &Clock,
    tasks: &Tasks,
) -> Result<Arc<Relay>, StartError> {
    let state = |source| StartError::State { path: config.state.display().to_string(), source };
    let wakes = Arc::new(Wakes::default());
    let journal = journal::Options {
        segment_bytes: config.segment_bytes,
        verify_all: config.verify == Verify::All,
        owner: identity.trusted().region.to_string(),
        ..journal::Options::new(config.state.join("journal"), clock.clone())
    };
    let fold = BrokerFold::new(wakes.clone());
    let (options, owner, engine_clock) = (options(config), tasks.clone(), clock.clone());
    let ours = config.state.clone();
    let opening = tasks.blocking("open", move || {
        store::space::make_room(&ours, options.ballast_bytes)
            .map_err(|source| StartError::State { path: ours.display().to_string(), source })?;
        let journal = FileJournal::open(journal)?;
        Engine::open(options, journal, fold, &owner, engine_clock).map_err(StartError::from)
    });
    let (engine, opened) = opening.await??;
    tracing::info!(?opened, "the store is open");
    let (trusted, metrics) = (identity.trusted(), Arc::new(Metrics::default()));
    if matches!(opened, Opened::Rebuilt { .. }) {
        metrics.rebuilt();
    }
    let relay = Arc::new(Relay {
        region: trusted.region.clone(),
        engine,
        signer: Signer::new(trusted.region.clone(), key),
        trust: Arc::new(Trust::new(trusted.region.clone(), TrustView::from(trusted.as_ref()))),
        sessions: Sessions::default(),
        wakes,
        quotas: Quotas::default(),
        gaps: Gaps::default(),
        heads: Heads::default(),
        blobs: Blobs::open(config.state.join("blobs")).map_err(state)?,
        metrics,
        mending: Mending::default(),
        clock: clock.clone(),
        state: config.state.clone(),
        identity: identity.clone(),
        turned: Mutex::default(),
    });
    relay.look_at_disk();
    Ok(relay)
}

fn start_tasks(config: &Config, listeners: Listeners, identity: Arc<Identity>, relay: &Arc<Relay>, tasks: &Tasks) {
    let agents = doors::open(listeners.agents, Listener::Agents, identity.clone(), relay.clone(), tasks);
    let operators = doors::open(listeners.operators, Listener::Operators, identity, relay.clone(), tasks);
    let (reporter, service) = tonic_health::server::health_reporter();
    let health = Health::default();
    let faces = Faces { relay: relay.clone(), tasks: tasks.clone(), reflection: config.reflection };
    tasks.essential("agents", move |stop| async move { ended(grpc::serve_agents(faces, service, agents, stop).await) });
    let face = AdminFace { relay: relay.clone(), health: health.clone(), started_at: relay.clock.now() };
    tasks.essential("operators", move |stop| async move { ended(grpc::serve_admin(face, operators, stop).await) });
    let pages = admin::http::Pages { relay: relay.clone(), health: health.clone() };
    tasks.essential("metrics", move |stop| admin::http::serve(listeners.metrics, pages, stop));
    let probed = relay.clone();
    tasks.essential("health", move |stop| health::run(health, probed, reporter, stop));
    let expiring = relay.clone();
    tasks.essential("expire", move |stop| expire::run(expiring, stop));
    let escalating = relay.clone();
    tasks.essential("escalate", move |stop| escalate::run(escalating, stop));
    let counting = relay.clone();
    tasks.essential("gaps", move |stop| gaps::run(counting, stop));
    let (signing, signs) = (relay.clone(), tasks.clone());
    let (aging, kept, ages) = (relay.clone(), config.retention, tasks.clone());
    tasks.essential("retention", move |stop| crate::relay::retention::run(aging, kept, ages, stop));
    tasks.essential("heads", move |stop| heads::run(signing, signs, stop));
    let watching = relay.clone();
    tasks.essential("watch", move |stop| watch(watching, stop));
}

fn ended(result: Result<(), tonic::transport::Error>) {
    if let Err(error) = result {
        tracing::error!(%error, "a listener ended");
    }
}

/// Reads the signed files again when they change, cuts whom they no longer trust, journals whom the doors refused, and
/// stops the process when the journal has failed.
async fn watch(relay: Arc<Relay>, stop: CancellationToken) {
    let mut round: u32 = 0;
    let mut told = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
        }
        if relay.engine.failed().is_some() || relay.engine.journal().failed().is_some() {
            // an essential task that returns ends the process: nothing is answered after a failed sync
            return;
        }
        round = round.wrapping_add(1);
        relay.journal_turned_away().await;
        if round.is_multiple_of(4) {
            let (changes, problems) = relay.reload_trust().await;
            for change in &changes {
                tracing::info!(change, "trust changed");
            }
            for problem in &problems {
                tracing::warn!(problem, "trust stays as it was");
            }
        }
        relay.cut_untrusted();
        relay.tell_endings(&mut told);
    }
}

impl Relay {
    /// Reads the signed files, leaf and revocation lists again: what changed, and what was not taken.
    pub async fn reload_trust(&self) -> (Vec<String>, Vec<String>) {
        let before = self.trust.view();
        if let Err(error) = self.identity.reload() {
            return (Vec::new(), vec![error.to_string()]);
        }
        let after = TrustView::from(self.identity.trusted().as_ref());
        let changes = changes(&before, &after);
        self.trust.swap(after);
        if !changes.is_empty() {
            let view = self.trust.view();
            let record = record::TrustChanged {
                directory_version: view.directory.version,
                grants_version: view.policy.version,
                changes: changes.clone(),
            };
            let record = Record::new(kind::TRUST_CHANGED, self.clock.now(), record.encode_to_vec());
            if let Err(error) = self.engine.append(vec![record], Lane::Settling).await {
                tracing::error!(%error, "a change of trust could not be journalled");
            }
        }
        (changes, Vec::new())
    }

    /// What ends soon of all that trust stands on.
    pub fn endings(&self, now: Timestamp) -> Vec<Ending> {
        let leaf = certs::trust::identity_of(self.identity.folder()).ok().map(|(_, facts)| facts.not_after);
        ends::endings(&self.identity.trusted(), leaf, now)
    }

    /// Says once a day what ends soon.
    fn tell_endings(&self, told: &mut Option<Timestamp>) {
        let now = self.clock.now();
        if told.is_none_or(|at| now < at || now.since(at) >= DAY) {
            *told = Some(now);
            for ending in self.endings(now) {
                let (zh, en) = ending.texts(now);
                tracing::warn!(zh, en, "trust ends");
            }
        }
    }

    /// Ends sessions of agents that would not be let in any more.
    pub fn cut_untrusted(&self) {
        for session in self.sessions.all() {
            if let Err(refusal) = self.identity.still_trusts(&session.facts) {
                tracing::warn!(jurisdiction = %session.jurisdiction, %refusal, "a session is cut");
                session.end(Some(model::reason::Reason::CertRevoked));
            }
        }
    }

    /// Writes down whom the doors refused.
    async fn journal_turned_away(&self) {
        let turned = self.turned.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let now = self.clock.now();
        let records: Vec<Record> = turned
            .into_iter()
            .map(|(address, why, count)| {
                let refused =
                    record::Refused { source: address.to_string(), reason: why, count, ..record::Refused::default() };
                Record::new(kind::REFUSED, now, refused.encode_to_vec())
            })
            .collect();
        for batch in records.chunks(128) {
            if let Err(error) = self.engine.append(batch.to_vec(), Lane::Settling).await {
                tracing::warn!(%error, "refused connections could not be journalled");
            }
        }
    }
}

fn changes(before: &TrustView, after: &TrustView) -> Vec<String> {
    let mut changes: Vec<String> = Vec::new();
    if before.directory.version != after.directory.version {
        changes.push(format!("directory {} → {}", before.directory.version, after.directory.version));
    }
    if before.policy.version != after.policy.version {
        changes.push(format!("grants {} → {}", before.policy.version, after.policy.version));
    }
    if before.files.crls != after.files.crls {
        changes.push("revocation lists".to_owned());
    }
    changes
}
