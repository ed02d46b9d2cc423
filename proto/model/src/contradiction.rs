//! Whether two jurisdictions give different figures for one place. What nobody knows contradicts nothing.

use std::fmt;

use crate::{count::Count, numbered::numbered, place::Place};

/// The newest figures of one jurisdiction for one place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Figures {
    /// Where.
    pub place: Place,
    /// Dead.
    pub dead: Count,
    /// Missing 下落不明.
    pub missing: Count,
}

numbered! {
    /// The figures that are compared. On no wire.
    pub enum Figure as "figure" {
        /// How many are dead.
        Dead = 1, "DEAD", "死亡";
        /// How many are missing.
        Missing = 2, "MISSING", "下落不明";
    }
}

impl Figures {
    /// One of them.
    pub const fn get(&self, figure: Figure) -> Count {
        match figure {
            Figure::Dead => self.dead,
            Figure::Missing => self.missing,
        }
    }

    /// Takes over from `later` what is as of the same time or after; what is known stays before what is not.
    fn overlay(&mut self, later: &Self) {
        let newer = |before: Count, after: Count| {
            let takes = after.is_known() && (!before.is_known() || after.as_of >= before.as_of);
            if takes { after } else { before }
        };
        self.dead = newer(self.dead, later.dead);
        self.missing = newer(self.missing, later.missing);
    }
}

/// Two sides say two things about one figure of one place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// Which.
    pub figure: Figure,
    /// The place, as the first side names it.
    pub place: Place,
    /// What the first side says, and as of when.
    pub one: Count,
    /// What the second side says, and as of when.
    pub other: Count,
}

impl fmt::Display for Difference {
    /// `沂河大桥 MISSING 2 / 4`: an address, a figure and what both sides say.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} / {}", self.place.name, self.figure, self.one, self.other)
    }
}

/// What one jurisdiction says now: for each place the newest of each figure, from all its reports on one incident. What
/// is given first gives way to what is as of the same time.
pub fn newest(said: impl IntoIterator<Item = Figures>) -> Vec<Figures> {
    let mut newest: Vec<Figures> = Vec::new();
    for figures in said {
        match newest.iter_mut().find(|known| known.place.is_named_as(&figures.place)) {
            Some(known) => known.overlay(&figures),
            None => newest.push(figures),
        }
    }
    newest
}

/// Where the newest figures of two jurisdictions differ, in the order of the first. A place that both name alike is
/// compared with that one alone; any other with all that lie near it.
pub fn differences(one: &[Figures], other: &[Figures]) -> Vec<Difference> {
    let named = |figures: &Figures, among: &[Figures]| among.iter().any(|at| at.place.is_named_as(&figures.place));
    let same = |mine: &Figures, theirs: &Figures| {
        let near = mine.place.is_near(&theirs.place) && !named(mine, other) && !named(theirs, one);
        mine.place.is_named_as(&theirs.place) || near
    };
    let pairs = one.iter().flat_map(|mine| other.iter().map(move |theirs| (mine, theirs)));
    pairs.filter(|(mine, theirs)| same(mine, theirs)).flat_map(|(mine, theirs)| between(mine, theirs)).collect()
}

