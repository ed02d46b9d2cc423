//! Nothing secret leaves the programs but by the wire: planted words and keys are looked for in everything that they say.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::{CommandExt as _, ExitStatusExt as _},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{
    PRIORITY,
    place::{EN, Place, program},
    region::{LY, LYG, Region},
};

/// Stands in a body, and nowhere else.
const BODY: &str = "CANARY-BODY-4c1d";
/// Somebody who may do nothing.
const NOBODY: u32 = 65_534;

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// A piece of each key below a folder, as its file writes it and as bytes.
fn keys(folder: &Path) -> Vec<Vec<u8>> {
    let keys: Vec<_> = files(folder).into_iter().filter(|path| path.to_string_lossy().ends_with(".key")).collect();
    assert!(!keys.is_empty(), "there are keys in {}", folder.display());
    let pieces = keys.iter().flat_map(|path| {
        let text = fs::read_to_string(path).unwrap();
        let line = text.lines().rfind(|line| !line.starts_with('-')).unwrap().to_owned();
        let bytes = text.lines().filter(|line| !line.starts_with('-')).collect::<String>();
        let raw = base64(&bytes);
        [line.into_bytes(), raw[raw.len() - 16..].to_vec()]
    });
    pieces.collect()
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for digit in text.bytes().filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte)) {
        held = held << 6 | u32::try_from(digit).unwrap();
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
        }
    }
    bytes
}

fn holds(text: &[u8], piece: &[u8]) -> bool {
    text.windows(piece.len()).any(|window| window == piece)
}

/// What a page of the broker's says.
fn page(place: &Place, path: &str) -> Vec<u8> {
    let config = fs::read_to_string(place.broker_config()).unwrap();
    let config: toml::Table = toml::from_str(&config).unwrap();
    let mut stream = TcpStream::connect(config["metrics_listen"].as_str().unwrap()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut page = Vec::new();
    stream.read_to_end(&mut page).unwrap();
    page
}

#[test]
fn no_key_and_no_word_of_a_body_stands_in_logs_metrics_or_errors() {
    let place = Place::start_with(&[LY, LYG], "trace");
    let set = format!("body={BODY}");
    let fixed = ["send", "bulletin", "--to", LYG, "--set", &set, "--sign-off", "李敏/带班领导", "--set", PRIORITY];
    let about = ["--incident", "371300-20261203-0001", "--level", "l4", "--category", "accident"];
    let args = fixed.into_iter().chain(about).chain(crate::HEADLINE).chain(["--watch", "-o", "jsonl"]);
    let mut watched = place.spawn(LY, EN, &args.collect::<Vec<_>>());
    let id = watched.json()["message_id"].as_str().unwrap().to_owned();
    let stages = [(); 2].map(|()| watched.json()["stage"].as_str().unwrap().to_owned());
    assert_eq!(stages, ["ACCEPTED", "DELIVERED"]);
    let shown = place.run(LYG, EN, &["show", &id]);
    assert!(shown.out.contains(BODY), "it is there for whoever may read it: {shown:?}");

    // errors about keys: of a file that is none, and of one that others can read
    let broken = place.file("broken.key", format!("-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----\n"));
    let mut said: Vec<u8> = Vec::new();
    for args in [&["certs", "sign", "x.toml", "--key", &broken][..], &["certs", "show", &place.trust(LY)]] {
        let told = place.run(LY, EN, args);
        said.extend(told.out.bytes().chain(told.err.bytes()));
    }
    said.extend(page(&place, "/metrics"));
    said.extend(page(&place, "/healthz"));
    let logs = ["broker", LY, LYG].map(|program| fs::read(place.log(program)).unwrap());
    assert!(logs.iter().all(|log| log.len() > 10_000), "they have said all they can");

    let keys: Vec<_> =
        ["broker", LY, LYG, "operator"].iter().flat_map(|who| keys(Path::new(&place.trust(who)))).collect();
    for text in logs.iter().chain([&said]) {
        assert!(!holds(text, BODY.as_bytes()), "a body was said");
        assert!(!keys.iter().any(|key| holds(text, key)), "a key was said");
    }
}

/// An agent without a broker, that runs as nobody where the test is root.
fn lonely(directory: &Path) -> Child {
    let now = jiff::Timestamp::now().as_millisecond();
    let region = Region::create(directory, &[LY], model::time::Timestamp::from_millis(now)).unwrap();
    let mut command: Command = program(EN);
    command.args(["agent", "--config"]).arg(&region.agent(LY).config).stdout(Stdio::piped()).stderr(Stdio::null());
    command.current_dir(directory);
    if rustix::process::geteuid().is_root() {
        let all =
            files(directory).into_iter().flat_map(|path| path.ancestors().map(Path::to_owned).collect::<Vec<_>>());
        for path in all.filter(|path| path.starts_with(directory)) {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut child = command.spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    assert!(ready.starts_with("ready: "), "{ready}");
    child
}

#[test]
fn no_other_program_of_the_same_user_sees_its_memory_and_a_crash_leaves_none_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let mut agent = lonely(directory.path());

    let owner = fs::metadata(format!("/proc/{}/mem", agent.id())).unwrap().uid();
    assert_eq!(owner, 0, "its memory belongs to the system");
    let limits = fs::read_to_string(format!("/proc/{}/limits", agent.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "{core}");
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let files: Vec<_> = files.split_whitespace().rev().skip(1).take(2).collect();
    assert_eq!(files[0], files[1], "as many as the system lets it");

    let id = rustix::process::Pid::from_child(&agent);
    rustix::process::kill_process(id, rustix::process::Signal::ABORT).unwrap();
    let ended = agent.wait().unwrap();
    assert!(ended.signal().is_some() && !ended.core_dumped(), "{ended:?}");
}
