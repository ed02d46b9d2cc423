//! Messages of ours: from the outbox to the last recipient's receipt, and back when the broker lost them.

use model::stage::Stage;
use proto::{
    record::{Resealed, kind},
    v1,
};

use super::{
    super::keys::table,
    desk::{DAY, LIANYUNGANG, LINYI, Table, XUZHOU, epoch},
};

#[test]
fn the_outbox_goes_by_precedence_and_then_in_the_order_of_the_sequence() {
    let mut desk = Table::new();
    let [first, second] = [(); 2].map(|()| desk.draft(LINYI, &[XUZHOU]));
    let flash = desk.draft(LINYI, &[XUZHOU]).with(|header| header.precedence = v1::Precedence::Flash as i32);
    for draft in [&first, &second, &flash, &first] {
        desk.queue(draft);
    }
    assert_eq!(desk.outbox(), [flash.id(), first.id(), second.id()], "and each once");
    assert_eq!(desk.list(table::SENT_LIST), [flash.id(), second.id(), first.id()], "newest first");
    assert_eq!(desk.counters(), (3, 0, 0));
    assert_eq!(desk.read(|fold, _| fold.agent().last_seq), 3);
}

#[test]
fn an_accepted_message_leaves_the_outbox_and_waits_for_its_recipients() {
    let mut desk = Table::new();
    let draft = desk.draft(LINYI, &[XUZHOU, LIANYUNGANG]);
    desk.queue(&draft);

    desk.accept(&draft, 1, 40);
    desk.accept(&draft, 1, 40); // an offer was repeated

    assert_eq!(desk.outbox(), []);
    assert_eq!(desk.counters(), (0, 1, 0));
    assert_eq!(desk.stage(&draft, XUZHOU), (Stage::Accepted, None));
    assert_eq!(desk.filed(&draft), [Stage::Accepted], "the same receipt is filed once");
    desk.receipt(&draft, XUZHOU, Stage::Delivered);
    assert!(!desk.sent(&draft).settled);
    desk.receipt(&draft, LIANYUNGANG, Stage::Expired);
    assert!(desk.sent(&draft).settled, "handed over or ended, for every recipient");
    assert_eq!(desk.counters(), (0, 0, 0));
    desk.replay();
}

#[test]
fn an_acceptance_of_other_bytes_is_not_believed() {
    let mut desk = Table::new();
    let draft = desk.draft(LINYI, &[XUZHOU]);
    desk.queue(&draft);
    desk.accept(&draft.clone().with(|header| header.purpose = "other".to_owned()), 1, 40);
    assert_eq!(desk.outbox(), [draft.id()]);
}

#[test]
fn a_receipt_that_cannot_be_checked_moves_nothing_until_one_comes_that_can() {
    let mut desk = Table::new();
    let draft = desk.draft(LINYI, &[XUZHOU]);
    desk.queue(&draft);
    desk.accept(&draft, 1, 40);
    let delivered = desk.statement(&draft, XUZHOU, Stage::Delivered);
    desk.receipts(std::slice::from_ref(&delivered), &[0]);
    assert_eq!(desk.stage(&draft, XUZHOU).0, Stage::Accepted);

    desk.receipts(std::slice::from_ref(&delivered), &[]);
    assert_eq!(desk.stage(&draft, XUZHOU).0, Stage::Delivered);
    desk.receipts(&[delivered], &[0]);
    assert_eq!(desk.filed(&draft), [Stage::Accepted, Stage::Delivered]);
}

#[test]
fn stages_go_forward_and_a_hand_over_overtakes_a_negative_end() {
    let mut desk = Table::new();
    let draft = desk.draft(LINYI, &[XUZHOU]);
    desk.queue(&draft);
    desk.accept(&draft, 1, 40);
    desk.receipt(&draft, XUZHOU, Stage::Recalled);
    desk.receipt(&draft, XUZHOU, Stage::Delivered);
    assert_eq!(desk.stage(&draft, XUZHOU), (Stage::Delivered, Some(Stage::Recalled)));
    desk.receipt(&draft, XUZHOU, Stage::Acknowledged);
    desk.receipt(&draft, XUZHOU, Stage::Opened);
    desk.receipt(&draft, XUZHOU, Stage::Refused);
    assert_eq!(desk.stage(&draft, XUZHOU).0, Stage::Acknowledged);
}

#[test]
fn a_receipt_may_come_before_the_acceptance() {
    let mut desk = Table::new();
    let draft = desk.draft(LINYI, &[XUZHOU]);
    desk.queue(&draft);
    desk.receipt(&draft, XUZHOU, Stage::Delivered);
    assert!(!desk.sent(&draft).settled);
    desk.accept(&draft, 1, 40);
    assert_eq!(desk.stage(&draft, XUZHOU).0, Stage::Delivered);
    assert!(desk.sent(&draft).settled);
}

