//! The demo as somebody plays it, and the region that it leaves.

use std::process::Command;

use crate::place::{Running, ZH, program};

/// How often the link of an agent that has just started is asked for.
const ASKED_MAX: usize = 500;

/// What stands after `liandong` in the line of `told` that has `words`.
fn printed<'t>(told: &'t str, words: &str) -> Vec<&'t str> {
    let line = told.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("no `{words}` in\n{told}"));
    let command = line.split("    ").next().unwrap();
    command.split_whitespace().skip_while(|word| *word != "liandong").skip(1).collect()
}

#[test]
fn a_region_that_was_kept_comes_up_by_the_commands_that_were_printed() {
    let directory = tempfile::tempdir().unwrap();
    let kept = directory.path().join("kept");
    let play = ["demo", "--headless", "--speed", "max", "-o", "json", "--keep"];
    let output = program(ZH).args(play).arg(&kept).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");

    let _broker = started(program(ZH).args(printed(&told, "liandong broker")));
    let _agent = started(program(ZH).args(printed(&told, "liandong agent")));

    let desk = told.split("LIANDONG_DESK=").nth(1).unwrap().split_whitespace().next().unwrap();
    let at_desk = |args: &[&str]| program(ZH).env("LIANDONG_DESK", desk).args(args).output().unwrap();
    assert!((0..ASKED_MAX).any(|_| at_desk(&["link", "status"]).status.success()), "the link does not come up");
    let inbox = at_desk(&printed(&told, "LIANDONG_DESK="));
    assert!(String::from_utf8(inbox.stdout).unwrap().contains("信息通报"));
}

fn started(command: &mut Command) -> Running {
    let mut running = Running::begin(command);
    let ready = running.line();
    assert!(ready.starts_with("ready: "), "{command:?}: {ready}");
    running
}
