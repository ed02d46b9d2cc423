//! Catalogues and agreements, as they are typed at two desks.

use super::{
    PRIORITY,
    place::{EN, Place, Said, ZH, column},
    region::{LY, LYG},
};

/// Speaks as whoever keeps the catalogue, on a machine whose disk is nearly full.
const KEEPER: [&str; 4] = ["--role", "resource-manager", "--precedence", "priority"];

fn keeps(place: &Place, args: &[&str]) -> Said {
    let all: Vec<&str> = ["catalogue"].iter().chain(args).chain(&KEEPER).copied().collect();
    place.run(LY, ZH, &all)
}

/// A table with the contract's example, and a second resource.
fn table(place: &Place) -> String {
    let file = place.file("resources.csv", "");
    let written = place.run(LY, ZH, &["catalogue", "template", &file, "--example"]);
    assert_eq!(written.code, 0, "{written:?}");
    let text = std::fs::read_to_string(&file).unwrap();
    let row = text.lines().nth(1).unwrap().replace("371322-T-0003", "371322-T-0004");
    place.file("resources.csv", format!("{text}{row}\r\n"))
}

#[test]
fn a_catalogue_is_checked_imported_found_exported_and_verified() {
    let place = Place::start(&[LY, LYG]);
    let file = table(&place);

    let checked = keeps(&place, &["import", &file, "--dry-run"]);
    assert_eq!(
        (checked.code, column(&checked.out, "结果")),
        (0, vec!["新增".to_owned(), "新增".to_owned()]),
        "{checked:?}"
    );
    assert!(checked.err.contains("什么也没有发出"), "{checked:?}");
    assert_eq!(place.run(LYG, EN, &["catalogue", "search"]).out, "");

    let imported = keeps(&place, &["import", &file]);
    assert_eq!(imported.code, 0, "{imported:?}");
    assert!(imported.err.contains("新增 2，更新 0，未变 0，删除 0"), "{imported:?}");

    let near = ["--kind", "team", "--capability", "leak-sealing-pressure>=2", "--near", "34.6,118.3", "--within", "60"];
    let search: Vec<&str> = ["catalogue", "search"].into_iter().chain(near).chain(["郯城"]).collect();
    let found = place.run(LYG, ZH, &search);
    assert_eq!(column(&found.out, "编号"), ["371322-T-0003", "371322-T-0004"], "{found:?}");
    assert_eq!(column(&found.out, "状态"), ["可用", "可用"], "{found:?}");
    assert!(found.err.contains("liandong catalogue show 371322-T-0003"), "{found:?}");
    let json = place.run(LYG, EN, &["catalogue", "show", "371322-T-0003", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(
        (&json["owner"], &json["record"]["kind"], &json["uses"]),
        (&LY.into(), &"TEAM".into(), &serde_json::json!([]))
    );

    let out = place.file("out.csv", "");
    assert_eq!(place.run(LY, EN, &["catalogue", "export", &out]).code, 0);
    let again = keeps(&place, &["import", &out]);
    assert!(again.err.contains("新增 0，更新 0，未变 2，删除 0"), "{again:?}");

    let stopped = keeps(&place, &["publish", "371322-T-0004", "--verified", "--set", "readiness=OUT_OF_SERVICE"]);
    assert_eq!(column(&stopped.out, "内容"), ["last_verified_at readiness"], "{stopped:?}");
    let removed = keeps(&place, &["remove", "371322-T-0004"]);
    assert_eq!(column(&removed.out, "结果"), ["删除"], "{removed:?}");
    assert_eq!(keeps(&place, &["remove", "371322-T-0004"]).code, 66);
    let unknown = place.run(LYG, ZH, &["catalogue", "show", "371322-T-0004"]);
    assert_eq!(unknown.code, 66, "{unknown:?}");
}

#[test]
fn a_table_with_faults_is_told_cell_by_cell_and_not_taken() {
    let place = Place::start(&[LY]);
    let head = "资源编号,所属地,资源种类,分类代码,名称,备勤状态,最近核实时间,备注";
    let wrong = "371322-T-1,371322,飞船,2990000,=A1,可用,2026-12-03,";
    let file = place.file("wrong.csv", format!("{head}\n{wrong}\n"));

    let refused = keeps(&place, &["import", &file]);

    assert_eq!(refused.code, 65, "{refused:?}");
    assert_eq!(column(&refused.out, "单元格"), ["H1", "C2", "E2"], "{refused:?}");
    assert!(refused.out.contains("选择性粘贴") && refused.err.contains("共 3 处问题"), "{refused:?}");
    let english = place.run(LY, EN, &["catalogue", "import", &file, "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&english.out).unwrap();
    assert_eq!((&json[2]["cell"], &json[2]["rule"]), (&"E2".into(), &"sheet.no_formula".into()), "{json}");
    assert_eq!(place.run(LY, EN, &["catalogue", "search"]).out, "");

    let other = place.file("gbk.csv", [0xD7, 0xCA, 0xD4, 0xB4]);
    let refused = keeps(&place, &["import", &other]);
    assert_eq!(refused.code, 65, "{refused:?}");
    assert!(refused.err.contains("CSV UTF-8"), "{refused:?}");
    let role = place.run(LY, ZH, &["catalogue", "import", &table(&place)]);
    assert_eq!(role.code, 77, "a duty officer keeps no catalogue: {role:?}");
    assert!(role.err.contains("--role"), "{role:?}");
}

#[test]
fn an_agreement_is_proposed_signed_and_turned_into_grants() {
    let place = Place::start(&[LY, LYG]);
    let mut arrivals = place.spawn(LYG, EN, &["inbox", "-w", "-o", "jsonl"]);
    let mut answers = place.spawn(LY, EN, &["inbox", "-w", "-o", "jsonl"]);
    let example = place.run(LY, ZH, &["agreements", "propose", "--example", "-q"]);
    let file = place.file("agreement.toml", &example.out);
    let fixed = ["agreements", "propose", "-f", &file, "--to", LYG, "--role", "secretariat", "-q", "--set", PRIORITY];
    let says = [
        "--sign-off",
        "李敏/shift-leader",
        "--set",
        "agreement_id=AG-2",
        "--set",
        "terms.valid_from=2026-01-01",
        "--set",
        "terms.parties[0]=371300",
        "--set",
        "terms.parties[1]=320700",
    ];
    let proposed = place.run(LY, ZH, &fixed.into_iter().chain(says).collect::<Vec<_>>());
    assert_eq!(proposed.code, 0, "{proposed:?}");
    arrivals.json();

    let listed = place.run(LYG, ZH, &["agreements", "ls"]);
    assert_eq!(column(&listed.out, "协议"), ["AG-2"], "{listed:?}");
    assert_eq!(
        (column(&listed.out, "状态"), column(&listed.out, "已签署")),
        (vec!["待签署".to_owned()], vec!["1/2".to_owned()])
    );
    let shown = place.run(LYG, ZH, &["agreements", "show", "AG-2"]);
    assert!(shown.err.contains("liandong agreements sign"), "{shown:?}");
    let early = place.run(LY, EN, &["agreements", "grants", "AG-2"]);
    assert_eq!(early.code, 65, "{early:?}");
    assert!(early.err.contains("not in force (PROPOSED, 1/2 signed)"), "{early:?}");

    let id = proposed.out.trim();
    let by = ["--role", "shift-leader", "--sign-off", "陈立/commander", "-q", "--set", PRIORITY];
    let signed = place.run(LYG, ZH, &["agreements", "sign", id].into_iter().chain(by).collect::<Vec<_>>());
    assert_eq!(signed.code, 0, "{signed:?}");
    answers.json();

    let granted = place.run(LY, ZH, &["agreements", "grants", "AG-2"]);
    assert_eq!(granted.code, 0, "{granted:?}");
    assert!(granted.out.contains("[[grant]]\nid = \"agreement-ag-2\"\n"), "{granted:?}");
    assert!(granted.err.contains("都不会自行采用"), "{granted:?}");
    let suspended = [
        "agreements",
        "suspend",
        id,
        "--role",
        "secretariat",
        "--sign-off",
        "李敏/shift-leader",
        "-q",
        "--set",
        PRIORITY,
    ];
    let suspended = place.run(LY, ZH, &suspended);
    assert_eq!(suspended.code, 0, "{suspended:?}");
    let shown = place.run(LY, EN, &["agreements", "show", "AG-2"]);
    assert!(shown.out.contains("SUSPENDED") && shown.err.contains("liandong agreements resume"), "{shown:?}");
    assert_eq!(place.run(LY, EN, &["agreements", "show", "AG-9"]).code, 66);
}
