//! A0: duty reports, agreements, checkpoints.

use model::reason::Reason;

use super::{Action, Judge, Rule, rule};
use crate::v1;

const ZERO: Rule = rule(
    "K06.zero_with_open_incident",
    "有未结事件时不能报零报告，请改报日报告",
    "must be empty in a zero report: with an open incident, send a daily report",
)
.because(Reason::WrongSequence);
const PARTIES: Rule = rule("K54.parties", "至少须有两个不同的单位", "must name at least two different jurisdictions");
const VALID: Rule = rule("K54.valid_to_after_from", "不得早于生效日期", "must not be before the first day");
const SIGNED: Rule = rule("K54.reply_in_reply", "只能在答复中填写", "is said in a reply only");
const POSITIONS: Rule = rule("K56.to_after_from", "不得小于起始位置", "must not be before the first position");
const COUNTERSIGNED: Rule = rule("K56.reply_in_reply", "只能在答复中填写", "is said in a reply only");

/// Every rule of the family.
pub const RULES: &[&Rule] = &[&ZERO, &PARTIES, &VALID, &SIGNED, &POSITIONS, &COUNTERSIGNED];

pub fn duty_report(judge: &mut Judge<'_>, body: &v1::DutyReport) {
    let zero = body.report() == v1::DutyReportForm::Zero;
    judge.holds(&ZERO, "body.open_incident_ids", !zero || body.open_incident_ids.is_empty());
}

pub fn agreement(judge: &mut Judge<'_>, body: &v1::Agreement) {
    let signs = judge.action().is_none_or(|is| is == Action::Reply);
    judge.holds(&SIGNED, "body.reply", body.reply.is_none() || signs);
    let Some(terms) = &body.terms else { return };
    let mut parties: Vec<&String> = terms.parties.iter().collect();
    parties.sort();
    parties.dedup();
    let several = parties.len() >= 2 && parties.len() == terms.parties.len();
    judge.holds(&PARTIES, "body.terms.parties", parties.is_empty() || several);
    // days are written so that they sort as they follow each other
    let in_order = terms.valid_to.is_empty() || terms.valid_from <= terms.valid_to;
    judge.holds(&VALID, "body.terms.valid_to", in_order);
}

pub fn audit_checkpoint(judge: &mut Judge<'_>, body: &v1::AuditCheckpoint) {
    let ends = body.from_position.zip(body.to_position);
    judge.holds(&POSITIONS, "body.to_position", ends.is_none_or(|(from, to)| from <= to));
    let reply = judge.action().is_none_or(|action| action == Action::Reply);
    judge.holds(&COUNTERSIGNED, "body.reply", body.reply.is_none() || reply);
}
