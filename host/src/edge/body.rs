//! A request's body: bounded in size, time, rate, depth and number of parts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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

/// What the bodies that are in memory may have together.
pub(super) struct Bodies {
    kib: Arc<Semaphore>,
}

impl Bodies {
    pub(super) fn new(all: Size) -> Self {
        Self { kib: Arc::new(Semaphore::new(usize::try_from(all.bytes() >> 10).unwrap_or(usize::MAX >> 4))) }
    }

    /// The room of one body, which has none yet.
    pub(super) fn room(&self) -> Room {
        Room { kib: Arc::clone(&self.kib), held: None }
    }
}

/// The room that one body has. Dropped, it is given back.
pub(super) struct Room {
    kib: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

/// Bytes of each body that are not counted, so that small calls are taken while large ones fill the room.
const FREE: usize = 64 << 10;

impl Room {
    /// Makes room for a body of so many bytes; false when there is none.
    fn holds(&mut self, bytes: usize) -> bool {
        let wanted = bytes.saturating_sub(FREE).div_ceil(1 << 10);
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Ok(more) = u32::try_from(wanted.saturating_sub(held)) else { return false };
        if more == 0 {
            return true;
        }
        let Ok(permit) = Arc::clone(&self.kib).try_acquire_many_owned(more) else { return false };
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        true
    }
}

/// Reads a whole body of at most `limit` bytes, within the configured time and no slower than the configured rate.
pub(super) async fn read(
    mut incoming: Incoming,
    limit: Size,
    edge: &config::Edge,
    began: Instant,
    mut room: Option<&mut Room>,
) -> Result<Bytes, Problem> {
    // Said in advance, so that nothing is read in vain.
    if incoming.size_hint().lower() > limit.bytes() {
        discard(incoming, edge, began);
        return Err(Problem::too_large(limit));
    }
    let mut whole = Whole::default();
    loop {
        let (until, trickles) = until(edge, began, whole.length());
        let frame = match timeout_at(until.into(), incoming.frame()).await {
            Err(_) if trickles => return Err(Problem::trickling_body(edge.body_rate)),
            Err(_) => return Err(Problem::slow_body(edge.body_time)),
            Ok(None) => return Ok(whole.freeze()),
            Ok(Some(Err(error))) => return Err(Problem::malformed(format!("the body could not be read: {error}"))),
            Ok(Some(Ok(frame))) => frame,
        };
        // Trailers say nothing that we ask for.
        let Ok(data) = frame.into_data() else { continue };
        if whole.length() + data.len() > limit.len() {
            discard(incoming, edge, began);
            return Err(Problem::too_large(limit));
        }
        if room.as_mut().is_some_and(|room| !room.holds(whole.length() + data.len())) {
            discard(incoming, edge, began);
            return Err(Problem::no_room());
        }
        whole.take(data, incoming.size_hint().lower());
    }
}

/// Until when the next bytes must be there, and whether that is for the rate's sake.
fn until(edge: &config::Edge, began: Instant, read: usize) -> (Instant, bool) {
    let end = began + edge.body_time;
    let read = u32::try_from(read).unwrap_or(u32::MAX);
    let rate = u32::try_from(edge.body_rate.bytes()).unwrap_or(u32::MAX);
    let due = began + edge.body_grace + Duration::from_secs(1) * read / rate.max(1);
    if due < end { (due, true) } else { (end, false) }
}

/// The pieces of a body. One that comes in a single piece is not copied.
#[derive(Default)]
struct Whole {
    only: Bytes,
    many: BytesMut,
}

impl Whole {
    fn length(&self) -> usize {
        self.only.len() + self.many.len()
    }

    /// Adds a piece, after which at least `more` bytes are to come.
    fn take(&mut self, piece: Bytes, more: u64) {
        if self.length() == 0 {
            self.only = piece;
            return;
        }
        if self.many.is_empty() {
            let more = usize::try_from(more).unwrap_or_default();
            self.many.reserve(self.only.len() + piece.len() + more);
            self.many.extend_from_slice(&std::mem::take(&mut self.only));
        }
        self.many.extend_from_slice(&piece);
    }

