//! What the broker hands over: checked, journalled with its DELIVERED receipt in one record, then confirmed.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use journal::{Lane, Record};
use model::{
    invalid::Invalid,
    judge,
    precedence::Precedence,
    reason::Reason,
    stage::{As, Stage},
    time::Timestamp,
};
use prost::Message as _;
use proto::{
    border,
    record::{Delivered, ReceiptsReceived, Received, kind},
    v1::{self, session_request::Frame as Tell},
};

use super::session::{Session, Work};
use crate::{
    desk::{Desk, internal, rows},
    fold::query,
    message::{self, Read},
    outbox::not_stored,
};

/// A frame of deliveries, judged.
#[derive(Default)]
struct Judged {
    tags: Vec<u64>,
    fresh: Vec<Delivered>,
    statements: Vec<Bytes>,
    /// Statements about what was here before.
    stored: Vec<Bytes>,
    declines: Vec<v1::Decline>,
    taken: Vec<(Precedence, u64)>,
}

impl Session {
    /// Takes a frame of deliveries: the confirm leaves when their record is durable.
    pub(super) async fn take(self: &Arc<Self>, frame: v1::Deliveries) -> Work {
        let session = self.clone();
        let mut judged = Judged::default();
        let mut asked = false;
        for delivery in frame.deliveries {
            let (tag, bytes) =
                (delivery.tag, delivery.envelope.as_ref().map_or(0, |envelope| envelope.content.len() as u64));
            let stamped = stamped(&delivery);
            let mut one = self.desk.judge(delivery);
            if !asked && let Some(again) = one.as_ref().ok().and_then(One::again) {
                // the broker goes by newer files, perhaps; a refusal is for good
                asked = true;
                super::carry::soon(&self.desk).await;
                one = self.desk.judge(again);
            }
            match one {
                Ok(one) => {
                    judged.taken.push((one.precedence, bytes));
                    judged.tags.push(tag);
                    match one.fresh {
                        Some(fresh) => {
                            judged.fresh.push(fresh);
                            judged.statements.push(one.statement);
                        }
                        None => judged.stored.push(one.statement),
                    }
                }
                Err(invalid) => {
                    // it was sent on our credit, whatever became of it
                    judged.taken.extend(stamped.map(|precedence| (precedence, bytes)));
                    tracing::warn!(%invalid, "a delivery could not be read");
                    judged.declines.push(v1::Decline { tag, reason: invalid.reason.code().to_owned() });
                }
            }
        }
        Box::pin(async move { session.store(judged).await })
    }

    async fn store(&self, judged: Judged) -> Result<(), Invalid> {
        let desk = &self.desk;
        let Judged { tags, fresh, mut statements, stored, declines, taken } = judged;
        let mut at = None;
        let mut receipts = None;
        if !fresh.is_empty() {
            let batch = desk.signer.receipts(statements.clone()).map_err(|error| internal(&error))?;
            if store::seeded::has("receipt-before-commit") {
                self.confirm(tags.clone(), None, batch.clone());
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            let record = Received { deliveries: fresh, receipts: Some(batch.clone()) };
            let record = Record::new(kind::RECEIVED, desk.clock.now(), record.encode_to_vec());
            // in one order whatever it is; where little is left of the disk, a frame that holds FLASH still finds room
            let has_flash = taken.iter().any(|(precedence, _)| *precedence == Precedence::Flash);
            let weight = if has_flash { Lane::Flash } else { Lane::Normal };
            let stored = desk.engine.append_as(vec![record], Lane::Normal, weight).await;
            let (position, _) = stored.map_err(|error| not_stored(&error))?;
            at = Some(position);
            receipts = Some(batch);
        }
        if !stored.is_empty() {
            // the same statements again, under one signature with the new ones
            statements.extend(stored);
            receipts = Some(desk.signer.receipts(statements).map_err(|error| internal(&error))?);
        }
        if !declines.is_empty() {
            let tags: Vec<u64> = declines.iter().map(|decline| decline.tag).collect();
            // said first: a confirm that passes these tags over would make the broker forget what they name
            self.outgoing.say(Tell::Declines(v1::Declines { declines }));
            self.passed_over(tags.into_iter());
        }
        if let Some(receipts) = receipts {
            self.confirm(tags, at, receipts);
        }
        self.renew(&taken);
        Ok(())
    }

    /// More credit when enough was taken.
    fn renew(&self, taken: &[(Precedence, u64)]) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let mut low = false;
        for (precedence, bytes) in taken {
            low |= window.stored(*precedence, *bytes);
        }
        if low {
            self.outgoing.say(Tell::Credit(window.credit()));
        }
    }

    /// Receipts about messages of ours: stored with how far the line is complete, then said so.
    pub(super) fn receipt_line(self: &Arc<Self>, line: v1::ReceiptLine) -> Work {
        let session = self.clone();
        let bad = |receipt: &v1::Receipt| session.desk.trust.verify_receipt(receipt).is_err();
        let unverified: Vec<u32> =
            (0_u32..).zip(&line.receipts).filter(|(_, receipt)| bad(receipt)).map(|(index, _)| index).collect();
        if !unverified.is_empty() {
            tracing::warn!(count = unverified.len(), "receipts whose signature could not be checked");
        }
        Box::pin(async move {
            let through = line.through.clone();
            let record =
                ReceiptsReceived { receipts: line.receipts, through: line.through, unverified, carried: false };
            session.desk.write(kind::RECEIPTS_RECEIVED, &record, Lane::Settling).await?;
            if let Some(through) = through {
                session.outgoing.seen(through);
            }
            Ok(())
        })
    }
}

