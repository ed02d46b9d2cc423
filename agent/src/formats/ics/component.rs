//! Components: `BEGIN:VEVENT` … `END:VEVENT`, nested in calendars, within limits.

use model::invalid::Invalid;

use super::{Warning, line::Line, line::lines, refused};

/// Components of a file that is read.
const COMPONENTS_MAX: usize = 1_000;

/// How deep they may nest; a time zone's rules stand at three.
const DEPTH_MAX: usize = 8;

/// One component.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Component {
    /// Its name, in upper case: `VCALENDAR`, `VEVENT`.
    pub name: String,
    /// Its own lines.
    pub lines: Vec<Line>,
    /// What stands in it.
    pub components: Vec<Component>,
}

impl Component {
    /// An empty component.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// The same with another line.
    #[must_use]
    pub fn with(mut self, line: Line) -> Self {
        self.lines.push(line);
        self
    }

    /// Its first line of this name.
    pub fn line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.name == name)
    }

    /// All of them.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |line| line.name == name)
    }

    /// As it stands in a file.
    pub fn write(&self, out: &mut String) {
        Line::new("BEGIN", &*self.name).write(out);
        self.lines.iter().for_each(|line| line.write(out));
        self.components.iter().for_each(|component| component.write(out));
        Line::new("END", &*self.name).write(out);
    }
}

/// The calendars of a file.
///
/// # Errors
/// BAD_SCHEMA or TOO_LARGE.
pub fn calendars(bytes: &[u8]) -> Result<(Vec<Component>, Vec<Warning>), Invalid> {
    let (lines, warnings) = lines(bytes)?;
    let mut open: Vec<Component> = Vec::new();
    let (mut calendars, mut count) = (Vec::new(), 0);
    for line in lines {
        match (line.name.as_str(), open.last_mut()) {
            ("BEGIN", _) => {
                count += 1;
                if open.len() >= DEPTH_MAX || count > COMPONENTS_MAX {
                    return Err(Invalid::too_large("ics", count, COMPONENTS_MAX));
                }
                open.push(Component::new(&line.value.trim().to_ascii_uppercase()));
            }
            ("END", Some(last)) if last.name.eq_ignore_ascii_case(line.value.trim()) => {
                close(&mut open, &mut calendars)?;
            }
            ("END", _) => return Err(refused("ics.nesting", line.value)),
            (_, Some(last)) => last.lines.push(line),
            (name, None) => return Err(refused("ics.outside", name)),
        }
    }
    match open.last() {
        Some(last) => Err(refused("ics.nesting", format!("{} has no end", last.name))),
        None if calendars.is_empty() => Err(refused("ics.calendar", "there is none")),
        None => Ok((calendars, warnings)),
    }
}

fn close(open: &mut Vec<Component>, calendars: &mut Vec<Component>) -> Result<(), Invalid> {
    let Some(done) = open.pop() else { return Ok(()) };
    match open.last_mut() {
        Some(outer) => outer.components.push(done),
        None if done.name == "VCALENDAR" => calendars.push(done),
        None => return Err(refused("ics.calendar", done.name)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn refusal(text: &str) -> String {
        calendars(text.as_bytes()).unwrap_err().rule
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut calendar = Component::new("VCALENDAR").with(Line::new("VERSION", "2.0"));
        calendar.components.push(Component::new("VEVENT").with(Line::text("SUMMARY", "联席会议")));
        let mut text = String::new();
        calendar.write(&mut text);
        assert_eq!(calendars(text.as_bytes()).unwrap(), (vec![calendar.clone()], Vec::new()));
        let (two, _) = calendars([text.clone(), text].concat().as_bytes()).unwrap();
        assert_eq!(two.len(), 2, "several calendars may stand in a file");
    }

    #[test]
    fn components_close_in_order_and_stand_in_calendars() {
        assert_eq!(refusal("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VCALENDAR\r\n"), "ics.nesting");
        assert_eq!(refusal("BEGIN:VCALENDAR\r\n"), "ics.nesting");
        assert_eq!(refusal("END:VCALENDAR\r\n"), "ics.nesting");
        assert_eq!(refusal("VERSION:2.0\r\n"), "ics.outside");
        assert_eq!(refusal("BEGIN:VEVENT\r\nEND:VEVENT\r\n"), "ics.calendar");
        assert_eq!(refusal(""), "ics.calendar");
    }

    #[test]
    fn neither_depth_nor_number_is_without_end() {
        assert_eq!(refusal(&"BEGIN:A\r\n".repeat(DEPTH_MAX + 1)), "limit");
        let event = "BEGIN:VEVENT\r\nEND:VEVENT\r\n";
        let calendar = |events: usize| format!("BEGIN:VCALENDAR\r\n{}END:VCALENDAR\r\n", event.repeat(events));
        assert!(calendars(calendar(COMPONENTS_MAX - 1).as_bytes()).is_ok());
        assert_eq!(refusal(&calendar(COMPONENTS_MAX)), "limit");
    }
}
