//! Circuit breakers: what fails again and again gets a rest, its callers an answer at once, and nobody else notices.

use std::time::Duration;

use serde_json::{Value, json};

use super::load::for_a_while;
use super::status;
use crate::host::{Host, Keys, wait_for};
use crate::wire::Answer;

/// The client whose calls the plugin fails; see the plugin chaos, `sometimes`.
const UNLUCKY: u64 = 13;

/// A node whose channel `acme` traps for one client, and stays with it whatever it does.
fn node(open: &str) -> (Host, Keys) {
    let host = Host::with_config(&format!(
        "[breaker]\nopen = \"{open}\"\n[queue]\nschedule = [\"0s\", \"20ms\", \"20ms\", \"20ms\"]\n"
    ));
    let keys = host.channel("acme");
    host.wharf(&["channel", "set", "acme", "--automatic-return", "off"]);
    host.deploy("acme", "chaos", &["behaviour=sometimes", "other=trap", "client=13"]);
    (host, keys)
}

fn call(host: &Host, interaction: &str, client: u64) -> Answer {
    host.sdk("acme", interaction, json!({ "client_id": client }))
}

/// Five faults in a row.
fn open(host: &Host, interaction: &str) {
    for _ in 0..5 {
        assert_eq!(call(host, interaction, UNLUCKY).code(), "HOST_TRAP", "{interaction}");
    }
}

