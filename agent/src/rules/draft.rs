//! What rules say: answers made from a template, and copies of bulletins. Everything goes through the desk's own rules after
//! that; a rule puts no name under what needs a sign-off.

use model::{
    header::Status,
    ids::MessageId,
    invalid::Invalid,
    kind::Kind,
    level::{Confidentiality, PersonalData},
    reason::Reason,
};
use prost::Message as _;
use proto::{rules, status::Lang, v1};
use serde_json::{Value, json};

use super::{
    Action, Answer, Forward, Rule, Rules,
    event::{Event, Letter},
    template,
};
use crate::desk::Desk;

/// Characters of a headline at most.
const HEADLINE_CHARS_MAX: usize = 100;
/// Matters that a bulletin names at most.
const RELATED_MAX: usize = 64;

impl Desk {
    /// The message that an action of a rule comes to, as a draft.
    ///
    /// # Errors
    /// It comes to none: the message may not be passed on, a place of the template cannot be filled.
    pub(super) fn draft_of(
        &self,
        rules: &Rules,
        rule: &Rule,
        action: Action,
        event: &Event,
        facts: &Value,
    ) -> Result<v1::Draft, Invalid> {
        let missing = || Invalid::new(Reason::NotFound, action.name(), "rules.gone");
        let letter = event.message.as_ref().ok_or_else(missing)?;
        let draft = match (action, &rule.answer, &rule.forward) {
            (Action::Answer, Some(answer), _) => self.answer_to(answer, letter, facts)?,
            (Action::Forward, _, Some(forward)) => self.copy_of(forward, letter)?,
            _ => return Err(missing()),
        };
        Ok(signed(draft, rules, rule, letter))
    }

    /// What the desk knows about the answer by itself, and the template over it.
    fn answer_to(&self, answer: &Answer, letter: &Letter, facts: &Value) -> Result<v1::Draft, Invalid> {
        let ask = v1::FormRequest {
            message_id: letter.id.0.to_vec().into(),
            kind: answer.kind.number(),
            ..v1::FormRequest::default()
        };
        let form = self.form(&ask)?;
        let mut known = rules::draft_to_json(&form);
        let member = rules::kinds().iter().find(|info| info.kind == answer.kind).map(|info| info.field.clone());
        let filled = answer.body.fill(facts).map_err(|invalid| invalid.within("answer.body"))?;
        template::lay(&mut known, json!({ "body": { member.unwrap_or_default(): filled } }));
        let mut draft = rules::draft_from_json(Some(answer.kind), &known)?;
        draft.header.get_or_insert_default().answer = answer.interim.map_or(0, model::status::Answer::number);
        Ok(draft)
    }

    /// A bulletin for others, under its own name of where it comes from. It is as confidential as it was, lives no longer, and
    /// goes to nobody who is known to have it.
    fn copy_of(&self, forward: &Forward, letter: &Letter) -> Result<v1::Draft, Invalid> {
        let header = &letter.header;
        may_be_passed_on(header)?;
        let mut bulletin = bulletin(letter)?;
        self.not_seen_before(header, &bulletin)?;
        let from = header.sender.as_ref().map(|sender| sender.jurisdiction.clone()).unwrap_or_default();
        let headline = match Lang::from_tag(&header.language) {
            Lang::Zh => format!("转发{from}：{}", bulletin.headline),
            Lang::En => format!("Fwd {from}: {}", bulletin.headline),
        };
        bulletin.headline = headline.chars().take(HEADLINE_CHARS_MAX).collect();
        if bulletin.related.len() < RELATED_MAX {
            let message_id = letter.id.0.to_vec().into();
            bulletin.related.push(v1::RelatedMatter { message_id, ..v1::RelatedMatter::default() });
        }
        let copy = v1::Header {
            kind: Kind::Bulletin.number(),
            recipients: self.forwarded_to(forward, header, &from)?,
            status: header.status,
            drill: header.drill.clone(),
            incident_id: header.incident_id.clone(),
            event_level: header.event_level,
            category: header.category,
            precedence: header.precedence,
            confidentiality: header.confidentiality,
            purpose: header.purpose.clone(),
            expires_at: header.expires_at,
            language: header.language.clone(),
            ..v1::Header::default()
        };
        let body = v1::Body { body: Some(v1::body::Body::Bulletin(bulletin)) };
        Ok(v1::Draft { header: Some(copy), body: Some(body), inline: Vec::new() })
    }

    /// A copy names everything that it is a copy of. One of which we had the original, or an earlier copy, has gone round.
    fn not_seen_before(&self, header: &v1::Header, bulletin: &v1::Bulletin) -> Result<(), Invalid> {
        for related in bulletin.related.iter().filter(|_| header.hops > 0) {
            let known = crate::fold::id_of(&related.message_id).map(|id| self.envelope(id)).transpose()?.flatten();
            if known.is_some() {
                return Err(Invalid::new(Reason::RateLimited, "body.related", "rules.forward_seen"));
            }
        }
        Ok(())
    }

