//! How it is told: a table for people, JSON for programs, a picture of the times.

use std::fmt::Write as _;

use serde::Serialize;

use super::{
    Bench,
    figures::{Figure, Figures, Times},
};
use crate::cli::out::{self, Context, cell, number};

/// What the figures are worth something with: state it with each of them.
#[derive(Debug, Serialize)]
pub struct Facts {
    /// Of the program.
    version: &'static str,
    /// Processor cores that it may use.
    cores: usize,
    /// As the system names it.
    processor: String,
    /// Of the folder that was measured in.
    filesystem: String,
    /// What an acknowledgement means.
    durability: &'static str,
    /// On every line.
    transport: &'static str,
    /// Bytes of content of a message.
    payload_bytes: usize,
    /// Messages that wait for an answer at most.
    window: usize,
    /// Runs; of each figure the median is shown.
    runs: usize,
}

impl Facts {
    /// Of this machine and these arguments.
    pub fn of(bench: &Bench, folder: &std::path::Path) -> Self {
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        Self {
            version: env!("CARGO_PKG_VERSION"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            processor: model.map(|(_, name)| name.trim().to_owned()).unwrap_or_default(),
            filesystem: filesystem(folder),
            durability: "fdatasync before every acknowledgement",
            transport: "mutual TLS 1.3",
            payload_bytes: bench.bytes,
            window: bench.window,
            runs: bench.runs,
        }
    }

    /// In one line.
    pub fn line(&self) -> String {
        let Self { version, cores, processor, filesystem, durability, transport, payload_bytes, window, runs } = self;
        format!(
            "liandong {version} · {cores} × {processor} · {filesystem} · {durability} · {transport} · {payload_bytes} B · window {window} · {runs} runs"
        )
    }
}

/// The file system that a folder lies on, as the list of mounts names it.
fn filesystem(folder: &std::path::Path) -> String {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let folder = folder.canonicalize().unwrap_or_default();
    let of = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?, words.next()?);
        folder.starts_with(place).then(|| (place.len(), kind.to_owned()))
    });
    of.max_by_key(|(length, _)| *length).map(|(_, kind)| kind).unwrap_or_default()
}

/// What `-o json` prints.
#[derive(Debug, Serialize)]
struct Told<'f> {
    machine: &'f Facts,
    figures: Vec<Row<'f>>,
}

#[derive(Debug, Serialize)]
struct Row<'f> {
    #[serde(flatten)]
    figure: &'f Figure,
    median: f64,
    least: f64,
    greatest: f64,
}

/// Prints what was measured.
pub fn print(facts: &Facts, figures: &Figures, context: Context) -> anyhow::Result<()> {
    let rows = figures.all.iter().map(|figure| {
        let (least, greatest) = figure.spread();
        Row { figure, median: figure.median(), least, greatest }
    });
    let told = Told { machine: facts, figures: rows.collect() };
    context.value(&told, |told| {
        let header = ["mode", "figure", "median", "least", "greatest", "unit"];
        let header = header.map(|word| cell(context.say(zh(word), word)));
        let rows = told.figures.iter().map(|row| {
            let values = [row.median, row.least, row.greatest].map(|value| number(short(value)));
            let name = cell(context.say(zh(row.figure.name), row.figure.name));
            let [median, least, greatest] = values;
            vec![cell(row.figure.mode), name, median, least, greatest, cell(row.figure.unit.text())]
        });
        format!("{}\n{}", facts.line(), out::table(Some(header.to_vec()), rows))
    })
}

