//! For each rule a history that keeps it and one that breaks it, written by hand.

use crate::checker::event::{
    Accepted, Done, Event, Failed, Fault, FaultKind, Hand, Line, Listed, Plan, Queued, Read, Receipt, Refused, Stage,
    Submit, Unanswered, parse, print,
};
use crate::checker::{Rule, check};

/// One line each millisecond.
fn told(events: Vec<Event>) -> Vec<Line> {
    (1_u64..).zip(events).map(|(ms, event)| Line { t: ms * 1_000, event }).collect()
}

fn broken(events: Vec<Event>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = check(&told(events)).into_iter().map(|violation| violation.rule).collect();
    rules.dedup();
    rules
}

fn closed(mut events: Vec<Event>) -> Vec<Event> {
    events.extend([Event::Quiet, Event::End]);
    events
}

const NOTHING: Vec<Rule> = Vec::new();

// The call's number, the sequence and the place of a message all follow from the one number in its id.
fn number(id: &str) -> u64 {
    id.trim_start_matches('m').parse().unwrap()
}

fn submit(id: &str) -> Event {
    submit_again(id, number(id), id)
}

fn submit_again(id: &str, call: u64, bytes: &str) -> Event {
    Event::Submit(Submit {
        call,
        id: id.into(),
        from: "371300".into(),
        to: vec!["320300".into()],
        precedence: 3,
        digest: format!("digest of {bytes}"),
        expires: None,
    })
}

fn queued(id: &str) -> Event {
    Event::Queued(Queued { call: number(id), id: id.into(), message: format!("uuid {id}"), seq: number(id) })
}

fn accepted(id: &str) -> Event {
    accepted_at(id, number(id), 10 + number(id))
}

fn accepted_at(id: &str, call: u64, position: u64) -> Event {
    Event::Ok(Accepted {
        call,
        id: id.into(),
        epoch: "e1".into(),
        position,
        receipt: format!("accepted {id} at {position}"),
        resolved: vec!["320300".into()],
    })
}

fn unknown(id: &str) -> Event {
    Event::Unknown(Unanswered { call: number(id), id: id.into() })
}

fn hand_as(id: &str) -> Hand {
    Hand {
        id: id.into(),
        to: "320300".into(),
        attempt: 1,
        cursor: number(id),
        message: format!("uuid {id}"),
        incarnation: "i1".into(),
        seq: number(id),
        precedence: 3,
        digest: format!("digest of {id}"),
        content: format!("content of {id}"),
        verified: Some(true),
    }
}

fn hand(id: &str) -> Event {
    Event::Hand(hand_as(id))
}

fn done(id: &str) -> Event {
    Event::ConfirmOk(Done { id: id.into(), to: "320300".into() })
}

fn receipt_as(id: &str, stage: Stage) -> Receipt {
    Receipt {
        id: id.into(),
        to: "320300".into(),
        stage,
        hash: format!("{stage:?} {id}"),
        content: format!("content of {id}"),
        previous: None,
        verified: Some(true),
        reason: String::new(),
    }
}

fn receipt(id: &str, stage: Stage) -> Event {
    Event::Receipt(receipt_as(id, stage))
}

fn ended(id: &str, stage: Stage, reason: &str) -> Event {
    Event::Receipt(Receipt { reason: reason.into(), ..receipt_as(id, stage) })
}

fn read(id: &str, stage: Stage) -> Event {
    Event::Read(Read { id: id.into(), to: "320300".into(), stage })
}

fn listed(id: &str, cursor: u64) -> Event {
    Event::Listed(Listed { id: id.into(), to: "320300".into(), message: format!("uuid {id}"), cursor })
}

fn killed(victim: &str) -> Event {
    Event::Fault(Fault { name: format!("kill {victim}"), kind: FaultKind::Kill, victim: victim.into() })
}

fn negative_ends_planned() -> Event {
    Event::Plan(Plan { negative_ends: true, ..Plan::default() })
}

fn delivered(id: &str) -> Vec<Event> {
    vec![submit(id), accepted(id), hand(id), done(id), receipt(id, Stage::Delivered)]
}

#[test]
fn a_history_survives_being_written_and_read() {
    let history = told(closed([vec![negative_ends_planned(), killed("broker")], delivered("m1")].concat()));

    let text: String = history.iter().map(|line| print(line) + "\n").collect();

    assert_eq!(parse(&text).unwrap(), history);
}

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
    let retry = vec![lost, submit_again("m1", 100, "m1"), accepted_at("m1", 100, 5)];

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

#[test]
fn r10_nobody_is_handed_what_was_not_resolved_to_it() {
    let stranger = Event::Hand(Hand { to: "370800".into(), ..hand_as("m1") });

    assert_eq!(broken(closed([delivered("m1"), vec![stranger]].concat())), [Rule::R10Rights]);
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

#[test]
fn a_violation_shows_the_lines_that_prove_it() {
    let again = hand("m1");
    let violations = check(&told(closed([delivered("m1"), vec![again]].concat())));

    let text = violations[0].to_string();

    assert!(text.starts_with("R2NoDuplicate: m1 was handed to 320300 again after it was confirmed\n"), "{text}");
    assert_eq!(text.matches(r#""event":"hand""#).count(), 2, "{text}");
}
