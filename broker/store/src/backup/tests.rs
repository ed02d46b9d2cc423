//! A journal in files with attachments beside it, copied at rest and under load, damaged, and put back.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use journal::{FileJournal, Journal as _, Lane, Record, RecordBatch, Ticket};
use model::{clock::Clock, position::Position, time::Timestamp};
use tempfile::TempDir;

use super::{BackupError, Difference, MANIFEST, Manifest, make, quarantined, rebuild, restore, salvage, verify};
use crate::{
    note::Note,
    tests::world::{block_on, copy},
};

const SEGMENT_BYTES: u64 = 1 << 16;

fn clock() -> Clock {
    Clock::new(|| Timestamp::from_millis(1_800_000_000_000))
}

/// A state directory, and room for copies beside it.
struct World(TempDir);

impl World {
    fn new() -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        for folder in ["state/blobs", "state/store", "state/quarantine/2026-segment-0000000001", "state/local"] {
            std::fs::create_dir_all(world.at(folder)).unwrap();
        }
        for (name, text) in [
            ("blobs/aa", "attachment"),
            ("blobs/bb.part", "half"),
            ("store/note", "liandong store note 1\nattempts 0\n"),
            ("quarantine/2026-segment-0000000001/0000000001.seg", "damaged"),
            ("local/accounts.json", "{}"),
            ("lock", ""),
        ] {
            std::fs::write(world.at("state").join(name), text).unwrap();
        }
        world
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn journal(&self) -> FileJournal {
        let options = journal::Options {
            segment_bytes: Some(SEGMENT_BYTES),
            ..journal::Options::new(self.at("state/journal"), clock())
        };
        FileJournal::open(options).unwrap()
    }

    /// A state whose journal has more than one segment; nothing runs any more.
    fn filled() -> Self {
        let world = Self::new();
        let journal = world.journal();
        (0..200).for_each(|number| append(&journal, number));
        journal.newest_tree().unwrap();
        journal.stop();
        world
    }

    fn backup(&self, name: &str) -> Result<Manifest, BackupError> {
        make(&self.at("state"), &self.at(name), &clock())
    }
}

fn append(journal: &FileJournal, number: u64) {
    let bytes = Bytes::from(number.to_be_bytes().repeat(128));
    let record = Record::new(7, Timestamp::from_millis(1_800_000_000_000), bytes);
    block_on(journal.append(RecordBatch { records: vec![record], lane: Lane::Normal, ticket: Ticket::default() }))
        .unwrap();
}

fn names(manifest: &Manifest) -> Vec<&str> {
    manifest.files.iter().map(|entry| entry.name.as_str()).collect()
}

#[test]
fn a_copy_holds_the_journal_and_what_it_names_and_nothing_that_is_made_again() {
    let world = World::filled();

    let made = world.backup("copy").unwrap();

    assert_eq!(verify(&world.at("copy")).unwrap(), made);
    let names = names(&made);
    for there in ["journal/mark.0", "journal/0000000001.seg", "tree/0", "blobs/aa", "local/accounts.json"] {
        assert!(names.contains(&there), "{there} in {names:?}");
    }
    for left_out in ["lock", "store/note", "blobs/bb.part", "quarantine/2026-segment-0000000001/0000000001.seg"] {
        assert!(!names.contains(&left_out), "{left_out} in {names:?}");
    }
    let last_mark = names.iter().rposition(|name| name.starts_with("journal/mark")).unwrap();
    let first_segment = names.iter().position(|name| *name == "journal/0000000001.seg").unwrap();
    assert!(last_mark < first_segment, "promises before what keeps them");
    assert_eq!(made.end, 201, "two hundred, and the beginning of the epoch");
    assert!(matches!(world.backup("copy"), Err(BackupError::Exists(_))), "no copy is overwritten");
}

