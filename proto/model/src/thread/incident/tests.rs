#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::{
    judge::sample::member,
    kind::Kind,
    thread::{
        AnyMachine, Facts as Any, Thread,
        talk::{Message, china, days, minutes, opened, owed, parts, refused, says, wrong},
    },
};

const LY: &str = "371300";

fn count(count: Option<u32>, as_of: Timestamp) -> Count {
    Count { count, as_of: count.map(|_| as_of) }
}

fn facts(report_type: ReportType, sequence_no: u32) -> Facts {
    let at = china(5, 12, 9, 0);
    Facts {
        report_type,
        sequence_no,
        occurred_at: at,
        known_at: at,
        phone_reported_at: Some(china(5, 12, 9, 4)),
        place: Place { division: "371322".to_owned(), name: "红花镇".to_owned(), point: None },
        event_type_code: "12B01".to_owned(),
        casualties: Casualties::default(),
        loss_yuan: None,
        toward: vec!["320300".to_owned()],
        resolved: false,
        refuted: false,
        correction_reason: String::new(),
        rest: u64::from(sequence_no) + 10 * u64::try_from(report_type.number()).unwrap(),
    }
}

fn report(n: u8, facts: Facts, level: EventLevel, at: Timestamp) -> Message {
    let mut message =
        Message::new(n, Kind::IncidentReport, LY, Any::Incident(Box::new(facts))).to(&["320300", "320700"]).at(at);
    message.header.event_level = Some(level);
    message
}

fn initial() -> Message {
    report(1, facts(ReportType::Initial, 0), EventLevel::L3, china(5, 12, 9, 9))
}

fn update(n: u8, facts: Facts, to: &Message) -> Message {
    let revision = to.header.revision + 1;
    let mut message = report(n, facts, EventLevel::L3, to.at.plus(minutes(30))).follows(to, Action::Update);
    message.header.revision = revision;
    message
}

fn resolved(sequence_no: u32) -> Facts {
    Facts { resolved: true, ..facts(ReportType::FollowUp, sequence_no) }
}

fn path(state: &str) -> Vec<Message> {
    let mut path = vec![initial()];
    let mut say = |facts: Facts| {
        let n = u8::try_from(path.len()).unwrap() + 1;
        let next = update(n, facts, path.last().unwrap());
        path.push(next);
    };
    match state {
        "OPEN" => say(facts(ReportType::FollowUp, 1)),
        "RESOLVED" => say(resolved(1)),
        "FINAL" | "SUPPLEMENTED" => {
            say(resolved(1));
            say(facts(ReportType::Final, 0));
            if state == "SUPPLEMENTED" {
                say(facts(ReportType::Supplement, 1));
            }
        }
        "REFUTED" => say(Facts { refuted: true, ..facts(ReportType::FollowUp, 1) }),
        _ => {}
    }
    path
}

fn after(path: &[Message]) -> Thread {
    let mut thread = opened(&path[0]);
    path[1..].iter().for_each(|message| drop(says(&mut thread, message).unwrap()));
    thread
}

#[test]
fn every_report_at_every_state_leads_on_or_breaks_its_rule() {
    let mut table = Vec::new();
    for state in ["REPORTED", "OPEN", "RESOLVED", "FINAL", "SUPPLEMENTED", "REFUTED"] {
        let path = path(state);
        assert_eq!(after(&path).state().name, state);
        let newest = path.last().unwrap();
        let mut foreign = update(9, facts(ReportType::FollowUp, 5), newest);
        foreign.header.sender.jurisdiction = member("320300");
        let steps = [
            ("INITIAL", update(9, facts(ReportType::Initial, 0), newest)),
            ("FOLLOW_UP", update(9, facts(ReportType::FollowUp, 5), newest)),
            ("FOLLOW_UP resolved", update(9, resolved(5), newest)),
            ("FINAL", update(9, facts(ReportType::Final, 0), newest)),
            ("SUPPLEMENT", update(9, facts(ReportType::Supplement, 5), newest)),
            ("by another", foreign),
            ("as reply", update(9, facts(ReportType::FollowUp, 5), newest).follows(newest, Action::Reply)),
            ("cancel", update(9, facts(ReportType::FollowUp, 5), newest).follows(newest, Action::Cancel)),
        ];
        for (name, message) in steps {
            let mut thread = after(&path);
            let said = says(&mut thread, &message).map(|_| thread.state().name.to_owned());
            table.push(format!("{state} {name}: {}", said.unwrap_or_else(|(_, rule)| rule)));
        }
    }
    assert_eq!(table.join("\n"), include_str!("table.txt").trim_end());
}

