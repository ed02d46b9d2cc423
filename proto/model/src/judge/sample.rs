//! A lawful header of every kind, for tests to break.
#![allow(clippy::unwrap_used)]

use crate::{
    header::{
        Action, Address, Category, Confidentiality, Cover, DocumentChange, DocumentOp, DrillControl, DrillRef,
        EventLevel, Header, Party, PersonalData, Role, Signatory, Stage, Status, WarningLevel,
    },
    ids::{DocumentId, Incarnation, JurisdictionId, MessageId},
    kind::{Incident, Kind},
    time::Timestamp,
};

pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_784_347_500_000);

pub(crate) fn member(id: &str) -> JurisdictionId {
    id.parse().unwrap()
}

pub(crate) fn message_id(n: u8) -> MessageId {
    MessageId::new(NOON, [n; 10])
}

pub(crate) fn person(name: &str, role: Role) -> Signatory {
    Signatory { name: name.into(), role, at: None }
}

/// A lawful ORIGINATE of `kind` from 371300 to 320300 at L2, but for kinds that need more.
pub(crate) fn header(kind: Kind) -> Header {
    let facts = kind.facts();
    let incident = facts.incident == Incident::Required;
    let alert = kind == Kind::Alert;
    let colour = alert.then_some(WarningLevel::Orange);
    let level = incident.then_some(EventLevel::L2);
    let precedence = kind.usual_precedence(level, colour);
    Header {
        message_id: message_id(1),
        schema_version: 1,
        kind,
        action: Action::Originate,
        status: if kind == Kind::DrillInject { Status::Exercise } else { Status::Actual },
        drill: match kind {
            Kind::DrillInject => Some(DrillRef { drill_id: "flood-26".parse().unwrap(), control: None }),
            Kind::DrillControl => {
                Some(DrillRef { drill_id: "flood-26".parse().unwrap(), control: Some(DrillControl::Startex) })
            }
            _ => None,
        },
        sender: Party {
            jurisdiction: if kind == Kind::DeadlineNotice { JurisdictionId::broker() } else { member("371300") },
            role: if kind == Kind::DeadlineNotice { Role::System } else { Role::DutyOfficer },
            name: "王明".into(),
            duty_phone: "0539-8000000".into(),
        },
        recipients: if kind.is_document() { Vec::new() } else { vec![to("320300")] },
        incident_id: incident.then(|| "371300-20260718-0001".parse().unwrap()),
        originating_message_id: message_id(1),
        preceding_message_id: None,
        revision: 1,
        incarnation: Incarnation([1; 8]),
        sender_seq: 1,
        sent_at: NOON,
        utc_offset_min: 480,
        expires_at: NOON.plus(facts.life),
        precedence,
        event_level: level,
        warning_level: colour,
        category: (incident || alert).then_some(Category::Accident),
        confidentiality: Confidentiality::Internal,
        purpose: String::new(),
        retain_until: None,
        personal_data: PersonalData::Absent,
        receipt_required: kind.stage_floor(precedence).unwrap_or(Stage::Delivered),
        ack_by: None,
        reply_by: None,
        answer: None,
        agreement_id: (facts.cover == crate::kind::Cover::Required)
            .then(|| Cover::Agreement("LY-XZ-2026".parse().unwrap())),
        prepared_by: person("王明", Role::DutyOfficer),
        signed_off_by: Some(person("李华", Role::ShiftLeader)),
        document: kind.is_document().then(|| DocumentChange {
            document_id: match kind {
                Kind::CatalogueChange => DocumentId::catalogue(&member("371300")),
                Kind::AgendaChange => "agenda/2026".parse().unwrap(),
                _ => DocumentId::directory(),
            },
            item_id: None,
            op: DocumentOp::Put,
            if_match: None,
            members: None,
        }),
        language: "zh-CN".into(),
        attachments: Vec::new(),
        trace_context: String::new(),
        hops: 0,
        region: "linyi".parse().unwrap(),
    }
}

pub(crate) fn to(id: &str) -> Address {
    Address::Jurisdiction { id: member(id), role: None }
}
