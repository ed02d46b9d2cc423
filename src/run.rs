//! Runs the two long-lived programs: configuration, log, start, signals, orderly end.

use std::{io::IsTerminal as _, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use store::tasks::Tasks;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{
    cli::config::{self, Program},
    clock,
    lang::{Lang, say},
};

/// How long an orderly end may take.
const GRACE: Duration = Duration::from_secs(15);

/// Runs a broker until it is told to stop, or must.
pub async fn broker(file: &Path, lang: Lang) -> anyhow::Result<()> {
    begin();
    let config: broker::config::Config = config::read(Program::Broker, file, lang)?;
    let tasks = Tasks::new();
    let running = broker::Broker::start(config, clock::system(), tasks.clone()).await.context(say(
        lang,
        "中心未能启动",
        "the broker cannot start",
    ))?;
    tracing::info!(agents = %running.address, operators = %running.admin_address, metrics = %running.metrics_address, "the broker is ready");
    ready(&format!(
        "agents {}, operators {}, metrics {}",
        running.address, running.admin_address, running.metrics_address
    ));
    let ended = until_told(&tasks).await;
    let engine = &running.relay.engine;
    let closing = async {
        running.last_head(&tasks).await;
        engine.stop().await.unwrap_or_else(|failure| tracing::error!(%failure, "the store did not close"));
        engine.journal().stop();
    };
    stop(&tasks, ended, closing, engine.journal().failed()).await
}

/// Runs an agent until it is told to stop, or must.
pub async fn agent(file: &Path, lang: Lang) -> anyhow::Result<()> {
    begin();
    let config: agent::config::Config = config::read(Program::Agent, file, lang)?;
    let tasks = Tasks::new();
    let running = agent::agent::start(config, clock::system(), tasks.clone()).await.context(say(
        lang,
        "代理未能启动",
        "the agent cannot start",
    ))?;
    tracing::info!(desk = %running.socket.display(), "the agent is ready");
    ready(&format!("desk {}", running.socket.display()));
    let ended = until_told(&tasks).await;
    let engine = &running.desk.engine;
    let closing = async {
        running.last_head(&tasks).await;
        engine.stop().await.unwrap_or_else(|failure| tracing::error!(%failure, "the store did not close"));
        engine.journal().stop();
    };
    stop(&tasks, ended, closing, engine.journal().failed()).await
}

/// One line on standard output when the program is ready, for whoever started it.
fn ready(what: &str) {
    anstream::println!("ready: {what}");
}

/// What both do first: what they write is their owner's alone, a crash leaves no memory image with keys in it on the disk,
/// no other program of the same user may look into their memory, they may open as many files as the system lets them, and
/// they log.
fn begin() {
    use rustix::{
        fs::Mode,
        process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit, umask},
    };
    umask(Mode::RWXG | Mode::RWXO);
    start_log();
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps could not be switched off");
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "other programs of this user may look into this one's memory");
    }
    let files = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files }) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

/// Logs to standard error: for people on a terminal, as JSON lines elsewhere when `LIANDONG_LOG_FORMAT=json`. Levels by
/// `LIANDONG_LOG`, as `tracing` reads them.
fn start_log() {
    let filter = EnvFilter::try_from_env("LIANDONG_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let json = std::env::var("LIANDONG_LOG_FORMAT").is_ok_and(|format| format == "json");
    let set = if json { log.json().try_init() } else { log.try_init() };
    if let Err(error) = set {
        anstream::eprintln!("the log could not be set up: {error}");
    }
}

/// Why the program ends.
enum Ended {
    /// Somebody asked it to.
    Told,
    /// A task that it cannot do without ended by itself.
    Broken(&'static str),
}

async fn until_told(tasks: &Tasks) -> Ended {
    let told = async {
        let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    };
    tokio::select! {
        () = told => Ended::Told,
        () = tasks.stopping() => Ended::Broken(tasks.ended().unwrap_or("a task")),
    }
}

/// The journal could not be written. Nothing was answered after that; the process ends with a code of its own.
#[derive(Debug, thiserror::Error)]
#[error("the journal could not be written: {0}. Nothing that was answered is lost: look at the disk, then start again")]
pub struct JournalFailed(Arc<str>);

/// Ends in order when somebody asked for it; at once when something broke, for half alive is worse than restarting.
async fn stop(
    tasks: &Tasks,
    ended: Ended,
    closing: impl Future<Output = ()>,
    failed: Option<Arc<str>>,
) -> anyhow::Result<()> {
    match ended {
        Ended::Told => {
            // outside in: the faces take nothing new, then the store closes, then the rest
            tasks.begin_stop();
            closing.await;
            if let Err(still) = tasks.stop(GRACE).await {
                tracing::warn!(%still, "the end was not orderly; nothing that was answered is lost");
            }
            tracing::info!("stopped");
            Ok(())
        }
        Ended::Broken(_) if failed.is_some() => Err(JournalFailed(failed.unwrap_or_default()).into()),
        Ended::Broken(name) => {
            Err(anyhow!("`{name}` ended by itself; the log says why. Nothing that was answered is lost: start again"))
        }
    }
}
