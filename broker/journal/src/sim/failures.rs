//! Syncs that fail and disks that are full.

use model::{position::Position, time::Timestamp};

use super::{
    SEGMENT_BYTES, SimDisk,
    dice::Dice,
    start,
    world::{World, script},
};
use crate::{FileJournal, Journal as _, JournalError, Lane, Record, RecordBatch, Ticket, writer::WriteError};

fn record(length: usize) -> Record {
    Record::new(2, Timestamp::EPOCH, vec![7; length])
}

fn batch(length: usize) -> RecordBatch {
    RecordBatch { records: vec![record(length)], lane: Lane::Normal, ticket: Ticket(1) }
}

#[test]
fn nothing_promised_is_lost_at_any_failing_sync_and_a_power_cut_after_the_restart() {
    let mut failures = 0;
    for seed in 1000..1040 {
        let mut dice = Dice::new(seed);
        let script = script(&mut dice);
        for number in 1.. {
            let (mut world, disk) = (World::default(), SimDisk::default());
            disk.fail_sync(number);
            if world.play(&disk, &script).is_ok() {
                break; // the script has fewer syncs, or closed a segment with that one
            }
            failures += 1;
            let killed = disk.after_kill(); // the page cache still shows what the disk never got
            drop(world.start(&killed).unwrap());
            drop(world.start(&killed.after_cut(&mut dice)).unwrap());
        }
    }
    assert!(failures > 500, "not vacuous: {failures}");
}

#[tokio::test]
async fn after_a_failing_sync_nothing_is_answered_and_nothing_tried_again() {
    let disk = SimDisk::default();
    let journal = FileJournal::start(start(&disk, 1).unwrap()).unwrap();
    let first = journal.append(batch(10)).await.unwrap();
    disk.fail_every_sync();

    let failed = journal.append(batch(10)).await;
    let later = journal.append(batch(10)).await;
    journal.stop();

    assert!(matches!(failed, Err(JournalError::Failed(_))), "{failed:?}");
    assert!(matches!(later, Err(JournalError::Failed(_))), "{later:?}");
    assert!(journal.failed().is_some());
    assert_eq!(journal.committed(), first);
    let mut commits = journal.read(first).unwrap();
    assert_eq!(commits.next().unwrap().unwrap().first, first);
    assert!(matches!(commits.next(), Some(Err(JournalError::Failed(_)))), "whoever reads hears of it");
    assert!(commits.next().is_none());
}

#[tokio::test]
async fn a_disk_that_is_gone_damages_no_record() {
    let disk = SimDisk::default();
    let journal = FileJournal::start(start(&disk, 1).unwrap()).unwrap();
    let at = journal.append(batch(10)).await.unwrap();
    journal.stop();
    let journal = FileJournal::start(start(&disk, 2).unwrap()).unwrap();
    journal.record(at).unwrap();

    disk.go(true);
    let gone = journal.record(at);
    disk.go(false);

    assert!(matches!(gone, Err(JournalError::Failed(_))), "{gone:?}");
    journal.record(at).unwrap();
    assert!(journal.damaged().is_empty(), "{:?}", journal.damaged());
    journal.stop();
}

#[test]
fn a_disk_without_space_for_a_segment_is_busy_and_heals() {
    let disk = SimDisk::default();
    let (mut world, mut opened) = (World::default(), None);
    opened.replace(world.start(&disk).unwrap());
    let opened = opened.as_mut().unwrap();
    disk.fill(true);
    let mut written = 0;
    let refused = loop {
        match world.commit(opened, vec![vec![record(600)]]) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, WriteError::NoSpace(_)), "{refused:?}");
    assert!(written > 0, "what was preallocated can be written");

    disk.fill(false);
    let position = world.commit(opened, vec![vec![record(600)]]).unwrap();

    assert_eq!(position, Position(written + 2), "EpochBegan, what was written, and no gap");
    world.start(&disk.after_cut(&mut Dice::new(1))).unwrap();
}

#[tokio::test]
async fn callers_are_told_busy_while_there_is_no_space() {
    let disk = SimDisk::default();
    let journal = FileJournal::start(start(&disk, 1).unwrap()).unwrap();
    disk.fill(true);
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(journal.append(batch(600)).await);
    }
    assert!(matches!(answers.last(), Some(Err(JournalError::Busy))), "{answers:?}");
    assert!(journal.failed().is_none());

    disk.fill(false);
    while let Err(error) = journal.append(batch(600)).await {
        assert!(matches!(error, JournalError::Busy), "the spare that failed is answered once more: {error}");
    }
    journal.stop();
}

#[tokio::test]
async fn a_long_append_that_finds_no_space_may_come_again() {
    let disk = SimDisk::default();
    let journal = FileJournal::start(start(&disk, 1).unwrap()).unwrap();
    disk.limit(SEGMENT_BYTES); // there is a spare, but it cannot be made longer
    for _ in 0..3 {
        assert!(matches!(journal.append(batch(50_000)).await, Err(JournalError::Busy)));
        assert!(journal.append(batch(1500)).await.is_ok(), "what is shorter goes on");
    }

    disk.fill(false);
    let long = journal.append(batch(50_000)).await.unwrap();
    let short = journal.append(batch(10)).await.unwrap();
    journal.stop();

    let shelf = start(&disk, 2).unwrap().writer.shelf;
    assert_eq!(shelf.record(long).unwrap().bytes.len(), 50_000);
    assert_eq!(shelf.record(short).unwrap().bytes.len(), 10);
}
