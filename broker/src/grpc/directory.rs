//! `Directory`: the signed files in force, and who is linked.

use std::sync::Arc;

use model::{ids::JurisdictionId, limits};
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
        let caller = peer::agent(&self.relay, &request)?.jurisdiction.clone();
        let have = request.into_inner();
        self.take_list(&caller, &have.crl);
        Ok(Response::new(self.relay.trust.lacking(have.directory_version, have.grants_version, have.root_version)))
    }

    async fn links(&self, request: Request<v1::LinksRequest>) -> Result<Response<v1::LinksResponse>, Status> {
        peer::agent(&self.relay, &request)?;
        Ok(Response::new(v1::LinksResponse { links: links(&self.relay) }))
    }
}

impl DirectoryFace {
    /// A member's own revocation list comes with its asking; what cannot be kept is offered again.
    fn take_list(&self, caller: &JurisdictionId, crl: &[u8]) {
        if crl.is_empty() || crl.len() > limits::CRL_BYTES_MAX {
            return;
        }
        match self.relay.identity.take_list(caller, &String::from_utf8_lossy(crl)) {
            Ok(true) => tracing::info!(jurisdiction = %caller, "a newer revocation list"),
            Ok(false) => {}
            Err(error) => tracing::warn!(jurisdiction = %caller, %error, "a revocation list could not be kept"),
        }
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
