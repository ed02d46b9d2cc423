//! The real programs as child processes, which are killed without a warning and started again.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::checker::event::Sample;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// One program with its configuration; dies with the harness.
pub struct Program {
    /// Its name in the history: `broker`, `agent:371300`.
    pub name: String,
    role: &'static str,
    config: PathBuf,
    log: PathBuf,
    bug: Option<String>,
    child: Option<Child>,
}

impl Program {
    /// `liandong ROLE --config CONFIG`, not yet started, writing its log beside its configuration.
    pub fn new(name: &str, role: &'static str, config: &Path, bug: Option<&str>) -> Self {
        let log = config.with_extension("log");
        Self { name: name.into(), role, config: config.into(), log, bug: bug.map(Into::into), child: None }
    }

    /// Its state directory, as the world names it.
    pub fn state(&self) -> PathBuf {
        self.config.with_extension("")
    }

    /// Starts it.
    pub fn start(&mut self) {
        let log = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_liandong"));
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

    /// What it uses now, while it runs.
    pub fn sample(&self) -> Option<Sample> {
        super::office::sample(&self.name, self.child.as_ref()?.id()?)
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
