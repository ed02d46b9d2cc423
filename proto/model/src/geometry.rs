//! Places and areas, and whether an area meets a territory.
//!
//! Distances are those on a sphere of 6,371,008.8 m. For a question about an area everything is laid flat around the
//! area's middle (azimuthal equidistant), so distances from the middle are exact on the sphere; between two points
//! both `d` away from it they are off by less than `(d / R)² / 6`: 0.006 % at 120 km, 0.4 % at 1,000 km. Earth is no
//! sphere, which adds at most 0.6 %. Edges are straight on that plane: one that follows a parallel over 90 km runs up to
//! 120 m poleward of it. Latitude and longitude always travel by name.

pub mod outline;

use crate::{invalid::Invalid, limits, reason::Reason};

/// A place: WGS 84, which is CGCS2000 for our purposes. Checked when made.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Point {
    lat_e7: i32,
    lon_e7: i32,
}

/// A closed line that does not cross itself. Checked when made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Polygon(Vec<Point>);

/// A circle on the ground. Checked when made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Circle {
    center: Point,
    radius_m: u32,
}

/// The outline of an area.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Shape {
    /// What lies within a closed line.
    Polygon(Polygon),
    /// What lies within a distance.
    Circle(Circle),
}

/// A part of the ground, grown by a margin before it is compared. Checked when made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Area {
    shape: Shape,
    buffer_m: u32,
}

fn bad(field: &str, rule: &str) -> Invalid {
    Invalid::new(Reason::BadGeometry, field, rule)
}

impl Point {
    /// The place at this latitude and longitude, in 10⁻⁷ degree.
    pub fn new(lat_e7: i32, lon_e7: i32) -> Result<Self, Invalid> {
        if !(-900_000_000..=900_000_000).contains(&lat_e7) {
            return Err(bad("lat_e7", "geometry.latitude").detail(lat_e7.to_string()));
        }
        if !(-1_800_000_000..=1_800_000_000).contains(&lon_e7) {
            return Err(bad("lon_e7", "geometry.longitude").detail(lon_e7.to_string()));
        }
        Ok(Self { lat_e7, lon_e7 })
    }

    /// The place at this latitude and longitude in degrees, rounded to 10⁻⁷.
    pub fn from_degrees(lat: f64, lon: f64) -> Result<Self, Invalid> {
        let e7 = |degrees: f64, most: f64| (degrees.abs() <= most).then(|| (degrees * 1e7).round() as i32);
        let lat_e7 = e7(lat, 90.0).ok_or_else(|| bad("lat", "geometry.latitude").detail(lat.to_string()))?;
        let lon_e7 = e7(lon, 180.0).ok_or_else(|| bad("lon", "geometry.longitude").detail(lon.to_string()))?;
        Self::new(lat_e7, lon_e7)
    }

    /// Latitude in 10⁻⁷ degree, north positive.
    pub const fn lat_e7(self) -> i32 {
        self.lat_e7
    }

    /// Longitude in 10⁻⁷ degree, east positive.
    pub const fn lon_e7(self) -> i32 {
        self.lon_e7
    }

    /// Latitude in degrees.
    pub fn lat(self) -> f64 {
        f64::from(self.lat_e7) / 1e7
    }

    /// Longitude in degrees.
    pub fn lon(self) -> f64 {
        f64::from(self.lon_e7) / 1e7
    }

    /// Metres to `other` over the ground.
    pub fn distance_m(self, other: Self) -> f64 {
        let (x, y) = Plane::around(self).lay(other);
        x.hypot(y)
    }
}

impl Polygon {
    /// The closed line through `points`, the last of which equals the first: 4 to 512, not crossing itself.
    pub fn new(points: Vec<Point>) -> Result<Self, Invalid> {
        Self::of_at_most(points, limits::POLYGON_POINTS_MAX)
    }

    /// The same with as many points as a territory in the directory may have.
    pub fn territory(points: Vec<Point>) -> Result<Self, Invalid> {
        Self::of_at_most(points, limits::TERRITORY_POINTS_MAX)
    }

    /// The closed line through `points`, in which [`outline::outline`] found no crossing: as many as there are, and not
    /// looked at again. Points that are said twice in a row are said once. None where no face is left.
    pub fn outlined(mut points: Vec<Point>) -> Option<Self> {
        points.dedup();
        (points.len() >= 4 && points.first() == points.last()).then_some(Self(points))
    }

