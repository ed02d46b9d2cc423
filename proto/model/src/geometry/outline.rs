//! Whether a long line crosses itself, for outlines with more points than an address may have. Only edges that overlap
//! from west to east are compared; a budget bounds the work whatever the line looks like.

use super::{Point, touch};

/// Pairs of edges that may still be compared.
#[derive(Clone, Copy, Debug)]
pub struct Budget(pub u64);

/// What came of the look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outline {
    /// No two edges meet but at the points that they share.
    Simple,
    /// The first two edges found that do, counted from 0.
    Crosses(usize, usize),
    /// The budget was used up before all was seen.
    TooIntricate,
}

/// Looks at the closed line through `points`. Points that are said twice in a row count once.
pub fn outline(points: &[Point], budget: &mut Budget) -> Outline {
    let mut edges = edges(points);
    let count = edges.len();
    edges.sort_unstable_by_key(|edge| (edge.west(), edge.at));
    for (i, first) in edges.iter().enumerate() {
        let east = first.east();
        let others = edges.iter().skip(i + 1).take_while(|other| other.west() <= east);
        for second in others {
            if budget.0 == 0 {
                return Outline::TooIntricate;
            }
            budget.0 -= 1;
            if first.meets(second, count) {
                return Outline::Crosses(first.at.min(second.at), first.at.max(second.at));
            }
        }
    }
    Outline::Simple
}

struct Edge {
    /// Its place in the line, from 0.
    at: usize,
    from: Point,
    to: Point,
}

fn edges(points: &[Point]) -> Vec<Edge> {
    let pairs = points.iter().zip(points.iter().skip(1)).filter(|(from, to)| from != to);
    pairs.enumerate().map(|(at, (from, to))| Edge { at, from: *from, to: *to }).collect()
}

impl Edge {
    fn west(&self) -> i32 {
        self.from.lon_e7.min(self.to.lon_e7)
    }

    fn east(&self) -> i32 {
        self.from.lon_e7.max(self.to.lon_e7)
    }

    /// Whether two edges meet where they should not: neighbours share a point and nothing else.
    fn meets(&self, other: &Self, count: usize) -> bool {
        let south = |edge: &Self| edge.from.lat_e7.min(edge.to.lat_e7);
        let north = |edge: &Self| edge.from.lat_e7.max(edge.to.lat_e7);
        if south(self) > north(other) || south(other) > north(self) {
            return false;
        }
        let (first, second) = if self.at < other.at { (self, other) } else { (other, self) };
        let next = second.at == first.at + 1;
        let round = first.at == 0 && second.at + 1 == count;
        match (next, round) {
            (true, false) => super::fold_back(first.from, first.to, second.to),
            (false, true) => super::fold_back(second.from, second.to, first.to),
            // two edges there and back
            (true, true) => true,
            (false, false) => touch((first.from, first.to), (second.from, second.to)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::{Polygon, crossing};

    fn line(points: &[(i32, i32)]) -> Vec<Point> {
        points.iter().map(|(lat, lon)| Point::new(*lat, *lon).unwrap()).collect()
    }

    #[test]
    fn a_square_is_simple_and_a_bow_tie_is_not() {
        let look = |points: &[(i32, i32)]| outline(&line(points), &mut Budget(100));
        assert_eq!(look(&[(0, 0), (0, 9), (9, 9), (9, 0), (0, 0)]), Outline::Simple);
        assert_eq!(look(&[(0, 0), (0, 9), (0, 9), (9, 9), (9, 0), (0, 0)]), Outline::Simple, "said twice in a row");
        assert_eq!(look(&[(0, 0), (9, 9), (0, 9), (9, 0), (0, 0)]), Outline::Crosses(0, 2));
        assert_eq!(look(&[(0, 0), (0, 9), (0, 0)]), Outline::Crosses(0, 1), "there and back");
    }

    #[test]
    fn a_point_said_twice_is_said_once_and_a_line_without_a_face_is_no_polygon() {
        let square = [(0, 0), (0, 9), (0, 9), (9, 9), (9, 0), (0, 0), (0, 0)];
        assert_eq!(Polygon::new(line(&square)).unwrap_err().rule, "geometry.crossing");
        let once = Polygon::outlined(line(&square)).unwrap();
        assert_eq!(once.points(), line(&[(0, 0), (0, 9), (9, 9), (9, 0), (0, 0)]));
        assert_eq!(Polygon::outlined(line(&[(0, 0); 5])), None);
        assert_eq!(Polygon::outlined(line(&square[..5])), None, "not closed");
    }

    #[test]
    fn a_comb_of_a_hundred_thousand_points_ends_at_its_budget() {
        let tooth = |n: i32| [(n * 2, 0), (n * 2, 1_000_000), (n * 2 + 1, 1_000_000), (n * 2 + 1, 0)];
        let mut comb: Vec<(i32, i32)> = (0..25_000).flat_map(tooth).collect();
        comb.push((100_000, -1));
        comb.push((-1, -1));
        comb.push((0, 0));
        let mut budget = Budget(1_000_000);
        assert_eq!(outline(&line(&comb), &mut budget), Outline::TooIntricate);
        assert_eq!(budget.0, 0);
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_plain_look_at_every_pair(raw in prop::collection::vec((-6..6, -6..6), 3..9)) {
            let mut points = line(&raw);
            points.dedup();
            let first = points[0];
            points.push(first);
            points.dedup();
            prop_assume!(points.len() >= 4);
            let found = outline(&points, &mut Budget(1_000));
            prop_assert_eq!(found == Outline::Simple, crossing(&points).is_none());
        }
    }
}
