//! A member that says too much about messages: again and again, about what nobody knows, or in a role that may not.

use proto::{record, v1};

use crate::world::bare::{Bare, header_of};
use crate::world::drafts::bulletin;
use crate::world::live::World;
use crate::world::region::{LY, Lands, XZ};

const PRIORITY: v1::Precedence = v1::Precedence::Priority;

/// How many records of receipts the broker's journal holds.
fn journalled(world: &World) -> usize {
    let engine = &world.relay().engine;
    let all = (1..=engine.journal_end().0).map(|at| engine.record(model::position::Position(at)).unwrap());
    all.filter(|record| record.kind == record::kind::CONFIRMED).count()
}

/// An envelope in the name of somebody, which the broker never sees.
fn never_sent(by: &Bare) -> v1::Envelope {
    by.envelope(bulletin(&[XZ], PRIORITY, "没有送出"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_comes_a_hundred_times_stands_in_the_journal_once() {
    let world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let (ly, xz) = (world.bare(LY), world.bare(XZ));
    let envelope = ly.envelope(bulletin(&[XZ], PRIORITY, "汛情通报"));
    ly.submit(world.broker_address(), envelope.clone()).await.unwrap();
    let mut session = xz.session(world.broker_address()).await.unwrap();
    session.take(1).await.unwrap();

    for _ in 0..100 {
        session.confirm_with(vec![1], xz.batch(xz.delivered(&envelope))).await.unwrap();
    }

    assert_eq!(journalled(&world), 1);
    session.confirm_with(vec![], xz.batch(xz.statement(&envelope, v1::Stage::Opened))).await.unwrap();
    assert_eq!(journalled(&world), 2, "what is new is kept");
    drop(session);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_say_this_is_refused_by_the_broker_whatever_its_own_desk_asked() {
    let world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let ly = world.bare(LY);
    let in_role = |role: v1::Role, status: v1::Status| {
        let mut content = ly.content(bulletin(&[XZ], PRIORITY, "专家通报"));
        let header = content.header.get_or_insert_default();
        header.sender.get_or_insert_default().role = role.into();
        header.status = status.into();
        ly.seal(&content)
    };

    let refused = ly.refused(world.broker_address(), in_role(v1::Role::Expert, v1::Status::Actual)).await;
    assert_eq!(refused, ("LD402_ROLE_FORBIDDEN".into(), "header.sender.role".into()));
    let test = in_role(v1::Role::Expert, v1::Status::Test);
    ly.submit(world.broker_address(), test).await.expect("a test of the line is nobody's order");
    ly.submit(world.broker_address(), in_role(v1::Role::DutyOfficer, v1::Status::Actual)).await.unwrap();
    assert_eq!(world.accepted_count(), 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_here_can_have_sent_goes_into_no_line() {
    let world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let (ly, xz) = (world.bare(LY), world.bare(XZ));
    let mut session = xz.session(world.broker_address()).await.unwrap();
    let of_nobody = {
        let mut statement: v1::ReceiptStatement = prost::Message::decode(xz.delivered(&never_sent(&ly))).unwrap();
        statement.sender = "999999".into();
        prost::Message::encode_to_vec(&statement).into()
    };

    session.confirm_with(vec![], xz.batch(of_nobody)).await.unwrap();
    assert_eq!(journalled(&world), 0);
    // a broker that lost its journal is told of messages that come back later
    let lost = never_sent(&ly);
    session.confirm_with(vec![], xz.batch(xz.delivered(&lost))).await.unwrap();
    assert_eq!(journalled(&world), 1);
    let mut sender = ly.session(world.broker_address()).await.unwrap();
    assert_eq!(sender.receipts().await.unwrap()[0].message_id, header_of(&lost).message_id);
    drop((session, sender));
    world.end().await;
}
