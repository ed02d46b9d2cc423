//! CloudEvents 1.0 of other programs, as drafts of ours: structured JSON and the headers of binary mode. What the attributes
//! say goes into the header, over what the rules file says for their source; `data` is the body.

mod read;

#[cfg(test)]
mod tests;

use model::{
    header::Status,
    ids::{Digest, IncidentId, MessageId},
    invalid::Invalid,
    kind::Kind,
    level::{EventLevel, WarningLevel},
};
use proto::{rules, v1};
use serde_json::{Map, Value, json};

pub use self::read::{binary, is_json, structured};

/// An event, its attributes checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Who says it.
    pub source: String,
    /// Its id, unique within the source.
    pub id: String,
    /// Which message its type asks for.
    pub kind: Kind,
    /// Whether its type is that of an exercise.
    exercise: bool,
    /// Every attribute as text.
    attributes: Map<String, Value>,
    data: Map<String, Value>,
}

/// Attributes that may differ where the same event is told again.
const PASSING: [&str; 4] = ["time", "traceparent", "tracestate", "datacontenttype"];

/// Attributes that a header takes over as they stand.
const TAKEN: [(&str, &str); 5] = [
    ("ldprecedence", "precedence"),
    ("ldhops", "hops"),
    ("dataclassification", "confidentiality"),
    ("expirytime", "expires_at"),
    ("traceparent", "trace_context"),
];

impl Event {
    /// Digest of what it says: the same event told again has the same.
    pub fn digest(&self) -> [u8; 32] {
        let said: Map<String, Value> =
            self.attributes.clone().into_iter().filter(|(name, _)| !is_passing(name)).collect();
        let whole = Value::Array(vec![sorted(Value::Object(said)), sorted(Value::Object(self.data.clone()))]);
        Digest::of(whole.to_string().as_bytes()).0
    }

    /// The draft that it comes to, over what is known of its source.
    ///
    /// # Errors
    /// An attribute or a field of the data cannot be taken over, or two of them contradict each other.
    pub fn draft(&self, known: &Map<String, Value>) -> Result<v1::Draft, Invalid> {
        let mut header = known.clone();
        for (name, field) in TAKEN {
            if let Some(text) = self.text(name) {
                header.insert(field.to_owned(), text.into());
            }
        }
        if let Some(incident) = self.text("subject").filter(|text| text.parse::<IncidentId>().is_ok()) {
            header.insert("incident_id".to_owned(), incident.into());
        }
        if let Some(cause) = self.text("causationid") {
            let id: MessageId =
                cause.parse().map_err(|_| Invalid::code("causationid", "event.causation").detail(cause))?;
            header.insert("preceding_message_id".to_owned(), id.to_string().into());
        }
        self.say_severity(&mut header)?;
        self.say_status(&mut header);
        let member = rules::kinds().iter().find(|info| info.kind == self.kind).map(|info| info.field.clone());
        let body = json!({ member.unwrap_or_default(): self.data });
        let draft = rules::draft_from_json(Some(self.kind), &json!({ "header": header, "body": body }))?;
        self.agrees(&draft)?;
        Ok(draft)
    }

    /// What the status is where only the type says it.
    fn say_status(&self, header: &mut Map<String, Value>) {
        if let Some(status) = self.text("ldstatus") {
            header.insert("status".to_owned(), status.into());
        }
        if self.exercise && !header.contains_key("status") {
            header.insert("status".to_owned(), Status::Exercise.name().into());
        }
    }

    /// An exercise is another type, so that no filter mixes the two: what else is said must agree.
    fn agrees(&self, draft: &v1::Draft) -> Result<(), Invalid> {
        let differs = |field: &str, detail: &str| Err(Invalid::schema(field, "event.differs").detail(detail));
        if let Some(code) = self.text("ldkind").filter(|code| *code != self.kind.code()) {
            return differs("ldkind", code);
        }
        let status = Status::from_number(draft.header.as_ref().map_or(0, |header| header.status));
        if (status == Some(Status::Exercise)) == self.exercise {
            return Ok(());
        }
        differs("ldstatus", status.map_or("", Status::name))
    }

    /// The colour of a warning, for other kinds the level of the event.
    fn say_severity(&self, header: &mut Map<String, Value>) -> Result<(), Invalid> {
        let Some(text) = self.text("severitytext") else { return Ok(()) };
        let (colour, level) = match text {
            "红" | "RED" => (WarningLevel::Red, EventLevel::L1),
            "橙" | "ORANGE" => (WarningLevel::Orange, EventLevel::L2),
            "黄" | "YELLOW" => (WarningLevel::Yellow, EventLevel::L3),
            "蓝" | "BLUE" => (WarningLevel::Blue, EventLevel::L4),
            _ => return Err(Invalid::code("severitytext", "event.severity").detail(text)),
        };
        if self.kind == Kind::Alert {
            header.insert("warning_level".to_owned(), colour.name().into());
        } else {
            header.insert("event_level".to_owned(), level.name().into());
        }
        Ok(())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

fn is_passing(name: &str) -> bool {
    PASSING.contains(&name)
}

/// The same with the members of every object in the order of their names.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> = members.into_iter().collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(members.into_iter().map(|(name, value)| (name, sorted(value))).collect())
        }
        Value::Array(all) => all.into_iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// The name of a kind among CloudEvents: `info.bulletin` in `cn.liandong.info.bulletin.v1`.
pub const fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::IncidentReport => "info.incident",
        Kind::VerificationRequest => "info.verify.request",
        Kind::VerificationReply => "info.verify.reply",
        Kind::Alert => "info.alert",
        Kind::SituationReport => "info.situation",
        Kind::DutyReport => "duty.report",
        Kind::Bulletin => "info.bulletin",
        Kind::CatalogueChange => "resource.catalogue",
        Kind::ResourceRequest => "resource.request",
        Kind::ResourceOffer => "resource.offer",
        Kind::ResourceDecision => "resource.decision",
        Kind::ResourceCommitment => "resource.commitment",
        Kind::DeploymentStatus => "resource.status",
        Kind::Extension => "resource.extension",
        Kind::ReleaseReturn => "resource.return",
        Kind::CostStatement => "resource.cost",
        Kind::ActionRequest => "action.request",
        Kind::ActionResponse => "action.response",
        Kind::ActionStatus => "action.status",
        Kind::ConsultationCall => "action.consult",
        Kind::ConsultationConclusion => "action.conclusion",
        Kind::DrillInvitation => "drill.invite",
        Kind::DrillReply => "drill.reply",
        Kind::DrillPlan => "drill.plan",
        Kind::DrillControl => "drill.control",
        Kind::DrillInject => "drill.inject",
        Kind::DrillEvaluation => "drill.evaluation",
        Kind::MeetingNotice => "meeting.notice",
        Kind::MeetingReply => "meeting.reply",
        Kind::AgendaChange => "meeting.agenda",
        Kind::AgendaChanged => "meeting.agenda.changed",
        Kind::Minutes => "meeting.minutes",
        Kind::ActionItem => "meeting.item",
        Kind::Handover => "meeting.handover",
        Kind::Error => "error",
        Kind::Agreement => "system.agreement",
        Kind::DirectoryChange => "system.directory",
        Kind::AuditCheckpoint => "system.checkpoint",
        Kind::DeadlineNotice => "system.deadline",
    }
}