#[test]
fn copies_that_are_made_while_records_are_written_are_sound_and_hold_what_was_there_before() {
    let world = World::new();
    let journal = world.journal();
    append(&journal, 0);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            (1..20_000).take_while(|_| !stop.load(Ordering::SeqCst)).for_each(|number| append(&journal, number));
        });
        let mut ends = Vec::new();
        for number in 0..12 {
            let before = journal.committed();
            let made = world.backup(&format!("copy-{number}")).unwrap();
            assert!(Position(made.end) >= before, "{} and {before}", made.end);
            journal.newest_tree().unwrap();
            ends.push(made.end);
        }
        stop.store(true, Ordering::SeqCst);
        writer.join().unwrap();
        assert!(ends.is_sorted() && ends.first() < ends.last(), "it was written meanwhile: {ends:?}");
    });
    journal.stop();
}

#[test]
fn a_copy_that_was_put_back_goes_on_in_a_new_epoch_behind_its_end() {
    let world = World::filled();
    let made = world.backup("copy").unwrap();
    std::fs::remove_dir_all(world.at("state")).unwrap();
    std::fs::create_dir(world.at("state")).unwrap(); // an empty one may be there

    assert_eq!(restore(&world.at("copy"), &world.at("state")).unwrap(), made);

    let journal = world.journal();
    assert_eq!(journal.report().damaged, []);
    assert_eq!(journal.committed().0, made.end + 1, "the beginning of the new epoch");
    assert_eq!(journal.record(Position(2)).unwrap().bytes.len(), 1_024);
    assert_eq!(journal.epochs().len(), 2);
    journal.stop();
    assert_eq!(std::fs::read(world.at("state/blobs/aa")).unwrap(), b"attachment");
    let again = restore(&world.at("copy"), &world.at("state"));
    assert!(matches!(again, Err(BackupError::Exists(_))), "a state is never overwritten: {again:?}");
}

/// Every file of a copy with one bit changed, cut, taken away, and one more.
#[test]
fn whatever_is_changed_in_a_copy_is_named() {
    let world = World::filled();
    let made = world.backup("copy").unwrap();
    let bad = world.at("bad");
    let spoilt = |spoil: &dyn Fn(&Path)| {
        if bad.exists() {
            std::fs::remove_dir_all(&bad).unwrap();
        }
        copy(&world.at("copy"), &bad);
        spoil(&bad);
        let told = verify(&bad).unwrap_err();
        let refused = restore(&bad, &world.at("back")).unwrap_err();
        assert_eq!(told.to_string(), refused.to_string());
        assert!(!world.at("back").exists() && !world.at("back.new").exists());
        told
    };
    for entry in &made.files {
        let named = |told: BackupError, difference| match told {
            BackupError::Differs { file, difference: told } => {
                assert_eq!((file, told), (entry.name.clone(), difference));
            }
            other => panic!("{}: {other}", entry.name),
        };
        let flip = |folder: &Path| {
            let mut bytes = std::fs::read(folder.join(&entry.name)).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(folder.join(&entry.name), bytes).unwrap();
        };
        named(spoilt(&flip), Difference::Changed);
        named(spoilt(&|folder| std::fs::remove_file(folder.join(&entry.name)).unwrap()), Difference::Missing);
        let cut = |folder: &Path| {
            let file = std::fs::OpenOptions::new().write(true).open(folder.join(&entry.name)).unwrap();
            file.set_len(entry.bytes - 1).unwrap();
        };
        named(spoilt(&cut), Difference::Changed);
    }
    let told = spoilt(&|folder| std::fs::write(folder.join("blobs/cc"), "more").unwrap());
    assert!(matches!(told, BackupError::Differs { file, difference: Difference::Added } if file == "blobs/cc"));
    let told = spoilt(&|folder| std::fs::remove_file(folder.join(MANIFEST)).unwrap());
    assert!(matches!(told, BackupError::NoBackup { .. }));
    let rename = |folder: &Path| {
        let text = std::fs::read_to_string(folder.join(MANIFEST)).unwrap();
        std::fs::write(folder.join(MANIFEST), text.replace("blobs/aa", "../../blobs/aa")).unwrap();
    };
    assert!(matches!(spoilt(&rename), BackupError::NoBackup { why, .. } if why.contains("leads out")));
    let other_end = |folder: &Path| {
        let text = std::fs::read_to_string(folder.join(MANIFEST)).unwrap();
        std::fs::write(folder.join(MANIFEST), text.replace("\"end\": 201", "\"end\": 200")).unwrap();
    };
    assert!(matches!(spoilt(&other_end), BackupError::Differs { difference: Difference::OtherEnd, .. }));
}

