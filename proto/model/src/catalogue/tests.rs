//! Every flaw and its price, every part of a search alone, and the order of what is found.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const DAY: Duration = Duration::from_hours(24);

fn point(lat: f64, lon: f64) -> Point {
    Point::from_degrees(lat, lon).unwrap()
}

fn measure(code: &str, min: Option<i64>, max: Option<i64>, unit: &str) -> Measure {
    Measure { code: code.to_owned(), min, max, unit: unit.to_owned() }
}

/// A hazmat team at Tancheng with nothing wrong about its record.
fn team() -> Record {
    Record {
        id: "371322-T-0003".to_owned(),
        name: "郯城化工园区危化品救援队".to_owned(),
        kind: ResourceKind::Team,
        category: "2990000".to_owned(),
        type_level: Some(2),
        measures: vec![measure("leak-sealing-pressure", Some(1), Some(2), "MPa"), measure("Crew", Some(9), None, "人")],
        quantity: Some(1),
        point: Some(point(34.6283, 118.3164)),
        address: "郯城县红花镇".to_owned(),
        phone: Phone::Known(Some(NOW)),
        readiness: Readiness::Ready,
        valid_until: None,
        verified_at: NOW,
    }
}

fn quality(record: &Record) -> (u32, Vec<Flaw>) {
    let Quality { score, flaws } = record.quality_at(NOW);
    (score, flaws)
}

#[test]
fn each_flaw_costs_what_it_costs_and_all_of_them_everything() {
    assert_eq!(quality(&team()), (100, vec![]));
    assert_eq!(quality(&Record { point: None, ..team() }), (85, vec![Flaw::NoPoint]));
    assert_eq!(quality(&Record { quantity: None, ..team() }), (85, vec![Flaw::NoQuantity]));
    assert_eq!(quality(&Record { phone: Phone::None, ..team() }), (70, vec![Flaw::NoPhone]));
    assert_eq!(quality(&Record { phone: Phone::Known(None), ..team() }), (70, vec![Flaw::PhoneUnverified]));
    let long_ago = NOW.minus(DAY * 91);
    assert_eq!(quality(&Record { verified_at: long_ago, ..team() }), (60, vec![Flaw::Stale]));
    let worst = Record { verified_at: long_ago, phone: Phone::None, point: None, quantity: None, ..team() };
    assert_eq!(quality(&worst), (0, vec![Flaw::Stale, Flaw::NoPhone, Flaw::NoPoint, Flaw::NoQuantity]));
}

#[test]
fn a_record_is_stale_a_moment_after_ninety_days_and_a_number_after_a_hundred_and_eighty() {
    let moment = Duration::from_millis(1);
    let verified = |at| quality(&Record { verified_at: at, ..team() }).0;
    assert_eq!([verified(NOW.minus(STALE_AFTER)), verified(NOW.minus(STALE_AFTER + moment))], [100, 60]);
    let called = |at| quality(&Record { phone: Phone::Known(Some(at)), ..team() }).0;
    assert_eq!([called(NOW.minus(PHONE_STALE_AFTER)), called(NOW.minus(PHONE_STALE_AFTER + moment))], [100, 70]);
}

fn need(code: &str, least: Option<i64>, unit: &str) -> Need {
    Need { code: code.to_owned(), least, unit: unit.to_owned() }
}

#[test]
fn a_measure_is_met_by_the_most_that_is_said_of_it() {
    let lacks = |code, least, unit| team().lacks(&[need(code, least, unit)], None);
    let lack = |code: &str, has| vec![Lack { code: code.to_owned(), has }];

    assert_eq!(lacks("leak-sealing-pressure", Some(2), ""), vec![]);
    assert_eq!(lacks("LEAK-SEALING-PRESSURE", Some(2), "mpa"), vec![], "letters of either case");
    assert_eq!(lacks("leak-sealing-pressure", Some(3), ""), lack("leak-sealing-pressure", Some(2)));
    assert_eq!(lacks("crew", Some(9), ""), vec![], "the least it does, where nothing is said of the most");
    assert_eq!(lacks("leak-sealing-pressure", Some(1), "bar"), lack("leak-sealing-pressure", None), "another unit");
    assert_eq!(lacks("diving-depth", Some(1), ""), lack("diving-depth", None));
    assert_eq!(lacks("crew", None, ""), vec![], "it need only be known");
    assert_eq!(lacks("diving-depth", None, ""), lack("diving-depth", None));
}

#[test]
fn a_typed_resource_meets_its_type_and_every_better_one() {
    let lacks = |type_level, wanted| Record { type_level, ..team() }.lacks(&[], Some(wanted));
    assert_eq!([lacks(Some(1), 2), lacks(Some(2), 2)], [vec![], vec![]]);
    assert_eq!(lacks(Some(3), 2), vec![Lack { code: "type_level".to_owned(), has: Some(3) }]);
    assert_eq!(lacks(None, 4), vec![Lack { code: "type_level".to_owned(), has: None }]);
}

