//! What is measured. Each mode measures once on a fresh state and adds its figures; a run is one of each.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use futures_util::future::try_join_all;
use proto::v1::{self, Precedence, desk_client::DeskClient, subscribe_response::Event};
use store::tasks::Tasks;
use tokio::time::Instant;
use tonic::transport::Channel;

use super::{
    Bench,
    figures::{Figures, Process, Stretch, Times, Unit},
    floor,
    line::{Line, Receiver, Sender},
    member::Member,
    place::Place,
};

/// What can be measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Mode {
    /// The disk's fdatasync and a bare gRPC echo over mutual TLS: what nothing built on them can pass
    Floor,
    /// One message at a time until it is accepted and delivered
    Latency,
    /// As many as the window lets through, until the last is delivered and its receipt is back
    Throughput,
    /// Delivery at half the pace of `throughput`, each message at its time
    Steady,
    /// One sender, many recipients of each message
    Fanout,
    /// A backlog for a member who is away, and how fast it is handed over on return
    Drain,
    /// A broker killed with a backlog: the time to the first delivery, and to all
    Recover,
    /// From desk to desk: two agents, three journals
    Path,
}

impl Mode {
    /// Stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Latency => "latency",
            Self::Throughput => "throughput",
            Self::Steady => "steady",
            Self::Fanout => "fanout",
            Self::Drain => "drain",
            Self::Recover => "recover",
            Self::Path => "path",
        }
    }

    /// Whether it can be measured at a broker that is not the bench's own.
    pub const fn can_be_elsewhere(self) -> bool {
        matches!(self, Self::Latency | Self::Throughput | Self::Steady)
    }
}

/// Two members and where their broker is; whether it is a child of ours.
struct Pair {
    sender: Member,
    receiver: Member,
    broker: std::net::SocketAddr,
    process: Option<Process>,
}

impl Pair {
    async fn lines(mut self) -> anyhow::Result<(Member, Sender, Receiver, String)> {
        let to = self.receiver.id.clone();
        let sender = Sender::on(Line::open(&mut self.sender, self.broker).await?);
        let line = Line::open(&mut self.receiver, self.broker).await?;
        Ok((self.sender, sender, Receiver::on(line, self.receiver), to))
    }
}

/// Measures `mode` once in the empty `folder`.
pub async fn measure(mode: Mode, bench: &Bench, folder: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    if mode == Mode::Floor {
        return floor_of(bench, folder, figures).await;
    }
    if let Some((broker, [sender, receiver])) = bench.elsewhere() {
        let (sender, receiver) = (Member::of_trust(sender)?, Member::of_trust(receiver)?);
        let pair = Pair { sender, receiver, broker, process: None };
        return between(mode, bench, vec![pair], figures).await;
    }
    let place = Place::raise(folder, bench.members(mode)).await?;
    let process = process_of(&place)?;
    let pair = |number: usize| {
        let (sender, receiver) = (place.member(2 * number)?, place.member(2 * number + 1)?);
        anyhow::Ok(Pair { sender, receiver, broker: place.broker_address, process: Some(process) })
    };
    match mode {
        Mode::Floor => {}
        Mode::Latency | Mode::Steady => between(mode, bench, vec![pair(0)?], figures).await?,
        Mode::Throughput => {
            let pairs = (0..bench.pairs).map(pair).collect::<anyhow::Result<_>>()?;
            between(mode, bench, pairs, figures).await?;
        }
        Mode::Fanout => fanout(bench, &place, figures).await?,
        Mode::Drain => drain(bench, &place, figures).await?,
        Mode::Recover => return recover(bench, place, figures).await,
        Mode::Path => path(bench, &place, figures).await?,
    }
    place.strike().await
}

/// What needs no more of the broker than its door.
async fn between(mode: Mode, bench: &Bench, mut pairs: Vec<Pair>, figures: &mut Figures) -> anyhow::Result<()> {
    if mode == Mode::Throughput {
        return throughput(bench, pairs, figures).await;
    }
    let pair = pairs.pop().context("a pair of members")?;
    if mode == Mode::Latency { latency(bench, pair, figures).await } else { steady(bench, pair, figures).await }
}

fn process_of(place: &Place) -> anyhow::Result<Process> {
    Ok(Process(place.broker.id().context("the broker's process")?))
}

