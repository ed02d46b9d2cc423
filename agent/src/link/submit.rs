//! From the outbox to the broker: FLASH first, within a precedence by sequence, within the broker's credit; and what the
//! broker answers.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use journal::{Lane, Record};
use model::{
    ids::MessageId,
    invalid::Invalid,
    position::Position,
    precedence::{PerPrecedence, Precedence},
    reason::Reason,
};
use prost::Message as _;
use proto::{
    border,
    record::{BrokerAccepted, BrokerRefused, OutboxRow, kind},
    v1::{self, session_request::Frame as Tell},
};
use tokio::time::Instant;

use super::session::{Amount, Session, Work};
use crate::{
    desk::rows,
    fold::{id_of, query},
    message,
    outbox::not_stored,
};

/// Envelopes of one frame.
const FRAME_ENVELOPES: usize = 64;
/// Bytes of content of one frame, unless a single envelope is longer.
const FRAME_BYTES: u64 = 64 * 1024;
/// When the broker does not say when to come back.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How far this session has come with the outbox.
#[derive(Debug)]
pub(super) struct Submitting {
    lanes: PerPrecedence<Lane4>,
    in_flight: BTreeMap<MessageId, (Precedence, Position)>,
}

/// One precedence.
#[derive(Clone, Copy, Debug, Default)]
struct Lane4 {
    /// Everything up to here was sent in this session.
    sent: Position,
    allowed: Amount,
    used: Amount,
    /// The broker asked for a pause.
    halted_until: Option<Instant>,
}

impl Submitting {
    pub fn new(credit: Option<&v1::Credit>) -> Self {
        let mut new = Self { lanes: PerPrecedence::from_fn(|_| Lane4::default()), in_flight: BTreeMap::new() };
        if let Some(credit) = credit {
            new.credit(credit);
        }
        new
    }

    /// Totals never fall; a late frame changes nothing.
    pub fn credit(&mut self, credit: &v1::Credit) {
        for line in &credit.lines {
            if let Some(precedence) = Precedence::from_number(line.precedence) {
                let allowed = &mut self.lanes.get_mut(precedence).allowed;
                allowed.bytes = allowed.bytes.max(line.bytes);
                allowed.envelopes = allowed.envelopes.max(line.envelopes);
            }
        }
    }

    fn may_send(&self, precedence: Precedence, now: Instant) -> bool {
        let lane = self.lanes.get(precedence);
        let halted = lane.halted_until.is_some_and(|until| until > now);
        !halted && lane.used.bytes < lane.allowed.bytes && lane.used.envelopes < lane.allowed.envelopes
    }

    fn sent(&mut self, precedence: Precedence, at: Position, row: &OutboxRow) {
        let lane = self.lanes.get_mut(precedence);
        lane.sent = at;
        lane.used.bytes += row.bytes;
        lane.used.envelopes += 1;
        if let Some(id) = id_of(&row.message_id) {
            self.in_flight.insert(id, (precedence, at));
        }
    }

    /// The refused one is sent again first, after a pause.
    fn halt(&mut self, id: MessageId, pause: Duration) {
        let Some((precedence, at)) = self.in_flight.remove(&id) else { return };
        let lane = self.lanes.get_mut(precedence);
        lane.sent = lane.sent.min(Position(at.0.saturating_sub(1)));
        lane.halted_until = Some(Instant::now() + pause);
    }

    fn next_end_of_pause(&self) -> Option<Instant> {
        self.lanes.iter().filter_map(|(_, lane)| lane.halted_until).min()
    }

    fn forget_pauses(&mut self, now: Instant) {
        for precedence in Precedence::ALL {
            let lane = self.lanes.get_mut(*precedence);
            lane.halted_until = lane.halted_until.filter(|until| *until > now);
        }
    }
}

/// An envelope chosen for the next frame.
struct Chosen {
    precedence: Precedence,
    at: Position,
    row: OutboxRow,
}

impl Session {
    /// Sends whatever waits, for ever.
    pub(super) async fn submit(&self) -> Result<(), Invalid> {
        loop {
            let chosen = self.choose().await?;
            if chosen.is_empty() {
                self.wait_for_more().await;
                continue;
            }
            let submissions = chosen.iter().map(|chosen| self.submission(chosen)).collect::<Result<Vec<_>, _>>()?;
            self.blobs_first(&submissions).await?;
            self.tell(Tell::Submissions(v1::Submissions { submissions })).await?;
        }
    }

