//! What is refused, with which code and which words, and that nothing changed.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::offices::Offices;

#[test]
fn wrong_words_admit_nobody() {
    let offices = Offices::with_region();
    offices.invite();
    offices.join();

    let said = offices.admit("lusab babad gutih tugad mudof sakat");

    assert_eq!(said.code, 65);
    assert!(said.err.contains("these are not the words of the request"), "{}", said.err);
    let zh = offices.run("ly", "zh", &["certs", "admit", "320700.request", "--words", "x", "--dir", "R"]);
    assert!(zh.err.contains("口令不符"), "{}", zh.err);
    assert!(!fs::read_to_string(offices.ly_path("R/signed/directory.toml")).unwrap().contains("320700"));
}

#[test]
fn an_invitation_with_other_words_pins_nothing() {
    let offices = Offices::with_region();
    offices.invite();

    let said = offices.lyg(&["join", "lyg.invite", "--words", "lusab babad gutih tugad mudof sakat"]);

    assert_ne!(said.code, 0);
    assert!(said.err.contains("nothing was written"), "{}", said.err);
    assert!(!offices.lyg_path("trust").exists());
}

#[test]
fn a_forged_bundle_changes_nothing() {
    let (offices, forger) = (Offices::joined(), Offices::joined());
    let before = fs::read(offices.lyg_path("trust/directory.toml")).unwrap();

    fs::copy(forger.lyg_path("linyi.trust"), offices.lyg_path("linyi.trust")).unwrap();
    let said = offices.take();

    assert_eq!(said.code, 65);
    assert!(said.err.contains("not signed by enough keys of the pinned one"), "{}", said.err);
    assert_eq!(fs::read(offices.lyg_path("trust/directory.toml")).unwrap(), before);
}

#[test]
fn an_older_bundle_changes_nothing() {
    let offices = Offices::joined();
    let old = fs::read(offices.lyg_path("linyi.trust")).unwrap();
    offices.publish(&["--refresh"]);
    offices.take().good();

    fs::write(offices.lyg_path("linyi.trust"), old).unwrap();
    let said = offices.run("lyg", "zh", &["join", "linyi.trust", "--dir", "trust"]);

    assert_eq!(said.code, 65);
    assert!(said.err.contains("第 2 版低于现行第 3 版"), "{}", said.err);
}

#[test]
fn a_bundle_whose_line_ends_a_mail_program_changed_is_the_same_bundle() {
    let offices = Offices::joined();
    offices.publish(&["--refresh"]);
    let mailed = fs::read_to_string(offices.lyg_path("linyi.trust")).unwrap().replace('\n', "\r\n");

    fs::write(offices.lyg_path("linyi.trust"), mailed).unwrap();

    assert_eq!(offices.take().good().json()["directory_version"], 3);
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    let offices = Offices::joined();
    let key = offices.lyg_path("trust/ca.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();

    let said = offices.lyg(&["certs", "renew", "trust"]);
    assert_eq!(said.code, 77);
    assert!(said.err.contains("mend it with: chmod 600 trust/ca.key"), "{}", said.err);
    let zh = offices.run("lyg", "zh", &["certs", "renew", "trust"]);
    assert!(zh.err.contains("请执行：chmod 600 trust/ca.key"), "{}", zh.err);

    let shown = offices.lyg(&["certs", "show", "trust", "-o", "json"]);
    assert_eq!(shown.code, 77, "what lies there is shown all the same");
    assert!(shown.out.contains("0644") && shown.err.contains("chmod 600"), "{}", shown.err);
}

#[test]
fn a_second_authority_for_a_known_member_waits_for_the_root_keys() {
    let offices = Offices::joined();
    fs::remove_dir_all(offices.lyg_path("trust")).unwrap();
    offices.invite();
    let words = offices.join();

    let said = offices.admit(&words);
    assert_ne!(said.code, 0);
    assert!(said.err.contains("the root keys must sign too"), "{}", said.err);

    let sign = ["certs", "sign", "R/draft/directory.toml", "--key", "R/offline/root-1.key"];
    offices.ly(&sign).good();
    assert_ne!(offices.ly(&["certs", "publish", "--dir", "R"]).code, 0, "one root key is not the threshold");
    offices.ly(&[&sign[..], &["--key", "R/offline/root-2.key"]].concat()).good();
    offices.publish(&[]);
    assert_eq!(offices.take().good().json()["bound"], true);
}

#[test]
fn a_region_is_not_made_over_another() {
    let offices = Offices::with_region();
    let before = fs::read(offices.ly_path("R/offline/root-1.key")).unwrap();

    let said = offices.ly(&["certs", "init", "R", "--region", "x1", "--member", "371300=a/b", "--broker-host", "h"]);

    assert_eq!(said.code, 65);
    assert_eq!(fs::read(offices.ly_path("R/offline/root-1.key")).unwrap(), before);
}

#[test]
fn other_files_and_wrong_calls_are_told_apart() {
    let offices = Offices::joined();
    fs::write(offices.lyg_path("note.txt"), "hello").unwrap();

    assert_eq!(offices.lyg(&["join", "note.txt"]).code, 65);
    assert!(offices.lyg(&["join", "320700.request"]).err.contains("certs admit"));
    assert_eq!(offices.lyg(&["certs", "invite"]).code, 2);
    assert_ne!(offices.ly(&["certs", "revoke", "--dir", "R"]).code, 0);
    assert_ne!(offices.lyg(&["certs", "show", "nowhere"]).code, 0);
}
