//! Hostile and broken input at the doors: floods, strangers, noise, and words that try to do something. Each is refused
//! or shown as it is, and whoever is honest sees nothing of it.

use std::time::Duration;

use bytes::Bytes;
use proto::v1;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tonic_types::StatusExt as _;

use crate::world::bare::{Bare, header_of, reason};
use crate::world::drafts::{bulletin, lawful, officer};
use crate::world::live::{World, id_of, within};
use crate::world::papers::paper;
use crate::world::region::{LY, Lands, RZ, XZ};

mod beside;
mod cap;
mod frames;
mod receipts;
mod stranger;

use stranger::{Show, Stranger};

const PRIORITY: v1::Precedence = v1::Precedence::Priority;
/// What the connection of somebody who is let in begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Somebody honest is served as ever: accepted, and delivered.
async fn serves(world: &World, from: &Bare, session: &mut crate::world::bare::Session<'_>) {
    let envelope = from.envelope(bulletin(&[XZ], PRIORITY, "汛情通报"));
    from.submit(world.broker_address(), envelope.clone()).await.unwrap();
    let handed = session.take(1).await.unwrap();
    assert_eq!(handed[0].envelope.as_ref(), Some(&envelope));
    session.confirm(&handed).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_repeats_itself_ten_thousand_times_is_held_to_its_rate_and_nobody_else_is() {
    let world = World::without_agents(&[LY, XZ, RZ], Lands::Unknown).await;
    world.region.publish_terms("per_second = 100", world.clock.now()).unwrap();
    world.relay().reload_trust().await;
    let (ly, rz, xz) = (world.bare(LY), world.bare(RZ), world.bare(XZ));
    let mut reader = xz.session(world.broker_address()).await.unwrap();
    let one = ly.envelope(bulletin(&[XZ], PRIORITY, "重复"));
    let mut session = ly.session(world.broker_address()).await.unwrap();

    let mut taken = 0;
    for _ in 0..100 {
        let answers = session.submit(vec![one.clone(); 100]).await.unwrap();
        taken += answers.accepted.unwrap().statements.len();
        assert!(answers.refused.iter().all(|refusal| refusal.reason == "LD104_RATE_LIMITED"));
        assert!(answers.refused.iter().all(|refusal| refusal.retry_after.is_some()));
    }

    assert_eq!(taken, 100, "the clock stands still");
    let submission = Some(v1::Submission { envelope: Some(one), ..Default::default() });
    let refused = ly.client(world.broker_address()).submit(v1::SubmitRequest { submission }).await.unwrap_err();
    assert_eq!(reason(&refused), "LD104_RATE_LIMITED");
    assert!(refused.get_details_retry_info().unwrap().retry_delay.unwrap() > Duration::ZERO);
    assert_eq!(world.accepted_count(), 1);
    assert!(world.refusals().len() < 100, "a flood does not fill the journal");
    let first = reader.take(1).await.unwrap();
    reader.confirm(&first).await.unwrap();
    serves(&world, &rz, &mut reader).await;
    drop((session, reader));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_revoked_speaks_no_more_whatever_time_it_writes() {
    let world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let ly = world.bare(LY);
    let before = ly.envelope(bulletin(&[XZ], PRIORITY, "汛情通报"));
    ly.submit(world.broker_address(), before).await.unwrap();
    world.clock.advance(Duration::from_mins(10));
    let queued = ly.envelope(bulletin(&[XZ], PRIORITY, "汛情通报"));
    world.clock.advance(Duration::from_mins(10));

    world.region.revoke_evidence(LY, world.clock.now()).unwrap();
    world.relay().reload_trust().await;
    world.clock.advance(Duration::from_mins(1));

    assert_eq!(
        ly.submit(world.broker_address(), queued).await.unwrap_err(),
        "LD205_BAD_SEAL",
        "sealed before it ended"
    );
    let now = ly.envelope(bulletin(&[XZ], PRIORITY, "汛情通报"));
    assert_eq!(ly.submit(world.broker_address(), now).await.unwrap_err(), "LD205_BAD_SEAL");
    assert_eq!(world.accepted_count(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_that_it_came_on_a_bundle_passes_no_rule_by() {
    let world = World::without_agents(&[LY, XZ, RZ], Lands::Unknown).await;
    let (ly, rz) = (world.bare(LY), world.bare(RZ));
    let envelope = ly.envelope(bulletin(&[XZ], PRIORITY, "汛情通报"));
    let handed_in = async |by: &Bare, carried| {
        let submission = Some(v1::Submission { envelope: Some(envelope.clone()), carried, ..Default::default() });
        by.client(world.broker_address()).submit(v1::SubmitRequest { submission }).await
    };

    assert_eq!(reason(&handed_in(&rz, false).await.unwrap_err()), "LD102_SENDER_MISMATCH");
    for by in [&rz, &ly] {
        let refused = handed_in(by, true).await.unwrap_err();
        let info = refused.get_details_error_info().unwrap();
        let told = ["field", "rule"].map(|key| info.metadata[key].as_str());
        assert_eq!((&*info.reason, told), ("LD102_SENDER_MISMATCH", ["submission.carried", "submission.carried"]));
        assert!(refused.message().contains("must come from a bundle"), "{refused}");
    }
    assert_eq!(world.accepted_count(), 0);
    // who reads it may hand it up, and no more than it: the seal is the sender's own
    let xz = world.bare(XZ);
    let mut forged = envelope.clone();
    forged.content = ly.envelope(bulletin(&[XZ], PRIORITY, "另一份通报")).content;
    let submission = Some(v1::Submission { envelope: Some(forged), carried: true, ..Default::default() });
    let refused = xz.client(world.broker_address()).submit(v1::SubmitRequest { submission }).await.unwrap_err();
    assert_eq!(reason(&refused), "LD205_BAD_SEAL");
    handed_in(&xz, true).await.unwrap();
    handed_in(&ly, false).await.unwrap();
    assert_eq!(world.accepted_count(), 1, "the same message, by either way");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_agent_of_the_region_is_turned_away_and_written_down_once() {
    let world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let stranger = Stranger::beside(&world);
    // it says nothing, while the others knock
    let mut stalled = TcpStream::connect(world.broker_address()).await.unwrap();

    for (shows, why) in [
        (Show::Nothing, "no certificate was shown"),
        (Show::OtherRegion, "the certificate is of another region"),
        (Show::Server, "the certificate must have exactly one URI name of our form"),
        (Show::OldTls, "TLS 1.3 was not offered"),
        (Show::Expired, "the certificate has expired"),
        (Show::NotYetValid, "the certificate is not yet valid"),
        (Show::WrongUsage, "the certificate's extended key usage is not the one for this listener"),
    ] {
        let told = stranger.knock(&world, shows).await;
        assert!(!told.contains("region") && !told.contains("URI"), "the caller learns no detail: {told}");
        written_down(&world, why, 1).await;
    }
    for (shows, count) in [(Show::OtherAuthority, 1), (Show::OwnAuthority, 2)] {
        stranger.knock(&world, shows).await;
        written_down(&world, "the certificate was not issued by the authority bound to its name", count).await;
    }
    world.region.revoke_leaf(LY, world.clock.now()).unwrap();
    world.relay().reload_trust().await;
    stranger.knock(&world, Show::Stolen).await;
    written_down(&world, "the certificate is revoked", 1).await;
    world.region.issue_leaf(LY, world.clock.now()).unwrap();
    assert_eq!(world.accepted_count(), 0);
    let silence = within("the door gives up", stalled.read(&mut [0; 64])).await;
    assert!(silence.is_err() || silence.is_ok_and(|bytes| bytes == 0));
    written_down(&world, "the handshake took too long", 1).await;

    let (ly, xz) = (world.bare(LY), world.bare(XZ));
    let mut reader = xz.session(world.broker_address()).await.unwrap();
    serves(&world, &ly, &mut reader).await;
    drop(reader);
    world.end().await;
}

/// Records say that the door refused so many callers, and why.
async fn written_down(world: &World, why: &str, count: usize) {
    let found = || world.refusals().into_iter().filter(|refused| refused.reason == why).collect::<Vec<_>>();
    let records = world.at_broker(why, |_| Some(found()).filter(|records| records.len() >= count)).await;
    let told = records.iter().map(|record| (&*record.source, record.count)).collect::<Vec<_>>();
    assert_eq!(told, vec![("127.0.0.1", 1); count]);
}

/// So many bytes without any sense.
fn noise(world: &mut World, length: usize) -> Vec<u8> {
    (0..length).map(|_| u8::try_from(world.dice.below(256)).unwrap()).collect()
}

/// Says something, and listens until the other side has had enough.
async fn shout(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin, words: &[u8]) {
    // the other side may hang up in the middle of it
    drop(stream.write_all(words).await);
    drop(stream.shutdown().await);
    let mut answer = Vec::new();
    drop(within("the other side ends", stream.read_to_end(&mut answer)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_at_any_door_ends_that_connection_and_nothing_else() {
    let mut world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    world.start_agent(LY).await;
    world.agent(LY).linked().await;
    let identity = certs::tls::Identity::load(&world.region.trust.trust(XZ), world.clock.clock()).unwrap();
    let desk = world.region.agent(LY).desk_socket.clone();
    for length in [1, 9, 64, 1_000, 70_000] {
        let words = noise(&mut world, length);
        let (agents, operators) = (world.broker_address(), world.broker().admin_address);
        let metrics = world.broker().metrics_address;
        for door in [agents, operators, metrics] {
            shout(TcpStream::connect(door).await.unwrap(), &words).await;
        }
        shout(UnixStream::connect(&desk).await.unwrap(), &words).await;
        shout(UnixStream::connect(&desk).await.unwrap(), &[PREFACE, &words].concat()).await;
        for words in [words.clone(), [PREFACE, &words].concat()] {
            let (inside, _) = certs::tls::connect(&identity, "127.0.0.1", agents.port()).await.unwrap();
            shout(inside, &words).await;
        }
    }

    let xz = world.bare(XZ);
    let mut reader = xz.session(world.broker_address()).await.unwrap();
    let id = world.agent(LY).send(bulletin(&[XZ], PRIORITY, "照常")).await;
    let handed = reader.take(1).await.unwrap();
    assert_eq!(id_of(&header_of(handed[0].envelope.as_ref().unwrap()).message_id), id);
    drop(reader);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_that_is_cut_off_or_no_content_is_refused_whatever_its_seal_says() {
    let mut world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let ly = world.bare(LY);
    let whole = ly.envelope(bulletin(&[XZ], PRIORITY, "截断")).content;
    let mut broken: Vec<Bytes> = (0..whole.len()).step_by(7).map(|end| whole.slice(..end)).collect();
    for length in [1, 16, 200, 4_000] {
        broken.push(noise(&mut world, length).into());
    }

    let mut session = ly.session(world.broker_address()).await.unwrap();
    let count = broken.len();
    let sealed = broken.into_iter().map(|content| ly.seal_bytes(content)).collect();
    let answers = session.submit(sealed).await.unwrap();

    assert_eq!(answers.refused.len(), count);
    assert!(answers.refused.iter().all(|refusal| refusal.reason.starts_with("LD2")), "each with a word about its form");
    assert_eq!(world.accepted_count(), 0);
    let xz = world.bare(XZ);
    let mut reader = xz.session(world.broker_address()).await.unwrap();
    serves(&world, &ly, &mut reader).await;
    drop((session, reader));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_that_steers_a_screen_or_turns_the_writing_is_shown_and_does_nothing() {
    let mut world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    world.start_agent(LY).await;
    world.start_agent(XZ).await;
    let (ly, xz) = (world.agent(LY), world.agent(XZ));
    let turned = "<script>全部\u{202e}解除</script>";
    let titled = |title: &str| paper!(Bulletin, world.clock.now(), |body| title.clone_into(&mut body.headline)).0;

    let refused = world.desk(LY).send(titled("\u{1b}[2J清屏")).await.unwrap_err();
    assert_eq!(reason(&refused), "LD201_BAD_SCHEMA", "no honest desk sends what steers a terminal");
    let id = ly.send(titled(turned)).await;

    assert_eq!(xz.has_received(1).await, [id]);
    assert_eq!(xz.inside().summary(id).unwrap().title, "<script>全部⟨U+202E⟩解除</script>");
    // past the desk, for no broker opens a body
    let forger = world.bare(LY);
    let forged = forger.envelope(bulletin(&[XZ], PRIORITY, "\u{1b}[2J清屏"));
    forger.submit(world.broker_address(), forged).await.unwrap();
    let ids = xz.has_received(2).await;
    assert_eq!(xz.inside().summary(ids[1]).unwrap().title, "⟨U+001B⟩[2J清屏");
    world.end().await;
}

/// A page of the broker's, as a supervisor reads it.
async fn page(world: &World, path: &str) -> String {
    let mut stream = TcpStream::connect(world.broker().metrics_address).await.unwrap();
    let ask = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut page = String::new();
    within("a page", stream.read_to_string(&mut page)).await.unwrap();
    page
}

/// Three messages wait for a city that is cut off, and the second of them is damaged on the broker's disk.
async fn the_second_is_damaged(world: &mut World) -> Vec<model::ids::MessageId> {
    world.agent(XZ).cut().await;
    let mut sent = Vec::new();
    for title in ["第一件", "第二件：原文如此", "第三件"] {
        let id = world.agent(LY).send(bulletin(&[XZ], PRIORITY, title)).await;
        world.agent(LY).accepted(id).await;
        sent.push(id);
    }
    world.stop_broker().await;
    world.damage_journal("第二件：原文如此");
    world.start_broker().await;
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_altered_on_the_brokers_disk_comes_again_from_its_author_and_arrives_once() {
    let mut world = World::of(&[LY, XZ]).await;
    let sent = the_second_is_damaged(&mut world).await;
    let healthz = page(&world, "/healthz").await;
    assert!(healthz.contains("\nWARNING records ") && healthz.contains("cannot be read"), "{healthz}");

    world.agent(XZ).line.mend();

    assert_eq!(world.agent(XZ).has_received(3).await, [sent[0], sent[2], sent[1]], "it holds up nothing");
    for id in &sent {
        world.agent(LY).stage(*id, XZ, v1::Stage::Delivered).await;
    }
    world.desk(XZ).acknowledge(&Bytes::copy_from_slice(&sent[1].0), officer()).await.unwrap();
    world.agent(LY).stage(sent[1], XZ, v1::Stage::Acknowledged).await;
    assert!(page(&world, "/metrics").await.contains("liandong_envelopes_damaged_total{outcome=\"repaired\"} 1"));
    world.stop_broker().await;
    world.start_broker().await;
    let fourth = world.agent(LY).send(bulletin(&[XZ], PRIORITY, "第四件")).await;
    assert_eq!(world.agent(XZ).has_received(4).await[3], fourth, "and nothing comes twice");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_waits_for_its_author_and_the_rest_does_not() {
    let mut world = World::of(&[LY, XZ]).await;
    let sent = the_second_is_damaged(&mut world).await;
    world.agent(LY).cut().await;

    world.agent(XZ).line.mend();

    assert_eq!(world.agent(XZ).has_received(2).await, [sent[0], sent[2]]);
    world.agent(LY).line.mend();
    assert_eq!(world.agent(XZ).has_received(3).await[2], sent[1]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_whose_author_has_it_no_more_is_a_dead_letter_and_its_author_is_told() {
    let mut world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let (ly, xz) = (world.bare(LY), world.bare(XZ));
    let envelope = ly.envelope(bulletin(&[XZ], PRIORITY, "原文如此"));
    ly.submit(world.broker_address(), envelope.clone()).await.unwrap();
    ly.submit(world.broker_address(), ly.envelope(bulletin(&[XZ], PRIORITY, "下一件"))).await.unwrap();
    world.stop_broker().await;
    world.damage_journal("原文如此");
    world.start_broker().await;
    let mut author = ly.session(world.broker_address()).await.unwrap();
    let reader = xz.session(world.broker_address()).await.unwrap();
    let asked = author.asked_for().await.unwrap();
    assert_eq!(asked, [header_of(&envelope).message_id]);

    let missed = v1::GapRequest { message_ids: asked, ..Default::default() };
    author.say(v1::session_request::Frame::GapRequest(missed)).await.unwrap();

    let told = author.receipts().await.unwrap();
    assert_eq!((told[0].stage(), told[0].reason.as_str()), (v1::Stage::Dead, "LD901_INTERNAL"));
    drop((author, reader));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_were_altered_on_the_brokers_disk_hold_up_no_later_ones() {
    let mut world = World::of(&[LY, XZ]).await;
    let id = world.agent(LY).send(bulletin(&[XZ], PRIORITY, "汛情通报")).await;
    world.agent(LY).stage(id, XZ, v1::Stage::Delivered).await;
    world.agent(LY).cut().await;
    let reader = v1::Officer { name: "第一位读者".into(), role: v1::Role::DutyOfficer.into() };
    world.desk(XZ).open(&Bytes::copy_from_slice(&id.0), reader).await.unwrap();
    let ly = LY.parse().unwrap();
    world.at_broker("the opening", |relay| relay.trace(&ly, id).ok().filter(|trace| trace.receipts.len() == 3)).await;
    world.stop_broker().await;
    world.damage_journal("第一位读者");
    world.start_broker().await;

    world.agent(LY).line.mend();
    world.desk(XZ).acknowledge(&Bytes::copy_from_slice(&id.0), officer()).await.unwrap();

    world.agent(LY).stage(id, XZ, v1::Stage::Acknowledged).await;
    world.end().await;
}
