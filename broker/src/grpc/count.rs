//! Counts every call at a door, whatever stands behind it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tonic::Code;

use crate::metrics::Metrics;

/// Counts the calls of what it is laid over.
#[derive(Clone, Debug)]
pub(super) struct CountCalls(pub Arc<Metrics>);

impl<S> tower::Layer<S> for CountCalls {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, metrics: self.0.clone() }
    }
}

/// A service whose calls are counted.
#[derive(Clone, Debug)]
pub(super) struct Counted<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

impl<S, A, B> tower::Service<http::Request<A>> for Counted<S>
where
    S: tower::Service<http::Request<A>, Response = http::Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<A>) -> Self::Future {
        let (metrics, began) = (self.metrics.clone(), tokio::time::Instant::now());
        let path = request.uri().path().to_owned();
        let answered = self.inner.call(request);
        Box::pin(async move {
            let answer = answered.await?;
            let code = code_of(answer.headers());
            metrics.called(method(&path, code), name(code), began.elapsed());
            Ok(answer)
        })
    }
}

/// A refusal is said at once; where the answer has a body, all of a single one is in it.
fn code_of(headers: &http::HeaderMap) -> Code {
    headers.get("grpc-status").map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}

/// What nobody serves has no name of its own here: anybody may call anything.
fn method(path: &str, code: Code) -> &str {
    if code == Code::Unimplemented { "unknown" } else { path.trim_start_matches('/') }
}

/// As the protocol writes it.
const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
