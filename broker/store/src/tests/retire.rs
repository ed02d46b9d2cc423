//! The journal retires its oldest records: the index of what is closed goes with them, the open rows stay.

use journal::Record;
use model::{position::Position, time::Timestamp};

use super::{
    toy::{OPS, Op, id, record},
    world::{World, block_on, files},
};
use crate::{OpenError, Opened};

/// A world whose every spill makes a closed file; each round settles one id and leaves one row.
fn rounds(count: u8) -> World {
    let mut world = World::new();
    world.options.index_entries_max = 1;
    world.start();
    for number in 0..count {
        world.append(vec![record(&[
            Op::Settle { id: number, bytes: 20 },
            Op::Put { table: 0, key: number, bytes: 20 },
        ])]);
        block_on(world.engine().checkpoint()).unwrap();
    }
    // ids 0 and 1 are of longer ago than is remembered
    let now = Timestamp::from_millis(1_700_000_002_000).plus(world.options.settled_for);
    world.append(vec![Record::new(OPS, now, Vec::new())]);
    block_on(world.engine().checkpoint()).unwrap();
    world
}

fn settled(world: &World, number: u8) -> bool {
    world.engine().read(|_, rows| rows.settled(id(number)).unwrap().is_some())
}

#[test]
fn what_is_retired_is_forgotten_and_its_files_go() {
    let mut world = rounds(6);
    let before = files(&world.store().join("closed")).len();

    world.engine().retired(Position(4)).unwrap(); // records 1, 2 and 3 are gone: ids 0 and 1

    assert_eq!(
        (0..6).map(|number| settled(&world, number)).collect::<Vec<_>>(),
        [false, false, true, true, true, true]
    );
    assert_eq!(files(&world.store().join("closed")).len(), before - 2);
    let dump = world.engine().dump().unwrap();
    assert_eq!(dump.rows.len(), 6, "open rows stay");
    world.stop();

    world.journal = world.journal.retired(Position(4));
    assert_eq!(world.start(), Opened::Reopened { replayed: 1 });
    let again = world.engine().dump().unwrap();
    assert_eq!((again.rows, again.settled), (dump.rows, dump.settled));
}

#[test]
fn files_that_a_cut_left_after_retirement_are_removed_at_opening() {
    let mut world = rounds(6);
    world.kill();

    world.journal = world.journal.retired(Position(4));
    assert!(matches!(world.start(), Opened::Reopened { .. }));

    assert_eq!(files(&world.store().join("closed")).len(), 4);
    assert!(!settled(&world, 1) && settled(&world, 2));
}

#[test]
fn a_store_older_than_all_that_the_journal_kept_is_not_made_up() {
    let mut world = rounds(3);
    let old = tempfile::tempdir().unwrap();
    super::world::copy(&world.store(), old.path());
    for number in 10..20 {
        world.append(vec![record(&[Op::Settle { id: number, bytes: 20 }])]);
    }
    world.stop();
    world.adopt(old.path());

    world.journal = world.journal.retired(Position(9));
    let refused = world.try_start().unwrap_err();

    assert!(matches!(&refused, OpenError::BaseLost { first, .. } if *first == Position(9)), "{refused:?}");
    assert!(refused.to_string().contains("restore a backup"), "{refused}");
}
