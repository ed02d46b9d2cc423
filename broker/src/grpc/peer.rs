//! Who calls: read from the connection's certificate, which the TLS layer has found good. Nothing else says it.

use std::sync::Arc;

use certs::{
    profile::{Facts, Who},
    tls::Peer,
};
use model::{ids::JurisdictionId, invalid::Invalid, reason::Reason};
use proto::status::{self, Lang};
use tonic::{Request, Status};

use super::guard::Usage;
use crate::relay::Relay;

/// What every request knows of the connection that it came on.
#[derive(Clone, Debug)]
pub struct Inside {
    /// The other side.
    pub(super) peer: Peer,
    /// What the connection is used for.
    pub(super) usage: Arc<Usage>,
}

/// An agent that calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Its jurisdiction.
    pub jurisdiction: JurisdictionId,
    /// What its certificate says.
    pub facts: Facts,
}

/// The agent behind a request, if it would still be let in: a connection may outlive the trust in who made it.
pub fn agent<T>(relay: &Relay, request: &Request<T>) -> Result<Caller, Status> {
    let peer = peer(relay, request)?;
    match peer.facts.name.agent() {
        Some(agent) => Ok(Caller { jurisdiction: agent.jurisdiction.clone(), facts: peer.facts.clone() }),
        None => Err(unknown(request)),
    }
}

/// The operator behind a request, by name.
pub fn operator<T>(relay: &Relay, request: &Request<T>) -> Result<String, Status> {
    let peer = peer(relay, request)?;
    match &peer.facts.name.who {
        Who::Operator(name) => Ok(name.clone()),
        Who::Agent(_) | Who::Broker(_) => Err(unknown(request)),
    }
}

fn peer<'r, T>(relay: &Relay, request: &'r Request<T>) -> Result<&'r Peer, Status> {
    let Inside { peer, .. } = request.extensions().get::<Inside>().ok_or_else(|| unknown(request))?;
    relay.identity.still_trusts(&peer.facts).map_err(|refusal| {
        let invalid = Invalid::new(Reason::CertRevoked, "", "peer.trusted").detail(refusal.to_string());
        status::of(&invalid, Lang::of(request.metadata()))
    })?;
    Ok(peer)
}

/// What the connection behind a request is used for.
pub(super) fn usage<T>(request: &Request<T>) -> Arc<Usage> {
    request.extensions().get::<Inside>().map(|inside| inside.usage.clone()).unwrap_or_default()
}

fn unknown<T>(request: &Request<T>) -> Status {
    status::of(&Invalid::new(Reason::Unauthenticated, "", "peer.certificate"), Lang::of(request.metadata()))
}
