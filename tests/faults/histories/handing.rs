//! R2, R3, R4 and R10: what is handed over, to whom, how often and in which order.

use super::{
    NOTHING, accepted, broken, closed, delivered, done, hand, hand_as, killed, listed, queued, submit, unknown,
};
use crate::checker::Rule;
use crate::checker::event::{Event, Failed, Hand, Refused};

#[test]
fn r2_before_the_confirm_the_death_of_the_holder_excuses_the_same_hand_over_again() {
    let again = Event::Hand(Hand { attempt: 2, ..hand_as("m1") });

    let history = vec![submit("m1"), accepted("m1"), hand("m1"), killed("desk:320300"), again, done("m1")];

    assert_eq!(broken(closed(history)), NOTHING);
}

#[test]
fn r2_nothing_is_handed_over_again_without_cause() {
    let again = |attempt, cursor| Event::Hand(Hand { attempt, cursor, ..hand_as("m1") });
    let begin = || vec![submit("m1"), accepted("m1"), hand("m1")];
    let with = |rest: Vec<Event>| broken(closed([begin(), rest].concat()));

    let after_confirm = with(vec![done("m1"), killed("desk:320300"), again(2, 1)]);
    let holder_lived = with(vec![again(2, 1), done("m1")]);
    let other_holder_died = with(vec![killed("broker"), again(2, 1), done("m1")]);
    let same_try = with(vec![killed("desk:320300"), again(1, 1), done("m1")]);
    let another_place = with(vec![killed("desk:320300"), again(2, 2), done("m1")]);

    for rules in [after_confirm, holder_lived, other_holder_died, same_try, another_place] {
        assert_eq!(rules, [Rule::R2NoDuplicate]);
    }
}

#[test]
fn r2_an_inbox_lists_a_message_once() {
    let once = [delivered("m1"), vec![listed("m1", 1)]].concat();
    let twice = [once.clone(), vec![listed("m1", 2)]].concat();

    assert_eq!(broken(closed(once)), NOTHING);
    assert_eq!(broken(closed(twice)), [Rule::R2NoDuplicate]);
}

#[test]
fn r3_nothing_is_handed_over_that_nobody_sent() {
    assert_eq!(broken(closed(vec![hand("m1"), done("m1")])), [Rule::R3NoPhantom]);
}

#[test]
fn r3_nothing_is_handed_over_with_other_bytes_or_another_seal() {
    let changed = Event::Hand(Hand { digest: "other".into(), ..hand_as("m1") });
    let forged = Event::Hand(Hand { verified: Some(false), ..hand_as("m1") });

    assert_eq!(broken(closed(vec![submit("m1"), accepted("m1"), changed, done("m1")])), [Rule::R3NoPhantom]);
    assert_eq!(broken(closed(vec![submit("m1"), accepted("m1"), forged, done("m1")])), [Rule::R3NoPhantom]);
}

#[test]
fn r3_what_surely_failed_is_not_handed_over() {
    let fail = Event::Fail(Failed { call: 1, id: "m1".into(), code: "LD202_MISSING_FIELD".into() });
    let refuse = Event::Refuse(Refused { id: "m1".into(), code: "LD501_UNROUTABLE".into() });

    assert_eq!(broken(closed(vec![submit("m1"), fail.clone()])), NOTHING);
    assert_eq!(broken(closed(vec![submit("m1"), fail, hand("m1"), done("m1")])), [Rule::R3NoPhantom]);
    assert_eq!(broken(closed(vec![submit("m1"), queued("m1"), refuse, hand("m1"), done("m1")])), [Rule::R3NoPhantom]);
}

#[test]
fn r4_hand_overs_follow_the_sequence_of_their_sender() {
    let both = || vec![submit("m1"), submit("m2"), accepted("m1"), accepted("m2")];
    let handed = |first, second| [both(), vec![hand(first), done(first), hand(second), done(second)]].concat();

    assert_eq!(broken(closed(handed("m1", "m2"))), NOTHING);
    assert_eq!(broken(closed(handed("m2", "m1"))), [Rule::R4Order]);
}

#[test]
fn r4_another_precedence_may_overtake() {
    let flash = Event::Hand(Hand { precedence: 1, ..hand_as("m2") });

    let history =
        vec![submit("m1"), submit("m2"), accepted("m1"), accepted("m2"), flash, done("m2"), hand("m1"), done("m1")];

    assert_eq!(broken(closed(history)), NOTHING);
}

#[test]
fn r4_the_urgent_is_overtaken_by_a_few_at_most() {
    let overtaken_by = |others: u64| {
        let flash = Hand { precedence: 1, seq: 100, cursor: 100, ..hand_as("m1") };
        let mut history = vec![submit("m1"), accepted("m1")];
        for n in 2..2 + others {
            history.extend(delivered(&format!("m{n}")));
        }
        history.extend([Event::Hand(flash), done("m1")]);
        broken(closed(history)).into_iter().filter(|rule| *rule == Rule::R4Order).count()
    };

    assert_eq!(overtaken_by(2), 0);
    assert_eq!(overtaken_by(3), 1);
}

#[test]
fn r4_what_is_unknown_keeps_its_place_if_it_arrives() {
    let history = |first, second| {
        vec![
            submit("m1"),
            unknown("m1"),
            submit("m2"),
            accepted("m2"),
            hand(first),
            done(first),
            hand(second),
            done(second),
        ]
    };

    assert_eq!(broken(closed(history("m1", "m2"))), NOTHING);
    assert_eq!(broken(closed(history("m2", "m1"))), [Rule::R4Order]);
}

#[test]
fn r10_nobody_is_handed_what_was_not_resolved_to_it() {
    let stranger = Event::Hand(Hand { to: "370800".into(), ..hand_as("m1") });

    assert_eq!(broken(closed([delivered("m1"), vec![stranger]].concat())), [Rule::R10Rights]);
}
