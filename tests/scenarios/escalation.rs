//! What is late climbs the ladder: the broker tells whom the catalogue names, in messages of its own that everybody can
//! check, and the desks' own clocks raise the very same events.

use std::time::Duration;

use bytes::Bytes;
use model::ids::MessageId;
use prost::Message as _;
use proto::v1;
use proto::v1::Stage;

use crate::world::drafts::officer;
use crate::world::live::World;
use crate::world::papers::{Paper, paper};
use crate::world::region::{JS, LY, Lands, SD, XZ};

const BY_PHONE: &str = "CALL_BY_PHONE";
const ESCALATED: &str = "ESCALATED";

/// Two cities of two provinces, and both provinces.
struct Ladder(World);

impl Ladder {
    async fn stands() -> Self {
        let cast = [LY, XZ, SD, JS];
        let mut world = World::without_agents(&cast, Lands::Known).await;
        for city in cast {
            world.start_agent(city).await;
        }
        for city in cast {
            world.agent(city).linked().await;
        }
        Self(world)
    }

    /// 临沂 sends to 徐州, which has it and does not acknowledge.
    async fn unanswered(&self, paper: Paper) -> MessageId {
        let ly = self.0.agent(LY);
        let id = ly.send(paper.level(v1::EventLevel::L3).to(&[XZ]).0).await;
        ly.stage(id, XZ, Stage::Delivered).await;
        id
    }

    async fn report(&self) -> MessageId {
        self.unanswered(paper!(IncidentReport, self.0.clock.now(), |_| {})).await
    }

    fn seconds(&self, seconds: u64) {
        self.0.clock.advance(Duration::from_secs(seconds));
    }

    /// What a city was told of a message, oldest first.
    fn told(&self, city: &str, about: MessageId) -> Vec<v1::DeadlineNotice> {
        let desk = self.0.agent(city).inside();
        let bodies = self.0.agent(city).notices().into_iter().map(|id| notice(desk, id));
        bodies.flatten().filter(|notice| notice.message_id == about.0.as_slice()).collect()
    }

    /// Waits until a city was told so often of a message; the rungs, and whether each tells of an answer.
    async fn is_told(&self, city: &str, about: MessageId, times: usize) -> Vec<(u32, bool)> {
        let what = format!("told {times} times");
        let told = || Some(self.told(city, about)).filter(|told| told.len() >= times);
        let told = self.0.agent(city).until(&what, |_| told()).await;
        told.iter().map(|notice| (notice.rung, notice.met_at.is_some())).collect()
    }

    /// The tasks about a message at a desk: sort, rung, and whether it is done.
    async fn tasks(&self, city: &str, about: MessageId) -> Vec<(String, bool)> {
        let tasks = self.0.desk(city).all_tasks().await.unwrap();
        let about = |task: &&v1::TaskSeen| task.message_id == about.0.as_slice();
        tasks.iter().filter(about).map(|task| (task.kind.clone(), task.closed_at.is_some())).collect()
    }
}

