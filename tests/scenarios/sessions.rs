//! Sessions: credit, fencing, order through refusals, fairness, silence, drain, and the end of trust.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use proto::v1;
use proto::v1::Stage;
use proto::v1::session_request::Frame as Ask;

use crate::world::bare::{Bare, header_of, reason};
use crate::world::drafts::{bulletin, lawful};
use crate::world::live::{World, id_of, within};
use crate::world::proxy::Flow;
use crate::world::region::{LY, LYG, Lands, RZ, XZ};

const FLASH: v1::Precedence = v1::Precedence::Flash;
const PRIORITY: v1::Precedence = v1::Precedence::Priority;
const ROUTINE: v1::Precedence = v1::Precedence::Routine;

fn draft(to: &str, precedence: v1::Precedence) -> v1::Draft {
    bulletin(&[to], precedence, "汛情通报")
}

fn ids(deliveries: &[v1::Delivery]) -> Vec<Bytes> {
    deliveries.iter().map(|one| header_of(one.envelope.as_ref().unwrap()).message_id).collect()
}

async fn doors() -> (World, Bare, Bare) {
    let world = World::without_agents(&[LY, XZ, LYG, RZ], Lands::Unknown).await;
    let (ly, xz) = (world.bare(LY), world.bare(XZ));
    (world, ly, xz)
}

