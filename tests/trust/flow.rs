//! The way in, and everything that members do afterwards.

use std::{fs, os::unix::fs::PermissionsExt as _};

use certs::tls::Listener;
use serde_json::Value;

use crate::offices::{Offices, call};

fn find<'r>(rows: &'r [Value], what: &str, subject: &str) -> &'r Value {
    let fits = |row: &&Value| row["what"] == what && row["subject"].as_str().unwrap().starts_with(subject);
    rows.iter().find(fits).unwrap_or_else(|| panic!("no {what} of {subject}"))
}

#[tokio::test]
async fn a_neighbour_joins_with_three_carried_files_and_two_phone_calls() {
    let offices = Offices::new();
    let made = offices.ly(&[
        "certs",
        "init",
        "R",
        "--region",
        "linyi",
        "--member",
        "371300=临沂/Linyi",
        "--broker-host",
        "localhost",
        "--endpoint",
        "hub.linyi.example:7443",
        "-o",
        "json",
    ]);
    let made = made.good();
    assert!(made.json().as_array().unwrap().iter().any(|row| row["file"] == "R/offline/root-1.key"));
    let root_words = made.err.lines().find(|line| line.starts_with("    ")).unwrap().trim().to_owned();

    offices.invite();
    // the neighbour hears the words of the root, and names them
    let joined = offices.lyg(&["join", "lyg.invite", "--dir", "trust", "--words", &root_words, "-o", "json"]).good();
    let joined = joined.json();
    assert_eq!(
        (&joined["root_words"], &joined["broker"]),
        (&root_words.into(), &serde_json::json!(["hub.linyi.example:7443"]))
    );
    let words = offices.join();
    offices.admit(&words).good();
    offices.publish(&[]);
    let took = offices.take().good().json();

    assert_eq!((&took["bound"], &took["directory_version"]), (&true.into(), &2.into()));
    assert_eq!(offices.call().await.unwrap(), "spiffe://linyi/j/320700/a/desk");
    offices.no_secret_was_told();
}

#[test]
fn show_tells_subject_issuer_serial_end_words_and_mode_in_both_languages() {
    let offices = Offices::joined();

    let rows = offices.show("lyg", "trust");
    let leaf = find(&rows, "leaf", "320700/desk");
    assert_eq!(leaf["uri"], "spiffe://linyi/j/320700/a/desk");
    assert_eq!((&leaf["issuer"], &leaf["key_mode"]), (&"linyi 320700 CA".into(), &"0600".into()));
    assert!((20..=21).contains(&leaf["days_left"].as_i64().unwrap()));
    assert_eq!(leaf["state"], "ok");
    assert_eq!(leaf["words"].as_str().unwrap().split(' ').count(), 6);
    // the fingerprint of an authority is that of its key: the same at home and in the directory
    assert_eq!(find(&rows, "authority", "linyi 320700 CA")["words"], find(&rows, "authority", "320700")["words"]);
    for (what, subject) in
        [("root", "linyi"), ("directory", "linyi"), ("grants", "linyi"), ("list", "broker"), ("evidence", "371300")]
    {
        find(&rows, what, subject);
    }

    let region = offices.show("ly", "R");
    assert_eq!(find(&region, "leaf", "broker/main")["uri"], "spiffe://linyi/broker/main localhost");
    let zh = offices.run("ly", "zh", &["certs", "show", "R"]).good().out;
    assert!(zh.contains("吊销列表") && zh.contains("剩余天数"), "{zh}");
    let en = offices.run("ly", "en", &["certs", "show", "R"]).good().out;
    assert!(en.contains("revocation list") && en.contains("key mode"), "{en}");
}

