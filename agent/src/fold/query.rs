//! What desk and link ask of the rows.

use std::{collections::BTreeSet, time::Duration};

use model::{
    deadline::DeadlineName,
    header::Status,
    ids::{DocumentId, IncidentId, ItemId, JurisdictionId, MessageId},
    position::{EpochId, Position},
    precedence::Precedence,
    stage::Stage,
    thread::{AnyMachine, Matter, handover::Handover, incident::Incident},
    time::Timestamp,
};
use proto::record::{
    ActRow, CachedRow, CardRow, DeadActRow, EventRow, JudgedRow, LearnedRow, ListRow, MatterUsesRow, OrphanRow,
    OtherActRow, OutboxRow, PeerRow, ProgramRow, ReceiptRow, ReceivedRow, RuleRow, RulesRow, SentDeliveryRow, SentRow,
    TaskRow,
};
use store::{FoldError, Rows};

use super::{
    decode_row, id_of, keys,
    keys::{ActId, MatterKey},
    long,
    matters::{MatterState, read_matter},
};

/// How long a message waits for the one that it follows (the catalogue, of deliveries).
const FOLLOWS_WITHIN: Duration = Duration::from_mins(10);

/// A receipt and where it stands in the journal.
#[derive(Clone, Debug)]
pub struct Filed {
    /// What the row says.
    pub row: ReceiptRow,
    /// Its record.
    pub at: Position,
    /// Which one in it.
    pub index: u32,
}

/// A message of ours.
pub fn sent(rows: &Rows<'_>, id: MessageId) -> Result<Option<SentRow>, FoldError> {
    rows.get(&keys::sent(id))?.map(|bytes| decode_row(&bytes)).transpose()
}

/// A message from another.
pub fn received(rows: &Rows<'_>, id: MessageId) -> Result<Option<ReceivedRow>, FoldError> {
    rows.get(&keys::received(id))?.map(|bytes| decode_row(&bytes)).transpose()
}

/// Messages of ours that the broker accepted and that are not settled.
pub fn unsettled(rows: &Rows<'_>) -> Result<Vec<MessageId>, FoldError> {
    let mut ids = Vec::new();
    rows.each(&[keys::table::ACCEPTED], |key, _| {
        ids.extend(keys::accepted_parts(key).map(|(_, _, id)| id));
        Ok(())
    })?;
    ids.retain(|id| matches!(sent(rows, *id), Ok(Some(row)) if !row.settled));
    Ok(ids)
}

/// How far each recipient of a message of ours is.
pub fn deliveries(rows: &Rows<'_>, id: MessageId) -> Result<Vec<(JurisdictionId, SentDeliveryRow)>, FoldError> {
    let mut found = Vec::new();
    rows.each(&keys::sent_delivery_prefix(id), |key, value| {
        if let Some(recipient) = keys::sent_delivery_recipient(key) {
            found.push((recipient, decode_row(value)?));
        }
        Ok(())
    })?;
    Ok(found)
}

/// How far one recipient of a message of ours is.
pub fn delivery(
    rows: &Rows<'_>,
    id: MessageId,
    recipient: &JurisdictionId,
) -> Result<Option<SentDeliveryRow>, FoldError> {
    rows.get(&keys::sent_delivery(id, recipient))?.map(|bytes| decode_row(&bytes)).transpose()
}

/// Up to `limit` messages of one precedence that wait for the broker, in the order of their sequence, after `after`.
pub fn outbox(
    rows: &Rows<'_>,
    precedence: Precedence,
    after: Position,
    limit: usize,
) -> Result<Vec<(Position, OutboxRow)>, FoldError> {
    let from = keys::outbox(precedence, after.next());
    let found = rows.scan(&keys::outbox_prefix(precedence), &from, limit)?;
    let entry = |(key, value): (bytes::Bytes, bytes::Bytes)| Some((keys::outbox_position(&key)?, decode_row(&value)));
    found.into_iter().filter_map(entry).map(|(at, row)| row.map(|row| (at, row))).collect()
}

/// Up to `limit` lines of a list, newest first, before the cursor `before` (0: from the newest).
pub fn list(rows: &Rows<'_>, table: u8, before: u64, limit: usize) -> Result<Vec<(u64, ListRow)>, FoldError> {
    let from = if before == 0 { vec![table] } else { keys::listed(table, before.saturating_sub(1)) };
    lines(rows.scan(&[table], &from, limit)?)
}

