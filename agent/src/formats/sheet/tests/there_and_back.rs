use proptest::prelude::*;

use super::*;
use crate::formats::sheet::{Row, cell, cell_name, columns, csv, flat, read, write};

fn back(records: &[v1::ResourceRecord], lang: Lang) -> Table {
    let text = csv::write(&write::rows(records, lang));
    assert!(text.starts_with('\u{feff}') && text.ends_with("\r\n"));
    records::of(&read(text.as_bytes()).unwrap())
}

fn records_of(table: &Table) -> Vec<v1::ResourceRecord> {
    assert_eq!(table.faults, []);
    table.records.iter().map(|placed| placed.record.clone()).collect()
}

/// Texts that programs, separators and people make trouble with.
fn text(most: usize) -> impl Strategy<Value = String> {
    let char = prop_oneof![
        Just('队'),
        Just('a'),
        Just('='),
        Just('+'),
        Just('-'),
        Just('@'),
        Just('\''),
        Just('"'),
        Just(','),
        Just(';'),
        Just('＝'),
        Just('%'),
        Just('|'),
        Just('/'),
        Just('9'),
        Just('（'),
    ];
    // a text that begins as a formula is what nobody may write into a cell
    proptest::collection::vec(char, 1..most).prop_map(|chars| chars.into_iter().collect::<String>())
}

fn measure() -> impl Strategy<Value = v1::Capability> {
    (any::<u16>(), proptest::option::of(-1_000_i64..1_000), proptest::option::of(any::<i32>().prop_map(i64::from)))
        .prop_map(|(code, min, max)| {
            let unit = if min.or(max).is_some() { "km/h".to_owned() } else { String::new() };
            v1::Capability { code: format!("measure-{code}"), min, max, unit }
        })
}

