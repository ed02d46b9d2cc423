//! Every rule broken once, on a small file of our own.

use super::*;
use crate::formats::cap::{findings::Finding, rule::Rule};

/// The rules that a change breaks, and where the first stands.
fn found(from: &str, to: &str) -> (Vec<&'static str>, String, u32) {
    let reading = reading(&changed(from, to));
    let first = reading.findings.first().cloned();
    let Finding { element, line, .. } = first.unwrap_or_else(|| Finding::new(Rule::W03, "", 0, ""));
    (broken(&reading), element, line)
}

#[test]
fn the_sample_itself_breaks_nothing() {
    let reading = reading(FLOOD);
    assert_eq!(reading.findings, []);
    let alert = reading.alert.unwrap();
    assert_eq!(
        (alert.infos.len(), alert.references.len(), alert.infos[0].areas[0].polygons[0].points.len()),
        (1, 1, 5)
    );
    assert_eq!(alert.infos[0].areas[0].circles[0].radius_m, Some(5_000));
}

#[test]
fn each_rule_is_told_with_its_element_and_line() {
    let first = "371300@linyi,37130045000000_20270719180000_0,2027-07-19T18:00:00+08:00";
    let polygon = "34.4,118.15 34.4,118.6 34.75,118.6 34.75,118.15 34.4,118.15";
    let table: &[(&str, &str, &[&str], &str, u32)] = &[
        ("<scope>Public</scope>", "", &["XSD"], "scope", 3),
        ("<scope>Public", "<scope>", &["XSD"], "scope", 9),
        ("<status>Actual", "<status>Real", &["XSD"], "status", 7),
        ("emergency:cap:1.2", "emergency:cap:1.3", &["XSD"], "", 3),
        ("<sender>371300@linyi", "<sender>371300 @linyi", &["C01"], "sender", 5),
        (first, "", &["C02", "C20"], "references", 11),
        (first, "371300@linyi,x", &["C02", "C20"], "references", 11),
        ("linyi,37130045000000_20270719180000_0", "linyi,37130045000000_20270720060000_0", &["C03"], "references", 11),
        ("2027-07-19T18:00:00", "2027-07-21T18:00:00", &["C04"], "references", 11),
        ("<code>", "<restriction>内部</restriction><code>", &["C05"], "restriction", 10),
        (polygon, "34.4,118.15 34.4,118.6 34.75,118.6 34.75,118.15", &["C06"], "info[0].area[0].polygon[0]", 45),
        (polygon, "118.15,34.4 34.4,118.6 34.75,118.6 118.15,34.4", &["C06"], "info[0].area[0].polygon[0]", 45),
        (
            polygon,
            "34.4,118.15 34.75,118.6 34.4,118.6 34.75,118.15 34.4,118.15",
            &["C07"],
            "info[0].area[0].polygon[0]",
            45,
        ),
        ("34.45,118.36 5", "34.45,118.36", &["C08"], "info[0].area[0].circle[0]", 46),
        ("<altitude>100</altitude>", "", &["C09"], "info[0].area[0].ceiling", 52),
        ("200.5", "99", &["C09"], "info[0].area[0].ceiling", 52),
        ("https://slj.linyi.example.cn/flood", "flood", &["C10"], "info[0].web", 31),
        ("<derefUri>iVBORw==</derefUri>", "", &["C10"], "info[0].resource[0].uri", 40),
        ("iVBORw==", "iVBORw=", &["C11"], "info[0].resource[0].derefUri", 41),
        ("image/png", "picture/png", &["C11"], "info[0].resource[0].mimeType", 38),
        ("zh-CN", "zh_CN", &["C12"], "info[0].language", 14),
        ("<code>", "<addresses>371300</addresses><restriction/><code>", &["C13", "W04"], "restriction", 10),
        ("</scope>", "</scope><scope>Public</scope>", &["C13"], "scope", 9),
        ("水位超过", "水位&lt;b&gt;超过&lt;/b&gt;", &["C15"], "info[0].description", 29),
        ("<certainty>Likely", "<certainty>Very Likely", &["C16"], "info[0].certainty", 20),
        ("<scope>", "<password>x</password><scope>", &["C16"], "password", 9),
        ("<!-- Made", "<!DOCTYPE alert [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><!-- Made", &["C17"], "", 2),
        ("预计 12", "&x; 12", &["C17"], "", 29),
        ("<expires>2027-07-20T18:00:00+08:00", "<expires>2027-07-20T18:00:00,08:00", &["C18"], "info[0].expires", 26),
        ("<sent>2027-07-20T06:00:00+08:00", "<sent>2027-07-20T06:00:00Z", &["XSD"], "sent", 6),
        ("<expires>2027-07-20T18", "<expires>2027-07-20T05", &["C26"], "info[0].expires", 26),
        ("<status>Actual", "<status>Draft", &["C28"], "status", 7),
        ("emergency:cap:1.2", "emergency:cap:1.1", &["W01"], "", 3),
        ("<code>", "<restriction/><code>", &["W04"], "restriction", 10),
        (
            "</alert>",
            "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><SignedInfo/></Signature></alert>",
            &["W05"],
            "Signature",
            55,
        ),
    ];
    for (from, to, rules, element, line) in table {
        let (broken, place, at) = found(from, to);
        assert_eq!((broken.as_slice(), &*place, at), (*rules, *element, *line), "{from} → {to}");
    }
}