/// The messages of a thread, oldest first.
pub fn thread(rows: &Rows<'_>, originating: MessageId, limit: usize) -> Result<Vec<(u64, ListRow)>, FoldError> {
    let prefix = keys::thread_prefix(originating);
    let found = rows.scan(&prefix, &prefix, limit)?;
    let entry = |(key, value): (bytes::Bytes, bytes::Bytes)| Some((keys::thread_cursor(&key)?, decode_row(&value)));
    found.into_iter().filter_map(entry).map(|(cursor, row)| row.map(|row| (cursor, row))).collect()
}

/// The threads of an incident, newest first.
pub fn incident(rows: &Rows<'_>, incident: &IncidentId, limit: usize) -> Result<Vec<(u64, ListRow)>, FoldError> {
    let prefix = keys::incident_prefix(incident);
    lines(rows.scan(&prefix, &prefix, limit)?)
}

/// The messages of a drill that came or went here, oldest first.
pub fn drill(rows: &Rows<'_>, drill: &MatterKey) -> Result<Vec<ListRow>, FoldError> {
    let mut found = Vec::new();
    rows.each(&keys::drill_prefix(drill), |_, value| {
        found.push(decode_row(value)?);
        Ok(())
    })?;
    Ok(found)
}

/// The first message of the thread that set the task with this id last.
pub fn item(rows: &Rows<'_>, id: &ItemId) -> Result<Option<MessageId>, FoldError> {
    let row: Option<ListRow> = rows.get(&keys::item(id))?.map(|bytes| decode_row(&bytes)).transpose()?;
    Ok(row.and_then(|row| id_of(&row.message_id)))
}

fn lines(found: Vec<(bytes::Bytes, bytes::Bytes)>) -> Result<Vec<(u64, ListRow)>, FoldError> {
    let entry = |(key, value): (bytes::Bytes, bytes::Bytes)| Some((keys::listed_cursor(&key)?, decode_row(&value)));
    found.into_iter().filter_map(entry).map(|(cursor, row)| row.map(|row| (cursor, row))).collect()
}

/// Every receipt about a message, in the order in which they were stored.
pub fn receipts(rows: &Rows<'_>, id: MessageId) -> Result<Vec<Filed>, FoldError> {
    let mut found = Vec::new();
    rows.each(&keys::receipt_prefix(id), |key, value| {
        if let Some((at, index)) = keys::receipt_place(key) {
            found.push(Filed { row: decode_row(value)?, at, index });
        }
        Ok(())
    })?;
    Ok(found)
}

/// Up to `limit` records with receipts of ours that the broker does not keep yet, after `after`.
pub fn to_keep(rows: &Rows<'_>, after: Position, limit: usize) -> Result<Vec<Position>, FoldError> {
    let found = rows.scan(&[keys::table::KEEP], &keys::keep(after.next()), limit)?;
    Ok(found.iter().filter_map(|(key, _)| keys::keep_position(key)).collect())
}

/// The epochs of the broker's journal that are known here.
pub fn epochs(rows: &Rows<'_>) -> Result<Vec<EpochId>, FoldError> {
    let mut found = Vec::new();
    rows.each(&[keys::table::EPOCH], |key, _| {
        found.extend(keys::epoch_id(key));
        Ok(())
    })?;
    Ok(found)
}

/// The copy of a document.
pub fn document(rows: &Rows<'_>, id: &DocumentId) -> Result<Option<CachedRow>, FoldError> {
    rows.get(&keys::document(id))?.map(|bytes| decode_row(&bytes)).transpose()
}

/// Every copy of a document whose id begins so.
pub fn documents(rows: &Rows<'_>, prefix: &str) -> Result<Vec<(String, CachedRow)>, FoldError> {
    let mut found = Vec::new();
    rows.each(&[keys::table::DOCUMENT], |key, value| {
        if let Some(id) = keys::document_id(key).filter(|id| id.starts_with(prefix)) {
            found.push((id.to_owned(), decode_row(value)?));
        }
        Ok(())
    })?;
    Ok(found)
}

