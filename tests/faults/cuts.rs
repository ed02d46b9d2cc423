//! Power cuts under load (F4, F5, and F7 where the power goes again during the start): the state of the broker, or of both
//! agents, lies on disks that lose whatever nobody synced. Messages are of all sizes, with attachments.
//!
//! Each cut is proved: bytes that the harness wrote to that disk and did not sync are gone; and at nine in ten a call that sends
//! was waiting for its answer. `LIANDONG_CUTS` sets how many cuts of each (10); `LIANDONG_SEED` gives the
//! same schedule again: `tests/tools/faults cuts --rounds 200` sets them.

use crate::disk::{FileSystem, has};
use crate::kill::{Blow, Options, holds};
use crate::world::dice::Dice;

/// Large enough for what one run journals.
const DISK_MIB: u64 = 768;
/// A region lives through so many cuts at most; then another begins.
const CUTS_OF_A_REGION: u64 = 25;

const BROKER: [usize; 1] = [0];
const AGENTS: [usize; 2] = [1, 2];

async fn survives(system: FileSystem, victims: &[usize]) {
    if !has(system.tools()) {
        return;
    }
    let cuts = std::env::var("LIANDONG_CUTS").map_or(10, |cuts| cuts.parse().expect("LIANDONG_CUTS is a number"));
    let mut dice = Dice::of(Dice::seed_from_env());
    for begun in (0..cuts).step_by(usize::try_from(CUTS_OF_A_REGION).unwrap()) {
        let (cycles, seed) = (CUTS_OF_A_REGION.min(cuts - begun), if begun == 0 { dice.seed() } else { dice.throw() });
        let blow = Blow::PowerCut(system, DISK_MIB);
        holds(&Options { cycles, seed, victims: victims.to_vec(), bug: None, blow }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_survives_power_cuts_on_ext4() {
    survives(FileSystem::Ext4, &BROKER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_survives_power_cuts_on_xfs() {
    survives(FileSystem::Xfs, &BROKER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_survive_power_cuts_on_ext4() {
    survives(FileSystem::Ext4, &AGENTS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_survive_power_cuts_on_xfs() {
    survives(FileSystem::Xfs, &AGENTS).await;
}
