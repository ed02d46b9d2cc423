//! Lines of receipts and accounts of senders.

use model::{position::Position, stage::Stage};
use proto::{
    record::{Confirmed, ReceiptsSeen, kind},
    v1,
};

use super::{
    super::keys,
    exchange::{Exchange, LIANYUNGANG, LINYI, XUZHOU},
};

#[test]
fn receipts_move_forward_only_and_each_stage_is_told_once() {
    let mut exchange = Exchange::new();
    let draft =
        exchange.draft(LINYI, &[XUZHOU]).with(|header| header.receipt_required = v1::Stage::Acknowledged as i32);
    exchange.accept(&draft);
    for stage in [Stage::Delivered, Stage::Delivered, Stage::Acknowledged, Stage::Opened, Stage::Acknowledged] {
        exchange.confirm(XUZHOU, draft.id(), stage);
    }
    assert_eq!(exchange.told(LINYI), [Stage::Delivered, Stage::Acknowledged, Stage::Opened], "the chain is whole");
    assert_eq!(exchange.stage(draft.id(), XUZHOU), Stage::Acknowledged);
    assert!(!exchange.is_open(draft.id()));
    exchange.confirm(XUZHOU, draft.id(), Stage::WillAnswer);
    assert_eq!(exchange.told(LINYI).last(), Some(&Stage::WillAnswer), "a closed message still takes a later stage");
}

#[test]
fn a_hand_over_that_is_proved_after_what_a_person_signed_is_told_too() {
    let mut exchange = Exchange::new();
    let draft = exchange.draft(LINYI, &[XUZHOU]);
    exchange.accept(&draft);
    for stage in [Stage::Opened, Stage::Delivered, Stage::Delivered] {
        exchange.confirm(XUZHOU, draft.id(), stage);
    }
    assert_eq!(exchange.told(LINYI), [Stage::Opened, Stage::Delivered]);
    assert_eq!(exchange.stage(draft.id(), XUZHOU), Stage::Opened, "it moves nothing back");
    exchange.replay();
}

#[test]
fn a_stage_that_no_recipient_can_sign_is_passed_over() {
    let mut exchange = Exchange::new();
    let draft = exchange.draft(LINYI, &[XUZHOU]);
    exchange.accept(&draft);
    for stage in [Stage::Accepted, Stage::Answered, Stage::Expired, Stage::Dead, Stage::Recalled] {
        exchange.confirm(XUZHOU, draft.id(), stage);
    }
    assert_eq!(exchange.stage(draft.id(), XUZHOU), Stage::Accepted);
    assert_eq!(exchange.told(LINYI), []);
}

#[test]
fn nobody_signs_for_another() {
    let mut exchange = Exchange::new();
    let draft = exchange.draft(LINYI, &[XUZHOU]);
    exchange.accept(&draft);
    let forged = v1::ReceiptStatement {
        message_id: draft.header.message_id.clone(),
        recipient: XUZHOU.to_owned(),
        stage: v1::Stage::Delivered as i32,
        ..v1::ReceiptStatement::default()
    };
    let statements = vec![prost::Message::encode_to_vec(&forged).into(), vec![0xFF; 9].into()];
    let batch = v1::ReceiptBatch { statements, ..v1::ReceiptBatch::default() };
    exchange.fold(
        kind::CONFIRMED,
        &Confirmed { by: LIANYUNGANG.to_owned(), receipts: Some(batch), ..Confirmed::default() },
    );
    exchange.confirm(LIANYUNGANG, draft.id(), Stage::Delivered);

    assert_eq!(exchange.mailbox(XUZHOU), [draft.id()]);
    assert_eq!(exchange.told(LINYI), []);
}

#[test]
fn a_receipt_for_an_envelope_that_was_lost_finds_its_sender_by_itself() {
    let mut exchange = Exchange::new();
    let lost = exchange.draft(LINYI, &[XUZHOU]);
    exchange.confirm(XUZHOU, lost.id(), Stage::Delivered);
    assert_eq!(exchange.told(LINYI), [Stage::Delivered]);
}

