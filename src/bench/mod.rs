//! `liandong bench`: how fast a broker is, over real mutual TLS and with every acknowledgement on disk, beside what disk and
//! wire can do at all.
//!
//! | module | what |
//! |---|---|
//! | [`place`] | a region of this run's own, with a broker and agents as child processes |
//! | [`member`], [`mod@line`] | members reduced to their wire: they seal, send and confirm as agents do |
//! | [`floor`] | bare `fdatasync`, bare echo |
//! | [`modes`] | what is measured |
//! | [`figures`], [`report`] | numbers over several runs, and how they are told |

mod figures;
mod floor;
mod line;
mod member;
mod modes;
mod place;
mod report;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{Args, builder::RangedU64ValueParser};

use self::{figures::Figures, modes::Mode, report::Facts};
use crate::cli::{exit::BadInput, out::Context};

/// Arguments of `liandong bench`.
#[derive(Args, Clone, Debug)]
pub struct Bench {
    /// What to measure
    #[arg(value_enum, value_name = "MODE", default_values = ["floor", "latency", "throughput"])]
    modes: Vec<Mode>,
    /// Messages of each mode in each run; `path` sends a tenth of them, `latency` 5,000 at most
    #[arg(short = 'n', long, default_value_t = 20_000, value_parser = within(100, 5_000_000))]
    messages: usize,
    /// Bytes of content of a message
    #[arg(short, long, default_value_t = 1_024, value_parser = within(500, 960_000))]
    bytes: usize,
    /// Messages that wait for an answer at most
    #[arg(short, long, default_value_t = 256, value_parser = within(1, 4_096))]
    window: usize,
    /// `throughput`: pairs of a sender and a receiver
    #[arg(long, default_value_t = 1, value_parser = within(1, 64))]
    pairs: usize,
    /// `fanout`: recipients of each message
    #[arg(long, default_value_t = 20, value_parser = within(1, 64))]
    recipients: usize,
    /// `drain`, `recover`: messages that wait
    #[arg(long, default_value_t = 20_000, value_parser = within(100, 5_000_000))]
    backlog: usize,
    /// Runs, one of each mode after another; the median of each figure is shown
    #[arg(short, long, default_value_t = 5, value_parser = within(1, 100))]
    runs: usize,
    /// A folder on the disk to measure, new or empty; what is made there is removed again
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Write the times as a picture (SVG)
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// A broker that runs already: `latency`, `throughput` and `steady` with TEST messages between two members
    #[arg(long, value_name = "HOST:PORT", requires = "trust")]
    broker: Option<SocketAddr>,
    /// With --broker, twice: the trust directories of sender and receiver, whose agents do not run meanwhile
    #[arg(long, value_name = "DIR", requires = "broker")]
    trust: Vec<PathBuf>,
}

/// A whole number from `least` to `most`.
fn within(least: u64, most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=most)
}

impl Bench {
    /// Measures and tells. Programs that it started are ended and what it made is removed, also when it fails.
    pub async fn run(self, context: Context) -> anyhow::Result<()> {
        self.fits(context)?;
        let folder = self.folder()?;
        let mut asked_to_end = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let outcome = tokio::select! {
            measured = self.measure(&folder, context) => measured,
            _ = asked_to_end.recv() => Err(anyhow::anyhow!("{}", context.say("已中断", "interrupted"))),
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("{}", context.say("已中断", "interrupted"))),
        };
        let facts = Facts::of(&self, &folder);
        std::fs::remove_dir_all(&folder)?;
        let figures = outcome?;
        report::print(&facts, &figures, context)?;
        if let Some(file) = &self.plot {
            context.write(file, report::plot(&facts, &figures.times).as_bytes())?;
        }
        Ok(())
    }

    async fn measure(&self, folder: &Path, context: Context) -> anyhow::Result<Figures> {
        if let Some(kind) = journal::file::refuses(folder)? {
            let kind = kind.split(':').next().unwrap_or_default();
            context.tell(
                &format!("注意：{kind} 上的写入并不落盘，结果不作数；请用 --dir 指定真实磁盘上的目录"),
                &format!("note: on {kind} a sync puts nothing on a disk, and figures say nothing; --dir names a folder on a real one"),
            );
        }
        let mut figures = Figures::default();
        for run in 1..=self.runs {
            for mode in &self.modes {
                let name = mode.name();
                context.tell(
                    &format!("第 {run}/{} 轮：{name}", self.runs),
                    &format!("run {run} of {}: {name}", self.runs),
                );
                modes::measure(*mode, self, &folder.join(name), &mut figures).await?;
            }
        }
        Ok(figures)
    }

    /// What fits together; an error names the argument.
    fn fits(&self, context: Context) -> anyhow::Result<()> {
        let bad = |zh: &str, en: &str| Err(BadInput(context.say(zh, en).to_owned()).into());
        if self.broker.is_none() {
            return Ok(());
        }
        if self.trust.len() != 2 {
            return bad(
                "--trust 须给出两次：发方和收方的信任目录",
                "--trust is given twice: of the sender and of the receiver",
            );
        }
        if self.pairs > 1 || self.modes.iter().any(|mode| !mode.can_be_elsewhere() && *mode != Mode::Floor) {
            return bad(
                "--broker 只能测 floor、latency、throughput（一对）和 steady",
                "with --broker only floor, latency, throughput (one pair) and steady can be measured",
            );
        }
        Ok(())
    }

    /// A broker that is not ours, and the trust directories of two of its members.
    fn elsewhere(&self) -> Option<(SocketAddr, [&Path; 2])> {
        let [sender, receiver] = self.trust.as_slice() else { return None };
        self.broker.map(|broker| (broker, [sender.as_path(), receiver.as_path()]))
    }

    /// How many members a mode's region has.
    fn members(&self, mode: Mode) -> usize {
        match mode {
            Mode::Throughput => 2 * self.pairs,
            Mode::Fanout => 1 + self.recipients,
            _ => 2,
        }
    }

    fn folder(&self) -> anyhow::Result<PathBuf> {
        let name = format!("liandong-bench-{}", std::process::id());
        let folder = self.dir.clone().unwrap_or_else(|| std::env::temp_dir().join(name));
        if std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(BadInput(format!("--dir {}: not empty / 目录不为空", folder.display())).into());
        }
        journal::file::create_dir(&folder)?;
        Ok(std::path::absolute(folder)?)
    }
}

#[cfg(test)]
impl Default for Bench {
    fn default() -> Self {
        use clap::FromArgMatches as _;
        let command = Bench::augment_args(clap::Command::new("bench"));
        Bench::from_arg_matches(&command.get_matches_from(["bench"])).unwrap()
    }
}
