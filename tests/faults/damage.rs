//! One change in one file of a state that a program left in order (F8), and files that are not where they should be or not ours
//! (F9). The program then starts on it and is asked for everything it should know.
//!
//! - *repaired*: it says what it said of the sound state;
//! - *loud*: it does not, and its log, its answers or its refusal to start say that something is wrong;
//! - *silent*: it does not, and nobody is told. That must never be.
//!
//! `LIANDONG_FLIPS` sets how many changes for each program (20); `LIANDONG_SEED` gives the first of them again.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::disk::files;
use crate::stopped::{End, PATIENCE, Said, Stopped, Whose};
use crate::world::dice::Dice;

/// What became of a change.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Came {
    Repaired,
    Loud,
    Silent,
}

/// A change of a file.
#[derive(Clone, Copy, Debug)]
enum Change {
    Flip { at: u64, bit: u8 },
    Zero { at: u64 },
    Cut { to: u64 },
    Empty,
    Remove,
}

/// A block of a disk.
const BLOCK: u64 = 4096;

impl Change {
    /// Half are bits; the others a block of zeros, a shorter file, an empty one, none.
    fn throw(dice: &mut Dice, length: u64) -> Self {
        let at = dice.below(length.max(1));
        match dice.below(10) {
            0..5 => Self::Flip { at, bit: u8::try_from(dice.below(8)).unwrap() },
            5..7 => Self::Zero { at: at / BLOCK * BLOCK },
            7 => Self::Cut { to: at },
            8 => Self::Empty,
            _ => Self::Remove,
        }
    }

    /// Makes it; false if the file is as it was.
    fn make(self, path: &Path) -> bool {
        let before = fs::read(path).unwrap();
        let file = || fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        match self {
            Self::Flip { at, bit } => {
                let Some(byte) = before.get(usize::try_from(at).unwrap()) else { return false };
                file().write_all_at(&[byte ^ (1 << bit)], at).unwrap();
            }
            Self::Zero { at } => {
                let end = (at + BLOCK).min(before.len() as u64);
                file().write_all_at(&vec![0; usize::try_from(end.saturating_sub(at)).unwrap()], at).unwrap();
            }
            Self::Cut { to } => file().set_len(to).unwrap(),
            Self::Empty => file().set_len(0).unwrap(),
            Self::Remove => fs::remove_file(path).unwrap(),
        }
        fs::read(path).map_or(true, |after| after != before)
    }
}

/// A file's kind: its path without numbers and digests.
fn kind(state: &Path, path: &Path) -> String {
    let path = path.strip_prefix(state).unwrap().to_string_lossy().into_owned();
    let of_name = |part: &str| {
        let long = part.len() >= 16 && part.chars().all(|c| c.is_ascii_hexdigit());
        if long {
            "DIGEST".to_owned()
        } else {
            part.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect()
        }
    };
    path.split('/').map(of_name).collect::<Vec<_>>().join("/").replace("##########", "#")
}

/// The files of a state, by kind.
fn kinds(state: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let mut kinds: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in files(state) {
        kinds.entry(kind(state, &path)).or_default().push(path);
    }
    kinds
}

/// Starts the program on the state as it is now: what it says, or that it refuses, and with which words.
async fn started(stopped: &Stopped, whose: Whose) -> Result<Said, String> {
    let mut program = stopped.program(whose);
    program.start();
    let ready = program.ready(PATIENCE).await;
    let said = match ready {
        Ok(()) => Ok(stopped.said_by(whose).await),
        Err(ended) => Err(ended),
    };
    let died = program.ended();
    program.kill().await;
    let log = fs::read_to_string(stopped.log(whose)).unwrap_or_default();
    assert!(!log.contains("panicked at"), "{whose:?} panicked:\n{log}");
    match (said, died) {
        (Ok(said), None) => Ok(said),
        (Err(ended), _) | (Ok(_), Some(ended)) => Err(format!("{ended}\n{log}")),
    }
}

fn judged(said: Result<&Said, &str>, expected: &Said) -> Came {
    match said {
        Err(words) if words.contains("error: ") => Came::Loud,
        Ok(said) if said.differs(expected).is_empty() => Came::Repaired,
        Ok(said) if !said.complains_beyond(expected).is_empty() => Came::Loud,
        Ok(_) | Err(_) => Came::Silent,
    }
}

