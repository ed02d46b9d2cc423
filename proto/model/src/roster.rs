//! Duty rosters 值班表: who stands for a post at an instant, when that changes, and where nobody does. The shifts that are
//! planned decide, by the time that is asked about; who wrote the roster down, and when, decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::{
    ids::{Digest, JurisdictionId},
    role::Role,
    time::Timestamp,
};

/// Posts at which somebody must be at any time: without one of them a jurisdiction is 无人值守.
pub const MUST_BE_FILLED: [Role; 2] = [Role::DutyOfficer, Role::ShiftLeader];

/// A person and the time for which the person stands in a roster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shift {
    /// Who.
    pub name: String,
    /// Telephones; the first is called first.
    pub phones: Vec<String>,
    /// From this instant on; none: since ever.
    pub from: Option<Timestamp>,
    /// Up to this instant, which belongs to the next; none: until the roster changes.
    pub to: Option<Timestamp>,
}

impl Shift {
    /// Whether it lasts at `at`.
    pub fn lasts(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }

    /// The telephone that is called first.
    pub fn phone(&self) -> &str {
        self.phones.first().map_or("", String::as_str)
    }
}

/// A stretch of time: its end belongs to what comes after.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Span {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

/// Who does duty in a jurisdiction, post by post. A roster without a shift is one in which nobody is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Roster(BTreeMap<Role, Vec<Shift>>);

impl Roster {
    /// The roster of these shifts. Those of one post are called in the order in which they come here.
    pub fn new(shifts: impl IntoIterator<Item = (Role, Shift)>) -> Self {
        let mut posts = BTreeMap::<Role, Vec<Shift>>::new();
        for (role, shift) in shifts {
            posts.entry(role).or_default().push(shift);
        }
        Self(posts)
    }

    /// Every post with its shifts, in the order in which they are called.
    pub fn posts(&self) -> impl Iterator<Item = (Role, &[Shift])> {
        self.0.iter().map(|(role, shifts)| (*role, shifts.as_slice()))
    }

    /// The shifts of a post.
    pub fn shifts(&self, role: Role) -> &[Shift] {
        self.0.get(&role).map_or(&[], Vec::as_slice)
    }

    /// Who is on duty at a post, in the order in which they are called.
    pub fn on_duty(&self, role: Role, at: Timestamp) -> impl Iterator<Item = &Shift> {
        self.shifts(role).iter().filter(move |shift| shift.lasts(at))
    }

    /// Nobody is on duty at a post.
    pub fn is_vacant(&self, role: Role, at: Timestamp) -> bool {
        self.on_duty(role, at).next().is_none()
    }

    /// Since when a post has been vacant, as far as the plan tells: the end of its last shift. None while somebody is
    /// there, or when there never was anybody.
    pub fn vacant_since(&self, role: Role, at: Timestamp) -> Option<Timestamp> {
        let ended = self.shifts(role).iter().filter_map(|shift| shift.to).filter(|to| *to <= at);
        ended.max().filter(|_| self.is_vacant(role, at))
    }

    /// The posts that must be filled and are not.
    pub fn vacancies(&self, at: Timestamp) -> impl Iterator<Item = Role> {
        MUST_BE_FILLED.into_iter().filter(move |role| self.is_vacant(*role, at))
    }

    /// Who stands for a post: whoever is on duty there or, while nobody is, the shift leader. The post itself where there
    /// is neither.
    pub fn stands_for(&self, role: Role, at: Timestamp) -> Role {
        let led = role == Role::DutyOfficer && self.is_vacant(role, at) && !self.is_vacant(Role::ShiftLeader, at);
        if led { Role::ShiftLeader } else { role }
    }

    /// Whom to call for a post.
    pub fn answers(&self, role: Role, at: Timestamp) -> Option<(Role, &Shift)> {
        let role = self.stands_for(role, at);
        self.on_duty(role, at).next().map(|shift| (role, shift))
    }

