//! From a draft to a message: fills in what a person need not say, and checks the whole before it is sealed.

use bytes::Bytes;
use model::{
    header::{Action, Address, Header, SCHEMA_VERSION},
    ids::{JurisdictionId, MessageId},
    invalid::Invalid,
    judge,
    kind::{Incident, Kind},
    level::{EventLevel, WarningLevel},
    position::Position,
    precedence::Precedence,
    reason::Reason,
    rights::{self, Standing},
    role::Role,
    stage::Stage,
    status::{Answer, Status},
    thread::handover::Handover,
    time::Timestamp,
};
use prost::Message as _;
use proto::{border, record::OfProgram, rules, v1};

use super::{Desk, alerts::lacks_identifier, rows, unknown};
use crate::{
    fold::query,
    message,
    outbox::{Alone, Unsealed},
};

/// What a draft follows.
struct Before {
    header: v1::Header,
    ours: bool,
}

impl Desk {
    /// Makes a draft whole and checks it: its fields, who may say it, and whether it is a lawful step. Nothing is stored.
    pub fn compose(&self, draft: v1::Draft) -> Result<Unsealed, Invalid> {
        let whole = self.whole(draft)?;
        self.check_addresses(&whole.header)?;
        self.check_rights(&whole.header)?;
        self.check_step(&whole.header, &whole.body)?;
        Ok(whole)
    }

    /// The same by its fields alone.
    pub fn whole(&self, mut draft: v1::Draft) -> Result<Unsealed, Invalid> {
        let (wire, body) = self.filled(&mut draft)?;
        let header = border::header::from_wire(wire.clone()).map_err(|invalid| invalid.within("header"))?;
        judge::judge_static(&header).map_err(|invalid| invalid.within("header"))?;
        check_body(&body, &wire)?;
        self.check_files(&header, &draft.inline)?;
        self.check_alert(&header, &wire, &body, &draft.inline)?;
        Ok(Unsealed { header, body, inline: draft.inline, act: Bytes::new(), program: None })
    }

    /// Header and body with everything that a person need not say; nothing but the kind is checked.
    pub(super) fn filled(&self, draft: &mut v1::Draft) -> Result<(v1::Header, Bytes), Invalid> {
        self.fill_alert(draft)?;
        let body: Bytes = draft.body.take().unwrap_or_default().encode_to_vec().into();
        let number = border::content::kind_of(&body)?;
        let kind = i32::try_from(number).ok().and_then(Kind::from_number);
        let kind = kind.ok_or_else(|| Invalid::code("body", "kind.known").detail(number.to_string()))?;
        let mut wire = draft.header.take().unwrap_or_default();
        if wire.kind != 0 && wire.kind != kind.number() {
            return Err(Invalid::schema("header.kind", "content.kind_matches"));
        }
        wire.kind = kind.number();
        let before = self.before(&wire)?;
        self.fill_thread(&mut wire, before.as_ref())?;
        self.fill_speaker(&mut wire);
        self.fill_travel(&mut wire, kind);
        Ok((wire, body))
    }

    /// Whether everybody whom it names is a member: the broker would refuse the message, and by then nobody may be looking.
    /// Groups and areas are the broker's to resolve, by a directory that may be newer than ours.
    fn check_addresses(&self, header: &Header) -> Result<(), Invalid> {
        let trusted = self.trust.now();
        let stranger = header.recipients.iter().enumerate().find_map(|(at, to)| match to {
            Address::Jurisdiction { id, .. } if !trusted.directory.has(id) => Some((at, id)),
            Address::Jurisdiction { .. } | Address::Group(_) | Address::Area(_) => None,
        });
        let Some((at, id)) = stranger else { return Ok(()) };
        let field = format!("header.recipients[{at}].jurisdiction.id");
        Err(Invalid::new(Reason::Unroutable, field, "route.member").detail(id.to_string()))
    }

    /// Whether the role that speaks may say this. A TEST is for the line alone, and nobody acts on it.
    fn check_rights(&self, header: &Header) -> Result<(), Invalid> {
        if header.status == Status::Test {
            return Ok(());
        }
        rights::judge(header, Standing::of(header, &self.trust.now().directory))
            .map_err(|invalid| invalid.within("header"))?;
        let chair = if header.sender.role == Role::Secretariat { self.chair()? } else { None };
        rights::judge_secretariat(header, chair.as_ref()).map_err(|invalid| invalid.within("header"))
    }

    /// Whether somebody here may speak as the secretariat.
    pub(super) fn may_be_secretariat(&self) -> Result<bool, Invalid> {
        Ok(self.chair()?.is_none_or(|chair| chair == *self.names.jurisdiction()))
    }

    /// Who has the chair now, as far as is known here.
    fn chair(&self) -> Result<Option<JurisdictionId>, Invalid> {
        let first = self.trust.now().directory.chair().cloned();
        let handovers = self.engine.read(|_, found| query::handovers(found)).map_err(rows)?;
        Ok(Handover::chair(first, handovers, self.clock.now()))
    }

