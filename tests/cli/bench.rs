//! `liandong bench`: every mode measures something on a region of its own, and nothing is left behind.

use std::collections::BTreeSet;

use super::place::{EN, Place, ZH, program};
use crate::region::{LY, LYG};

const ALL: [&str; 8] = ["floor", "latency", "throughput", "steady", "fanout", "drain", "recover", "path"];
/// As little as may be asked for.
const LITTLE: [&str; 6] = ["-n", "100", "--backlog", "100", "-r", "2"];

fn measured(json: &[u8]) -> serde_json::Value {
    serde_json::from_slice(json).unwrap()
}

#[test]
fn every_mode_measures_on_a_region_of_its_own_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (there, plot) = (directory.path().join("there"), directory.path().join("times.svg"));
    let mut command = program(EN);
    command.arg("bench").args(ALL).args(LITTLE).args(["--recipients", "3", "--pairs", "2", "-o", "json"]);
    let output = command.arg("--dir").arg(&there).arg("--plot").arg(&plot).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");

    let told = measured(&output.stdout);
    assert_eq!((told["machine"]["payload_bytes"].as_u64(), told["machine"]["runs"].as_u64()), (Some(1_024), Some(2)));
    let figures = told["figures"].as_array().unwrap();
    let modes: BTreeSet<_> = figures.iter().map(|figure| figure["mode"].as_str().unwrap()).collect();
    assert_eq!(modes, BTreeSet::from(ALL));
    for figure in figures {
        assert_eq!(figure["runs"].as_array().unwrap().len(), 2, "{figure}");
        // the system counts processor time in hundredths of a second: of so few messages it may be none
        let is_cpu = figure["name"].as_str().unwrap().ends_with("cpu");
        assert!(is_cpu || figure["median"].as_f64().unwrap() > 0.0, "{figure}");
    }
    let of = |mode, name| figures.iter().find(|figure| figure["mode"] == mode && figure["name"] == name).unwrap();
    let disk = of("drain", "disk")["median"].as_f64().unwrap();
    assert!((1_024.0..4_096.0).contains(&disk), "a queued message holds its content once: {disk} bytes");
    assert!(std::fs::read_to_string(&plot).unwrap().contains("one at a time"));
    assert!(!there.exists(), "what was made is removed");
}

#[test]
fn a_broker_that_runs_is_measured_with_messages_that_nobody_acts_on() {
    let mut place = Place::start(&[LY, LYG]);
    place.stop(LY);
    place.stop(LYG);
    let config: toml::Table = toml::from_str(&std::fs::read_to_string(place.broker_config()).unwrap()).unwrap();
    let (listen, [sender, receiver]) = (config["listen"].as_str().unwrap(), [LY, LYG].map(|city| place.trust(city)));
    let elsewhere = ["--broker", listen, "--trust", &sender, "--trust", &receiver];
    let bench = |args: &[&str]| place.run(LY, ZH, &[&["bench"], args, &LITTLE, &elsewhere].concat());

    let said = bench(&["latency", "throughput"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("时延 p50") && said.out.contains("速率"), "{said:?}");

    let said = bench(&["recover"]);
    assert_eq!((said.code, said.err.contains("--broker")), (65, true), "{said:?}");
}

#[test]
fn what_does_not_fit_together_is_said_and_nothing_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("mine"), "kept").unwrap();
    let output = program(EN).args(["bench", "floor", "--dir"]).arg(directory.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(65));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--dir"));
    assert_eq!(std::fs::read_to_string(directory.path().join("mine")).unwrap(), "kept");

    let one = program(EN).args(["bench", "--broker", "127.0.0.1:1", "--trust", "."]).output().unwrap();
    assert_eq!(one.status.code(), Some(65));
    assert!(String::from_utf8(one.stderr).unwrap().contains("--trust"));
    let few = program(EN).args(["bench", "-n", "1"]).output().unwrap();
    assert_eq!(few.status.code(), Some(2));
}
