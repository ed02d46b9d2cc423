//! What every HTTP door of the agent shares: so many connections at a time, bounds of a request's head, and who counts as
//! being on this machine.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// How long the headers of a request may take.
const HEADERS: Duration = Duration::from_secs(5);
/// Headers of a request at most.
const HEADERS_MAX: usize = 96;
/// Bytes that are read ahead at most: all headers of a request fit.
const AHEAD_BYTES_MAX: usize = 32 * 1024;
/// How long a listener rests when no connection can be taken.
pub const REST: Duration = Duration::from_millis(100);

/// A connection, its place among those that there may be, and where it comes from.
pub struct Caller {
    /// The connection.
    pub stream: TcpStream,
    /// Its place; free again when this is dropped.
    pub place: OwnedSemaphorePermit,
    /// From where.
    pub from: SocketAddr,
}

/// The next connection, once there is room for it; none when it could not be taken, and the log says why.
pub async fn next(listener: &TcpListener, room: &Arc<Semaphore>, what: &'static str) -> Option<Caller> {
    let place = room.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, from)) => Some(Caller { stream, place, from }),
        Err(error) => {
            tracing::warn!(%error, what, "a connection cannot be taken");
            None
        }
    }
}

/// HTTP/1.1 whose requests begin within bounds of time and size.
pub fn bounded() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS).max_headers(HEADERS_MAX).max_buf_size(AHEAD_BYTES_MAX);
    http
}

/// Whether a `Host` names loopback, by number or as `localhost`: a page elsewhere that has its own name lead here does not.
pub fn is_here(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(inner, _)| inner),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_loopback_are_here() {
        for host in ["127.0.0.1:7451", "127.0.0.1", "localhost", "LOCALHOST:80", "[::1]:7451"] {
            assert!(is_here(host), "{host}");
        }
        for host in ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil:1", "10.0.0.1", "[::2]:1"] {
            assert!(!is_here(host), "{host}");
        }
    }
}
