//! `Exchange`: sessions, single submissions, traces.

use std::{pin::Pin, sync::Arc};

use futures_util::Stream;
use model::{ids::MessageId, invalid::Invalid, judge::SenderClock, reason::Reason};
use proto::{
    status::{self, Lang},
    v1::{self, exchange_server::Exchange},
};
use store::tasks::Tasks;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{peer, session};
use crate::relay::{Relay, accept::Answer, documents::DocumentError};

/// The service.
#[derive(Clone, Debug)]
pub struct ExchangeFace {
    /// Does the work.
    pub relay: Arc<Relay>,
    /// Owns the tasks of sessions.
    pub tasks: Tasks,
}

#[tonic::async_trait]
impl Exchange for ExchangeFace {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<v1::SessionResponse, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<v1::SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let (caller, lang) = (peer::agent(&self.relay, &request)?, Lang::of(request.metadata()));
        let (relay, tasks, usage) = (self.relay.clone(), self.tasks.clone(), peer::usage(&request));
        let caller = session::Calls { caller, lang, usage };
        let wire = session::serve(relay, tasks, caller, request.into_inner()).await?;
        Ok(Response::new(Box::pin(ReceiverStream::new(wire))))
    }

    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Result<Response<v1::SubmitResponse>, Status> {
        let (caller, lang) = (peer::agent(&self.relay, &request)?.jurisdiction, Lang::of(request.metadata()));
        let submission = request.into_inner().submission.unwrap_or_default();
        let answer = match self.relay.judge(&caller, submission, SenderClock::BySentAt) {
            Ok(judged) => {
                let lane = judged.lane();
                self.relay.take_charge(vec![judged], lane).await.pop()
            }
            Err(refusal) => Some(Answer::Refused(*refusal)),
        };
        match answer {
            Some(Answer::Accepted(statement)) => {
                Ok(Response::new(v1::SubmitResponse { receipt: Some(self.relay.signer.lone(&statement)) }))
            }
            Some(Answer::Refused(refusal)) => {
                self.relay.metrics.refused(refusal.invalid.reason);
                self.relay.audit_refusal(&caller, &refusal).await;
                Err(status::with_retry(&refusal.invalid, lang, refusal.retry_after))
            }
            None => Err(status::internal(lang)),
        }
    }

    async fn trace(&self, request: Request<v1::TraceRequest>) -> Result<Response<v1::TraceResponse>, Status> {
        let (caller, lang) = (peer::agent(&self.relay, &request)?.jurisdiction, Lang::of(request.metadata()));
        let id = message_id(&request.get_ref().message_id).map_err(|invalid| status::of(&invalid, lang))?;
        self.relay.trace(&caller, id).map(Response::new).map_err(|error| document_status(&error, lang))
    }
}

fn message_id(bytes: &[u8]) -> Result<MessageId, Invalid> {
    bytes.try_into().map(MessageId).map_err(|_| Invalid::new(Reason::BadCode, "message_id", "id.message"))
}

/// The status of a read that failed; ours are logged here, once.
pub fn document_status(error: &DocumentError, lang: Lang) -> Status {
    match error {
        DocumentError::Invalid(invalid) => status::of(invalid, lang),
        DocumentError::Store(error) => {
            tracing::error!(%error, "a read failed");
            status::internal(lang)
        }
    }
}
