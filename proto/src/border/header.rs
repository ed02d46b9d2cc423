//! The header, field by field. A new field of the contract does not compile here until somebody has thought about it.

use bytes::Bytes;
use model::{
    document::{DocumentOp, MemberRights},
    header::{
        Address, Attachment, Cover, DocumentChange, DrillControl, DrillRef, Header, Party, Placement, SCHEMA_VERSION,
        Signatory,
    },
    ids::{Digest, Incarnation, JurisdictionId, MessageId},
    invalid::Invalid,
    kind::Kind,
    level::{Category, Confidentiality, EventLevel, PersonalData, WarningLevel},
    limits,
    precedence::Precedence,
    role::Role,
    stage::Stage,
    status::{Action, Answer, Status},
};
use prost::Message as _;

use super::{exact, geometry, must, optional, parsed, said, short, time};
use crate::v1;

/// The literal that says "outside any agreement".
const OUTSIDE: &str = "NONE";

/// Reads an encoded header.
pub fn parse(bytes: &Bytes) -> Result<Header, Invalid> {
    let wire = v1::Header::decode(bytes.clone()).map_err(|_| Invalid::schema("header", "header.readable"))?;
    from_wire(wire).map_err(|invalid| invalid.within("header"))
}

/// A header from the wire.
pub fn from_wire(wire: v1::Header) -> Result<Header, Invalid> {
    let v1::Header {
        message_id,
        schema_version,
        kind,
        action,
        status,
        drill,
        sender,
        recipients,
        incident_id,
        originating_message_id,
        preceding_message_id,
        revision,
        incarnation,
        sender_seq,
        sent_at,
        utc_offset_min,
        expires_at,
        precedence,
        event_level,
        warning_level,
        category,
        confidentiality,
        purpose,
        retain_until,
        personal_data,
        receipt_required,
        ack_by,
        reply_by,
        answer,
        agreement_id,
        prepared_by,
        signed_off_by,
        document,
        language,
        attachments,
        trace_context,
        region,
        hops,
    } = wire;
    Ok(Header {
        message_id: id(&message_id, "message_id")?,
        schema_version: version(schema_version)?,
        kind: must(kind, Kind::from_number, "kind")?,
        action: must(action, Action::from_number, "action")?,
        status: must(status, Status::from_number, "status")?,
        drill: drill.map(drill_ref).transpose()?,
        sender: party(sender.ok_or_else(|| Invalid::missing("sender"))?)?,
        recipients: addresses(recipients)?,
        incident_id: optional(&incident_id, "incident_id")?,
        originating_message_id: id(&originating_message_id, "originating_message_id")?,
        preceding_message_id: if preceding_message_id.is_empty() {
            None
        } else {
            Some(id(&preceding_message_id, "preceding_message_id")?)
        },
        revision: counted(revision, "revision")?,
        incarnation: Incarnation(exact(&incarnation, "incarnation")?),
        sender_seq: counted(sender_seq, "sender_seq")?,
        sent_at: time::required(sent_at, "sent_at")?,
        utc_offset_min: offset(utc_offset_min)?,
        expires_at: time::required(expires_at, "expires_at")?,
        precedence: must(precedence, Precedence::from_number, "precedence")?,
        event_level: said(event_level, EventLevel::from_number, "event_level")?,
        warning_level: said(warning_level, WarningLevel::from_number, "warning_level")?,
        category: said(category, Category::from_number, "category")?,
        confidentiality: must(confidentiality, Confidentiality::from_number, "confidentiality")?,
        purpose: short(purpose, limits::PURPOSE_CHARS_MAX, "purpose")?,
        retain_until: time::optional(retain_until, "retain_until")?,
        personal_data: said(personal_data, PersonalData::from_number, "personal_data")?.unwrap_or(PersonalData::Absent),
        receipt_required: must(receipt_required, Stage::from_number, "receipt_required")?,
        ack_by: time::optional(ack_by, "ack_by")?,
        reply_by: time::optional(reply_by, "reply_by")?,
        answer: said(answer, Answer::from_number, "answer")?,
        agreement_id: cover(&agreement_id)?,
        prepared_by: signatory(prepared_by.ok_or_else(|| Invalid::missing("prepared_by"))?)
            .map_err(|invalid| invalid.within("prepared_by"))?,
        signed_off_by: signed_off_by.map(signatory).transpose().map_err(|invalid| invalid.within("signed_off_by"))?,
        document: document.map(document_change).transpose().map_err(|invalid| invalid.within("document"))?,
        language: short(language, limits::LANGUAGE_CHARS_MAX, "language")?,
        attachments: files(attachments)?,
        trace_context: short(trace_context, limits::TRACE_CONTEXT_CHARS_MAX, "trace_context")?,
        region: parsed(&region, "region")?,
        hops,
    })
}

