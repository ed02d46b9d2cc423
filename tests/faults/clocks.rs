//! Programs whose clock is wrong for a while, by ten minutes, forward or back (F19), under load: nothing that was accepted is
//! lost, doubled or out of order, and all goes on when the clock is right again.
//!
//! `LIANDONG_CLOCKS` sets how often for the broker and for agents (4 each); `LIANDONG_SEED` gives the same schedule again.

use crate::kill::{Blow, Options, faketime, holds};
use crate::world::dice::Dice;

async fn survives(victims: &[usize]) {
    if faketime().is_none() {
        return println!("skipped: needs faketime");
    }
    let cycles =
        std::env::var("LIANDONG_CLOCKS").map_or(4, |steps| steps.parse().expect("LIANDONG_CLOCKS is a number"));
    let (seed, victims) = (Dice::seed_from_env(), victims.to_vec());
    holds(&Options { cycles, seed, victims, bug: None, blow: Blow::ClockStep }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_survives_a_clock_that_is_wrong_for_a_while() {
    survives(&[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_survive_a_clock_that_is_wrong_for_a_while() {
    survives(&[1, 2]).await;
}