#[tokio::test]
async fn a_renewed_certificate_has_another_serial_and_key_and_the_same_name() {
    let offices = Offices::joined();
    let (before, key) = (offices.show("lyg", "trust"), fs::read(offices.lyg_path("trust/leaf.key")).unwrap());

    offices.lyg(&["certs", "renew", "trust"]).good();
    offices.ly(&["certs", "renew", "R/broker"]).good();

    let after = offices.show("lyg", "trust");
    let (before, after) = (find(&before, "leaf", "320700/desk"), find(&after, "leaf", "320700/desk"));
    assert_ne!(before["serial"], after["serial"]);
    assert_eq!(before["uri"], after["uri"]);
    let path = offices.lyg_path("trust/leaf.key");
    assert_ne!(fs::read(&path).unwrap(), key);
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(offices.call().await.is_ok());
    offices.no_secret_was_told();
}

#[tokio::test]
async fn a_stolen_certificate_is_revoked_by_its_own_office_and_the_list_is_carried() {
    let offices = Offices::joined();
    let rows = offices.show("lyg", "trust");
    let stolen = find(&rows, "leaf", "320700/desk")["serial"].as_str().unwrap().to_owned();

    offices.lyg(&["certs", "revoke", "--dir", "trust", "--serial", &stolen]).good();
    fs::copy(offices.lyg_path("trust/crls/320700.pem"), offices.ly_path("320700.crl")).unwrap();
    offices.publish(&["--list", "320700.crl"]);

    assert_eq!(offices.call().await.unwrap_err(), "the certificate is revoked");
    offices.lyg(&["certs", "renew", "trust"]).good();
    assert!(offices.call().await.is_ok(), "the office goes on with a new one");
}

#[tokio::test]
async fn the_secretariat_revokes_a_serial_an_evidence_key_and_a_member() {
    let offices = Offices::joined();
    let rows = offices.show("ly", "R");
    let key = find(&rows, "evidence", "320700")["serial"].as_str().unwrap().to_owned();

    offices.ly(&["certs", "revoke", "--dir", "R", "--evidence", &key]).good();
    assert_eq!(find(&offices.show("ly", "R"), "evidence", "320700")["state"], "ended");

    let rows = offices.show("lyg", "trust");
    let serial = find(&rows, "leaf", "320700/desk")["serial"].as_str().unwrap().to_owned();
    offices.ly(&["certs", "revoke", "--dir", "R", "--serial", &serial, "--of", "320700"]).good();
    assert_eq!(offices.call().await.unwrap_err(), "the certificate is revoked");

    offices.ly(&["certs", "revoke", "--dir", "R", "--jurisdiction", "320700"]).good();
    assert_eq!(offices.call().await.unwrap_err(), "320700/desk is not in the directory");
    offices.publish(&[]);
    assert_eq!(offices.take().good().json()["bound"], false);
}

#[tokio::test]
async fn keys_are_changed_without_a_gap_in_trust() {
    let offices = Offices::joined();

    let said = offices.lyg(&["certs", "request", "--dir", "trust", "--new-ca", "--new-evidence"]).good();
    let words = said.err.lines().find(|line| line.starts_with("    ")).unwrap().trim().to_owned();
    fs::write(offices.ly_path("320700.request"), said.out).unwrap();
    assert!(offices.call().await.is_ok());
    offices.admit(&words).good();
    offices.publish(&[]);
    let took = offices.take().good().json();

    assert_eq!(
        (&took["new_authority"], &took["new_evidence"], &took["bound"]),
        (&true.into(), &true.into(), &true.into())
    );
    assert!(offices.call().await.is_ok());
    offices.no_secret_was_told();
}

#[tokio::test]
async fn two_people_are_arithmetic() {
    let offices = Offices::with_region();
    offices.invite();
    let words = offices.join();
    // signers 2 and 3 have carried their keys away
    for number in [2, 3] {
        let (from, to) = (format!("R/offline/signer-{number}.key"), format!("../courier/signer-{number}.key"));
        fs::rename(offices.ly_path(&from), offices.ly_path(&to)).unwrap();
    }

    let alone = offices.admit(&words);
    assert_ne!(alone.code, 0);
    assert!(
        alone.err.contains("it waits for another signer (1/2): liandong certs sign R/draft/directory.toml"),
        "{}",
        alone.err
    );
    assert_ne!(offices.ly(&["certs", "publish", "--dir", "R"]).code, 0);

    offices.ly(&["certs", "sign", "R/draft/directory.toml", "--key", "../courier/signer-3.key"]).good();
    offices.publish(&[]);
    assert_eq!(offices.take().good().json()["bound"], true);
    assert!(offices.call().await.is_ok());

    // an invitation needs both at the table
    let invite = ["certs", "invite", "371100", "--name", "日照/Rizhao", "--dir", "R"];
    assert_eq!(offices.ly(&invite).code, 65);
    offices.ly(&[&invite[..], &["--key", "../courier/signer-2.key"]].concat()).good();
}

