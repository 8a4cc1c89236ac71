//! An administrator's day on the command line: channels, releases, the journal, secrets, tokens.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::host::{Host, SOON, plugin, wait_for};
use crate::wire;

fn push() -> Value {
    json!({ "inventory_updates": [{ "sku": "A", "quantity_available": 1 }] })
}

/// Whether any file below the folder holds this text.
fn is_somewhere(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return is_somewhere(&path, text);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn a_channel_is_made_shown_changed_and_deleted() {
    let host = Host::start();
    let made = host.wharf(&["channel", "create", "acme", "--mode", "production", "--host", "acme.example.com"]);
    assert_eq!((made["channel"].as_str(), made["mode"].as_str()), (Some("acme"), Some("production")));
    let key = made["sdk_key"].as_str().unwrap();
    for kind in ["sdk_key", "notification_key", "payment_token"] {
        let key = made[kind].as_str().unwrap();
        assert!(key.len() >= 32 && !is_somewhere(host.data(), key), "{kind} lies in the data directory");
    }
    host.deploy("acme", "echo", &[]);
    assert_eq!(host.sdk("acme", "inventory_push", push()).status, 401, "no test key in production");
    assert_eq!(host.sdk_as(key, "acme", "inventory_push", push()).status, 200);

    let shown = host.wharf(&["channel", "show", "acme"]);
    assert_eq!((shown["active"].as_u64(), shown["hosts"].clone()), (Some(1), json!(["acme.example.com"])));
    assert_eq!(shown["keys"].as_array().unwrap().len(), 3);
    assert!(!shown.to_string().contains(key));
    let mut listed = host.wharf(&["channel", "list"])[0].clone();
    for held in ["effective_limits", "effective_notification"] {
        listed[held] = shown[held].clone();
    }
    assert_eq!(listed, shown, "the list has all but the limits and settings as they hold");

    let changed =
        host.admin("PATCH", "/v1/channels/acme", Some(&json!({ "mode": "testing", "hosts": ["b.example.com"] })));
    assert_eq!(changed.ok(200)["hosts"], json!(["b.example.com"]));
    assert_eq!(host.sdk("acme", "inventory_push", push()).status, 200, "the test key in testing");
    let body = json!({ "action": "order_pull", "integration_auth_token": "RETAILOPS_SDK" }).to_string();
    for (name, status) in [("b.example.com", 501), ("acme.example.com", 401)] {
        let request =
            format!("POST /order_pull_v1 HTTP/1.1\r\nhost: {name}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        assert_eq!(wire::raw_answer(&host.edge, request.as_bytes()).status, status, "{name}");
    }

    assert_eq!(host.wharf(&["channel", "delete", "acme"])["deleted"], true);
    assert_eq!(host.sdk_as(key, "acme", "inventory_push", push()).status, 401);
    assert_eq!(host.wharf(&["channel", "list"]), json!([]));
    assert_eq!(host.refuses(&["channel", "show", "acme"]).0, Some(1));
}

#[test]
fn names_that_are_taken_or_impossible_are_refused() {
    let host = Host::start();
    host.wharf(&["channel", "create", "acme", "--host", "acme.example.com"]);
    let (code, said) = host.refuses(&["channel", "create", "acme"]);
    assert!(code == Some(1) && said.contains("channel acme exists already"), "{said}");
    let (code, said) = host.refuses(&["channel", "create", "other", "--host", "acme.example.com"]);
    assert!(code == Some(1) && said.contains("belongs to channel acme"), "{said}");
    for name in ["Acme", "a_b", "a.b", "../x", "ä", "a b", &"a".repeat(64)] {
        let (code, said) = host.refuses(&["channel", "create", name]);
        assert!(code == Some(1) && said.contains("is not a channel's name"), "{name}: {said}");
    }
    for name in ["https://a.b", "a.b:80", "A.b", "*.b"] {
        let (code, said) = host.refuses(&["channel", "create", "other", "--host", name]);
        assert!(code == Some(1) && said.contains("is not a host name"), "{name}: {said}");
    }
    let answer = host.admin("POST", "/v1/channels", Some(&json!({ "channel": "acme" })));
    assert_eq!(answer.ok(409)["error"]["code"], "channel-exists");
    assert_eq!(host.wharf(&["channel", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn releases_are_numbered_kept_and_swapped_with_care() {
    let host = Host::start();
    host.channel("acme");
    let (code, said) = host.refuses(&["rollback", "acme"]);
    assert!(code == Some(1) && said.contains("no release before the active one"), "{said}");
    let file = plugin("reference");
    let file = file.to_str().unwrap();
    let first = host.wharf(&["deploy", "acme", file, "--set", "orders=1", "--note", "the first", "--no-activate"]);
    assert_eq!((first["release"].as_u64(), first["active"].as_bool()), (Some(1), Some(false)));
    assert_eq!(host.sdk("acme", "order_pull", json!({})).status, 503, "it does not answer yet");
    let told = host.wharf(&["activate", "acme", "1"]);
    assert_eq!((told["from"].clone(), told["to"].as_u64()), (Value::Null, Some(1)));
    assert_eq!(host.deploy("acme", "reference", &["orders=2"]), 2);

    let listed = host.wharf(&["releases", "acme"]);
    let find = |number: u64| listed.as_array().unwrap().iter().find(|release| release["release"] == number).unwrap();
    assert_eq!((find(1)["note"].as_str(), find(1)["active"].as_bool()), (Some("the first"), Some(false)));
    assert_eq!((find(2)["config"]["orders"].as_str(), find(2)["active"].as_bool()), (Some("2"), Some(true)));
    assert_eq!(find(1)["digest"], find(2)["digest"]);
    assert_eq!(host.admin("GET", "/v1/channels/acme/releases/2", None).ok(200), *find(2));

    let (code, said) = host.refuses(&["activate", "acme", "1", "--expected", "1"]);
    assert!(
        code == Some(1) && said.contains("has release 2 active") && said.contains("expected was release 1 active"),
        "{said}"
    );
    let none =
        host.admin("POST", "/v1/channels/acme/activate", Some(&json!({ "release": 1, "expected_active": null })));
    assert_eq!(none.ok(409)["error"]["code"], "conflict");
    assert_eq!(host.sdk("acme", "order_pull", json!({})).ok(200)["orders"].as_array().unwrap().len(), 2);
    assert_eq!(host.wharf(&["activate", "acme", "1", "--expected", "2"])["to"], 1);
    assert_eq!(host.wharf(&["rollback", "acme"])["to"], 2);
    assert_eq!(host.refuses(&["activate", "acme", "9"]).0, Some(1));
}

#[test]
fn a_rotated_key_replaces_the_old_one_after_its_grace() {
    let host = Host::start();
    let keys = host.serving("acme", "echo", &[]);
    let status = |key: &str| host.sdk_as(key, "acme", "inventory_push", push()).status;
    let second = host.wharf(&["channel", "rotate", "acme", "sdk"])["sdk_key"].as_str().unwrap().to_owned();
    assert_eq!((status(&keys.sdk), status(&second)), (200, 200), "both are valid during the grace");
    let third =
        host.wharf(&["channel", "rotate", "acme", "sdk", "--grace", "0"])["sdk_key"].as_str().unwrap().to_owned();
    assert_eq!((status(&keys.sdk), status(&second), status(&third)), (401, 401, 200));
}

#[test]
fn the_journal_finds_calls_by_their_outcome_and_logs_are_followed() {
    let host = Host::start();
    host.serving("acme", "chaos", &["behaviour=trap"]);
    let trapped = host.sdk("acme", "inventory_push", push()).header("wharf-call-id").unwrap().to_owned();
    host.deploy("acme", "chaos", &["behaviour=flood-log", "lines=2"]);
    let logged = host.sdk("acme", "order_pull", json!({})).header("wharf-call-id").unwrap().to_owned();
    let ids = |args: &[&str]| -> Vec<String> {
        let listed = host.wharf(args);
        listed.as_array().unwrap().iter().map(|call| call["id"].as_str().unwrap().to_owned()).collect()
    };
    wait_for("both calls to be in the journal", || ids(&["calls", "acme"]).len() == 2);
    assert_eq!(ids(&["calls", "acme"]), [logged.clone(), trapped.clone()], "the newest first");
    assert_eq!(ids(&["calls", "acme", "--limit", "1"]), std::slice::from_ref(&logged));
    assert_eq!(ids(&["calls", "acme", "--outcome", "trap"]), std::slice::from_ref(&trapped));
    assert_eq!(ids(&["calls", "acme", "--outcome", "deadline"]), Vec::<String>::new());
    let (_, said) = host.refuses(&["calls", "acme", "--limit", "1001"]);
    assert!(said.contains("at most 1000, found 1001"), "{said}");
    let shown = host.wharf(&["calls", "show", &logged]);
    assert_eq!((shown["action"].as_str(), shown["release"].as_u64()), (Some("order_pull"), Some(2)));
    assert_eq!(shown["logs"].as_array().unwrap().len(), 2, "{shown}");
    assert_eq!(host.refuses(&["calls", "show", "none"]).0, Some(1));

    let mut follower = host.command(&["logs", "acme", "--follow", "--json"]).spawn().unwrap();
    let (tell, lines) = mpsc::channel();
    let out = BufReader::new(follower.stdout.take().unwrap());
    std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
    let next = || serde_json::from_str::<Value>(&lines.recv_timeout(SOON).unwrap()).unwrap();
    let calls = |line: Value| line["call"].as_str().unwrap().to_owned();
    assert_eq!([calls(next()), calls(next())], [logged.clone(), logged], "what was there before");
    let new = host.sdk("acme", "order_pull", json!({})).header("wharf-call-id").unwrap().to_owned();
    assert_eq!([calls(next()), calls(next())], [new.clone(), new], "and what is new, once each");
    assert!(lines.recv_timeout(Duration::from_millis(700)).is_err(), "a line came twice");
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn a_secret_is_known_by_its_name_alone() {
    let host = Host::start();
    host.channel("acme");
    let value = "an-uncommon-value-0123456789";
    let mut set = host.command(&["secret", "set", "acme", "API_KEY", "--json"]).stdin(Stdio::piped()).spawn().unwrap();
    writeln!(set.stdin.take().unwrap(), "{value}").unwrap();
    let told = set.wait_with_output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    host.wharf(&["secret", "set", "acme", "API_KEY", "--value", &format!("{value}-again")]);
    let listed = host.wharf(&["secret", "list", "acme"]);
    assert_eq!((listed[0]["name"].as_str(), listed[0]["version"].as_u64()), (Some("API_KEY"), Some(2)));
    let seen = [listed.to_string(), String::from_utf8(told.stdout).unwrap(), host.log()].concat();
    assert!(!seen.contains(value), "{seen}");
    assert!(!is_somewhere(host.data(), value), "the value lies in the data directory");
    assert_eq!(host.refuses(&["secret", "set", "acme", "api-key", "--value", "x"]).0, Some(1));
    host.wharf(&["secret", "delete", "acme", "API_KEY"]);
    assert_eq!(host.wharf(&["secret", "list", "acme"]), json!([]));
    assert_eq!(host.refuses(&["secret", "delete", "acme", "API_KEY"]).0, Some(1));
}

#[test]
fn a_token_is_shown_once_listed_by_name_and_revoked() {
    let host = Host::start();
    let made = host.wharf(&["token", "create", "ci", "--role", "deploy", "--channel", "acme"]);
    let token = made["token"].as_str().unwrap();
    let listed = host.wharf(&["token", "list"]);
    assert_eq!((listed[0]["name"].as_str(), listed[0]["role"].as_str()), (Some("ci"), Some("deploy")));
    assert_eq!(listed[0]["channels"], json!(["acme"]));
    assert!(!listed.to_string().contains(token) && !is_somewhere(host.data(), token));
    assert_eq!(host.wharf(&["token", "revoke", made["id"].as_str().unwrap()])["revoked"], true);
    assert_eq!(host.admin_as(token, "GET", "/v1/channels", None).status, 401);
    assert_eq!(host.wharf(&["token", "list"]), json!([]));
    assert_eq!(host.refuses(&["token", "revoke", "none"]).0, Some(1));
}
