use model::reason::Reason;

use super::*;
use crate::formats::sheet::{CELLS_MAX, FILE_BYTES_MAX, ROWS_MAX, csv, read, write};

fn refusal(bytes: &[u8]) -> (Reason, String) {
    let invalid = read(bytes).unwrap_err();
    (invalid.reason, invalid.rule)
}

#[test]
fn no_program_runs_what_we_export() {
    let evil = ["=HYPERLINK(\"http://x\")", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "＝1", "%x", "|x"];
    for text in evil {
        let record = v1::ResourceRecord { name: text.to_owned(), ..example() };
        let written = csv::write(&write::rows(&[record], Lang::Zh));
        let cells = written.split([',', '\n']).map(|cell| cell.trim_start_matches('"'));
        let runs = |cell: &str| cell.starts_with(['=', '+', '@', '＝', '%', '|', '\t']);
        assert_eq!(cells.filter(|cell| runs(cell)).collect::<Vec<_>>(), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn a_formula_is_no_value_in_either_format() {
    assert_eq!(
        faults("资源编号,总数\n=A1,=1+1\n")[..2],
        [fault("A2", "sheet.no_formula"), fault("B2", "sheet.no_formula")]
    );
    let sheet = r#"<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c></row>
        <row r="2"><c r="A2" t="str"><f>CONCAT("371322","-T-1")</f><v>371322-T-1</v></c></row></sheetData>"#;
    let table = records::of(&read(&workbook(sheet, &strings(&["资源编号"]))).unwrap());
    assert_eq!((table.faults[0].cell.as_str(), table.faults[0].invalid.rule.as_str()), ("A2", "sheet.no_formula"));
}

#[test]
fn a_shared_formula_may_claim_any_number() {
    let sheet = r#"<sheetData><row r="1"><c r="A1"><f t="shared" si="4000000000" ref="A1:A9">1</f><v>1</v></c></row></sheetData>"#;
    let rows = read(&workbook(sheet, &strings(&[]))).unwrap();
    assert!(rows[0].cells[0].formula);
}

#[test]
fn rows_that_a_sheet_claims_cost_nothing() {
    let sheet = r#"<dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c></row>
        <row r="1048576"><c r="A1048576" t="s"><v>1</v></c></row></sheetData>"#;
    let rows = read(&workbook(sheet, &strings(&["资源编号", "371322-T-1"]))).unwrap();
    assert_eq!((rows.len(), rows[1].number), (2, 1_048_576));
    let wide = r#"<sheetData><row r="1"><c r="XFD1" t="s"><v>0</v></c></row></sheetData>"#;
    assert_eq!(refusal(&workbook(wide, &strings(&["资源编号"]))).0, Reason::TooLarge);
    let beyond = r#"<dimension ref="A1:A1000000000"/><sheetData><row r="1000000000"><c r="A1000000000"><v>1</v></c></row></sheetData>"#;
    let rows = read(&workbook(beyond, &strings(&[])));
    assert!(rows.is_err() || rows.is_ok_and(|rows| rows.len() == 1), "one cell is one row, whatever its number");
}

#[test]
fn strings_that_a_workbook_claims_are_not_believed() {
    let sheet = r#"<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c></row></sheetData>"#;
    let claim = |count: &str| strings(&["资源编号"]).replace("uniqueCount=\"1\"", &format!("uniqueCount{count}"));
    for count in ["=\"4000000000\"", "=\"18446744073709551615\"", " = '99999'", "=\"99999999999999999999999999\""] {
        assert_eq!(refusal(&workbook(sheet, &claim(count))), (Reason::BadSchema, "sheet.claims".to_owned()), "{count}");
    }
    assert_eq!(refusal(&workbook(sheet, "\u{0}")).1, "sheet.readable", "nobody hides a claim in another encoding");
}

#[test]
fn what_unpacks_to_too_much_is_not_unpacked() {
    let zeros = " ".repeat(26 << 20);
    let bomb = workbook("<sheetData/>", &zeros);
    assert!(bomb.len() < FILE_BYTES_MAX, "{} bytes", bomb.len());
    assert_eq!(refusal(&bomb).0, Reason::TooLarge);
}

#[test]
fn a_file_beyond_the_limits_is_refused_as_such() {
    assert_eq!(refusal(&vec![b'a'; FILE_BYTES_MAX + 1]).0, Reason::TooLarge);
    assert_eq!(refusal("a\n".repeat(ROWS_MAX + 1).as_bytes()).0, Reason::TooLarge);
    assert_eq!(refusal(",".repeat(600).replace(',', "a,").as_bytes()).0, Reason::TooLarge, "columns");
    assert_eq!(refusal("长".repeat(5_000).as_bytes()).0, Reason::TooLarge, "one cell");
    let row = format!("{}\n", vec!["a"; 500].join(","));
    assert_eq!(refusal(row.repeat(CELLS_MAX / 500 + 1).as_bytes()).0, Reason::TooLarge, "cells");
}

#[test]
fn what_is_no_table_says_so() {
    assert_eq!(refusal(b""), (Reason::BadSchema, "sheet.empty".to_owned()));
    assert_eq!(refusal(b"\r\n,,\r\n").1, "sheet.empty");
    assert_eq!(refusal(b"PK\x03\x04nonsense").1, "sheet.readable");
    assert_eq!(refusal(&[0xC1, 0xD9, 0xD2, 0xCA]).1, "sheet.utf8", "GBK, as Excel writes plain CSV");
    let open = read("资源编号\n\"371322".as_bytes()).unwrap_err();
    assert_eq!((open.rule.as_str(), open.field.as_str()), ("sheet.quote", "A2"));
}

#[test]
fn a_text_that_turns_its_reader_round_is_refused() {
    assert!(faults("资源编号,名称\n371322-T-1,救援\u{202e}队\n").contains(&fault("B2", "sheet.no_turning")));
}

#[test]
fn two_columns_for_one_field_are_one_too_many() {
    assert_eq!(faults("资源编号,resource_id\n"), [fault("B1", "sheet.column_once")]);
}

#[test]
fn cut_and_broken_workbooks_never_panic() {
    let sheet = r#"<sheetData><row r="1"><c r="A1" t="s"><v>7</v></c><c r="ZZZZ9"><v>x</v></c></row></sheetData>"#;
    let whole = workbook(sheet, &strings(&["资源编号"]));
    for cut in (0..whole.len()).step_by(7) {
        let _any = read(&whole[..cut]);
        let mut broken = whole.clone();
        broken[cut] ^= 0x5a;
        let _any = read(&broken);
    }
    assert!(read(&whole).is_err(), "a string that is not there");
}
