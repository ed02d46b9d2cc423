//! A link that is slowed, held, swallowed, reset, cut and mended: a TCP proxy between an agent and its broker.
//!
//! Up is towards the broker, down towards the agent. What is set counts at once for living connections too.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What the line does to bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Flow {
    /// They arrive.
    #[default]
    Open,
    /// They are not even read: a peer that stopped, half-open.
    Held,
    /// They are read and vanish: a black hole.
    Swallowed,
}

/// One direction of the line.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Way {
    pub flow: Flow,
    /// Every byte arrives this much later.
    pub latency: Duration,
    /// At most so many bytes at a time; 0 for no limit.
    pub slice: usize,
    /// After each piece nothing goes for so long: with a slice, a line of so many bytes a second.
    pub rest: Duration,
    /// The connection is reset as soon as so many bytes went this way.
    pub reset_after: Option<usize>,
}

/// Both directions, and whether there is a line at all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Weather {
    pub up: Way,
    pub down: Way,
    /// Living connections are reset, new ones too.
    pub cut: bool,
}

/// The proxy; ends with all its connections when dropped.
pub struct Proxy {
    address: SocketAddr,
    broker: watch::Sender<SocketAddr>,
    weather: watch::Sender<Weather>,
    connections: watch::Receiver<u64>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// Listens on a free port of loopback for connections to `broker`.
    pub async fn start(broker: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (weather, seen) = watch::channel(Weather::default());
        let (broker, leads_to) = watch::channel(broker);
        let (count, connections) = watch::channel(0);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, leads_to, seen, count));
        Ok(Self { address, broker, weather, connections, _accepting: accepting })
    }

    /// Where the agent dials.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resets every connection, and every new one.
    pub fn cut(&self) {
        self.change(|weather| weather.cut = true);
    }

    /// The line is good again, whatever was set before.
    pub fn mend(&self) {
        self.change(|weather| *weather = Weather::default());
    }

    /// Changes what the line does.
    pub fn change(&self, change: impl FnOnce(&mut Weather)) {
        self.weather.send_modify(change);
    }

    /// New connections lead to `broker`.
    pub fn lead_to(&self, broker: SocketAddr) {
        self.broker.send_replace(broker);
    }

    /// Connections that were ever made through it.
    pub fn connections(&self) -> u64 {
        *self.connections.borrow()
    }
}

async fn accept(
    listener: TcpListener,
    broker: watch::Receiver<SocketAddr>,
    weather: watch::Receiver<Weather>,
    count: watch::Sender<u64>,
) {
    let mut living = JoinSet::new();
    while let Ok((agent, _)) = listener.accept().await {
        while living.try_join_next().is_some() {}
        count.send_modify(|count| *count += 1);
        let broker = *broker.borrow();
        living.spawn(carry(agent, broker, weather.clone()));
    }
}

/// The line broke: both sides get a reset.
struct Broken;

/// Carries one connection until both sides have closed it or the line breaks.
async fn carry(mut agent: TcpStream, broker: SocketAddr, mut weather: watch::Receiver<Weather>) {
    if weather.borrow_and_update().cut {
        drop(agent.set_zero_linger());
        return;
    }
    let Ok(mut broker) = TcpStream::connect(broker).await else { return };
    drop(agent.set_nodelay(true).and(broker.set_nodelay(true)));
    let (from_agent, to_agent) = agent.split();
    let (from_broker, to_broker) = broker.split();
    let up = pump(from_agent, to_broker, weather.clone(), |weather| weather.up);
    let down = pump(from_broker, to_agent, weather.clone(), |weather| weather.down);
    let ended = tokio::select! {
        ended = async { tokio::try_join!(up, down) } => ended.map(drop),
        _ = weather.wait_for(|weather| weather.cut) => Err(Broken),
    };
    if ended.is_err() {
        drop(agent.set_zero_linger().and(broker.set_zero_linger()));
    }
}

/// A chunk and when it arrives.
type Late = (Instant, Vec<u8>);

/// Carries one direction.
async fn pump(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    weather: watch::Receiver<Weather>,
    way: fn(&Weather) -> Way,
) -> Result<(), Broken> {
    let (sender, receiver) = mpsc::channel(64);
    tokio::try_join!(take(from, sender, weather.clone(), way), give(to, receiver, weather, way)).map(drop)
}

/// Waits until the line lets bytes in or through, and says how.
async fn open(weather: &mut watch::Receiver<Weather>, way: fn(&Weather) -> Way) -> Result<Way, Broken> {
    let open = weather.wait_for(|weather| way(weather).flow != Flow::Held).await;
    open.map(|weather| way(&weather)).map_err(|_| Broken)
}

async fn take(
    mut from: ReadHalf<'_>,
    to: mpsc::Sender<Late>,
    mut weather: watch::Receiver<Weather>,
    way: fn(&Weather) -> Way,
) -> Result<(), Broken> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let now = open(&mut weather, way).await?;
        let room = if now.slice == 0 { buffer.len() } else { now.slice.min(buffer.len()) };
        let read = tokio::select! {
            read = from.read(&mut buffer[..room]) => read.map_err(|_| Broken)?,
            _ = weather.changed() => continue,
        };
        if read == 0 {
            return Ok(());
        }
        let due = Instant::now() + now.latency;
        to.send((due, buffer[..read].to_vec())).await.map_err(|_| Broken)?;
    }
}

async fn give(
    mut to: WriteHalf<'_>,
    mut late: mpsc::Receiver<Late>,
    mut weather: watch::Receiver<Weather>,
    way: fn(&Weather) -> Way,
) -> Result<(), Broken> {
    let mut given = 0;
    while let Some((due, mut bytes)) = late.recv().await {
        tokio::time::sleep_until(due).await;
        let now = open(&mut weather, way).await?;
        if now.flow == Flow::Swallowed {
            continue;
        }
        let left = now.reset_after.map_or(usize::MAX, |limit| limit.saturating_sub(given));
        bytes.truncate(left);
        given += bytes.len();
        to.write_all(&bytes).await.map_err(|_| Broken)?;
        if !now.rest.is_zero() {
            tokio::time::sleep(now.rest).await;
        }
        if bytes.len() == left {
            return Err(Broken);
        }
    }
    to.shutdown().await.map_err(|_| Broken)
}
