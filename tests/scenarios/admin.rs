//! The operators' side: mailboxes, dead letters, drain, reload, health, reflection, pages for machines.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use proto::v1;
use proto::v1::Stage;
use proto::v1::admin_client::AdminClient;
use proto::v1::session_request::Frame as Ask;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::transport::Channel;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1 as reflection, v1alpha as older};

use crate::world::bare::{Bare, header_of, reason};
use crate::world::drafts::{bulletin, lawful};
use crate::world::live::{World, id_of, within};
use crate::world::region::{LY, Lands, RZ, XZ};

const PRIORITY: v1::Precedence = v1::Precedence::Priority;
const ROUTINE: v1::Precedence = v1::Precedence::Routine;

async fn office() -> (World, Bare, AdminClient<Channel>) {
    let world = World::without_agents(&[LY, XZ, RZ], Lands::Unknown).await;
    let (ly, admin) = (world.bare(LY), AdminClient::new(world.operator()));
    (world, ly, admin)
}

async fn submit(world: &World, from: &Bare, precedence: v1::Precedence) -> v1::Envelope {
    let envelope = from.envelope(bulletin(&[XZ], precedence, "汛情通报"));
    from.submit(world.broker_address(), envelope.clone()).await.unwrap();
    envelope
}

async fn mailbox(admin: &AdminClient<Channel>, of: &str) -> v1::Mailbox {
    let all = admin.clone().mailboxes(v1::MailboxesRequest {}).await.unwrap().into_inner().mailboxes;
    all.into_iter().find(|mailbox| mailbox.jurisdiction == of).unwrap()
}

