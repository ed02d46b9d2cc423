//! A broker's fold on a table: drafts are handed in, receipts confirmed, time passes, and the books must balance.

use std::{collections::BTreeMap, sync::Arc};

use bytes::{BufMut as _, Bytes};
use journal::Record;
use model::{
    ids::{Digest, JurisdictionId, MessageId},
    reason::Reason,
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
        AdminAct, Confirmed, DeadRow, Expired, FailedTry, LineRow, MessageRow, SenderRow, Submitted, Tried, WaitingRow,
        kind,
    },
    v1,
};
use store::{Rows, trial::Trial};

use super::super::{
    BrokerFold, Outcome, State, Wakes, keys, keys::WaitingKey, message, messages::is_settled, stage_of,
};

/// The three who talk most.
pub const LINYI: &str = "371300";
pub const XUZHOU: &str = "320300";
pub const LIANYUNGANG: &str = "320700";
/// When every test begins, ms.
pub const NOON: i64 = 1_800_000_000_000;
/// How long a draft lives unless it says otherwise, ms.
pub const DAY: i64 = 24 * HOUR;
/// An hour, ms.
pub const HOUR: i64 = 3_600_000;

/// An envelope before it is handed in.
#[derive(Clone, Debug)]
pub struct Draft {
    pub header: v1::Header,
    pub body: Vec<u8>,
    pub to: Vec<String>,
    pub copied: Vec<String>,
    pub evidence: Vec<v1::Receipt>,
    pub flash_budget: u32,
}

impl Draft {
    /// Its id.
    pub fn id(&self) -> MessageId {
        MessageId(self.header.message_id.as_ref().try_into().unwrap())
    }

    /// The same, changed.
    pub fn with(mut self, change: impl FnOnce(&mut v1::Header)) -> Self {
        change(&mut self.header);
        self
    }

    /// The same, but with this body.
    pub fn saying(mut self, text: &str) -> Self {
        self.body = text.as_bytes().to_vec();
        self
    }

    /// Header and body as the origin would encode them.
    fn content(&self) -> Bytes {
        let mut body = Vec::new();
        encode_key(100 + self.header.kind.unsigned_abs(), WireType::LengthDelimited, &mut body);
        encode_varint(self.body.len() as u64, &mut body);
        body.put_slice(&self.body);
        let mut content = Vec::new();
        for (tag, part) in [(1, self.header.encode_to_vec()), (2, body)] {
            encode_key(tag, WireType::LengthDelimited, &mut content);
            encode_varint(part.len() as u64, &mut content);
            content.put_slice(&part);
        }
        content.into()
    }

    fn record(&self) -> Submitted {
        let content = self.content();
        let stamped = |jurisdiction: &String, r#as: v1::DeliveryAs| v1::StampedDelivery {
            jurisdiction: jurisdiction.clone(),
            r#as: r#as as i32,
        };
        let to = self.to.iter().map(|to| stamped(to, v1::DeliveryAs::To));
        let copied = self.copied.iter().map(|to| stamped(to, v1::DeliveryAs::CcSuperior));
        Submitted {
            content_hash: Digest::of(&content).0.to_vec().into(),
            envelope: Some(v1::Envelope { content, seal: None }),
            deliveries: to.chain(copied).collect(),
            touched: self.to.clone(),
            evidence: self.evidence.clone(),
            flash_budget: self.flash_budget,
            ..Submitted::default()
        }
    }
}

/// The fold, and the clock of its records.
pub struct Exchange {
    trial: Trial<BrokerFold>,
    pub wakes: Arc<Wakes>,
    /// Now, ms.
    pub now: i64,
    made: u64,
    sequences: BTreeMap<String, u64>,
    records: Vec<Record>,
    /// The books are looked at after every record.
    pub careful: bool,
}

impl Exchange {
    pub fn new() -> Self {
        let wakes = Arc::new(Wakes::default());
        let trial = Trial::new(BrokerFold::new(wakes.clone())).unwrap();
        Self { trial, wakes, now: NOON, made: 0, sequences: BTreeMap::new(), records: Vec::new(), careful: true }
    }

