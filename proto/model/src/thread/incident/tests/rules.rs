//! The rules of K01, one by one.

use proptest::prelude::*;

use super::*;
use crate::thread::talk::{owed, refused, wrong};

fn marked(thread: &mut Thread, message: &Message) -> Vec<(Mark, String)> {
    says(thread, message).unwrap().into_iter().map(|marked| (marked.mark, marked.about)).collect()
}

fn whole(mark: Mark) -> Vec<(Mark, String)> {
    vec![(mark, String::new())]
}

#[test]
fn a_number_of_dead_falls_with_a_reason_alone() {
    let three = next(2, dead(1, known(3, began())), &initial(), china(5, 12, 9, 45));
    for lower in [known(2, began()), Count::default()] {
        let mut thread = said(&[initial(), three.clone()]);
        let silent = next(3, dead(2, lower), &three, china(5, 12, 10, 0));
        let invalid = thread.step(&silent.step()).unwrap_err();
        assert_eq!((invalid.reason, invalid.field.as_str()), (Reason::MissingField, "body.correction_reason"));
        assert_eq!(says(&mut thread, &silent).unwrap_err().1, "K01.correction_reason");

        let explained = Facts { corrects: true, ..dead(2, lower) };
        says(&mut thread, &next(3, explained, &three, china(5, 12, 10, 0))).unwrap();
        assert_eq!(incident(&thread).casualties().dead, lower);
    }
}

#[test]
fn other_numbers_may_fall() {
    let missing = |sequence_no, count| Facts {
        casualties: Casualties { missing: known(count, began()), ..Casualties::default() },
        ..facts(ReportType::FollowUp, sequence_no)
    };
    let two = next(2, missing(1, 2), &initial(), china(5, 12, 9, 45));
    let found = next(3, missing(2, 0), &two, china(5, 12, 10, 0));
    assert_eq!(incident(&said(&[initial(), two, found])).figures().missing.count, Some(0));
}

#[test]
fn a_follow_up_that_changes_nothing_is_marked() {
    let mut thread = opened(&initial());
    let same = Facts { substance: incident(&thread).newest.substance, ..facts(ReportType::FollowUp, 1) };
    let second = next(2, same.clone(), &initial(), china(5, 12, 9, 45));
    assert_eq!(marked(&mut thread, &second), whole(Mark::NothingNew));

    let mut graver = next(3, Facts { sequence_no: 2, ..same }, &second, china(5, 12, 9, 50));
    graver.header.event_level = Some(EventLevel::L2);
    assert_eq!(marked(&mut thread, &graver), [], "another level is news");
}

#[test]
fn the_course_is_not_told_twice() {
    let course = Some(Digest::of("9时许侧翻".as_bytes()));
    let told = first(1, Facts { course, ..facts(ReportType::Initial, 0) }, EventLevel::L3, china(5, 12, 9, 9));
    let mut thread = opened(&told);
    let second = next(2, facts(ReportType::FollowUp, 1), &told, china(5, 12, 9, 45));
    assert_eq!(marked(&mut thread, &second), []);
    let again = next(3, Facts { course, ..facts(ReportType::FollowUp, 2) }, &second, china(5, 12, 9, 50));
    assert_eq!(marked(&mut thread, &again), [(Mark::NothingNew, "brief_course".to_owned())]);
}

#[test]
fn what_was_known_before_the_last_report_and_not_in_it_is_suspect() {
    let sent = initial().at;
    let early = |as_of| next(2, dead(1, known(1, as_of)), &initial(), china(5, 12, 9, 45));
    let late = [(Mark::LateKnown, "casualties.dead".to_owned())];
    assert_eq!(marked(&mut opened(&initial()), &early(china(5, 12, 9, 8))), late);
    assert_eq!(marked(&mut opened(&initial()), &early(sent)), []);

    let since = Facts { known_at: china(5, 12, 8, 30), ..facts(ReportType::FollowUp, 1) };
    let known = [(Mark::LateKnown, "known_at".to_owned())];
    assert_eq!(marked(&mut opened(&initial()), &next(2, since, &initial(), china(5, 12, 9, 45))), known);
}

#[test]
fn a_correction_downwards_is_not_suspect() {
    let three = next(2, dead(1, known(3, china(5, 12, 9, 40))), &initial(), china(5, 12, 9, 45));
    let mut thread = said(&[initial(), three.clone()]);
    let two = Facts { corrects: true, ..dead(2, known(2, china(5, 12, 9, 40))) };
    assert_eq!(marked(&mut thread, &next(3, two, &three, china(5, 12, 10, 0))), []);
}

