//! R13: no program uses more than its limits.

use super::{NOTHING, broken, closed, submit};
use crate::checker::Rule;
use crate::checker::event::{Event, Failed, Sample};
use crate::checker::rules::bounds::LIMITS;

fn sample() -> Sample {
    let (peak_bytes, descriptors, threads) = (LIMITS.peak_bytes, LIMITS.descriptors, LIMITS.threads);
    Sample { program: "broker".into(), peak_bytes, descriptors, threads }
}

fn with(sample: Sample) -> Vec<Rule> {
    broken(closed(vec![Event::Sample(sample)]))
}

#[test]
fn r13_a_program_may_use_all_that_it_is_allowed() {
    assert_eq!(with(sample()), NOTHING);
}

#[test]
fn r13_one_more_of_anything_is_too_much() {
    assert_eq!(with(Sample { peak_bytes: LIMITS.peak_bytes + 1, ..sample() }), [Rule::R13Bounds]);
    assert_eq!(with(Sample { descriptors: LIMITS.descriptors + 1, ..sample() }), [Rule::R13Bounds]);
    assert_eq!(with(Sample { threads: LIMITS.threads + 1, ..sample() }), [Rule::R13Bounds]);
}

#[test]
fn r13_whoever_is_refused_for_space_is_told_why() {
    let refused = |code: &str| {
        let fail = Failed { call: 1, id: "m1".into(), code: code.into() };
        broken(closed(vec![submit("m1"), Event::Fail(fail)]))
    };

    assert_eq!(refused("LD401_BUSY"), NOTHING);
    assert_eq!(refused(""), [Rule::R13Bounds]);
}