    /// A bulletin: PRIORITY, ACTUAL, and DELIVERED is all that is owed.
    pub fn draft(&mut self, from: &str, to: &[&str]) -> Draft {
        self.made += 1;
        let seq = self.sequences.entry(from.to_owned()).or_default();
        *seq += 1;
        let mut id = [0x77; 16];
        id[..6].copy_from_slice(&self.now.to_be_bytes()[2..]);
        id[8..].copy_from_slice(&self.made.to_be_bytes());
        let header = v1::Header {
            message_id: id.to_vec().into(),
            originating_message_id: id.to_vec().into(),
            schema_version: 1,
            kind: v1::Kind::Bulletin as i32,
            action: v1::Action::Originate as i32,
            status: v1::Status::Actual as i32,
            sender: Some(v1::Party {
                jurisdiction: from.to_owned(),
                role: v1::Role::DutyOfficer as i32,
                ..v1::Party::default()
            }),
            revision: 1,
            incarnation: vec![9; 8].into(),
            sender_seq: *seq,
            sent_at: Some(border::time::to_wire(Timestamp::from_millis(self.now))),
            expires_at: Some(border::time::to_wire(Timestamp::from_millis(self.now + DAY))),
            precedence: v1::Precedence::Priority as i32,
            confidentiality: 1,
            receipt_required: v1::Stage::Delivered as i32,
            prepared_by: Some(v1::Signatory {
                name: "李华".to_owned(), role: v1::Role::DutyOfficer as i32, at: None
            }),
            language: "zh-CN".to_owned(),
            region: "huaihai".to_owned(),
            ..v1::Header::default()
        };
        Draft {
            header,
            body: Vec::new(),
            to: to.iter().map(ToString::to_string).collect(),
            copied: Vec::new(),
            evidence: Vec::new(),
            flash_budget: 0,
        }
    }

    /// A draft of the same author that follows `before` in its thread.
    pub fn following(&mut self, before: &Draft, action: v1::Action, revision: u32) -> Draft {
        let from = before.header.sender.clone().unwrap().jurisdiction;
        let to: Vec<_> = before.to.iter().map(String::as_str).collect();
        let (kind, status, drill) = (before.header.kind, before.header.status, before.header.drill.clone());
        let (originating, preceding) = (before.header.originating_message_id.clone(), before.header.message_id.clone());
        self.draft(&from, &to).with(|header| {
            (header.kind, header.status, header.drill) = (kind, status, drill);
            (header.originating_message_id, header.preceding_message_id) = (originating, preceding);
            (header.action, header.revision) = (action as i32, revision);
        })
    }

    /// Folds a record; after it the books must balance.
    pub fn fold(&mut self, kind: u16, message: &impl Message) -> Outcome {
        let record = Record::new(kind, Timestamp::from_millis(self.now), message.encode_to_vec());
        let outcome = self.trial.apply(&record).unwrap();
        self.records.push(record);
        if self.careful {
            self.balance();
        }
        outcome
    }

    /// Hands a draft in.
    pub fn submit(&mut self, draft: &Draft) -> Outcome {
        self.fold(kind::SUBMITTED, &draft.record())
    }

    /// A draft comes again, because its record was damaged.
    pub fn carry(&mut self, draft: &Draft) -> Outcome {
        self.fold(kind::CARRIED, &draft.record())
    }

    /// Where the envelopes in a mailbox are read from, in the order of its schedule.
    pub fn reads(&mut self, whose: &str) -> Vec<u64> {
        let prefix = keys::mailbox_prefix(&whose.parse().unwrap());
        let rows = self.read(|_, rows| rows.scan(&prefix, &prefix, 10_000)).unwrap();
        rows.iter().map(|(_, value)| WaitingRow::decode(&value[..]).unwrap().submitted_at).collect()
    }

    /// Hands a draft in that must be accepted as new.
    pub fn accept(&mut self, draft: &Draft) -> MessageRow {
        match self.submit(draft) {
            Outcome::Accepted { row, duplicate: false } => *row,
            other => panic!("{other:?}"),
        }
    }

    /// Hands a draft in that must be refused.
    pub fn refuse(&mut self, draft: &Draft) -> Reason {
        match self.submit(draft) {
            Outcome::Refused(invalid) => invalid.reason,
            other => panic!("{other:?}"),
        }
    }

    /// A recipient signs a stage.
    pub fn confirm(&mut self, by: &str, id: MessageId, stage: Stage) {
        self.confirm_at(by, id, stage, self.now);
    }