#[test]
fn a_damaged_journal_is_not_copied_as_if_it_were_sound_and_nothing_stays_behind() {
    let world = World::filled();
    let segment = world.at("state/journal/0000000001.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[20_000] ^= 1;
    std::fs::write(&segment, bytes).unwrap();

    let told = world.backup("copy").unwrap_err();

    assert!(matches!(&told, BackupError::Flawed(flaws) if !flaws.is_empty()), "{told}");
    assert!(!world.at("copy").exists() && !world.at("copy.new").exists());
    assert!(matches!(make(&world.at("nothing"), &world.at("copy"), &clock()), Err(BackupError::NoState(_))));
}

#[test]
fn what_can_be_saved_of_a_damaged_journal_is_made_a_state_of_its_own_and_the_damaged_one_stays_as_it_is() {
    let world = World::filled();
    let segment = world.at("state/journal/0000000001.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[20_000] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();

    let report = salvage(&world.at("state"), &world.at("saved"), &clock()).unwrap();

    assert_eq!((report.damaged.len(), report.end), (1, Position(201)), "{report:?}");
    let lost = report.damaged[0].first;
    assert_eq!(report.damaged[0].last, lost, "one record, in whose frame the byte lies");
    assert_eq!(std::fs::read(&segment).unwrap(), bytes);
    let options = journal::Options::new(world.at("saved/journal"), clock());
    let journal = FileJournal::open(options).unwrap();
    assert!(journal.record(lost).is_err());
    assert_eq!(journal.record(lost.next()).unwrap().bytes.len(), 1_024);
    journal.stop();
    assert_eq!(std::fs::read(world.at("saved/blobs/aa")).unwrap(), b"attachment");
}

#[test]
fn a_copy_that_was_broken_off_is_none_and_is_in_nobodys_way() {
    let world = World::filled();
    std::fs::create_dir_all(world.at("copy.new/journal")).unwrap();
    std::fs::write(world.at("copy.new/journal/0000000001.seg"), "half").unwrap();
    assert!(matches!(verify(&world.at("copy.new")), Err(BackupError::NoBackup { .. })));

    world.backup("copy").unwrap();
    assert!(!world.at("copy.new").exists());
}

#[test]
fn word_to_rebuild_is_left_for_the_next_start_and_not_while_a_program_runs() {
    let world = World::filled();
    let lock = journal::file::lock(&world.at("state")).unwrap();
    assert!(matches!(rebuild(&world.at("state")), Err(BackupError::InUse(_))));
    drop(lock);

    rebuild(&world.at("state")).unwrap();

    let note = Note::read(&world.at("state/store")).unwrap();
    assert!(note.gives_up().is_some_and(|why| why.contains("operator")), "{note:?}");
}

#[test]
fn what_was_set_aside_is_listed_with_its_size() {
    let world = World::filled();
    let asides = quarantined(&world.at("state")).unwrap();
    let told: Vec<_> = asides.iter().map(|aside| (&*aside.name, aside.files, aside.bytes)).collect();
    assert_eq!(told, [("2026-segment-0000000001", 1, 7)]);
    assert_eq!(quarantined(&world.at("nothing")).unwrap(), []);
}
