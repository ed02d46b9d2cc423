//! Rules about times.

use crate::{
    deadline,
    header::{Header, PersonalData},
    invalid::Invalid,
    limits,
    reason::Reason,
    time::Timestamp,
};

/// The id was made when the message was sealed: its time is `sent_at` ± 1 s.
pub(super) fn id_time(header: &Header) -> Result<(), Invalid> {
    if !header.message_id.is_v7() {
        return Err(Invalid::code("message_id", "id.uuidv7"));
    }
    if header.message_id.time().distance(header.sent_at) > limits::ID_TIME_TOLERANCE {
        let detail = format!("made {}, sent {}", header.message_id.time().rfc3339(), header.sent_at.rfc3339());
        return Err(Invalid::schema("message_id", "header.id_time").detail(detail));
    }
    Ok(())
}

/// It expires after it was sent, and at most 30 days after.
pub(super) fn life(header: &Header) -> Result<(), Invalid> {
    if header.expires_at <= header.sent_at {
        return Err(Invalid::schema("expires_at", "header.expires_after_sent"));
    }
    if header.expires_at.since(header.sent_at) > limits::LIFE_MAX {
        return Err(Invalid::schema("expires_at", "header.life").detail("more than 30 days after sent_at"));
    }
    Ok(())
}

pub(super) fn not_expired(header: &Header, now: Timestamp) -> Result<(), Invalid> {
    if now <= header.expires_at {
        return Ok(());
    }
    let detail = format!("expired {}, now {}", header.expires_at.rfc3339(), now.rfc3339());
    Err(Invalid::new(Reason::Expired, "expires_at", "header.expired").detail(detail))
}

pub(super) fn skewed(sent_at: Timestamp, now: Timestamp) -> Invalid {
    let detail = format!("sender {}, here {}", sent_at.rfc3339(), now.rfc3339());
    Invalid::new(Reason::ClockSkew, "sent_at", "header.clock").detail(detail)
}

/// Personal data says until when it is kept, and that is not over before it is sent.
pub(super) fn retention(header: &Header) -> Result<(), Invalid> {
    let refused = |rule: &'static str| Err(Invalid::new(Reason::Retention, "retain_until", rule));
    match (header.personal_data, header.retain_until) {
        (PersonalData::Present, None) => refused("header.retention"),
        (_, Some(until)) if until <= header.sent_at => refused("header.retention_past"),
        (PersonalData::Present | PersonalData::Absent, _) => Ok(()),
    }
}

/// `ack_by` and `reply_by` tighten what the catalogue gives, never loosen it. Counted from `sent_at`: the broker's
/// acceptance comes later, so what is tight at the origin stays tight.
pub(super) fn tightened(header: &Header) -> Result<(), Invalid> {
    let due = deadline::due(header);
    let asked = [("ack_by", header.ack_by, due.ack_within), ("reply_by", header.reply_by, due.reply_within)];
    for (field, by, within) in asked {
        let Some(by) = by else { continue };
        if by <= header.sent_at {
            return Err(Invalid::schema(field, "header.due_after_sent"));
        }
        let latest = within.map_or(header.expires_at, |within| header.sent_at.plus(within));
        if within.is_some() && by > latest {
            let detail = format!("at the latest {}", latest.rfc3339());
            return Err(Invalid::new(Reason::DeadlineLoosened, field, "header.tightened").detail(detail));
        }
    }
    Ok(())
}
