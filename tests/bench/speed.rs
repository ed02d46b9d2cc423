//! One sender, one receiver: one message at a time, then a window of 256.

use proto::{v1, v1::session_request::Frame as Ask, v1::session_response::Frame as Tell};
use tokio::time::Instant;

use crate::{
    Times,
    client::{Line, Sealer, say, submissions},
    place::Place,
    world::{
        bare::Bare,
        region::{LY, XZ},
    },
};

const ONE_AT_A_TIME: usize = 2_000;
const WINDOWED: usize = 60_000;
const WINDOW: usize = 256;

/// A receiver that confirms every frame.
struct Receiver {
    line: Line,
    bare: Bare,
    sealer: Sealer,
    confirms: u64,
}

impl Receiver {
    async fn at(place: &Place) -> Self {
        let bare = place.bare(XZ);
        let line = Line::open(&bare, place.region.broker_address).await;
        Self { line, bare, sealer: Sealer::of(place, XZ), confirms: 0 }
    }

    /// Takes and confirms until `count` envelopes came and their confirms are stored.
    async fn take(&mut self, count: usize) {
        let (mut came, mut stored) = (0, self.confirms);
        while came < count || stored < self.confirms {
            match self.line.next().await {
                Tell::Deliveries(frame) => {
                    came += frame.deliveries.len();
                    self.confirm(&frame.deliveries).await;
                }
                Tell::ConfirmStored(done) => stored = done.number,
                _ => {}
            }
        }
    }

    async fn confirm(&mut self, deliveries: &[v1::Delivery]) {
        self.confirms += 1;
        let cumulative_tag = deliveries.iter().map(|delivery| delivery.tag).max().unwrap_or_default();
        let receipts = Some(self.sealer.confirm(&self.bare, deliveries));
        let confirm = v1::Confirm { number: self.confirms, cumulative_tag, receipts, ..v1::Confirm::default() };
        say(&self.line.asks, Ask::Confirm(confirm)).await;
    }
}

/// Measures and says so.
pub async fn run() {
    let place = Place::start("speed").await;
    let (bare, sealer) = (place.bare(LY), Sealer::of(&place, LY));
    let mut line = Line::open(&bare, place.region.broker_address).await;
    let mut receiver = Receiver::at(&place).await;
    one_at_a_time(&bare, &sealer, &mut line, &mut receiver).await;
    windowed(&place, &bare, &sealer, line, receiver).await;
}

async fn one_at_a_time(bare: &Bare, sealer: &Sealer, line: &mut Line, receiver: &mut Receiver) {
    let envelopes = sealer.envelopes(bare, v1::Precedence::Priority, ONE_AT_A_TIME);
    let mut took = Vec::with_capacity(envelopes.len());
    for envelope in envelopes {
        let began = Instant::now();
        say(&line.asks, submissions(&[envelope])).await;
        let accepted = async { while !matches!(line.next().await, Tell::Answers(_)) {} };
        let delivered = async {
            loop {
                if let Tell::Deliveries(frame) = receiver.line.next().await {
                    return frame.deliveries;
                }
            }
        };
        let ((), deliveries) = tokio::join!(accepted, delivered);
        took.push(began.elapsed());
        receiver.confirm(&deliveries).await;
    }
    println!("  one at a time, accepted and delivered: {}", Times::of(took).report());
}

async fn windowed(place: &Place, bare: &Bare, sealer: &Sealer, mut line: Line, mut receiver: Receiver) {
    let envelopes = sealer.envelopes(bare, v1::Precedence::Priority, WINDOWED);
    let (began, cpu) = (Instant::now(), place.broker.cpu());
    let send = async {
        let (mut sent, mut answered, mut refused) = (0, 0, 0);
        while answered < envelopes.len() {
            while sent < envelopes.len() && sent - answered < WINDOW {
                let end = (sent + crate::client::BURST).min(envelopes.len());
                say(&line.asks, submissions(&envelopes[sent..end])).await;
                sent = end;
            }
            if let Tell::Answers(answers) = line.next().await {
                refused += answers.refused.len();
                answered += answers.refused.len() + answers.accepted.map_or(0, |batch| batch.statements.len());
            }
        }
        assert_eq!(refused, 0);
    };
    tokio::join!(send, receiver.take(WINDOWED));
    let took = began.elapsed();
    let cpu = place.broker.cpu().saturating_sub(cpu).as_micros() as f64 / WINDOWED as f64;
    let (now, most) = place.broker.memory();
    println!(
        "  1→1, window {WINDOW}, accepted, delivered and settled: {:.0} messages/s, broker {cpu:.1} µs CPU a message, RSS {now} MiB (highest {most})",
        WINDOWED as f64 / took.as_secs_f64()
    );
}
