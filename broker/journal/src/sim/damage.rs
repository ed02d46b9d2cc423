//! Flipped bits, cut files, zeroed blocks, vanished files: repaired or loud, never silent, never wrong bytes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use model::{
    position::{EpochId, Position},
    time::Timestamp,
};

use super::{SimDisk, dice::Dice, start, world::World, world::script};
use crate::{
    JournalError,
    format::{self, HEADER_BYTES},
    open::{OpenError, Opened, open},
    record::Record,
};

type Known = BTreeMap<Position, (EpochId, Record)>;

/// A journal of some segments and lives, stopped in order, and what is in it.
fn stopped(seed: u64) -> (SimDisk, Known) {
    let (disk, mut world) = (SimDisk::default(), World::default());
    world.play(&disk, &script(&mut Dice::new(seed))).unwrap();
    let opened = world.start(&disk).unwrap();
    let known = all(&opened);
    let Opened { writer, marker, .. } = opened;
    marker.note(writer.mark());
    marker.write().unwrap();
    writer.close();
    (disk.after_kill(), known)
}

fn all(opened: &Opened) -> Known {
    let shelf = &opened.writer.shelf;
    let mut known = Known::new();
    for at in 1..=shelf.committed().0 {
        let at = Position(at);
        let committed = shelf.batch(at).unwrap();
        let record = committed.records[usize::try_from(at.0 - committed.first.0).unwrap()].clone();
        known.insert(at, (committed.epoch, record));
    }
    known
}

/// What became of a damaged journal.
#[derive(Debug, Default, Eq, PartialEq)]
struct Fate {
    /// Nothing is missing.
    whole: u64,
    /// Something is missing, and exactly that is reported.
    told: u64,
    /// It does not open, and says why.
    refused: u64,
}

/// Opens a damaged journal and holds it against what was in it. Says how many records are missing.
fn judge(disk: &SimDisk, known: &Known, fate: &mut Fate, what: &str) -> u64 {
    let opened = match start(disk, 99) {
        Ok(opened) => opened,
        Err(OpenError::Format { .. } | OpenError::Foreign { .. }) => {
            fate.refused += 1;
            return 0;
        }
        Err(error) => panic!("{what}: {error:?}"),
    };
    let shelf = &opened.writer.shelf;
    let mut missing = 0;
    for (at, (epoch, record)) in known {
        match shelf.record(*at) {
            Ok(read) => {
                assert_eq!((&read, shelf.batch(*at).unwrap().epoch), (record, *epoch), "{what}: wrong bytes at {at}");
            }
            Err(JournalError::Damaged(_)) => {
                let told = shelf.damaged().iter().any(|damage| damage.first <= *at && *at <= damage.last);
                assert!(told, "{what}: {at} is missing and not reported: {:?}", shelf.damaged());
                missing += 1;
            }
            Err(error) => panic!("{what}: {at} is silently gone: {error} {:?}", opened.report),
        }
    }
    let last = known.last_key_value().map_or(Position(0), |(last, _)| *last);
    assert_eq!(shelf.committed(), opened.epochs.last().unwrap().first, "{what}: the new life began");
    assert!(shelf.committed() > last, "{what}: no position is given away twice");
    if missing == 0 {
        fate.whole += 1;
    } else {
        fate.told += 1;
    }
    reads_on(&opened, what);
    again(disk, known, what);
    missing
}

/// Reading goes over damage to the end.
fn reads_on(opened: &Opened, what: &str) {
    let shelf = &opened.writer.shelf;
    let end = shelf.committed();
    let mut commits = shelf.commits(Position(1));
    let met_end = commits
        .by_ref()
        .map(|committed| committed.unwrap())
        .any(|committed| committed.first.plus(committed.records.len() as u64) > end);
    assert!(met_end, "{what}");
}

/// The next start finds the same, without trouble.
fn again(disk: &SimDisk, known: &Known, what: &str) {
    let opened = start(disk, 100).unwrap();
    for (at, (_, record)) in known {
        match opened.writer.shelf.record(*at) {
            Ok(read) => assert_eq!(read, *record, "{what}"),
            Err(error) => assert!(matches!(error, JournalError::Damaged(_)), "{what}: {at}: {error}"),
        }
    }
}

