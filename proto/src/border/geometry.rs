//! Points, polygons, circles, areas.

use model::{
    geometry::{Area, Circle, Point, Polygon, Shape},
    invalid::Invalid,
};

use crate::v1;

/// An area from the wire.
pub fn area(wire: v1::Area) -> Result<Area, Invalid> {
    let v1::Area { shape, buffer_m } = wire;
    let shape = match shape.ok_or_else(|| Invalid::missing("shape"))? {
        v1::area::Shape::Polygon(wire) => Shape::Polygon(polygon(wire).map_err(|invalid| invalid.within("polygon"))?),
        v1::area::Shape::Circle(wire) => Shape::Circle(circle(wire).map_err(|invalid| invalid.within("circle"))?),
    };
    Area::new(shape, buffer_m)
}

/// A closed line from the wire.
pub fn polygon(wire: v1::Polygon) -> Result<Polygon, Invalid> {
    let v1::Polygon { points } = wire;
    let within = |(at, wire)| point(wire).map_err(|invalid| invalid.within(format!("points[{at}]")));
    Polygon::new(points.into_iter().enumerate().map(within).collect::<Result<_, _>>()?)
}

/// A circle from the wire.
pub fn circle(wire: v1::Circle) -> Result<Circle, Invalid> {
    let v1::Circle { center, radius_m } = wire;
    let center = center.ok_or_else(|| Invalid::missing("center"))?;
    Circle::new(point(center).map_err(|invalid| invalid.within("center"))?, radius_m)
}

/// A point from the wire.
pub fn point(wire: v1::Point) -> Result<Point, Invalid> {
    let v1::Point { lat_e7, lon_e7 } = wire;
    Point::new(lat_e7, lon_e7)
}

/// An area for the wire.
pub fn to_wire(area: &Area) -> v1::Area {
    let shape = match area.shape() {
        Shape::Polygon(polygon) => v1::area::Shape::Polygon(v1::Polygon {
            points: polygon.points().iter().map(|point| point_to_wire(*point)).collect(),
        }),
        Shape::Circle(circle) => v1::area::Shape::Circle(v1::Circle {
            center: Some(point_to_wire(circle.center())),
            radius_m: circle.radius_m(),
        }),
    };
    v1::Area { shape: Some(shape), buffer_m: area.buffer_m() }
}

fn point_to_wire(point: Point) -> v1::Point {
    v1::Point { lat_e7: point.lat_e7(), lon_e7: point.lon_e7() }
}
