//! Rules about lengths, lists and files.

use crate::{
    header::{Address, Attachment, DocumentOp, Header, Placement, SCHEMA_VERSION},
    ids::DocumentClass,
    invalid::Invalid,
    kind::Kind,
    limits,
    reason::Reason,
    secrecy,
};

/// The lengths of an encoded header and of the whole content, in bytes.
pub fn judge_sizes(header_bytes: usize, content_bytes: usize) -> Result<(), Invalid> {
    at_most("header", header_bytes, limits::HEADER_BYTES_MAX)?;
    at_most("content", content_bytes, limits::CONTENT_BYTES_MAX)
}

/// No marking of a state secret in a text of the message, header or body. The sender's own agent asks this for every
/// text before it seals.
pub fn judge_secrecy(field: &str, text: &str) -> Result<(), Invalid> {
    match secrecy::marking(text) {
        None => Ok(()),
        Some(marking) => Err(Invalid::new(Reason::Confidentiality, field, "header.secrecy").detail(marking)),
    }
}

fn at_most(field: &'static str, is: usize, most: usize) -> Result<(), Invalid> {
    if is > most { Err(Invalid::too_large(field, is, most)) } else { Ok(()) }
}

/// This version of the contract or the one before; there was none before the first.
pub(super) fn version(header: &Header) -> Result<(), Invalid> {
    let taken = SCHEMA_VERSION.saturating_sub(1).max(1)..=SCHEMA_VERSION;
    if taken.contains(&header.schema_version) {
        return Ok(());
    }
    Err(Invalid::schema("schema_version", "header.version").detail(header.schema_version.to_string()))
}

pub(super) fn texts(header: &Header) -> Result<(), Invalid> {
    let limited = [
        ("sender.name", header.sender.name.as_str(), limits::NAME_CHARS_MAX),
        ("sender.duty_phone", &header.sender.duty_phone, limits::PHONE_CHARS_MAX),
        ("prepared_by.name", &header.prepared_by.name, limits::NAME_CHARS_MAX),
        ("signed_off_by.name", header.signed_off_by.as_ref().map_or("", |by| &by.name), limits::NAME_CHARS_MAX),
        ("purpose", &header.purpose, limits::PURPOSE_CHARS_MAX),
        ("language", &header.language, limits::LANGUAGE_CHARS_MAX),
        ("trace_context", &header.trace_context, limits::TRACE_CONTEXT_CHARS_MAX),
    ];
    for (field, text, most) in limited {
        at_most(field, text.chars().count(), most)?;
        if text.chars().any(|c| c.is_control() && !(field == "purpose" && c == '\n')) {
            return Err(Invalid::schema(field, "text.control"));
        }
    }
    language(&header.language)?;
    if header.hops > limits::HOPS_MAX {
        return Err(Invalid::too_large("hops", header.hops, limits::HOPS_MAX));
    }
    if header.utc_offset_min.abs() > limits::UTC_OFFSET_MIN_MAX {
        return Err(Invalid::code("utc_offset_min", "header.offset").detail(header.utc_offset_min.to_string()));
    }
    Ok(())
}

/// The shape of BCP 47: subtags of one to eight letters or digits, the first of letters.
fn language(tag: &str) -> Result<(), Invalid> {
    if tag.is_empty() {
        return Err(Invalid::missing("language"));
    }
    let whole = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let first =
        tag.split('-').next().is_some_and(|part| part.len() >= 2 && part.bytes().all(|b| b.is_ascii_alphabetic()));
    if first && tag.split('-').all(whole) {
        Ok(())
    } else {
        Err(Invalid::code("language", "header.language").detail(tag))
    }
}

/// 1 to 64 addresses; none for document changes.
pub(super) fn recipients(header: &Header) -> Result<(), Invalid> {
    at_most("recipients", header.recipients.len(), limits::RECIPIENTS_MAX)?;
    match (header.kind.is_document(), header.recipients.is_empty()) {
        (true, false) => Err(Invalid::schema("recipients", "header.recipients_of_document")),
        (false, true) => Err(Invalid::missing("recipients")),
        (true, true) | (false, false) => Ok(()),
    }?;
    let broker = |address: &Address| matches!(address, Address::Jurisdiction { id, .. } if id.is_broker());
    if header.recipients.iter().any(broker) {
        return Err(Invalid::code("recipients", "id.reserved"));
    }
    Ok(())
}

/// A document change says which item it changes; nothing else may. A removal names the version it removes.
pub(super) fn document(header: &Header) -> Result<(), Invalid> {
    let change = match (&header.document, header.kind.is_document()) {
        (None, false) => return Ok(()),
        (None, true) => return Err(Invalid::missing("document")),
        (Some(_), false) => return Err(Invalid::schema("document", "header.document")),
        (Some(change), true) => change,
    };
    if change.op == DocumentOp::Remove && change.if_match.is_none() {
        return Err(Invalid::missing("document.if_match"));
    }
    let fits = match change.document_id.class() {
        DocumentClass::Agenda => header.kind == Kind::AgendaChange,
        DocumentClass::Catalogue => header.kind == Kind::CatalogueChange,
        DocumentClass::Directory | DocumentClass::Roster => header.kind == Kind::DirectoryChange,
    };
    if fits { Ok(()) } else { Err(Invalid::schema("document.document_id", "header.document_kind")) }
}

pub(super) fn attachments(header: &Header) -> Result<(), Invalid> {
    at_most("attachments", header.attachments.len(), limits::ATTACHMENTS_MAX)?;
    for (at, attachment) in header.attachments.iter().enumerate() {
        one_attachment(attachment).map_err(|invalid| invalid.within(format!("attachments[{at}]")))?;
    }
    let total = header.attachments.iter().fold(0_u64, |sum, attachment| sum.saturating_add(attachment.bytes));
    if total > limits::ATTACHMENTS_BYTES_MAX {
        return Err(Invalid::too_large("attachments", total, limits::ATTACHMENTS_BYTES_MAX));
    }
    Ok(())
}

fn one_attachment(attachment: &Attachment) -> Result<(), Invalid> {
    at_most("name", attachment.name.chars().count(), limits::FILE_NAME_CHARS_MAX)?;
    at_most("mime", attachment.mime.chars().count(), limits::MIME_CHARS_MAX)?;
    if attachment.name.is_empty() {
        return Err(Invalid::missing("name"));
    }
    let path = attachment.name.contains(['/', '\\']) || matches!(&*attachment.name, "." | "..");
    if path || attachment.name.contains(char::is_control) {
        return Err(Invalid::code("name", "attachment.file_name"));
    }
    let halves = attachment.mime.split_once('/');
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
    if !halves.is_some_and(|(kind, sub)| plain(kind) && plain(sub.split(';').next().unwrap_or_default())) {
        return Err(Invalid::code("mime", "attachment.mime"));
    }
    if attachment.placement == Placement::Inline && attachment.bytes > limits::ATTACHMENT_INLINE_BYTES_MAX {
        return Err(Invalid::too_large("bytes", attachment.bytes, limits::ATTACHMENT_INLINE_BYTES_MAX));
    }
    Ok(())
}
