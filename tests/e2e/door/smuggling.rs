//! Requests that two programs could read differently: each is refused, and what hides behind it is never executed.

use serde_json::json;

use super::{answers, farewell, push, still_serves};
use crate::host::{Host, TEST_KEY, sdk_body, wait_for};

/// A node with a channel that answers and one that must never be called.
pub(super) fn node() -> Host {
    let host = Host::start();
    host.serving("acme", "echo", &[]);
    host.serving("victim", "chaos", &["behaviour=count"]);
    host
}

/// Nobody has called the victim: our own call is its first, and alone in the journal.
#[track_caller]
pub(super) fn nobody_got_through(host: &Host) {
    let answer = host.sdk("victim", "inventory_push", json!({})).ok(200);
    assert_eq!(answer["events"][0]["message"], "1", "the victim was called before");
    wait_for("the call to be in the journal", || host.wharf(&["calls", "victim"]) != json!([]));
    assert_eq!(host.wharf(&["calls", "victim"]).as_array().map(Vec::len), Some(1));
}

/// A head for `acme` with these lines in it, and this body.
fn post(lines: &str, body: &str) -> String {
    format!("POST /channels/acme/inventory_push_v1 HTTP/1.1\r\nhost: x\r\n{lines}\r\n{body}")
}

/// Heads that tell how the body is encoded beside its length, or in a way that some take for none.
fn encodings() -> Vec<String> {
    let body = sdk_body(TEST_KEY, "inventory_push", &json!({}));
    let length = body.len();
    let chunked = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    let (own, chunks) = (format!("content-length: {length}\r\n"), "transfer-encoding: chunked\r\n");
    let mut cases: Vec<String> = [
        format!("{own}{chunks}"),
        format!("{chunks}{own}"),
        format!("content-length: 0\r\n{chunks}"),
        format!("{chunks}content-length: 0\r\n"),
        format!("{chunks}{chunks}"),
        format!("{chunks}transfer-encoding: identity\r\n"),
        format!("transfer-encoding: identity\r\n{chunks}"),
    ]
    .iter()
    .map(|lines| post(lines, &chunked))
    .collect();
    for value in [
        "xchunked",
        "chunked, chunked",
        "gzip, chunked",
        "chunked, identity",
        "identity",
        "chunked;q=1",
        "\"chunked\"",
        "chunked,",
        ",chunked",
        "chunked\x0b",
        "\x0bchunked",
        "chun ked",
        "",
        "chunked\x00",
        "chunke\u{301}d",
        "CHUNKED x",
    ] {
        cases.push(post(&format!("transfer-encoding: {value}\r\n"), &chunked));
    }
    for line in [
        "transfer-encoding : chunked",
        "transfer-encoding\t: chunked",
        " transfer-encoding: chunked",
        "\ttransfer-encoding: chunked",
        "transfer-encoding\r\n : chunked",
        "x: y\r\n transfer-encoding: chunked",
        "transfer-encoding: \r\n chunked",
        "transfer\u{2010}encoding: chunked",
        "transfer-encoding chunked",
        ": x",
        "x\0: y",
        "x: \0",
        "x: a\rtransfer-encoding: chunked",
        "x: a\ntransfer-encoding: chunked",
    ] {
        cases.push(post(&format!("{line}\r\n{own}"), &body));
    }
    cases.push(post(chunks, &chunked).replace("HTTP/1.1", "HTTP/1.0"));
    cases
}

/// Heads that tell the body's length twice, or as no number.
fn lengths() -> Vec<String> {
    let body = sdk_body(TEST_KEY, "inventory_push", &json!({}));
    let length = body.len();
    let own = format!("content-length: {length}\r\n");
    let mut cases = Vec::new();
    for value in [
        format!("+{length}"),
        format!("-{length}"),
        format!("{length}, {length}"),
        format!("{length},"),
        format!("0x{length:x}"),
        format!("{length}.0"),
        format!("{length} 1"),
        format!("\"{length}\""),
        String::new(),
        "99999999999999999999".to_owned(),
        "18446744073709551616".to_owned(),
        format!("{length}e0"),
        "٣".to_owned(),
    ] {
        cases.push(post(&format!("content-length: {value}\r\n"), &body));
    }
    cases.push(post(&own.repeat(2), &body));
    cases.push(post(&format!("{own}content-length: 5\r\n"), &body));
    cases.push(post(&format!("{own}content-length : 5\r\n"), &body));
    cases.push(post(&format!("content-length:\r\n {length}\r\n"), &body));
    cases
}

