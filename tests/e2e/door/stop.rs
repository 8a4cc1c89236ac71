//! A stop: callers are told first, what is under way ends, and nobody's answer is lost.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{last_words, push};
use crate::host::{Host, wait_for};
use crate::trust::{Dice, rounds};
use crate::wire::{self, Answer};

/// One request over a connection that stays.
fn ask(socket: &TcpStream, request: &str) -> Answer {
    (&*socket).write_all(request.as_bytes()).unwrap();
    wire::next_answer(socket.try_clone().unwrap())
}

/// Calls over one connection until an answer says that it was the last one; how many were answered.
fn caller(host: &Host, channel: &str) -> u64 {
    let socket = TcpStream::connect(&host.edge).unwrap();
    let mut count = 0;
    loop {
        let answer = ask(&socket, &push(channel, ""));
        assert_eq!(answer.status, 200, "{answer:?}");
        count += 1;
        if answer.header("connection") == Some("close") {
            return count;
        }
    }
}

/// Asks for readiness until the edge no longer listens: when it first said no, and when it closed.
fn watch(host: &Host, begun: &AtomicBool) -> (Instant, Instant) {
    let mut first_no = None;
    loop {
        let mut socket = match TcpStream::connect(&host.edge) {
            Ok(socket) => socket,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
                assert!(first_no.is_some(), "the edge closed before it said that it was not ready");
                return (first_no.unwrap(), Instant::now());
            }
        };
        let _ = socket.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let (said, _) = last_words(socket);
        match said.get(9..12) {
            Some("200") => assert!(first_no.is_none(), "ready again"),
            Some("503") => drop(first_no.get_or_insert_with(Instant::now)),
            // The listener closed while this connection waited for its turn.
            _ => assert!(first_no.is_some() && said.is_empty(), "{said}"),
        }
        begun.store(true, Ordering::Relaxed);
        park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn a_stop_under_load_loses_no_answer_and_readiness_goes_first() {
    let mut dice = Dice::thrown("stops under load");
    let mut host = Host::with_config("[edge]\nlame-duck = \"1s\"\n[call]\ndrain = \"10s\"\n");
    host.serving("acme", "echo", &[]);
    host.serving("slow", "chaos", &["behaviour=sleep", "sleep_ms=80"]);
    let (stops, mut answered, mut slowest) = (rounds(10, 100), 0, Duration::ZERO);
    for round in 0..stops {
        if round > 0 {
            host = host.kill_and_restart();
        }
        let begun = AtomicBool::new(false);
        let (told, closed, count, ended) = std::thread::scope(|scope| {
            let callers: Vec<_> = ["acme", "acme", "acme", "slow", "slow", "slow"]
                .into_iter()
                .map(|channel| scope.spawn(|| caller(&host, channel)))
                .collect();
            let watcher = scope.spawn(|| watch(&host, &begun));
            wait_for("the traffic to begin", || begun.load(Ordering::Relaxed));
            park_timeout(Duration::from_millis(dice.below(150)));
            host.terminate();
            let count: u64 = callers.into_iter().map(|caller| caller.join().unwrap()).sum();
            let (told, closed) = watcher.join().unwrap();
            (told, closed, count, Instant::now())
        });
        assert_eq!(host.await_exit(), Some(0));
        assert!(closed - told >= Duration::from_millis(700), "it closed {:?} after it had said so", closed - told);
        slowest = slowest.max(ended.elapsed());
        answered += count;
    }
    println!(
        "{stops} stops under load: {answered} calls answered, 0 lost; ended {slowest:?} after the last one at most"
    );
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
}

/// A node with a call of this many milliseconds under way.
fn occupied(config: &str, time: u32) -> (Host, TcpStream) {
    let host = Host::with_config(config);
    host.serving("slow", "chaos", &["behaviour=sleep", &format!("sleep_ms={time}")]);
    let free = || host.wharf(&["status"])["channels"][0]["in_flight_free"].as_u64().unwrap();
    let idle = free();
    let mut socket = TcpStream::connect(&host.edge).unwrap();
    socket.write_all(push("slow", "").as_bytes()).unwrap();
    wait_for("the call to be under way", || free() < idle);
    (host, socket)
}

#[test]
fn administrators_can_watch_until_the_last_call_has_ended() {
    let (mut host, socket) = occupied("[edge]\nlame-duck = \"100ms\"\n", 5000);
    host.terminate();
    wait_for("the edge to close", || TcpStream::connect(&host.edge).is_err());
    let status = host.admin("GET", "/v1/status", None).ok(200);
    let now = &status["channels"][0];
    assert!(now["in_flight_free"].as_u64() < now["in_flight"].as_u64(), "the call is no longer under way: {now}");
    let answer = wire::next_answer(socket);
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert_eq!(host.await_exit(), Some(0));
    assert!(TcpStream::connect(&host.admin).is_err());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (mut host, socket) = occupied("[edge]\nlame-duck = \"5m\"\n", 60_000);
    host.terminate();
    wait_for("the stop to begin", || host.log().contains("stopping"));
    let ready = wire::send("GET", &format!("http://{}/readyz", host.edge), &[], "");
    assert_eq!(ready.status, 503);
    let began = Instant::now();
    host.terminate();
    assert_eq!(host.await_exit(), Some(1));
    assert!(began.elapsed() < Duration::from_secs(8), "it took {:?}", began.elapsed());
    let (said, _) = last_words(socket);
    assert_eq!(said, "");
}

#[test]
fn who_has_connected_but_not_yet_asked_is_answered() {
    let mut host = Host::with_config("[edge]\nlame-duck = \"300ms\"\nidle-time = \"1h\"\n");
    host.serving("acme", "echo", &[]);
    let answered = TcpStream::connect(&host.edge).unwrap();
    assert_eq!(ask(&answered, &push("acme", "")).status, 200);
    let silent = TcpStream::connect(&host.edge).unwrap();
    host.terminate();
    wait_for("the edge to close", || TcpStream::connect(&host.edge).is_err());
    let late = ask(&silent, &push("acme", ""));
    assert_eq!((late.status, late.header("connection")), (200, Some("close")), "{late:?}");
    assert_eq!(last_words(answered).0, "", "an idle connection is closed");
    assert_eq!(host.await_exit(), Some(0));
}

#[test]
fn what_does_not_end_gets_the_time_to_drain_once() {
    let drain = Duration::from_secs(4);
    let mut host = Host::with_config("[edge]\nlame-duck = \"0s\"\n[call]\ndrain = \"4s\"\n");
    let keys = host.serving("acme", "chaos", &["behaviour=sleep", "sleep_ms=60000"]);
    let event = json!({ "eventType": "document.cancellation", "entityTypeID": 1, "entityID": 2 });
    assert_eq!(host.notify("acme", &keys.notification, &event).status, 202);
    wait_for("the attempt to be under way", || {
        let running = host.wharf(&["notifications", "list", "acme", "--state", "running"]);
        running.as_array().is_some_and(|running| running.len() == 1)
    });
    let began = Instant::now();
    host.terminate();
    assert_eq!(host.await_exit(), Some(0));
    let took = began.elapsed();
    assert!((drain..drain * 7 / 4).contains(&(took + Duration::from_millis(500))), "a stop took {took:?}");
}
