//! Content lines: `NAME;PARAM=VALUE:value`, folded at 75 octets and never within a character.

use super::{BYTES_MAX, Warning, refused};
use model::invalid::Invalid;

/// Octets of a line before it is folded, its end not counted.
const FOLD: usize = 75;

/// Lines of a calendar that is read.
const LINES_MAX: usize = 100_000;

/// One content line.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Line {
    /// Its name, in upper case.
    pub name: String,
    /// Its parameters, names in upper case, in their order.
    pub params: Vec<(String, String)>,
    /// Its value as it stands; a text is still escaped.
    pub value: String,
}

impl Line {
    /// A line whose value is no text: a time, a number, an address.
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.to_owned(), params: Vec::new(), value: value.into() }
    }

    /// A line whose value is a text.
    pub fn text(name: &str, text: &str) -> Self {
        Self::new(name, escape(text))
    }

    /// The same with a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.params.push((name.to_owned(), value.into()));
        self
    }

    /// The first value of a parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Its value as a text.
    pub fn unescaped(&self) -> String {
        unescape(&self.value)
    }

    /// As it stands in a file, folded and ended.
    pub fn write(&self, out: &mut String) {
        let mut line = self.name.clone();
        for (name, value) in &self.params {
            line.push(';');
            line.push_str(name);
            line.push('=');
            line.push_str(&param(value));
        }
        line.push(':');
        line.push_str(&self.value);
        fold(&line, out);
    }

    fn parse(line: &str) -> Option<Self> {
        let mut rest = Cursor(line);
        let name = rest.name()?;
        let mut params = Vec::new();
        while rest.take(';') {
            let name = rest.name()?;
            if !rest.take('=') {
                return None;
            }
            let mut value = rest.param_value();
            while rest.take(',') {
                value.push(',');
                value.push_str(&rest.param_value());
            }
            params.push((name, value));
        }
        rest.take(':').then(|| Self { name, params, value: rest.0.to_owned() })
    }
}

/// What is left of a line.
struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    fn take(&mut self, wanted: char) -> bool {
        match self.0.strip_prefix(wanted) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn until(&mut self, ends: impl Fn(char) -> bool) -> String {
        let (head, rest) = self.0.split_at(self.0.find(ends).unwrap_or(self.0.len()));
        self.0 = rest;
        head.to_owned()
    }

    fn name(&mut self) -> Option<String> {
        let name = self.until(|c| !c.is_ascii_alphanumeric() && c != '-');
        (!name.is_empty()).then(|| name.to_ascii_uppercase())
    }

    fn param_value(&mut self) -> String {
        if !self.take('"') {
            return uncaret(&self.until(|c| matches!(c, ';' | ':' | ',')));
        }
        let value = self.until(|c| c == '"');
        self.take('"');
        uncaret(&value)
    }
}

/// A parameter's value, quoted where its characters ask for it. What no quote can hold is written with carets (RFC 6868).
fn param(value: &str) -> String {
    let value = value.replace('^', "^^").replace('"', "^'").replace("\r\n", "^n").replace(['\n', '\r'], "^n");
    let value: String = value.chars().filter(|c| !c.is_control()).collect();
    if value.contains([';', ':', ',']) { format!("\"{value}\"") } else { value }
}

fn uncaret(value: &str) -> String {
    let mut out = String::new();
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('^', Some('n')) => out.push('\n'),
            ('^', Some('\'')) => out.push('"'),
            ('^', Some('^')) => out.push('^'),
            _ => {
                out.push(c);
                continue;
            }
        }
        chars.next();
    }
    out
}

/// A text as a value: `\`, `;`, `,` and line ends escaped, other control characters left out.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}

fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n' | 'N') => out.push('\n'),
                Some(escaped) => out.push(escaped),
                None => {}
            },
            c => out.push(c),
        }
    }
    out
}

/// A line folded: every piece but the first begins with a blank, and the blank counts.
fn fold(line: &str, out: &mut String) {
    let mut width = 0;
    for c in line.chars() {
        if width + c.len_utf8() > FOLD {
            out.push_str("\r\n ");
            width = 1;
        }
        out.push(c);
        width += c.len_utf8();
    }
    out.push_str("\r\n");
}

