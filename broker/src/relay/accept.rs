//! Taking charge: what is checked before the journal, and what the sender hears after it.
//!
//! An envelope is read once, judged by its header alone, its seal verified over the exact bytes, its grant found, its
//! recipients resolved and frozen; then it is one record. Only when that record is durable and folded is anybody told.

use std::time::Duration;

use journal::{Lane, Record};
use model::{
    grant::Quota,
    header::{Header, Placement},
    ids::{Digest, JurisdictionId, MessageId},
    invalid::Invalid,
    judge::{self, Arrival, SenderClock},
    precedence::Precedence,
    reason::Reason,
    rights::{self, Standing},
    route::{Participants, Routed},
    status::Status,
    time::Timestamp,
};
use prost::Message as _;
use proto::{
    border::{self, content::Parts},
    record::{DrillRow, MessageRow, Refused, SenderRow, Submitted, kind},
    v1,
};
use store::AppendError;

use super::{
    Relay,
    fold::{Outcome, keys},
};
use crate::trust::{Granted, TrustView};

/// What became of one submission.
#[derive(Debug)]
pub enum Answer {
    /// The broker has taken charge: the statement of its ACCEPTED receipt.
    Accepted(Box<v1::ReceiptStatement>),
    /// The sender still holds it.
    Refused(Refusal),
}

impl Answer {
    /// The refusal, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Accepted(_) => None,
            Self::Refused(refusal) => Some(refusal),
        }
    }
}

/// Why an envelope was not taken.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Which, as far as it could be read.
    pub message_id: Vec<u8>,
    /// SHA-256 of its content.
    pub content_hash: Digest,
    /// Why.
    pub invalid: Invalid,
    /// The same bytes may be sent again after this.
    pub retry_after: Option<Duration>,
    /// Precedence and sequence, as far as they could be read.
    pub place: Option<(Precedence, u64)>,
    /// In whose name it was sent, as far as it could be read.
    pub claimed: String,
    /// It stands beside the caller's own sequence: it came on a bundle.
    pub carried: bool,
}

impl Refusal {
    /// A refusal of bytes that nobody has read.
    pub fn of_content(content: &bytes::Bytes, invalid: Invalid) -> Self {
        let retry_after = retry_after(invalid.reason);
        let (message_id, claimed) = (Vec::new(), String::new());
        let content_hash = Digest::of(content);
        Self { message_id, content_hash, invalid, retry_after, place: None, claimed, carried: false }
    }

    /// A refusal of receipts.
    pub fn of_receipts(invalid: Invalid) -> Self {
        Self::of_content(&bytes::Bytes::new(), invalid)
    }

    fn of_header(header: &Header, content_hash: Digest, carried: bool, invalid: Invalid) -> Self {
        let invalid = placed(invalid);
        Self {
            message_id: header.message_id.0.to_vec(),
            content_hash,
            retry_after: retry_after(invalid.reason),
            place: Some((header.precedence, header.sender_seq)),
            claimed: header.sender.jurisdiction.to_string(),
            invalid,
            carried,
        }
    }

    /// For the wire.
    pub fn to_wire(&self) -> v1::Refusal {
        let (text_zh, text_en) = proto::status::texts(&self.invalid);
        v1::Refusal {
            message_id: self.message_id.clone().into(),
            reason: self.invalid.reason.code().to_owned(),
            field: self.invalid.field.clone(),
            rule: self.invalid.rule.clone(),
            text_zh,
            text_en,
            retry_after: self.retry_after.map(border::time::duration),
            content_hash: self.content_hash.0.to_vec().into(),
        }
    }
}

/// A submission that passed every check that needs no order: ready to be journalled.
#[derive(Debug)]
pub struct Judged {
    /// The parsed header.
    pub header: Header,
    /// SHA-256 of the content.
    pub content_hash: Digest,
    record: Submitted,
    errand: Errand,
}

/// What becomes of a submission.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Errand {
    /// The broker takes charge, or has done so before.
    TakeCharge,
    /// It is in charge, and what it has on disk of it is damaged.
    Mend,
}

impl Judged {
    /// True when it was asked for, because what is on disk of it is damaged.
    pub fn mends(&self) -> bool {
        self.errand == Errand::Mend
    }

    /// True when it came to the caller on a bundle: its place is in its sender's sequence, not in the caller's.
    pub fn is_carried(&self) -> bool {
        self.record.carried
    }

