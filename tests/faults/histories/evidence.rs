//! R11: heads and proofs agree, and so do the sums.

use super::{NOTHING, accepted, broken, closed, delivered, ended, listed, negative_ends_planned, receipt, submit};
use crate::checker::Rule;
use crate::checker::event::{Event, Head, Proof, Proved, Stage, Sum};

fn head(size: u64, root: &str) -> Event {
    Event::Head(Head { owner: "broker".into(), size, root: root.into(), verified: Some(true) })
}

fn proof(of: Proved, holds: bool) -> Event {
    Event::Proof(Proof { owner: "broker".into(), of, holds })
}

fn continues(from: u64, to: u64) -> Proved {
    Proved::Continues { from, to }
}

fn sum(handed: u64, negative: u64, waiting: u64) -> Event {
    Event::Sum(Sum { handed, negative, waiting })
}

#[test]
fn r11_a_tree_grows_and_each_size_has_one_root() {
    let of_another = Event::Head(Head { owner: "371300".into(), size: 2, root: "x".into(), verified: None });

    assert_eq!(broken(closed(vec![head(3, "a"), head(3, "a"), head(5, "b"), of_another])), NOTHING);
    assert_eq!(broken(closed(vec![head(5, "b"), head(3, "a")])), [Rule::R11Evidence]);
    assert_eq!(broken(closed(vec![head(3, "a"), head(3, "b")])), [Rule::R11Evidence]);
}

#[test]
fn r11_a_head_is_signed() {
    let forged = Event::Head(Head { owner: "broker".into(), size: 3, root: "a".into(), verified: Some(false) });

    assert_eq!(broken(closed(vec![forged])), [Rule::R11Evidence]);
}

#[test]
fn r11_two_heads_are_consistent() {
    let proved = |of, holds| broken(closed(vec![head(3, "a"), head(5, "b"), proof(of, holds)]));

    assert_eq!(proved(continues(3, 5), true), NOTHING);
    assert_eq!(proved(continues(3, 5), false), [Rule::R11Evidence]);
    assert_eq!(proved(continues(3, 6), true), [Rule::R11Evidence], "nobody has seen a head of six");
}

#[test]
fn r11_a_receipt_is_a_leaf_of_the_tree() {
    let contains = |hash: &str, size| Proved::Contains { receipt: hash.into(), size };
    let proved = |of, holds| {
        let begin = vec![receipt("m1", Stage::Delivered), head(3, "a"), proof(of, holds)];
        broken(closed([delivered("m1"), begin].concat()))
    };

    assert_eq!(proved(contains("Delivered m1", 3), true), NOTHING);
    assert_eq!(proved(contains("Delivered m1", 3), false), [Rule::R11Evidence]);
    assert_eq!(proved(contains("another", 3), true), [Rule::R11Evidence]);
    assert_eq!(proved(contains("Delivered m1", 4), true), [Rule::R11Evidence]);
}

#[test]
fn r11_what_was_accepted_is_handed_over_or_ended_or_waits() {
    let counted = |sums: Vec<Event>| {
        let mut rest = delivered("m1");
        let after = rest.split_off(2);
        broken(closed([rest, sums, after].concat()))
    };

    assert_eq!(counted(vec![sum(0, 0, 1)]), NOTHING);
    assert_eq!(counted(vec![sum(1, 0, 0)]), NOTHING);
    assert_eq!(counted(vec![sum(0, 0, 0)]), [Rule::R11Evidence]);
    assert_eq!(counted(vec![sum(1, 0, 1)]), [Rule::R11Evidence]);
}

#[test]
fn r11_the_books_of_senders_broker_and_inboxes_agree() {
    let expired = || vec![submit("m2"), accepted("m2"), ended("m2", Stage::Dead, "LD901_INTERNAL")];
    let counted = |handed, negative| {
        let books = vec![listed("m1", 1), sum(handed, negative, 0)];
        broken(closed([vec![negative_ends_planned()], delivered("m1"), expired(), books].concat()))
    };

    assert_eq!(counted(1, 1), NOTHING);
    assert_eq!(counted(2, 0), [Rule::R11Evidence], "the sum is right, and the inbox has less");
}
