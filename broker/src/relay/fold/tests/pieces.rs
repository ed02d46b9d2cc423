//! Messages whose row does not fit one row: a province of recipients.

use model::{ids::MessageId, limits::TRIES_MAX, stage::Stage};
use store::rows::{ENTRY_BYTES_MAX, VALUE_BYTES_MAX};

use super::{
    super::{Outcome, keys},
    exchange::{DAY, Draft, Exchange, LINYI},
};

fn county(n: usize) -> String {
    format!("a-county-with-a-long-name-{n:06}")
}

fn to_counties(exchange: &mut Exchange, count: usize) -> Draft {
    let mut draft = exchange.draft(LINYI, &[]);
    draft.to = (0..count).map(county).collect();
    draft
}

fn pieces(exchange: &mut Exchange, id: MessageId) -> usize {
    let prefix = keys::piece(id, 0)[..17].to_vec();
    exchange.read(|_, rows| rows.scan(&prefix, &prefix, 1_000)).unwrap().len()
}

#[test]
fn a_message_to_as_many_as_the_contract_allows_lives_and_closes() {
    for count in [1, 33, 64, 65, 128, 300] {
        let mut exchange = Exchange::new();
        exchange.careful = count < 40; // it would look at all of them after each
        let draft = to_counties(&mut exchange, count);
        let first = exchange.accept(&draft);
        assert_eq!(exchange.row(draft.id()).0, first);
        assert!(prost::Message::encoded_len(&first) <= VALUE_BYTES_MAX || pieces(&mut exchange, draft.id()) > 0);
        (0..count).step_by(7).for_each(|n| exchange.fail(&county(n), draft.id()));
        (0..TRIES_MAX).for_each(|_| exchange.fail(&county(1), draft.id()));
        exchange.balance();
        if count > 200 {
            exchange.now += DAY;
            exchange.expire(&[draft.id()]);
        } else {
            (0..count).for_each(|n| exchange.confirm(&county(n), draft.id(), Stage::Delivered));
        }

        assert!(!exchange.is_open(draft.id()), "{count}");
        assert_eq!(pieces(&mut exchange, draft.id()), 0, "nothing of the open row is left");
        let (closed, _) = exchange.row(draft.id());
        assert_eq!(closed.deliveries.len(), count);
        let Outcome::Accepted { row, duplicate: true } = exchange.submit(&draft) else { panic!("not known") };
        assert_eq!(*row, closed);
        exchange.replay();
    }
}

#[test]
fn the_id_of_a_piece_is_nobodys_message() {
    let mut exchange = Exchange::new();
    exchange.careful = false;
    let draft = to_counties(&mut exchange, 100);
    exchange.accept(&draft);
    (0..100).for_each(|n| exchange.confirm(&county(n), draft.id(), Stage::Delivered));
    assert!(!exchange.is_open(draft.id()));

    let piece = MessageId(super::super::pieces::piece_id(draft.id(), 1));
    assert!(!piece.is_v7(), "a message with it is refused");
    exchange.read(|_, rows| assert!(rows.settled(piece.0).unwrap().is_some(), "it lies there"));
    assert!(exchange.read(|_, rows| super::super::message(rows, piece)).unwrap().is_none());
    exchange.confirm(&county(1), piece, Stage::Delivered);
    exchange.replay();
}

#[test]
fn a_long_row_that_is_closed_and_opened_again_is_whole() {
    let mut exchange = Exchange::new();
    exchange.careful = false;
    let draft = to_counties(&mut exchange, 100);
    exchange.accept(&draft);
    (1..100).for_each(|n| exchange.confirm(&county(n), draft.id(), Stage::Delivered));
    (0..TRIES_MAX).for_each(|_| exchange.fail(&county(0), draft.id()));
    let (closed, open) = exchange.row(draft.id());
    assert!(!open && prost::Message::encoded_len(&closed) > 3 * ENTRY_BYTES_MAX);

    exchange.redrive(&county(0), draft.id());
    exchange.balance();

    assert!(exchange.is_open(draft.id()) && pieces(&mut exchange, draft.id()) > 0);
    exchange.confirm(&county(0), draft.id(), Stage::Delivered);
    assert!(!exchange.is_open(draft.id()));
    assert!(exchange.row(draft.id()).0.deliveries.iter().all(|delivery| delivery.stage == 2));
}
