//! From an endpoint to an HTTP/2 channel over mutual TLS.

use std::sync::{Arc, Mutex, PoisonError};

use certs::tls::{self, ConnectError};
use hyper_util::rt::TokioIo;
use model::{invalid::Invalid, limits, reason::Reason};
use tonic::transport::{Channel, Endpoint};

/// A channel and what its connection told.
#[derive(Debug)]
pub struct Line {
    /// The channel.
    pub channel: Channel,
    /// Key exchange of its connection.
    pub tls_group: String,
}

/// What the connector leaves for us: tonic keeps neither the cause nor the handshake.
#[derive(Debug, Default)]
struct Seen {
    group: String,
    problem: Option<Invalid>,
}

/// Splits `host:port`.
pub(crate) fn host_port(endpoint: &str) -> Result<(String, u16), Invalid> {
    let bad = || Invalid::code("broker", "config.host_port").detail(endpoint.to_owned());
    let (host, port) = endpoint.rsplit_once(':').ok_or_else(bad)?;
    Ok((host.trim_matches(['[', ']']).to_owned(), port.parse().map_err(|_| bad())?))
}

/// Connects as `identity`; whoever answers has shown the broker's certificate.
pub async fn dial(identity: &Arc<tls::Identity>, endpoint: &str) -> Result<Line, Invalid> {
    let (host, port) = host_port(endpoint)?;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let (identity, noted) = (identity.clone(), seen.clone());
    let connector = tower::service_fn(move |_| {
        let (identity, noted, host) = (identity.clone(), noted.clone(), host.clone());
        async move {
            match tls::connect(&identity, &host, port).await {
                Ok((stream, group)) => {
                    lock(&noted).group = group;
                    Ok(TokioIo::new(stream))
                }
                Err(error) => {
                    lock(&noted).problem = Some(problem(&error));
                    Err(std::io::Error::other(error))
                }
            }
        }
    });
    // the connector speaks TLS itself; for tonic the line is plain
    let endpoint = Endpoint::from_static("http://broker")
        .connect_timeout(limits::FIRST_REQUEST_TIME_MAX)
        .initial_stream_window_size(4 * 1024 * 1024)
        .initial_connection_window_size(8 * 1024 * 1024)
        .http2_keep_alive_interval(limits::HEARTBEAT * 2)
        .keep_alive_timeout(limits::HEARTBEAT);
    let connected = endpoint.connect_with_connector(connector).await;
    let mut seen = lock(&seen);
    match connected {
        Ok(channel) => Ok(Line { channel, tls_group: seen.group.clone() }),
        Err(error) => Err(seen.problem.take().unwrap_or_else(|| offline(&error))),
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn offline(error: &dyn std::error::Error) -> Invalid {
    Invalid::new(Reason::PeerOffline, "broker", "link.connect").detail(error.to_string())
}

/// Why the connection failed, for people.
pub(crate) fn problem(error: &ConnectError) -> Invalid {
    match error {
        ConnectError::Tcp(_) => offline(error),
        ConnectError::Host(_) => Invalid::code("broker", "config.host_port").detail(error.to_string()),
        ConnectError::Tls(_) => Invalid::new(Reason::Unauthenticated, "broker", "link.tls").detail(error.to_string()),
    }
}
