//! D18: a day begins, reports come or do not come, and everybody hears of it once.

use model::thread::duty;
use proto::{
    record::{DayBegan, kind},
    v1,
};

use super::exchange::{Draft, Exchange, HOUR, LIANYUNGANG, LINYI, NOON, XUZHOU};

/// Five in the afternoon of Beijing time; tests begin at four.
const FIVE: i64 = NOON + HOUR;
const D18: i32 = 18;

fn began(exchange: &mut Exchange, members: &[&str]) {
    let members = members.iter().map(ToString::to_string).collect();
    exchange.fold(kind::DAY_BEGAN, &DayBegan { date: 20_270_115, due_at: FIVE, members, ..DayBegan::default() });
}

fn report(exchange: &mut Exchange, from: &str) -> Draft {
    exchange.draft(from, &["370000"]).with(|header| {
        header.kind = v1::Kind::DutyReport.into();
        header.precedence = v1::Precedence::Routine.into();
    })
}

#[test]
fn silence_is_reminded_and_then_missing_once_and_a_report_after_it_is_told() {
    let mut exchange = Exchange::new();
    began(&mut exchange, &[LINYI, XUZHOU]);
    assert_eq!(exchange.owed(), [(D18, XUZHOU.to_owned()), (D18, LINYI.to_owned())]);
    let in_time = report(&mut exchange, LINYI);
    exchange.accept(&in_time);
    assert_eq!(exchange.owed(), [(D18, XUZHOU.to_owned())]);
    for (minutes, notices) in [(89, 0), (1, 1), (29, 1), (1, 2), (60, 2)] {
        exchange.pass(minutes);
        assert_eq!(exchange.notices().len(), notices);
    }
    let late = report(&mut exchange, XUZHOU);
    exchange.accept(&late);
    let told: Vec<_> = exchange.notices().into_iter().map(|(_, rung, who, met)| (rung, who, met)).collect();
    assert_eq!(told, [(1, false), (2, false), (2, true)].map(|(rung, met)| (rung, XUZHOU.to_owned(), met)));
    exchange.pass(24 * 60);
    assert_eq!((exchange.owed(), exchange.wakes(), exchange.notices().len()), (vec![], 0, 3));
    exchange.replay();
}

#[test]
fn a_report_that_is_taken_back_is_owed_again_and_a_cancel_alone_reports_nothing() {
    let mut exchange = Exchange::new();
    began(&mut exchange, &[XUZHOU]);
    let first = report(&mut exchange, XUZHOU);
    exchange.accept(&first);
    assert_eq!(exchange.owed(), []);
    let cancel = exchange.following(&first, v1::Action::Cancel, 2);
    exchange.accept(&cancel);
    assert_eq!(exchange.owed(), [(D18, XUZHOU.to_owned())]);
    let again = report(&mut exchange, XUZHOU);
    exchange.accept(&again);
    assert_eq!(exchange.owed(), []);
    exchange.replay();
}

#[test]
fn nobody_takes_back_what_is_not_theirs_and_nothing_is_told_twice() {
    let mut exchange = Exchange::new();
    began(&mut exchange, &[LINYI, XUZHOU]);
    let day = duty::day_id(model::time::Timestamp::from_millis(FIVE).civil(duty::REGION_OFFSET_MIN));
    let forged = exchange.draft(LIANYUNGANG, &[LINYI]).with(|header| {
        header.originating_message_id = day.0.to_vec().into();
        header.preceding_message_id = day.0.to_vec().into();
        (header.action, header.revision) = (v1::Action::Cancel.into(), 2);
    });
    exchange.submit(&forged);
    assert_eq!(exchange.owed().len(), 2, "a CANCEL that names the day takes nothing back");

    let of_no_member = report(&mut exchange, LIANYUNGANG);
    exchange.accept(&of_no_member);
    let cancel = exchange.following(&of_no_member, v1::Action::Cancel, 2);
    exchange.accept(&cancel);
    assert_eq!(exchange.owed().len(), 2, "who owed nothing owes nothing");

    exchange.pass(120);
    assert_eq!(exchange.notices().len(), 4, "both were reminded, and both are missing");
    for _ in 0..3 {
        let given = report(&mut exchange, XUZHOU);
        exchange.accept(&given);
        let other = report(&mut exchange, XUZHOU);
        exchange.accept(&other);
        let cancel = exchange.following(&other, v1::Action::Cancel, 2);
        exchange.accept(&cancel);
        assert_eq!(exchange.owed(), [(D18, LINYI.to_owned())], "the report that counts stands");
        let cancel = exchange.following(&given, v1::Action::Cancel, 2);
        exchange.accept(&cancel);
        exchange.pass(1);
    }
    let rungs = exchange.notices().into_iter().filter(|(.., met)| !met).count();
    assert_eq!(rungs, 4, "no rung is told twice");
    exchange.replay();
}

#[test]
fn a_report_of_yesterday_or_of_an_exercise_is_none_of_today() {
    let mut exchange = Exchange::new();
    began(&mut exchange, &[LINYI, XUZHOU, LIANYUNGANG]);
    let old = report(&mut exchange, XUZHOU).with(|header| header.sent_at.as_mut().unwrap().seconds -= 17 * 3_600);
    exchange.accept(&old);
    let test = report(&mut exchange, LINYI).with(|header| header.status = v1::Status::Test.into());
    exchange.accept(&test);
    assert_eq!(exchange.owed().len(), 3);
}

#[test]
fn of_the_first_day_nobody_owes_anything() {
    let mut exchange = Exchange::new();
    began(&mut exchange, &[]);
    exchange.pass(600);
    assert_eq!((exchange.owed(), exchange.notices().len()), (vec![], 0));
    assert_eq!(duty::REGION_OFFSET_MIN, 480, "16:00 of these tests is Beijing time");
}
