//! The chlorine tanker of the acceptance scenarios, as the thread of its reports sees it.

use super::*;
use crate::thread::{
    learned,
    talk::{owed, parts},
};

/// 续报一 to 续报四 and the figures they tell.
fn counted(sequence_no: u32) -> Facts {
    let as_of = china(5, 12, 9, 40);
    let casualties = Casualties { dead: known(3, as_of), seriously_injured: known(62, as_of), ..Casualties::default() };
    Facts { casualties, ..facts(ReportType::FollowUp, sequence_no) }
}

fn marks(marks: &Marks) -> Vec<String> {
    marks.iter().map(|marked| format!("{} {}", marked.mark, marked.about).trim_end().to_owned()).collect()
}

#[test]
fn the_duties_before_the_first_report_are_those_that_it_carries_on() {
    let before = initial();
    let mut desk = Ledger::default();
    learned::start(&mut desk, &member(LY), EventLevel::L3, began(), before.header.message_id);
    let running =
        ["D02 371300", "D03 371300", "D04 371300"].map(|duty| format!("{duty}  · due 2027-05-12 10:00 · Running"));
    assert_eq!(owed(&desk), running);
    let thread = opened(&before);
    let kept: Vec<_> = thread.ledger.all().take(3).map(super::super::super::Deadline::key).collect();
    assert_eq!(kept, desk.all().map(super::super::super::Deadline::key).collect::<Vec<_>>());
}

#[test]
fn the_tanker_from_its_first_report_to_its_end() {
    let telephoned = Facts { phone_reported_at: Some(china(5, 12, 9, 4)), ..facts(ReportType::Initial, 0) };
    let initial = first(1, telephoned, EventLevel::L3, china(5, 12, 9, 9));
    let mut thread = opened(&initial);
    assert_eq!(thread.state().name, "REPORTED");
    let met = [
        "D02 371300  · due 2027-05-12 10:00 · Met",
        "D03 371300  · due 2027-05-12 10:00 · Met",
        "D04 371300  · due 2027-05-12 10:00 · Met",
    ];
    assert_eq!(owed(&thread.ledger)[..3], met);
    assert_eq!(owed(&thread.ledger)[3..], ["D05 371300 1 · due 2027-05-13 09:09 · Running"]);
    assert_eq!(parts(&thread, initial.at)[0], "dead L3 不明 unknown", "never as 0");

    let second = next(2, counted(1), &initial, china(5, 12, 9, 45));
    assert_eq!(marks(&says(&mut thread, &second).unwrap()), ["LEVEL_PROPOSAL L2"], "62 are 50 and more");
    assert_eq!(thread.state().name, "OPEN");
    let follow_ups = [
        "D05 371300 1 · due 2027-05-13 09:09 · Met",
        "D05 371300 2 · due 2027-05-13 09:45 · Running",
        "D06 371300 1 · due 2027-05-12 10:40 · Met",
    ];
    assert_eq!(owed(&thread.ledger)[3..], follow_ups);

    let mut third = next(3, counted(2), &second, china(5, 12, 9, 49));
    third.header.event_level = Some(EventLevel::L2);
    assert_eq!(marks(&says(&mut thread, &third).unwrap()), [""; 0], "the level is declared");
    let fourth = next(4, counted(3), &third, china(5, 12, 16, 50));
    assert_eq!(owed(&thread.ledger)[5], "D05 371300 3 · due 2027-05-12 17:00 · Running", "the column of L2");
    says(&mut thread, &fourth).unwrap();

    let fifth = next(5, Facts { resolved: true, ..counted(4) }, &fourth, china(5, 12, 18, 0));
    says(&mut thread, &fifth).unwrap();
    assert_eq!(thread.state().name, "RESOLVED");
    let sixth = Facts { report_type: ReportType::Final, sequence_no: 0, ..counted(0) };
    says(&mut thread, &next(6, sixth, &fifth, china(5, 13, 5, 0))).unwrap();

    assert_eq!(thread.state().name, "FINAL");
    let all = [
        "D05 371300 1 · due 2027-05-13 09:09 · Met",
        "D05 371300 2 · due 2027-05-13 09:45 · Met",
        "D05 371300 3 · due 2027-05-12 17:00 · Met",
        "D05 371300 4 · due 2027-05-13 04:50 · Met",
        "D06 371300 1 · due 2027-05-12 10:40 · Met",
        "D07 371300 4 · due 2027-05-13 18:00 · Met",
    ];
    assert_eq!(owed(&thread.ledger)[3..], all, "nothing is breached");
    assert_eq!(thread.state_at(china(6, 11, 9, 0)).name, "FINAL");
    let end = china(6, 11, 9, 1);
    assert_eq!((thread.state_at(end).name, thread.state_at(end).over), ("CLOSED", true), "30 days after it happened");
    assert_eq!(thread.state().name, "FINAL", "as it was after the newest message");
}

#[test]
fn casualties_change_after_the_final_report() {
    let path = [initial(), next(2, dead(1, known(3, china(5, 12, 9, 40))), &initial(), china(5, 12, 9, 45))];
    let over =
        next(3, Facts { resolved: true, ..dead(2, known(3, china(5, 12, 9, 40))) }, &path[1], china(5, 12, 18, 0));
    let last = Facts { report_type: ReportType::Final, ..dead(0, known(3, china(5, 12, 9, 40))) };
    let last = next(4, last, &over, china(5, 13, 5, 0));
    let mut thread = said(&[path[0].clone(), path[1].clone(), over, last.clone()]);

    let died = |n, count, as_of| Facts { report_type: ReportType::Supplement, ..dead(n, known(count, as_of)) };
    let fourth_death = next(5, died(1, 4, china(5, 20, 8, 0)), &last, china(5, 20, 20, 0));
    assert_eq!(marks(&says(&mut thread, &fourth_death).unwrap()), ["LEVEL_PROPOSAL L3"; 0]);
    assert_eq!(thread.state().name, "SUPPLEMENTED");
    assert!(owed(&thread.ledger).contains(&"D08 371300 1 · due 2027-05-21 08:00 · Met".to_owned()));

    let late = next(6, died(2, 5, china(6, 14, 8, 0)), &fourth_death, china(6, 16, 9, 0));
    assert_eq!(marks(&says(&mut thread, &late).unwrap()), ["OUT_OF_WINDOW"], "kept, and marked");
    assert_eq!((thread.state().name, incident(&thread).casualties().dead.count), ("CLOSED", Some(5)));
    assert!(owed(&thread.ledger).contains(&"D08 371300 2 · due 2027-06-15 08:00 · Breached".to_owned()));
}
