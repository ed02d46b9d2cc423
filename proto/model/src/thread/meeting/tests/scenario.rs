//! The annual meeting of the acceptance scenarios, as its matter sees it.

use super::*;
use crate::{
    calendar::WorkingDays,
    deadline::{DeadlineName, Rung},
    ids::MessageId,
    thread::{
        Mark, Marked, Matter,
        ledger::{Key, Standing},
        talk::{minutes, opened, owed, parts, refused, wrong},
    },
    time::Civil,
};

fn first_notice() -> Message {
    notice(1, 1, start()).at(start().minus(days(30)))
}

/// Moved by two days after the agenda was locked: the second notice, and everybody's answer to it.
fn moved() -> (Thread, Message) {
    let first = first_notice();
    let mut thread = opened(&first);
    says(&mut thread, &agenda(2, Some(AgendaStatus::OpenForProposals)).at(start().minus(days(29)))).unwrap();
    says(&mut thread, &agenda(3, Some(AgendaStatus::Locked)).at(start().minus(days(1)))).unwrap();
    let second = notice(4, 2, start().plus(days(2))).follows(&first, Action::Update).at(start().minus(days(1)));
    says(&mut thread, &second).unwrap();
    (thread, second)
}

fn minuted() -> (Thread, Message) {
    let (mut thread, second) = moved();
    for (n, member) in (10..).zip(MEMBERS) {
        let answer = if member == "370300" { Word::Delegate } else { Word::Attend };
        says(&mut thread, &reply(n, member, 2, answer, &second).at(second.at.plus(minutes(30)))).unwrap();
    }
    let record = record(30, "v1").at(china(11, 16, 10, 0));
    says(&mut thread, &record).unwrap();
    (thread, record)
}

#[test]
fn eight_answers_are_owed_within_three_days() {
    let first = first_notice();
    let mut thread = opened(&first);
    assert_eq!(thread.state().name, "NOTICED");
    let owed = owed(&thread.ledger);
    let replies: Vec<_> = owed.iter().filter(|line| line.contains("reply 1")).collect();
    assert_eq!(replies.len(), 8, "neither the chair nor those who may come");
    assert_eq!(replies[0], "D22 320300 reply 1 · due 2027-10-14 09:00 · Running");
    let chair: Vec<_> = owed.iter().filter(|line| line.contains("371300")).map(String::as_str).collect();
    let expected = [
        "D22 371300 lock 1 · due 2027-11-09 09:00 · Running",
        "D22 371300 minutes 1 · due 2027-11-18 00:00 · Running",
        "D22 371300 notice 1 · due 2027-11-03 09:00 · Met",
    ];
    assert_eq!(chair, expected);
    assert_eq!(meeting(&thread).proposals_until(), Some(start().minus(days(3))));

    says(&mut thread, &reply(2, XZ, 1, Word::Attend, &first).at(first.at.plus(days(3)))).unwrap();
    let key = Key { name: DeadlineName::D22, jurisdiction: member(XZ), subject: "reply 1".to_owned() };
    assert_eq!(thread.ledger.get(&key).unwrap().standing, Standing::Met);
}

#[test]
fn the_organiser_may_ask_for_answers_sooner() {
    let mut first = first_notice();
    first.header.reply_by = Some(first.at.plus(days(1)));
    let thread = opened(&first);
    assert!(owed(&thread.ledger)[0].starts_with("D22 320300 reply 1 · due 2027-10-12 09:00"));
}

#[test]
fn a_notice_that_leaves_late_is_a_breach() {
    let thread = opened(&first_notice().at(start().minus(days(6))));
    let line = owed(&thread.ledger).into_iter().find(|line| line.contains("notice 1")).unwrap();
    assert_eq!(line, "D22 371300 notice 1 · due 2027-11-03 09:00 · Breached");
}

#[test]
fn a_date_does_not_move_when_the_broker_takes_charge_later() {
    let first = first_notice();
    let mut thread = opened(&first);
    thread.ledger.accepted(first.header.message_id, first.at, first.at.plus(minutes(90)));
    let owed = owed(&thread.ledger);
    assert!(owed.contains(&"D22 320300 reply 1 · due 2027-10-14 10:30 · Running".to_owned()), "counts from acceptance");
    assert!(owed.contains(&"D22 371300 lock 1 · due 2027-11-09 09:00 · Running".to_owned()));
    assert!(owed.contains(&"D22 371300 minutes 1 · due 2027-11-18 00:00 · Running".to_owned()));
}

