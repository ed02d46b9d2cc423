//! What people see on the terminal: real programs, both languages, and the exit codes that scripts go by.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bench;
mod catalogue;
mod demo;
mod handbook;
mod place;
#[path = "../world/region.rs"]
#[allow(dead_code, reason = "each test target uses its own part")]
mod region;
mod rules;
mod secrets;
mod starts;
mod transcript;

use model::ids::Digest;
use place::{EN, Place, ZH, column, ids_of};
use region::{LY, LYG};

/// The broker of a machine whose disk is nearly full takes no ROUTINE; these tests are about something else.
const PRIORITY: &str = "header.precedence=PRIORITY";

const HEADLINE: [&str; 6] =
    ["--set", "headline=205国道危化品槽车侧翻", "--set", "subtype=NOTICE", "--set", "valid_until=2099-12-31T00:00:00Z"];

/// `send bulletin` to 连云港 with everything that it must say.
fn bulletin<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["send", "bulletin", "--to", LYG, "--set", "body=双向封闭，请绕行", "--sign-off", "李敏/带班领导"];
    let about = ["--set", PRIORITY, "--incident", "371300-20261203-0001", "--level", "l4", "--category", "accident"];
    fixed.into_iter().chain(about).chain(HEADLINE).chain(more.iter().copied()).collect()
}

#[test]
fn a_message_is_watched_read_acknowledged_and_traced() {
    let place = Place::start(&[LY, LYG]);
    let mut arrivals = place.spawn(LYG, EN, &["inbox", "-w", "-o", "jsonl"]);
    let mut watched = place.spawn(LY, EN, &bulletin(&["--precedence", "flash", "--watch", "-o", "jsonl"]));

    let id = arrivals.json()["message_id"].as_str().unwrap().to_owned();
    let short = &id[28..];

    let shown = place.run(LYG, ZH, &["show", short]);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.out.starts_with("◆ 特提  信息通报 · 205国道危化品槽车侧翻\n"), "{shown:?}");
    assert!(shown.err.contains(&format!("liandong show {short} --open")), "{shown:?}");

    let acknowledged = place.run(LYG, ZH, &["ack", short, "--note", "已通知消防", "--as", "周敏/带班领导"]);
    assert!(acknowledged.out.starts_with(&format!("{short}  已签收  周敏（带班领导）")), "{acknowledged:?}");

    assert_eq!(watched.json()["message_id"], id);
    let stages = [(); 3].map(|()| watched.json()["stage"].as_str().unwrap().to_owned());
    assert_eq!(stages, ["ACCEPTED", "DELIVERED", "ACKNOWLEDGED"]);
    assert_eq!(watched.code(), 0);

    let traced = place.run(LY, ZH, &["thread", "trace", short]);
    assert_eq!(column(&traced.out, "环节"), ["已存待发", "已受理", "已送达", "已签收"], "{traced:?}");
    assert_eq!(column(&traced.out, "何人")[3], "周敏（带班领导）", "{traced:?}");
    let traced = place.run(LY, EN, &["thread", "trace", short]);
    assert_eq!(column(&traced.out, "STAGE"), ["queued", "ACCEPTED", "DELIVERED", "ACKNOWLEDGED"], "{traced:?}");
    assert_eq!(column(&traced.out, "SEAL")[1..], ["✓ good"; 3], "{traced:?}");
}

#[test]
fn looking_signs_nothing_and_opening_does() {
    let place = Place::start(&[LY, LYG]);
    let mut arrivals = place.spawn(LYG, EN, &["inbox", "-w", "-o", "jsonl"]);
    let sent = place.run(LY, EN, &bulletin(&["-q"]));
    assert_eq!((sent.code, sent.err.as_str()), (0, ""), "{sent:?}");
    assert_eq!(arrivals.json()["message_id"], sent.out.trim());
    let id = sent.out.trim();

    let looked = place.run(LYG, EN, &["show", id]);
    assert!(!looked.out.contains("OPENED"), "{looked:?}");
    let listed = place.run(LYG, ZH, &["inbox", "--unopened"]);
    assert_eq!(column(&listed.out, "状态"), ["未打开"], "{listed:?}");

    let opened = place.run(LYG, EN, &["show", id, "--open", "--as", "周敏/duty-officer"]);
    assert!(opened.out.contains("OPENED") && opened.out.contains("周敏 (DUTY_OFFICER)"), "{opened:?}");
    let listed = place.run(LYG, ZH, &["inbox", "--unopened"]);
    assert_eq!(listed.out, "", "{listed:?}");
}

