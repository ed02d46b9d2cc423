//! Whether a message of ours is a lawful step of its matter, asked before anything of it leaves.

use bytes::Bytes;
use model::{
    header::{Header, Status},
    invalid::Invalid,
    reason::Reason,
    thread::{Facts, Matter, Step, Thread, duty, resource},
    time::Timestamp,
};
use proto::{border, record::UseRow};
use store::Rows;

use super::rows as unread;
use crate::fold::{
    keys,
    matters::{self, MatterState, read_matter},
    query,
};

/// Judges a message of ours, sent at `at`, by the rules of its matter as that stands; nothing changes.
///
/// # Errors
/// The rule that it breaks.
pub fn judge(rows: &Rows<'_>, header: &Header, body: &Bytes, at: Timestamp) -> Result<(), Invalid> {
    if !matters::is_followed(header) {
        return Ok(());
    }
    let facts = border::facts::facts(header, body)?;
    if facts == Facts::Nothing {
        return Ok(());
    }
    if let (Facts::Duty(said), Status::Actual) = (&facts, header.status) {
        let open = query::open_incidents(rows, &header.sender.jurisdiction).map_err(unread)?;
        duty::judge_zero(said, &open)?;
    }
    judge_missions(rows, header, &facts)?;
    let matter = Matter::of(header, &facts);
    let step = Step { header, facts: &facts, at };
    match read_matter(rows, &keys::matter(&matter)).map_err(unread)? {
        Some(state) if !matters::mixes(&state) && state.status != header.status => {
            Err(Invalid::new(Reason::StatusMix, "header.status", "thread.status"))
        }
        Some(MatterState { thread: Some(thread), .. }) => thread.may_send(&step).map(|_| ()),
        None if matters::begins(header, &matter) => Thread::open(&step).map(|_| ()),
        Some(_) | None => Ok(()),
    }
}

/// A resource is in one live mission at most: a commitment of ours that names it for a second one is refused.
fn judge_missions(rows: &Rows<'_>, header: &Header, facts: &Facts) -> Result<(), Invalid> {
    let Facts::Resource(resource::Facts::Commitment(committed)) = facts else { return Ok(()) };
    let all = query::uses(rows).map_err(unread)?;
    let same = all.iter().filter(|(_, row)| i32::try_from(row.status) == Ok(header.status.number()));
    let elsewhere = |used: &&UseRow| {
        !used.mission_id.is_empty()
            && used.mission_id != committed.mission_id
            && committed.resources.contains(&used.resource_id)
    };
    match same.flat_map(|(_, row)| &row.uses).find(elsewhere) {
        Some(used) => Err(resource::sent_already(&used.resource_id, &used.mission_id)),
        None => Ok(()),
    }
}
