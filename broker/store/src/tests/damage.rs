//! Every file of a stopped store is damaged in every way we can think of: the rows come back equal, from the journal if
//! need be, what was damaged is kept, and nothing is ever silently different.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proptest::prelude::*;

use super::{
    memory::Memory,
    toy::{Op, TABLES, record},
    world::{World, block_on, files},
};
use crate::{Failure, FoldError, OpenError, Opened};

/// A stopped store with rows, runs and a closed index file, and its journal.
fn stopped() -> (World, Memory) {
    let mut world = World::new();
    world.start();
    for round in 0..9_u8 {
        for number in 0..12 {
            let (table, id) = (number % TABLES, round * 4 + number);
            world.append(vec![record(&[
                Op::Put { table, key: 4 * round + number, bytes: 250 },
                Op::Settle { id, bytes: 200 },
            ])]);
        }
        block_on(world.engine().checkpoint()).unwrap();
    }
    world.stop();
    let journal = world.journal.next_life();
    (world, journal)
}

/// One way to spoil a file.
#[derive(Clone, Copy, Debug)]
enum Spoil {
    Bit(usize),
    Truncate(usize),
    Zeros(usize),
    Garbage(usize),
    Gone,
}

impl Spoil {
    /// Spoils the file at `path`; false if that would change nothing.
    fn spoil(self, path: &Path) -> bool {
        let mut bytes = fs::read(path).unwrap();
        let before = bytes.clone();
        let length = bytes.len();
        match self {
            Self::Gone => return fs::remove_file(path).is_ok(),
            Self::Truncate(at) if at < length => bytes.truncate(at),
            Self::Bit(at) if at / 8 < length => bytes[at / 8] ^= 1 << (at % 8),
            Self::Zeros(at) if at < length => bytes[at..(at + 4_096).min(length)].fill(0),
            Self::Garbage(at) if at < length => {
                bytes[at..(at + 4_096).min(length)]
                    .iter_mut()
                    .zip((0..=u8::MAX).cycle())
                    .for_each(|(byte, n)| *byte = n ^ 0x5A);
            }
            _ => return false,
        }
        fs::write(path, &bytes).unwrap();
        bytes != before
    }
}

