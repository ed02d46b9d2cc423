//! What machine and libraries can do at all: a bare `fdatasync`, and a bare echo over gRPC and mutual TLS.

use std::{fs::File, io, net::SocketAddr, os::unix::fs::FileExt as _, path::Path, pin::Pin, sync::Arc};

use certs::tls::{Identity, Listener};
use proto::v1::{
    self,
    exchange_server::{Exchange, ExchangeServer},
    session_request::Frame as Ask,
    session_response::Frame as Tell,
};
use store::tasks::Tasks;
use tokio::{net::TcpListener, sync::mpsc, time::Instant};
use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming, transport::Server};

use super::figures::Times;

/// Appends of `bytes` into a file of written zeros, each followed by one `fdatasync`.
pub fn sync(folder: &Path, bytes: usize, calls: usize) -> anyhow::Result<Times> {
    let path = folder.join("floor");
    let file = File::create(&path)?;
    file.write_all_at(&vec![0; bytes * calls], 0)?;
    file.sync_all()?;
    let block = vec![7; bytes];
    let mut times = Times::new()?;
    for call in 0..calls {
        let began = Instant::now();
        file.write_all_at(&block, (call * bytes) as u64)?;
        file.sync_data()?;
        times.add(began.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(times)
}

/// Listens as a broker does, with its certificate, and gives every envelope back; ends with `tasks`.
pub async fn echo(trust: &Path, tasks: &Tasks) -> anyhow::Result<SocketAddr> {
    let identity = Arc::new(Identity::load(trust, crate::clock::system())?);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let (links, accepted) = mpsc::channel(4);
    tasks.task("echo door", move |stop| async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = let_in(&identity, &listener, links) => {}
        }
    });
    let server = Server::builder()
        .initial_stream_window_size(8 << 20)
        .initial_connection_window_size(32 << 20)
        .add_service(ExchangeServer::new(Echo).max_decoding_message_size(4 << 20));
    tasks.task("echo", move |stop| async move {
        let served = server.serve_with_incoming_shutdown(ReceiverStream::new(accepted), stop.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::warn!(%error, "the echo ended");
        }
    });
    Ok(address)
}

type Accepted = Result<tokio_rustls::server::TlsStream<tokio::net::TcpStream>, io::Error>;

async fn let_in(identity: &Identity, listener: &TcpListener, links: mpsc::Sender<Accepted>) {
    loop {
        let (stream, address) = certs::tls::next_connection(listener).await;
        if let Ok(incoming) = certs::tls::accept(identity, Listener::Agents, stream, address).await
            && links.send(Ok(incoming.stream)).await.is_err()
        {
            return;
        }
    }
}

#[derive(Debug)]
struct Echo;

#[tonic::async_trait]
impl Exchange for Echo {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<v1::SessionResponse, Status>> + Send>>;

    async fn session(
        &self,
        request: Request<Streaming<v1::SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        Ok(Response::new(Box::pin(request.into_inner().map(|asked| asked.map(given_back)))))
    }

    async fn submit(&self, _: Request<v1::SubmitRequest>) -> Result<Response<v1::SubmitResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn trace(&self, _: Request<v1::TraceRequest>) -> Result<Response<v1::TraceResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }
}

fn given_back(asked: v1::SessionRequest) -> v1::SessionResponse {
    let Some(Ask::Submissions(frame)) = asked.frame else {
        return v1::SessionResponse { frame: Some(Tell::Welcome(v1::Welcome::default())) };
    };
    let back = |submission: v1::Submission| v1::Delivery { envelope: submission.envelope, ..v1::Delivery::default() };
    let deliveries = frame.submissions.into_iter().map(back).collect();
    v1::SessionResponse { frame: Some(Tell::Deliveries(v1::Deliveries { deliveries })) }
}
