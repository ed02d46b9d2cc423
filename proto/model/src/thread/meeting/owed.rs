//! D22: what chair and members owe each other by when.

use std::{collections::BTreeMap, time::Duration};

use super::{Invited, Notice, Round};
use crate::{
    deadline::DeadlineName,
    ids::JurisdictionId,
    role::Role,
    thread::{
        Ledger, Step,
        invitation::{OF_MEETINGS, ReplyBy},
        ledger::{Key, Start},
        owe::{self, until},
    },
    time::Timestamp,
};

const fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

/// Notices leave this long before the meeting.
const NOTICE_AHEAD: Duration = days(7);
/// They are answered within this time.
const REPLY_WITHIN: Duration = days(3);
/// Items are proposed until this long before the meeting. Nobody owes a proposal, so no deadline runs for it.
pub(super) const PROPOSALS_AHEAD: Duration = days(3);
/// The agenda is locked this long before the meeting.
const LOCK_AHEAD: Duration = days(1);
/// Minutes are there within this many working days of the end.
const MINUTES_WORKING_DAYS: u32 = 5;
/// They are confirmed within this many working days.
pub(super) const CONFIRM_WORKING_DAYS: u32 = 5;

/// A new round begins: it was announced in time or not, answers are owed, and later a locked agenda and minutes.
pub(super) fn round(
    step: &Step<'_>,
    notice: &Notice,
    invited: BTreeMap<JurisdictionId, Invited>,
    ledger: &mut Ledger,
) -> Round {
    let (chair, offset) = (step.by(), step.header.utc_offset_min);
    let catalogue = step.at.plus(REPLY_WITHIN);
    let mut round = Round {
        sequence: notice.sequence,
        period: notice.period,
        reply_by: catalogue,
        utc_offset_min: offset,
        invited,
    };
    round.owe(step, ledger, &OF_MEETINGS, ReplyBy { catalogue, dated: false, asked: notice.rsvp_by });
    let announced = format!("notice {}", notice.sequence);
    let (start, end) = (notice.period.start, notice.period.end);
    ledger.start_dated(owe(chair, step, announced.clone(), step.at, start.minus(NOTICE_AHEAD)));
    ledger.meet(&key(chair, announced), step.at, Some(step.id()));
    ledger.start_dated(owe(chair, step, lock(&round), step.at, start.minus(LOCK_AHEAD)));
    let written = ledger.working_days(MINUTES_WORKING_DAYS, end, offset);
    ledger.start_dated(owe(chair, step, minutes(&round), end, written));
    round
}

/// A newer round takes the place of this one.
pub(super) fn void_round(round: &Round, chair: &JurisdictionId, ledger: &mut Ledger) {
    round.void(ledger, &OF_MEETINGS);
    ledger.void(&key(chair, lock(round)));
    ledger.void(&key(chair, minutes(round)));
}

pub(super) fn agenda_is_locked(round: &Round, step: &Step<'_>, ledger: &mut Ledger) {
    ledger.meet(&key(step.by(), lock(round)), step.at, Some(step.id()));
}

pub(super) fn minutes_are_there(round: &Round, step: &Step<'_>, ledger: &mut Ledger) {
    ledger.meet(&key(step.by(), minutes(round)), step.at, Some(step.id()));
}

fn lock(round: &Round) -> String {
    format!("lock {}", round.sequence)
}

fn minutes(round: &Round) -> String {
    format!("minutes {}", round.sequence)
}

fn owe(chair: &JurisdictionId, step: &Step<'_>, subject: String, starts_at: Timestamp, due_at: Timestamp) -> Start {
    Start { role: Role::Secretariat, starts_at, ..until(step, key(chair, subject), due_at) }
}

pub(super) fn key(who: &JurisdictionId, subject: String) -> Key {
    owe::key(DeadlineName::D22, who, subject)
}