async fn floor_of(bench: &Bench, folder: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    journal::file::create_dir(folder)?;
    let (calls, bytes) = (bench.messages.min(5_000), bench.bytes);
    let times = floor::sync(folder, bytes, calls)?;
    figures.add_times("floor", ["sync_p50", "sync_p99", "sync_p999"], "fdatasync", &times)?;
    let times = floor::sync(folder, 64 * bytes, calls / 10)?;
    figures.add("floor", "sync_of_64_p50", Unit::Microseconds, times.at(0.5));
    let place = Place::raise(&folder.join("region"), 2).await?;
    let tasks = Tasks::new();
    let echo = floor::echo(&folder.join("region").join("trust").join("broker"), &tasks).await?;
    let (mut member, to) = (place.member(0)?, place.id(1)?.to_owned());
    let envelopes = member.envelopes(&[&to], Precedence::Priority, bytes, bench.messages)?;
    let mut line = Line::open(&mut member, echo).await?;
    let times = line.echo_one_by_one(envelopes.get(..calls).unwrap_or(&envelopes)).await?;
    figures.add_times("floor", ["echo_p50", "echo_p99", "echo_p999"], "echo", &times)?;
    let stretch = Stretch::begin(None)?;
    line.echo(&envelopes, bench.window).await?;
    figures.add("floor", "echo_rate", Unit::PerSecond, per_second(envelopes.len(), stretch.seconds()));
    drop(line); // a server that ends waits for whoever calls
    if tasks.stop(Duration::from_secs(5)).await.is_err() {
        anyhow::bail!("the echo does not end");
    }
    place.strike().await?;
    Ok(std::fs::remove_dir_all(folder)?)
}

async fn latency(bench: &Bench, pair: Pair, figures: &mut Figures) -> anyhow::Result<()> {
    let process = pair.process;
    let (mut member, mut sender, mut receiver, to) = pair.lines().await?;
    let warm = bench.messages / 10;
    let count = bench.messages.min(5_000);
    let envelopes = member.envelopes(&[&to], Precedence::Priority, bench.bytes, count + warm)?;
    let mut times = Times::new()?;
    let mut stretch = Stretch::begin(process)?;
    for (number, envelope) in envelopes.iter().enumerate() {
        if number == warm {
            stretch = Stretch::begin(process)?;
        }
        let began = Instant::now();
        let ((), deliveries) = tokio::try_join!(sender.send_one(envelope), receiver.take())?;
        if number >= warm {
            times.add(began.elapsed());
        }
        receiver.confirm(&deliveries).await?;
    }
    figures.add_times("latency", ["p50", "p99", "p999"], "one at a time", &times)?;
    if let Some(cpu) = stretch.cpu_per(count)? {
        figures.add("latency", "broker_cpu", Unit::Microseconds, cpu);
    }
    Ok(())
}

/// Messages a second, all pairs together, and the slowest pair's share of a fair one.
struct Pace {
    rate: f64,
    slowest: f64,
    cpu: Option<f64>,
}

async fn at_full_pace(bench: &Bench, pairs: Vec<Pair>) -> anyhow::Result<Pace> {
    let process = pairs.first().and_then(|pair| pair.process);
    let count = bench.messages / pairs.len().max(1);
    let (warm, mut ready) = ((count / 10).max(1), Vec::new());
    for pair in pairs {
        let (mut member, mut sender, mut receiver, to) = pair.lines().await?;
        let envelopes = member.envelopes(&[&to], Precedence::Priority, bench.bytes, warm + count)?;
        let (first, rest) = envelopes.split_at(warm);
        tokio::try_join!(sender.send(first, bench.window, 1), receiver.take_all(warm, |_, _| {}))?;
        ready.push((sender, receiver, rest.to_vec()));
    }
    let all = ready.len();
    let stretch = Stretch::begin(process)?;
    let each = ready.into_iter().map(|(mut sender, mut receiver, envelopes)| async move {
        let began = Instant::now();
        let taken = receiver.take_all(envelopes.len(), |_, _| {});
        tokio::try_join!(sender.send(&envelopes, bench.window, 1), taken)?;
        anyhow::Ok(began.elapsed().as_secs_f64())
    });
    let took = try_join_all(each).await?;
    let seconds = stretch.seconds();
    let mean = took.iter().sum::<f64>() / float(all);
    let longest = took.iter().copied().fold(0.0, f64::max);
    Ok(Pace { rate: per_second(count * all, seconds), slowest: mean / longest, cpu: stretch.cpu_per(count * all)? })
}

/// Everybody sends to somebody at once.
async fn throughput(bench: &Bench, pairs: Vec<Pair>, figures: &mut Figures) -> anyhow::Result<()> {
    let (many, process) = (pairs.len() > 1, pairs.first().and_then(|pair| pair.process));
    let pace = at_full_pace(bench, pairs).await?;
    figures.add("throughput", "rate", Unit::PerSecond, pace.rate);
    figures.add("throughput", "bytes", Unit::MegabytesPerSecond, pace.rate * float(bench.bytes) / 1e6);
    if many {
        figures.add("throughput", "slowest_share", Unit::Share, pace.slowest);
    }
    if let (Some(cpu), Some(process)) = (pace.cpu, process) {
        figures.add("throughput", "broker_cpu", Unit::Microseconds, cpu);
        figures.add("throughput", "broker_rss", Unit::Mebibytes, process.memory()?);
    }
    Ok(())
}

