//! sled's file outgrows what is live: the rows move into a new one, under load and through every cut.

use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{
    memory::Memory,
    toy::{Op, record},
    world::{World, block_on},
};
use crate::{Failure, Opened, options::AfterBatch};

/// A stopped store whose file is far larger than its rows, and its journal.
fn bloated() -> (World, Memory) {
    let mut world = World::new();
    world.start();
    for round in 0..32_u8 {
        let puts: Vec<_> = (0..48).map(|key| Op::Put { table: round % 2, key, bytes: 4_000 }).collect();
        world.append_patiently(&record(&puts));
        world.append(vec![record(&[Op::Settle { id: round % 40, bytes: 90 }, Op::Count { counter: 0 }])]);
        block_on(world.engine().checkpoint()).unwrap();
    }
    let removes: Vec<_> = (0..48).map(|key| Op::Remove { table: 0, key }).collect();
    world.append(vec![record(&removes)]);
    world.stop();
    let journal = world.journal.next_life();
    (world, journal)
}

fn db_bytes(world: &World) -> u64 {
    std::fs::metadata(world.store().join("rows/db")).unwrap().len()
}

/// The number by which the file system knows sled's file: a move makes another one.
fn db_number(world: &World) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(world.store().join("rows/db")).unwrap())
}

fn copied(from: &World, journal: &Memory) -> World {
    let mut world = World::over(journal.next_life());
    world.adopt(&from.store());
    world.options.bloat_floor_bytes = 3 << 20;
    world
}

/// Spills one more record, and with it moves the rows if they are bloated.
fn move_rows(world: &World) -> Result<(), Failure> {
    world.append(vec![record(&[Op::Count { counter: 1 }])]);
    block_on(world.engine().checkpoint())?;
    world.append(vec![record(&[Op::Count { counter: 1 }])]);
    block_on(world.engine().checkpoint()).map(drop) // the move is over before the next round begins
}

#[test]
fn a_bloated_file_is_left_for_a_small_one() {
    let (prepared, journal) = bloated();
    let before = db_bytes(&prepared);
    let mut world = copied(&prepared, &journal);
    world.start();
    world.assert_equal();

    move_rows(&world).unwrap();

    let after = db_bytes(&world);
    assert!(after * 2 < before, "{before} bytes before, {after} after");
    assert!(!world.store().join("rows.new").exists());
    world.assert_equal();
    world.append(vec![record(&[Op::Put { table: 3, key: 1, bytes: 99 }, Op::Remove { table: 1, key: 7 }])]);
    block_on(world.engine().checkpoint()).unwrap();
    world.assert_equal();
    world.kill();
    assert!(matches!(world.restart(), Opened::Reopened { .. }));
    world.assert_equal();
    world.stop();
    assert!(matches!(world.restart(), Opened::Reopened { replayed: 1 }));
    world.assert_equal();
}

#[test]
fn a_file_that_is_not_bloated_stays() {
    let (prepared, journal) = bloated();
    let mut world = copied(&prepared, &journal);
    world.options.bloat_floor_bytes = db_bytes(&prepared) * 2;
    world.start();
    let before = db_number(&world);
    move_rows(&world).unwrap();
    assert_eq!(db_number(&world), before, "the file is the same one, whatever its length");
    world.assert_equal();
}

#[test]
fn a_cut_anywhere_in_the_move_loses_nothing() {
    let (prepared, journal) = bloated();
    let mut moved = false;
    for death in 1.. {
        let mut world = copied(&prepared, &journal);
        world.options.chunk_keys = 16;
        let seen = AtomicUsize::new(0);
        world.options.after_batch = AfterBatch::call(move || {
            if seen.fetch_add(1, Ordering::SeqCst) + 1 == death {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        world.start();
        world.append(vec![record(&[Op::Count { counter: 1 }])]);
        let spilled = block_on(world.engine().checkpoint()); // early deaths come in the spill, later ones in the move
        let died = spilled.and(block_on(world.engine().checkpoint())).is_err();
        world.kill();

        world.options.after_batch = AfterBatch::default();
        let opened = world.restart();
        assert!(matches!(opened, Opened::Reopened { .. }), "{opened:?}");
        assert!(!world.store().join("rows.new").exists(), "debris is cleaned away");
        world.assert_equal();
        if !died {
            moved = db_bytes(&world) * 2 < db_bytes(&prepared);
            break;
        }
    }
    assert!(moved, "the last round went through");
}

#[test]
fn old_rows_that_a_cut_left_after_the_move_are_removed() {
    let (prepared, journal) = bloated();
    let mut world = copied(&prepared, &journal);
    super::world::copy(&world.store().join("rows"), &world.store().join("rows.new"));
    assert!(matches!(world.start(), Opened::Reopened { .. }));
    assert!(!world.store().join("rows.new").exists());
    world.assert_equal();
}
