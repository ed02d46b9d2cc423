//! Drafts as an officer makes them: complete, plain, and small.

use proto::v1;

/// Later than any clock of a test: the year 2100.
const VALID_UNTIL: prost_types::Timestamp = prost_types::Timestamp { seconds: 4_102_444_800, nanos: 0 };

/// The incident that messages here are about.
pub const INCIDENT: &str = "371300-20270512-0001";

/// The officer who sends everything here.
pub fn officer() -> v1::Officer {
    v1::Officer { name: "王明".into(), role: v1::Role::DutyOfficer.into() }
}

/// A bulletin to one or more jurisdictions.
pub fn bulletin(to: &[&str], precedence: v1::Precedence, headline: &str) -> v1::Draft {
    let bulletin = v1::Bulletin {
        headline: headline.into(),
        subtype: v1::BulletinSubtype::Notice.into(),
        body: headline.into(),
        valid_until: Some(VALID_UNTIL),
        ..Default::default()
    };
    let header = v1::Header {
        kind: v1::Kind::Bulletin.into(),
        action: v1::Action::Originate.into(),
        status: v1::Status::Actual.into(),
        recipients: to.iter().map(|id| jurisdiction(id)).collect(),
        incident_id: INCIDENT.into(),
        event_level: v1::EventLevel::L0.into(),
        category: v1::Category::Natural.into(),
        precedence: precedence.into(),
        confidentiality: v1::Confidentiality::Internal.into(),
        receipt_required: owed(precedence).into(),
        prepared_by: Some(v1::Signatory { name: "王明".into(), role: v1::Role::DutyOfficer.into(), at: None }),
        language: "zh-CN".into(),
        ..Default::default()
    };
    let body = v1::Body { body: Some(v1::body::Body::Bulletin(bulletin)) };
    v1::Draft { header: Some(header), body: Some(body), inline: Vec::new() }
}

/// A lawful header of any kind, from LY's point of view: about one incident of L4, signed off, under AG-1 where an
/// agreement is asked for.
pub fn lawful(kind: v1::Kind, to: &[&str]) -> v1::Header {
    use model::kind::{Cover, Incident, Kind};
    let facts = Kind::from_number(kind.into()).expect("a kind").facts();
    let (incident, alert) = (facts.incident == Incident::Required, kind == v1::Kind::Alert);
    let colour = if alert { v1::WarningLevel::Blue } else { v1::WarningLevel::Unspecified };
    let precedence = facts.kind.usual_precedence(None, None);
    let stage = facts.kind.stage_floor(precedence).unwrap_or(model::stage::Stage::Delivered);
    v1::Header {
        kind: kind.into(),
        action: v1::Action::Originate.into(),
        status: v1::Status::Actual.into(),
        recipients: to.iter().map(|id| jurisdiction(id)).collect(),
        precedence: precedence.number(),
        confidentiality: v1::Confidentiality::Internal.into(),
        receipt_required: stage.number(),
        incident_id: if incident { INCIDENT.into() } else { String::new() },
        event_level: if incident { v1::EventLevel::L4.into() } else { 0 },
        warning_level: colour.into(),
        category: if incident || alert { v1::Category::Accident.into() } else { 0 },
        agreement_id: if facts.cover == Cover::Required { "AG-1".into() } else { String::new() },
        prepared_by: Some(v1::Signatory { name: "王明".into(), role: v1::Role::DutyOfficer.into(), at: None }),
        signed_off_by: Some(v1::Signatory { name: "李华".into(), role: v1::Role::ShiftLeader.into(), at: None }),
        language: "zh-CN".into(),
        ..Default::default()
    }
}

/// `header` as what follows the message `before` of `thread`.
pub fn following(header: v1::Header, action: v1::Action, before: &v1::Header) -> v1::Header {
    let follows = matches!(action, v1::Action::Update | v1::Action::Cancel);
    v1::Header {
        action: action.into(),
        originating_message_id: before.originating_message_id.clone(),
        preceding_message_id: before.message_id.clone(),
        revision: if follows { before.revision + 1 } else { 1 },
        answer: if action == v1::Action::Reply { v1::Answer::Definite.into() } else { 0 },
        ..header
    }
}

/// An area address: a circle.
pub fn circle(lat: f64, lon: f64, radius_m: u32) -> v1::Address {
    let shape = v1::area::Shape::Circle(v1::Circle { center: Some(point(lat, lon)), radius_m });
    area(shape)
}

/// An area address: a polygon of latitudes and longitudes.
pub fn polygon(points: &[(f64, f64)]) -> v1::Address {
    let points = points.iter().map(|(lat, lon)| point(*lat, *lon)).collect();
    area(v1::area::Shape::Polygon(v1::Polygon { points }))
}

/// A place in degrees.
pub fn point(lat: f64, lon: f64) -> v1::Point {
    let point = model::geometry::Point::from_degrees(lat, lon).expect("a place on the ground");
    v1::Point { lat_e7: point.lat_e7(), lon_e7: point.lon_e7() }
}

/// An address of a group.
pub fn group(id: &str) -> v1::Address {
    v1::Address { to: Some(v1::address::To::GroupId(id.into())) }
}

fn area(shape: v1::area::Shape) -> v1::Address {
    v1::Address { to: Some(v1::address::To::Area(v1::Area { shape: Some(shape), buffer_m: 0 })) }
}

/// What a bulletin owes at least.
fn owed(precedence: v1::Precedence) -> v1::Stage {
    match precedence {
        v1::Precedence::Flash | v1::Precedence::Immediate => v1::Stage::Acknowledged,
        v1::Precedence::Priority | v1::Precedence::Routine | v1::Precedence::Unspecified => v1::Stage::Opened,
    }
}

/// An address of one jurisdiction.
pub fn jurisdiction(id: &str) -> v1::Address {
    let to = v1::JurisdictionAddress { id: id.into(), role: v1::Role::Unspecified.into() };
    v1::Address { to: Some(v1::address::To::Jurisdiction(to)) }
}
