//! An envelope was handed in: the verdict by order in the journal, and what an accepted one sets in motion.

use bytes::Bytes;
use model::{
    deadline,
    header::{Header, Placement},
    ids::{JurisdictionId, MessageId},
    invalid::Invalid,
    kind::Kind,
    precedence::Precedence,
    reason::Reason,
    stage::Stage,
    status::{Action, Answer, Status},
};
use prost::Message as _;
use proto::{
    border,
    record::{ChainRow, DeliveryRow, MessageRow, ProofRow, SenderRow, Submitted},
    v1,
};
use store::FoldError;

use super::{
    Folding, Outcome,
    drills::drill_fits,
    keys,
    messages::{Told, is_settled, number},
};

/// Replaced revisions that are remembered of a chain, the newest; it may be as long as an event lasts.
const REPLACED_MAX: usize = 32;

/// Why the fold did not accept: the verdict, or a row that cannot be read.
pub(super) enum Verdict {
    Refused(Invalid),
    Broken(FoldError),
}

impl From<FoldError> for Verdict {
    fn from(error: FoldError) -> Self {
        Self::Broken(error)
    }
}

impl From<Invalid> for Verdict {
    fn from(invalid: Invalid) -> Self {
        Self::Refused(invalid)
    }
}

impl Folding<'_, '_> {
    pub(super) fn submitted(&mut self, record: &Submitted) -> Result<Outcome, FoldError> {
        match self.judge(record) {
            Ok((row, duplicate)) => Ok(Outcome::Accepted { row: Box::new(row), duplicate }),
            Err(Verdict::Broken(error)) => Err(error),
            Err(Verdict::Refused(invalid)) => {
                // what members hand in is counted; a notice of our own that came too late is no fault of anybody's
                if record.by != JurisdictionId::broker().as_str() {
                    *self.state.tallies.refused.entry(invalid.reason.code()).or_default() += 1;
                }
                Ok(Outcome::Refused(invalid))
            }
        }
    }

    fn judge(&mut self, record: &Submitted) -> Result<(MessageRow, bool), Verdict> {
        let envelope = record.envelope.clone().unwrap_or_default();
        let parts = border::content::parts(&envelope.content)?;
        let header = border::header::parse(&parts.header)?;
        if header.sender.jurisdiction.is_broker() {
            self.rows.remove(&keys::notice(header.message_id))?; // what is refused is not tried for ever
        }
        if let Some((row, _)) = self.message(header.message_id)? {
            let (row, duplicate) = self.known(record, row)?;
            // its files may have come meanwhile: whoever handed it up first, from a bundle, did not have them
            self.let_read(&header, &row)?;
            return Ok((row, duplicate));
        }
        if header.expires_at <= self.at.time && record.evidence.is_empty() {
            return Err(Invalid::new(Reason::Expired, "expires_at", "must not have passed").into());
        }
        if record.evidence.is_empty() {
            self.sequence_is_new(&header)?;
        }
        self.drill_allows(&header, record)?;
        drill_fits(&header, record)?;
        let chain = self.chain(&header)?;
        let mut row = self.new_row(&header, record, envelope.content.len());
        row.flags.extend(chain.flags.iter().map(|flag| *flag as i32));
        row.chain = chain.root.map(|root| root.0.to_vec()).unwrap_or_default().into();
        if header.document.is_some() {
            self.change_document(&header, &parts, &row)?;
        }
        // nothing below refuses any more
        self.flash_budget(&header, record, &mut row)?;
        self.replace(&header, &chain, &mut row)?;
        self.void_chain(&header, chain.root)?;
        self.answer(&header, &chain, &row)?;
        self.steer_drill(&header, &row)?;
        self.take_charge(&header, record, &mut row)?;
        self.owe(&header, &row)?;
        self.report_of_the_day(&header)?;
        Ok((row, false))
    }

