//! The door that callers come in by: bytes that are no requests, callers that are slow, too many or disguised, and a stop
//! that loses nobody. Each test prints what it counted; the long forms do more of the same.

mod certificates;
mod crowds;
mod ids;
mod limits;
mod proxies;
mod smuggling;
mod stalls;
mod stop;
mod strangers;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::host::{Host, SOON, TEST_KEY, sdk_body};

/// A good call of `inventory_push` as it goes over the wire; `more` are further header lines.
fn push(channel: &str, more: &str) -> String {
    let body = sdk_body(TEST_KEY, "inventory_push", &json!({}));
    let length = body.len();
    format!(
        "POST /channels/{channel}/inventory_push_v1 HTTP/1.1\r\nhost: x\r\n{more}content-length: {length}\r\n\r\n{body}"
    )
}

/// The status lines in what came back.
fn answers(said: &str) -> usize {
    said.matches("HTTP/1.1 ").count()
}

/// Sends this, then waits until the other side closes, whether with a farewell or a reset; gives what it said and how long it
/// took.
fn farewell(address: &str, bytes: &[u8]) -> (String, Duration) {
    let mut socket = TcpStream::connect(address).unwrap();
    let _ = socket.write_all(bytes);
    last_words(socket)
}

/// What is said until the other side closes, which it must.
fn last_words(mut socket: TcpStream) -> (String, Duration) {
    let began = Instant::now();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let (mut said, mut buffer) = (Vec::new(), [0; 16 << 10]);
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => said.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the connection was left open ({error}) after {:?}", String::from_utf8_lossy(&said)),
        }
    }
    (String::from_utf8_lossy(&said).into_owned(), began.elapsed())
}

/// The node is as good as before.
#[track_caller]
fn still_serves(host: &Host) {
    assert_eq!(host.sdk("acme", "inventory_push", json!({})).status, 200);
}