#[test]
fn a_moved_meeting_asks_anew_and_old_answers_are_stale() {
    let (mut thread, second) = moved();
    assert_eq!(thread.state().name, "LOCKED", "the agenda stays as it is");
    let stale = reply(5, XZ, 1, Word::Attend, &second).at(second.at);
    assert_eq!(says(&mut thread, &stale), Err(wrong("K41.stale_sequence")));
    let owed = owed(&thread.ledger);
    for line in [
        "D22 320300 reply 1 · due 2027-10-14 09:00 · Void",
        "D22 320300 reply 2 · due 2027-11-02 09:00 · Running",
        "D22 371300 lock 1 · due 2027-11-09 09:00 · Met",
        "D22 371300 lock 2 · due 2027-11-11 09:00 · Met",
        "D22 371300 minutes 1 · due 2027-11-18 00:00 · Void",
        "D22 371300 minutes 2 · due 2027-11-20 00:00 · Running",
    ] {
        assert!(owed.contains(&line.to_owned()), "{line} in {owed:#?}");
    }
}

#[test]
fn who_asks_for_the_newest_notice_is_remembered_until_it_is_sent() {
    let (mut thread, second) = moved();
    let asked = reply(5, "370700", 1, Word::Refresh, &second).at(second.at);
    says(&mut thread, &asked).unwrap();
    let wants = |thread: &Thread| meeting(thread).wants_refresh().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(wants(&thread), ["370700"]);
    let again = notice(6, 2, start().plus(days(2))).follows(&second, Action::Update).at(second.at);
    says(&mut thread, &again).unwrap();
    assert!(wants(&thread).is_empty());
    assert!(parts(&thread, second.at).contains(&"370700 AWAITED".to_owned()), "it has still to answer");
}

#[test]
fn the_attendance_list_says_who_comes_and_who_sends_another() {
    let (thread, record) = minuted();
    let parts = parts(&thread, record.at);
    assert_eq!(parts[..4], ["320300 ATTEND", "320700 ATTEND", "370000 AWAITED", "370300 DELEGATE 370000"]);
}

#[test]
fn silence_is_not_consent() {
    let (mut thread, record) = minuted();
    assert_eq!(thread.state().name, "MINUTED");
    let confirming = ["320300", "320700", "370300", "370400", "370700"];
    for (n, member) in (40..).zip(confirming) {
        says(&mut thread, &word(n, member, MinutesWord::Confirmed, &record).at(china(11, 17, 9, 0))).unwrap();
    }
    says(&mut thread, &word(50, "371100", MinutesWord::ConfirmedWithNote, &record).at(china(11, 18, 9, 0))).unwrap();
    says(&mut thread, &word(51, "370800", MinutesWord::Objected, &record).at(china(11, 19, 9, 0))).unwrap();

    let of = |thread: &Thread, member: &str, at| {
        let wanted = format!("minutes {member} ");
        parts(thread, at).into_iter().find_map(|part| part.strip_prefix(&wanted).map(str::to_owned)).unwrap()
    };
    let due = china(11, 24, 0, 0);
    assert_eq!(of(&thread, "370900", due), "AWAITED", "the fifth working day after Tuesday the 16th");
    assert_eq!(of(&thread, "370900", due.plus(minutes(1))), "NOT_CONFIRMED");
    let text: MessageId = crate::judge::sample::message_id(51);
    assert_eq!(of(&thread, "370800", due), format!("OBJECTED {text}"), "its words stand in that message");
    assert_eq!(thread.state_at(due.plus(days(100))).name, "MINUTED", "never confirmed");

    let key = Key { name: DeadlineName::D22, jurisdiction: member("370900"), subject: "confirm 1".to_owned() };
    thread.ledger.raise(&key, Rung::Breach);
    says(&mut thread, &word(52, "370900", MinutesWord::Confirmed, &record).at(due.plus(days(2)))).unwrap();
    let late = thread.ledger.get(&key).unwrap();
    assert_eq!((late.standing, late.late_by()), (Standing::Breached, Some(days(2))), "what came later stands beside");
}

