//! A Markdown table.

use std::fmt::Write as _;

/// Rows under columns.
pub struct Table {
    text: String,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: &[&str]) -> Self {
        let mut table = Self { text: String::new() };
        table.row(columns.iter().copied());
        let _ = writeln!(table.text, "|{}", "---|".repeat(columns.len())); // writing to a String does not fail
        table
    }

    /// One more row.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        self.text.push('|');
        for cell in cells {
            let _ = write!(self.text, " {} |", cell.replace('|', "\\|").replace('\n', " "));
        }
        self.text.push('\n');
    }

    /// The whole.
    pub fn markdown(self) -> String {
        self.text
    }
}
