//! Events as CloudEvents 1.0, structured JSON: what webhooks, files and commands are handed.

use model::{
    header::{Precedence, Status},
    invalid::Invalid,
    kind::Kind,
    level::{EventLevel, WarningLevel},
    stage::Stage,
};
use prost::Message as _;
use proto::{border, record, rules, v1};
use serde_json::{Map, Value, json};

use super::event::{Event, Letter, What};
use crate::{desk::Desk, formats::cloud_event};

/// The media type of a structured event.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";

/// An event for other programs.
#[derive(Clone, Debug)]
pub struct CloudEvent {
    /// Its `id`, unique together with its source.
    pub id: String,
    /// The whole as JSON.
    pub json: Value,
}

/// The event as other programs read it.
pub fn of(desk: &Desk, event: &Event) -> Result<CloudEvent, Invalid> {
    let us = desk.names.jurisdiction().as_str();
    let (what, id, data) = match (&event.what, &event.message) {
        (What::Received | What::Sent, Some(letter)) => (name(letter), letter.id.to_string(), body(letter)),
        (What::Receipt(said), _) => receipt(said),
        (What::Refused(said), _) => refusal(said),
        (What::Deadline(rung), _) => deadline(rung, event.cursor),
        (What::Link(up), _) => {
            (format!("link.{}", if *up { "up" } else { "down" }), event.cursor.to_string(), json!({ "up": up }))
        }
        (What::Received | What::Sent, None) => return Err(crate::desk::internal(&"a message without its envelope")),
    };
    // only messages themselves come from others; everything else is said by this desk
    let author = match (&event.what, &event.message) {
        (What::Received, Some(letter)) => {
            letter.header.sender.as_ref().map_or(us, |sender| sender.jurisdiction.as_str())
        }
        _ => us,
    };
    let mut attributes = Map::from_iter([
        ("specversion".to_owned(), json!("1.0")),
        ("id".to_owned(), json!(id)),
        ("source".to_owned(), json!(format!("//{}/j/{author}", desk.names.region))),
        ("type".to_owned(), json!(format!("cn.liandong.{what}.v1"))),
        ("time".to_owned(), json!(event.at.rfc3339())),
        ("datacontenttype".to_owned(), json!("application/json")),
        ("sequence".to_owned(), json!(format!("{:020}", event.cursor))),
        ("expirytime".to_owned(), json!(event.expires_at().rfc3339())),
    ]);
    if let Some(letter) = &event.message {
        attributes.extend(of_message(desk, letter, event)?);
    }
    attributes.insert("data".to_owned(), data);
    Ok(CloudEvent { id, json: Value::Object(attributes) })
}

/// What the header says, as attributes; those that say nothing are left out.
fn of_message(desk: &Desk, letter: &Letter, event: &Event) -> Result<Map<String, Value>, Invalid> {
    let header = &letter.header;
    let is_message = matches!(event.what, What::Received | What::Sent);
    let id = |bytes: &[u8]| crate::fold::id_of(bytes).map(|id| id.to_string()).unwrap_or_default();
    let thread = id(&header.originating_message_id);
    let subject = if header.incident_id.is_empty() { thread.clone() } else { header.incident_id.clone() };
    let cause = if is_message { id(&header.preceding_message_id) } else { letter.id.to_string() };
    let mut said = vec![
        ("subject", subject),
        ("correlationid", thread),
        ("causationid", cause),
        ("dataclassification", classification(header.confidentiality)),
        ("ldhops", if header.hops == 0 { String::new() } else { header.hops.to_string() }),
        ("ldstatus", Status::from_number(header.status).map_or("", Status::name).to_owned()),
        ("ldprecedence", Precedence::from_number(header.precedence).map_or("", Precedence::name).to_owned()),
        ("ldkind", Kind::from_number(header.kind).map(Kind::code).unwrap_or_default()),
        ("traceparent", header.trace_context.clone()),
    ];
    if is_message {
        let accepted = desk.show(letter.id)?.stamp.and_then(|stamp| stamp.accepted_at);
        let time =
            |at| border::time::optional(at, "").ok().flatten().map(model::time::Timestamp::rfc3339).unwrap_or_default();
        said.push(("time", time(header.sent_at)));
        said.push(("recordedtime", time(accepted)));
        said.push(("dataschema", schema(header)));
        let seal = letter.seal.as_ref().map(|seal| rules::base64::encode(&seal.encode_to_vec()));
        said.push(("ldseal", seal.unwrap_or_default()));
    }
    let texts = said.into_iter().filter(|(_, text)| !text.is_empty());
    let mut attributes: Map<String, Value> = texts.map(|(name, text)| (name.to_owned(), text.into())).collect();
    if let Some((text, number)) = severity(header) {
        attributes.insert("severitytext".to_owned(), text.into());
        attributes.insert("severitynumber".to_owned(), number.into());
    }
    Ok(attributes)
}