fn files(disk: &SimDisk) -> Vec<(PathBuf, usize)> {
    disk.contents().into_iter().map(|(path, bytes)| (path, bytes.len())).collect()
}

#[test]
fn no_flipped_bit_goes_unseen() {
    let (mut dice, mut fate) = (Dice::new(8), Fate::default());
    for seed in 0..2 {
        let (disk, known) = stopped(seed);
        for (path, length) in files(&disk) {
            for at in 0..length {
                if (300..4000).contains(&at) && !dice.one_in(50) {
                    continue; // the zeros of the header block
                }
                let damaged = disk.copy();
                let bit = dice.below(8);
                damaged.damage(&path, |bytes| bytes[at] ^= 1 << bit);
                let what = format!("seed {seed}, {} byte {at} bit {bit}", path.display());
                let missing = judge(&damaged, &known, &mut fate, &what);
                assert!(missing <= 1 || at < HEADER_BYTES, "{what}: {missing} are missing");
            }
        }
    }
    eprintln!("{fate:?}");
    assert!(fate.whole > 500 && fate.told > 1000 && fate.refused == 0, "{fate:?}");
}

/// A journal whose first life ended after commits of eight, one and three records, and what is in it.
fn of_large_commits(end: impl FnOnce(Opened)) -> (SimDisk, Known) {
    let (disk, mut world) = (SimDisk::default(), World::default());
    let mut opened = world.start(&disk).unwrap();
    for count in [8, 1, 3_u8] {
        let records = (0..count).map(|of| Record::new(7, Timestamp::EPOCH, vec![of; 40])).collect();
        world.commit(&mut opened, vec![records]).unwrap();
    }
    let known = all(&opened);
    end(opened);
    (disk.after_kill(), known)
}

fn stop(Opened { writer, marker, .. }: Opened) {
    marker.note(writer.mark());
    marker.write().unwrap();
    writer.close();
}

fn first_segment() -> PathBuf {
    Path::new(super::FOLDER).join("0000000001.seg")
}

#[test]
fn a_damaged_byte_costs_at_most_the_record_it_is_in() {
    let (disk, known) = of_large_commits(stop);
    let length = files(&disk).into_iter().find(|(path, _)| *path == first_segment()).unwrap().1;
    let mut fate = Fate::default();
    for at in HEADER_BYTES..length {
        for change in [0x01, 0x80, 0xFF] {
            let damaged = disk.copy();
            damaged.damage(&first_segment(), |bytes| bytes[at] ^= change);
            let missing = judge(&damaged, &known, &mut fate, &format!("byte {at} changed by {change}"));
            assert!(missing <= 1, "byte {at} changed by {change}: {missing} records are missing");
        }
    }
    assert!(fate.whole > 3 * 64 && fate.told > 3 * 12 * 40, "a trailer costs nothing: {fate:?}");
}

#[test]
fn a_damaged_block_costs_the_records_it_touches() {
    let (disk, known) = of_large_commits(stop);
    // after the journal's own record comes the commit of eight, each 68 bytes long
    let eight = HEADER_BYTES + 28 + 64 + 64;
    disk.damage(&first_segment(), |bytes| bytes[eight + 68 + 2..eight + 3 * 68 - 2].fill(0));

    let missing = judge(&disk, &known, &mut Fate::default(), "two of eight");

    assert_eq!(missing, 2);
}

#[test]
fn a_record_damaged_while_the_journal_is_open_is_lost_alone() {
    let (disk, known) = of_large_commits(stop);
    let opened = start(&disk, 99).unwrap();
    let eight = HEADER_BYTES + 28 + 64 + 64;
    disk.damage(&first_segment(), |bytes| bytes[eight + 2 * 68 + 50] ^= 4);

    let read: Vec<_> = known.keys().map(|at| opened.writer.shelf.record(*at)).collect();

    let lost = |read: &&Result<_, _>| matches!(read, Err(JournalError::Damaged(Position(4))));
    assert_eq!(read.iter().filter(lost).count(), 1);
    assert_eq!(read.iter().filter(|read| read.is_ok()).count(), known.len() - 1);
    reads_on(&opened, "lost alone");
}