#[test]
fn a_copied_superior_owes_no_more_than_delivery() {
    let mut exchange = Exchange::new();
    let mut draft =
        exchange.draft(LINYI, &[XUZHOU]).with(|header| header.receipt_required = v1::Stage::Acknowledged as i32);
    draft.copied = vec!["370000".to_owned()];
    exchange.accept(&draft);
    exchange.confirm("370000", draft.id(), Stage::Delivered);
    exchange.confirm(XUZHOU, draft.id(), Stage::Delivered);
    assert!(exchange.is_open(draft.id()));
    exchange.confirm(XUZHOU, draft.id(), Stage::Acknowledged);
    assert!(!exchange.is_open(draft.id()));
}

#[test]
fn a_line_forgets_what_its_reader_has_stored_and_keeps_the_rest() {
    let mut exchange = Exchange::new();
    for _ in 0..4 {
        let draft = exchange.draft(LINYI, &[XUZHOU]);
        exchange.accept(&draft); // records 1, 3, 5, 7
        exchange.confirm(XUZHOU, draft.id(), Stage::Delivered); // records 2, 4, 6, 8
    }
    let seen = |position| ReceiptsSeen { jurisdiction: LINYI.to_owned(), position };

    exchange.fold(kind::RECEIPTS_SEEN, &seen(4));
    assert_eq!(exchange.told(LINYI).len(), 2);
    exchange.fold(kind::RECEIPTS_SEEN, &seen(3));
    assert_eq!(exchange.told(LINYI).len(), 2, "an older confirmation changes nothing");

    let prefix = keys::line_prefix(&LINYI.parse().unwrap());
    let left = exchange.read(|_, rows| rows.scan(&prefix, &prefix, 9)).unwrap();
    let positions: Vec<_> = left.iter().map(|(key, _)| keys::line_position(key).unwrap()).collect();
    assert_eq!(positions, [Position(6), Position(8)]);
}

#[test]
fn a_line_longer_than_a_page_is_forgotten_whole_and_no_further() {
    let mut exchange = Exchange::new();
    for _ in 0..300 {
        let draft = exchange.draft(LINYI, &[XUZHOU]);
        exchange.accept(&draft); // records 1, 3, 5 …
        exchange.confirm(XUZHOU, draft.id(), Stage::Delivered); // records 2, 4, 6 …
    }
    exchange.fold(kind::RECEIPTS_SEEN, &ReceiptsSeen { jurisdiction: LINYI.to_owned(), position: 598 });

    let prefix = keys::line_prefix(&LINYI.parse().unwrap());
    let left = exchange.read(|_, rows| rows.scan(&prefix, &prefix, 9)).unwrap();
    let positions: Vec<_> = left.iter().map(|(key, _)| keys::line_position(key).unwrap()).collect();
    assert_eq!(positions, [Position(600)]);
}

#[test]
fn an_account_is_released_when_the_last_recipient_is_settled() {
    let mut exchange = Exchange::new();
    let draft = exchange.draft(LINYI, &[XUZHOU, LIANYUNGANG]).saying("the river rises");
    let row = exchange.accept(&draft);
    assert_eq!(exchange.account(LINYI).bytes, row.bytes);
    exchange.confirm(XUZHOU, draft.id(), Stage::Delivered);
    assert_eq!(exchange.account(LINYI).bytes, row.bytes, "one still waits");
    exchange.confirm(LIANYUNGANG, draft.id(), Stage::Refused);
    assert_eq!(exchange.account(LINYI), proto::record::SenderRow::default());
}

#[tokio::test]
async fn whoever_gets_something_is_woken() {
    let mut exchange = Exchange::new();
    let [sender, recipient] = [LINYI, XUZHOU].map(|id| exchange.wakes.bell(&id.parse().unwrap()));
    let draft = exchange.draft(LINYI, &[XUZHOU]);
    exchange.accept(&draft);
    recipient.notified().await;
    exchange.confirm(XUZHOU, draft.id(), Stage::Delivered);
    sender.notified().await;
}
