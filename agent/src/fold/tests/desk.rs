//! An agent's fold on a table: what is queued, answered, received and signed; after each record the counters must agree.

use std::sync::Arc;

use bytes::{BufMut as _, Bytes};
use journal::Record;
use model::{
    ids::{Digest, MessageId},
    kind::Kind,
    position::{EpochId, Position},
    precedence::Precedence,
    stage::Stage,
    time::Timestamp,
};
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint},
};
use proto::{
    border,
    record::{
        Attested, BrokerAccepted, BrokerRefused, ConfirmKept, Delivered, EpochsKnown, Queued, ReceiptsReceived,
        Received, ReceivedRow, SentRow, kind,
    },
    rules,
    status::Lang,
    v1,
};
use serde_json::Value;
use store::{Rows, trial::Trial};

use super::super::{AgentFold, Bells, Outcome, id_of, keys, query, stage_of};

/// Whose agent this is.
pub const LINYI: &str = "371300";
/// A neighbour.
pub const XUZHOU: &str = "320300";
/// Another.
pub const LIANYUNGANG: &str = "320700";
/// When every test begins, ms.
pub const NOON: i64 = 1_800_000_000_000;
/// A day, ms.
pub const DAY: i64 = 86_400_000;

/// An envelope and who gets it.
#[derive(Clone, Debug)]
pub struct Draft {
    pub header: v1::Header,
    /// The encoded body; an empty one of the header's kind where nothing is said.
    pub body: Bytes,
    pub to: Vec<String>,
}

impl Draft {
    pub fn id(&self) -> MessageId {
        id_of(&self.header.message_id).unwrap()
    }

    pub fn with(mut self, change: impl FnOnce(&mut v1::Header)) -> Self {
        change(&mut self.header);
        self
    }

    pub fn envelope(&self) -> v1::Envelope {
        let mut body = self.body.to_vec();
        if body.is_empty() {
            encode_key(100 + self.header.kind.unsigned_abs(), WireType::LengthDelimited, &mut body);
            encode_varint(0, &mut body);
        }
        let mut content = Vec::new();
        for (tag, part) in [(1, self.header.encode_to_vec()), (2, body)] {
            encode_key(tag, WireType::LengthDelimited, &mut content);
            encode_varint(part.len() as u64, &mut content);
            content.put_slice(&part);
        }
        v1::Envelope { content: content.into(), seal: None }
    }

    pub fn hash(&self) -> Bytes {
        Digest::of(&self.envelope().content).0.to_vec().into()
    }
}

/// The fold, and the clock of its records.
pub struct Table {
    trial: Trial<AgentFold>,
    bells: Arc<Bells>,
    /// Now, ms.
    pub now: i64,
    made: u64,
    records: Vec<Record>,
}

impl Table {
    pub fn new() -> Self {
        let bells = Arc::new(Bells::default());
        let trial = Trial::new(AgentFold::new(LINYI.parse().unwrap(), bells.clone())).unwrap();
        let mut table = Self { trial, bells, now: NOON, made: 0, records: Vec::new() };
        let incarnated =
            proto::record::Incarnated { incarnation: vec![9; 8].into(), boot_count: 1, why: String::new() };
        table.fold(kind::INCARNATED, &incarnated);
        table
    }

    /// A bulletin of PRIORITY.
    pub fn draft(&mut self, from: &str, to: &[&str]) -> Draft {
        self.made += 1;
        let mut id = [0x77; 16];
        id[..6].copy_from_slice(&self.now.to_be_bytes()[2..]);
        id[8..].copy_from_slice(&self.made.to_be_bytes());
        let officer = v1::Role::DutyOfficer as i32;
        let header = v1::Header {
            message_id: id.to_vec().into(),
            originating_message_id: id.to_vec().into(),
            schema_version: 1,
            kind: v1::Kind::Bulletin as i32,
            action: v1::Action::Originate as i32,
            status: v1::Status::Actual as i32,
            sender: Some(v1::Party { jurisdiction: from.to_owned(), role: officer, ..v1::Party::default() }),
            revision: 1,
            incarnation: vec![9; 8].into(),
            sender_seq: self.made,
            sent_at: Some(border::time::to_wire(Timestamp::from_millis(self.now))),
            expires_at: Some(border::time::to_wire(Timestamp::from_millis(self.now + DAY))),
            precedence: v1::Precedence::Priority as i32,
            confidentiality: 1,
            receipt_required: v1::Stage::Delivered as i32,
            prepared_by: Some(v1::Signatory { name: "李华".to_owned(), role: officer, at: None }),
            language: "zh-CN".to_owned(),
            region: "huaihai".to_owned(),
            ..v1::Header::default()
        };
        Draft { header, body: Bytes::new(), to: to.iter().map(ToString::to_string).collect() }
    }

