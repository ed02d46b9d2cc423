//! R7: what was told as accepted is still there.

use super::{NOTHING, accepted, broken, closed, delivered, killed, stands, submit, unknown};
use crate::checker::Rule;
use crate::checker::event::{Event, Fault, FaultKind, Stage};

const KNOWN: [(&str, Stage); 1] = [("320300", Stage::Accepted)];

#[test]
fn r7_what_was_accepted_stands_after_a_recovery() {
    let asked = |at: &[(&str, Stage)]| {
        let rest = delivered("m1").split_off(2);
        broken(closed([vec![submit("m1"), accepted("m1"), killed("broker"), stands("m1", at)], rest].concat()))
    };

    assert_eq!(asked(&KNOWN), NOTHING);
    assert_eq!(asked(&[("320300", Stage::Delivered)]), NOTHING);
    assert_eq!(asked(&[]), [Rule::R7AckIsTrue], "unknown");
    assert_eq!(asked(&[("370800", Stage::Accepted)]), [Rule::R7AckIsTrue], "no delivery to its recipient");
}

#[test]
fn r7_a_call_without_an_answer_may_have_been_forgotten() {
    assert_eq!(broken(closed(vec![submit("m1"), unknown("m1"), killed("broker"), stands("m1", &[])])), NOTHING);
}

#[test]
fn r7_what_is_asked_before_the_answer_proves_nothing() {
    let rest = delivered("m1").split_off(1);

    assert_eq!(broken(closed([vec![submit("m1"), stands("m1", &[])], rest].concat())), NOTHING);
}

#[test]
fn r7_a_broker_that_lost_its_disk_knows_nothing() {
    let lost = Event::Fault(Fault { name: "lost".into(), kind: FaultKind::StateLost, victim: "broker".into() });

    assert_eq!(broken(closed([delivered("m1"), vec![lost, stands("m1", &[])]].concat())), NOTHING);
}
