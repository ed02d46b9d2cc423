//! Rules on the terminal: checked, tried on a message without doing anything, and listed.

use super::bulletin;
use super::place::{EN, Place, ZH, column};
use super::region::{LY, LYG};

#[test]
fn a_rules_file_is_checked_and_a_fault_is_named_in_both_languages() {
    let place = Place::start(&[LY]);
    let example = place.run(LY, EN, &["rules", "print"]);
    let file = place.file("rules.toml", &example.out);

    let checked = place.run(LY, ZH, &["rules", "check", &file]);
    assert_eq!(checked.code, 0, "{checked:?}");
    assert_eq!(column(&checked.out, "规则"), ["bulletins", "water-to-rizhao", "refused"], "{checked:?}");
    assert_eq!(column(&checked.out, "动作"), ["acknowledge notify", "forward", "notify"], "{checked:?}");
    assert!(checked.err.contains(&format!("liandong rules test {file} MESSAGE")), "{checked:?}");

    let wrong = place.file("wrong.toml", example.out.replace("kind == ", "knd == "));
    let said = place.run(LY, EN, &["rules", "check", &wrong]);
    assert_eq!(said.code, 65, "{said:?}");
    for part in
        ["rule[bulletins].when", "1:1: nothing is called knd; did you mean kind?", "The condition cannot be read."]
    {
        assert!(said.err.contains(part), "{part} in {said:?}");
    }
    let said = place.run(LY, ZH, &["rules", "check", &wrong]);
    assert!(said.err.contains("条件读不懂。"), "{said:?}");
    let said = place.run(LY, EN, &["rules", "check", "/no/such/file"]);
    assert_eq!(said.code, 65, "{said:?}");
}

#[test]
fn a_dry_run_tells_what_would_be_done_and_nothing_is_in_force() {
    let place = Place::start(&[LY, LYG]);
    let mut arrivals = place.spawn(LYG, EN, &["inbox", "-w", "-o", "jsonl"]);
    let sent = place.run(LY, EN, &bulletin(&["-q"]));
    arrivals.json();
    let example = place.run(LYG, ZH, &["rules", "print"]);
    let file = place.file("rules.toml", &example.out);

    let tried = place.run(LYG, ZH, &["rules", "test", &file, sent.out.trim()]);
    assert_eq!(tried.code, 0, "{tried:?}");
    assert_eq!(column(&tried.out, "动作")[..2], ["acknowledge", "notify"], "{tried:?}");
    assert!(tried.out.contains("371300：205国道危化品槽车侧翻") && tried.err.contains("没有产生任何动作"), "{tried:?}");
    let tried = place.run(LYG, EN, &["rules", "test", &file, sent.out.trim(), "-o", "json"]);
    let told: serde_json::Value = serde_json::from_str(&tried.out).unwrap();
    let verdicts: Vec<&str> = told.as_array().unwrap().iter().map(|rule| rule["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["MATCHES", "DIFFERS", "OTHER_EVENT"], "{tried:?}");

    let draft = place.file("draft.json", &place.run(LYG, ZH, &["send", "bulletin", "--example", "-o", "json"]).out);
    let tried = place.run(LYG, EN, &["rules", "test", &file, &draft]);
    assert_eq!(tried.code, 0, "{tried:?}");

    let listed = place.run(LYG, EN, &["rules", "ls"]);
    assert_eq!((listed.code, listed.out.as_str()), (0, ""), "{listed:?}");
    assert!(listed.err.contains("liandong rules print > rules.toml"), "{listed:?}");
    let dead = place.run(LYG, EN, &["rules", "dead", "-o", "json"]);
    assert_eq!((dead.code, dead.out.trim()), (0, "[]"), "{dead:?}");
}
