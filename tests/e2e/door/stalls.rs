//! Callers that make the node wait: for a head, for a body, for the next request, for their answer to be taken.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use serde_json::json;
use socket2::{Domain, Socket, Type};

use super::{farewell, last_words, push, still_serves};
use crate::host::{Host, SOON, TEST_KEY, sdk_body, sdk_url};
use crate::trust::{percentile, rounds};
use crate::wire;

/// What a closing may be late by on a busy machine.
const LATE: Duration = Duration::from_secs(5);

#[test]
fn who_says_nothing_is_closed_after_the_time_of_a_head() {
    let host = Host::with_config("[edge]\nheader-time = \"500ms\"\nidle-time = \"1h\"\n");
    host.serving("acme", "echo", &[]);
    for bytes in ["", "\r\n", "POST / HT", "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET"] {
        let (said, after) = farewell(&host.edge, bytes.as_bytes());
        assert_eq!(said.matches(" 200 OK").count(), usize::from(bytes.ends_with("GET")), "{bytes:?}: {said}");
        assert!(after >= Duration::from_millis(450) && after < LATE, "{bytes:?}: closed after {after:?}");
    }
    still_serves(&host);
}

#[test]
fn the_pause_between_two_requests_has_a_time_of_its_own() {
    let get = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let host = Host::with_config("[edge]\nheader-time = \"300ms\"\nidle-time = \"2s\"\n");
    let mut socket = TcpStream::connect(&host.edge).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    for _ in 0..2 {
        socket.write_all(get).unwrap();
        let mut answer = [0; 512];
        assert!(socket.read(&mut answer).unwrap() > 0, "closed within its time");
        park_timeout(Duration::from_millis(900));
    }
    let (_, after) = last_words(socket);
    assert!(after >= Duration::from_millis(900) && after < LATE, "closed {after:?} after the pause");
}

#[test]
fn a_call_may_take_longer_than_a_connection_may_idle() {
    let host = Host::with_config("[edge]\nheader-time = \"300ms\"\nidle-time = \"300ms\"\n");
    host.serving("acme", "chaos", &["behaviour=sleep", "sleep_ms=1500"]);
    let (said, after) = farewell(&host.edge, push("acme", "").as_bytes());
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert!(after >= Duration::from_millis(1700), "closed after {after:?}");
}

#[test]
fn a_body_that_trickles_is_cut_off_and_one_that_flows_is_not() {
    let host = Host::with_config("[edge]\nbody-rate = \"4KiB\"\nbody-grace = \"300ms\"\nbody-time = \"1m\"\n");
    let keys = host.serving("acme", "echo", &[]);
    let notification = format!("/channels/acme/notifications HTTP/1.1\r\nx-api-key: {}", keys.notification);
    for path in ["/channels/acme/inventory_push_v1 HTTP/1.1", &notification] {
        let mut socket = TcpStream::connect(&host.edge).unwrap();
        write!(socket, "POST {path}\r\nhost: x\r\ncontent-length: 100000\r\n\r\n").unwrap();
        let began = Instant::now();
        while socket.write_all(b" ").is_ok() && began.elapsed() < LATE {
            park_timeout(Duration::from_millis(20));
            socket.set_nonblocking(true).unwrap();
            let answered = socket.peek(&mut [0]).is_ok();
            socket.set_nonblocking(false).unwrap();
            if answered {
                break;
            }
        }
        let answer = wire::next_answer(socket);
        assert_eq!((answer.status, answer.code().as_str()), (408, "HOST_SLOW_BODY"), "{answer:?}");
        assert!(answer.body.contains("4KiB per second"), "{answer:?}");
    }
    let body = sdk_body(TEST_KEY, "inventory_push", &json!({ "pad": "x".repeat(40_000) }));
    let mut socket = TcpStream::connect(&host.edge).unwrap();
    let head =
        format!("POST /channels/acme/inventory_push_v1 HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    socket.write_all(head.as_bytes()).unwrap();
    for piece in body.as_bytes().chunks(2000) {
        socket.write_all(piece).unwrap();
        park_timeout(Duration::from_millis(30));
    }
    assert_eq!(wire::next_answer(socket).status, 200);
}

/// A connection whose own end takes little in.
fn narrow(address: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    socket.into()
}

#[test]
fn who_takes_a_long_answer_slowly_is_given_all_of_it_however_short_the_idle_time() {
    let host = Host::with_config("[edge]\nidle-time = \"500ms\"\n");
    host.serving("large", "chaos", &["behaviour=huge-answer", "kilobytes=2048"]);
    let mut socket = narrow(&host.edge);
    socket.write_all(push("large", "").as_bytes()).unwrap();
    let (mut length, mut piece, began) = (0, [0; 4096], Instant::now());
    while let Ok(count @ 1..) = socket.read(&mut piece) {
        length += count;
        park_timeout(Duration::from_millis(2));
    }
    assert!(began.elapsed() > Duration::from_secs(1), "it was no slow reader");
    assert!(length > 2_000_000, "{length} bytes of 2 MiB");
}

#[test]
fn who_does_not_take_the_answer_is_cut_off() {
    let host = Host::with_config("[edge]\nwrite-time = \"1s\"\n");
    host.serving("acme", "echo", &[]);
    host.serving("large", "chaos", &["behaviour=huge-answer", "kilobytes=4096"]);
    let mut socket = narrow(&host.edge);
    socket.write_all(push("large", "").repeat(2).as_bytes()).unwrap();
    let began = Instant::now();
    while socket.write_all(b"\r").is_ok() {
        assert!(began.elapsed() < SOON, "it was not cut off");
        park_timeout(Duration::from_millis(20));
    }
    let after = began.elapsed();
    assert!(after >= Duration::from_millis(950), "{after:?}");
    still_serves(&host);
    // One that takes it slowly, but does take it, gets all of it.
    let mut socket = narrow(&host.edge);
    socket.write_all(push("large", "connection: close\r\n").as_bytes()).unwrap();
    let (mut total, mut buffer) = (0, vec![0; 256 << 10]);
    while let Ok(count @ 1..) = socket.read(&mut buffer) {
        total += count;
        park_timeout(Duration::from_millis(2));
    }
    assert!(total > 4 << 20, "only {total} bytes came");
}

/// One of many that make the node wait.
struct Attacker {
    socket: TcpStream,
    began: Instant,
    drip: &'static [u8],
    reads: bool,
}

impl Attacker {
    fn new(socket: TcpStream, first: &str, drip: &'static [u8], reads: bool) -> Self {
        (&socket).write_all(first.as_bytes()).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, began: Instant::now(), drip, reads }
    }

    /// Goes on; whether the other side has not given up yet.
    fn goes_on(&mut self) -> bool {
        let open = |result: std::io::Result<usize>| match result {
            Ok(count) => count > 0,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        open(self.socket.write(self.drip)) && (!self.reads || open(self.socket.read(&mut [0; 512])))
    }
}

/// Calls again and again over one connection until it is `over`; how long each took.
fn caller(host: &Host, over: &AtomicBool) -> Vec<Duration> {
    let (agent, mut times) = (wire::agent(), Vec::new());
    let (url, body) = (sdk_url(&host.edge, "acme", "inventory_push"), sdk_body(TEST_KEY, "inventory_push", &json!({})));
    while !over.load(Ordering::Relaxed) {
        let began = Instant::now();
        let answer = wire::try_send(&agent, "POST", &url, &[], body.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        times.push(began.elapsed());
        park_timeout(Duration::from_millis(5));
    }
    times
}

/// What four callers see while `work` is done.
fn traffic(host: &Host, work: impl FnOnce()) -> Vec<Duration> {
    let over = AtomicBool::new(false);
    let mut times = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4).map(|_| scope.spawn(|| caller(host, &over))).collect();
        work();
        over.store(true, Ordering::Relaxed);
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect::<Vec<_>>()
    });
    times.sort_unstable();
    times
}