    /// The example of a kind as `from` would send it to us, with a changed body; none where nobody could encode it.
    pub fn example(&mut self, kind: Kind, from: &str, change: impl FnOnce(&mut Value)) -> Option<Draft> {
        let mut draft = rules::draft_to_json(&rules::example(kind, Lang::Zh, Timestamp::from_millis(NOON)));
        change(draft.get_mut("body")?.as_object_mut()?.values_mut().next()?);
        let draft = rules::draft_from_json(Some(kind), &draft).ok()?;
        let body = draft.body?.encode_to_vec().into();
        let ours = self.draft(from, &[LINYI]);
        let v1::Header { message_id, originating_message_id, action, sender, .. } = ours.header.clone();
        let v1::Header { incarnation, sender_seq, sent_at, expires_at, receipt_required, .. } = ours.header.clone();
        let header = v1::Header {
            schema_version: 1,
            message_id,
            originating_message_id,
            action,
            sender,
            revision: 1,
            incarnation,
            sender_seq,
            sent_at,
            expires_at,
            receipt_required,
            prepared_by: ours.header.prepared_by.clone(),
            region: ours.header.region.clone(),
            ..draft.header?
        };
        Some(Draft { header, body, ..ours })
    }

    /// Folds a record; after it the counters must agree with the rows.
    pub fn fold(&mut self, kind: u16, message: &impl Message) -> Outcome {
        let record = Record::new(kind, Timestamp::from_millis(self.now), message.encode_to_vec());
        let outcome = self.trial.apply(&record).unwrap();
        self.records.push(record);
        self.balance();
        outcome
    }

    /// The position of the last record.
    pub fn position(&self) -> Position {
        self.trial.folded()
    }

    pub fn queue(&mut self, draft: &Draft) {
        self.fold(kind::QUEUED, &Queued { envelope: Some(draft.envelope()), ..Queued::default() });
    }

    /// A statement about a draft.
    pub fn statement(&self, draft: &Draft, recipient: &str, stage: Stage) -> v1::ReceiptStatement {
        v1::ReceiptStatement {
            message_id: draft.header.message_id.clone(),
            content_hash: draft.hash(),
            recipient: recipient.to_owned(),
            stage: stage.number(),
            at: Some(border::time::to_wire(Timestamp::from_millis(self.now))),
            ..v1::ReceiptStatement::default()
        }
    }

    /// The broker took charge, at this place of its journal.
    pub fn accept(&mut self, draft: &Draft, epoch: u8, position: u64) {
        let stamp = v1::Stamp { accepted_at: None, ack_by: None, ..self.stamp(draft, 0) };
        self.accept_stamped(draft, (epoch, position), stamp);
    }

    /// The same; an acknowledgement is owed within so many ms.
    pub fn accept_by(&mut self, draft: &Draft, within: i64) {
        let stamp = self.stamp(draft, within);
        let at = self.made + 100;
        self.made += 1;
        self.accept_stamped(draft, (1, at), stamp);
    }

