//! Whom the areas of a file reach: more of them than a header holds, so the desk resolves them and names members.

use model::{
    directory::{ByArea, Member},
    geometry::{Area, Circle, Point, Polygon, Shape},
    ids::JurisdictionId,
    limits,
};
use proto::{border, v1};

use crate::{
    desk::{Desk, compose::to_jurisdiction},
    formats::cap::{findings::Findings, rule::Rule},
};

/// Pairs of points of an area and a territory that are compared for one file; beyond them extremes decide.
const PAIRS_MAX: usize = 100_000_000;

impl Desk {
    /// The members whose territory an area of the alert meets, without ourselves; at most as many as a header names.
    /// What could not be compared, or is cut, is found.
    pub(super) fn reached_by(&self, alert: &v1::CapAlert, findings: &mut Findings) -> Vec<v1::Address> {
        let trusted = self.trust.now();
        let reached = reached(alert, trusted.directory.members(), self.names.jurisdiction(), findings);
        reached.into_iter().map(|id| to_jurisdiction(id.as_str())).collect()
    }
}

/// The members whose territory an area meets.
fn reached<'a>(
    alert: &v1::CapAlert,
    members: impl Iterator<Item = &'a Member>,
    us: &JurisdictionId,
    findings: &mut Findings,
) -> Vec<&'a JurisdictionId> {
    let grounds: Vec<Ground> = shapes(alert, findings).into_iter().map(Ground::of).collect();
    let mut pairs = Some(PAIRS_MAX);
    let others = members.filter(|member| member.id != *us && member.by_area == ByArea::Reached);
    let mut met: Vec<_> = others.filter(|member| meet(&grounds, member, &mut pairs)).map(|member| &member.id).collect();
    if pairs.is_none() {
        findings.add(Rule::W06, "", 0, format!("> {PAIRS_MAX} pairs"));
    }
    if met.len() > limits::RECIPIENTS_MAX {
        findings.add(Rule::W06, "", 0, format!("{} > {}", met.len(), limits::RECIPIENTS_MAX));
        met.truncate(limits::RECIPIENTS_MAX);
    }
    met
}

/// Whether one of the areas meets the territory of a member. `pairs` is what may still be compared, and none once it was
/// too little: then whoever is near counts as met.
fn meet(areas: &[Ground], member: &Member, pairs: &mut Option<usize>) -> bool {
    let territory: Vec<(Bounds, &Polygon)> =
        member.territory.iter().map(|ground| (Bounds::around(ground.points(), 0), ground)).collect();
    let near = areas.iter().flat_map(|area| territory.iter().map(move |ground| (area, ground)));
    let mut near = near.filter(|(area, (bounds, _))| area.bounds.meets(bounds));
    near.any(|(area, (_, ground))| {
        *pairs = pairs.and_then(|left| left.checked_sub(area.points() * ground.points().len()));
        pairs.is_none() || area.area.meets(ground)
    })
}

/// An area and its extremes.
struct Ground {
    area: Area,
    bounds: Bounds,
}

impl Ground {
    fn of(area: Area) -> Self {
        Self { bounds: Bounds::of(&area), area }
    }

    fn points(&self) -> usize {
        match self.area.shape() {
            Shape::Polygon(polygon) => polygon.points().len(),
            Shape::Circle(_) => 1,
        }
    }
}

/// The shapes of an alert that was judged, as far as they can be compared.
fn shapes(alert: &v1::CapAlert, findings: &mut Findings) -> Vec<Area> {
    let mut found = Vec::new();
    for (i, info) in alert.infos.iter().enumerate() {
        for (a, area) in info.areas.iter().enumerate() {
            found.extend(shapes_of(area, &format!("info[{i}].area[{a}]"), findings));
        }
    }
    found
}

fn shapes_of(area: &v1::CapArea, path: &str, findings: &mut Findings) -> Vec<Area> {
    let polygons = area.polygons.iter().map(polygon).enumerate();
    let circles = area.circles.iter().map(circle).enumerate();
    let polygons = polygons.map(|(n, found)| (format!("{path}.polygon[{n}]"), found));
    let circles = circles.map(|(n, found)| (format!("{path}.circle[{n}]"), found));
    let mut areas = Vec::new();
    for (element, found) in polygons.chain(circles) {
        match found {
            Some((shape, whole)) => {
                if !whole {
                    findings.add(Rule::W06, element, 0, format!("> {} m", limits::RADIUS_M_MAX));
                }
                areas.extend(Area::new(shape, 0));
            }
            None => findings.add(Rule::W06, element, 0, ""),
        }
    }
    areas
}

/// A shape, and whether it is all of what was said.
type Found = Option<(Shape, bool)>;

fn polygon(wire: &v1::CapPolygon) -> Found {
    let points = wire.points.iter().map(|point| border::geometry::point(*point));
    let polygon = Polygon::outlined(points.collect::<Result<_, _>>().ok()?)?;
    Some((Shape::Polygon(polygon), true))
}

/// A circle without extent counts as one of a metre.
fn circle(wire: &v1::CapCircle) -> Found {
    let (center, said) = (border::geometry::point(wire.center?).ok()?, wire.radius_m?);
    let circle = Circle::new(center, said.clamp(1, limits::RADIUS_M_MAX)).ok()?;
    Some((Shape::Circle(circle), said <= limits::RADIUS_M_MAX))
}

