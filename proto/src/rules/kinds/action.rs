//! A3: joint actions and consultations.

use model::status::Answer;

use super::{Judge, Rule, rule};
use crate::v1;

const ACTIONS: Rule = rule("K20.action_no_unique", "不得重复", "must not be used twice");
const END: Rule = rule("K20.end_after_start", "不得早于开始时间", "must not be before the start");
const DECISIONS: Rule = rule("K21.action_no_unique", "不得重复", "must not be used twice");
const ANSWER: Rule =
    rule("K21.answer", "尚有事项待批准时须为阶段性答复", "is an interim answer while an action needs approval");
const HELD: Rule = rule("K24.held_to_after_from", "不得早于开始时间", "must not be before the start");
const CONCLUSIONS: Rule = rule("K24.decision_no_unique", "不得重复", "must not be used twice");

/// Every rule of the family.
pub const RULES: &[&Rule] = &[&ACTIONS, &END, &DECISIONS, &ANSWER, &HELD, &CONCLUSIONS];

pub fn request(judge: &mut Judge<'_>, body: &v1::ActionRequest) {
    judge.unique(&ACTIONS, "actions", "action_no", body.actions.iter().map(|action| action.action_no));
    for (at, action) in body.actions.iter().enumerate() {
        judge.in_order(&END, &format!("body.actions[{at}].end"), [action.start, action.end]);
    }
}

pub fn response(judge: &mut Judge<'_>, body: &v1::ActionResponse) {
    judge.unique(&DECISIONS, "decisions", "action_no", body.decisions.iter().map(|decision| decision.action_no));
    let open = body.decisions.iter().any(|decision| decision.answer() == v1::ActionAnswer::NeedApproval);
    let definite = Answer::from_number(judge.header.answer) == Some(Answer::Definite);
    judge.holds(&ANSWER, "header.answer", !(open && definite));
}

pub fn conclusion(judge: &mut Judge<'_>, body: &v1::ConsultationConclusion) {
    let Some(v1::consultation_conclusion::Part::Conclusion(conclusion)) = &body.part else { return };
    judge.in_order(&HELD, "body.conclusion.held_to", [conclusion.held_from, conclusion.held_to]);
    let numbers = conclusion.decisions.iter().map(|decision| decision.decision_no);
    judge.unique(&CONCLUSIONS, "conclusion.decisions", "decision_no", numbers);
}
