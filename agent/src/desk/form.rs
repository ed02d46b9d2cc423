//! Drafts to be filled in: what this desk knows about an answer before anybody has written it.

use model::{ids::MessageId, invalid::Invalid, kind::Kind, reason::Reason, status::Action};
use prost::Message as _;
use proto::{status::Lang, v1};

use super::{Desk, drills::opened, internal, rows, unknown};
use crate::{
    fold::query,
    forms::{self, Ground},
};

impl Desk {
    /// A draft of the kind that is asked for, or that the message asks for, with what is known filled in. Nothing is
    /// stored.
    ///
    /// # Errors
    /// `NOT_FOUND` for a message that is not here; `MISSING_FIELD` where neither the caller nor the catalogue names a kind.
    pub fn form(&self, ask: &v1::FormRequest) -> Result<v1::Draft, Invalid> {
        let before = if ask.message_id.is_empty() {
            None
        } else {
            let id = MessageId::checked(&ask.message_id).map_err(|invalid| invalid.within("message_id"))?;
            Some(self.content_of(id)?.ok_or_else(|| unknown(id))?)
        };
        let asked = || {
            let header = before.as_ref().and_then(|(content, _)| opened(content.clone()).header)?;
            Kind::from_number(header.kind)?.facts().owes.map(|owes| owes.reply)
        };
        let kind = if ask.kind == 0 { asked() } else { Kind::from_number(ask.kind) };
        let kind = kind.ok_or_else(|| Invalid::missing("kind"))?;
        let action = match (Action::from_number(ask.action), &before) {
            (Some(action), _) => action,
            (None, None) => Action::Originate,
            (None, Some((content, ours))) => super::compose::follows_as(kind, content.header.as_ref(), *ours),
        };
        let before = match before {
            Some((content, _)) if matches!(action, Action::Update | Action::Cancel) => {
                Some((self.newest_of_ours(&content, kind)?, true))
            }
            // a plan, minutes, an order of the drill: of what we said last, not of what it was first
            Some((content, true)) if action == Action::Originate => {
                let of = content.header.as_ref().and_then(|header| Kind::from_number(header.kind));
                Some((of.map_or(Ok(content.clone()), |of| self.newest_of_ours(&content, of))?, true))
            }
            before => before,
        };
        let body = self.form_body(kind, action, before.as_ref().map(|(content, _)| content))?;
        let played = before.as_ref().and_then(|(content, _)| forms::drill_of(content));
        let header = match before.and_then(|(content, ours)| Some((content.header?, ours))) {
            Some((header, ours)) if action == Action::Originate => beside(&header, ours, kind, played.as_deref()),
            Some((header, _)) => v1::Header { preceding_message_id: header.message_id, ..v1::Header::default() },
            None => v1::Header::default(),
        };
        let header = v1::Header { kind: kind.number(), action: action.number(), ..header };
        let body = body.map(|body| v1::Body { body: Some(body) });
        Ok(v1::Draft { header: Some(header), body, inline: Vec::new() })
    }

    fn form_body(
        &self,
        kind: Kind,
        action: Action,
        before: Option<&v1::Content>,
    ) -> Result<Option<v1::body::Body>, Invalid> {
        if matches!(action, Action::Update | Action::Cancel) {
            return Ok(forms::again(before.ok_or_else(|| Invalid::missing("message_id"))?, action));
        }
        let us = self.names.jurisdiction();
        let open_incidents = self.engine.read(|_, found| query::open_incidents(found, us)).map_err(rows)?;
        let find = |id: &[u8]| {
            let id = MessageId::checked(id).ok()?;
            self.content_of(id).ok().flatten().map(|(content, _)| opened(content))
        };
        let before = before.cloned().map(opened);
        let score = if kind == Kind::DrillEvaluation { self.score_about(before.as_ref())? } else { None };
        let officer = v1::Officer { name: self.officer.name.clone(), role: self.names.role.number() };
        let ground = Ground {
            us,
            officer: &officer,
            phone: &self.officer.duty_phone,
            now: self.clock.now(),
            fresh: super::compose::new_id(self.clock.now())?,
            link_up: self.link.is_up(),
            open_incidents: &open_incidents,
            before: before.as_ref(),
            find: &find,
            score: score.as_ref(),
            is_set: &|item| self.is_set(item),
            lang: Lang::from_tag(&self.officer.language),
        };
        Ok(forms::answer(kind, &ground))
    }

    /// How the drill of a message went, for its evaluation.
    fn score_about(&self, before: Option<&v1::Content>) -> Result<Option<v1::DrillScoreResponse>, Invalid> {
        let Some(header) = before.and_then(|before| before.header.as_ref()) else { return Ok(None) };
        let ask = v1::DrillScoreRequest { message_id: header.message_id.clone(), ..v1::DrillScoreRequest::default() };
        match self.drill_score(&ask) {
            Ok(score) => Ok(Some(score)),
            // of no drill, or of one whose beginning is not known here: a form without times
            Err(invalid) if matches!(invalid.reason, Reason::NotFound | Reason::BadSchema) => Ok(None),
            Err(invalid) => Err(invalid),
        }
    }

    /// The newest message of ours of `kind` in the thread of `of`: a revision follows it, whichever message of the thread
    /// a person points at.
    fn newest_of_ours(&self, of: &v1::Content, kind: Kind) -> Result<v1::Content, Invalid> {
        let thread = of.header.as_ref().map(|header| header.originating_message_id.clone()).unwrap_or_default();
        let ask = v1::ThreadsRequest { originating_message_id: thread, ..v1::ThreadsRequest::default() };
        let us = self.names.jurisdiction().as_str();
        let ours = |header: &v1::Header| {
            let by_us = header.sender.as_ref().is_some_and(|sender| sender.jurisdiction == us);
            let revises =
                matches!(Action::from_number(header.action), Some(Action::Originate | Action::Update | Action::Cancel));
            by_us && revises && header.kind == kind.number()
        };
        let lines = self.threads(&ask)?.messages.into_iter();
        let newest = lines.filter_map(|line| line.header).filter(ours).max_by_key(|header| header.revision);
        let missing = || Invalid::new(Reason::NotFound, "message_id", "message.known").detail(kind.code());
        let id = MessageId::checked(&newest.ok_or_else(missing)?.message_id)?;
        Ok(self.content_of(id)?.ok_or_else(|| unknown(id))?.0)
    }

    /// What a message says, and whether it is ours.
    pub(crate) fn content_of(&self, id: MessageId) -> Result<Option<(v1::Content, bool)>, Invalid> {
        let Some((envelope, ours)) = self.envelope(id)? else { return Ok(None) };
        let content = v1::Content::decode(envelope.content).map_err(|error| internal(&error))?;
        Ok(Some((content, ours)))
    }
}

/// The header of a message that begins a thread of its own in the matter of another: to the same people. Orders and
/// injects name their drill in it; what is injected is exercise.
fn beside(before: &v1::Header, ours: bool, kind: Kind, drill: Option<&str>) -> v1::Header {
    let recipients = if ours { before.recipients.clone() } else { vec![super::compose::to_sender(before)] };
    let steers = matches!(kind, Kind::DrillControl | Kind::DrillInject);
    let named = |id: &str| v1::DrillRef { drill_id: id.to_owned(), ..v1::DrillRef::default() };
    let status = if kind == Kind::DrillInject { v1::Status::Exercise } else { v1::Status::Unspecified };
    v1::Header {
        recipients,
        drill: drill.filter(|_| steers).map(named),
        status: status.into(),
        ..v1::Header::default()
    }
}
