//! The body of an answer: cut at its size limit, at a pause that is too long, and at the end of the request's time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep_until};
use wasmtime_wasi_http::Error;

use super::connect::Connection;
use super::failed::Failed;
use super::pool::{Place, Pool};
use super::record::Record;
use crate::guest::state::Owner;

/// What is held until an answer was read.
pub(super) struct Open {
    pub(super) connection: Connection,
    pub(super) pool: Arc<Pool>,
    pub(super) owner: Owner,
    pub(super) place: Place,
    pub(super) record: Record,
}

impl Open {
    /// The answer was read to its end: the connection can carry another request.
    fn end(mut self) {
        self.record.done();
        self.pool.give(self.owner, self.place, self.connection);
    }
}

/// An answer's body.
pub(super) struct Answer {
    body: Incoming,
    left: u64,
    pause: Duration,
    until: Instant,
    timer: Pin<Box<Sleep>>,
    /// Gone when the end was reached; a body that is dropped before closes its connection.
    open: Option<Open>,
}

impl Answer {
    /// At most `limit` bytes, with no pause longer than `pause`, until `until`.
    pub(super) fn new(body: Incoming, limit: u64, pause: Duration, until: Instant, open: Open) -> Self {
        let timer = Box::pin(sleep_until((Instant::now() + pause).min(until).into()));
        let mut answer = Self { body, left: limit, pause, until, timer, open: Some(open) };
        answer.end_if_complete();
        answer
    }

    fn end_if_complete(&mut self) {
        if self.body.is_end_stream() {
            self.end();
        }
    }

    fn end(&mut self) {
        if let Some(open) = self.open.take() {
            open.end();
        }
    }

    fn fail(&mut self, failed: Failed) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(mut open) = self.open.take() {
            open.record.failed(failed);
        }
        Poll::Ready(Some(Err(failed.into())))
    }

    fn frame(&mut self, frame: Frame<Bytes>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let size = frame.data_ref().map_or(0, |data| data.len() as u64);
        if size > self.left {
            return self.fail(Failed::ResponseSize(None));
        }
        self.left -= size;
        if let Some(open) = &mut self.open {
            open.record.received(size);
        }
        let next = (Instant::now() + self.pause).min(self.until);
        self.timer.as_mut().reset(next.into());
        self.end_if_complete();
        Poll::Ready(Some(Ok(frame)))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        // A guest that reads without ever waiting must not outlast its time.
        if Instant::now() >= self.until && self.open.is_some() {
            return self.fail(Failed::Deadline);
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => self.frame(frame),
            Poll::Ready(Some(Err(error))) => self.fail(Failed::of_http(&error)),
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            Poll::Pending => match self.timer.as_mut().poll(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) if Instant::now() >= self.until => self.fail(Failed::Deadline),
                Poll::Ready(()) => self.fail(Failed::BetweenBytesTime),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
