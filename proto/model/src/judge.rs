//! What a header must keep: the rules that a sending agent and the broker check from the header alone.
//!
//! Each rule is a function of its own with a stable name (`header.floor`), which the refusal carries beside its reason.
//! What needs state (duplicates, revisions, drills, grants, routes) is judged elsewhere.

mod people;
mod shape;
mod thread;
mod timing;

use std::time::Duration;

use crate::{header::Header, invalid::Invalid, limits, receipt::Flag, time::Timestamp};

pub use self::shape::{judge_secrecy, judge_sizes};

/// What the receiver of a header knows about its sender's clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SenderClock {
    /// Nothing but `sent_at`, which is as new as the message: a call on its own.
    BySentAt,
    /// Its session said by how much it differs from ours; `sent_at` may be old, from an outbox that was cut off.
    Off(Duration),
    /// A carried bundle: not judged.
    Carried,
}

/// When and how a header came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Arrival {
    /// Our time.
    pub now: Timestamp,
    /// What is known of the sender's.
    pub clock: SenderClock,
}

/// Everything that a header must keep. Returns what is flagged and taken all the same.
///
/// # Errors
/// The first rule that is broken, with its reason, field and name.
pub fn judge(header: &Header, arrival: Arrival) -> Result<Vec<Flag>, Invalid> {
    judge_static(header)?;
    judge_not_expired(header, arrival.now)?;
    let skewed = judge_clock(header.sent_at, arrival)?;
    let flags = [skewed, header.is_outside_agreement().then_some(Flag::OutsideAgreement)];
    Ok(flags.into_iter().flatten().collect())
}

/// Everything that a header must keep whenever it is looked at: what [`judge`] checks, but for our own time. For
/// re-offered and carried traffic, and for a recipient.
pub fn judge_static(header: &Header) -> Result<(), Invalid> {
    RULES.iter().try_for_each(|rule| rule(header))
}

/// Who may speak in whose name, as a recipient asks it: of the broker's own messages an agent takes notices alone.
pub fn judge_speaker(header: &Header) -> Result<(), Invalid> {
    people::sender(header)?;
    people::broker_notices(header)
}

/// Its time has not passed. An agent expires only what is certain; the broker asks with its own time.
pub fn judge_not_expired(header: &Header, now: Timestamp) -> Result<(), Invalid> {
    timing::not_expired(header, now)
}

/// How far the sender's clock is off: flagged above 120 s, refused above an hour.
pub fn judge_clock(sent_at: Timestamp, arrival: Arrival) -> Result<Option<Flag>, Invalid> {
    let off = match arrival.clock {
        SenderClock::BySentAt => sent_at.distance(arrival.now),
        // an outbox that was cut off is old; nothing is newer than now but by a wrong clock
        SenderClock::Off(off) => off.max(sent_at.since(arrival.now)),
        SenderClock::Carried => return Ok(None),
    };
    if off > limits::CLOCK_SKEW_REFUSED {
        return Err(timing::skewed(sent_at, arrival.now));
    }
    Ok((off > limits::CLOCK_SKEW_FLAGGED).then_some(Flag::ClockSkew))
}

type Rule = fn(&Header) -> Result<(), Invalid>;

/// Every rule, in the order in which a person would want to hear of them: what cannot be read first, then what the
/// message is about, then who may say it.
const RULES: &[Rule] = &[
    shape::version,
    shape::texts,
    shape::recipients,
    shape::document,
    shape::attachments,
    timing::id_time,
    timing::life,
    timing::retention,
    thread::origin,
    thread::revision,
    thread::answer,
    thread::error,
    thread::sequence,
    thread::incident,
    thread::level_and_category,
    thread::colour,
    thread::floor,
    thread::receipt_floor,
    thread::drill,
    timing::tightened,
    people::sender,
    people::agreement,
    people::sign_off,
];

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
