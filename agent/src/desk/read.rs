//! Lists, single messages, threads, traces.

use model::{
    ids::{IncidentId, MessageId},
    invalid::Invalid,
    kind::Kind,
    position::Position,
    reason::Reason,
    stage::Stage,
    status::Status,
};
use prost::Message as _;
use proto::{
    border,
    record::{Received, ReceivedRow, SentRow, kind},
    rules,
    status::Lang,
    v1,
};

use super::{Desk, LIST_MAX, decode, limit_of, rows, unknown};
use crate::fold::{keys, query};

/// Entries of a list when nobody says how many.
const LIST_DEFAULT: usize = 50;

impl Desk {
    /// The envelope of a message that was sent or received here, and whether it is ours.
    pub fn envelope(&self, id: MessageId) -> Result<Option<(v1::Envelope, bool)>, Invalid> {
        let (sent, received) = self.engine.read(|_, found| (query::sent(found, id), query::received(found, id)));
        if let Some(row) = sent.map_err(rows)? {
            return Ok(Some((self.own_envelope(Position(row.position))?, true)));
        }
        match received.map_err(rows)? {
            Some(row) => Ok(Some((self.delivery(&row)?.envelope.unwrap_or_default(), false))),
            None => Ok(None),
        }
    }

    /// A message with the broker's stamp, where that is known.
    pub(crate) fn stamped(&self, id: MessageId) -> Result<(v1::Envelope, Option<v1::Stamp>), Invalid> {
        match self.engine.read(|_, found| query::received(found, id)).map_err(rows)? {
            Some(row) => {
                let delivery = self.delivery(&row)?;
                Ok((delivery.envelope.unwrap_or_default(), delivery.stamp))
            }
            None => Ok((self.envelope(id)?.map(|(envelope, _)| envelope).unwrap_or_default(), self.own_stamp(id)?)),
        }
    }

    fn delivery(&self, row: &ReceivedRow) -> Result<proto::record::Delivered, Invalid> {
        let record: Received = self.record(Position(row.position), kind::RECEIVED)?;
        record
            .deliveries
            .into_iter()
            .nth(row.index as usize)
            .ok_or_else(|| super::internal(&"a delivery is not where its row says"))
    }

    /// A page of what was received or sent, newest first. TEST is shown only when it is asked for.
    pub fn inbox(&self, ask: &v1::InboxRequest) -> Result<v1::InboxResponse, Invalid> {
        let limit = limit_of(ask.limit, LIST_DEFAULT);
        let table = match (ask.sent, ask.unopened) {
            (true, _) => keys::table::SENT_LIST,
            (false, true) => keys::table::UNOPENED,
            (false, false) => keys::table::INBOX,
        };
        let (mut messages, mut before) = (Vec::new(), ask.before);
        loop {
            let lines = self.engine.read(|_, found| query::list(found, table, before, limit)).map_err(rows)?;
            let full = lines.len() == limit;
            for (cursor, line) in lines {
                before = cursor;
                let Some(id) = crate::fold::id_of(&line.message_id) else { continue };
                let summary = self.summary(id)?;
                if is_gone(&summary) {
                    return Ok(v1::InboxResponse { messages, next: 0 }); // so has everything before it
                }
                if wanted(&summary, ask.status) {
                    messages.push(summary);
                }
                if messages.len() == limit {
                    return Ok(v1::InboxResponse { messages, next: before });
                }
            }
            if !full {
                return Ok(v1::InboxResponse { messages, next: 0 });
            }
        }
    }

    /// One line about a message.
    pub fn summary(&self, id: MessageId) -> Result<v1::MessageSummary, Invalid> {
        let (sent, received) = self.engine.read(|_, found| (query::sent(found, id), query::received(found, id)));
        let summary = match (sent.map_err(rows)?, received.map_err(rows)?) {
            (Some(row), _) => self.sent_summary(id, &row),
            (None, Some(row)) => self.received_summary(id, &row),
            (None, None) => Err(unknown(id)),
        }?;
        Ok(v1::MessageSummary { judgement: self.judgement(id)?, ..summary })
    }

    fn sent_summary(&self, id: MessageId, row: &SentRow) -> Result<v1::MessageSummary, Invalid> {
        let headed = left_or_headed(id, self.own_envelope(Position(row.position)))?;
        let deliveries = self.engine.read(|_, found| query::deliveries(found, id)).map_err(rows)?;
        let states = deliveries.into_iter().map(|(recipient, delivery)| v1::DeliveryState {
            jurisdiction: recipient.to_string(),
            r#as: signed(delivery.r#as),
            stage: signed(delivery.stage),
            ..v1::DeliveryState::default()
        });
        Ok(v1::MessageSummary {
            at: Some(border::time::to_wire(model::time::Timestamp::from_millis(row.at))),
            states: states.collect(),
            cursor: keys::cursor(Position(row.position), 0),
            recalled: row.recalled,
            accepted: !row.accepted_epoch.is_empty(),
            refusal: self.refusal(Position(row.refused_at))?,
            ..headed
        })
    }

