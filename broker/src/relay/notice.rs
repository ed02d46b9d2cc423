//! Notices (K58): messages that the broker writes and seals itself, under its evidence key. A notice is a message like any
//! other: accepted by the journal, delivered from mailboxes, proved by receipts.

use std::time::Duration;

use model::{
    deadline::{DeadlineName, Rung, event_id},
    escalation::{self, Sides, Told},
    header::Status,
    ids::{Digest, Incarnation, JurisdictionId, MessageId},
    invalid::Invalid,
    limits,
    position::Position,
    reason::Reason,
    role::Role,
    stage::Stage,
    thread::duty,
    time::Timestamp,
};
use prost::Message as _;
use proto::{
    border::{self, time::to_wire},
    record::{NoticeRow, SequenceRow, Submitted},
    v1,
};

use super::{
    Relay, accept,
    fold::{self, decode_row, keys},
};

/// How long a notice is of use, section 5 of the catalogue.
const LIFE: Duration = Duration::from_hours(72);

impl Relay {
    /// The broker's own incarnation: one for each life of the journal, so that its numbers never come twice.
    fn own_incarnation(&self) -> Incarnation {
        let epoch = self.engine.epochs().last().map(|epoch| epoch.id.0).unwrap_or_default();
        let Digest(hash) = Digest::of(&epoch);
        let mut incarnation = [0; 8];
        incarnation.iter_mut().zip(hash).for_each(|(byte, made)| *byte = made);
        Incarnation(incarnation)
    }

    /// The number of the broker's newest message in this life of the journal.
    pub(super) fn last_own_seq(&self) -> u64 {
        let key = keys::sequence(&JurisdictionId::broker(), self.own_incarnation());
        let row = self.engine.read(|_, rows| rows.get(&key).ok().flatten());
        row.and_then(|row| decode_row::<SequenceRow>(&row).ok()).map_or(0, |row| row.highest)
    }

    /// The records of a notice: composed, sealed and routed as what an agent hands in. A message has so many recipients and
    /// no more; the last of several has the notice's own id, and with it nothing is owed any more.
    pub(super) fn notice(&self, id: MessageId, notice: &NoticeRow, first_seq: u64) -> Result<Vec<Submitted>, Invalid> {
        let cause = self.cause(&notice.cause);
        let notice = Notice::read(notice)?;
        let told = self.told(&notice, &cause);
        let parts: Vec<_> = told.chunks(limits::RECIPIENTS_MAX).collect();
        let one = |(part, to): (usize, &&[Told])| {
            let id = part_id(id, parts.len() - 1 - part);
            let header = self.header(id, to, &cause, first_seq + part as u64);
            let body = v1::Body { body: Some(v1::body::Body::DeadlineNotice(notice.body())) };
            let content = v1::Content { header: Some(header), body: Some(body), inline: Vec::new() };
            self.own(content.encode_to_vec().into())
        };
        if parts.is_empty() {
            return Err(Invalid::new(Reason::Unroutable, "recipients", "route.nobody"));
        }
        parts.iter().enumerate().map(one).collect()
    }

    /// The header of the message that a deadline is about, with the precedence by which it was carried. Where its record is
    /// damaged the notice says less, and goes out all the same.
    fn cause(&self, id: &[u8]) -> v1::Header {
        let row = id.try_into().ok().map(MessageId).and_then(|id| self.message_row(id).ok().flatten());
        // what was over its sender's budget of FLASH is told of as it was carried
        let carried_as = row.as_ref().map_or(0, |row| i32::try_from(row.carried_as).unwrap_or(0));
        let record = row.and_then(|row| self.engine.record(Position(fold::envelope_at(&row))).ok());
        let submitted = record.and_then(|record| Submitted::decode(record.bytes).ok());
        let content = submitted.and_then(|submitted| submitted.envelope).map(|envelope| envelope.content);
        let parts = content.and_then(|content| border::content::parts(&content).ok());
        let header = parts.and_then(|parts| v1::Header::decode(parts.header).ok()).unwrap_or_default();
        v1::Header { precedence: carried_as, ..header }
    }

    fn header(&self, id: MessageId, to: &[Told], cause: &v1::Header, seq: u64) -> v1::Header {
        let played = cause.status() == v1::Status::Exercise;
        let (id, sent_at) = (id.0.to_vec(), id.time());
        let or = |said: i32, usual: i32| if said == 0 { usual } else { said };
        v1::Header {
            message_id: id.clone().into(),
            originating_message_id: id.into(),
            schema_version: model::header::SCHEMA_VERSION,
            kind: v1::Kind::DeadlineNotice.into(),
            action: v1::Action::Originate.into(),
            status: or(cause.status, v1::Status::Actual.into()),
            drill: cause.drill.clone().filter(|_| played).map(|drill| v1::DrillRef { control: 0, ..drill }),
            sender: Some(v1::Party {
                jurisdiction: JurisdictionId::broker().to_string(),
                role: v1::Role::System.into(),
                ..v1::Party::default()
            }),
            recipients: to.iter().map(address).collect(),
            revision: 1,
            incarnation: self.own_incarnation().0.to_vec().into(),
            sender_seq: seq,
            sent_at: Some(to_wire(sent_at)),
            utc_offset_min: duty::REGION_OFFSET_MIN,
            expires_at: Some(to_wire(sent_at.plus(LIFE))),
            precedence: or(cause.precedence, v1::Precedence::Routine.into()),
            confidentiality: or(cause.confidentiality, v1::Confidentiality::Internal.into()),
            receipt_required: Stage::Delivered.number(),
            prepared_by: Some(v1::Signatory { name: "中心".into(), role: v1::Role::System.into(), at: None }),
            language: "zh-CN".into(),
            region: self.region.to_string(),
            ..v1::Header::default()
        }
    }

