//! Knows which calls of a connection are under way, and waits for no request that does not come.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use model::{invalid::Invalid, reason::Reason};
use proto::status::{self, Lang};
use tokio::time::{Instant, Sleep};
use tonic::{Status, body::Body};

use super::{
    guard::{Call, Usage},
    peer::Inside,
};
use crate::metrics::Metrics;

/// Its silence is its own matter: it gives signs of life.
const SESSION: &str = "/liandong.v1.Exchange/Session";

/// Watches the calls of what it is laid over.
#[derive(Clone, Debug)]
pub(super) struct WatchCalls(pub Arc<Metrics>);

impl<S> tower::Layer<S> for WatchCalls {
    type Service = Watched<S>;

    fn layer(&self, inner: S) -> Watched<S> {
        Watched { inner, metrics: self.0.clone() }
    }
}

/// A service whose calls are watched.
#[derive(Clone, Debug)]
pub(super) struct Watched<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

impl<S> tower::Service<http::Request<Body>> for Watched<S>
where
    S: tower::Service<http::Request<Body>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let usage = request.extensions().get::<Inside>().map(|inside| inside.usage.clone()).unwrap_or_default();
        let call = usage.begin();
        let request = if request.uri().path() == SESSION {
            request
        } else {
            let metrics = self.metrics.clone();
            request.map(|body| Body::new(Awaited { body, usage, wait: None, metrics }))
        };
        let answered = self.inner.call(request);
        Box::pin(async move { Ok(answered.await?.map(|body| Body::new(Held { body, _call: call }))) })
    }
}

/// The body of an answer; its call ends with it.
struct Held {
    body: Body,
    _call: Call,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a request, that must come at some pace.
struct Awaited {
    body: Body,
    usage: Arc<Usage>,
    wait: Option<Wait>,
    metrics: Arc<Metrics>,
}

/// Since when it is waited for, and what had come then.
struct Wait {
    end: Pin<Box<Sleep>>,
    had: u64,
}

impl Awaited {
    /// Ready when too little came within the time that there is for it.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (least, time) = self.usage.pace();
        let has = self.usage.data();
        let wait = self.wait.get_or_insert_with(|| Wait { end: Box::pin(tokio::time::sleep(time)), had: has });
        loop {
            ready!(wait.end.as_mut().poll(cx));
            if has - wait.had < least {
                return Poll::Ready(());
            }
            wait.had = has;
            wait.end.as_mut().reset(Instant::now() + time);
        }
    }
}

impl HttpBody for Awaited {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        ready!(self.poll_too_slow(cx));
        self.metrics.limited("silence");
        let invalid = Invalid::new(Reason::Busy, "", "request.pace");
        Poll::Ready(Some(Err(status::of(&invalid, Lang::default()))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use http_body_util::BodyExt as _;
    use tokio::sync::mpsc;

    use super::*;

    /// A body whose frames a test sends.
    struct Fed(mpsc::UnboundedReceiver<Bytes>);

    impl HttpBody for Fed {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            self.0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
        }
    }

    fn awaited() -> (mpsc::UnboundedSender<Bytes>, Arc<Usage>, Awaited) {
        let (sender, fed) = mpsc::unbounded_channel();
        let usage = Arc::new(Usage::default());
        let awaited = Awaited { body: Body::new(Fed(fed)), usage: usage.clone(), wait: None, metrics: Arc::default() };
        (sender, usage, awaited)
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_trickles_is_given_up_and_one_that_flows_is_not() {
        let (sender, usage, mut body) = awaited();
        for _ in 0..30 {
            assert!(body.frame().now_or_never().is_none());
            tokio::time::advance(Duration::from_secs(1)).await;
            sender.send(Bytes::from(vec![0; 1_100])).unwrap();
            usage.counts(1_100);
            assert!(body.frame().await.unwrap().is_ok());
        }
        let (sender, usage, mut body) = awaited();
        for second in 1.. {
            sender.send(Bytes::from_static(b"x")).unwrap();
            usage.counts(1);
            assert!(body.frame().await.unwrap().is_ok());
            let told = body.frame().now_or_never().flatten();
            if let Some(told) = told {
                assert!(told.is_err());
                assert_eq!(second, 11, "after ten seconds");
                return;
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_line_has_more_time() {
        let (_sender, usage, mut body) = awaited();
        usage.is_slow();
        let began = Instant::now();
        assert!(body.frame().await.unwrap().is_err());
        assert_eq!(began.elapsed().as_secs(), 60);
    }
}
