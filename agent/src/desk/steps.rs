//! The steps that may follow a message: each that a workflow knows, tried on its matter as that stands. The command line has a
//! verb for each of them.

use model::{
    ids::MessageId,
    invalid::Invalid,
    kind::Kind,
    reason::Reason,
    rights::{self, Right, Standing},
    role::Role,
    status::Action,
};
use proto::{border, rules, v1};
use serde_json::Value;

use super::Desk;

/// Who said the message that a step follows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Said {
    ByUs,
    ByThem,
}
use Said::{ByThem, ByUs};

/// Fields and their values; `[]` in a path means every entry of the list.
type Says = &'static [(&'static str, &'static str)];

/// One step of a matter.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Its name.
    pub name: &'static str,
    /// Of which kind its message is.
    pub kind: Kind,
    /// How that follows.
    pub action: Action,
    /// What it says from the beginning.
    pub says: Says,
    after: Kind,
    said: Said,
    /// Where its mission stands when it makes sense; anywhere where nothing is said.
    stands: &'static [&'static str],
}

const fn step(name: &'static str, after: Kind, said: Said, kind: Kind, action: Action) -> Step {
    Step { name, kind, action, says: &[], after, said, stands: &[] }
}

const fn saying(step: Step, says: Says) -> Step {
    Step { says, ..step }
}

const fn while_at(step: Step, stands: &'static [&'static str]) -> Step {
    Step { stands, ..step }
}