#[test]
fn another_text_is_confirmed_anew_and_a_recorded_objection_is_not_another_text() {
    let (mut thread, first) = minuted();
    for (n, member) in (40..).zip(MEMBERS) {
        says(&mut thread, &word(n, member, MinutesWord::Confirmed, &first).at(first.at)).unwrap();
    }
    assert_eq!(thread.state().name, "CONFIRMED");

    let same = record(60, "v1").follows(&first, Action::Update).at(first.at.plus(minutes(5)));
    says(&mut thread, &same).unwrap();
    assert_eq!(thread.state().name, "CONFIRMED");
    says(&mut thread, &word(61, XZ, MinutesWord::Objected, &first).at(same.at)).unwrap();
    assert_eq!(thread.state().name, "MINUTED", "who has confirmed may still object");

    let other = record(62, "v2").follows(&same, Action::Update).at(first.at.plus(minutes(9)));
    says(&mut thread, &other).unwrap();
    let late = word(63, XZ, MinutesWord::Confirmed, &first).at(other.at);
    assert_eq!(says(&mut thread, &late), Err(wrong("K44.stale_revision")));
    for (n, member) in (70..).zip(MEMBERS) {
        says(&mut thread, &word(n, member, MinutesWord::Confirmed, &other).at(other.at)).unwrap();
    }
    assert_eq!(thread.state().name, "CONFIRMED");
    assert_eq!(thread.state_at(china(11, 24, 0, 1)).name, "CLOSED");
    let overtaken = says(&mut thread, &same);
    assert_eq!(overtaken, Ok(vec![Marked { mark: Mark::Overtaken, about: String::new() }]));
}

#[test]
fn a_member_changes_and_withdraws_its_word() {
    let (mut thread, record) = minuted();
    let objected = word(40, XZ, MinutesWord::Objected, &record).at(record.at);
    says(&mut thread, &objected).unwrap();
    let confirmed = word(41, XZ, MinutesWord::Confirmed, &record).follows(&objected, Action::Update).at(record.at);
    says(&mut thread, &confirmed).unwrap();
    let said = |thread: &Thread| {
        let minutes = meeting(thread).minutes().unwrap();
        minutes.words().find(|(member, _)| member.as_str() == XZ).unwrap().1.map(|heard| heard.word)
    };
    assert_eq!(said(&thread), Some(MinutesWord::Confirmed));
    let withdrawn = word(42, XZ, MinutesWord::Confirmed, &record).follows(&confirmed, Action::Cancel).at(record.at);
    says(&mut thread, &withdrawn).unwrap();
    assert_eq!(said(&thread), None);
}

#[test]
fn minutes_are_owed_in_working_days_around_a_holiday() {
    let off = (15..=17).map(|day| Civil::date(2027, 11, day).unwrap());
    let calendar = WorkingDays::new(off, []);
    let first = first_notice();
    let (thread, _) = Thread::open_by(&first.step(), &calendar).unwrap().unwrap();
    assert!(owed(&thread.ledger).contains(&"D22 371300 minutes 1 · due 2027-11-23 00:00 · Running".to_owned()));
    let row = serde_json::to_string(&thread).unwrap();
    assert_eq!(serde_json::from_str::<Thread>(&row).unwrap(), thread, "the calendar is handed in, not kept");
}

#[test]
fn an_agenda_may_be_open_before_anybody_is_invited() {
    let opening = agenda(9, Some(AgendaStatus::OpenForProposals)).at(start().minus(days(60)));
    let mut thread = opened(&opening);
    assert_eq!(thread.state().name, "PLANNED");
    says(&mut thread, &first_notice()).unwrap();
    assert_eq!(thread.state().name, "OPEN");
}

#[test]
fn nothing_else_opens_a_meeting() {
    let first = first_notice();
    let others = [
        (reply(2, XZ, 1, Word::Attend, &first), "K40.opens"),
        (record(2, "v1"), "K40.opens"),
        (word(2, XZ, MinutesWord::Confirmed, &first), "K44.minutes"),
        (notice_of(2, 1, Method::Cancel, start()), "K40.opens"),
        (notice(2, 3, start()), "K40.sequence_from_1"),
    ];
    for (message, rule) in others {
        assert_eq!(Thread::open(&message.step()).map_err(refused).map(|_| ()), Err(wrong(rule)));
        assert_eq!(Matter::of(&message.header, &message.facts), Matter::Meeting(MEETING.to_owned()));
    }
    let later = notice(2, 3, start()).follows(&first, Action::Update);
    assert!(Thread::open(&later.step()).is_ok(), "the first may have given way on its way here");
}
