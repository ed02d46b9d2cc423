//! Resource catalogues: published from a table by one city, searched by another that is cut off, kept up by what changed
//! since; and what offers and drills do to the resources that they name.

use agent::formats::sheet::{self, csv, records, write};
use bytes::Bytes;
use model::time::Timestamp;
use proto::border::time::to_wire;
use proto::status::Lang;
use proto::v1;
use proto::v1::body::Body;
use proto::v1::{DrillControlVerb as Verb, PublishOutcome as Outcome};

use crate::world::drafts::lawful;
use crate::world::live::{Agent, World};
use crate::world::papers::{Paper, paper};
use crate::world::region::{LY, Lands, XZ};

/// Where a search is made from: at the border south of Tancheng.
const BORDER: (f64, f64) = (34.45, 118.36);

/// A record of LY: every tenth seals leaks at two megapascals, each a kilometre farther from the border.
fn record(at: u32, now: Timestamp) -> v1::ResourceRecord {
    let Body::CatalogueChange(change) = Paper::of(model::kind::Kind::CatalogueChange, now).body().clone() else {
        panic!("a record")
    };
    let pattern = change.record.unwrap();
    let bar = v1::Capability {
        code: "leak-sealing-pressure".into(),
        min: Some(1),
        max: Some(if at.is_multiple_of(10) { 2 } else { 1 }),
        unit: "MPa".into(),
    };
    #[allow(clippy::cast_possible_truncation, reason = "some degrees")]
    let lat_e7 = (BORDER.0 * 1e7) as i32 + i32::try_from(at).unwrap() * 90_000;
    let point = v1::Point { lat_e7, lon_e7: 1_183_600_000 };
    v1::ResourceRecord {
        resource_id: format!("371322-T-{at:04}"),
        name: format!("救援队 {at}"),
        capabilities: vec![bar],
        place: Some(v1::Place { division: "371322".into(), address: "郯城县".into(), point: Some(point) }),
        last_verified_at: Some(to_wire(now)),
        valid_until: None,
        ..pattern
    }
}

/// What somebody at the desk's computer makes of records and brings back.
fn through_a_table(records: &[v1::ResourceRecord]) -> Vec<v1::ResourceRecord> {
    let file = csv::write(&write::rows(records, Lang::Zh));
    let table = records::of(&sheet::read(file.as_bytes()).unwrap());
    assert_eq!(table.faults, []);
    table.records.into_iter().map(|placed| placed.record).collect()
}

async fn publish(city: &Agent, records: Vec<v1::ResourceRecord>, remove_missing: bool) -> Vec<(String, Outcome)> {
    let role = v1::Role::ResourceManager.into();
    let precedence = v1::Precedence::Priority.into();
    let ask = v1::PublishCatalogueRequest { records, remove_missing, role, precedence, ..Default::default() };
    let said = city.inside().publish_catalogue(ask).await.unwrap().records;
    assert!(said.iter().all(|one| one.refused.is_empty()), "{said:?}");
    let differs = |one: &v1::PublishedRecord| one.outcome() != Outcome::Unchanged;
    said.iter().filter(|one| differs(one)).map(|one| (one.resource_id.clone(), one.outcome())).collect()
}

fn sealing_near_the_border() -> v1::SearchCatalogueRequest {
    let need =
        v1::Capability { code: "leak-sealing-pressure".into(), min: Some(2), unit: "MPa".into(), ..Default::default() };
    #[allow(clippy::cast_possible_truncation, reason = "some degrees")]
    let near = v1::Point { lat_e7: (BORDER.0 * 1e7) as i32, lon_e7: 1_183_600_000 };
    v1::SearchCatalogueRequest { needs: vec![need], near: Some(near), within_m: 35_000, ..Default::default() }
}

async fn found(city: &Agent, ask: &v1::SearchCatalogueRequest) -> Vec<String> {
    let answer = city.inside().search_catalogue(ask).await.unwrap();
    answer.resources.into_iter().map(|seen| seen.record.unwrap().resource_id).collect()
}