#[test]
fn an_answer_goes_back_in_the_same_thread() {
    let place = Place::start(&[LY, LYG]);
    let mut arrivals = place.spawn(LYG, EN, &["inbox", "-w", "-o", "jsonl"]);
    let sent = place.run(LY, EN, &bulletin(&["-q"]));
    arrivals.json();

    let unclear = place.run(LYG, ZH, &["answer", sent.out.trim(), "--set", "headline=收到"]);
    assert_eq!(unclear.code, 65, "{unclear:?}");
    assert!(unclear.err.contains("没有规定的答复类别"), "{unclear:?}");

    let mut back = place.spawn(LY, EN, &["inbox", "-w", "-o", "jsonl"]);
    let mut answer = bulletin(&["-q"]);
    answer.splice(..4, ["answer", sent.out.trim(), "bulletin"]);
    let answered = place.run(LYG, EN, &answer);
    assert_eq!(answered.code, 0, "{answered:?}");
    let came = back.json();
    assert_eq!((&came["action"], &came["thread_id"]), (&"REPLY".into(), &sent.out.trim().into()), "{came}");
}

#[test]
fn a_message_from_a_file_takes_options_over_what_the_file_says() {
    let place = Place::start(&[LY, LYG]);
    let example = place.run(LY, ZH, &["send", "bulletin", "--example"]);
    let file = place.file("m.toml", &example.out);

    let checked = place.run(LY, ZH, &["send", "bulletin", "-f", &file, "--to", LYG, "--dry-run", "-o", "json"]);
    assert_eq!(checked.code, 0, "{checked:?}");
    assert_eq!(place.run(LY, EN, &["inbox", "--sent"]).out, "");

    let sent =
        place.run(LY, EN, &["send", "bulletin", "-f", &file, "--to", LYG, "--expires", "2h", "--precedence", "特急"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    let listed = place.run(LY, ZH, &["inbox", "--sent"]);
    assert_eq!(column(&listed.out, "发往"), [LYG], "{listed:?}");
    assert_eq!(column(&listed.out, "紧急程度"), ["▲ 特急"], "{listed:?}");
}

#[test]
fn a_file_goes_with_a_message_and_comes_back_whole() {
    let place = Place::start(&[LY, LYG]);
    let photo: Vec<u8> = (0..400_000_u32).map(|at| (at * 7 % 251) as u8).collect();
    let (file, digest) = (place.file("现场.jpg", &photo), Digest::of(&photo).to_string());
    let mut arrivals = place.spawn(LYG, EN, &["inbox", "-w", "-o", "jsonl"]);

    let sent = place.run(LY, EN, &bulletin(&["--attach", &file, "-q"]));
    assert_eq!(sent.code, 0, "{sent:?}");
    arrivals.json();

    let shown = place.run(LYG, ZH, &["show", sent.out.trim()]);
    assert!(shown.out.contains(&format!("现场.jpg  390.6 KB  {digest}")), "{shown:?}");
    let back = place.file("back.jpg", "");
    let brought = place.run(LYG, ZH, &["blob", "get", &digest, "-O", &back]);
    assert_eq!(brought.code, 0, "{brought:?}");
    assert_eq!(std::fs::read(back).unwrap(), photo);
}

#[test]
fn an_agenda_is_begun_proposed_to_and_read() {
    let place = Place::start(&[LY, LYG]);
    let begun =
        place.run(LY, ZH, &["agenda", "new", "371300-M-2027", "--title", "2027 年度联席会议", "--set", PRIORITY]);
    assert_eq!(begun.code, 0, "{begun:?}");

    let title = ["--title", "跨省危化品运输", "--type", "decide", "--minutes", "20", "--set", PRIORITY];
    let again = place.run(LY, ZH, &["agenda", "new", "371300-M-2027", "--title", "又一个", "--set", PRIORITY]);
    assert_eq!(again.code, 73, "{again:?}");
    assert!(again.err.contains("已经存在") && again.err.contains("liandong agenda show"), "{again:?}");
    let propose: Vec<&str> = ["agenda", "propose", "371300-M-2027"].into_iter().chain(title).collect();
    let proposed = place.run(LYG, ZH, &propose);
    assert_eq!(proposed.code, 0, "{proposed:?}");

    let shown = place.run(LY, ZH, &["agenda", "show", "371300-M-2027"]);
    assert!(shown.out.contains("跨省危化品运输") && shown.out.contains("2027 年度联席会议"), "{shown:?}");
    let listed = place.run(LYG, ZH, &["agenda", "ls"]);
    assert_eq!(column(&listed.out, "议程"), ["agenda/371300-M-2027"], "{listed:?}");
    assert_eq!(column(&listed.out, "名称"), ["2027 年度联席会议"], "{listed:?}");
    assert_eq!(column(&listed.out, "状态"), ["征集议题"], "{listed:?}");
    assert_eq!(column(&listed.out, "议题"), ["1"], "{listed:?}");
    let pulled = place.run(LY, EN, &["agenda", "pull", "371300-M-2027"]);
    assert!(pulled.out.contains("owner 371300  1 items"), "{pulled:?}");
}

#[test]
fn the_paper_of_an_agenda_is_brought_by_the_command_that_is_printed() {
    let place = Place::start(&[LY]);
    let paper = place.file("paper.md", "五个方面");
    let digest = Digest::of("五个方面".as_bytes()).to_string();
    assert_eq!(place.run(LY, ZH, &["blob", "put", &paper, "-q"]).out.trim(), digest);
    let begun = ["agenda", "new", "371300-M-2028", "--title", "议程", "--set", PRIORITY];
    assert_eq!(place.run(LY, ZH, &begun).code, 0);
    let file = format!("item.papers[0]={{\"title\": \"五个方面\", \"sha256\": \"{digest}\"}}");
    let listed = format!(
        "header.attachments[0]={{\"name\": \"paper.md\", \"mime\": \"text/markdown\", \"bytes\": 12, \
         \"sha256\": \"{digest}\", \"placement\": \"BLOB\"}}"
    );
    let propose = ["agenda", "propose", "371300-M-2028", "--title", "合作", "--set", PRIORITY];
    let propose: Vec<&str> = propose.into_iter().chain(["--set", &file, "--set", &listed]).collect();
    let proposed = place.run(LY, ZH, &propose);
    assert_eq!(proposed.code, 0, "{proposed:?}");

    for wide in [&[][..], &["-o", "wide"]] {
        let show: Vec<&str> = ["agenda", "show", "371300-M-2028"].iter().chain(wide).copied().collect();
        let shown = place.run(LY, ZH, &show);
        assert!(shown.out.contains(&digest), "{shown:?}");
        assert!(shown.err.contains(&format!("liandong blob get {digest} -O")), "{shown:?}");
    }
    let back = place.file("back.md", "");
    assert_eq!(place.run(LY, ZH, &["blob", "get", &digest, "-O", &back]).code, 0);
}

#[test]
fn everything_that_is_missing_is_told_at_once_and_a_length_of_time_is_a_time() {
    let place = Place::start(&[LY, LYG]);
    let fixed = ["send", "bulletin", "--to", LYG, "--dry-run", "--set", "headline=封闭"];
    let lacking = place.run(LY, ZH, &fixed);
    assert_eq!(lacking.code, 65, "{lacking:?}");
    for field in ["body.subtype", "body.valid_until", "body.body"] {
        assert!(lacking.err.contains(field), "{field}: {lacking:?}");
    }

    let later = ["--set", "subtype=NOTICE", "--set", "body=请绕行", "--sign-off", "李敏/带班领导", "--set"];
    let about = ["--set", PRIORITY, "--incident", "371300-20261203-0001", "--level", "l4", "--category", "accident"];
    let send = |when: &'static str| {
        let args: Vec<&str> = fixed.into_iter().chain(about).chain(later).chain([when]).collect();
        place.run(LY, ZH, &args)
    };
    let sent = send("valid_until=2h");
    assert_eq!(sent.code, 0, "{sent:?}");
    let unread = send("valid_until=soon");
    assert!(unread.err.contains("2h | 3d | 10m ago | 2026-12-03 08:40"), "{unread:?}");
}

#[test]
fn a_reader_that_goes_away_early_is_no_failure() {
    let script = format!("{} completions bash | head -1", env!("CARGO_BIN_EXE_liandong"));
    let output = std::process::Command::new("bash").args(["-o", "pipefail", "-c", &script]).output().unwrap();

    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

/// A meeting in the chair of 临沂.
const MEETING: &str = r#"{"body": {
    "meeting_id": "371300-M-2099", "sequence": 1, "method": "REQUEST", "title": "2099 年度联席会议", "series": "ANNUAL",
    "start": "2099-11-10T09:00:00+08:00", "end": "2099-11-10T12:00:00+08:00", "tz": "Asia/Shanghai",
    "place": "临沂市应急管理局三楼会议室", "chair": "371300", "rsvp_by": "2099-11-03T18:00:00+08:00",
    "required_attendees": [{"jurisdiction": "320700"}]
}}"#;

