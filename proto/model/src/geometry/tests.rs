//! Areas and territories on schematic squares, and on the reference polygons when a place for them is named.
#![allow(clippy::unwrap_used, clippy::cast_sign_loss)]

use std::{fmt::Write as _, fs, path::Path};

use proptest::prelude::*;

use super::*;

fn at(lat: f64, lon: f64) -> Point {
    Point::from_degrees(lat, lon).unwrap()
}

/// A square from south-west to north-east, in degrees.
pub(crate) fn square(south: f64, west: f64, north: f64, east: f64) -> Polygon {
    line(&[(south, west), (south, east), (north, east), (north, west), (south, west)]).unwrap()
}

fn line(points: &[(f64, f64)]) -> Result<Polygon, Invalid> {
    Polygon::new(points.iter().map(|(lat, lon)| at(*lat, *lon)).collect())
}

pub(crate) fn circle(lat: f64, lon: f64, radius_m: u32) -> Area {
    Area::new(Shape::Circle(Circle::new(at(lat, lon), radius_m).unwrap()), 0).unwrap()
}

fn drawn(polygon: Polygon, buffer_m: u32) -> Area {
    Area::new(Shape::Polygon(polygon), buffer_m).unwrap()
}

fn rule(result: Result<Polygon, Invalid>) -> String {
    let invalid = result.unwrap_err();
    assert_eq!(invalid.reason, Reason::BadGeometry);
    invalid.rule
}

#[test]
fn exchanged_latitude_and_longitude_are_refused_and_never_guessed() {
    let swapped = Point::from_degrees(118.35, 35.06).unwrap_err();
    assert_eq!((swapped.reason, swapped.rule.as_str()), (Reason::BadGeometry, "geometry.latitude"));
    assert!(Point::new(900_000_001, 0).is_err() && Point::new(0, 1_800_000_001).is_err());
    assert!(Point::from_degrees(f64::NAN, 0.0).is_err() && Point::from_degrees(0.0, f64::INFINITY).is_err());
    assert_eq!((at(35.06, 118.35).lat_e7(), at(35.06, 118.35).lon_e7()), (350_600_000, 1_183_500_000));
}

#[test]
fn a_polygon_is_closed_and_does_not_cross_itself() {
    assert_eq!(rule(line(&[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)])), "geometry.closed");
    assert_eq!(rule(line(&[(0.0, 0.0), (0.0, 1.0), (0.0, 0.0)])), "geometry.points");
    let bow = [(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)];
    assert_eq!(rule(line(&bow)), "geometry.crossing");
    let back = [(0.0, 0.0), (0.0, 2.0), (0.0, 1.0), (1.0, 1.0), (0.0, 0.0)];
    assert_eq!(rule(line(&back)), "geometry.crossing");
    let twice = [(0.0, 0.0), (0.0, 1.0), (0.0, 1.0), (1.0, 1.0), (0.0, 0.0)];
    assert_eq!(rule(line(&twice)), "geometry.crossing");
    let pinched = [(0.0, 0.0), (0.0, 2.0), (1.0, 1.0), (2.0, 2.0), (2.0, 0.0), (1.0, 1.0), (0.0, 0.0)];
    assert_eq!(rule(line(&pinched)), "geometry.crossing");
    let flat = [(0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (0.0, 0.0)];
    assert_eq!(rule(line(&flat)), "geometry.crossing");
    assert!(
        line(&[(0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (1.0, 1.0), (0.0, 0.0)]).is_ok(),
        "a point on an edge is lawful"
    );
}

#[test]
fn limits_of_size_are_kept() {
    let many = Polygon::new(vec![at(0.0, 0.0); 513]).unwrap_err();
    assert_eq!(many.reason, Reason::TooLarge);
    assert!(Circle::new(at(0.0, 0.0), 0).is_err());
    assert!(Circle::new(at(0.0, 0.0), 1_000_001).is_err());
    let large = Area::new(Shape::Circle(Circle::new(at(0.0, 0.0), 1).unwrap()), 100_001);
    assert_eq!(large.unwrap_err().rule, "geometry.buffer");
}

#[test]
fn distances_are_those_over_the_ground() {
    let (linyi, xuzhou) = (at(35.3108, 118.2795), at(34.3592, 117.5142));
    let known_m = 126_700.0;
    assert!((linyi.distance_m(xuzhou) - known_m).abs() < 500.0, "{}", linyi.distance_m(xuzhou));
    assert!((at(0.0, 0.0).distance_m(at(1.0, 0.0)) - 111_195.0).abs() < 1.0);
    assert!(at(10.0, 179.9).distance_m(at(10.0, -179.9)) < 22_000.0, "the date line is no wall");
    assert!(linyi.distance_m(linyi) < f64::EPSILON);
}

#[test]
fn a_circle_meets_what_it_reaches_and_no_more() {
    let land = square(35.0, 118.0, 36.0, 119.0);
    assert!(circle(35.5, 118.5, 1).meets(&land), "inside");
    let south_m = 111_195.0 / 10.0;
    assert!(!circle(34.9, 118.5, (south_m * 0.98) as u32).meets(&land));
    assert!(circle(34.9, 118.5, (south_m * 1.02) as u32).meets(&land));
    assert!(circle(35.5, 118.5, 500_000).meets(&land), "the territory lies inside");
}

#[test]
fn a_polygon_meets_by_overlap_by_containing_and_by_lying_inside() {
    let land = square(35.0, 118.0, 36.0, 119.0);
    assert!(drawn(square(35.5, 118.5, 36.5, 119.5), 0).meets(&land), "overlap");
    assert!(drawn(square(35.4, 118.4, 35.6, 118.6), 0).meets(&land), "inside");
    assert!(drawn(square(34.0, 117.0, 37.0, 120.0), 0).meets(&land), "around");
    assert!(drawn(square(35.4, 117.0, 35.6, 120.0), 0).meets(&land), "across, no corner inside the other");
    assert!(!drawn(square(33.0, 118.0, 34.0, 119.0), 0).meets(&land), "apart");
}

#[test]
fn a_buffer_reaches_over_a_gap() {
    let land = square(35.0, 118.0, 36.0, 119.0);
    let ten_km_south = |buffer_m| drawn(square(34.0, 118.2, 34.91, 118.8), buffer_m).meets(&land);
    assert!(!ten_km_south(9_000));
    assert!(ten_km_south(11_000));
}

/// The reference polygons: `code` and ring of each feature, read with nothing but string cutting, as the file is ours.
fn reference_polygons(folder: &Path) -> Vec<(String, Polygon)> {
    let text = fs::read_to_string(folder.join("schematic/all.geojson")).unwrap();
    let number = |text: &str| text.trim_matches(|c: char| !c.is_ascii_digit()).parse::<f64>().unwrap();
    let feature = |line: &str| {
        let code = line.split("\"code\": \"").nth(1)?.split('"').next()?.to_owned();
        let ring = line.split("\"coordinates\": [[").nth(1)?.split("]]").next()?;
        let points = ring.split("],").map(|pair| {
            let (lon, lat) = pair.split_once(',').unwrap();
            at(number(lat), number(lon))
        });
        Some((code, Polygon::territory(points.collect()).unwrap()))
    };
    text.lines().filter_map(feature).collect()
}

#[test]
fn the_reference_answers_hold() {
    let Some(folder) = std::env::var_os("LIANDONG_TESTDATA") else {
        println!("LIANDONG_TESTDATA is not set: the reference answers are not looked at");
        return;
    };
    let folder = Path::new(&folder).join("divisions");
    let lands = reference_polygons(&folder);
    assert_eq!(lands.len(), 10);
    let golden = fs::read_to_string(folder.join("golden.tsv")).unwrap();
    for row in golden.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [id, _, lat, lon, radius_km, _, expected, ..] = columns[..] else { unreachable!("{row}") };
        assert_eq!(met(&lands, lat, lon, radius_km), expected, "case {id}");
    }
}

