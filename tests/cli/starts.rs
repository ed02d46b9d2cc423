//! A program that does not start, and a call that nobody can take: both languages, and what to do.

use crate::{
    place::{EN, Place, ZH, program},
    region::LY,
};

/// A configuration with another value of a key.
fn with(config: &str, key: &str, value: &str) -> String {
    let old = config.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
    config.replace(old, &format!("{key} = {value}"))
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

#[test]
fn a_program_that_does_not_start_says_what_to_do_in_the_readers_language() {
    let place = Place::start(&[LY]);
    let (ours, memory) = (place.config(LY), tempfile::tempdir_in("/dev/shm").unwrap());
    let text = std::fs::read_to_string(&ours).unwrap();
    let untrusted = with(&with(&text, "trust", "\"/nowhere/trust\""), "state", &quoted(&place.file("x", "")));
    let untrusted = place.file("untrusted.toml", untrusted.replace("/x\"", "/other\""));
    let memory = with(&text, "state", &quoted(&memory.path().display().to_string()));
    let memory = place.file("memory.toml", with(&memory, "allow_unsafe_filesystem", "false"));
    let cases: [(&str, i32, [&str; 2]); 4] = [
        (&ours, 70, ["正由另一进程使用：请先停止该进程", "in use by another process: stop that one first"]),
        (&untrusted, 66, ["缺少文件 /nowhere/trust/root.toml：", "/nowhere/trust/root.toml is missing: check `trust`"]),
        (&memory, 70, ["位于 tmpfs 上", "put it on a local disk"]),
        ("/nowhere/agent.toml", 66, ["没有配置文件 /nowhere/agent.toml；", "`liandong config print agent` shows"]),
    ];
    for (config, code, texts) in cases {
        for (lang, text) in [ZH, EN].into_iter().zip(texts) {
            let output = program(lang).args(["agent", "--config", config]).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(code), "{config}: {said}");
            assert!(said.contains(text), "{config}: {said}");
            let frame = if lang == ZH { "错误：代理未能启动：" } else { "error: the agent cannot start: " };
            assert!(said.contains(frame) || config.starts_with("/nowhere"), "{config}: {said}");
        }
    }
}

#[test]
fn an_address_that_is_taken_is_named_with_who_has_it() {
    let place = Place::start(&[LY]);
    let text = std::fs::read_to_string(place.broker_config()).unwrap();
    let other = with(&text, "state", &quoted(&place.file("x", ""))).replace("/x\"", "/other\"");
    let other = place.file("other.toml", other);
    let output = program(ZH).args(["broker", "--config", &other]).output().unwrap();

    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("已被占用：请停止占用它的程序（`ss -ltnp"), "{said}");
}

#[test]
fn a_token_file_that_is_missing_fails_the_check() {
    let place = Place::start(&[LY]);
    let example = place.run(LY, EN, &["config", "print", "agent"]).out;
    let desk = "\n[desk]\nlisten = \"127.0.0.1:7450\"\ntoken_file = \"/nowhere/desk.token\"\n";
    let config = place.file("agent.toml", format!("{}{desk}", example.split("\n[desk]").next().unwrap()));

    let checked = place.run(LY, ZH, &["config", "check", "agent", &config]);
    assert_eq!(checked.code, 66, "{checked:?}");
    assert!(checked.err.contains("desk.token_file") && checked.err.contains("openssl rand"), "{checked:?}");
}

#[test]
fn an_operator_without_a_certificate_learns_where_it_comes_from() {
    let place = Place::start(&[LY]);
    let missing = place.run(LY, ZH, &["mailbox", "ls", "--trust", "/nowhere/operator"]);

    assert_eq!(missing.code, 66, "{missing:?}");
    assert!(missing.err.contains("没有运维信任目录 /nowhere/operator："), "{missing:?}");
    assert!(missing.err.contains("`liandong certs issue --operator 姓名`"), "{missing:?}");
}

#[test]
fn whoever_is_no_member_has_no_mailbox() {
    let place = Place::start(&[LY]);
    for args in [&["mailbox", "peek", "999999"][..], &["mailbox", "redrive", "999999", "--all", "--reason", "x"]] {
        let unknown = place.run(LY, EN, args);
        assert_eq!(unknown.code, 66, "{unknown:?}");
        assert!(unknown.err.contains("there is no mailbox of `999999`; `liandong mailbox ls`"), "{unknown:?}");
    }
}

#[test]
fn a_drain_is_seen_and_the_signed_files_are_read_again() {
    let place = Place::start(&[LY]);
    let serving = place.run(LY, ZH, &["mailbox", "status"]);
    assert!(serving.out.contains("● 正常"), "{serving:?}");
    assert!(!place.run(LY, ZH, &["mailbox", "ls"]).err.contains("排空"));
    let reloaded = place.run(LY, ZH, &["mailbox", "reload"]);
    assert_eq!((reloaded.code, reloaded.out.as_str()), (0, "没有变化\n"), "{reloaded:?}");

    assert_eq!(place.run(LY, ZH, &["mailbox", "drain", "--grace", "1"]).code, 0);
    let listed = place.run(LY, ZH, &["mailbox", "ls"]);
    assert!(listed.err.contains("中心：◌ 排空中：不接收新消息，也不投递"), "{listed:?}");
    let status = place.run(LY, EN, &["mailbox", "status", "-o", "json"]);
    assert!(status.out.contains("\"state\": \"DRAINING\""), "{status:?}");
}
