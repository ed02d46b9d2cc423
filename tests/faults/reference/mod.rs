//! The checker held against a tiny model of an exchange: what the model does is never a violation, and whatever is
//! changed in its history is found.

mod exchange;
mod mutation;

use proptest::prelude::*;

use self::exchange::history_of;
use self::mutation::Mutation;
use crate::checker::{check, report};

proptest! {
    #[test]
    fn what_a_good_exchange_does_is_no_violation(dice in prop::collection::vec(any::<u16>(), 0..400)) {
        let violations = check(&history_of(&dice));

        prop_assert!(violations.is_empty(), "{}", report(&violations, 5));
    }

    #[test]
    fn whatever_is_changed_in_a_good_history_is_found(
        dice in prop::collection::vec(any::<u16>(), 200..400),
        mutation in prop::sample::select(Mutation::ALL.to_vec()),
        pick in any::<usize>(),
    ) {
        let Some(mutated) = mutation.apply(&history_of(&dice), pick) else {
            return Err(TestCaseError::reject("nothing to mutate"));
        };

        let violations = check(&mutated);

        prop_assert!(
            violations.iter().any(|violation| violation.rule == mutation.breaks()),
            "{mutation:?} was not found by {:?}, only: {}", mutation.breaks(), report(&violations, 5)
        );
    }
}

#[test]
fn every_mutation_finds_something_to_change() {
    let dice: Vec<u16> = (0..600).map(|n: u16| n.wrapping_mul(40_503)).collect();
    let history = history_of(&dice);

    for mutation in Mutation::ALL {
        assert!(mutation.apply(&history, 7).is_some(), "{mutation:?}");
    }
}