    /// A known id: the same bytes get the first row again, other bytes are a conflict.
    fn known(&mut self, record: &Submitted, row: MessageRow) -> Result<(MessageRow, bool), Verdict> {
        if row.content_hash != record.content_hash {
            let rule = format!("this id is known with content {}", short(&row.content_hash));
            return Err(Invalid::new(Reason::ConflictId, "message_id", rule).into());
        }
        self.state.tallies.duplicates += 1;
        Ok((row, true))
    }

    fn new_row(&self, header: &Header, record: &Submitted, bytes: usize) -> MessageRow {
        let due = deadline::due(header).times(header, self.at.time);
        MessageRow {
            position: self.at.position.0,
            epoch: self.at.epoch.0.to_vec().into(),
            content_hash: record.content_hash.clone(),
            sender: header.sender.jurisdiction.to_string(),
            kind: positive(header.kind.number()),
            status: positive(header.status.number()),
            carried_as: positive(header.precedence.number()),
            accepted_at: self.at.time.millis(),
            expires_at: header.expires_at.millis(),
            originating: header.originating_message_id.0.to_vec().into(),
            preceding: header.preceding_message_id.map(|id| id.0.to_vec()).unwrap_or_default().into(),
            revision: header.revision,
            flags: record.flags.clone(),
            deliveries: record.deliveries.iter().map(delivery_row).collect(),
            owed: number(header.receipt_required),
            ack_by: due.ack_by.map_or(0, model::time::Timestamp::millis),
            reply_by: due.reply_by.map_or(0, model::time::Timestamp::millis),
            bytes: bytes as u64,
            carried: record.carried,
            touched: record.touched.clone(),
            superior_absent: record.superior_absent.clone(),
            skipped: Vec::new(),
            drill_id: header.drill.as_ref().map(|drill| drill.drill_id.to_string()).unwrap_or_default(),
            chain: Vec::new().into(),
            carried_at: 0,
        }
    }

    /// A FLASH envelope over its sender's budget is carried as IMMEDIATE; its header stays as it is.
    fn flash_budget(&mut self, header: &Header, record: &Submitted, row: &mut MessageRow) -> Result<(), FoldError> {
        if header.precedence != Precedence::Flash || header.sender.jurisdiction.is_broker() {
            return Ok(());
        }
        let (now, full) = (self.at.time.millis(), u64::from(record.flash_budget) * 1_000);
        let mut paid = false;
        self.account(&row.sender, |account| {
            refill(account, now, full);
            paid = account.flash_milli >= 1_000;
            if paid {
                account.flash_milli -= 1_000;
            }
        })?;
        if !paid {
            row.carried_as = positive(Precedence::Immediate.number());
            row.flags.push(v1::Flag::FlashBudget as i32);
        }
        Ok(())
    }

    /// Puts the row and its deliveries where they wait.
    fn take_charge(&mut self, header: &Header, record: &Submitted, row: &mut MessageRow) -> Result<(), FoldError> {
        let id = header.message_id;
        self.book_sequence(header)?;
        apply_evidence(record, row, &self.proof(Stage::Accepted));
        let mut deliveries = std::mem::take(&mut row.deliveries);
        for delivery in deliveries.iter_mut().filter(|delivery| !is_settled(delivery)) {
            if let Ok(mailbox) = delivery.jurisdiction.parse::<JurisdictionId>() {
                self.enqueue(row, id, &mailbox)?;
                delivery.queued_at = self.at.position.0;
            }
        }
        row.deliveries = deliveries;
        if !row.deliveries.iter().all(is_settled) {
            let bytes = row.bytes;
            self.account(&row.sender, |account| {
                account.envelopes += 1;
                account.bytes += bytes;
            })?;
        }
        *self.state.tallies.accepted.entry((row.kind, row.carried_as, row.status)).or_default() += 1;
        *self.state.tallies.receipts.entry(number(Stage::Accepted)).or_default() += 1;
        self.rows.put(&keys::expiry(header.expires_at, id), Bytes::new())?;
        self.let_read(header, row)?;
        self.keep(id, row, true)
    }