async fn never_is_silent(whose: Whose) {
    let seed = Dice::seed_from_env();
    println!("seed {seed}");
    let rounds: usize = std::env::var("LIANDONG_FLIPS").map_or(20, |flips| flips.parse().expect("a number"));
    let stopped = Box::pin(Stopped::after_work(&format!("damage-{whose:?}"), End::InOrder)).await;
    stopped.put_back(whose);
    let expected = started(&stopped, whose).await.unwrap();
    let kinds = kinds(&stopped.kept(whose));
    let names: Vec<&String> = kinds.keys().collect();
    let mut came: BTreeMap<(&str, Came), usize> = BTreeMap::new();
    let mut silent = Vec::new();
    let mut dice = Dice::of(seed);
    let mut done = 0;
    while done < rounds {
        let again = dice.seed();
        let name = *dice.pick(&names);
        let kept = dice.pick(&kinds[name]).clone();
        let path = stopped.state(whose).join(kept.strip_prefix(stopped.kept(whose)).unwrap());
        let change = Change::throw(&mut dice, fs::metadata(&kept).unwrap().len());
        stopped.put_back(whose);
        if !change.make(&path) {
            continue;
        }
        done += 1;
        let said = started(&stopped, whose).await;
        let became = judged(said.as_ref().map_err(String::as_str), &expected);
        *came.entry((name, became)).or_default() += 1;
        if became == Came::Silent {
            let differs = said.map_or_else(|words| words, |said| said.differs(&expected).join("\n  "));
            silent.push(format!("LIANDONG_SEED={again}: {change:?} of {}:\n  {differs}", path.display()));
        }
    }
    for ((name, became), count) in &came {
        println!("{whose:?} {name}: {became:?} {count}");
    }
    println!("{whose:?}: {done} changes over {} kinds of files, {} silent", names.len(), silent.len());
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_a_file_of_a_broker_is_repaired_or_told() {
    Box::pin(never_is_silent(Whose::Broker)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_a_file_of_a_sender_is_repaired_or_told() {
    Box::pin(never_is_silent(Whose::Sender)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_a_file_of_a_receiver_is_repaired_or_told() {
    Box::pin(never_is_silent(Whose::Receiver)).await;
}

/// A file that does not belong there: its path, and what it holds.
fn strays() -> Vec<(&'static str, Vec<u8>)> {
    let half = |bytes: usize| (0..bytes).map(|at| (at * 7 % 251) as u8).collect::<Vec<_>>();
    vec![
        ("notes.txt", b"remember the milk\n".to_vec()),
        ("journal/0000000099.seg.new", half(70_000)),
        ("journal/0000000099.seg", Vec::new()),
        ("journal/0000000001.seg~", half(9_000)),
        ("journal/mark.2", half(100)),
        ("journal/mark.0.new", half(40)),
        ("journal/core", half(5_000)),
        ("store/rows/snap.0000000000000001.generating", half(300)),
        ("store/rows/db.bak", half(3_000)),
        ("store/closed/99.new", half(3_000)),
        ("store/note.new", half(10)),
        ("tree/9", half(64)),
        ("blobs/readme", half(64)),
        ("blobs/00ff.new", half(10_000)),
        ("desk.sock.old", Vec::new()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_is_left_alone() {
    let stopped = Box::pin(Stopped::after_work("damage-strays", End::InOrder)).await;
    for whose in Whose::ALL {
        stopped.put_back(whose);
        let expected = started(&stopped, whose).await.unwrap();
        stopped.put_back(whose);
        let there = |name: &str| stopped.state(whose).join(name).parent().is_some_and(Path::is_dir);
        let strays: Vec<_> = strays().into_iter().filter(|(name, _)| there(name)).collect();
        assert!(strays.len() > 10, "{whose:?} has few places for strays");
        for (name, bytes) in &strays {
            fs::write(stopped.state(whose).join(name), bytes).unwrap();
        }
        let said = started(&stopped, whose).await.unwrap();
        assert_eq!(said.differs(&expected), Vec::<String>::new(), "{whose:?} among strays");
        let ours = [".new", ".generating", ".seg"]; // what a start that was cut off leaves is swept
        for (name, bytes) in strays.iter().filter(|(name, _)| !ours.iter().any(|end| name.ends_with(end))) {
            assert_eq!(&fs::read(stopped.state(whose).join(name)).unwrap(), bytes, "{whose:?} changed {name}");
        }
    }
}