fn notice(desk: &agent::desk::Desk, id: MessageId) -> Option<v1::DeadlineNotice> {
    let content = desk.show(id).ok()?.content?;
    match content.body?.body? {
        v1::body::Body::DeadlineNotice(notice) => Some(notice),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_rung_is_told_by_a_message_of_the_brokers_to_whom_the_catalogue_names() {
    let ladder = Ladder::stands().await;
    let report = ladder.report().await;

    ladder.seconds(450);
    assert_eq!(ladder.is_told(XZ, report, 1).await, [(1, false)], "at half time the obligor is reminded");
    ladder.seconds(450);
    assert_eq!(ladder.is_told(XZ, report, 2).await, [(1, false), (2, false)]);
    assert_eq!(ladder.is_told(LY, report, 1).await, [(2, false)], "at the due time the sender knows too");
    ladder.seconds(450);
    assert_eq!(ladder.is_told(JS, report, 1).await, [(3, false)], "then the obligor's superior");
    assert_eq!(ladder.is_told(LY, report, 2).await, [(2, false), (3, false)]);
    assert_eq!(ladder.is_told(XZ, report, 3).await.len(), 3);
    ladder.seconds(450);
    assert_eq!(ladder.is_told(SD, report, 1).await, [(4, false)], "at twice the time both superiors");
    assert_eq!(ladder.is_told(JS, report, 2).await, [(3, false), (4, false)]);

    for city in [LY, XZ, JS, SD] {
        let told = ladder.told(city, report);
        let mut events: Vec<_> = told.iter().map(|notice| notice.event_id.clone()).collect();
        events.dedup();
        assert_eq!(events.len(), told.len(), "{city}: each rung once");
    }
    ladder.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rung_that_broker_and_desk_both_raise_is_one_task_and_an_answer_closes_it_everywhere() {
    let ladder = Ladder::stands().await;
    let report = ladder.report().await;
    for _ in 0..3 {
        ladder.seconds(460);
        // the desks' own clerks raise theirs while the broker's notice is under way
        ladder.0.agent(XZ).until("its own rungs", |_| Some(())).await;
    }
    ladder.is_told(XZ, report, 3).await;
    ladder.is_told(LY, report, 2).await;
    ladder.is_told(JS, report, 1).await;
    let kinds = |tasks: Vec<(String, bool)>| tasks.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
    let mut at_ly = kinds(ladder.tasks(LY, report).await);
    at_ly.sort();
    assert_eq!(at_ly, [BY_PHONE, ESCALATED], "once each");
    assert_eq!(kinds(ladder.tasks(JS, report).await), [ESCALATED]);

    ladder.0.desk(XZ).acknowledge(&Bytes::copy_from_slice(&report.0), officer()).await.unwrap();

    for (city, times) in [(LY, 3), (JS, 2), (XZ, 4)] {
        let told = ladder.is_told(city, report, times).await;
        assert_eq!(told.last(), Some(&(3, true)), "{city} hears of the answer");
        let answer = ladder.told(city, report).pop().unwrap();
        assert_eq!(answer.late_by.unwrap().seconds, 480);
        assert!(ladder.tasks(city, report).await.iter().all(|(_, closed)| *closed), "{city}");
    }
    ladder.seconds(3_600);
    let later = ladder.report().await;
    ladder.seconds(450);
    ladder.is_told(XZ, later, 1).await;
    assert_eq!(ladder.told(JS, report).len(), 2, "the climb has stopped");
    ladder.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_expires_unacknowledged_is_told_to_its_sender_and_is_a_task_there() {
    let ladder = Ladder::stands().await;
    let now = ladder.0.clock.now();
    let soon = paper!(Bulletin, now, |_| {}).header(|header| {
        header.receipt_required = Stage::Acknowledged.into();
        header.expires_at = Some(proto::border::time::to_wire(now.plus(Duration::from_mins(10))));
    });
    let bulletin = ladder.unanswered(soon).await;

    ladder.seconds(601);
    let told = ladder.0.agent(LY).until("told that it lapsed", |_| ladder.told(LY, bulletin).pop()).await;

    assert_eq!((told.what(), told.rung, told.met_at), (v1::DeadlineEvent::Lapsed, 0, None));
    assert_eq!(told.obligor.unwrap().jurisdiction, XZ);
    assert_eq!(ladder.tasks(LY, bulletin).await, [("LAPSED".to_owned(), false)]);
    assert!(
        ladder.told(XZ, bulletin).iter().all(|notice| notice.what() == v1::DeadlineEvent::Rung),
        "its sender alone"
    );
    let id = Bytes::copy_from_slice(&bulletin.0);
    ladder.0.desk(XZ).acknowledge(&id, officer()).await.unwrap();
    ladder.0.agent(LY).stage(bulletin, XZ, Stage::Acknowledged).await;
    assert_eq!(ladder.tasks(LY, bulletin).await, [("LAPSED".to_owned(), true)], "it was acknowledged after all");
    ladder.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ladder_outlives_the_broker_and_no_rung_is_told_twice() {
    let mut ladder = Ladder::stands().await;
    let report = ladder.report().await;
    ladder.seconds(450);
    ladder.is_told(XZ, report, 1).await;

    ladder.0.kill_broker().await;
    ladder.0.start_broker().await;
    for city in [LY, XZ] {
        ladder.0.agent(city).linked().await;
    }
    ladder.seconds(450);

    assert_eq!(ladder.is_told(XZ, report, 2).await, [(1, false), (2, false)]);
    assert_eq!(ladder.is_told(LY, report, 1).await, [(2, false)]);
    ladder.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_meets_a_dead_link_climbs_to_both_provinces() {
    let ladder = Ladder::stands().await;
    ladder.0.agent(XZ).cut().await;
    let ly = ladder.0.agent(LY);
    let request = paper!(ActionRequest, ladder.0.clock.now(), |_| {}).level(v1::EventLevel::L3).to(&[XZ]);
    let request = ly.send(request.0).await;
    ly.accepted(request).await;

    for _ in 0..4 {
        ladder.seconds(3_600);
        let at = ladder.0.clock.now();
        let settled = |relay: &broker::relay::Relay| {
            relay.engine.read(|_, rows| {
                let next = rows.scan(b"w", b"w", 1).unwrap();
                next.first()
                    .is_none_or(|(key, _)| broker::relay::fold::keys::wake_parts(key).unwrap().0 > at)
                    .then_some(())
            })
        };
        ladder.0.at_broker("what is late is raised", settled).await;
    }

    let of = |told: Vec<v1::DeadlineNotice>, name: v1::DeadlineName| {
        told.iter().filter(|notice| notice.deadline() == name).map(|notice| notice.rung).collect::<Vec<_>>()
    };
    ladder
        .0
        .agent(SD)
        .until("the last rung of D15", |_| {
            of(ladder.told(SD, request), v1::DeadlineName::D15).contains(&4).then_some(())
        })
        .await;
    assert_eq!(of(ladder.told(SD, request), v1::DeadlineName::D01), [4]);
    assert_eq!(of(ladder.told(SD, request), v1::DeadlineName::D15), [4]);
    ladder
        .0
        .agent(JS)
        .until("both rungs of D15", |_| (of(ladder.told(JS, request), v1::DeadlineName::D15) == [3, 4]).then_some(()))
        .await;
    assert!(ladder.told(XZ, request).is_empty(), "it is cut off");
    ladder.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_by_anybody_but_the_broker_is_taken_by_nobody() {
    let world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let ly = world.bare(LY);
    let forged = |jurisdiction: &str| {
        let header = v1::Header {
            kind: v1::Kind::DeadlineNotice.into(),
            receipt_required: Stage::Delivered.into(),
            ..crate::world::drafts::lawful(v1::Kind::Error, &[XZ])
        };
        let mut header = ly.header(header);
        let sender = header.sender.as_mut().unwrap();
        (sender.jurisdiction, sender.role) = (jurisdiction.into(), v1::Role::System.into());
        let body = v1::Body { body: Some(v1::body::Body::DeadlineNotice(v1::DeadlineNotice::default())) };
        ly.seal_bytes(v1::Content { header: Some(header), body: Some(body), inline: Vec::new() }.encode_to_vec().into())
    };
    let own = ly.refused(world.broker_address(), forged(LY)).await;
    assert_eq!(own.0, "LD402_ROLE_FORBIDDEN");
    let brokers = ly.refused(world.broker_address(), forged("broker")).await;
    assert_eq!(brokers.0, "LD102_SENDER_MISMATCH");
    drop(ly);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_a_group_came_to_owes_a_reply_at_every_desk_as_at_the_broker() {
    let cast = [LY, XZ, SD, JS];
    let mut world = World::without_agents(&cast, Lands::Known).await;
    world.region.publish_group("border", &[LY, XZ]).unwrap();
    world.relay().reload_trust().await;
    for city in cast {
        world.start_agent(city).await;
    }
    for city in cast {
        world.agent(city).linked().await;
    }
    let ladder = Ladder(world);
    let request = paper!(ActionRequest, ladder.0.clock.now(), |_| {}).level(v1::EventLevel::L3);
    let ly = ladder.0.agent(LY);
    let request = ly.send(request.at(crate::world::drafts::group("border")).0).await;
    ly.stage(request, XZ, Stage::Delivered).await;

    for city in [LY, XZ, SD] {
        let ask = v1::DeadlinesRequest { jurisdiction: XZ.into(), ..Default::default() };
        let owed = ladder.0.agent(city).inside().deadlines(&ask).unwrap().deadlines;
        let replies: Vec<_> = owed.iter().filter(|owed| owed.name == "D15").collect();
        assert_eq!(replies.len(), 1, "{city}");
        let minutes = replies[0].due_at.unwrap().seconds - ladder.0.clock.now().millis() / 1_000;
        assert_eq!(minutes, 120 * 60, "{city}");
    }
    ladder.0.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_that_is_opened_and_not_acknowledged_is_reminded_at_half_time_and_told_when_due() {
    let world = World::of(&[LY, XZ]).await;
    let ladder = Ladder(world);
    let (ly, xz) = (ladder.0.agent(LY), ladder.0.agent(XZ));
    let warning = paper!(Alert, ladder.0.clock.now(), |body| body.color = v1::WarningLevel::Orange.into());
    let warning = warning.header(|header| header.warning_level = v1::WarningLevel::Orange.into()).to(&[LY]);
    let warning = xz.send(warning.precedence(v1::Precedence::Immediate).0).await;
    xz.stage(warning, LY, Stage::Delivered).await;
    let bytes = Bytes::copy_from_slice(&warning.0);
    ladder.0.desk(LY).open(&bytes, officer()).await.unwrap();

    ladder.seconds(150);
    assert_eq!(ladder.is_told(LY, warning, 1).await, [(1, false)], "half of five minutes");
    assert!(ladder.told(XZ, warning).is_empty());
    ladder.seconds(150);
    assert_eq!(ladder.is_told(LY, warning, 2).await, [(1, false), (2, false)]);
    assert_eq!(ladder.is_told(XZ, warning, 1).await, [(2, false)]);
    assert_eq!(ladder.tasks(XZ, warning).await, [(BY_PHONE.to_owned(), false)]);
    ladder.seconds(60);
    ladder.0.desk(LY).acknowledge(&bytes, officer()).await.unwrap();

    assert_eq!(ladder.is_told(XZ, warning, 2).await, [(2, false), (2, true)]);
    assert_eq!(ladder.told(XZ, warning).pop().unwrap().late_by.unwrap().seconds, 60);
    assert_eq!(ladder.tasks(XZ, warning).await, [(BY_PHONE.to_owned(), true)]);
    let asked = v1::DeadlinesRequest { all: true, jurisdiction: LY.into(), ..Default::default() };
    let owed = ly.inside().deadlines(&asked).unwrap().deadlines;
    assert!(owed.iter().any(|owed| owed.name == "D01" && owed.late_by.is_some_and(|late| late.seconds == 60)));
    ladder.0.end().await;
}
