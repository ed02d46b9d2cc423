//! Two hundred days pass. What is older than a hundred and eighty leaves, whole weeks at a time, and nothing earlier; what
//! lives stays, every row can be made again, and everything that ever was keeps its place in the trees.

use std::time::Duration;

use bytes::Bytes;
use journal::{Journal as _, JournalError, inspect};
use model::{ids::MessageId, position::Position};
use prost::Message as _;
use proto::{
    record::{HeadSigned, kind},
    v1,
};
use store::{backup, base::Retention, tasks::Tasks};

use crate::world::drafts::{bulletin, officer};
use crate::world::live::World;
use crate::world::region::{LY, XZ};

const DAY: Duration = Duration::from_hours(24);
const KEPT: Retention = Retention { evidence_days: 180 };

fn bytes_of(id: MessageId) -> Bytes {
    Bytes::copy_from_slice(&id.0)
}

/// LY tells XZ something, which is opened and acknowledged there. What comes alone lies in a record of its own.
async fn said(world: &World, precedence: v1::Precedence, headline: &str) -> MessageId {
    let id = world.agent(LY).send(bulletin(&[XZ], precedence, headline)).await;
    world.agent(LY).stage(id, XZ, v1::Stage::Delivered).await;
    world.desk(XZ).open(&bytes_of(id), officer()).await.unwrap();
    world.desk(XZ).acknowledge(&bytes_of(id), officer()).await.unwrap();
    world.agent(LY).stage(id, XZ, v1::Stage::Acknowledged).await;
    id
}

/// Every program looks whether something may leave; up to where it has, the broker first.
async fn ages(world: &World, tasks: &Tasks) -> [Option<Position>; 3] {
    [
        world.relay().retire(KEPT, tasks).await.unwrap(),
        world.agent(LY).inside().retire(KEPT, tasks).await.unwrap(),
        world.agent(XZ).inside().retire(KEPT, tasks).await.unwrap(),
    ]
}

fn firsts(world: &World) -> [u64; 3] {
    let of = |city| world.agent(city).inside().engine.journal().first().0;
    [world.relay().engine.journal().first().0, of(LY), of(XZ)]
}

#[tokio::test(flavor = "multi_thread")]
async fn after_two_hundred_days_what_is_old_has_left_whole_and_nothing_else_has() {
    let world = World::of(&[LY, XZ]).await;
    let tasks = Tasks::new();
    let old = said(&world, v1::Precedence::Flash, "沂河水位上涨").await;
    let living = said(&world, v1::Precedence::Priority, "通报").await;
    world.relay().sign_head(&tasks).await.unwrap();
    let proved = world.relay().engine.journal().newest_tree().unwrap();
    let first = world.relay().engine.record(Position(2)).unwrap();

    let mut left = [Position(0); 3];
    for week in 1..=29_u32 {
        world.clock.advance(DAY * 7);
        if week == 14 {
            // a hundred days later both speak in that matter once more; whether their lines are up does not matter
            for (city, to, action) in [(LY, XZ, v1::Action::Update), (XZ, LY, v1::Action::Unspecified)] {
                let mut draft = bulletin(&[to], v1::Precedence::Routine, "通报（续）");
                let header = draft.header.as_mut().unwrap();
                header.preceding_message_id = bytes_of(living);
                header.action = action.into();
                world.agent(city).send(draft).await;
            }
        }
        let now = ages(&world, &tasks).await;
        if week * 7 < 180 {
            assert_eq!(now, [None; 3], "day {}", week * 7);
            assert_eq!(firsts(&world), [1; 3]);
        }
        left = std::array::from_fn(|at| now[at].unwrap_or(left[at]));
    }
    assert!(left.iter().all(|left| left.0 > 0), "day 203: {left:?}");
    assert_eq!(firsts(&world), left.map(|left| left.0 + 1));

    // what has left is told as what it is; what lives is there
    for city in [LY, XZ] {
        let told = world.desk(city).show(&bytes_of(old)).await.unwrap_err();
        assert_eq!(told.code(), tonic::Code::NotFound, "{city}: {told:?}");
        assert!(told.message().contains("evidence.left") || told.message().contains("older than"), "{city}: {told:?}");
        let shown = world.desk(city).show(&bytes_of(living)).await.unwrap();
        assert!(shown.envelope.is_some(), "{city}: a matter that lives keeps what was said in it");
        let listed =
            world.agent(city).inside().inbox(&v1::InboxRequest { sent: city == LY, ..Default::default() }).unwrap();
        let listed: Vec<_> = listed.messages.iter().map(|line| line.header.clone().unwrap().message_id).collect();
        assert!(!listed.contains(&bytes_of(old)), "{city}: {listed:?}");
    }
    let journal = world.relay().engine.journal();
    assert!(matches!(world.relay().engine.record(Position(2)), Err(JournalError::Retired(_))));

    // its place in the tree is proved against a head of then and one of now
    let now = journal.newest_tree().unwrap();
    assert!(now.size > proved.size);
    for size in [proved.size, now.size] {
        let path = journal.inclusion(Position(2), size).unwrap();
        let root = if size == proved.size { proved.root } else { now.root };
        assert_eq!(model::merkle::root_by_path(first.leaf(), 1, size, &path), Some(root));
    }
    assert!(journal.consistency(proved.size, now.size).is_ok());

    // and a journal that begins later is looked through, copied and put back like any other
    for program in ["broker", LY, XZ] {
        let (mut judged, mut before) = (0, 0);
        let found = inspect::inspect(&world.state(program).join("journal"), |_, record, roots| {
            if record.kind != kind::HEAD_SIGNED {
                return;
            }
            let head = HeadSigned::decode(record.bytes.clone()).unwrap().head.unwrap();
            if roots.has_left(head.size) {
                before += 1;
            } else {
                judged += 1;
                assert_eq!(roots.at(head.size).unwrap().as_slice(), &*head.root, "{program}: head of {}", head.size);
            }
        })
        .unwrap();
        println!("{program}: {judged} heads judged, {before} over what has left");
        assert_eq!((found.flaws.len(), found.retired > Position(0)), (0, true), "{program}: {:?}", found.flaws);
        let copies = tempfile::tempdir().unwrap();
        let copy = copies.path().join("copy");
        backup::make(&world.state(program), &copy, &world.clock.clock()).unwrap();
        let whole = backup::restore(&copy, &copies.path().join("state")).unwrap();
        assert!(whole.files.iter().any(|file| file.name.starts_with("base/store/rows/")), "{program}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_a_year_ahead_lets_nothing_leave() {
    let world = World::of(&[LY, XZ]).await;
    let tasks = Tasks::new();
    let id = world.agent(LY).send(bulletin(&[XZ], v1::Precedence::Flash, "沂河水位上涨")).await;
    world.agent(LY).stage(id, XZ, v1::Stage::Delivered).await;
    world.clock.advance(DAY * 365);
    for _ in 0..3 {
        world.clock.advance(DAY * 7);
        assert_eq!(ages(&world, &tasks).await, [None; 3]);
    }
    assert!(world.desk(XZ).show(&bytes_of(id)).await.unwrap().envelope.is_some());
    world.end().await;
}
