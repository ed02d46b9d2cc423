//! Times as calendars write them: in UTC, in a named zone, or floating.

use model::{
    invalid::Invalid,
    time::{Civil, Timestamp},
};

use super::{Warning, component::Component, line::Line, refused};

/// China's offset in minutes, all year.
pub const CHINA: i32 = 480;

/// Names under which programs know it, with or without the zone's rules.
const CHINA_NAMES: [&str; 4] = ["Asia/Shanghai", "China Standard Time", "PRC", "Asia/Chongqing"];

/// A point in time as UTC.
pub fn utc(at: Timestamp) -> String {
    let civil = at.civil(0);
    let seconds = civil.ms_of_day / 1_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{:08}T{hour:02}{minute:02}{second:02}Z", civil.date_number())
}

/// The time of a line: UTC, in a zone whose rules stand in the calendar or whose name we know; floating and whole days
/// are read as China's, and told.
///
/// # Errors
/// BAD_SCHEMA where it is no time, or its zone has rules that change in the year.
pub fn read(line: &Line, calendar: &Component, warnings: &mut Vec<Warning>) -> Result<Timestamp, Invalid> {
    let value = line.value.trim();
    let wrong = || refused("ics.time", format!("{}:{value}", line.name));
    let (civil, is_utc) = civil(value).ok_or_else(wrong)?;
    match line.param("TZID") {
        _ if is_utc => Ok(civil.timestamp(0)),
        Some(zone) => Ok(civil.timestamp(offset(zone, calendar)?)),
        None => {
            let detail = format!("{}:{value} is read as +08:00", line.name);
            warnings.push(Warning { rule: "ics.floating_time", detail });
            Ok(civil.timestamp(CHINA))
        }
    }
}

/// `20271112T010000Z`, `20271112T090000` or `20271112`; whether it is UTC.
fn civil(value: &str) -> Option<(Civil, bool)> {
    let (value, is_utc) = value.strip_suffix('Z').map_or((value, false), |value| (value, true));
    let (day, time) = value.split_once('T').map_or((value, None), |(day, time)| (day, Some(time)));
    let part = |text: &str, from: usize, to: usize| text.get(from..to)?.parse::<u8>().ok();
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(day, 8) || time.is_some_and(|time| !digits(time, 6)) || (time.is_none() && is_utc) {
        return None;
    }
    let date = Civil::date(day.get(..4)?.parse().ok()?, part(day, 4, 6)?, part(day, 6, 8)?)?;
    let Some(time) = time else { return Some((date, false)) };
    let (hour, minute, second) = (part(time, 0, 2)?, part(time, 2, 4)?, part(time, 4, 6)?);
    // a leap second is the last one of its minute
    let at = date.at(hour, minute);
    let at = Civil { ms_of_day: at.ms_of_day + u32::from(second.min(59)) * 1_000, ..at };
    (hour < 24 && minute < 60 && second <= 60).then_some((at, is_utc))
}

fn offset(zone: &str, calendar: &Component) -> Result<i32, Invalid> {
    let id = |component: &&Component| component.line("TZID").is_some_and(|line| line.value.trim() == zone);
    let rules = calendar.components.iter().filter(|component| component.name == "VTIMEZONE").find(id);
    let fixed = rules.and_then(fixed);
    let named = CHINA_NAMES.contains(&zone.trim_start_matches('/')).then_some(CHINA);
    fixed.or(named).ok_or_else(|| refused("ics.time_zone", zone))
}

/// The offset of a zone that has one all year.
fn fixed(zone: &Component) -> Option<i32> {
    let [rule] = zone.components.as_slice() else { return None };
    let value = rule.line("TZOFFSETTO").filter(|_| rule.name == "STANDARD")?.value.trim();
    let (sign, digits) = (value.get(..1)?, value.get(1..)?);
    let minutes = digits.get(..2)?.parse::<i32>().ok()? * 60 + digits.get(2..4)?.parse::<i32>().ok()?;
    let within = (0..=model::limits::UTC_OFFSET_MIN_MAX).contains(&minutes);
    match sign {
        "+" if within => Some(minutes),
        "-" if within => Some(-minutes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(hour: u8) -> Timestamp {
        Civil::date(2027, 11, 12).unwrap().at(hour, 0).timestamp(0)
    }

    fn zone(id: &str, rules: &[(&str, &str)]) -> Component {
        let mut zone = Component::new("VTIMEZONE").with(Line::new("TZID", id));
        for (name, offset) in rules {
            zone.components.push(Component::new(name).with(Line::new("TZOFFSETTO", *offset)));
        }
        Component { components: vec![zone], ..Component::new("VCALENDAR") }
    }

    fn judged(line: &Line, calendar: &Component) -> (Result<Timestamp, String>, usize) {
        let mut warnings = Vec::new();
        let read = read(line, calendar, &mut warnings).map_err(|invalid| invalid.rule);
        (read, warnings.len())
    }

    #[test]
    fn times_are_written_in_utc_and_read_in_any_form() {
        assert_eq!(utc(at(1)), "20271112T010000Z");
        let (plain, nine) = (Component::new("VCALENDAR"), "20271112T090000");
        assert_eq!(judged(&Line::new("DTSTART", "20271112T010000Z"), &plain), (Ok(at(1)), 0));
        for name in ["Asia/Shanghai", "China Standard Time"] {
            assert_eq!(judged(&Line::new("DTSTART", nine).with("TZID", name), &plain), (Ok(at(1)), 0), "{name}");
        }
        let seoul = zone("Seoul", &[("STANDARD", "+0900")]);
        assert_eq!(judged(&Line::new("DTSTART", nine).with("TZID", "Seoul"), &seoul), (Ok(at(0)), 0));
        assert_eq!(judged(&Line::new("DTSTART", nine), &plain), (Ok(at(1)), 1), "floating, and told");
        let day = Line::new("DTSTART", "20271112").with("VALUE", "DATE");
        assert_eq!(judged(&day, &plain), (Ok(Civil::date(2027, 11, 12).unwrap().timestamp(CHINA)), 1));
    }

    #[test]
    fn a_zone_that_changes_in_the_year_is_not_guessed() {
        let line = Line::new("DTSTART", "20271112T090000").with("TZID", "Berlin");
        let berlin = zone("Berlin", &[("STANDARD", "+0100"), ("DAYLIGHT", "+0200")]);
        assert_eq!(judged(&line, &berlin).0, Err("ics.time_zone".to_owned()));
        assert_eq!(judged(&line, &Component::new("VCALENDAR")).0, Err("ics.time_zone".to_owned()));
        assert_eq!(judged(&line, &zone("Berlin", &[("STANDARD", "+9900")])).0, Err("ics.time_zone".to_owned()));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let plain = Component::new("VCALENDAR");
        for wrong in
            ["", "2027", "20271301T000000Z", "20271112T250000Z", "20271112T0100Z", "20271112Z", "二〇二七", "+0271112"]
        {
            assert_eq!(judged(&Line::new("DTSTART", wrong), &plain).0, Err("ics.time".to_owned()), "{wrong}");
        }
    }
}
