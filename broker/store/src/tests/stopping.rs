//! How the engine ends: in good order, by failure of the journal or the fold, and what callers are told.

use std::time::Duration;

use journal::{Journal as _, JournalError, Lane, Record};
use model::{position::Position, time::Timestamp};

use super::{
    toy::{Op, PANICS, UNFOLDABLE, record},
    world::{World, block_on},
};
use crate::{AppendError, Failure, OpenError, Opened};

const PUT: Op = Op::Put { table: 0, key: 0, bytes: 20 };
const OTHER: Op = Op::Put { table: 1, key: 1, bytes: 20 };

fn of_kind(kind: u16) -> Record {
    Record::new(kind, Timestamp::EPOCH, Vec::new())
}

#[test]
fn an_orderly_stop_leaves_nothing_to_replay() {
    let mut world = World::new();
    assert_eq!(world.start(), Opened::Fresh { replayed: 1 });
    let last = world.append(vec![record(&[PUT]), record(&[OTHER])]).next();
    let engine = world.engine().clone();
    block_on(engine.stop()).unwrap();

    assert_eq!(engine.figures().checkpoint, last);
    assert!(matches!(block_on(engine.append(vec![record(&[PUT])], Lane::Settling)), Err(AppendError::Stopped)));
    drop(engine);
    world.end();
    world.start();
    assert_eq!(world.engine().figures().checkpoint, last, "opened where it was stopped");
    world.assert_equal();
}

#[test]
fn stopping_waits_for_the_answers_of_what_is_in_flight() {
    let mut world = World::new();
    world.start();
    let (engine, journal) = (world.engine().clone(), world.journal.clone());
    journal.close_gate();
    let answer = block_on(async {
        let append = engine.append(vec![record(&[PUT])], Lane::Normal);
        let release = async {
            tokio::task::yield_now().await;
            journal.open_gate();
        };
        let (answer, stopped, ()) = tokio::join!(append, engine.stop(), release);
        stopped.unwrap();
        answer
    });
    assert!(matches!(answer, Ok((Position(2), _))), "{answer:?}");
    drop(engine);
    world.end();
}

#[test]
fn stopping_does_not_wait_for_a_caller_who_has_gone() {
    let mut world = World::new();
    world.start();
    let (engine, journal) = (world.engine().clone(), world.journal.clone());
    journal.close_gate(); // nothing is folded from here on
    block_on(async {
        let mut append = Box::pin(engine.append(vec![record(&[PUT])], Lane::Normal));
        let mut stop = Box::pin(engine.stop());
        tokio::select! {
            biased;
            _ = &mut append => panic!("the gate is closed"),
            _ = &mut stop => panic!("somebody waits"),
            () = tokio::task::yield_now() => {}
        }
        drop(append);
        stop.await.unwrap();
    });
    journal.open_gate();
    drop(engine);
    world.end();
}

#[test]
fn a_checkpoint_covers_what_was_folded_when_it_was_asked_for() {
    let mut world = World::new();
    world.options.chunk_pause = Duration::from_millis(2); // rounds take long enough to be overtaken
    world.start();
    for round in 0..20 {
        for key in 0..20 {
            world.append(vec![record(&[Op::Put { table: round % 4, key, bytes: 100 }])]);
        }
        let engine = world.engine().clone();
        block_on(async {
            let first = engine.checkpoint();
            let second = async {
                tokio::task::yield_now().await;
                let at = engine.append(vec![record(&[PUT])], Lane::Normal).await.unwrap().0;
                (at, engine.checkpoint().await.unwrap())
            };
            let (first, (at, checkpoint)) = tokio::join!(first, second);
            first.unwrap();
            assert!(checkpoint >= at, "{at} was folded before the checkpoint {checkpoint} was asked for");
        });
    }
}

#[test]
fn a_journal_that_failed_stops_the_engine_at_the_first_answer() {
    let mut world = World::new();
    world.start();
    world.journal.fail(JournalError::Failed("EIO".into()));

    let answer = block_on(world.engine().append(vec![record(&[PUT])], Lane::Normal));

    assert!(matches!(answer, Err(AppendError::Failed(Failure::Journal(_)))), "{answer:?}");
    assert!(world.engine().failed().is_some());
    block_on(world.tasks().stopping());
    world.end();
}

