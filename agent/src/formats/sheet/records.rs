//! Rows as records. Every fault is told at its cell, all of them at once; one fault, and nothing of the file is taken.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{invalid::Invalid, kind::Kind, reason::Reason};
use prost::Message as _;
use proto::{rules, v1, v1::body::Body};
use serde_json::{Value, json};

use super::{
    Cell, Row,
    cell::{self, Day},
    cell_name,
    columns::{Column, Placed, columns, named},
};

/// A fault at its cell.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// `B7`; of what lacks and has no column, the first cell of its row.
    pub cell: String,
    /// What is wrong.
    pub invalid: Invalid,
}

/// A record and the row in which it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// From 1.
    pub row: usize,
    /// What stands there.
    pub record: v1::ResourceRecord,
}

/// What a table says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Its records, without those that have faults.
    pub records: Vec<Placement>,
    /// Its faults, by row.
    pub faults: Vec<Fault>,
}

/// Which column of the file is which field.
type Heads = BTreeMap<usize, Placed>;

/// Reads records out of rows, the first of which is the header.
pub fn of(rows: &[Row]) -> Table {
    let mut table = Table::default();
    let Some((header, rows)) = rows.split_first() else { return table };
    let heads = heads(header, &mut table.faults);
    let mut seen: HashMap<String, usize> = HashMap::new();
    for row in rows {
        let read = Reading::of(row, &heads);
        let id = read.record.as_ref().map(|record| record.resource_id.clone()).filter(|id| !id.is_empty());
        table.faults.extend(read.faults);
        let Some(id) = id else { continue };
        if let Some(first) = seen.get(&id) {
            let cell = read.cells.get("resource_id").cloned().unwrap_or_else(|| cell_name(0, row.number));
            let twice = fault_of("body.record.resource_id", "sheet.id_once");
            table.faults.push(Fault { cell, invalid: twice.detail(format!("{id}: {first}")) });
            continue;
        }
        seen.insert(id, row.number);
        table.records.extend(read.record.map(|record| Placement { row: row.number, record }));
    }
    table
}

fn fault_of(field: &str, rule: &'static str) -> Invalid {
    Invalid::new(Reason::BadSchema, field, rule)
}

/// The fields that the header names. A column whose name begins with `#` is its owner's own affair.
fn heads(header: &Row, faults: &mut Vec<Fault>) -> Heads {
    let (mut heads, mut taken) = (Heads::new(), BTreeSet::new());
    for cell in header.cells.iter().filter(|cell| !cell.text.trim_start().starts_with('#')) {
        let at = cell_name(cell.column, header.number);
        let mut wrong = |rule, detail: &str| {
            let shown: String = detail.chars().filter(|char| !char.is_control()).take(40).collect();
            faults.push(Fault { cell: at.clone(), invalid: fault_of("", rule).detail(shown) });
        };
        match named(&cell.text) {
            None => wrong("sheet.column_known", &cell.text),
            Some(placed) if !taken.insert(placed) => wrong("sheet.column_once", &cell.text),
            Some(placed) => drop(heads.insert(cell.column, placed)),
        }
    }
    heads
}

/// One row on its way to a record.
#[derive(Default)]
struct Reading {
    /// Cells by the path that each sets.
    cells: HashMap<String, String>,
    faults: Vec<Fault>,
    record: Option<v1::ResourceRecord>,
}

impl Reading {
    fn of(row: &Row, heads: &Heads) -> Self {
        let mut reading = Self::default();
        let (mut value, entries) = (json!({}), entries(row, heads));
        for cell in &row.cells {
            let Some((column, entry)) = heads.get(&cell.column).and_then(|placed| field(*placed)) else { continue };
            let entry = entry.and_then(|entry| entries.get(column.list())?.iter().position(|used| *used == entry));
            reading.set(&mut value, row.number, cell, column, &column.path_of(entry));
        }
        reading.judge(&value, row.number, heads);
        reading
    }

