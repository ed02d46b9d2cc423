//! Somebody with a good certificate who speaks HTTP/2 as nobody should: floods of frames that carry nothing, requests that
//! never end, and silence at each step. Each is sent away within ten seconds, or does no harm.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use crate::world::live::World;
use crate::world::region::{LY, Lands, RZ, XZ};

use super::{PREFACE, serves};

/// Ten seconds, and what a loaded machine adds to looking each second.
const ENOUGH: Duration = Duration::from_secs(16);
/// What the broker may need more while it is flooded.
const MEMORY_MAX: u64 = 32 << 20;

mod sort {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RESET: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const WINDOW: u8 = 8;
    pub const CONTINUATION: u8 = 9;
    pub const UNKNOWN: u8 = 0xbe;
}
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(sort: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&length[1..], &[sort, flags], &stream.to_be_bytes(), body].concat()
}

/// A literal header, never indexed.
fn header(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![0x10], text(name), text(value)].concat()
}

/// The headers of a call.
fn call(path: &str) -> Vec<u8> {
    let headers = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "broker")];
    let of_grpc = [("content-type", "application/grpc"), ("te", "trailers")];
    headers.iter().chain(&of_grpc).flat_map(|(name, value)| header(name, value)).collect()
}

const SUBMIT: &str = "/liandong.v1.Exchange/Submit";
const LIST: &str = "/liandong.v1.Directory/Links";

/// Streams of a client: 1, 3, 5 …
fn streams() -> impl Iterator<Item = u32> {
    (1..u32::MAX / 2).step_by(2)
}

/// The connection of a member who has been let in.
struct Raw(TlsStream<TcpStream>);

impl Raw {
    async fn of(world: &World, city: &str) -> Self {
        let identity = certs::tls::Identity::load(&world.region.trust.trust(city), world.clock.clock()).unwrap();
        let (stream, _) = certs::tls::connect(&identity, "127.0.0.1", world.broker_address().port()).await.unwrap();
        Self(stream)
    }

    /// The same, that has greeted.
    async fn greeted(world: &World, city: &str) -> Self {
        let mut raw = Self::of(world, city).await;
        raw.0.write_all(PREFACE).await.unwrap();
        raw
    }

    async fn say(&mut self, words: &[u8]) {
        self.0.write_all(words).await.unwrap();
    }

    /// Says these for as long as the other side listens, reads meanwhile what it says, and tells how long that was.
    async fn flood(mut self, words: impl Iterator<Item = Vec<u8>>) -> Duration {
        let began = Instant::now();
        let (mut hear, mut say) = tokio::io::split(&mut self.0);
        let flood = async {
            for chunk in words {
                if say.write_all(&chunk).await.is_err() {
                    return;
                }
            }
        };
        let mut room = vec![0; 16_384];
        let ended = async { while hear.read(&mut room).await.is_ok_and(|bytes| bytes > 0) {} };
        let over = async { tokio::join!(flood, ended) };
        tokio::time::timeout(ENOUGH, over).await.expect("the flood is ended");
        began.elapsed()
    }

    /// Says nothing more, and tells after how long the other side had enough.
    async fn silence(mut self) -> Duration {
        let began = Instant::now();
        let mut room = vec![0; 16_384];
        let ended = async { while self.0.read(&mut room).await.is_ok_and(|bytes| bytes > 0) {} };
        tokio::time::timeout(ENOUGH, ended).await.expect("the silence is ended");
        began.elapsed()
    }

    /// Says these and waits until the other side has answered the call on stream 1.
    async fn answered(&mut self, words: &[u8]) {
        self.say(words).await;
        let mut heard = Vec::new();
        let answer = async {
            while !has_answer(&heard) {
                assert!(self.0.read_buf(&mut heard).await.unwrap() > 0, "no end before the answer");
            }
        };
        tokio::time::timeout(ENOUGH, answer).await.expect("an answer");
    }
}

/// Whether these bytes hold headers that end stream 1.
fn has_answer(mut heard: &[u8]) -> bool {
    while let [a, b, c, sort, flags, _, _, _, stream, rest @ ..] = heard {
        if (*sort, flags & END_STREAM, *stream) == (sort::HEADERS, END_STREAM, 1) {
            return true;
        }
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        heard = rest.get(length..).unwrap_or_default();
    }
    false
}

/// Frames of one sort, many at a time, for ever.
fn many(one: &[u8]) -> impl Iterator<Item = Vec<u8>> + use<> {
    std::iter::repeat(one.repeat(64))
}

/// What this program has in memory, with the broker in it.
fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