    async fn wait_for_more(&self) {
        let end = self.submitting.lock().await.next_end_of_pause();
        let pause = async {
            match end {
                Some(end) => tokio::time::sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.desk.bells.outbox.notified() => {}
            () = self.submit_bell.notified() => {}
            () = pause => {}
        }
    }

    /// The next frame: the most urgent precedence that may be sent and has something.
    async fn choose(&self) -> Result<Vec<Chosen>, Invalid> {
        let mut submitting = self.submitting.lock().await;
        let now = Instant::now();
        submitting.forget_pauses(now);
        for precedence in Precedence::ALL
            .iter()
            .copied()
            .filter(|precedence| submitting.may_send(*precedence, now))
            .collect::<Vec<_>>()
        {
            let after = submitting.lanes.get(precedence).sent;
            let page = self
                .desk
                .engine
                .read(|_, found| query::outbox(found, precedence, after, FRAME_ENVELOPES))
                .map_err(rows)?;
            let mut bytes = 0;
            let mut chosen = Vec::new();
            for (at, row) in page {
                bytes += row.bytes;
                if !chosen.is_empty() && (bytes > FRAME_BYTES || !submitting.may_send(precedence, now)) {
                    break;
                }
                submitting.sent(precedence, at, &row);
                chosen.push(Chosen { precedence, at, row });
            }
            if !chosen.is_empty() {
                return Ok(chosen);
            }
        }
        Ok(Vec::new())
    }

    /// Blobs that an envelope names are at the broker before it.
    async fn blobs_first(&self, submissions: &[v1::Submission]) -> Result<(), Invalid> {
        let Some(mut client) = self.desk.link.blobs() else { return Ok(()) };
        for envelope in submissions.iter().filter_map(|submission| submission.envelope.as_ref()) {
            self.desk.offer_blobs(&mut client, &message::read(envelope)?.header).await?;
        }
        Ok(())
    }

    fn submission(&self, chosen: &Chosen) -> Result<v1::Submission, Invalid> {
        let envelope = Some(self.desk.own_envelope(chosen.at)?);
        tracing::trace!(precedence = %chosen.precedence, at = %chosen.at, "submitted");
        let evidence = match id_of(&chosen.row.message_id).filter(|_| chosen.row.again) {
            Some(id) => self.desk.receipts(id)?,
            None => Vec::new(),
        };
        Ok(v1::Submission { envelope, carried: false, evidence })
    }

    /// What became of submissions: receipts are verified and stored, final refusals are stored, others wait.
    pub(super) async fn answers(self: &Arc<Self>, answers: v1::Answers) -> Work {
        let mut records = Vec::new();
        let now = self.desk.clock.now();
        let mut submitting = self.submitting.lock().await;
        if let Some(batch) = answers.accepted.filter(|batch| !batch.statements.is_empty()) {
            if let Err(invalid) = self.desk.trust.verify_brokers(&batch, now) {
                return Box::pin(std::future::ready(Err(invalid)));
            }
            for statement in &batch.statements {
                let id = v1::ReceiptStatement::decode(statement.clone()).ok().and_then(|said| id_of(&said.message_id));
                id.and_then(|id| submitting.in_flight.remove(&id));
            }
            let accepted = BrokerAccepted { receipts: Some(batch) };
            records.push(Record::new(kind::BROKER_ACCEPTED, now, accepted.encode_to_vec()));
        }
        for refusal in answers.refused {
            let Some(id) = id_of(&refusal.message_id) else {
                tracing::error!(reason = refusal.reason, "the broker could not read an envelope of ours");
                continue;
            };
            let may_repeat = refusal.reason.parse::<Reason>().is_ok_and(Reason::may_repeat);
            if may_repeat {
                let pause = refusal.retry_after.map_or(RETRY_AFTER, border::time::length);
                submitting.halt(id, pause);
                continue;
            }
            submitting.in_flight.remove(&id);
            tracing::warn!(%id, reason = refusal.reason, field = refusal.field, "the broker refused a message");
            let refused = BrokerRefused { refusal: Some(refusal) };
            records.push(Record::new(kind::BROKER_REFUSED, now, refused.encode_to_vec()));
        }
        drop(submitting);
        self.submit_bell.notify_one();
        let desk = self.desk.clone();
        Box::pin(async move {
            if records.is_empty() {
                return Ok(());
            }
            desk.engine.append(records, Lane::Settling).await.map(|_| ()).map_err(|error| not_stored(&error))
        })
    }
}