async fn peek(admin: &AdminClient<Channel>, dead: bool) -> Vec<v1::PeekEntry> {
    let ask = v1::PeekRequest { jurisdiction: XZ.into(), dead, limit: 0 };
    admin.clone().peek(ask).await.unwrap().into_inner().entries
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_shows_how_much_waits_and_since_when() {
    let (world, ly, admin) = office().await;
    let first = submit(&world, &ly, ROUTINE).await;
    world.clock.advance(Duration::from_mins(3));
    let urgent = submit(&world, &ly, PRIORITY).await;
    submit(&world, &ly, ROUTINE).await;

    let mailbox = mailbox(&admin, XZ).await;
    assert!(!mailbox.linked);
    let depth = |at: usize| (mailbox.depths[at].precedence(), mailbox.depths[at].deliveries);
    assert_eq!([depth(0), depth(1)], [(PRIORITY, 1), (ROUTINE, 2)]);
    assert_eq!(mailbox.depths[1].oldest.unwrap().seconds, 180);
    assert_eq!(mailbox.depths[0].oldest.unwrap().seconds, 0);
    let bytes = first.content.len() as u64;
    assert!(mailbox.depths[1].bytes > bytes && mailbox.depths[1].bytes < 3 * bytes);

    let entries = peek(&admin, false).await;
    let ids: Vec<_> = entries.iter().take(2).map(|entry| entry.message_id.clone()).collect();
    assert_eq!(ids, [header_of(&urgent).message_id, header_of(&first).message_id]);
    assert_eq!((&*entries[0].sender, entries[0].kind()), (LY, v1::Kind::Bulletin));
    drop(ly);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_declines_make_a_dead_letter_and_an_operator_gives_it_a_second_life() {
    let (world, ly, mut admin) = office().await;
    let xz = world.bare(XZ);
    let envelope = submit(&world, &ly, PRIORITY).await;
    let id = header_of(&envelope).message_id;
    let mut line = ly.session(world.broker_address()).await.unwrap();
    let mut session = xz.session(world.broker_address()).await.unwrap();

    for tries in 0..5 {
        let handed = session.take(1).await.unwrap();
        assert_eq!(handed[0].failed_tries, tries);
        let decline = v1::Decline { tag: handed[0].tag, reason: "LD201_BAD_SCHEMA".into() };
        session.say(Ask::Declines(v1::Declines { declines: vec![decline] })).await.unwrap();
    }

    let told = line.receipts().await.unwrap();
    assert_eq!((told[0].stage(), &*told[0].reason), (Stage::Dead, "LD201_BAD_SCHEMA"));
    assert_eq!((mailbox(&admin, XZ).await.dead, mailbox(&admin, XZ).await.depths.len()), (1, 0));
    let dead = peek(&admin, true).await;
    assert_eq!((&dead[0].message_id, &*dead[0].reason, dead[0].failed_tries), (&id, "LD201_BAD_SCHEMA", 5));

    let redrive =
        v1::RedriveRequest { jurisdiction: XZ.into(), message_ids: vec![id.clone()], reason: "已修复".into() };
    assert_eq!(admin.redrive(redrive.clone()).await.unwrap().into_inner().redriven, 1);
    assert_eq!(admin.redrive(redrive).await.unwrap().into_inner().redriven, 0, "once");
    let again = session.take(1).await.unwrap();
    assert_eq!((header_of(again[0].envelope.as_ref().unwrap()).message_id, again[0].failed_tries), (id.clone(), 0));
    session.confirm(&again).await.unwrap();
    let told = line.receipts().await.unwrap();
    assert_eq!(told[0].stage(), Stage::Delivered);
    let trace = world.relay().trace(&LY.parse().unwrap(), id_of(&id)).unwrap();
    assert_eq!(trace.receipts.len(), 3, "accepted, dead, delivered: the first life stays in the history");
    drop((line, session));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_drains_confirms_are_taken_but_no_session_and_nothing_new() {
    let (world, ly, mut admin) = office().await;
    let xz = world.bare(XZ);
    submit(&world, &ly, PRIORITY).await;
    let mut session = xz.session(world.broker_address()).await.unwrap();
    let handed = session.take(1).await.unwrap();

    let grace = Some(prost_types::Duration { seconds: 30, nanos: 0 });
    let told = admin.drain(v1::DrainRequest { drain: true, grace }).await.unwrap().into_inner();

    assert_eq!(told.sessions, 1);
    assert_eq!(session.ended().await, "", "a friendly word");
    session.confirm(&handed).await.unwrap();
    let late = xz.envelope(bulletin(&[LY], PRIORITY, "汛情通报"));
    let answers = session.submit(vec![late]).await.unwrap();
    assert_eq!(answers.refused[0].reason, "LD107_BUSY", "the sender holds it");
    assert_eq!(answers.refused[0].rule, "broker.draining");
    let refused = world.bare(LY).session(world.broker_address()).await.map(|_| ()).unwrap_err();
    assert_eq!(reason(&refused), "LD107_BUSY");
    let status = admin.status(v1::StatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.state, "DRAINING");
    admin.drain(v1::DrainRequest { drain: false, grace: None }).await.unwrap();
    drop(session);
    drop(world.bare(LY).session(world.broker_address()).await.unwrap());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_peer_has_eight_connections_at_most_and_takes_none_from_another() {
    let (world, ly, _) = office().await;
    let ask = tonic_health::pb::HealthCheckRequest::default;
    let mut lines = Vec::new();
    for _ in 0..8 {
        let mut line = HealthClient::new(ly.channel(world.broker_address()));
        line.check(ask()).await.unwrap();
        lines.push(line);
    }

    let ninth = HealthClient::new(ly.channel(world.broker_address())).check(ask()).await;

    assert!(ninth.is_err(), "{ninth:?}");
    let other = world.bare(XZ);
    HealthClient::new(other.channel(world.broker_address())).check(ask()).await.unwrap();
    lines[0].check(ask()).await.unwrap();
    drop((lines, ly, other));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_reloaded_counts_from_the_next_envelope_on() {
    let (world, ly, mut admin) = office().await;
    submit(&world, &ly, PRIORITY).await;
    world.region.publish_narrow_grants(world.clock.now()).unwrap();

    let reloaded = admin.reload(v1::ReloadRequest {}).await.unwrap().into_inner();

    assert!(reloaded.problems.is_empty(), "{:?}", reloaded.problems);
    assert_eq!(reloaded.changes, ["grants 1 → 2"]);
    assert_eq!(admin.status(v1::StatusRequest {}).await.unwrap().into_inner().grants_version, 2);
    let bulletin = ly.envelope(bulletin(&[XZ], PRIORITY, "不再允许"));
    assert_eq!(ly.refused(world.broker_address(), bulletin).await.0, "LD401_NO_AGREEMENT");
    drop(ly);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_file_that_was_tampered_with_changes_nothing_and_is_reported() {
    let (world, ly, mut admin) = office().await;
    let grants = world.region.trust.trust("broker").join(certs::files::name::GRANTS);
    let text = std::fs::read_to_string(&grants).unwrap();
    std::fs::write(&grants, text.replace("INTERNAL", "SENSITIVE")).unwrap();

    let reloaded = admin.reload(v1::ReloadRequest {}).await.unwrap().into_inner();

    assert_eq!((reloaded.changes.len(), reloaded.problems.len()), (0, 1));
    submit(&world, &ly, PRIORITY).await;
    drop(ly);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_no_operator_and_an_operator_is_no_agent() {
    let (world, ly, _) = office().await;

    let mut admin = AdminClient::new(ly.channel(world.broker().admin_address));
    assert!(admin.status(v1::StatusRequest {}).await.is_err());
    let identity = certs::tls::Identity::load(&world.region.trust.trust("operator"), world.clock.clock()).unwrap();
    let channel = crate::world::bare::channel(&std::sync::Arc::new(identity), world.broker_address());
    let mut exchange = v1::exchange_client::ExchangeClient::new(channel);
    assert!(exchange.trace(v1::TraceRequest { message_id: Bytes::from_static(&[7; 16]) }).await.is_err());
    drop(ly);
    world.end().await;
}

async fn health(channel: Channel) -> Result<ServingStatus, tonic::Status> {
    let answer = HealthClient::new(channel).check(tonic_health::pb::HealthCheckRequest::default()).await?;
    Ok(answer.into_inner().status())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_serves_while_its_journal_takes_records_and_not_a_moment_longer() {
    let (mut world, ly, mut admin) = office().await;
    within("the first record went through", async {
        while health(ly.channel(world.broker_address())).await.unwrap() != ServingStatus::Serving {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // the two doors are told one after the other
    within("the page says so too", async {
        while !get(world.broker().metrics_address, "/healthz").await.0.starts_with("HTTP/1.1 200") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let (head, body) = get(world.broker().metrics_address, "/healthz").await;
    assert!(head.starts_with("HTTP/1.1 200") && body.starts_with("SERVING"), "{head} {body}");

    for (drain, status) in [(true, ServingStatus::NotServing), (false, ServingStatus::Serving)] {
        admin.drain(v1::DrainRequest { drain, grace: None }).await.unwrap();
        let (head, body) = get(world.broker().metrics_address, "/healthz").await;
        assert_eq!((head.contains(" 503 "), body.contains("draining")), (drain, drain), "{head} {body}");
        within("the protocol says so too", async {
            while health(ly.channel(world.broker_address())).await.unwrap() != status {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    drop(admin);

    world.relay().engine.kill();

    assert!(world.broker_ends().await.is_some(), "by itself: nothing is answered that is not durable");
    assert!(health(ly.channel(world.broker_address())).await.is_err());
    world.kill_broker().await;
    world.start_broker().await;
    world.end().await;
}

/// A page over plain HTTP: its head and its body.
async fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let ask = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within("the page", stream.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.into(), body.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_count_what_was_accepted_refused_and_waits() {
    let (world, ly, _) = office().await;
    submit(&world, &ly, PRIORITY).await;
    let unroutable = ly.of_kind(lawful(v1::Kind::Bulletin, &["321300"]));
    ly.refused(world.broker_address(), unroutable).await;

    let (head, page) = get(world.broker().metrics_address, "/metrics").await;

    assert!(head.contains("application/openmetrics-text"), "{head}");
    for line in [
        "liandong_messages_accepted_total{kind=\"BULLETIN\",precedence=\"PRIORITY\",status=\"ACTUAL\"} 1",
        "liandong_receipts_total{stage=\"ACCEPTED\"} 1",
        "liandong_messages_refused_total{reason=\"LD501_UNROUTABLE\"} 1",
        "liandong_mailbox_deliveries{jurisdiction=\"320300\",precedence=\"PRIORITY\"} 1",
        "liandong_link_up{jurisdiction=\"320300\"} 0",
    ] {
        assert!(page.lines().any(|one| one == line), "{line}\n{page}");
    }
    assert!(page.ends_with("# EOF\n"));
    drop(ly);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_tell_how_long_it_took_how_much_there_is_and_until_when() {
    let (world, ly, _) = office().await;
    let xz = world.bare(XZ);
    let mut session = xz.session(world.broker_address()).await.unwrap();
    let bytes = submit(&world, &ly, PRIORITY).await.content.len() as u64;
    let handed = session.take(1).await.unwrap();
    world.clock.advance(Duration::from_secs(4));
    session.confirm(&handed).await.unwrap();
    let mut elsewhere = AdminClient::new(ly.channel(world.broker_address()));
    elsewhere.status(v1::StatusRequest {}).await.unwrap_err();

    let (_, page) = get(world.broker().metrics_address, "/metrics").await;

    let credit = (1_u64 << 40) - bytes;
    for line in [
        "liandong_delivery_duration_seconds_bucket{precedence=\"PRIORITY\",le=\"2.0\"} 0",
        "liandong_delivery_duration_seconds_bucket{precedence=\"PRIORITY\",le=\"5.0\"} 1",
        "liandong_delivery_duration_seconds_count{precedence=\"FLASH\"} 0",
        &format!("liandong_link_credit_bytes{{jurisdiction=\"320300\",precedence=\"PRIORITY\"}} {credit}"),
        "liandong_grpc_requests_total{method=\"liandong.v1.Exchange/Submit\",code=\"OK\"} 1",
        "liandong_grpc_requests_total{method=\"unknown\",code=\"UNIMPLEMENTED\"} 1",
        "liandong_journal_damage_total 0",
        "liandong_store_rebuilds_total 0",
    ] {
        assert!(page.lines().any(|one| one == line), "{line}\n{page}");
    }
    let now = world.clock.now().millis() / 1_000;
    for (name, least) in [
        ("liandong_grpc_request_duration_seconds_count ", 2),
        ("liandong_journal_size_bytes ", 1),
        ("liandong_store_size_bytes ", 1),
        ("liandong_certificate_expiry_timestamp_seconds{subject=\"authority/371300\"} ", now),
        ("liandong_certificate_expiry_timestamp_seconds{subject=\"320300/", now),
        ("liandong_certificate_expiry_timestamp_seconds{subject=\"broker/", now),
        ("liandong_crl_expiry_timestamp_seconds{issuer=\"371300\"} ", now),
        ("liandong_build_info{version=\"", 1),
    ] {
        let line = page.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}\n{page}"));
        let value: i64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(value >= least, "{line}");
    }
    assert!(page.contains(",commit=\""), "{page}");
    drop((ly, session, elsewhere));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_given_up_and_made_anew_is_counted() {
    let (mut world, ly, _) = office().await;
    submit(&world, &ly, PRIORITY).await;
    drop(ly);
    world.stop_broker().await;
    world.lose_journal_of_broker();
    world.start_broker().await;

    let (_, page) = get(world.broker().metrics_address, "/metrics").await;

    assert!(page.contains("liandong_store_rebuilds_total 1\n"), "{page}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_reflection_name_the_services_of_their_door() {
    let (world, ly, _) = office().await;
    for (channel, expected) in
        [(ly.channel(world.broker_address()), "liandong.v1.Exchange"), (world.operator(), "liandong.v1.Admin")]
    {
        assert!(services(channel.clone()).await.contains(&expected.to_owned()), "{expected}");
        assert!(services_alpha(channel).await.contains(&expected.to_owned()), "{expected}");
    }
    drop(ly);
    world.end().await;
}

async fn services(channel: Channel) -> Vec<String> {
    use reflection::server_reflection_request::MessageRequest;
    use reflection::server_reflection_response::MessageResponse;
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let ask = reflection::ServerReflectionRequest { host: String::new(), message_request };
    let mut client = reflection::server_reflection_client::ServerReflectionClient::new(channel);
    let mut answers = client.server_reflection_info(tokio_stream::iter([ask])).await.unwrap().into_inner();
    match answers.message().await.unwrap().unwrap().message_response {
        Some(MessageResponse::ListServicesResponse(list)) => list.service.into_iter().map(|one| one.name).collect(),
        other => panic!("{other:?}"),
    }
}

async fn services_alpha(channel: Channel) -> Vec<String> {
    use older::server_reflection_request::MessageRequest;
    use older::server_reflection_response::MessageResponse;
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let ask = older::ServerReflectionRequest { host: String::new(), message_request };
    let mut client = older::server_reflection_client::ServerReflectionClient::new(channel);
    let mut answers = client.server_reflection_info(tokio_stream::iter([ask])).await.unwrap().into_inner();
    match answers.message().await.unwrap().unwrap().message_response {
        Some(MessageResponse::ListServicesResponse(list)) => list.service.into_iter().map(|one| one.name).collect(),
        other => panic!("{other:?}"),
    }
}
