//! An envelope is written anew: what waits is read from the new record, and nothing else changes.

use model::{limits::TRIES_MAX, reason::Reason, stage::Stage};

use super::{
    super::Outcome,
    exchange::{Draft, Exchange, LIANYUNGANG, LINYI, XUZHOU},
};

fn carried(outcome: Outcome) -> u64 {
    match outcome {
        Outcome::Accepted { row, duplicate: true } => row.carried_at,
        other => panic!("{other:?}"),
    }
}

fn three(exchange: &mut Exchange) -> [Draft; 3] {
    [(); 3].map(|()| {
        let draft = exchange.draft(LINYI, &[XUZHOU, LIANYUNGANG]);
        exchange.accept(&draft);
        draft
    })
}

#[test]
fn what_waits_is_read_from_the_new_record_and_keeps_its_place_in_line() {
    let mut exchange = Exchange::new();
    let [first, second, third] = three(&mut exchange);
    exchange.confirm(LIANYUNGANG, second.id(), Stage::Delivered);
    let before = exchange.row(second.id()).0;

    let at = carried(exchange.carry(&second));

    assert!(at > before.position);
    assert_eq!(exchange.mailbox(XUZHOU), [first.id(), second.id(), third.id()]);
    assert_eq!(exchange.reads(XUZHOU)[1], at);
    let (after, open) = exchange.row(second.id());
    assert!(open && (after.position, &after.epoch) == (before.position, &before.epoch), "the receipt stays the same");
    assert_eq!(after.deliveries, before.deliveries);
    assert_eq!(exchange.account(LINYI).envelopes, 3, "nobody is charged twice");
    exchange.replay();
}

#[test]
fn a_dead_letter_that_is_sent_again_is_read_from_the_new_record() {
    let mut exchange = Exchange::new();
    let [_, second, _] = three(&mut exchange);
    let at = carried(exchange.carry(&second));
    (0..TRIES_MAX).for_each(|_| exchange.fail(XUZHOU, second.id()));

    exchange.redrive(XUZHOU, second.id());

    assert!(exchange.reads(XUZHOU).contains(&at));
    exchange.replay();
}

#[test]
fn other_bytes_under_a_known_id_and_an_unknown_id_are_not_carried() {
    let mut exchange = Exchange::new();
    let [first, ..] = three(&mut exchange);
    let before = exchange.row(first.id());
    let unknown = exchange.draft(LINYI, &[XUZHOU]);

    for (draft, reason) in [(first.clone().saying("other"), Reason::ConflictId), (unknown, Reason::NotFound)] {
        match exchange.carry(&draft) {
            Outcome::Refused(invalid) => assert_eq!(invalid.reason, reason),
            other => panic!("{other:?}"),
        }
    }

    assert_eq!(exchange.row(first.id()), before);
}

#[test]
fn what_is_settled_is_not_opened_again() {
    let mut exchange = Exchange::new();
    let draft = exchange.draft(LINYI, &[XUZHOU]);
    exchange.accept(&draft);
    exchange.confirm(XUZHOU, draft.id(), Stage::Delivered);
    let before = exchange.row(draft.id());

    exchange.carry(&draft);

    assert_eq!((exchange.row(draft.id()), exchange.mailbox(XUZHOU)), (before, Vec::new()));
}
