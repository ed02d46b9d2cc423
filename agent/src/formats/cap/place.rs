//! Places in CAP: the only code that knows that CAP writes latitude first.

use model::geometry::{
    Point,
    outline::{Budget, Outline, outline},
};
use proto::v1;

use super::{rule::Rule, value};

/// Pairs of edges of one file that are compared in search of a crossing.
pub const CROSSING_PAIRS_MAX: u64 = 20_000_000;
/// Half way round the earth, in metres.
const RADIUS_M_MAX: i64 = 20_100_000;

/// `lat,lon`.
pub fn pair(text: &str) -> Option<v1::Point> {
    let (lat, lon) = text.split_once(',')?;
    let degrees = |text: &str| value::decimal(text, 7).and_then(|e7| i32::try_from(e7).ok());
    let point = v1::Point { lat_e7: degrees(lat)?, lon_e7: degrees(lon)? };
    Point::new(point.lat_e7, point.lon_e7).ok().map(|_| point)
}

/// The same written.
pub fn written(point: v1::Point) -> String {
    let degrees = |e7: i32| value::plain(i64::from(e7), 7);
    format!("{},{}", degrees(point.lat_e7), degrees(point.lon_e7))
}

/// A broken rule about a shape, and what is wrong.
pub type Wrong = (Rule, String);

/// The points of a polygon, not looked at as a line.
pub fn polygon(text: &str) -> Result<v1::CapPolygon, Wrong> {
    let wrong = |at: usize, pair: &str| (Rule::C06, format!("pair {}: {pair}", at + 1));
    let read = |(at, text): (usize, &str)| pair(text).ok_or_else(|| wrong(at, text));
    Ok(v1::CapPolygon { points: text.split_whitespace().enumerate().map(read).collect::<Result<_, _>>()? })
}

/// A line that is closed, has a face and does not cross itself.
pub fn judge_polygon(polygon: &v1::CapPolygon, budget: &mut Budget) -> Result<(), Wrong> {
    let count = polygon.points.len();
    if count < 4 {
        return Err((Rule::C06, format!("{count} < 4")));
    }
    if polygon.points.first() != polygon.points.last() {
        return Err((Rule::C06, "first != last".to_owned()));
    }
    let read = |point: &v1::Point| Point::new(point.lat_e7, point.lon_e7);
    let points: Vec<Point> =
        polygon.points.iter().map(read).collect::<Result<_, _>>().map_err(|bad| (Rule::C06, bad.detail))?;
    match outline(&points, budget) {
        Outline::Simple => Ok(()),
        Outline::Crosses(a, b) => Err((Rule::C07, format!("edges {} and {}", a + 1, b + 1))),
        Outline::TooIntricate => Err((Rule::C07, format!("too intricate: {count} points"))),
    }
}

/// The same written.
pub fn polygon_written(polygon: &v1::CapPolygon) -> String {
    polygon.points.iter().map(|point| written(*point)).collect::<Vec<_>>().join(" ")
}

/// `lat,lon radius`, the radius in kilometres.
pub fn circle(text: &str) -> Result<v1::CapCircle, Wrong> {
    let wrong = || (Rule::C08, text.to_owned());
    let mut parts = text.split_whitespace();
    let (Some(center), Some(radius), None) = (parts.next(), parts.next(), parts.next()) else { return Err(wrong()) };
    let circle = v1::CapCircle {
        center: Some(pair(center).ok_or_else(wrong)?),
        radius_m: value::decimal(radius, 3).filter(|m| *m <= RADIUS_M_MAX).and_then(|m| u32::try_from(m).ok()),
    };
    if circle.radius_m.is_none() { Err(wrong()) } else { Ok(circle) }
}

/// The same written.
pub fn circle_written(circle: &v1::CapCircle) -> String {
    let center = circle.center.unwrap_or_default();
    format!("{} {}", written(center), value::plain(i64::from(circle.radius_m.unwrap_or(0)), 3))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// 郯城: its longitude is no latitude, so whoever swaps them is refused.
    const TANCHENG: v1::Point = v1::Point { lat_e7: 344_500_000, lon_e7: 1_183_600_000 };

    #[test]
    fn latitude_comes_first_and_cannot_be_swapped_unnoticed() {
        assert_eq!(pair("34.45,118.36"), Some(TANCHENG));
        assert_eq!(written(TANCHENG), "34.45,118.36");
        assert_eq!(pair("118.36,34.45"), None);
        assert_eq!(pair("91,0").or(pair("0,181")).or(pair("1 2")).or(pair("34.45,118.36,5")), None);
    }

    #[test]
    fn a_circle_of_five_kilometres_has_five_thousand_metres() {
        let read = circle("34.45,118.36 5").unwrap();
        assert_eq!((read.center, read.radius_m), (Some(TANCHENG), Some(5_000)));
        assert_eq!(circle_written(&read), "34.45,118.36 5");
        assert_eq!(circle("32.9525,-115.5527 0").unwrap().radius_m, Some(0));
        for wrong in ["", "34.45,118.36", "34.45,118.36 -1", "34.45,118.36 5 5", "118.36,34.45 5", "34.45,118.36 99999"]
        {
            assert_eq!(circle(wrong).unwrap_err().0, Rule::C08, "{wrong}");
        }
    }

    #[test]
    fn a_polygon_is_closed_and_does_not_cross_itself() {
        let look = |text: &str| {
            let read = polygon(text).map_err(|(rule, _)| rule)?;
            judge_polygon(&read, &mut Budget(1_000)).map_err(|(rule, _)| rule).map(|()| polygon_written(&read))
        };
        let reaches = "34.4,118.15 34.4,118.6 34.75,118.6 34.75,118.15 34.4,118.15";
        assert_eq!(look(reaches), Ok(reaches.to_owned()));
        assert_eq!(look("34.4,118.15 34.4,118.6 34.4,118.15"), Err(Rule::C06));
        assert_eq!(look("34.4,118.15 34.4,118.6 34.75,118.6 34.75,118.15"), Err(Rule::C06));
        assert_eq!(look("34.4,118.15 118.6,34.4 34.75,118.6 34.4,118.15"), Err(Rule::C06));
        assert_eq!(look("34.4,118.15 34.75,118.6 34.4,118.6 34.75,118.15 34.4,118.15"), Err(Rule::C07));
    }
}
