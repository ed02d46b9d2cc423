//! Drafts as an officer makes them: complete, plain, and small.

use proto::v1;

/// The officer who sends everything here.
pub fn officer() -> v1::Officer {
    v1::Officer { name: "王明".into(), role: v1::Role::DutyOfficer.into() }
}

/// A bulletin to one or more jurisdictions.
pub fn bulletin(to: &[&str], precedence: v1::Precedence, headline: &str) -> v1::Draft {
    let bulletin = v1::Bulletin { headline: headline.into() };
    let header = v1::Header {
        kind: v1::Kind::Bulletin.into(),
        action: v1::Action::Originate.into(),
        status: v1::Status::Actual.into(),
        recipients: to.iter().map(|id| jurisdiction(id)).collect(),
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
