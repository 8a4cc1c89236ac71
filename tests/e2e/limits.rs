//! Limits of a node that no other test reaches.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::host::{Host, plugin, wait_for};

fn push() -> Value {
    json!({ "inventory_updates": [] })
}

/// The lines that one call logged.
fn logged(config: &str, lines: &str) -> Vec<String> {
    let host = Host::with_config(config);
    host.serving("acme", "chaos", &["behaviour=flood-log", lines]);
    host.sdk("acme", "inventory_push", push()).ok(200);
    let mut listed = Value::Null;
    wait_for("the lines to be in the journal", || {
        listed = host.wharf(&["logs", "acme"]);
        listed != json!([])
    });
    listed.as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_long_line_is_cut_and_a_calls_log_is_bounded_in_bytes() {
    let lines = logged("[guest]\nlog-line = \"100B\"\n", "lines=1");
    assert!(lines.len() == 1 && (50..=120).contains(&lines[0].len()), "{lines:?}");
    let lines = logged("[guest]\nlog-bytes = \"3KiB\"\n", "lines=10");
    assert!((2..=4).contains(&lines.len()), "{lines:?}");
    assert!(lines.last().unwrap().contains("more lines were dropped"), "{lines:?}");
}

#[test]
fn an_answer_over_the_nodes_limit_is_not_sent() {
    let host = Host::with_config("[call]\nanswer = \"64KiB\"\n");
    host.serving("acme", "chaos", &["behaviour=huge-answer", "kilobytes=1024"]);
    host.serving("good", "echo", &[]);
    let answer = host.sdk("acme", "inventory_push", push());
    assert_eq!((answer.status, answer.code().as_str()), (502, "HOST_INVALID_ANSWER"));
    assert_eq!(host.sdk("good", "inventory_push", push()).status, 200);
}

#[test]
fn the_journal_keeps_the_newest_calls_alone() {
    let host = Host::with_config("[journal]\ncalls = 10\n");
    host.serving("acme", "echo", &[]);
    let mut last = String::new();
    for _ in 0..60 {
        let answer = host.sdk("acme", "inventory_push", push());
        answer.header("wharf-call-id").unwrap().clone_into(&mut last);
    }
    let mut listed = Value::Null;
    wait_for("the last call to be in the journal", || {
        listed = host.wharf(&["calls", "acme", "--limit", "1000"]);
        listed[0]["id"] == last.as_str()
    });
    let kept = listed.as_array().unwrap().len();
    assert!((10..=20).contains(&kept), "{kept} calls are kept");
}

#[test]
fn the_journal_keeps_the_newest_log_lines_alone() {
    let host = Host::with_config("[journal]\nlog-lines = 12\n");
    host.serving("acme", "chaos", &["behaviour=flood-log", "lines=4"]);
    let calls: Vec<_> = (0..15)
        .map(|_| host.sdk("acme", "inventory_push", push()).header("wharf-call-id").unwrap().to_owned())
        .collect();
    let mut listed = Value::Null;
    wait_for("the last call's lines to be in the journal", || {
        listed = host.wharf(&["logs", "acme", "--limit", "1000"]);
        listed.as_array().unwrap().iter().filter(|line| line["call"] == calls[14].as_str()).count() == 4
    });
    let kept = listed.as_array().unwrap();
    assert!((12..=24).contains(&kept.len()), "{} lines are kept", kept.len());
    let oldest = kept.iter().filter_map(|line| calls.iter().position(|call| line["call"] == call.as_str())).min();
    assert!(oldest >= Some(9), "lines of the call {oldest:?} are kept");
}

#[test]
fn a_stop_waits_no_longer_than_it_should() {
    let mut host = Host::with_config("[call]\ndrain = \"500ms\"\n");
    host.serving("acme", "chaos", &["behaviour=sleep", "sleep_ms=8000"]);
    let free = || host.wharf(&["status"])["channels"][0]["in_flight_free"].as_u64().unwrap();
    let idle = free();
    let body = json!({ "action": "order_pull", "integration_auth_token": "RETAILOPS_SDK" }).to_string();
    let mut socket = TcpStream::connect(&host.edge).unwrap();
    let length = body.len();
    write!(socket, "POST /channels/acme/order_pull_v1 HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}")
        .unwrap();
    wait_for("the call to be under way", || free() < idle);
    let began = Instant::now();
    host.terminate();
    assert_eq!(host.await_exit(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(5), "it stopped after {:?}", began.elapsed());
    wait_for("the log to be complete", || host.log().contains("stopped with requests still under way"));
}

#[test]
fn a_connection_without_a_further_request_is_closed_after_its_time() {
    let host = Host::with_config("[edge]\nidle-time = \"1s\"\n");
    let mut socket = TcpStream::connect(&host.edge).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let began = Instant::now();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!((800..6000).contains(&began.elapsed().as_millis()), "it was closed after {:?}", began.elapsed());
}

#[test]
fn a_release_that_asks_for_more_than_the_node_gives_is_told_and_gets_what_there_is() {
    let host = Host::with_config("[call]\nin-flight = 5\n");
    host.channel("acme");
    let manifest = host.data().join("greedy.toml");
    std::fs::write(&manifest, "[limits]\nmemory = \"4GiB\"\ndeadline = \"10m\"\nin-flight = 1000\n").unwrap();
    let file = plugin("chaos");
    let (file, manifest) = (file.to_str().unwrap(), manifest.to_str().unwrap());
    let args = ["deploy", "acme", file, "--set", "behaviour=grow", "--manifest", manifest, "--skip-preflight"];
    let notes = host.wharf(&args)["notes"].to_string();
    for limit in ["guest.memory", "call.in-flight", "limits.deadline"] {
        assert!(notes.contains(limit), "nothing about {limit}: {notes}");
    }
    assert_eq!(host.wharf(&["status"])["channels"][0]["in_flight"], 5);
    let answer = host.sdk("acme", "inventory_push", push());
    assert_eq!((answer.status, answer.code().as_str()), (502, "HOST_OUT_OF_MEMORY"));
}

#[test]
fn random_bytes_are_bounded_at_once() {
    let host = Host::with_config("[guest]\nrandom = \"1KiB\"\n");
    host.serving("acme", "chaos", &["behaviour=random", "bytes=1024"]);
    let events = host.sdk("acme", "inventory_push", push()).ok(200);
    assert_eq!(events["events"][0]["message"], "1024 random bytes");
    host.deploy("acme", "chaos", &["behaviour=random", "bytes=1025"]);
    let answer = host.sdk("acme", "inventory_push", push());
    assert_eq!((answer.status, answer.code().as_str()), (502, "HOST_TRAP"));
}

#[test]
fn a_component_with_larger_tables_than_the_node_has_is_refused() {
    let host = Host::with_config("[guest]\ntable-elements = 100\n");
    host.channel("acme");
    let (code, said) = host.refuses(&["deploy", "acme", plugin("reference").to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(said.contains("table") && said.contains("[guest]"), "{said}");
}