#[test]
fn an_invitation_goes_out_as_a_calendar_and_its_answer_comes_back() {
    let place = Place::start(&[LY, LYG]);
    let mut arrivals = place.spawn(LYG, EN, &["inbox", "-w", "-o", "jsonl"]);
    let begun = ["agenda", "new", "371300-M-2099", "--title", "议程", "--set", PRIORITY];
    assert_eq!(place.run(LY, ZH, &begun).code, 0);
    let draft = place.file("meeting.json", MEETING);
    let urgent = ["--precedence", "priority", "--sign-off", "李敏/带班领导", "--role", "secretariat", "-q"];
    let notice: Vec<&str> = ["send", "meeting-notice", "--to", LYG, "-f", &draft].into_iter().chain(urgent).collect();
    let sent = place.run(LY, ZH, &notice);
    assert_eq!(sent.code, 0, "{sent:?}");
    arrivals.json();

    let file = place.file("meeting.ics", "");
    let written = place.run(LYG, ZH, &["calendar", "export", sent.out.trim(), "-O", &file]);
    assert_eq!(written.code, 0, "{written:?}");
    let calendar = std::fs::read_to_string(&file).unwrap();
    for line in ["METHOD:REQUEST\r\n", "UID:371300-M-2099\r\n", "DTSTART:20991110T010000Z\r\n", "议程（征集议题）"]
    {
        assert!(calendar.contains(line), "{line}: {calendar}");
    }

    let reply = calendar.replace("METHOD:REQUEST", "METHOD:REPLY").replace("\r\n ", "");
    let others = |line: &&str| !line.starts_with("ATTENDEE");
    let kept: String = reply.split_inclusive("\r\n").filter(others).collect();
    let comes = "ATTENDEE;PARTSTAT=ACCEPTED:urn:liandong:j:320700\r\nEND:VEVENT";
    let answer = place.file("answer.ics", kept.replace("END:VEVENT", comes));
    let shown = place.run(LYG, ZH, &["calendar", "import", &answer]);
    assert!(shown.out.contains("\"answer\": \"ATTEND\"") && shown.err.contains("liandong answer"), "{shown:?}");
    let mut replies = place.spawn(LY, EN, &["inbox", "-w", "-o", "jsonl"]);
    let answered = place.run(LYG, EN, &["calendar", "import", &answer, "--send"]);
    assert_eq!(answered.code, 0, "{answered:?}");
    let came = replies.json();
    assert_eq!(came["kind"], "MEETING_REPLY", "{came}");

    let foreign = place.run(LY, ZH, &["calendar", "import", &answer]);
    assert_eq!(foreign.code, 77, "nobody answers for another: {foreign:?}");
    let nothing = place.run(LYG, ZH, &["calendar", "import", &draft]);
    assert_eq!(nothing.code, 65, "{nothing:?}");
}

