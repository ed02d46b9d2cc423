//! The listener: so many connections at a time, each as long as somebody looks at its page.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{Extension, Router};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use store::tasks::Tasks;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

use super::{Console, routes};
use crate::api::{ServeError, http};

/// Connections at one time: twenty screens with six each, and others wait.
const CONNECTIONS: usize = 128;

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct Source(pub IpAddr);

/// The door, open.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
}

impl Door {
    /// Listens.
    ///
    /// # Errors
    /// The address is taken, or is none of this machine.
    pub async fn open(address: SocketAddr) -> Result<Self, ServeError> {
        let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
        Ok(Self { listener })
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }
}

/// Serves until told to stop. Pages that are being made then are made; streams end.
pub async fn serve(console: Arc<Console>, door: Door, tasks: Tasks, stop: CancellationToken) {
    let (room, pages) = (Arc::new(Semaphore::new(CONNECTIONS)), routes::all(console));
    loop {
        let taken = tokio::select! {
            () = stop.cancelled() => return,
            taken = http::next(&door.listener, &room, "console") => taken,
        };
        match taken {
            Some(caller) => {
                let pages = pages.clone().layer(Extension(Source(caller.from.ip())));
                tasks.task("console", move |stop| connection(caller, pages, stop));
            }
            None => tokio::time::sleep(http::REST).await,
        }
    }
}

async fn connection(caller: http::Caller, pages: Router, stop: CancellationToken) {
    let http::Caller { stream, place: _place, from: _ } = caller;
    let serving = http::bounded().serve_connection(TokioIo::new(stream), TowerToHyperService::new(pages));
    tokio::pin!(serving);
    let served = tokio::select! {
        served = serving.as_mut() => served,
        // a stream would never end by itself: browsers come again
        () = stop.cancelled() => return,
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection of the console broke off");
    }
}
