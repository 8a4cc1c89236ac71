//! Calls that outlive the release they began with, and requests that arrive across a swap.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{receipts, status};
use crate::host::{Host, TEST_KEY, plugin, sdk_body, wait_for};
use crate::wire::next_answer;

fn push() -> Value {
    json!({ "inventory_updates": [{ "sku": "A", "quantity_available": 1 }] })
}

#[test]
fn a_call_that_outlives_the_drain_is_ended_and_the_receipt_says_so() {
    let host = Host::with_config("[call]\ndrain = \"500ms\"\n");
    for (channel, settings) in [("sleeps", &["behaviour=sleep", "sleep_ms=10000"][..]), ("spins", &["behaviour=spin"])]
    {
        host.serving(channel, "chaos", settings);
        let file = plugin("echo");
        // Compiled beforehand: on a busy machine that may take longer than the call.
        host.wharf(&["deploy", channel, file.to_str().unwrap(), "--no-activate"]);
        std::thread::scope(|scope| {
            let slow = scope.spawn(|| host.sdk(channel, "inventory_push", push()));
            let busy = || {
                let now = status(&host, channel);
                now["in_flight_free"].as_u64() < now["in_flight"].as_u64()
            };
            wait_for("the call to be under way", busy);
            let began = Instant::now();
            let receipt = host.wharf(&["activate", channel, "2"]);
            assert_eq!((&receipt["in_flight"], &receipt["killed"]), (&json!(1), &json!(1)), "{channel}: {receipt}");
            let drained = receipt["drain_ms"].as_u64().unwrap();
            assert!((500..3000).contains(&drained), "{channel}: {receipt}");
            assert!(began.elapsed() >= Duration::from_millis(500), "{channel}: the answer came before the drain's end");
            let answer = slow.join().unwrap();
            assert_eq!((answer.status, answer.code().as_str()), (503, "HOST_REPLACED"), "{channel}: {answer:?}");
            assert!(answer.header("retry-after").is_some(), "{channel}: {answer:?}");
            let kept = &receipts(&host, channel)[0];
            assert_eq!((&kept["killed"], &kept["drain_ms"]), (&json!(1), &receipt["drain_ms"]), "{channel}");
            wait_for("the call's place to be free", || !busy());
        });
        assert_eq!(host.sdk(channel, "inventory_push", push()).code(), "STOCK", "{channel}");
    }
}

#[test]
fn a_canary_is_told_nothing_of_calls_that_drain_from_a_swap_before_it() {
    let host = Host::start();
    host.serving("acme", "chaos", &["behaviour=sleep", "sleep_ms=6000"]);
    let file = plugin("echo");
    host.wharf(&["deploy", "acme", file.to_str().unwrap(), "--no-activate"]);
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| host.sdk("acme", "inventory_push", push()));
        let now = || status(&host, "acme");
        wait_for("the call to be under way", || now()["in_flight_free"].as_u64() < now()["in_flight"].as_u64());
        for number in ["2", "1"] {
            host.wharf(&["activate", "acme", number, "--no-wait"]);
        }
        // The call still drains from the release that is active again.
        let receipt = host.wharf(&["activate", "acme", "2", "--canary", "10%"]);
        assert_eq!((&receipt["in_flight"], &receipt["drain_ms"]), (&Value::Null, &Value::Null), "{receipt}");
        assert!(!slow.is_finished(), "the answer waited for the call");
        assert_eq!(slow.join().unwrap().status, 200);
    });
}

/// Requests whose first half has been accepted, and their second half.
fn begun(host: &Host) -> (Vec<TcpStream>, String) {
    let body = sdk_body(TEST_KEY, "inventory_push", &push());
    let (early, late) = body.split_at(body.len() / 2);
    let length = body.len();
    let head = format!("POST /channels/acme/inventory_push_v1 HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    let mut sockets: Vec<_> = (0..3).map(|_| TcpStream::connect(&host.edge).unwrap()).collect();
    for socket in &mut sockets {
        socket.write_all(format!("{head}{early}").as_bytes()).unwrap();
    }
    // Answered after the others have been accepted: connections are taken in their order.
    assert_eq!(host.sdk("acme", "inventory_push", push()).code(), "UNKNOWN_SKU");
    (sockets, late.to_owned())
}

#[test]
fn a_request_to_a_channel_that_is_deleted_meanwhile_does_not_meet_another_of_its_name() {
    let host = Host::start();
    host.serving("acme", "reference", &[]);
    let (sockets, late) = begun(&host);
    host.wharf(&["channel", "delete", "acme"]);
    host.serving("acme", "echo", &[]);
    for mut socket in sockets {
        socket.write_all(late.as_bytes()).unwrap();
        let answer = next_answer(socket);
        assert_eq!((answer.status, answer.code().as_str()), (503, "HOST_UNAVAILABLE"), "{answer:?}");
    }
    assert_eq!(host.sdk("acme", "inventory_push", push()).code(), "STOCK");
    let receipts = receipts(&host, "acme");
    assert_eq!(receipts.len(), 1, "those of the channel before are not its own: {receipts:?}");
}

#[test]
fn a_request_whose_body_arrives_across_a_swap_is_answered_by_the_new_release() {
    let host = Host::start();
    host.serving("acme", "reference", &[]);
    let (sockets, late) = begun(&host);
    let file = plugin("echo");
    let receipt = host.wharf(&["deploy", "acme", file.to_str().unwrap()])["receipt"].clone();
    assert_eq!(receipt["killed"].as_u64().unwrap_or_default(), 0, "they are on no release yet: {receipt}");
    for mut socket in sockets {
        socket.write_all(late.as_bytes()).unwrap();
        let answer = next_answer(socket);
        assert_eq!((answer.status, answer.code().as_str()), (200, "STOCK"), "{answer:?}");
    }
}