    fn of_at_most(points: Vec<Point>, most: usize) -> Result<Self, Invalid> {
        if points.len() > most {
            return Err(Invalid::too_large("points", points.len(), most));
        }
        if points.len() < 4 {
            return Err(bad("points", "geometry.points").detail(format!("{} points, at least 4", points.len())));
        }
        if points.first() != points.last() {
            return Err(bad("points", "geometry.closed"));
        }
        match crossing(&points) {
            None => Ok(Self(points)),
            Some((a, b)) => Err(bad("points", "geometry.crossing").detail(format!("edges {a} and {b}"))),
        }
    }

    /// Its points, the last equal to the first.
    pub fn points(&self) -> &[Point] {
        &self.0
    }
}

impl Circle {
    /// What lies within `radius_m` of `center`: 1 to 1,000,000 m.
    pub fn new(center: Point, radius_m: u32) -> Result<Self, Invalid> {
        match radius_m {
            0 => Err(bad("radius_m", "geometry.radius")),
            radius_m if radius_m > limits::RADIUS_M_MAX => {
                Err(bad("radius_m", "geometry.radius").detail(radius_m.to_string()))
            }
            radius_m => Ok(Self { center, radius_m }),
        }
    }

    /// Its centre.
    pub const fn center(&self) -> Point {
        self.center
    }

    /// Its radius in metres.
    pub const fn radius_m(&self) -> u32 {
        self.radius_m
    }
}

impl Area {
    /// `shape` grown by `buffer_m`, at most 100,000 m.
    pub fn new(shape: Shape, buffer_m: u32) -> Result<Self, Invalid> {
        if buffer_m > limits::BUFFER_M_MAX {
            return Err(bad("buffer_m", "geometry.buffer").detail(buffer_m.to_string()));
        }
        Ok(Self { shape, buffer_m })
    }

    /// Its outline before growing.
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// By how many metres it is grown.
    pub const fn buffer_m(&self) -> u32 {
        self.buffer_m
    }

    /// Whether the area, grown by its margin, has a point in common with `territory`.
    pub fn meets(&self, territory: &Polygon) -> bool {
        let plane = Plane::around(self.middle());
        let (land, buffer) = (plane.lay_all(territory), f64::from(self.buffer_m));
        match &self.shape {
            Shape::Circle(circle) => {
                inside(ORIGIN, &land) || gap(&[ORIGIN], &land) <= f64::from(circle.radius_m) + buffer
            }
            Shape::Polygon(polygon) => {
                let outline = plane.lay_all(polygon);
                let overlap = outline.first().is_some_and(|at| inside(*at, &land))
                    || land.first().is_some_and(|at| inside(*at, &outline));
                overlap || gap(&outline, &land) <= buffer
            }
        }
    }

    /// A point around which the area lies: the centre, or the middle of its extremes.
    pub fn middle(&self) -> Point {
        match &self.shape {
            Shape::Circle(circle) => circle.center,
            Shape::Polygon(polygon) => middle(polygon.points()),
        }
    }
}

/// The middle of the extremes of `points`.
fn middle(points: &[Point]) -> Point {
    let between = |of: fn(&Point) -> i32| {
        let (least, most) = points.iter().map(of).fold((i32::MAX, i32::MIN), |(a, b), v| (a.min(v), b.max(v)));
        i32::try_from(i64::midpoint(i64::from(least), i64::from(most))).unwrap_or(0)
    };
    Point { lat_e7: between(|point| point.lat_e7), lon_e7: between(|point| point.lon_e7) }
}

/// A place in metres east and north of the middle.
type Flat = (f64, f64);

const ORIGIN: Flat = (0.0, 0.0);
const EARTH_M: f64 = 6_371_008.8;

/// The ground around a place, laid flat with true distances from it.
struct Plane {
    sin_lat: f64,
    cos_lat: f64,
    lon: f64,
}

impl Plane {
    fn around(middle: Point) -> Self {
        let (sin_lat, cos_lat) = middle.lat().to_radians().sin_cos();
        Self { sin_lat, cos_lat, lon: middle.lon().to_radians() }
    }

    fn lay(&self, point: Point) -> Flat {
        let (sin, cos) = point.lat().to_radians().sin_cos();
        let (sin_across, cos_across) = (point.lon().to_radians() - self.lon).sin_cos();
        let east = cos * sin_across;
        let north = self.cos_lat * sin - self.sin_lat * cos * cos_across;
        let up = self.sin_lat * sin + self.cos_lat * cos * cos_across;
        let flat = east.hypot(north);
        let stretch = if flat > 0.0 { EARTH_M * flat.atan2(up) / flat } else { 0.0 };
        (east * stretch, north * stretch)
    }

    fn lay_all(&self, polygon: &Polygon) -> Vec<Flat> {
        polygon.points().iter().map(|point| self.lay(*point)).collect()
    }
}

