//! Trust that is renewed under load without anybody noticing, and trust that nobody renews for two weeks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::ids::MessageId;
use proto::v1;
use proto::v1::Stage;
use tokio::task::JoinSet;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::world::bare::header_of;
use crate::world::drafts::bulletin;
use crate::world::live::{World, id_of, within};
use crate::world::region::{LY, Lands, RZ, XZ};

const PRIORITY: v1::Precedence = v1::Precedence::Priority;
const DAY: Duration = Duration::from_hours(24);

/// How often everything is renewed: a few times in every run, as often as one says before a release.
fn rotations() -> usize {
    std::env::var("LIANDONG_ROTATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(8)
}

/// Sends one message after another from a desk until it is told to stop.
async fn keep_sending(desk: Arc<agent::desk::Desk>, stop: Arc<AtomicBool>) -> Vec<MessageId> {
    let mut sent = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let draft = bulletin(&[XZ], PRIORITY, &format!("第{}期", sent.len() + 1));
        sent.push(desk.send(draft).await.unwrap().message_id);
    }
    sent
}

/// Numbers of the sessions that live.
fn sessions(world: &World) -> Vec<u64> {
    [LY, XZ].iter().map(|city| world.relay().sessions.of(&city.parse().unwrap()).unwrap().number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_lists_directory_and_grants_are_renewed_under_load_and_no_stream_breaks() {
    let mut world = World::of(&[LY, XZ]).await;
    let (before, stop) = (sessions(&world), Arc::<AtomicBool>::default());
    let mut sending = JoinSet::new();
    sending.spawn(keep_sending(world.agent(LY).inside().clone(), stop.clone()));
    let (mut beside, mut seen) = (Vec::new(), 0);

    for round in 0..rotations() {
        // every leaf, the broker's too; lists; directory and grants: new, and in force everywhere
        world.pass(Duration::from_secs(30)).await;
        for city in [LY, XZ] {
            world.agent(city).inside().tls.reload().unwrap();
        }
        // whoever connects now shows a new certificate to a new one
        let bare = world.bare(XZ);
        let envelope = bare.envelope(bulletin(&[LY], PRIORITY, &format!("第{round}次轮换之后")));
        beside.push(bare.submit(world.broker_address(), envelope).await.unwrap());
        seen += 1;
        world.agent(XZ).has_received(seen).await;
    }

    stop.store(true, Ordering::SeqCst);
    let sent = sending.join_next().await.unwrap().unwrap();
    println!("{} rotations, {} messages", rotations(), sent.len());
    assert_eq!(world.agent(XZ).has_received(sent.len()).await, sent, "each once, in order");
    assert_eq!(world.agent(LY).has_received(beside.len()).await.len(), rotations());
    assert_eq!(sessions(&world), before, "no stream was dropped");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_peers_streams_all_end_within_five_seconds() {
    let world = World::without_agents(&[LY, XZ, RZ], Lands::Unknown).await;
    let (ly, rz) = (world.bare(LY), world.bare(RZ));
    let mut session = rz.session(world.broker_address()).await.unwrap();
    let mut health = HealthClient::new(rz.channel(world.broker_address()));
    let mut watching = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    let mut honest = ly.session(world.broker_address()).await.unwrap();

    world.region.revoke_leaf(RZ, world.clock.now()).unwrap();
    world.relay().reload_trust().await;
    let began = tokio::time::Instant::now();

    assert_eq!(session.ended().await, "LD103_CERT_REVOKED");
    println!("session: {:?}", began.elapsed());
    // what is watched beside the session ends too
    let ended =
        within("the other stream ends", async { while watching.message().await.is_ok_and(|one| one.is_some()) {} });
    ended.await;
    let took = began.elapsed();
    println!("all: {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(rz.session(world.broker_address()).await.is_err(), "no way back");
    let own = ly.envelope(bulletin(&[XZ], PRIORITY, "照常"));
    assert_eq!(honest.submit(vec![own]).await.unwrap().refused, []);
    drop((session, honest));
    world.end().await;
}

/// The serial of the certificate with which a city's agent calls.
fn serial(world: &World, city: &str) -> Vec<u8> {
    certs::trust::identity_of(&world.region.trust.trust(city)).unwrap().1.serial
}

#[tokio::test(flavor = "multi_thread")]
async fn an_island_of_fourteen_days_keeps_its_trust_and_comes_back_with_the_urgent_first() {
    let mut world = World::of(&[LY, XZ]).await;
    let leaves = [LY, XZ].map(|city| serial(&world, city));
    // the hub is gone, and so is the secretariat: nobody signs or issues anything
    world.stop_broker().await;
    world.agent(LY).unlinked().await;
    world.agent(XZ).unlinked().await;
    let lasting = |headline: &str, precedence, world: &World| {
        let mut draft = bulletin(&[XZ], precedence, headline);
        let ends = world.clock.now().plus(DAY * 29);
        draft.header.get_or_insert_default().expires_at = Some(proto::border::time::to_wire(ends));
        draft
    };
    let mut short = bulletin(&[XZ], PRIORITY, "一天内有效");
    let ends = world.clock.now().plus(DAY);
    short.header.get_or_insert_default().expires_at = Some(proto::border::time::to_wire(ends));
    let short = world.agent(LY).send(short).await;
    let mut routine = Vec::new();
    for day in 1..=14 {
        world.clock.advance(DAY);
        let draft = lasting(&format!("孤岛第{day}天"), v1::Precedence::Routine, &world);
        routine.push(world.agent(LY).send(draft).await);
        if day == 8 {
            for (city, before) in [LY, XZ].into_iter().zip(&leaves) {
                let renewed = async {
                    while serial(&world, city) == *before {
                        tokio::task::yield_now().await;
                    }
                };
                within("a leaf renews itself after a third of its life", renewed).await;
            }
        }
    }
    let flash = world.agent(LY).send(lasting("溃坝", v1::Precedence::Flash, &world)).await;

    world.start_broker().await;
    world.agent(XZ).linked_at_once().await;
    world.agent(LY).linked_at_once().await;

    let expected: Vec<_> = [flash].into_iter().chain(routine).collect();
    assert_eq!(world.agent(XZ).has_received(15).await, expected, "the urgent first, then in order");
    for id in &expected {
        world.agent(LY).stage(*id, XZ, Stage::Delivered).await;
    }
    let refusal = world.agent(LY).refused(short).await;
    assert_eq!(refusal.reason, "LD502_EXPIRED", "what expired is told to its sender");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_by_a_grant_of_a_moment_ago_is_asked_about_and_not_refused_for_good() {
    let mut world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    world.region.publish_narrow_grants(world.clock.now()).unwrap();
    world.relay().reload_trust().await;
    world.start_agent(XZ).await;
    // its files are its own: it learns of newer ones over the link alone
    let own = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(world.region.trust.trust(XZ)).arg(own.path()).status();
    assert!(copied.unwrap().success());
    world.agent_mut(XZ).restart_with(|config| config.trust = own.path().join(XZ)).await;
    world.agent(XZ).linked().await;
    let ly = world.bare(LY);
    let narrow = ly.refused(world.broker_address(), ly.envelope(bulletin(&[XZ], PRIORITY, "尚无授权"))).await;
    assert_eq!(narrow.0, "LD401_NO_AGREEMENT");

    certs::region::open(&world.region.trust.folder).unwrap().publish(world.clock.now()).unwrap();
    world.relay().reload_trust().await;
    let envelope = ly.envelope(bulletin(&[XZ], PRIORITY, "刚刚授权"));
    ly.submit(world.broker_address(), envelope.clone()).await.unwrap();

    let id = id_of(&header_of(&envelope).message_id);
    assert_eq!(world.agent(XZ).has_received(1).await, [id]);
    let ly = LY.parse().unwrap();
    let delivered = |trace: &v1::TraceResponse| trace.receipts.len() == 2;
    let trace = world.at_broker("its receipt", |relay| relay.trace(&ly, id).ok().filter(delivered)).await;
    let last: v1::ReceiptStatement = prost::Message::decode(trace.receipts[1].statement.clone()).unwrap();
    assert_eq!(last.stage(), Stage::Delivered);
    world.end().await;
}
