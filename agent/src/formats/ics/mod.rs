//! Calendars, RFC 5545 and RFC 5546: invitations to meetings (K40) and drills (K30) as files that any calendar program
//! opens, and the answers that it writes as drafts of ours (K41, K31).
//!
//! | module | what |
//! |---|---|
//! | [`mod@line`] | content lines: folding, escaping, parameters |
//! | [`component`] | lines nested in components, within limits |
//! | [`time`] | times as calendars write them |
//! | [`mod@write`] | an invitation as a calendar |
//! | [`agenda`] | an agenda for those who know us, and for everybody else |
//! | [`read`] | an answer out of a calendar |
//! | [`draft`] | an answer as a draft |

pub mod agenda;
pub mod component;
pub mod draft;
pub mod line;
pub mod read;
pub mod time;
pub mod write;

use std::fmt;

use model::{invalid::Invalid, limits, reason::Reason};

/// How we sign our calendars.
pub const PRODUCER: &str = "-//Liandong//Liandong 1//ZH";

/// A calendar of at most this many bytes is read.
pub const BYTES_MAX: usize = 4 * 1024 * 1024;

/// The media type of an invitation by mail; without the method programs show no buttons to answer.
pub const MEDIA_TYPE: &str = "text/calendar; method=REQUEST; charset=utf-8";

/// Something that was read all the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Warning {
    /// A stable name: `ics.line_feed`.
    pub rule: &'static str,
    /// Where or what.
    pub detail: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.detail)
    }
}

/// A calendar that is not taken.
pub(crate) fn refused(rule: &'static str, detail: impl Into<String>) -> Invalid {
    Invalid::new(Reason::BadSchema, "ics", rule).detail(detail)
}

/// Who takes part, as calendars address it: nobody's mail box, but a name that leads back.
pub fn address(jurisdiction: &str) -> String {
    format!("{URN}{jurisdiction}")
}

/// The jurisdiction of such an address; none of another sort.
pub fn jurisdiction(address: &str) -> Option<&str> {
    let head = address.get(..URN.len()).filter(|head| head.eq_ignore_ascii_case(URN))?;
    let id = address.get(head.len()..)?;
    (id.len() <= limits::JURISDICTION_ID_BYTES_MAX && !id.is_empty()).then_some(id)
}

const URN: &str = "urn:liandong:j:";