#[test]
fn what_waits_for_a_silent_city_is_seen_by_the_operator() {
    let mut place = Place::start(&[LY, LYG]);
    place.stop(LYG);
    let mut watched = place.spawn(LY, EN, &bulletin(&["--precedence", "flash", "--watch", "-o", "jsonl"]));
    let id = watched.json()["message_id"].as_str().unwrap().to_owned();
    assert_eq!(watched.json()["stage"], "ACCEPTED");

    let listed = place.run(LY, ZH, &["mailbox", "ls"]);
    assert_eq!(listed.code, 0, "{listed:?}");
    assert_eq!(column(&listed.out, "信箱"), [LYG, LY], "{listed:?}");
    assert_eq!(column(&listed.out, "待送"), ["1", "0"], "{listed:?}");
    assert_eq!(column(&listed.out, "链路"), ["✕ 断开", "● 已连接"], "{listed:?}");
    let peeked = place.run(LY, EN, &["mailbox", "peek", LYG]);
    assert_eq!(ids_of(&peeked.out), [&id[28..]], "{peeked:?}");

    let foreign = place.trust(LY);
    let refused = place.run(LY, ZH, &["mailbox", "ls", "--trust", &foreign]);
    assert_eq!(refused.code, 77, "{refused:?}");
    assert!(refused.err.contains("运维人员（operator）的证书目录"), "{refused:?}");
}

