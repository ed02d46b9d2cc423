//! A line that carries little: a FLASH waits for what the line carries in two seconds, whatever else waits for it.

use std::time::Duration;

use model::limits;
use proto::v1;

use crate::world::drafts::bulletin;
use crate::world::live::World;
use crate::world::proxy::Way;
use crate::world::region::{LY, LYG, Lands, RZ, XZ};

/// 64,000 bytes a second.
const LINE: Way = Way { slice: 6_400, rest: Duration::from_millis(100), ..OPEN };
const OPEN: Way = Way {
    flow: crate::world::proxy::Flow::Open,
    latency: Duration::ZERO,
    slice: 0,
    rest: Duration::ZERO,
    reset_after: None,
};
/// ROUTINE messages that wait for the line: over a megabyte, a third of a minute of it.
const BACKLOG: u64 = 600;
/// So many have gone before the FLASH is sent: by then both sides know what the line carries.
const FIRST: u64 = 60;
/// What may go over the line before a FLASH that was sent just now: what is in flight, a frame that was just chosen, and one
/// that the proxy holds.
const AHEAD: usize = limits::IN_FLIGHT_BYTES_LEAST as usize + 2 * 64 * 1024;

fn text() -> String {
    "防汛值守常规通报".repeat(40)
}

async fn cities() -> World {
    let mut world = World::without_agents(&[LY, XZ, LYG, RZ], Lands::Unknown).await;
    for city in [LY, XZ] {
        world.start_agent(city).await;
        world.agent(city).linked().await;
    }
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn on_its_way_down_a_flash_waits_for_two_seconds_of_the_line() {
    let world = cities().await;
    let (rz, xz) = (world.bare(RZ), world.agent(XZ));
    xz.line.change(|weather| weather.down = LINE);
    let mut line = rz.session(world.broker_address()).await.unwrap();
    let mut bytes = 0;
    for _ in 0..BACKLOG / 60 {
        let burst: Vec<_> = (0..60).map(|_| rz.envelope(bulletin(&[XZ], v1::Precedence::Routine, &text()))).collect();
        bytes = burst[0].content.len();
        assert_eq!(line.submit(burst).await.unwrap().refused, []);
    }
    let came = || xz.inbox().len() as u64;
    xz.until("some have come", |_| (came() >= FIRST).then_some(())).await;

    let flash = world.agent(LY).send(bulletin(&[XZ], v1::Precedence::Flash, "大坝告急")).await;
    world.agent(LY).accepted(flash).await;
    let before = came();
    let after = xz.until("the FLASH has come", |desk| desk.summary(flash).is_ok().then(came)).await;

    let ahead = usize::try_from(after - before).unwrap() * bytes;
    assert!(ahead <= AHEAD, "{ahead} bytes went before it, of {}", BACKLOG as usize * bytes);
    xz.line.mend();
    xz.until("the rest has come", |_| (came() > BACKLOG).then_some(())).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_its_way_up_a_flash_waits_for_two_seconds_of_the_line() {
    let world = cities().await;
    let xz = world.agent(XZ);
    xz.cut().await;
    let mut bytes = 0;
    for _ in 0..BACKLOG {
        let id = xz.send(bulletin(&[LYG], v1::Precedence::Routine, &"防汛".repeat(50))).await;
        bytes = xz.inside().envelope(id).unwrap().unwrap().0.content.len();
    }
    let waits = |desk: &agent::desk::Desk| desk.engine.read(|fold, _| fold.agent().queued);
    xz.line.mend();
    xz.line.change(|weather| weather.up = LINE);
    xz.until("some have gone", |desk| (waits(desk) <= BACKLOG - FIRST).then_some(())).await;

    let flash = xz.send(bulletin(&[LYG], v1::Precedence::Flash, "大坝告急")).await;
    let before = waits(xz.inside());
    let taken = |desk: &agent::desk::Desk| desk.summary(flash).ok()?.accepted.then(|| waits(desk));
    let after = xz.until("the FLASH is accepted", taken).await;

    let ahead = usize::try_from(before - after).unwrap() * bytes;
    assert!(ahead <= AHEAD, "{ahead} bytes went before it, of {}", BACKLOG as usize * bytes);
    xz.line.mend();
    xz.until("the rest is accepted", |desk| (waits(desk) == 0).then_some(())).await;
    world.end().await;
}
