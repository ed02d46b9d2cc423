//! Texts with separators, as RFC 4180 and its users write them.

use model::invalid::Invalid;

use super::{Cell, Row, Rows, cell, cell_name, refused};

/// What programs of this country need to see that a text is UTF-8.
const MARK: &str = "\u{feff}";

/// Reads a text: UTF-8 with or without mark, separated by comma, semicolon or tab, whichever the first line has most of.
///
/// # Errors
/// `BAD_SCHEMA` for another encoding or a quote without end; `TOO_LARGE` beyond the limits.
pub fn read(bytes: &[u8]) -> Result<Vec<Row>, Invalid> {
    let text = std::str::from_utf8(bytes).map_err(|error| refused("sheet.utf8", format!("{}", error.valid_up_to())))?;
    let text = text.strip_prefix(MARK).unwrap_or(text);
    if text.contains('\0') {
        return Err(refused("sheet.readable", "NUL"));
    }
    let separator = separator_of(text);
    let (mut rows, mut chars) = (Rows::default(), text.chars().peekable());
    let (mut row, mut column) = (1, 0);
    while chars.peek().is_some() {
        let (field, end) = field(&mut chars, separator)
            .ok_or_else(|| Invalid { field: cell_name(column, row), ..refused("sheet.quote", "") })?;
        // a formula of a text is one that a program would run when it opens it
        let (text, formula) = (cell::bare(&field), field.trim_start().starts_with('='));
        rows.push(row, Cell { column, text, formula })?;
        (row, column) = if end == End::Line { (row + 1, 0) } else { (row, column + 1) };
    }
    Ok(rows.rows)
}

fn separator_of(text: &str) -> char {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |separator: &char| first.matches(*separator).count();
    [';', '\t', ','].into_iter().max_by_key(count).unwrap_or(',')
}

/// How a field ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Field,
    Line,
}

/// One field and how it ended; none where a quote never ends.
fn field(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, separator: char) -> Option<(String, End)> {
    let mut text = String::new();
    if chars.next_if_eq(&'"').is_some() {
        loop {
            match chars.next()? {
                '"' if chars.next_if_eq(&'"').is_none() => break,
                char => text.push(char),
            }
        }
    }
    // whatever stands behind a closing quote belongs to the text, as programs read it
    loop {
        match chars.next() {
            Some('\r') if chars.peek() == Some(&'\n') => {}
            Some('\n' | '\r') | None => return Some((text, End::Line)),
            Some(char) if char == separator => return Some((text, End::Field)),
            Some(char) => text.push(char),
        }
    }
}

/// Writes rows as UTF-8 with a mark, which Excel and WPS need, and lines that end in CR LF. No cell is run when the file
/// is opened.
pub fn write(rows: &[Vec<String>]) -> String {
    let line = |row: &Vec<String>| row.iter().map(|text| quoted(&cell::harmless(text))).collect::<Vec<_>>().join(",");
    let lines: Vec<String> = rows.iter().map(line).collect();
    format!("{MARK}{}\r\n", lines.join("\r\n"))
}

fn quoted(text: &str) -> String {
    let plain = !text.contains(['"', ',', ';', '\t', '\n', '\r']);
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}