#[test]
fn a_crowd_of_slow_callers_is_closed_and_others_notice_nothing() {
    let limit = Duration::from_secs(2);
    let host = Host::with_config(
        "[edge]\nheader-time = \"2s\"\nbody-time = \"2s\"\nwrite-time = \"2s\"\nidle-time = \"2s\"\nconnections-per-address = 4096\n",
    );
    host.serving("acme", "echo", &[]);
    host.serving("large", "chaos", &["behaviour=huge-answer", "kilobytes=1024"]);
    let (heads, bodies) = (rounds(200, 2000), rounds(50, 500));
    let quiet = traffic(&host, || park_timeout(Duration::from_secs(2)));
    let mut slowest = Duration::ZERO;
    let attacked = traffic(&host, || {
        let connect = || TcpStream::connect(&host.edge).unwrap();
        let body = "POST /channels/acme/inventory_push_v1 HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n{";
        let unread = push("large", "");
        let mut attackers: Vec<Attacker> = Vec::new();
        attackers.extend((0..heads).map(|_| Attacker::new(connect(), "POST / HTTP/1.1\r\nx: ", b"a", true)));
        attackers.extend((0..bodies).map(|_| Attacker::new(connect(), body, b" ", true)));
        attackers.extend((0..bodies).map(|_| Attacker::new(narrow(&host.edge), &unread, b"\r", false)));
        while !attackers.is_empty() {
            park_timeout(Duration::from_millis(50));
            attackers.retain_mut(|attacker| {
                let goes_on = attacker.goes_on();
                slowest = slowest.max(attacker.began.elapsed());
                goes_on
            });
            assert!(slowest < SOON * 2, "{} were not closed", attackers.len());
        }
    });
    let [quiet_p99, attacked_p99] = [&quiet, &attacked].map(|times| percentile(times, 99));
    let ratio = attacked_p99.as_secs_f64() / quiet_p99.as_secs_f64();
    println!(
        "{heads} slow heads, {bodies} slow bodies, {bodies} unread answers: all closed after {slowest:?} (limit {limit:?}); \
         {} calls meanwhile, 0 errors, p99 {attacked_p99:?} against {quiet_p99:?} in quiet ({ratio:.1} times)",
        attacked.len()
    );
    assert!(slowest < limit + LATE * 2, "the last one was closed after {slowest:?}");
    assert!(attacked.len() > 50, "only {} calls", attacked.len());
}
