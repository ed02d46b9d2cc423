//! What somebody changes in a stopped journal is named by its place; what nobody changed is good, living or stopped.

use std::{
    fs,
    path::{Path, PathBuf},
};

use model::{clock::Clock, time::Timestamp};

use super::*;
use crate::{FileJournal, Journal as _, Lane, Options, RecordBatch, Ticket};

fn open(folder: &Path) -> FileJournal {
    let clock = Clock::new(|| Timestamp::from_millis(1_800_000_000_000));
    let options = Options { segment_bytes: Some(16 << 10), ..Options::new(folder.join("journal"), clock) };
    FileJournal::open(options).unwrap()
}

fn fill(journal: &FileJournal, records: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for number in 0..records {
        let record = Record::new(7, Timestamp::from_millis(5), format!("record {number:08}").into_bytes());
        let records = vec![record.clone(), record];
        let batch = RecordBatch { records, lane: Lane::Normal, ticket: Ticket(0) };
        runtime.block_on(journal.append(batch)).unwrap();
    }
}

/// Three lives of several segments, whose leaves were taken.
fn made() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let journal = open(folder.path());
        fill(&journal, 100);
        journal.newest_tree().unwrap();
        journal.stop();
    }
    folder
}

fn look(folder: &Path) -> Inspection {
    inspect(&folder.join("journal"), |_, _, _| {}).unwrap()
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder.join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "seg"));
    files.sort();
    files
}

#[test]
fn a_journal_that_nobody_touched_is_good_while_it_lives_and_afterwards() {
    let folder = made();
    let journal = open(folder.path());
    fill(&journal, 30);
    let living = look(folder.path());
    assert_eq!(living.flaws, [], "living");
    assert_eq!(living.end, journal.committed());
    assert_eq!(living.root, journal.newest_tree().unwrap().root);
    journal.stop();
    let stopped = look(folder.path());
    assert_eq!((stopped.flaws.len(), stopped.records, stopped.torn), (0, stopped.end.0, false));
}

/// Bytes of a record are changed and its CRC with them, the trailer stays: by the tree, and by the hash that was taken.
#[test]
fn a_record_that_was_edited_with_its_checksum_is_named_exactly() {
    let folder = made();
    let path = &segments(folder.path())[0];
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(15).position(|window| window == b"record 00000003").unwrap();
    bytes[at + 14] = b'9';
    let frame = at - 28;
    let seed = {
        let Read::Good(header) = Header::decode(&bytes[..HEADER_BYTES]) else { panic!("a header") };
        let seed = crc32c::crc32c(b"LDSEED01");
        let seed = crc32c::crc32c_append(seed, &header.number.to_be_bytes());
        crc32c::crc32c_append(seed, &header.epoch.0)
    };
    let crc = crc32c::crc32c_append(seed, &bytes[frame..frame + 4]);
    let crc = crc32c::crc32c_append(crc, &bytes[frame + 8..at + 15]);
    bytes[frame + 4..frame + 8].copy_from_slice(&crc.to_be_bytes());
    fs::write(path, bytes).unwrap();

    let found = look(folder.path());
    let kinds: Vec<_> = found.flaws.iter().map(|flaw| (flaw.kind, flaw.first, flaw.segment)).collect();
    assert!(kinds.contains(&(FlawKind::OtherLeaf, Position(8), Some(1))), "{kinds:?}");
    assert!(kinds.iter().any(|(kind, ..)| *kind == FlawKind::OtherRecords), "{kinds:?}");
    assert_eq!(found.flaws[0].first, Position(8), "{:?}", found.flaws);
}

#[test]
fn bytes_that_do_not_fit_their_checksum_are_named_by_segment_and_record() {
    let folder = made();
    let path = &segments(folder.path())[1];
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(7).position(|window| window == b"record ").unwrap();
    bytes[at + 9] ^= 4;
    fs::write(path, bytes).unwrap();
    let found = look(folder.path());
    assert_eq!(found.flaws[0].kind, FlawKind::Unreadable, "{:?}", found.flaws);
    assert_eq!(found.flaws[0].segment, Some(2));
    assert_eq!(found.flaws[0].first, found.flaws[0].last);
}

#[test]
fn what_is_cut_off_taken_out_or_exchanged_is_named() {
    type Harm = fn(&[PathBuf]);
    let harms: [(&str, Harm, FlawKind); 5] = [
        ("a segment is gone", |files| fs::remove_file(&files[1]).unwrap(), FlawKind::SegmentMissing),
        ("the last segment is gone", |files| fs::remove_file(files.last().unwrap()).unwrap(), FlawKind::EndsEarly),
        (
            "the end of the last is cut",
            |files| {
                let last = files.last().unwrap();
                let length = fs::metadata(last).unwrap().len();
                fs::File::options().write(true).open(last).unwrap().set_len(length - 300).unwrap();
            },
            FlawKind::EndsEarly,
        ),
        (
            "the end of one in between is cut",
            |files| fs::File::options().write(true).open(&files[0]).unwrap().set_len(6000).unwrap(),
            FlawKind::Missing,
        ),
        (
            "two segments have changed places",
            |files| {
                let (one, other) = (fs::read(&files[0]).unwrap(), fs::read(&files[1]).unwrap());
                fs::write(&files[0], other).unwrap();
                fs::write(&files[1], one).unwrap();
            },
            FlawKind::Header,
        ),
    ];
    for (what, harm, kind) in harms {
        let folder = made();
        harm(&segments(folder.path()));
        let found = look(folder.path());
        assert!(found.flaws.iter().any(|flaw| flaw.kind == kind), "{what}: {:?}", found.flaws);
    }
}

/// Every byte of a stopped journal that means something is under some check.
#[test]
fn no_changed_byte_of_a_thousand_goes_unseen() {
    let folder = made();
    let files = segments(folder.path());
    let mut seen = 0;
    for (number, path) in files.iter().enumerate() {
        let good = fs::read(path).unwrap();
        // of the header block only its fields; the rest is padding under the same checksum
        for at in (0..good.len()).step_by(good.len() / 170 + 1) {
            let mut bad = good.clone();
            bad[at] ^= 0x20;
            fs::write(path, &bad).unwrap();
            let found = look(folder.path());
            assert!(!found.flaws.is_empty() || found.torn, "byte {at} of segment {number}");
            seen += 1;
        }
        fs::write(path, &good).unwrap();
    }
    assert!(seen >= 300, "{seen}");
    assert_eq!(look(folder.path()).flaws, []);
}