#[test]
fn a_change_of_deaths_has_its_own_time() {
    let lines = |as_of| {
        let told = next(2, dead(1, known(1, as_of)), &initial(), china(5, 12, 10, 30));
        owed(&said(&[initial(), told]).ledger).pop().unwrap()
    };
    assert_eq!(lines(china(5, 12, 9, 30)), "D06 371300 1 · due 2027-05-12 10:30 · Met");
    assert_eq!(lines(china(5, 12, 9, 29)), "D06 371300 1 · due 2027-05-12 10:29 · Breached");
    assert_eq!(lines(china(5, 12, 11, 0)), "D06 371300 1 · due 2027-05-12 11:30 · Met", "a clock that is ahead");

    let nobody = next(2, dead(1, known(0, began())), &initial(), china(5, 12, 10, 30));
    let last = owed(&said(&[initial(), nobody]).ledger).pop().unwrap();
    assert!(last.starts_with("D05"), "nobody died, which is no change: {last}");
}

#[test]
fn a_call_may_be_noted_in_a_later_report() {
    let called = Facts { phone_reported_at: Some(china(5, 12, 9, 20)), ..facts(ReportType::FollowUp, 1) };
    let mut thread = opened(&initial());
    assert_eq!(owed(&thread.ledger)[0], "D02 371300  · due 2027-05-12 10:00 · Running");
    says(&mut thread, &next(2, called, &initial(), china(5, 12, 10, 30))).unwrap();
    assert_eq!(owed(&thread.ledger)[0], "D02 371300  · due 2027-05-12 10:00 · Met");
}

#[test]
fn a_first_report_that_comes_late_breaches_what_was_owed() {
    let late = first(1, facts(ReportType::Initial, 0), EventLevel::L3, china(5, 12, 10, 1));
    assert_eq!(owed(&opened(&late).ledger)[1], "D03 371300  · due 2027-05-12 10:00 · Breached");
}

#[test]
fn a_mild_incident_owes_no_call() {
    let mild = first(1, facts(ReportType::Initial, 0), EventLevel::L4, china(5, 12, 9, 9));
    assert_eq!(owed(&opened(&mild).ledger)[0], "D03 371300  · due 2027-05-12 11:00 · Met");
}

#[test]
fn it_may_flare_up_again() {
    let over = next(2, resolved(1), &initial(), china(5, 12, 12, 0));
    let again = next(3, facts(ReportType::FollowUp, 2), &over, china(5, 12, 13, 0));
    let over_again = next(4, resolved(3), &again, china(5, 12, 14, 0));
    let still = next(5, resolved(4), &over_again, china(5, 12, 15, 0));
    let mut thread = said(&[initial(), over, again]);
    assert_eq!(thread.state().name, "OPEN");
    for message in [&over_again, &still] {
        says(&mut thread, message).unwrap();
    }
    assert_eq!(
        owed(&thread.ledger)[3..],
        [
            "D05 371300 1 · due 2027-05-13 09:09 · Met",
            "D05 371300 3 · due 2027-05-13 13:00 · Met",
            "D07 371300 1 · due 2027-05-14 12:00 · Void",
            "D07 371300 3 · due 2027-05-14 14:00 · Running",
        ],
        "a report that it is still over starts nothing anew"
    );
}

#[test]
fn nothing_is_owed_for_what_was_not_true_or_is_reported_elsewhere() {
    let running = |thread: &Thread| thread.ledger.all().filter(|owed| owed.standing.is_running()).count();
    let thread = said(&[initial(), next(2, refuted(1), &initial(), china(5, 12, 10, 0))]);
    assert_eq!((thread.state().name, running(&thread)), ("REFUTED", 0));

    let mut thread = opened(&initial());
    merge(&mut thread);
    assert_eq!((thread.state().name, thread.state().over, running(&thread)), ("MERGED", true, 0));
    assert_eq!(incident(&thread).merged_into().unwrap().to_string(), "320300-20270512-0001");

    let mut thread = said(&[initial(), next(2, resolved(1), &initial(), china(5, 12, 10, 0))]);
    merge(&mut thread);
    assert_eq!((thread.state().name, incident(&thread).merged_into()), ("RESOLVED", None), "the emergency is over");
}

#[test]
fn its_own_agent_skips_no_number_and_others_take_one() {
    let thread = opened(&initial());
    let skips = next(2, facts(ReportType::FollowUp, 2), &initial(), china(5, 12, 10, 0));
    assert_eq!(thread.may_send(&skips.step()).map_err(refused), Err(wrong("K01.sequence_no")));
    let follows = next(2, facts(ReportType::FollowUp, 1), &initial(), china(5, 12, 10, 0));
    assert!(thread.may_send(&follows.step()).is_ok());

    let mut theirs = opened(&initial());
    says(&mut theirs, &skips).unwrap();
    let last = owed(&theirs.ledger);
    assert_eq!(
        last[3..],
        ["D05 371300 1 · due 2027-05-13 09:09 · Met", "D05 371300 3 · due 2027-05-13 10:00 · Running"]
    );
}

