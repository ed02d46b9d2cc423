//! R1 and R12: what was accepted settles, and soon.

use super::{
    NOTHING, accepted, broken, closed, delivered, done, ended, hand, listed, negative_ends_planned, queued, submit,
    told,
};
use crate::checker::event::{Attached, Event, Stage, Submit};
use crate::checker::{Rule, check};

#[test]
fn r1_what_was_accepted_and_handed_over_and_confirmed_is_kept() {
    assert_eq!(broken(closed(delivered("m1"))), NOTHING);
}

#[test]
fn r1_what_was_accepted_and_never_seen_again_is_lost() {
    let rules = broken(closed(vec![submit("m1"), accepted("m1")]));

    assert_eq!(rules, [Rule::R1NoLoss, Rule::R12Liveness]);
}

#[test]
fn r1_what_was_queued_and_forgotten_is_lost() {
    assert_eq!(broken(closed(vec![submit("m1"), queued("m1")])), [Rule::R1NoLoss]);
}

#[test]
fn r1_what_was_handed_over_and_not_confirmed_is_not_settled() {
    assert_eq!(broken(closed(vec![submit("m1"), accepted("m1"), hand("m1")])), [Rule::R1NoLoss]);
}

#[test]
fn r1_an_attachment_of_what_was_handed_over_is_whole() {
    let read = |whole| Event::Attached(Attached { id: "m1".into(), to: "320300".into(), whole });
    let with = |event| closed([delivered("m1"), vec![event]].concat());

    assert_eq!(broken(with(read(true))), NOTHING);
    assert_eq!(broken(with(read(false))), [Rule::R1NoLoss]);
}

#[test]
fn r1_an_expiry_counts_only_when_planned_and_not_before_its_time() {
    let submit_until = |expires| {
        let Event::Submit(submit) = submit("m1") else { unreachable!() };
        Event::Submit(Submit { expires: Some(expires), ..submit })
    };
    let expired = ended("m1", Stage::Expired, "LD502_EXPIRED");

    let in_time = vec![negative_ends_planned(), submit_until(4_000), accepted("m1"), expired.clone()];
    let too_early = vec![negative_ends_planned(), submit_until(4_001), accepted("m1"), expired.clone()];
    let unplanned = vec![submit_until(3_000), accepted("m1"), expired];

    assert_eq!(broken(closed(in_time)), NOTHING);
    assert_eq!(broken(closed(too_early)), [Rule::R1NoLoss]);
    assert_eq!(broken(closed(unplanned)), [Rule::R1NoLoss]);
}

#[test]
fn r1_a_negative_end_gives_its_reason() {
    let history =
        |reason| vec![negative_ends_planned(), submit("m1"), accepted("m1"), ended("m1", Stage::Dead, reason)];

    assert_eq!(broken(closed(history("LD901_INTERNAL"))), NOTHING);
    assert_eq!(broken(closed(history(""))), [Rule::R1NoLoss]);
}

#[test]
fn r1_what_was_handed_over_stands_in_the_inbox() {
    let both = || [delivered("m1"), delivered("m2"), vec![listed("m1", 1)]].concat();

    assert_eq!(broken(closed([both(), vec![listed("m2", 2)]].concat())), NOTHING);
    assert_eq!(broken(closed(both())), [Rule::R1NoLoss]);
}

#[test]
fn r12_everything_settles_within_half_a_minute_of_quiet() {
    let quiet_then_hand = |handed_at| {
        let mut lines = told(vec![submit("m1"), accepted("m1"), Event::Quiet, hand("m1"), done("m1"), Event::End]);
        lines[3..].iter_mut().for_each(|line| line.t = handed_at);
        check(&lines).into_iter().map(|violation| violation.rule).collect::<Vec<_>>()
    };

    assert_eq!(quiet_then_hand(30_003_000), NOTHING);
    assert_eq!(quiet_then_hand(30_003_001), [Rule::R12Liveness]);
}

#[test]
fn r12_a_history_without_an_end_proves_nothing() {
    assert_eq!(broken(delivered("m1")), [Rule::R12Liveness]);
}
