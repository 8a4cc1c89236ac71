//! Requests that are nearly right, several in a row: what passes the framing, hyper divides at the same places.

use std::convert::Infallible;
use std::io::Cursor;
use std::sync::Mutex;

use bolero::check;
use futures_util::FutureExt;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use wharf_fuzz::{Dice, spoil, within_limits};

use super::framing::{Framing, Phase};

const PIECES: [&str; 12] = [
    "GET /a HTTP/1.1\r\nhost: x\r\n\r\n",
    "POST /b HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello",
    "POST /c HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "POST /d HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n03\r\nllo\r\n00\r\nx: y\r\n\r\n",
    "POST /e HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET http://x/f HTTP/1.1\r\nhost: x\r\n\r\n",
    "POST /g HTTP/1.0\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nhi",
    "\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "content-length: 3\r\n",
    "transfer-encoding: chunked\r\n",
];

fn requests(dice: &mut Dice<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..=dice.below(4) {
        let piece = dice.of(&PIECES).as_bytes();
        bytes.extend(if dice.flip() { piece.to_vec() } else { spoil(piece, dice) });
    }
    bytes
}

/// The lengths of the bodies that the framing finds, and whether it lets everything pass.
fn framed(bytes: &[u8], size: usize) -> (Vec<usize>, bool) {
    let mut framing = Framing::new(16 << 10);
    let mut lengths = Vec::new();
    for byte in bytes {
        match framing.phase() {
            Phase::Body(_) | Phase::Chunk(3..) => *lengths.last_mut().unwrap() += 1,
            _ => {}
        }
        let before = framing.phase();
        if framing.feed(&[*byte]).is_err() {
            return (lengths, false);
        }
        if before == Phase::Head && framing.phase() != Phase::Head {
            lengths.push(0);
        }
    }
    let mut cut = Framing::new(16 << 10);
    let passes = bytes.chunks(size.max(1)).all(|piece| cut.feed(piece).is_ok());
    assert!(passes && cut.phase() == framing.phase(), "it depends on how the bytes are cut");
    (lengths, true)
}

/// The lengths of the bodies that hyper finds by itself.
fn divided(bytes: &[u8]) -> Vec<usize> {
    let lengths = Mutex::new(Vec::new());
    let service = service_fn(|request: Request<Incoming>| {
        let lengths = &lengths;
        async move {
            if let Ok(body) = request.into_body().collect().await {
                lengths.lock().unwrap().push(body.to_bytes().len());
            }
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let stream = tokio::io::join(Cursor::new(bytes), tokio::io::sink());
    let connection = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(stream), service);
    let _ = connection.now_or_never();
    lengths.into_inner().unwrap()
}

#[test]
fn what_passes_is_divided_by_hyper_at_the_same_places() {
    check!().for_each(|script: &[u8]| {
        let dice = &mut Dice::new(script);
        let (bytes, size) = (requests(dice), dice.below(40));
        within_limits(|| {
            let (framed, passes) = framed(&bytes, size);
            let divided = divided(&bytes);
            // hyper may refuse what passes, or close after an answer; it must not find another border.
            if passes {
                let same = framed.starts_with(&divided) || divided.is_empty();
                assert!(same, "{:?}: {framed:?} and {divided:?}", String::from_utf8_lossy(&bytes));
            }
        });
    });
}