/// What matters do to resources of ours, real ones and those of exercises.
pub fn uses(rows: &Rows<'_>) -> Result<Vec<(MatterKey, MatterUsesRow)>, FoldError> {
    let mut keys: Vec<MatterKey> = Vec::new();
    rows.each(&[keys::table::USES], |key, _| {
        keys.extend(keys::matter_in_row(key).filter(|key| keys.last() != Some(key)));
        Ok(())
    })?;
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let row = long::get(rows, &keys::uses(&key))?.map(|bytes| decode_row(&bytes)).transpose()?;
        found.extend(row.map(|row| (key, row)));
    }
    Ok(found)
}

/// Real handovers of the chair, in no order.
pub fn handovers(rows: &Rows<'_>) -> Result<Vec<Handover>, FoldError> {
    let mut keys: Vec<MatterKey> = Vec::new();
    rows.each(&[keys::table::CHAIR], |key, _| {
        keys.extend(keys::matter_in_row(key));
        Ok(())
    })?;
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        if let Some(AnyMachine::Handover(handover)) =
            read_matter(rows, &key)?.and_then(|state| state.thread).map(|thread| thread.machine)
        {
            found.push(handover);
        }
    }
    Ok(found)
}

/// Every matter in which something is owed, or every matter there is.
pub fn matters(rows: &Rows<'_>, owed: bool) -> Result<Vec<(MatterKey, MatterState)>, FoldError> {
    let mut keys = Vec::new();
    let table = if owed { keys::table::WAKE } else { keys::table::MATTER };
    rows.each(&[table], |key, _| {
        let key = if owed { keys::wake_parts(key).map(|(_, key)| key) } else { keys::matter_in_row(key) };
        if let Some(key) = key.filter(|key| keys.last() != Some(key)) {
            keys.push(key);
        }
        Ok(())
    })?;
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        found.extend(read_matter(rows, &key)?.map(|state| (key, state)));
    }
    Ok(found)
}

/// The threads in which an incident is reported, one a status.
pub fn reports(rows: &Rows<'_>, incident: &IncidentId) -> Result<Vec<(MatterKey, MatterState)>, FoldError> {
    let mut found = matters_of(rows, incident)?;
    found.retain(|(_, state)| report(state).is_some());
    Ok(found)
}

/// The matters of an incident in which somebody counts people: its reports and the situation reports, oldest first.
pub fn counted(rows: &Rows<'_>, incident: &IncidentId) -> Result<Vec<(MatterKey, MatterState)>, FoldError> {
    let mut found = matters_of(rows, incident)?;
    found.retain(|(_, state)| {
        let machine = state.thread.as_ref().map(|thread| &thread.machine);
        matches!(machine, Some(AnyMachine::Incident(_) | AnyMachine::Situation(_)))
    });
    found.reverse();
    Ok(found)
}

/// The matters whose messages stand in an incident, the newest first.
fn matters_of(rows: &Rows<'_>, incident: &IncidentId) -> Result<Vec<(MatterKey, MatterState)>, FoldError> {
    let mut found = Vec::new();
    for (_, row) in self::incident(rows, incident, usize::MAX)? {
        let Some(thread) = id_of(&row.message_id) else { continue };
        let key = keys::matter(&Matter::Thread(thread));
        let state = read_matter(rows, &key)?.filter(|state| state.incident.as_ref() == Some(incident));
        found.extend(state.map(|state| (key, state)));
    }
    Ok(found)
}

fn report(state: &MatterState) -> Option<&Incident> {
    match state.thread.as_ref().map(|thread| &thread.machine) {
        Some(AnyMachine::Incident(incident)) => Some(incident),
        Some(_) | None => None,
    }
}

/// Real incidents of this author in which something goes on, as far as they are known here.
pub fn open_incidents(rows: &Rows<'_>, author: &JurisdictionId) -> Result<Vec<IncidentId>, FoldError> {
    let (learned, all): (Vec<_>, BTreeSet<_>) = (learned(rows)?, incidents_of(rows, author)?.into_iter().collect());
    let mut open = Vec::new();
    for id in all {
        let unreported = learned.iter().any(|(learned, row)| *learned == id && !row.reported);
        let goes_on =
            |state: &MatterState| state.status == Status::Actual && report(state).is_some_and(Incident::is_ongoing);
        if unreported || reports(rows, &id)?.iter().any(|(_, state)| goes_on(state)) {
            open.push(id);
        }
    }
    Ok(open)
}