/// At half of its own pace: each message is due at its time, and what is late counts from then.
async fn steady(bench: &Bench, pair: Pair, figures: &mut Figures) -> anyhow::Result<()> {
    let (mut member, mut sender, mut receiver, to) = pair.lines().await?;
    let envelopes = member.envelopes(&[&to], Precedence::Priority, bench.bytes, 2 * bench.messages)?;
    let (first, rest) = envelopes.split_at(bench.messages);
    let stretch = Stretch::begin(None)?;
    tokio::try_join!(sender.send(first, bench.window, 1), receiver.take_all(first.len(), |_, _| {}))?;
    let rate = per_second(first.len(), stretch.seconds()) / 2.0;
    let began = Instant::now() + Duration::from_millis(50);
    let due = |number: usize| began + Duration::from_secs_f64(float(number) / rate);
    let (mut times, mut came) = (Times::new()?, 0);
    // one sender, one precedence: they come in the order in which they were sent
    let taken = receiver.take_all(rest.len(), |deliveries, now| {
        for _ in deliveries {
            times.add(now.saturating_duration_since(due(came)));
            came += 1;
        }
    });
    tokio::try_join!(sender.send_at(rest, due), taken)?;
    figures.add("steady", "rate", Unit::PerSecond, rate);
    figures.add_times("steady", ["p50", "p99", "p999"], "steady at half pace", &times)
}

