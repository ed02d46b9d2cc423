//! A broker and three desks that exchange messages by hand: every hand-over is a step, so it can be late, lost or doubled.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use agent::desk::lawful;
use agent::fold::matters::{self, MatterState};
use agent::fold::{AgentFold, Bells, query};
use broker::relay::accept;
use broker::relay::fold::{BrokerFold, Outcome, keys, message, stage_of};
use bytes::Bytes;
use model::header::SCHEMA_VERSION;
use model::ids::{Digest, JurisdictionId, MessageId};
use model::invalid::Invalid;
use model::judge;
use model::kind::Kind;
use model::level::{EventLevel, WarningLevel};
use model::position::Position;
use model::precedence::Precedence;
use model::stage::Stage;
use model::time::Timestamp;
use prost::Message as _;
use proto::border;
use proto::record::{
    Attested, BrokerAccepted, BrokerRefused, Confirmed, Delivered, Expired, Followed, Incarnated, LineRow, MessageRow,
    Queued, ReceiptsReceived, Received, Submitted, WaitingRow, kind,
};
use proto::{rules, v1};

use super::side::Side;
use crate::world::live::{MORNING, id_of};
use crate::world::papers::Paper;
use crate::world::region::{LY, LYG, REGION, XZ};

/// The desks.
pub const WHO: [&str; 3] = [LY, XZ, LYG];
const INCARNATION: [u8; 8] = [9; 8];

/// A message, wherever it is by now.
#[derive(Clone)]
pub struct Written {
    pub by: usize,
    pub id: MessageId,
    pub header: v1::Header,
    pub draft: v1::Draft,
    envelope: v1::Envelope,
    hash: Bytes,
    pub to: Vec<usize>,
    /// It was made past its author's desk.
    pub forged: bool,
    pub accepted: bool,
}

/// Why a desk did not let a message leave.
#[derive(Debug)]
#[expect(dead_code, reason = "told when a history fails")]
pub enum Kept {
    /// The contract's own rules of a header, or nobody is addressed.
    Unfit(Invalid),
    /// The step is not lawful where its matter stands.
    Unlawful(Invalid),
}

pub struct Region {
    pub broker: Side<BrokerFold>,
    pub desks: Vec<Side<AgentFold>>,
    pub now: Timestamp,
    pub written: Vec<Written>,
    made: u64,
    sequences: [u64; 3],
    outboxes: [VecDeque<usize>; 3],
    /// Receipts that were signed and have not reached the broker.
    confirms: [VecDeque<Bytes>; 3],
    /// What each desk signed when it took a message.
    statements: BTreeMap<(usize, MessageId), Bytes>,
    /// How far each desk has its line.
    lines: [Vec<u8>; 3],
}

impl Region {
    pub fn new() -> Self {
        let broker = Side::new(|| BrokerFold::new(Arc::default()));
        let desk = |who: &str| {
            let who: JurisdictionId = who.parse().unwrap();
            Side::new(move || AgentFold::new(who.clone(), Arc::new(Bells::default())))
        };
        let mut desks: Vec<_> = WHO.iter().map(|who| desk(who)).collect();
        for desk in &mut desks {
            let begun = Incarnated { incarnation: INCARNATION.to_vec().into(), boot_count: 1, why: "new".into() };
            desk.fold(kind::INCARNATED, MORNING, &begun);
        }
        Self {
            broker,
            desks,
            now: MORNING,
            written: Vec::new(),
            made: 0,
            sequences: [0; 3],
            outboxes: Default::default(),
            confirms: Default::default(),
            statements: BTreeMap::new(),
            lines: Default::default(),
        }
    }

