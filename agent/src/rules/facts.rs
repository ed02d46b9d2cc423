//! What a condition may ask about an event: plain values under the names of the contract.

use model::{header::Status, invalid::Invalid, kind::Kind, time::Timestamp};
use prost::Message as _;
use proto::{rules, v1};
use serde_json::{Map, Value, json};

use super::event::{Event, Letter, What};
use crate::desk::Desk;

/// Everything that a condition may name, for one event.
pub fn of(desk: &Desk, event: &Event, now: Timestamp) -> Result<Value, Invalid> {
    let mut facts = letter(event.message.as_ref());
    facts.insert("event".into(), event.on().name().into());
    facts.insert("us".into(), desk.names.jurisdiction().as_str().into());
    facts.insert("now".into(), now.rfc3339().into());
    facts.insert("thread".into(), thread(desk, event)?);
    let (mut receipt, mut refusal, mut deadline, mut link) = (json!({}), json!({}), json!({}), json!({}));
    match &event.what {
        What::Received | What::Sent => {}
        What::Receipt(said) => receipt = rules::message_to_facts("ReceiptStatement", &said.encode_to_vec()),
        What::Refused(said) => refusal = rules::message_to_facts("Refusal", &said.encode_to_vec()),
        What::Deadline(rung) => deadline = reached(rung),
        What::Link(up) => link = json!({ "up": up }),
    }
    facts.extend([
        ("receipt".to_owned(), receipt),
        ("refusal".to_owned(), refusal),
        ("deadline".to_owned(), deadline),
        ("link".to_owned(), link),
    ]);
    Ok(Value::Object(facts))
}

/// Header and body; empty where the event has no message.
fn letter(letter: Option<&Letter>) -> Map<String, Value> {
    let Some(letter) = letter else {
        let empty = ["kind", "name", "status", "from"].map(|name| (name.to_owned(), Value::from("")));
        return empty.into_iter().chain(["header", "body"].map(|name| (name.to_owned(), json!({})))).collect();
    };
    let header = &letter.header;
    let kind = Kind::from_number(header.kind);
    let from = header.sender.as_ref().map(|sender| sender.jurisdiction.as_str()).unwrap_or_default();
    Map::from_iter([
        ("kind".to_owned(), kind.map(Kind::code).unwrap_or_default().into()),
        ("name".to_owned(), kind.map_or("", Kind::name).into()),
        ("status".to_owned(), Status::from_number(header.status).map_or("", Status::name).into()),
        ("from".to_owned(), from.into()),
        ("header".to_owned(), rules::message_to_facts("Header", &header.encode_to_vec())),
        ("body".to_owned(), body(kind, letter)),
    ])
}

/// The body itself, without the member of `Body` that holds it.
fn body(kind: Option<Kind>, letter: &Letter) -> Value {
    let member = kind.and_then(|kind| rules::kinds().iter().find(|info| info.kind == kind)).map(|info| &info.field);
    let mut whole = rules::message_to_facts("Body", &letter.body);
    member.and_then(|member| whole.get_mut(member)).map_or_else(|| json!({}), Value::take)
}

/// Where the matter of the message stands.
fn thread(desk: &Desk, event: &Event) -> Result<Value, Invalid> {
    let Some(letter) = &event.message else { return Ok(json!({ "id": "", "state": "", "over": false })) };
    let state = desk.matter(letter.id).map(|matter| matter.state.unwrap_or_default());
    let state = match state {
        Ok(state) => state,
        // a draft that is tried is no message yet
        Err(invalid) if invalid.reason == model::reason::Reason::NotFound => v1::StateSeen::default(),
        Err(invalid) => return Err(invalid),
    };
    let id = crate::fold::id_of(&letter.header.originating_message_id);
    Ok(json!({ "id": id.map(|id| id.to_string()).unwrap_or_default(), "state": state.name, "over": state.over }))
}

/// The rung of a deadline.
fn reached(rung: &proto::record::Rung) -> Value {
    use model::deadline::{DeadlineName, Rung};
    let number = |number: u32| i32::try_from(number).unwrap_or(0);
    json!({
        "name": DeadlineName::from_number(number(rung.deadline)).map_or("", DeadlineName::name),
        "rung": Rung::from_number(number(rung.rung)).map_or("", Rung::name),
        "jurisdiction": rung.jurisdiction,
        "subject": rung.subject,
    })
}
