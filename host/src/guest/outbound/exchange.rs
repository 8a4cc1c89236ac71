//! One request that was let out, and the head of its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, sleep_until, timeout_at};
use wasmtime_wasi_http::{RequestOptions, WasiBody};

use super::Outbound;
use super::answer::{Answer, Open};
use super::body::Sent;
use super::connect::Connection;
use super::failed::Failed;
use super::pool::Place;
use super::record::Record;
use super::target::Target;
use crate::config;
use crate::guest::state::Owner;

/// What the requests of one call share.
pub(super) struct Together {
    /// Places for requests that wait for an answer.
    pub(super) places: Semaphore,
    /// Requests that reached a connection.
    pub(super) sent: AtomicU32,
}

/// The times of one request: the node's, or shorter ones that its guest asks for.
pub(super) struct Times {
    connect: Duration,
    first_byte: Duration,
    pause: Duration,
    /// When it ends in any case.
    until: Instant,
}

impl Times {
    pub(super) fn new(limits: &config::Outbound, asked: Option<&RequestOptions>, until: Instant) -> Self {
        // No time at all would be a timer that has rung before anything was tried.
        let least = Duration::from_millis(1);
        let shorter = |asked: Option<Duration>, own: Duration| asked.unwrap_or(own).min(own).max(least);
        Self {
            connect: shorter(asked.and_then(|options| options.connect_timeout), limits.connect_time),
            first_byte: shorter(asked.and_then(|options| options.first_byte_timeout), limits.first_byte_time),
            pause: shorter(asked.and_then(|options| options.between_bytes_timeout), limits.between_bytes_time),
            until,
        }
    }
}

/// A request that may be sent.
pub(super) struct Exchange {
    pub(super) shared: Arc<Outbound>,
    pub(super) owner: Owner,
    pub(super) together: Arc<Together>,
    pub(super) target: Target,
    pub(super) times: Times,
    pub(super) record: Record,
}

impl Exchange {
    /// Sends it and waits for the answer's head.
    pub(super) async fn run(mut self, request: Request<WasiBody>) -> Result<Response<WasiBody>, Failed> {
        let outcome = self.head(request).await;
        let (response, connection) = match outcome {
            Ok(answered) => answered,
            Err(failed) => {
                self.record.failed(failed);
                return Err(failed);
            }
        };
        self.record.answered(response.status().as_u16());
        let Self { shared, owner, target, times, record, .. } = self;
        let (pool, place) = (Arc::clone(&shared.pool), Place::from(&target));
        let open = Open { connection, pool, owner, place, record };
        let limit = shared.largest_response();
        Ok(response.map(|body| Answer::new(body, limit, times.pause, times.until, open).boxed_unsync()))
    }

    async fn head(&self, request: Request<WasiBody>) -> Result<Answered, Failed> {
        let until = self.times.until;
        // Free again when the head is there: a guest reads its answers in the order it likes, and must not wait for itself.
        let place = timeout_at(until.into(), self.together.places.acquire()).await;
        let _place = place.ok().and_then(Result::ok).ok_or(Failed::Concurrent)?;
        let (parts, body) = request.into_parts();
        let limit = self.shared.limits.request.bytes();
        let (body, mut ended) = Sent::new(body, limit, Arc::clone(&self.record.out));
        let mut request = Request::from_parts(parts, body);
        let mut kept = self.shared.pool.take(&self.owner, &Place::from(&self.target));
        self.together.sent.fetch_add(1, Ordering::Relaxed);
        loop {
            let reused = kept.is_some();
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => self.connection().await?,
            };
            match self.send(&mut connection, request, &mut ended).await {
                Ok(response) => {
                    check(&response, self.shared.largest_response())?;
                    return Ok((response, connection));
                }
                // Closed while it was idle: nothing of the request was sent, so that it can be sent again.
                Err((_, Some(untouched))) if reused => request = untouched,
                Err((failed, _)) => return Err(failed),
            }
        }
    }

    async fn connection(&self) -> Result<Connection, Failed> {
        let until = self.times.until.min(Instant::now() + self.times.connect);
        let connected = timeout_at(until.into(), self.shared.connect(&self.owner.channel, &self.target)).await;
        connected.map_err(|_| if until == self.times.until { Failed::Deadline } else { Failed::ConnectTime })?
    }

    /// Sends it over this connection. The error has the request when nothing of it was sent.
    async fn send(
        &self,
        connection: &mut Connection,
        request: Request<Sent>,
        ended: &mut oneshot::Receiver<()>,
    ) -> Result<Response<Incoming>, (Failed, Option<Request<Sent>>)> {
        connection.meter.awaits_head();
        let sending = connection.sender.try_send_request(request);
        let late = async {
            // Its end, or that of whoever held it.
            let _ = ended.await;
            sleep(self.times.first_byte).await;
        };
        let sent = tokio::select! {
            biased;
            sent = sending => sent,
            () = late => return Err((Failed::FirstByteTime, None)),
            () = sleep_until(self.times.until.into()) => return Err((Failed::Deadline, None)),
        };
        let response = sent.map_err(|mut unsent| {
            let over = connection.meter.is_over();
            let failed = if over { Failed::HeaderSize } else { Failed::of_http(unsent.error()) };
            (failed, unsent.take_message())
        })?;
        connection.meter.has_head();
        Ok(response)
    }
}

type Answered = (Response<Incoming>, Connection);

/// What can be said against an answer by its head.
fn check(response: &Response<Incoming>, largest: u64) -> Result<(), Failed> {
    if response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
        return Err(Failed::Upgrade);
    }
    let size = response.body().size_hint().lower();
    if size > largest { Err(Failed::ResponseSize(Some(size))) } else { Ok(()) }
}