    /// A paper on the desk of `by`, with everything that a desk fills in; `before` is what it follows.
    fn draft(&mut self, by: usize, paper: Paper, before: Option<usize>) -> v1::Draft {
        self.made += 1;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.made.to_be_bytes());
        let id = Bytes::copy_from_slice(&MessageId::new(self.now, random).0);
        let before = before.map(|at| &self.written[at].header);
        let mut draft = paper.0;
        let header = draft.header.get_or_insert_default();
        let follows = matches!(header.action(), v1::Action::Update | v1::Action::Cancel);
        header.message_id = id.clone();
        header.originating_message_id = before.map_or(id, |before| before.originating_message_id.clone());
        header.preceding_message_id = before.map(|before| before.message_id.clone()).unwrap_or_default();
        header.revision = if follows { before.map_or(1, |before| before.revision + 1) } else { 1 };
        if let Some(before) = before {
            shares(header, before);
        }
        header.incarnation = INCARNATION.to_vec().into();
        header.sender_seq = self.sequences[by] + 1;
        header.sent_at = Some(border::time::to_wire(self.now));
        header.expires_at = Some(border::time::to_wire(self.now.plus(Duration::from_hours(24))));
        speaks(header, WHO[by]);
        travels(header);
        draft
    }

    /// Writes a message at a desk, which refuses what is not lawful; a forger asks no desk.
    pub fn write(&mut self, by: usize, paper: Paper, before: Option<usize>, forged: bool) -> Result<usize, Kept> {
        let draft = self.draft(by, paper, before);
        let wire = draft.header.clone().unwrap_or_default();
        let body: Bytes = draft.body.clone().unwrap_or_default().encode_to_vec().into();
        let header = border::header::from_wire(wire.clone()).map_err(Kept::Unfit)?;
        judge::judge_static(&header).map_err(Kept::Unfit)?;
        if !forged {
            rules::check(&body, &wire).map_err(Kept::Unfit)?;
        }
        let named = wire.recipients.iter().filter_map(|to| match &to.to {
            Some(v1::address::To::Jurisdiction(named)) => WHO.iter().position(|who| *who == named.id),
            _ => None,
        });
        let to: Vec<usize> = named.filter(|to| *to != by).collect();
        if to.is_empty() {
            return Err(Kept::Unfit(Invalid::missing("header.recipients")));
        }
        if !forged {
            self.knows(by, before)?;
            let now = self.now;
            let judged = self.desks[by].read(|_, rows| lawful::judge(rows, &header, &body, now));
            judged.map_err(Kept::Unlawful)?;
        }
        let content = v1::Content { header: draft.header.clone(), body: draft.body.clone(), inline: Vec::new() };
        let content: Bytes = content.encode_to_vec().into();
        let hash = Bytes::copy_from_slice(&Digest::of(&content).0);
        let envelope = v1::Envelope { content, seal: None };
        self.sequences[by] += 1;
        if !forged {
            let queued = Queued { envelope: Some(envelope.clone()), ..Queued::default() };
            self.desks[by].fold(kind::QUEUED, self.now, &queued);
        }
        let (id, at) = (header.message_id, self.written.len());
        self.written.push(Written { by, id, header: wire, draft, envelope, hash, to, forged, accepted: false });
        self.outboxes[by].push_back(at);
        Ok(at)
    }

    /// A desk follows no message that it does not have.
    fn knows(&mut self, by: usize, before: Option<usize>) -> Result<(), Kept> {
        let Some(id) = before.map(|at| self.written[at].id) else { return Ok(()) };
        let known = self.desks[by]
            .read(|_, rows| query::sent(rows, id).unwrap().is_some() || query::received(rows, id).unwrap().is_some());
        let unknown = || Kept::Unfit(Invalid::new(model::reason::Reason::NotFound, "header.preceding", ""));
        if known { Ok(()) } else { Err(unknown()) }
    }

    /// Every matter of a desk that a machine follows.
    pub fn matters(&mut self, at: usize) -> Vec<MatterState> {
        let all = self.desks[at].read(|_, rows| query::matters(rows, false)).unwrap();
        all.into_iter().map(|(_, state)| state).filter(|state| state.thread.is_some()).collect()
    }

    /// The next message of a desk reaches the broker.
    pub fn submit(&mut self, by: usize) -> bool {
        let Some(at) = self.outboxes[by].pop_front() else { return false };
        let outcome = self.hand_in(at);
        let Written { id, forged, hash, .. } = self.written[at].clone();
        match outcome {
            Outcome::Accepted { row, .. } => {
                self.written[at].accepted = true;
                let accepted = accept::accepted(&row, &id.0);
                let receipts =
                    v1::ReceiptBatch { statements: vec![accepted.encode_to_vec().into()], ..Default::default() };
                self.desks[by].fold(kind::BROKER_ACCEPTED, self.now, &BrokerAccepted { receipts: Some(receipts) });
            }
            Outcome::Refused(invalid) if !forged => {
                let refusal = v1::Refusal {
                    message_id: Bytes::copy_from_slice(&id.0),
                    reason: invalid.reason.code().to_owned(),
                    content_hash: hash,
                    ..Default::default()
                };
                self.desks[by].fold(kind::BROKER_REFUSED, self.now, &BrokerRefused { refusal: Some(refusal) });
            }
            Outcome::Refused(_) | Outcome::Session { .. } | Outcome::Done => {}
        }
        true
    }

    fn hand_in(&mut self, at: usize) -> Outcome {
        let written = &self.written[at];
        let deliveries = written
            .to
            .iter()
            .map(|to| v1::StampedDelivery { jurisdiction: WHO[*to].into(), r#as: v1::DeliveryAs::To.into() });
        let submitted = Submitted {
            envelope: Some(written.envelope.clone()),
            deliveries: deliveries.collect(),
            touched: written.to.iter().map(|to| WHO[*to].to_owned()).collect(),
            by: WHO[written.by].into(),
            flash_budget: 100,
            content_hash: written.hash.clone(),
            ..Default::default()
        };
        self.broker.fold(kind::SUBMITTED, self.now, &submitted)
    }

    /// A message that the broker has comes again: nothing changes (I13).
    pub fn repeats(&mut self, at: usize) {
        if !self.written[at].accepted {
            return;
        }
        let before = self.broker.rows();
        let outcome = self.hand_in(at);
        assert!(matches!(outcome, Outcome::Accepted { duplicate: true, .. }), "{outcome:?}");
        assert_eq!(self.broker.rows(), before, "a duplicate had an effect at the broker");
    }

    /// What waits for a desk, in the order of its mailbox.
    pub fn mailbox(&mut self, who: usize) -> Vec<MessageId> {
        let prefix = keys::mailbox_prefix(&WHO[who].parse().unwrap());
        let rows = self.broker.read(|_, rows| rows.scan(&prefix, &prefix, 10_000)).unwrap();
        rows.iter().map(|(_, row)| id_of(&WaitingRow::decode(&row[..]).unwrap().message_id)).collect()
    }

    pub fn row(&mut self, id: MessageId) -> MessageRow {
        self.broker.read(|_, rows| message(rows, id)).unwrap().unwrap().0
    }

    /// The first message of a mailbox reaches its desk. It stays in the mailbox until the receipt has come back.
    pub fn deliver(&mut self, who: usize, nth: usize) -> bool {
        let waiting = self.mailbox(who);
        let Some(id) = waiting.get(nth % waiting.len().max(1)).copied() else { return false };
        let statement = match self.statements.get(&(who, id)) {
            Some(known) => known.clone(),
            None => self.takes(who, id),
        };
        self.confirms[who].push_back(statement);
        true
    }

    fn takes(&mut self, who: usize, id: MessageId) -> Bytes {
        let row = self.row(id);
        let at = self.written.iter().position(|written| written.id == id).unwrap();
        let expired = row.expires_at <= self.now.millis();
        let stage = if expired { Stage::Refused } else { Stage::Delivered };
        let statement: Bytes = self.statement(who, at, stage).encode_to_vec().into();
        let delivery = Delivered {
            envelope: Some(self.written[at].envelope.clone()),
            stamp: Some(accept::stamp(&row)),
            refused: if expired { "LD502_EXPIRED".into() } else { String::new() },
            ..Default::default()
        };
        let receipts = v1::ReceiptBatch { statements: vec![statement.clone()], ..Default::default() };
        let received = Received { deliveries: vec![delivery], receipts: Some(receipts) };
        self.desks[who].fold(kind::RECEIVED, self.now, &received);
        // the same frame once more, from a session that overlaps: nothing changes (I13)
        let before = self.desks[who].rows();
        self.desks[who].fold(kind::RECEIVED, self.now, &received);
        assert_eq!(self.desks[who].rows(), before, "a duplicate had an effect at a desk");
        self.statements.insert((who, id), statement.clone());
        statement
    }

    fn statement(&self, who: usize, at: usize, stage: Stage) -> v1::ReceiptStatement {
        let written = &self.written[at];
        v1::ReceiptStatement {
            message_id: Bytes::copy_from_slice(&written.id.0),
            content_hash: written.hash.clone(),
            recipient: WHO[who].into(),
            stage: stage.number(),
            at: Some(border::time::to_wire(self.now)),
            by: format!("{}/desk", WHO[who]),
            sender: WHO[written.by].into(),
            ..Default::default()
        }
    }

    /// A person opens, acknowledges or promises; only what is in the inbox can be.
    pub fn attest(&mut self, who: usize, at: usize, stage: Stage) {
        let id = self.written[at].id;
        let row = self.desks[who].read(|_, rows| query::received(rows, id)).unwrap();
        if row.is_none_or(|row| !row.refused.is_empty()) {
            return;
        }
        let statement: Bytes = self.statement(who, at, stage).encode_to_vec().into();
        let receipts = v1::ReceiptBatch { statements: vec![statement.clone()], ..Default::default() };
        self.desks[who].fold(kind::ATTESTED, self.now, &Attested { receipts: Some(receipts) });
        self.confirms[who].push_back(statement);
    }

    /// The next receipt of a desk reaches the broker.
    pub fn confirm(&mut self, who: usize) -> bool {
        let Some(statement) = self.confirms[who].pop_front() else { return false };
        let receipts = v1::ReceiptBatch { statements: vec![statement], ..Default::default() };
        let confirmed = Confirmed { by: WHO[who].into(), receipts: Some(receipts), ..Default::default() };
        self.broker.fold(kind::CONFIRMED, self.now, &confirmed);
        true
    }

    /// A line breaks while receipts are on it: nobody knows which came, so all of them go again.
    pub fn line_breaks(&mut self, who: usize) {
        let on_the_line = self.confirms[who].clone();
        self.confirms[who].extend(on_the_line);
    }

    /// A desk's line of receipts comes down.
    pub fn tell(&mut self, who: usize) -> bool {
        let prefix = keys::line_prefix(&WHO[who].parse().unwrap());
        let mut from = self.lines[who].clone();
        from.push(0);
        let from = if self.lines[who].is_empty() { prefix.clone() } else { from };
        let rows = self.broker.read(|_, rows| rows.scan(&prefix, &from, 10_000)).unwrap();
        let Some((last, _)) = rows.last() else { return false };
        self.lines[who] = last.to_vec();
        let receipts = rows.iter().map(|(key, row)| {
            let at = keys::line_position(key).unwrap();
            self.receipt(at, &LineRow::decode(&row[..]).unwrap())
        });
        let received = ReceiptsReceived { receipts: receipts.collect(), ..Default::default() };
        self.desks[who].fold(kind::RECEIPTS_RECEIVED, self.now, &received);
        true
    }

    /// What the broker says by a row of a line: an agent's receipt as it came, or its own.
    fn receipt(&self, at: Position, line: &LineRow) -> v1::Receipt {
        let statement = match line.batch_index {
            Some(index) => {
                let confirmed = Confirmed::decode(self.broker.record(at).bytes.clone()).unwrap();
                confirmed.receipts.unwrap().statements[index as usize].clone()
            }
            None => v1::ReceiptStatement {
                message_id: line.message_id.clone(),
                content_hash: line.content_hash.clone(),
                recipient: line.recipient.clone(),
                stage: line.stage.cast_signed(),
                at: Some(border::time::to_wire(Timestamp::from_millis(line.at))),
                by: "broker".into(),
                reason: line.reason.clone(),
                position: at.0,
                related_message_id: line.related.clone(),
                sender: line.sender.clone(),
                ..Default::default()
            }
            .encode_to_vec()
            .into(),
        };
        v1::Receipt { statement, seal: None }
    }

    /// The broker ends what has expired, and every desk reaches the rungs whose time has come.
    pub fn time_tells(&mut self) {
        let now = self.now;
        let rows = self.broker.read(|_, rows| rows.scan(&[keys::table::EXPIRY], &[], 10_000)).unwrap();
        let expired = rows.iter().filter_map(|(key, _)| keys::expiry_parts(key)).filter(|(at, _)| *at <= now);
        let message_ids: Vec<Bytes> = expired.map(|(_, id)| Bytes::copy_from_slice(&id.0)).collect();
        if !message_ids.is_empty() {
            self.broker.fold(kind::EXPIRED, now, &Expired { message_ids });
        }
        for who in 0..self.desks.len() {
            self.followers_step(who);
        }
        for desk in &mut self.desks {
            while let Some((_, key)) =
                desk.read(|_, rows| query::first_wake(rows)).unwrap().filter(|(at, _)| *at <= now)
            {
                let state = desk.read(|_, rows| matters::read_matter(rows, &key)).unwrap().unwrap();
                let rungs = state.rungs(&key, now);
                assert!(!rungs.is_empty(), "time reached something, and nothing came of it");
                for rung in &rungs {
                    desk.fold(kind::RUNG, now, rung);
                }
            }
        }
    }

    /// What waited for a message of its matter takes its step, as the clerk lets it.
    pub fn followers_step(&mut self, who: usize) {
        loop {
            let now = self.now;
            let ready = self.desks[who].read(|_, rows| query::followers(rows, now)).unwrap();
            let Some((row, may_step)) = ready.into_iter().next() else { return };
            let written = self.written.iter().find(|written| row.message_id == written.id.0.as_slice()).unwrap();
            let content = if may_step { written.envelope.content.clone() } else { Bytes::new() };
            let id = id_of(&row.message_id);
            // one of ours that waits may not have reached the broker
            let known = self.broker.read(|_, rows| message(rows, id)).unwrap().filter(|_| may_step);
            let stamp = known.map(|(row, _)| accept::stamp(&row));
            let followed = Followed { message_id: row.message_id, content, at: row.accepted_at, stamp };
            self.desks[who].fold(kind::FOLLOWED, now, &followed);
        }
    }

    /// Everything that is on its way arrives.
    pub fn settles(&mut self) {
        loop {
            let mut moved = false;
            for who in 0..WHO.len() {
                while self.submit(who) {
                    moved = true;
                }
            }
            for who in 0..WHO.len() {
                while self.deliver(who, 0) && self.confirm_all(who) {
                    moved = true;
                }
                moved |= self.confirm_all(who);
                moved |= self.tell(who);
                self.followers_step(who);
            }
            if !moved {
                return;
            }
        }
    }

    fn confirm_all(&mut self, who: usize) -> bool {
        let mut any = false;
        while self.confirm(who) {
            any = true;
        }
        any
    }

    /// The stage at which a message stands for a desk, as the broker knows.
    pub fn stage(&mut self, id: MessageId, who: &str) -> Stage {
        let row = self.row(id);
        stage_of(row.deliveries.iter().find(|delivery| delivery.jurisdiction == who).unwrap())
    }
}

/// What a follow-up shares with what it follows.
fn shares(header: &mut v1::Header, before: &v1::Header) {
    if header.action() == v1::Action::Reply && header.answer == 0 {
        header.answer = v1::Answer::Definite.into();
    }
    if header.category == 0 {
        header.category = before.category;
    }
    if header.agreement_id.is_empty() {
        header.agreement_id.clone_from(&before.agreement_id);
    }
}

fn speaks(header: &mut v1::Header, who: &str) {
    let sender = header.sender.get_or_insert_default();
    sender.jurisdiction = who.into();
    if sender.role == 0 {
        sender.role = v1::Role::DutyOfficer.into();
    }
    let prepared_by = header.prepared_by.get_or_insert_default();
    if prepared_by.name.is_empty() {
        prepared_by.name = "王明".into();
    }
    if prepared_by.role == 0 {
        prepared_by.role = v1::Role::DutyOfficer.into();
    }
    header.schema_version = SCHEMA_VERSION;
    header.region = REGION.into();
    header.language = "zh-CN".into();
    if header.status == 0 {
        header.status = v1::Status::Actual.into();
    }
}

fn travels(header: &mut v1::Header) {
    let kind = Kind::from_number(header.kind).expect("a kind");
    if header.precedence == 0 {
        let level = EventLevel::from_number(header.event_level);
        let colour = WarningLevel::from_number(header.warning_level);
        header.precedence = kind.usual_precedence(level, colour).number();
    }
    let precedence = Precedence::from_number(header.precedence).unwrap_or(Precedence::Routine);
    header.receipt_required = kind.stage_floor(precedence).unwrap_or(Stage::Delivered).number();
    header.confidentiality = v1::Confidentiality::Internal.into();
    header.personal_data = v1::PersonalData::Absent.into();
}