fn id(bytes: &[u8], field: &'static str) -> Result<MessageId, Invalid> {
    exact(bytes, field).map(MessageId)
}

/// This version of the contract and the one before.
fn version(number: u32) -> Result<u32, Invalid> {
    match number {
        0 => Err(Invalid::missing("schema_version")),
        number if number.abs_diff(SCHEMA_VERSION) <= 1 && number <= SCHEMA_VERSION => Ok(number),
        number => Err(Invalid::schema("schema_version", "header.version")
            .detail(format!("{number}; this program reads {SCHEMA_VERSION}"))),
    }
}

fn counted<N: Default + PartialEq>(number: N, field: &'static str) -> Result<N, Invalid> {
    if number == N::default() { Err(Invalid::missing(field)) } else { Ok(number) }
}

fn offset(minutes: i32) -> Result<i32, Invalid> {
    if minutes.unsigned_abs() > limits::UTC_OFFSET_MIN_MAX.unsigned_abs() {
        return Err(Invalid::schema("utc_offset_min", "header.offset").detail(minutes.to_string()));
    }
    Ok(minutes)
}

fn drill_ref(wire: v1::DrillRef) -> Result<DrillRef, Invalid> {
    let v1::DrillRef { drill_id, control } = wire;
    Ok(DrillRef {
        drill_id: parsed(&drill_id, "drill.drill_id")?,
        control: said(control, DrillControl::from_number, "drill.control")?,
    })
}

fn party(wire: v1::Party) -> Result<Party, Invalid> {
    let v1::Party { jurisdiction, role, name, duty_phone } = wire;
    if jurisdiction.is_empty() {
        return Err(Invalid::missing("sender.jurisdiction"));
    }
    Ok(Party {
        jurisdiction: JurisdictionId::member_or_broker(&jurisdiction)
            .map_err(|invalid| Invalid { field: "sender.jurisdiction".into(), ..invalid })?,
        role: must(role, Role::from_number, "sender.role")?,
        name: short(name, limits::NAME_CHARS_MAX, "sender.name")?,
        duty_phone: short(duty_phone, limits::PHONE_CHARS_MAX, "sender.duty_phone")?,
    })
}

fn addresses(wire: Vec<v1::Address>) -> Result<Vec<Address>, Invalid> {
    if wire.len() > limits::RECIPIENTS_MAX {
        return Err(Invalid::too_large("recipients", wire.len(), limits::RECIPIENTS_MAX));
    }
    wire.into_iter()
        .enumerate()
        .map(|(at, to)| address(to).map_err(|invalid| invalid.within(format!("recipients[{at}]"))))
        .collect()
}

fn address(wire: v1::Address) -> Result<Address, Invalid> {
    match wire.to.ok_or_else(|| Invalid::missing("to"))? {
        v1::address::To::Jurisdiction(v1::JurisdictionAddress { id, role }) => Ok(Address::Jurisdiction {
            id: parsed(&id, "jurisdiction.id")?,
            role: said(role, Role::from_number, "jurisdiction.role")?,
        }),
        v1::address::To::GroupId(group) => Ok(Address::Group(parsed(&group, "group_id")?)),
        v1::address::To::Area(area) => {
            geometry::area(area).map(Address::Area).map_err(|invalid| invalid.within("area"))
        }
    }
}

fn cover(text: &str) -> Result<Option<Cover>, Invalid> {
    match text {
        OUTSIDE => Ok(Some(Cover::Outside)),
        text => Ok(optional(text, "agreement_id")?.map(Cover::Agreement)),
    }
}

fn signatory(wire: v1::Signatory) -> Result<Signatory, Invalid> {
    let v1::Signatory { name, role, at } = wire;
    if name.trim().is_empty() {
        return Err(Invalid::missing("name"));
    }
    Ok(Signatory {
        name: short(name, limits::NAME_CHARS_MAX, "name")?,
        role: must(role, Role::from_number, "role")?,
        at: time::optional(at, "at")?,
    })
}

fn document_change(wire: v1::DocumentChange) -> Result<DocumentChange, Invalid> {
    let v1::DocumentChange { document_id, item_id, op, if_match, members } = wire;
    Ok(DocumentChange {
        document_id: parsed(&document_id, "document_id")?,
        item_id: optional(&item_id, "item_id")?,
        op: must(op, DocumentOp::from_number, "op")?,
        if_match: if if_match.is_empty() { None } else { Some(Digest(exact(&if_match, "if_match")?)) },
        members: said(members, MemberRights::from_number, "members")?,
    })
}

