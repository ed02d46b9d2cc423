//! Notices (K58): messages that the broker writes and seals itself, under its evidence key. A notice is a message like any
//! other: accepted by the journal, delivered from mailboxes, proved by receipts.

use std::time::Duration;

use model::{
    deadline::{DeadlineName, Rung, event_id, lapse_id},
    escalation::{self, Sides, Told},
    header::Status,
    ids::{Digest, Incarnation, JurisdictionId, MessageId},
    invalid::Invalid,
    limits,
    position::Position,
    reason::Reason,
    role::Role,
    roster,
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
        row.and_then(|row| decode_row::<SequenceRow>(row).ok()).map_or(0, |row| row.highest)
    }

    /// The records of a notice: composed, sealed and routed as what an agent hands in. A message has so many recipients and
    /// no more; the last of several has the notice's own id, and with it nothing is owed any more.
    pub(super) fn notice(&self, id: MessageId, notice: &NoticeRow, first_seq: u64) -> Result<Vec<Submitted>, Invalid> {
        let notice = Notice::read(notice)?;
        let cause = match notice.about {
            About::Post(_) => v1::Header { precedence: v1::Precedence::Priority.into(), ..v1::Header::default() },
            About::Rung(..) | About::Lapse(_) | About::Report => self.cause(notice.cause),
        };
        let stands_for = self.stands_for(&notice.obligor, Role::DutyOfficer);
        let told = self.told(&notice, &cause);
        let parts: Vec<_> = told.chunks(limits::RECIPIENTS_MAX).collect();
        let one = |(part, to): (usize, &&[Told])| {
            let id = part_id(id, parts.len() - 1 - part);
            let header = self.header(id, to, &cause, first_seq + part as u64);
            let body = v1::Body { body: Some(v1::body::Body::DeadlineNotice(notice.body(stands_for))) };
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
    fn cause(&self, id: MessageId) -> v1::Header {
        let row = self.message_row(id).ok().flatten();
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

    /// Whom a notice goes to: in a drill those alone who take part in it. Where nobody is on duty the shift leader is told.
    fn told(&self, notice: &Notice, cause: &v1::Header) -> Vec<Told> {
        let on_duty = |(who, role): Told| {
            let role = role.map(|role| self.stands_for(&who, role));
            (who, role)
        };
        self.posts_told(notice, cause).into_iter().map(on_duty).collect()
    }

    fn posts_told(&self, notice: &Notice, cause: &v1::Header) -> Vec<Told> {
        let view = self.trust.view();
        let played = border::header::from_wire(cause.clone()).ok().filter(|header| header.status == Status::Exercise);
        let players = played.and_then(|header| self.participants(&header));
        let (obligor, sender, directory) = (&notice.obligor, &notice.sender, &view.directory);
        let sides = Sides { obligor, sender, directory, players: players.as_ref() };
        match (&notice.about, notice.met_at) {
            (About::Post(Role::ShiftLeader), _) => escalation::told_everybody(obligor, Role::DutyOfficer, directory),
            (About::Post(_) | About::Report, _) => escalation::told_everybody(obligor, Role::ShiftLeader, directory),
            (About::Lapse(_), _) => escalation::told_of_lapse(sides),
            (About::Rung(_, rung), None) => escalation::told(*rung, sides),
            (About::Rung(_, rung), Some(_)) => escalation::told_so_far(*rung, sides),
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

/// What a notice is about.
enum About {
    /// A rung of a deadline.
    Rung(DeadlineName, Rung),
    /// The message expired while this was owed on it.
    Lapse(DeadlineName),
    /// A duty report that is missing.
    Report,
    /// A post that is vacant.
    Post(Role),
}

/// What is told, read from its row.
struct Notice {
    about: About,
    cause: MessageId,
    obligor: JurisdictionId,
    sender: JurisdictionId,
    due_at: Timestamp,
    at: Timestamp,
    met_at: Option<Timestamp>,
    met_by: bytes::Bytes,
}

impl Notice {
    fn read(row: &NoticeRow) -> Result<Self, Invalid> {
        let id = |bytes: &bytes::Bytes| bytes.as_ref().try_into().map(MessageId).map_err(|_| wrong("cause"));
        let about = About::read(row)?;
        let nobody = MessageId([0; 16]); // no message makes a post vacant
        Ok(Self {
            cause: if matches!(about, About::Post(_)) { nobody } else { id(&row.cause)? },
            about,
            obligor: row.jurisdiction.parse()?,
            sender: if row.sender.is_empty() { row.jurisdiction.parse()? } else { row.sender.parse()? },
            due_at: Timestamp::from_millis(row.due_at),
            at: Timestamp::from_millis(row.at),
            met_at: (row.met_at != 0).then(|| Timestamp::from_millis(row.met_at)),
            met_by: row.met_by.clone(),
        })
    }

    /// The body, with the post that stands for the obligor's duty officer now.
    fn body(&self, stands_for: Role) -> v1::DeadlineNotice {
        let late = self.met_at.unwrap_or(self.at).since(self.due_at);
        let common = v1::DeadlineNotice {
            event_id: self.event_id().to_vec().into(),
            obligor: Some(v1::Obligor { jurisdiction: self.obligor.to_string(), role: stands_for.number() }),
            due_at: Some(to_wire(self.due_at)),
            late_by: (!late.is_zero()).then(|| border::time::duration(late)),
            met_at: self.met_at.map(to_wire),
            met_by: self.met_by.clone(),
            ..v1::DeadlineNotice::default()
        };
        match &self.about {
            About::Rung(name, rung) => v1::DeadlineNotice {
                what: v1::DeadlineEvent::Rung.into(),
                message_id: self.cause.0.to_vec().into(),
                deadline: name.number(),
                rung: u32::try_from(rung.number()).unwrap_or(0),
                ..common
            },
            About::Lapse(name) => v1::DeadlineNotice {
                what: v1::DeadlineEvent::Lapsed.into(),
                message_id: self.cause.0.to_vec().into(),
                deadline: name.number(),
                ..common
            },
            About::Report => v1::DeadlineNotice {
                what: v1::DeadlineEvent::Missing.into(),
                deadline: DeadlineName::D18.number(),
                ..common
            },
            About::Post(role) => v1::DeadlineNotice {
                what: v1::DeadlineEvent::NobodyOnDuty.into(),
                obligor: Some(v1::Obligor { jurisdiction: self.obligor.to_string(), role: role.number() }),
                ..common
            },
        }
    }

    /// Of a deadline the event is its duty officer's, whoever stands for that post: a change of shift is no new event.
    fn event_id(&self) -> [u8; 16] {
        let obligor = (&self.obligor, Some(Role::DutyOfficer));
        match self.about {
            About::Rung(name, rung) => event_id(self.cause, name, obligor, rung),
            About::Lapse(name) => lapse_id(self.cause, name, obligor),
            About::Report => event_id(self.cause, DeadlineName::D18, obligor, Rung::Breach),
            About::Post(role) => roster::vacancy_id(&self.obligor, role, self.due_at),
        }
    }
}

impl About {
    fn read(row: &NoticeRow) -> Result<Self, Invalid> {
        let number = |number: u32| i32::try_from(number).unwrap_or(0);
        let name = DeadlineName::from_number(number(row.deadline)).ok_or_else(|| wrong("deadline"));
        let rung = Rung::from_number(number(row.rung)).ok_or_else(|| wrong("rung"));
        match row.what() {
            v1::DeadlineEvent::NobodyOnDuty => {
                Role::from_number(number(row.role)).map(Self::Post).ok_or_else(|| wrong("role"))
            }
            v1::DeadlineEvent::Missing => Ok(Self::Report),
            v1::DeadlineEvent::Lapsed => name.map(Self::Lapse),
            v1::DeadlineEvent::Unspecified | v1::DeadlineEvent::Rung | v1::DeadlineEvent::CallByPhone => {
                Ok(Self::Rung(name?, rung?))
            }
        }
    }
}

fn wrong(field: &'static str) -> Invalid {
    Invalid::schema(field, "notice.row")
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
