//! A program beside an agent that takes its webhooks, or refuses them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::live::within;

/// One call that came.
#[derive(Clone, Debug)]
pub struct Call {
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`.
    pub timestamp: i64,
    /// `webhook-signature`.
    pub signature: String,
    /// As it came.
    pub body: Vec<u8>,
    /// What it was answered with.
    pub answered: u16,
}

impl Call {
    /// The event in it.
    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).expect("structured JSON")
    }
}

/// The program; ends when dropped.
pub struct Hook {
    url: String,
    answer: Arc<AtomicU16>,
    calls: watch::Receiver<Vec<Call>>,
    _listening: JoinSet<()>,
}

impl Hook {
    /// Listens on loopback and takes what comes.
    pub async fn start() -> Self {
        Self::behind(None).await
    }

    /// The same over TLS: who calls must know the authority of its certificate.
    pub async fn secure(acceptor: TlsAcceptor) -> Self {
        Self::behind(Some(acceptor)).await
    }

    async fn behind(acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let answer = Arc::new(AtomicU16::new(200));
        let (told, calls) = watch::channel(Vec::new());
        let mut listening = JoinSet::new();
        let scheme = if acceptor.is_some() { "https://localhost" } else { "http://127.0.0.1" };
        listening.spawn(listen(listener, acceptor, answer.clone(), told));
        Self { url: format!("{scheme}:{}/hook", address.port()), answer, calls, _listening: listening }
    }

    /// Where it is called.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// From now on it answers with this status.
    pub fn answer(&self, status: u16) {
        self.answer.store(status, Ordering::SeqCst);
    }

    /// Waits until so many calls were taken, and gives every call.
    pub async fn has_taken(&self, count: usize) -> Vec<Call> {
        let taken = |calls: &Vec<Call>| calls.iter().filter(|call| call.answered == 200).count() >= count;
        let mut calls = self.calls.clone();
        within(&format!("{count} webhooks"), calls.wait_for(taken)).await.expect("it listens").clone()
    }

    /// Every call so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.borrow().clone()
    }
}

async fn listen(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    answer: Arc<AtomicU16>,
    told: watch::Sender<Vec<Call>>,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let status = answer.load(Ordering::SeqCst);
        match &acceptor {
            None => take(stream, status, &told).await,
            Some(acceptor) => match acceptor.accept(stream).await {
                Ok(stream) => take(stream, status, &told).await,
                Err(_refused) => {} // a caller that does not trust us goes away
            },
        }
    }
}

async fn take(mut stream: impl AsyncRead + AsyncWrite + Unpin, status: u16, told: &watch::Sender<Vec<Call>>) {
    let Some(call) = read(&mut stream, status).await else { return };
    told.send_modify(|calls| calls.push(call));
    let text = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    // a caller may be killed while it waits
    drop(stream.write_all(text.as_bytes()).await);
    drop(stream.shutdown().await);
}

async fn read(stream: &mut (impl AsyncRead + Unpin), answered: u16) -> Option<Call> {
    let mut bytes = Vec::new();
    let (head, mut body) = loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break (String::from_utf8_lossy(&bytes[..end]).into_owned(), bytes.split_off(end + 4));
        }
    };
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    };
    let length: usize = header("content-length")?.parse().ok()?;
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Call {
        id: header("webhook-id")?,
        timestamp: header("webhook-timestamp")?.parse().ok()?,
        signature: header("webhook-signature")?,
        body,
        answered,
    })
}
