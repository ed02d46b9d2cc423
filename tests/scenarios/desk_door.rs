//! The desk as local programs meet it: over TCP with a token, what it tells of the link and of refusals, and the test of the
//! way to the broker.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use proto::v1::{self, desk_client::DeskClient, subscribe_response::Event};
use tokio_stream::StreamExt as _;
use tonic::{Code, Request};

use crate::world::drafts::{bulletin, group};
use crate::world::live::{World, within};
use crate::world::region::{LY, XZ};

const PRIORITY: v1::Precedence = v1::Precedence::Priority;

/// A port of loopback that nobody uses now.
fn free_port() -> std::net::SocketAddr {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tcp_the_desk_answers_whoever_shows_its_token_and_nobody_else() {
    let mut world = World::of(&[LY]).await;
    let (listen, token) = (free_port(), world.region.broker_state().with_file_name("token"));
    std::fs::write(&token, "0123456789abcdef\n").unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let change = |config: &mut agent::config::Config| {
        (config.desk.listen, config.desk.token_file) = (Some(listen), Some(token.clone()));
    };
    world.agent_mut(LY).restart_with(change).await;
    let mut desk = DeskClient::connect(format!("http://{listen}")).await.unwrap();

    for shown in [None, Some("Bearer 0123456789abcdeF"), Some("Bearer 0123456789abcde"), Some("0123456789abcdef")] {
        let mut ask = Request::new(v1::InboxRequest::default());
        if let Some(shown) = shown {
            ask.metadata_mut().insert("authorization", shown.parse().unwrap());
        }
        assert_eq!(desk.inbox(ask).await.unwrap_err().code(), Code::Unauthenticated, "{shown:?}");
    }
    let mut ask = Request::new(v1::InboxRequest::default());
    ask.metadata_mut().insert("authorization", "Bearer 0123456789abcdef".parse().unwrap());
    assert_eq!(desk.inbox(ask).await.unwrap().into_inner().messages, []);
    world.end().await;
}

/// The next event that `wanted` takes.
async fn next(events: &mut tonic::Streaming<v1::SubscribeResponse>, wanted: impl Fn(&Event) -> bool) -> Event {
    within("an event", async {
        loop {
            let event = events.next().await.expect("the stream goes on").unwrap().event;
            if let Some(event) = event.filter(|event| wanted(event)) {
                return event;
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_is_told_when_the_link_goes_and_comes() {
    let world = World::of(&[LY]).await;
    world.agent(LY).linked().await;
    let mut events = world.desk(LY).events(0).await.unwrap();

    world.agent(LY).cut().await;
    assert_eq!(next(&mut events, |event| matches!(event, Event::LinkUp(_))).await, Event::LinkUp(false));
    world.agent(LY).mend().await;
    assert_eq!(next(&mut events, |event| matches!(event, Event::LinkUp(_))).await, Event::LinkUp(true));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_refused_is_a_task_and_a_step_of_its_trace() {
    let world = World::of(&[LY, XZ]).await;
    world.agent(LY).linked().await;
    let desk = world.desk(LY);
    let mut events = desk.events(0).await.unwrap();
    // groups are the broker's to resolve
    let mut draft = bulletin(&[XZ], PRIORITY, "汛情通报");
    draft.header.as_mut().unwrap().recipients = vec![group("no-such-group")];
    let sent = desk.send(draft).await.unwrap();

    next(&mut events, |event| matches!(event, Event::Refused(_))).await;
    let trace = desk.trace(&sent.message_id).await.unwrap();
    assert!(trace.from_broker, "the broker answered that it knows nothing of it");
    let last = trace.steps.last().unwrap();
    assert_eq!((last.stage, last.place.as_str()), (v1::Stage::Refused as i32, "broker"));
    assert!(last.text_zh.starts_with("LD501_UNROUTABLE"), "{last:?}");
    let tasks = desk.tasks().await.unwrap();
    assert_eq!(tasks.iter().map(|task| task.kind.as_str()).collect::<Vec<_>>(), ["REFUSED"]);
    let stranger = desk.send(bulletin(&["999999"], PRIORITY, "汛情通报")).await.unwrap_err();
    assert!(stranger.message().contains("LD501_UNROUTABLE"), "refused before it is stored: {stranger:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_of_the_way_tries_every_endpoint_and_one_is_enough() {
    let mut world = World::of(&[LY]).await;
    let (dead, line) = (free_port().to_string(), world.agent(LY).line.address().to_string());
    world.agent_mut(LY).restart_with(|config| config.broker = vec![dead.clone(), line.clone()]).await;
    world.agent(LY).linked().await;
    let refusals = world.refusals().len();

    let steps = world.desk(LY).link_test().await.unwrap();

    let told: Vec<_> = steps.iter().map(|step| (step.step.as_str(), step.ok)).collect();
    let good = |name| (name, true);
    let [dns, tcp, tls, identity, clock, echo] = ["DNS", "TCP", "TLS", "IDENTITY", "CLOCK", "ECHO"].map(good);
    assert_eq!(told, [dns, ("TCP", false), dns, tcp, tls, identity, clock, echo]);
    // refusals are written down once a second
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(world.refusals().len(), refusals, "a test is no attack");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_finds_the_way_open_ends_the_wait_before_the_next_dial() {
    let world = World::of(&[LY]).await;
    world.agent(LY).cut().await;
    within("a long wait", async {
        while world.desk(LY).link().await.unwrap().state != "WAITING" || waits(&world) < Duration::from_secs(2) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    world.agent(LY).line.mend();
    let (left, began) = (waits(&world), tokio::time::Instant::now());

    let steps = world.desk(LY).link_test().await.unwrap();

    assert!(steps.last().is_some_and(|step| step.step == "ECHO" && step.ok), "{steps:?}");
    assert!(began.elapsed() < left, "it did not wait {left:?}");
    world.end().await;
}

/// How long the agent's pause is.
fn waits(world: &World) -> Duration {
    let link = world.agent(LY).inside().link.watch().borrow().clone();
    link.retry_at.map_or(Duration::ZERO, |at| at.since(link.since))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_is_told_of_no_step_back_though_every_receipt_is_kept() {
    let mut world = World::without_agents(&[LY, XZ], crate::world::region::Lands::Unknown).await;
    world.start_agent(LY).await;
    world.agent(LY).linked().await;
    let xz = world.bare(XZ);
    let mut reader = xz.session(world.broker_address()).await.unwrap();
    let desk = world.desk(LY);
    let mut events = desk.events(0).await.unwrap();
    let sent = desk.send(bulletin(&[XZ], PRIORITY, "汛情通报")).await.unwrap();
    let handed = reader.take(1).await.unwrap();
    let envelope = handed[0].envelope.clone().unwrap();

    // what a person signed comes before the delivery itself, and then something that is news
    let stages = [v1::Stage::Opened, v1::Stage::Delivered, v1::Stage::Acknowledged];
    for (stage, tags) in stages.into_iter().zip([vec![], vec![handed[0].tag], vec![]]) {
        reader.confirm_with(tags, xz.batch(xz.statement(&envelope, stage))).await.unwrap();
    }

    let mut told = Vec::new();
    while told.last() != Some(&(v1::Stage::Acknowledged as i32)) {
        let Event::Receipt(receipt) = next(&mut events, |event| matches!(event, Event::Receipt(_))).await else {
            unreachable!("only receipts are taken")
        };
        told.push(<v1::ReceiptStatement as prost::Message>::decode(receipt.statement).unwrap().stage);
    }
    let named = |stage: v1::Stage| stage as i32;
    assert_eq!(told, [v1::Stage::Accepted, v1::Stage::Opened, v1::Stage::Acknowledged].map(named));
    let trace = desk.trace(&sent.message_id).await.unwrap();
    assert!(trace.steps.iter().any(|step| step.stage == named(v1::Stage::Delivered) && step.verified), "it is kept");
    drop(reader);
    world.end().await;
}
