//! What an operator sees of channels that are called too much, and of components that come close to their limits.

use serde_json::{Value, json};

use super::{push, shown, status};
use crate::host::{Host, wait_for};

fn metrics(host: &Host) -> String {
    host.admin("GET", "/metrics", None).body
}

#[test]
fn calls_that_were_turned_away_are_counted_and_told_in_one_line() {
    let host = Host::start();
    host.serving("acme", "chaos", &["behaviour=answer"]);
    host.wharf(&["channel", "set", "acme", "--limit", "rate=1", "--limit", "burst=1"]);
    let answers: Vec<_> = (0..40).map(|_| host.sdk("acme", "inventory_push", push()).status).collect();
    let away = answers.iter().filter(|status| **status == 429).count();
    assert!(away >= 20, "{answers:?}");
    assert_eq!(status(&host, "acme")["turned_away"], away);
    let text = metrics(&host);
    assert!(text.contains(&format!("wharf_channel_turned_away_total{{channel=\"acme\"}} {away}")), "{text}");
    assert!(text.contains("wharf_channel_queued{channel=\"acme\"} 0"), "{text}");
    let answered = answers.len() - away;
    let mut listed = json!(null);
    wait_for("the answered calls to be in the journal", || {
        listed = host.wharf(&["calls", "acme"]);
        listed.as_array().map(Vec::len) == Some(answered)
    });
    let lines = host.log().lines().filter(|line| line.contains("calls were turned away")).count();
    assert!((1..=3).contains(&lines), "{lines} lines for {away} calls");
    let table = String::from_utf8(host.cli(&["status"]).stdout).unwrap();
    assert!(table.contains("TURNED AWAY") && table.contains(&away.to_string()), "{table}");
    println!("{away} of {} calls were turned away and told in {lines} lines", answers.len());
}

/// Calls `acme` so often, eight at a time.
fn call(host: &Host, calls: usize) {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..calls.div_ceil(8) {
                    host.sdk("acme", "inventory_push", push());
                }
            });
        }
    });
}

fn is_tight(host: &Host, limit: &str) {
    call(host, 96);
    assert_eq!(status(host, "acme")["tight"], json!([]), "{limit}: too few calls to say");
    call(host, 24);
    let told = status(host, "acme")["tight"].clone();
    let one =
        told.as_array().unwrap().iter().find(|one| one["limit"] == limit).unwrap_or_else(|| panic!("{limit}: {told}"));
    let over = one["over"].as_u64().unwrap();
    assert!(over > 2 && one["calls"].as_u64() >= Some(120), "{told}");
    let text = String::from_utf8(host.cli(&["status"]).stdout).unwrap();
    assert!(text.contains(&format!("comes close to its limit of {limit}")), "{text}");
    let metric = format!("wharf_release_headroom{{channel=\"acme\",release=\"1\",limit=\"{limit}\"}} {over}");
    assert!(metrics(host).contains(&metric), "{metric} is not in {}", metrics(host));
    let lines = || {
        let log = host.log();
        log.lines().filter(|line| line.contains("over 80 % of this limit") && line.contains(limit)).count()
    };
    wait_for("the log to warn", || lines() == 1);
    println!("{limit}: {over} of {} calls were over 80 %", one["calls"]);
}

#[test]
fn an_operator_hears_of_a_component_that_comes_close_to_a_limit() {
    let config = "[breaker]\nfaults = 0\n[release]\nautomatic-return = false\n";
    let node = |settings: &[&str], limit: &str| -> Host {
        let host = Host::with_config(config);
        host.serving("acme", "chaos", settings);
        host.wharf(&["channel", "set", "acme", "--limit", limit, "--limit", "rate=100000", "--limit", "burst=100000"]);
        host
    };
    is_tight(&node(&["behaviour=sleep", "sleep_ms=90"], "deadline=100ms"), "deadline");
    is_tight(&node(&["behaviour=spin"], "cpu=5ms"), "cpu");

    let host = node(&["behaviour=answer"], "cpu=1m");
    let answer = host.sdk("acme", "inventory_push", push());
    let used = shown(&host, answer.header("wharf-call-id").unwrap())["memory"].as_u64().unwrap();
    let limit = (used * 11 / 10).max(1 << 20);
    assert!(used * 5 > limit * 4, "an answer takes {used} bytes, too few to come close to the smallest limit");
    host.wharf(&["channel", "set", "acme", "--limit", &format!("memory={limit}B")]);
    is_tight(&host, "memory");
    call(&host, 1);
    assert_eq!(host.sdk("acme", "inventory_push", push()).status, 200, "it is a warning, and no more");
    assert_ne!(status(&host, "acme")["tight"], Value::Null);
}
