//! `Directory`: the signed files in force, and who is linked.

use std::sync::Arc;

use model::ids::JurisdictionId;
use proto::{
    border,
    v1::{self, directory_server::Directory},
};
use tonic::{Request, Response, Status};

use super::peer;
use crate::relay::Relay;

/// The service.
#[derive(Clone, Debug)]
pub struct DirectoryFace {
    /// Does the work.
    pub relay: Arc<Relay>,
}

#[tonic::async_trait]
impl Directory for DirectoryFace {
    async fn fetch(&self, request: Request<v1::FetchRequest>) -> Result<Response<v1::FetchResponse>, Status> {
        peer::agent(&self.relay, &request)?;
        let have = request.into_inner();
        Ok(Response::new(self.relay.trust.lacking(have.directory_version, have.grants_version, have.root_version)))
    }

    async fn links(&self, request: Request<v1::LinksRequest>) -> Result<Response<v1::LinksResponse>, Status> {
        peer::agent(&self.relay, &request)?;
        Ok(Response::new(v1::LinksResponse { links: links(&self.relay) }))
    }
}

/// The link of every member.
pub fn links(relay: &Relay) -> Vec<v1::LinkState> {
    relay.trust.view().members().iter().map(|member| link(relay, member)).collect()
}

fn link(relay: &Relay, member: &JurisdictionId) -> v1::LinkState {
    let session = relay.sessions.of(member);
    let heard = session.as_ref().map(|session| session.last_heard()).or_else(|| relay.sessions.last_heard(member));
    v1::LinkState {
        jurisdiction: member.to_string(),
        up: session.is_some(),
        last_heard: heard.map(border::time::to_wire),
        skew: session.as_ref().map(|session| prost_types::Duration {
            seconds: session.skew_ms / 1_000,
            nanos: i32::try_from(session.skew_ms % 1_000).unwrap_or(0) * 1_000_000,
        }),
        software: session.map(|session| session.software.clone()).unwrap_or_default(),
    }
}
