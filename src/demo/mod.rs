//! `liandong demo`: three neighbouring cities on this machine, a broker, a tanker on the border, a cut line and a killed
//! broker; nothing lost, nothing twice. Everything is real but the people: processes, certificates, disk.
//!
//! | module | what |
//! |---|---|
//! | [`region`] | keys, certificates, signed files and configurations of the demo's region |
//! | [`programs`], [`mod@line`] | broker and agents as child processes; lines that can be cut |
//! | [`desk`], [`board`] | what people do at a desk; what was seen at every desk |
//! | [`stage`] | all of it put together |
//! | [`story`], [`acts`] | what happens when |
//! | [`drafts`] | what the cities say |
//! | [`tell`], [`figures`] | how it is told; the last table |

#![allow(clippy::large_futures, reason = "acts hold whole message bodies, and one runs at a time")]

mod acts;
mod board;
pub mod desk;
mod drafts;
mod figures;
mod line;
pub mod programs;
pub mod region;
mod stage;
mod story;
mod tell;

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use store::tasks::Tasks;

use self::{figures::Figures, region::Files, stage::Stage, tell::Assertion};
use crate::cli::out::{self, Context};

/// Arguments of `liandong demo`.
#[derive(Args, Clone, Debug)]
pub struct Demo {
    /// How fast: `1x` as it would be told to guests, `10x`, or `max` without a pause
    #[arg(long, default_value = "1x", value_parser = story::speed)]
    speed: story::Speed,
    /// No progress line; for logs and tests
    #[arg(long)]
    headless: bool,
    /// Keep the region's files in this directory, which must be empty or new
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// What `-o json` prints.
#[derive(Debug, Serialize)]
struct Outcome {
    holds: bool,
    assertions: Vec<Assertion>,
    figures: Figures,
    directory: Option<PathBuf>,
}

impl Demo {
    /// Plays it. An error says that an assertion did not hold, or that the demo could not be played.
    pub async fn run(self, context: Context) -> anyhow::Result<()> {
        let (directory, temporary) = self.directory()?;
        if let Some(kind) = journal::file::refuses(&directory)? {
            let (zh, en) = no_disk(&directory, kind);
            context.tell(&zh, &en);
        }
        let tasks = Tasks::new();
        let silent = !context.is_table();
        let story = story::Story { speed: self.speed, headless: self.headless, silent };
        let mut stage = Stage::new(&directory, story.teller(), &tasks)?;
        let played = tokio::select! {
            played = story.play(&mut stage) => played,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!(context.say("已中断", "interrupted"))),
        };
        stage.teller.end();
        stage.strike().await;
        let figures = Figures::of(&stage.board.look());
        if let Err(still) = tasks.stop(std::time::Duration::from_secs(2)).await {
            tracing::debug!(%still, "left running");
        }
        let holds = played.is_ok() && stage.teller.all_hold();
        let kept = (!temporary || !holds).then_some(directory.clone());
        if temporary && holds {
            std::fs::remove_dir_all(&directory)?;
        }
        let assertions = std::mem::take(&mut stage.teller.assertions);
        let result = Outcome { holds, assertions, figures, directory: kept.clone() };
        if silent {
            context.value(&result, |_| String::new())?;
        }
        if let Some(kept) = kept {
            out::note(&format!("{} {}", context.say("文件保留在", "files are kept in"), kept.display()));
            stage.files.leave()?;
            go_on(&stage.files, context);
        }
        played?;
        if !holds {
            bail!("{}", context.say("有断言不成立", "an assertion does not hold"));
        }
        Ok(())
    }

    /// Where the region lies, and whether it is removed at the end.
    fn directory(&self) -> anyhow::Result<(PathBuf, bool)> {
        let Some(kept) = &self.keep else {
            let name = format!("liandong-demo-{}", std::process::id());
            let directory = std::env::temp_dir().join(name);
            journal::file::create_dir(&directory)?;
            return Ok((directory, true));
        };
        if std::fs::read_dir(kept).is_ok_and(|mut entries| entries.next().is_some()) {
            bail!("--keep {}: the directory is not empty / 目录不为空", kept.display());
        }
        journal::file::create_dir(kept)?;
        Ok((std::path::absolute(kept)?, false))
    }
}

/// That the demo's disk is none: `why` begins with the name of the file system.
fn no_disk(directory: &Path, why: &str) -> (String, String) {
    let (directory, kind) = (directory.display(), why.split(':').next().unwrap_or_default());
    (
        format!("注意：{directory} 位于 {kind} 上，写入并不落盘；要用真实磁盘，请以 --keep DIR 指定其上的目录"),
        format!(
            "note: {directory} lies on {kind}, where a sync puts nothing on a disk; \
             --keep DIR names a place on a real one"
        ),
    )
}

/// How to raise the region that was kept.
fn go_on(files: &Files, context: Context) {
    let broker = format!("liandong broker --config {}", files.broker_config.display());
    context.next(&broker, "再次启动中心", "start the broker again");
    if let Some(city) = files.cities.first() {
        let (zh, en) = region::name(city.city);
        let agent = format!("liandong agent --config {}", city.config.display());
        context.next(&agent, &format!("启动{zh}的代理"), &format!("start the agent of {en}"));
        let inbox = format!("LIANDONG_DESK={} liandong inbox", city.socket.display());
        context.next(&inbox, &format!("看{zh}收到的消息"), &format!("read what came to {en}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_memory_is_called_so_and_another_is_named() {
        let shm = Path::new("/dev/shm");
        let why = journal::file::refuses(shm).unwrap().expect("tmpfs wherever there is one");

        let (zh, en) = no_disk(shm, why);
        assert!(zh.contains("/dev/shm 位于 tmpfs 上") && zh.contains("--keep DIR"), "{zh}");
        assert!(en.contains("/dev/shm lies on tmpfs,") && en.contains("--keep DIR"), "{en}");
    }
}