fn credit(envelopes: u64) -> v1::Credit {
    let line = |precedence| v1::CreditLine { precedence, bytes: 1 << 30, envelopes };
    v1::Credit { lines: (1..=4).map(line).collect() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_gets_no_more_than_its_credit_and_more_when_it_gives_more() {
    let (world, ly, xz) = doors().await;
    let hello = v1::Hello { credit: Some(credit(2)), ..xz.hello() };
    let mut session = xz.session_with(world.broker_address(), hello).await.unwrap();
    let mut sent = Vec::new();
    for _ in 0..5 {
        let envelope = ly.envelope(draft(XZ, PRIORITY));
        ly.submit(world.broker_address(), envelope.clone()).await.unwrap();
        sent.push(header_of(&envelope).message_id);
    }

    let first = session.take(2).await.unwrap();
    session.confirm(&first).await.unwrap();
    // a FLASH has credit of its own: it shows that the broker had its chance to send more of the others
    let flash = ly.envelope(draft(XZ, FLASH));
    ly.submit(world.broker_address(), flash.clone()).await.unwrap();
    assert_eq!(ids(&session.deliveries().await.unwrap()), [header_of(&flash).message_id]);

    session.say(Ask::Credit(credit(4))).await.unwrap();
    let more = session.take(2).await.unwrap();
    session.say(Ask::Credit(credit(3))).await.unwrap(); // late and lower: changes nothing
    session.say(Ask::Credit(credit(5))).await.unwrap();
    let last = session.take(1).await.unwrap();
    assert_eq!([ids(&first), ids(&more), ids(&last)].concat(), sent);
    drop(session);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_session_fences_the_older_and_gets_everything_that_is_left() {
    let (world, ly, xz) = doors().await;
    let envelope = ly.envelope(draft(XZ, PRIORITY));
    ly.submit(world.broker_address(), envelope.clone()).await.unwrap();
    let mut older = xz.session(world.broker_address()).await.unwrap();
    assert_eq!(older.take(1).await.unwrap().len(), 1);

    let mut newer = xz.session(world.broker_address()).await.unwrap();

    assert_eq!(older.ended().await, "LD108_SUPERSEDED");
    let again = newer.take(1).await.unwrap();
    assert_eq!(ids(&again), [header_of(&envelope).message_id]);
    newer.confirm(&again).await.unwrap();
    drop((older, newer));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_reads_nothing_holds_up_nobody_else() {
    let mut world = World::without_agents(&[LY, XZ, LYG], Lands::Unknown).await;
    for city in [LY, XZ, LYG] {
        world.start_agent(city).await;
        world.agent(city).linked().await;
    }
    let (ly, xz) = (world.agent(LY), world.agent(XZ));
    xz.line.change(|weather| weather.down.flow = Flow::Held);
    let body = "长".repeat(100_000);

    let mut last = None;
    for _ in 0..40 {
        let both = bulletin(&[XZ, LYG], PRIORITY, &body);
        last = Some(ly.send(both).await);
    }

    let last = last.unwrap();
    ly.stage(last, LYG, Stage::Delivered).await;
    let states = ly.inside().summary(last).unwrap().states;
    assert_eq!(states.iter().find(|state| state.jurisdiction == XZ).unwrap().stage(), Stage::Accepted);
    xz.line.mend();
    ly.stage(last, XZ, Stage::Delivered).await;
    assert_eq!(xz.inbox().len(), 40);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_peer_is_taken_for_lost_on_both_sides_and_its_mailbox_waits() {
    let world = World::of(&[LY, XZ]).await;
    let (ly, xz) = (world.agent(LY), world.agent(XZ));
    xz.line.change(|weather| {
        weather.up.flow = Flow::Swallowed;
        weather.down.flow = Flow::Swallowed;
    });

    let id = ly.send(draft(XZ, PRIORITY)).await;
    xz.unlinked().await; // 25 s after the last byte
    let relay = world.relay();
    let xz_id = XZ.parse().unwrap();
    within("the broker gives the session up", async {
        while let Some(session) = relay.sessions.of(&xz_id) {
            session.stop().cancelled().await;
            tokio::task::yield_now().await;
        }
    })
    .await;
    let trace = relay.trace(&LY.parse().unwrap(), id).unwrap();
    assert_eq!(trace.states[0].blocked, "OFFLINE");

    xz.line.mend();
    ly.stage(id, XZ, Stage::Delivered).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn order_of_a_precedence_holds_through_a_refusal_that_may_be_repeated() {
    let (world, ly, xz) = doors().await;
    narrow_rates(&world);
    world.relay().reload_trust().await;
    let mut session = ly.session(world.broker_address()).await.unwrap();
    let envelopes: Vec<_> = (0..6).map(|_| ly.envelope(draft(XZ, PRIORITY))).collect();
    let flash = ly.envelope(draft(XZ, FLASH));

    let answers = session.submit(envelopes.clone()).await.unwrap();
    let refused: Vec<_> = answers.refused.iter().map(|refusal| refusal.message_id.clone()).collect();
    let expected: Vec<_> = envelopes.iter().map(|envelope| header_of(envelope).message_id).collect();
    assert_eq!(refused, expected[2..], "two a second");
    assert!(answers.refused.iter().all(|refusal| refusal.reason == "LD104_RATE_LIMITED"));
    assert!(answers.refused[0].retry_after.is_some());

    world.clock.advance(Duration::from_secs(1));
    // what came after the refused one does not slip past it; another precedence is not held up
    let early = session.submit(vec![envelopes[4].clone()]).await.unwrap();
    assert_eq!(early.refused[0].reason, "LD104_RATE_LIMITED");
    world.clock.advance(Duration::from_secs(1));
    assert!(session.submit(vec![flash.clone()]).await.unwrap().refused.is_empty());
    world.clock.advance(Duration::from_secs(1));
    for pair in envelopes[2..].chunks(2) {
        assert!(session.submit(pair.to_vec()).await.unwrap().refused.is_empty());
        world.clock.advance(Duration::from_secs(1));
    }

    let mut reader = xz.session(world.broker_address()).await.unwrap();
    let handed = ids(&reader.take(7).await.unwrap());
    assert_eq!(handed[0], header_of(&flash).message_id);
    assert_eq!(handed[1..], expected);
    drop((session, reader));
    world.end().await;
}

/// LY may send two envelopes a second.
fn narrow_rates(world: &World) {
    world.region.publish_terms("per_second = 2", world.clock.now()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_refused_for_its_rate_sends_everything_in_the_end_and_in_order() {
    let mut world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    narrow_rates(&world);
    world.relay().reload_trust().await;
    world.start_agent(LY).await;
    world.start_agent(XZ).await;
    let ly = world.agent(LY);
    ly.linked().await;
    let mut sent = Vec::new();
    for _ in 0..6 {
        sent.push(ly.send(draft(XZ, PRIORITY)).await);
    }

    let clock = world.clock.clone();
    let ticking = async {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            clock.advance(Duration::from_millis(200));
        }
    };
    tokio::select! {
        () = ticking => {}
        received = world.agent(XZ).has_received(6) => assert_eq!(received, sent),
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_flash_floods_a_waiting_precedence_gets_one_frame_in_48() {
    let (world, ly, xz) = doors().await;
    world.region.publish_terms("flash_per_hour = 1000", world.clock.now()).unwrap();
    world.relay().reload_trust().await;
    let routine: Vec<_> = (0..4).map(|_| ly.envelope(draft(XZ, ROUTINE))).collect();
    let mut sender = ly.session(world.broker_address()).await.unwrap();
    sender.submit(routine.clone()).await.unwrap();
    let flood: Vec<_> = (0..250).map(|_| ly.of_kind(flash_notice())).collect();
    for frame in flood.chunks(50) {
        assert!(sender.submit(frame.to_vec()).await.unwrap().refused.is_empty());
    }

    let mut reader = xz.session(world.broker_address()).await.unwrap();
    let handed = reader.take(254).await.unwrap();

    let at: Vec<_> = ids(&handed)
        .iter()
        .enumerate()
        .filter(|(_, id)| routine.iter().any(|envelope| header_of(envelope).message_id == *id))
        .map(|(at, _)| at)
        .collect();
    assert!(at[0] < 48, "{at:?}");
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] <= 48), "{at:?}");
    drop((sender, reader));
    world.end().await;
}

fn flash_notice() -> v1::Header {
    v1::Header { precedence: FLASH.into(), ..lawful(v1::Kind::DutyReport, &[XZ]) }
}

#[tokio::test(flavor = "multi_thread")]
async fn flash_beyond_the_budget_is_carried_as_immediate_and_says_so() {
    let (world, ly, _) = doors().await;
    let mut last = None;
    for _ in 0..61 {
        last = Some(ly.submit(world.broker_address(), ly.envelope(draft(XZ, FLASH))).await.unwrap().stamp.unwrap());
    }

    let last = last.unwrap();
    assert_eq!(last.carried_as(), v1::Precedence::Immediate);
    assert_eq!(last.flags, [i32::from(v1::Flag::FlashBudget)]);
    world.clock.advance(Duration::from_mins(1));
    let later = ly.submit(world.broker_address(), ly.envelope(draft(XZ, FLASH))).await.unwrap().stamp.unwrap();
    assert_eq!(later.carried_as(), FLASH, "one a minute comes back");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_whose_certificate_is_revoked_is_cut_and_its_mailbox_kept_for_the_next() {
    let world = World::of(&[LY, XZ]).await;
    let (ly, xz) = (world.agent(LY), world.agent(XZ));
    let bare = world.bare(XZ);
    let client = bare.client(world.broker_address());
    let trace = |id: &[u8]| v1::TraceRequest { message_id: Bytes::copy_from_slice(id) };
    let before = ly.send(draft(XZ, PRIORITY)).await;
    ly.stage(before, XZ, Stage::Delivered).await;
    client.clone().trace(trace(&before.0)).await.unwrap();

    world.region.revoke_leaf(XZ, world.clock.now()).unwrap();

    within("the session is cut within 5 s", tokio::time::timeout(Duration::from_secs(5), xz.unlinked())).await.unwrap();
    let refused = client.clone().trace(trace(&before.0)).await.unwrap_err();
    assert_eq!(reason(&refused), "LD103_CERT_REVOKED", "on a connection that is still open");
    let waiting = ly.send(draft(XZ, PRIORITY)).await;
    ly.accepted(waiting).await;
    world.region.issue_leaf(XZ, world.clock.now()).unwrap();
    ly.stage(waiting, XZ, Stage::Delivered).await;
    assert_eq!(xz.inbox(), [before, waiting]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_speaks_another_protocol_is_told_who_must_upgrade() {
    let (world, _, xz) = doors().await;
    let hello = v1::Hello { protocol_min: 7, protocol_max: 9, ..xz.hello() };

    let refused = xz.session_with(world.broker_address(), hello).await.map(|_| ()).unwrap_err();

    assert_eq!(reason(&refused), "LD111_NO_COMMON_PROTOCOL");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_for_other_bytes_or_in_anothers_name_moves_nothing() {
    let (world, ly, xz) = doors().await;
    let envelope = ly.envelope(draft(XZ, PRIORITY));
    ly.submit(world.broker_address(), envelope.clone()).await.unwrap();
    let mut session = xz.session(world.broker_address()).await.unwrap();
    let handed = session.take(1).await.unwrap();
    let other = v1::ReceiptStatement {
        content_hash: vec![9; 32].into(),
        ..v1::ReceiptStatement::decode(xz.delivered(&envelope)).unwrap()
    };

    session.confirm_with(vec![handed[0].tag], xz.batch(other.encode_to_vec().into())).await.unwrap();
    let id = id_of(&header_of(&envelope).message_id);
    let stage = || world.relay().trace(&LY.parse().unwrap(), id).unwrap().states[0].stage();
    assert_eq!(stage(), Stage::Accepted);

    let rz = world.bare(RZ);
    let mut liar = rz.session(world.broker_address()).await.unwrap();
    assert!(liar.confirm_with(Vec::new(), rz.batch(xz.delivered(&envelope))).await.is_err());
    assert_eq!(stage(), Stage::Accepted);
    drop((session, liar));
    world.end().await;
}