    fn kind(&self) -> u16 {
        match self.errand {
            Errand::TakeCharge => kind::SUBMITTED,
            Errand::Mend => kind::CARRIED,
        }
    }

    /// Bytes of its content.
    pub fn content_bytes(&self) -> u64 {
        self.record.envelope.as_ref().map_or(0, |envelope| envelope.content.len() as u64)
    }

    /// Which lane of the journal it takes.
    pub fn lane(&self) -> Lane {
        if self.header.precedence == Precedence::Flash { Lane::Flash } else { Lane::Normal }
    }
}

impl Relay {
    /// Judges one submission of `by`. Nothing is stored yet.
    pub fn judge(
        &self,
        by: &JurisdictionId,
        submission: v1::Submission,
        clock: SenderClock,
    ) -> Result<Judged, Box<Refusal>> {
        let v1::Submission { envelope, carried, evidence } = submission;
        let envelope = envelope.unwrap_or_default();
        let content_hash = Digest::of(&envelope.content);
        let (header, parts) =
            read(&envelope).map_err(|invalid| Box::new(Refusal::of_content(&envelope.content, invalid)))?;
        let record =
            Submitted { envelope: Some(envelope), evidence, by: by.to_string(), carried, ..Submitted::default() };
        let errand = if self.mends(&header, &content_hash) { Errand::Mend } else { Errand::TakeCharge };
        let (speaks, clock) = if carried {
            (speaks_for_another(by, &header, &self.region), SenderClock::Carried)
        } else {
            (speaks_for_itself(by, &header, &self.region), clock)
        };
        let judged = speaks.and_then(|()| match errand {
            Errand::TakeCharge => self.judge_read(by, &header, &parts, record, content_hash, clock),
            Errand::Mend => self.judge_again(&header, &parts, record, content_hash),
        });
        match judged {
            Ok(record) => Ok(Judged { header, content_hash, record, errand }),
            Err(invalid) => Err(Box::new(Refusal::of_header(&header, content_hash, carried, invalid))),
        }
    }

    fn judge_read(
        &self,
        by: &JurisdictionId,
        header: &Header,
        parts: &Parts,
        mut record: Submitted,
        content_hash: Digest,
        clock: SenderClock,
    ) -> Result<Submitted, Invalid> {
        let (now, view) = (self.clock.now(), self.trust.view());
        if self.sessions.are_draining() {
            return Err(Invalid::new(Reason::Busy, "", "broker.draining"));
        }
        let envelope = record.envelope.as_ref().ok_or_else(|| Invalid::missing("envelope"))?;
        let content_bytes = envelope.content.len() as u64;
        holds_together(header, parts)?;
        let evidence = std::mem::take(&mut record.evidence);
        record.evidence = self.trust.verified_evidence(&view, evidence, header, &content_hash);
        // whoever stole a key can write any time into a header; only our own word says that it was accepted before
        let sealed_by = if record.evidence.is_empty() { now } else { header.sent_at };
        self.trust.verify_envelope(&view, envelope, &header.sender.jurisdiction, sealed_by)?;
        // what was accepted once, and is offered again with the proof, is not judged by time a second time
        let flags = if record.evidence.is_empty() {
            let judged = judge::judge(header, Arrival { now, clock });
            let judged = judged.and_then(|flags| holds_its_role(&view, header).map(|()| flags));
            // nor is what stands here: whoever is in doubt about it is told what was answered then
            if judged.is_err() && self.is_known(header, &content_hash) { Vec::new() } else { judged? }
        } else {
            judge::judge_static(header).map(|()| Vec::new())?
        };
        let drill = self.participants(header);
        let routed = view.route(header, drill.as_ref())?;
        if record.carried {
            goes_to(by, &routed)?;
        }
        let granted = view.granted(header, &routed, content_bytes, now)?;
        self.within_quota(by, header, content_bytes, &granted.quota, now)?;
        record.content_hash = content_hash.0.to_vec().into();
        record.flags = flags.into_iter().chain(view.flags(now)).map(model::receipt::Flag::number).collect();
        freeze(&mut record, &routed);
        stamp_trust(&mut record, &view, &granted);
        Ok(record)
    }

    /// Whether a message was accepted with these bytes.
    fn is_known(&self, header: &Header, content_hash: &Digest) -> bool {
        let row = self.message_row(header.message_id).ok().flatten();
        row.is_some_and(|row| row.content_hash == content_hash.0.as_slice())
    }