    fn set(&mut self, value: &mut Value, row: usize, cell: &Cell, column: &Column, path: &str) {
        let name = cell_name(cell.column, row);
        self.cells.insert(path.to_owned(), name.clone());
        let whole = format!("record.{path}");
        let text = match column.field.type_name.as_str() {
            "text" => cell.text.clone(),
            "time" => {
                let day = if path.ends_with("until") { Day::Ends } else { Day::Begins };
                cell::local_time(&cell.text, day).unwrap_or_else(|| cell.text.trim().to_owned())
            }
            _ => cell.text.trim().to_owned(),
        };
        let judged = if cell.formula {
            Err(fault_of(&format!("body.{whole}"), "sheet.no_formula"))
        } else if let Some(turning) = cell::turning(&cell.text) {
            Err(fault_of(&format!("body.{whole}"), "sheet.no_turning").detail(format!("U+{:04X}", u32::from(turning))))
        } else {
            rules::set(value, &whole, &text, Kind::CatalogueChange)
        };
        if let Err(invalid) = judged {
            self.faults.push(Fault { cell: name, invalid });
        }
    }

    /// The record by the rules of the contract, but for the fields that could not be read at all.
    fn judge(&mut self, value: &Value, row: usize, heads: &Heads) {
        let draft = match rules::draft_from_json(Some(Kind::CatalogueChange), value) {
            Ok(draft) => draft,
            Err(invalid) => return self.faults.push(Fault { cell: cell_name(0, row), invalid }),
        };
        let body = draft.body.unwrap_or_else(|| v1::Body {
            body: Some(Body::CatalogueChange(v1::CatalogueChange { record: Some(v1::ResourceRecord::default()) })),
        });
        let bytes = bytes::Bytes::from(body.encode_to_vec());
        let header = v1::Header {
            kind: Kind::CatalogueChange.number(),
            action: v1::Action::Originate.into(),
            status: v1::Status::Actual.into(),
            ..v1::Header::default()
        };
        let unread: BTreeSet<String> = self.faults.iter().map(|fault| fault.invalid.field.clone()).collect();
        let secret = rules::secret_marking(&bytes);
        let secret = secret.map(|field| Invalid::new(Reason::Confidentiality, field, "K10.secrecy"));
        for invalid in rules::check_all(&bytes, &header).into_iter().chain(secret) {
            if !unread.contains(&invalid.field) {
                let cell = self.cell_of(&invalid.field, row, heads);
                self.faults.push(Fault { cell, invalid });
            }
        }
        if let Some(Body::CatalogueChange(change)) = body.body {
            self.record = change.record;
        }
    }

    /// The cell of a field: the one that says it, else where its column meets the row, else the beginning of the row.
    fn cell_of(&self, field: &str, row: usize, heads: &Heads) -> String {
        let path = field.strip_prefix("body.record.").unwrap_or_default();
        if let Some(cell) = self.cells.get(path) {
            return cell.clone();
        }
        let same = |(_, placed): &(&usize, &Placed)| {
            self::field(**placed).is_some_and(|(column, entry)| column.path_of(entry) == path)
        };
        cell_name(heads.iter().find(same).map_or(0, |(column, _)| *column), row)
    }
}

fn field((at, entry): Placed) -> Option<(&'static Column, Option<usize>)> {
    Some((columns().get(at)?, entry))
}

/// Which entries of each list a row uses: one may be left out, and the others close up.
fn entries<'a>(row: &Row, heads: &Heads) -> HashMap<&'a str, Vec<usize>> {
    let mut used: HashMap<&'a str, BTreeSet<usize>> = HashMap::new();
    for cell in &row.cells {
        if let Some((column, Some(entry))) = heads.get(&cell.column).and_then(|placed| field(*placed)) {
            used.entry(column.list()).or_default().insert(entry);
        }
    }
    used.into_iter().map(|(list, entries)| (list, entries.into_iter().collect())).collect()
}
