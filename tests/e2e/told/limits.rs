//! Limits that an operator gives to a channel: set, shown with who gave them, cleared, and felt.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::push;
use crate::host::{Host, plugin, wait_for};

/// What holds of a limit on `acme`: its value as it is written, and who gave it.
fn holds(host: &Host, limit: &str) -> (String, String) {
    let shown = host.wharf(&["channel", "show", "acme"]);
    let rows = shown["effective_limits"].as_array().unwrap();
    let row = rows.iter().find(|row| row["limit"] == limit).unwrap_or_else(|| panic!("no {limit} in {shown}"));
    let text = |name: &str| row[name].as_str().unwrap().to_owned();
    (text("text"), text("from"))
}

fn set(host: &Host, limits: &[&str]) -> Value {
    let flags = limits.iter().flat_map(|limit| ["--limit", limit]);
    host.wharf(&["channel", "set", "acme"].into_iter().chain(flags).collect::<Vec<_>>())
}

#[test]
fn limits_are_set_one_by_one_shown_with_who_gave_them_and_given_back() {
    let host = Host::with_config("[call]\nin-flight = 9\nrate = 200\n[guest]\ninstances = 256\n");
    host.channel("acme");
    let is = |limit: &str| holds(&host, limit);
    let row = |text: &str, from: &str| (text.to_owned(), from.to_owned());
    assert_eq!((is("in-flight"), is("memory")), (row("9", "node"), row("64MiB", "node")));
    let changed = set(&host, &["memory=128MiB", "rate=500", "cpu=2s"]);
    assert_eq!(changed["limits"], json!({ "memory": 128 << 20, "rate": 500, "cpu_ms": 2000 }));
    set(&host, &["burst=7"]);
    assert_eq!(
        (is("memory"), is("rate"), is("burst")),
        (row("128MiB", "channel"), row("500", "channel"), row("7", "channel"))
    );

    let manifest = host.data().join("own.toml");
    std::fs::write(&manifest, "[limits]\nmemory = \"32MiB\"\nrate = 9999\nlog-lines = 5\n").unwrap();
    let (file, manifest) = (plugin("chaos"), manifest.to_str().unwrap().to_owned());
    let args = [
        "deploy",
        "acme",
        file.to_str().unwrap(),
        "--set",
        "behaviour=answer",
        "--manifest",
        &manifest,
        "--skip-preflight",
    ];
    let notes = host.wharf(&args)["notes"].to_string();
    assert!(notes.contains("limits.rate is 9999") && notes.contains("500") && notes.contains("operator"), "{notes}");
    assert!(!notes.contains("limits.memory"), "{notes}");
    assert_eq!(
        (is("memory"), is("rate"), is("log-lines")),
        (row("32MiB", "release"), row("500", "channel"), row("5", "release"))
    );

    set(&host, &["rate="]);
    host.wharf(&["channel", "set", "acme", "--no-limit", "burst", "--no-limit", "memory"]);
    assert_eq!(host.wharf(&["channel", "show", "acme"])["limits"], json!({ "cpu_ms": 2000 }));
    assert_eq!((is("rate").1, is("burst").1, is("memory")), ("node".into(), "node".into(), row("32MiB", "release")));
    let text = String::from_utf8(host.cli(&["channel", "show", "acme"]).stdout).unwrap();
    assert!(text.contains("LIMIT") && text.contains("cpu (push)"), "{text}");

    let host = host.kill_and_restart();
    assert_eq!(holds(&host, "cpu"), row("2s", "channel"));
    wait_for("the log to tell the limits", || host.log().contains("the limits of a channel on this node"));
    assert!(host.log().contains("in-flight 9"), "{}", host.log());
}

