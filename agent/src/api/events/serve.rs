//! The listener: so many connections, each for one request, and none for long.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::State, http::Request, middleware, response::Response, routing};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use model::{invalid::Invalid, reason::Reason};
use store::tasks::Tasks;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;

use super::{EventsFace, answer::Answer, guard, lang_of, post};
use crate::api::{ServeError, http, token};

/// Connections at one time; others wait to be taken.
const CONNECTIONS: usize = 32;
/// How long its body may take.
pub(super) const REQUEST: Duration = Duration::from_secs(10);
/// How long a connection may last.
const CONNECTION: Duration = Duration::from_secs(30);

/// The door, open.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    /// What callers show.
    pub token: String,
}

impl Door {
    /// Listens. The token is made where its file is not there yet.
    pub async fn open(address: SocketAddr, token_file: &Path) -> Result<Self, ServeError> {
        let token = token::read_or_make(token_file);
        let token = token.map_err(|why| ServeError::Token { key: "events.token_file", why })?;
        let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
        Ok(Self { listener, token })
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }
}

/// Serves until told to stop; what is being answered then is answered.
pub async fn serve(face: Arc<EventsFace>, door: Door, tasks: Tasks, stop: CancellationToken) {
    let (room, service) = (Arc::new(Semaphore::new(CONNECTIONS)), router(face));
    loop {
        let taken = tokio::select! {
            () = stop.cancelled() => return,
            taken = http::next(&door.listener, &room, "events") => taken,
        };
        match taken {
            Some(http::Caller { stream, place, from: _ }) => {
                let service = service.clone();
                tasks.task("events", move |stop| connection(stream, service, place, stop));
            }
            None => tokio::time::sleep(http::REST).await,
        }
    }
}

async fn connection(stream: TcpStream, service: Router, _place: OwnedSemaphorePermit, stop: CancellationToken) {
    let serving =
        http::bounded().keep_alive(false).serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    tokio::pin!(serving);
    let served = tokio::time::timeout(CONNECTION, async {
        tokio::select! {
            served = serving.as_mut() => served,
            () = stop.cancelled() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        }
    });
    match served.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a call for events broke off"),
        Err(_late) => tracing::debug!("a call for events took too long"),
    }
}

fn router(face: Arc<EventsFace>) -> Router {
    Router::new()
        .route("/events", routing::post(post))
        .method_not_allowed_fallback(other_method)
        .fallback(other_path)
        .layer(middleware::from_fn_with_state(face.clone(), guard::check))
        .with_state(face)
}

async fn other_method(State(face): State<Arc<EventsFace>>, request: Request<Body>) -> Response {
    nothing(&face, &request, Reason::RoleForbidden)
}

async fn other_path(State(face): State<Arc<EventsFace>>, request: Request<Body>) -> Response {
    nothing(&face, &request, Reason::NotFound)
}

fn nothing(face: &EventsFace, request: &Request<Body>, reason: Reason) -> Response {
    let answer = Answer { lang: lang_of(request.headers()), now: face.desk.clock.now() };
    answer.refused(&Invalid::new(reason, "path", "event.path"))
}
