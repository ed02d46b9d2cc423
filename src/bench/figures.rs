//! What is measured: times in histograms, figures over several runs, and what the broker used meanwhile.

use std::time::Duration;

use anyhow::Context as _;
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::time::Instant;

/// The longest time that is told apart.
const LONGEST: u64 = 600_000_000_000;

/// Times of single calls, three digits of each kept.
#[derive(Clone, Debug)]
pub struct Times(Histogram<u64>);

impl Times {
    /// None yet.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self(Histogram::new_with_bounds(1, LONGEST, 3)?))
    }

    /// One more.
    pub fn add(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(LONGEST));
    }

    /// Those of another run too.
    pub fn join(&mut self, other: &Self) -> anyhow::Result<()> {
        Ok(self.0.add(&other.0)?)
    }

    /// The time below which `part` of all lie, in microseconds.
    pub fn at(&self, part: f64) -> f64 {
        micros(self.0.value_at_quantile(part))
    }

    /// Microseconds by the part of all that lies below, as far as there are samples for it.
    pub fn curve(&self) -> Vec<(f64, f64)> {
        let steps = self.0.iter_quantiles(4);
        steps.map(|step| (step.quantile_iterated_to(), micros(step.value_iterated_to()))).collect()
    }
}

#[allow(clippy::cast_precision_loss, reason = "ten minutes of nanoseconds fit")]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1_000.0
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Messages a second.
    PerSecond,
    /// Bytes.
    Bytes,
    /// Mebibytes.
    Mebibytes,
    /// Megabytes a second.
    MegabytesPerSecond,
    /// A part of one.
    Share,
}

impl Unit {
    /// As it is written behind a number.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::PerSecond => "/s",
            Self::Bytes => "B",
            Self::Mebibytes => "MiB",
            Self::MegabytesPerSecond => "MB/s",
            Self::Share => "×",
        }
    }
}

/// One thing that was measured, once in each run.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// By which mode.
    pub mode: &'static str,
    /// Stable name.
    pub name: &'static str,
    /// In what.
    pub unit: Unit,
    /// One value of each run, in the order of the runs.
    pub runs: Vec<f64>,
}

impl Figure {
    /// The value in the middle; of an even number the greater of the two.
    pub fn median(&self) -> f64 {
        let mut sorted = self.runs.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    /// Least and greatest.
    pub fn spread(&self) -> (f64, f64) {
        let least = self.runs.iter().copied().fold(f64::INFINITY, f64::min);
        (least, self.runs.iter().copied().fold(0.0, f64::max))
    }
}

/// Everything that was measured so far.
#[derive(Debug, Default)]
pub struct Figures {
    /// In the order in which it was first measured.
    pub all: Vec<Figure>,
    /// Times for the plot, all runs together.
    pub times: Vec<(&'static str, Times)>,
}

impl Figures {
    /// Adds a value of one run.
    pub fn add(&mut self, mode: &'static str, name: &'static str, unit: Unit, value: f64) {
        match self.all.iter_mut().find(|figure| (figure.mode, figure.name) == (mode, name)) {
            Some(figure) => figure.runs.push(value),
            None => self.all.push(Figure { mode, name, unit, runs: vec![value] }),
        }
    }

    /// Adds the usual three of a run's times, and the times themselves under `plot`.
    pub fn add_times(
        &mut self,
        mode: &'static str,
        names: [&'static str; 3],
        plot: &'static str,
        times: &Times,
    ) -> anyhow::Result<()> {
        for (name, part) in names.into_iter().zip([0.5, 0.99, 0.999]) {
            self.add(mode, name, Unit::Microseconds, times.at(part));
        }
        match self.times.iter_mut().find(|(known, _)| *known == plot) {
            Some((_, all)) => all.join(times)?,
            None => self.times.push((plot, times.clone())),
        }
        Ok(())
    }
}

/// A program of the system, by its number.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

impl Process {
    /// Processor time used so far, as Linux counts it: in hundredths of a second.
    pub fn cpu(self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0))?;
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Resident memory now, in MiB.
    #[allow(clippy::cast_precision_loss, reason = "memory in KiB fits")]
    pub fn memory(self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        let kib: u64 = line.split_whitespace().next().context("VmRSS")?.parse()?;
        Ok(kib as f64 / 1_024.0)
    }
}

/// From here on: time, and what a program used.
#[derive(Debug)]
pub struct Stretch {
    began: Instant,
    of: Option<(Process, Duration)>,
}

impl Stretch {
    /// Begins now.
    pub fn begin(of: Option<Process>) -> anyhow::Result<Self> {
        let of = of.map(|process| process.cpu().map(|cpu| (process, cpu))).transpose()?;
        Ok(Self { began: Instant::now(), of })
    }

    /// Seconds since it began.
    pub fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Microseconds of processor time since it began for each of `messages`, if a program is watched.
    #[allow(clippy::cast_precision_loss, reason = "a report for people")]
    pub fn cpu_per(&self, messages: usize) -> anyhow::Result<Option<f64>> {
        let Some((process, before)) = self.of else { return Ok(None) };
        let used = process.cpu()?.saturating_sub(before);
        Ok(Some(used.as_secs_f64() * 1e6 / messages.max(1) as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_value_in_the_middle_and_the_spread_its_ends() {
        let mut figures = Figures::default();
        for value in [9.0, 1.0, 5.0, 7.0, 3.0] {
            figures.add("floor", "sync", Unit::Microseconds, value);
        }
        let [figure] = figures.all.as_slice() else { panic!("one figure of five runs") };
        assert_eq!((figure.median(), figure.spread()), (5.0, (1.0, 9.0)));
    }

    #[test]
    fn times_are_told_to_three_digits_and_a_curve_never_falls() {
        let mut times = Times::new().unwrap();
        (1..=1_000).for_each(|micros| times.add(Duration::from_micros(micros)));
        assert!((times.at(0.5) - 500.0).abs() < 1.0, "{}", times.at(0.5));
        assert!((times.at(0.99) - 990.0).abs() < 2.0, "{}", times.at(0.99));
        let curve = times.curve();
        assert!(curve.len() > 8 && curve.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{curve:?}");
    }

    #[test]
    fn this_process_has_used_memory() {
        let me = Process(std::process::id());
        assert!(me.memory().unwrap() > 1.0);
        me.cpu().unwrap();
    }
}