    /// Whoever has the message may read its files, if its sender had them: a digest alone opens nothing. What a document
    /// names is everybody's.
    fn let_read(&mut self, header: &Header, row: &MessageRow) -> Result<(), FoldError> {
        for file in header.attachments.iter().filter(|file| file.placement == Placement::Blob) {
            if self.rows.get(&keys::reader(file.sha256, &header.sender.jurisdiction))?.is_none() {
                continue;
            }
            let all = header.document.is_some().then(JurisdictionId::broker);
            let recipients = row.deliveries.iter().filter_map(|delivery| delivery.jurisdiction.parse().ok());
            for reader in recipients.chain(all) {
                self.rows.put(&keys::reader(file.sha256, &reader), Bytes::new())?;
            }
        }
        Ok(())
    }

    /// What a reply answers, or a later revision of a reply that was not definite yet.
    fn answered_by(&self, header: &Header, chain: &Chain) -> Result<Option<MessageId>, FoldError> {
        match (header.action, chain.root) {
            _ if header.answer.is_none() => Ok(None),
            (Action::Reply, _) => Ok(header.preceding_message_id),
            (Action::Update, Some(root)) => Ok(self.message(root)?.and_then(|(row, _)| id_of(&row.preceding))),
            _ => Ok(None),
        }
    }

    /// An answer meets what its sender owed; a definite one settles the message that it answers too.
    fn answer(&mut self, header: &Header, chain: &Chain, row: &MessageRow) -> Result<(), FoldError> {
        let asked = self.answered_by(header, chain)?;
        self.replied(header, asked, row)?;
        let Some(asked) = asked.filter(|_| header.answer == Some(Answer::Definite)) else { return Ok(()) };
        let Some((mut row, open)) = self.message(asked)? else { return Ok(()) };
        let mut deliveries = std::mem::take(&mut row.deliveries);
        let answering = header.sender.jurisdiction.clone();
        let mine = deliveries.iter_mut().find(|delivery| delivery.jurisdiction == answering.as_str());
        let moved = match mine {
            Some(delivery) if super::stage_of(delivery) < Stage::Answered && is_settled(delivery) => {
                let told =
                    Told { recipient: &answering, stage: Stage::Answered, reason: "", related: &header.message_id.0 };
                self.stands(delivery, &told);
                self.stage_of_duty(asked, &row, &answering, Stage::Answered, self.at.time)?;
                self.tell(asked, &row, &told)?;
                true
            }
            _ => false,
        };
        row.deliveries = deliveries;
        if moved { self.keep(asked, &row, open) } else { Ok(()) }
    }

    /// Where a message stands in its author's chain.
    fn chain(&mut self, header: &Header) -> Result<Chain, Verdict> {
        let mut chain = Chain::default();
        let Some(preceding) = header.preceding_message_id else { return Ok(chain) };
        let before = self.message(preceding)?;
        match &before {
            None => chain.flags.push(v1::Flag::Orphan),
            Some((row, _)) => same_world(header, row)?,
        }
        if !matches!(header.action, Action::Update | Action::Cancel) {
            return Ok(chain);
        }
        if let Some((row, _)) = &before
            && row.sender != header.sender.jurisdiction.as_str()
        {
            return Err(Invalid::new(
                Reason::NotAuthor,
                "preceding_message_id",
                "must name a message of the sender's own",
            )
            .into());
        }
        chain.root = Some(match &before {
            Some((row, _)) => id_of(&row.chain).unwrap_or(preceding),
            None => self.root_of_orphan(header, preceding)?,
        });
        if let Some(root) = chain.root {
            chain.newest = self.row::<ChainRow>(&keys::chain(&header.sender.jurisdiction, root))?;
        }
        if before.is_none() && chain.newest.is_none() {
            chain.first = self.first_of(header)?;
        }
        let revision = |known: Option<(MessageRow, bool)>| known.map(|(row, _)| row.revision);
        let newest = chain.newest.as_ref().map(|newest| newest.revision);
        let known = newest.or(revision(before)).or(chain.first.is_some().then_some(1));
        match known {
            Some(newest) if header.revision == newest => {
                return Err(Invalid::new(
                    Reason::ConflictRevision,
                    "revision",
                    "this revision is known with another id",
                )
                .into());
            }
            Some(newest) if header.revision > newest.saturating_add(1) => chain.flags.push(v1::Flag::RevisionGap),
            Some(newest) => chain.late = header.revision < newest,
            None => {}
        }
        Ok(chain)
    }

