//! The checker proves itself on programs that are really broken: built with `--cfg seeded_bugs`, told by the variable
//! `LIANDONG_SEEDED_BUG` which bug to have, and killed as all are. Each bug must be found within five minutes.
//!
//! `tests/tools/seeded`

use std::time::Duration;

use tokio::time::Instant;

use crate::checker::{Rule, report};
use crate::kill::{Blow, Options, Outcome, run};
use crate::world::dice::Dice;

const FOUND_WITHIN: Duration = Duration::from_mins(5);
const CYCLES_A_ROUND: u64 = 10;

/// Runs rounds until one of `rules` is seen broken.
async fn is_found(bug: &str, rules: &[Rule]) {
    let began = Instant::now();
    let mut dice = Dice::of(Dice::seed_from_env());
    let mut others = String::new();
    while began.elapsed() < FOUND_WITHIN {
        let options = Options {
            cycles: CYCLES_A_ROUND,
            seed: dice.below(1 << 32),
            victims: Vec::new(),
            bug: Some(bug.into()),
            blow: Blow::Kill,
        };
        let Outcome { violations, .. } = Box::pin(run(&options)).await;
        if violations.iter().any(|violation| rules.contains(&violation.rule)) {
            return;
        }
        others = report(&violations, 3);
    }
    panic!("{bug} was not found by {rules:?} within {FOUND_WITHIN:?}; last seen: {others}");
}

macro_rules! seeded_bugs {
    ($($test:ident: $bug:literal breaks $($rule:ident)|+;)+) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            is_found($bug, &[$(Rule::$rule),+]).await;
        }
    )+};
}

seeded_bugs! {
    an_answer_before_the_append_is_found: "ack-before-append" breaks R1NoLoss | R9Idempotence;
    a_forgotten_dedupe_is_found: "dedupe-not-persisted" breaks R2NoDuplicate | R5Names | R9Idempotence;
    one_dropped_in_two_hundred_is_found: "drop-one-in-200" breaks R1NoLoss;
    an_order_broken_on_reconnect_is_found: "order-broken-on-reconnect" breaks R4Order;
    a_receipt_before_the_commit_is_found: "receipt-before-commit" breaks R1NoLoss | R8Receipts;
    a_precedence_lost_on_redelivery_is_found: "precedence-lost-on-redelivery" breaks R4Order;
}