    /// Whether a person of this name is on duty at any post.
    pub fn has_on_duty(&self, name: &str, at: Timestamp) -> bool {
        self.0.values().flatten().any(|shift| shift.lasts(at) && same_name(&shift.name, name))
    }

    /// The same with `comes` at a post from now on: whoever is there leaves, and whoever is planned next still comes. Unless
    /// `comes` says when it ends, it lasts as long as the shift that it ends, or until the next begins.
    #[must_use]
    pub fn taken_over(mut self, role: Role, comes: Shift, at: Timestamp) -> Self {
        let planned_end = self.on_duty(role, at).next().map(|leaves| leaves.to);
        let next = self.shifts(role).iter().filter_map(|shift| shift.from).filter(|from| *from > at).min();
        let shifts = self.0.entry(role).or_default();
        for leaves in shifts.iter_mut().filter(|shift| shift.lasts(at)) {
            leaves.to = Some(at);
        }
        shifts.retain(|shift| shift.from.is_none_or(|from| shift.to.is_none_or(|to| from < to)));
        let to = comes.to.or_else(|| planned_end.unwrap_or(next));
        shifts.insert(0, Shift { from: Some(at), to, ..comes });
        self
    }

    /// The same without the shifts that were over at `before`: a roster keeps what is of use.
    #[must_use]
    pub fn without_past(mut self, before: Timestamp) -> Self {
        for shifts in self.0.values_mut() {
            shifts.retain(|shift| shift.to.is_none_or(|to| to > before));
        }
        self
    }

    /// The next instant at which anything changes.
    pub fn next_change(&self, after: Timestamp) -> Option<Timestamp> {
        self.0.values().flatten().flat_map(edges).filter(|at| *at > after).min()
    }

    /// When, between two instants, nobody is on duty at a post.
    pub fn gaps(&self, role: Role, within: Span) -> Vec<Span> {
        self.spans(role, within, |on_duty| on_duty == 0)
    }

    /// When, between two instants, more than one is on duty at a post.
    pub fn overlaps(&self, role: Role, within: Span) -> Vec<Span> {
        self.spans(role, within, |on_duty| on_duty > 1)
    }

    fn spans(&self, role: Role, within: Span, wanted: impl Fn(usize) -> bool) -> Vec<Span> {
        let inside = |at: &Timestamp| within.from < *at && *at < within.to;
        let mut cuts: BTreeSet<Timestamp> = self.shifts(role).iter().flat_map(edges).filter(inside).collect();
        cuts.extend([within.from, within.to]);
        let mut found: Vec<Span> = Vec::new();
        for (from, to) in cuts.iter().zip(cuts.iter().skip(1)) {
            if !wanted(self.on_duty(role, *from).count()) {
                continue;
            }
            match found.last_mut().filter(|last| last.to == *from) {
                Some(last) => last.to = *to,
                None => found.push(Span { from: *from, to: *to }),
            }
        }
        found
    }
}

fn edges(shift: &Shift) -> impl Iterator<Item = Timestamp> + use<> {
    [shift.from, shift.to].into_iter().flatten()
}

/// Whether two names are one person's, whatever the blanks.
pub fn same_name(a: &str, b: &str) -> bool {
    let plain = |name: &str| name.split_whitespace().collect::<String>().to_lowercase();
    plain(a) == plain(b)
}

/// The id of a vacancy's event, the same for whoever tells of it: derived from post and beginning.
pub fn vacancy_id(jurisdiction: &JurisdictionId, role: Role, since: Timestamp) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(b"LIANDONG-V1-VACANCY");
    hasher.update([u8::try_from(jurisdiction.as_str().len()).unwrap_or(u8::MAX)]);
    hasher.update(jurisdiction.as_str());
    hasher.update([u8::try_from(role.number()).unwrap_or(0)]);
    hasher.update(since.millis().to_be_bytes());
    Digest(hasher.finalize().into()).half()
}

#[cfg(test)]
mod tests;
