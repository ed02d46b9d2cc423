//! The waves of the chlorine tanker on the border of Linyi, and when they start.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;
use crate::{
    geometry::{Polygon, tests::square},
    judge::sample::{NOON, member, message_id},
    role::Role,
    thread::ledger::{Key, Start},
};

const LYG: &str = "320700";
const XZ: &str = "320300";

/// The middles of the region's cities, and of a province.
const CITIES: [(&str, f64, f64); 9] = [
    ("371100", 35.5834, 119.1346),
    (LYG, 34.5349, 119.1318),
    ("370400", 34.9165, 117.3931),
    (XZ, 34.3592, 117.5142),
    ("370700", 36.5464, 119.0712),
    ("370300", 36.6074, 118.0533),
    ("370900", 36.0011, 117.0257),
    ("370800", 35.3753, 116.7314),
    ("320000", 34.40, 118.40),
];

fn at(lat: f64, lon: f64) -> Point {
    Point::from_degrees(lat, lon).unwrap()
}

/// Where the tanker lies.
fn tanker() -> Point {
    at(34.45, 118.36)
}

/// XZ begins 3 km south and west of the tanker, LYG 4 km south and east of it; the others are far.
fn territory(id: &str, lat: f64, lon: f64) -> Polygon {
    match id {
        XZ => square(33.8, 116.4, 34.42, 118.36),
        LYG => square(34.0, 118.37, 34.414, 119.4),
        _ => square(lat - 0.2, lon - 0.2, lat + 0.2, lon + 0.2),
    }
}

fn directory() -> Directory {
    let city = |(id, lat, lon): (&str, f64, f64)| Member {
        centroid: Some(at(lat, lon)),
        territory: vec![territory(id, lat, lon)],
        by_area: if id.ends_with("0000") { ByArea::NotReached } else { ByArea::Reached },
        ..Member::new(member(id), id, id)
    };
    Directory::new(1, CITIES.map(city), [])
}

fn ids(ids: &[&str]) -> BTreeSet<JurisdictionId> {
    ids.iter().map(|id| member(id)).collect()
}

/// The waves until nobody is left, and who is in each.
fn waves(place: Point, partners: &BTreeSet<JurisdictionId>) -> Vec<Vec<String>> {
    let mut asked = BTreeSet::new();
    let wave = std::iter::from_fn(|| {
        let wave = next(place, partners, &asked, &directory());
        asked.extend(wave.iter().cloned());
        (!wave.is_empty()).then(|| wave.iter().map(ToString::to_string).collect())
    });
    wave.collect()
}

#[test]
fn the_tanker_is_asked_about_in_waves_of_two_with_the_nearest_first() {
    let all = ids(&CITIES.map(|(id, ..)| id));
    let expected: [&[&str]; 4] = [&[LYG, XZ], &["370400", "371100"], &["370800", "370900"], &["370300", "370700"]];
    assert_eq!(waves(tanker(), &all), expected);
}

#[test]
fn a_first_wave_is_everybody_near_and_at_least_two() {
    let far = ids(&["370400", "371100", "370800"]);
    assert_eq!(waves(tanker(), &far), [vec!["370400", "371100"], vec!["370800"]], "filled up with the nearest");
    assert_eq!(waves(tanker(), &ids(&[XZ, "370800"])), [[XZ, "370800"]]);
    let everybody_near = next(at(34.41, 118.3), &ids(&[XZ, LYG, "320000"]), &BTreeSet::new(), &directory());
    assert_eq!(everybody_near.len(), 2, "a province is asked by name only");
    let near = Directory::new(
        1,
        CITIES.map(|(id, ..)| {
            let territory = vec![square(34.4, 118.3, 34.5, 118.4)];
            Member { territory, ..Member::new(member(id), id, id) }
        }),
        [],
    );
    let all = ids(&CITIES.map(|(id, ..)| id));
    assert_eq!(next(tanker(), &all, &BTreeSet::new(), &near).len(), 9, "all who are near, however many");
}

#[test]
fn who_is_no_member_or_no_partner_is_not_asked() {
    assert_eq!(next(tanker(), &ids(&["999999"]), &BTreeSet::new(), &directory()), []);
    assert_eq!(next(tanker(), &BTreeSet::new(), &BTreeSet::new(), &directory()), []);
    assert_eq!(next(tanker(), &ids(&[XZ, LYG]), &ids(&[XZ]), &directory()), [member(LYG)]);
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

fn asks(ledger: &mut Ledger, by: &str, at: u64) -> Key {
    let key = Key { name: DeadlineName::D10, jurisdiction: member(by), subject: String::new() };
    ledger.start(Start {
        key: key.clone(),
        role: Role::DutyOfficer,
        cause: message_id(1),
        starts_at: NOON.plus(minutes(at)),
        due_at: NOON.plus(minutes(at + 120)),
    });
    key
}

/// Minutes after noon.
fn starts(ledger: &Ledger) -> Option<u64> {
    starts_at(ledger).map(|at| at.since(NOON).as_secs() / 60)
}

#[test]
fn the_next_wave_waits_for_all_answers_and_for_half_of_the_time_at_most() {
    let mut ledger = Ledger::default();
    assert_eq!(starts(&ledger), None, "nobody was asked");
    let (xz, lyg) = (asks(&mut ledger, XZ, 18), asks(&mut ledger, LYG, 18));
    assert_eq!(starts(&ledger), Some(78));
    ledger.meet(&xz, NOON.plus(minutes(30)), None);
    assert_eq!(starts(&ledger), Some(78), "one of two has answered");
    ledger.meet(&lyg, NOON.plus(minutes(31)), None);
    assert_eq!(starts(&ledger), Some(31));

    let zz = asks(&mut ledger, "370400", 31);
    assert_eq!(starts(&ledger), Some(91), "the newest wave counts");
    ledger.waive(&zz, "电话已答复");
    assert_eq!(starts(&ledger), Some(31), "nothing is awaited any more");
}

#[test]
fn an_answer_after_half_of_the_time_delays_nothing() {
    let mut ledger = Ledger::default();
    let xz = asks(&mut ledger, XZ, 0);
    ledger.meet(&xz, NOON.plus(minutes(70)), None);
    assert_eq!(starts(&ledger), Some(60));
}
