//! The accept loop: handshakes beside each other within their limits, refusals audited, living connections cut when
//! trust in them ends.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
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
        let door = Door { kind, identity, relay, ready, handshakes, unknown: Arc::default() };
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
    unknown: Arc<Unknown>,
}

impl Door {
    async fn watch(self, listener: TcpListener, tasks: &Tasks, stop: CancellationToken) {
        loop {
            let (stream, address) = tokio::select! {
                () = stop.cancelled() => return,
                next = tls::next_connection(&listener) => next,
            };
            let Some(entered) = self.unknown.enter(address.ip()) else {
                self.relay.turned_away(&TurnedAway { address, why: "too many handshakes of one address".to_owned() });
                continue;
            };
            let Ok(permit) = self.handshakes.clone().try_acquire_owned() else {
                self.relay.turned_away(&TurnedAway { address, why: "too many handshakes at a time".to_owned() });
                continue;
            };
            let door = self.clone();
            tasks.task("handshake", move |_| async move {
                door.handshake(stream, address).await;
                drop((permit, entered));
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

/// Who has not shown yet who it is, by address: a stranger that is slow with its handshakes takes no more than its share,
/// so that everybody else is still let in.
#[derive(Debug, Default)]
struct Unknown(Mutex<HashMap<IpAddr, usize>>);

/// One handshake of an address, for as long as it lasts.
#[derive(Debug)]
struct Entered {
    of: Arc<Unknown>,
    address: IpAddr,
}

impl Unknown {
    fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Entered> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(address).or_default();
        if *count >= limits::CONNECTIONS_UNKNOWN_MAX {
            return None;
        }
        *count += 1;
        drop(all);
        Some(Entered { of: self.clone(), address })
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut all = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.address);
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_takes_its_share_of_the_handshakes_and_leaves_the_rest() {
        let (unknown, slow, other) = (Arc::new(Unknown::default()), IpAddr::from([192, 0, 2, 1]), [192, 0, 2, 2]);
        let mut entered: Vec<_> = (0..limits::CONNECTIONS_UNKNOWN_MAX).map(|_| unknown.enter(slow)).collect();
        assert!(entered.iter().all(Option::is_some));
        assert!(unknown.enter(slow).is_none());
        assert!(unknown.enter(other.into()).is_some());

        entered.pop();
        assert!(unknown.enter(slow).is_some(), "one has ended");
        entered.clear();
        assert!(unknown.0.lock().unwrap().is_empty(), "nothing is remembered");
    }
}