/// Three digits that count.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The Chinese of a name.
fn zh(name: &'static str) -> &'static str {
    WORDS.iter().find(|(known, _)| *known == name).map_or(name, |(_, zh)| zh)
}

const WORDS: &[(&str, &str)] = &[
    ("mode", "项目"),
    ("figure", "指标"),
    ("median", "中位数"),
    ("least", "最小"),
    ("greatest", "最大"),
    ("unit", "单位"),
    ("sync_p50", "落盘 p50"),
    ("sync_p99", "落盘 p99"),
    ("sync_p999", "落盘 p99.9"),
    ("sync_of_64_p50", "64 条一次落盘 p50"),
    ("echo_p50", "回声 p50"),
    ("echo_p99", "回声 p99"),
    ("echo_p999", "回声 p99.9"),
    ("echo_rate", "回声速率"),
    ("p50", "时延 p50"),
    ("p99", "时延 p99"),
    ("p999", "时延 p99.9"),
    ("broker_cpu", "中心 CPU/条"),
    ("broker_rss", "中心内存"),
    ("rate", "速率"),
    ("bytes", "字节速率"),
    ("slowest_share", "最慢一对/平均"),
    ("deliveries", "投递速率"),
    ("disk", "磁盘/条"),
    ("fill", "积压写入速率"),
    ("fill_cpu", "写入 CPU/条"),
    ("rss_idle", "空闲内存"),
    ("rss_filled", "积压后内存"),
    ("rss_drained", "清空后内存"),
    ("drain", "积压送出速率"),
    ("drain_cpu", "送出 CPU/条"),
    ("ready", "重启就绪"),
    ("first_delivery", "首条送达"),
    ("all_delivered", "全部送达"),
];

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 50.0;
/// The curves end where one of so many calls is longer.
const DECADES: f64 = 4.0;
const COLOURS: [&str; 6] = ["#1f5fa8", "#b3261e", "#2e7d32", "#8a5a00", "#6a3fa0", "#00696f"];

/// The times as curves: to the right the part of all calls that is done, upwards how long it takes, both in powers of ten.
pub fn plot(facts: &Facts, times: &[(&'static str, Times)]) -> String {
    let curves: Vec<_> = times.iter().map(|(name, times)| (*name, times.curve())).collect();
    let all = curves.iter().flat_map(|(_, curve)| curve.iter().map(|(_, micros)| micros.max(1.0)));
    let (least, most) = all.fold((f64::INFINITY, 10.0), |(least, most), at| (f64::min(least, at), f64::max(most, at)));
    let (low, high) = (least.min(most).log10().floor(), most.log10().ceil());
    let x = |part: f64| LEFT + (WIDTH - LEFT - 20.0) * (-(1.0 - part).max(1e-9).log10()).min(DECADES) / DECADES;
    let y = |micros: f64| {
        let height = (micros.max(1.0).log10() - low) / (high - low).max(1.0);
        HEIGHT - BOTTOM - (HEIGHT - BOTTOM - 40.0) * height
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n<text x=\"10\" y=\"16\" font-size=\"10\">{}</text>\n",
        facts.line()
    );
    for (part, name) in
        [(0.0, "0"), (0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %")]
    {
        let (x, bottom) = (x(part), HEIGHT - BOTTOM);
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} 40V{bottom}\" stroke=\"#ddd\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{name}</text>",
            bottom + 16.0
        );
    }
    let mut power = low;
    while power <= high {
        let (at, micros) = (y(10_f64.powf(power)), 10_f64.powf(power));
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {at:.1}H{}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{at:.1}\" text-anchor=\"end\">{micros} µs</text>",
            WIDTH - 20.0,
            LEFT - 6.0
        );
        power += 1.0;
    }
    for (at, ((name, curve), colour)) in curves.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let seen = curve.iter().filter(|(part, _)| *part <= 1.0 - 10_f64.powf(-DECADES));
        let points: Vec<_> = seen.map(|(part, micros)| format!("{:.1},{:.1}", x(*part), y(*micros))).collect();
        let legend = 54 + 16 * at;
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/><text x=\"{}\" y=\"{legend}\" fill=\"{colour}\">{name}</text>",
            points.join(" "),
            LEFT + 10.0
        );
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_name_that_a_mode_gives_has_its_chinese() {
        let source = include_str!("modes.rs");
        let names = source.split("figures.add").skip(1).flat_map(|call| {
            let call = call.split(");").next().unwrap_or_default();
            call.split('"')
                .skip(3)
                .step_by(2)
                .filter(|word| !word.contains(' '))
                .map(ToOwned::to_owned)
                .collect::<Vec<_>>()
        });
        let names: Vec<_> = names.filter(|name| !matches!(name.as_str(), "fdatasync" | "echo")).collect();
        assert!(names.len() > 20, "{names:?}");
        for name in names {
            assert!(WORDS.iter().any(|(known, _)| *known == name), "{name} has no Chinese");
        }
    }

    #[test]
    fn a_picture_draws_each_curve_within_its_frame() {
        let mut times = Times::new().unwrap();
        (1..2_000).for_each(|micros| times.add(Duration::from_micros(micros)));
        let facts = Facts::of(&Bench::default(), std::path::Path::new("."));
        let svg = plot(&facts, &[("one", times.clone()), ("two", times)]);
        assert_eq!(svg.matches("<polyline").count(), 2);
        let points = svg.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
        for point in points.split(' ') {
            let (x, y) = point.split_once(',').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!((LEFT..=WIDTH).contains(&x) && (0.0..=HEIGHT).contains(&y), "{point}");
        }
        assert!(!svg.contains("NaN"));
    }
}