/// Bodies whose pieces some measure otherwise.
fn chunks() -> Vec<String> {
    let body = sdk_body(TEST_KEY, "inventory_push", &json!({}));
    let length = body.len();
    let chunked = |text: String| post("transfer-encoding: chunked\r\n", &text);
    [
        format!("+{length:x}\r\n{body}\r\n0\r\n\r\n"),
        format!("-{length:x}\r\n{body}\r\n0\r\n\r\n"),
        format!("0x{length:x}\r\n{body}\r\n0\r\n\r\n"),
        format!("{length:x} \r\n{body}\r\n0\r\n\r\n"),
        format!(" {length:x}\r\n{body}\r\n0\r\n\r\n"),
        format!("{length:x}\n{body}\r\n0\r\n\r\n"),
        format!("{length:x};a\n{body}\r\n0\r\n\r\n"),
        format!("{length:x};a\rb\r\n{body}\r\n0\r\n\r\n"),
        format!("{length:x};{}\r\n{body}\r\n0\r\n\r\n", "a".repeat(40_000)),
        format!("{length:x}\r\n{body}\n0\r\n\r\n"),
        format!("{length:x}\r\n{body}XX0\r\n\r\n"),
        format!("{length:x}\r\n{body}\r\n0\n\n"),
        format!("{length:x}\r\n{body}\r\n0\r\ncontent-length: 5\r\n\r\n"),
        format!("{length:x}\r\n{body}\r\n0\r\ntransfer-encoding: chunked\r\n\r\n"),
        format!("{length:x}\r\n{body}\r\n0\r\nx y\r\n\r\n"),
        format!("{length:x}\r\n{body}\r\n0\r\n x: y\r\n\r\n"),
        format!("ffffffffffffffff\r\n{body}\r\n0\r\n\r\n"),
        format!("10000000000000000{length:x}\r\n{body}\r\n0\r\n\r\n"),
        format!("{length:x}\r\n{}\r\n0\r\n\r\n", &body[1..]),
        format!("\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"),
        format!("{length:x}g\r\n{body}\r\n0\r\n\r\n"),
    ]
    .map(chunked)
    .into()
}

/// Heads that name more than one place, or none, and lines that end otherwise.
fn heads() -> Vec<String> {
    let good = push("acme", "");
    let first = "POST /channels/acme/inventory_push_v1 HTTP/1.1\r\n";
    let line = |with: &str| good.replacen(first, with, 1);
    let host = |with: &str| good.replacen("host: x\r\n", with, 1);
    vec![
        host(""),
        host("host: x\r\nhost: x\r\n"),
        host("host: x\r\nHost: y\r\n"),
        host("host: x, y\r\n"),
        host("host: x y\r\n"),
        host("host: user@x\r\n"),
        host("host: x/y\r\n"),
        host("host : x\r\n"),
        host("host: \r\n x\r\n"),
        host("host: x\n"),
        line("POST http://y/channels/acme/inventory_push_v1 HTTP/1.1\r\n"),
        line("POST http://x@y/channels/acme/inventory_push_v1 HTTP/1.1\r\n"),
        line("POST http://x:80/channels/acme/inventory_push_v1 HTTP/1.1\r\n"),
        line("POST channels/acme/inventory_push_v1 HTTP/1.1\r\n"),
        line("POST /channels/acme/inventory_push_v1#x HTTP/1.1\r\n"),
        line("POST  /channels/acme/inventory_push_v1 HTTP/1.1\r\n"),
        line("POST /channels/acme/inventory_push_v1  HTTP/1.1\r\n"),
        line("POST\t/channels/acme/inventory_push_v1\tHTTP/1.1\r\n"),
        line(" POST /channels/acme/inventory_push_v1 HTTP/1.1\r\n"),
        line("POST /channels/acme/inventory_push_v1 HTTP/1.1 \r\n"),
        line("POST /channels/acme/inventory_push_v1 HTTP/1.1\n"),
        line("POST /channels/acme/inventory_push_v1 HTTP/1.2\r\n"),
        line("POST /channels/acme/inventory_push_v1 HTTP/2.0\r\n"),
        line("POST /channels/acme/inventory_push_v1 http/1.1\r\n"),
        line("POST /channels/acme/inventory_push_v1\r\n"),
        line("POST /channels/acme/\0inventory_push_v1 HTTP/1.1\r\n"),
        line("P\0ST /channels/acme/inventory_push_v1 HTTP/1.1\r\n"),
        line("POST /channels/acme/inventory_push_v1 HTTP/1.1\rx\r\n"),
        good.replacen("\r\n\r\n", "\r\n\n", 1),
        good.replacen("\r\n\r\n", "\n\n", 1),
    ]
}

