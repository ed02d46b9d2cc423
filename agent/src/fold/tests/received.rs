//! What came from others: kept once, signed once, and confirmed until the broker has it.

use model::stage::Stage;
use proto::v1;

use super::{
    super::keys::table,
    desk::{DAY, LIANYUNGANG, LINYI, Table, XUZHOU},
};

#[test]
fn a_message_that_comes_twice_is_in_the_inbox_once_and_signed_once() {
    let mut desk = Table::new();
    let [one, two] = [(); 2].map(|()| desk.draft(XUZHOU, &[LINYI]));
    desk.receive(&[(&one, ""), (&one, "")]);
    let first = desk.position();
    desk.receive(&[(&one, ""), (&two, "")]);
    let second = desk.position();
    desk.receive(&[(&one, ""), (&two, "")]);

    assert_eq!(desk.list(table::INBOX), [two.id(), one.id()]);
    assert_eq!(desk.counters(), (0, 0, 2));
    assert_eq!(desk.unkept(), [first, second], "a record that says nothing new has no receipts to keep");
    assert_eq!(desk.filed(&one), [Stage::Delivered]);
    assert_eq!(desk.received(&one).unwrap().position, first.0);
    desk.replay();
}

#[test]
fn a_refused_message_is_kept_for_the_record_and_stands_in_no_list() {
    let mut desk = Table::new();
    let draft = desk.draft(XUZHOU, &[LINYI]);
    desk.receive(&[(&draft, "LD203_BAD_SEAL")]);
    assert_eq!(desk.list(table::INBOX), []);
    assert_eq!(desk.list(table::THREAD_LIST), []);
    assert_eq!(desk.received(&draft).unwrap().refused, "LD203_BAD_SEAL");
    assert_eq!(desk.filed(&draft), [Stage::Refused]);
    assert_eq!(desk.unkept().len(), 1, "the refusal is a receipt too");
    assert_eq!(desk.attest(&draft, Stage::Opened).map(|(at, _)| at.0), Some(2), "nobody opens it");
}

#[test]
fn the_first_officer_counts_and_the_second_is_shown_that() {
    let mut desk = Table::new();
    let draft = desk.draft(XUZHOU, &[LINYI]);
    desk.receive(&[(&draft, "")]);
    let opened = desk.attest(&draft, Stage::Opened).unwrap();
    assert_eq!(opened, (desk.position(), 0));
    assert_eq!(desk.list(table::UNOPENED), []);

    desk.now += 1_000;
    assert_eq!(desk.attest(&draft, Stage::Opened), Some(opened));
    assert_eq!(desk.unkept().len(), 2, "the second says nothing new");
    let acknowledged = desk.attest(&draft, Stage::Acknowledged).unwrap();
    assert_eq!(desk.attest(&draft, Stage::Opened), Some(acknowledged), "never back");
    assert_eq!(desk.received(&draft).unwrap().stage, Stage::Acknowledged.number().unsigned_abs());
    desk.replay();
}

#[test]
fn nobody_attests_what_is_not_here() {
    let mut desk = Table::new();
    let draft = desk.draft(XUZHOU, &[LINYI]);
    assert_eq!(desk.attest(&draft, Stage::Opened), None);
    assert_eq!(desk.unkept(), []);
}

#[test]
fn receipts_wait_for_the_broker_and_again_if_it_loses_them() {
    let mut desk = Table::new();
    let [one, two] = [(); 2].map(|()| desk.draft(XUZHOU, &[LINYI]));
    desk.receive(&[(&one, "")]);
    let first = desk.position();
    desk.receive(&[(&two, "")]);
    let second = desk.position();
    desk.kept(&[first], 1, 40);
    assert_eq!(desk.unkept(), [second]);
    desk.kept(&[first, second], 1, 60);
    assert_eq!(desk.unkept(), []);

    desk.epochs(&[(1, 1, 50), (2, 51, 0)]);

    assert_eq!(desk.unkept(), [second], "the place of the first confirmation counts for the first");
    desk.kept(&[second], 2, 52);
    desk.epochs(&[(2, 51, 0)]);
    assert_eq!(desk.unkept(), [first], "an epoch that is not listed is lost whole");
    desk.kept(&[first], 2, 53);
    desk.now += 40 * DAY;
    desk.epochs(&[(3, 54, 0)]);
    assert_eq!(desk.unkept(), [], "beyond the time of dedupe nobody asks for them");
}

#[test]
fn a_cancel_marks_what_it_names_in_whatever_order_they_come() {
    for early in [false, true] {
        let mut desk = Table::new();
        let draft = desk.draft(XUZHOU, &[LINYI]);
        let cancel = |desk: &mut Table, author: &str| {
            desk.draft(author, &[LINYI]).with(|header| {
                header.action = v1::Action::Cancel as i32;
                header.revision = 2;
                header.preceding_message_id = draft.header.message_id.clone();
                header.originating_message_id = draft.header.message_id.clone();
            })
        };
        let (own, foreign) = (cancel(&mut desk, XUZHOU), cancel(&mut desk, LIANYUNGANG));
        if early {
            desk.receive(&[(&own, "")]);
            desk.receive(&[(&foreign, "")]); // another's cancel must not hide the author's
            desk.receive(&[(&draft, "")]);
        } else {
            desk.receive(&[(&draft, "")]);
            desk.receive(&[(&foreign, "")]);
            assert!(!desk.received(&draft).unwrap().recalled);
            desk.receive(&[(&own, "")]);
        }
        assert!(desk.received(&draft).unwrap().recalled, "early: {early}");
        assert_eq!(desk.read(|_, rows| rows.scan(&[table::EARLY_CANCEL], &[], 9)).unwrap(), vec![]);
    }
}

#[test]
fn anothers_early_cancel_takes_nothing_back() {
    let mut desk = Table::new();
    let draft = desk.draft(XUZHOU, &[LINYI]);
    let foreign = desk.draft(LIANYUNGANG, &[LINYI]).with(|header| {
        header.action = v1::Action::Cancel as i32;
        header.preceding_message_id = draft.header.message_id.clone();
        header.originating_message_id = draft.header.message_id.clone();
    });
    desk.receive(&[(&foreign, "")]);
    desk.receive(&[(&draft, "")]);
    assert!(!desk.received(&draft).unwrap().recalled);
}

#[test]
fn threads_stand_where_their_newest_message_does() {
    let mut desk = Table::new();
    let [first, other] = [(); 2].map(|()| desk.draft(XUZHOU, &[LINYI]));
    desk.receive(&[(&first, ""), (&other, "")]);
    assert_eq!(desk.list(table::THREAD_LIST), [other.id(), first.id()]);
    let answer = desk.draft(LINYI, &[XUZHOU]).with(|header| {
        header.action = v1::Action::Reply as i32;
        header.answer = v1::Answer::Definite as i32;
        header.preceding_message_id = first.header.message_id.clone();
        header.originating_message_id = first.header.message_id.clone();
    });
    desk.queue(&answer);
    assert_eq!(desk.list(table::THREAD_LIST), [first.id(), other.id()]);
    let thread = desk.read(|_, rows| super::super::query::thread(rows, first.id(), 9)).unwrap();
    assert_eq!(thread.iter().map(|(_, row)| row.sent).collect::<Vec<_>>(), [false, true]);
}