    /// The stamp of a message that the broker takes charge of now.
    pub fn stamp(&self, draft: &Draft, within: i64) -> v1::Stamp {
        let deliveries =
            draft.to.iter().map(|to| v1::StampedDelivery { jurisdiction: to.clone(), r#as: v1::DeliveryAs::To as i32 });
        let at = |ms| Some(border::time::to_wire(Timestamp::from_millis(ms)));
        let (accepted_at, ack_by) = (at(self.now), at(self.now + within));
        v1::Stamp { deliveries: deliveries.collect(), accepted_at, ack_by, ..v1::Stamp::default() }
    }

    fn accept_stamped(&mut self, draft: &Draft, (epoch, position): (u8, u64), stamp: v1::Stamp) {
        let accepted = v1::ReceiptStatement {
            epoch: vec![epoch; 16].into(),
            position,
            stamp: Some(stamp),
            ..self.statement(draft, "", Stage::Accepted)
        };
        self.fold(kind::BROKER_ACCEPTED, &BrokerAccepted { receipts: Some(batch(&[accepted])) });
    }

    pub fn refuse(&mut self, draft: &Draft) {
        let refusal = v1::Refusal { message_id: draft.header.message_id.clone(), ..v1::Refusal::default() };
        self.fold(kind::BROKER_REFUSED, &BrokerRefused { refusal: Some(refusal) });
    }

    /// Receipts came down the line.
    pub fn receipts(&mut self, statements: &[v1::ReceiptStatement], unverified: &[u32]) {
        let receipt =
            |statement: &v1::ReceiptStatement| v1::Receipt { statement: statement.encode_to_vec().into(), seal: None };
        let receipts = statements.iter().map(receipt).collect();
        let unverified = unverified.to_vec();
        self.fold(kind::RECEIPTS_RECEIVED, &ReceiptsReceived { receipts, unverified, ..ReceiptsReceived::default() });
    }

    pub fn receipt(&mut self, draft: &Draft, recipient: &str, stage: Stage) {
        let statement = self.statement(draft, recipient, stage);
        self.receipts(&[statement], &[]);
    }

    /// Deliveries were put into the inbox; a code makes one refused.
    pub fn receive(&mut self, drafts: &[(&Draft, &str)]) {
        let deliveries = drafts.iter().map(|(draft, refused)| Delivered {
            envelope: Some(draft.envelope()),
            refused: (*refused).to_owned(),
            ..Delivered::default()
        });
        let deliveries = deliveries.collect();
        let statements: Vec<_> = drafts
            .iter()
            .map(|(draft, refused)| {
                let stage = if refused.is_empty() { Stage::Delivered } else { Stage::Refused };
                self.statement(draft, LINYI, stage)
            })
            .collect();
        self.fold(kind::RECEIVED, &Received { deliveries, receipts: Some(batch(&statements)) });
    }

    /// One delivery with its stamp was put into the inbox.
    pub fn receive_stamped(&mut self, draft: &Draft, stamp: v1::Stamp) {
        let delivery = Delivered { envelope: Some(draft.envelope()), stamp: Some(stamp), ..Delivered::default() };
        let statement = self.statement(draft, LINYI, Stage::Delivered);
        self.fold(kind::RECEIVED, &Received { deliveries: vec![delivery], receipts: Some(batch(&[statement])) });
    }

    /// An officer signs a stage; where the receipt that counts stands.
    pub fn attest(&mut self, draft: &Draft, stage: Stage) -> Option<(Position, u32)> {
        let statement = self.statement(draft, LINYI, stage);
        match self.fold(kind::ATTESTED, &Attested { receipts: Some(batch(&[statement])) }) {
            Outcome::Attested(places) => places[0],
            Outcome::Done => panic!("no answer"),
        }
    }

    /// The broker has the receipts of these records of ours, at this place.
    pub fn kept(&mut self, records: &[Position], epoch: u8, position: u64) {
        let place = Some(v1::JournalPlace { epoch: vec![epoch; 16].into(), position });
        let records = records.iter().map(|at| at.0).collect();
        self.fold(kind::CONFIRM_KEPT, &ConfirmKept { kept: Vec::new(), place, records });
    }

    /// The broker's journal consists of these epochs: name, first, last (0: it lives).
    pub fn epochs(&mut self, epochs: &[(u8, u64, u64)]) {
        let end = |(epoch, first, last): &(u8, u64, u64)| v1::EpochEnd {
            epoch: vec![*epoch; 16].into(),
            first: *first,
            last: *last,
        };
        self.fold(kind::EPOCHS_KNOWN, &EpochsKnown { epochs: epochs.iter().map(end).collect() });
    }

    pub fn read<R>(&mut self, ask: impl FnOnce(&AgentFold, &Rows<'_>) -> R) -> R {
        self.trial.read(ask)
    }

    pub fn sent(&mut self, draft: &Draft) -> SentRow {
        self.read(|_, rows| query::sent(rows, draft.id())).unwrap().unwrap()
    }

    pub fn received(&mut self, draft: &Draft) -> Option<ReceivedRow> {
        self.read(|_, rows| query::received(rows, draft.id())).unwrap()
    }

    /// What waits for the broker, in the order in which it is offered.
    pub fn outbox(&mut self) -> Vec<MessageId> {
        let mut waiting = Vec::new();
        for precedence in (1..=4).filter_map(Precedence::from_number) {
            let found = self.read(|_, rows| query::outbox(rows, precedence, Position::START, 1_000)).unwrap();
            waiting.extend(found.into_iter().map(|(_, row)| id_of(&row.message_id).unwrap()));
        }
        waiting
    }

    /// Messages in a list, newest first.
    pub fn list(&mut self, table: u8) -> Vec<MessageId> {
        let lines = self.read(|_, rows| query::list(rows, table, 0, 1_000)).unwrap();
        lines.into_iter().map(|(_, row)| id_of(&row.message_id).unwrap()).collect()
    }

    /// How far a recipient of ours is, and the end that was overtaken.
    pub fn stage(&mut self, draft: &Draft, recipient: &str) -> (Stage, Option<Stage>) {
        let found = self.read(|_, rows| query::deliveries(rows, draft.id())).unwrap();
        let (_, row) = found.into_iter().find(|(who, _)| who.as_str() == recipient).unwrap();
        (stage_of(row.stage).unwrap(), stage_of(row.overtaken))
    }

    /// Stages of every receipt that is filed under a message.
    pub fn filed(&mut self, draft: &Draft) -> Vec<Stage> {
        let filed = self.read(|_, rows| query::receipts(rows, draft.id())).unwrap();
        filed.iter().map(|filed| stage_of(filed.row.stage).unwrap()).collect()
    }

    /// Records whose receipts wait for the broker.
    pub fn unkept(&mut self) -> Vec<Position> {
        self.read(|_, rows| query::to_keep(rows, Position::START, 1_000)).unwrap()
    }

    /// Counters of the agent: queued, unsettled, unopened.
    pub fn counters(&mut self) -> (u64, u64, u64) {
        self.read(|fold, _| (fold.agent().queued, fold.agent().unsettled, fold.agent().unopened))
    }

    /// Begins again from the rows alone, and from the records alone: both must come to the same.
    pub fn replay(&mut self) {
        let mut again = Trial::new(AgentFold::new(LINYI.parse().unwrap(), self.bells.clone())).unwrap();
        for record in &self.records {
            again.apply(record).unwrap();
        }
        assert_eq!(again.fingerprint().unwrap(), self.trial.fingerprint().unwrap(), "the same records, other rows");
        let before = self.read(|fold, _| fold.agent().clone());
        self.trial.reopen(AgentFold::new(LINYI.parse().unwrap(), self.bells.clone())).unwrap();
        assert_eq!(self.read(|fold, _| fold.agent().clone()), before);
    }

    fn balance(&mut self) {
        let counters = self.counters();
        self.read(|_, rows| {
            let count = |table: u8| rows.scan(&[table], &[], 100_000).unwrap().len() as u64;
            let sent = rows.scan(&[keys::table::SENT], &[], 100_000).unwrap();
            let sent = sent.iter().map(|(_, value)| SentRow::decode(&value[..]).unwrap());
            let unsettled = sent.filter(|row| !row.accepted_epoch.is_empty() && !row.settled).count() as u64;
            assert_eq!(counters, (count(keys::table::OUTBOX), unsettled, count(keys::table::UNOPENED)));
        });
    }
}

/// Statements under one signature.
pub fn batch(statements: &[v1::ReceiptStatement]) -> v1::ReceiptBatch {
    let statements = statements.iter().map(|statement| statement.encode_to_vec().into()).collect();
    v1::ReceiptBatch { statements, ..v1::ReceiptBatch::default() }
}

/// An epoch of the broker's journal.
pub fn epoch(name: u8) -> EpochId {
    EpochId([name; 16])
}