#[test]
fn the_tanker_is_reported_as_the_rules_ask() {
    let first = initial();
    let mut thread = opened(&first);
    let lines = owed(&thread.ledger);
    assert_eq!(
        lines[..3],
        [
            "D02 371300  · due 2027-05-12 10:00 · Met",
            "D03 371300  · due 2027-05-12 10:00 · Met",
            "D04 371300  · due 2027-05-12 10:00 · Met",
        ]
    );
    assert_eq!(lines[3], "D05 371300 1 · due 2027-05-13 09:09 · Running");
    assert_eq!(parts(&thread, first.at)[0], "dead L3 不明 unknown", "never zero");

    let counted = |sequence_no| {
        let mut facts = facts(ReportType::FollowUp, sequence_no);
        facts.casualties.dead = count(Some(3), china(5, 12, 9, 40));
        facts.casualties.seriously_injured = count(Some(62), china(5, 12, 9, 40));
        facts
    };
    let second = report(2, counted(1), EventLevel::L3, china(5, 12, 9, 45)).follows(&first, Action::Update);
    let marks = says(&mut thread, &second).unwrap();
    assert_eq!((marks[0].mark, marks[0].about.as_str()), (Mark::LevelProposal, "L2"));
    assert!(owed(&thread.ledger).contains(&"D06 371300 1 · due 2027-05-12 10:40 · Met".to_owned()));

    let third = report(3, counted(2), EventLevel::L2, china(5, 12, 9, 49)).follows(&second, Action::Update);
    assert_eq!(says(&mut thread, &third).unwrap(), []);
    assert!(
        owed(&thread.ledger).contains(&"D05 371300 3 · due 2027-05-12 17:00 · Running".to_owned()),
        "by 17:00 at L2"
    );

    let ended = Facts { resolved: true, ..counted(3) };
    let fourth = report(4, ended, EventLevel::L2, china(5, 12, 18, 0)).follows(&third, Action::Update);
    says(&mut thread, &fourth).unwrap();
    assert_eq!(thread.state().name, "RESOLVED");
    assert!(owed(&thread.ledger).contains(&"D05 371300 3 · due 2027-05-12 17:00 · Breached".to_owned()));
    assert!(owed(&thread.ledger).contains(&"D07 371300 4 · due 2027-05-13 18:00 · Running".to_owned()));

    let mut last = counted(0);
    last.report_type = ReportType::Final;
    let fifth = report(5, last, EventLevel::L2, china(5, 13, 5, 0)).follows(&fourth, Action::Update);
    says(&mut thread, &fifth).unwrap();
    assert!(owed(&thread.ledger).contains(&"D07 371300 4 · due 2027-05-13 18:00 · Met".to_owned()));
    assert_eq!(thread.state_at(china(5, 13, 5, 0).plus(days(31))).name, "CLOSED");
}

#[test]
fn the_dead_are_not_lowered_without_a_reason() {
    let dead = |sequence_no, dead, reason: &str| {
        let mut facts = facts(ReportType::FollowUp, sequence_no);
        facts.casualties.dead = count(Some(dead), china(5, 12, 9, 40));
        facts.correction_reason = reason.to_owned();
        facts
    };
    let first = initial();
    let second = update(2, dead(1, 3, ""), &first);
    let mut thread = after(&[first, second.clone()]);
    let refused = says(&mut thread, &update(3, dead(2, 2, ""), &second)).unwrap_err();
    assert_eq!(refused, (Reason::MissingField, "K01.correction_reason".to_owned()));
    says(&mut thread, &update(3, dead(2, 2, "重复统计"), &second)).unwrap();
    let AnyMachine::Incident(incident) = &thread.machine else { unreachable!() };
    assert_eq!(incident.casualties().dead.count, Some(2));
}

