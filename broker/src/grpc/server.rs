//! The servers: which services stand behind which door, and the limits of a connection.

use std::{sync::Arc, time::Duration};

use model::limits;
use proto::v1;
use store::tasks::Tasks;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use super::{
    audit::AuditFace, blobs::BlobsFace, count::CountCalls, directory::DirectoryFace, documents::DocumentsFace,
    exchange::ExchangeFace, link::Link, uploads::Uploads, watch::WatchCalls,
};
use crate::{admin::AdminFace, relay::Relay};

/// Everything that stands behind the agents' door.
#[derive(Clone, Debug)]
pub struct Faces {
    /// Does the work.
    pub relay: Arc<Relay>,
    /// Owns tasks.
    pub tasks: Tasks,
    /// Serve reflection.
    pub reflection: bool,
}

type Links = mpsc::Receiver<Result<Link, std::io::Error>>;

/// A question about heads and proofs is short.
const AUDIT_BYTES_MAX: usize = 16 * 1024;

/// Serves agents until told to stop.
pub async fn serve_agents<H>(
    faces: Faces,
    health: H,
    links: Links,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error>
where
    H: tower::Service<http::Request<tonic::body::Body>, Error = std::convert::Infallible>
        + tonic::server::NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    H::Response: axum::response::IntoResponse,
    H::Future: Send + 'static,
{
    let Faces { relay, tasks, reflection } = faces;
    let router = server()
        .layer(WatchCalls(relay.metrics.clone()))
        .layer(CountCalls(relay.metrics.clone()))
        .add_service(health)
        .add_service(
            v1::exchange_server::ExchangeServer::new(ExchangeFace { relay: relay.clone(), tasks: tasks.clone() })
                .max_decoding_message_size(limits::WIRE_MESSAGE_BYTES_MAX * 2)
                .max_encoding_message_size(limits::WIRE_MESSAGE_BYTES_MAX * 2),
        )
        .add_service(
            v1::documents_server::DocumentsServer::new(DocumentsFace { relay: relay.clone(), tasks: tasks.clone() })
                .max_decoding_message_size(limits::WIRE_MESSAGE_BYTES_MAX)
                .max_encoding_message_size(64 * limits::WIRE_MESSAGE_BYTES_MAX),
        )
        .add_service(v1::directory_server::DirectoryServer::new(DirectoryFace { relay: relay.clone() }))
        .add_service(
            v1::audit_server::AuditServer::new(AuditFace::new(relay.clone(), tasks.clone()))
                .max_decoding_message_size(AUDIT_BYTES_MAX)
                .max_encoding_message_size(limits::WIRE_MESSAGE_BYTES_MAX * 2),
        )
        .add_service(
            v1::blobs_server::BlobsServer::new(BlobsFace { relay, tasks, uploads: Uploads::default() })
                .max_decoding_message_size(2 * limits::BLOB_CHUNK_BYTES_MAX),
        )
        .add_optional_service(reflection.then(reflection_v1).flatten())
        .add_optional_service(reflection.then(reflection_v1alpha).flatten());
    router.serve_with_incoming_shutdown(ReceiverStream::new(links), async move { stop.cancelled().await }).await
}

/// Serves operators until told to stop.
pub async fn serve_admin(
    face: AdminFace,
    links: Links,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let router = server()
        .layer(WatchCalls(face.relay.metrics.clone()))
        .layer(CountCalls(face.relay.metrics.clone()))
        .add_service(v1::admin_server::AdminServer::new(face))
        .add_optional_service(reflection_v1())
        .add_optional_service(reflection_v1alpha());
    router.serve_with_incoming_shutdown(ReceiverStream::new(links), async move { stop.cancelled().await }).await
}

fn server() -> Server {
    Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(15)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .initial_stream_window_size(8 * 1024 * 1024)
        .initial_connection_window_size(32 * 1024 * 1024)
        .max_concurrent_streams(limits::STREAMS_MAX)
        .http2_max_header_list_size(limits::HTTP_HEADERS_BYTES_MAX)
}

/// Ours, health's, and the error details': then a client shows details as text.
fn descriptors() -> [&'static [u8]; 3] {
    [proto::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET, tonic_types::pb::FILE_DESCRIPTOR_SET]
}

fn reflection_v1()
-> Option<tonic_reflection::server::v1::ServerReflectionServer<impl tonic_reflection::server::v1::ServerReflection>> {
    let builder = descriptors().into_iter().fold(
        tonic_reflection::server::Builder::configure(),
        tonic_reflection::server::Builder::register_encoded_file_descriptor_set,
    );
    builder.build_v1().ok()
}

fn reflection_v1alpha() -> Option<
    tonic_reflection::server::v1alpha::ServerReflectionServer<impl tonic_reflection::server::v1alpha::ServerReflection>,
> {
    let builder = descriptors().into_iter().fold(
        tonic_reflection::server::Builder::configure(),
        tonic_reflection::server::Builder::register_encoded_file_descriptor_set,
    );
    builder.build_v1alpha().ok()
}
