//! Rules of bodies that need more than one field, one file a family. Each has a stable name, a reason and its words.
//! What needs the thread (a falling count of dead, a stale sequence, milestones out of order) is judged by the model's
//! machines, not here.

mod action;
mod document;
mod drill;
mod information;
mod meeting;
mod part;
mod resource;
mod system;

use bytes::Bytes;
use model::{invalid::Invalid, kind::Kind, reason::Reason, status::Action};
use prost::Message as _;
use prost_reflect::{DynamicMessage, Value};

use crate::v1::{self, body::Body};

/// A rule with its stable name, and what it asks of the field that it is said of.
#[derive(Debug)]
pub struct Rule {
    name: &'static str,
    reason: Reason,
    zh: &'static str,
    en: &'static str,
}

/// A rule about parts that do not fit each other.
const fn rule(name: &'static str, zh: &'static str, en: &'static str) -> Rule {
    Rule { name, reason: Reason::BadSchema, zh, en }
}

impl Rule {
    const fn because(self, reason: Reason) -> Self {
        Self { reason, ..self }
    }

    /// A rule about something that lacks.
    const fn missing(self) -> Self {
        self.because(Reason::MissingField)
    }
}

/// Every rule, by family.
const RULES: [&[&Rule]; 8] = [
    information::RULES,
    resource::RULES,
    action::RULES,
    drill::RULES,
    meeting::RULES,
    system::RULES,
    document::RULES,
    part::RULES,
];

/// One look at one body.
struct Judge<'a> {
    header: &'a v1::Header,
    faults: Vec<Invalid>,
}

impl Judge<'_> {
    /// What the header does to its thread; none while nobody has said it.
    fn action(&self) -> Option<Action> {
        Action::from_number(self.header.action)
    }

    /// `field` breaks `rule` unless `keeps`.
    fn holds(&mut self, rule: &Rule, field: impl Into<String>, keeps: bool) {
        if !keeps {
            self.faults.push(Invalid::new(rule.reason, field, rule.name));
        }
    }

    /// The numbers of a list's entries are not said twice; 0 is not said at all.
    fn unique<K: Ord + Default>(&mut self, rule: &Rule, list: &str, name: &str, keys: impl IntoIterator<Item = K>) {
        let mut seen = std::collections::BTreeSet::new();
        for (at, key) in keys.into_iter().enumerate() {
            let fresh = key == K::default() || seen.insert(key);
            self.holds(rule, format!("body.{list}[{at}].{name}"), fresh);
        }
    }

    /// The second time is not before the first; where either lacks there is nothing to compare.
    fn in_order(&mut self, rule: &Rule, field: &str, times: [Option<prost_types::Timestamp>; 2]) {
        let keeps = match times {
            [Some(first), Some(second)] => (first.seconds, first.nanos) <= (second.seconds, second.nanos),
            _ => true,
        };
        self.holds(rule, field, keeps);
    }
}

/// The faults of a body that its fields alone do not show. A body that cannot be read has none here.
pub fn check(body: &Bytes, header: &v1::Header) -> Vec<Invalid> {
    let Ok(v1::Body { body: Some(body) }) = v1::Body::decode(body.clone()) else { return Vec::new() };
    let mut judge = Judge { header, faults: Vec::new() };
    part::judge(&mut judge, &body);
    match &body {
        Body::IncidentReport(body) => information::incident_report(&mut judge, body),
        Body::VerificationRequest(body) => information::verification_request(&mut judge, body),
        Body::VerificationReply(body) => information::verification_reply(&mut judge, body),
        Body::Alert(body) => information::alert(&mut judge, body),
        Body::SituationReport(body) => information::situation_report(&mut judge, body),
        Body::Bulletin(body) => information::bulletin(&mut judge, body),
        Body::CatalogueChange(body) => resource::catalogue_change(&mut judge, body),
        Body::ResourceRequest(body) => resource::request(&mut judge, body),
        Body::ResourceOffer(body) => resource::offer(&mut judge, body),
        Body::ResourceDecision(body) => resource::decision(&mut judge, body),
        Body::ResourceCommitment(body) => resource::commitment(&mut judge, body),
        Body::CostStatement(body) => resource::cost_statement(&mut judge, body),
        Body::ActionRequest(body) => action::request(&mut judge, body),
        Body::ActionResponse(body) => action::response(&mut judge, body),
        Body::ConsultationConclusion(body) => action::conclusion(&mut judge, body),
        Body::DrillInvitation(body) => drill::invitation(&mut judge, body),
        Body::DrillReply(body) => drill::reply(&mut judge, body),
        Body::DrillPlan(body) => drill::plan(&mut judge, body),
        Body::DrillControl(body) => drill::control(&mut judge, body),
        Body::DrillInject(body) => drill::inject(&mut judge, body),
        Body::DrillEvaluation(body) => drill::evaluation(&mut judge, body),
        Body::MeetingNotice(body) => meeting::notice(&mut judge, body),
        Body::MeetingReply(body) => meeting::reply(&mut judge, body),
        Body::AgendaChange(body) => document::agenda(&mut judge, body),
        Body::Minutes(body) => meeting::minutes(&mut judge, body),
        Body::Handover(body) => meeting::handover(&mut judge, body),
        Body::DutyReport(body) => system::duty_report(&mut judge, body),
        Body::Agreement(body) => system::agreement(&mut judge, body),
        Body::DirectoryChange(body) => document::directory(&mut judge, body),
        Body::AuditCheckpoint(body) => system::audit_checkpoint(&mut judge, body),
        // their fields say all there is
        Body::DeploymentStatus(_)
        | Body::Extension(_)
        | Body::ReleaseReturn(_)
        | Body::ActionStatus(_)
        | Body::ConsultationCall(_)
        | Body::AgendaChanged(_)
        | Body::ActionItem(_)
        | Body::Error(_)
        | Body::DeadlineNotice(_) => {}
    }
    judge.faults
}

/// The name of every rule.
#[cfg(test)]
pub fn names() -> impl Iterator<Item = &'static str> {
    RULES.iter().copied().flatten().map(|rule| rule.name)
}

/// What a rule asks, in Chinese and English.
pub fn words(name: &str) -> Option<(&'static str, &'static str)> {
    RULES.iter().copied().flatten().find(|rule| rule.name == name).map(|rule| (rule.zh, rule.en))
}

/// Optional fields that the example of a kind must have, because a rule here asks for them.
pub const fn example_fields(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::ResourceDecision => &["order_id", "report_to", "mission_brief"],
        _ => &[],
    }
}

/// Makes the example of a kind keep the rules here too.
pub fn adjust_example(kind: Kind, body: &mut DynamicMessage) {
    match kind {
        // an offer that starts a thread was not asked for
        Kind::ResourceOffer => put(body, "solicited", Value::EnumNumber(v1::YesNo::No.into())),
        // an agreement has two parties, and an example list has one entry
        Kind::Agreement => {
            let terms = body.get_field_by_name_mut("terms").and_then(Value::as_message_mut);
            let parties = terms.and_then(|terms| terms.get_field_by_name_mut("parties")).and_then(Value::as_list_mut);
            if let Some(parties) = parties {
                parties.push(Value::String("320300".to_owned()));
            }
        }
        _ => {}
    }
}

fn put(body: &mut DynamicMessage, name: &str, value: Value) {
    // a field that the contract renames is found by the test of all examples
    let _ = body.try_set_field_by_name(name, value);
}