fn between<'a>(mine: &'a Figures, theirs: &'a Figures) -> impl Iterator<Item = Difference> + 'a {
    Figure::ALL.iter().filter_map(|figure| {
        let (one, other) = (mine.get(*figure), theirs.get(*figure));
        let differ = one.is_known() && other.is_known() && one.count != other.count;
        differ.then(|| Difference { figure: *figure, place: mine.place.clone(), one, other })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::{
        geometry::Point,
        judge::sample::{NOON, member},
        time::Timestamp,
    };

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_millis(NOON.millis() + minute * 60_000)
    }

    fn count(count: impl Into<Option<u32>>, as_of: i64) -> Count {
        let count = count.into();
        Count { count, as_of: count.map(|_| minute(as_of)) }
    }

    /// What is said of a place in 371322; its point so many metres north of 34.45.
    fn at(name: &str, north_m: impl Into<Option<f64>>, dead: Count, missing: Count) -> Figures {
        let point = north_m.into().map(|m| Point::from_degrees(34.45 + m / 111_194.9, 118.36).unwrap());
        Figures { place: Place { division: member("371322"), name: name.to_owned(), point }, dead, missing }
    }

    fn lines(one: &[Figures], other: &[Figures]) -> Vec<String> {
        differences(one, other).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn both_figures_and_both_times_are_named() {
        let linyi = [at("沂河大桥", None, count(0, 330), count(2, 330))];
        let xuzhou = [at("沂河大桥", None, count(0, 340), count(4, 340))];

        let found = differences(&linyi, &xuzhou);

        assert_eq!(found.len(), 1);
        assert_eq!((found[0].figure, &found[0].place), (Figure::Missing, &linyi[0].place));
        assert_eq!((found[0].one, found[0].other), (count(2, 330), count(4, 340)));
        assert_eq!(found[0].to_string(), "沂河大桥 MISSING 2 / 4");
        assert_eq!(differences(&linyi, &linyi), []);
    }

    #[test]
    fn what_nobody_knows_contradicts_nothing() {
        let unknown = [at("沂河大桥", None, count(None, 0), count(None, 0))];
        let zero = [at("沂河大桥", None, count(0, 0), count(3, 0))];
        assert_eq!(differences(&unknown, &zero), []);
        assert_eq!(differences(&zero, &unknown), []);
    }

    #[test]
    fn other_places_are_not_compared() {
        let bridge = [at("沂河大桥", 0.0, count(1, 0), count(0, 0))];
        assert_eq!(lines(&bridge, &[at("红花镇", 501.0, count(9, 0), count(9, 0))]), [""; 0]);
        assert_eq!(lines(&bridge, &[at("红花镇", 499.0, count(9, 0), count(0, 0))]), ["沂河大桥 DEAD 1 / 9"]);
    }

    #[test]
    fn two_near_places_that_both_name_are_kept_apart() {
        let (bridge, village) =
            (at("沂河大桥", 0.0, count(1, 0), count(0, 0)), at("红花镇", 300.0, count(5, 0), count(0, 0)));
        let both = [bridge.clone(), village];
        assert_eq!(differences(&both, &both), []);
        assert_eq!(differences(&[bridge], &both), [], "it is named there too");
    }

    #[test]
    fn the_newest_figures_of_all_reports_count_each_for_itself() {
        let report = at("沂河大桥", None, count(1, 10), count(2, 10));
        let situation = at("沂河大桥", None, count(None, 0), count(4, 30));
        let village = at("红花镇", None, count(0, 20), count(0, 20));
        let expected = [at("沂河大桥", None, count(1, 10), count(4, 30)), village.clone()];
        assert_eq!(newest([report.clone(), village.clone(), situation.clone()]), expected);
        assert_eq!(newest([situation, village, report]), expected, "in whatever order they come");
    }

    proptest! {
        #[test]
        fn both_sides_see_the_same_differences(
            one in prop::collection::vec((0_u8..4, 0_u32..1_500, 0_u32..3), 0..6),
            other in prop::collection::vec((0_u8..4, 0_u32..1_500, 0_u32..3), 0..6),
        ) {
            let figures = |(name, north, dead): (u8, u32, u32)| {
                at(&name.to_string(), f64::from(north), count(dead, 0), count(None, 0))
            };
            let (one, other): (Vec<_>, Vec<_>) =
                (one.into_iter().map(figures).collect(), other.into_iter().map(figures).collect());
            let numbers = |found: Vec<Difference>| -> Vec<(Option<u32>, Option<u32>)> {
                found.into_iter().map(|found| (found.one.count, found.other.count)).collect()
            };
            let mut mine = numbers(differences(&one, &other));
            let mut theirs: Vec<_> = numbers(differences(&other, &one)).into_iter().map(|(a, b)| (b, a)).collect();
            mine.sort_unstable();
            theirs.sort_unstable();
            prop_assert_eq!(mine, theirs);
        }
    }
}
