//! Rosters as arithmetic: edges, gaps, overlaps, and all of it against counting by hand.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::judge::sample::member;

const HOUR: i64 = 3_600_000;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_millis(hour * HOUR)
}

fn span(from: i64, to: i64) -> Span {
    Span { from: at(from), to: at(to) }
}

fn shift(name: &str, from: Option<i64>, to: Option<i64>) -> Shift {
    let phones = vec![format!("{name}-1"), format!("{name}-2")];
    Shift { name: name.to_owned(), phones, from: from.map(at), to: to.map(at) }
}

fn officers(shifts: &[(&str, Option<i64>, Option<i64>)]) -> Roster {
    let shifts = shifts.iter().map(|(name, from, to)| (Role::DutyOfficer, shift(name, *from, *to)));
    Roster::new(shifts.chain([(Role::ShiftLeader, shift("C", None, None))]))
}

/// A until eight, B from eight until twenty-two, C leads all day.
fn a_day() -> Roster {
    officers(&[("A", None, Some(8)), ("B", Some(8), Some(22))])
}

fn names(roster: &Roster, hour: i64) -> Vec<&str> {
    roster.on_duty(Role::DutyOfficer, at(hour)).map(|shift| shift.name.as_str()).collect()
}

#[test]
fn the_instant_of_the_change_belongs_to_whoever_comes() {
    let roster = a_day();
    let just_before = Timestamp::from_millis(8 * HOUR - 1);
    assert_eq!(roster.on_duty(Role::DutyOfficer, just_before).next().unwrap().name, "A");
    assert_eq!(names(&roster, 8), ["B"]);
    assert_eq!(names(&roster, 21), ["B"]);
    assert_eq!(names(&roster, 22), [""; 0]);
}

#[test]
fn an_empty_post_is_stood_for_by_the_shift_leader() {
    let roster = a_day();
    let who = |hour| roster.answers(Role::DutyOfficer, at(hour)).map(|(role, shift)| (role, shift.phone()));
    assert_eq!(who(7), Some((Role::DutyOfficer, "A-1")));
    assert_eq!(who(8), Some((Role::DutyOfficer, "B-1")), "the new officer's number");
    assert_eq!(who(22), Some((Role::ShiftLeader, "C-1")));
    assert_eq!(roster.vacancies(at(22)).collect::<Vec<_>>(), [Role::DutyOfficer]);
    assert_eq!((roster.vacant_since(Role::DutyOfficer, at(23)), roster.vacancies(at(21)).next()), (Some(at(22)), None));
    assert_eq!(roster.vacant_since(Role::DutyOfficer, at(21)), None);
}

#[test]
fn where_there_is_no_leader_either_the_post_stays_what_it_is() {
    let roster = Roster::default();
    assert_eq!(roster.stands_for(Role::DutyOfficer, at(0)), Role::DutyOfficer);
    assert_eq!(roster.answers(Role::DutyOfficer, at(0)), None);
    assert_eq!(roster.vacancies(at(0)).collect::<Vec<_>>(), MUST_BE_FILLED);
    assert_eq!(roster.vacant_since(Role::DutyOfficer, at(0)), None, "nobody was ever there");
    assert_eq!(roster.next_change(at(0)), None);
}

#[test]
fn nobody_stands_for_a_leader_or_an_expert() {
    let roster = officers(&[("A", None, None)]);
    assert_eq!(roster.stands_for(Role::Expert, at(0)), Role::Expert);
    let unled = Roster::new([(Role::DutyOfficer, shift("A", None, None))]);
    assert_eq!(unled.answers(Role::ShiftLeader, at(0)), None);
    assert_eq!(unled.vacancies(at(0)).collect::<Vec<_>>(), [Role::ShiftLeader]);
}

#[test]
fn changes_come_one_after_another() {
    let roster = a_day();
    assert_eq!(roster.next_change(at(0)), Some(at(8)));
    assert_eq!(roster.next_change(at(8)), Some(at(22)), "strictly after");
    assert_eq!(roster.next_change(at(22)), None);
}

#[test]
fn a_shift_that_ends_before_it_begins_never_lasts() {
    let roster = officers(&[("A", Some(8), Some(8)), ("B", Some(9), Some(7))]);
    for hour in 0..12 {
        assert_eq!(names(&roster, hour), [""; 0]);
    }
}

#[test]
fn gaps_and_overlaps_are_told_from_edge_to_edge() {
    let roster = officers(&[("A", Some(0), Some(9)), ("B", Some(8), Some(12)), ("D", Some(14), None)]);
    assert_eq!(roster.gaps(Role::DutyOfficer, span(0, 24)), [span(12, 14)]);
    assert_eq!(roster.overlaps(Role::DutyOfficer, span(0, 24)), [span(8, 9)]);
    assert_eq!(names(&roster, 8), ["A", "B"], "in the order in which they are called");
    assert_eq!(roster.gaps(Role::DutyOfficer, span(13, 20)), [span(13, 14)]);
    assert_eq!(roster.gaps(Role::DutyOfficer, span(20, 20)), []);
    assert_eq!(roster.gaps(Role::Expert, span(0, 2)), [span(0, 2)]);
}