#[test]
fn every_minimum_of_a_line_must_be_met() {
    let needs = [need("crew", Some(10), ""), need("leak-sealing-pressure", Some(2), "MPa"), need("boats", Some(1), "")];
    let codes: Vec<String> = team().lacks(&needs, Some(1)).into_iter().map(|lack| lack.code).collect();
    assert_eq!(codes, ["type_level", "crew", "boats"]);
}

fn finds(search: &Search) -> bool {
    search.finds(&team(), Readiness::Ready, NOW)
}

#[test]
fn a_search_that_says_nothing_finds_everything_that_still_counts() {
    assert!(finds(&Search::default()));
    let past = Record { valid_until: Some(NOW.minus(DAY)), ..team() };
    assert!(!Search::default().finds(&past, Readiness::Ready, NOW));
    assert!(Search { expired_too: true, ..Search::default() }.finds(&past, Readiness::Ready, NOW));
    let today = Record { valid_until: Some(NOW), ..team() };
    assert!(Search::default().finds(&today, Readiness::Ready, NOW));
}

#[test]
fn each_part_of_a_search_refuses_alone() {
    let any = Search::default;
    for (search, found) in [
        (Search { kinds: [ResourceKind::Team, ResourceKind::Expert].into(), ..any() }, true),
        (Search { kinds: [ResourceKind::Vehicle].into(), ..any() }, false),
        (Search { category: "299".to_owned(), ..any() }, true),
        (Search { category: "298".to_owned(), ..any() }, false),
        (Search { readiness: [Readiness::Ready].into(), ..any() }, true),
        (Search { readiness: [Readiness::Standby].into(), ..any() }, false),
        (Search { text: "危化品 红花镇".to_owned(), ..any() }, true),
        (Search { text: "t-0003 LEAK".to_owned(), ..any() }, true),
        (Search { text: "危化品 徐州".to_owned(), ..any() }, false),
        (Search { needs: vec![need("crew", Some(9), "")], ..any() }, true),
        (Search { needs: vec![need("crew", Some(10), "")], ..any() }, false),
        (Search { type_level: Some(2), ..any() }, true),
        (Search { type_level: Some(1), ..any() }, false),
    ] {
        assert_eq!(finds(&search), found, "{search:?}");
    }
}

#[test]
fn within_a_distance_is_what_stands_so_near_and_nothing_without_a_place() {
    let linyi = point(35.1046, 118.3565);
    let within = |km: u32, near| Search { near, within_m: Some(km * 1_000), ..Search::default() };
    assert!(finds(&within(60, Some(linyi))) && !finds(&within(50, Some(linyi))), "53 km");
    let nowhere = Record { point: None, ..team() };
    assert!(!within(60, Some(linyi)).finds(&nowhere, Readiness::Ready, NOW));
    assert!(Search { near: Some(linyi), ..Search::default() }.finds(&nowhere, Readiness::Ready, NOW), "only far down");
}

#[test]
fn the_nearest_comes_first_then_the_best_then_by_id() {
    let found = |distance_m, score, id: &str| Found { distance_m, score, id: id.to_owned() };
    let mut list = [
        found(None, 100, "e"),
        found(Some(900.0), 100, "d"),
        found(Some(500.0), 40, "c"),
        found(Some(500.0), 90, "b"),
        found(Some(500.0), 90, "a"),
    ];
    list.sort_by(Found::order);
    assert_eq!(list.map(|one| one.id), ["a", "b", "c", "d", "e"]);
}

#[test]
fn offers_hold_and_missions_take_and_what_is_over_gives_back() {
    let later = NOW.plus(DAY);
    for (published, uses, stands) in [
        (Readiness::Ready, vec![], Readiness::Ready),
        (Readiness::Ready, vec![Use::Held(Some(later))], Readiness::Standby),
        (Readiness::Ready, vec![Use::Held(None)], Readiness::Standby),
        (Readiness::Ready, vec![Use::Held(Some(NOW.minus(DAY)))], Readiness::Ready),
        (Readiness::Ready, vec![Use::Held(None), Use::Sent(MissionState::Committed)], Readiness::Committed),
        (Readiness::Ready, vec![Use::Sent(MissionState::Mobilising)], Readiness::Committed),
        (Readiness::Ready, vec![Use::Sent(MissionState::InUse), Use::Held(None)], Readiness::Deployed),
        (Readiness::Ready, vec![Use::Sent(MissionState::Returned)], Readiness::Ready),
        (Readiness::Ready, vec![Use::Sent(MissionState::Recalled)], Readiness::Ready),
        (Readiness::OutOfService, vec![Use::Sent(MissionState::EnRoute)], Readiness::OutOfService),
        (Readiness::Committed, vec![Use::Held(None)], Readiness::Committed),
    ] {
        assert_eq!(readiness_at(published, &uses, NOW), stands, "{published} {uses:?}");
    }
}

#[test]
fn a_mission_takes_its_resource_exactly_while_it_is_live() {
    for state in MissionState::ALL {
        let over = matches!(
            state,
            MissionState::Returned
                | MissionState::Settled
                | MissionState::Recalled
                | MissionState::Aborted
                | MissionState::Lost
        );
        assert_eq!(Use::Sent(*state).readiness_at(NOW).is_none(), over, "{state}");
    }
}