/// The first time at which a deadline reaches a rung, and in which matter.
pub fn first_wake(rows: &Rows<'_>) -> Result<Option<(Timestamp, MatterKey)>, FoldError> {
    let table = [keys::table::WAKE];
    Ok(rows.scan(&table, &table, 1)?.first().and_then(|(key, _)| keys::wake_parts(key)))
}

/// A task.
pub fn task(rows: &Rows<'_>, id: &[u8; 16]) -> Result<Option<TaskRow>, FoldError> {
    rows.get(&keys::task(id))?.map(|bytes| decode_row(&bytes)).transpose()
}

/// Every task.
pub fn tasks(rows: &Rows<'_>) -> Result<Vec<([u8; 16], TaskRow)>, FoldError> {
    let mut found = Vec::new();
    rows.each(&[keys::table::TASK], |key, value| {
        if let Some(id) = key.get(1..).and_then(|id| id.try_into().ok()) {
            found.push((id, decode_row(value)?));
        }
        Ok(())
    })?;
    Ok(found)
}

/// How one jurisdiction kept one deadline.
pub type Card = ((JurisdictionId, DeadlineName), CardRow);

/// How deadlines were kept.
pub fn cards(rows: &Rows<'_>) -> Result<Vec<Card>, FoldError> {
    let mut found = Vec::new();
    rows.each(&[keys::table::CARD], |key, value| {
        if let Some(parts) = keys::card_parts(key) {
            found.push((parts, decode_row(value)?));
        }
        Ok(())
    })?;
    Ok(found)
}

/// What the rules said to a message.
pub fn judged(rows: &Rows<'_>, id: MessageId) -> Result<Option<JudgedRow>, FoldError> {
    rows.get(&keys::judged(id))?.map(|bytes| decode_row(&bytes)).transpose()
}

/// What people did with a message after somebody else had, stage by stage.
pub fn other_acts(rows: &Rows<'_>, id: MessageId) -> Result<Vec<(Stage, OtherActRow)>, FoldError> {
    let mut found = Vec::new();
    rows.each(&keys::other_act_prefix(id), |key, value| {
        if let Some(stage) = keys::other_act_stage(key) {
            found.push((stage, decode_row(value)?));
        }
        Ok(())
    })?;
    Ok(found)
}

/// Whether its matter took a message as a step: it was lawful, and waits for nothing.
pub fn has_stepped(rows: &Rows<'_>, id: MessageId) -> Result<bool, FoldError> {
    Ok(judged(rows, id)?.is_none_or(|judged| judged.reason.is_empty() && !judged.orphan))
}

/// Whether a message has come and been judged: it was sent or received here, and waits for none itself.
pub fn has_come(rows: &Rows<'_>, id: MessageId) -> Result<bool, FoldError> {
    let is_here = rows.get(&keys::sent(id))?.is_some() || rows.get(&keys::received(id))?.is_some();
    Ok(is_here && !judged(rows, id)?.is_some_and(|judged| judged.orphan))
}

/// Messages that need wait no longer at `now`: true where what they waited for is here, false where it has not come in time.
pub fn followers(rows: &Rows<'_>, now: Timestamp) -> Result<Vec<(OrphanRow, bool)>, FoldError> {
    let mut waiting = Vec::new();
    rows.each(&[keys::table::ORPHAN], |key, value| {
        waiting.extend(keys::orphan_matter(key).map(|matter| (matter, decode_row::<OrphanRow>(value))));
        Ok(())
    })?;
    let mut found = Vec::new();
    for (matter, row) in waiting {
        let row = row?;
        let may_step = match id_of(&row.awaits) {
            Some(before) => has_come(rows, before)?,
            None => long::exists(rows, &keys::matter_row(&matter))?,
        };
        if may_step || now.since(Timestamp::from_millis(row.at)) >= FOLLOWS_WITHIN {
            found.push((row, may_step));
        }
    }
    Ok(found)
}