fn files(wire: Vec<v1::Attachment>) -> Result<Vec<Attachment>, Invalid> {
    if wire.len() > limits::ATTACHMENTS_MAX {
        return Err(Invalid::too_large("attachments", wire.len(), limits::ATTACHMENTS_MAX));
    }
    wire.into_iter()
        .enumerate()
        .map(|(at, file)| attachment(file).map_err(|invalid| invalid.within(format!("attachments[{at}]"))))
        .collect()
}

fn attachment(wire: v1::Attachment) -> Result<Attachment, Invalid> {
    let v1::Attachment { name, mime, bytes, sha256, placement } = wire;
    if name.is_empty() || name.contains(['/', '\\']) || name == "." || name == ".." {
        return Err(Invalid::schema("name", "attachment.plain_name"));
    }
    Ok(Attachment {
        name: short(name, limits::FILE_NAME_CHARS_MAX, "name")?,
        mime: short(mime, limits::MIME_CHARS_MAX, "mime")?,
        bytes,
        sha256: Digest(exact(&sha256, "sha256")?),
        placement: must(placement, Placement::from_number, "placement")?,
    })
}

/// A header for the wire.
pub fn to_wire(header: &Header) -> v1::Header {
    v1::Header {
        message_id: header.message_id.0.to_vec().into(),
        schema_version: header.schema_version,
        kind: header.kind.number(),
        action: header.action.number(),
        status: header.status.number(),
        drill: header.drill.as_ref().map(|drill| v1::DrillRef {
            drill_id: drill.drill_id.to_string(),
            control: drill.control.map_or(0, DrillControl::number),
        }),
        sender: Some(v1::Party {
            jurisdiction: header.sender.jurisdiction.to_string(),
            role: header.sender.role.number(),
            name: header.sender.name.clone(),
            duty_phone: header.sender.duty_phone.clone(),
        }),
        recipients: header.recipients.iter().map(address_to_wire).collect(),
        incident_id: header.incident_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        originating_message_id: header.originating_message_id.0.to_vec().into(),
        preceding_message_id: header.preceding_message_id.map(|id| id.0.to_vec()).unwrap_or_default().into(),
        revision: header.revision,
        incarnation: header.incarnation.0.to_vec().into(),
        sender_seq: header.sender_seq,
        sent_at: Some(time::to_wire(header.sent_at)),
        utc_offset_min: header.utc_offset_min,
        expires_at: Some(time::to_wire(header.expires_at)),
        precedence: header.precedence.number(),
        event_level: header.event_level.map_or(0, EventLevel::number),
        warning_level: header.warning_level.map_or(0, WarningLevel::number),
        category: header.category.map_or(0, Category::number),
        confidentiality: header.confidentiality.number(),
        purpose: header.purpose.clone(),
        retain_until: header.retain_until.map(time::to_wire),
        personal_data: header.personal_data.number(),
        receipt_required: header.receipt_required.number(),
        ack_by: header.ack_by.map(time::to_wire),
        reply_by: header.reply_by.map(time::to_wire),
        answer: header.answer.map_or(0, Answer::number),
        agreement_id: header.agreement_id.as_ref().map_or_else(String::new, |cover| match cover {
            Cover::Agreement(id) => id.to_string(),
            Cover::Outside => OUTSIDE.to_owned(),
        }),
        prepared_by: Some(signatory_to_wire(&header.prepared_by)),
        signed_off_by: header.signed_off_by.as_ref().map(signatory_to_wire),
        document: header.document.as_ref().map(|change| v1::DocumentChange {
            document_id: change.document_id.to_string(),
            item_id: change.item_id.as_ref().map(ToString::to_string).unwrap_or_default(),
            op: change.op.number(),
            if_match: change.if_match.map(|etag| etag.0.to_vec()).unwrap_or_default().into(),
            members: change.members.map_or(0, MemberRights::number),
        }),
        language: header.language.clone(),
        attachments: header
            .attachments
            .iter()
            .map(|file| v1::Attachment {
                name: file.name.clone(),
                mime: file.mime.clone(),
                bytes: file.bytes,
                sha256: file.sha256.0.to_vec().into(),
                placement: file.placement.number(),
            })
            .collect(),
        trace_context: header.trace_context.clone(),
        region: header.region.to_string(),
        hops: header.hops,
    }
}

fn address_to_wire(address: &Address) -> v1::Address {
    let to = match address {
        Address::Jurisdiction { id, role } => v1::address::To::Jurisdiction(v1::JurisdictionAddress {
            id: id.to_string(),
            role: role.map_or(0, Role::number),
        }),
        Address::Group(group) => v1::address::To::GroupId(group.to_string()),
        Address::Area(area) => v1::address::To::Area(geometry::to_wire(area)),
    };
    v1::Address { to: Some(to) }
}

fn signatory_to_wire(signatory: &Signatory) -> v1::Signatory {
    v1::Signatory { name: signatory.name.clone(), role: signatory.role.number(), at: signatory.at.map(time::to_wire) }
}