#[test]
fn frames_of_a_last_batch_that_nobody_promised_are_not_kept() {
    let (disk, known) = of_large_commits(drop); // killed; nothing was noted
    let last = known.len() as u64;
    disk.damage(&first_segment(), |bytes| {
        let trailer = bytes.windows(4).rposition(|four| four == b"LDBT").unwrap();
        bytes[trailer + 20] ^= 1;
    });

    let opened = start(&disk, 99).unwrap();

    assert_eq!(opened.report.end, Position(last - 3), "the batch counts whole or not at all");
    assert!(opened.report.damaged.is_empty() && opened.report.torn.is_some(), "{:?}", opened.report);
}

/// What looks like a frame and a trailer in somebody's letter is neither, whatever happens to the letter.
#[test]
fn a_body_that_holds_frames_never_becomes_records() {
    let (disk, mut world) = (SimDisk::default(), World::default());
    let mut opened = world.start(&disk).unwrap();
    let (epoch, mut forged) = (opened.writer.life.epoch.id, Vec::new());
    let evil = Record::new(9, Timestamp::EPOCH, vec![6; 10]);
    let root = (Position(1), [0; 32]);
    format::encode(&mut forged, format::Seed::new(1, epoch), Position(3), &[evil], root);
    let records = vec![Record::new(7, Timestamp::EPOCH, forged), Record::new(7, Timestamp::EPOCH, vec![1; 40])];
    world.commit(&mut opened, vec![records]).unwrap();
    let known = all(&opened);
    stop(opened);
    for at in HEADER_BYTES..HEADER_BYTES + 400 {
        let damaged = disk.after_kill();
        damaged.damage(&first_segment(), |bytes| bytes[at] ^= 0x10);
        judge(&damaged, &known, &mut Fate::default(), &format!("byte {at}"));
    }
}

#[test]
fn no_cut_file_no_zeroed_block_and_no_vanished_file_goes_unseen() {
    let mut fate = Fate::default();
    for seed in 0..40 {
        let mut dice = Dice::new(seed);
        let (disk, known) = stopped(seed);
        for (path, length) in files(&disk) {
            let change = |damage: &mut dyn FnMut(&mut Vec<u8>), what: &str, fate: &mut Fate| {
                let damaged = disk.copy();
                damaged.damage(&path, damage);
                judge(&damaged, &known, fate, &format!("seed {seed}, {} {what}", path.display()));
            };
            let to = usize::try_from(dice.below(length as u64)).unwrap();
            change(&mut |bytes| bytes.truncate(to), &format!("cut to {to}"), &mut fate);
            change(&mut Vec::clear, "emptied", &mut fate);
            let block = to / 512 * 512;
            change(&mut |bytes| bytes[block..length.min(block + 512)].fill(0), &format!("zeros at {block}"), &mut fate);
            change(&mut |bytes| bytes[..length.min(4096)].fill(0), "header of zeros", &mut fate);
            let damaged = disk.copy();
            damaged.vanish(&path);
            judge(&damaged, &known, &mut fate, &format!("seed {seed}, {} vanished", path.display()));
        }
    }
    eprintln!("{fate:?}");
    assert!(fate.whole > 100 && fate.told > 500 && fate.refused == 0, "{fate:?}");
}

#[test]
fn a_segment_put_in_the_place_of_another_is_seen() {
    let (disk, known) = stopped(5);
    let segments: Vec<_> =
        disk.contents().into_iter().filter(|(path, _)| path.extension().is_some_and(|kind| kind == "seg")).collect();
    let mut fate = Fate::default();
    for (path, bytes) in &segments {
        for (other, foreign) in segments.iter().filter(|(other, _)| other != path) {
            let damaged = disk.copy();
            damaged.damage(path, |here| here.clone_from(foreign));
            judge(
                &damaged,
                &known,
                &mut fate,
                &format!("{} holds {} of {}", path.display(), other.display(), bytes.len()),
            );
        }
    }
    assert!(fate.told > 5, "{fate:?}");
}