    /// Queues a draft; a draft whose id is queued already is that message.
    pub async fn send(&self, draft: v1::Draft) -> Result<Header, Invalid> {
        match self.queued_before(&draft)? {
            Some(header) => Ok(header),
            None => Box::pin(self.queue(draft, Bytes::new(), None, Alone::new())).await,
        }
    }

    /// Queues a draft with what it does beside being sent. One alert at a time, so that none gets the identifier of another.
    pub(super) async fn queue(
        &self,
        draft: v1::Draft,
        act: Bytes,
        program: Option<OfProgram>,
        mut alone: Alone,
    ) -> Result<Header, Invalid> {
        if lacks_identifier(&draft) {
            alone.push(self.minting.clone().lock_owned().await);
        }
        self.outbox.queue_alone(Unsealed { act, program, ..self.compose(draft)? }, alone).await
    }

    /// The message whose id a draft has, if it is queued already.
    pub(super) fn queued_before(&self, draft: &v1::Draft) -> Result<Option<Header>, Invalid> {
        let given = draft.header.as_ref().map(|header| header.message_id.clone()).unwrap_or_default();
        given.as_ref().try_into().map_or(Ok(None), |id| self.own_header(MessageId(id)))
    }

    /// The header of a message of ours.
    pub(crate) fn own_header(&self, id: MessageId) -> Result<Option<Header>, Invalid> {
        let row = self.engine.read(|_, found| query::sent(found, id)).map_err(rows)?;
        let envelope = row.map(|row| self.own_envelope(Position(row.position))).transpose()?;
        envelope.map(|envelope| Ok(message::read(&envelope)?.header)).transpose()
    }

    /// Queues a draft that carries out the act of a rule: the act is owed no more with the record that queues it.
    pub(crate) async fn send_for(&self, draft: v1::Draft, act: Bytes) -> Result<Header, Invalid> {
        Box::pin(self.queue(draft, act, None, Alone::new())).await
    }

    /// Inline parts are the files that the header lists, and the others are here already.
    fn check_files(&self, header: &Header, inline: &[Bytes]) -> Result<(), Invalid> {
        message::check_parts(header, inline)?;
        match message::blobs(header).find(|(digest, _)| !self.blobs.has(*digest)) {
            None => Ok(()),
            Some((digest, _)) => {
                let missing = Invalid::new(Reason::NotFound, "header.attachments", "attachment.put_first");
                Err(missing.detail(digest.to_string()))
            }
        }
    }

    fn before(&self, wire: &v1::Header) -> Result<Option<Before>, Invalid> {
        if wire.preceding_message_id.is_empty() {
            return Ok(None);
        }
        let id =
            MessageId::checked(&wire.preceding_message_id).map_err(|invalid| invalid.within("header.preceding"))?;
        let (envelope, ours) = self.envelope(id)?.ok_or_else(|| unknown(id).within("header.preceding"))?;
        let parts = border::parts(&envelope.content)?;
        let header = v1::Header::decode(parts.header).map_err(|_| Invalid::schema("header", "content.readable"))?;
        Ok(Some(Before { header, ours }))
    }

    /// Action, thread, revision, and what a follow-up shares with what it follows.
    fn fill_thread(&self, wire: &mut v1::Header, before: Option<&Before>) -> Result<(), Invalid> {
        let now = self.clock.now();
        if wire.message_id.is_empty() {
            wire.message_id = new_id(now)?.0.to_vec().into();
        }
        if wire.action == 0 {
            let kind = Kind::from_number(wire.kind);
            let action = match (before, kind) {
                (Some(before), Some(kind)) => follows_as(kind, Some(&before.header), before.ours),
                (Some(_), None) => Action::Reply,
                (None, _) => Action::Originate,
            };
            wire.action = action.number();
        }
        let follows = matches!(Action::from_number(wire.action), Some(Action::Update | Action::Cancel));
        if let Some(before) = before {
            share(wire, before, follows);
        } else if wire.originating_message_id.is_empty() {
            wire.originating_message_id = wire.message_id.clone();
        }
        if wire.revision == 0 {
            wire.revision = before.filter(|_| follows).map_or(1, |before| before.header.revision + 1);
        }
        if Action::from_number(wire.action) == Some(Action::Reply) && wire.answer == 0 {
            wire.answer = Answer::Definite.number();
        }
        if wire.status == 0 {
            wire.status = Status::Actual.number();
        }
        wire.sent_at = Some(border::time::to_wire(now));
        Ok(())
    }

