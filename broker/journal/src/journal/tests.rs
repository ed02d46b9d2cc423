use std::{fs, path::Path};

use model::{clock::Clock, time::Timestamp};

use super::*;
use crate::{Lane, Ticket};

fn options(folder: &Path) -> Options {
    let clock = Clock::new(|| Timestamp::from_millis(1_800_000_000_000));
    Options { segment_bytes: Some(64 << 10), ..Options::new(folder.join("journal"), clock) }
}

fn batch(number: u64, bytes: usize) -> RecordBatch {
    let mut body = vec![0; bytes];
    body.splice(0..8, number.to_be_bytes());
    let records = vec![Record::new(2, Timestamp::from_millis(1), body)];
    RecordBatch { records, lane: Lane::Normal, ticket: Ticket(number) }
}

fn segments(folder: &Path) -> usize {
    let names = fs::read_dir(folder.join("journal")).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| crate::segment::number_of(name.to_str().unwrap()).is_some()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_many_append_is_there_after_a_restart_in_the_order_it_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let journal = FileJournal::open(options(folder.path())).unwrap();
    let appends = (0..8_u64).map(|caller| {
        let journal = journal.clone();
        async move {
            let mut answers = Vec::new();
            for number in caller * 1000..caller * 1000 + 50 {
                answers.push((journal.append(batch(number, 1000)).await.unwrap(), number));
            }
            answers
        }
    });
    let mut callers = tokio::task::JoinSet::new();
    appends.for_each(|append| drop(callers.spawn(append)));
    let answers: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
    journal.stop();

    let again = FileJournal::open(options(folder.path())).unwrap();

    let report = again.report();
    assert!(report.damaged.is_empty() && report.torn.is_none() && report.rewritten.is_none(), "{report:?}");
    assert_eq!(report.end, Position(401));
    assert!(segments(folder.path()) > 5);
    for (at, number) in answers {
        assert_eq!(again.record(at).unwrap().bytes[..8], number.to_be_bytes());
    }
    let ends: Vec<_> = again.epochs().iter().map(|epoch| (epoch.first, epoch.ended_at)).collect();
    assert_eq!(ends, [(Position(1), Some(Position(401))), (Position(402), None)]);
    again.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_gives_what_is_there_then_what_comes_and_ends_with_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let journal = FileJournal::open(options(folder.path())).unwrap();
    journal.append(batch(7, 100)).await.unwrap();
    let commits = journal.read(Position(1)).unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let threads = Threads::default();
    let reader = move || commits.for_each(|committed| tell.send(committed.unwrap().tickets).unwrap());
    threads.start("reader", reader).unwrap();
    assert_eq!(told.recv().await.unwrap(), [(Ticket(0), 1)], "the epoch began");
    assert_eq!(told.recv().await.unwrap(), [(Ticket(7), 1)]);

    journal.append(batch(8, 100)).await.unwrap();

    assert_eq!(told.recv().await.unwrap(), [(Ticket(8), 1)]);
    journal.stop();
    assert_eq!(told.recv().await, None);
    threads.join();
}

#[tokio::test]
async fn an_append_larger_than_a_segment_gets_one_that_is_long_enough() {
    let folder = tempfile::tempdir().unwrap();
    let journal = FileJournal::open(options(folder.path())).unwrap();
    let at = journal.append(batch(1, 1 << 20)).await.unwrap();
    let after = journal.append(batch(2, 100)).await.unwrap();
    drop(journal);

    let again = FileJournal::open(options(folder.path())).unwrap();

    assert_eq!(again.record(at).unwrap().bytes.len(), 1 << 20);
    assert_eq!(again.record(after).unwrap().bytes[..8], 2_u64.to_be_bytes());
}

#[tokio::test]
async fn a_stopped_journal_takes_nothing_and_takes_no_room_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = FileJournal::open(options(folder.path())).unwrap();
    journal.append(batch(1, 100)).await.unwrap();
    journal.stop();
    journal.stop();

    assert!(matches!(journal.append(batch(2, 100)).await, Err(JournalError::Stopped)));
    assert_eq!(segments(folder.path()), 1, "no spare is left");
    let length = fs::metadata(folder.path().join("journal/0000000001.seg")).unwrap().len();
    assert!(length < 5000, "zeros are given back: {length}");
}

#[tokio::test]
async fn old_segments_are_read_when_somebody_asks() {
    let folder = tempfile::tempdir().unwrap();
    let journal = FileJournal::open(options(folder.path())).unwrap();
    for number in 0..20 {
        journal.append(batch(number, 30_000)).await.unwrap();
    }
    journal.stop();
    let first = folder.path().join("journal/0000000001.seg");
    let mut bytes = fs::read(&first).unwrap();
    let record_2 = 4096 + 28 + 72 + 64 + 28;
    bytes[record_2 + 100] ^= 1;
    fs::write(&first, bytes).unwrap();

    let again = FileJournal::open(options(folder.path())).unwrap();

    assert!(again.damaged().is_empty(), "nobody has looked");
    let positions: Vec<_> =
        again.read(Position(1)).unwrap().map(|committed| committed.unwrap().first.0).take(21).collect();
    assert_eq!(positions, (1..=22).filter(|at| *at != 2).collect::<Vec<_>>(), "all but the damaged one");
    assert!(matches!(again.record(Position(2)), Err(JournalError::Damaged(Position(2)))));
    let damaged = again.damaged();
    assert_eq!((damaged[0].first, damaged[0].last), (Position(2), Position(2)));
    assert!(damaged[0].quarantined.as_ref().unwrap().join("0000000001.seg").exists());
    again.stop();

    let verifying = FileJournal::open(Options { verify_all: true, ..options(folder.path()) }).unwrap();
    assert_eq!(verifying.report().damaged.len(), 1, "whoever asks for it looks at everything");
}
