//! Spreadsheets: resource records (K10) as a table that Excel and WPS open, and such a table as records.
//!
//! | module | what |
//! |---|---|
//! | [`columns`] | the columns, from the fields of the contract, by Chinese and English name and by path |
//! | [`csv`] | texts with separators: read, and written with a byte-order mark |
//! | [`xlsx`] | workbooks: read within limits, formulas refused |
//! | [`cell`] | what stands in one cell: times, and texts that a program would otherwise run |
//! | [`records`] | rows as records, with every fault at its cell |
//! | [`flat`] | a record as texts by path |
//! | [`mod@write`] | records as a table |
//!
//! A file is taken whole or not at all, and nothing in it makes us hold more than a few times its own limits.

pub mod cell;
pub mod columns;
pub mod csv;
pub mod flat;
pub mod records;
#[cfg(test)]
mod tests;
pub mod write;
pub mod xlsx;

use model::{invalid::Invalid, reason::Reason};

/// A file of at most this many bytes is read.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Rows of one file, its header among them.
pub const ROWS_MAX: usize = RECORDS_MAX + 8;
/// Records of one file, and of one catalogue that is published at once.
pub const RECORDS_MAX: usize = 2_000;
/// Columns of one file.
pub const COLUMNS_MAX: usize = 512;
/// Cells of one file that are not empty.
pub const CELLS_MAX: usize = 200_000;
/// Characters of one cell; no text of a record may be longer.
pub const CELL_CHARS_MAX: usize = model::limits::TEXT_CHARS_MAX;

/// A cell with something in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cell {
    /// Its column, from 0.
    pub column: usize,
    /// What it says.
    pub text: String,
    /// The text is what a program worked out, not what somebody wrote.
    pub formula: bool,
}

/// A row with something in it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Row {
    /// Its number as programs show it, from 1.
    pub number: usize,
    /// Its cells, from the left.
    pub cells: Vec<Cell>,
}

/// Reads a table: a workbook by how it begins, else a text with separators.
///
/// # Errors
/// `TOO_LARGE` beyond the limits, `BAD_SCHEMA` for what is no table.
pub fn read(bytes: &[u8]) -> Result<Vec<Row>, Invalid> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Invalid::too_large("file", bytes.len(), FILE_BYTES_MAX));
    }
    let rows = if bytes.starts_with(b"PK") { xlsx::read(bytes)? } else { csv::read(bytes)? };
    if rows.is_empty() {
        return Err(refused("sheet.empty", ""));
    }
    Ok(rows)
}

/// The name of a cell as programs show it: `B7`.
pub fn cell_name(column: usize, row: usize) -> String {
    let (mut letters, mut left) = (Vec::new(), column + 1);
    while left > 0 {
        left -= 1;
        letters.push(char::from(b'A' + u8::try_from(left % 26).unwrap_or(0)));
        left /= 26;
    }
    letters.iter().rev().chain(row.to_string().chars().collect::<Vec<_>>().iter()).collect()
}

/// Rows on their way in, within limits.
#[derive(Debug, Default)]
struct Rows {
    rows: Vec<Row>,
    cells: usize,
}

impl Rows {
    /// Adds a cell; what is blank is no cell.
    fn push(&mut self, row: usize, cell: Cell) -> Result<(), Invalid> {
        if cell.text.trim().is_empty() && !cell.formula {
            return Ok(());
        }
        let name = || cell_name(cell.column, row);
        if cell.column >= COLUMNS_MAX {
            return Err(Invalid::too_large(name(), cell.column + 1, COLUMNS_MAX));
        }
        let chars = cell.text.chars().count();
        if chars > CELL_CHARS_MAX {
            return Err(Invalid::too_large(name(), chars, CELL_CHARS_MAX));
        }
        self.cells += 1;
        if self.cells > CELLS_MAX {
            return Err(Invalid::too_large("file", self.cells, CELLS_MAX));
        }
        let count = self.rows.len();
        match self.rows.last_mut().filter(|last| last.number == row) {
            Some(last) => last.cells.push(cell),
            None if count >= ROWS_MAX => return Err(Invalid::too_large("file", count + 1, ROWS_MAX)),
            None => self.rows.push(Row { number: row, cells: vec![cell] }),
        }
        Ok(())
    }
}

/// A table that is not taken.
pub(crate) fn refused(rule: &'static str, detail: impl Into<String>) -> Invalid {
    Invalid::new(Reason::BadSchema, "file", rule).detail(detail)
}
