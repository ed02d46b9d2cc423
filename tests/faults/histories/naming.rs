//! R0, R5 and R9: one effect, one meaning, one answer.

use super::{
    NOTHING, accepted, accepted_at, broken, closed, delivered, done, hand, hand_as, killed, submit, submit_again,
    unknown,
};
use crate::checker::Rule;
use crate::checker::event::{Accepted, Event, Failed, Fault, FaultKind, Hand, Refused};

#[test]
fn r0_a_call_without_an_answer_may_take_effect_or_not() {
    assert_eq!(broken(closed(vec![submit("m1"), unknown("m1")])), NOTHING);
    assert_eq!(broken(closed(vec![submit("m1"), unknown("m1"), hand("m1"), done("m1")])), NOTHING);
}

#[test]
fn r0_a_call_without_an_answer_may_not_become_two_messages() {
    let again = Event::Hand(Hand { message: "another uuid".into(), attempt: 2, ..hand_as("m1") });

    let history = closed(vec![submit("m1"), unknown("m1"), hand("m1"), killed("agent:320300"), again, done("m1")]);

    assert_eq!(broken(history), [Rule::R0Indeterminate]);
}

#[test]
fn r5_positions_grow_with_what_was_told_before() {
    let sent_after = |position| {
        let second = vec![submit("m2"), accepted_at("m2", 2, position), hand("m2"), done("m2")];
        broken(closed([delivered("m1"), second].concat()))
    };

    assert_eq!(sent_after(12), NOTHING);
    assert_eq!(sent_after(9), [Rule::R5Names]);
}

#[test]
fn r5_calls_at_one_time_may_be_answered_in_any_order() {
    let history = vec![
        submit("m1"),
        submit("m2"),
        accepted("m2"),
        accepted("m1"),
        hand("m1"),
        done("m1"),
        hand("m2"),
        done("m2"),
    ];

    assert_eq!(broken(closed(history)), NOTHING);
}

#[test]
fn r5_no_position_names_two_messages() {
    let history = vec![
        submit("m1"),
        submit("m2"),
        accepted_at("m1", 1, 11),
        accepted_at("m2", 2, 11),
        hand("m1"),
        done("m1"),
        hand("m2"),
        done("m2"),
    ];

    assert_eq!(broken(closed(history)), [Rule::R5Names]);
}

#[test]
fn r5_no_sequence_names_two_messages_or_leaves_a_hole() {
    let second = |seq| {
        let hand = Event::Hand(Hand { seq, ..hand_as("m2") });
        broken(closed([delivered("m1"), vec![submit("m2"), accepted("m2"), hand, done("m2")]].concat()))
    };

    assert_eq!(second(2), NOTHING);
    assert_eq!(second(1), [Rule::R5Names]);
    assert_eq!(second(3), [Rule::R5Names]);
}

#[test]
fn r5_a_call_without_an_answer_explains_a_hole() {
    let third = vec![submit("m3"), accepted("m3"), hand("m3"), done("m3")];

    assert_eq!(broken(closed([delivered("m1"), vec![submit("m2"), unknown("m2")], third].concat())), NOTHING);
}

#[test]
fn r9_the_same_again_gets_the_same_receipt() {
    let retried = |position| {
        let retry = vec![submit_again("m1", 100, "m1"), accepted_at("m1", 100, position)];
        broken(closed([delivered("m1"), retry].concat()))
    };

    assert_eq!(retried(11), NOTHING);
    assert_eq!(retried(50), [Rule::R9Idempotence]);
}

#[test]
fn r9_a_broker_that_lost_its_disk_may_answer_anew() {
    let lost = Event::Fault(Fault { name: "lost".into(), kind: FaultKind::StateLost, victim: "broker".into() });
    let Event::Ok(again) = accepted_at("m1", 100, 5) else { unreachable!() };
    let anew = Event::Ok(Accepted { epoch: "e2".into(), ..again });
    let retry = vec![lost, submit_again("m1", 100, "m1"), anew];

    assert_eq!(broken(closed([delivered("m1"), retry].concat())), NOTHING);
}

#[test]
fn r9_other_bytes_under_a_known_id_are_a_conflict_and_nothing_else() {
    let fail = |code: &str| Event::Fail(Failed { call: 100, id: "m1".into(), code: code.into() });
    let with = |answer| broken(closed([delivered("m1"), vec![submit_again("m1", 100, "other"), answer]].concat()));

    assert_eq!(with(fail("LD303_CONFLICT_ID")), NOTHING);
    assert_eq!(with(fail("LD901_INTERNAL")), [Rule::R9Idempotence]);
    assert_eq!(with(accepted_at("m1", 100, 11)), [Rule::R9Idempotence]);
}

#[test]
fn r9_what_was_accepted_is_not_refused_as_well() {
    let refuse = Event::Refuse(Refused { id: "m1".into(), code: "LD501_UNROUTABLE".into() });

    assert_eq!(broken(closed([delivered("m1"), vec![refuse]].concat())), [Rule::R9Idempotence]);
}
