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
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
};
use tokio_util::sync::CancellationToken;

use super::{
    failures::{Failures, source},
    link::Link,
    places::{Place, Places},
};
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
        let room = Arc::new(Room::of(kind, tls::descriptors()));
        let door = Door { kind, identity, relay, ready, room };
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
    room: Arc<Room>,
}

/// How many may be inside and in between.
#[derive(Debug)]
struct Room {
    connections: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    addresses: Places<IpAddr>,
    peers: Places<String>,
    failures: Failures,
}

/// Which limit a connection passes: its name in the metrics, and why it is refused.
type Full = (&'static str, &'static str);

/// What a connection holds while nobody knows yet whose it is.
struct Unknown {
    connection: OwnedSemaphorePermit,
    _handshake: OwnedSemaphorePermit,
    _address: Place<IpAddr>,
}

impl Room {
    /// Room for a listener in a program that may open so many descriptors: of ten, agents have seven and operators one, so
    /// that journal, store and attachments always find theirs.
    fn of(kind: Listener, descriptors: usize) -> Self {
        let connections = match kind {
            Listener::Agents => limits::CONNECTIONS_MAX.min(descriptors / 10 * 7),
            Listener::Operators => limits::CONNECTIONS_OF_OPERATORS_MAX.min(descriptors / 10),
        };
        Self {
            connections: Arc::new(Semaphore::new(connections)),
            handshakes: Arc::new(Semaphore::new(limits::HANDSHAKES_MAX)),
            addresses: Places::default(),
            peers: Places::default(),
            failures: Failures::default(),
        }
    }

    /// Lets a connection begin its handshake, or says which limit it passes.
    fn begin(&self, address: IpAddr) -> Result<Unknown, Full> {
        if !self.failures.may_begin(address) {
            return Err(("failed_handshakes", "too many failed handshakes of one address: it must wait"));
        }
        let of = |limit: &Arc<Semaphore>| limit.clone().try_acquire_owned();
        let connection = of(&self.connections).map_err(|_| ("connections", "too many connections"))?;
        let handshake = of(&self.handshakes).map_err(|_| ("handshakes", "too many handshakes at a time"))?;
        let address = self.addresses.take(address, limits::CONNECTIONS_UNKNOWN_MAX);
        let address = address.ok_or(("address", "too many handshakes of one address at a time"))?;
        Ok(Unknown { connection, _handshake: handshake, _address: address })
    }
}

impl Door {
    async fn watch(self, listener: TcpListener, tasks: &Tasks, stop: CancellationToken) {
        loop {
            let (stream, address) = tokio::select! {
                () = stop.cancelled() => return,
                next = tls::next_connection(&listener) => next,
            };
            match self.room.begin(source(address.ip())) {
                Ok(unknown) => {
                    let door = self.clone();
                    tasks.task("handshake", move |_| async move { door.handshake(stream, address, unknown).await });
                }
                Err((limit, why)) => self.refuse(limit, &TurnedAway { address, why: why.to_owned() }),
            }
        }
    }

    fn refuse(&self, limit: &'static str, away: &TurnedAway) {
        self.relay.metrics.limited(limit);
        self.relay.turned_away(away);
    }

    async fn handshake(&self, stream: TcpStream, address: SocketAddr, unknown: Unknown) {
        let incoming = match tls::accept(&self.identity, self.kind, stream, address).await {
            Ok(incoming) => incoming,
            Err(away) => {
                self.room.failures.failed(source(address.ip()));
                return self.relay.turned_away(&away);
            }
        };
        self.room.failures.succeeded(source(address.ip()));
        let name = incoming.peer.facts.name.to_string();
        let Some(place) = self.room.peers.take(name.clone(), limits::CONNECTIONS_PER_PEER_MAX) else {
            return self.refuse("peer", &TurnedAway { address, why: format!("too many connections of {name}") });
        };
        let Unknown { connection, .. } = unknown;
        let _ = self.ready.send(Ok(Link::new(incoming, (connection, place), self.relay.clone()))).await;
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
        let is_kept = self.0.len() < limits::FAILED_SOURCES_MAX || self.0.contains_key(&key);
        let others = || (IpAddr::from(std::net::Ipv4Addr::UNSPECIFIED), "refused, from many other sources".to_owned());
        *self.0.entry(if is_kept { key } else { others() }).or_default() += 1;
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
    fn one_address_in_its_handshakes_leaves_room_for_another() {
        let room = Room::of(Listener::Agents, 10_000);
        let (one, another) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let begun: Vec<_> = (0..limits::CONNECTIONS_UNKNOWN_MAX).map(|_| room.begin(one).unwrap()).collect();

        assert_eq!(room.begin(one).err(), Some(("address", "too many handshakes of one address at a time")));
        assert!(room.begin(another).is_ok());
        assert_eq!(
            room.connections.available_permits(),
            limits::CONNECTIONS_MAX - begun.len(),
            "refused ones hold none"
        );
        drop(begun);
        assert!(room.begin(one).is_ok());
    }

    #[test]
    fn connections_never_take_the_descriptors_that_the_journal_needs() {
        let room = |kind, descriptors| Room::of(kind, descriptors).connections.available_permits();
        assert_eq!(room(Listener::Agents, 1 << 20), limits::CONNECTIONS_MAX);
        for descriptors in [100, 256, 1_024] {
            assert!(
                room(Listener::Agents, descriptors) + room(Listener::Operators, descriptors) <= descriptors / 10 * 8
            );
        }
    }
}
