//! A4: joint drills.

use super::{Judge, Rule, rule};
use crate::v1;

const END: Rule = rule("K30.end_after_start", "不得早于开始时间", "must not be before the start");
const RSVP: Rule = rule("K30.rsvp_before_start", "不得晚于演练开始", "must not be after the drill begins");
const OBJECTIVES: Rule = rule("K30.objective_id_unique", "不得重复", "must not be used twice");
const COUNTER: Rule = rule("K31.counter_end_after_start", "不得早于开始时间", "must not be before the start");
const INVITED: Rule = of_header("K30.drill_of_header");
const REPLIED: Rule = of_header("K31.drill_of_header");
const SCRIPTED: Rule = of_header("K32.drill_of_header");
const EVALUATED: Rule = of_header("K35.drill_of_header");
const INJECTS: Rule = rule("K32.inject_id_unique", "不得重复", "must not be used twice");
const PLANNED: Rule = rule("K32.message", "与完整消息须填其一", "or a whole message is required").missing();
const JUMP: Rule = rule("K33.time_jump", "时间跳转时必填", "is required for a time jump").missing();
const ABORT: Rule =
    rule("K33.abort_reason", "因真实险情中止时必填", "is required when a real emergency ends the drill").missing();
const INJECTED: Rule = rule("K34.message", "与完整消息须填其一", "or a whole message is required").missing();

/// Every rule of the family.
pub const RULES: &[&Rule] = &[
    &END,
    &RSVP,
    &OBJECTIVES,
    &COUNTER,
    &INVITED,
    &REPLIED,
    &SCRIPTED,
    &EVALUATED,
    &INJECTS,
    &PLANNED,
    &JUMP,
    &ABORT,
    &INJECTED,
];

const fn of_header(name: &'static str) -> Rule {
    rule(name, "须与消息头中的演练编号一致", "must be the drill that the header names")
}

impl Judge<'_> {
    fn names_its_drill(&mut self, rule: &Rule, drill_id: &str) {
        let told = self.header.drill.as_ref().map_or("", |drill| &drill.drill_id);
        self.holds(rule, "body.drill_id", told.is_empty() || drill_id.is_empty() || told == drill_id);
    }
}

pub fn invitation(judge: &mut Judge<'_>, body: &v1::DrillInvitation) {
    judge.names_its_drill(&INVITED, &body.drill_id);
    judge.in_order(&END, "body.end", [body.start, body.end]);
    judge.in_order(&RSVP, "body.rsvp_by", [body.rsvp_by, body.start]);
    for (at, period) in body.rehearsals.iter().enumerate() {
        judge.in_order(&END, &format!("body.rehearsals[{at}].end"), [period.start, period.end]);
    }
    judge.unique(
        &OBJECTIVES,
        "objectives",
        "objective_id",
        body.objectives.iter().map(|one| one.objective_id.as_str()),
    );
}

pub fn reply(judge: &mut Judge<'_>, body: &v1::DrillReply) {
    judge.names_its_drill(&REPLIED, &body.drill_id);
    if let Some(counter) = &body.counter {
        judge.in_order(&COUNTER, "body.counter.end", [counter.start, counter.end]);
    }
}

pub fn plan(judge: &mut Judge<'_>, body: &v1::DrillPlan) {
    judge.names_its_drill(&SCRIPTED, &body.drill_id);
    judge.unique(&INJECTS, "injects", "inject_id", body.injects.iter().map(|inject| inject.inject_id.as_str()));
    for (at, inject) in body.injects.iter().enumerate() {
        judge.holds(&PLANNED, format!("body.injects[{at}].text"), inject.message.is_some());
    }
}

pub fn control(judge: &mut Judge<'_>, body: &v1::DrillControl) {
    let verb = judge.header.drill.as_ref().map(v1::DrillRef::control);
    let jumps = verb == Some(v1::DrillControlVerb::TimeJump);
    judge.holds(&JUMP, "body.time_jump_min", !jumps || body.time_jump_min.is_some());
    let aborts = verb == Some(v1::DrillControlVerb::AbortRealEmergency);
    judge.holds(&ABORT, "body.reason", !aborts || !body.reason.trim().is_empty());
}

pub fn inject(judge: &mut Judge<'_>, body: &v1::DrillInject) {
    judge.holds(&INJECTED, "body.text", body.message.is_some());
}

pub fn evaluation(judge: &mut Judge<'_>, body: &v1::DrillEvaluation) {
    judge.names_its_drill(&EVALUATED, &body.drill_id);
}
