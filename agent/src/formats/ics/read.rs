//! An answer out of a calendar: what one who was invited, or the organiser, says in RFC 5546.

use model::{invalid::Invalid, thread::invitation::Period};

use super::{
    Warning,
    component::{Component, calendars},
    jurisdiction,
    line::Line,
    refused, time,
};

/// An answer to an invitation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The meeting's or the drill's id.
    pub uid: String,
    /// Which invitation it answers; none for one that only asks for the newest.
    pub sequence: Option<u32>,
    /// Who answers, where its address is one of ours.
    pub by: Option<String>,
    /// What it says.
    pub said: Said,
    /// Why so, in its own words.
    pub comment: String,
}

/// What an answer says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Said {
    /// Comes.
    Attend,
    /// Comes unless something comes up.
    Tentative,
    /// Does not come.
    Decline,
    /// Somebody else comes; its address where it is one of ours.
    Delegate(Option<String>),
    /// Comes if it is changed.
    Counter(Counter),
    /// Asks for the newest invitation.
    Refresh,
    /// The organiser keeps the date.
    DeclineCounter,
}

/// What is proposed instead.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Counter {
    /// When.
    pub period: Period,
    /// Where; empty for the same place.
    pub place: String,
}

/// The answer in a file, and what was odd about it.
///
/// # Errors
/// BAD_SCHEMA with the rule that the file breaks: it holds no answer, or several.
pub fn answer(bytes: &[u8]) -> Result<(Answer, Vec<Warning>), Invalid> {
    let (calendars, mut warnings) = calendars(bytes)?;
    let [calendar] = calendars.as_slice() else {
        return Err(refused("ics.one_calendar", calendars.len().to_string()));
    };
    let method = calendar.line("METHOD").map(|line| line.value.trim().to_ascii_uppercase()).unwrap_or_default();
    let event = one_event(calendar)?;
    let said = match method.as_str() {
        "REPLY" => reply(event)?,
        "COUNTER" => Said::Counter(counter(event, calendar, &mut warnings)?),
        "REFRESH" => Said::Refresh,
        "DECLINECOUNTER" => Said::DeclineCounter,
        other => return Err(refused("ics.method", format!("{other} is no answer"))),
    };
    let text = |name: &str| event.line(name).map(Line::unescaped).unwrap_or_default().trim().to_owned();
    let uid = text("UID");
    if uid.is_empty() {
        return Err(refused("ics.uid", "there is none"));
    }
    let by = one_attendee(event).and_then(|line| jurisdiction(&line.value)).map(str::to_owned);
    Ok((Answer { uid, sequence: sequence(event)?, by, said, comment: text("COMMENT") }, warnings))
}

/// The event, of which there is one; others would be about something else.
fn one_event(calendar: &Component) -> Result<&Component, Invalid> {
    let events: Vec<&Component> = calendar.components.iter().filter(|part| part.name != "VTIMEZONE").collect();
    match events.as_slice() {
        [event] if event.name == "VEVENT" => Ok(event),
        [other] => Err(refused("ics.event", other.name.clone())),
        several => Err(refused("ics.one_uid", several.len().to_string())),
    }
}

fn one_attendee(event: &Component) -> Option<&Line> {
    let mut attendees = event.all("ATTENDEE");
    let first = attendees.next()?;
    attendees.next().is_none().then_some(first)
}

fn sequence(event: &Component) -> Result<Option<u32>, Invalid> {
    let Some(line) = event.line("SEQUENCE") else { return Ok(None) };
    line.value.trim().parse().map(Some).map_err(|_| refused("ics.sequence", line.value.clone()))
}

fn reply(event: &Component) -> Result<Said, Invalid> {
    let attendee = one_attendee(event).ok_or_else(|| refused("ics.one_attendee", "a reply speaks for one"))?;
    let status = attendee.param("PARTSTAT").unwrap_or_default().to_ascii_uppercase();
    match status.as_str() {
        "ACCEPTED" => Ok(Said::Attend),
        "TENTATIVE" => Ok(Said::Tentative),
        "DECLINED" => Ok(Said::Decline),
        "DELEGATED" => {
            let to = attendee.param("DELEGATED-TO").and_then(jurisdiction).map(str::to_owned);
            Ok(Said::Delegate(to))
        }
        _ => Err(refused("ics.partstat", status)),
    }
}

fn counter(event: &Component, calendar: &Component, warnings: &mut Vec<Warning>) -> Result<Counter, Invalid> {
    let line = |name: &'static str| event.line(name).ok_or_else(|| refused("ics.counter_times", name));
    let start = time::read(line("DTSTART")?, calendar, warnings)?;
    let end = time::read(line("DTEND")?, calendar, warnings)?;
    let place = event.line("LOCATION").map(Line::unescaped).unwrap_or_default();
    Ok(Counter { period: Period { start, end }, place })
}

#[cfg(test)]
mod tests;