fn met(lands: &[(String, Polygon)], lat: &str, lon: &str, radius_km: &str) -> String {
    let radius_m = radius_km.parse::<f64>().map_or(1, |km| (km * 1_000.0) as u32);
    let Ok(center) = Point::from_degrees(lat.parse().unwrap(), lon.parse().unwrap()) else { return "INVALID".into() };
    let area = Area::new(Shape::Circle(Circle::new(center, radius_m).unwrap()), 0).unwrap();
    let mut codes: Vec<&str> = lands.iter().filter(|(_, land)| area.meets(land)).map(|(code, _)| &**code).collect();
    codes.sort_unstable();
    let mut text = String::new();
    for code in codes {
        write!(text, "{}{code}", if text.is_empty() { "" } else { "," }).unwrap();
    }
    if text.is_empty() { "-".into() } else { text }
}

prop_compose! {
    fn any_point()(lat in -900_000_000_i32..=900_000_000, lon in -1_800_000_000_i32..=1_800_000_000) -> Point {
        Point::new(lat, lon).unwrap()
    }
}

proptest! {
    #[test]
    fn no_points_make_a_polygon_panic(mut points in prop::collection::vec(any_point(), 0..30), radius in 1_u32..1_000_000) {
        points.extend(points.first().copied());
        if let Ok(polygon) = Polygon::new(points) {
            let center = polygon.points().first().copied().unwrap();
            let area = Area::new(Shape::Circle(Circle::new(center, radius).unwrap()), 0).unwrap();
            prop_assert!(area.meets(&polygon), "a circle around its corner meets a polygon");
            prop_assert!(drawn(polygon.clone(), 0).meets(&polygon), "a polygon meets itself");
        }
    }

    #[test]
    fn distance_is_the_same_both_ways(a in any_point(), b in any_point()) {
        let (there, back) = (a.distance_m(b), b.distance_m(a));
        prop_assert!((there - back).abs() < 1.0, "{there} {back}");
    }

    #[test]
    fn a_larger_circle_meets_whatever_a_smaller_one_does(lat in 33.0..38.0, lon in 116.0..121.0, radius in 1_u32..200_000) {
        let land = square(35.0, 118.0, 36.0, 119.0);
        let (small, large) = (circle(lat, lon, radius), circle(lat, lon, radius + 1_000));
        prop_assert!(!small.meets(&land) || large.meets(&land));
    }
}
