#![allow(clippy::unwrap_used)]

mod rules;
mod scenario;
mod table;

use super::*;
use crate::{
    judge::sample::member,
    kind::Kind,
    thread::{
        AnyMachine, Facts as Any, Thread,
        talk::{Message, china, opened, says},
    },
};

const LY: &str = "371300";
const XZ: &str = "320300";
const LYG: &str = "320700";

/// T, when the tanker overturned and the duty officer learned of it.
fn began() -> Timestamp {
    china(5, 12, 9, 0)
}

fn known(count: u32, as_of: Timestamp) -> Count {
    Count { count: Some(count), as_of: Some(as_of) }
}

fn facts(report_type: ReportType, sequence_no: u32) -> Facts {
    Facts {
        report_type,
        sequence_no,
        occurred_at: began(),
        known_at: began(),
        phone_reported_at: None,
        place: Place { division: member("371322"), name: "红花镇".to_owned(), point: None },
        casualties: Casualties::default(),
        loss_yuan: None,
        resolved: false,
        refuted: false,
        corrects: false,
        course: None,
        substance: Digest::of(format!("{report_type} {sequence_no}").as_bytes()),
    }
}

fn resolved(sequence_no: u32) -> Facts {
    Facts { resolved: true, ..facts(ReportType::FollowUp, sequence_no) }
}

fn refuted(sequence_no: u32) -> Facts {
    Facts { refuted: true, ..facts(ReportType::FollowUp, sequence_no) }
}

/// With so many dead, known at that time.
fn dead(sequence_no: u32, dead: Count) -> Facts {
    Facts { casualties: Casualties { dead, ..Casualties::default() }, ..facts(ReportType::FollowUp, sequence_no) }
}

/// The first report, sent and accepted at the same time, as all here.
fn first(n: u8, facts: Facts, level: EventLevel, at: Timestamp) -> Message {
    let mut message = Message::new(n, Kind::IncidentReport, LY, Any::Incident(Box::new(facts))).to(&[XZ, LYG]).at(at);
    message.header.event_level = Some(level);
    message.header.sent_at = at;
    message
}

fn initial() -> Message {
    first(1, facts(ReportType::Initial, 0), EventLevel::L3, china(5, 12, 9, 9))
}

/// The report after `before`, at the same level.
fn next(n: u8, facts: Facts, before: &Message, at: Timestamp) -> Message {
    first(n, facts, before.header.event_level.unwrap(), at).follows(before, Action::Update)
}

/// Says all of them, one after another.
fn said(messages: &[Message]) -> Thread {
    let mut thread = opened(&messages[0]);
    for message in &messages[1..] {
        says(&mut thread, message).unwrap();
    }
    thread
}

/// The machine inside.
fn incident(thread: &Thread) -> &Incident {
    let AnyMachine::Incident(incident) = &thread.machine else { unreachable!() };
    incident
}

/// The other report of the same event is the one that goes on.
fn merge(thread: &mut Thread) {
    let AnyMachine::Incident(incident) = &mut thread.machine else { unreachable!() };
    incident.merged("320300-20270512-0001".parse().unwrap(), &mut thread.ledger);
}
