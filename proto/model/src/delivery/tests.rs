//! Every step from every state.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;
use crate::{receipt::tests::statement, role::Role};

const NOON: Timestamp = Timestamp::from_millis(1_784_000_000_000);
const LATER: Timestamp = Timestamp::from_millis(1_784_000_600_000);

fn officer(name: &str) -> Officer {
    Officer { name: name.into(), role: Role::DutyOfficer }
}

fn id(n: u8) -> MessageId {
    MessageId::new(NOON, [n; 10])
}

fn delivered() -> Delivery {
    Delivery::queued().take().unwrap().deliver(NOON)
}

fn acknowledged() -> Delivery {
    delivered().acknowledge(officer("wang"), NOON).unwrap()
}

fn dead() -> Delivery {
    (0..5).fold(Delivery::queued(), |delivery, _| delivery.fail(Reason::Internal, NOON).unwrap())
}

/// One delivery in each state.
fn every_state() -> Vec<Delivery> {
    let queued = Delivery::queued;
    vec![
        queued(),
        queued().take().unwrap(),
        delivered(),
        delivered().open(officer("wang"), NOON).unwrap(),
        acknowledged(),
        delivered().will_answer(Some(officer("wang")), NOON).unwrap(),
        delivered().answer(id(1), NOON).unwrap(),
        queued().expire(NOON).unwrap(),
        queued().refuse(Reason::BadSeal, "seal", NOON).unwrap(),
        dead(),
        queued().recall(Recall::Cancelled, NOON).unwrap(),
    ]
}

type Step = fn(Delivery) -> Result<Delivery, OutOfOrder>;

fn stages_after(step: Step) -> Vec<Result<Stage, &'static str>> {
    let name = |error: OutOfOrder| match error {
        OutOfOrder::NotDelivered => "not delivered",
        OutOfOrder::AlreadyDelivered => "delivered",
        OutOfOrder::Ended(_) => "ended",
        OutOfOrder::NotDead => "not dead",
        OutOfOrder::NotAStep => "no step",
    };
    every_state().into_iter().map(|from| step(from).map(|to| to.stage()).map_err(name)).collect()
}

use Stage::{Accepted, Acknowledged, Answered, Dead, Delivered, Expired, Opened, Recalled, Refused, WillAnswer};

#[test]
fn handing_over_is_lawful_once_and_only_before_delivery() {
    let ended = Err("ended");
    let there = Err("delivered");
    let expected = [Ok(Accepted), Ok(Accepted), there, there, there, there, there, ended, ended, ended, ended];
    assert_eq!(stages_after(Delivery::take), expected);
}

#[test]
fn a_proof_of_hand_over_counts_in_every_state_and_moves_nothing_back() {
    let expected = [
        Delivered,
        Delivered,
        Delivered,
        Opened,
        Acknowledged,
        WillAnswer,
        Answered,
        Delivered,
        Delivered,
        Delivered,
        Delivered,
    ]
    .map(Ok);
    assert_eq!(stages_after(|delivery| Ok(delivery.deliver(LATER))), expected);
}

#[test]
fn positive_stages_only_go_forward() {
    let steps: [(Stage, Step); 4] = [
        (Opened, |delivery| delivery.open(officer("li"), LATER)),
        (Acknowledged, |delivery| delivery.acknowledge(officer("li"), LATER)),
        (WillAnswer, |delivery| delivery.will_answer(None, LATER)),
        (Answered, |delivery| delivery.answer(id(2), LATER)),
    ];
    for (stage, step) in steps {
        let waiting = Err("not delivered");
        let on = |from: Stage| Ok(from.max(stage));
        let ended = Err("ended");
        let expected = [
            waiting,
            waiting,
            on(Delivered),
            on(Opened),
            on(Acknowledged),
            on(WillAnswer),
            on(Answered),
            ended,
            ended,
            ended,
            ended,
        ];
        assert_eq!(stages_after(step), expected, "{stage}");
    }
}

#[test]
fn a_negative_end_follows_neither_a_delivery_nor_another_end() {
    let there = Err("delivered");
    let ended = Err("ended");
    let after = |stage: Stage, steps: [Result<Stage, &'static str>; 4]| {
        let mut all = vec![Ok(stage), Ok(stage), there, there, there, there, there];
        all.extend(steps);
        all
    };
    let expire: Step = |delivery| delivery.expire(LATER);
    let refuse: Step = |delivery| delivery.refuse(Reason::BadSeal, "seal", LATER);
    assert_eq!(stages_after(expire), after(Expired, [Ok(Expired), ended, ended, ended]));
    assert_eq!(stages_after(refuse), after(Refused, [ended, Ok(Refused), ended, ended]));
}

#[test]
fn recalling_what_was_delivered_marks_it_and_leaves_it_where_it_is() {
    let ended = Err("ended");
    let expected = [
        Ok(Recalled),
        Ok(Recalled),
        Ok(Delivered),
        Ok(Opened),
        Ok(Acknowledged),
        Ok(WillAnswer),
        Ok(Answered),
        ended,
        ended,
        ended,
        Ok(Recalled),
    ];
    assert_eq!(stages_after(|delivery| delivery.recall(Recall::Cancelled, LATER)), expected);

    let marked = acknowledged().recall(Recall::ReplacedBy(id(9)), LATER).unwrap();
    assert_eq!((marked.stage(), marked.recalled()), (Acknowledged, Some(Recall::ReplacedBy(id(9)))));
}

