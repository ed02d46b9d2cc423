//! What one office sends another: handed over once, and every stage proved to whoever sent it.

use model::stage::Stage;
use proto::v1;

use crate::world::drafts::{bulletin, officer};
use crate::world::live::{World, id_of};
use crate::world::region::{LY, XZ};

const PRECEDENCES: [v1::Precedence; 4] =
    [v1::Precedence::Flash, v1::Precedence::Immediate, v1::Precedence::Priority, v1::Precedence::Routine];

#[tokio::test(flavor = "multi_thread")]
async fn a_bulletin_of_each_precedence_is_handed_over_once_and_its_way_is_proved() {
    let world = World::of(&[LY, XZ]).await;
    let (ly, xz) = (world.agent(LY), world.agent(XZ));

    let mut sent = Vec::new();
    for precedence in PRECEDENCES {
        let answer = world.desk(LY).send(bulletin(&[XZ], precedence, "沂河水位上涨")).await.unwrap();
        sent.push(id_of(&answer.message_id));
    }

    let mut received = xz.has_received(4).await;
    for id in &sent {
        ly.stage(*id, XZ, v1::Stage::Delivered).await;
        assert_eq!(Stage::from_number(v1::Stage::Delivered.into()), Some(Stage::Delivered));
    }
    received.sort_unstable();
    let mut expected = sent.clone();
    expected.sort_unstable();
    assert_eq!(received, expected);
    let _ = officer();
    world.end().await;
}
