//! A connection that was let in, as tonic wants it, under its guard.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use certs::tls::{Incoming, TurnedAway};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::OwnedSemaphorePermit,
};
use tonic::transport::server::Connected;

use super::{
    guard::{Breach, Guard, Usage},
    peer::Inside,
    places::Place,
};
use crate::relay::Relay;

/// A connection that was let in.
#[derive(Debug)]
pub struct Link {
    /// Stream and peer.
    incoming: Incoming,
    guard: Guard,
    usage: Arc<Usage>,
    /// Looks in a row at which nobody trusted the other side; a session says goodbye between two of them.
    untrusted: u32,
    /// It is over.
    over: bool,
    relay: Arc<Relay>,
    /// Its places among all connections and among those of its peer.
    _places: (OwnedSemaphorePermit, Place<String>),
}

/// Looks, a second apart, until a connection is cut that nobody trusts any more.
const UNTRUSTED_LOOKS: u32 = 3;

impl Link {
    /// A connection that has its places.
    pub(super) fn new(incoming: Incoming, places: (OwnedSemaphorePermit, Place<String>), relay: Arc<Relay>) -> Self {
        let usage = Arc::<Usage>::default();
        let guard = Guard::new(usage.clone());
        Self { incoming, guard, usage, untrusted: 0, over: false, relay, _places: places }
    }

    /// Looks now and then whether the connection may go on.
    fn watch(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.guard.is_time(cx) {
            let trusted = self.relay.identity.still_trusts(&self.incoming.peer.facts).is_ok();
            self.untrusted = if trusted { 0 } else { self.untrusted + 1 };
            let untrusted = self.untrusted >= UNTRUSTED_LOOKS;
            let looked = if untrusted { Err(Breach::Untrusted) } else { self.guard.look() };
            looked.map_err(|breach| self.end(breach, cx))?;
        }
        Ok(())
    }

    /// Says a last word, if it can be said at once, and writes down why.
    fn end(&mut self, breach: Breach, cx: &mut Context<'_>) -> io::Error {
        if !self.over {
            self.over = true;
            if let Some(frame) = self.guard.go_away() {
                let mut stream = Pin::new(&mut self.incoming.stream);
                // whoever does not read it misses nothing
                let _ = stream.as_mut().poll_write(cx, &frame).is_ready() && stream.poll_flush(cx).is_ready();
            }
            self.relay.metrics.limited(breach.limit());
            let Inside { peer, .. } = self.connect_info();
            if breach.is_fault() {
                let why = format!("{}: {}", peer.facts.name, breach.why());
                self.relay.turned_away(&TurnedAway { address: peer.address, why });
            }
        }
        io::Error::new(io::ErrorKind::TimedOut, breach.why())
    }

    /// What became of writing: bytes that got away, or none.
    fn wrote(&mut self, wrote: &Poll<io::Result<usize>>, of: &[IoSlice<'_>]) {
        match wrote {
            Poll::Pending => self.guard.is_stuck(),
            Poll::Ready(Ok(count)) => {
                let mut left = *count;
                for slice in of {
                    let now = left.min(slice.len());
                    self.guard.says(slice.get(..now).unwrap_or_default());
                    left -= now;
                }
            }
            Poll::Ready(Err(_)) => {}
        }
    }
}

impl Connected for Link {
    type ConnectInfo = Inside;

    fn connect_info(&self) -> Inside {
        Inside { peer: self.incoming.peer.clone(), usage: self.usage.clone() }
    }
}

impl AsyncRead for Link {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let link = self.get_mut();
        link.watch(cx)?;
        let before = buf.filled().len();
        ready!(Pin::new(&mut link.incoming.stream).poll_read(cx, buf))?;
        let heard = link.guard.hears(buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(heard.map_err(|breach| link.end(breach, cx)))
    }
}

impl AsyncWrite for Link {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let link = self.get_mut();
        link.watch(cx)?;
        let flushed = Pin::new(&mut link.incoming.stream).poll_flush(cx);
        if flushed.is_pending() {
            link.guard.is_stuck();
        } else {
            link.guard.is_free();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let link = self.get_mut();
        link.watch(cx)?;
        let shut = Pin::new(&mut link.incoming.stream).poll_shutdown(cx);
        if shut.is_pending() {
            link.guard.is_stuck();
        }
        shut
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let link = self.get_mut();
        link.watch(cx)?;
        let wrote = Pin::new(&mut link.incoming.stream).poll_write_vectored(cx, bufs);
        link.wrote(&wrote, bufs);
        wrote
    }

    fn is_write_vectored(&self) -> bool {
        self.incoming.stream.is_write_vectored()
    }
}
