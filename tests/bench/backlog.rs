//! A recipient comes back to 100,000 messages of all precedences: FLASH first, all once, memory stated.

use std::collections::HashSet;

use proto::{v1, v1::session_response::Frame as Tell, v1::subscribe_response::Event};
use tokio::time::Instant;

use crate::{
    client::{BURST, Line, Sealer, say, submissions},
    place::{Place, Program},
    world::{
        desk::Desk,
        region::{LY, XZ},
    },
};

const OF_EACH: usize = 25_000;
const WINDOW: usize = 1_024;
const PRECEDENCES: [v1::Precedence; 4] =
    [v1::Precedence::Routine, v1::Precedence::Priority, v1::Precedence::Immediate, v1::Precedence::Flash];

/// Measures and says so.
pub async fn run() {
    let place = Place::start("backlog").await;
    fill(&place).await;
    let (now, most) = place.broker.memory();
    println!("  queued {}: broker RSS {now} MiB (highest {most})", OF_EACH * PRECEDENCES.len());
    drain(&place).await;
}

/// Everything of every precedence, ROUTINE first.
async fn fill(place: &Place) {
    let (bare, sealer) = (place.bare(LY), Sealer::of(place, LY));
    let mut line = Line::open(&bare, place.region.broker_address).await;
    let began = Instant::now();
    for precedence in PRECEDENCES {
        let envelopes = sealer.envelopes(&bare, precedence, OF_EACH);
        let (mut sent, mut answered) = (0, 0);
        while answered < envelopes.len() {
            while sent < envelopes.len() && sent - answered < WINDOW {
                let end = (sent + BURST).min(envelopes.len());
                say(&line.asks, submissions(&envelopes[sent..end])).await;
                sent = end;
            }
            if let Tell::Answers(answers) = line.next().await {
                assert!(answers.refused.is_empty(), "{:?}", answers.refused.first());
                answered += answers.accepted.map_or(0, |batch| batch.statements.len());
            }
        }
    }
    let rate = (OF_EACH * PRECEDENCES.len()) as f64 / began.elapsed().as_secs_f64();
    println!("backlog, recipient absent\n  filled at {rate:.0} messages/s (sealing included)");
}

/// The real agent comes back.
async fn drain(place: &Place) {
    let files = place.region.agent(XZ);
    let agent = Program::start("agent", &files.config);
    let desk = Desk::at(&files.desk_socket);
    desk.ready(std::time::Duration::from_secs(30)).await.unwrap();
    let began = Instant::now();
    let mut events = desk.events(1).await.unwrap();
    let mut order = Vec::with_capacity(OF_EACH * PRECEDENCES.len());
    let mut seen = HashSet::new();
    while seen.len() < OF_EACH * PRECEDENCES.len() {
        if let Some(Event::Received(summary)) = events.message().await.unwrap().and_then(|event| event.event) {
            let header = summary.header.unwrap_or_default();
            assert!(seen.insert(header.message_id), "handed over twice");
            order.push(header.precedence);
        }
    }
    let rate = order.len() as f64 / began.elapsed().as_secs_f64();
    let flash = i32::from(v1::Precedence::Flash);
    let before_last_flash = order.iter().rposition(|precedence| *precedence == flash).unwrap() + 1;
    let (broker, broker_most) = place.broker.memory();
    let (now, most) = agent.memory();
    println!(
        "  drained at {rate:.0} messages/s, none twice; the {OF_EACH} FLASH were among the first {before_last_flash}; the first was {}",
        if order[0] == flash { "FLASH" } else { "no FLASH" }
    );
    println!("  afterwards: broker RSS {broker} MiB (highest {broker_most}), agent RSS {now} MiB (highest {most})");
}
