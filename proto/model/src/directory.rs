//! Who there is, as far as routing needs it: members, their superiors and territories, and groups.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    geometry::{Area, Point, Polygon},
    ids::{GroupId, JurisdictionId},
    time::Civil,
};

/// Whether areas reach a member.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ByArea {
    /// Every area that its territory meets reaches it.
    Reached,
    /// It is reached by id, by group, or as a superior: provinces.
    NotReached,
}

/// One member of the region.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its id.
    pub id: JurisdictionId,
    /// Its Chinese name.
    pub name_zh: String,
    /// Its English name.
    pub name_en: String,
    /// Its superiors where the digits do not say them; empty: as the digits say.
    pub superiors: Vec<JurisdictionId>,
    /// Its province where the digits do not say it.
    pub province: Option<JurisdictionId>,
    /// Whether areas reach it.
    pub by_area: ByArea,
    /// A point inside, for distances.
    pub centroid: Option<Point>,
    /// Its ground; may be several pieces.
    pub territory: Vec<Polygon>,
}

impl Member {
    /// A member of which only id and names are known: reached by area as soon as it has a territory.
    pub fn new(id: JurisdictionId, name_zh: &str, name_en: &str) -> Self {
        Self {
            id,
            name_zh: name_zh.to_owned(),
            name_en: name_en.to_owned(),
            superiors: Vec::new(),
            province: None,
            by_area: ByArea::Reached,
            centroid: None,
            territory: Vec::new(),
        }
    }

    /// Whether an area reaches it.
    pub fn is_met_by(&self, area: &Area) -> bool {
        self.by_area == ByArea::Reached && self.territory.iter().any(|polygon| area.meets(polygon))
    }
}

/// A holiday or a sensitive period: on its days duty reports are due in the afternoon.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Window {
    /// Its id, as duty reports name it.
    pub id: String,
    /// Its first day.
    pub from: Civil,
    /// Its last day.
    pub to: Civil,
}

impl Window {
    /// Whether a day lies in it.
    pub fn has(&self, day: Civil) -> bool {
        (self.from.date_number()..=self.to.date_number()).contains(&day.date_number())
    }
}

/// The members and groups of a region, in one version.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Directory {
    /// The version, which only grows. Frozen in every stamp's record.
    pub version: u64,
    members: BTreeMap<JurisdictionId, Member>,
    groups: BTreeMap<GroupId, BTreeSet<JurisdictionId>>,
    windows: Vec<Window>,
    chair: Option<JurisdictionId>,
}

impl Directory {
    /// The directory of these members and groups. Of two entries with one id the later counts.
    pub fn new(
        version: u64,
        members: impl IntoIterator<Item = Member>,
        groups: impl IntoIterator<Item = (GroupId, BTreeSet<JurisdictionId>)>,
    ) -> Self {
        let members = members.into_iter().map(|member| (member.id.clone(), member)).collect();
        Self { version, members, groups: groups.into_iter().collect(), ..Self::default() }
    }

    /// The same with these windows.
    #[must_use]
    pub fn with_windows(self, windows: Vec<Window>) -> Self {
        Self { windows, ..self }
    }

    /// The same with this member in the chair until it is handed over.
    #[must_use]
    pub fn with_chair(self, chair: Option<JurisdictionId>) -> Self {
        Self { chair, ..self }
    }

    /// Who has the chair until it is handed over, where that is written.
    pub const fn chair(&self) -> Option<&JurisdictionId> {
        self.chair.as_ref()
    }

    /// The window that a day lies in.
    pub fn window_on(&self, day: Civil) -> Option<&Window> {
        self.windows.iter().find(|window| window.has(day))
    }

    /// Who owes a duty report: every member but those at the top, who read the reports of the others.
    pub fn reporters(&self) -> impl Iterator<Item = &JurisdictionId> {
        let above: BTreeSet<_> = self.members.keys().flat_map(|id| self.superiors(id)).collect();
        let reports = move |id: &&JurisdictionId| {
            !above.contains(*id) || self.superiors(id).iter().any(|superior| self.has(superior))
        };
        self.members.keys().filter(reports)
    }