    /// Those of the list who do not have the message: not its sender, not we, not whom it names.
    fn forwarded_to(&self, forward: &Forward, header: &v1::Header, from: &str) -> Result<Vec<v1::Address>, Invalid> {
        let named = header.recipients.iter().filter_map(|to| match &to.to {
            Some(v1::address::To::Jurisdiction(to)) => Some(to.id.as_str()),
            _ => None,
        });
        let have: Vec<&str> = named.chain([from, self.names.jurisdiction().as_str()]).collect();
        let others = forward.to.iter().filter(|id| !have.contains(&id.as_str()));
        let to = |id: &model::ids::JurisdictionId| {
            let to = v1::JurisdictionAddress { id: id.to_string(), role: 0 };
            v1::Address { to: Some(v1::address::To::Jurisdiction(to)) }
        };
        let others: Vec<v1::Address> = others.map(to).collect();
        if others.is_empty() {
            return Err(Invalid::new(Reason::Unroutable, "forward.to", "rules.forward_nobody"));
        }
        Ok(others)
    }
}

/// What a rule passes on by itself: bulletins for everybody's eyes or for inside, that name nobody, without files.
fn may_be_passed_on(header: &v1::Header) -> Result<(), Invalid> {
    let held = |reason, field: &str, rule: &str| Err(Invalid::new(reason, field, rule));
    if header.kind != Kind::Bulletin.number() {
        return held(Reason::RoleForbidden, "header.kind", "rules.forward_kind");
    }
    if Confidentiality::from_number(header.confidentiality).is_none_or(|conf| conf == Confidentiality::Sensitive) {
        return held(Reason::Confidentiality, "header.confidentiality", "rules.forward_confidential");
    }
    if PersonalData::from_number(header.personal_data) == Some(PersonalData::Present) {
        return held(Reason::Confidentiality, "header.personal_data", "rules.forward_confidential");
    }
    if !header.attachments.is_empty() {
        return held(Reason::RoleForbidden, "header.attachments", "rules.forward_files");
    }
    Ok(())
}

/// The bulletin, if it is of a sort that anybody may pass on: a change of somebody's telephone or response level is his own
/// to tell, and the merging of two incidents belongs to the place of occurrence.
fn bulletin(letter: &Letter) -> Result<v1::Bulletin, Invalid> {
    let body = v1::Body::decode(letter.body.clone()).map_err(|error| crate::desk::internal(&error))?;
    let Some(v1::body::Body::Bulletin(bulletin)) = body.body else {
        return Err(Invalid::new(Reason::RoleForbidden, "header.kind", "rules.forward_kind"));
    };
    let passed_on = matches!(
        bulletin.subtype(),
        v1::BulletinSubtype::Notice
            | v1::BulletinSubtype::RumourCorrection
            | v1::BulletinSubtype::RoadClosure
            | v1::BulletinSubtype::GreenLane
    );
    if passed_on {
        Ok(bulletin)
    } else {
        Err(Invalid::new(Reason::RoleForbidden, "body.subtype", "rules.forward_kind"))
    }
}

/// In the name of the rule and the role that rules are given, one hop further, and signed off by nobody.
fn signed(mut draft: v1::Draft, rules: &Rules, rule: &Rule, letter: &Letter) -> v1::Draft {
    let (name, role) = (rule.signature(), rules.role.number());
    let header = draft.header.get_or_insert_default();
    header.sender = Some(v1::Party { name: name.clone(), role, ..v1::Party::default() });
    header.prepared_by = Some(v1::Signatory { name, role, at: None });
    header.signed_off_by = None;
    header.hops = letter.header.hops + 1;
    draft
}

/// A draft that is treated as if it had just come from the agent's own neighbour: for a dry run.
pub fn as_received(desk: &Desk, draft: v1::Draft, id: MessageId) -> Letter {
    let mut header = draft.header.unwrap_or_default();
    let body = draft.body.unwrap_or_default().encode_to_vec().into();
    let id_bytes: bytes::Bytes = id.0.to_vec().into();
    if header.originating_message_id.is_empty() {
        header.originating_message_id = id_bytes.clone();
    }
    header.message_id = id_bytes;
    if header.status == 0 {
        header.status = Status::Actual.number();
    }
    if header.confidentiality == 0 {
        header.confidentiality = Confidentiality::Internal.number();
    }
    if header.language.is_empty() {
        header.language.clone_from(&desk.officer.language);
    }
    Letter { id, header, body, seal: None }
}
