//! Where something happened, as one side names it, and whether two sides mean the same place.

use serde::{Deserialize, Serialize};

use crate::{geometry::Point, ids::JurisdictionId};

/// Two points this far apart may still be one place. Source: O.
pub const SAME_WITHIN_M: f64 = 500.0;

/// A place as its author names it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// The division in which it lies.
    pub division: JurisdictionId,
    /// Its name or address there.
    pub name: String,
    /// Where it is, if that is known.
    pub point: Option<Point>,
}

impl Place {
    /// The same words in the same division.
    pub fn is_named_as(&self, other: &Self) -> bool {
        self.division == other.division && self.name == other.name
    }

    /// So near that one may stand for the other; places without a point are near nothing.
    pub fn is_near(&self, other: &Self) -> bool {
        matches!((self.point, other.point), (Some(one), Some(two)) if one.distance_m(two) <= SAME_WITHIN_M)
    }

    /// The same place: named alike, or near.
    pub fn is_same(&self, other: &Self) -> bool {
        self.is_named_as(other) || self.is_near(other)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::judge::sample::member;

    fn place(division: &str, name: &str, lat: Option<f64>) -> Place {
        let point = lat.map(|lat| Point::from_degrees(lat, 118.36).unwrap());
        Place { division: member(division), name: name.to_owned(), point }
    }

    #[test]
    fn the_same_words_are_one_place_in_one_division_alone() {
        let bridge = place("371322", "沂河大桥", None);
        assert!(bridge.is_same(&bridge));
        assert!(!bridge.is_same(&place("320382", "沂河大桥", None)));
        assert!(!bridge.is_same(&place("371322", "沭河大桥", None)), "and nobody knows where they are");
    }

    #[test]
    fn points_within_500_m_are_one_place_whatever_it_is_called() {
        // 0.0045° of latitude are 500.4 m, 0.0044° are 489 m
        let here = place("371322", "红花镇", Some(34.45));
        assert!(here.is_same(&place("320382", "省界", Some(34.4544))));
        assert!(!here.is_same(&place("320382", "省界", Some(34.4545))));
    }
}