#[test]
fn a_text_that_was_not_translated_is_told_and_utc_is_a_remark() {
    let (from, to) = (FLOOD.find("  <info>").unwrap(), FLOOD.find("</alert>").unwrap());
    let again = FLOOD[from..to].replace("zh-CN", "en");
    let twice = reading(&FLOOD.replace("</alert>", &format!("{again}</alert>")));
    assert_eq!(broken(&twice), ["C14"]);
    let utc = reading(&changed("<sent>2027-07-20T06:00:00+08:00", "<sent>2027-07-19T22:00:00-00:00"));
    assert_eq!((broken(&utc), utc.findings[0].rule), (vec![], Rule::W03));
}

#[test]
fn other_encodings_and_a_mark_at_the_front_are_read() {
    let text = FLOOD.replace("UTF-8", "GB18030");
    let (bytes, _, _) = encoding_rs::GB18030.encode(&text);
    let gb = read(&bytes).unwrap();
    assert_eq!(broken(&gb), ["W02"]);
    assert_eq!(gb.alert, reading(FLOOD).alert);
    let marked = read(format!("\u{feff}{FLOOD}").as_bytes()).unwrap();
    assert_eq!(marked.findings, []);
    let lines = read(FLOOD.replace('\n', "\r\n").as_bytes()).unwrap();
    assert_eq!(lines.alert, reading(FLOOD).alert);
    for wrong in [
        b"<?xml version='1.0' encoding='klingon'?><alert/>".as_slice(),
        b"<alert>\xff</alert>",
        b"<alert>\x01</alert>",
        b"",
    ] {
        assert_eq!(broken(&read(wrong).unwrap()), ["XSD"]);
    }
}

#[test]
fn version_1_0_is_lifted_to_what_1_2_would_say() {
    let old = "<alert xmlns='http://www.incident.com/cap/1.0'><identifier>a</identifier><sender>b</sender>
        <sent>2003-06-11T20:56:00.5Z</sent><status>Actual</status><msgType>Alert</msgType><password>x</password>
        <info><event>Earthquake</event><urgency>Past</urgency><severity>Minor</severity>
        <certainty>Very Likely</certainty><parameter>Depth=11.8 mi.</parameter></info></alert>";
    let read = reading(old);
    assert_eq!(broken(&read), ["W01"]);
    let alert = read.alert.unwrap();
    let info = &alert.infos[0];
    assert_eq!((alert.version_read.as_str(), alert.sent.as_str()), ("1.0", "2003-06-11T20:56:00-00:00"));
    assert_eq!(
        (alert.scope().as_str_name(), info.certainty().as_str_name()),
        ("CAP_SCOPE_PUBLIC", "CAP_CERTAINTY_LIKELY")
    );
    assert_eq!((info.parameters[0].value_name.as_str(), info.parameters[0].value.as_str()), ("Depth", "11.8 mi."));
}

#[test]
fn every_rule_has_its_words_in_both_languages() {
    for (rule, name) in Rule::ALL {
        let (zh, en) = proto::status::rule_words(name).unwrap_or_else(|| panic!("{name} has no words"));
        for text in [zh.what, zh.remedy, en.what, en.remedy] {
            assert!(!text.is_empty(), "{rule:?}");
        }
        assert!(zh.what.ends_with('。') && en.what.ends_with('.'), "{name}");
    }
}
