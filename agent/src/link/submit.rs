//! From the outbox to the broker: FLASH first, within a precedence by sequence, within the broker's credit; and what the
//! broker answers.

use std::{collections::BTreeMap, pin::Pin, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use journal::{Lane, Record};
use model::{
    ids::MessageId,
    in_flight::{InFlight, Sent},
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

use super::{
    blobs::{Unoffered, ends_offer, has_blobs},
    session::{Amount, Session, Work},
};
use crate::{
    desk::rows,
    fold::{id_of, query},
};

/// Envelopes of one frame.
const FRAME_ENVELOPES: usize = 64;
/// Bytes of content of one frame, unless a single envelope is longer.
const FRAME_BYTES: u64 = 64 * 1024;
/// When the broker does not say when to come back.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Before files that could not be brought are tried again.
const OFFER_AGAIN: Duration = Duration::from_secs(2);

/// How far this session has come with the outbox.
#[derive(Debug)]
pub(super) struct Submitting {
    lanes: PerPrecedence<Lane4>,
    unanswered: BTreeMap<MessageId, Unanswered>,
    in_flight: InFlight,
}

/// An envelope of a frame that the broker has not answered for.
#[derive(Clone, Copy, Debug)]
struct Unanswered {
    precedence: Precedence,
    at: Position,
    bytes: u64,
    /// None while its files go before it.
    sent: Option<Sent>,
}

/// One precedence.
#[derive(Clone, Debug, Default)]
struct Lane4 {
    /// Everything up to here was sent in this session.
    sent: Position,
    allowed: Amount,
    used: Amount,
    /// The broker asked for a pause.
    halted_until: Option<Instant>,
    /// Why it takes nothing of this precedence just now; none once it has taken something again.
    halted_for: Option<Invalid>,
}

impl Submitting {
    /// Within `credit`, over a line on which `least` bytes may always be on their way.
    pub fn new(credit: Option<&v1::Credit>, least: u64) -> Self {
        let mut new = Self {
            lanes: PerPrecedence::from_fn(|_| Lane4::default()),
            unanswered: BTreeMap::new(),
            in_flight: InFlight::new(least, Instant::now().into_std()),
        };
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
        let has_credit = lane.used.bytes < lane.allowed.bytes && lane.used.envelopes < lane.allowed.envelopes;
        !halted && has_credit && self.in_flight.has_room(precedence)
    }

    /// A frame was not sent after all: it goes again first, after a pause.
    fn not_sent(&mut self, frame: &[Chosen], pause: Duration) {
        let Some(first) = frame.first() else { return };
        let lane = self.lanes.get_mut(first.precedence);
        lane.sent = lane.sent.min(Position(first.at.0.saturating_sub(1)));
        lane.halted_until = Some(Instant::now() + pause);
        for chosen in frame {
            lane.used.bytes = lane.used.bytes.saturating_sub(chosen.row.bytes);
            lane.used.envelopes = lane.used.envelopes.saturating_sub(1);
        }
        for chosen in frame {
            self.never_goes(chosen);
        }
    }

    /// It was chosen and is not on its way; no answer is awaited.
    fn never_goes(&mut self, chosen: &Chosen) {
        let unanswered = id_of(&chosen.row.message_id).and_then(|id| self.unanswered.remove(&id));
        if let Some(sent) = unanswered.and_then(|unanswered| unanswered.sent) {
            self.in_flight.forget(sent);
        }
    }

    /// The files of a frame go before it: until they are there it takes no room on the line.
    fn steps_aside(&mut self, frame: &[Chosen]) {
        for id in frame.iter().filter_map(|chosen| id_of(&chosen.row.message_id)) {
            if let Some(sent) = self.unanswered.get_mut(&id).and_then(|unanswered| unanswered.sent.take()) {
                self.in_flight.forget(sent);
            }
        }
    }

    /// A frame that had stepped aside goes now.
    fn goes(&mut self, frame: &[Chosen]) {
        let now = Instant::now().into_std();
        for id in frame.iter().filter_map(|chosen| id_of(&chosen.row.message_id)) {
            if let Some(unanswered) = self.unanswered.get_mut(&id).filter(|unanswered| unanswered.sent.is_none()) {
                unanswered.sent = Some(self.in_flight.send(unanswered.bytes, unanswered.precedence, now));
            }
        }
    }

    /// The broker has answered for it, whatever it said.
    fn answered(&mut self, id: MessageId) -> Option<Unanswered> {
        let unanswered = self.unanswered.remove(&id)?;
        if let Some(sent) = unanswered.sent {
            self.in_flight.confirm(sent, Instant::now().into_std());
        }
        Some(unanswered)
    }

    /// Why a frame that was not sent waits, until the broker takes one of its precedence.
    fn waits(&mut self, frame: &[Chosen], why: Invalid) {
        if let Some(first) = frame.first() {
            self.lanes.get_mut(first.precedence).halted_for = Some(why);
        }
    }

    fn sent(&mut self, precedence: Precedence, at: Position, row: &OutboxRow) {
        let lane = self.lanes.get_mut(precedence);
        lane.sent = at;
        lane.used.bytes += row.bytes;
        lane.used.envelopes += 1;
        if let Some(id) = id_of(&row.message_id) {
            let sent = self.in_flight.send(row.bytes, precedence, Instant::now().into_std());
            let one = Unanswered { precedence, at, bytes: row.bytes, sent: Some(sent) };
            // one that goes again before it was answered counts once
            if let Some(before) = self.unanswered.insert(id, one).and_then(|before| before.sent) {
                self.in_flight.forget(before);
            }
        }
    }

    /// An envelope went beside the outbox; it counts all the same.
    pub fn beside(&mut self, precedence: Precedence, bytes: u64) {
        let used = &mut self.lanes.get_mut(precedence).used;
        used.bytes += bytes;
        used.envelopes += 1;
    }

    /// The refused one is sent again first, after a pause.
    fn halt(&mut self, id: MessageId, pause: Duration, why: Invalid) {
        let Some(Unanswered { precedence, at, .. }) = self.answered(id) else { return };
        let lane = self.lanes.get_mut(precedence);
        lane.halted_for = Some(why);
        lane.sent = lane.sent.min(Position(at.0.saturating_sub(1)));
        lane.halted_until = Some(Instant::now() + pause);
    }

    /// The broker has taken charge of it.
    fn taken(&mut self, id: MessageId) {
        if let Some(unanswered) = self.answered(id) {
            self.lanes.get_mut(unanswered.precedence).halted_for = None;
        }
    }

    /// Why something waits although the link is up: of the most urgent precedence that does.
    fn halted_for(&self) -> Option<&Invalid> {
        self.lanes.iter().find_map(|(_, lane)| lane.halted_for.as_ref())
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
pub(super) struct Chosen {
    precedence: Precedence,
    at: Position,
    row: OutboxRow,
}

/// A frame whose files are on their way to the broker; its precedence waits for them, the others do not.
type Offering<'s> = Pin<Box<dyn Future<Output = Offered> + Send + 's>>;

/// What came of it.
struct Offered {
    frame: Vec<Chosen>,
    submissions: Vec<v1::Submission>,
    result: Result<(), Unoffered>,
}

impl Session {
    /// Sends whatever waits, for ever.
    pub(super) async fn submit(&self) -> Result<(), Invalid> {
        let mut offering: FuturesUnordered<Offering<'_>> = FuturesUnordered::new();
        let mut busy = PerPrecedence::from_fn(|_| false);
        loop {
            let offered = offering.next().now_or_never().flatten();
            if let Some(offered) = offered {
                self.offered(offered, &mut busy).await?;
            }
            let frame = self.choose(&busy).await?;
            let Some(precedence) = frame.first().map(|chosen| chosen.precedence) else {
                tokio::select! {
                    () = self.wait_for_more() => {}
                    Some(offered) = offering.next() => self.offered(offered, &mut busy).await?,
                }
                continue;
            };
            let (frame, submissions) = self.readable(frame).await;
            if submissions.is_empty() {
                continue;
            }
            if submissions.iter().any(has_blobs) {
                *busy.get_mut(precedence) = true;
                self.submitting.lock().await.steps_aside(&frame);
                offering.push(Box::pin(self.offer(frame, submissions)));
            } else {
                self.tell(Tell::Submissions(v1::Submissions { submissions })).await?;
            }
        }
    }

    /// What of a frame can be sent. One whose record is damaged stays where it waits; it does not hold up what stands
    /// behind it.
    async fn readable(&self, frame: Vec<Chosen>) -> (Vec<Chosen>, Vec<v1::Submission>) {
        let (mut readable, mut submissions) = (Vec::with_capacity(frame.len()), Vec::with_capacity(frame.len()));
        for chosen in frame {
            match self.submission(&chosen) {
                Ok(submission) => {
                    submissions.push(submission);
                    readable.push(chosen);
                }
                Err(_) => self.submitting.lock().await.never_goes(&chosen),
            }
        }
        (readable, submissions)
    }

    /// Brings the files of a frame to the broker.
    async fn offer(&self, frame: Vec<Chosen>, submissions: Vec<v1::Submission>) -> Offered {
        let mut result = Ok(());
        for envelope in submissions.iter().filter_map(|submission| submission.envelope.as_ref()) {
            result = self.desk.offer_blobs(&self.uploads, envelope).await;
            if result.is_err() {
                break;
            }
        }
        Offered { frame, submissions, result }
    }

    /// The files are there: the frame goes. A file that the broker will never take ends its envelope here; for anything
    /// else the frame is tried again.
    async fn offered(&self, offered: Offered, busy: &mut PerPrecedence<bool>) -> Result<(), Invalid> {
        let Offered { frame, submissions, result } = offered;
        if let Some(first) = frame.first() {
            *busy.get_mut(first.precedence) = false;
        }
        match result {
            Ok(()) => {
                self.submitting.lock().await.goes(&frame);
                self.tell(Tell::Submissions(v1::Submissions { submissions })).await
            }
            Err(Unoffered { id, invalid }) => {
                tracing::warn!(%id, %invalid, "a file could not be brought to the broker");
                let mut submitting = self.submitting.lock().await;
                submitting.not_sent(&frame, OFFER_AGAIN);
                if ends_offer(&invalid) {
                    drop(submitting);
                    return self.refuse(id, &invalid).await;
                }
                submitting.waits(&frame, invalid);
                self.desk.link.halted(submitting.halted_for());
                Ok(())
            }
        }
    }

    async fn refuse(&self, id: MessageId, invalid: &Invalid) -> Result<(), Invalid> {
        let (text_zh, text_en) = proto::status::texts(invalid);
        let refusal = v1::Refusal {
            message_id: id.0.to_vec().into(),
            reason: invalid.reason.code().to_owned(),
            field: "header.attachments".to_owned(),
            rule: invalid.rule.clone(),
            text_zh,
            text_en,
            ..v1::Refusal::default()
        };
        self.desk.write(kind::BROKER_REFUSED, &BrokerRefused { refusal: Some(refusal) }, Lane::Settling).await
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
    async fn choose(&self, busy: &PerPrecedence<bool>) -> Result<Vec<Chosen>, Invalid> {
        let mut submitting = self.submitting.lock().await;
        let now = Instant::now();
        submitting.forget_pauses(now);
        for precedence in Precedence::ALL
            .iter()
            .copied()
            .filter(|precedence| !busy.get(*precedence) && submitting.may_send(*precedence, now))
            .collect::<Vec<_>>()
        {
            let after = submitting.lanes.get(precedence).sent;
            let mut page = self
                .desk
                .engine
                .read(|_, found| query::outbox(found, precedence, after, FRAME_ENVELOPES))
                .map_err(rows)?;
            if store::seeded::has("order-broken-on-reconnect") {
                page.reverse();
            }
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

    fn submission(&self, chosen: &Chosen) -> Result<v1::Submission, Invalid> {
        let envelope = self.desk.waiting_envelope(chosen.at).inspect_err(|problem| {
            tracing::error!(at = %chosen.at, %problem, "a message in a record that cannot be read is not sent");
        });
        let envelope = Some(envelope?);
        tracing::trace!(precedence = %chosen.precedence, at = %chosen.at, "submitted");
        let evidence = match id_of(&chosen.row.message_id).filter(|_| chosen.row.again) {
            Some(id) => self.desk.receipts(id)?,
            None => Vec::new(),
        };
        Ok(v1::Submission { envelope, carried: chosen.row.carried, evidence })
    }

    /// The message on its way that has these bytes: a broker that cannot read a header names only their digest.
    fn sent_with(&self, submitting: &Submitting, content_hash: &[u8]) -> Option<MessageId> {
        self.desk.engine.read(|_, found| {
            let is_it =
                |id: &MessageId| matches!(query::sent(found, *id), Ok(Some(row)) if row.content_hash == content_hash);
            submitting.unanswered.keys().copied().find(is_it)
        })
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
                let said = v1::ReceiptStatement::decode(statement.clone()).ok();
                if let Some(id) = said.and_then(|said| id_of(&said.message_id)) {
                    submitting.taken(id);
                }
            }
            let accepted = BrokerAccepted { receipts: Some(batch) };
            records.push(Record::new(kind::BROKER_ACCEPTED, now, accepted.encode_to_vec()));
        }
        for mut refusal in answers.refused {
            let named = id_of(&refusal.message_id);
            let Some(id) = named.or_else(|| self.sent_with(&submitting, &refusal.content_hash)) else {
                tracing::error!(reason = refusal.reason, "the broker refused an envelope that is not on its way");
                continue;
            };
            refusal.message_id = id.0.to_vec().into();
            let repeats = refusal.reason.parse::<Reason>().ok().filter(|reason| reason.may_repeat());
            if let Some(reason) = repeats {
                let pause = refusal.retry_after.map_or(RETRY_AFTER, border::time::length);
                submitting.halt(id, pause, Invalid::new(reason, refusal.field, refusal.rule));
                continue;
            }
            submitting.answered(id);
            tracing::warn!(%id, reason = refusal.reason, field = refusal.field, "the broker refused a message");
            let refused = BrokerRefused { refusal: Some(refusal) };
            records.push(Record::new(kind::BROKER_REFUSED, now, refused.encode_to_vec()));
        }
        self.desk.link.halted(submitting.halted_for());
        drop(submitting);
        self.submit_bell.notify_one();
        let desk = self.desk.clone();
        Box::pin(async move {
            if records.is_empty() {
                return Ok(());
            }
            desk.write_all(records, Lane::Settling).await
        })
    }
}
