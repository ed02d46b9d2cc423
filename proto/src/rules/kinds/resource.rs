//! A2: the catalogue, requests, offers, decisions, commitments and costs.

use std::time::Duration;

use model::status::Answer;

use super::{Action, Judge, Rule, rule};
use crate::{border, v1};

/// The latest end of a request after it was sent.
const LAPSE_MAX: Duration = Duration::from_hours(90 * 24);

const AVAILABLE: Rule = rule("K10.available_of_total", "不得超过总数", "must not be more than the total");
const INCIDENT: Rule = rule("K11.incident", "请求援助时必填", "is required when aid is asked for").missing();
const ITEMS: Rule = rule("K11.item_no_unique", "不得重复", "must not be used twice");
const LAPSE: Rule = rule("K11.lapse", "须在发送之后 90 天以内", "must lie within 90 days after it is sent");
const SOLICITED: Rule = rule(
    "K12.solicited",
    "答复资源请求时为“是”，主动提供时为“否”",
    "is YES when a request is answered, and NO when help is offered unasked",
);
const LINES: Rule = rule("K12.line_no_unique", "不得重复", "must not be used twice");
const ETA: Rule = rule("K12.eta_after_departure", "不得早于最早出发时间", "must not be before the departure");
const ANSWER: Rule = rule(
    "K12.answer",
    "全部暂缓为阶段性答复，否则为明确答复",
    "is an interim answer if every line defers, else a definite one",
);
const ORDERED: Rule = rule("K13.order_complete", "采用资源时必填", "is required when something is ordered").missing();
const ARRIVAL: Rule = rule("K14.eta_after_departure", "不得早于计划出发时间", "must not be before the departure");
const CONTROL: Rule = rule("K14.operational_control", "现场指挥权属于请求方", "lies with the requester");
const RECALL: Rule = rule("K14.recall_right", "召回权属于提供方", "lies with the supplier");
const COSTS: Rule = rule("K18.line_no_unique", "不得重复", "must not be used twice");
const TOTAL: Rule = rule("K18.total", "须等于各项实际金额之和", "must be the sum of the lines");

/// Every rule of the family.
pub const RULES: &[&Rule] = &[
    &AVAILABLE, &INCIDENT, &ITEMS, &LAPSE, &SOLICITED, &LINES, &ETA, &ANSWER, &ORDERED, &ARRIVAL, &CONTROL, &RECALL,
    &COSTS, &TOTAL,
];

pub fn catalogue_change(judge: &mut Judge<'_>, body: &v1::CatalogueChange) {
    let Some(record) = &body.record else { return };
    let counts = record.quantity_available.zip(record.quantity_total);
    judge.holds(&AVAILABLE, "body.record.quantity_available", counts.is_none_or(|(left, all)| left <= all));
}

pub fn request(judge: &mut Judge<'_>, body: &v1::ResourceRequest) {
    let aid = body.purpose() == v1::RequestPurpose::Aid;
    judge.holds(&INCIDENT, "header.incident_id", !aid || !judge.header.incident_id.is_empty());
    judge.unique(&ITEMS, "items", "item_no", body.items.iter().map(|item| item.item_no));
    let sent = border::time::optional(judge.header.sent_at, "").ok().flatten();
    let lapse = border::time::optional(body.lapse_at, "").ok().flatten();
    let fits = sent.zip(lapse).is_none_or(|(sent, lapse)| lapse > sent && lapse.since(sent) <= LAPSE_MAX);
    judge.holds(&LAPSE, "body.lapse_at", fits);
}

pub fn offer(judge: &mut Judge<'_>, body: &v1::ResourceOffer) {
    let asked = match judge.action() {
        Some(Action::Originate) => body.solicited() != v1::YesNo::Yes,
        Some(Action::Reply) => body.solicited() != v1::YesNo::No,
        _ => true,
    };
    judge.holds(&SOLICITED, "body.solicited", asked);
    judge.unique(&LINES, "lines", "line_no", body.lines.iter().map(|line| line.line_no));
    for (at, line) in body.lines.iter().enumerate() {
        judge.in_order(&ETA, &format!("body.lines[{at}].eta"), [line.earliest_departure, line.eta]);
    }
    let closed = [v1::OfferAnswer::Decline, v1::OfferAnswer::Withdrawn];
    let mut open = body.lines.iter().map(v1::OfferLine::answer).filter(|answer| !closed.contains(answer)).peekable();
    let all_defer = open.peek().is_some() && open.all(|answer| answer == v1::OfferAnswer::Defer);
    if let (Some(Action::Reply), Some(answer)) = (judge.action(), Answer::from_number(judge.header.answer)) {
        judge.holds(&ANSWER, "header.answer", body.lines.is_empty() || all_defer == (answer != Answer::Definite));
    }
}

pub fn decision(judge: &mut Judge<'_>, body: &v1::ResourceDecision) {
    if body.lines.iter().all(|line| line.decision() != v1::OfferDecision::Order) {
        return;
    }
    judge.holds(&ORDERED, "body.order_id", !body.order_id.is_empty());
    judge.holds(&ORDERED, "body.report_to", body.report_to.is_some());
    judge.holds(&ORDERED, "body.mission_brief", !body.mission_brief.trim().is_empty());
}

pub fn commitment(judge: &mut Judge<'_>, body: &v1::ResourceCommitment) {
    use v1::MissionSide::{Requester, Supplier};
    judge.in_order(&ARRIVAL, "body.eta", [body.departure_planned, body.eta]);
    judge.holds(&CONTROL, "body.operational_control", body.operational_control() != Supplier);
    judge.holds(&RECALL, "body.recall_right", body.recall_right() != Requester);
}

pub fn cost_statement(judge: &mut Judge<'_>, body: &v1::CostStatement) {
    let Some(v1::cost_statement::Part::Claim(claim)) = &body.part else { return };
    judge.unique(&COSTS, "claim.lines", "line_no", claim.lines.iter().map(|line| line.line_no));
    let fen = |money: &Option<v1::Money>| money.as_ref().and_then(|money| money.fen).map(i128::from);
    let sum = claim.lines.iter().map(|line| fen(&line.actual)).sum::<Option<i128>>();
    judge.holds(&TOTAL, "body.claim.total.fen", fen(&claim.total).zip(sum).is_none_or(|(total, sum)| total == sum));
}
