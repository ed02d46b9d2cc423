//! The power goes at every write index, and again at every write index of the recovery.

use super::{
    SimDisk,
    dice::Dice,
    world::{Step, World, script},
};

/// How many cuts were made, and how many of them took something with them.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    cuts: u64,
    second_cuts: u64,
}

fn all_cuts(seed: u64) -> Tally {
    let mut dice = Dice::new(seed);
    let script = script(&mut dice);
    let disk = SimDisk::default();
    World::default().play(&disk, &script).unwrap();
    let mut tally = Tally::default();
    for at in 1..=disk.operations() {
        tally.cuts += 1;
        tally.second_cuts += cut(&script, at, &mut dice);
    }
    tally
}

/// Plays until the cut, recovers, goes on; then recovers with a second cut at each of its writes. Says how many.
fn cut(script: &[Step], at: u64, dice: &mut Dice) -> u64 {
    let (mut world, disk) = (World::default(), SimDisk::default());
    disk.cut_at(at);
    assert!(world.play(&disk, script).is_err(), "the cut happens");
    let found = disk.after_cut(dice);
    let recovered = found.copy();
    let before = recovered.operations();
    let mut after = world.clone();
    drop(after.start(&recovered).unwrap());
    let writes = recovered.operations() - before;
    after.play(&recovered, &script[..script.len().min(3)]).unwrap();
    for second in 1..=writes {
        let (mut world, disk) = (world.clone(), found.copy());
        disk.cut_at(second);
        assert!(world.start(&disk).is_err());
        drop(world.start(&disk.after_cut(dice)).unwrap());
    }
    writes
}

#[test]
fn nothing_promised_is_lost_when_recovery_itself_is_cut_five_times_in_a_row() {
    for seed in 5000..5100 {
        let mut dice = Dice::new(seed);
        let script = script(&mut dice);
        let (mut world, mut disk) = (World::default(), SimDisk::default());
        for _ in 0..5 {
            disk.cut_at(1 + dice.below(60));
            if world.play(&disk, &script).is_ok() {
                world = World::default(); // the power stayed; begin again
                disk = SimDisk::default();
            }
            for _ in 0..5 {
                disk = disk.after_cut(&mut dice);
                disk.cut_at(1 + dice.below(16));
                drop(world.start(&disk));
            }
            disk = disk.after_cut(&mut dice);
            drop(world.start(&disk).unwrap());
        }
    }
}

fn seeds(range: std::ops::Range<u64>) {
    let mut sum = Tally::default();
    for seed in range {
        let tally = std::panic::catch_unwind(|| all_cuts(seed));
        let tally = tally.unwrap_or_else(|_| panic!("seed {seed}"));
        sum.cuts += tally.cuts;
        sum.second_cuts += tally.second_cuts;
    }
    eprintln!("{sum:?}");
    assert!(sum.cuts > 500 && sum.second_cuts > 4 * sum.cuts, "not vacuous: {sum:?}");
}

#[test]
fn nothing_promised_is_lost_at_any_cut_of_the_first_fifty_scripts() {
    seeds(0..50);
}

#[test]
fn nothing_promised_is_lost_at_any_cut_of_the_second_fifty_scripts() {
    seeds(50..100);
}

#[test]
fn nothing_promised_is_lost_at_any_cut_of_the_third_fifty_scripts() {
    seeds(100..150);
}

#[test]
fn nothing_promised_is_lost_at_any_cut_of_the_last_fifty_scripts() {
    seeds(150..200);
}