/// Waits until the copy of LY's catalogue here is the broker's newest, which has so many records.
async fn copied(world: &World, city: &Agent, records: usize) {
    let id = format!("catalogue/{LY}").parse().unwrap();
    let newest = world.relay().document(&id).unwrap();
    assert_eq!(newest.items.len(), records);
    let copy = |desk: &agent::desk::Desk| {
        desk.engine
            .read(|_, found| agent::fold::query::document(found, &id))
            .unwrap()
            .filter(|row| row.etag == newest.etag)
    };
    city.until("the copy of a catalogue", copy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_that_is_cut_off_finds_what_its_neighbour_published_and_hears_of_changes_afterwards() {
    let world = World::of(&[LY, XZ]).await;
    let (ly, xz, now) = (world.agent(LY), world.agent(XZ), world.clock.now());
    xz.cut().await;
    let all: Vec<_> = (0..200).map(|at| record(at, now)).collect();
    let added = publish(ly, through_a_table(&all), false).await;
    assert_eq!(added.len(), 200);
    assert!(added.iter().all(|(_, outcome)| *outcome == Outcome::Added));
    assert_eq!(publish(ly, through_a_table(&all), false).await, [], "the same table again changes nothing");

    xz.mend().await;
    copied(&world, xz, 200).await;
    xz.cut().await;
    xz.unlinked().await;
    let near = ["371322-T-0000", "371322-T-0010", "371322-T-0020", "371322-T-0030"];
    assert_eq!(found(xz, &sealing_near_the_border()).await, near, "the nearest first");
    let answer = xz.inside().search_catalogue(&sealing_near_the_border()).await.unwrap();
    assert!(answer.catalogues.iter().all(|seen| seen.from_cache && seen.records == 200), "{:?}", answer.catalogues);

    let mut changed = all.clone();
    changed.remove(10);
    changed[0].readiness = v1::Readiness::OutOfService.into();
    let done = publish(ly, changed, true).await;
    assert_eq!(done, [(near[0].to_owned(), Outcome::Changed), (near[1].to_owned(), Outcome::Removed)]);
    xz.mend().await;
    copied(&world, xz, 199).await;
    xz.cut().await;
    xz.unlinked().await;
    let ready =
        v1::SearchCatalogueRequest { readiness: vec![v1::Readiness::Ready.into()], ..sealing_near_the_border() };
    assert_eq!(found(xz, &ready).await, near[2..]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_over_the_link_sees_what_was_published_a_moment_ago() {
    let world = World::of(&[LY, XZ]).await;
    let (ly, xz, now) = (world.agent(LY), world.agent(XZ), world.clock.now());
    let any = v1::SearchCatalogueRequest::default;
    assert_eq!(found(xz, &any()).await, Vec::<String>::new(), "nobody has published anything");

    publish(ly, vec![record(3, now)], false).await;

    assert_eq!(found(xz, &any()).await, ["371322-T-0003"]);
    publish(ly, Vec::new(), true).await;
    assert_eq!(found(xz, &any()).await, Vec::<String>::new(), "an empty catalogue is no catalogue");
    let nowhere = v1::SearchCatalogueRequest { near_member: XZ.into(), ..any() };
    let refused = xz.inside().search_catalogue(&nowhere).await.unwrap_err();
    assert_eq!(refused.rule, "catalogue.centroid");
    world.end().await;
}

/// Asks LY for one team; in earnest, or inside a drill.
fn asked(now: Timestamp, played: bool) -> v1::Draft {
    let request = paper!(ResourceRequest, now, |body| {
        let item = body.items[0].clone();
        body.items = vec![v1::RequestedItem { item_no: 1, quantity: 1, substitutes_ok: v1::YesNo::Yes.into(), ..item }];
    });
    inside_drill(request.to(&[LY]), played).0
}

/// Offers the one team by name.
fn offered(now: Timestamp, request: model::ids::MessageId, played: bool) -> v1::Draft {
    let offer = paper!(ResourceOffer, now, |body| {
        body.solicited = v1::YesNo::Yes.into();
        let line = body.lines[0].clone();
        let answer = v1::OfferAnswer::Offer.into();
        let resource_ids = vec!["371322-T-0003".to_owned()];
        body.lines = vec![v1::OfferLine { line_no: 1, item_no: 1, quantity: 1, answer, resource_ids, ..line }];
    });
    inside_drill(offer.follows(request).to(&[XZ]), played).0
}

fn inside_drill(paper: Paper, played: bool) -> Paper {
    if played { paper.exercise(DRILL) } else { paper }
}

const DRILL: &str = "320300-DR-2027-01";

async fn stands(city: &Agent) -> (v1::Readiness, Vec<v1::Readiness>) {
    let ask = v1::SearchCatalogueRequest { resource_id: "371322-T-0003".into(), ..Default::default() };
    let seen = city.inside().search_catalogue(&ask).await.unwrap().resources.remove(0);
    (seen.readiness(), seen.uses.iter().map(v1::ResourceUse::readiness).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_offer_holds_a_resource_and_a_played_mission_leaves_it_ready() {
    let mut world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    let chair = world.bare(XZ);
    let drill = v1::DrillRef { drill_id: DRILL.into(), control: Verb::Startex.into() };
    let order = v1::Header { drill: Some(drill), ..lawful(v1::Kind::DrillControl, &[LY]) };
    chair.submit(world.broker_address(), chair.of_kind(order)).await.unwrap();
    drop(chair);
    for city in [LY, XZ] {
        world.start_agent(city).await;
        world.agent(city).linked().await;
    }
    let (ly, xz, now) = (world.agent(LY), world.agent(XZ), world.clock.now());
    publish(ly, vec![record(3, now)], false).await;

    let promised = |played| async move {
        let request = xz.send(asked(now, played)).await;
        xz.stage(request, LY, v1::Stage::Delivered).await;
        let offer = ly.send(offered(now, request, played)).await;
        ly.stage(offer, XZ, v1::Stage::Delivered).await;
        offer
    };
    let played = promised(true).await;
    assert_eq!(stands(ly).await, (v1::Readiness::Ready, vec![v1::Readiness::Standby]), "a drill holds nothing real");
    let ordered = paper!(ResourceDecision, now, |body| {
        body.order_id = "320300-O-1".into();
        let line = body.lines[0].clone();
        let offer_message_id = Bytes::copy_from_slice(&played.0);
        let decision = v1::OfferDecision::Order.into();
        body.lines = vec![v1::DecisionLine { offer_message_id, line_no: 1, item_no: 1, quantity: 1, decision, ..line }];
    });
    let ordered = xz.send(ordered.follows(played).to(&[LY]).exercise(DRILL).0).await;
    xz.stage(ordered, LY, v1::Stage::Delivered).await;
    let mission = paper!(ResourceCommitment, now, |body| {
        (body.mission_id, body.order_id) = ("371300-M-1".into(), "320300-O-1".into());
        let pattern = body.resources[0].clone();
        let resource_id = "371322-T-0003".to_owned();
        body.resources = vec![v1::CommittedResource { resource_id, item_no: 1, line_no: 1, quantity: 1, ..pattern }];
    });
    ly.send(mission.follows(ordered).to(&[XZ]).exercise(DRILL).0).await;
    assert_eq!(stands(ly).await, (v1::Readiness::Ready, vec![v1::Readiness::Committed]), "nor does it take anything");

    promised(false).await;
    let (readiness, uses) = stands(ly).await;
    assert_eq!((readiness, uses.len()), (v1::Readiness::Standby, 2), "a real offer holds it");
    assert_eq!(stands(xz).await, (v1::Readiness::Ready, vec![]), "others see what is published");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_two_were_promised_is_told_to_its_supplier_when_it_is_offered_and_when_it_is_ordered() {
    let mut world = World::without_agents(&[LY, XZ], Lands::Unknown).await;
    for city in [LY, XZ] {
        world.start_agent(city).await;
        world.agent(city).linked().await;
    }
    let (ly, xz, now) = (world.agent(LY), world.agent(XZ), world.clock.now());
    let mut offers = Vec::new();
    for _ in 0..2 {
        let request = xz.send(asked(now, false)).await;
        xz.stage(request, LY, v1::Stage::Delivered).await;
        offers.push(ly.send(offered(now, request, false)).await);
        ly.stage(offers[offers.len() - 1], XZ, v1::Stage::Delivered).await;
    }
    let told = async || {
        let tasks = world.desk(LY).tasks().await.unwrap();
        let told = tasks.into_iter().filter(|task| task.kind == "DISCREPANCY");
        told.map(|task| crate::world::live::id_of(&task.message_id)).collect::<Vec<_>>()
    };
    assert_eq!(told().await, [offers[1]], "the second offer names it again");

    let ordered = paper!(ResourceDecision, now, |body| {
        body.order_id = "320300-O-1".into();
        let line = body.lines[0].clone();
        let offer_message_id = Bytes::copy_from_slice(&offers[0].0);
        let decision = v1::OfferDecision::Order.into();
        body.lines = vec![v1::DecisionLine { offer_message_id, line_no: 1, item_no: 1, quantity: 1, decision, ..line }];
    });
    let ordered = xz.send(ordered.follows(offers[0]).to(&[LY]).0).await;
    xz.stage(ordered, LY, v1::Stage::Delivered).await;
    assert!(told().await.contains(&ordered), "one of the two is ordered: the other offer is to be withdrawn");
    assert!(world.desk(XZ).tasks().await.unwrap().iter().all(|task| task.kind != "DISCREPANCY"), "its supplier alone");
    world.end().await;
}
