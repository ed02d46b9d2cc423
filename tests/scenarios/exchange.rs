//! What one office sends another: handed over once, and every stage proved to whoever sent it.

use model::ids::MessageId;
use proto::v1;
use proto::v1::Stage;

use crate::world::bare::header_of;
use crate::world::drafts::{bulletin, circle, following, group, jurisdiction, lawful, officer, polygon};
use crate::world::live::{World, id_of};
use crate::world::region::{JS, LY, LYG, Lands, RZ, SD, XZ, ZZ};

const PRECEDENCES: [v1::Precedence; 4] =
    [v1::Precedence::Flash, v1::Precedence::Immediate, v1::Precedence::Priority, v1::Precedence::Routine];

/// Where the tanker overturned: in LY, 2–3 km from XZ and 4 km from LYG.
const PLACE: (f64, f64) = (34.45, 118.36);

/// Opens, acknowledges, promises an answer, and answers.
async fn go_through_every_stage(world: &World, id: MessageId) -> MessageId {
    let xz = world.agent(XZ);
    let (desk, bytes) = (world.desk(XZ), bytes::Bytes::copy_from_slice(&id.0));
    desk.open(&bytes, officer()).await.unwrap();
    desk.acknowledge(&bytes, officer()).await.unwrap();
    let promise = v1::AcknowledgeRequest {
        message_id: bytes.clone(),
        officer: Some(officer()),
        will_answer: true,
        note: "研究中".into(),
    };
    xz.inside().acknowledge(promise).await.unwrap();
    let mut reply = bulletin(&[LY], v1::Precedence::Priority, "已派员核实");
    let header = reply.header.get_or_insert_default();
    header.action = v1::Action::Unspecified.into();
    header.preceding_message_id = bytes;
    xz.send(reply).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulletin_of_each_precedence_is_handed_over_once_and_each_stage_is_proved() {
    let world = World::of(&[LY, XZ]).await;
    let (ly, xz) = (world.agent(LY), world.agent(XZ));
    let mut sent = Vec::new();
    for precedence in PRECEDENCES {
        let answer = world.desk(LY).send(bulletin(&[XZ], precedence, "沂河水位上涨")).await.unwrap();
        sent.push(id_of(&answer.message_id));
    }

    xz.has_received(4).await;
    for id in &sent {
        go_through_every_stage(&world, *id).await;
    }

    let all = [Stage::Delivered, Stage::Opened, Stage::Acknowledged, Stage::WillAnswer, Stage::Answered];
    for id in &sent {
        ly.stage(*id, XZ, Stage::Answered).await;
        let proved = |stages: &[Stage]| stages.iter().map(|stage| (*stage, XZ.to_owned())).collect::<Vec<_>>();
        let mut at_origin = vec![(Stage::Accepted, String::new())];
        at_origin.extend(proved(&all));
        assert_eq!(sorted(ly.receipts(*id)), at_origin);
        assert_eq!(sorted(ly.receipts_at_broker(*id).await), at_origin);
        assert_eq!(sorted(xz.receipts(*id)), proved(&all[..4]), "at the recipient what it signed itself");
    }
    assert_eq!(sorted(xz.inbox()), sorted(sent), "each once, and nothing else");
    assert_eq!(ly.has_received(4).await.len(), 4, "the replies");
    world.end().await;
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort_unstable();
    list
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_reaches_several_recipients_and_each_answers_for_itself() {
    let world = World::of(&[LY, XZ, LYG]).await;
    let (ly, xz, lyg) = (world.agent(LY), world.agent(XZ), world.agent(LYG));

    let id = ly.send(bulletin(&[XZ, LYG], v1::Precedence::Priority, "国道中断")).await;
    xz.has_received(1).await;
    lyg.has_received(1).await;
    world.desk(XZ).open(&bytes::Bytes::copy_from_slice(&id.0), officer()).await.unwrap();

    ly.stage(id, XZ, Stage::Opened).await;
    ly.stage(id, LYG, Stage::Delivered).await;
    let expected = [(Stage::Accepted, ""), (Stage::Delivered, XZ), (Stage::Delivered, LYG), (Stage::Opened, XZ)];
    assert_eq!(sorted(ly.receipts(id)), expected.map(|(stage, of)| (stage, of.to_owned())));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_reaches_its_members_but_not_the_sender_who_is_one_of_them() {
    let mut world = World::without_agents(&[LY, XZ, LYG, RZ], Lands::Unknown).await;
    for city in [LY, XZ, LYG, RZ] {
        world.start_agent(city).await;
    }
    world.region.publish_group("yi-shu-basin", &[LY, XZ, LYG]).unwrap();
    assert_eq!(world.relay().reload_trust().await, (vec!["directory 1 → 2".to_owned()], Vec::new()));

    let mut draft = bulletin(&[], v1::Precedence::Priority, "沂沭河流域会商");
    draft.header.get_or_insert_default().recipients = vec![group("yi-shu-basin")];
    let ly = world.agent(LY);
    ly.linked().await;
    let stamp = ly.accepted(ly.send(draft).await).await;

    assert_eq!(stamp.touched, [XZ, LYG, LY], "by id");
    assert_eq!(reached(&stamp), [(XZ, "TO"), (LYG, "TO")]);
    world.agent(XZ).has_received(1).await;
    world.agent(LYG).has_received(1).await;
    assert!(world.agent(RZ).inbox().is_empty() && ly.inbox().is_empty());
    world.end().await;
}

/// Whom the broker hands it to, and as what.
fn reached(stamp: &v1::Stamp) -> Vec<(&str, &'static str)> {
    let name = |delivery: &v1::StampedDelivery| delivery.r#as().as_str_name().trim_start_matches("DELIVERY_AS_");
    stamp.deliveries.iter().map(|delivery| (&*delivery.jurisdiction, name(delivery))).collect()
}

fn report(to: v1::Address) -> v1::Header {
    v1::Header {
        recipients: vec![to],
        event_level: v1::EventLevel::L3.into(),
        precedence: v1::Precedence::Priority.into(),
        ..lawful(v1::Kind::IncidentReport, &[])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_area_reaches_whose_land_it_touches_and_copies_both_provinces() {
    let world = World::without_agents(&[LY, XZ, LYG, SD, JS], Lands::Known).await;
    let ly = world.bare(LY);
    let stamp = async |to| {
        let envelope = ly.of_kind(report(to));
        ly.submit(world.broker_address(), envelope).await.unwrap().stamp.unwrap()
    };

    let five_km = stamp(circle(PLACE.0, PLACE.1, 5_000)).await;
    assert_eq!(five_km.touched, [XZ, LYG, LY]);
    assert_eq!(reached(&five_km), [(XZ, "TO"), (LYG, "TO"), (JS, "CC_SUPERIOR"), (SD, "CC_SUPERIOR")]);

    let three_km = stamp(circle(PLACE.0, PLACE.1, 3_000)).await;
    assert_eq!(three_km.touched, [XZ, LY]);

    let across = [(34.40, 118.0), (34.40, 118.6), (34.75, 118.6), (34.75, 118.0), (34.40, 118.0)];
    assert_eq!(stamp(polygon(&across)).await.touched, [XZ, LYG, LY]);
    assert!(five_km.superior_absent.is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superior_that_is_not_in_the_directory_is_named_as_absent() {
    let world = World::without_agents(&[LY, XZ, SD], Lands::Known).await;
    let ly = world.bare(LY);

    let envelope = ly.of_kind(report(jurisdiction(XZ)));
    let stamp = ly.submit(world.broker_address(), envelope).await.unwrap().stamp.unwrap();

    assert_eq!(reached(&stamp), [(XZ, "TO"), (SD, "CC_SUPERIOR")]);
    assert_eq!(stamp.superior_absent, [JS]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cities_of_one_province_copy_that_province_once_and_it_owes_delivery_alone() {
    let mut world = World::without_agents(&[LY, ZZ, SD], Lands::Known).await;
    world.start_agent(SD).await;
    let ly = world.bare(LY);

    let envelope = ly.of_kind(report(jurisdiction(ZZ)));
    let accepted = ly.submit(world.broker_address(), envelope.clone()).await.unwrap();
    let id = id_of(&header_of(&envelope).message_id);

    assert_eq!(reached(&accepted.stamp.unwrap()), [(ZZ, "TO"), (SD, "CC_SUPERIOR")]);
    let sd = world.agent(SD);
    assert_eq!(sd.has_received(1).await, [id]);
    let copied = sd.inside().summary(id).unwrap().states;
    assert_eq!(copied[0].r#as(), v1::DeliveryAs::CcSuperior);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_report_copies_no_superior() {
    let world = World::without_agents(&[LY, XZ, SD, JS], Lands::Known).await;
    let ly = world.bare(LY);

    let envelope = ly.of_kind(lawful(v1::Kind::IncidentReport, &[XZ]));
    let stamp = ly.submit(world.broker_address(), envelope).await.unwrap().stamp.unwrap();

    assert_eq!(reached(&stamp), [(XZ, "TO")]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_area_that_touches_the_sender_alone_reaches_nobody() {
    let world = World::without_agents(&[LY, XZ], Lands::Known).await;
    let ly = world.bare(LY);

    let refused = ly.submit(world.broker_address(), ly.of_kind(report(circle(35.5, 118.3, 3_000)))).await;

    assert_eq!(refused.unwrap_err(), "LD501_UNROUTABLE");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_after_delivery_strikes_the_message_through_and_deletes_nothing() {
    let mut world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    world.start_agent(XZ).await;
    let (ly, xz) = (world.bare(LY), world.agent(XZ));
    let first = ly.of_kind(lawful(v1::Kind::Alert, &[XZ]));
    ly.submit(world.broker_address(), first.clone()).await.unwrap();
    let id = xz.has_received(1).await[0];

    let cancel = following(lawful(v1::Kind::Alert, &[XZ]), v1::Action::Cancel, &header_of(&first));
    ly.submit(world.broker_address(), ly.of_kind(cancel)).await.unwrap();

    xz.has_received(2).await;
    let summary = xz.inside().summary(id).unwrap();
    assert!(summary.recalled);
    assert_eq!(summary.states[0].stage(), Stage::Delivered);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "broker: a row is another once it is rebuilt")]
async fn rows_that_are_not_those_of_the_journal_are_found_when_a_world_ends() {
    let mut world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let ly = world.bare(LY);
    ly.submit(world.broker_address(), ly.envelope(bulletin(&[XZ], v1::Precedence::Priority, "汛情通报")))
        .await
        .unwrap();
    let mut rows = world.last_rows_of_broker().await;

    rows.rows.remove(0);

    world.broker_is_rebuilt_as(Some(rows)).await;
}