    fn received_summary(&self, id: MessageId, row: &ReceivedRow) -> Result<v1::MessageSummary, Invalid> {
        let delivered = self.delivery(row).map(|delivered| delivered.envelope.unwrap_or_default());
        let headed = left_or_headed(id, delivered)?;
        let state = v1::DeliveryState {
            jurisdiction: self.names.jurisdiction().to_string(),
            r#as: signed(row.r#as),
            stage: signed(row.stage),
            ..v1::DeliveryState::default()
        };
        Ok(v1::MessageSummary {
            at: Some(border::time::to_wire(model::time::Timestamp::from_millis(row.at))),
            states: vec![state],
            cursor: row.cursor,
            recalled: row.recalled,
            ..headed
        })
    }

    /// The whole of a message with its receipts. Nobody counts as having opened it.
    pub fn show(&self, id: MessageId) -> Result<v1::ShowResponse, Invalid> {
        let summary = self.summary(id)?;
        let (envelope, stamp) = self.stamped(id)?;
        let content = v1::Content::decode(envelope.content.clone()).map_err(|error| super::internal(&error))?;
        let receipts = self.receipts(id)?;
        Ok(v1::ShowResponse {
            summary: Some(summary),
            content: Some(content),
            envelope: Some(envelope),
            stamp,
            receipts,
            others: self.others(id)?,
            withheld: false,
        })
    }

    /// Every receipt about a message that is known here.
    pub fn receipts(&self, id: MessageId) -> Result<Vec<v1::Receipt>, Invalid> {
        let filed = self.engine.read(|_, found| query::receipts(found, id)).map_err(rows)?;
        filed.into_iter().map(|filed| self.receipt(filed.at, filed.index)).collect()
    }

    /// The broker's stamp of a message of ours stands in its ACCEPTED receipt.
    fn own_stamp(&self, id: MessageId) -> Result<Option<v1::Stamp>, Invalid> {
        let Some(row) = self.engine.read(|_, found| query::sent(found, id)).map_err(rows)? else { return Ok(None) };
        if row.accepted_at == 0 {
            return Ok(None);
        }
        let receipt = self.receipt(Position(row.accepted_at), row.accepted_index)?;
        let statement = v1::ReceiptStatement::decode(receipt.statement).map_err(|error| super::internal(&error))?;
        Ok(statement.stamp)
    }

    /// Threads, newest first, or the messages of one, oldest first.
    pub fn threads(&self, ask: &v1::ThreadsRequest) -> Result<v1::ThreadsResponse, Invalid> {
        let limit = limit_of(ask.limit, LIST_DEFAULT);
        if let Ok(thread) = ask.originating_message_id.as_ref().try_into().map(MessageId) {
            let lines = self.engine.read(|_, found| query::thread(found, thread, LIST_MAX)).map_err(rows)?;
            return self.summaries(lines.into_iter().map(|(_, line)| line.message_id));
        }
        let heads = if ask.incident_id.is_empty() {
            self.engine.read(|_, found| query::list(found, keys::table::THREAD_LIST, 0, limit)).map_err(rows)?
        } else {
            let incident: IncidentId =
                ask.incident_id.parse().map_err(|invalid: Invalid| invalid.within("incident_id"))?;
            self.engine.read(|_, found| query::incident(found, &incident, limit)).map_err(rows)?
        };
        let newest = heads.into_iter().filter_map(|(_, head)| self.newest_of(&head.message_id).transpose());
        self.summaries(newest.collect::<Result<Vec<_>, _>>()?)
    }

    /// The newest message of a thread.
    fn newest_of(&self, thread: &[u8]) -> Result<Option<bytes::Bytes>, Invalid> {
        let Ok(thread) = thread.try_into().map(MessageId) else { return Ok(None) };
        let lines = self.engine.read(|_, found| query::thread(found, thread, LIST_MAX)).map_err(rows)?;
        Ok(lines.into_iter().next_back().map(|(_, line)| line.message_id))
    }

    fn summaries(&self, ids: impl IntoIterator<Item = bytes::Bytes>) -> Result<v1::ThreadsResponse, Invalid> {
        let ids = ids.into_iter().filter_map(|id| crate::fold::id_of(&id));
        let messages = ids.map(|id| self.summary(id)).collect::<Result<_, _>>()?;
        Ok(v1::ThreadsResponse { messages })
    }

    /// The way of a message, in the order of time: what is known here and, with the link up, at the broker.
    pub async fn trace(&self, id: MessageId) -> Result<v1::DeskTraceResponse, Invalid> {
        let mut receipts = match self.summary(id) {
            Ok(_) => self.receipts(id)?,
            Err(invalid) => {
                // the broker may know what we do not
                if self.link.channel().is_none() {
                    return Err(invalid);
                }
                Vec::new()
            }
        };
        let asked = self.link.trace(id).await;
        // a broker that does not know the message has told all it knows
        let from_broker = asked.as_ref().map_or_else(|invalid| invalid.reason == Reason::NotFound, |_| true);
        for receipt in asked.map(|answer| answer.receipts).unwrap_or_default() {
            if receipts.iter().all(|known| known.statement != receipt.statement) {
                receipts.push(receipt);
            }
        }
        let mut steps: Vec<v1::TraceStep> = self.own_step(id)?.into_iter().chain(self.refused_step(id)?).collect();
        steps.extend(receipts.into_iter().filter_map(|receipt| self.step(receipt)));
        steps.sort_by_key(|step| step.at.map_or((0, 0), |at| (at.seconds, at.nanos)));
        Ok(v1::DeskTraceResponse { steps, from_broker })
    }

