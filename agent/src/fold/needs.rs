//! Records that are still read though they are old: what was said in matters that live, and what waits for the broker.

use std::collections::BTreeSet;

use model::{ids::MessageId, position::Position};
use store::{FoldError, Rows};

use super::{id_of, keys, query};

/// Threads that are looked at together.
const PAGE: usize = 256;
/// Messages of one thread that are kept at most.
const MESSAGES_MAX: usize = 10_000;

/// Everything up to `through` that is needed. A matter lives as long as something was said in it after `through`, or something
/// is to be done about it.
pub(super) fn needed(rows: &Rows<'_>, through: Position) -> Result<BTreeSet<Position>, FoldError> {
    let mut needed = BTreeSet::new();
    rows.each(&[keys::table::OUTBOX], |key, _| {
        needed.extend(keys::outbox_position(key));
        Ok(())
    })?;
    rows.each(&[keys::table::KEEP], |key, _| {
        needed.extend(keys::keep_position(key));
        Ok(())
    })?;
    let mut messages = owed(rows)?;
    for thread in living(rows, through)? {
        in_thread(rows, thread, &mut messages)?;
    }
    for id in messages {
        said(rows, id, &mut needed)?;
    }
    needed.retain(|at| *at > Position::START && *at <= through);
    Ok(needed)
}

/// First messages of the threads in which something was said after `through`.
fn living(rows: &Rows<'_>, through: Position) -> Result<Vec<MessageId>, FoldError> {
    let (mut threads, mut before) = (Vec::new(), 0);
    loop {
        let page = query::list(rows, keys::table::THREAD_LIST, before, PAGE)?;
        let full = page.len() == PAGE;
        for (cursor, line) in page {
            before = cursor;
            if keys::cursor_position(cursor) <= through {
                return Ok(threads); // the newest are first
            }
            threads.extend(id_of(&line.message_id));
        }
        if !full {
            return Ok(threads);
        }
    }
}

/// Messages about which something is still to be done or still runs.
fn owed(rows: &Rows<'_>) -> Result<Vec<MessageId>, FoldError> {
    let (mut messages, mut matters) = (Vec::new(), BTreeSet::new());
    rows.each(&[keys::table::WAKE], |key, _| {
        matters.extend(keys::wake_parts(key).map(|(_, matter)| matter));
        Ok(())
    })?;
    for matter in matters {
        let [sort, id @ ..] = matter;
        match sort {
            b't' => in_thread(rows, MessageId(id), &mut messages)?,
            b'm' => messages.push(MessageId(id)),
            b'd' => messages.extend(query::drill(rows, &matter)?.iter().filter_map(|line| id_of(&line.message_id))),
            _ => {} // days, and what is known by a name: their messages are in threads
        }
    }
    let open = query::tasks(rows)?.into_iter().filter(|(_, task)| task.closed_at == 0);
    messages.extend(open.filter_map(|(_, task)| id_of(&task.message_id)));
    Ok(messages)
}

/// The first message of a thread, which may be known by its answers alone, and all others.
fn in_thread(rows: &Rows<'_>, thread: MessageId, messages: &mut Vec<MessageId>) -> Result<(), FoldError> {
    messages.push(thread);
    let lines = query::thread(rows, thread, MESSAGES_MAX)?;
    messages.extend(lines.iter().filter_map(|(_, line)| id_of(&line.message_id)));
    Ok(())
}

/// The records of one message: itself, what the broker said to it, its receipts.
fn said(rows: &Rows<'_>, id: MessageId, needed: &mut BTreeSet<Position>) -> Result<(), FoldError> {
    if let Some(row) = query::sent(rows, id)? {
        needed.extend([Position(row.position), Position(row.refused_at)]);
    }
    needed.extend(query::received(rows, id)?.map(|row| Position(row.position)));
    needed.extend(query::receipts(rows, id)?.into_iter().map(|filed| filed.at));
    Ok(())
}