/// How far a file is in use: behind that sled has only zeros.
fn used(path: &Path) -> usize {
    fs::read(path).unwrap().iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// Ways to spoil a file that is used up to `used`: at its beginning, at its end, and spread between.
fn ways(used: usize) -> Vec<Spoil> {
    let places: Vec<usize> = (0..5).map(|nth| used * nth / 5 + nth).chain([used.saturating_sub(1)]).collect();
    let mut ways: Vec<_> = places.iter().map(|at| Spoil::Bit(at * 8 + at % 8)).collect();
    ways.extend(places.iter().step_by(2).map(|at| Spoil::Zeros(*at)));
    ways.extend([Spoil::Truncate(0), Spoil::Truncate(used / 2), Spoil::Truncate(used.saturating_sub(3))]);
    ways.extend([Spoil::Garbage(used / 3), Spoil::Gone]);
    ways
}

/// Opens until the rows can be read whole: at once, or after one more start, because closed pages are checked when read.
fn open_until_read(world: &mut World) -> Opened {
    let opened = world.start();
    match world.engine().dump() {
        Ok(_) => opened,
        Err(error) => {
            assert!(matches!(error, FoldError::Rows(_)), "{error}");
            assert!(matches!(world.engine().failed(), Some(Failure::Rows(_))), "whoever finds damage stops the engine");
            world.end();
            world.restart()
        }
    }
}

fn assert_survives(prepared: &World, journal: &Memory, file: &Path, spoil: Spoil) -> Option<Opened> {
    let mut world = World::over(journal.next_life());
    world.adopt(&prepared.store());
    if !spoil.spoil(&world.store().join(file)) {
        return None;
    }
    let opened = open_until_read(&mut world);
    world.assert_equal();
    if let Opened::Rebuilt { quarantined, why, replayed } = &opened {
        assert!(quarantined.starts_with(world.state().join("quarantine")), "{quarantined:?}");
        assert!(quarantined.join("rows").is_dir() && quarantined.join("closed").is_dir(), "kept whole");
        assert!(!why.is_empty() && *replayed > 100);
    } else {
        assert_eq!(world.quarantined(), Vec::<PathBuf>::new());
    }
    world.stop();
    let again = world.restart();
    assert!(matches!(again, Opened::Reopened { replayed: 1 }), "{again:?} after {opened:?}");
    world.assert_equal();
    Some(opened)
}

#[test]
fn no_damage_to_any_file_is_ever_silent() {
    let (prepared, journal) = stopped();
    let (mut rebuilt, mut kinds) = (0, std::collections::BTreeSet::new());
    for path in files(&prepared.store()) {
        let file = path.strip_prefix(prepared.store()).unwrap();
        kinds.insert(path.extension().map_or(path.file_name().unwrap(), |ext| ext).to_owned());
        for spoil in ways(used(&path)) {
            let opened = assert_survives(&prepared, &journal, file, spoil);
            rebuilt += usize::from(matches!(opened, Some(Opened::Rebuilt { .. })));
        }
    }
    assert!(rebuilt > 30, "{rebuilt} rebuilds prove little");
    assert!(["note", "db", "conf", "idx"].iter().all(|kind| kinds.contains(std::ffi::OsStr::new(kind))), "{kinds:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_anywhere_in_sleds_file_is_never_silent(place in 0..1_000_000_usize) {
        static PREPARED: std::sync::OnceLock<(World, Memory)> = std::sync::OnceLock::new();
        let (prepared, journal) = PREPARED.get_or_init(stopped);
        let file = Path::new("rows/db");
        let bits = used(&prepared.store().join(file)) * 8;
        assert_survives(prepared, journal, file, Spoil::Bit(place * (bits / 1_000_000).max(1) % bits));
    }
}

#[test]
fn what_a_start_of_sled_left_half_written_is_cleaned_away() {
    let (prepared, journal) = stopped();
    let mut world = World::over(journal);
    world.adopt(&prepared.store());
    let debris = world.store().join("rows/snap.00000000000000FF.generating");
    fs::write(&debris, b"half of a snapsh").unwrap();

    let opened = world.start();

    assert!(matches!(opened, Opened::Reopened { .. }), "{opened:?}");
    assert!(!debris.exists());
    world.assert_equal();
}

#[test]
fn an_index_file_that_was_not_written_to_its_end_is_cleaned_away() {
    let (prepared, journal) = stopped();
    let mut world = World::over(journal);
    world.adopt(&prepared.store());
    let half = world.store().join("closed/00000000000000000900-00000000000000000999.new");
    fs::write(&half, b"half of it").unwrap();

    assert!(matches!(world.start(), Opened::Reopened { .. }));

    assert!(!half.exists());
    world.assert_equal();
}

#[test]
fn a_file_that_is_not_ours_is_left_alone() {
    let (prepared, journal) = stopped();
    let mut world = World::over(journal);
    world.adopt(&prepared.store());
    let notes = [world.store().join("closed/LIES MICH.txt"), world.store().join("hello")];
    for note in &notes {
        fs::write(note, b"from the operator").unwrap();
    }

    assert!(matches!(world.start(), Opened::Reopened { .. }));

    assert!(notes.iter().all(|note| note.exists()));
    world.assert_equal();
}

#[test]
fn a_missing_index_file_is_made_again_from_the_journal() {
    let (prepared, journal) = stopped();
    for path in files(&prepared.store().join("closed")) {
        let mut world = World::over(journal.next_life());
        world.adopt(&prepared.store());
        fs::remove_file(world.store().join("closed").join(path.file_name().unwrap())).unwrap();

        let opened = world.start();

        assert!(matches!(&opened, Opened::Rebuilt { why, .. } if why.contains("index files")), "{opened:?}");
        world.assert_equal();
    }
}

#[test]
fn an_index_file_under_another_name_is_not_believed() {
    let (prepared, journal) = stopped();
    let mut world = World::over(journal);
    world.adopt(&prepared.store());
    let closed = files(&world.store().join("closed"));
    let [first, second] = [&closed[0], &closed[1]];
    fs::copy(second, first).unwrap();

    let opened = open_until_read(&mut world);

    assert!(matches!(opened, Opened::Rebuilt { .. }), "{opened:?}");
    world.assert_equal();
}

#[test]
fn five_starts_that_die_while_opening_give_the_rows_up() {
    let (prepared, journal) = stopped();
    let mut world = World::over(journal);
    world.adopt(&prepared.store());
    fs::write(world.store().join("note"), "liandong store note 1\nattempts 5\n").unwrap();

    let opened = world.start();

    assert!(matches!(&opened, Opened::Rebuilt { why, .. } if why.contains("5 starts")), "{opened:?}");
    world.assert_equal();
}

#[test]
fn a_start_that_the_machine_refuses_does_not_count_against_the_rows() {
    let (prepared, journal) = stopped();
    let mut world = World::over(journal.next_life());
    world.adopt(&prepared.store());
    // a folder in the place of debris that opening removes: the system says no
    let debris = world.store().join("rows/snap.0000000000000001.generating");
    for _ in 0..7 {
        fs::create_dir_all(&debris).unwrap();
        assert!(matches!(world.try_start(), Err(OpenError::Io { .. })));
        world.journal = world.journal.next_life();
    }
    fs::remove_dir(&debris).unwrap();

    let opened = world.start();

    assert!(matches!(opened, Opened::Reopened { .. }), "{opened:?}");
    world.assert_equal();
}

#[test]
fn a_store_that_was_deleted_is_folded_anew_to_the_same_bytes() {
    let (prepared, journal) = stopped();
    let mut old = World::over(journal.next_life());
    old.adopt(&prepared.store());
    old.start();
    let mut new = World::over(journal.next_life());
    assert!(matches!(new.start(), Opened::Fresh { .. }));

    assert_eq!(new.engine().dump().unwrap(), old.engine().dump().unwrap());
    let print = |world: &World| world.engine().read(|_, rows| rows.fingerprint()).unwrap();
    assert_eq!(print(&new), print(&old));
    assert_eq!(print(&new).open_rows(), new.engine().dump().unwrap().rows.len() as u64);
    assert_eq!(print(&new).settled_ids(), new.engine().dump().unwrap().settled.len() as u64);
}
