//! What a component gets of the platform's API, and what it never gets.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::host::wait_for;
use crate::upstream::{FINE, Upstream, saying};

#[test]
fn the_credential_arrives_and_the_component_never_sees_it() {
    // It repeats all that it was sent.
    let platform = Upstream::answering(|head, _| saying(200, head));
    let host = node("");
    asking(&host, &platform.address, &["GET\tapi/externals/v1/projects\tkeyword=a b&storeID=3"]);
    let told = notes(&host);
    assert!(
        told[0]
            .starts_with("status 200: GET /ProdClients/ACME/RESTWS/api/externals/v1/projects?keyword=a%20b&storeID=3 "),
        "{told:?}"
    );
    assert!(told[0].to_lowercase().contains("x-token: bearer {{secret:platform_token}}"), "{told:?}");
    let head = platform.seen()[0].to_lowercase();
    for line in [
        &format!("x-token: bearer {TOKEN}"),
        &format!("host: {}", platform.address),
        "accept: application/json",
        "wharf-hops: 1",
    ] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line}: {head}");
    }
    let told =
        [host.log(), host.wharf(&["logs", "acme"]).to_string(), host.wharf(&["releases", "acme"]).to_string()].concat();
    assert!(!told.contains("canary-") && !notes(&host).concat().contains("canary-"), "{told}");
}

#[test]
fn the_credential_goes_to_the_platform_alone_whatever_else_is_granted() {
    let (platform, trap) = (Upstream::plain(FINE), Upstream::plain(FINE));
    let host = node("");
    host.wharf(&["secret", "set", "acme", "OTHER", "--value", "another-secret"]);
    for to in [&trap, &platform] {
        let url = format!("url={}", to.url());
        let settings = |header: &'static str| ["behaviour=fetch", header, url.as_str()].map(str::to_owned);
        for (header, expected) in [
            ("header=x-token: {{secret:PLATFORM_TOKEN}}", "denied"),
            ("header=x-token: {{secret:OTHER}}", "status 200"),
        ] {
            let settings = settings(header);
            let settings: Vec<_> = settings.iter().map(String::as_str).collect();
            deploy(&host, &platform.address, &settings, &["--allow", &to.address]);
            let told = notes(&host);
            assert!(told[0].contains(expected), "{header}: {told:?}");
        }
    }
    let seen = [platform.seen(), trap.seen()].concat().concat();
    assert!(!seen.contains("canary-") && seen.matches("another-secret").count() == 2, "{seen}");
    wait_for("the log to say why", || host.log().contains("is for the platform's API alone"));
    // Nor is the host of the platform granted by that.
    deploy(&host, &platform.address, &["behaviour=fetch", &format!("url={}", platform.url())], &[]);
    assert!(notes(&host)[0].contains("denied"));
}

#[test]
fn document_details_update_and_payments_are_asked_for() {
    let platform = Upstream::answering(|head, body| {
        let line = head.lines().next().unwrap();
        let (method, rest) = line.split_once(" /ProdClients/ACME/RESTWS/").unwrap();
        let answer = match (method, rest.split_once(" HTTP").unwrap().0) {
            ("GET", "api/x/document?documentTypeID=2&documentID=71") => {
                json!({ "success": true, "internalCode": "D-71" })
            }
            ("PUT", "api/x/document") => {
                json!({ "success": true, "was": serde_json::from_str::<Value>(body).unwrap() })
            }
            ("POST", "api/x/payments") => json!({ "success": false, "message": "paid already" }),
            ("DELETE", "api/x/payments/5") => json!({ "success": true }),
            other => return saying(404, &format!("{other:?}")),
        };
        saying(200, &answer.to_string())
    });
    let host = node("");
    asking(
        &host,
        &platform.address,
        &[
            "GET\tapi/x/document\tdocumentTypeID=2&documentID=71",
            "PUT\t/api/x/document\t\t{\"internalCode\":\"D-71\"}",
            "POST\tapi/x/payments\t\t{\"status\":\"paid\"}",
            "DELETE\tapi/x/payments/5",
            "GET\tapi/x/nothing",
        ],
    );
    let told = notes(&host);
    let expected = [
        r#"status 200: {"internalCode":"D-71","success":true}"#,
        r#"status 200: {"success":true,"was":{"internalCode":"D-71"}}"#,
        r#"status 200: {"message":"paid already","success":false}"#,
        r#"status 200: {"success":true}"#,
        r#"status 404: ("GET", "api/x/nothing")"#,
    ];
    assert_eq!(told, expected);
    let seen = platform.seen();
    assert!(seen[1].to_lowercase().contains("\r\ncontent-type: application/json\r\n"), "{seen:?}");
    assert!(!seen[0].to_lowercase().contains("content-type"), "{seen:?}");
    // As a notification that nobody waits for asks it.
    let keys = host.wharf(&["channel", "rotate", "acme", "notification"]);
    let cancelled = json!({ "eventType": "document.cancellation", "entityTypeID": 2, "entityID": 71 });
    host.notify("acme", keys["notification_key"].as_str().unwrap(), &cancelled).ok(202);
    wait_for("the details to be asked for in the background", || platform.seen().len() == 10);
}