    /// Where a chain begins of which the message before is not known: with the thread, unless another or a message of
    /// another kind began that.
    fn root_of_orphan(&self, header: &Header, preceding: MessageId) -> Result<MessageId, FoldError> {
        let foreign = self.message(header.originating_message_id)?.is_some() && self.first_of(header)?.is_none();
        Ok(if foreign { preceding } else { header.originating_message_id })
    }

    /// The first message of a chain of which nothing else is known here, if it is the sender's own.
    fn first_of(&self, header: &Header) -> Result<Option<MessageId>, FoldError> {
        let first = self.message(header.originating_message_id)?.map(|(row, _)| row);
        let kind = positive(header.kind.number());
        let own = first.filter(|row| row.sender == header.sender.jurisdiction.as_str() && row.kind == kind);
        Ok(own.map(|_| header.originating_message_id))
    }

    /// What a newer revision or a cancel does to the ones before it that still wait.
    fn replace(&mut self, header: &Header, chain: &Chain, row: &mut MessageRow) -> Result<(), FoldError> {
        if !matches!(header.action, Action::Update | Action::Cancel) {
            return Ok(());
        }
        if chain.late {
            return self.file_as_history(header, chain, row);
        }
        let recalls = header.action == Action::Cancel || header.kind.is_skippable();
        let mut earlier: Vec<MessageId> = header.preceding_message_id.into_iter().collect();
        earlier.extend(chain.newest.iter().filter_map(|newest| id_of(&newest.message_id)));
        earlier.extend(chain.first);
        earlier.dedup();
        let mut replaced = chain.newest.as_ref().map(|newest| newest.replaced.clone()).unwrap_or_default();
        if recalls {
            for before in earlier {
                if self.recall(before, header)? {
                    replaced.push(before.0.to_vec().into());
                }
            }
        }
        replaced.drain(..replaced.len().saturating_sub(REPLACED_MAX));
        row.skipped.clone_from(&replaced);
        let newest = ChainRow {
            message_id: header.message_id.0.to_vec().into(),
            revision: header.revision,
            cancelled: header.action == Action::Cancel,
            until: header.expires_at.millis(),
            replaced,
        };
        match chain.root {
            Some(root) => self.put(&keys::chain(&header.sender.jurisdiction, root), &newest),
            None => Ok(()),
        }
    }

    /// A lower revision that comes late: it takes no effect, and where its kind may be skipped nobody is handed it.
    fn file_as_history(&mut self, header: &Header, chain: &Chain, row: &mut MessageRow) -> Result<(), FoldError> {
        if !header.kind.is_skippable() {
            return Ok(());
        }
        let related = chain.newest.as_ref().map(|newest| newest.message_id.clone()).unwrap_or_default();
        let mut deliveries = std::mem::take(&mut row.deliveries);
        for delivery in &mut deliveries {
            if let Ok(recipient) = delivery.jurisdiction.parse() {
                let told =
                    Told { recipient: &recipient, stage: Stage::Recalled, reason: "REPLACED", related: &related };
                self.stands(delivery, &told);
                self.tell(header.message_id, row, &told)?;
            }
        }
        row.deliveries = deliveries;
        Ok(())
    }

    /// Takes back what still waits of `id`; true when something did.
    fn recall(&mut self, id: MessageId, by: &Header) -> Result<bool, FoldError> {
        let Some((mut row, true)) = self.message(id)? else { return Ok(false) };
        let reason = if by.action == Action::Cancel { "CANCELLED" } else { "REPLACED" };
        self.end_all(id, &mut row, Stage::Recalled, reason, &by.message_id.0)
    }