/// What the metrics count of a limit.
async fn reached(world: &World, limit: &str) -> u64 {
    let page = super::page(world, "/metrics").await;
    let line = format!("liandong_limits_reached_total{{limit=\"{limit}\"}} ");
    page.lines().find_map(|found| found.strip_prefix(&line)).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_frames_that_carry_nothing_end_their_connection_and_nobody_elses() {
    let world = World::without_agents(&[LY, XZ, RZ], Lands::Unknown).await;
    let (ly, xz) = (world.bare(LY), world.bare(XZ));
    let mut reader = xz.session(world.broker_address()).await.unwrap();
    serves(&world, &ly, &mut reader).await;
    let before = memory();

    for (name, one) in [
        ("settings", frame(sort::SETTINGS, 0, 0, &[])),
        ("ping", frame(sort::PING, 0, 0, &[0; 8])),
        ("priority", frame(sort::PRIORITY, 0, 1, &[0, 0, 0, 3, 9])),
        ("window", frame(sort::WINDOW, 0, 0, &[0, 0, 0, 1])),
        ("unknown", frame(sort::UNKNOWN, 0, 0, &[0; 100])),
    ] {
        let took = Raw::greeted(&world, RZ).await.flood(many(&one)).await;
        println!("{name}: ended after {took:?}");
    }
    assert_eq!(reached(&world, "control_frames").await, 5);

    // these the library below bounds by itself, or they do no harm
    let begun = |stream| frame(sort::HEADERS, END_HEADERS, stream, &call(SUBMIT));
    let resets = streams().map(|stream| [begun(stream), frame(sort::RESET, 0, stream, &[0, 0, 0, 8])].concat());
    let took = Raw::greeted(&world, RZ).await.flood(resets).await;
    println!("resets: ended after {took:?}");
    let endless = std::iter::once(frame(sort::HEADERS, 0, 1, &call(SUBMIT)));
    let endless = endless.chain(many(&frame(sort::CONTINUATION, 0, 1, &header("x", "y"))));
    let took = Raw::greeted(&world, RZ).await.flood(endless).await;
    println!("continuation: ended after {took:?}");
    let tiny = std::iter::once(begun(1)).chain(many(&frame(sort::DATA, 0, 1, &[])));
    let took = Raw::greeted(&world, RZ).await.flood(tiny).await;
    println!("empty content: ended after {took:?}");
    let took = Raw::greeted(&world, RZ).await.flood(streams().map(begun)).await;
    println!("calls that never end: ended after {took:?}");

    let more = memory().saturating_sub(before);
    println!("memory: {} KiB more", more >> 10);
    assert!(more < MEMORY_MAX, "{more} bytes more");
    // refusals are written down together, once a second
    let of_frames =
        || world.refusals().into_iter().find(|refused| refused.reason.ends_with(": too many control frames"));
    let told = world.at_broker("the refusal", |_| of_frames()).await;
    assert!(told.reason.starts_with(RZ), "{}", told.reason);
    serves(&world, &ly, &mut reader).await;
    drop(reader);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_at_each_step_is_not_waited_for() {
    let world = World::without_agents(&[LY, XZ, RZ], Lands::Unknown).await;
    let (ly, xz) = (world.bare(LY), world.bare(XZ));
    let mut reader = xz.session(world.broker_address()).await.unwrap();
    let inside = Raw::of(&world, RZ).await;
    let mut torn = Raw::of(&world, RZ).await;
    torn.say(&PREFACE[..20]).await;
    let greeted = Raw::greeted(&world, RZ).await;
    let mut headers = Raw::greeted(&world, RZ).await;
    headers.say(&frame(sort::HEADERS, 0, 1, &call(SUBMIT))).await;
    let mut half = Raw::greeted(&world, RZ).await;
    half.say(&frame(sort::HEADERS, END_HEADERS, 1, &call(SUBMIT))[..30]).await;
    let mut pinging = Raw::greeted(&world, RZ).await;
    // the call itself ends; what is left of the connection is idle
    let mut body = Raw::greeted(&world, LY).await;
    let begun = frame(sort::HEADERS, END_HEADERS, 1, &call(SUBMIT));
    let half_a_message = frame(sort::DATA, 0, 1, &[0, 0, 0, 1, 0, 7]);

    let dribble = async {
        let began = Instant::now();
        let ping = frame(sort::PING, 0, 0, &[0; 8]);
        while pinging.0.write_all(&ping).await.is_ok() && began.elapsed() < ENOUGH {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        began.elapsed()
    };
    let body = async {
        let began = Instant::now();
        body.answered(&[begun, half_a_message].concat()).await;
        began.elapsed()
    };
    let (inside, torn, greeted, headers, half, pinging, body) = tokio::join!(
        inside.silence(),
        torn.silence(),
        greeted.silence(),
        headers.silence(),
        half.silence(),
        dribble,
        body
    );

    for (name, took) in [
        ("after the handshake", inside),
        ("within the greeting", torn),
        ("after the greeting", greeted),
        ("within the headers", headers),
        ("within a frame of headers", half),
        ("with pings alone", pinging),
        ("within the content", body),
    ] {
        println!("{name}: ended after {took:?}");
        assert!(took > Duration::from_secs(8) && took < ENOUGH, "{name}: {took:?}");
    }
    assert_eq!((reached(&world, "first_request").await, reached(&world, "silence").await), (6, 1));
    serves(&world, &ly, &mut reader).await;
    drop(reader);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_lets_us_speak_holds_up_nobody() {
    let world = World::without_agents(&[LY, XZ, RZ], Lands::Unknown).await;
    let (ly, xz) = (world.bare(LY), world.bare(XZ));
    let mut reader = xz.session(world.broker_address()).await.unwrap();
    let before = memory();
    // no window for anything that the broker would answer
    let closed = frame(sort::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let ask = |stream| {
        let headers = frame(sort::HEADERS, END_HEADERS, stream, &call(LIST));
        [headers, frame(sort::DATA, END_STREAM, stream, &[0; 5])].concat()
    };
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut raw = Raw::greeted(&world, RZ).await;
        raw.say(&closed).await;
        raw.say(&streams().take(64).flat_map(ask).collect::<Vec<_>>()).await;
        held.push(raw);
    }

    for _ in 0..10 {
        serves(&world, &ly, &mut reader).await;
    }
    let more = memory().saturating_sub(before);
    println!("memory: {} KiB more", more >> 10);
    assert!(more < MEMORY_MAX, "{more} bytes more");
    drop((held, reader));
    world.end().await;
}