/// Up to `limit` unlawful steps whose senders are not told yet, but for those that `skip` knows.
pub fn objections(rows: &Rows<'_>, skip: &BTreeSet<MessageId>, limit: usize) -> Result<Vec<MessageId>, FoldError> {
    let mut found = Vec::new();
    rows.each(&[keys::table::OBJECTION], |key, _| {
        let id = keys::objection_id(key).filter(|id| found.len() < limit && !skip.contains(id));
        found.extend(id);
        Ok(())
    })?;
    Ok(found)
}

/// A neighbour as the broker last told.
pub fn peer(rows: &Rows<'_>, jurisdiction: &JurisdictionId) -> Result<Option<PeerRow>, FoldError> {
    rows.get(&keys::peer(jurisdiction))?.map(|bytes| decode_row(&bytes)).transpose()
}

/// Whether a grave message of ours waits for anybody.
pub fn any_grave(rows: &Rows<'_>) -> Result<bool, FoldError> {
    let table = [keys::table::GRAVE];
    Ok(!rows.scan(&table, &table, 1)?.is_empty())
}

/// Incidents that were learned of here.
pub fn learned(rows: &Rows<'_>) -> Result<Vec<(IncidentId, LearnedRow)>, FoldError> {
    let mut found = Vec::new();
    rows.each(&[keys::table::LEARNED], |key, value| {
        if let Some(incident) = keys::learned_incident(key) {
            found.push((incident, decode_row(value)?));
        }
        Ok(())
    })?;
    Ok(found)
}

/// Ids of incidents that `author` minted, as far as they are known here.
pub fn incidents_of(rows: &Rows<'_>, author: &JurisdictionId) -> Result<Vec<IncidentId>, FoldError> {
    let mut found = Vec::new();
    for table in [keys::table::LEARNED, keys::table::INCIDENT_LIST] {
        rows.each(&[table], |key, _| {
            found.extend(keys::learned_incident(key.get(..49).unwrap_or(key)).filter(|id| id.jurisdiction() == author));
            Ok(())
        })?;
    }
    Ok(found)
}

/// How far rules have looked; none while no rules are in force.
pub fn rules(rows: &Rows<'_>) -> Result<RulesRow, FoldError> {
    Ok(rows.get(&keys::rules())?.map(|bytes| decode_row(&bytes)).transpose()?.unwrap_or_default())
}

/// How a rule does.
pub fn rule(rows: &Rows<'_>, name: &str) -> Result<RuleRow, FoldError> {
    Ok(rows.get(&keys::rule(name))?.map(|bytes| decode_row(&bytes)).transpose()?.unwrap_or_default())
}

/// How a program beside this agent does; nothing yet where it has no row.
pub fn program(rows: &Rows<'_>, name: &str) -> Result<ProgramRow, FoldError> {
    Ok(rows.get(&keys::program(name))?.map(|bytes| decode_row(&bytes)).transpose()?.unwrap_or_default())
}

/// The message that an event of a program was made.
pub fn event(rows: &Rows<'_>, source: &str, id: &str) -> Result<Option<EventRow>, FoldError> {
    rows.get(&keys::event(source, id))?.map(|bytes| decode_row(&bytes)).transpose()
}

/// The first act of every lane: what comes behind it waits for it.
pub fn acts(rows: &Rows<'_>) -> Result<Vec<(ActId, ActRow)>, FoldError> {
    let table = [keys::table::ACT];
    let (mut found, mut from) = (Vec::new(), table.to_vec());
    while let Some((key, value)) = rows.scan(&table, &from, 1)?.pop() {
        let Some(id) = keys::act_in(&key) else { break };
        found.push((id, decode_row(&value)?));
        from = keys::behind_lane(&keys::act_lane(&id));
    }
    Ok(found)
}

/// How many acts are owed.
pub fn acts_owed(rows: &Rows<'_>) -> Result<u64, FoldError> {
    let mut owed = 0;
    rows.each(&[keys::table::ACT], |_, _| {
        owed += 1;
        Ok(())
    })?;
    Ok(owed)
}

/// Acts that were given up or held, newest first.
pub fn dead_acts(rows: &Rows<'_>) -> Result<Vec<DeadActRow>, FoldError> {
    let mut found = Vec::new();
    rows.each(&[keys::table::DEAD_ACT], |_, value| {
        found.push(decode_row(value)?);
        Ok(())
    })?;
    Ok(found)
}