#[test]
fn what_has_two_readings_is_refused_and_what_hides_behind_it_is_not_executed() {
    let host = node();
    let cases = [encodings(), lengths(), chunks(), heads()].concat();
    let second = push("victim", "");
    let (mut refused, mut closed) = (0, 0);
    for case in &cases {
        let (said, _) = farewell(&host.edge, format!("{case}{second}").as_bytes());
        let told = said.starts_with("HTTP/1.1 400") || said.starts_with("HTTP/1.1 431");
        assert!(said.is_empty() || told && answers(&said) == 1, "{case:?}: {said}");
        if told { refused += 1 } else { closed += 1 }
    }
    println!("{} requests with two readings: {refused} refused, {closed} closed without a word", cases.len());
    assert!(cases.len() >= 60 && refused > cases.len() / 2, "{refused} of {} were told why", cases.len());
    still_serves(&host);
    nobody_got_through(&host);
}

#[test]
fn the_same_in_single_bytes_and_after_a_good_request_is_refused_too() {
    let host = node();
    let second = push("victim", "");
    let cases: Vec<_> = [encodings(), lengths(), chunks(), heads()].concat().into_iter().step_by(7).collect();
    for case in &cases {
        let (said, _) = farewell(&host.edge, format!("{}{case}{second}", push("acme", "")).as_bytes());
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 200") && answers(&said) <= 2, "{case:?}: {said}");
        assert!(
            answers(&said) < 2 || said.contains("HTTP/1.1 400") || said.contains("HTTP/1.1 431"),
            "{case:?}: {said}"
        );
    }
    nobody_got_through(&host);
}

#[test]
fn requests_with_one_reading_pass_however_unusual_they_look() {
    let host = node();
    let body = sdk_body(TEST_KEY, "inventory_push", &json!({}));
    let (cut, length) = (body.len() / 2, body.len());
    let path = "/channels/acme/inventory_push_v1";
    let good = push("acme", "");
    let head = format!("POST {path} HTTP/1.1\r\nHOST:\tx \r\nTransfer-Encoding:  Chunked \r\n\r\n");
    let (one, two) = body.split_at(cut);
    let chunked =
        format!("{head}{cut:04X};x=\"y z\"\r\n{one}\r\n{:x}\r\n{two}\r\n000\r\nx-sum: 1\r\n\r\n", length - cut);
    for request in [
        good.clone(),
        format!("\r\n{good}"),
        chunked,
        good.replace(path, &format!("http://X{path}")),
        good.replace("content-length: ", "content-length: 000"),
        good.replace("HTTP/1.1", "HTTP/1.0").replace("host: x\r\n", "connection: keep-alive\r\n"),
    ] {
        let twice = format!("{request}{}", push("acme", "connection: close\r\n"));
        let (said, _) = farewell(&host.edge, twice.as_bytes());
        assert_eq!(said.matches(" 200 OK").count(), 2, "{request:?}: {said}");
    }
    nobody_got_through(&host);
}
