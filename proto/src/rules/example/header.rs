//! The header of an example: what the agent does not fill in by itself.

use std::time::Duration;

use model::{
    kind::{self, Incident, Kind, SignOff},
    level::{Category, Confidentiality, EventLevel, PersonalData, WarningLevel},
    role::Role,
    status::Status,
    time::Timestamp,
};

use crate::{
    border,
    status::Lang,
    v1::{self, body::Body},
};

/// How long an example keeps personal data.
const KEPT: Duration = Duration::from_hours(180 * 24);
/// The sender of every example.
pub const SENDER: &str = "371300";
/// The recipient of every example.
pub const RECIPIENT: &str = "320300";

/// The header of an example of `kind`. Ids, sequence, times, action and the sender's person are the agent's to fill.
pub fn of(kind: Kind, lang: Lang, now: Timestamp) -> v1::Header {
    let facts = kind.facts();
    // where only the body can tell, the example's body does
    let by_body = matches!(kind, Kind::Bulletin | Kind::ResourceRequest | Kind::ResourceOffer);
    let incident = facts.incident == Incident::Required || by_body;
    let level = incident.then_some(EventLevel::L3);
    let colour = (kind == Kind::Alert).then_some(WarningLevel::Yellow);
    let exercise = kind == Kind::DrillInject;
    v1::Header {
        kind: kind.number(),
        status: if exercise { Status::Exercise } else { Status::Actual }.number(),
        drill: drill(kind),
        sender: Some(v1::Party { jurisdiction: SENDER.to_owned(), ..v1::Party::default() }),
        recipients: if kind.is_document() { Vec::new() } else { vec![to(RECIPIENT)] },
        incident_id: if incident { self::incident(now) } else { String::new() },
        event_level: level.map_or(0, EventLevel::number),
        warning_level: colour.map_or(0, WarningLevel::number),
        category: if incident || colour.is_some() { Category::Accident.number() } else { 0 },
        precedence: kind.usual_precedence(level, colour).number(),
        confidentiality: Confidentiality::Internal.number(),
        agreement_id: if facts.cover == kind::Cover::Required { "AG-1".to_owned() } else { String::new() },
        signed_off_by: (facts.sign_off != SignOff::Never).then(|| signatory(lang)),
        document: document(kind),
        language: if lang == Lang::Zh { "zh-CN" } else { "en" }.to_owned(),
        ..v1::Header::default()
    }
}

/// Says that the body names people, and until when that is kept.
pub fn keep_personal_data(header: &mut v1::Header, now: Timestamp) {
    header.personal_data = PersonalData::Present.number();
    header.retain_until = Some(border::time::to_wire(now.plus(KEPT)));
}

/// Lets the header say what the body says: the colour of a warning, the drill, the item of a document.
pub fn fit(header: &mut v1::Header, kind: Kind, body: &Body) {
    let drill_id = match body {
        Body::DrillInvitation(body) => &body.drill_id,
        Body::DrillReply(body) => &body.drill_id,
        Body::DrillPlan(body) => &body.drill_id,
        Body::DrillEvaluation(body) => &body.drill_id,
        _ => "",
    };
    if let Some(drill) = header.drill.as_mut().filter(|_| !drill_id.is_empty()) {
        drill_id.clone_into(&mut drill.drill_id);
    }
    let item = match body {
        Body::CatalogueChange(body) => body.record.as_ref().map_or("", |record| &record.resource_id),
        _ => "",
    };
    if let Some(document) = header.document.as_mut().filter(|_| !item.is_empty()) {
        item.clone_into(&mut document.item_id);
    }
    let roster = |body: &v1::DirectoryChange| matches!(body.item, Some(v1::directory_change::Item::Roster(_)));
    if let (Body::DirectoryChange(body), Some(document)) = (body, header.document.as_mut())
        && roster(body)
    {
        document.document_id = format!("roster/{SENDER}");
        document.item_id.clear(); // a roster is written whole
    }
    if let Body::Alert(body) = body {
        header.warning_level = body.color;
        header.precedence = kind.usual_precedence(None, WarningLevel::from_number(body.color)).number();
    }
}

fn to(id: &str) -> v1::Address {
    let to = v1::address::To::Jurisdiction(v1::JurisdictionAddress { id: id.to_owned(), role: 0 });
    v1::Address { to: Some(to) }
}

/// The first incident of the day.
pub fn incident(now: Timestamp) -> String {
    format!("{SENDER}-{:08}-0001", now.civil(480).date_number())
}

fn signatory(lang: Lang) -> v1::Signatory {
    let name = if lang == Lang::Zh { "李华" } else { "Li Hua" };
    v1::Signatory { name: name.to_owned(), role: Role::ShiftLeader.number(), at: None }
}

fn drill(kind: Kind) -> Option<v1::DrillRef> {
    let control = match kind {
        Kind::DrillControl => v1::DrillControlVerb::Startex.into(),
        _ if kind.is_about_drill() || kind == Kind::DrillInject => 0,
        _ => return None,
    };
    Some(v1::DrillRef { drill_id: "LY-XZ-2026-01".to_owned(), control })
}

fn document(kind: Kind) -> Option<v1::DocumentChange> {
    let (document, item) = match kind {
        Kind::CatalogueChange => ("catalogue/371300", "LY-PUMP-01"),
        Kind::AgendaChange => ("agenda/LY-2026-01", "item-1"),
        Kind::DirectoryChange => ("directory", SENDER),
        _ => return None,
    };
    Some(v1::DocumentChange {
        document_id: document.to_owned(),
        item_id: item.to_owned(),
        op: v1::DocumentOp::Put.into(),
        ..v1::DocumentChange::default()
    })
}
