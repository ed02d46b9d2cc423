//! A cut after every single batch, in a spill and while opening puts it back: the fold goes on as if nothing had been.

use std::{
    ops::ControlFlow,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    memory::Memory,
    toy::{Op, TABLES, record},
    world::{World, block_on, copy},
};
use crate::{Failure, OpenError, Opened, options::AfterBatch};

/// Rows of every table, and settled entries: the first round puts them, later rounds change some of each.
fn ops(round: u8) -> Vec<Op> {
    let mut ops = Vec::new();
    for table in 0..TABLES {
        for key in (0..24).filter(|key| round == 0 || key % 3 == round % 3) {
            let bytes = 40 + 90 * u16::from(key % 5) + u16::from(round);
            ops.push(if key % 4 == round { Op::Remove { table, key } } else { Op::Put { table, key, bytes } });
        }
        ops.push(Op::Put { table, key: 100 + round, bytes: 300 });
        ops.push(Op::Done { table, id: 4 * round + table });
        ops.push(Op::Count { counter: table });
        ops.push(Op::Count { counter: 10 * round + table }); // a new row: if it outlived a cut it would count twice
    }
    ops
}

/// A stopped store with rows, and a journal whose next life brings changes that were not spilled.
fn prepared() -> (World, Memory) {
    let mut world = World::new();
    world.start();
    for op in ops(0) {
        world.append(vec![record(&[op])]);
    }
    block_on(world.engine().checkpoint()).unwrap();
    world.append(vec![record(&ops(1))]);
    world.stop();
    world.journal = world.journal.next_life();
    world.start();
    let spilled = world.state().join("kept");
    copy(&world.store(), &spilled);
    for op in ops(2) {
        world.append(vec![record(&[op])]);
    }
    world.kill();
    let journal = world.journal.next_life();
    world.adopt(&spilled);
    (world, journal)
}

/// A world with that store and journal, which does `act` after each batch.
fn copied(from: &World, journal: &Memory, act: impl Fn() -> ControlFlow<()> + Send + Sync + 'static) -> World {
    let mut world = World::over(journal.next_life());
    world.adopt(&from.store());
    world.options.chunk_keys = 4;
    world.options.after_batch = AfterBatch::call(act);
    world
}

fn dies_after(batches: usize) -> impl Fn() -> ControlFlow<()> + Send + Sync + 'static {
    let seen = AtomicUsize::new(0);
    move || {
        let number = seen.fetch_add(1, Ordering::SeqCst) + 1;
        if number == batches { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn assert_whole(world: &mut World, opened: &Opened) {
    assert!(matches!(opened, Opened::Reopened { .. }), "{opened:?}");
    world.assert_equal();
    block_on(world.engine().checkpoint()).unwrap();
    world.assert_equal();
}

/// Batches that the spill of the prepared records takes.
fn batches(prepared: &World, journal: &Memory) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let mut world = copied(prepared, journal, move || {
        counted.fetch_add(1, Ordering::SeqCst);
        ControlFlow::Continue(())
    });
    world.start();
    block_on(world.engine().checkpoint()).unwrap();
    count.load(Ordering::SeqCst)
}

#[test]
fn a_death_after_any_batch_of_a_spill_costs_a_replay_and_nothing_else() {
    let (prepared, journal) = prepared();
    let batches = batches(&prepared, &journal);
    assert!(batches > 20, "{batches} batches prove little");

    for death in 1..=batches {
        let mut world = copied(&prepared, &journal, dies_after(death));
        world.start();
        assert!(matches!(block_on(world.engine().checkpoint()), Err(Failure::Killed)), "batch {death}");
        world.end();

        world.options.after_batch = AfterBatch::default();
        let opened = world.restart();

        assert_whole(&mut world, &opened);
    }
}

#[test]
fn a_second_death_while_the_first_is_put_right_changes_nothing() {
    let (prepared, journal) = prepared();
    let batches = batches(&prepared, &journal);
    let first_death = batches / 2;

    let mut second_deaths = 0;
    for second_death in 1.. {
        let mut world = copied(&prepared, &journal, dies_after(first_death));
        world.start();
        block_on(world.engine().checkpoint()).unwrap_err();
        world.end();

        world.options.after_batch = AfterBatch::call(dies_after(second_death));
        world.journal = world.journal.next_life();
        match world.try_start() {
            Err(OpenError::Io { .. }) => second_deaths += 1,
            Err(error) => panic!("{error}"),
            Ok(_) => break, // opening was through before the second death came
        }

        world.options.after_batch = AfterBatch::default();
        let opened = world.restart();
        assert_whole(&mut world, &opened);
    }
    assert!(second_deaths > 3, "{second_deaths} batches prove little");
}

#[test]
fn what_lies_on_disk_after_any_batch_opens_and_replays_to_the_same_rows() {
    let (prepared, journal) = prepared();
    let snapshots = tempfile::tempdir().unwrap();
    let taken: Arc<Mutex<Vec<PathBuf>>> = Arc::default();
    let (store, folder, list) = (Arc::new(Mutex::new(PathBuf::new())), snapshots.path().to_owned(), taken.clone());
    let source = store.clone();
    let mut world = copied(&prepared, &journal, move || {
        let mut list = list.lock().unwrap();
        let target = folder.join(list.len().to_string());
        copy(&source.lock().unwrap(), &target); // not flushed: what sled has not written yet is lost
        list.push(target);
        ControlFlow::Continue(())
    });
    *store.lock().unwrap() = world.store();
    world.start();
    block_on(world.engine().checkpoint()).unwrap();
    let journal = world.journal.clone();
    world.kill();

    for snapshot in taken.lock().unwrap().iter() {
        let mut world = World::over(journal.next_life());
        world.adopt(snapshot);
        let opened = world.start();
        assert_whole(&mut world, &opened);
    }
}