#[test]
fn only_the_dead_are_redriven_and_their_first_life_stays_in_the_history() {
    let redriven = dead().redrive().unwrap();

    assert_eq!((redriven.stage(), redriven.failed_tries()), (Accepted, 0));
    assert!(matches!(redriven.past(), [Past::Redriven(Ended { how: End::Dead { .. }, .. })]));
    let dead_only = stages_after(Delivery::redrive).iter().filter(|result| result.is_ok()).count();
    assert_eq!(dead_only, 1);
}

#[test]
fn the_fifth_failed_try_is_the_end_and_a_lost_link_is_no_try() {
    let mut delivery = Delivery::queued();
    for _ in 0..4 {
        delivery = delivery.take().unwrap().give_back().take().unwrap().fail(Reason::Internal, NOON).unwrap();
    }
    assert_eq!((delivery.state(), delivery.failed_tries()), (&State::Queued, 4));

    assert_eq!(delivery.fail(Reason::Internal, NOON).unwrap().stage(), Dead);
}

#[test]
fn giving_back_touches_only_what_is_in_flight() {
    for before in every_state() {
        let after = before.clone().give_back();
        let expected = if before.state() == &State::InFlight { Delivery::queued() } else { before };
        assert_eq!(after, expected);
    }
}

#[test]
fn an_overtaken_end_stays_as_history() {
    let late = Delivery::queued().expire(NOON).unwrap().deliver(LATER);

    assert_eq!(late.stage(), Delivered);
    assert_eq!(late.past(), [Past::Overtaken(Ended { how: End::Expired, at: NOON })]);
}

#[test]
fn an_overtaken_recall_still_strikes_the_message_through() {
    let late = Delivery::queued().recall(Recall::ReplacedBy(id(3)), NOON).unwrap().deliver(LATER);
    assert_eq!((late.stage(), late.recalled()), (Delivered, Some(Recall::ReplacedBy(id(3)))));
}

#[test]
fn opening_twice_keeps_the_first_officer() {
    let opened = delivered().open(officer("wang"), NOON).unwrap();

    let again = opened.open(officer("li"), LATER).unwrap();

    assert!(matches!(again.state(), State::Opened { officer, at } if officer.name == "wang" && *at == NOON));
}

#[test]
fn settled_is_not_fulfilled() {
    assert!(!Delivery::queued().is_settled());
    assert!(delivered().is_settled() && delivered().is_fulfilled(Delivered) && !delivered().is_fulfilled(Acknowledged));
    assert!(acknowledged().is_fulfilled(Acknowledged) && !acknowledged().is_fulfilled(Answered));
    assert!(delivered().will_answer(None, NOON).unwrap().is_fulfilled(Acknowledged));
    assert!(dead().is_settled() && !dead().is_fulfilled(Delivered));
}

#[test]
fn only_what_was_delivered_and_not_fulfilled_in_time_lapses() {
    assert!(delivered().has_lapsed(Acknowledged, NOON, LATER));
    assert!(!delivered().has_lapsed(Acknowledged, LATER, LATER));
    assert!(!delivered().has_lapsed(Delivered, NOON, LATER));
    assert!(!acknowledged().has_lapsed(Acknowledged, NOON, LATER));
    assert!(!dead().has_lapsed(Acknowledged, NOON, LATER));
    assert!(!Delivery::queued().has_lapsed(Acknowledged, NOON, LATER));
}

#[test]
fn a_receipt_about_another_mailbox_is_no_step_here() {
    let receipt = statement(Delivered, "320300/desk");
    let other: JurisdictionId = "320700".parse().unwrap();

    assert_eq!(Delivery::queued().prove(&other, &receipt), Err(OutOfOrder::NotAStep));
    let here = Delivery::queued().prove(&"320300".parse().unwrap(), &receipt).unwrap();
    assert_eq!(here.state(), &State::Delivered { at: receipt.at });
}

fn any_receipt() -> impl Strategy<Value = Statement> {
    (prop::sample::select(Stage::ALL), 0_i64..100).prop_map(|(stage, at)| {
        let mut receipt = statement(stage, "320300/desk");
        receipt.recipient = Some("320300".parse().unwrap());
        receipt.officer = Some(officer("wang"));
        receipt.reason = Some(Reason::Internal);
        receipt.related_message_id = Some(id(1));
        receipt.at = Timestamp::from_millis(at);
        receipt
    })
}

proptest! {
    #[test]
    fn whatever_arrives_a_delivery_settles_once_and_never_goes_back(
        receipts in prop::collection::vec(any_receipt(), 0..30),
    ) {
        let here = "320300".parse().unwrap();
        let (mut delivery, mut settled, mut best) = (Delivery::queued(), false, Accepted);
        for receipt in receipts {
            delivery = match delivery.clone().prove(&here, &receipt) {
                Ok(next) => next,
                Err(_) => delivery,
            };
            prop_assert!(!settled || delivery.is_settled(), "unsettled again");
            settled = delivery.is_settled();
            let stage = delivery.stage();
            prop_assert!(stage.is_negative() || stage >= best, "{stage} after {best}");
            prop_assert!(!stage.is_negative() || best == Accepted, "{stage} after {best}");
            best = if stage.is_negative() { best } else { stage };
        }
    }

    #[test]
    fn the_same_receipt_twice_changes_nothing(receipts in prop::collection::vec(any_receipt(), 1..20)) {
        let here = "320300".parse().unwrap();
        let mut delivery = Delivery::queued();
        for receipt in receipts {
            let Ok(next) = delivery.clone().prove(&here, &receipt) else { continue };
            prop_assert_eq!(next.clone().prove(&here, &receipt), Ok(next.clone()));
            delivery = next;
        }
    }
}
