//! The verifier: it passes what is right, and says why it fails what is not.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};

use serde_json::Value;

use crate::host::{Host, program, verifier};

const WORDS: &str = "[notification.payment-status]\npaid = \"Paid\"\ndeclined = \"Declined\"\npending = \"Pending\"\n";

fn run(args: &[&str]) -> Output {
    Command::new(verifier()).args(args).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A server that answers every request with 200 and this body; it lives as long as the test.
fn server(body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let mut socket = socket;
            let mut head = Vec::new();
            let mut buffer = [0; 8192];
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                match socket.read(&mut buffer) {
                    Ok(count) if count > 0 => head.extend_from_slice(&buffer[..count]),
                    _ => break,
                }
            }
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = socket.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

#[test]
fn it_passes_the_reference_plugin_on_both_platforms() {
    let host = Host::with_config(WORDS);
    let keys = host.serving("demo", "reference", &[]);
    let base = format!("http://{}/channels/demo/", host.edge);
    let folder = tempfile::tempdir().unwrap();
    let junit = folder.path().join("junit.xml");
    let output = run(&[
        "--base-url",
        &base,
        "--notification-key",
        &keys.notification,
        "--json",
        "--junit",
        junit.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", text(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let cases = report["cases"].as_array().unwrap();
    assert!(cases.len() > 150, "only {} cases", cases.len());
    assert!(cases.iter().all(|case| case["outcome"] == "ok"), "{report}");
    for name in ["order_pull", "document.pricing", "payment.validation", "document.cancellation"] {
        assert!(report.to_string().contains(name), "nothing about {name}");
    }
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(xml.contains("<testsuite") && xml.contains("failures=\"0\""), "{xml}");
}

#[test]
fn the_host_program_has_it_as_a_subcommand() {
    let host = Host::start();
    host.serving("demo", "reference", &[]);
    let base = format!("http://{}/channels/demo", host.edge);
    let output =
        Command::new(program()).args(["verify", "--base-url", &base, "--actions", "order_*"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("order_pull") && !text(&output).contains("inventory_push"));
}

#[test]
fn it_fails_a_server_that_answers_an_empty_object_to_everything_and_says_why() {
    let output = run(&["--base-url", &server("{}")]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output);
    for reason in ["sku_fanout", "events", "orders", "next_page_token", "401"] {
        assert!(said.contains(reason), "nothing about {reason} in:\n{said}");
    }
}

#[test]
fn it_fails_a_channel_that_answers_nothing_of_the_protocol() {
    let host = Host::start();
    host.serving("chaos", "chaos", &["behaviour=unsupported"]);
    let output = run(&["--base-url", &format!("http://{}/channels/chaos", host.edge), "--actions", "order_pull"]);
    assert_eq!(output.status.code(), Some(1), "a run that checks nothing is no success: {}", text(&output));
}

#[test]
fn it_says_when_nobody_answers_and_when_it_is_used_wrongly() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(run(&["--base-url", &format!("http://{nobody}")]).status.code(), Some(1));
    assert_eq!(run(&["--no-such-flag"]).status.code(), Some(2));
    let unknown = run(&["--actions", "order_push"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", text(&unknown));
    assert!(text(&unknown).contains("order_pull"), "it lists what it knows: {}", text(&unknown));
}
