//! An invitation as a calendar: one event, with everything that a calendar program needs to show it and to answer.

use model::{header::Action, invalid::Invalid, time::Timestamp};
use proto::{border, status::Lang, v1};

use super::{
    PRODUCER, address, agenda,
    component::Component,
    line::Line,
    time::{self, CHINA},
};

/// What invites.
#[derive(Clone, Copy, Debug)]
pub enum Occasion<'a> {
    /// K40.
    Meeting(&'a v1::MeetingNotice),
    /// K30.
    Drill(&'a v1::DrillInvitation),
}

/// An invitation and what belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct Invitation<'a> {
    /// Its header.
    pub header: &'a v1::Header,
    /// What it invites to.
    pub occasion: Occasion<'a>,
    /// The agenda of the meeting, as it is now.
    pub agenda: Option<&'a v1::Document>,
}

/// One event, before it is a component.
struct Event<'a> {
    uid: &'a str,
    sequence: u32,
    title: String,
    start: Timestamp,
    end: Timestamp,
    zone: &'a str,
    place: String,
    description: Vec<String>,
    organizer: &'a str,
    attendees: Vec<Line>,
    status: &'static str,
}

impl Invitation<'_> {
    /// The calendar, ready for a file of type [`super::MEDIA_TYPE`].
    ///
    /// # Errors
    /// MISSING_FIELD where it has no times.
    pub fn write(&self) -> Result<String, Invalid> {
        let stamp = border::time::required(self.header.sent_at, "header.sent_at")?;
        let event = match self.occasion {
            Occasion::Meeting(notice) => self.meeting(notice)?,
            Occasion::Drill(invitation) => self.drill(invitation)?,
        };
        let method = if self.calls_off() { "CANCEL" } else { "REQUEST" };
        let mut component = event.component(stamp);
        if matches!(self.occasion, Occasion::Drill(_)) {
            component.lines.push(Line::new("CATEGORIES", "EXERCISE"));
        }
        component.lines.extend(self.agenda.and_then(agenda::attachment));
        let mut calendar = Component::new("VCALENDAR")
            .with(Line::new("VERSION", "2.0"))
            .with(Line::new("PRODID", PRODUCER))
            .with(Line::new("METHOD", method));
        calendar.components.push(component);
        let mut text = String::new();
        calendar.write(&mut text);
        Ok(text)
    }

    /// It takes an invitation back.
    fn calls_off(&self) -> bool {
        let by_body = match self.occasion {
            Occasion::Meeting(notice) => notice.method() == v1::MeetingMethod::Cancel,
            Occasion::Drill(_) => false,
        };
        by_body || Action::from_number(self.header.action) == Some(Action::Cancel)
    }

    fn lang(&self) -> Lang {
        Lang::from_tag(&self.header.language)
    }

    fn organizer(&self) -> &str {
        self.header.sender.as_ref().map_or("", |sender| &sender.jurisdiction)
    }

    fn status(&self, lives: &'static str) -> &'static str {
        if self.calls_off() { "CANCELLED" } else { lives }
    }

    fn meeting<'a>(&'a self, notice: &'a v1::MeetingNotice) -> Result<Event<'a>, Invalid> {
        let required = notice.required_attendees.iter().map(|seat| (seat, "REQ-PARTICIPANT"));
        let seats = required.chain(notice.optional_attendees.iter().map(|seat| (seat, "OPT-PARTICIPANT")));
        let bridge = notice.bridge.as_ref().map(|bridge| joined(bridge, self.lang()));
        let list = self.agenda.map(|document| agenda::list(document, self.lang(), &|seat| name(seat)));
        Ok(Event {
            uid: &notice.meeting_id,
            sequence: notice.sequence,
            title: notice.title.clone(),
            start: border::time::required(notice.start, "body.start")?,
            end: border::time::required(notice.end, "body.end")?,
            zone: &notice.tz,
            place: notice.place.clone(),
            description: list.into_iter().flatten().chain(bridge).chain(self.reply_by(notice.rsvp_by)).collect(),
            organizer: self.organizer(),
            attendees: self.attendees(seats),
            status: self.status("CONFIRMED"),
        })
    }

    fn drill<'a>(&'a self, drill: &'a v1::DrillInvitation) -> Result<Event<'a>, Invalid> {
        let seats: Vec<v1::Seat> = drill.wanted.iter().map(seat).collect();
        let (banner, scenario) = match self.lang() {
            Lang::Zh => ("演练 演练 演练", format!("情景：{}", drill.scenario_summary)),
            Lang::En => ("EXERCISE EXERCISE EXERCISE", format!("Scenario: {}", drill.scenario_summary)),
        };
        let places: Vec<&str> = drill.places.iter().map(|place| place.address.as_str()).collect();
        let description = [banner.to_owned(), scenario].into_iter().chain(self.reply_by(drill.rsvp_by));
        Ok(Event {
            uid: &drill.drill_id,
            sequence: drill.sequence,
            title: format!("【演练】{}", drill.title),
            start: border::time::required(drill.start, "body.start")?,
            end: border::time::required(drill.end, "body.end")?,
            zone: "Asia/Shanghai",
            place: places.join("；"),
            description: description.chain([banner.to_owned()]).collect(),
            organizer: self.organizer(),
            attendees: self.attendees(seats.iter().map(|seat| (seat, "REQ-PARTICIPANT"))),
            // until its organiser says that it is held
            status: self.status("TENTATIVE"),
        })
    }

    /// Who is asked; the organiser stands first and has said that it comes.
    fn attendees<'a>(&self, seats: impl Iterator<Item = (&'a v1::Seat, &'static str)>) -> Vec<Line> {
        let organizer = self.organizer();
        let chair = Line::new("ATTENDEE", address(organizer))
            .with("CN", organizer)
            .with("ROLE", "CHAIR")
            .with("PARTSTAT", "ACCEPTED");
        let others = seats.filter(|(seat, _)| seat.jurisdiction != organizer).map(|(seat, role)| {
            Line::new("ATTENDEE", address(&seat.jurisdiction))
                .with("CN", name(seat))
                .with("ROLE", role)
                .with("PARTSTAT", "NEEDS-ACTION")
                .with("RSVP", "TRUE")
        });
        std::iter::once(chair).chain(others).collect()
    }

    /// Calendars have no element for it.
    fn reply_by(&self, rsvp_by: Option<prost_types::Timestamp>) -> Option<String> {
        let at = border::time::optional(rsvp_by, "body.rsvp_by").ok().flatten()?;
        let local = at.civil(CHINA).to_string();
        let minute = local.get(..16).unwrap_or_default();
        Some(match self.lang() {
            Lang::Zh => format!("回执截止：{minute}（+08:00）"),
            Lang::En => format!("Answer by {minute} (+08:00)"),
        })
    }
}

