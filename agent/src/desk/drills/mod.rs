//! Drills at this desk: what may be played and when, who may read the plan, and how it went.

mod score;
mod seen;
mod times;

use model::{
    ids::{ItemId, MessageId},
    invalid::Invalid,
    kind::Kind,
    role::Role,
    thread::{Mark, drill},
};
use prost::Message as _;
use proto::{border, v1};

use super::{Desk, rows};
use crate::fold::{
    drills::{earlier, machine},
    query,
};

impl Desk {
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
