//! What a run took: time, memory, work.

use std::time::Duration;

use tokio::time::Instant;

use crate::days::Days;
use crate::looks::Looks;
use crate::traffic::CAST;

/// What was measured.
pub struct Figures {
    began: Instant,
    /// Memory of the process after each day, in MiB.
    memory: Vec<u64>,
}

impl Figures {
    pub fn begin() -> Self {
        Self { began: Instant::now(), memory: Vec::new() }
    }

    /// A day is over.
    pub fn day(&mut self, day: u64, days: &Days) {
        let memory = memory_mib();
        self.memory.push(memory);
        let agents = CAST.iter().map(|city| days.world.agent(city).inside().engine.figures());
        let all = agents.chain([days.world.relay().engine.figures()]);
        let (overlay, rows) =
            all.fold((0, 0), |(overlay, rows), of| (overlay + of.overlay_bytes, rows + of.spilled_rows));
        println!(
            "  day {day}: {} written, {:.1} s, {memory} MiB, of which {} MiB rows in memory; {rows} rows on disk",
            days.written,
            self.began.elapsed().as_secs_f64(),
            overlay >> 20
        );
    }

    /// Everything that a reader wants to know.
    pub fn report(&self, days: &Days, looks: &Looks, traffic: Duration) {
        println!(
            "  {} written and settled, {} kept back by a desk, {} notices of the broker's, {} duplicates handed in, {} calls asked for",
            looks.kinds.values().sum::<u64>(),
            days.kept_back.values().sum::<u64>(),
            looks.notices,
            looks.duplicates,
            looks.calls
        );
        println!("  deliveries: {:?}\n  by kind: {:?}\n  faults: {:?}", looks.ends, looks.kinds, days.faults);
        println!("  kept back: {:?}\n  objected to: {:?}", days.kept_back, looks.objections);
        let unequal: Vec<_> = looks.cards.iter().filter(|(.., there, here)| there != here).collect();
        let kept: u64 = looks.cards.iter().map(|(_, _, there, _)| there.iter().sum::<u64>()).sum();
        println!(
            "  report cards at the broker and at the own agents: {kept} deadlines in {} lines, {} lines unequal: {unequal:?}",
            looks.cards.len(),
            unequal.len()
        );
        println!(
            "  {:.1} s for the days, {:.1} s of processor; memory after day 2 and at the end: {} and {} MiB",
            traffic.as_secs_f64(),
            cpu().as_secs_f64(),
            self.memory.get(1).copied().unwrap_or_default(),
            self.memory.last().copied().unwrap_or_default()
        );
    }
}

/// Memory that this process has, in MiB.
pub fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1_024
}

/// Processor time of this process so far.
pub fn cpu() -> Duration {
    /// Ticks of a second, on every Linux.
    const TICKS: u64 = 100;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<i64> = after_name.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // the first field that is left is a letter: utime and stime are the 11th and 12th number after it
    let ticks: i64 = fields.get(10..12).map_or(0, |times| times.iter().sum());
    Duration::from_millis(ticks.unsigned_abs() * 1_000 / TICKS)
}
