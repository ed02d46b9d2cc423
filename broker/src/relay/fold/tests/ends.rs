//! Ends that nobody wished for: time, failed hand-overs; and a receipt that comes after all.

use model::{limits::TRIES_MAX, stage::Stage};
use proto::v1;

use super::exchange::{DAY, Draft, Exchange, LIANYUNGANG, LINYI, XUZHOU};

fn dead_letter(exchange: &mut Exchange, to: &[&str]) -> Draft {
    let draft = exchange.draft(LINYI, to);
    exchange.accept(&draft);
    (0..TRIES_MAX).for_each(|_| exchange.fail(XUZHOU, draft.id()));
    draft
}

#[test]
fn what_expires_leaves_every_mailbox_and_its_sender_is_told() {
    let mut exchange = Exchange::new();
    let draft = exchange.draft(LINYI, &[XUZHOU, LIANYUNGANG]);
    exchange.accept(&draft);
    exchange.confirm(LIANYUNGANG, draft.id(), Stage::Delivered);
    exchange.expire(&[draft.id()]);
    assert_eq!(exchange.stage(draft.id(), XUZHOU), Stage::Accepted, "its time has not passed");
    exchange.now += DAY;

    exchange.expire(&[draft.id()]);

    assert_eq!(exchange.mailbox(XUZHOU), []);
    assert_eq!(exchange.stage(draft.id(), XUZHOU), Stage::Expired);
    assert_eq!(exchange.stage(draft.id(), LIANYUNGANG), Stage::Delivered);
    assert_eq!(exchange.line(LINYI)[1..], [(Stage::Expired, XUZHOU.to_owned(), "LD502_EXPIRED".to_owned())]);
    assert!(!exchange.is_open(draft.id()));
    exchange.expire(&[draft.id()]);
    assert_eq!(exchange.told(LINYI).len(), 2, "once");
}

#[test]
fn what_was_handed_over_and_never_acknowledged_closes_with_its_time() {
    let mut exchange = Exchange::new();
    let draft =
        exchange.draft(LINYI, &[XUZHOU]).with(|header| header.receipt_required = v1::Stage::Acknowledged as i32);
    exchange.accept(&draft);
    exchange.confirm(XUZHOU, draft.id(), Stage::Delivered);
    assert!(exchange.is_open(draft.id()));
    exchange.now += DAY;
    exchange.expire(&[draft.id()]);
    assert!(!exchange.is_open(draft.id()));
    assert_eq!(exchange.told(LINYI), [Stage::Delivered], "nothing expired: it was handed over");
}

#[test]
fn the_fifth_failed_hand_over_makes_a_dead_letter() {
    let mut exchange = Exchange::new();
    let draft = exchange.draft(LINYI, &[XUZHOU, LIANYUNGANG]);
    exchange.accept(&draft);
    for _ in 1..TRIES_MAX {
        exchange.fail(XUZHOU, draft.id());
        assert_eq!(exchange.mailbox(XUZHOU), [draft.id()]);
    }
    exchange.fail(XUZHOU, draft.id());

    assert_eq!(exchange.mailbox(XUZHOU), []);
    assert_eq!(exchange.mailbox(LIANYUNGANG), [draft.id()], "another's mailbox is untouched");
    assert_eq!(exchange.dead(XUZHOU), (1, vec![draft.id()]));
    assert_eq!(exchange.line(LINYI), [(Stage::Dead, XUZHOU.to_owned(), "INBOX_FULL".to_owned())]);
    exchange.fail(XUZHOU, draft.id());
    assert_eq!(exchange.told(LINYI), [Stage::Dead], "the dead are not tried again");
    exchange.replay();
}

#[test]
fn a_redriven_letter_lives_again_at_the_end_of_its_line() {
    let mut exchange = Exchange::new();
    let draft = dead_letter(&mut exchange, &[XUZHOU]);
    let later = exchange.draft(LINYI, &[XUZHOU]);
    exchange.accept(&later);

    exchange.redrive(XUZHOU, draft.id());

    assert_eq!(exchange.mailbox(XUZHOU), [later.id(), draft.id()]);
    assert_eq!(exchange.dead(XUZHOU), (0, vec![]));
    assert_eq!(exchange.account(LINYI).envelopes, 2);
    exchange.redrive(XUZHOU, draft.id());
    assert_eq!(exchange.mailbox(XUZHOU).len(), 2, "once");
    (1..TRIES_MAX).for_each(|_| exchange.fail(XUZHOU, draft.id()));
    assert_eq!(exchange.stage(draft.id(), XUZHOU), Stage::Accepted, "a new life has its own tries");
    exchange.confirm(XUZHOU, draft.id(), Stage::Delivered);
    assert!(!exchange.is_open(draft.id()));
    assert_eq!(exchange.told(LINYI), [Stage::Dead, Stage::Delivered]);
}

