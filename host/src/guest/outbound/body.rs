//! The body of a request: counted, cut off at its limit, and its end told.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::oneshot;
use wasmtime_wasi_http::WasiBody;

use super::failed::TooMuch;

/// What a guest sends.
pub(super) struct Sent {
    body: WasiBody,
    left: u64,
    count: Arc<AtomicU64>,
    /// Dropped with the body's end, which is how that is told.
    end: Option<oneshot::Sender<()>>,
}

impl Sent {
    /// Of a body with at most so many bytes; adds them to `count`. The receiver ends when the body does.
    pub(super) fn new(body: WasiBody, limit: u64, count: Arc<AtomicU64>) -> (Self, oneshot::Receiver<()>) {
        let (end, ended) = oneshot::channel();
        (Self { body, left: limit, count, end: Some(end) }, ended)
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Box<dyn StdError + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => {
                self.end = None;
                return Poll::Ready(None);
            }
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(Some(Ok(frame))) => frame,
        };
        let size = frame.data_ref().map_or(0, |data| data.len() as u64);
        if size > self.left {
            return Poll::Ready(Some(Err(TooMuch.into())));
        }
        self.left -= size;
        self.count.fetch_add(size, Ordering::Relaxed);
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
