//! Broker and agents as real child processes of this same binary: they can be killed honestly.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::{Instant, timeout_at},
};

/// How long a program may take to say that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// One program with its configuration. It dies with this value.
#[derive(Debug)]
pub struct Program {
    role: &'static str,
    config: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

impl Program {
    /// `liandong ROLE --config CONFIG`, not yet started; its log lies beside its configuration.
    pub fn new(role: &'static str, config: &Path) -> Self {
        Self { role, config: config.to_owned(), log: config.with_extension("log"), child: None }
    }

    /// Starts it. When this returns, it has said that it is ready.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg(self.role)
            .arg("--config")
            .arg(&self.config)
            .env("LIANDONG_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", self.role))?;
        let said = child.stdout.take().context("standard output of a program")?;
        self.child = Some(child);
        let mut line = String::new();
        let read = timeout_at(Instant::now() + READY_WITHIN, BufReader::new(said).read_line(&mut line)).await;
        match read {
            Ok(Ok(bytes)) if bytes > 0 => Ok(()),
            _ => bail!("{} did not start; the end of its log:\n{}", self.role, self.log_end()),
        }
    }

    /// Its process, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// kill -9, and waits until it is gone.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Asks it to end, and waits; after a grace period it is killed.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let asked = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(id) = asked {
            rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        }
        if tokio::time::timeout(Duration::from_secs(20), child.wait()).await.is_err() {
            child.kill().await?;
        }
        Ok(())
    }

    fn log_end(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(8).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}