/// The lines of a file, unfolded. Line ends without carriage return are read and told.
///
/// # Errors
/// TOO_LARGE, or BAD_SCHEMA where the bytes are no UTF-8 or a line is none.
pub fn lines(bytes: &[u8]) -> Result<(Vec<Line>, Vec<Warning>), Invalid> {
    if bytes.len() > BYTES_MAX {
        return Err(Invalid::too_large("ics", bytes.len(), BYTES_MAX));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| refused("ics.utf8", error.to_string()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let unfolded = unfold(text);
    if unfolded.len() > LINES_MAX {
        return Err(Invalid::too_large("ics", unfolded.len(), LINES_MAX));
    }
    let bare = text.lines().count() > text.matches("\r\n").count() + usize::from(!text.ends_with('\n'));
    let warning = Warning { rule: "ics.line_feed", detail: "line ends without carriage return".to_owned() };
    let lines = unfolded
        .iter()
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| Line::parse(line).ok_or_else(|| refused("ics.line", format!("line {number}"))));
    Ok((lines.collect::<Result<_, _>>()?, bare.then_some(warning).into_iter().collect()))
}

/// Lines with their numbers in the file; one that begins with a blank goes on from the one before.
fn unfold(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            _ => lines.push((at + 1, line.to_owned())),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn written(line: &Line) -> String {
        let mut out = String::new();
        line.write(&mut out);
        out
    }

    fn back(text: &str) -> Line {
        let (mut lines, warnings) = lines(text.as_bytes()).unwrap();
        assert!(warnings.is_empty());
        assert_eq!(lines.len(), 1);
        lines.remove(0)
    }

    #[test]
    fn a_line_is_folded_at_75_octets_and_no_character_is_cut() {
        let line = Line::text("SUMMARY", &"临沂".repeat(40));
        let text = written(&line);
        let pieces: Vec<&str> = text.split("\r\n").collect();
        assert!(pieces.len() > 3 && pieces.iter().all(|piece| piece.len() <= 75), "{pieces:?}");
        assert!(pieces[1..pieces.len() - 1].iter().all(|piece| piece.starts_with(' ')));
        assert_eq!(back(&text), line);
        let whole = Line::new("X", "y".repeat(73));
        assert_eq!(written(&whole), format!("X:{}\r\n", "y".repeat(73)), "75 fit");
        assert!(written(&Line::new("X", "y".repeat(74))).contains("\r\n y\r\n"));
    }

    #[test]
    fn texts_are_escaped() {
        let text = "一、议程;讨论,决定\\备注\n二、其他\r\n三\u{7}";
        let line = Line::text("DESCRIPTION", text);
        assert_eq!(line.value, "一、议程\\;讨论\\,决定\\\\备注\\n二、其他\\n三");
        assert_eq!(back(&written(&line)).unescaped(), "一、议程;讨论,决定\\备注\n二、其他\n三");
    }

    #[test]
    fn parameters_are_quoted_where_they_must_be() {
        let line =
            Line::new("ATTENDEE", "urn:liandong:j:320300").with("CN", "徐州: 值班, \"夜\"^").with("RSVP", "TRUE");
        let text = written(&line);
        assert!(text.starts_with("ATTENDEE;CN=\"徐州: 值班, ^'夜^'^^\";RSVP=TRUE:urn:liandong:j:320300"), "{text}");
        let read = back(&text);
        assert_eq!((read.param("CN"), read.param("RSVP")), (Some("徐州: 值班, \"夜\"^"), Some("TRUE")));
        assert_eq!(read.param("ROLE"), None);
    }

    #[test]
    fn bare_line_feeds_are_read_and_told() {
        let (read, warnings) = lines(b"A:1\nB:2\n 3\n").unwrap();
        assert_eq!(read, [Line::new("A", "1"), Line::new("B", "23")]);
        assert_eq!(warnings.iter().map(|warning| warning.rule).collect::<Vec<_>>(), ["ics.line_feed"]);
        assert!(lines(b"A:1\r\nB:2").unwrap().1.is_empty(), "the last line may end without");
    }

    #[test]
    fn what_is_no_line_is_named_by_its_number() {
        let refused = |bytes: &[u8]| lines(bytes).map(|_| ()).map_err(|invalid| (invalid.rule, invalid.detail));
        let line = |detail: &str| Err(("ics.line".to_owned(), detail.to_owned()));
        assert_eq!(refused(b"A:1\r\nnothing\r\n"), line("line 2"));
        assert_eq!(refused(b"A;B:1\r\n"), line("line 1"));
        assert_eq!(refused(b":1\r\n"), line("line 1"));
        assert_eq!(refused(&[0xff, 0xfe]).map_err(|(rule, _)| rule), Err("ics.utf8".to_owned()));
        assert_eq!(refused(&vec![b'A'; BYTES_MAX + 1]).map_err(|(rule, _)| rule), Err("limit".to_owned()));
    }

    proptest! {
        #[test]
        fn any_text_comes_back_as_it_was_written(text in "\\PC{0,300}", param in "\\PC{0,60}") {
            let line = Line::text("COMMENT", &text).with("CN", param.clone());
            let read = back(&written(&line));
            prop_assert_eq!(read.unescaped(), text);
            prop_assert_eq!(read.param("CN"), Some(param.as_str()));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = lines(&bytes);
        }
    }
}
