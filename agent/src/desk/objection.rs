//! What the program itself says about another's message: K51, that its step was not lawful and by which rule.

use model::{
    ids::MessageId,
    invalid::Invalid,
    reason::Reason,
    role::Role,
    status::{Action, Status},
};
use prost::Message as _;
use proto::{border, status, v1};

use super::{Desk, internal, rows, unknown};
use crate::fold::query;

impl Desk {
    /// The objection to a message that was marked as unlawful. None where there is nobody to tell: the broker itself.
    pub(crate) fn objection(&self, id: MessageId) -> Result<Option<v1::Draft>, Invalid> {
        let judged = self.engine.read(|_, found| query::judged(found, id)).map_err(rows)?.ok_or_else(|| unknown(id))?;
        let (envelope, _) = self.envelope(id)?.ok_or_else(|| unknown(id))?;
        let parts = border::parts(&envelope.content)?;
        let cause = v1::Header::decode(parts.header).map_err(|error| internal(&error))?;
        let author = cause.sender.clone().unwrap_or_default().jurisdiction;
        if author == "broker" || author == self.names.jurisdiction().as_str() {
            return Ok(None);
        }
        let code = judged.reason.as_str();
        let reason = Reason::ALL.iter().copied().find(|reason| reason.code() == code).unwrap_or(Reason::WrongSequence);
        let invalid = Invalid::new(reason, judged.field.clone(), judged.rule.clone()).detail(judged.detail.clone());
        let (text_zh, text_en) = status::texts(&invalid);
        let error = v1::Error {
            reason: reason.code().to_owned(),
            number: reason.number().into(),
            rule: judged.rule,
            field: judged.field,
            message_id: id.0.to_vec().into(),
            text_zh,
            text_en,
        };
        let header = v1::Header {
            action: Action::Error.number(),
            status: Status::System.number(),
            precedence: cause.precedence,
            preceding_message_id: id.0.to_vec().into(),
            sender: Some(v1::Party { role: Role::System.number(), ..v1::Party::default() }),
            recipients: vec![super::compose::to_sender(&cause)],
            ..v1::Header::default()
        };
        let body = v1::Body { body: Some(v1::body::Body::Error(error)) };
        Ok(Some(v1::Draft { header: Some(header), body: Some(body), inline: Vec::new() }))
    }
}
