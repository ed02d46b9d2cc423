//! Which records a search finds, whether a resource does what a line of a request wants, and which comes first.

use std::{cmp::Ordering, collections::BTreeSet};

use super::{Readiness, Record, ResourceKind};
use crate::{geometry::Point, time::Timestamp};

/// The least that is wanted of one measure.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Need {
    /// Which.
    pub code: String,
    /// At least so much; none where it need only be known.
    pub least: Option<i64>,
    /// In this unit; empty takes any.
    pub unit: String,
}

/// What a resource lacks of what is wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lack {
    /// Which measure; `type_level` for the type.
    pub code: String,
    /// The most that it does, as far as its record says.
    pub has: Option<i64>,
}

/// What is looked for. What is not said asks nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Search {
    /// One of these sorts.
    pub kinds: BTreeSet<ResourceKind>,
    /// Its class begins so.
    pub category: String,
    /// It does all of these at least.
    pub needs: Vec<Need>,
    /// It is at least so capable: 1 is the most.
    pub type_level: Option<u32>,
    /// Distances are from here.
    pub near: Option<Point>,
    /// At most so many metres away.
    pub within_m: Option<u32>,
    /// One of these.
    pub readiness: BTreeSet<Readiness>,
    /// Every word of it stands in id, name, class, address or a measure.
    pub text: String,
    /// What no longer counts as true is found too.
    pub expired_too: bool,
}

/// A record that a search found, as far as its place in the list goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Metres away, where both places are known.
    pub distance_m: Option<f64>,
    /// Of 100.
    pub score: u32,
    /// Its id.
    pub id: String,
}

impl Found {
    /// The nearest first, then the best record, then by id; what stands nobody knows where comes last.
    pub fn order(&self, other: &Self) -> Ordering {
        let near = match (self.distance_m, other.distance_m) {
            (Some(one), Some(another)) => one.total_cmp(&another),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        near.then_with(|| other.score.cmp(&self.score)).then_with(|| self.id.cmp(&other.id))
    }
}

impl Record {
    /// What it lacks of these minima and this type; empty when it meets all of them. A measure is met by the most that
    /// the record says of it, in the unit that is asked for.
    pub fn lacks(&self, needs: &[Need], type_level: Option<u32>) -> Vec<Lack> {
        let typed = type_level.filter(|most| self.type_level.is_none_or(|level| level > *most));
        let typed = typed.map(|_| Lack { code: "type_level".to_owned(), has: self.type_level.map(i64::from) });
        typed.into_iter().chain(needs.iter().filter_map(|need| self.lacks_one(need))).collect()
    }

    fn lacks_one(&self, need: &Need) -> Option<Lack> {
        let same = |one: &str, another: &str| one.trim().eq_ignore_ascii_case(another.trim());
        let fits = |unit: &str| need.unit.trim().is_empty() || same(unit, &need.unit);
        let known = self.measures.iter().filter(|measure| same(&measure.code, &need.code) && fits(&measure.unit));
        let does: Vec<Option<i64>> = known.map(|measure| measure.max.or(measure.min)).collect();
        let has = does.iter().flatten().max().copied();
        let met = match need.least {
            Some(least) => has.is_some_and(|has| has >= least),
            None => !does.is_empty(),
        };
        (!met).then(|| Lack { code: need.code.clone(), has })
    }

    fn says(&self, word: &str) -> bool {
        let measures = self.measures.iter().map(|measure| &measure.code);
        let mut texts = [&self.id, &self.name, &self.category, &self.address].into_iter().chain(measures);
        texts.any(|text| text.to_lowercase().contains(word))
    }
}

impl Search {
    /// Metres from the place that is asked about; none where either is not known.
    pub fn distance_m(&self, record: &Record) -> Option<f64> {
        Some(self.near?.distance_m(record.point?))
    }

    /// Whether it finds a record of which `readiness` stands now.
    pub fn finds(&self, record: &Record, readiness: Readiness, at: Timestamp) -> bool {
        let near = self.within_m.is_none_or(|most| self.distance_m(record).is_some_and(|far| far <= f64::from(most)));
        let text = self.text.to_lowercase();
        near && (self.expired_too || record.is_valid_at(at))
            && (self.kinds.is_empty() || self.kinds.contains(&record.kind))
            && (self.readiness.is_empty() || self.readiness.contains(&readiness))
            && record.category.to_lowercase().starts_with(&self.category.trim().to_lowercase())
            && record.lacks(&self.needs, self.type_level).is_empty()
            && text.split_whitespace().all(|word| record.says(word))
    }
}
