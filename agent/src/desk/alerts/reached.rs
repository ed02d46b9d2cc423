//! Whom the areas of a file reach: more of them than a header holds, so the desk resolves them and names members.

use model::{
    directory::Member,
    geometry::{Area, Circle, Point, Polygon, Shape},
    limits,
};
use proto::{border, v1};

use crate::desk::Desk;

impl Desk {
    /// The members whose territory an area of the alert meets, without ourselves; at most as many as a header names.
    pub(super) fn reached_by(&self, alert: &v1::CapAlert) -> Vec<v1::Address> {
        let areas: Vec<Area> = alert.infos.iter().flat_map(|info| &info.areas).flat_map(shapes).collect();
        let bounds: Vec<Bounds> = areas.iter().map(Bounds::of).collect();
        let (us, trusted) = (self.names.jurisdiction(), self.trust.now());
        let met = |member: &&Member| {
            let ground: Vec<Bounds> =
                member.territory.iter().map(|ground| Bounds::around(ground.points(), 0)).collect();
            let near = |bounds: &Bounds| ground.iter().any(|ground| ground.meets(bounds));
            let mut near = areas.iter().zip(&bounds).filter(|(_, bounds)| near(bounds));
            member.id != *us && near.any(|(area, _)| member.is_met_by(area))
        };
        let members = trusted.directory.members().filter(met).take(limits::RECIPIENTS_MAX);
        members.map(|member| address(member.id.as_str())).collect()
    }
}

fn address(id: &str) -> v1::Address {
    let to = v1::JurisdictionAddress { id: id.to_owned(), role: 0 };
    v1::Address { to: Some(v1::address::To::Jurisdiction(to)) }
}

/// The shapes of one area that we can compare; a circle without extent counts as one of a metre.
fn shapes(area: &v1::CapArea) -> Vec<Area> {
    let polygon = |wire: &v1::CapPolygon| {
        let points = wire.points.iter().map(|point| border::geometry::point(*point));
        Polygon::territory(points.collect::<Result<_, _>>().ok()?).ok().map(Shape::Polygon)
    };
    let circle = |wire: &v1::CapCircle| {
        let center = border::geometry::point(wire.center?).ok()?;
        let radius_m = wire.radius_m?.clamp(1, limits::RADIUS_M_MAX);
        Circle::new(center, radius_m).ok().map(Shape::Circle)
    };
    let shapes = area.polygons.iter().filter_map(polygon).chain(area.circles.iter().filter_map(circle));
    shapes.filter_map(|shape| Area::new(shape, 0).ok()).collect()
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