#[test]
fn requests_to_the_platform_have_the_limits_of_all_others() {
    let large = "x".repeat(200 << 10);
    let platform = Upstream::answering(move |head, _| {
        if head.contains("/large") {
            return saying(200, &large);
        }
        if head.contains("/binary") {
            // The first half of a letter.
            return "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\n\u{e9}".to_owned();
        }
        if head.contains("/away") {
            saying(302, "").replacen("\r\n", "\r\nlocation: http://127.0.0.1:1/\r\n", 1)
        } else {
            saying(200, "ok")
        }
    });
    let config = "requests = 6\nresponse = \"128KiB\"\nrequest = \"4KiB\"\n";
    let host = node(config);
    let long = format!("POST\tx\t\t\"{}\"", "y".repeat(5 << 10));
    asking(
        &host,
        &platform.address,
        &["GET\tlarge", "GET\tbinary", "GET\taway", &long, "POST\tx\t\t{", "GET\tx", "GET\tx", "GET\tx", "GET\tx"],
    );
    let told = notes(&host);
    let begins = |place: usize, text: &str| assert!(told[place].starts_with(text), "{place}: {told:?}");
    begins(0, "answer is longer than 131072 bytes");
    begins(1, "request failed: the answer is not UTF-8");
    begins(2, "status 302: ");
    begins(3, "request cannot be sent: its body is larger than outbound.request");
    begins(4, "request cannot be sent: its body is not JSON");
    (5..8).for_each(|place| begins(place, "status 200: ok"));
    begins(8, "request denied: the call has sent all the requests it may");

    // What may cross to a guest bounds an answer as well.
    let host = node("[guest]\nhost-call-fuel = \"64KiB\"\n");
    asking(&host, &platform.address, &["GET\tlarge"]);
    assert!(notes(&host)[0].starts_with("answer is longer than 65536 bytes"), "{:?}", notes(&host));

    let silent = Upstream::silent();
    let host = node("first-byte-time = \"300ms\"\nbetween-bytes-time = \"300ms\"\n");
    let pausing = Upstream::start(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx");
        let _ = std::io::Read::read(stream, &mut [0]);
    });
    for upstream in [&silent, &pausing] {
        asking(&host, &upstream.address, &["GET\tx"]);
        let began = Instant::now();
        assert_eq!(notes(&host), ["request timed out"]);
        assert!(began.elapsed() < Duration::from_secs(6));
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    asking(&host, &nobody.to_string(), &["GET\tx"]);
    assert_eq!(notes(&host), ["platform cannot be reached: nobody answers there"]);
}

#[test]
fn a_deadline_after_the_platform_was_asked_is_ambiguous_and_the_record_says_so() {
    let platform = Upstream::plain(FINE);
    let host = Host::with_config(
        "[call]\nsdk-deadline = \"1s\"\n[outbound]\nallow-http = true\nallow-private = [\"127.0.0.0/8\"]\n",
    );
    host.channel("acme");
    host.wharf(&["secret", "set", "acme", "PLATFORM_TOKEN", "--value", TOKEN]);
    deploy(&host, &platform.address, &["behaviour=platform", "asks=POST\tx\t\t{}", "then_sleep_ms=60000"], &[]);
    let answer = host.sdk("acme", "inventory_push", json!({ "inventory_updates": [] }));
    assert_eq!((answer.status, answer.code().as_str()), (504, "HOST_AMBIGUOUS"));
    let id = answer.header("wharf-call-id").unwrap();
    wait_for("the call to be in the journal", || host.cli(&["calls", "show", id]).status.success());
    let call = host.wharf(&["calls", "show", id]);
    let row = &call["outbound"][0];
    assert_eq!(
        (&row["method"], &row["path"], &row["status"]),
        (&json!("POST"), &json!("/ProdClients/ACME/RESTWS/x"), &json!(200)),
        "{call}"
    );
}

#[test]
fn an_inner_address_and_a_missing_secret_are_refused() {
    let trap = Upstream::plain(FINE);
    let host = Host::with_config("[outbound]\nallow-http = true\n");
    host.channel("acme");
    asking(&host, &trap.address, &["GET\tx"]);
    assert!(notes(&host)[0].starts_with("request denied: its secret is not set"), "{:?}", notes(&host));
    host.wharf(&["secret", "set", "acme", "PLATFORM_TOKEN", "--value", TOKEN]);
    asking(&host, &trap.address, &["GET\tx"]);
    assert_eq!(notes(&host), ["request denied: the platform's address is not a public one"]);
    assert_eq!(trap.seen(), Vec::<String>::new());
}