#[test]
fn a_refused_message_leaves_the_outbox_and_an_acceptance_outlives_a_later_refusal() {
    let mut desk = Table::new();
    let [refused, accepted] = [(); 2].map(|()| desk.draft(LINYI, &[XUZHOU]));
    for draft in [&refused, &accepted] {
        desk.queue(draft);
    }
    desk.refuse(&refused);
    desk.accept(&accepted, 1, 40);
    desk.refuse(&accepted);

    assert_eq!(desk.outbox(), []);
    assert!(desk.sent(&refused).refused_at > 0);
    assert_eq!(desk.sent(&accepted).refused_at, 0);
    assert_eq!(desk.counters(), (0, 1, 0));
}

#[test]
fn what_the_broker_lost_is_offered_again_until_it_names_a_new_place() {
    let mut desk = Table::new();
    let [kept, lost, done] = [(); 3].map(|()| desk.draft(LINYI, &[XUZHOU]));
    for (draft, position) in [(&kept, 40), (&lost, 60), (&done, 61)] {
        desk.queue(draft);
        desk.accept(draft, 1, position);
    }
    desk.receipt(&done, XUZHOU, Stage::Delivered);
    desk.epochs(&[(1, 1, 50), (2, 51, 0)]);
    assert_eq!(desk.outbox(), [lost.id(), done.id()], "beyond the end of the first epoch");
    desk.epochs(&[(1, 1, 50), (2, 51, 55), (3, 56, 0)]);
    assert_eq!(desk.outbox().len(), 2, "a second loss changes nothing");

    desk.accept(&lost, 3, 57);
    desk.accept(&done, 3, 58);

    assert_eq!(desk.outbox(), []);
    assert_eq!(desk.counters(), (0, 2, 0));
    desk.epochs(&[(1, 1, 50), (3, 56, 0)]);
    assert_eq!(desk.outbox(), [], "it stands at its new place alone");
    assert_eq!(desk.read(|fold, _| fold.agent().highest_epoch.clone()), epoch(3).0.to_vec());
    desk.replay();
}

#[test]
fn what_is_settled_and_past_its_time_is_not_offered_again() {
    let mut desk = Table::new();
    let draft = desk.draft(LINYI, &[XUZHOU]);
    desk.queue(&draft);
    desk.accept(&draft, 1, 60);
    desk.receipt(&draft, XUZHOU, Stage::Delivered);
    desk.now += 2 * DAY;
    desk.epochs(&[(2, 1, 0)]);
    assert_eq!(desk.outbox(), []);
}

#[test]
fn a_message_sealed_again_moves_to_the_end_of_the_outbox_and_keeps_its_place_in_lists() {
    let mut desk = Table::new();
    let [first, second] = [(); 2].map(|()| desk.draft(LINYI, &[XUZHOU]));
    desk.queue(&first);
    desk.queue(&second);
    let again = first.clone().with(|header| (header.incarnation, header.sender_seq) = (vec![8; 8].into(), 1));
    desk.fold(kind::RESEALED, &Resealed { envelope: Some(again.envelope()) });

    assert_eq!(desk.outbox(), [second.id(), first.id()]);
    assert_eq!(desk.list(table::SENT_LIST), [second.id(), first.id()]);
    desk.accept(&first, 1, 40);
    assert_eq!(desk.outbox().len(), 2, "the old bytes are no longer ours");
    desk.accept(&again, 1, 41);
    assert_eq!(desk.outbox(), [second.id()]);
}

#[test]
fn a_chain_knows_what_follows_and_what_was_taken_back() {
    let mut desk = Table::new();
    let first = desk.draft(LINYI, &[XUZHOU]);
    let cancel = desk.draft(LINYI, &[XUZHOU]).with(|header| {
        header.action = v1::Action::Cancel as i32;
        header.revision = 2;
        header.preceding_message_id = first.header.message_id.clone();
        header.originating_message_id = first.header.message_id.clone();
    });
    desk.queue(&first);
    desk.queue(&cancel);
    let row = desk.sent(&first);
    assert!(row.recalled && row.followed_by == cancel.header.message_id);
    assert_eq!(desk.list(table::THREAD_LIST), [first.id()], "one thread");
}

#[test]
fn a_new_state_directory_counts_from_one_again() {
    let mut desk = Table::new();
    let draft = desk.draft(LINYI, &[XUZHOU]);
    desk.queue(&draft);
    let incarnated = proto::record::Incarnated { incarnation: vec![8; 8].into(), boot_count: 2, why: String::new() };
    desk.fold(kind::INCARNATED, &incarnated);
    let agent = desk.read(|fold, _| fold.agent().clone());
    assert_eq!((agent.last_seq, agent.boot_count, agent.queued), (0, 2, 1));
}
