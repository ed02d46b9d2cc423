//! Workbooks of Excel and WPS: the first sheet, cell by cell as it stands in the file, so that no size that a file claims
//! is ever believed.

use std::io::{Cursor, Read as _};

use calamine::{DataRef, ExcelDateTime, Reader as _, Xlsx, XlsxError};
use model::invalid::Invalid;
use zip::ZipArchive;

use super::{Cell, Row, Rows, refused};

/// What a file may unpack to. A megabyte of zeros packs into a kilobyte.
const UNPACKED_BYTES_MAX: usize = 24 * 1024 * 1024;
/// Parts of a workbook.
const PARTS_MAX: usize = 512;
/// The shortest string of a workbook: `<si/>`.
const STRING_BYTES_MIN: usize = 5;

/// Reads the first sheet.
///
/// # Errors
/// `BAD_SCHEMA` for what is no workbook; `TOO_LARGE` beyond the limits.
pub fn read(bytes: &[u8]) -> Result<Vec<Row>, Invalid> {
    weigh(bytes)?;
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes)).map_err(|error| unreadable(&error))?;
    let first = book.sheet_names().first().cloned().ok_or_else(|| refused("sheet.empty", ""))?;
    let mut cells = book.worksheet_cells_reader(&first).map_err(|error| unreadable(&error))?;
    let mut rows = Rows::default();
    // formulas are not worked out, only seen: a shared one may claim any number for itself
    while let Some(found) = cells.next_cell_with_formula_metadata().map_err(|error| unreadable(&error))? {
        let (row, column) = found.pos;
        let cell = Cell { column: column as usize, text: text(&found.value), formula: found.formula.is_some() };
        rows.push(row as usize + 1, cell)?;
    }
    let mut rows = rows.rows;
    rows.sort_by_key(|row| row.number);
    Ok(rows)
}

/// Unpacks every part and counts, before anybody believes what the file says of itself.
fn weigh(bytes: &[u8]) -> Result<(), Invalid> {
    let broken = |error: zip::result::ZipError| refused("sheet.readable", error.to_string());
    let mut parts = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    if parts.len() > PARTS_MAX {
        return Err(Invalid::too_large("file", parts.len(), PARTS_MAX));
    }
    let mut left = UNPACKED_BYTES_MAX;
    for at in 0..parts.len() {
        let part = parts.by_index(at).map_err(broken)?;
        let name = part.name().map_err(broken)?.to_ascii_lowercase();
        let (mut unpacked, room) = (Vec::new(), u64::try_from(left).unwrap_or(u64::MAX));
        let read = part.take(room.saturating_add(1)).read_to_end(&mut unpacked);
        read.map_err(|error| refused("sheet.readable", error.to_string()))?;
        left = left
            .checked_sub(unpacked.len())
            .ok_or_else(|| Invalid::too_large("file", UNPACKED_BYTES_MAX + 1, UNPACKED_BYTES_MAX))?;
        if name.rsplit('.').next() == Some("xml") {
            claims_no_more_than_it_holds(&unpacked)?;
        }
    }
    Ok(())
}

/// A table of strings says how many there are, and its reader sets room aside for them.
fn claims_no_more_than_it_holds(part: &[u8]) -> Result<(), Invalid> {
    const CLAIM: &[u8] = b"uniqueCount";
    // UTF-16 would hide the claim from us; no program writes it
    if part.contains(&0) {
        return Err(refused("sheet.readable", "NUL"));
    }
    for (at, window) in part.windows(CLAIM.len()).enumerate() {
        if window != CLAIM {
            continue;
        }
        let behind = part.get(at + CLAIM.len()..).unwrap_or_default().iter().copied();
        let digits = behind.skip_while(|byte| !byte.is_ascii_digit() && !matches!(byte, b'<' | b'>'));
        let digits: String = digits.take_while(u8::is_ascii_digit).map(char::from).collect();
        let claimed = if digits.is_empty() { 0 } else { digits.parse().unwrap_or(usize::MAX) };
        if claimed > part.len() / STRING_BYTES_MIN {
            return Err(refused("sheet.claims", digits));
        }
    }
    Ok(())
}

fn unreadable(error: &XlsxError) -> Invalid {
    refused("sheet.readable", error.to_string())
}

fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(yes) => yes.to_string(),
        DataRef::DateTime(at) => moment(*at),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}

/// A date of a workbook as people write it; it has no offset.
fn moment(at: ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, ms) = at.to_ymd_hms_milli();
    // a fraction of a day is not exact: half a second either way is nobody's
    let second = if ms >= 500 && second < 59 { second + 1 } else { second };
    let date = format!("{year:04}-{month:02}-{day:02}");
    if (hour, minute, second) == (0, 0, 0) { date } else { format!("{date} {hour:02}:{minute:02}:{second:02}") }
}