#[test]
fn limits_are_for_the_operator_of_the_node_to_give() {
    let host = Host::start();
    host.channel("acme");
    let made = host.wharf(&["token", "create", "own", "--role", "admin", "--channel", "acme"]);
    let token = made["token"].as_str().unwrap();
    let answer = host.admin_as(token, "PATCH", "/v1/channels/acme", Some(&json!({ "limits": { "cpu_ms": 120_000 } })));
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(host.wharf(&["channel", "show", "acme"])["limits"], json!({}));
    let answer = host.admin_as(token, "PATCH", "/v1/channels/acme", Some(&json!({ "failure_mode": "events" })));
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn what_is_no_limit_or_out_of_its_range_is_refused_and_changes_nothing() {
    let host = Host::start();
    host.channel("acme");
    for (wrong, told) in [
        ("cpu=2", "cpu: expected a time such as"),
        ("cpu=1h", "cpu: expected 1ms to 2m, found 1h"),
        ("memory=64MB", "memory: expected a size such as"),
        ("speed=1", "there is no limit \"speed\"; there are memory, deadline"),
        ("rate", "expected such as cpu=2s"),
    ] {
        let (code, said) = host.refuses(&["channel", "set", "acme", "--limit", wrong]);
        assert!(code == Some(2) && said.contains(told), "{wrong}: {said}");
    }
    let (code, said) = host.refuses(&["channel", "set", "acme", "--limit", "memory=512MiB"]);
    assert!(code == Some(1) && said.contains("guest.largest-memory"), "{said}");
    let small = Host::with_config("[guest]\nmemory = \"8MiB\"\nlargest-memory = \"16MiB\"\n");
    small.serving("acme", "chaos", &["behaviour=hold", "pages=200"]);
    let held = || small.sdk("acme", "inventory_push", push()).ok(200)["events"][0]["message"].clone();
    assert_eq!(held(), "0 more pages");
    assert_eq!(small.refuses(&["channel", "set", "acme", "--limit", "memory=17MiB"]).0, Some(1));
    small.wharf(&["channel", "set", "acme", "--limit", "memory=16MiB"]);
    assert_eq!(held(), "200 more pages", "an operator may give as much, and the pool has it");
    for (limits, told) in [
        (json!({ "rate": 0 }), "limits.rate: expected 1 to 1000000, found 0"),
        (json!({ "rate": 5, "speed": 1 }), "limits.speed: there is no such limit; there are memory, deadline_ms"),
        (json!({ "rate": "5" }), "not the expected JSON"),
    ] {
        let answer = host.admin("PATCH", "/v1/channels/acme", Some(&json!({ "limits": limits, "mode": "production" })));
        assert!(answer.ok(400).to_string().contains(told), "{limits}: {answer:?}");
    }
    let shown = host.wharf(&["channel", "show", "acme"]);
    assert_eq!((&shown["limits"], &shown["mode"]), (&json!({}), &json!("testing")), "all of it or nothing");
}

#[test]
fn an_operators_limit_is_felt_at_once_and_by_its_channel_alone() {
    let host = Host::with_config("[breaker]\nfaults = 0\n[call]\nsdk-deadline = \"20s\"\n");
    host.serving("acme", "chaos", &["behaviour=answer"]);
    host.serving("other", "chaos", &["behaviour=answer"]);
    let call = || host.sdk("acme", "inventory_push", push());
    let code = || call().json()["events"][0]["code"].as_str().unwrap_or("none").to_owned();
    let trips = |settings: &[&str], limit: &str, told: &str| {
        let name = limit.split('=').next().unwrap();
        host.deploy("acme", "chaos", settings);
        set(&host, &[limit]);
        assert_eq!(code(), told, "{limit}");
        assert_eq!(host.sdk("other", "inventory_push", push()).status, 200, "{limit} is not the neighbour's");
        host.wharf(&["channel", "set", "acme", "--no-limit", name]);
    };
    let began = Instant::now();
    trips(&["behaviour=sleep"], "deadline=200ms", "HOST_DEADLINE");
    assert!(began.elapsed() < Duration::from_secs(15), "the limit did not hold at once");
    trips(&["behaviour=spin"], "cpu=20ms", "HOST_CPU_DEADLINE");
    trips(&["behaviour=grow"], "memory=4MiB", "HOST_OUT_OF_MEMORY");
    trips(&["behaviour=huge-answer", "kilobytes=1024"], "answer=64KiB", "HOST_INVALID_ANSWER");
    trips(&["behaviour=random", "bytes=1024"], "random=1000B", "HOST_TRAP");
    host.deploy("acme", "chaos", &["behaviour=random", "bytes=1024"]);
    assert_eq!(call().ok(200)["events"][0]["message"], "1024 random bytes", "given back to the node");

    host.deploy("acme", "chaos", &["behaviour=random", "bytes=100000"]);
    assert_eq!(code(), "HOST_TRAP");
    set(&host, &["random=1MiB"]);
    assert_eq!(call().ok(200)["events"][0]["message"], "100000 random bytes", "an operator may give more");
}

#[test]
fn limits_differ_between_releases_as_they_were_asked_for() {
    let host = Host::start();
    host.channel("acme");
    let manifest = host.data().join("own.toml");
    let (file, path) = (plugin("chaos"), manifest.to_str().unwrap().to_owned());
    let deploy = |limits: &str| {
        std::fs::write(&manifest, format!("[limits]\n{limits}")).unwrap();
        host.wharf(&["deploy", "acme", file.to_str().unwrap(), "--manifest", &path, "--skip-preflight"]);
    };
    deploy("cpu = \"20ms\"\nkeys = 5\n");
    deploy("queue-wait = \"5ms\"\nvalue = \"1KiB\"\nkeys = 6\n");
    let changes = host.wharf(&["diff", "acme", "1", "2"])["changes"].clone();
    let told: Vec<_> = changes.as_array().unwrap().iter().filter(|change| change["what"] == "limit").cloned().collect();
    let change = |name: &str, from: Value, to: Value| json!({ "what": "limit", "name": name, "from": from, "to": to });
    let expected = [
        change("cpu", "20ms".into(), Value::Null),
        change("queue-wait", Value::Null, "5ms".into()),
        change("value", Value::Null, "1KiB".into()),
        change("keys", "5".into(), "6".into()),
    ];
    assert_eq!(told, expected);
    std::fs::write(&manifest, "[limits]\nkeys = \"many\"\nspeed = 1\n").unwrap();
    let (code, said) = host.refuses(&["deploy", "acme", file.to_str().unwrap(), "--manifest", &path]);
    assert!(code == Some(2) && said.contains("limits.keys: expected a whole number"), "{said}");
    assert!(said.contains("limits.speed: unknown key; known here: memory, deadline, cpu"), "{said}");
}