/// The name of a kind among CloudEvents; an exercise is another type, so that no filter mixes the two.
fn name(letter: &Letter) -> String {
    let kind = Kind::from_number(letter.header.kind).map_or("unknown", cloud_event::name_of);
    if letter.header.status == Status::Exercise.number() { format!("exercise.{kind}") } else { kind.to_owned() }
}

/// The body as JSON, without the member of `Body` that holds it.
fn body(letter: &Letter) -> Value {
    if letter.header.kind == Kind::DrillPlan.number() {
        return Value::Null; // the plan of a drill is for its controllers and evaluators alone
    }
    let whole = rules::message_to_json("Body", &letter.body);
    let only = whole.as_object().and_then(|body| body.values().next()).cloned();
    only.unwrap_or(Value::Null)
}

/// The type of the body in the contract.
fn schema(header: &v1::Header) -> String {
    let kind = Kind::from_number(header.kind);
    let info = rules::kinds().iter().find(|info| Some(info.kind) == kind);
    info.map(|info| format!("type.googleapis.com/liandong.v1.{}", info.message)).unwrap_or_default()
}

fn receipt(said: &v1::ReceiptStatement) -> (String, String, Value) {
    let stage = Stage::from_number(said.stage).map_or_else(String::new, |stage| stage.name().to_ascii_lowercase());
    let message = crate::fold::id_of(&said.message_id).map(|id| id.to_string()).unwrap_or_default();
    let id = format!("{message}/{stage}/{}", said.recipient);
    (format!("receipt.{stage}"), id, rules::message_to_json("ReceiptStatement", &said.encode_to_vec()))
}

fn refusal(said: &v1::Refusal) -> (String, String, Value) {
    let message = crate::fold::id_of(&said.message_id).map(|id| id.to_string()).unwrap_or_default();
    ("refused".to_owned(), format!("{message}/refused"), rules::message_to_json("Refusal", &said.encode_to_vec()))
}

fn deadline(rung: &record::Rung, cursor: u64) -> (String, String, Value) {
    use model::deadline::{DeadlineName, Rung};
    let number = |number: u32| i32::try_from(number).unwrap_or(0);
    let reached = Rung::from_number(number(rung.rung));
    let what = if reached == Some(Rung::Reminder) { "warned" } else { "breached" };
    let data = json!({
        "deadline": DeadlineName::from_number(number(rung.deadline)).map_or("", DeadlineName::name),
        "rung": reached.map_or("", Rung::name),
        "jurisdiction": rung.jurisdiction,
        "subject": rung.subject,
    });
    (format!("deadline.{what}"), format!("deadline/{cursor}"), data)
}

fn classification(number: i32) -> String {
    model::level::Confidentiality::from_number(number).map_or("", model::level::Confidentiality::zh).to_owned()
}

/// By the colour of a warning, else by the level of the event; nothing at L0.
fn severity(header: &v1::Header) -> Option<(&'static str, u32)> {
    let by_colour = WarningLevel::from_number(header.warning_level).map(WarningLevel::column);
    match by_colour.or_else(|| EventLevel::from_number(header.event_level))? {
        EventLevel::L1 => Some(("红", 20)),
        EventLevel::L2 => Some(("橙", 16)),
        EventLevel::L3 => Some(("黄", 12)),
        EventLevel::L4 => Some(("蓝", 8)),
        EventLevel::L0 => None,
    }
}