    fn freeze(self) -> Bytes {
        if self.many.is_empty() { self.only } else { self.many.freeze() }
    }
}

/// The body as text that may be parsed: UTF-8, nested no deeper and made of no more parts than is configured.
pub(super) fn text<'b>(body: &'b [u8], edge: &config::Edge) -> Result<&'b str, Problem> {
    let text =
        std::str::from_utf8(body).map_err(|error| Problem::malformed(format!("the body is not UTF-8: {error}")))?;
    match excess(text.as_bytes(), edge.json_depth, edge.json_tokens) {
        None => Ok(text),
        Some(Excess::Depth) => {
            let limit = edge.json_depth;
            Err(Problem::malformed(format!("the JSON is nested deeper than {limit} levels (edge.json-depth)")))
        }
        Some(Excess::Tokens) => {
            let limit = edge.json_tokens;
            Err(Problem::malformed(format!("the JSON has more than {limit} keys and values (edge.json-tokens)")))
        }
    }
}

/// What there is too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Excess {
    Depth,
    Tokens,
}

/// Whether arrays and objects are nested deeper than `levels`, or keys and values together are more than `tokens`. Counts what
/// a parser would meet; whether it is JSON at all, the parser says.
fn excess(json: &[u8], levels: usize, tokens: usize) -> Option<Excess> {
    let (mut depth, mut count) = (0_usize, 0_usize);
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => at = string_end(json, at) + 1,
            b'{' | b'[' => {
                depth += 1;
                if depth > levels {
                    return Some(Excess::Depth);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                continue;
            }
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => continue,
            // A number, or true, false or null.
            _ => {
                at +=
                    json[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
            }
        }
        count += 1;
        if count > tokens {
            return Some(Excess::Tokens);
        }
    }
    None
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

    fn edge() -> config::Edge {
        config::Config::default().edge
    }

    fn depth(json: &str) -> usize {
        (0..1000).find(|levels| excess(json.as_bytes(), *levels, usize::MAX).is_none()).unwrap()
    }

    fn tokens(json: &str) -> usize {
        (0..1000).find(|tokens| excess(json.as_bytes(), usize::MAX, *tokens).is_none()).unwrap()
    }

    #[test]
    fn depth_counts_arrays_and_objects_and_not_text() {
        assert_eq!(depth("5"), 0);
        assert_eq!(depth(r#"{"a":[1,{"b":2}],"c":"[[[["}"#), 3);
        assert_eq!(depth(r#"{"a":"\"[[[\\","b":[]}"#), 2);
        assert_eq!(depth("\"[[["), 0);
        assert_eq!(depth(&"[".repeat(100)), 100);
    }

    #[test]
    fn tokens_are_keys_and_values() {
        assert_eq!(tokens(""), 0);
        assert_eq!(tokens(" 5 "), 1);
        assert_eq!(tokens("[]"), 1);
        assert_eq!(tokens(r#"{"a":1}"#), 3);
        assert_eq!(tokens(r#"{"a":[1,-2.5e+3,true,null],"b":{"c":"x,y:z"}}"#), 11);
        assert_eq!(tokens(&format!("[{}]", ["1"; 50].join(" , "))), 51);
    }

    #[test]
    fn the_limits_themselves_are_allowed() {
        let mut edge = edge();
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(text(nested(64).as_bytes(), &edge).is_ok());
        assert_eq!(text(nested(65).as_bytes(), &edge).unwrap_err().status(), 400);
        assert_eq!(text(b"\xff", &edge).unwrap_err().status(), 400);
        edge.json_tokens = 5;
        assert!(text(b"[1,2,3,4]", &edge).is_ok());
        assert_eq!(text(b"[1,2,3,4,5]", &edge).unwrap_err().status(), 400);
    }

    #[test]
    fn each_kilobyte_buys_another_second() {
        let (edge, began) = (edge(), Instant::now());
        let after = |read: usize| {
            let (until, trickles) = until(&edge, began, read);
            ((until - began).as_millis(), trickles)
        };
        assert_eq!(after(0), (2000, true));
        assert_eq!(after(512), (2500, true));
        assert_eq!(after(4096), (6000, true));
        assert_eq!(after(8192), (10_000, false));
        assert_eq!(after(usize::MAX), (10_000, false));
    }

    #[test]
    fn pieces_are_put_together_and_a_single_one_is_not_copied() {
        let piece = Bytes::from_static(b"hello");
        let mut whole = Whole::default();
        whole.take(piece.clone(), 0);
        assert_eq!(whole.freeze().as_ptr(), piece.as_ptr());
        let mut whole = Whole::default();
        for more in [10, 5, 0] {
            whole.take(piece.clone(), more);
        }
        assert_eq!((whole.length(), whole.freeze().as_ref()), (15, &b"hellohellohello"[..]));
    }
}
