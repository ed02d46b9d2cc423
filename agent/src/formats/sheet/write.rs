//! Records as a table: one header in both languages, one row a record.

use std::collections::BTreeMap;

use proto::{rules::ValueInfo, status::Lang, v1};

use super::{
    columns::{Column, Placed, columns},
    flat,
};

/// Entries of a list that have columns in an empty table.
const ENTRIES: usize = 3;

/// The rows of a table: the header, then the records as they come. Values of lists are written as people read them.
pub fn rows(records: &[v1::ResourceRecord], lang: Lang) -> Vec<Vec<String>> {
    let texts: Vec<BTreeMap<String, String>> = records.iter().map(flat::texts).collect();
    let placed: Vec<Placed> =
        columns().iter().enumerate().flat_map(|(at, column)| entries(at, column, &texts)).collect();
    let known = |(at, entry): &Placed| columns().get(*at).map(|column| (column, *entry));
    let header = placed.iter().filter_map(known).map(|(column, entry)| column.header(entry)).collect();
    let row = |texts: &BTreeMap<String, String>| {
        let cells = placed.iter().filter_map(known).map(|(column, entry)| {
            let text = texts.get(&column.path_of(entry)).cloned().unwrap_or_default();
            label(column, text, lang)
        });
        cells.collect()
    };
    std::iter::once(header).chain(texts.iter().map(row)).collect()
}

/// The columns of a field: one, or as many as the longest list of the table has entries.
fn entries(at: usize, column: &Column, texts: &[BTreeMap<String, String>]) -> Vec<Placed> {
    if !column.is_listed() {
        return vec![(at, None)];
    }
    let begins = |entry: usize| format!("{}[{entry}].", column.list());
    let has = |texts: &BTreeMap<String, String>, entry| {
        let begins = begins(entry);
        texts.range(begins.clone()..).next().is_some_and(|(path, _)| path.starts_with(&begins))
    };
    let longest = (0..model::limits::LIST_MAX).rev().find(|entry| texts.iter().any(|texts| has(texts, *entry)));
    let count = longest.map_or(0, |entry| entry + 1).max(if texts.is_empty() { ENTRIES } else { 1 });
    (0..count).map(|entry| (at, Some(entry))).collect()
}

fn label(column: &Column, text: String, lang: Lang) -> String {
    let value = column.field.values.iter().find(|value| value.name == text);
    let said = |value: &ValueInfo| if lang == Lang::Zh { value.zh.clone() } else { value.en.clone() };
    value.map(said).filter(|label| !label.is_empty()).unwrap_or(text)
}