#[test]
fn a_journal_that_is_busy_or_finds_a_record_too_large_stops_nothing() {
    let mut world = World::new();
    world.start();
    world.journal.fail(JournalError::Busy);
    let busy = block_on(world.engine().append(vec![record(&[PUT])], Lane::Normal));
    world.journal.fail(JournalError::TooLarge);
    let large = block_on(world.engine().append(vec![record(&[PUT])], Lane::Normal));

    assert!(matches!(busy, Err(AppendError::Busy)), "{busy:?}");
    assert!(matches!(large, Err(AppendError::Journal(JournalError::TooLarge))), "{large:?}");
    assert!(world.engine().failed().is_none());
}

#[test]
fn a_record_that_fails_half_way_leaves_no_trace() {
    for kind in [UNFOLDABLE, PANICS] {
        let mut world = World::new();
        world.start();
        world.append(vec![record(&[PUT, OTHER])]);
        block_on(world.engine().checkpoint()).unwrap();
        world.append(vec![record(&[Op::Count { counter: 1 }])]);
        let answer = block_on(world.engine().append(vec![of_kind(kind)], Lane::Normal));
        assert!(matches!(answer, Err(AppendError::Failed(_))), "{answer:?}");
        assert_eq!(world.engine().figures().checkpoint, Position(2));
        world.end();

        world.journal = world.journal.cut(Position(3)); // the record is gone, so the rest can be opened
        let opened = world.start();

        assert!(matches!(opened, Opened::Reopened { .. }), "{opened:?}");
        world.assert_equal();
    }
}

#[test]
fn a_record_that_cannot_be_folded_refuses_the_start_and_keeps_the_store() {
    let mut world = World::new();
    world.start();
    world.append(vec![record(&[PUT])]);
    block_on(world.engine().append(vec![of_kind(UNFOLDABLE)], Lane::Normal)).unwrap_err();
    world.end();

    world.journal = world.journal.next_life();
    let refused = world.try_start();

    assert!(matches!(refused, Err(OpenError::Failed(Failure::Fold { position: Position(3), .. }))), "{refused:?}");
    assert_eq!(world.quarantined(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_journal_that_stops_during_replay_refuses_the_start() {
    let mut world = World::new();
    world.start();
    world.append(vec![record(&[PUT])]);
    world.kill();
    world.journal = world.journal.next_life();
    world.journal.close_gate();
    world.journal.stop();

    let refused = world.try_start();

    assert!(matches!(refused, Err(OpenError::Journal(JournalError::Stopped))), "{refused:?}");
}

#[test]
fn records_that_a_journal_lost_take_the_rows_with_them() {
    let mut world = World::new();
    world.start();
    world.append(vec![record(&[PUT])]);
    world.append(vec![record(&[OTHER])]);
    world.stop();

    world.journal = world.journal.cut(Position(2));
    let opened = world.start();

    assert!(matches!(&opened, Opened::Rebuilt { why, .. } if why.contains("epoch")), "{opened:?}");
    assert_eq!(world.quarantined().len(), 1);
    world.assert_equal();
}

#[test]
fn a_store_whose_making_was_cut_short_is_begun_anew_without_alarm() {
    let mut world = World::new();
    std::fs::create_dir_all(world.store().join("rows")).unwrap();

    assert_eq!(world.start(), Opened::Fresh { replayed: 1 });

    assert_eq!(world.quarantined().len(), 1, "it is kept all the same");
}

#[test]
fn time_never_goes_back_for_the_fold_and_whoever_writes_records() {
    let mut world = World::new();
    world.start();
    let late = Timestamp::from_millis(1_900_000_000_000);
    world.append(vec![Record { at: late, ..record(&[PUT]) }]);

    assert_eq!(world.engine().now(), late, "the clock is behind what was recorded");
    world.stop();
    world.restart();
    assert_eq!(world.engine().now(), late);
    assert_eq!(world.engine().journal_end(), world.journal.committed());
}
