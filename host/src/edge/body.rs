//! A request's body: bounded in size, time and depth.

use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout_at;

use super::problem::Problem;
use crate::config::{self, Size};

/// Most bytes of an unwanted body that are read after all.
const UNWANTED: usize = 16 << 20;

/// Reads on what nobody wants, beside the answer: many clients look for an answer only when they have sent everything, and
/// find a broken connection if it was closed before.
pub(super) fn discard(mut incoming: Incoming, edge: &config::Edge, began: Instant) {
    if incoming.is_end_stream() {
        return;
    }
    let until = began + edge.body_time;
    tokio::spawn(timeout_at(until.into(), async move {
        let mut read = 0;
        while read < UNWANTED
            && let Some(Ok(frame)) = incoming.frame().await
        {
            read += frame.data_ref().map_or(0, Bytes::len);
        }
    }));
}

/// Reads a whole body of at most `limit` bytes within the configured time.
pub(super) async fn read(
    mut incoming: Incoming,
    limit: Size,
    edge: &config::Edge,
    began: Instant,
) -> Result<Bytes, Problem> {
    // Said in advance, so that nothing is read in vain.
    if incoming.size_hint().lower() > limit.bytes() {
        discard(incoming, edge, began);
        return Err(Problem::too_large(limit));
    }
    let until = began + edge.body_time;
    match timeout_at(until.into(), Limited::new(&mut incoming, limit.len()).collect()).await {
        Err(_) => Err(Problem::slow_body(edge.body_time)),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => {
            discard(incoming, edge, began);
            Err(Problem::too_large(limit))
        }
        Ok(Err(error)) => Err(Problem::malformed(format!("the body could not be read: {error}"))),
    }
}

/// The body as text that may be parsed: UTF-8, and nested no deeper than `limit`.
pub(super) fn text(body: &[u8], limit: usize) -> Result<&str, Problem> {
    let text =
        std::str::from_utf8(body).map_err(|error| Problem::malformed(format!("the body is not UTF-8: {error}")))?;
    if depth(text.as_bytes(), limit) > limit {
        return Err(Problem::malformed(format!("the JSON is nested deeper than {limit} levels (edge.json-depth)")));
    }
    Ok(text)
}

/// How deep arrays and objects are nested, or the first depth beyond `limit`.
fn depth(json: &[u8], limit: usize) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => at = string_end(json, at + 1),
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
                if depth > limit {
                    return depth;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    deepest
}

/// Where the string that began before `at` ends; the end of the text if it never does.
fn string_end(json: &[u8], mut at: usize) -> usize {
    while let Some(found) = json.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if json[at] == b'"' {
            return at;
        }
        at += 2;
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_arrays_and_objects_and_not_text() {
        assert_eq!(depth(b"5", 64), 0);
        assert_eq!(depth(br#"{"a":[1,{"b":2}],"c":"[[[["}"#, 64), 3);
        assert_eq!(depth(br#"{"a":"\"[[[\\","b":[]}"#, 64), 2);
        assert_eq!(depth(b"\"[[[", 64), 0);
        assert_eq!(depth("[".repeat(100).as_bytes(), 64), 65);
    }

    #[test]
    fn the_limit_itself_is_allowed() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(text(nested(64).as_bytes(), 64).is_ok());
        assert_eq!(text(nested(65).as_bytes(), 64).unwrap_err().status(), 400);
        assert_eq!(text(b"\xff", 64).unwrap_err().status(), 400);
    }
}