    /// Whom a notice goes to: in a drill those alone who take part in it.
    fn told(&self, notice: &Notice, cause: &v1::Header) -> Vec<Told> {
        let view = self.trust.view();
        let played = border::header::from_wire(cause.clone()).ok().filter(|header| header.status == Status::Exercise);
        let players = played.and_then(|header| self.participants(&header));
        let (obligor, sender, directory) = (&notice.obligor, &notice.sender, &view.directory);
        let sides = Sides { obligor, sender, directory, players: players.as_ref() };
        match notice.met_at {
            _ if notice.what == v1::DeadlineEvent::Missing => escalation::told_of_missing(obligor, directory),
            None => escalation::told(notice.rung, sides),
            Some(_) => escalation::told_so_far(notice.rung, sides),
        }
    }

    /// Seals and routes a message of the broker's own.
    fn own(&self, content: bytes::Bytes) -> Result<Submitted, Invalid> {
        let (view, now) = (self.trust.view(), self.clock.now());
        let header = border::header::parse(&border::content::parts(&content)?.header)?;
        model::judge::judge_static(&header)?;
        let drill = self.participants(&header);
        let routed = view.route(&header, drill.as_ref())?;
        let granted = view.granted(&header, &routed, content.len() as u64, now)?;
        let mut record = Submitted {
            content_hash: Digest::of(&content).0.to_vec().into(),
            by: JurisdictionId::broker().to_string(),
            flags: view.flags(now).map(model::receipt::Flag::number).into_iter().collect(),
            envelope: Some(self.signer.envelope(content)),
            ..Submitted::default()
        };
        accept::freeze(&mut record, &routed);
        accept::stamp_trust(&mut record, &view, &granted);
        Ok(record)
    }
}

/// What is told, read from its row.
struct Notice {
    what: v1::DeadlineEvent,
    cause: MessageId,
    name: DeadlineName,
    obligor: JurisdictionId,
    sender: JurisdictionId,
    rung: Rung,
    due_at: Timestamp,
    at: Timestamp,
    met_at: Option<Timestamp>,
    met_by: bytes::Bytes,
}

impl Notice {
    fn read(row: &NoticeRow) -> Result<Self, Invalid> {
        let wrong = |field| Invalid::schema(field, "notice.row");
        let number = |number: u32| i32::try_from(number).unwrap_or(0);
        Ok(Self {
            what: row.what(),
            cause: row.cause.as_ref().try_into().map(MessageId).map_err(|_| wrong("cause"))?,
            name: DeadlineName::from_number(number(row.deadline)).ok_or_else(|| wrong("deadline"))?,
            obligor: row.jurisdiction.parse()?,
            sender: if row.sender.is_empty() { row.jurisdiction.parse()? } else { row.sender.parse()? },
            rung: Rung::from_number(number(row.rung)).ok_or_else(|| wrong("rung"))?,
            due_at: Timestamp::from_millis(row.due_at),
            at: Timestamp::from_millis(row.at),
            met_at: (row.met_at != 0).then(|| Timestamp::from_millis(row.met_at)),
            met_by: row.met_by.clone(),
        })
    }

    fn body(&self) -> v1::DeadlineNotice {
        let late = self.met_at.unwrap_or(self.at).since(self.due_at);
        let of_a_rung = self.what == v1::DeadlineEvent::Rung;
        let obligor = (&self.obligor, Some(Role::DutyOfficer));
        v1::DeadlineNotice {
            event_id: event_id(self.cause, self.name, obligor, self.rung).to_vec().into(),
            what: self.what.into(),
            message_id: if of_a_rung { self.cause.0.to_vec().into() } else { bytes::Bytes::new() },
            deadline: self.name.number(),
            rung: u32::try_from(self.rung.number()).ok().filter(|_| of_a_rung).unwrap_or(0),
            obligor: Some(v1::Obligor { jurisdiction: self.obligor.to_string(), role: v1::Role::DutyOfficer.into() }),
            due_at: Some(to_wire(self.due_at)),
            late_by: (!late.is_zero()).then(|| border::time::duration(late)),
            phone: String::new(),
            met_at: self.met_at.map(to_wire),
            met_by: self.met_by.clone(),
        }
    }
}

/// The id of one message of a notice that is told in several: number 0 has the notice's own.
fn part_id(id: MessageId, number: usize) -> MessageId {
    if number == 0 {
        return id;
    }
    let Digest(hash) = Digest::of(&[&id.0[..], &number.to_be_bytes()].concat());
    let mut random = [0; 10];
    random.iter_mut().zip(hash).for_each(|(byte, made)| *byte = made);
    MessageId::new(id.time(), random)
}

fn address((id, role): &Told) -> v1::Address {
    let role = role.map_or(0, Role::number);
    let to = v1::JurisdictionAddress { id: id.to_string(), role };
    v1::Address { to: Some(v1::address::To::Jurisdiction(to)) }
}
