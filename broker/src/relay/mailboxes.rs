//! Mailboxes as operators see them: depths, the first entries, dead letters, and their second life. No bodies.

use std::collections::BTreeSet;

use journal::{Lane, Record};
use model::{
    ids::{JurisdictionId, MessageId},
    precedence::Precedence,
    time::Timestamp,
};
use prost::Message as _;
use proto::{
    border,
    record::{AdminAct, DeadRow, WaitingRow, kind},
    v1,
};
use store::{AppendError, FoldError, Rows};

use super::{
    Relay,
    fold::{Counts, decode_row, keys, keys::WaitingKey},
};

impl Relay {
    /// Depth and oldest age of every member's mailbox.
    pub fn mailboxes(&self) -> Result<Vec<v1::Mailbox>, FoldError> {
        let now = self.clock.now();
        let members = self.trust.view().members();
        self.engine.read(|fold, rows| {
            let mut all: BTreeSet<JurisdictionId> = members.into_iter().collect();
            all.extend(fold.state().mailboxes().map(|(mailbox, _)| mailbox.clone()));
            all.iter().map(|mailbox| self.mailbox(mailbox, fold.state(), rows, now)).collect()
        })
    }

    /// How members kept the deadlines that are run here, by member; of one of them, or of all.
    pub fn cards(&self, of: Option<&JurisdictionId>) -> Result<Vec<v1::MemberCard>, FoldError> {
        let cards = self.engine.read(|_, rows| super::fold::cards(rows))?;
        let shown = |((who, name), row): super::fold::MemberCard| v1::MemberCard {
            jurisdiction: who.to_string(),
            deadline: name.name().to_owned(),
            text_zh: name.zh().to_owned(),
            on_time: row.on_time,
            late: row.late,
            missing: row.missing,
        };
        Ok(cards.into_iter().filter(|((who, _), _)| of.is_none_or(|of| of == who)).map(shown).collect())
    }

    fn mailbox(
        &self,
        mailbox: &JurisdictionId,
        state: &super::fold::State,
        rows: &Rows<'_>,
        now: Timestamp,
    ) -> Result<v1::Mailbox, FoldError> {
        let mut depths: Vec<v1::MailboxDepth> = Vec::new();
        for precedence in Precedence::ALL {
            let classes = state.mailbox(mailbox).into_iter().flatten().filter(|((of, _), _)| of == precedence);
            let mut depth = v1::MailboxDepth { precedence: precedence.number(), ..v1::MailboxDepth::default() };
            let mut oldest: Option<Timestamp> = None;
            for ((_, exercise), counts) in classes {
                depth.deliveries += counts.deliveries;
                depth.bytes += counts.bytes;
                let first = oldest_of(mailbox, *precedence, *exercise, counts, rows)?;
                oldest = [oldest, first].into_iter().flatten().min();
            }
            if depth.deliveries > 0 {
                depth.oldest = oldest.map(|since| border::time::duration(now.since(since)));
                depths.push(depth);
            }
        }
        Ok(v1::Mailbox {
            jurisdiction: mailbox.to_string(),
            linked: self.sessions.of(mailbox).is_some(),
            depths,
            dead: state.dead(mailbox),
        })
    }

    /// The first entries of a mailbox, or its dead letters.
    pub fn peek(&self, mailbox: &JurisdictionId, dead: bool, limit: usize) -> Result<Vec<v1::PeekEntry>, FoldError> {
        let limit = if limit == 0 { 20 } else { limit.min(256) };
        self.engine.read(
            |_, rows| {
                if dead { peek_dead(rows, mailbox, limit) } else { peek_waiting(rows, mailbox, limit) }
            },
        )
    }

