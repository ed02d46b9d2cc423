//! Drafts to be filled in: what this desk knows about an answer before anybody has written it.

use model::{ids::MessageId, invalid::Invalid, kind::Kind, status::Action};
use prost::Message as _;
use proto::v1;

use super::{Desk, internal, rows, unknown};
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
            let header = before.as_ref().and_then(|(content, _)| content.header.as_ref())?;
            Kind::from_number(header.kind)?.facts().owes.map(|owes| owes.reply)
        };
        let kind = if ask.kind == 0 { asked() } else { Kind::from_number(ask.kind) };
        let kind = kind.ok_or_else(|| Invalid::missing("kind"))?;
        let action = match (Action::from_number(ask.action), &before) {
            (Some(action), _) => action,
            (None, None) => Action::Originate,
            (None, Some((content, ours))) => super::compose::follows_as(kind, content.header.as_ref(), *ours),
        };
        let body = self.form_body(kind, action, before.as_ref().map(|(content, _)| content))?;
        let header = match before.and_then(|(content, ours)| Some((content.header?, ours))) {
            Some((header, ours)) if action == Action::Originate => beside(&header, ours),
            Some(_) => v1::Header { preceding_message_id: ask.message_id.clone(), ..v1::Header::default() },
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
            let before = before.ok_or_else(|| Invalid::missing("message_id"))?;
            let same = before.header.as_ref().is_some_and(|header| header.kind == kind.number());
            let other = || Invalid::schema("kind", "content.kind_matches");
            return if same { Ok(forms::again(before)) } else { Err(other()) };
        }
        let us = self.names.jurisdiction();
        let open_incidents = self.engine.read(|_, found| query::open_incidents(found, us)).map_err(rows)?;
        let find = |id: &[u8]| {
            let id = MessageId::checked(id).ok()?;
            self.content_of(id).ok().flatten().map(|(content, _)| content)
        };
        let officer = v1::Officer { name: self.officer.name.clone(), role: self.names.role.number() };
        let ground = Ground {
            us,
            officer: &officer,
            phone: &self.officer.duty_phone,
            now: self.clock.now(),
            link_up: self.link.is_up(),
            open_incidents: &open_incidents,
            before,
            find: &find,
        };
        Ok(forms::answer(kind, &ground))
    }

    /// What a message says, and whether it is ours.
    fn content_of(&self, id: MessageId) -> Result<Option<(v1::Content, bool)>, Invalid> {
        let Some((envelope, ours)) = self.envelope(id)? else { return Ok(None) };
        let content = v1::Content::decode(envelope.content).map_err(|error| internal(&error))?;
        Ok(Some((content, ours)))
    }
}

/// The header of a message that begins a thread of its own in the matter of another: to the same people.
fn beside(before: &v1::Header, ours: bool) -> v1::Header {
    let recipients = if ours { before.recipients.clone() } else { vec![super::compose::to_sender(before)] };
    v1::Header { recipients, ..v1::Header::default() }
}
