//! The line between one agent and the broker: it carries bytes until it is cut.

use std::net::SocketAddr;

use store::tasks::Tasks;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A line on loopback. Cutting it breaks what runs over it and whatever dials.
#[derive(Clone, Debug)]
pub struct Line {
    /// Where the agent dials.
    pub address: SocketAddr,
    whole: watch::Sender<bool>,
}

impl Line {
    /// A whole line to `broker`.
    pub async fn open(broker: SocketAddr, tasks: &Tasks) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let line = Self { address: listener.local_addr()?, whole: watch::Sender::new(true) };
        let (owner, whole) = (tasks.clone(), line.whole.clone());
        tasks.task("line", move |stop| async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    accepted = listener.accept() => if let Ok((agent, _)) = accepted {
                        let whole = whole.subscribe();
                        owner.task("line in use", move |stop| async move {
                            tokio::select! {
                                () = stop.cancelled() => {}
                                () = carry(agent, broker, whole) => {}
                            }
                        });
                    }
                }
            }
        });
        Ok(line)
    }

    /// Breaks it.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Mends it.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn carry(mut agent: TcpStream, broker: SocketAddr, mut whole: watch::Receiver<bool>) {
    let through = async {
        if let Ok(mut broker) = TcpStream::connect(broker).await {
            let _ = agent.set_nodelay(true).and_then(|()| broker.set_nodelay(true));
            // either side may leave at any time; the other is told by the end of its stream
            let _ = copy_bidirectional(&mut agent, &mut broker).await;
        }
    };
    tokio::select! {
        () = through => {}
        _ = whole.wait_for(|whole| !whole) => {}
    }
}