    /// That we queued it is no receipt, but a step.
    fn own_step(&self, id: MessageId) -> Result<Option<v1::TraceStep>, Invalid> {
        let row = self.engine.read(|_, found| query::sent(found, id)).map_err(rows)?;
        Ok(row.map(|row| v1::TraceStep {
            at: Some(border::time::to_wire(model::time::Timestamp::from_millis(row.at))),
            place: self.names.agent.to_string(),
            text_zh: "已签名并写入本地发件箱".to_owned(),
            text_en: "sealed and durable in the local outbox".to_owned(),
            verified: true,
            ..v1::TraceStep::default()
        }))
    }

    /// That the broker refused it is no receipt either: nothing was stored there.
    fn refused_step(&self, id: MessageId) -> Result<Option<v1::TraceStep>, Invalid> {
        let row = self.engine.read(|_, found| query::sent(found, id)).map_err(rows)?;
        let Some(at) = row.map(|row| Position(row.refused_at)).filter(|at| *at != Position::START) else {
            return Ok(None);
        };
        let (time, refusal) = (self.raw(at)?.at, self.refusal(at)?.unwrap_or_default());
        Ok(Some(v1::TraceStep {
            at: Some(border::time::to_wire(time)),
            place: "broker".to_owned(),
            stage: Stage::Refused.number(),
            text_zh: refusal.text_zh,
            text_en: refusal.text_en,
            ..v1::TraceStep::default()
        }))
    }

    fn step(&self, receipt: v1::Receipt) -> Option<v1::TraceStep> {
        let statement = v1::ReceiptStatement::decode(receipt.statement.clone()).ok()?;
        let stage = Stage::from_number(statement.stage)?;
        let verified = self.trust.verify_receipt(&receipt).is_ok();
        Some(v1::TraceStep {
            at: statement.at,
            place: statement.by,
            stage: statement.stage,
            recipient: statement.recipient,
            officer: statement.officer,
            text_zh: [stage.zh(), &statement.note].join(" ").trim().to_owned(),
            text_en: [stage.name(), &statement.note].join(" ").trim().to_owned(),
            receipt: Some(receipt),
            verified,
        })
    }
}

fn wanted(summary: &v1::MessageSummary, status: i32) -> bool {
    let is = summary.header.as_ref().map_or(0, |header| header.status);
    if status == 0 { is != Status::Test.number() } else { is == status }
}

/// A summary with what the envelope itself says.
/// In place of the title of what is older than is kept.
const LEFT_TITLE: &str = "超过留存期限 / older than is kept";

/// Whether this stands for a message that has left: what anybody sends is of some kind.
fn is_gone(summary: &v1::MessageSummary) -> bool {
    summary.header.as_ref().is_none_or(|header| header.kind == 0)
}

/// What is known of a message whose envelope has left: that it was there, and what became of it.
fn left_or_headed(id: MessageId, envelope: Result<v1::Envelope, Invalid>) -> Result<v1::MessageSummary, Invalid> {
    match envelope {
        Err(invalid) if super::has_left(&invalid) => {
            let header = v1::Header { message_id: id.0.to_vec().into(), ..v1::Header::default() };
            Ok(v1::MessageSummary {
                header: Some(header),
                title: LEFT_TITLE.to_owned(),
                ..v1::MessageSummary::default()
            })
        }
        envelope => headed(&envelope?),
    }
}

pub(crate) fn headed(envelope: &v1::Envelope) -> Result<v1::MessageSummary, Invalid> {
    let parts = border::parts(&envelope.content)?;
    let header = v1::Header::decode(parts.header).map_err(|error| super::internal(&error))?;
    let title = title(&header, &parts.body);
    Ok(v1::MessageSummary { header: Some(header), title, ..v1::MessageSummary::default() })
}

/// What people see in a list, in the message's language.
fn title(header: &v1::Header, body: &bytes::Bytes) -> String {
    let lang = Lang::from_tag(&header.language);
    let withheld = Kind::DrillPlan.number() == header.kind;
    // who plays may not read the plan of a drill, nor a line of it
    if withheld { plan_title(header, lang) } else { rules::title(body, lang) }
}

fn plan_title(header: &v1::Header, lang: Lang) -> String {
    let info = rules::kinds().iter().find(|info| info.kind == Kind::DrillPlan);
    let name = info.map_or("", |info| if lang == Lang::Zh { &info.zh } else { &info.en });
    let drill = header.drill.as_ref().map_or("", |drill| &drill.drill_id);
    format!("{name} {drill}").trim_end().to_owned()
}

fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(0)
}

/// The decoded record, for the events of the desk.
pub(super) fn of<M: prost::Message + Default>(record: &journal::Record) -> Result<M, Invalid> {
    decode(record)
}
