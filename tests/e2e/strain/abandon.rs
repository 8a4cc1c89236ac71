//! Callers who go away in the middle of a call.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use wharf_protocol::examples;

use super::{free_places, open_files, push};
use crate::host::{Host, TEST_KEY, plugin, sdk_body, wait_for};
use crate::trust::load::for_a_while;
use crate::trust::{Dice, rounds};
use crate::upstream::Upstream;

#[test]
fn whenever_a_caller_goes_away_its_place_and_its_files_come_back() {
    let host = Host::with_config(
        "[breaker]\nfaults = 0\n[call]\nsdk-deadline = \"2s\"\n[outbound]\nallow-http = true\nallow-private = [\"127.0.0.0/8\"]\n",
    );
    let silent = Upstream::silent();
    let kinds = [
        ("answers", "behaviour=answer"),
        ("sleeps", "behaviour=sleep"),
        ("spins", "behaviour=spin"),
        ("counts", "behaviour=count"),
        ("traps", "behaviour=trap"),
        ("grows", "behaviour=grow"),
        ("logs", "behaviour=flood-log"),
        ("asks", "behaviour=fetch"),
    ];
    let (chaos, url) = (plugin("chaos"), format!("url={}", silent.url()));
    for (channel, behaviour) in kinds {
        host.channel(channel);
        let deploy = ["deploy", channel, chaos.to_str().unwrap(), "--skip-preflight", "--allow", &silent.address];
        let settings = ["--set", behaviour, "--set", "sleep_ms=60000", "--set", "lines=200", "--set", &url];
        host.wharf(&[deploy.as_slice(), settings.as_slice()].concat());
        host.sdk(channel, "order_pull", push());
    }
    let places: Vec<_> = kinds.iter().map(|(channel, _)| free_places(&host, channel)).collect();
    let files = open_files(&host);
    let mut dice = Dice::thrown("callers who go away");
    let calls = rounds(1000, 5000);
    for _ in 0..calls {
        let (channel, _) = kinds[usize::try_from(dice.below(kinds.len() as u64)).unwrap()];
        // What changes something is done to its end, nevertheless; the other ends where it is.
        let interaction = if dice.below(4) == 0 { "inventory_push" } else { "order_pull" };
        let body = sdk_body(TEST_KEY, interaction, &push());
        let mut socket = TcpStream::connect(&host.edge).unwrap();
        let length = body.len();
        let _ = write!(
            socket,
            "POST /channels/{channel}/{interaction}_v1 HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        for_a_while(Duration::from_micros(dice.below(20_000)));
    }
    wait_for("every place to be free again", || {
        kinds.iter().zip(&places).all(|((channel, _), before)| free_places(&host, channel) == *before)
    });
    wait_for("the sockets to be closed", || open_files(&host) <= files + 2);
    assert!(silent.connections() > 1, "nobody was in the middle of a request");
    let log = host.log();
    assert!(!log.contains("panicked") && !log.contains("a bug of this host"), "{log}");
    println!("{calls} callers went away; all places and files came back, nothing panicked");
}

/// Sends a call and goes away as soon as its guest has a place.
fn hang_up(host: &Host, channel: &str, interaction: &str) {
    let path = format!("/channels/{channel}/{interaction}_v1");
    leave(host, channel, &path, "", &sdk_body(TEST_KEY, interaction, &push()));
}

/// Posts this to a channel and goes away as soon as its guest has a place; `more` is lines of the head.
fn leave(host: &Host, channel: &str, path: &str, more: &str, body: &str) {
    let before = free_places(host, channel);
    let mut socket = TcpStream::connect(&host.edge).unwrap();
    let length = body.len();
    write!(socket, "POST {path} HTTP/1.1\r\nhost: x\r\n{more}content-length: {length}\r\n\r\n{body}").unwrap();
    wait_for("the call to be under way", || free_places(host, channel) < before);
}

#[test]
fn a_call_that_only_looks_ends_with_its_caller_and_leaves_a_row() {
    let host = Host::start();
    host.serving("acme", "chaos", &["behaviour=sleep", "sleep_ms=8000"]);
    hang_up(&host, "acme", "order_pull");
    let mut rows = Value::Null;
    wait_for("the call to be in the journal", || {
        rows = host.wharf(&["calls", "acme"]);
        rows[0]["outcome"] == "abandoned"
    });
    assert!(rows[0]["duration_us"].as_u64().is_some_and(|us| us < 7_000_000), "{rows}");
}

#[test]
fn a_notification_that_only_looks_ends_with_its_caller_and_any_other_is_finished() {
    let host = Host::start();
    let body_of = |event: &str| {
        let mut bodies = examples::notifications().map(|example| example.body);
        bodies.find(|body| serde_json::from_str::<Value>(body).unwrap()["eventType"] == event).unwrap()
    };
    for (event, sleep, outcome) in [
        ("contact.search", "sleep_ms=7000", "abandoned"),
        ("contact.details", "sleep_ms=7000", "abandoned"),
        ("document.pricing", "sleep_ms=7000", "abandoned"),
        ("contact.validation", "sleep_ms=1000", "ok"),
        ("document.validation", "sleep_ms=1000", "ok"),
    ] {
        let channel = format!("shop-{}", event.replace('.', "-"));
        let keys = host.serving(&channel, "chaos", &["behaviour=sleep", sleep]);
        let (path, key) =
            (format!("/channels/{channel}/notifications"), format!("x-api-key: {}\r\n", keys.notification));
        leave(&host, &channel, &path, &key, body_of(event));
        let mut rows = Value::Null;
        wait_for("the call to be in the journal", || {
            rows = host.wharf(&["calls", &channel]);
            rows != json!([])
        });
        assert_eq!((rows[0]["action"].as_str(), rows[0]["outcome"].as_str()), (Some(event), Some(outcome)), "{rows}");
        assert!(rows[0]["duration_us"].as_u64().is_some_and(|us| us < 6_000_000), "{rows}");
    }
}

#[test]
fn a_node_that_stops_finishes_what_a_caller_who_went_away_had_begun() {
    let mut host = Host::start();
    host.serving("acme", "chaos", &["behaviour=sleep", "sleep_ms=3000"]);
    hang_up(&host, "acme", "inventory_push");
    host.terminate();
    assert_eq!(host.await_exit(), Some(0));
    let host = host.kill_and_restart();
    let rows = host.wharf(&["calls", "acme"]);
    assert_eq!(
        (rows[0]["outcome"].as_str(), rows[0]["action"].as_str()),
        (Some("ok"), Some("inventory_push")),
        "{rows}"
    );
}
