//! `Admin`: mailboxes, dead letters, drain, reload. Each act leaves a record with the operator's name.

use std::{sync::Arc, time::Duration};

use journal::{Lane, Record};
use model::{
    ids::{JurisdictionId, MessageId},
    invalid::Invalid,
    reason::Reason,
    time::Timestamp,
};
use prost::Message as _;
use proto::{
    border,
    record::{AdminAct, kind},
    status::{self, Lang},
    v1::{self, admin_server::Admin},
};
use tonic::{Request, Response, Status};

use crate::{
    grpc::{links, operator},
    health::Health,
    relay::Relay,
};

/// How long a draining session is heard, when nobody says it.
const GRACE: Duration = Duration::from_secs(5);
/// The longest that it may be.
const GRACE_MAX: Duration = Duration::from_mins(1);

/// The service.
#[derive(Clone, Debug)]
pub struct AdminFace {
    /// Does the work.
    pub relay: Arc<Relay>,
    /// Alive and ready.
    pub health: Health,
    /// When the program started.
    pub started_at: Timestamp,
}

#[tonic::async_trait]
impl Admin for AdminFace {
    async fn status(&self, request: Request<v1::StatusRequest>) -> Result<Response<v1::StatusResponse>, Status> {
        operator(&self.relay, &request)?;
        let trust = self.relay.trust.view();
        let problem = self.health.problem(&self.relay);
        let state = match (&problem, self.relay.sessions.are_draining()) {
            (_, true) => "DRAINING",
            (Some(_), _) => "DEGRADED",
            (None, _) => "SERVING",
        };
        let epoch = self.relay.engine.epochs().last().map(|epoch| epoch.id.0.to_vec()).unwrap_or_default();
        Ok(Response::new(v1::StatusResponse {
            software: env!("CARGO_PKG_VERSION").to_owned(),
            region: self.relay.region.to_string(),
            epoch: epoch.into(),
            committed: self.relay.engine.journal_end().0,
            folded: self.relay.engine.folded().borrow().0,
            state: state.to_owned(),
            degraded: problem.into_iter().map(str::to_owned).chain(self.health.notes(&self.relay)).collect(),
            directory_version: trust.directory.version,
            grants_version: trust.policy.version,
            disk_free_bytes: self.relay.disk_free(),
            started_at: Some(border::time::to_wire(self.started_at)),
            links: links(&self.relay),
            head: self.relay.heads.newest(),
        }))
    }

    async fn mailboxes(
        &self,
        request: Request<v1::MailboxesRequest>,
    ) -> Result<Response<v1::MailboxesResponse>, Status> {
        operator(&self.relay, &request)?;
        let lang = Lang::of(request.metadata());
        let mailboxes = self.relay.mailboxes().map_err(|error| ours(&error, lang))?;
        Ok(Response::new(v1::MailboxesResponse { mailboxes }))
    }

    async fn cards(&self, request: Request<v1::CardsRequest>) -> Result<Response<v1::CardsResponse>, Status> {
        operator(&self.relay, &request)?;
        let lang = Lang::of(request.metadata());
        let ask = request.into_inner();
        let of = Some(ask.jurisdiction).filter(|of| !of.is_empty());
        let of = of.map(|of| mailbox(&of, lang)).transpose()?;
        let cards = self.relay.cards(of.as_ref()).map_err(|error| ours(&error, lang))?;
        Ok(Response::new(v1::CardsResponse { cards }))
    }

    async fn peek(&self, request: Request<v1::PeekRequest>) -> Result<Response<v1::PeekResponse>, Status> {
        operator(&self.relay, &request)?;
        let lang = Lang::of(request.metadata());
        let ask = request.into_inner();
        let mailbox = mailbox(&ask.jurisdiction, lang)?;
        let entries = self.relay.peek(&mailbox, ask.dead, ask.limit as usize).map_err(|error| ours(&error, lang))?;
        Ok(Response::new(v1::PeekResponse { entries }))
    }

    async fn redrive(&self, request: Request<v1::RedriveRequest>) -> Result<Response<v1::RedriveResponse>, Status> {
        let (who, lang) = (operator(&self.relay, &request)?, Lang::of(request.metadata()));
        let ask = request.into_inner();
        let mailbox = mailbox(&ask.jurisdiction, lang)?;
        let ids: Option<Vec<MessageId>> =
            ask.message_ids.iter().map(|id| id.as_ref().try_into().ok().map(MessageId)).collect();
        let ids = ids.ok_or_else(|| status::of(&Invalid::new(Reason::BadCode, "message_ids", "id.message"), lang))?;
        let redriven =
            self.relay.redrive(&who, &mailbox, ids, &ask.reason).await.map_err(|error| ours(&error, lang))?;
        tracing::info!(operator = %who, %mailbox, redriven, reason = ?ask.reason, "dead letters were redriven");
        Ok(Response::new(v1::RedriveResponse { redriven }))
    }

    async fn drain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::DrainResponse>, Status> {
        let (who, lang) = (operator(&self.relay, &request)?, Lang::of(request.metadata()));
        let v1::DrainRequest { drain, grace } = request.into_inner();
        let grace = grace.map_or(GRACE, border::time::length).min(GRACE_MAX);
        self.act(&who, if drain { "drain" } else { "undrain" }, "", lang).await?;
        let told = self.relay.sessions.drain(drain, grace);
        let what = if drain { "the broker drains" } else { "the broker drains no more" };
        tracing::info!(operator = %who, grace_s = grace.as_secs(), sessions = told, "{what}");
        Ok(Response::new(v1::DrainResponse { sessions: u32::try_from(told).unwrap_or(u32::MAX) }))
    }

    async fn reload(&self, request: Request<v1::ReloadRequest>) -> Result<Response<v1::ReloadResponse>, Status> {
        let (who, lang) = (operator(&self.relay, &request)?, Lang::of(request.metadata()));
        self.act(&who, "reload", "", lang).await?;
        let (changes, problems) = self.relay.reload_trust().await;
        tracing::info!(operator = %who, ?changes, ?problems, "signed files were read again");
        Ok(Response::new(v1::ReloadResponse { changes, problems }))
    }
}

impl AdminFace {
    async fn act(&self, operator: &str, act: &str, reason: &str, lang: Lang) -> Result<(), Status> {
        let record = AdminAct {
            operator: operator.to_owned(),
            act: act.to_owned(),
            reason: reason.to_owned(),
            ..AdminAct::default()
        };
        let record = Record::new(kind::ADMIN_ACT, self.relay.clock.now(), record.encode_to_vec());
        let appended = self.relay.engine.append(vec![record], Lane::Settling).await;
        appended.map(|_| ()).map_err(|error| ours(&error, lang))
    }
}

fn mailbox(text: &str, lang: Lang) -> Result<JurisdictionId, Status> {
    text.parse().map_err(|invalid: Invalid| status::of(&invalid.within("jurisdiction"), lang))
}

fn ours(error: &dyn std::error::Error, lang: Lang) -> Status {
    tracing::error!(%error, "an operator's act failed");
    status::internal(lang)
}
