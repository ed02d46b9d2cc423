//! The accept loop: handshakes beside each other within their limits, refusals audited, living connections cut when
//! trust in them ends.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use certs::tls::{self, Identity, Listener, TurnedAway};
use model::limits;
use store::tasks::Tasks;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
};
use tokio_util::sync::CancellationToken;

use super::peer::Link;
use crate::relay::Relay;

/// Connections that wait for the server.
const READY: usize = 16;

/// Lets connections in until told to stop; what comes out has been judged.
pub fn open(
    listener: TcpListener,
    kind: Listener,
    identity: Arc<Identity>,
    relay: Arc<Relay>,
    tasks: &Tasks,
) -> mpsc::Receiver<Result<Link, std::io::Error>> {
    let (ready, links) = mpsc::channel(READY);
    let owner = tasks.clone();
    tasks.essential("doors", move |stop| async move {
        let handshakes = Arc::new(Semaphore::new(limits::HANDSHAKES_MAX));
        let door = Door { kind, identity, relay, ready, handshakes };
        door.watch(listener, &owner, stop).await;
    });
    links
}

#[derive(Clone)]
struct Door {
    kind: Listener,
    identity: Arc<Identity>,
    relay: Arc<Relay>,
    ready: mpsc::Sender<Result<Link, std::io::Error>>,
    handshakes: Arc<Semaphore>,
}

impl Door {
    async fn watch(self, listener: TcpListener, tasks: &Tasks, stop: CancellationToken) {
        loop {
            let (stream, address) = tokio::select! {
                () = stop.cancelled() => return,
                next = tls::next_connection(&listener) => next,
            };
            let Ok(permit) = self.handshakes.clone().try_acquire_owned() else {
                self.relay.turned_away(&TurnedAway { address, why: "too many handshakes at a time".to_owned() });
                continue;
            };
            let door = self.clone();
            tasks.task("handshake", move |_| async move {
                door.handshake(stream, address).await;
                drop(permit);
            });
        }
    }

    async fn handshake(&self, stream: TcpStream, address: SocketAddr) {
        match tls::accept(&self.identity, self.kind, stream, address).await {
            Ok(incoming) => {
                let _ = self.ready.send(Ok(Link(incoming))).await;
            }
            Err(away) => self.relay.turned_away(&away),
        }
    }
}

/// Refusals of one source within a minute are one record: how many there were, and when the first.
#[derive(Debug, Default)]
pub struct Turned(HashMap<(IpAddr, String), u32>);

impl Turned {
    /// Counts one more.
    pub fn add(&mut self, away: &TurnedAway) {
        // a flood of sources is bounded: beyond the table, sources are counted together
        let key = (away.address.ip(), away.why.clone());
        if self.0.len() < limits::FAILED_SOURCES_MAX || self.0.contains_key(&key) {
            *self.0.entry(key).or_default() += 1;
        }
    }

    /// What was counted since the last time.
    pub fn take(&mut self) -> Vec<(IpAddr, String, u32)> {
        std::mem::take(&mut self.0).into_iter().map(|((address, why), count)| (address, why, count)).collect()
    }
}