    /// The same with a receipt that was signed at another time.
    pub fn confirm_at(&mut self, by: &str, id: MessageId, stage: Stage, at: i64) {
        // an envelope that was lost is confirmed too
        let known = self.read(|_, rows| message(rows, id)).unwrap();
        let statement = v1::ReceiptStatement {
            message_id: id.0.to_vec().into(),
            content_hash: known.map(|(row, _)| row.content_hash).unwrap_or_default(),
            recipient: by.to_owned(),
            stage: stage.number(),
            sender: LINYI.to_owned(),
            at: Some(border::time::to_wire(Timestamp::from_millis(at))),
            ..v1::ReceiptStatement::default()
        };
        let batch =
            v1::ReceiptBatch { statements: vec![statement.encode_to_vec().into()], ..v1::ReceiptBatch::default() };
        self.fold(kind::CONFIRMED, &Confirmed { by: by.to_owned(), receipts: Some(batch), ..Confirmed::default() });
    }

    /// A hand-over fails.
    pub fn fail(&mut self, mailbox: &str, id: MessageId) {
        let tries = vec![FailedTry { message_id: id.0.to_vec().into(), reason: "INBOX_FULL".to_owned() }];
        self.fold(kind::TRIED, &Tried { jurisdiction: mailbox.to_owned(), tries });
    }

    /// The clock says that these have expired.
    pub fn expire(&mut self, ids: &[MessageId]) {
        let message_ids = ids.iter().map(|id| id.0.to_vec().into()).collect();
        self.fold(kind::EXPIRED, &Expired { message_ids });
    }

    /// An operator sends a dead letter again.
    pub fn redrive(&mut self, mailbox: &str, id: MessageId) {
        let act = AdminAct {
            act: "redrive".to_owned(),
            jurisdiction: mailbox.to_owned(),
            message_id: id.0.to_vec().into(),
            ..AdminAct::default()
        };
        self.fold(kind::ADMIN_ACT, &act);
    }