#[test]
fn a_first_report_opens_and_nothing_before_it_but_what_overtook_it() {
    let originate = |facts| Thread::open(&first(1, facts, EventLevel::L3, began()).step()).map_err(refused).map(|_| ());
    assert_eq!(originate(facts(ReportType::FollowUp, 1)), Err(wrong("K01.initial_opens")));
    let initial = || facts(ReportType::Initial, 0);
    assert_eq!(originate(Facts { resolved: true, ..initial() }), Err(wrong("K01.resolved_by_follow_up")));
    assert_eq!(originate(Facts { refuted: true, ..initial() }), Err(wrong("K01.refuted_while_open")));

    let overtakes = |facts, action| {
        let message = next(2, facts, &super::initial(), began()).follows(&super::initial(), action);
        let opened = Thread::open(&message.step()).map_err(refused)?;
        Ok(opened.unwrap().0.state().name)
    };
    assert_eq!(overtakes(facts(ReportType::FollowUp, 1), Action::Update), Ok("OPEN"));
    assert_eq!(overtakes(resolved(1), Action::Update), Ok("RESOLVED"));
    assert_eq!(overtakes(facts(ReportType::Final, 0), Action::Update), Ok("FINAL"));
    assert_eq!(overtakes(facts(ReportType::Supplement, 1), Action::Update), Ok("SUPPLEMENTED"));
    assert_eq!(overtakes(facts(ReportType::Initial, 0), Action::Cancel), Ok("CANCELLED"));
    assert_eq!(overtakes(facts(ReportType::Initial, 0), Action::Update), Err(wrong("K01.initial_once")));
    assert_eq!(overtakes(facts(ReportType::FollowUp, 1), Action::Reply), Err(wrong("K01.opens")));
}

#[test]
fn a_first_report_that_was_overtaken_counts_from_its_own_time() {
    let second = next(2, facts(ReportType::FollowUp, 1), &initial(), china(5, 12, 10, 30));
    let mut thread = opened(&second);
    assert_eq!(owed(&thread.ledger), ["D05 371300 2 · due 2027-05-13 10:30 · Running"]);

    assert_eq!(marked(&mut thread, &initial()), whole(Mark::Overtaken));

    assert_eq!(owed(&thread.ledger)[1], "D03 371300  · due 2027-05-12 10:00 · Met");
    assert_eq!(thread.state().name, "OPEN");
    let mut cancelled = opened(&second.clone().follows(&initial(), Action::Cancel));
    marked(&mut cancelled, &initial());
    assert!(cancelled.ledger.all().all(|owed| !owed.standing.is_running()), "nothing is owed for what was taken back");
}

#[test]
fn the_level_in_force_and_the_proposed_one_are_two() {
    let second = next(2, dead(1, known(10, began())), &initial(), china(5, 12, 10, 0));
    let mut thread = opened(&initial());
    assert_eq!(
        marked(&mut thread, &second),
        [(Mark::LevelProposal, "L2".to_owned()), (Mark::LateKnown, "casualties.dead".to_owned())]
    );
    assert_eq!((incident(&thread).level(), incident(&thread).proposed_level()), (EventLevel::L3, Some(EventLevel::L2)));
    let mut declared = first(1, dead(0, known(10, began())), EventLevel::L1, began());
    if let Any::Incident(facts) = &mut declared.facts {
        facts.report_type = ReportType::Initial;
    }
    assert_eq!(Thread::open(&declared.step()).unwrap().unwrap().1, [], "declared graver than the counts");
}

proptest! {
    /// Whatever overtakes what: the highest revision is in force, the others are filed, and the first report is on time.
    #[test]
    fn the_highest_revision_is_in_force_in_whatever_order_they_come(
        order in Just((0_u8..6).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let revision = |n: u8| {
            if n == 0 {
                return initial();
            }
            let facts = dead(n.into(), known(n.into(), china(5, 12, 10, n)));
            let mut message = next(n + 1, facts, &initial(), china(5, 12, 10, n));
            message.header.revision = u32::from(n) + 1;
            message
        };
        let mut thread = opened(&revision(order[0]));
        let mut highest = order[0];
        for n in &order[1..] {
            let overtaken = marked(&mut thread, &revision(*n)) == whole(Mark::Overtaken);
            prop_assert_eq!(overtaken, *n < highest);
            highest = highest.max(*n);
        }
        prop_assert_eq!(incident(&thread).casualties().dead.count, Some(5));
        prop_assert_eq!(thread.state().name, "OPEN");
        let owed = owed(&thread.ledger);
        prop_assert!(owed.contains(&"D03 371300  · due 2027-05-12 10:00 · Met".to_owned()));
        prop_assert!(owed.contains(&"D05 371300 6 · due 2027-05-13 10:05 · Running".to_owned()));
    }
}