#[test]
fn a_follow_up_that_says_nothing_new_and_a_supplement_out_of_its_window_are_marked() {
    let first = initial();
    let mut same = facts(ReportType::FollowUp, 1);
    let Any::Incident(said) = &first.facts else { unreachable!() };
    same.rest = said.rest;
    let mut thread = opened(&first);
    assert_eq!(says(&mut thread, &update(2, same, &first)).unwrap()[0].mark, Mark::NothingNew);

    let path = path("FINAL");
    let late = update(9, facts(ReportType::Supplement, 1), path.last().unwrap()).at(china(5, 12, 9, 0).plus(days(31)));
    assert_eq!(says(&mut after(&path), &late).unwrap()[0].mark, Mark::OutOfWindow);
}

#[test]
fn a_follow_up_number_does_not_come_again() {
    let path = path("OPEN");
    let again = update(9, facts(ReportType::FollowUp, 1), path.last().unwrap());
    assert_eq!(says(&mut after(&path), &again), Err(wrong("K01.sequence_no")));
}

#[test]
fn only_a_first_report_opens_an_incident() {
    let message = report(1, facts(ReportType::FollowUp, 1), EventLevel::L3, china(5, 12, 9, 9));
    assert_eq!(Thread::open(&message.step()).map_err(refused).unwrap_err(), wrong("K01.initial_opens"));
}

#[test]
fn levels_are_proposed_at_the_numbers_of_the_law() {
    let of = |dead: u32, injured: u32, loss: u64| {
        let at = china(5, 12, 9, 0);
        let casualties = Casualties {
            dead: count(Some(dead), at),
            seriously_injured: count(Some(injured), at),
            ..Casualties::default()
        };
        proposed_level(&casualties, Some(loss)).map(EventLevel::name)
    };
    let rows =
        [(30, 0, 0), (29, 0, 0), (10, 0, 0), (9, 49, 0), (3, 0, 0), (2, 9, 0), (0, 100, 0), (0, 50, 0), (0, 10, 0)];
    let levels = rows.map(|(dead, injured, loss)| of(dead, injured, loss).unwrap());
    assert_eq!(levels, ["L1", "L2", "L2", "L3", "L3", "L4", "L1", "L2", "L3"]);
    let losses = [100_000_000, 99_999_999, 50_000_000, 10_000_000, 9_999_999];
    assert_eq!(losses.map(|loss| of(0, 0, loss).unwrap()), ["L1", "L2", "L2", "L3", "L4"]);
    assert_eq!(of(0, 0, 0), None);
    assert_eq!(proposed_level(&Casualties::default(), None), None, "what nobody knows proposes nothing");
}

#[test]
fn a_merged_incident_is_over_and_stays_readable() {
    let mut thread = after(&path("OPEN"));
    let AnyMachine::Incident(incident) = &mut thread.machine else { unreachable!() };
    incident.merge("320300-20270512-0001".parse().unwrap(), &mut thread.ledger);
    assert_eq!((thread.state().name, thread.state().over), ("MERGED", true));
}

proptest! {
    /// In whatever order the revisions of a chain come, the highest is in force.
    #[test]
    fn the_highest_revision_is_in_force_in_any_order(order in Just((1_u8..6).collect::<Vec<_>>()).prop_shuffle()) {
        let first = initial();
        let mut thread = opened(&first);
        let message = |n: u8| {
            let mut facts = facts(ReportType::FollowUp, n.into());
            facts.casualties.dead = count(Some(n.into()), china(5, 12, 10, n));
            let mut message = report(n + 1, facts, EventLevel::L3, china(5, 12, 10, n)).follows(&first, Action::Update);
            message.header.revision = u32::from(n) + 1;
            message
        };
        for n in order {
            says(&mut thread, &message(n)).unwrap();
        }
        let AnyMachine::Incident(incident) = &thread.machine else { unreachable!() };
        prop_assert_eq!(incident.casualties().dead.count, Some(5));
    }
}