/// The extremes of a shape, in 10⁻⁷ degree.
struct Bounds {
    south: i32,
    north: i32,
    west: i32,
    east: i32,
}

/// An edge that follows a parallel runs up to 120 m poleward of it: a little room around everything.
const ROOM_E7: i32 = 200_000;
/// Metres of a degree of latitude, less a little.
const DEGREE_M: f64 = 110_000.0;

impl Bounds {
    fn of(area: &Area) -> Self {
        match area.shape() {
            Shape::Polygon(polygon) => Self::around(polygon.points(), ROOM_E7),
            Shape::Circle(circle) => {
                let degrees = f64::from(circle.radius_m()) / DEGREE_M;
                // a degree of longitude is shorter the further from the equator
                let stretch = circle.center().lat().to_radians().cos().max(0.01);
                Self::around(&[circle.center()], ROOM_E7.saturating_add((degrees / stretch * 1e7) as i32))
            }
        }
    }

    fn around(points: &[Point], room: i32) -> Self {
        let least =
            |of: fn(Point) -> i32| points.iter().map(|point| of(*point)).min().unwrap_or(0).saturating_sub(room);
        let most = |of: fn(Point) -> i32| points.iter().map(|point| of(*point)).max().unwrap_or(0).saturating_add(room);
        Self {
            south: least(Point::lat_e7),
            north: most(Point::lat_e7),
            west: least(Point::lon_e7),
            east: most(Point::lon_e7),
        }
    }

    const fn meets(&self, other: &Self) -> bool {
        self.south <= other.north && other.south <= self.north && self.west <= other.east && other.west <= self.east
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn id(text: &str) -> JurisdictionId {
        text.parse().unwrap()
    }

    fn wire(points: impl IntoIterator<Item = (f64, f64)>) -> v1::CapPolygon {
        let point = |(lat, lon): (f64, f64)| v1::Point { lat_e7: (lat * 1e7) as i32, lon_e7: (lon * 1e7) as i32 };
        v1::CapPolygon { points: points.into_iter().map(point).collect() }
    }

    fn square(at: f64) -> [(f64, f64); 5] {
        [(at, at), (at, at + 1.0), (at + 1.0, at + 1.0), (at + 1.0, at), (at, at)]
    }

    /// A round line of so many points, one of them said twice.
    fn round(at: f64, count: u32) -> v1::CapPolygon {
        let point = |n: u32| {
            let angle = f64::from(n % count) * std::f64::consts::TAU / f64::from(count);
            (at + 0.5 + 0.4 * angle.sin(), at + 0.5 + 0.4 * angle.cos())
        };
        wire([point(0)].into_iter().chain((0..=count).map(point)))
    }

    fn member(number: usize, at: f64) -> Member {
        let mut member = Member::new(id(&format!("{}", 370_000 + number)), "市", "City");
        let points = square(at).into_iter().map(|(lat, lon)| Point::from_degrees(lat, lon).unwrap());
        member.territory.push(Polygon::territory(points.collect()).unwrap());
        member
    }

    fn look(polygons: Vec<v1::CapPolygon>, circles: Vec<v1::CapCircle>, members: &[Member]) -> (usize, Vec<String>) {
        let areas = vec![v1::CapArea { polygons, circles, ..v1::CapArea::default() }];
        let infos = vec![v1::CapInfo { areas, ..v1::CapInfo::default() }];
        let alert = v1::CapAlert { infos, ..v1::CapAlert::default() };
        let mut findings = Findings::default();
        let count = reached(&alert, members.iter(), &id("371300"), &mut findings).len();
        let told = findings.sorted().into_iter().map(|found| format!("{} {}", found.element, found.detail));
        (count, told.collect())
    }

    #[test]
    fn a_polygon_reaches_members_however_many_points_it_has_and_though_one_is_said_twice() {
        let members = [member(1, 30.0), member(2, 32.0)];
        assert_eq!(look(vec![wire(square(30.2))], vec![], &members), (1, vec![]));
        assert_eq!(look(vec![round(30.0, 5_000), round(32.0, 16)], vec![], &members), (2, vec![]));
    }

    #[test]
    fn what_cannot_be_compared_or_is_cut_is_told() {
        let many: Vec<Member> = (0..70).map(|n| member(n, 30.0)).collect();
        let circle = |radius_m| v1::CapCircle {
            center: Some(v1::Point { lat_e7: 305_000_000, lon_e7: 305_000_000 }),
            radius_m: Some(radius_m),
        };
        let point = wire([(10.0, 10.0); 4]);
        let told = ["info[0].area[0].polygon[0] ", "info[0].area[0].circle[1] > 1000000 m", " 70 > 64"];
        let looked = look(vec![point], vec![circle(0), circle(2_000_000)], &many);
        assert_eq!(looked, (limits::RECIPIENTS_MAX, told.map(str::to_owned).to_vec()));
    }

    #[test]
    fn beyond_what_may_be_compared_the_near_count_as_met_and_it_is_told() {
        let ring = |at: f64| Ground::of(Area::new(polygon(&round(at, 100)).unwrap().0, 0).unwrap());
        let (near, far) = (member(1, 30.0), member(2, 40.0));
        let mut pairs = Some(100);
        assert!(meet(&[ring(30.0)], &near, &mut pairs), "505 pairs");
        assert_eq!(pairs, None);
        assert!(!meet(&[ring(30.0)], &far, &mut pairs));
    }
}
