//! The admin API: who may do what, and what the others are told.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::host::Host;
use crate::wire::{self, Answer};

/// A token of this role, good for these channels or for all.
fn token(host: &Host, role: &str, channels: &[&str]) -> String {
    let mut args = vec!["token", "create", role, "--role", role];
    for channel in channels {
        args.extend(["--channel", channel]);
    }
    host.wharf(&args)["token"].as_str().unwrap().to_owned()
}

fn error(answer: &Answer) -> (u16, String) {
    let error = &answer.json()["error"];
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{answer:?}");
    (answer.status, error["code"].as_str().unwrap().to_owned())
}

/// What can be asked for: method, path, the lowest role that may (0 read, 1 deploy, 2 admin). No body is given, so that
/// whoever may changes nothing but what is deleted.
const ASKED: [(&str, &str, usize); 24] = [
    ("GET", "/v1/channels", 0),
    ("GET", "/v1/channels/acme", 0),
    ("GET", "/v1/channels/acme/releases", 0),
    ("GET", "/v1/channels/acme/releases/1", 0),
    ("GET", "/v1/channels/acme/calls", 0),
    ("GET", "/v1/channels/acme/logs", 0),
    ("GET", "/v1/channels/acme/secrets", 0),
    ("GET", "/v1/channels/acme/notifications", 0),
    ("GET", "/v1/status", 0),
    ("GET", "/metrics", 0),
    ("POST", "/v1/channels/acme/releases", 1),
    ("POST", "/v1/channels/acme/activate", 1),
    ("POST", "/v1/channels/acme/rollback", 1),
    ("PUT", "/v1/channels/acme/secrets/A", 1),
    ("DELETE", "/v1/channels/acme/secrets/A", 1),
    ("POST", "/v1/notifications/none/replay", 1),
    ("DELETE", "/v1/notifications/none", 1),
    ("POST", "/v1/channels", 2),
    ("PATCH", "/v1/channels/acme", 2),
    ("POST", "/v1/channels/acme/keys/sdk/rotate", 2),
    ("GET", "/v1/tokens", 2),
    ("POST", "/v1/tokens", 2),
    ("DELETE", "/v1/tokens/none", 2),
    ("DELETE", "/v1/channels/acme", 2),
];

#[test]
fn a_role_may_what_it_says_and_no_more() {
    let host = Host::start();
    host.serving("acme", "echo", &[]);
    for (rank, role) in ["read", "deploy", "admin"].into_iter().enumerate() {
        let token = token(&host, role, &[]);
        for (method, path, need) in ASKED {
            let answer = host.admin_as(&token, method, path, None);
            if rank < need {
                assert_eq!(error(&answer), (403, "role-too-low".to_owned()), "{role}: {method} {path}");
            } else {
                assert!(![401, 403, 405, 500].contains(&answer.status), "{role}: {method} {path}: {answer:?}");
            }
        }
    }
    assert_eq!(host.wharf(&["channel", "list"]), json!([]), "the administrator has deleted it");
}

#[test]
fn a_token_for_one_channel_does_not_even_see_the_others() {
    let host = Host::start();
    host.serving("mine", "echo", &[]);
    host.serving("acme", "echo", &[]);
    host.sdk("acme", "inventory_push", json!({ "inventory_updates": [] }));
    let foreign_call = || host.wharf(&["calls", "acme"])[0]["id"].as_str().map(str::to_owned);
    crate::host::wait_for("the call to be in the journal", || foreign_call().is_some());
    let token = token(&host, "admin", &["mine"]);
    for (method, path, _) in ASKED {
        let answer = host.admin_as(&token, method, path, None);
        match path {
            "/v1/channels" if method == "GET" => assert_eq!(answer.ok(200).as_array().unwrap().len(), 1),
            "/v1/status" => assert!(!answer.ok(200).to_string().contains("acme"), "{answer:?}"),
            "/metrics" | "/v1/channels" | "/v1/tokens" | "/v1/tokens/none" => {
                assert_eq!(error(&answer), (403, "limited-token".to_owned()), "{method} {path}");
            }
            _ if path.contains("/acme") => {
                let missing = host.admin_as(&token, method, &path.replace("/acme", "/none"), None);
                assert_eq!(error(&answer), (404, "no-such-channel".to_owned()), "{method} {path}");
                assert_eq!(answer.body.replace("acme", "none"), missing.body, "as if it did not exist");
            }
            _ => assert_eq!(answer.status, 404, "{method} {path}: {answer:?}"),
        }
    }
    let call = format!("/v1/calls/{}", foreign_call().unwrap());
    assert_eq!(error(&host.admin_as(&token, "GET", &call, None)), (404, "no-such-call".to_owned()));
    assert_eq!(host.admin_as(&token, "GET", "/v1/channels/mine", None).status, 200);
    assert_eq!(host.wharf(&["channel", "list"]).as_array().unwrap().len(), 2);
}

