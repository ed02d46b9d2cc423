//! Drills at this desk: what may be played and when, who may read the plan, and how it went.

mod score;
mod seen;
mod times;

use bytes::Bytes;
use model::{
    header::{Header, Status},
    ids::{ItemId, MessageId},
    invalid::Invalid,
    kind::Kind,
    role::Role,
    thread::{Facts, Mark, Matter, Step, Thread, drill},
};
use prost::Message as _;
use proto::{border, rules, v1};

use super::{Desk, rows};
use crate::fold::{
    drills::{earlier, machine},
    keys, query,
};

impl Desk {
    /// An exercise leaves only while its drill is live, as far as that is known here: the broker would refuse it, and by
    /// then nobody may be looking. Injects are judged by the drill itself.
    pub(super) fn check_live(&self, header: &Header) -> Result<(), Invalid> {
        if header.status != Status::Exercise || header.kind == Kind::DrillInject {
            return Ok(());
        }
        let Some(named) = &header.drill else { return Ok(()) };
        let state = self.matter_at(&keys::matter(&Matter::Drill(named.drill_id.clone())))?;
        let drill = state.as_ref().and_then(machine);
        drill.map_or(Ok(()), |drill| drill.hears(self.clock.now()))
    }

    /// What an inject holds can be read, and begins a matter as it would in earnest.
    pub(super) fn check_inside(&self, header: &Header, body: &Bytes) -> Result<(), Invalid> {
        if header.kind != Kind::DrillInject {
            return Ok(());
        }
        let Some((kind, inner)) = border::facts::inside(body)? else { return Ok(()) };
        let within = |invalid: Invalid| invalid.within("body.inner");
        let header = Header { kind, ..header.clone() };
        let wire = v1::Header { kind: kind.number(), ..border::header::to_wire(&header) };
        rules::check(&inner, &wire).map_err(within)?;
        let facts = border::facts::facts(&header, &inner).map_err(within)?;
        let step = Step { header: &header, facts: &facts, at: self.clock.now() };
        if facts == Facts::Nothing {
            return Ok(());
        }
        match self.matter_at(&keys::matter(&Matter::of(&header, &facts)))?.and_then(|state| state.thread) {
            Some(thread) => thread.may_send(&step).map(|_| ()),
            None => Thread::open(&step).map(|_| ()),
        }
        .map_err(within)
    }

    /// The whole of a message for whoever looks: who may not read what it says is told that there is something.
    pub fn show_to(&self, id: MessageId, officer: Option<&v1::Officer>) -> Result<v1::ShowResponse, Invalid> {
        let shown = self.show(id)?;
        let kind = shown.content.as_ref().and_then(|content| content.header.as_ref()).map_or(0, |header| header.kind);
        let may = Kind::from_number(kind).is_none_or(|kind| drill::may_read(kind, self.role_of(officer)).is_ok());
        Ok(if may { shown } else { withheld(shown) })
    }

    /// Whether whoever acts may read the message, so that they can open it.
    pub(super) fn check_reader(&self, kind: u32, officer: &v1::Officer) -> Result<(), Invalid> {
        let kind = i32::try_from(kind).ok().and_then(Kind::from_number);
        kind.map_or(Ok(()), |kind| drill::may_read(kind, self.role_of(Some(officer))))
    }

    fn role_of(&self, officer: Option<&v1::Officer>) -> Role {
        officer.and_then(|officer| Role::from_number(officer.role)).unwrap_or(self.names.role)
    }

    /// Names the earlier item under each mark of one that comes back, and the message that set it where that is known here.
    pub(super) fn link_earlier(&self, id: MessageId, judged: &mut v1::Judgement) -> Result<(), Invalid> {
        let recurring = |mark: &&mut v1::MarkSeen| mark.name == Mark::Recurring.name();
        for mark in judged.marks.iter_mut().filter(recurring) {
            let Some((content, _)) = self.content_of(id)? else { return Ok(()) };
            let body = content.body.unwrap_or_default().encode_to_vec();
            let Some(earlier) = earlier(&body, &mark.about) else { continue };
            let set = self.engine.read(|_, found| query::item(found, &earlier)).map_err(rows)?;
            mark.earlier = earlier.to_string();
            mark.earlier_message_id = set.map(|id| id.0.to_vec().into()).unwrap_or_default();
        }
        Ok(())
    }

    /// A task with this id was set, as far as is known here.
    pub(super) fn is_set(&self, item: &str) -> bool {
        let Ok(id) = item.parse::<ItemId>() else { return false };
        self.engine.read(|_, found| query::item(found, &id)).is_ok_and(|set| set.is_some())
    }
}

/// The same without what it says.
fn withheld(shown: v1::ShowResponse) -> v1::ShowResponse {
    let content = shown.content.map(|content| v1::Content { header: content.header, ..v1::Content::default() });
    v1::ShowResponse { content, envelope: None, withheld: true, ..shown }
}

/// What stands inside an inject, in its place: it is answered like any message of that kind.
pub(super) fn opened(content: v1::Content) -> v1::Content {
    let body = content.body.clone().unwrap_or_default().encode_to_vec();
    let Ok(Some((kind, inner))) = border::facts::inside(&body) else { return content };
    let header = content.header.map(|header| v1::Header { kind: kind.number(), ..header });
    v1::Content { header, body: v1::Body::decode(inner).ok(), inline: content.inline }
}
