//! Bounds: what is too long, what is too much, and whom nothing may hold up.

use std::{
    ops::ControlFlow,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use bytes::Bytes;
use journal::Lane;

use super::{
    toy::{Op, record},
    world::{World, block_on},
};
use crate::{
    AppendError, At, Fold, FoldError, Rows,
    options::AfterBatch,
    rows::{ENTRY_BYTES_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX},
    trial::Trial,
};

/// A fold that does what a test wants.
struct Does<A>(A);

impl<A: FnMut(&mut Rows<'_>) -> Result<(), FoldError> + Send + 'static> Fold for Does<A> {
    type Outcome = ();

    fn apply(&mut self, _: At, _: &journal::Record, rows: &mut Rows<'_>) -> Result<(), FoldError> {
        (self.0)(rows)
    }
}

fn folding(act: impl FnMut(&mut Rows<'_>) -> Result<(), FoldError> + Send + 'static) -> Result<(), FoldError> {
    Trial::new(Does(act)).unwrap().apply(&record(&[]))
}

#[test]
fn keys_values_and_entries_are_taken_up_to_their_bounds_and_not_beyond() {
    folding(|rows| rows.put(&[1; KEY_BYTES_MAX], vec![0; VALUE_BYTES_MAX])).unwrap();
    folding(|rows| rows.settle([1; 16], vec![0; ENTRY_BYTES_MAX])).unwrap();
    let too_large = |what: &'static str, tried: Result<(), FoldError>| {
        assert!(matches!(tried, Err(FoldError::TooLarge { what: named, .. }) if named == what), "{tried:?}");
    };
    too_large("key", folding(|rows| rows.put(&[1; KEY_BYTES_MAX + 1], Bytes::new())));
    too_large("key", folding(|rows| rows.remove(&[1; KEY_BYTES_MAX + 1])));
    too_large("value", folding(|rows| rows.put(b"k", vec![0; VALUE_BYTES_MAX + 1])));
    too_large("entry", folding(|rows| rows.settle([1; 16], vec![0; ENTRY_BYTES_MAX + 1])));
}

#[test]
fn a_key_without_a_table_is_refused() {
    assert!(matches!(folding(|rows| rows.put(b"", &b"lost"[..])), Err(FoldError::Unreadable(_))));
    assert!(matches!(folding(|rows| rows.remove(b"")), Err(FoldError::Unreadable(_))));
}

#[test]
fn a_scan_begins_where_it_is_told_and_ends_with_its_prefix() {
    folding(|rows| {
        for key in [&b"a\xFF"[..], b"b", b"b\x01", b"b\xFF", b"b\xFF\xFF", b"c"] {
            rows.put(key, key)?;
        }
        let keys = |found: Vec<(bytes::Bytes, bytes::Bytes)>| found.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        assert_eq!(keys(rows.scan(b"b", b"", 9)?), [&b"b"[..], b"b\x01", b"b\xFF", b"b\xFF\xFF"]);
        assert_eq!(keys(rows.scan(b"b\xFF", b"b\xFF\0", 9)?), [&b"b\xFF\xFF"[..]]);
        assert_eq!(keys(rows.scan(b"", b"b\xFF", 2)?), [&b"b\xFF"[..], b"b\xFF\xFF"]);
        assert!(rows.scan(b"b", b"c", 9)?.is_empty());
        assert!(rows.scan(b"b", b"", 0)?.is_empty());
        Ok(())
    })
    .unwrap();
}

/// A door that a spill waits at.
#[derive(Default)]
struct Door {
    open: Mutex<bool>,
    moved: Condvar,
}

impl Door {
    fn pass(&self) {
        let _open = self.moved.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap();
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.moved.notify_all();
    }
}

#[test]
fn a_full_overlay_answers_busy_but_settling_goes_on_in_its_quarter() {
    let mut world = World::new();
    let door = Arc::new(Door::default());
    let waits = door.clone();
    world.options.after_batch = AfterBatch::call(move || {
        waits.pass();
        ControlFlow::Continue(())
    });
    world.options.overlay_bytes_max = 64 << 10;
    world.start();
    let put = |key| record(&[Op::Put { table: 0, key, bytes: 2_000 }]);
    let mut taken = 0;
    let busy = loop {
        match block_on(world.engine().append(vec![put(taken)], Lane::Normal)) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(busy, AppendError::Busy), "{busy:?}");
    let bytes = world.engine().figures().overlay_bytes;
    assert!((48 << 10..56 << 10).contains(&bytes), "{bytes} is three quarters");
    assert!(matches!(block_on(world.engine().append(vec![put(0)], Lane::Flash)), Err(AppendError::Busy)));

    for key in 0..4 {
        block_on(world.engine().append(vec![put(100 + key)], Lane::Settling)).unwrap();
    }

    door.open();
    block_on(world.engine().checkpoint()).unwrap();
    assert_eq!(world.engine().figures().overlay_bytes, 0);
    assert_eq!(world.engine().figures().spilled_rows, u64::from(taken) + 4);
    world.append(vec![put(0)]);
    world.assert_equal();
}

#[test]
fn beyond_its_hard_bound_the_fold_waits_for_room() {
    let mut world = World::new();
    let door = Arc::new(Door::default());
    let waits = door.clone();
    world.options.after_batch = AfterBatch::call(move || {
        waits.pass();
        ControlFlow::Continue(())
    });
    world.options.overlay_bytes_max = 32 << 10;
    world.start();
    let engine = world.engine().clone();
    let put = |key| record(&[Op::Put { table: 0, key, bytes: 3_000 }]);
    block_on(async {
        for key in 0..20 {
            let append = engine.append(vec![put(key)], Lane::Settling);
            if engine.figures().overlay_bytes < 32 << 10 {
                append.await.unwrap();
                continue;
            }
            let mut append = std::pin::pin!(append);
            tokio::select! {
                biased;
                early = &mut append => panic!("folded beyond the bound: {early:?}"),
                () = tokio::task::yield_now() => {}
            }
            door.open();
            append.await.unwrap();
        }
    });
    drop(engine);
    world.assert_equal();
}

#[test]
fn a_spill_begins_by_itself_when_enough_was_folded() {
    let mut world = World::new();
    world.options.spill_bytes = 4_096;
    world.start();
    let mut checkpoints = world.engine().checkpoints();
    for key in 0..40 {
        world.append(vec![record(&[Op::Put { table: 0, key, bytes: 200 }])]);
    }
    block_on(checkpoints.wait_for(|(at, _)| at.0 > 1)).unwrap();
    assert!(world.engine().figures().spilled_rows > 0);
}

#[test]
fn a_checkpoint_comes_by_itself_when_its_time_is_there() {
    let mut world = World::new();
    world.options.checkpoint_every = Duration::from_millis(1);
    world.start();
    let at = world.append(vec![record(&[Op::Count { counter: 0 }])]);
    let mut checkpoints = world.engine().checkpoints();
    block_on(checkpoints.wait_for(|(checkpoint, _)| *checkpoint >= at)).unwrap();
}

#[test]
fn the_usual_sizes_are_those_of_the_rules() {
    let usual = crate::Options::new("state");
    assert_eq!(usual.overlay_bytes_max, 64 << 20);
    assert_eq!(usual.checkpoint_every, Duration::from_secs(10));
    assert_eq!(usual.chunk_keys, 256);
    assert_eq!(usual.watchdog.patience, Duration::from_secs(10));
}