    fn fill_speaker(&self, wire: &mut v1::Header) {
        let role = self.names.role.number();
        let sender = wire.sender.get_or_insert_default();
        sender.jurisdiction = self.names.jurisdiction().to_string();
        if sender.role == 0 {
            sender.role = role;
        }
        if sender.name.is_empty() {
            sender.name.clone_from(&self.officer.name);
        }
        if sender.duty_phone.is_empty() {
            sender.duty_phone.clone_from(&self.officer.duty_phone);
        }
        let prepared_by = wire.prepared_by.get_or_insert_default();
        if prepared_by.name.is_empty() {
            prepared_by.name.clone_from(&self.officer.name);
        }
        if prepared_by.role == 0 {
            prepared_by.role = role;
        }
        if wire.language.is_empty() {
            wire.language.clone_from(&self.officer.language);
        }
        if wire.utc_offset_min == 0 {
            wire.utc_offset_min = self.officer.utc_offset_min;
        }
        wire.region = self.names.region.to_string();
        wire.schema_version = SCHEMA_VERSION;
        // the sealer gives both their values
        wire.incarnation = vec![1; 8].into();
        wire.sender_seq = 1;
    }

    fn fill_travel(&self, wire: &mut v1::Header, kind: Kind) {
        if wire.precedence == 0 {
            let level = EventLevel::from_number(wire.event_level);
            let colour = WarningLevel::from_number(wire.warning_level);
            wire.precedence = kind.usual_precedence(level, colour).number();
        }
        if wire.receipt_required == 0 {
            let precedence = Precedence::from_number(wire.precedence).unwrap_or(Precedence::Routine);
            wire.receipt_required = kind.stage_floor(precedence).unwrap_or(Stage::Delivered).number();
        }
        if wire.expires_at.is_none() {
            // from the same moment as `sent_at`: a life of 30 days must not be a millisecond longer
            let sent = border::time::optional(wire.sent_at, "sent_at").ok().flatten();
            let sent = sent.unwrap_or_else(|| self.clock.now());
            wire.expires_at = Some(border::time::to_wire(sent.plus(kind.facts().life)));
        }
        if wire.confidentiality == 0 {
            wire.confidentiality = v1::Confidentiality::Internal.into();
        }
        if wire.personal_data == 0 {
            wire.personal_data = v1::PersonalData::Absent.into();
        }
    }
}

/// How a message of `kind` follows one: a newer revision of ours of the same kind, or an answer. A report about an order
/// of our own is an answer to it, not a new version of it.
pub(super) fn follows_as(kind: Kind, before: Option<&v1::Header>, ours: bool) -> Action {
    let same = before.is_some_and(|before| before.kind == kind.number());
    if ours && same { Action::Update } else { Action::Reply }
}

/// What a follow-up shares with what it follows, unless the draft says otherwise.
fn share(wire: &mut v1::Header, before: &Before, follows: bool) {
    let header = &before.header;
    wire.originating_message_id = header.originating_message_id.clone();
    if wire.recipients.is_empty() {
        let same = follows || before.ours;
        wire.recipients = if same { header.recipients.clone() } else { vec![to_sender(header)] };
    }
    let names_incidents = Kind::from_number(wire.kind).is_none_or(|kind| kind.facts().incident != Incident::Never);
    if wire.incident_id.is_empty() && names_incidents {
        wire.incident_id.clone_from(&header.incident_id);
    }
    if wire.event_level == 0 && names_incidents {
        wire.event_level = header.event_level;
    }
    if wire.warning_level == 0 && wire.kind == Kind::Alert.number() {
        wire.warning_level = header.warning_level;
    }
    if wire.category == 0 {
        wire.category = header.category;
    }
    if wire.agreement_id.is_empty() {
        wire.agreement_id.clone_from(&header.agreement_id);
    }
    if wire.status == 0 {
        wire.status = header.status;
    }
    if wire.drill.is_none() && wire.status == Status::Exercise.number() {
        wire.drill.clone_from(&header.drill);
    }
}

pub(super) fn to_sender(header: &v1::Header) -> v1::Address {
    to_jurisdiction(header.sender.as_ref().map_or("", |sender| &sender.jurisdiction))
}

/// The address of a jurisdiction, at no post.
pub(super) fn to_jurisdiction(id: &str) -> v1::Address {
    let to = v1::JurisdictionAddress { id: id.to_owned(), role: 0 };
    v1::Address { to: Some(v1::address::To::Jurisdiction(to)) }
}

/// A new message id of this moment.
pub fn new_id(now: Timestamp) -> Result<MessageId, Invalid> {
    let mut random = [0; 10];
    getrandom::fill(&mut random)
        .map_err(|error| Invalid::new(Reason::Internal, "message_id", "random").detail(error.to_string()))?;
    Ok(MessageId::new(now, random))
}

/// The body by the rules of the contract, and no marking of a state secret in any text.
fn check_body(body: &Bytes, header: &v1::Header) -> Result<(), Invalid> {
    rules::check(body, header)?;
    judge::judge_secrecy("header.purpose", &header.purpose)?;
    for (at, file) in header.attachments.iter().enumerate() {
        judge::judge_secrecy(&format!("header.attachments[{at}].name"), &file.name)?;
    }
    if let Some(field) = rules::secret_marking(body) {
        return Err(Invalid::new(Reason::Confidentiality, field, format!("{}.secrecy", code(header))));
    }
    Ok(())
}

fn code(header: &v1::Header) -> String {
    Kind::from_number(header.kind).map(Kind::code).unwrap_or_default()
}