#[test]
fn a_broken_line_is_red_with_its_remedy_and_writing_goes_on() {
    let mut place = Place::start(&[LY, LYG]);
    let green = place.run(LY, ZH, &["link", "test"]);
    assert_eq!(green.code, 0, "{green:?}");
    assert_eq!(green.out.lines().filter(|line| line.starts_with('✓')).count(), 6, "{green:?}");

    place.stop("broker");
    let red = place.run(LY, ZH, &["link", "test"]);
    assert_eq!(red.code, 69, "{red:?}");
    assert!(red.out.contains("✕  网络连接") && red.out.contains("→ 处置：检查线路、防火墙"), "{red:?}");

    let sent = place.run(LY, ZH, &bulletin(&[]));
    assert_eq!(sent.code, 0, "{sent:?}");
    let listed = place.run(LY, ZH, &["inbox", "--sent"]);
    assert_eq!(column(&listed.out, "状态"), ["已存待发"], "{listed:?}");
}

#[test]
fn every_way_to_fail_has_its_exit_code_and_says_what_to_do() {
    let place = Place::start(&[LY]);
    let config = place.file("bad.toml", "stat = \"x\"\n");
    let cases: [(&[&str], i32, &str); 11] = [
        (&["inbx"], 2, "是否指 inbox？"),
        (&["show", "abc"], 65, "末尾至少 6 位"),
        (&["show", "ffffff"], 66, "liandong inbox --sent"),
        (&["send", "buletin", "--example"], 66, "是否指 `bulletin`？"),
        (&["send", "bulletin", "--to", LYG], 65, "liandong send bulletin --example"),
        (&["send", "bulletin", "-f", "/nowhere.toml"], 66, "/nowhere.toml"),
        (&["errors", "expird"], 66, "是否指 EXPIRED？"),
        (&["mailbox", "drain", "--grace", "61"], 2, "1 – 60"),
        (&["certs", "show", "/nowhere"], 66, "没有这个目录"),
        (&["config", "check", "broker", &config], 65, "是否指 `state`？"),
        (&["inbox", "--desk", "/nowhere/desk.sock"], 69, "liandong agent"),
    ];
    for (args, code, remedy) in cases {
        let said = place.run(LY, ZH, args);
        assert_eq!(said.code, code, "{args:?}: {said:?}");
        assert!(said.err.contains(remedy), "{args:?}: {said:?}");
        assert_eq!(said.out, "", "talk goes to standard error");
    }
}

#[test]
fn json_is_the_same_in_both_languages_and_colour_is_never_piped() {
    let place = Place::start(&[LY, LYG]);
    let mut arrivals = place.spawn(LYG, EN, &["inbox", "-w", "-o", "jsonl"]);
    let sent = place.run(LY, EN, &bulletin(&["--precedence", "flash"]));
    assert_eq!(sent.code, 0, "{sent:?}");
    arrivals.json();
    // watched until it is there and says so, so that both lists show the same
    let delivered = || place.run(LY, EN, &["inbox", "--sent", "-o", "json"]).out.contains("DELIVERED");
    assert!((0..200).any(|_| delivered()), "no receipt came back");

    let [zh, en] = [ZH, EN].map(|lang| place.run(LY, lang, &["inbox", "--sent", "-o", "json"]).out);
    assert_eq!(zh, en);
    let line: serde_json::Value = serde_json::from_str(&zh).unwrap();
    assert_eq!(line[0]["precedence"], "FLASH");

    let table = place.run(LY, ZH, &["inbox", "--sent"]);
    assert!(!table.out.contains('\u{1b}') && !table.err.contains('\u{1b}'), "{table:?}");
}

#[test]
fn what_the_programs_write_is_their_owners_alone_and_no_crash_leaves_a_memory_image() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::start(&[LY]);
    let mut open = Vec::new();
    for program in ["broker", LY] {
        let mut folders = vec![place.state(program)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let meta = entry.metadata().unwrap();
                if meta.permissions().mode() & 0o077 != 0 {
                    open.push(entry.path());
                }
                if meta.is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", place.process(program))).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    }
    assert!(open.is_empty(), "{open:?}");
}
