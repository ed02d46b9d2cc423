//! Tables there and back, faults at their cells, and files that were made to do harm.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod hostile;
mod there_and_back;

use std::io::{Cursor, Write as _};

use model::{kind::Kind, time::Timestamp};
use proto::{rules, status::Lang, v1};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{records, records::Table};

const NOW: Timestamp = Timestamp::from_millis(1_810_083_600_000);

/// The contract's own example.
fn example() -> v1::ResourceRecord {
    let draft = rules::example(Kind::CatalogueChange, Lang::Zh, NOW);
    match draft.body.unwrap().body.unwrap() {
        v1::body::Body::CatalogueChange(change) => change.record.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn table(text: &str) -> Table {
    records::of(&super::read(text.as_bytes()).unwrap())
}

/// Cells and rules of what is wrong.
fn faults(text: &str) -> Vec<(String, String)> {
    table(text).faults.into_iter().map(|fault| (fault.cell, fault.invalid.rule)).collect()
}

fn fault(cell: &str, rule: &str) -> (String, String) {
    (cell.to_owned(), rule.to_owned())
}

/// A workbook whose first sheet is this XML.
fn workbook(sheet: &str, strings: &str) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006";
    let relation = |id: &str, kind: &str, target: &str| {
        format!(r#"<Relationship Id="{id}" Type="{office}/{kind}" Target="{target}"/>"#)
    };
    let relations =
        |inside: String| format!(r#"<Relationships xmlns="{package}/relationships">{inside}</Relationships>"#);
    let parts = [
        (
            "[Content_Types].xml",
            format!(
                r#"<Types xmlns="{package}/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>"#
            ),
        ),
        ("_rels/.rels", relations(relation("rId1", "officeDocument", "xl/workbook.xml"))),
        (
            "xl/workbook.xml",
            format!(
                r#"<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="资源" sheetId="1" r:id="rId1"/></sheets></workbook>"#
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            relations(
                relation("rId1", "worksheet", "worksheets/sheet1.xml")
                    + &relation("rId2", "sharedStrings", "sharedStrings.xml"),
            ),
        ),
        ("xl/sharedStrings.xml", strings.to_owned()),
        ("xl/worksheets/sheet1.xml", format!(r#"<worksheet xmlns="{main}">{sheet}</worksheet>"#)),
    ];
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A table of strings.
fn strings(texts: &[&str]) -> String {
    let entries: Vec<_> = texts.iter().map(|text| format!("<si><t>{text}</t></si>")).collect();
    let entries = entries.concat();
    format!(
        r#"<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" uniqueCount="{}">{entries}</sst>"#,
        texts.len()
    )
}
