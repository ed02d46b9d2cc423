//! The spiller by itself: what it takes, what it leaves, and what sled holds after.

use std::{ops::ControlFlow, sync::Mutex};

use model::{clock::Clock, position::Position, time::Timestamp};

use crate::{
    Options,
    hash::Tally,
    open::{Extent, Place},
    row::{self, META_KEY, Meta},
    rows::Held,
    spill::{Holds, Spiller},
    watch::Pulse,
};

struct Bare(Held);

impl Holds for Bare {
    fn held(&mut self) -> &mut Held {
        &mut self.0
    }
}

/// Opens the store of `options` over a journal that ends at `last`, without an engine.
fn open(options: &Options, last: u64) -> (Mutex<Bare>, Spiller) {
    let clock = Clock::new(|| Timestamp::EPOCH);
    let epoch = model::position::Epoch { id: model::position::EpochId::default(), first: Position(1), ended_at: None };
    let place = Place {
        options,
        extent: Extent { first: Position(1), last: Position(last), epochs: vec![epoch] },
        clock: &clock,
        reads: Pulse::default(),
        writes: Pulse::default(),
    };
    let (held, spiller, _) = place.open().unwrap();
    (Mutex::new(Bare(held)), spiller)
}

fn put(state: &Mutex<Bare>, at: u64, keys: impl Iterator<Item = u16>, bytes: usize) {
    let held = &mut state.lock().unwrap().0;
    for key in keys {
        let key = [&[7][..], &key.to_be_bytes(), &[0xCD; 500]].concat();
        held.rows_at(Position(at)).put(&key, vec![at as u8; bytes]).unwrap();
    }
    held.folded = Position(at);
}

fn rows_in_sled(spiller: &Spiller) -> Vec<(Vec<u8>, Vec<u8>)> {
    let all = spiller.tree.all().unwrap().map(Result::unwrap);
    all.map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

#[test]
fn half_a_record_is_never_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path());
    let (state, mut spiller) = open(&options, 9);
    put(&state, 1, 0..3, 10);
    assert!(spiller.round(&state, || ()).unwrap());
    put(&state, 2, 3..5, 10);
    state.lock().unwrap().0.torn = true;
    put(&state, 3, 0..1, 10);
    state.lock().unwrap().0.folded = Position(2); // record 3 failed after its first row

    assert!(!spiller.round(&state, || ()).unwrap(), "there is something to spill, but not like this");

    drop((state, spiller));
    let (state, _spiller) = open(&options, 9);
    let dump = state.lock().unwrap().0.rows().dump().unwrap();
    assert_eq!((dump.folded, dump.rows.len()), (Position(1), 3));
}

#[test]
fn sled_holds_small_values_a_true_count_and_no_undo_rows_after_a_round() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path());
    let (state, mut spiller) = open(&options, 9);
    put(&state, 1, 0..600, 4_096);
    spiller.round(&state, || ()).unwrap();
    put(&state, 2, 300..700, 4_096);
    spiller.round(&state, || ()).unwrap();

    let rows = rows_in_sled(&spiller);
    let longest = rows.iter().map(|(_, value)| value.len()).max().unwrap();
    assert_eq!(longest, 4_096 + 12, "position, CRC, payload");
    assert_eq!(rows.iter().filter(|(key, _)| key[0] == row::UNDO).count(), 0);
    let mut tally = Tally::default();
    rows.iter().filter(|(key, _)| key != META_KEY).for_each(|(key, value)| tally.add(key, value));
    let meta = Meta::decode(&rows[0].1).unwrap();
    assert_eq!((meta.applied, meta.tally), (Position(2), tally));
    assert_eq!(tally.count, 700);
    assert!(!crate::tree::keeps_blobs(&spiller.rows_folder));
}

#[test]
fn undo_rows_too_stay_far_below_what_sled_would_move_into_files() {
    let mut undo = row::UndoRows::new(Position(1));
    let key = row::stored_key(&[1; 512]);
    let value = row::encode(&key, Position(1), &[2; 4_096]);
    let rows: Vec<_> = (0..5).filter_map(|_| undo.keep(&key, &value)).collect();
    let longest = rows.iter().map(|(_, value)| value.len()).max().unwrap();
    assert!(longest < 5_000, "{longest}; sled takes (2 MiB / 4 - 52) / 17 = 30,837");
    assert_eq!(rows.len(), 4, "one old value each");
}

#[test]
fn a_checkpoint_refuses_to_count_when_sled_keeps_blobs() {
    let folder = tempfile::tempdir().unwrap();
    let (state, mut spiller) = open(&Options::new(folder.path()), 9);
    put(&state, 1, 0..1, 10);
    std::fs::create_dir_all(spiller.rows_folder.join("blobs")).unwrap();
    std::fs::write(spiller.rows_folder.join("blobs/17"), b"a value that nobody syncs").unwrap();

    let refused = spiller.round(&state, || ()).unwrap_err();

    assert!(format!("{refused:?}").contains("blobs"), "{refused:?}");
}

#[test]
fn a_filter_that_is_full_is_made_anew_and_denies_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let (state, mut spiller) = open(&Options::new(folder.path()), 999);
    let first = spiller.sieve.clone();
    for round in 0..=(crate::spill::SIEVE_ROOM_MIN as u64 / 8_192) {
        {
            let held = &mut state.lock().unwrap().0;
            for key in (round * 8_192)..((round + 1) * 8_192) {
                held.rows_at(Position(round + 1)).put(&key.to_be_bytes(), bytes::Bytes::new()).unwrap();
            }
            held.folded = Position(round + 1);
        }
        spiller.round(&state, || ()).unwrap();
    }
    assert!(!std::sync::Arc::ptr_eq(&first, &spiller.sieve), "it was made anew");
    let mut state = state.lock().unwrap();
    let rows = state.0.rows();
    assert!((0..8_u64 * 8_192).step_by(97).all(|key| rows.get(&key.to_be_bytes()).unwrap().is_some()));
}

#[test]
fn a_move_that_there_is_no_time_for_leaves_the_rows_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { bloat_floor_bytes: 0, chunk_keys: 8, ..Options::new(folder.path()) };
    let (state, mut spiller) = open(&options, 99);
    for at in 1..=30 {
        put(&state, at, 0..60, 10); // written thirty times, so most of the file is of no use
        spiller.round(&state, || ()).unwrap();
    }
    let before = rows_in_sled(&spiller);

    assert!(!spiller.refold_if_bloated(&state, || ControlFlow::Break(())).unwrap());
    assert_eq!(rows_in_sled(&spiller), before);
    assert!(!spiller.refold_if_bloated(&state, || ControlFlow::Continue(())).unwrap(), "put off, not tried at once");

    spiller.refolded_bytes = 0;
    assert!(spiller.refold_if_bloated(&state, || ControlFlow::Continue(())).unwrap());
    assert_eq!(rows_in_sled(&spiller), before);
    put(&state, 31, 30..90, 10);
    spiller.round(&state, || ()).unwrap();
    drop((state, spiller));
    let (state, _spiller) = open(&options, 99);
    assert_eq!(state.lock().unwrap().0.rows().dump().unwrap().rows.len(), 90);
}
