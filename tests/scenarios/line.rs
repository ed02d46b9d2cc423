//! The tools themselves: a line that does what it is told, a clock that stands still, dice that fall the same way.

use std::net::SocketAddr;
use std::time::Duration;

use model::time::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::world::clock::HandClock;
use crate::world::dice::Dice;
use crate::world::proxy::{Flow, Proxy};

/// Longer than anything here takes, shorter than patience.
const LONG: Duration = Duration::from_secs(10);
/// Long enough to see that nothing comes.
const MOMENT: Duration = Duration::from_millis(50);

/// A broker that says everything back, and the line to it.
struct Echo {
    proxy: Proxy,
    _serving: JoinSet<()>,
}

async fn echo() -> Echo {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let broker: SocketAddr = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut answering = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            answering.spawn(async move {
                let (mut from, mut to) = stream.split();
                drop(tokio::io::copy(&mut from, &mut to).await);
            });
        }
    });
    Echo { proxy: Proxy::start(broker).await.unwrap(), _serving: serving }
}

impl Echo {
    async fn dial(&self) -> TcpStream {
        timeout(LONG, TcpStream::connect(self.proxy.address())).await.unwrap().unwrap()
    }
}

/// Says `text` and waits for the answer; an error when the line breaks.
async fn say(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<()> {
    stream.write_all(text).await?;
    let mut answer = vec![0; text.len()];
    timeout(LONG, stream.read_exact(&mut answer)).await.expect("an answer or a broken line")?;
    assert_eq!(answer, text);
    Ok(())
}

#[tokio::test]
async fn an_open_line_carries_bytes_both_ways_and_the_end_of_a_stream() {
    let echo = echo().await;
    let mut stream = echo.dial().await;

    say(&mut stream, &[7; 10_000]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    timeout(LONG, stream.read_to_end(&mut rest)).await.unwrap().unwrap();

    assert!(rest.is_empty());
}

#[tokio::test]
async fn a_cut_breaks_living_connections_and_new_ones_until_it_is_mended() {
    let echo = echo().await;
    let mut living = echo.dial().await;
    say(&mut living, b"before").await.unwrap();

    echo.proxy.cut();
    assert!(say(&mut living, b"during").await.is_err());
    let mut new = echo.dial().await;
    assert!(say(&mut new, b"during").await.is_err());

    echo.proxy.mend();
    say(&mut echo.dial().await, b"after").await.unwrap();
    assert_eq!(echo.proxy.connections(), 3);
}

#[tokio::test]
async fn a_held_line_is_silent_and_loses_nothing() {
    let echo = echo().await;
    let mut stream = echo.dial().await;
    say(&mut stream, b"before").await.unwrap();

    echo.proxy.change(|weather| weather.down.flow = Flow::Held);
    stream.write_all(b"held").await.unwrap();
    let mut answer = [0; 4];
    assert!(timeout(MOMENT, stream.read_exact(&mut answer)).await.is_err());

    echo.proxy.mend();
    timeout(LONG, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"held");
}

#[tokio::test]
async fn a_black_hole_takes_bytes_and_gives_nothing() {
    let echo = echo().await;
    let mut stream = echo.dial().await;
    say(&mut stream, b"before").await.unwrap();

    echo.proxy.change(|weather| weather.up.flow = Flow::Swallowed);
    stream.write_all(b"gone").await.unwrap();
    let mut answer = [0; 4];
    assert!(timeout(MOMENT, stream.read_exact(&mut answer)).await.is_err());

    echo.proxy.mend();
    say(&mut stream, b"here").await.unwrap();
}

#[tokio::test]
async fn an_answer_is_cut_off_after_so_many_bytes() {
    let echo = echo().await;
    echo.proxy.change(|weather| weather.down.reset_after = Some(3));
    let mut stream = echo.dial().await;

    stream.write_all(b"answer").await.unwrap();
    let mut got = Vec::new();
    let end = timeout(LONG, stream.read_to_end(&mut got)).await.unwrap();

    assert!(end.is_err() || got.len() == 3, "{end:?} {got:?}");
    assert!(got.len() <= 3);
}

#[tokio::test]
async fn latency_and_slices_change_when_bytes_arrive_but_not_which() {
    let echo = echo().await;
    let latency = Duration::from_millis(30);
    echo.proxy.change(|weather| {
        weather.up.latency = latency;
        weather.down.slice = 1;
    });
    let mut stream = echo.dial().await;
    let began = Instant::now();

    say(&mut stream, b"0123456789").await.unwrap();

    assert!(began.elapsed() >= latency);
}

#[test]
fn the_clock_moves_when_told_and_only_then() {
    let hand = HandClock::at(Timestamp::from_millis(1_000));
    let clock = hand.clock();
    assert_eq!(clock.now(), Timestamp::from_millis(1_000));

    hand.advance(Duration::from_secs(2));
    assert_eq!(clock.now(), Timestamp::from_millis(3_000));

    hand.set(Timestamp::from_millis(5));
    assert_eq!(clock.now(), Timestamp::from_millis(5));
}

#[test]
fn dice_of_one_seed_fall_the_same_way() {
    let throws = |seed| {
        let mut dice = Dice::of(seed);
        (0..8).map(|_| dice.below(1_000)).collect::<Vec<_>>()
    };

    assert_eq!(throws(7), throws(7));
    assert_ne!(throws(7), throws(8));
}