    /// An envelope that was accepted once and is asked for again: it was judged then, and is charged to nobody twice.
    fn judge_again(
        &self,
        header: &Header,
        parts: &Parts,
        mut record: Submitted,
        content_hash: Digest,
    ) -> Result<Submitted, Invalid> {
        let envelope = record.envelope.as_ref().ok_or_else(|| Invalid::missing("envelope"))?;
        holds_together(header, parts)?;
        self.trust.verify_envelope(&self.trust.view(), envelope, &header.sender.jurisdiction, header.sent_at)?;
        record.evidence.clear();
        record.content_hash = content_hash.0.to_vec().into();
        Ok(record)
    }

    /// Who takes part in the drill that a header names, if the broker holds one.
    pub(super) fn participants(&self, header: &Header) -> Option<Participants> {
        let drill = header.drill.as_ref()?;
        let row = self.engine.read(|_, rows| rows.get(&keys::drill(&drill.drill_id)).ok().flatten())?;
        let row = DrillRow::decode(row).ok()?;
        Some(row.participants.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Rate, disk stage, and what the sender has unsettled.
    fn within_quota(
        &self,
        by: &JurisdictionId,
        header: &Header,
        bytes: u64,
        grant: &Quota,
        now: Timestamp,
    ) -> Result<(), Invalid> {
        self.quotas.admit(by, header, bytes, grant, now)?;
        let account = self.engine.read(|_, rows| rows.get(&keys::sender(&header.sender.jurisdiction)).ok().flatten());
        let account = account.and_then(|row| SenderRow::decode(row).ok()).unwrap_or_default();
        if account.envelopes >= grant.stored_envelopes || account.bytes.saturating_add(bytes) > grant.stored_bytes {
            let detail =
                format!("{} envelopes and {} bytes wait for their recipients", account.envelopes, account.bytes);
            return Err(Invalid::new(Reason::RateLimited, "sender", "grant.stored").detail(detail));
        }
        Ok(())
    }

    /// Journals what was judged, in order, and answers once it is durable and folded. All of one lane.
    ///
    /// A full or failed journal refuses all of it at once; nothing of it is stored then.
    pub async fn take_charge(&self, judged: Vec<Judged>, lane: Lane) -> Vec<Answer> {
        let now = self.clock.now();
        let (headers, records): (Vec<_>, Vec<_>) = judged
            .into_iter()
            .map(|judged| {
                let record = Record::new(judged.kind(), now, judged.record.encode_to_vec());
                ((judged.is_carried(), judged.header, judged.content_hash), record)
            })
            .unzip();
        if records.is_empty() {
            return Vec::new();
        }
        let began = tokio::time::Instant::now();
        let appended = self.engine.append(records, lane).await;
        self.metrics.answered(headers.iter().map(|(_, header, _)| header.precedence), began.elapsed());
        let outcomes = match appended {
            Ok((_, outcomes)) => outcomes,
            Err(error) => {
                let reason = if matches!(error, AppendError::Busy) { Reason::Busy } else { Reason::Internal };
                tracing::warn!(%error, envelopes = headers.len(), "envelopes were not taken");
                let refuse = |(carried, header, content_hash): (bool, Header, Digest)| {
                    let invalid = Invalid::new(reason, "", "journal");
                    Answer::Refused(Refusal::of_header(&header, content_hash, carried, invalid))
                };
                return headers.into_iter().map(refuse).collect();
            }
        };
        headers
            .into_iter()
            .zip(outcomes)
            .inspect(|((_, header, _), outcome)| self.look_for_mended(header, outcome))
            .map(|((carried, header, content_hash), outcome)| {
                let refused = |invalid| Answer::Refused(Refusal::of_header(&header, content_hash, carried, invalid));
                match outcome {
                    Outcome::Accepted { row, .. } => Answer::Accepted(Box::new(accepted(&row, &header.message_id.0))),
                    Outcome::Refused(invalid) => refused(invalid),
                    Outcome::Session { .. } | Outcome::Done => {
                        refused(Invalid::new(Reason::Internal, "", "fold.outcome"))
                    }
                }
            })
            .collect()
    }

    fn look_for_mended(&self, header: &Header, outcome: &Outcome) {
        if let Outcome::Accepted { row, .. } = outcome
            && self.mending.wants(&header.sender.jurisdiction, header.message_id)
            && row.carried_at != 0
        {
            self.mended(header);
        }
    }

    /// Logs a refusal, and keeps one that says something about its sender in the journal. Beyond so many a second of one
    /// sender they are only counted: nobody fills a disk with nonsense.
    pub async fn audit_refusal(&self, by: &JurisdictionId, refusal: &Refusal) {
        self.log_refusal(by, refusal);
        let Invalid { reason, field, rule, .. } = &refusal.invalid;
        if is_about_load(*reason) || !self.quotas.may_audit(by, self.clock.now()) {
            return;
        }
        let record = Refused {
            source: by.to_string(),
            reason: reason.code().to_owned(),
            claimed: refusal.claimed.clone(),
            rule: format!("{field}: {rule}"),
            message_id: refusal.message_id.clone().into(),
            content_hash: refusal.content_hash.0.to_vec().into(),
            stored_hash: self.conflicting(refusal).into(),
            count: 1,
        };
        let record = Record::new(kind::REFUSED, self.clock.now(), record.encode_to_vec());
        if let Err(error) = self.engine.append(vec![record], Lane::Settling).await {
            tracing::warn!(%error, source = %by, "a refusal could not be journalled");
        }
    }

    fn log_refusal(&self, by: &JurisdictionId, refusal: &Refusal) {
        let Some(unsaid) = self.quotas.may_log(by, self.clock.now()) else { return };
        let Invalid { reason, field, rule, .. } = &refusal.invalid;
        let (reason, sender) = (reason.code(), &refusal.claimed);
        let message_id = certs::signed::hex(&refusal.message_id);
        tracing::info!(peer = %by, %reason, %field, %rule, %sender, %message_id, unsaid, "an envelope was refused");
    }

    /// The digest of what is known under the id of a refused envelope, when that is why it was refused.
    fn conflicting(&self, refusal: &Refusal) -> Vec<u8> {
        let id = refusal.message_id.as_slice().try_into().map(MessageId);
        let (Reason::ConflictId, Ok(id)) = (refusal.invalid.reason, id) else { return Vec::new() };
        self.message_row(id).ok().flatten().map(|row| row.content_hash.to_vec()).unwrap_or_default()
    }
}

/// The field as a place in the envelope: whatever is no part of its own is a field of the header.
fn placed(invalid: Invalid) -> Invalid {
    let part = invalid.field.split(['.', '[']).next().unwrap_or_default();
    if matches!(part, "" | "header" | "body" | "content" | "inline" | "seal" | "envelope" | "submission") {
        invalid
    } else {
        invalid.within("header")
    }
}

/// Refusals that say nothing about the sender, only that there is too much now, or that the fault is ours.
fn is_about_load(reason: Reason) -> bool {
    matches!(reason, Reason::RateLimited | Reason::StoreFull | Reason::Busy | Reason::Internal)
}

/// Takes an envelope apart.
fn read(envelope: &v1::Envelope) -> Result<(Header, Parts), Invalid> {
    let parts = border::content::parts(&envelope.content)?;
    let header = border::header::parse(&parts.header)?;
    Ok((header, parts))
}

/// What came on a bundle is another member's word, and its seal proves it.
fn speaks_for_another(by: &JurisdictionId, header: &Header, region: &model::ids::RegionId) -> Result<(), Invalid> {
    of_this_region(header, region)?;
    let sender = &header.sender.jurisdiction;
    if sender == by || sender.is_broker() {
        let detail = format!("{by} hands up a message of {sender}");
        return Err(Invalid::new(Reason::SenderMismatch, "submission.carried", "submission.carried").detail(detail));
    }
    Ok(())
}

/// Only whoever reads a message anyway may hand it up.
fn goes_to(by: &JurisdictionId, routed: &Routed) -> Result<(), Invalid> {
    if routed.deliveries.iter().any(|(to, _)| to == by) {
        return Ok(());
    }
    let detail = format!("it is not addressed to {by}");
    Err(Invalid::new(Reason::SenderMismatch, "submission.carried", "submission.carried").detail(detail))
}

fn of_this_region(header: &Header, region: &model::ids::RegionId) -> Result<(), Invalid> {
    if header.region == *region {
        return Ok(());
    }
    Err(Invalid::new(Reason::SenderMismatch, "region", "region.own").detail(format!("this is {region}")))
}

/// Whether the role that speaks may say this: as its own desk should have asked, which may be another's program. A TEST is
/// for the line alone, and nobody acts on it; what programs tell each other no person says.
fn holds_its_role(view: &TrustView, header: &Header) -> Result<(), Invalid> {
    if header.status == Status::Test || header.kind.is_of_the_system() {
        return Ok(());
    }
    rights::judge(header, Standing::of(header, &view.directory))
}

/// Identity comes from the connection and must be the envelope's sender.
fn speaks_for_itself(by: &JurisdictionId, header: &Header, region: &model::ids::RegionId) -> Result<(), Invalid> {
    of_this_region(header, region)?;
    if header.sender.jurisdiction == *by {
        return Ok(());
    }
    let detail = format!("{} speaks as {}", by, header.sender.jurisdiction);
    Err(Invalid::new(Reason::SenderMismatch, "sender.jurisdiction", "sender.is_caller").detail(detail))
}

/// Kind and body fit, and inline attachments are there with the digests that the header gives.
fn holds_together(header: &Header, parts: &Parts) -> Result<(), Invalid> {
    if i32::try_from(parts.body_kind) != Ok(header.kind.number()) {
        return Err(Invalid::schema("body", "content.kind").detail(format!("the header says {}", header.kind)));
    }
    let inline = header.attachments.iter().filter(|file| file.placement == Placement::Inline);
    if inline.clone().count() != parts.inline.len() {
        return Err(Invalid::new(Reason::HashMismatch, "attachments", "attachment.inline_count"));
    }
    inline.zip(&parts.inline).enumerate().try_for_each(|(at, (file, bytes))| {
        let fits = Digest::of(bytes) == file.sha256 && file.bytes == bytes.len() as u64;
        let place = format!("attachments[{at}].sha256");
        if fits { Ok(()) } else { Err(Invalid::new(Reason::HashMismatch, place, "attachment.digest")) }
    })
}

/// Writes down where it goes, so that a later directory changes nothing about it.
pub(super) fn freeze(record: &mut Submitted, routed: &Routed) {
    record.deliveries = routed.deliveries.iter().map(border::stamp::delivery).collect();
    record.touched = routed.touched.iter().map(ToString::to_string).collect();
    record.superior_absent = routed.superior_absent.iter().map(ToString::to_string).collect();
}

/// Writes down by which files it was judged.
pub(super) fn stamp_trust(record: &mut Submitted, view: &TrustView, granted: &Granted) {
    record.directory_version = view.directory.version;
    record.grants_version = view.policy.version;
    record.grant_id.clone_from(&granted.id);
    record.flash_budget = granted.quota.flash_per_hour;
    record.quota_bytes = granted.quota.stored_bytes;
    record.quota_envelopes = granted.quota.stored_envelopes;
}

/// What the ACCEPTED receipt of a row says; equal for every repeat.
pub fn accepted(row: &MessageRow, id: &[u8]) -> v1::ReceiptStatement {
    v1::ReceiptStatement {
        message_id: id.to_vec().into(),
        content_hash: row.content_hash.clone(),
        stage: v1::Stage::Accepted as i32,
        at: Some(border::time::to_wire(fold_time(row.accepted_at))),
        by: "broker".to_owned(),
        flags: row.flags.clone(),
        transport: if row.carried { v1::Transport::Carried } else { v1::Transport::Link } as i32,
        epoch: row.epoch.clone(),
        position: row.position,
        stamp: Some(stamp(row)),
        sender: row.sender.clone(),
        ..v1::ReceiptStatement::default()
    }
}

/// The stamp of a row.
pub fn stamp(row: &MessageRow) -> v1::Stamp {
    let due = |millis: i64| (millis != 0).then(|| border::time::to_wire(fold_time(millis)));
    v1::Stamp {
        accepted_at: Some(border::time::to_wire(fold_time(row.accepted_at))),
        touched: row.touched.clone(),
        deliveries: row
            .deliveries
            .iter()
            .map(|delivery| v1::StampedDelivery { jurisdiction: delivery.jurisdiction.clone(), r#as: delivery.r#as })
            .collect(),
        superior_absent: row.superior_absent.clone(),
        ack_by: due(row.ack_by),
        reply_by: due(row.reply_by),
        flags: row.flags.clone(),
        carried_as: i32::try_from(row.carried_as).unwrap_or(0),
        skipped: row.skipped.clone(),
    }
}

fn fold_time(millis: i64) -> model::time::Timestamp {
    model::time::Timestamp::from_millis(millis)
}

/// When the same bytes may be sent again.
pub fn retry_after(reason: Reason) -> Option<Duration> {
    reason.may_repeat().then(|| match reason {
        Reason::Busy => Duration::from_millis(200),
        Reason::RateLimited => Duration::from_secs(1),
        Reason::StoreFull => Duration::from_secs(30),
        _ => Duration::from_secs(5),
    })
}