/// Calls that the guests of the active release took.
fn taken(host: &Host) -> u64 {
    let text = host.admin("GET", "/metrics", None).body;
    let line = text.lines().find(|line| line.starts_with("wharf_release_calls{channel=\"acme\"")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn listed(host: &Host) -> Vec<String> {
    let open = host.wharf(&["breaker", "list", "acme"]);
    open.as_array().unwrap().iter().map(|one| one["interaction"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn five_faults_in_a_row_open_it_for_one_interaction_of_one_channel() {
    let (host, _) = node("60s");
    host.serving("other", "chaos", &["behaviour=sometimes", "other=trap", "client=13"]);
    for _ in 0..4 {
        call(&host, "inventory_push", UNLUCKY);
    }
    assert_eq!(call(&host, "inventory_push", 1).status, 200, "a success begins anew");
    open(&host, "inventory_push");
    let before = taken(&host);
    for client in [UNLUCKY, 1, 1] {
        let answer = call(&host, "inventory_push", client);
        assert_eq!((answer.status, answer.code().as_str()), (503, "HOST_BUSY"), "{answer:?}");
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    assert_eq!(taken(&host), before, "no guest was run for them");
    assert_eq!(call(&host, "order_pull", 1).status, 200, "another interaction");
    assert_eq!(host.sdk("other", "inventory_push", json!({})).status, 200, "another channel");

    open(&host, "catalog_push");
    let mut names = listed(&host);
    names.sort();
    assert_eq!(names, ["catalog_push", "inventory_push"]);
    assert_eq!(status(&host, "acme")["breakers"].as_array().map(Vec::len), Some(2));
    assert_eq!(status(&host, "other")["breakers"], json!([]));
    let said = String::from_utf8_lossy(&host.cli(&["status"]).stdout).into_owned();
    assert!(said.contains("inventory_push is not called") && said.contains("wharf breaker reset acme"), "{said}");
    assert_eq!(host.wharf(&["breaker", "reset", "acme", "inventory_push"])["closed"], 1);
    assert_eq!(call(&host, "inventory_push", 1).status, 200);
    assert_eq!(listed(&host), ["catalog_push"]);
    assert_eq!(host.wharf(&["breaker", "reset", "acme"])["closed"], 1);
    assert_eq!(call(&host, "catalog_push", 1).status, 200);
    let (code, said) = host.refuses(&["breaker", "reset", "acme", "order_pul"]);
    assert!(code == Some(1) && said.contains("order_pull"), "{said}");

    open(&host, "inventory_push");
    host.deploy("acme", "chaos", &["behaviour=answer"]);
    assert_eq!(call(&host, "inventory_push", 1).status, 200, "a new release begins with closed ones");
}

#[test]
fn one_probe_passes_after_the_rest_and_its_success_closes_it() {
    let (host, _) = node("1s");
    open(&host, "inventory_push");
    for_a_while(Duration::from_millis(1100));
    let before = taken(&host);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..6).map(|_| scope.spawn(|| call(&host, "inventory_push", UNLUCKY))).collect();
        calls.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let codes: Vec<_> = answers.iter().map(Answer::code).collect();
    assert_eq!(codes.iter().filter(|code| *code == "HOST_TRAP").count(), 1, "one probe: {codes:?}");
    assert_eq!(codes.iter().filter(|code| *code == "HOST_BUSY").count(), 5, "{codes:?}");
    assert_eq!(taken(&host), before + 1);
    let open = host.wharf(&["breaker", "list", "acme"])[0].clone();
    assert_eq!(open["openings"], 2, "{open}");
    assert!(open["probe_in_ms"].as_u64() > Some(1000), "twice as long: {open}");

    let mut answer = call(&host, "inventory_push", 1);
    wait_for("a probe that succeeds", || {
        answer = call(&host, "inventory_push", 1);
        answer.status == 200
    });
    assert_eq!(listed(&host), Vec::<String>::new());
    for _ in 0..3 {
        assert_eq!(call(&host, "inventory_push", 1).status, 200);
    }
}

#[test]
fn notifications_that_nobody_waits_for_pause_while_it_is_open_and_do_not_die() {
    let (host, keys) = node("2s");
    host.deploy("acme", "chaos", &["behaviour=trap"]);
    let send = |entity: u64| {
        let note = json!({ "eventType": "document.cancellation", "entityTypeID": 2, "entityID": entity });
        host.notify("acme", &keys.notification, &note).ok(202)["id"].as_str().unwrap().to_owned()
    };
    let shown = |id: &str| host.wharf(&["notifications", "show", id]);
    let (first, second) = (send(1), send(2));
    wait_for("the breaker to open", || listed(&host) == ["document.cancellation"]);
    let late: Vec<_> = (3..8).map(send).collect();
    host.deploy("acme", "chaos", &["behaviour=answer"]);
    for id in &late {
        let mut note = Value::Null;
        wait_for("the notification to be delivered", || {
            note = shown(id);
            assert_ne!(note["state"], "dead", "{note}");
            note["state"] == "done"
        });
        assert_eq!(note["attempts"], 1, "the pause used up no attempt: {note}");
    }
    for id in [first, second] {
        wait_for("an end", || ["done", "dead"].contains(&shown(&id)["state"].as_str().unwrap_or_default()));
    }
}

#[test]
fn a_probe_that_finds_no_place_is_not_spent() {
    let host = Host::with_config("[call]\nsdk-deadline = \"2s\"\n[breaker]\nfaults = 1\nopen = \"300ms\"\n");
    host.channel("acme");
    let only = ["--automatic-return", "off", "--limit", "in-flight=1", "--limit", "queue=0"];
    host.wharf(&[&["channel", "set", "acme"][..], &only].concat());
    host.deploy("acme", "chaos", &["behaviour=sometimes", "other=sleep", "client=13"]);
    assert_eq!(call(&host, "inventory_push", UNLUCKY).code(), "HOST_DEADLINE");
    std::thread::scope(|scope| {
        let holder = scope.spawn(|| call(&host, "order_pull", UNLUCKY));
        wait_for("the only place to be taken", || status(&host, "acme")["in_flight_free"] == 0);
        wait_for("the rest to be over", || host.wharf(&["breaker", "list", "acme"])[0]["probe_in_ms"] == 0);
        let answer = call(&host, "inventory_push", 1);
        assert_eq!((answer.status, answer.code().as_str()), (503, "HOST_BUSY"), "{answer:?}");
        assert!(answer.body.contains("at the same time"), "it was let through and found no place: {answer:?}");
        let open = host.wharf(&["breaker", "list", "acme"])[0].clone();
        assert_eq!((&open["probe_in_ms"], &open["openings"]), (&json!(0), &json!(1)), "{open}");
        assert_eq!(holder.join().unwrap().code(), "HOST_DEADLINE");
    });
    assert_eq!(call(&host, "inventory_push", 1).status, 200, "the next one is the probe");
    assert_eq!(listed(&host), ["order_pull"]);
}