impl Event<'_> {
    fn component(self, stamp: Timestamp) -> Component {
        let mut event = Component::new("VEVENT")
            .with(Line::text("UID", self.uid))
            .with(Line::new("SEQUENCE", self.sequence.to_string()))
            .with(Line::new("DTSTAMP", time::utc(stamp)))
            .with(Line::new("DTSTART", time::utc(self.start)))
            .with(Line::new("DTEND", time::utc(self.end)))
            .with(Line::text("X-LIANDONG-TZID", self.zone))
            .with(Line::new("STATUS", self.status))
            .with(Line::text("SUMMARY", &self.title));
        if !self.place.is_empty() {
            event.lines.push(Line::text("LOCATION", &self.place));
        }
        if !self.description.is_empty() {
            event.lines.push(Line::text("DESCRIPTION", &self.description.join("\n")));
        }
        event.lines.push(Line::new("ORGANIZER", address(self.organizer)).with("CN", self.organizer));
        event.lines.extend(self.attendees);
        event
    }
}

fn seat(wanted: &v1::DrillWanted) -> v1::Seat {
    v1::Seat { jurisdiction: wanted.jurisdiction.clone(), role: wanted.role, name: String::new() }
}

/// The person where one is named, else the jurisdiction.
fn name(seat: &v1::Seat) -> String {
    if seat.name.is_empty() { seat.jurisdiction.clone() } else { format!("{} {}", seat.jurisdiction, seat.name) }
}

fn joined(bridge: &v1::Bridge, lang: Lang) -> String {
    let label = match lang {
        Lang::Zh => "远程接入：",
        Lang::En => "Join: ",
    };
    let ways = [bridge.video_uri.as_str(), &bridge.phone, &bridge.access_code];
    let ways: Vec<&str> = ways.into_iter().filter(|way| !way.is_empty()).collect();
    format!("{label}{}", ways.join(" "))
}

#[cfg(test)]
mod tests;
