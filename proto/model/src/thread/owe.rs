//! How machines write down what a message makes somebody owe.

use std::time::Duration;

use super::{
    Ledger, Step,
    ledger::{Key, Start},
};
use crate::{
    deadline::DeadlineName,
    header::{Address, Header},
    ids::JurisdictionId,
    level::EventLevel,
    role::Role,
    time::Timestamp,
};

/// The jurisdictions that a header names one by one; who is reached by group or area is told by the broker's stamp, which
/// the agent puts in their place before a machine sees the message.
pub fn addressed(header: &Header) -> impl Iterator<Item = &JurisdictionId> {
    header.recipients.iter().filter_map(|address| match address {
        Address::Jurisdiction { id, .. } => Some(id),
        Address::Group(_) | Address::Area(_) => None,
    })
}

/// Whether somebody is among those whom a header reaches, as far as it tells.
pub fn reaches(header: &Header, who: &JurisdictionId) -> bool {
    let open = header.recipients.iter().any(|address| !matches!(address, Address::Jurisdiction { .. }));
    open || addressed(header).any(|id| id == who)
}

/// The column of the deadline tables for this message.
pub fn level(step: &Step<'_>) -> EventLevel {
    step.header.level().unwrap_or(EventLevel::L0)
}

/// What makes a deadline one.
pub fn key(name: DeadlineName, who: &JurisdictionId, subject: impl Into<String>) -> Key {
    Key { name, jurisdiction: who.clone(), subject: subject.into() }
}

/// From this message on the duty officer of `who` owes it within so long.
pub fn owe(step: &Step<'_>, ledger: &mut Ledger, key: Key, within: Duration) {
    ledger.start(until(step, key, step.at.plus(within)));
}

/// From this message on its duty officer owes it until then; other roles and other starts are said beside it.
pub fn until(step: &Step<'_>, key: Key, due_at: Timestamp) -> Start {
    Start { key, role: Role::DutyOfficer, cause: step.id(), starts_at: step.at, due_at }
}

/// The same by the table of the catalogue and the level of the message; an earlier time that its header asks for counts.
pub fn owe_reply(step: &Step<'_>, ledger: &mut Ledger, key: Key) {
    let Some(within) = key.name.within(level(step)) else { return };
    let asked = step.header.reply_by.map(|by| by.since(step.at));
    owe(step, ledger, key, asked.map_or(within, |asked| asked.min(within)));
}
