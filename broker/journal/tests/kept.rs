//! Journals that earlier versions wrote still open, and say what they said.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{fmt::Write as _, fs, path::Path};

use journal::{FileJournal, Journal as _, OpenReport, Options, Position};
use model::{clock::Clock, time::Timestamp};

fn copy_of(kept: &Path) -> tempfile::TempDir {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("journal");
    fs::create_dir(&folder).unwrap();
    for entry in fs::read_dir(kept.join("journal")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    state
}

#[test]
fn a_journal_of_format_1_opens_and_has_its_records() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept/v1");
    let state = copy_of(&kept);
    let clock = Clock::new(|| Timestamp::from_millis(1_800_000_000_000));
    let options = Options {
        owner: "sd-js/371300".to_owned(),
        verify_all: true,
        ..Options::new(state.path().join("journal"), clock)
    };

    let journal = FileJournal::open(Options { segment_bytes: Some(64 << 10), ..options }).unwrap();
    journal.stop();

    let expected = fs::read_to_string(kept.join("records")).unwrap();
    let mut found = String::new();
    for committed in journal.read(Position(1)).unwrap().map(Result::unwrap) {
        for (number, record) in committed.records.iter().enumerate() {
            let at = committed.first.plus(number as u64);
            writeln!(found, "{at} {} {} {:02x?}", committed.epoch, record.kind, record.leaf()).unwrap();
        }
    }
    assert_eq!(
        found.strip_prefix(&expected).map(|rest| rest.lines().count()),
        Some(1),
        "those, and a new epoch:\n{found}"
    );
    let OpenReport { end, damaged, headers_repaired, torn, rewritten, data_loss_suspected, .. } = journal.report();
    assert_eq!(*end, Position(u64::try_from(expected.lines().count()).unwrap()));
    assert!(damaged.is_empty() && headers_repaired.is_empty() && torn.is_none() && rewritten.is_none());
    assert_eq!(*data_loss_suspected, None);
}
