//! Request bodies: whole, bounded, and no slower than a bad line.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Body;
use tokio::time::{Instant, timeout, timeout_at};

use super::problem::Problem;

/// Why a body broke off.
pub(super) type Lost = Box<dyn std::error::Error + Send + Sync>;
/// A body as it comes in.
pub(super) type Incoming = UnsyncBoxBody<Bytes, Lost>;

/// Largest body that is no component.
pub(super) const LARGEST: usize = 1024 * 1024;
pub(super) const LARGEST_TOLD: &str = "1MiB";
/// Longest pause within a body.
const PAUSE: Duration = Duration::from_secs(30);
/// What is read at most of a body that nobody wants.
const DISCARDED: usize = 64 * 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// The whole body, of at most `limit` bytes; `told` is how the limit is told.
pub(super) async fn read(body: &mut Incoming, limit: usize, told: &str) -> Result<Bytes, Problem> {
    let too_large = || {
        let message = format!("the request's body is too large; the limit is {told}");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
    };
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(too_large());
    }
    let mut whole = BytesMut::with_capacity(announced);
    while let Some(data) = next(body).await? {
        if whole.len() + data.len() > limit {
            return Err(too_large());
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = timeout(PAUSE, body.frame()).await.map_err(|_| {
            let message = format!("the request's body paused for more than {} s; send it again", PAUSE.as_secs());
            Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", message)
        })?;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => return Err(Problem::malformed(format!("the request's body broke off: {error}"))),
            // Trailers say nothing that we ask for.
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Reads on what nobody wants, within bounds: a sender that meets a closed socket gets a reset instead of the answer.
/// Whoever expects a `100 Continue` has not begun to send.
pub(super) async fn discard(expects: bool, mut body: Incoming) {
    let (end, mut left) = (Instant::now() + DISCARD_TIME, DISCARDED);
    while !expects && !body.is_end_stream() {
        let Ok(Some(Ok(frame))) = timeout_at(end, body.frame()).await else { return };
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}
