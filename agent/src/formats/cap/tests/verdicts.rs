//! Verdicts on samples of other houses, where `LIANDONG_TESTDATA` leads to them.

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::*;

/// Rules found beyond those of the table: every one is told. Why it is there.
const BESIDE: &[(&str, &str, &str)] = &[
    ("invalid/Alert.xml", "C09", "its altitude and ceiling are words: no number is at least 0"),
    ("invalid/NPE_alert.xml", "C26", "it ends when it is sent, as the table's note says"),
    ("invalid/sweden.cap", "XSD", "its areas hold elements Type and Polygon, which no version has; C13 decides"),
    ("valid/NOAA_MultiplePolygons.txt", "W04", "its note is empty, which W04 tells of wherever it is; it is taken"),
];

/// Where the samples are; none, and a line that says so, where the environment does not tell.
pub fn samples() -> Option<PathBuf> {
    let place = std::env::var_os("LIANDONG_TESTDATA").map(|root| PathBuf::from(root).join("cap"));
    if place.is_none() {
        println!("LIANDONG_TESTDATA is unset: the CAP samples of other houses are not looked at");
    }
    place
}

/// A line of the table: file, verdict, rules, other verdict that is right as well.
fn table(text: &str) -> Vec<[String; 4]> {
    let lines = text.lines().skip(1).filter(|line| !line.is_empty());
    let line = |line: &str| {
        let mut cells = line.split('\t').map(str::to_owned);
        std::array::from_fn(|_| cells.next().unwrap())
    };
    lines.map(line).collect()
}

#[test]
fn samples_of_other_houses_get_the_verdicts_of_their_table() {
    let Some(place) = samples() else { return };
    let lines = table(&fs::read_to_string(place.join("verdicts.tsv")).unwrap());
    assert_eq!(lines.len(), 31);
    let beside: BTreeMap<&str, &str> = BESIDE.iter().map(|(file, rule, _)| (*file, *rule)).collect();
    let mut wrong = Vec::new();
    for [file, expected, rules, also] in &lines {
        let reading = read(&fs::read(place.join(file)).unwrap()).unwrap();
        let found = broken(&reading);
        let explained = |rule: &str| beside.get(file.as_str()) == Some(&rule);
        let verdict = match &reading.alert {
            None => "refuse",
            Some(_) if found.iter().all(|rule| explained(rule)) => "ok",
            Some(_) => "ok_with_warning",
        };
        let told: Vec<&str> = rules.split(',').filter(|rule| *rule != "-").collect();
        let right =
            [expected.as_str(), also.as_str()].contains(&verdict) && told.iter().all(|rule| found.contains(rule));
        let refuses = |rule: &str| rule.starts_with('C') || rule == "XSD";
        let unexplained =
            verdict == "refuse" && found.iter().any(|rule| refuses(rule) && !told.contains(rule) && !explained(rule));
        let decides = verdict != "refuse" || told.contains(&found[0]);
        if !right || unexplained || !decides {
            wrong.push(format!(
                "{file}: {verdict} {found:?}, the table says {expected} {told:?}; {:?}",
                reading.findings
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
