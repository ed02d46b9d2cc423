//! R6 and R8: receipts go forward and are true.

use super::{
    NOTHING, accepted, broken, closed, delivered, done, hand, negative_ends_planned, read, receipt, receipt_as, submit,
    unknown,
};
use crate::checker::Rule;
use crate::checker::event::{Event, Receipt, Stage};

#[test]
fn r6_a_delivery_goes_forward() {
    let stages = |stages: &[Stage]| {
        let reads: Vec<Event> = stages.iter().map(|stage| read("m1", *stage)).collect();
        broken(closed([delivered("m1"), reads].concat()))
    };

    assert_eq!(stages(&[Stage::Delivered, Stage::Opened, Stage::Acknowledged, Stage::Answered]), NOTHING);
    assert_eq!(stages(&[Stage::Opened, Stage::Delivered]), [Rule::R6ForwardOnly]);
    assert_eq!(stages(&[Stage::Expired]), [Rule::R6ForwardOnly]);
}

#[test]
fn r6_delivered_overtakes_a_negative_end_once() {
    let begin = || vec![negative_ends_planned(), submit("m1"), accepted("m1"), hand("m1"), done("m1")];
    let expired = || read("m1", Stage::Expired);
    let delivered = || read("m1", Stage::Delivered);
    let with = |rest: Vec<Event>| broken(closed([begin(), rest].concat()));

    assert_eq!(with(vec![expired(), delivered()]), NOTHING);
    assert_eq!(with(vec![expired(), delivered(), expired()]), [Rule::R6ForwardOnly]);
    assert_eq!(with(vec![expired(), read("m1", Stage::Dead)]), [Rule::R6ForwardOnly]);
}

#[test]
fn r8_a_receipt_says_only_what_happened() {
    let unseen = vec![submit("m1"), unknown("m1"), receipt("m1", Stage::Delivered)];
    let opened_first = vec![submit("m1"), accepted("m1"), receipt("m1", Stage::Opened), hand("m1"), done("m1")];

    assert_eq!(broken(closed([delivered("m1"), vec![receipt("m1", Stage::Opened)]].concat())), NOTHING);
    assert_eq!(broken(closed(unseen)), [Rule::R8Receipts]);
    assert_eq!(broken(closed(opened_first)), [Rule::R8Receipts]);
}

#[test]
fn r8_a_receipt_verifies_names_the_content_and_follows_one_that_is_known() {
    let base = || receipt_as("m1", Stage::Opened);
    let with = |receipt: Receipt| broken(closed([delivered("m1"), vec![Event::Receipt(receipt)]].concat()));

    assert_eq!(with(Receipt { previous: Some("Delivered m1".into()), ..base() }), NOTHING);
    assert_eq!(with(Receipt { previous: Some("nobody knows".into()), ..base() }), [Rule::R8Receipts]);
    assert_eq!(with(Receipt { verified: Some(false), ..base() }), [Rule::R8Receipts]);
    assert_eq!(with(Receipt { content: "another".into(), ..base() }), [Rule::R8Receipts]);
}

#[test]
fn r8_a_stage_is_said_once_and_repeated_only_in_the_same_words() {
    let again = |hash: &str| {
        let receipt = Receipt { hash: hash.into(), ..receipt_as("m1", Stage::Delivered) };
        broken(closed([delivered("m1"), vec![Event::Receipt(receipt)]].concat()))
    };

    assert_eq!(again("Delivered m1"), NOTHING);
    assert_eq!(again("Delivered m1, later"), [Rule::R8Receipts]);
}
