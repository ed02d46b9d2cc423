//! Who is told of a rung: the right half of the ladder's table, section 4 of the catalogue. The table names roles on duty,
//! so nobody here is a person.

use std::collections::BTreeSet;

use crate::{deadline::Rung, directory::Directory, ids::JurisdictionId, role::Role, route::Participants};

/// Somebody who is told: a role on duty, or a superior's office as a whole.
pub type Told = (JurisdictionId, Option<Role>);

/// The two sides of something that is late, and among whom it is.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'s> {
    /// Who owes it.
    pub obligor: &'s JurisdictionId,
    /// Whom it is owed to.
    pub sender: &'s JurisdictionId,
    /// Everybody there is.
    pub directory: &'s Directory,
    /// Who plays, where it is part of a drill: nobody else hears of it.
    pub players: Option<&'s Participants>,
}

impl Sides<'_> {
    fn has(&self, who: &JurisdictionId) -> bool {
        self.directory.has(who) && self.players.is_none_or(|players| players.contains(who))
    }

    fn above(&self, who: &JurisdictionId) -> BTreeSet<JurisdictionId> {
        self.directory.superiors(who).into_iter().filter(|id| self.has(id)).collect()
    }

    /// The superiors that both sides have; both sides' where they have none in common.
    fn common(&self) -> BTreeSet<JurisdictionId> {
        let (theirs, ours) = (self.above(self.obligor), self.above(self.sender));
        let both: BTreeSet<_> = theirs.intersection(&ours).cloned().collect();
        if both.is_empty() { theirs.into_iter().chain(ours).collect() } else { both }
    }
}

/// Who is told of `rung`. A superior that takes no part in the region is told nothing; where the last rung would reach
/// no superior at all, the shift leaders of both sides hear of it instead.
pub fn told(rung: Rung, sides: Sides<'_>) -> Vec<Told> {
    let Sides { obligor, sender, .. } = sides;
    let role = |who: &JurisdictionId, role| (who.clone(), Some(role));
    let leaders = || vec![role(obligor, Role::ShiftLeader), role(sender, Role::ShiftLeader)];
    let mut told = match rung {
        Rung::Reminder => vec![role(obligor, Role::DutyOfficer)],
        Rung::Breach => vec![role(obligor, Role::ShiftLeader), role(sender, Role::DutyOfficer)],
        Rung::Leaders => leaders().into_iter().chain(offices(sides.above(obligor))).collect(),
        Rung::Superior => match offices(sides.common()).collect::<Vec<_>>() {
            above if above.is_empty() => leaders(),
            above => above,
        },
    };
    told.retain(|(who, _)| sides.has(who));
    let mut seen = BTreeSet::new();
    told.retain(|(who, _)| seen.insert(who.clone())); // one notice reaches an office once
    told
}

/// Who is told that a message expired while something was owed on it: its sender.
pub fn told_of_lapse(sides: Sides<'_>) -> Vec<Told> {
    let sender = (sides.sender.clone(), Some(Role::DutyOfficer));
    sides.has(sides.sender).then_some(sender).into_iter().collect()
}

/// Everybody whom the rungs up to `highest` have told: they hear of the answer too.
pub fn told_so_far(highest: Rung, sides: Sides<'_>) -> Vec<Told> {
    let mut seen = BTreeSet::new();
    let rungs = Rung::ALL.iter().filter(|rung| **rung <= highest);
    let all = rungs.flat_map(|rung| told(*rung, sides));
    all.filter(|(who, _)| seen.insert(who.clone())).collect()
}

fn offices(above: BTreeSet<JurisdictionId>) -> impl Iterator<Item = Told> {
    above.into_iter().map(|id| (id, None))
}

/// Who is told that a duty report is missing, or that a post is vacant: `role` of the obligor, and every other member's
/// office.
pub fn told_everybody(obligor: &JurisdictionId, role: Role, directory: &Directory) -> Vec<Told> {
    let role = |id: &JurisdictionId| (id == obligor).then_some(role);
    directory.members().map(|member| (member.id.clone(), role(&member.id))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{directory::Member, judge::sample::member};

    fn region(ids: &[&str]) -> Directory {
        Directory::new(1, ids.iter().map(|id| Member::new(member(id), id, id)), [])
    }

    fn said(rung: Rung, obligor: &str, sender: &str, region: &Directory) -> Vec<String> {
        let (obligor, sender) = (member(obligor), member(sender));
        let sides = Sides { obligor: &obligor, sender: &sender, directory: region, players: None };
        let told = told(rung, sides);
        told.iter().map(|(who, role)| format!("{who} {}", role.map_or("", Role::name))).collect()
    }

    #[test]
    fn each_rung_tells_whom_the_catalogue_names() {
        let all = region(&["320300", "371300", "320000", "370000"]);
        assert_eq!(said(Rung::Reminder, "320300", "371300", &all), ["320300 DUTY_OFFICER"]);
        assert_eq!(said(Rung::Breach, "320300", "371300", &all), ["320300 SHIFT_LEADER", "371300 DUTY_OFFICER"]);
        let leaders = ["320300 SHIFT_LEADER", "371300 SHIFT_LEADER", "320000 "];
        assert_eq!(said(Rung::Leaders, "320300", "371300", &all), leaders);
        assert_eq!(said(Rung::Superior, "320300", "371300", &all), ["320000 ", "370000 "], "no common one: both");
    }

    #[test]
    fn a_common_superior_is_told_alone_and_one_that_takes_no_part_not_at_all() {
        let shandong = region(&["371100", "371300", "370000"]);
        assert_eq!(said(Rung::Superior, "371100", "371300", &shandong), ["370000 "]);
        let cities = region(&["320300", "371300"]);
        let leaders = ["320300 SHIFT_LEADER", "371300 SHIFT_LEADER"];
        assert_eq!(said(Rung::Leaders, "320300", "371300", &cities), leaders);
        assert_eq!(said(Rung::Superior, "320300", "371300", &cities), leaders, "nobody stands above them here");
    }

    #[test]
    fn an_office_that_is_its_neighbours_superior_is_told_once() {
        let shandong = region(&["371300", "370000"]);
        let told = said(Rung::Leaders, "371300", "370000", &shandong);
        assert_eq!(told, ["371300 SHIFT_LEADER", "370000 SHIFT_LEADER"]);
    }

    #[test]
    fn who_was_told_of_any_rung_hears_of_the_answer() {
        let all = region(&["320300", "371300", "320000", "370000"]);
        let (obligor, sender) = (member("320300"), member("371300"));
        let sides = Sides { obligor: &obligor, sender: &sender, directory: &all, players: None };
        let ids = |rung| told_so_far(rung, sides).iter().map(|(who, _)| who.to_string()).collect::<Vec<_>>();
        assert_eq!(ids(Rung::Reminder), ["320300"]);
        assert_eq!(ids(Rung::Breach), ["320300", "371300"]);
        assert_eq!(ids(Rung::Superior), ["320300", "371300", "320000", "370000"]);
        let players = Participants::from([obligor.clone(), sender.clone()]);
        let played = told(Rung::Superior, Sides { players: Some(&players), ..sides });
        assert_eq!(played.len(), 2, "in a drill the shift leaders, where no superior plays");
    }
}