    /// Ends every delivery of an open message that still waits; true when there was one.
    pub(super) fn end_all(
        &mut self,
        id: MessageId,
        row: &mut MessageRow,
        stage: Stage,
        reason: &str,
        related: &[u8],
    ) -> Result<bool, FoldError> {
        let was_settled = row.deliveries.iter().all(is_settled);
        let mut deliveries = std::mem::take(&mut row.deliveries);
        for delivery in deliveries.iter_mut().filter(|delivery| !is_settled(delivery)) {
            if let Ok(recipient) = delivery.jurisdiction.parse() {
                let told = Told { recipient: &recipient, stage, reason, related };
                self.end(id, row, delivery, &told)?;
            }
        }
        row.deliveries = deliveries;
        self.settled(id, row, was_settled)?;
        Ok(!was_settled)
    }
}

/// Adds what time has brought to a FLASH account: `full` thousandths an hour, and never more than `full`.
fn refill(account: &mut SenderRow, now: i64, full: u64) {
    const HOUR_MS: u64 = 3_600_000;
    let passed = u64::try_from(now.saturating_sub(account.flash_at)).unwrap_or(0);
    let gained = if account.flash_at == 0 { full } else { passed.saturating_mul(full) / HOUR_MS };
    account.flash_milli = account.flash_milli.saturating_add(gained);
    if account.flash_milli >= full {
        (account.flash_milli, account.flash_at) = (full, now);
    } else {
        // time that was too short for a whole thousandth counts at the next envelope, else a steady stream gains nothing
        let counted = gained.saturating_mul(HOUR_MS).div_ceil(full);
        account.flash_at = account.flash_at.saturating_add_unsigned(counted);
    }
}

/// What is known of a chain before this message.
#[derive(Default)]
struct Chain {
    flags: Vec<v1::Flag>,
    /// The message that begins the chain, for one that goes on.
    root: Option<MessageId>,
    newest: Option<ChainRow>,
    /// The first message, where it is all that is known: what came between is still on its way.
    first: Option<MessageId>,
    /// A higher revision is in force already.
    late: bool,
}

/// Real and exercise never refer to each other, but for the orders of a drill.
fn same_world(header: &Header, before: &MessageRow) -> Result<(), Invalid> {
    let exercise = positive(Status::Exercise.number());
    let differs = (before.status == exercise) != (header.status == Status::Exercise);
    if differs && !matches!(header.kind, Kind::Error) {
        return Err(Invalid::new(Reason::StatusMix, "status", "must be that of the message it refers to"));
    }
    Ok(())
}

/// Receipts that a re-offered envelope brings decide where its deliveries stand.
fn apply_evidence(record: &Submitted, row: &mut MessageRow, here: &ProofRow) {
    for (at, receipt) in (0_u32..).zip(&record.evidence) {
        let Ok(statement) = v1::ReceiptStatement::decode(receipt.statement.clone()) else { continue };
        let Some(stage) = Stage::from_number(statement.stage) else { continue };
        let mine = row.deliveries.iter_mut().find(|delivery| delivery.jurisdiction == statement.recipient);
        if let Some(delivery) = mine
            && stage > super::stage_of(delivery)
            && (!stage.is_negative() || !is_settled(delivery))
        {
            delivery.stage = number(stage);
            delivery.proofs.push(ProofRow { evidence_index: Some(at), stage: number(stage), ..here.clone() });
        }
    }
}

fn delivery_row(stamped: &v1::StampedDelivery) -> DeliveryRow {
    DeliveryRow {
        jurisdiction: stamped.jurisdiction.clone(),
        r#as: stamped.r#as,
        stage: number(Stage::Accepted),
        failed: 0,
        overtaken: 0,
        queued_at: 0,
        proofs: Vec::new(),
    }
}

/// An id in a row.
pub(super) fn id_of(bytes: &[u8]) -> Option<MessageId> {
    bytes.try_into().ok().map(MessageId)
}

/// A number of the contract as rows keep it; the contract has none below zero.
pub(super) fn positive(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// The beginning of a hash, for a message.
fn short(hash: &[u8]) -> String {
    certs::signed::hex(hash.get(..6).unwrap_or(hash))
}