    /// Asks the rows.
    pub fn read<R>(&mut self, ask: impl FnOnce(&BrokerFold, &Rows<'_>) -> R) -> R {
        self.trial.read(ask)
    }

    /// A message's row and whether it is open.
    pub fn row(&mut self, id: MessageId) -> (MessageRow, bool) {
        self.read(|_, rows| message(rows, id)).unwrap().unwrap()
    }

    /// Where a delivery stands.
    pub fn stage(&mut self, id: MessageId, to: &str) -> Stage {
        let (row, _) = self.row(id);
        stage_of(row.deliveries.iter().find(|delivery| delivery.jurisdiction == to).unwrap())
    }

    /// Whether a message is open.
    pub fn is_open(&mut self, id: MessageId) -> bool {
        self.row(id).1
    }

    /// What waits in a mailbox, in the order of its schedule.
    pub fn mailbox(&mut self, whose: &str) -> Vec<MessageId> {
        let prefix = keys::mailbox_prefix(&whose.parse().unwrap());
        let rows = self.read(|_, rows| rows.scan(&prefix, &prefix, 10_000)).unwrap();
        rows.iter().map(|(_, value)| id_of(&WaitingRow::decode(&value[..]).unwrap().message_id)).collect()
    }

    /// What a jurisdiction's line tells: stage, recipient and reason of each receipt, in order.
    pub fn line(&mut self, whose: &str) -> Vec<(Stage, String, String)> {
        let prefix = keys::line_prefix(&whose.parse().unwrap());
        let rows = self.read(|_, rows| rows.scan(&prefix, &prefix, 10_000)).unwrap();
        let lines = rows.iter().map(|(_, value)| LineRow::decode(&value[..]).unwrap());
        lines.map(|line| (Stage::from_number(line.stage.cast_signed()).unwrap(), line.recipient, line.reason)).collect()
    }

    /// Stages in a jurisdiction's line.
    pub fn told(&mut self, whose: &str) -> Vec<Stage> {
        self.line(whose).into_iter().map(|(stage, ..)| stage).collect()
    }

    /// A sender's account.
    pub fn account(&mut self, whose: &str) -> SenderRow {
        let row = self.read(|_, rows| rows.get(&keys::sender(&whose.parse().unwrap()))).unwrap();
        row.map(|row| SenderRow::decode(row).unwrap()).unwrap_or_default()
    }

    /// Dead letters of a mailbox, as counted and as listed.
    pub fn dead(&mut self, whose: &str) -> (u64, Vec<MessageId>) {
        let whose: JurisdictionId = whose.parse().unwrap();
        let prefix = keys::dead_prefix(&whose);
        self.read(|fold, rows| {
            let listed = rows.scan(&prefix, &prefix, 10_000).unwrap();
            let ids = listed.iter().map(|(_, value)| id_of(&DeadRow::decode(&value[..]).unwrap().message_id));
            (fold.state().dead(&whose), ids.collect())
        })
    }

    /// Begins again from the rows alone, and from the records alone: both must come to the same.
    pub fn replay(&mut self) {
        let again =
            self.records.iter().fold(Trial::new(BrokerFold::new(self.wakes.clone())).unwrap(), |mut trial, record| {
                trial.apply(record).unwrap();
                trial
            });
        let mut again = again;
        assert_eq!(again.fingerprint().unwrap(), self.trial.fingerprint().unwrap(), "the same records, other rows");
        self.trial.reopen(BrokerFold::new(self.wakes.clone())).unwrap();
        self.balance();
    }

    /// What must hold after every record: what is counted is what lies there, whatever waits is open and expires, and
    /// senders owe for what is unsettled and for nothing else.
    pub fn balance(&mut self) {
        self.read(|fold, rows| {
            assert_eq!(counted(fold.state()), counted(&State::load(rows).unwrap()), "counters and rows disagree");
            let (mut owed, mut waiting) = (BTreeMap::<String, (u64, u64)>::new(), 0);
            for (id, row) in open_messages(rows) {
                assert!(
                    rows.get(&keys::expiry(Timestamp::from_millis(row.expires_at), id)).unwrap().is_some(),
                    "{id} never expires"
                );
                let account = owed.entry(row.sender.clone()).or_default();
                if !row.deliveries.iter().all(is_settled) {
                    *account = (account.0 + 1, account.1 + row.bytes);
                }
                waiting += row.deliveries.iter().filter(|delivery| !is_settled(delivery)).count();
            }
            assert_eq!(waiting, count(rows, keys::table::WAITING), "every delivery that waits stands in one mailbox");
            assert_eq!(open_messages(rows).len(), count(rows, keys::table::EXPIRY), "closed messages do not expire");
            for (key, value) in rows.scan(&[keys::table::SENDER], &[], 10_000).unwrap() {
                let (sender, account) = (text(&key[1..]), SenderRow::decode(value).unwrap());
                assert_eq!((account.envelopes, account.bytes), owed.remove(&sender).unwrap_or_default(), "{sender}");
            }
            for (key, value) in rows.scan(&[keys::table::WAITING], &[], 10_000).unwrap() {
                let (key, value) = (WaitingKey::decode(&key).unwrap(), WaitingRow::decode(value).unwrap());
                let (row, open) = message(rows, id_of(&value.message_id)).unwrap().unwrap();
                let mine =
                    row.deliveries.iter().find(|delivery| delivery.jurisdiction == key.mailbox.as_str()).unwrap();
                assert!(open && !is_settled(mine) && mine.queued_at == key.position.0, "{mine:?}");
            }
        });
    }
}

fn open_messages(rows: &Rows<'_>) -> Vec<(MessageId, MessageRow)> {
    let keys = rows.scan(&[keys::table::MESSAGE], &[], 10_000).unwrap();
    keys.iter().map(|(key, _)| id_of(&key[1..])).map(|id| (id, message(rows, id).unwrap().unwrap().0)).collect()
}

fn count(rows: &Rows<'_>, table: u8) -> usize {
    rows.scan(&[table], &[], 100_000).unwrap().len()
}

fn counted(state: &State) -> BTreeMap<String, String> {
    let waiting = state.mailboxes().map(|(mailbox, classes)| (mailbox.to_string(), format!("{classes:?}")));
    waiting.collect()
}

/// The id in a row.
pub fn id_of(bytes: &[u8]) -> MessageId {
    MessageId(bytes.try_into().unwrap())
}

fn text(padded: &[u8]) -> String {
    String::from_utf8(padded.iter().copied().take_while(|byte| *byte != 0).collect()).unwrap()
}