/// One delivery, judged: new with its statement, or known with the statement that was stored.
pub(crate) struct One {
    precedence: Precedence,
    pub fresh: Option<Delivered>,
    pub statement: Bytes,
}

impl One {
    /// The delivery once more, if it was refused for want of a key or a grant that may just have been published.
    fn again(&self) -> Option<v1::Delivery> {
        let fresh = self.fresh.as_ref()?;
        let wants = fresh.rule == "seal.key_known" || fresh.rule.starts_with("grant.");
        wants.then(|| v1::Delivery {
            envelope: fresh.envelope.clone(),
            stamp: fresh.stamp.clone(),
            place: fresh.place.clone(),
            transport: fresh.transport,
            ..v1::Delivery::default()
        })
    }
}

impl Desk {
    /// Judges a delivery. An error means that it cannot even be read.
    pub(crate) fn judge(&self, delivery: v1::Delivery) -> Result<One, Invalid> {
        let envelope = delivery.envelope.as_ref().ok_or_else(|| Invalid::missing("envelope"))?;
        let read = message::read(envelope)?;
        let precedence = carried_as(&delivery, &read);
        let known = self.engine.read(|_, found| query::received(found, read.header.message_id)).map_err(rows)?;
        if let Some(row) = known.filter(|_| !store::seeded::has("dedupe-not-persisted")) {
            let statement = if row.content_hash == read.content_hash.0.as_slice() {
                self.receipt(model::position::Position(row.position), row.index)?.statement
            } else {
                let invalid = Invalid::new(Reason::ConflictId, "message_id", "message.same_bytes");
                self.statement(&delivery, &read, Some(&invalid), self.clock.now())
            };
            return Ok(One { precedence, fresh: None, statement });
        }
        let now = self.clock.now();
        let refused = self.refuses(&delivery, &read, now).err();
        if let Some(invalid) = &refused {
            tracing::warn!(id = %read.header.message_id, from = %read.header.sender.jurisdiction, %invalid, "refused what was handed over");
        }
        let statement = self.statement(&delivery, &read, refused.as_ref(), now);
        let fresh = Delivered {
            envelope: delivery.envelope,
            stamp: delivery.stamp,
            place: delivery.place,
            transport: delivery.transport,
            refused: refused.as_ref().map(|invalid| invalid.reason.code().to_owned()).unwrap_or_default(),
            rule: refused.map(|invalid| invalid.rule.clone()).unwrap_or_default(),
        };
        Ok(One { precedence, fresh: Some(fresh), statement })
    }

    /// The agent trusts nobody's word for it: seal, grant and files are checked once more here.
    fn refuses(&self, delivery: &v1::Delivery, read: &Read, now: Timestamp) -> Result<(), Invalid> {
        let envelope = delivery.envelope.as_ref().ok_or_else(|| Invalid::missing("envelope"))?;
        let us = self.names.jurisdiction();
        if read.header.region != self.names.region {
            return Err(Invalid::new(Reason::Unroutable, "header.region", "header.region"));
        }
        judge::judge_speaker(&read.header)?;
        let accepted = delivery.stamp.as_ref().and_then(|stamp| stamp.accepted_at);
        let accepted_at = border::time::optional(accepted, "stamp.accepted_at")?.unwrap_or(now);
        self.trust.verify_envelope(envelope, &read.header, accepted_at)?;
        message::check_inline(read)?;
        let stamped = delivery.stamp.iter().flat_map(|stamp| &stamp.deliveries);
        let copied = stamped
            .into_iter()
            .any(|stamped| stamped.jurisdiction == us.to_string() && stamped.r#as == As::CcSuperior.number());
        self.trust.granted(&read.header, us, envelope.content.len() as u64, copied, now)?;
        judge::judge_not_expired(&read.header, now)
    }

    fn statement(&self, delivery: &v1::Delivery, read: &Read, refused: Option<&Invalid>, now: Timestamp) -> Bytes {
        let place = delivery.place.clone().unwrap_or_default();
        let stage = if refused.is_some() { Stage::Refused } else { Stage::Delivered };
        v1::ReceiptStatement {
            message_id: read.header.message_id.0.to_vec().into(),
            content_hash: read.content_hash.0.to_vec().into(),
            recipient: self.names.jurisdiction().to_string(),
            stage: stage.number(),
            at: Some(border::time::to_wire(now)),
            at_error_ms: self.clock_error_ms,
            by: self.names.agent.to_string(),
            reason: refused.map(|invalid| invalid.reason.code().to_owned()).unwrap_or_default(),
            rule: refused.map(|invalid| invalid.rule.clone()).unwrap_or_default(),
            transport: delivery.transport,
            epoch: place.epoch,
            position: place.position,
            sender: read.header.sender.jurisdiction.to_string(),
            ..v1::ReceiptStatement::default()
        }
        .encode_to_vec()
        .into()
    }
}

/// The precedence under which the broker counts it: a FLASH beyond its budget travels as IMMEDIATE.
fn carried_as(delivery: &v1::Delivery, read: &Read) -> Precedence {
    stamped(delivery).unwrap_or(read.header.precedence)
}

fn stamped(delivery: &v1::Delivery) -> Option<Precedence> {
    delivery.stamp.as_ref().and_then(|stamp| Precedence::from_number(stamp.carried_as))
}
