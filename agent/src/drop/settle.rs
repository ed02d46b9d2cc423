//! What a file says, and what became of it: the draft in it goes through the desk's door, and the answer is a result that
//! programs read.

use model::{header::Header, invalid::Invalid, limits, reason::Reason, time::Timestamp};
use proto::{rules, v1};
use serde_json::{Value, json};

use super::folder::Claimed;
use crate::{
    desk::{Desk, programs::Program},
    formats::{draft_file, told},
};

/// Sends what a file says, once.
///
/// # Errors
/// It is no draft, or the desk refuses it.
pub async fn send(desk: &Desk, program: &Program, file: &Claimed, bytes: &[u8]) -> Result<Header, Invalid> {
    let most = limits::WIRE_MESSAGE_BYTES_MAX;
    if bytes.len() > most {
        return Err(Invalid::too_large("file", format!("more than {most}"), most));
    }
    if file.is_renamed() {
        return Err(Invalid::schema("file", "drop.name"));
    }
    let mut draft = draft(bytes)?;
    let header = draft.header.get_or_insert_default();
    if header.message_id.is_empty() {
        header.message_id = file.id.0.to_vec().into();
    }
    desk.send_for_program(program, draft, None).await
}

fn draft(bytes: &[u8]) -> Result<v1::Draft, Invalid> {
    let unreadable = |why: String| {
        let why: String = why.chars().take(limits::PURPOSE_CHARS_MAX).collect();
        Invalid::schema("file", "drop.unreadable").detail(why)
    };
    let text = std::str::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
    let value = draft_file::parse(text.trim_start_matches('\u{feff}')).map_err(unreadable)?;
    rules::draft_from_json(None, &value)
}

/// Whether a file stays and is tried again: what is wrong is not the file.
pub const fn waits(problem: &Invalid) -> bool {
    matches!(problem.reason, Reason::Busy | Reason::StoreFull | Reason::Internal)
}

/// The result of a file whose message is queued.
pub fn queued(file: &Claimed, header: &Header, link_up: bool, at: Timestamp) -> Value {
    of(file, told::queued(header, link_up), at)
}

/// The result of a file that was not sent.
pub fn refused(file: &Claimed, why: &Invalid, at: Timestamp) -> Value {
    tracing::warn!(file = %file.shown().escape_debug(), problem = %why, "a file of the drop folder is refused");
    of(file, json!({ "outcome": "refused", "problem": told::problem(why) }), at)
}

fn of(file: &Claimed, mut result: Value, at: Timestamp) -> Value {
    if let Some(result) = result.as_object_mut() {
        result.insert("file".to_owned(), file.shown().into());
        result.insert("at".to_owned(), at.rfc3339().into());
    }
    result
}
