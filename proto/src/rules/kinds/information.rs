//! A1: incident reports, verification, alerts, situation reports, bulletins.

use model::{level::EventLevel, status::Answer};

use super::{Action, Judge, Rule, rule};
use crate::v1;

const BRIEF_COURSE: Rule = rule("K01.follow_up_brief_course", "在续报中不再重复", "is not repeated in a follow-up");
const RESOLVED: Rule = rule("K01.resolved_in_follow_up", "只能在续报中选填", "is said in a follow-up only");
const SEQUENCE: Rule = rule(
    "K01.sequence_no",
    "续报、补报从 1 起编号，初报、终报为 0",
    "counts follow-ups and supplements from 1, and is 0 for the initial and the final report",
);
const NO_NEXT: Rule = rule("K01.final_has_no_next", "终报之后不再有续报", "is not said of a final report");
const KNOWN: Rule = rule("K01.known_after_occurred", "不得早于发生时间", "must not be before the event happened");
const VERDICT: Rule =
    rule("K02.verdict_in_update", "只能在更新核报要求时填写", "is said only when the request is updated");
const LINKED: Rule = rule(
    "K03.linked_incident",
    "属实或部分属实且达到Ⅲ级以上时必填",
    "is required when the lead is true or partly true at L1–L3",
)
.missing();
const ANSWER: Rule = rule(
    "K03.answer",
    "须与核查结果一致：正在核实为阶段性答复，其余为明确答复",
    "must fit the finding: still checking is an interim answer, every other finding a definite one",
);
const EFFECTIVE: Rule =
    rule("K04.effective_or_onset", "与预计发生时间至少填一项", "or the time of onset is required").missing();
const COLOR: Rule = rule("K04.color_of_header", "须与消息头中的预警级别一致", "must be the header's warning level");
const EXPIRES: Rule =
    rule("K04.expires_after_effective", "不得早于生效时间", "must not be before the warning is in force");
const PERIOD: Rule = rule("K05.period", "结束不得早于开始", "must not end before it begins");
const INCIDENT: Rule =
    rule("K07.incident", "除联络方式变更外必填", "is required for every bulletin but a change of contact").missing();
const MERGE: Rule = rule("K07.merge_itself", "不得与并入的事件相同", "must not be the incident that is merged");

/// Every rule of the family.
pub const RULES: &[&Rule] = &[
    &BRIEF_COURSE,
    &RESOLVED,
    &SEQUENCE,
    &NO_NEXT,
    &KNOWN,
    &VERDICT,
    &LINKED,
    &ANSWER,
    &EFFECTIVE,
    &COLOR,
    &EXPIRES,
    &PERIOD,
    &INCIDENT,
    &MERGE,
];

pub fn incident_report(judge: &mut Judge<'_>, body: &v1::IncidentReport) {
    use v1::ReportType::{Final, FollowUp, Initial, Supplement, Unspecified};
    let report = body.report_type();
    judge.holds(&BRIEF_COURSE, "body.brief_course", report != FollowUp || body.brief_course.trim().is_empty());
    judge.holds(&RESOLVED, "body.resolved", !body.resolved || report == FollowUp);
    let counted = body.sequence_no.is_none_or(|number| match report {
        Initial | Final => number == 0,
        FollowUp | Supplement => number > 0,
        Unspecified => true,
    });
    judge.holds(&SEQUENCE, "body.sequence_no", counted);
    judge.holds(&NO_NEXT, "body.next_report_due", report != Final || body.next_report_due.is_none());
    judge.in_order(&KNOWN, "body.known_at", [body.occurred_at, body.known_at]);
}

pub fn verification_request(judge: &mut Judge<'_>, body: &v1::VerificationRequest) {
    let in_update = judge.action().is_none_or(|action| action == Action::Update);
    judge.holds(&VERDICT, "body.verdict", body.verdict == 0 || in_update);
}

pub fn verification_reply(judge: &mut Judge<'_>, body: &v1::VerificationReply) {
    let finding = body.finding();
    let real = matches!(finding, v1::Finding::True | v1::Finding::Partly);
    let grave = EventLevel::from_number(judge.header.event_level).is_some_and(EventLevel::is_grave);
    judge.holds(&LINKED, "body.linked_incident_id", !(real && grave && body.linked_incident_id.is_empty()));
    let checking = finding == v1::Finding::StillChecking;
    if let Some(answer) = Answer::from_number(judge.header.answer) {
        judge.holds(&ANSWER, "header.answer", checking == (answer != Answer::Definite));
    }
}

pub fn alert(judge: &mut Judge<'_>, body: &v1::Alert) {
    judge.holds(&EFFECTIVE, "body.effective", body.effective.is_some() || body.onset.is_some());
    let told = judge.header.warning_level;
    judge.holds(&COLOR, "body.color", told == 0 || told == body.color);
    judge.in_order(&EXPIRES, "body.expires", [body.effective, body.expires]);
}

pub fn situation_report(judge: &mut Judge<'_>, body: &v1::SituationReport) {
    let period = body.period.unwrap_or_default();
    judge.in_order(&PERIOD, "body.period.to", [period.from, period.to]);
}

pub fn bulletin(judge: &mut Judge<'_>, body: &v1::Bulletin) {
    let free = body.subtype() == v1::BulletinSubtype::ContactChange;
    judge.holds(&INCIDENT, "header.incident_id", free || !judge.header.incident_id.is_empty());
    if let Some(merged) = &body.merged {
        judge.holds(&MERGE, "body.merged.into", merged.into.is_empty() || merged.into != merged.from);
    }
}
