//! Connections: one handshake at a listener, with the reason if it is turned away; and the way to the broker.

use std::{io, net::SocketAddr};

use model::limits;
use rustls::{Error, PeerIncompatible as Lacks};
use rustls_pki_types::ServerName;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{Identity, Listener, chain};
use crate::profile::{self, Facts, Side};

/// The other side of a connection, as its certificate says and our verifier found good.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Who it is.
    pub facts: Facts,
    /// Key exchange of the connection, for people.
    pub group: String,
    /// Where it came from.
    pub address: SocketAddr,
}

/// A connection that was let in.
#[derive(Debug)]
pub struct Incoming {
    /// The stream.
    pub stream: tokio_rustls::server::TlsStream<TcpStream>,
    /// Who is there.
    pub peer: Peer,
}

/// A connection that was not let in: for the audit.
#[derive(Debug)]
pub struct TurnedAway {
    /// Where it came from.
    pub address: SocketAddr,
    /// Why: the same words for the same cause.
    pub why: String,
}

/// One handshake on `stream`; at most five seconds.
pub async fn accept(
    identity: &Identity,
    listener: Listener,
    stream: TcpStream,
    address: SocketAddr,
) -> Result<Incoming, TurnedAway> {
    let current = identity.current();
    let config = match listener {
        Listener::Agents => current.agents.clone(),
        Listener::Operators => current.operators.clone(),
    };
    let away = |why: String| TurnedAway { address, why };
    let handshake = tokio::time::timeout(limits::HANDSHAKE_TIME_MAX, TlsAcceptor::from(config).accept(stream)).await;
    let stream = match handshake {
        Err(_) => return Err(away("the handshake took too long".to_owned())),
        Ok(Err(error)) => return Err(away(why(&error))),
        Ok(Ok(stream)) => stream,
    };
    let (_, connection) = stream.get_ref();
    if connection.alpn_protocol() != Some(b"h2") {
        return Err(away(NO_ALPN.to_owned()));
    }
    let leaf = connection.peer_certificates().and_then(|chain| chain.first());
    let leaf = leaf.ok_or_else(|| away(NO_CERTIFICATE.to_owned()))?;
    let facts = profile::check(leaf, Side::Client).map_err(|refusal| away(refusal.to_string()))?;
    let group = group(connection.negotiated_key_exchange_group());
    Ok(Incoming { peer: Peer { facts, group, address }, stream })
}

const NO_CERTIFICATE: &str = "no certificate was shown";
const NO_ALPN: &str = "ALPN h2 was not agreed";
const NOT_13: &str = "TLS 1.3 was not offered";

/// Why a handshake failed, in stable words.
fn why(error: &io::Error) -> String {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return "the connection ended within the handshake".to_owned();
    };
    if let Some(refusal) = chain::refusal_in(error) {
        return refusal.to_string();
    }
    let text = match error {
        Error::NoCertificatesPresented => NO_CERTIFICATE,
        Error::NoApplicationProtocol => NO_ALPN,
        Error::PeerIncompatible(
            Lacks::SupportedVersionsExtensionRequired | Lacks::Tls12NotOfferedOrEnabled | Lacks::Tls12NotOffered,
        ) => NOT_13,
        Error::PeerIncompatible(_) => "nothing that both sides speak was offered",
        Error::AlertReceived(_) => "the other side refused us",
        Error::InvalidCertificate(_) => "the certificate does not verify",
        _ => "the handshake was not a good one",
    };
    text.to_owned()
}

fn group(agreed: Option<&'static dyn rustls::crypto::SupportedKxGroup>) -> String {
    agreed.map(|group| format!("{:?}", group.name())).unwrap_or_default()
}

/// Listens, with `TCP_NODELAY` on what is accepted, and backs off when descriptors run out.
pub async fn next_connection(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                let _ = stream.set_nodelay(true);
                return (stream, address);
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed; trying again shortly");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

/// How many descriptors this program may have open.
pub fn descriptors() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Why the broker could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name does not resolve, or nobody answers.
    #[error("{0}")]
    Tcp(#[source] io::Error),
    /// The name is none.
    #[error("{0} is no host name")]
    Host(String),
    /// The broker's certificate, or ours.
    #[error("{}", why(.0))]
    Tls(#[source] io::Error),
}

/// A connection to the broker, whose certificate was found good, and the key exchange that was agreed.
pub async fn connect(
    identity: &Identity,
    host: &str,
    port: u16,
) -> Result<(tokio_rustls::client::TlsStream<TcpStream>, String), ConnectError> {
    let stream = TcpStream::connect((host, port)).await.map_err(ConnectError::Tcp)?;
    connect_over(identity, host, stream).await
}

/// The same over a line that is there already.
pub async fn connect_over(
    identity: &Identity,
    host: &str,
    stream: TcpStream,
) -> Result<(tokio_rustls::client::TlsStream<TcpStream>, String), ConnectError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| ConnectError::Host(host.to_owned()))?;
    stream.set_nodelay(true).map_err(ConnectError::Tcp)?;
    let config = identity.current().client.clone();
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(ConnectError::Tls)?;
    let (_, connection) = stream.get_ref();
    if connection.alpn_protocol() != Some(b"h2") {
        return Err(ConnectError::Tls(io::Error::other(Error::NoApplicationProtocol)));
    }
    let group = group(connection.negotiated_key_exchange_group());
    Ok((stream, group))
}
