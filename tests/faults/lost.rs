//! The broker's whole state is lost, or an older copy of it is put back, under load (F10): agents offer again what it lacks;
//! nothing is lost end to end, nothing is handed over twice, and no number or position names two things.
//!
//! `LIANDONG_LOSSES` sets how often (6); `LIANDONG_SEED` gives the same schedule again.

use crate::kill::{Blow, Options, holds};
use crate::world::dice::Dice;

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_lost_its_state_or_got_an_older_one_back_is_refilled() {
    let cycles =
        std::env::var("LIANDONG_LOSSES").map_or(6, |losses| losses.parse().expect("LIANDONG_LOSSES is a number"));
    let (seed, victims) = (Dice::seed_from_env(), vec![0]);

    holds(&Options { cycles, seed, victims, bug: None, blow: Blow::StateLost }).await;
}
