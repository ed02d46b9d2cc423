#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    judge::sample::member,
    kind::Kind,
    thread::{
        AnyMachine, Facts as Any, Thread,
        talk::{Message, Refused, china, days, opened, owed, parts, refused, says, wrong},
    },
};

const LY: &str = "371300";
const XZ: &str = "320300";

fn seat(id: &str) -> Obligor {
    Obligor { jurisdiction: member(id), role: Role::DutyOfficer }
}

fn due() -> Timestamp {
    china(12, 1, 18, 0)
}

fn plain(status: Status) -> Task {
    Task {
        item_id: "371300-AI-2027-11".parse().unwrap(),
        origin: Origin::Meeting,
        origin_id: Some("371300-M-2027".to_owned()),
        owner: seat(XZ),
        due: due(),
        status,
        recurrence_of: None,
    }
}

fn set(n: u8, task: Task) -> Message {
    Message::new(n, Kind::ActionItem, LY, Any::Item(Facts::Task(task))).at(china(11, 17, 9, 0))
}

fn report(n: u8, status: Status, evidence: usize, to: &Message) -> Message {
    let facts = Facts::Report(Report { item_id: plain(status).item_id, status, evidence });
    Message::new(n, Kind::ActionItem, XZ, Any::Item(facts)).follows(to, Action::Reply).at(china(11, 20, 9, 0))
}

fn item(thread: &Thread) -> &Item {
    let AnyMachine::Item(item) = &thread.machine else { unreachable!() };
    item
}

/// A task of each status by its secretariat's last word.
fn of_status(status: Status) -> (Thread, Message) {
    let first = set(1, plain(Status::Open));
    let mut thread = opened(&first);
    let next = set(2, plain(status)).follows(&first, Action::Update);
    says(&mut thread, &next).unwrap();
    (thread, next)
}

fn steps(before: &Message) -> Vec<(String, Message)> {
    let by = |id: &str, mut message: Message| {
        message.header.sender.jurisdiction = member(id);
        message
    };
    let update = |task: Task| set(9, task).follows(before, Action::Update);
    let another = |item: &str| Task { item_id: item.parse().unwrap(), ..plain(Status::Open) };
    let mut steps = Vec::new();
    for status in Status::ALL {
        steps.push((format!("set {status}"), update(plain(*status))));
        steps.push((format!("report {status}"), report(9, *status, 1, before)));
    }
    let report = || report(9, Status::InProgress, 0, before);
    let unproven = Any::Item(Facts::Report(Report { evidence: 0, status: Status::Done, ..said(&report()) }));
    steps.extend([
        ("set by the owner".to_owned(), by(XZ, update(plain(Status::Open)))),
        ("set another item".to_owned(), update(another("AI-9"))),
        ("set by REPLY".to_owned(), set(9, plain(Status::Open)).follows(before, Action::Reply)),
        ("CANCEL".to_owned(), set(9, plain(Status::Open)).follows(before, Action::Cancel)),
        ("report DONE without evidence".to_owned(), Message { facts: unproven, ..report() }),
        ("report by the secretariat".to_owned(), by(LY, report())),
        ("report by another".to_owned(), by("371100", report())),
        ("report by ORIGINATE".to_owned(), report().follows(before, Action::Originate)),
        ("report CANCEL".to_owned(), report().follows(before, Action::Cancel)),
    ]);
    steps
}

fn said(message: &Message) -> Report {
    match &message.facts {
        Any::Item(Facts::Report(report)) => report.clone(),
        _ => unreachable!(),
    }
}

fn row(step: &str) -> String {
    let outcome = |status: &Status| {
        let (mut thread, before) = of_status(*status);
        let message = steps(&before).into_iter().find(|(name, _)| name == step).unwrap().1;
        let said = says(&mut thread, &message);
        let shown = said.map_or_else(|(_, rule)| rule, |_| format!("→ {}", thread.state().name));
        format!("  {status}: {shown}")
    };
    format!("{step}\n{}", Status::ALL.iter().map(outcome).collect::<Vec<_>>().join("\n"))
}

#[test]
fn every_step_at_every_status_leads_where_the_catalogue_says_or_breaks_its_rule() {
    let rows: Vec<String> = steps(&set(1, plain(Status::Open))).into_iter().map(|(name, _)| row(&name)).collect();
    assert_eq!(rows.join("\n"), include_str!("table.txt").trim_end());
}

#[test]
fn an_owner_reports_until_it_is_done_in_time() {
    let first = set(1, plain(Status::Open));
    let mut thread = opened(&first);
    assert_eq!(owed(&thread.ledger), ["D22 320300 due 1 · due 2027-12-01 18:00 · Running"]);
    says(&mut thread, &report(2, Status::InProgress, 0, &first)).unwrap();
    says(&mut thread, &report(3, Status::Done, 1, &first).at(due())).unwrap();
    assert_eq!(owed(&thread.ledger), ["D22 320300 due 1 · due 2027-12-01 18:00 · Met"]);
    assert_eq!((item(&thread).status_at(due().plus(days(9))), thread.state().over), (Status::Done, true));
}

