//! `/metrics` and `/healthz`: plain HTTP on loopback, for a collector and a supervisor on the same machine.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{health::Health, relay::Relay};

/// What the pages need.
#[derive(Clone, Debug)]
pub struct Pages {
    /// The relay.
    pub relay: Arc<Relay>,
    /// Alive and ready are two answers.
    pub health: Health,
}

/// Serves both pages until told to stop.
pub async fn serve(listener: TcpListener, pages: Pages, stop: CancellationToken) {
    let router = Router::new().route("/metrics", get(metrics)).route("/healthz", get(healthz)).with_state(pages);
    let served = axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
    if let Err(error) = served.await {
        tracing::error!(%error, "the metrics listener ended");
    }
}

async fn metrics(State(pages): State<Pages>) -> impl IntoResponse {
    match pages.relay.metrics.page(&pages.relay) {
        Ok(page) => ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], page)
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn healthz(State(pages): State<Pages>) -> impl IntoResponse {
    let (status, first) = match pages.health.problem(&pages.relay) {
        None => (StatusCode::OK, "SERVING\n".to_owned()),
        Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, format!("NOT_SERVING {problem}\n")),
    };
    let notes = pages.health.notes(&pages.relay);
    (status, notes.iter().fold(first, |page, note| page + "WARNING " + note + "\n"))
}