fn edges(line: &[Flat]) -> impl Iterator<Item = (Flat, Flat)> {
    line.iter().copied().zip(line.iter().skip(1).copied())
}

/// Whether `at` lies inside the closed `line` (even-odd; its own edge may count either way, the gap then is 0).
fn inside(at: Flat, line: &[Flat]) -> bool {
    let crosses = |((x1, y1), (x2, y2)): &(Flat, Flat)| {
        (*y1 > at.1) != (*y2 > at.1) && at.0 < (x2 - x1) * (at.1 - y1) / (y2 - y1) + x1
    };
    edges(line).filter(crosses).count() % 2 == 1
}

/// The least distance between two lines in metres; 0 when they cross. A line may be a single point.
fn gap(a: &[Flat], b: &[Flat]) -> f64 {
    let one = |from: &[Flat], to: &[Flat]| {
        from.iter().flat_map(|at| edges(to).map(|edge| to_edge(*at, edge))).fold(f64::INFINITY, f64::min)
    };
    let cross = edges(a).any(|edge| edges(b).any(|other| flat_cross(edge, other)));
    if cross { 0.0 } else { one(a, b).min(one(b, a)) }
}

/// The distance from a place to an edge.
fn to_edge((px, py): Flat, ((ax, ay), (bx, by)): (Flat, Flat)) -> f64 {
    let (dx, dy) = (bx - ax, by - ay);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 { (((px - ax) * dx + (py - ay) * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    (px - ax - along * dx).hypot(py - ay - along * dy)
}

fn flat_cross((a, b): (Flat, Flat), (c, d): (Flat, Flat)) -> bool {
    let side = |(ox, oy): Flat, (px, py): Flat, (qx, qy): Flat| (px - ox) * (qy - oy) - (py - oy) * (qx - ox);
    let apart = |first: f64, second: f64| (first > 0.0) != (second > 0.0);
    apart(side(a, b, c), side(a, b, d)) && apart(side(c, d, a), side(c, d, b))
}

/// The first two edges that touch where they should not, counted from 0. Exact: whole numbers throughout.
fn crossing(points: &[Point]) -> Option<(usize, usize)> {
    let edges: Vec<(Point, Point)> = points.iter().copied().zip(points.iter().skip(1).copied()).collect();
    let last = edges.len().checked_sub(1)?;
    for (i, first) in edges.iter().enumerate() {
        for (j, second) in edges.iter().enumerate().skip(i + 1) {
            let wrong = match (j == i + 1, i == 0 && j == last) {
                (true, false) => fold_back(first.0, first.1, second.1),
                (false, true) => fold_back(second.0, second.1, first.1),
                (true, true) | (false, false) => touch(*first, *second),
            };
            if wrong || first.0 == first.1 {
                return Some((i, j));
            }
        }
    }
    edges.last().filter(|edge| edge.0 == edge.1).map(|_| (last, last))
}

/// Twice the area to the left of `o → p` as seen from `q`.
fn turn(o: Point, p: Point, q: Point) -> i128 {
    let across = |a: Point, b: Point| i128::from(b.lon_e7) - i128::from(a.lon_e7);
    let up = |a: Point, b: Point| i128::from(b.lat_e7) - i128::from(a.lat_e7);
    across(o, p) * up(o, q) - up(o, p) * across(o, q)
}

/// Whether the line `a → b → c` runs back over itself.
fn fold_back(a: Point, b: Point, c: Point) -> bool {
    turn(a, b, c) == 0 && (on(a, (b, c)) || on(c, (a, b)))
}

/// Whether `at`, known to be in line with the edge, lies on it.
fn on(at: Point, (a, b): (Point, Point)) -> bool {
    let between = |v: i32, p: i32, q: i32| (p.min(q)..=p.max(q)).contains(&v);
    between(at.lat_e7, a.lat_e7, b.lat_e7) && between(at.lon_e7, a.lon_e7, b.lon_e7)
}

/// Whether two edges have a point in common.
fn touch((a, b): (Point, Point), (c, d): (Point, Point)) -> bool {
    let (abc, abd, cda, cdb) = (turn(a, b, c), turn(a, b, d), turn(c, d, a), turn(c, d, b));
    let proper = (abc > 0) != (abd > 0) && (cda > 0) != (cdb > 0) && abc != 0 && abd != 0 && cda != 0 && cdb != 0;
    let lies = |turn: i128, at: Point, edge: (Point, Point)| turn == 0 && on(at, edge);
    proper || lies(abc, c, (a, b)) || lies(abd, d, (a, b)) || lies(cda, a, (c, d)) || lies(cdb, b, (c, d))
}

#[cfg(test)]
pub(crate) mod tests;