fn record() -> impl Strategy<Value = v1::ResourceRecord> {
    let counts = (0_u32..1_000, 1_000_u32..2_000, proptest::option::of(1_u32..=4));
    let place = (-900_000_000_i32..=900_000_000, -1_800_000_000_i32..=1_800_000_000, text(20));
    let lists = (proptest::collection::vec(measure(), 0..4), proptest::collection::vec(0_u32..9, 0..3));
    let money = (proptest::option::of(any::<i32>()), 1_i32..=5, 1_i32..=7, 1_i32..=5);
    (text(30), text(80), counts, place, lists, money, 0_i64..4_000_000_000_000).prop_map(
        |(name, limits, (left, all, type_level), (lat_e7, lon_e7, address), (capabilities, beds), money, at)| {
            let (fen, per, kind, readiness) = money;
            let at = proto::border::time::to_wire(Timestamp::from_millis(at));
            let amount = fen.map(|fen| v1::Money { fen: Some(fen.into()) });
            let free = if amount.is_some() { v1::YesNo::No } else { v1::YesNo::Yes };
            let per = if amount.is_some() { per } else { 0 };
            let bed =
                |number: u32| v1::BedCount { r#type: format!("Bed{number}"), available: Some(number), baseline: None };
            let beds: Vec<v1::BedCount> = beds.into_iter().map(bed).collect();
            v1::ResourceRecord {
                name,
                limiting_factors: limits,
                kind,
                readiness,
                type_level,
                quantity_available: Some(left),
                quantity_total: Some(all),
                unit: "支".to_owned(),
                place: Some(v1::Place {
                    division: "371322".into(),
                    address,
                    point: Some(v1::Point { lat_e7, lon_e7 }),
                }),
                capabilities,
                facility: (!beds.is_empty()).then_some(v1::Facility { beds, decon: 0 }),
                rate: Some(v1::Rate { free: free.into(), amount, per }),
                shareable_with: vec!["320300".into(), "lunan".into()],
                last_verified_at: Some(at),
                valid_until: Some(at),
                ..example()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_exported_is_imported_equal(records in proptest::collection::vec(record(), 1..6)) {
        // one id a record
        let records: Vec<_> = records.into_iter().enumerate()
            .map(|(at, record)| v1::ResourceRecord { resource_id: format!("371322-T-{at:04}"), ..record }).collect();
        for lang in [Lang::Zh, Lang::En] {
            let table = back(&records, lang);
            prop_assert_eq!(&table.faults, &[]);
            let read: Vec<_> = table.records.iter().map(|placed| placed.record.clone()).collect();
            prop_assert_eq!(&read, &records);
        }
    }

    #[test]
    fn a_text_survives_its_apostrophe(text in text(12)) {
        let written = cell::harmless(&text);
        prop_assert_eq!(cell::bare(&written), text);
        prop_assert!(!written.starts_with(['=', '+', '@', '＝', '|', '%']) , "{}", written);
        prop_assert!(!written.starts_with('-') || written.parse::<i64>().is_ok(), "{}", written);
    }
}

#[test]
fn the_example_goes_there_and_back_in_both_languages() {
    for lang in [Lang::Zh, Lang::En] {
        assert_eq!(records_of(&back(&[example()], lang)), [example()]);
    }
}

#[test]
fn an_empty_table_has_every_column_in_both_languages() {
    let rows = write::rows(&[], Lang::Zh);
    assert_eq!(rows.len(), 1);
    let has = |name: &str| assert!(rows[0].iter().any(|head| head == name), "{name} in {:?}", rows[0]);
    has("资源编号 / Resource id");
    has("存放地点 · 坐标（lat,lon） / Place · Point (lat,lon)");
    has("能力 3 · 能力指标 / Capabilities 3 · Measure");
    has("场所能力 · 床位 1 · 床位类型 / Facility · Beds 1 · Bed type");
    has("出动准备时间（min） / Time to mobilise (min)");
    assert_eq!(columns::columns().len(), 37, "a field of the contract has come or gone: say so in the handbook");
    for head in &rows[0] {
        assert!(columns::named(head).is_some(), "{head} is read back");
    }
}

#[test]
fn columns_are_known_by_chinese_english_path_and_short_name() {
    let named = |name: &str| {
        let (at, entry) = columns::named(name)?;
        Some(columns::columns()[at].path_of(entry))
    };
    for (name, path) in [
        ("资源编号", "resource_id"),
        ("Resource ID", "resource_id"),
        ("record.resource_id", "resource_id"),
        ("单位", "unit"),
        ("24小时联系人·电话", "contact_24h.phone"),
        ("24-hour contact: Phone", "contact_24h.phone"),
        ("备用电话", "contact_24h.backup_phone"),
        ("坐标", "place.point"),
        ("能力2·能力指标", "capabilities[1].code"),
        ("capabilities[1].code", "capabilities[1].code"),
        ("可共享对象", "shareable_with"),
        ("出动准备时间(分钟)", "mobilise_minutes"),
    ] {
        assert_eq!(named(name).as_deref(), Some(path), "{name}");
    }
    assert_eq!(named("备注"), None);
}

#[test]
fn people_leave_columns_out_and_entries_of_lists_too() {
    let text = "编号,#备注\n";
    assert_eq!(faults(text), [fault("A1", "sheet.column_known")]);
    let head = "资源编号;所属地;资源种类;分类代码;名称;备勤状态;最近核实时间;有效期至;能力2·能力指标;#备注";
    let row = "371322-T-1;371322;队伍;2990000;救援队;可用;2026/12/3 8:40;2027-12-31;crew;内部";
    let table = table(&format!("{head}\r\n{row}\r\n\r\n"));

    let record = &records_of(&table)[0];

    assert_eq!(record.kind(), v1::ResourceKind::Team);
    assert_eq!(record.capabilities.len(), 1, "the first entry is left out, and the second moves up");
    let texts = flat::texts(record);
    assert_eq!(texts["last_verified_at"], "2026-12-03T08:40:00+08:00", "by the region's clock");
    assert_eq!(texts["valid_until"], "2027-12-31T23:59:59+08:00", "a last day counts to its end");
    assert_eq!(table.records[0].row, 2);
}

#[test]
fn faults_are_told_at_their_cells_all_at_once() {
    let head = "资源编号,所属地,资源种类,分类代码,名称,备勤状态,最近核实时间,能力等级,可用数,总数,单位";
    let good = "371322-T-1,371322,队伍,2990000,救援队,可用,2026-12-03,2,1,2,支";
    let wrong = "371322-T-2,371322,飞船,2990000,,可用,昨天,9,3,2,支";
    let told = faults(&format!("{head}\n{good}\n{wrong}\n{good}\n"));

    let expected = [
        fault("C3", "K10.record.kind.known"),
        fault("G3", "K10.record.last_verified_at.value"),
        fault("E3", "K10.record.name.required"),
        fault("H3", "K10.record.type_level.most"),
        fault("I3", "K10.available_of_total"),
        fault("A4", "sheet.id_once"),
    ];
    for fault in expected {
        assert!(told.contains(&fault), "{fault:?} in {told:?}");
    }
    assert_eq!(told.len(), 6, "{told:?}");
}

#[test]
fn a_column_that_lacks_is_told_at_the_beginning_of_each_row() {
    let told = faults("资源编号\n371322-T-1\n");
    assert!(told.contains(&fault("A2", "K10.record.name.required")), "{told:?}");
}

#[test]
fn cells_are_named_as_programs_name_them() {
    for (column, name) in [(0, "A1"), (25, "Z1"), (26, "AA1"), (27, "AB1"), (701, "ZZ1"), (702, "AAA1")] {
        assert_eq!(cell_name(column, 1), name);
    }
}

#[test]
fn a_workbook_says_what_its_text_says() {
    let date = r#"<c r="G2" t="d"><v>2026-12-03T08:40:00</v></c>"#;
    let inline = |at: &str, text: &str| format!(r#"<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>"#);
    let header = ["资源编号", "所属地", "资源种类", "分类代码", "名称", "备勤状态", "最近核实时间"];
    let cells: Vec<_> = (0..7).map(|at| format!(r#"<c r="{}" t="s"><v>{at}</v></c>"#, cell_name(at, 1))).collect();
    let cells = cells.concat();
    let texts =
        [inline("A2", "371322-T-1"), inline("C2", "TEAM"), inline("E2", "救援队"), inline("F2", "可用")].concat();
    let numbers = r#"<c r="B2"><v>371322</v></c><c r="D2"><v>2990000</v></c>"#;
    let sheet = format!(
        r#"<dimension ref="A1:G2"/><sheetData><row r="1">{cells}</row><row r="2">{texts}{numbers}{date}</row></sheetData>"#
    );

    let rows: Vec<Row> = read(&workbook(&sheet, &strings(&header))).unwrap();
    let record = &records_of(&records::of(&rows))[0];

    assert_eq!((record.home_division.as_str(), record.category_code.as_str()), ("371322", "2990000"));
    assert_eq!(flat::texts(record)["last_verified_at"], "2026-12-03T08:40:00+08:00");
}