    /// Gives dead letters a second life; how many. Empty `ids` means all of them.
    pub async fn redrive(
        &self,
        operator: &str,
        mailbox: &JurisdictionId,
        ids: Vec<MessageId>,
        reason: &str,
    ) -> Result<u64, RedriveError> {
        let prefix = keys::dead_prefix(mailbox);
        let mut dead: Vec<MessageId> = Vec::new();
        self.engine.read(|_, rows| {
            rows.each(&prefix, |key, _| {
                let id = key.get(prefix.len()..).and_then(|id| id.try_into().ok()).map(MessageId);
                dead.extend(id.filter(|id| ids.is_empty() || ids.contains(id)));
                Ok(())
            })
        })?;
        let now = self.clock.now();
        let records: Vec<Record> = dead
            .iter()
            .map(|id| {
                let act = AdminAct {
                    operator: operator.to_owned(),
                    act: "redrive".to_owned(),
                    jurisdiction: mailbox.to_string(),
                    message_id: id.0.to_vec().into(),
                    reason: reason.to_owned(),
                };
                Record::new(kind::ADMIN_ACT, now, act.encode_to_vec())
            })
            .collect();
        for batch in records.chunks(128) {
            self.engine.append(batch.to_vec(), Lane::Settling).await?;
        }
        Ok(dead.len() as u64)
    }
}

/// Why a redrive did not happen.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// The rows could not be read.
    #[error("store")]
    Fold(#[from] FoldError),
    /// The act could not be journalled.
    #[error("journal")]
    Append(#[from] AppendError),
}

fn oldest_of(
    mailbox: &JurisdictionId,
    precedence: Precedence,
    exercise: bool,
    counts: &Counts,
    rows: &Rows<'_>,
) -> Result<Option<Timestamp>, FoldError> {
    let mut oldest = None;
    for origin in counts.origins.keys() {
        let prefix = keys::origin_prefix(mailbox, precedence, exercise, origin);
        if let Some((_, value)) = rows.scan(&prefix, &prefix, 1)?.first() {
            let since = Timestamp::from_millis(decode_row::<WaitingRow>(value.clone())?.since);
            oldest = [oldest, Some(since)].into_iter().flatten().min();
        }
    }
    Ok(oldest)
}

fn peek_waiting(rows: &Rows<'_>, mailbox: &JurisdictionId, limit: usize) -> Result<Vec<v1::PeekEntry>, FoldError> {
    let prefix = keys::mailbox_prefix(mailbox);
    let mut entries = Vec::new();
    for (key, value) in rows.scan(&prefix, &prefix, limit)? {
        let (Some(key), waiting) = (WaitingKey::decode(&key), decode_row::<WaitingRow>(value)?) else { continue };
        let mut entry = entry(rows, mailbox, &waiting.message_id)?;
        entry.precedence = key.precedence.number();
        entries.push(entry);
    }
    Ok(entries)
}

fn peek_dead(rows: &Rows<'_>, mailbox: &JurisdictionId, limit: usize) -> Result<Vec<v1::PeekEntry>, FoldError> {
    let prefix = keys::dead_prefix(mailbox);
    let found = rows.scan(&prefix, &prefix, limit)?;
    found
        .iter()
        .map(|(_, value)| {
            let dead: DeadRow = decode_row(value.clone())?;
            Ok(v1::PeekEntry { reason: dead.reason, ..entry(rows, mailbox, &dead.message_id)? })
        })
        .collect()
}

fn entry(rows: &Rows<'_>, mailbox: &JurisdictionId, message_id: &bytes::Bytes) -> Result<v1::PeekEntry, FoldError> {
    let id = message_id.as_ref().try_into().map_or(MessageId([0; 16]), MessageId);
    let row = super::fold::message(rows, id)?.map(|(row, _open)| row).unwrap_or_default();
    let mine = row.deliveries.iter().find(|delivery| delivery.jurisdiction == mailbox.as_str());
    Ok(v1::PeekEntry {
        message_id: message_id.clone(),
        kind: number(row.kind),
        precedence: number(row.carried_as),
        accepted_at: Some(border::time::to_wire(Timestamp::from_millis(row.accepted_at))),
        expires_at: Some(border::time::to_wire(Timestamp::from_millis(row.expires_at))),
        bytes: row.bytes,
        failed_tries: mine.map_or(0, |delivery| delivery.failed),
        status: number(row.status),
        sender: row.sender,
        reason: String::new(),
    })
}

fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(0)
}
