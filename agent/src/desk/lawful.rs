//! Whether a message of ours is a lawful step of its matter, asked before anything of it leaves.

use bytes::Bytes;
use model::{
    header::{Header, Status},
    invalid::Invalid,
    kind::Kind,
    reason::Reason,
    thread::{Facts, Matter, Step, Thread, duty, resource},
    time::Timestamp,
};
use proto::{border, record::UseRow, rules, v1};
use store::Rows;

use super::rows as unread;
use crate::fold::{
    drills::machine,
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
    judge_live(rows, header, at)?;
    judge_inside(rows, header, body, at)?;
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

/// An exercise leaves only while its drill is live, as far as that is known here: the broker would refuse it, and by then
/// nobody may be looking. Injects are judged by the drill itself.
fn judge_live(rows: &Rows<'_>, header: &Header, at: Timestamp) -> Result<(), Invalid> {
    if header.status != Status::Exercise || header.kind == Kind::DrillInject {
        return Ok(());
    }
    let Some(named) = &header.drill else { return Ok(()) };
    let key = keys::matter(&Matter::Drill(named.drill_id.clone()));
    let state = read_matter(rows, &key).map_err(unread)?;
    state.as_ref().and_then(machine).map_or(Ok(()), |drill| drill.hears(at))
}

/// What an inject holds can be read, and begins a matter as it would in earnest.
fn judge_inside(rows: &Rows<'_>, header: &Header, body: &Bytes, at: Timestamp) -> Result<(), Invalid> {
    if header.kind != Kind::DrillInject {
        return Ok(());
    }
    let Some((kind, inner)) = border::facts::inside(body)? else { return Ok(()) };
    let within = |invalid: Invalid| invalid.within("body.inner");
    let header = Header { kind, ..header.clone() };
    let wire = v1::Header { kind: kind.number(), ..border::header::to_wire(&header) };
    rules::check(&inner, &wire).map_err(within)?;
    let facts = border::facts::facts(&header, &inner).map_err(within)?;
    if facts == Facts::Nothing {
        return Ok(());
    }
    let step = Step { header: &header, facts: &facts, at };
    let key = keys::matter(&Matter::of(&header, &facts));
    match read_matter(rows, &key).map_err(unread)?.and_then(|state| state.thread) {
        Some(thread) => thread.may_send(&step).map(|_| ()),
        None => Thread::open(&step).map(|_| ()),
    }
    .map_err(within)
}