#[test]
fn who_has_no_valid_token_is_asked_for_one() {
    let host = Host::start();
    let url = |path: &str| format!("http://{}{path}", host.admin);
    let revoked = host.wharf(&["token", "create", "gone", "--role", "admin"]);
    let bearer = format!("Bearer {}", revoked["token"].as_str().unwrap());
    assert_eq!(wire::send("GET", &url("/v1/status"), &[("authorization", &bearer)], "").status, 200);
    host.wharf(&["token", "revoke", revoked["id"].as_str().unwrap()]);
    let basic = format!("Basic {}", host.token);
    let cut = format!("Bearer {}", &host.token[..host.token.len() - 1]);
    for header in
        [None, Some(""), Some("Bearer"), Some("Bearer "), Some(&bearer), Some(&basic), Some(&cut), Some(&host.token)]
    {
        let headers: Vec<_> = header.map(|value: &str| ("authorization", value)).into_iter().collect();
        for path in ["/v1/status", "/v1/channels/none", "/nothing"] {
            let answer = wire::send("GET", &url(path), &headers, "");
            assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{header:?} {path}");
        }
    }
    assert_eq!(wire::send("GET", &url("/healthz"), &[], "").status, 200);
    let lower = format!("bearer {}", host.token);
    assert_eq!(wire::send("GET", &url("/v1/status"), &[("authorization", &lower)], "").status, 200);
}

#[test]
fn a_request_that_makes_no_sense_is_told_what_is_wrong() {
    let host = Host::start();
    host.serving("acme", "echo", &[]);
    let raw = |method: &str, path: &str, body: &str| {
        let bearer = format!("Bearer {}", host.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        wire::send(method, &format!("http://{}{path}", host.admin), &headers, body)
    };
    for (method, path, body, status) in [
        ("POST", "/v1/channels", "{", 400),
        ("POST", "/v1/channels", "[]", 400),
        ("POST", "/v1/channels", r#"{"channel":"x","colour":"red"}"#, 400),
        ("POST", "/v1/channels", r#"{"channel":"x","mode":"live"}"#, 400),
        ("POST", "/v1/channels/acme/activate", r#"{"release":"one"}"#, 400),
        ("POST", "/v1/channels/acme/activate", r#"{"release":9}"#, 404),
        ("GET", "/v1/channels/acme/releases/one", "", 400),
        ("GET", "/v1/channels/acme/releases/9", "", 404),
        ("GET", "/v1/channels/acme/calls?limt=1", "", 400),
        ("GET", "/v1/channels/acme/calls?limit=many", "", 400),
        ("PUT", "/v1/channels/acme/secrets/small", r#"{"value":"x"}"#, 400),
        ("PUT", "/v1/channels/acme/secrets/A", r#"{"value":""}"#, 400),
        ("POST", "/v1/channels/acme/keys/master/rotate", "", 404),
        ("POST", "/v1/channels/acme/keys/sdk/rotate?grace=99999999", "", 400),
        ("POST", "/v1/channels/acme/releases", "{}", 415),
        ("POST", "/v1/tokens", r#"{"name":" ","role":"read"}"#, 400),
        ("POST", "/v1/tokens", r#"{"name":"x","role":"god"}"#, 400),
        ("POST", "/v1/tokens", r#"{"name":"x","role":"read","channels":[]}"#, 400),
        ("GET", "/v1/channels/", "", 404),
        ("GET", "/v2/channels", "", 404),
    ] {
        assert_eq!(error(&raw(method, path, body)).0, status, "{method} {path} {body}");
    }
    let wrong = raw("PUT", "/v1/channels", "{}");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, POST")));
    assert_eq!(raw("POST", "/v1/tokens", &"x".repeat(2 << 20)).status, 413);
    assert_eq!(raw("GET", "/v1/channels", "").header("cache-control"), Some("no-store"));
}

#[test]
fn status_and_metrics_tell_how_the_node_is() {
    let host = Host::start();
    host.serving("acme", "echo", &[]);
    let status = host.wharf(&["status"]);
    assert_eq!(
        (status["revision"].clone(), status["pid"].as_u64()),
        (status["desired_revision"].clone(), Some(host.id().into()))
    );
    assert_eq!(
        (status["channels"][0]["channel"].as_str(), status["channels"][0]["release"].as_u64()),
        (Some("acme"), Some(1))
    );
    let metrics = host.admin("GET", "/metrics", None);
    assert!(metrics.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(metrics.body.ends_with("# EOF\n"), "{}", metrics.body);
    for line in ["wharf_channels 1", "wharf_channel_release{channel=\"acme\"} 1"] {
        assert!(metrics.body.lines().any(|found| found == line), "{line}: {}", metrics.body);
    }
}

#[test]
fn administrators_are_heard_while_guests_take_all_that_the_edge_has() {
    let host = Host::with_config("[call]\nsdk-deadline = \"3s\"\n");
    host.serving("bad", "chaos", &["behaviour=spin"]);
    let free = || host.admin("GET", "/v1/status", None).ok(200)["channels"][0]["in_flight_free"].as_u64().unwrap();
    let idle = free();
    std::thread::scope(|scope| {
        let hogs: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| host.sdk("bad", "inventory_push", json!({ "inventory_updates": [] })).status))
            .collect();
        crate::host::wait_for("the guests to spin", || free() + 8 == idle);
        let (mut asked, mut slowest) = (0, Duration::ZERO);
        while !hogs.iter().any(std::thread::ScopedJoinHandle::is_finished) {
            let began = Instant::now();
            assert_eq!(host.admin("GET", "/v1/channels/bad", None).ok(200)["active"], Value::from(1));
            slowest = slowest.max(began.elapsed());
            asked += 1;
        }
        assert!(asked > 10 && slowest < Duration::from_secs(1), "{asked} answers, the slowest after {slowest:?}");
        for hog in hogs {
            assert_eq!(hog.join().unwrap(), 504);
        }
    });
}