#[test]
fn what_is_not_done_when_due_is_overdue_for_all() {
    let first = set(1, plain(Status::Open));
    let mut thread = opened(&first);
    assert_eq!(thread.state_at(due()).name, "OPEN");
    assert_eq!(thread.state_at(due().plus(days(1))).name, "OVERDUE");
    says(&mut thread, &report(2, Status::InProgress, 0, &first).at(due().plus(days(1)))).unwrap();
    assert_eq!(thread.state().name, "OVERDUE", "whatever was said last");
    says(&mut thread, &report(3, Status::Done, 1, &first).at(due().plus(days(2)))).unwrap();
    assert_eq!(owed(&thread.ledger), ["D22 320300 due 1 · due 2027-12-01 18:00 · Breached"]);
    assert_eq!(thread.state().name, "DONE");
}

#[test]
fn another_date_or_owner_is_owed_anew() {
    let first = set(1, plain(Status::Open));
    let mut thread = opened(&first);
    let later = set(2, Task { due: due().plus(days(7)), ..plain(Status::Open) }).follows(&first, Action::Update);
    says(&mut thread, &later).unwrap();
    let task = Task { owner: seat("320700"), due: due().plus(days(7)), ..plain(Status::Open) };
    let other = set(3, task).follows(&later, Action::Update);
    says(&mut thread, &other).unwrap();
    let expected = [
        "D22 320300 due 1 · due 2027-12-01 18:00 · Void",
        "D22 320300 due 2 · due 2027-12-08 18:00 · Void",
        "D22 320700 due 3 · due 2027-12-08 18:00 · Running",
    ];
    assert_eq!(owed(&thread.ledger), expected);
    let (reason, rule): Refused = says(&mut thread, &report(4, Status::InProgress, 0, &other)).unwrap_err();
    assert_eq!((reason, rule.as_str()), (Reason::NotAuthor, "K45.owner"));
    says(&mut thread, &set(5, plain(Status::Open)).follows(&other, Action::Cancel)).unwrap();
    assert!(owed(&thread.ledger).iter().all(|line| line.ends_with("Void")));
}

#[test]
fn an_item_that_comes_back_is_marked_with_the_earlier_one() {
    let earlier = Some("371300-AI-2026-03".parse().unwrap());
    let first = set(1, Task { recurrence_of: earlier, ..plain(Status::Open) });
    let (thread, marks) = Thread::open(&first.step()).unwrap().unwrap();
    assert_eq!(marks, [Marked { mark: Mark::Recurring, about: "371300-AI-2027-11".to_owned() }]);
    assert_eq!(parts(&thread, first.at), ["371300-AI-2027-11 OPEN 371300-AI-2026-03"]);
}

#[test]
fn what_a_drill_left_is_looked_at_every_ninety_days() {
    let first = set(1, Task { origin: Origin::DrillReview, due: due().plus(days(200)), ..plain(Status::Open) });
    let mut thread = opened(&first);
    says(&mut thread, &report(2, Status::InProgress, 0, &first).at(first.at.plus(days(60)))).unwrap();
    let expected = [
        "D21 320300 due 1 · due 2028-06-18 18:00 · Running",
        "D21 371300 look 1 · due 2028-02-15 09:00 · Met",
        "D21 371300 look 2 · due 2028-04-15 09:00 · Running",
    ];
    assert_eq!(owed(&thread.ledger), expected);
    says(&mut thread, &report(3, Status::Done, 2, &first).at(first.at.plus(days(61)))).unwrap();
    assert!(owed(&thread.ledger).iter().all(|line| line.ends_with("Met")), "nobody looks at what is done");
}

#[test]
fn a_task_opens_with_something_to_do() {
    for status in [Status::Done, Status::Cancelled] {
        let refusal = Thread::open(&set(1, plain(status)).step()).map(|_| ()).map_err(refused);
        assert_eq!(refusal, Err(wrong("K45.opens_open")));
    }
    let moved_along = set(1, plain(Status::InProgress));
    assert_eq!(opened(&moved_along).state().name, "IN_PROGRESS", "a new chair sets it again as far as it is");
    let first = set(1, plain(Status::Open));
    let orphan = Thread::open(&report(2, Status::Done, 1, &first).step()).map(|_| ()).map_err(refused);
    assert_eq!(orphan, Err(wrong("K45.opens")));
}

#[test]
fn an_earlier_change_that_comes_late_is_filed() {
    let first = set(1, plain(Status::Open));
    let second = set(2, plain(Status::InProgress)).follows(&first, Action::Update);
    let third = set(3, plain(Status::Done)).follows(&second, Action::Update);
    let mut thread = opened(&first);
    says(&mut thread, &third).unwrap();
    let marks = says(&mut thread, &second).unwrap();
    assert_eq!(marks, [Marked { mark: Mark::Overtaken, about: String::new() }]);
    assert_eq!(thread.state().name, "DONE");
}
