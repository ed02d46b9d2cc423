//! The columns of a table of resources: every field of a record, read from the contract. Of a list each entry has columns
//! of its own, numbered from 1 for people and from 0 in a path.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use model::{kind::Kind, limits};
use proto::rules::{self, FieldInfo};

/// Where the record stands in its body.
const RECORD: &str = "record.";
/// Messages that stand in one cell: a place as `34.63,118.32`, money as `12000.50`.
const IN_ONE_CELL: [&str; 2] = ["Point", "Money"];

/// One field of a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Column {
    /// Its path, lists as `capabilities[].code`.
    pub path: String,
    /// Its name in Chinese, with the names of what it stands in; `#` stands for the number of a list's entry.
    pub zh: String,
    /// The same in English.
    pub en: String,
    /// Its unit, where it is counted in one.
    pub unit: String,
    /// What the contract says of it.
    pub field: FieldInfo,
}

/// A column of a file: which field, and of a list which entry, from 0.
pub type Placed = (usize, Option<usize>);

/// Every column, in the order of the contract.
pub fn columns() -> &'static [Column] {
    &COLUMNS
}

/// The column that a header names, in either language, both at once, or by path.
pub fn named(header: &str) -> Option<Placed> {
    let halves = header.split([' ', '\n', '\t']).collect::<String>();
    let parts = std::iter::once(halves.as_str()).chain(halves.split('/'));
    parts.map(plain).find_map(|name| NAMES.get(&name).copied())
}

impl Column {
    /// It has an entry for each of a list.
    pub fn is_listed(&self) -> bool {
        self.path.contains("[].")
    }

    /// The list that it belongs to: `capabilities`.
    pub fn list(&self) -> &str {
        self.path.split("[]").next().unwrap_or_default()
    }

    /// Its path for an entry: `capabilities[2].code`. A list of plain values stands in one cell.
    pub fn path_of(&self, entry: Option<usize>) -> String {
        let index = entry.map(|entry| format!("[{entry}].")).unwrap_or_default();
        if self.is_listed() { self.path.replacen("[].", &index, 1) } else { self.path.replace("[]", "") }
    }

    /// Its header, in both languages.
    pub fn header(&self, entry: Option<usize>) -> String {
        let unit = |left: &str, right: &str| {
            if self.unit.is_empty() { String::new() } else { format!("{left}{}{right}", self.unit) }
        };
        let (zh, en) = (numbered(&self.zh, entry), numbered(&self.en, entry));
        format!("{zh}{} / {en}{}", unit("（", "）"), unit(" (", ")"))
    }
}

/// The name with the number of its entry behind that of the list.
fn numbered(name: &str, entry: Option<usize>) -> String {
    let number = entry.map(|entry| format!(" {}", entry + 1)).unwrap_or_default();
    name.replace(NUMBER, &number)
}

const DOT: &str = " · ";
/// Where the number of an entry goes in a name.
const NUMBER: char = '#';

static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
    let fields = rules::fields(Kind::CatalogueChange);
    let inside = |field: &FieldInfo| {
        let parents = fields.iter().filter(|other| field.path.starts_with(&format!("{}.", other.path)));
        parents.cloned().collect::<Vec<_>>()
    };
    let has_fields = |field: &FieldInfo| fields.iter().any(|other| other.path.starts_with(&format!("{}.", field.path)));
    let whole = |field: &FieldInfo| IN_ONE_CELL.contains(&field.type_name.as_str());
    let mut columns = Vec::new();
    for field in fields.iter().filter(|field| field.path.starts_with(RECORD)) {
        let parents = inside(field);
        if parents.iter().any(whole) || (has_fields(field) && !whole(field)) {
            continue;
        }
        // the record itself is what a row is
        let named = |of: fn(&FieldInfo) -> &str| {
            let list = |parent: &FieldInfo| if parent.repeated { NUMBER.to_string() } else { String::new() };
            let outer = parents.iter().skip(1).map(|parent| format!("{}{}", of(parent), list(parent)));
            outer.chain([of(field).to_owned()]).collect::<Vec<_>>().join(DOT)
        };
        let unit = match field.type_name.as_str() {
            "Point" => "lat,lon".to_owned(),
            "Money" => "元 yuan".to_owned(),
            _ => field.unit.clone(),
        };
        columns.push(Column {
            path: field.path.strip_prefix(RECORD).unwrap_or_default().to_owned(),
            zh: named(|field| &field.zh),
            en: named(|field| &field.en),
            unit,
            field: field.clone(),
        });
    }
    columns
});

/// Every name of every column. A short name counts where one column alone has it.
static NAMES: LazyLock<HashMap<String, Placed>> = LazyLock::new(|| {
    let (mut names, mut short, mut shared) = (HashMap::new(), HashMap::new(), HashSet::new());
    for (at, column) in COLUMNS.iter().enumerate() {
        let entries: Vec<Option<usize>> =
            if column.is_listed() { (0..limits::LIST_MAX).map(Some).collect() } else { vec![None] };
        for entry in entries {
            let path = column.path_of(entry);
            let whole = format!("{RECORD}{path}");
            for name in [numbered(&column.zh, entry), numbered(&column.en, entry), path, whole] {
                names.entry(plain(&name)).or_insert((at, entry));
            }
        }
        for name in [&column.field.zh, &column.field.en].into_iter().filter(|_| !column.is_listed()) {
            if short.insert(plain(name), (at, None)).is_some() {
                shared.insert(plain(name));
            }
        }
    }
    for (name, placed) in short.into_iter().filter(|(name, _)| !shared.contains(name)) {
        names.entry(name).or_insert(placed);
    }
    names
});

/// A name without what people write differently: case, blanks, dots between words, a unit in brackets.
fn plain(name: &str) -> String {
    let name = name.split(['（', '(']).next().unwrap_or_default();
    let kept = name.chars().filter(|char| !char.is_whitespace() && !matches!(char, '·' | ':' | '：' | '-' | '*'));
    kept.flat_map(char::to_lowercase).collect()
}