    /// The entry of `id`.
    pub fn member(&self, id: &JurisdictionId) -> Option<&Member> {
        self.members.get(id)
    }

    /// Whether `id` takes part.
    pub fn has(&self, id: &JurisdictionId) -> bool {
        self.members.contains_key(id)
    }

    /// Every member, by id.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Who belongs to a group.
    pub fn group(&self, id: &GroupId) -> Option<&BTreeSet<JurisdictionId>> {
        self.groups.get(id)
    }

    /// Every group with its members.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupId, &BTreeSet<JurisdictionId>)> {
        self.groups.iter()
    }

    /// The superiors of `id`: those of its entry, else the one that the digits say.
    pub fn superiors(&self, id: &JurisdictionId) -> Vec<JurisdictionId> {
        let entry = self.member(id).map(|member| &member.superiors).filter(|superiors| !superiors.is_empty());
        entry.map_or_else(|| id.superior().into_iter().collect(), Clone::clone)
    }

    /// Whether `superior` stands above `id`, at any distance.
    pub fn is_superior(&self, superior: &JurisdictionId, id: &JurisdictionId) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = self.superiors(id);
        while let Some(above) = open.pop() {
            if above == *superior {
                return true;
            }
            if seen.insert(above.clone()) {
                open.extend(self.superiors(&above));
            }
        }
        false
    }

    /// The province of `id`: that of its entry, else the one that the digits say. None for a name without entry.
    pub fn province(&self, id: &JurisdictionId) -> Option<JurisdictionId> {
        let entry = self.member(id).and_then(|member| member.province.clone());
        entry.or_else(|| Some(id.province()).filter(JurisdictionId::is_division))
    }

    /// Metres from `place` to the centroid of `id`, for choosing the nearest.
    pub fn distance_m(&self, place: Point, id: &JurisdictionId) -> Option<f64> {
        Some(place.distance_m(self.member(id)?.centroid?))
    }

    /// Members of `among` with the nearest centroid first; those without one come last, by id.
    pub fn nearest(&self, place: Point, among: impl IntoIterator<Item = JurisdictionId>) -> Vec<JurisdictionId> {
        let mut ids: Vec<_> = among.into_iter().collect();
        ids.sort_by(|a, b| {
            let far = |id: &JurisdictionId| self.distance_m(place, id).unwrap_or(f64::INFINITY);
            far(a).total_cmp(&far(b)).then_with(|| a.cmp(b))
        });
        ids
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::judge::sample::member;

    fn region(ids: &[&str]) -> Directory {
        Directory::new(1, ids.iter().map(|id| Member::new(member(id), id, id)), [])
    }

    fn reporters(ids: &[&str]) -> Vec<String> {
        region(ids).reporters().map(ToString::to_string).collect()
    }

    #[test]
    fn everybody_reports_but_those_at_the_top() {
        assert_eq!(reporters(&["370000", "371300", "320300"]), ["320300", "371300"]);
        assert_eq!(reporters(&["370000", "371300", "371302"]), ["371300", "371302"], "a city reports to its province");
        assert_eq!(reporters(&["371300", "320300"]), ["320300", "371300"], "where there is no province");
    }

    #[test]
    fn a_window_has_its_first_and_its_last_day() {
        let day = |month, day| Civil::date(2027, month, day).unwrap();
        let window = Window { id: "2027-guoqing".to_owned(), from: day(10, 1), to: day(10, 7) };
        let region = region(&["371300"]).with_windows(vec![window]);
        let has = |day: Civil| region.window_on(day).is_some();
        assert!(has(day(10, 1)) && has(day(10, 7).at(23, 59)));
        assert!(!has(day(9, 30)) && !has(day(10, 8)));
    }
}
