//! Whom a request that asks the nearest first goes to, and when: NEAREST_FIRST of K11. The first wave is everybody whose
//! ground is near, at least two; later waves are two at a time.

use std::collections::BTreeSet;

use crate::{
    deadline::DeadlineName,
    directory::{ByArea, Directory, Member},
    geometry::{Area, Circle, Point, Shape},
    ids::JurisdictionId,
    thread::{Deadline, Ledger, ledger::Standing},
    time::Timestamp,
};

/// How near a territory lies for its jurisdiction to be asked in the first wave.
const NEAR_M: u32 = 20_000;

/// How many a wave has at least, and a later one at most.
const WAVE: usize = 2;

/// Whom to ask next about `place`, of the `partners` of an agreement: those not `asked` yet, nearest first. Nobody, once
/// all have been.
pub fn next(
    place: Point,
    partners: &BTreeSet<JurisdictionId>,
    asked: &BTreeSet<JurisdictionId>,
    directory: &Directory,
) -> Vec<JurisdictionId> {
    let members = partners.iter().filter_map(|id| directory.member(id));
    let open = members.filter(|member| member.by_area == ByArea::Reached && !asked.contains(&member.id));
    let open: Vec<&Member> = open.collect();
    let by_distance = directory.nearest(place, open.iter().map(|member| member.id.clone()));
    if !asked.is_empty() {
        return by_distance.into_iter().take(WAVE).collect();
    }
    let around = Circle::new(place, NEAR_M).and_then(|circle| Area::new(Shape::Circle(circle), 0)).ok();
    let is_near = |member: &&&Member| around.as_ref().is_some_and(|around| member.is_met_by(around));
    let near: BTreeSet<&JurisdictionId> = open.iter().filter(is_near).map(|member| &member.id).collect();
    let (mut wave, others): (Vec<_>, Vec<_>) = by_distance.into_iter().partition(|id| near.contains(id));
    let missing = WAVE.saturating_sub(wave.len());
    wave.extend(others.into_iter().take(missing));
    wave
}

/// When the wave after the newest one in `ledger` starts, while something is uncovered: as soon as all of the newest wave
/// have answered, at the latest at half of their time. None when nobody was asked by name.
pub fn starts_at(ledger: &Ledger) -> Option<Timestamp> {
    let asked = || ledger.all().filter(|deadline| deadline.name == DeadlineName::D10);
    let newest = asked().map(|deadline| deadline.starts_at).max()?;
    let waits_until = |deadline: &Deadline| match (deadline.met_at, deadline.standing) {
        (Some(met_at), _) => met_at.min(deadline.warn_at()),
        (None, Standing::Waived | Standing::Void) => newest,
        (None, Standing::Running | Standing::Warned | Standing::Met | Standing::Breached) => deadline.warn_at(),
    };
    asked().filter(|deadline| deadline.starts_at == newest).map(waits_until).max()
}

#[cfg(test)]
mod tests;
