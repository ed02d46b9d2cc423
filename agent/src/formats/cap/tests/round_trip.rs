//! What is written is read as it was: for alerts made by chance, and for samples of other houses.

use std::fs;

use proptest::{prelude::*, strategy::ValueTree as _};
use proto::v1;

use super::*;
use crate::formats::cap::write;

/// Alerts that are written and read again: `LIANDONG_CAP_ROUNDS`, else 256.
fn rounds() -> u32 {
    std::env::var("LIANDONG_CAP_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(256)
}

/// The same without what a file says of itself: its version and its signature, which writing leaves behind.
fn said(alert: v1::CapAlert) -> v1::CapAlert {
    v1::CapAlert { version_read: String::new(), signature: 0, ..alert }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: rounds(), ..ProptestConfig::default() })]
    #[test]
    fn an_alert_that_is_written_is_read_as_it_was(alert in alerts::alert()) {
        let text = write(&alert);
        let read = reading(&text);
        prop_assert_eq!(read.alert.as_ref(), Some(&alert), "{:?}", read.findings);
        prop_assert_eq!(write(&alert), text);
    }
}

#[test]
fn our_own_sample_is_written_as_it_is_read() {
    let alert = reading(FLOOD).alert.unwrap();
    let text = write(&alert);
    assert_eq!(reading(&text).alert.unwrap(), alert);
    let without_remark: String = FLOOD.lines().filter(|line| !line.starts_with("<!--")).collect();
    assert_eq!(text.replace('\n', ""), without_remark);
}

#[test]
fn samples_of_other_houses_are_the_same_after_they_were_written() {
    let Some(place) = verdicts::samples() else { return };
    for entry in fs::read_dir(place.join("valid")).unwrap() {
        let file = entry.unwrap().path();
        let alert = read(&fs::read(&file).unwrap()).unwrap().alert.unwrap();
        let text = write(&alert);
        let again = reading(&text);
        assert_eq!(again.alert.map(said), Some(said(alert)), "{}: {:?}", file.display(), again.findings);
        let times = text
            .lines()
            .filter(|line| ["<sent>", "<expires>", "<effective>", "<onset>"].iter().any(|t| line.contains(t)));
        assert!(times.into_iter().all(|line| !line.contains("Z<") && !line.contains('.')), "{text}");
    }
}

#[test]
fn words_that_xml_forbids_do_no_harm() {
    let mut alert = reading(FLOOD).alert.unwrap();
    alert.infos[0].headline = "a\u{1}b]]>c</headline><x>".into();
    let read = reading(&write(&alert)).alert.unwrap();
    assert_eq!(read.infos[0].headline, "a\u{fffd}b]]>c</headline><x>");
    assert_eq!(read.infos.len(), 1);
}

/// Files that `xmllint` looks at in one go.
const TOGETHER: u32 = 200;

#[test]
fn what_is_written_is_valid_by_the_schema_of_the_standard() {
    let Some(place) = verdicts::samples() else { return };
    let schema = place.join("schema/cap12.xsd");
    let folder = tempfile::tempdir().unwrap();
    let mut chance = proptest::test_runner::TestRunner::deterministic();
    let mut checked = 0;
    while checked < rounds() {
        let count = TOGETHER.min(rounds() - checked);
        let made = (0..count).map(|_| alerts::alert().new_tree(&mut chance).unwrap().current());
        let files = made.enumerate().map(|(n, alert)| {
            let file = folder.path().join(format!("{n}.xml"));
            fs::write(&file, write(&alert)).unwrap();
            file
        });
        let files: Vec<_> = files.collect();
        let mut xmllint = std::process::Command::new("xmllint");
        xmllint.args(["--nonet", "--noout", "--schema"]).arg(&schema).args(&files);
        match xmllint.output() {
            Ok(said) => assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr)),
            Err(missing) => {
                return println!("xmllint does not run ({missing}): exports are not held against the schema");
            }
        }
        checked += count;
    }
    println!("{checked} exports are valid by the schema");
}
