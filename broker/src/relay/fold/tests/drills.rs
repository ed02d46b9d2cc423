//! Exercise traffic passes inside a live drill and between its participants alone.

use model::{reason::Reason, stage::Stage};
use proto::v1::{self, DrillControlVerb as Verb};

use super::exchange::{DAY, Draft, Exchange, HOUR, LIANYUNGANG, LINYI, XUZHOU};

const DRILL: &str = "flood-26";

fn order(exchange: &mut Exchange, from: &str, to: &[&str], control: Verb) -> Draft {
    exchange.draft(from, to).with(|header| {
        header.kind = v1::Kind::DrillControl as i32;
        header.drill = Some(v1::DrillRef { drill_id: DRILL.to_owned(), control: control as i32 });
    })
}

fn exercise(exchange: &mut Exchange, from: &str, to: &[&str], drill: &str) -> Draft {
    exchange.draft(from, to).with(|header| {
        header.status = v1::Status::Exercise as i32;
        header.drill = Some(v1::DrillRef { drill_id: drill.to_owned(), control: 0 });
    })
}

/// An exchange with a live drill of two cities, whose STARTEX was handed over.
fn live() -> Exchange {
    let mut exchange = Exchange::new();
    let startex = order(&mut exchange, LINYI, &[XUZHOU], Verb::Startex);
    exchange.accept(&startex);
    exchange.confirm(XUZHOU, startex.id(), Stage::Delivered);
    exchange
}

#[test]
fn exercise_traffic_outside_a_live_drill_is_refused() {
    let mut exchange = Exchange::new();
    let early = exercise(&mut exchange, LINYI, &[XUZHOU], DRILL);
    assert_eq!(exchange.refuse(&early), Reason::DrillNotLive);
    let nameless = exercise(&mut exchange, LINYI, &[XUZHOU], DRILL).with(|header| header.drill = None);
    assert_eq!(exchange.refuse(&nameless), Reason::DrillNotLive);

    let mut exchange = live();
    let other = exercise(&mut exchange, LINYI, &[XUZHOU], "another");
    assert_eq!(exchange.refuse(&other), Reason::DrillNotLive);
    let inside = exercise(&mut exchange, XUZHOU, &[LINYI], DRILL);
    exchange.accept(&inside);
}

#[test]
fn whoever_takes_no_part_neither_sends_nor_receives() {
    let mut exchange = live();
    let from_outside = exercise(&mut exchange, LIANYUNGANG, &[XUZHOU], DRILL);
    assert_eq!(exchange.refuse(&from_outside), Reason::DrillNotLive);
    let to_outside = exercise(&mut exchange, LINYI, &[XUZHOU, LIANYUNGANG], DRILL);
    assert_eq!(exchange.refuse(&to_outside), Reason::DrillNotLive);
}

#[test]
fn traffic_passes_for_a_day_after_the_end() {
    let mut exchange = live();
    let endex = order(&mut exchange, LINYI, &[XUZHOU], Verb::Endex);
    exchange.accept(&endex);
    exchange.now += DAY;
    let report = exercise(&mut exchange, XUZHOU, &[LINYI], DRILL);
    exchange.accept(&report);
    exchange.now += HOUR;
    let late = exercise(&mut exchange, XUZHOU, &[LINYI], DRILL);
    assert_eq!(exchange.refuse(&late), Reason::DrillNotLive);
}

#[test]
fn an_abort_recalls_what_waits_of_the_drill_and_nothing_real() {
    let mut exchange = live();
    let [played, handed] = [(); 2].map(|()| exercise(&mut exchange, LINYI, &[XUZHOU], DRILL));
    let real = exchange.draft(LINYI, &[XUZHOU]);
    for draft in [&played, &handed, &real] {
        exchange.accept(draft);
    }
    exchange.confirm(XUZHOU, handed.id(), Stage::Delivered);
    let abort = order(&mut exchange, LINYI, &[XUZHOU], Verb::AbortRealEmergency);

    exchange.accept(&abort);

    assert_eq!(exchange.mailbox(XUZHOU), [real.id(), abort.id()]);
    assert_eq!(exchange.stage(played.id(), XUZHOU), Stage::Recalled);
    assert_eq!(exchange.stage(handed.id(), XUZHOU), Stage::Delivered);
    assert_eq!(exchange.line(LINYI).last().unwrap().2, "DRILL_ABORTED");
    let after = exercise(&mut exchange, LINYI, &[XUZHOU], DRILL);
    assert_eq!(exchange.refuse(&after), Reason::DrillNotLive, "no day of grace after an abort");
    exchange.replay();
}

