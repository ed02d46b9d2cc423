//! For each rule a history that keeps it and one that breaks it, written by hand: one file for each family of rules.

mod bounds;
mod evidence;
mod handing;
mod isolation;
mod keeping;
mod naming;
mod receipts;
mod settling;

use crate::checker::event::{
    Accepted, Done, Event, Fault, FaultKind, Hand, Healed, Line, Listed, Plan, Queued, Read, Receipt, Stage, Stands,
    Submit, Unanswered, parse, print,
};
use crate::checker::{Rule, check};

/// One line each millisecond.
fn told(events: Vec<Event>) -> Vec<Line> {
    (1_u64..).zip(events).map(|(ms, event)| Line { t: ms * 1_000, event }).collect()
}

fn broken(events: Vec<Event>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = check(&told(events)).into_iter().map(|violation| violation.rule).collect();
    rules.dedup();
    rules
}

fn closed(mut events: Vec<Event>) -> Vec<Event> {
    events.extend([Event::Quiet, Event::End]);
    events
}

const NOTHING: Vec<Rule> = Vec::new();

// The call's number, the sequence and the place of a message all follow from the one number in its id.
fn number(id: &str) -> u64 {
    id.trim_start_matches('m').parse().unwrap()
}

fn submit(id: &str) -> Event {
    submit_again(id, number(id), id)
}

fn submit_again(id: &str, call: u64, bytes: &str) -> Event {
    Event::Submit(Submit {
        call,
        id: id.into(),
        from: "371300".into(),
        to: vec!["320300".into()],
        precedence: 3,
        digest: format!("digest of {bytes}"),
        expires: None,
    })
}

fn queued(id: &str) -> Event {
    Event::Queued(Queued { call: number(id), id: id.into(), message: format!("uuid {id}"), seq: number(id) })
}

fn accepted(id: &str) -> Event {
    accepted_at(id, number(id), 10 + number(id))
}

fn accepted_at(id: &str, call: u64, position: u64) -> Event {
    Event::Ok(Accepted {
        call,
        id: id.into(),
        epoch: "e1".into(),
        position,
        receipt: format!("accepted {id} at {position}"),
        resolved: vec!["320300".into()],
    })
}

fn unknown(id: &str) -> Event {
    Event::Unknown(Unanswered { call: number(id), id: id.into() })
}

fn hand_as(id: &str) -> Hand {
    Hand {
        id: id.into(),
        to: "320300".into(),
        attempt: 1,
        cursor: number(id),
        message: format!("uuid {id}"),
        incarnation: "i1".into(),
        seq: number(id),
        precedence: 3,
        digest: format!("digest of {id}"),
        content: format!("content of {id}"),
        verified: Some(true),
    }
}

fn hand(id: &str) -> Event {
    Event::Hand(hand_as(id))
}

fn done(id: &str) -> Event {
    Event::ConfirmOk(Done { id: id.into(), to: "320300".into() })
}

fn receipt_as(id: &str, stage: Stage) -> Receipt {
    Receipt {
        id: id.into(),
        to: "320300".into(),
        stage,
        hash: format!("{stage:?} {id}"),
        content: format!("content of {id}"),
        previous: before(stage).map(|before| format!("{before:?} {id}")),
        verified: Some(true),
        reason: String::new(),
    }
}

/// The stage whose receipt that of `stage` follows here.
fn before(stage: Stage) -> Option<Stage> {
    match stage {
        Stage::Opened => Some(Stage::Delivered),
        Stage::Acknowledged | Stage::WillAnswer => Some(Stage::Opened),
        _ => None,
    }
}

fn receipt(id: &str, stage: Stage) -> Event {
    Event::Receipt(receipt_as(id, stage))
}

fn ended(id: &str, stage: Stage, reason: &str) -> Event {
    Event::Receipt(Receipt { reason: reason.into(), ..receipt_as(id, stage) })
}

fn read(id: &str, stage: Stage) -> Event {
    Event::Read(Read { id: id.into(), to: "320300".into(), stage })
}

fn listed(id: &str, cursor: u64) -> Event {
    Event::Listed(Listed { id: id.into(), to: "320300".into(), message: format!("uuid {id}"), cursor })
}

fn stands(id: &str, at: &[(&str, Stage)]) -> Event {
    let at = at.iter().map(|(to, stage)| ((*to).into(), *stage)).collect();
    Event::Stands(Stands { id: id.into(), at })
}

fn healed(victim: &str) -> Event {
    Event::Healed(Healed { victim: victim.into() })
}

fn killed(victim: &str) -> Event {
    Event::Fault(Fault { name: format!("kill {victim}"), kind: FaultKind::Kill, victim: victim.into() })
}

fn negative_ends_planned() -> Event {
    Event::Plan(Plan { negative_ends: true, ..Plan::default() })
}

fn delivered(id: &str) -> Vec<Event> {
    vec![submit(id), accepted(id), hand(id), done(id), receipt(id, Stage::Delivered)]
}

#[test]
fn a_history_survives_being_written_and_read() {
    let history = told(closed([vec![negative_ends_planned(), killed("broker")], delivered("m1")].concat()));

    let text: String = history.iter().map(|line| print(line) + "\n").collect();

    assert_eq!(parse(&text).unwrap(), history);
}

#[test]
fn a_violation_shows_the_lines_that_prove_it() {
    let again = hand("m1");
    let violations = check(&told(closed([delivered("m1"), vec![again]].concat())));

    let text = violations[0].to_string();

    assert!(text.starts_with("R2NoDuplicate: m1 was handed to 320300 again after it was confirmed\n"), "{text}");
    assert_eq!(text.matches(r#""event":"hand""#).count(), 2, "{text}");
}