/// A report of what a mission has reached, of now unless a person says otherwise.
const fn milestone(name: &'static str, said: Said, stands: &'static [&'static str], says: Says) -> Step {
    let report = step(name, Kind::ResourceCommitment, said, Kind::DeploymentStatus, Action::Reply);
    Step { says, stands, ..report }
}

const READY: &[&str] = &["COMMITTED", "MOBILISING"];
const UNDER_WAY: &[&str] = &["EN_ROUTE"];
const ON_SITE: &[&str] = &["ARRIVED", "IN_USE", "RELEASING"];
const LIVE: &[&str] = &["COMMITTED", "MOBILISING", "EN_ROUTE", "ARRIVED", "IN_USE", "RELEASING", "RETURNING"];
const OVER: &[&str] = &["RETURNED", "RECALLED", "ABORTED", "LOST"];

/// Every step, in the order in which people see them.
pub static STEPS: &[Step] = &[
    // resources
    step("offer", Kind::ResourceRequest, ByThem, Kind::ResourceOffer, Action::Reply),
    saying(
        step("cannot", Kind::ResourceRequest, ByThem, Kind::ResourceOffer, Action::Reply),
        &[("lines[].answer", "DECLINE")],
    ),
    step("change", Kind::ResourceRequest, ByUs, Kind::ResourceRequest, Action::Update),
    step("take-back", Kind::ResourceRequest, ByUs, Kind::ResourceRequest, Action::Cancel),
    step("accept", Kind::ResourceOffer, ByThem, Kind::ResourceDecision, Action::Reply),
    saying(
        step("turn-down", Kind::ResourceOffer, ByThem, Kind::ResourceDecision, Action::Reply),
        &[("lines[].decision", "DECLINE")],
    ),
    step("commit", Kind::ResourceDecision, ByThem, Kind::ResourceCommitment, Action::Reply),
    milestone("departed", ByUs, READY, &[("milestones[0].type", "ACTUAL_DEPARTURE"), ("milestones[0].at", "now")]),
    milestone("arrived", ByUs, UNDER_WAY, &[("milestones[0].type", "ACTUAL_ARRIVAL"), ("milestones[0].at", "now")]),
    milestone("arrived", ByThem, UNDER_WAY, &[("milestones[0].type", "ACTUAL_ARRIVAL"), ("milestones[0].at", "now")]),
    milestone(
        "returning",
        ByUs,
        ON_SITE,
        &[("milestones[0].type", "ACTUAL_RETURN_DEPARTURE"), ("milestones[0].at", "now")],
    ),
    milestone(
        "returned",
        ByUs,
        &["RETURNING"],
        &[("milestones[0].type", "ACTUAL_RETURN_ARRIVAL"), ("milestones[0].at", "now")],
    ),
    while_at(step("status", Kind::ResourceCommitment, ByUs, Kind::DeploymentStatus, Action::Reply), LIVE),
    while_at(step("extend", Kind::ResourceCommitment, ByThem, Kind::Extension, Action::Reply), LIVE),
    step("extend-word", Kind::Extension, ByThem, Kind::Extension, Action::Reply),
    while_at(step("release", Kind::ResourceCommitment, ByThem, Kind::ReleaseReturn, Action::Reply), LIVE),
    while_at(step("call-back", Kind::ResourceCommitment, ByUs, Kind::ReleaseReturn, Action::Reply), LIVE),
    step("release-word", Kind::ReleaseReturn, ByThem, Kind::ReleaseReturn, Action::Reply),
    while_at(step("settle", Kind::ResourceCommitment, ByUs, Kind::CostStatement, Action::Reply), OVER),
    step("settle-word", Kind::CostStatement, ByThem, Kind::CostStatement, Action::Reply),
    // leads and reports
    step("verify-reply", Kind::VerificationRequest, ByThem, Kind::VerificationReply, Action::Reply),
    saying(
        step("verify-confirm", Kind::VerificationReply, ByThem, Kind::VerificationRequest, Action::Update),
        &[("verdict", "CONFIRMED")],
    ),
    saying(
        step("verify-reopen", Kind::VerificationReply, ByThem, Kind::VerificationRequest, Action::Update),
        &[("verdict", "REOPENED")],
    ),
    saying(
        step("follow-up", Kind::IncidentReport, ByUs, Kind::IncidentReport, Action::Update),
        &[("report_type", "FOLLOW_UP")],
    ),
    saying(
        step("final", Kind::IncidentReport, ByUs, Kind::IncidentReport, Action::Update),
        &[("report_type", "FINAL"), ("sequence_no", "0"), ("resolved", "false")],
    ),
    // alerts
    saying(step("alert-update", Kind::Alert, ByUs, Kind::Alert, Action::Update), &[("alert_action", "UPDATE")]),
    saying(step("alert-upgrade", Kind::Alert, ByUs, Kind::Alert, Action::Update), &[("alert_action", "UPGRADE")]),
    saying(step("alert-downgrade", Kind::Alert, ByUs, Kind::Alert, Action::Update), &[("alert_action", "DOWNGRADE")]),
    saying(step("alert-cancel", Kind::Alert, ByUs, Kind::Alert, Action::Cancel), &[("alert_action", "CANCEL")]),
    // actions and consultations
    step("respond", Kind::ActionRequest, ByThem, Kind::ActionResponse, Action::Reply),
    step("progress", Kind::ActionResponse, ByUs, Kind::ActionStatus, Action::Reply),
    step("consult-reply", Kind::ConsultationCall, ByThem, Kind::ConsultationCall, Action::Reply),
    step("conclude", Kind::ConsultationCall, ByUs, Kind::ConsultationConclusion, Action::Reply),
    step("consult-confirm", Kind::ConsultationConclusion, ByThem, Kind::ConsultationConclusion, Action::Reply),
    // drills and meetings
    step("drill-reply", Kind::DrillInvitation, ByThem, Kind::DrillReply, Action::Reply),
    step("drill-move", Kind::DrillInvitation, ByUs, Kind::DrillInvitation, Action::Update),
    step("drill-cancel", Kind::DrillInvitation, ByUs, Kind::DrillInvitation, Action::Cancel),
    step("drill-plan", Kind::DrillInvitation, ByUs, Kind::DrillPlan, Action::Originate),
    step("drill-evaluate", Kind::DrillInvitation, ByUs, Kind::DrillEvaluation, Action::Originate),
    step("meeting-reply", Kind::MeetingNotice, ByThem, Kind::MeetingReply, Action::Reply),
    step("meeting-move", Kind::MeetingNotice, ByUs, Kind::MeetingNotice, Action::Update),
    saying(
        step("meeting-cancel", Kind::MeetingNotice, ByUs, Kind::MeetingNotice, Action::Cancel),
        &[("method", "CANCEL")],
    ),
    step("minutes", Kind::MeetingNotice, ByUs, Kind::Minutes, Action::Originate),
    step("minutes-confirm", Kind::Minutes, ByThem, Kind::Minutes, Action::Reply),
    step("task", Kind::Minutes, ByUs, Kind::ActionItem, Action::Originate),
    step("task-report", Kind::ActionItem, ByThem, Kind::ActionItem, Action::Reply),
    step("agreement-reply", Kind::Agreement, ByThem, Kind::Agreement, Action::Reply),
];

/// A message that begins a matter.
#[derive(Debug)]
pub struct Beginning {
    /// Its name.
    pub name: &'static str,
    /// Of which kind it is.
    pub kind: Kind,
    says: Says,
}

const fn begins(name: &'static str, kind: Kind, says: Says) -> Beginning {
    Beginning { name, kind, says }
}

/// Every message that may begin a matter, in the order in which people see them.
pub static BEGINNINGS: &[Beginning] = &[
    begins("report", Kind::IncidentReport, &[("report_type", "INITIAL"), ("sequence_no", "0")]),
    begins("bulletin", Kind::Bulletin, &[]),
    begins("alert", Kind::Alert, &[("alert_action", "ISSUE")]),
    begins("verify", Kind::VerificationRequest, &[]),
    begins("situation", Kind::SituationReport, &[]),
    begins("request", Kind::ResourceRequest, &[]),
    begins("volunteer", Kind::ResourceOffer, &[("solicited", "NO")]),
    begins("action", Kind::ActionRequest, &[]),
    begins("consult", Kind::ConsultationCall, &[]),
    begins("zero", Kind::DutyReport, &[("report", "ZERO")]),
    begins("daily", Kind::DutyReport, &[("report", "DAILY")]),
    begins("drill", Kind::DrillInvitation, &[("sequence", "1")]),
    begins("meeting", Kind::MeetingNotice, &[("sequence", "1"), ("method", "REQUEST")]),
    begins("handover", Kind::Handover, &[]),
    begins("agreement", Kind::Agreement, &[]),
];

impl Desk {
    /// The messages that begin a matter, of those that a person in this role may write.
    pub fn beginnings(&self, role: Role) -> Vec<&'static Beginning> {
        BEGINNINGS.iter().filter(|one| self.may_begin(one, role)).collect()
    }

    fn may_begin(&self, one: &Beginning, role: Role) -> bool {
        let right = || {
            let mut draft = rules::draft_from_json(Some(one.kind), &self.begun_alone(one)?)?;
            draft.header.get_or_insert_default().sender.get_or_insert_default().role = role.number();
            let (wire, _) = self.filled(&mut draft)?;
            let header = border::header::from_wire(wire)?;
            Ok::<_, Invalid>(rights::right(&header, role, Standing::of(&header, &self.trust.now().directory)))
        };
        right().is_ok_and(|right| right != Right::None)
    }

    /// The draft with which a matter begins, as JSON.
    ///
    /// # Errors
    /// The machine gives no random bytes.
    pub fn begun_alone(&self, one: &Beginning) -> Result<Value, Invalid> {
        let ask = v1::FormRequest { kind: one.kind.number(), action: Action::Originate.number(), ..Default::default() };
        let mut value = with_body(rules::draft_to_json(&self.form(&ask)?), one.kind);
        self.say(&mut value, one.kind, one.says)?;
        Ok(value)
    }

    /// The steps that may follow a message now, of those that a person in this role may take. What such a step still lacks,
    /// the person fills in.
    ///
    /// # Errors
    /// The message is not known here.
    pub fn steps(&self, id: MessageId, role: Role) -> Result<Vec<&'static Step>, Invalid> {
        let summary = self.summary(id)?;
        let header = summary.header.unwrap_or_default();
        let by = header.sender.as_ref().map(|sender| sender.jurisdiction.as_str()).unwrap_or_default();
        let said = if by == self.names.jurisdiction().as_str() { ByUs } else { ByThem };
        let stands = self.mission_stands(id)?;
        let makes_sense =
            |step: &&Step| step.stands.is_empty() || stands.as_deref().is_some_and(|at| step.stands.contains(&at));
        let follows = |step: &&Step| !summary.recalled && step.after.number() == header.kind && step.said == said;
        let may = |step: &&Step| follows(step) && makes_sense(step) && self.is_open(step, id, role);
        Ok(STEPS.iter().filter(may).collect())
    }

    /// Where the mission stands that a commitment promises; none for every other message.
    fn mission_stands(&self, id: MessageId) -> Result<Option<String>, Invalid> {
        let body = self.content_of(id)?.and_then(|(content, _)| content.body?.body);
        let Some(v1::body::Body::ResourceCommitment(promised)) = body else { return Ok(None) };
        let part = self.matter(id)?.parts.into_iter().find(|part| part.name == promised.mission_id);
        Ok(part.and_then(|part| part.state).map(|state| state.name))
    }

    /// The step of this name, if it may follow the message now.
    ///
    /// # Errors
    /// It may not.
    pub fn step_named(&self, name: &str, id: MessageId, role: Role) -> Result<&'static Step, Invalid> {
        let found = self.steps(id, role)?.into_iter().find(|step| step.name == name);
        let none = || Invalid::new(Reason::WrongSequence, "step", "console.step");
        found.ok_or_else(|| none().detail(name.chars().take(40).collect::<String>()))
    }

    /// The draft with which a step begins, as JSON.
    ///
    /// # Errors
    /// What it follows is not here.
    pub fn begun(&self, step: &Step, id: MessageId) -> Result<Value, Invalid> {
        let ask = v1::FormRequest {
            kind: step.kind.number(),
            message_id: id.0.to_vec().into(),
            action: step.action.number(),
        };
        let mut value = with_body(rules::draft_to_json(&self.form(&ask)?), step.kind);
        self.say(&mut value, step.kind, step.says)?;
        Ok(value)
    }

    /// Sets what a step says from the beginning; `now` is this moment.
    fn say(&self, value: &mut Value, kind: Kind, says: Says) -> Result<(), Invalid> {
        for (path, text) in says {
            let now = self.clock.now().rfc3339();
            let text = if *text == "now" { now.as_str() } else { text };
            let Some((list, rest)) = path.split_once("[]") else {
                rules::set(value, path, text, kind)?;
                continue;
            };
            let body = value.get("body").and_then(Value::as_object).and_then(|body| body.values().next());
            let count = body.and_then(|body| body.get(list)).and_then(Value::as_array).map_or(0, Vec::len);
            for at in 0..count {
                rules::set(value, &format!("{list}[{at}]{rest}"), text, kind)?;
            }
        }
        Ok(())
    }

    fn is_open(&self, step: &Step, id: MessageId, role: Role) -> bool {
        match self.try_step(step, id, role) {
            Ok(()) => true,
            Err(invalid) => may_be_mended(invalid.reason),
        }
    }

    /// Whether the step would be lawful as far as its form says it.
    fn try_step(&self, step: &Step, id: MessageId, role: Role) -> Result<(), Invalid> {
        let mut draft = rules::draft_from_json(Some(step.kind), &self.begun(step, id)?)?;
        let header = draft.header.get_or_insert_default();
        header.sender.get_or_insert_default().role = role.number();
        let (wire, body) = self.filled(&mut draft)?;
        let header = border::header::from_wire(wire)?;
        let standing = Standing::of(&header, &self.trust.now().directory);
        if rights::right(&header, role, standing) == Right::None {
            return Err(Invalid::new(Reason::RoleForbidden, "sender.role", "rights.role"));
        }
        self.check_step(&header, &body)
    }
}

/// A body in which nothing stands yet is a body.
fn with_body(mut value: Value, kind: Kind) -> Value {
    let known = rules::kinds().iter().find(|known| known.kind == kind);
    if let (Some(known), Some(whole)) = (known, value.as_object_mut()) {
        whole.entry("body").or_insert_with(|| serde_json::json!({ known.field.as_str(): {} }));
    }
    value
}

/// Whether a person can mend what is wrong by filling in the form.
const fn may_be_mended(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::MissingField | Reason::BadCode | Reason::BadSchema | Reason::BadGeometry | Reason::TooLarge
    )
}
