//! HTTP as the platforms speak it, and bytes as nobody should.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body as JSON of an answer that must have this status.
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// The code of the first event.
    pub(crate) fn code(&self) -> String {
        self.json()["events"][0]["code"].as_str().unwrap_or_else(|| panic!("no code in {self:?}")).to_owned()
    }

    /// A header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// Posts a body.
pub(crate) fn post(url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    send("POST", url, headers, body)
}

/// Posts bytes that may be no text.
pub(crate) fn post_bytes(url: &str, body: &[u8]) -> Answer {
    send_bytes("POST", url, &[], body)
}

/// Sends a request; a status is never an error.
pub(crate) fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    send_bytes(method, url, headers, body.as_bytes())
}

/// Sends a request whose body may be no text.
pub(crate) fn send_bytes(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    try_send(&agent(), method, url, headers, body).unwrap_or_else(|error| panic!("{method} {url}: {error}"))
}

/// A client that keeps its connections and takes every status as an answer.
pub(crate) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
    config.timeout_global(Some(Duration::from_mins(1))).allow_non_standard_methods(true).build().into()
}

/// Sends a request over a client's connections; an error when the other side goes away before it has answered.
pub(crate) fn try_send(
    agent: &ureq::Agent,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer, ureq::Error> {
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let sent =
        if body.is_empty() { agent.run(request.body(()).unwrap()) } else { agent.run(request.body(body).unwrap()) };
    let mut response = sent?;
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
    Ok(Answer { status, headers, body })
}

/// Writes raw bytes to an address and reads the first answer, whose length must be told.
pub(crate) fn raw_answer(address: &str, bytes: &[u8]) -> Answer {
    let mut socket = TcpStream::connect(address).unwrap();
    // The other side may answer and close before it has read everything.
    let _ = socket.write_all(bytes);
    next_answer(socket)
}

/// Reads an answer, whose length must be told.
pub(crate) fn next_answer(socket: TcpStream) -> Answer {
    socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let mut reader = BufReader::new(socket);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).map(|_| line.trim_end().to_owned()).unwrap_or_default()
    };
    let status = line();
    let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{status:?}"));
    let headers: Vec<(String, String)> = std::iter::from_fn(|| Some(line()).filter(|line| !line.is_empty()))
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())))
        .collect();
    let mut answer = Answer { status, headers, body: String::new() };
    let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    answer.body = String::from_utf8(body).unwrap();
    answer
}

/// Writes raw bytes to an address and reads what comes back until the other side closes or is silent for `patience`.
pub(crate) fn raw(address: &str, bytes: &[u8], patience: Duration) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(patience)).unwrap();
    let _ = socket.write_all(bytes);
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count) = socket.read(&mut buffer) {
        if count == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends this and waits until the other side closes; gives what it said and how long it took.
pub(crate) fn until_closed(address: &str, bytes: &[u8]) -> (String, Duration) {
    let began = Instant::now();
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    socket.write_all(bytes).unwrap();
    let mut said = Vec::new();
    let ended = socket.read_to_end(&mut said);
    assert!(ended.is_ok(), "the connection was left open: {ended:?}");
    (String::from_utf8(said).unwrap(), began.elapsed())
}