#[test]
fn an_end_and_an_abort_that_cross_leave_it_aborted() {
    for orders in [[Verb::Endex, Verb::AbortRealEmergency], [Verb::AbortRealEmergency, Verb::Endex]] {
        let mut exchange = live();
        let played = exercise(&mut exchange, LINYI, &[XUZHOU], DRILL);
        exchange.accept(&played);
        for control in orders {
            let order = order(&mut exchange, LINYI, &[XUZHOU], control);
            exchange.accept(&order);
        }
        assert_eq!(exchange.stage(played.id(), XUZHOU), Stage::Recalled, "{orders:?}");
        let after = exercise(&mut exchange, LINYI, &[XUZHOU], DRILL);
        assert_eq!(exchange.refuse(&after), Reason::DrillNotLive, "{orders:?}");
        exchange.replay();
    }
}

#[test]
fn another_drill_goes_on_when_one_is_aborted() {
    let mut exchange = live();
    let second = order(&mut exchange, LINYI, &[XUZHOU], Verb::Startex)
        .with(|header| header.drill.as_mut().unwrap().drill_id = "fire-26".to_owned());
    exchange.accept(&second);
    let played = exercise(&mut exchange, LINYI, &[XUZHOU], "fire-26");
    exchange.accept(&played);
    let abort = order(&mut exchange, LINYI, &[XUZHOU], Verb::AbortRealEmergency);
    exchange.accept(&abort);
    assert_eq!(exchange.stage(played.id(), XUZHOU), Stage::Accepted);
}

#[test]
fn only_a_participant_ends_or_aborts_a_drill() {
    let mut exchange = live();
    for control in [Verb::Endex, Verb::AbortRealEmergency] {
        let foreign = order(&mut exchange, LIANYUNGANG, &[XUZHOU], control);
        exchange.accept(&foreign); // a message like any other, without effect
    }
    exchange.now += 2 * DAY;
    let played = exercise(&mut exchange, LINYI, &[XUZHOU], DRILL);
    exchange.accept(&played);
}

#[test]
fn exercise_goes_after_real_traffic_of_the_same_precedence() {
    let mut exchange = live();
    let played = exercise(&mut exchange, LINYI, &[XUZHOU], DRILL);
    let real = exchange.draft(LINYI, &[XUZHOU]);
    exchange.accept(&played);
    exchange.accept(&real);
    assert_eq!(exchange.mailbox(XUZHOU), [real.id(), played.id()]);
}

#[test]
fn a_drill_with_more_participants_than_a_row_holds_does_not_start() {
    let mut exchange = Exchange::new();
    let mut startex = order(&mut exchange, LINYI, &[], Verb::Startex);
    startex.to = (0..200).map(|n| format!("a-county-with-a-long-name-{n:06}")).collect();
    assert_eq!(exchange.refuse(&startex), Reason::TooLarge);
    startex.to.truncate(64);
    exchange.accept(&startex);
}

#[test]
fn an_abort_ends_what_was_owed_on_what_was_played_and_nothing_that_is_real() {
    let mut exchange = live();
    let owed = |draft: Draft| draft.with(|header| header.receipt_required = v1::Stage::Acknowledged as i32);
    let played = owed(exercise(&mut exchange, LINYI, &[XUZHOU], DRILL));
    exchange.accept(&played);
    let before = exchange.owed().len();
    let abort = owed(order(&mut exchange, LINYI, &[XUZHOU], Verb::AbortRealEmergency));
    exchange.accept(&abort);
    let of_real = exchange.owed().len();
    exchange.confirm(XUZHOU, abort.id(), Stage::Acknowledged);

    let left = exchange.owed().len();
    assert_eq!((before, of_real, left), (1, 1, 0), "the acknowledgement of the abort is what is still owed");
    exchange.replay();
}