async fn fanout(bench: &Bench, place: &Place, figures: &mut Figures) -> anyhow::Result<()> {
    let process = process_of(place)?;
    let mut member = place.member(0)?;
    let to = (1..=bench.recipients).map(|number| place.id(number)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut receivers = Vec::new();
    for number in 1..=bench.recipients {
        let mut receiver = place.member(number)?;
        let line = Line::open(&mut receiver, place.broker_address).await?;
        receivers.push(Receiver::on(line, receiver));
    }
    let count = (bench.messages / bench.recipients).max(1);
    let envelopes = member.envelopes(&to, Precedence::Priority, bench.bytes, count)?;
    let mut sender = Sender::on(Line::open(&mut member, place.broker_address).await?);
    let (before, stretch) = (place.disk()?, Stretch::begin(Some(process))?);
    let taken = try_join_all(receivers.iter_mut().map(|receiver| receiver.take_all(count, |_, _| {})));
    tokio::try_join!(sender.send(&envelopes, bench.window, bench.recipients), taken)?;
    let (seconds, deliveries) = (stretch.seconds(), count * bench.recipients);
    figures.add("fanout", "deliveries", Unit::PerSecond, per_second(deliveries, seconds));
    figures.add("fanout", "broker_cpu", Unit::Microseconds, stretch.cpu_per(deliveries)?.unwrap_or_default());
    figures.add("fanout", "disk", Unit::Bytes, bytes_each(place.disk()?.saturating_sub(before), count));
    Ok(())
}

/// Sends a backlog to a member who is away: what is measured of that, and who is to take it.
async fn filled(bench: &Bench, place: &Place, mode: &'static str, figures: &mut Figures) -> anyhow::Result<Member> {
    let (mut member, away, process) = (place.member(0)?, place.member(1)?, process_of(place)?);
    let last = bench.backlog / 100;
    let mut envelopes =
        member.envelopes(&[&away.id], Precedence::Routine, bench.bytes, bench.backlog.saturating_sub(last))?;
    envelopes.extend(member.envelopes(&[&away.id], Precedence::Flash, bench.bytes, last)?);
    let mut sender = Sender::on(Line::open(&mut member, place.broker_address).await?);
    let idle = process.memory()?;
    let (before, stretch) = (place.disk()?, Stretch::begin(Some(process))?);
    sender.send(&envelopes, 4 * bench.window, 0).await?;
    let seconds = stretch.seconds();
    figures.add(mode, "fill", Unit::PerSecond, per_second(envelopes.len(), seconds));
    figures.add(mode, "fill_cpu", Unit::Microseconds, stretch.cpu_per(envelopes.len())?.unwrap_or_default());
    figures.add(mode, "rss_idle", Unit::Mebibytes, idle);
    figures.add(mode, "rss_filled", Unit::Mebibytes, process.memory()?);
    figures.add(mode, "disk", Unit::Bytes, bytes_each(place.disk()?.saturating_sub(before), envelopes.len()));
    Ok(away)
}

async fn drain(bench: &Bench, place: &Place, figures: &mut Figures) -> anyhow::Result<()> {
    let mut away = filled(bench, place, "drain", figures).await?;
    let process = process_of(place)?;
    let stretch = Stretch::begin(Some(process))?;
    let mut receiver = Receiver::on(Line::open(&mut away, place.broker_address).await?, away);
    receiver.take_all(bench.backlog, |_, _| {}).await?;
    figures.add("drain", "drain", Unit::PerSecond, per_second(bench.backlog, stretch.seconds()));
    figures.add("drain", "drain_cpu", Unit::Microseconds, stretch.cpu_per(bench.backlog)?.unwrap_or_default());
    figures.add("drain", "rss_drained", Unit::Mebibytes, process.memory()?);
    Ok(())
}

async fn recover(bench: &Bench, mut place: Place, figures: &mut Figures) -> anyhow::Result<()> {
    let mut away = filled(bench, &place, "recover", figures).await?;
    place.broker.kill().await?;
    let began = Instant::now();
    place.broker.start().await?;
    figures.add("recover", "ready", Unit::Milliseconds, began.elapsed().as_secs_f64() * 1e3);
    let mut receiver = Receiver::on(Line::open(&mut away, place.broker_address).await?, away);
    let mut first = None;
    receiver.take_all(bench.backlog, |_, now| first = first.or(Some(now - began))).await?;
    let first = first.unwrap_or_default();
    figures.add("recover", "first_delivery", Unit::Milliseconds, first.as_secs_f64() * 1e3);
    figures.add("recover", "all_delivered", Unit::Milliseconds, began.elapsed().as_secs_f64() * 1e3);
    place.strike().await
}

async fn path(bench: &Bench, place: &Place, figures: &mut Figures) -> anyhow::Result<()> {
    let ((mut from, from_desk), (mut to, to_desk)) = (place.agent(0)?, place.agent(1)?);
    from.start().await?;
    to.start().await?;
    let (sending, mut taking) = (desk_at(&from_desk), desk_at(&to_desk));
    let (mut returns, mut arrivals) = (subscribed(&mut sending.clone()).await?, subscribed(&mut taking).await?);
    let (count, to_id) = ((bench.messages / 10).max(1), place.id(1)?.to_owned());
    let began = Instant::now();
    let send = async {
        let mut next = 0;
        let mut waiting = tokio::task::JoinSet::new();
        while next < count || !waiting.is_empty() {
            while next < count && waiting.len() < bench.window {
                let (mut desk, draft) = (sending.clone(), super::member::draft(&to_id, bench.bytes));
                waiting.spawn(async move {
                    desk.send(v1::SendRequest { draft: Some(draft), dry_run: false }).await.map(drop)
                });
                next += 1;
            }
            waiting.join_next().await.transpose()?.transpose()?;
        }
        anyhow::Ok(())
    };
    let arrive = events(&mut arrivals, count, |event| matches!(event, Event::Received(_)));
    let delivered = |event: &Event| match event {
        Event::Receipt(receipt) => super::member::is_of_stage(receipt, v1::Stage::Delivered),
        _ => false,
    };
    tokio::try_join!(send, arrive, events(&mut returns, count, delivered))?;
    figures.add("path", "rate", Unit::PerSecond, per_second(count, began.elapsed().as_secs_f64()));
    from.stop().await?;
    to.stop().await
}

/// Waits for so many events of a sort.
async fn events(
    stream: &mut tonic::Streaming<v1::SubscribeResponse>,
    count: usize,
    is_one: impl Fn(&Event) -> bool,
) -> anyhow::Result<()> {
    let mut left = count;
    while left > 0 {
        let event = stream.message().await?.context("the desk ended its stream")?.event;
        left -= usize::from(event.is_some_and(|event| is_one(&event)));
    }
    Ok(())
}

async fn subscribed(desk: &mut DeskClient<Channel>) -> anyhow::Result<tonic::Streaming<v1::SubscribeResponse>> {
    Ok(desk.subscribe(v1::SubscribeRequest { after: 1 }).await?.into_inner())
}

fn desk_at(socket: &Path) -> DeskClient<Channel> {
    DeskClient::new(crate::demo::desk::channel(socket)).max_decoding_message_size(8 << 20)
}

fn per_second(count: usize, seconds: f64) -> f64 {
    float(count) / seconds.max(1e-9)
}

#[allow(clippy::cast_precision_loss, reason = "a report for people")]
fn bytes_each(bytes: u64, count: usize) -> f64 {
    bytes as f64 / float(count.max(1))
}

#[allow(clippy::cast_precision_loss, reason = "a report for people")]
fn float(count: usize) -> f64 {
    count as f64
}
