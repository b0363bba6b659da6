//! What a handler leaves of a request's body is read and dropped before the answer goes out.
//!
//! Otherwise closing the connection on unread bytes resets it, and a client that is still sending never
//! sees why it was refused.

use axum::body::Body;
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;

/// How much is read and dropped.
const DRAINED_BYTES_MAX: usize = 16 << 20;
/// For how long.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a body that was not read to its end comes back.
#[derive(Clone, Default)]
pub(super) struct Leftover(Arc<Mutex<Option<Incoming>>>);

impl Leftover {
    /// The request with a body that comes back when it is dropped early.
    pub(super) fn watch(request: Request<Incoming>) -> (Request<Body>, Self) {
        let leftover = Self::default();
        let back = leftover.clone();
        let request = request.map(|body| {
            if body.is_end_stream() {
                return Body::empty();
            }
            Body::new(Watched { body: Some(body), back })
        });
        (request, leftover)
    }

    /// Reads what came back, within bounds.
    pub(super) async fn drain(self) {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut body) = left else { return };
        let drain = async {
            let mut drained = 0;
            while let Some(Ok(frame)) = body.frame().await {
                drained += frame.data_ref().map_or(0, Bytes::len);
                if drained > DRAINED_BYTES_MAX {
                    break;
                }
            }
        };
        // A client that sends more, or too slowly, is cut off.
        let _ = timeout(DRAIN_TIMEOUT, drain).await;
    }
}

struct Watched {
    body: Option<Incoming>,
    back: Leftover,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(hyper::body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, hyper::body::Body::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            *self.back.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}
