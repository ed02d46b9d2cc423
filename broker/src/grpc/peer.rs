//! Who calls: read from the connection's certificate, which the TLS layer has found good. Nothing else says it.

use certs::{
    profile::{Facts, Who},
    tls::Peer,
};
use model::{ids::JurisdictionId, invalid::Invalid, reason::Reason};
use proto::status::{self, Lang};
use tokio::sync::OwnedSemaphorePermit;
use tonic::{Request, Status, transport::server::Connected};

use super::places::Place;
use crate::relay::Relay;

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
    let peer = request.extensions().get::<Peer>().ok_or_else(|| unknown(request))?;
    relay.identity.still_trusts(&peer.facts).map_err(|refusal| {
        let invalid = Invalid::new(Reason::CertRevoked, "", "peer.trusted").detail(refusal.to_string());
        status::of(&invalid, Lang::of(request.metadata()))
    })?;
    Ok(peer)
}

fn unknown<T>(request: &Request<T>) -> Status {
    status::of(&Invalid::new(Reason::Unauthenticated, "", "peer.certificate"), Lang::of(request.metadata()))
}

/// A connection that was let in, as tonic wants it.
#[derive(Debug)]
pub struct Link {
    /// Stream and peer.
    incoming: certs::tls::Incoming,
    /// Its places among all connections and among those of its peer.
    _places: (OwnedSemaphorePermit, Place<String>),
}

impl Link {
    /// A connection that has its places.
    pub(super) const fn new(incoming: certs::tls::Incoming, places: (OwnedSemaphorePermit, Place<String>)) -> Self {
        Self { incoming, _places: places }
    }
}

impl Connected for Link {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.incoming.peer.clone()
    }
}

impl tokio::io::AsyncRead for Link {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.get_mut().incoming.stream).poll_read(cx, buf)
    }
}

impl tokio::io::AsyncWrite for Link {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.get_mut().incoming.stream).poll_write(cx, buf)
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.get_mut().incoming.stream).poll_flush(cx)
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.get_mut().incoming.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.get_mut().incoming.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.incoming.stream.is_write_vectored()
    }
}