#[test]
fn a_redrive_beside_a_delivery_that_still_waits_is_booked_once() {
    let mut exchange = Exchange::new();
    let draft = dead_letter(&mut exchange, &[XUZHOU, LIANYUNGANG]);
    assert_eq!(exchange.account(LINYI).envelopes, 1);

    exchange.redrive(XUZHOU, draft.id());

    assert_eq!(exchange.account(LINYI).envelopes, 1);
    for who in [XUZHOU, LIANYUNGANG] {
        exchange.confirm(who, draft.id(), Stage::Delivered);
    }
    assert_eq!(exchange.account(LINYI), proto::record::SenderRow::default(), "nothing is left on the account");
}

#[test]
fn a_redriven_letter_whose_time_has_passed_expires_at_once() {
    let mut exchange = Exchange::new();
    let draft = dead_letter(&mut exchange, &[XUZHOU]);
    exchange.now += DAY;
    exchange.redrive(XUZHOU, draft.id());
    exchange.expire(&[draft.id()]);
    assert_eq!(exchange.stage(draft.id(), XUZHOU), Stage::Expired);
    assert!(!exchange.is_open(draft.id()));
}

#[test]
fn a_proof_of_hand_over_overtakes_every_negative_end() {
    type Cause = fn(&mut Exchange, &Draft);
    let ends: [(Stage, Cause); 4] = [
        (Stage::Expired, |exchange, draft| {
            exchange.now += DAY;
            exchange.expire(&[draft.id()]);
        }),
        (Stage::Dead, |exchange, draft| (0..TRIES_MAX).for_each(|_| exchange.fail(XUZHOU, draft.id()))),
        (Stage::Refused, |exchange, draft| exchange.confirm(XUZHOU, draft.id(), Stage::Refused)),
        (Stage::Recalled, |exchange, draft| {
            let cancel = exchange.following(draft, v1::Action::Cancel, 2);
            exchange.accept(&cancel);
            exchange.confirm(XUZHOU, cancel.id(), Stage::Delivered);
        }),
    ];
    for (end, bring_about) in ends {
        let mut exchange = Exchange::new();
        let draft = exchange.draft(LINYI, &[XUZHOU]);
        exchange.accept(&draft);
        bring_about(&mut exchange, &draft);
        assert_eq!(exchange.stage(draft.id(), XUZHOU), end);

        exchange.confirm(XUZHOU, draft.id(), Stage::Delivered);

        let (row, _) = exchange.row(draft.id());
        assert_eq!(exchange.stage(draft.id(), XUZHOU), Stage::Delivered, "{end:?}");
        assert_eq!(row.deliveries[0].overtaken, end.number().unsigned_abs(), "the end stays as history");
        assert_eq!(exchange.told(LINYI).last(), Some(&Stage::Delivered), "and its sender is told");
        assert_eq!(exchange.account(LINYI).envelopes, 0);
        assert_eq!(exchange.dead(XUZHOU), (0, vec![]), "what was handed over is no dead letter");
        assert_eq!(exchange.mailbox(XUZHOU), []);
        exchange.replay();
    }
}

#[test]
fn an_overtaken_end_that_owes_more_is_open_until_its_time() {
    let mut exchange = Exchange::new();
    let draft =
        exchange.draft(LINYI, &[XUZHOU]).with(|header| header.receipt_required = v1::Stage::Acknowledged as i32);
    exchange.accept(&draft);
    exchange.confirm(XUZHOU, draft.id(), Stage::Refused);
    assert!(!exchange.is_open(draft.id()));

    exchange.confirm(XUZHOU, draft.id(), Stage::Delivered);

    assert!(exchange.is_open(draft.id()), "an acknowledgement is owed again");
    exchange.now += DAY;
    exchange.expire(&[draft.id()]);
    assert!(!exchange.is_open(draft.id()), "and it does not stay open for ever");
}

#[test]
fn a_refusal_counts_only_while_the_delivery_waits() {
    let mut exchange = Exchange::new();
    let draft = exchange.draft(LINYI, &[XUZHOU]);
    exchange.accept(&draft);
    exchange.confirm(XUZHOU, draft.id(), Stage::Delivered);
    exchange.confirm(XUZHOU, draft.id(), Stage::Refused);
    assert_eq!(exchange.stage(draft.id(), XUZHOU), Stage::Delivered);
    assert_eq!(exchange.told(LINYI), [Stage::Delivered]);
}
