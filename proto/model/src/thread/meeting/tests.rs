#![allow(clippy::unwrap_used)]

mod scenario;
mod table;

use super::*;
use crate::{
    ids::Digest,
    judge::sample::member,
    kind::Kind,
    role::Role,
    thread::{
        AnyMachine, Facts as Any, Thread,
        talk::{Message, china, days, says},
    },
};
use std::time::Duration;

const MEETING: &str = "371300-M-2027";
const LY: &str = "371300";
/// The other eight members.
const MEMBERS: [&str; 8] = ["320300", "320700", "370300", "370400", "370700", "370800", "370900", "371100"];
const XZ: &str = "320300";

/// When it is held: 2027-11-10 09:00, a Wednesday.
fn start() -> Timestamp {
    china(11, 10, 9, 0)
}

fn end_of(start: Timestamp) -> Timestamp {
    start.plus(Duration::from_hours(3))
}

fn seats(ids: &[&str]) -> Vec<Obligor> {
    ids.iter().map(|id| Obligor { jurisdiction: member(id), role: Role::ShiftLeader }).collect()
}

fn notice_of(n: u8, sequence: u32, method: Method, start: Timestamp) -> Message {
    let facts = Facts::Notice(Notice {
        meeting_id: MEETING.to_owned(),
        sequence,
        method,
        period: Period { start, end: end_of(start) },
        chair: member(LY),
        required: [seats(&MEMBERS), seats(&[LY])].concat(),
        optional: seats(&["370000"]),
        rsvp_by: Some(start.minus(days(10))),
    });
    Message::new(n, Kind::MeetingNotice, LY, Any::Meeting(facts))
}

fn notice(n: u8, sequence: u32, start: Timestamp) -> Message {
    notice_of(n, sequence, Method::Request, start)
}

fn reply(n: u8, by: &str, sequence: u32, word: Word, to: &Message) -> Message {
    let counter = (word == Word::Counter).then(|| Period { start: start().plus(days(1)), end: start().plus(days(2)) });
    let delegate = (word == Word::Delegate).then(|| seats(&["370000"]).remove(0));
    let facts = Facts::Reply(MEETING.to_owned(), Reply { sequence, word, delegate, counter });
    Message::new(n, Kind::MeetingReply, by, Any::Meeting(facts)).follows(to, Action::Reply)
}

fn agenda(n: u8, status: Option<AgendaStatus>) -> Message {
    Message::new(n, Kind::AgendaChanged, LY, Any::Meeting(Facts::Agenda(MEETING.to_owned(), status)))
}

fn record(n: u8, text: &str) -> Message {
    let named = MEMBERS.iter().chain(&[LY]).map(|id| member(id)).collect();
    let record = Record { substance: Digest::of(text.as_bytes()), named };
    Message::new(n, Kind::Minutes, LY, Any::Meeting(Facts::Record(MEETING.to_owned(), record)))
}

fn word(n: u8, by: &str, word: MinutesWord, to: &Message) -> Message {
    let facts = Any::Meeting(Facts::Word(MEETING.to_owned(), word));
    Message::new(n, Kind::Minutes, by, facts).follows(to, Action::Reply)
}

fn meeting(thread: &Thread) -> &Meeting {
    let AnyMachine::Meeting(meeting) = &thread.machine else { unreachable!() };
    meeting
}
