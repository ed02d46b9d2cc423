//! What the broker's log says: sessions, refusals, acts of operators; one line each, and never what a message says.

use std::time::Duration;

use proto::v1;
use proto::v1::admin_client::AdminClient;

use crate::world::drafts::{bulletin, lawful};
use crate::world::live::{World, logged, within};
use crate::world::region::{LY, Lands, XZ};

const PRIORITY: v1::Precedence = v1::Precedence::Priority;

/// Waits for a line with all of these words.
async fn line(words: &[&str]) -> String {
    let found = || logged().lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned);
    within(&format!("a line with {words:?}"), async {
        loop {
            match found() {
                Some(line) => return line,
                None => tokio::task::yield_now().await,
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_logged_from_its_beginning_to_its_end_and_why() {
    let world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let xz = world.bare(XZ);
    let first = xz.session(world.broker_address()).await.unwrap();
    line(&["a session began", "jurisdiction=320300", "session=1", "certificate=", "skew_ms="]).await;

    let second = xz.session(world.broker_address()).await.unwrap();

    line(&["WARN", "a session is fenced by a newer one", "jurisdiction=320300", "session=1 by=2"]).await;
    line(&["a session ended", "session=1", "a newer session fenced it", "LD108_SUPERSEDED"]).await;
    drop((first, second));
    line(&["a session ended", "session=2"]).await;
    let mut admin = AdminClient::new(world.operator());
    admin.drain(v1::DrainRequest { drain: true, grace: None }).await.unwrap();
    line(&["the broker drains", "operator="]).await;
    admin.drain(v1::DrainRequest { drain: false, grace: None }).await.unwrap();
    line(&["the broker drains no more", "operator="]).await;
    admin.reload(v1::ReloadRequest {}).await.unwrap();
    line(&["signed files were read again", "operator=", "problems=[]"]).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_logged_with_its_reason_and_without_a_word_of_the_message() {
    let world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let ly = world.bare(LY);
    let mut draft = bulletin(&[XZ], PRIORITY, "绝不外传的正文");
    draft.header.get_or_insert_default().recipients = lawful(v1::Kind::Bulletin, &["321300"]).recipients;

    for _ in 0..50 {
        ly.refused(world.broker_address(), ly.envelope(draft.clone())).await;
    }

    let told = line(&["an envelope was refused", "LD501_UNROUTABLE", "peer=371300", "sender=371300"]).await;
    assert!(told.contains("field=") && told.contains("message_id=01"), "{told}");
    let lines = logged().lines().filter(|line| line.contains("LD501_UNROUTABLE")).count();
    assert_eq!(lines, 1, "the clock stands still: a flood is one line");
    assert!(!logged().contains("绝不外传"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_does_not_come_within_minutes_is_told_once() {
    let world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let ly = world.bare(LY);
    let send = async |text| {
        let envelope = ly.envelope(bulletin(&[XZ], PRIORITY, text));
        ly.submit(world.broker_address(), envelope).await.unwrap();
    };
    send("第一条").await;
    ly.envelope(bulletin(&[XZ], PRIORITY, "没有送到")); // takes number 2
    send("第三条").await;
    world.relay().look_for_gaps();
    let told = || logged().lines().filter(|line| line.contains("messages of an agent did not come")).count();
    assert_eq!(told(), 0, "it may be late");

    world.clock.advance(Duration::from_secs(121));
    world.relay().look_for_gaps();
    world.relay().look_for_gaps();

    line(&["messages of an agent did not come", "jurisdiction=371300", "gaps=1 first=2 last=2"]).await;
    assert_eq!(told(), 1);
    let page = world.relay().metrics.page(world.relay()).unwrap();
    assert!(page.contains("liandong_sequence_gaps{jurisdiction=\"371300\"} 1\n"), "{page}");
    world.end().await;
}
