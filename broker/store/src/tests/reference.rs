//! The engine against the sorted map: random records, random stops and crashes, random sizes.

use proptest::prelude::*;

use super::{
    toy::{Op, any_op, record},
    world::{World, block_on},
};
use crate::Opened;

/// What happens to the engine.
#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Vec<Op>>),
    Checkpoint,
    Stop,
    Crash,
}

fn any_step() -> impl Strategy<Value = Step> {
    let ops = prop::collection::vec(any_op(), 0..12);
    prop_oneof![
        8 => prop::collection::vec(ops, 1..8).prop_map(Step::Append),
        3 => Just(Step::Checkpoint),
        1 => Just(Step::Stop),
        2 => Just(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn the_rows_are_always_what_a_sorted_map_would_hold(
        steps in prop::collection::vec(any_step(), 4..24),
        spill_kib in 1..24_usize,
        chunk_keys in 4..40_usize,
        index_entries_max in 4..48_usize,
    ) {
        let mut world = World::new();
        world.options.spill_bytes = spill_kib << 10;
        world.options.overlay_bytes_max = spill_kib << 12;
        world.options.chunk_keys = chunk_keys;
        world.options.index_entries_max = index_entries_max;
        world.start();
        for step in steps {
            match step {
                Step::Append(records) => {
                    for ops in records {
                        world.append_patiently(&record(&ops));
                    }
                }
                Step::Checkpoint => {
                    block_on(world.engine().checkpoint()).unwrap();
                }
                Step::Stop => {
                    world.stop();
                    prop_assert_eq!(world.restart(), Opened::Reopened { replayed: 1 });
                }
                Step::Crash => {
                    world.kill();
                    let opened = world.restart();
                    prop_assert!(matches!(opened, Opened::Reopened { .. }), "{opened:?}");
                }
            }
            world.assert_equal();
        }
        let before = world.engine().dump().unwrap();
        world.stop();
        std::fs::remove_dir_all(world.store()).unwrap();
        prop_assert_eq!(world.start(), Opened::Fresh { replayed: before.folded.0 });
        prop_assert_eq!(world.engine().dump().unwrap(), before, "a store that is made anew is the same, byte for byte");
    }
}
