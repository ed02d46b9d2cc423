#![allow(clippy::unwrap_used)]

mod scenario;
mod table;

use std::time::Duration;

use super::*;
use crate::{
    header::DrillControl,
    ids::DrillId,
    judge::sample::member,
    kind::Kind,
    thread::{
        Facts as Any, Thread,
        invitation::Period,
        talk::{Message, china, days, says},
    },
};

const DRILL: &str = "371300-DR-2027-01";
const LY: &str = "371300";
const XZ: &str = "320300";
const LYG: &str = "320700";

/// When the drill starts: 2027-09-17 09:00.
fn start() -> Timestamp {
    china(9, 17, 9, 0)
}

fn drill_id() -> DrillId {
    DRILL.parse().unwrap()
}

fn seat(id: &str) -> Obligor {
    Obligor { jurisdiction: member(id), role: Role::DutyOfficer }
}

fn invitation(n: u8, sequence: u32, start: Timestamp) -> Message {
    let facts = Invitation {
        drill_id: drill_id(),
        sequence,
        period: Period { start, end: start.plus(Duration::from_hours(8)) },
        wanted: vec![seat(XZ), seat(LYG)],
        rsvp_by: Some(start.minus(days(30))),
    };
    Message::new(n, Kind::DrillInvitation, LY, Any::Drill(Facts::Invitation(facts))).to(&[XZ, LYG])
}

fn reply(n: u8, by: &str, sequence: u32, word: Word, to: &Message) -> Message {
    let counter = (word == Word::Counter).then(|| Period { start: start(), end: start().plus(days(1)) });
    let delegate = (word == Word::Delegate).then(|| seat("371100"));
    let facts = Facts::Reply(drill_id(), Reply { sequence, word, delegate, counter });
    Message::new(n, Kind::DrillReply, by, Any::Drill(facts)).follows(to, Action::Reply)
}

fn plan(n: u8, sequence: u32, version: u32, frozen: bool) -> Message {
    let inject = |n: u64| Planned {
        inject_id: format!("INJ-{n:02}"),
        offset: Duration::from_secs(n * 60),
        kind: InjectType::Contextual,
        controller: member(LY),
        expected_within: None,
    };
    let injects = (0..14).map(inject).collect();
    let facts = Facts::Plan(Plan { drill_id: drill_id(), sequence, version, frozen, injects });
    Message::new(n, Kind::DrillPlan, LY, Any::Drill(facts))
}

fn order(n: u8, by: &str, control: DrillControl) -> Message {
    let jump = (control == DrillControl::TimeJump).then(|| Duration::from_hours(1));
    let facts = Any::Drill(Facts::Control(Control { jump }));
    Message::new(n, Kind::DrillControl, by, facts).drill(DRILL, Some(control)).to(&[XZ, LYG])
}

fn inject(n: u8, by: &str) -> Message {
    let facts = Facts::Inject(Inject { inject_id: "INJ-01".to_owned(), plan_version: Some(1) });
    Message::new(n, Kind::DrillInject, by, Any::Drill(facts)).drill(DRILL, None)
}

fn evaluation(n: u8, stage: Review, items: &[(&str, Option<&str>)]) -> Message {
    let improvement = |(id, before): &(&str, Option<&str>)| Improvement {
        item_id: id.parse().unwrap(),
        recurrence_of: before.map(|before| before.parse().unwrap()),
    };
    let improvements = items.iter().map(improvement).collect();
    let facts = Facts::Evaluation(Evaluation { drill_id: drill_id(), stage, improvements });
    Message::new(n, Kind::DrillEvaluation, LY, Any::Drill(facts))
}

/// The machine inside.
fn drill(thread: &Thread) -> &Drill {
    let super::super::AnyMachine::Drill(drill) = &thread.machine else { unreachable!() };
    drill
}

fn drill_mut(thread: &mut Thread) -> &mut Drill {
    let super::super::AnyMachine::Drill(drill) = &mut thread.machine else { unreachable!() };
    drill
}

/// Says all of them, one minute after another from `from` on.
fn say_all(thread: &mut Thread, from: Timestamp, messages: Vec<Message>) {
    for (minute, message) in messages.into_iter().enumerate() {
        let at = from.plus(Duration::from_secs(60 * u64::try_from(minute).unwrap()));
        says(thread, &message.at(at)).unwrap();
    }
}
