//! D21: what organiser and participants owe each other by when.

use std::time::Duration;

use super::{Asked, Invitation, Round};
use crate::{
    deadline::DeadlineName,
    ids::JurisdictionId,
    role::Role,
    thread::{
        Ledger, Step,
        invitation::{OF_DRILLS, ReplyBy},
        ledger::{Key, Start},
        owe::{self, until},
    },
    time::Timestamp,
};

const fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

/// Invitations leave this long before the drill.
const INVITE_AHEAD: Duration = days(15);
/// They are answered within this many working days.
const REPLY_WORKING_DAYS: u32 = 5;
/// The plan stands this long before the drill.
const FREEZE_AHEAD: Duration = days(3);
/// The review is drafted within this time after the end.
const REVIEW_WITHIN: Duration = days(14);
/// Improvement items are looked at this often.
pub const LOOK_EVERY: Duration = days(90);

/// A new round begins: it was announced in time or not, answers are owed, and a plan is.
pub(super) fn round(step: &Step<'_>, facts: &Invitation, invited: Asked, ledger: &mut Ledger) -> Round {
    let organiser = step.by();
    let offset = step.header.utc_offset_min;
    let catalogue = ledger.working_days(REPLY_WORKING_DAYS, step.at, offset);
    let mut round =
        Round { sequence: facts.sequence, period: facts.period, reply_by: catalogue, utc_offset_min: offset, invited };
    round.owe(step, ledger, &OF_DRILLS, ReplyBy { catalogue, dated: true, asked: facts.rsvp_by });
    let start = facts.period.start;
    owe(ledger, organiser, step, format!("invite {}", facts.sequence), start.minus(INVITE_AHEAD));
    ledger.meet(&key(organiser, format!("invite {}", facts.sequence)), step.at, Some(step.id()));
    owe(ledger, organiser, step, plan(&round), start.minus(FREEZE_AHEAD));
    round
}

/// A newer round takes the place of this one.
pub(super) fn void_round(round: &Round, organiser: &JurisdictionId, ledger: &mut Ledger) {
    round.void(ledger, &OF_DRILLS);
    ledger.void(&key(organiser, plan(round)));
}

pub(super) fn plan_is_frozen(round: &Round, organiser: &JurisdictionId, step: &Step<'_>, ledger: &mut Ledger) {
    ledger.meet(&key(organiser, plan(round)), step.at, Some(step.id()));
}

/// The drill is over, whoever ended it: its organiser owes a review.
pub(super) fn review(organiser: &JurisdictionId, step: &Step<'_>, ledger: &mut Ledger) {
    ledger.start(start(organiser, step, REVIEW.to_owned(), step.at.plus(REVIEW_WITHIN)));
}

pub(super) fn review_is_drafted(organiser: &JurisdictionId, step: &Step<'_>, ledger: &mut Ledger) {
    ledger.meet(&key(organiser, REVIEW), step.at, Some(step.id()));
}

const REVIEW: &str = "review";

fn plan(round: &Round) -> String {
    format!("plan {}", round.sequence)
}

fn owe(ledger: &mut Ledger, organiser: &JurisdictionId, step: &Step<'_>, subject: String, due_at: Timestamp) {
    ledger.start_dated(start(organiser, step, subject, due_at));
}

fn start(organiser: &JurisdictionId, step: &Step<'_>, subject: String, due_at: Timestamp) -> Start {
    Start { role: Role::DrillController, ..until(step, key(organiser, subject), due_at) }
}

fn key(organiser: &JurisdictionId, subject: impl Into<String>) -> Key {
    owe::key(DeadlineName::D21, organiser, subject)
}
