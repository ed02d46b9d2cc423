//! The real programs as child processes, which are killed without a warning and started again.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::checker::event::Sample;
use crate::stopped::End;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// How long an orderly end may take.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// One program with its configuration; dies with the harness.
pub struct Program {
    /// Its name in the history: `broker`, `agent:371300`.
    pub name: String,
    role: &'static str,
    config: PathBuf,
    log: PathBuf,
    bug: Option<String>,
    /// What it is started by, with that one's arguments: `strace …`, `faketime …`. It replaces itself by the program.
    pub wrapper: Vec<OsString>,
    /// Where in its log this life begins.
    life_from: u64,
    child: Option<Child>,
}

impl Program {
    /// `liandong ROLE --config CONFIG`, not yet started, writing its log beside its configuration.
    pub fn new(name: &str, role: &'static str, config: &Path, bug: Option<&str>) -> Self {
        let log = config.with_extension("log");
        Self {
            name: name.into(),
            role,
            config: config.into(),
            log,
            bug: bug.map(Into::into),
            wrapper: Vec::new(),
            life_from: 0,
            child: None,
        }
    }

    /// Its state directory, as the world names it.
    pub fn state(&self) -> PathBuf {
        self.config.with_extension("")
    }

    /// Starts it.
    pub fn start(&mut self) {
        let log = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        self.life_from = log.metadata().unwrap().len();
        let program = OsString::from(env!("CARGO_BIN_EXE_liandong"));
        let mut words = self.wrapper.iter().chain([&program]);
        let mut command = Command::new(words.next().unwrap_or(&program));
        command.args(words);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LIANDONG_")) {
            command.env_remove(name);
        }
        if let Some(bug) = &self.bug {
            command.env("LIANDONG_SEEDED_BUG", bug);
        }
        command.arg(self.role).arg("--config").arg(&self.config).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
        self.child = Some(command.spawn().unwrap());
    }

    /// kill -9, and waits until it is gone.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.unwrap();
        }
    }

    /// Ends it: tells it to stop and waits until it did, or kills it.
    pub async fn end(&mut self, end: End) {
        if end == End::InOrder {
            self.signal(rustix::process::Signal::TERM);
            let child = self.child.as_mut().expect("it runs");
            let ended = tokio::time::timeout(ENDS_WITHIN, child.wait()).await.expect("it stops when told").unwrap();
            assert!(ended.success(), "{} ended with {ended}", self.name);
        }
        self.kill().await;
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let Some(pid) = self.id() else { return };
        let raw = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
        rustix::process::kill_process(raw, signal).unwrap();
    }

    /// Its process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// It has said that it is ready since it was started.
    pub fn is_ready(&self) -> bool {
        self.wrote("ready: ")
    }

    /// A line of its log begins like this, since it was started.
    pub fn wrote(&self, begin: &str) -> bool {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let life = log.get(usize::try_from(self.life_from).unwrap()..).unwrap_or_default();
        life.split(|byte| *byte == b'\n').any(|line| line.starts_with(begin.as_bytes()))
    }

    /// Waits until it is ready, at most `within`; or says how it ended.
    pub async fn ready(&mut self, within: Duration) -> Result<(), String> {
        let ready = async {
            while !self.is_ready() {
                if let Some(ended) = self.ended() {
                    return Err(ended);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Ok(())
        };
        tokio::time::timeout(within, ready).await.unwrap_or_else(|_| Err(format!("not ready within {within:?}")))
    }

    /// What it uses now, while it runs.
    pub fn sample(&self) -> Option<Sample> {
        super::office::sample(&self.name, self.child.as_ref()?.id()?)
    }

    /// Waits until it ended by itself, at most `within`.
    pub async fn has_ended(&mut self, within: Duration) -> Option<std::process::ExitStatus> {
        let child = self.child.as_mut()?;
        tokio::time::timeout(within, child.wait()).await.ok().map(Result::unwrap)
    }

    /// How it ended by itself, if it did: nothing here should.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.as_mut()?.try_wait().unwrap()?;
        Some(format!("{} ended by itself with {status}; its log is {}", self.name, self.log.display()))
    }
}

/// Waits until somebody listens at `address`, at most `within`.
pub async fn listening(address: SocketAddr, within: Duration) -> Result<(), String> {
    let dialled = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let late = |_| format!("nobody listens at {address} within {within:?}");
    tokio::time::timeout(within, dialled).await.map_err(late)
}