#[tokio::test]
async fn another_agent_and_an_operator_get_certificates_of_their_own() {
    let offices = Offices::joined();

    offices.lyg(&["certs", "issue", "--dir", "trust", "--name", "standby", "--out", "standby"]).good();
    offices.ly(&["certs", "issue", "--dir", "R/broker", "--operator", "wang", "--out", "wang"]).good();

    let agent = call(&offices.ly_path("R/broker"), Listener::Agents, &offices.lyg_path("standby")).await;
    assert_eq!(agent.unwrap(), "spiffe://linyi/j/320700/a/standby");
    let operator = call(&offices.ly_path("R/broker"), Listener::Operators, &offices.ly_path("wang")).await;
    assert_eq!(operator.unwrap(), "spiffe://linyi/operator/wang");
}

#[test]
fn new_grants_and_a_refresh_come_into_force_with_higher_versions() {
    let offices = Offices::joined();
    let signed = fs::read_to_string(offices.ly_path("R/signed/grants.toml")).unwrap();
    let text = signed.split("# --- signatures").next().unwrap().to_owned();

    fs::write(offices.ly_path("grants.toml"), &text).unwrap();
    let same = offices.ly(&["certs", "publish", "--dir", "R", "--grants", "grants.toml"]).good();
    assert!(same.err.contains("version 2"), "nothing changes: {}", same.err);
    fs::write(offices.ly_path("grants.toml"), text.replace("version = 1\n", "version = 5\n").replace("\"A4\", ", ""))
        .unwrap();
    offices.publish(&["--grants", "grants.toml"]);
    assert_eq!(offices.take().good().json()["grants_version"], 5);

    offices.publish(&["--refresh"]);
    let took = offices.take().good().json();
    assert_eq!((&took["grants_version"], &took["directory_version"]), (&6.into(), &3.into()));
}

#[tokio::test]
async fn a_signer_who_left_and_a_lost_root_key_are_replaced_and_neighbours_follow() {
    let offices = Offices::joined();

    // without root keys at hand the new root waits for them
    let alone = offices.ly(&["certs", "rekey", "--dir", "R", "--signer", "1"]);
    assert!(alone.err.contains("(0/2): liandong certs sign R/draft/root.toml"), "{}", alone.err);
    let roots = ["--key", "R/offline/root-1.key", "--key", "R/offline/root-2.key"];
    offices.ly(&[&["certs", "sign", "R/draft/root.toml"][..], &roots].concat()).good();
    offices.publish(&[]);
    assert_eq!(offices.take().good().json()["directory_version"], 3);

    let lost = ["certs", "rekey", "--dir", "R", "--root", "3"];
    offices.ly(&[&lost[..], &roots].concat()).good();
    offices.publish(&[]);
    offices.take().good();

    let rows = offices.show("lyg", "trust");
    assert_eq!(find(&rows, "root", "linyi")["serial"], "v3");
    assert!(offices.call().await.is_ok());
    // the key of the signer who left signs nothing any more
    let old = "R/offline/signer-1.key.until-root-1";
    fs::rename(offices.ly_path("R/offline/signer-1.key"), offices.ly_path("../courier/new-1.key")).unwrap();
    fs::rename(offices.ly_path("R/offline/signer-2.key"), offices.ly_path("../courier/2.key")).unwrap();
    let said = offices.ly(&["certs", "invite", "371100", "--name", "日照/Rizhao", "--dir", "R", "--key", old]);
    assert_eq!(said.code, 65);
}