fn takes(roster: Roster, name: &str, until: Option<i64>, hour: i64) -> Roster {
    roster.taken_over(Role::DutyOfficer, shift(name, None, until), at(hour))
}

#[test]
fn who_takes_a_post_over_ends_the_shift_there_and_lasts_as_long() {
    let roster = takes(a_day(), "D", None, 12);
    assert_eq!((names(&roster, 11), names(&roster, 12), names(&roster, 21)), (vec!["B"], vec!["D"], vec!["D"]));
    assert_eq!(names(&roster, 22), [""; 0], "as B's shift was planned");
    let until = takes(a_day(), "D", Some(14), 12);
    assert_eq!((names(&until, 13), until.gaps(Role::DutyOfficer, span(12, 22))), (vec!["D"], vec![span(14, 22)]));
}

#[test]
fn who_fills_a_vacant_post_stays_until_the_next_comes() {
    let plan = officers(&[("A", None, Some(8)), ("B", Some(20), None)]);
    let roster = takes(plan, "D", None, 10);
    assert_eq!((names(&roster, 9), names(&roster, 10), names(&roster, 20)), (vec![], vec!["D"], vec!["B"]));
    assert_eq!(names(&takes(Roster::default(), "D", None, 10), 99), ["D"], "or for ever");
}

#[test]
fn a_shift_that_is_taken_over_when_it_begins_leaves_no_trace() {
    let roster = takes(a_day(), "D", None, 8);
    assert_eq!(
        roster.shifts(Role::DutyOfficer).iter().map(|shift| shift.name.as_str()).collect::<Vec<_>>(),
        ["D", "A"]
    );
    let kept = roster.without_past(at(8));
    assert_eq!(kept.shifts(Role::DutyOfficer).len(), 1, "A's is over");
    assert_eq!(kept.shifts(Role::ShiftLeader).len(), 1);
}

#[test]
fn a_person_is_known_by_name_whatever_the_blanks() {
    let roster = officers(&[("王 明", None, Some(8))]);
    assert!(roster.has_on_duty("王明", at(7)) && roster.has_on_duty("c", at(7)));
    assert!(!roster.has_on_duty("王明", at(8)) && !roster.has_on_duty("李华", at(7)));
}

#[test]
fn a_vacancy_has_one_id_whoever_tells_of_it() {
    let id = |who: &str, role, hour| vacancy_id(&member(who), role, at(hour));
    let base = id("371300", Role::DutyOfficer, 22);
    assert_eq!(base, id("371300", Role::DutyOfficer, 22));
    for other in
        [id("371302", Role::DutyOfficer, 22), id("371300", Role::ShiftLeader, 22), id("371300", Role::DutyOfficer, 23)]
    {
        assert_ne!(base, other);
    }
}

fn any_shift() -> impl Strategy<Value = (u8, Option<i64>, Option<i64>)> {
    (0..4_u8, proptest::option::of(0..24_i64), proptest::option::of(0..24_i64))
}

proptest! {
    #[test]
    fn spans_are_what_counting_hour_by_hour_gives(shifts in proptest::collection::vec(any_shift(), 0..8)) {
        let named: Vec<_> = shifts.iter().map(|(name, from, to)| (format!("P{name}"), *from, *to)).collect();
        let roster = officers(&named.iter().map(|(name, from, to)| (name.as_str(), *from, *to)).collect::<Vec<_>>());
        let count = |hour: i64| {
            let lasts = |(_, from, to): &&(u8, Option<i64>, Option<i64>)| {
                from.is_none_or(|from| from <= hour) && to.is_none_or(|to| hour < to)
            };
            shifts.iter().filter(lasts).count()
        };
        let (gaps, overlaps) = (roster.gaps(Role::DutyOfficer, span(0, 24)), roster.overlaps(Role::DutyOfficer, span(0, 24)));
        for hour in 0..24 {
            let within = |spans: &[Span]| spans.iter().any(|span| span.from <= at(hour) && at(hour) < span.to);
            prop_assert_eq!(within(&gaps), count(hour) == 0, "gap at {}", hour);
            prop_assert_eq!(within(&overlaps), count(hour) > 1, "overlap at {}", hour);
            prop_assert_eq!(roster.is_vacant(Role::DutyOfficer, at(hour)), count(hour) == 0);
            prop_assert_eq!(names(&roster, hour).len(), count(hour));
        }
        for spans in [&gaps, &overlaps] {
            prop_assert!(spans.windows(2).all(|pair| pair[0].to < pair[1].from), "whole and in order: {:?}", spans);
        }
    }

    #[test]
    fn between_two_changes_nothing_changes(shifts in proptest::collection::vec(any_shift(), 0..8), hour in 0..24_i64) {
        let named: Vec<_> = shifts.iter().map(|(name, from, to)| (format!("P{name}"), *from, *to)).collect();
        let roster = officers(&named.iter().map(|(name, from, to)| (name.as_str(), *from, *to)).collect::<Vec<_>>());
        let until = roster.next_change(at(hour)).map_or(30, |next| next.millis() / HOUR);
        for later in hour..until {
            prop_assert_eq!(names(&roster, later), names(&roster, hour));
        }
    }
}