#[test]
fn an_older_copy_of_the_segments_is_suspected_by_the_mark() {
    let (disk, mut world) = (SimDisk::default(), World::default());
    world.play(&disk, &script(&mut Dice::new(3))).unwrap();
    let older = disk.after_kill();
    world.play(&disk, &script(&mut Dice::new(4))).unwrap();
    let newest = stop_and_mark(&disk);
    for (path, bytes) in older.contents() {
        if path.extension().is_some_and(|kind| kind == "seg") {
            disk.damage(&path, |here| *here = bytes);
        }
    }
    let older_names: Vec<_> = older.contents().into_iter().map(|(path, _)| path).collect();
    for (path, _) in disk.contents() {
        if path.extension().is_some_and(|kind| kind == "seg") && !older_names.contains(&path) {
            disk.vanish(&path);
        }
    }

    let opened = start(&disk, 99).unwrap();

    assert!(opened.report.data_loss_suspected.is_some(), "{:?}", opened.report);
    assert!(opened.epochs.last().unwrap().first > newest, "no position is given away twice");
}

fn stop_and_mark(disk: &SimDisk) -> Position {
    let Opened { writer, marker, .. } = start(disk, 98).unwrap();
    let end = writer.shelf.committed();
    marker.note(writer.mark());
    marker.write().unwrap();
    writer.close();
    end
}

#[test]
fn what_is_not_ours_is_left_alone_and_named() {
    let (disk, known) = stopped(1);
    let stray = Path::new(super::FOLDER).join("notes.txt");
    disk.put(&stray, b"buy milk");

    let opened = start(&disk, 99).unwrap();

    assert_eq!(opened.report.strays, ["notes.txt"]);
    assert!(disk.contents().contains(&(stray, b"buy milk".to_vec())));
    assert_eq!(all(&opened).len(), known.len() + 1);
}

#[test]
fn a_journal_of_another_owner_or_of_a_later_format_is_refused() {
    let (disk, _) = stopped(1);
    let mut foreign = super::plan(&disk, 99);
    foreign.owner = "hn-gd".to_owned();
    assert!(matches!(open(&foreign), Err(OpenError::Foreign { .. })));

    let first = Path::new(super::FOLDER).join("0000000001.seg");
    disk.damage(&first, |bytes| {
        bytes[11] = 2;
        let crc = crc32c::crc32c(&bytes[..4092]).to_be_bytes();
        bytes[4092..4096].copy_from_slice(&crc);
    });
    assert!(matches!(start(&disk, 99), Err(OpenError::Format { format: 2, .. })));
}

#[test]
fn a_file_that_only_has_the_name_of_a_segment_is_refused() {
    let disk = SimDisk::default();
    disk.put(&Path::new(super::FOLDER).join("0000000001.seg"), &[0x7F; 9000]);
    assert!(matches!(start(&disk, 1), Err(OpenError::Foreign { .. })));
}

#[test]
fn damage_is_copied_to_quarantine_once() {
    let (disk, _) = stopped(1);
    let first = Path::new(super::FOLDER).join("0000000001.seg");
    disk.damage(&first, |bytes| bytes[4096 + 40] ^= 1);
    let verify = |epoch| {
        let mut plan = super::plan(&disk, epoch);
        plan.verify_all = true;
        open(&plan).unwrap().report
    };

    let (once, twice) = (verify(98), verify(99));

    let kept = disk.contents().into_iter().filter(|(path, _)| path.starts_with("/state/quarantine"));
    assert_eq!(kept.count(), 1);
    assert_eq!(once.damaged, twice.damaged);
    assert!(once.damaged.iter().any(|damage| damage.quarantined.is_some()), "{once:?}");
}
