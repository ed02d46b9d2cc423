//! The sockets of the desk.

use std::{io, net::SocketAddr, os::unix::fs::PermissionsExt as _, path::PathBuf, sync::Arc};

use model::limits;
use proto::v1::desk_server::DeskServer;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status, transport::Server};

use super::{face::DeskFace, token};
use crate::config::Config;

/// Why the desk does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket.
    #[error("cannot listen on {path}")]
    Socket {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another agent answers on it.
    #[error("another agent listens on {0}")]
    InUse(PathBuf),
    /// The loopback address.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A token file.
    #[error("{key}: {why}")]
    Token {
        /// The key that names it.
        key: &'static str,
        /// Why.
        why: String,
    },
}

/// The sockets, open.
#[derive(Debug)]
pub struct Sockets {
    unix: UnixListener,
    path: PathBuf,
    tcp: Option<(TcpListener, String)>,
    reflection: bool,
}

impl Sockets {
    /// Opens what the configuration says. The Unix socket has mode 0600.
    pub async fn open(config: &Config) -> Result<Self, ServeError> {
        let path = config.socket();
        if UnixStream::connect(&path).await.is_ok() {
            return Err(ServeError::InUse(path));
        }
        // left by a process that was killed
        let _ = std::fs::remove_file(&path);
        let failed = |source| ServeError::Socket { path: path.clone(), source };
        let unix = UnixListener::bind(&path).map_err(failed)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let tcp = match config.desk.listen {
            Some(address) => Some(listen(config, address).await?),
            None => None,
        };
        Ok(Self { unix, path, tcp, reflection: config.desk.reflection })
    }

    /// The loopback address, when there is one.
    pub fn address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref().and_then(|(listener, _)| listener.local_addr().ok())
    }
}

async fn listen(config: &Config, address: SocketAddr) -> Result<(TcpListener, String), ServeError> {
    let unusable = |why: String| ServeError::Token { key: "desk.token_file", why };
    let file = config.desk.token_file.as_ref().ok_or_else(|| unusable("it is missing".to_owned()))?;
    let token = token::read(file).map_err(unusable)?;
    let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
    Ok((listener, token))
}

/// Serves until told to stop.
pub async fn serve(face: Arc<DeskFace>, sockets: Sockets, stop: CancellationToken) {
    let Sockets { unix, path, tcp, reflection } = sockets;
    let wide = usize::try_from(limits::ATTACHMENTS_BYTES_MAX).unwrap_or(usize::MAX);
    let service = DeskServer::from_arc(face).max_decoding_message_size(wide).max_encoding_message_size(wide);
    let over_unix = router(service.clone(), reflection, None)
        .serve_with_incoming_shutdown(UnixListenerStream::new(unix), stop.clone().cancelled_owned());
    let over_tcp = async {
        match tcp {
            Some((listener, token)) => {
                let router = router(service, reflection, Some(token));
                router
                    .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop.clone().cancelled_owned())
                    .await
            }
            None => Ok(()),
        }
    };
    let (unix, tcp) = tokio::join!(over_unix, over_tcp);
    for error in [unix.err(), tcp.err()].into_iter().flatten() {
        tracing::error!(%error, "the desk ended");
    }
    let _ = std::fs::remove_file(path);
}

fn router(service: DeskServer<DeskFace>, reflection: bool, token: Option<String>) -> tonic::transport::server::Router {
    let checked = tonic::service::interceptor::InterceptedService::new(service, move |request: Request<()>| {
        check(request, token.as_deref())
    });
    let described =
        || tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(proto::DESCRIPTORS);
    let v1 = if reflection { described().build_v1().ok() } else { None };
    let v1alpha = if reflection { described().build_v1alpha().ok() } else { None };
    Server::builder().add_service(checked).add_optional_service(v1).add_optional_service(v1alpha)
}

/// Over TCP every call shows the token.
fn check(request: Request<()>, token: Option<&str>) -> Result<Request<()>, Status> {
    let Some(token) = token else { return Ok(request) };
    if token::is_shown(request.metadata().get("authorization").and_then(|value| value.to_str().ok()), token) {
        Ok(request)
    } else {
        Err(Status::unauthenticated("authorization: Bearer TOKEN is needed; the token stands in desk.token_file"))
    }
}
