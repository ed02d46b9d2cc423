//! The broker asks for envelopes of ours that its disk has damaged while they waited there. They are sent once more,
//! beside the outbox: the broker is in charge of them already, and nothing else waits for them. What we do not have
//! either we miss in turn, so that the broker waits no longer.

use journal::JournalError;
use model::{ids::MessageId, invalid::Invalid, position::Position, precedence::Precedence};
use proto::v1::{self, session_request::Frame as Tell};

use super::session::Session;
use crate::{
    desk::rows,
    fold::{id_of, query},
};

/// Ids of one request that are looked at.
const IDS_MAX: usize = 256;

/// What we have of an envelope that is asked for.
enum Kept {
    Whole(Precedence, Box<v1::Submission>),
    Gone,
}

impl Session {
    /// Sends what is asked for, and says what is not there.
    pub(super) async fn offer_asked(&self, gap: &v1::GapRequest) {
        let mut gone = Vec::new();
        for id in gap.message_ids.iter().take(IDS_MAX).filter_map(|id| id_of(id)) {
            match self.kept(id) {
                Ok(Kept::Whole(precedence, submission)) => self.offer_beside(id, precedence, *submission).await,
                Ok(Kept::Gone) => gone.push(id),
                Err(problem) => tracing::error!(%id, %problem, "a message that the broker asks for is not sent"),
            }
        }
        if !gone.is_empty() {
            tracing::error!(count = gone.len(), "the broker asks for messages of ours that are not here any more");
            let message_ids = gone.iter().map(|id| id.0.to_vec().into()).collect();
            let jurisdiction = gap.jurisdiction.clone();
            let missed = v1::GapRequest { jurisdiction, message_ids, ..v1::GapRequest::default() };
            self.outgoing.say(Tell::GapRequest(missed));
        }
    }

    async fn offer_beside(&self, id: MessageId, precedence: Precedence, submission: v1::Submission) {
        let bytes = submission.envelope.as_ref().map_or(0, |envelope| envelope.content.len() as u64);
        tracing::warn!(%id, "the broker has lost a message of ours that waits there; it is sent again");
        self.submitting.lock().await.beside(precedence, bytes);
        self.outgoing.say(Tell::Submissions(v1::Submissions { submissions: vec![submission] }));
    }

    fn kept(&self, id: MessageId) -> Result<Kept, Invalid> {
        let Some(row) = self.desk.engine.read(|_, found| query::sent(found, id)).map_err(rows)? else {
            return Ok(Kept::Gone);
        };
        let (at, precedence) = (Position(row.position), i32::try_from(row.precedence).ok());
        if let Err(JournalError::Damaged(_) | JournalError::Missing(_)) = self.desk.engine.record(at) {
            return Ok(Kept::Gone);
        }
        let envelope = Some(self.desk.own_envelope(at)?);
        // our receipts prove that the broker took charge of it, in case it has forgotten that too
        let evidence = self.desk.receipts(id).unwrap_or_default();
        let submission = v1::Submission { envelope, carried: false, evidence };
        let precedence = precedence.and_then(Precedence::from_number).unwrap_or(Precedence::Routine);
        Ok(Kept::Whole(precedence, Box::new(submission)))
    }
}
