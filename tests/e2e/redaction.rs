//! A secret that comes back is not written down.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::host::{Host, plugin, wait_for};
use crate::wire::Answer;

const SECRET: &str = "s3cret/0123456789+abc";

/// A system that answers with the header that it was sent, plain and in base64.
fn echoing() -> String {
    echoing_after(|| ())
}

/// The same, which waits before each answer.
fn echoing_after(wait: impl Fn() + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count > 0) {
                head.push(byte[0]);
            }
            wait();
            let head = String::from_utf8_lossy(&head).into_owned();
            let sent = head.lines().find_map(|line| line.strip_prefix("x-key: ")).unwrap_or_default();
            let body = format!("you sent {sent} or {}", sent.replace('/', "%2F").replace('+', "%2B"));
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        }
    });
    address
}

fn deploy(host: &Host, behaviour: &str, address: &str, more: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chaos.wasm");
    std::fs::copy(plugin("chaos"), &file).unwrap();
    let manifest = format!(
        "secrets = [\"API_KEY\"]\n[config]\nbehaviour = \"{behaviour}\"\nurl = \"http://{address}/\"\n\
         header = \"x-key: {{{{secret:API_KEY}}}}\"\n[grants]\nhosts = [\"{address}\"]\n"
    );
    std::fs::write(folder.path().join("wharf.toml"), manifest).unwrap();
    host.wharf(&[&["deploy", "acme", file.to_str().unwrap()], more].concat());
}

fn call(host: &Host) -> Answer {
    host.sdk("acme", "inventory_push", json!({ "inventory_updates": [] }))
}

/// A call and its log, when both are in the journal.
fn told(host: &Host, answer: &Answer) -> Value {
    let id = answer.header("wharf-call-id").unwrap();
    let mut shown = Value::Null;
    wait_for("the call and its log to be in the journal", || {
        let found = host.cli(&["calls", "show", id, "--json"]);
        shown = serde_json::from_slice(&found.stdout).unwrap_or_default();
        shown["logs"].as_array().is_some_and(|lines| !lines.is_empty())
    });
    shown
}

#[test]
fn a_secret_that_comes_back_is_in_no_log_no_failure_and_no_later_call() {
    let host = Host::with_config("[outbound]\nallow-http = true\nallow-private = [\"127.0.0.0/8\"]\n");
    host.channel("acme");
    let address = echoing();
    host.wharf(&["secret", "set", "acme", "API_KEY", "--value", SECRET]);

    deploy(&host, "repeat", &address, &["--skip-preflight"]);
    let refused = call(&host);
    assert_eq!(refused.code(), "CHAOS");
    let shown = told(&host, &refused);
    let lines: Vec<_> = shown["logs"].as_array().unwrap().iter().map(|line| line["message"].clone()).collect();
    let redacted = "you sent {{secret:API_KEY}} or {{secret:API_KEY}}";
    assert_eq!(lines, [redacted, redacted], "the log and stderr");
    assert_eq!(refused.json()["events"][0]["message"], redacted);

    // What the guest kept comes back in a call that sends nothing, even after the secret was changed.
    host.wharf(&["secret", "set", "acme", "API_KEY", "--value", "another-value"]);
    deploy(&host, "recall", &address, &["--skip-preflight"]);
    let panicked = call(&host);
    assert_eq!(panicked.status, 502);
    let shown = told(&host, &panicked);
    let said = shown["logs"].to_string();
    assert!(said.contains("chaos recalls you sent {{secret:API_KEY}}"), "{said}");

    // And before anything is published.
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("wharf.toml");
    std::fs::write(&manifest, "secrets = [\"API_KEY\"]\n[config]\nbehaviour = \"recall\"\n").unwrap();
    let file = plugin("chaos");
    let (_, tried) =
        host.refuses(&["deploy", "acme", file.to_str().unwrap(), "--manifest", manifest.to_str().unwrap(), "--json"]);
    assert!(tried.contains("chaos recalls you sent {{secret:API_KEY}}"), "{tried}");

    let logs = host.wharf(&["logs", "acme"]).to_string();
    let calls = host.wharf(&["calls", "acme"]).to_string();
    for text in [refused.body, panicked.body, shown.to_string(), tried, logs, calls, host.log()] {
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn a_secret_that_is_deleted_during_a_call_is_in_no_log_of_it() {
    let host = Host::with_config("[outbound]\nallow-http = true\nallow-private = [\"127.0.0.0/8\"]\n");
    host.channel("acme");
    let (arrived, arrivals) = std::sync::mpsc::channel();
    let (go, going) = std::sync::mpsc::channel();
    let address = echoing_after(move || {
        arrived.send(()).unwrap();
        let () = going.recv().unwrap();
    });
    host.wharf(&["secret", "set", "acme", "API_KEY", "--value", SECRET]);
    deploy(&host, "repeat", &address, &["--skip-preflight"]);
    let answer = std::thread::scope(|scope| {
        let calling = scope.spawn(|| call(&host));
        arrivals.recv().unwrap();
        host.wharf(&["secret", "delete", "acme", "API_KEY"]);
        go.send(()).unwrap();
        calling.join().unwrap()
    });
    assert_eq!(answer.code(), "CHAOS");
    let shown = told(&host, &answer).to_string();
    assert!(shown.contains("you sent {{secret:API_KEY}}"), "{shown}");
    for text in [answer.body, shown, host.log()] {
        assert!(!text.contains("s3cret"), "{text}");
    }
}
