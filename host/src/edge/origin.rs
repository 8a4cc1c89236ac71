//! Where a request comes from, as far as its caller says: the id that it goes by there, and how many hosts it went through.

use std::time::Instant;

use http::{HeaderMap, HeaderValue};

use super::problem::Problem;

/// The header of a request's id, in and out.
pub(super) const REQUEST_ID: &str = "x-request-id";
/// The header that counts hosts, so that a circle of them ends.
pub(super) const HOPS: &str = "wharf-hops";
const TRACE: &str = "traceparent";
/// Longest id that is taken over.
const LONGEST: usize = 128;

/// What a request's headers say about its way here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// The caller's id for the request: visible ASCII, at most 128 bytes.
    pub(super) request: Option<HeaderValue>,
    /// Hosts that the request came through.
    pub(super) hops: u32,
}

/// When a request came, and from where.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) began: Instant,
    pub(super) origin: Origin,
}

impl Arrival {
    /// Of a call that no request asked for.
    pub(super) fn of_ours() -> Self {
        Self { began: Instant::now(), origin: Origin::default() }
    }
}

impl Origin {
    /// Reads the headers. Fails on a count of hosts that is none, and on one above `limit`.
    pub(super) fn of(headers: &HeaderMap, limit: u32) -> Result<Self, Problem> {
        let hops = match headers.get(HOPS) {
            None => 0,
            Some(hops) => {
                let alone = headers.get_all(HOPS).iter().count() == 1;
                let hops = hops.to_str().ok().filter(|_| alone).and_then(|hops| hops.parse().ok());
                hops.ok_or_else(|| Problem::malformed(format!("the header {HOPS} is no number")))?
            }
        };
        if hops > limit {
            return Err(Problem::going_round(limit));
        }
        Ok(Self { request: request_id(headers), hops })
    }

    /// The caller's id as text.
    pub(super) fn request_id(&self) -> Option<&str> {
        self.request.as_ref().and_then(|id| id.to_str().ok())
    }
}

/// The caller's own id, or else the id of the trace that the request belongs to.
fn request_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let own = headers.get(REQUEST_ID).filter(|id| is_visible(id.as_bytes()));
    own.cloned().or_else(|| trace_id(headers.get(TRACE)?))
}

fn is_visible(id: &[u8]) -> bool {
    (1..=LONGEST).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

/// The trace's id in a W3C `traceparent`: `00-` and 32 digits, not all of them 0.
fn trace_id(parent: &HeaderValue) -> Option<HeaderValue> {
    let mut parts = parent.as_bytes().split(|byte| *byte == b'-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let is_hex = |part: &[u8]| part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let well_formed = version.len() == 2 && is_hex(version) && version != b"ff" && trace.len() == 32 && is_hex(trace);
    let span = parts.next()?;
    let well_formed = well_formed && span.len() == 16 && is_hex(span) && parts.next()?.len() == 2;
    if well_formed && trace.iter().any(|byte| *byte != b'0') { HeaderValue::from_bytes(trace).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(headers: &[(&'static str, &str)]) -> Result<Origin, u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Origin::of(&map, 4).map_err(|problem| problem.status())
    }

    fn id(headers: &[(&'static str, &str)]) -> Option<String> {
        origin(headers).unwrap().request_id().map(str::to_owned)
    }

    #[test]
    fn an_id_is_taken_over_when_it_is_short_and_visible() {
        assert_eq!(id(&[]), None);
        assert_eq!(id(&[(REQUEST_ID, "a-1")]).unwrap(), "a-1");
        assert_eq!(id(&[(REQUEST_ID, &"x".repeat(128))]).unwrap().len(), 128);
        for bad in ["", "a b", "a\tb", "ä", &"x".repeat(129)] {
            assert_eq!(id(&[(REQUEST_ID, bad)]), None, "{bad:?}");
        }
    }

    #[test]
    fn the_trace_stands_in_for_an_id() {
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let parent = format!("00-{trace}-{span}-01");
        assert_eq!(id(&[(TRACE, &parent)]).unwrap(), trace);
        assert_eq!(id(&[(TRACE, &parent), (REQUEST_ID, "own")]).unwrap(), "own");
        for bad in ["", "00", &format!("00-{trace}"), &format!("ff-{trace}-{span}-01"), &parent.replace('4', "G")] {
            assert_eq!(id(&[(TRACE, bad)]), None, "{bad:?}");
        }
        assert_eq!(id(&[(TRACE, &format!("00-{}-{span}-01", "0".repeat(32)))]), None);
    }

    #[test]
    fn too_many_hosts_are_a_loop() {
        assert_eq!(origin(&[]).unwrap().hops, 0);
        assert_eq!(origin(&[(HOPS, "4")]).unwrap().hops, 4);
        assert_eq!(origin(&[(HOPS, "5")]), Err(508));
        for bad in ["", "-1", "x", "1, 1", "99999999999"] {
            assert_eq!(origin(&[(HOPS, bad)]), Err(400), "{bad:?}");
        }
        assert_eq!(origin(&[(HOPS, "1"), (HOPS, "1")]), Err(400));
    }
}
