//! The handbook: its commands are run as they stand, in the order in which they stand, and both languages say the same.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use super::transcript;

const HANDBOOKS: [&str; 2] = ["docs/handbook.zh-CN.md", "docs/handbook.md"];
const RUNBOOKS: [&str; 2] = ["docs/recover.zh-CN.md", "docs/recover.md"];

/// Stands in for the program on the reader's path. It waits where a person would: until the desk answers, and until a
/// message that a command names has come.
const PATIENT: &str = r#"#!/bin/bash
until_true() { for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done; echo "never: $*" >&2; exit 1; }
if [ "$1" = --desk ]; then
    ready="$HOME/$(basename "$(dirname "$2")").ready"
    [ -e "$ready" ] && [ "$3 $4" != "link status" ] || { until_true "$REAL" --desk "$2" link status; touch "$ready"; }
    for word in "${@:3}"; do
        if [[ "$word" =~ ^[0-9a-f]{8}-[0-9a-f-]{27}$ ]]; then until_true "$REAL" --desk "$2" show -q "$word"; fi
    done
    if [ "$3" = request ] && [[ "$*" != *--example* ]]; then
        plain=(); quiet=; city=$(basename "$(dirname "$2")")
        for word in "$@"; do if [ "$word" = -q ]; then quiet=1; else plain+=("$word"); fi; done
        "$REAL" "${plain[@]}" >"$HOME/said" 2>"$HOME/told"; code=$?
        { printf '%s$ liandong' "$city"; printf '\t%s' "${plain[@]:2}"; printf '\n'; cat "$HOME/said" "$HOME/told"; } >>"$HOME/transcript"
        cat "$HOME/said"; [ -n "$quiet" ] || cat "$HOME/told" >&2
        exit $code
    fi
elif [ "$1" = agent ] || [ "$1" = broker ]; then
    exec "$REAL" "$@" >/dev/null 2>&1
fi
exec "$REAL" "$@"
"#;

/// What stands between the fences that are meant to be typed.
fn commands(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    blocks.collect()
}

/// A command's shape: its words without what a person writes in their own language.
fn shape(commands: &str) -> Vec<String> {
    let plain: String = commands.replace("\\\n", " ").split('"').step_by(2).collect();
    let words =
        plain.split_whitespace().map(|word| word.split('=').next().and_then(|word| word.rsplit('/').next()).unwrap());
    words.filter(|word| word.is_ascii() && !word.is_empty()).map(str::to_owned).collect()
}

/// Runs a handbook in a place of its own; what it printed.
fn run(handbook: &str, lang: &str, place: &Path) -> String {
    let stand_in = place.join("bin/liandong");
    fs::create_dir(place.join("bin")).unwrap();
    fs::write(&stand_in, PATIENT).unwrap();
    fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
    let script = place.join("handbook.sh");
    let ends = "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n";
    fs::write(&script, format!("set -euo pipefail\n{ends}{}", commands(handbook))).unwrap();

    let path = format!("{}:{}", place.join("bin").display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("timeout");
    bash.args(["--kill-after=10", "240", "bash", "-x"]).arg(&script).current_dir(place);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LIANDONG_")) {
        bash.env_remove(name);
    }
    bash.env("PATH", path).env("REAL", env!("CARGO_BIN_EXE_liandong")).env("LC_ALL", lang).env("HOME", place);
    let said = bash.output().unwrap();

    let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    let tail: Vec<&str> = err.lines().rev().take(30).collect();
    let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
    assert!(said.status.success(), "{}\n{out}\n{tail}", said.status);
    out.into_owned()
}

#[test]
fn every_command_of_the_handbook_does_what_it_says() {
    let place = tempfile::tempdir().unwrap();
    let out = run(HANDBOOKS[0], super::ZH, place.path());
    for told in ["已结算", "部分落实", "郯城化工园区危化品救援队", "生效中"] {
        assert!(out.contains(told), "{told} in\n{out}");
    }
    let file = |name: &str| fs::read_to_string(place.path().join(name)).unwrap();
    assert!(file("drill.ics").contains("METHOD:REQUEST"));
    let report = file("report.md");
    for told in ["# 【演练】边界危化品事故桌面推演", "I-01", "D01 签收", "### O1 信息通报"] {
        assert!(report.contains(told), "{told} in\n{report}");
    }
    assert!(file("grants-AG-2.toml").contains("agreements = [\"AG-2\"]"));
    assert!(file("backup.csv").contains("停用"));

    let lines = file("transcript");
    if std::env::var_os("UPDATE_TRANSCRIPT").is_some() {
        let english = tempfile::tempdir().unwrap();
        run(HANDBOOKS[1], super::EN, english.path());
        transcript::ZH.write(&lines);
        transcript::EN.write(&fs::read_to_string(english.path().join("transcript")).unwrap());
    }
    assert_eq!(transcript::ZH.of(&lines), transcript::ZH.read(), "UPDATE_TRANSCRIPT=1 writes it anew");
}

#[test]
fn every_command_of_the_runbooks_does_what_it_says() {
    for (runbook, lang, told) in [
        (RUNBOOKS[0], super::ZH, ["缺失的记录", "树根", "UNREADABLE", "exit 74"]),
        (RUNBOOKS[1], super::EN, ["records lost", "root", "UNREADABLE", "exit 74"]),
    ] {
        let place = tempfile::tempdir().unwrap();
        let out = run(runbook, lang, place.path());
        for told in told {
            assert!(out.contains(told), "{told} in\n{out}");
        }
        let aside = |line: &&str| line.contains("-store");
        assert_eq!(out.lines().filter(aside).count(), 1, "the old rows were set aside\n{out}");
        assert!(place.path().join("copies/broker/manifest.json").is_file());
        assert!(place.path().join("region/320300/journal/0000000001.seg").is_file());
    }
}

#[test]
fn both_runbooks_have_the_same_commands() {
    let [zh, en] = RUNBOOKS.map(commands);
    assert_eq!(shape(&zh), shape(&en));
    assert!(zh.lines().count() > 30);
}

#[test]
fn both_transcripts_have_the_same_commands() {
    let typed = |page: transcript::Page| -> Vec<String> {
        let text = page.read().replace("\\\n", " ");
        let typed = text.lines().filter_map(|line| line.split_once("$ ")).map(|(_, command)| shape(command));
        typed.map(|words| words.join(" ")).collect()
    };
    let (zh, en) = (typed(transcript::ZH), typed(transcript::EN));
    assert_eq!(zh, en);
    assert!(zh.len() > 15);
}

#[test]
fn both_handbooks_have_the_same_commands() {
    let [zh, en] = HANDBOOKS.map(commands);
    assert_eq!(shape(&zh), shape(&en));
    assert!(zh.lines().count() > 100);
}
