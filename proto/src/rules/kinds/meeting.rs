//! A5: joint meetings.

use super::{Judge, Rule, rule};
use crate::v1;

const END: Rule = rule("K40.end_after_start", "不得早于开始时间", "must not be before the start");
const RSVP: Rule = rule("K40.rsvp_before_start", "不得晚于会议开始", "must not be after the meeting begins");
const PLACE: Rule = rule("K40.place_or_bridge", "与会商接入方式至少填一项", "or a bridge is required").missing();
const COUNTER: Rule = rule("K41.counter_end_after_start", "不得早于开始时间", "must not be before the start");
const HELD: Rule = rule("K44.held_to_after_from", "不得早于开始时间", "must not be before the start");
const DECISIONS: Rule = rule("K44.decision_no_unique", "不得重复", "must not be used twice");
const HANDOVER: Rule =
    rule("K46.to_another", "不得与移交方相同", "must be another jurisdiction than the one that hands over");

/// Every rule of the family.
pub const RULES: &[&Rule] = &[&END, &RSVP, &PLACE, &COUNTER, &HELD, &DECISIONS, &HANDOVER];

pub fn notice(judge: &mut Judge<'_>, body: &v1::MeetingNotice) {
    judge.in_order(&END, "body.end", [body.start, body.end]);
    judge.in_order(&RSVP, "body.rsvp_by", [body.rsvp_by, body.start]);
    let calls = body.method() == v1::MeetingMethod::Request;
    judge.holds(&PLACE, "body.place", !calls || !body.place.trim().is_empty() || body.bridge.is_some());
}

pub fn reply(judge: &mut Judge<'_>, body: &v1::MeetingReply) {
    if let Some(counter) = &body.counter {
        judge.in_order(&COUNTER, "body.counter.end", [counter.start, counter.end]);
    }
}

pub fn minutes(judge: &mut Judge<'_>, body: &v1::Minutes) {
    let Some(v1::minutes::Part::Record(record)) = &body.part else { return };
    judge.in_order(&HELD, "body.record.held_to", [record.held_from, record.held_to]);
    let numbers = record.decisions.iter().map(|decision| decision.decision_no);
    judge.unique(&DECISIONS, "record.decisions", "decision_no", numbers);
}

pub fn handover(judge: &mut Judge<'_>, body: &v1::Handover) {
    judge.holds(&HANDOVER, "body.to", body.to.is_empty() || body.to != body.from);
}
