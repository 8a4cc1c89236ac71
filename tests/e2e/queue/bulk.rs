//! Many notifications at once: found, replayed and dropped by what they have in common.

use serde_json::{Value, json};

use super::{accepted, becomes, cancellation, history};
use crate::host::{Host, wait_for};

fn workflow(project: u64, step: u64) -> Value {
    json!({ "eventType": "workflow.validation", "entityTypeID": 0, "entityID": project, "data": { "step": step } })
}

fn found(host: &Host, args: &[&str]) -> usize {
    host.wharf(&[&["notifications", "list", "acme"][..], args].concat()).as_array().unwrap().len()
}

/// Replays or drops, or only counts; how many it says.
fn swept(host: &Host, verb: &str, args: &[&str]) -> u64 {
    let told = host.wharf(&[&["notifications", verb, "acme", "--dead"][..], args].concat());
    assert_eq!(told["channel"], "acme", "{told}");
    told["matched"].as_u64().unwrap()
}

#[test]
fn dead_ones_are_found_replayed_and_dropped_by_what_they_have_in_common() {
    let host = Host::start();
    let keys = host.serving("acme", "chaos", &["behaviour=refuse"]);
    for document in 1..=6 {
        accepted(&host, &keys, &cancellation(document));
    }
    for project in 3..=6 {
        accepted(&host, &keys, &workflow(project, 0));
    }
    wait_for("all of them to be dead", || found(&host, &["--state", "dead"]) == 10);
    let chosen: [(&[&str], usize); 9] = [
        (&["--event", "document.cancellation"], 6),
        (&["--entity", "3"], 2),
        (&["--entity", "3", "--event", "workflow.validation"], 1),
        (&["--reason", "chaos REFUSES"], 10),
        (&["--reason", "trapped"], 0),
        (&["--since", "1h"], 10),
        (&["--until", "1h"], 0),
        (&["--since", "2026-01-01T00:00:00+02:00", "--until", "2126-01-01T00:00:00Z"], 10),
        (&["--event", "nothing"], 0),
    ];
    for (args, count) in chosen {
        assert_eq!(found(&host, args), count, "{args:?}");
        assert_eq!(swept(&host, "replay", &[args, &["--dry-run"]].concat()), count as u64, "{args:?}");
    }
    assert_eq!(found(&host, &["--state", "dead"]), 10, "to count is to change nothing");

    host.deploy("acme", "chaos", &["behaviour=answer"]);
    assert_eq!(swept(&host, "replay", &["--entity", "3"]), 2);
    wait_for("both of them to be done", || found(&host, &["--state", "done"]) == 2);
    assert_eq!(swept(&host, "drop", &["--event", "workflow.validation", "--since", "1h"]), 3);
    assert_eq!(found(&host, &[]), 7);
    assert_eq!(swept(&host, "replay", &[]), 5);
    wait_for("the rest to be done", || found(&host, &["--state", "done"]) == 7);
    assert_eq!((swept(&host, "replay", &[]), swept(&host, "drop", &[])), (0, 0), "what is done is not dead");
    wait_for("every attempt to be in the journal, under a number of its own", || {
        let calls = host.wharf(&["calls", "acme"]);
        let calls = calls.as_array().unwrap();
        calls.len() == 17 && calls.iter().filter(|call| call["id"].as_str().unwrap().ends_with(".2")).count() == 7
    });
}

#[test]
fn one_entitys_notifications_are_replayed_in_their_order() {
    let host = Host::start();
    let keys = host.serving("acme", "chaos", &["behaviour=refuse"]);
    let ids: Vec<String> = (0..5).map(|step| accepted(&host, &keys, &workflow(7, step)).0).collect();
    for id in &ids {
        becomes(&host, id, "dead");
    }
    host.deploy("acme", "chaos", &["behaviour=sleep", "sleep_ms=40"]);
    assert_eq!(swept(&host, "replay", &["--entity", "7"]), 5);
    let times: Vec<(i64, i64)> = ids
        .iter()
        .map(|id| {
            becomes(&host, id, "done");
            assert_eq!(history(&host, id).len(), 2);
            let again = host.wharf(&["notifications", "show", id])["history"][1].clone();
            (again["started"].as_i64().unwrap(), again["ended"].as_i64().unwrap())
        })
        .collect();
    assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "one after the other, the oldest first: {times:?}");
}

#[test]
fn who_asks_wrongly_or_may_not_is_told_so() {
    let host = Host::start();
    host.channel("acme");
    for (args, what) in [
        (&["replay", "acme", "--dead", "--since", "yesterday"][..], "2h"),
        (&["drop", "acme", "--event", "workflow.validation"], "--dead"),
        (&["replay", "acme", "--dry-run"], "--dead"),
    ] {
        let (code, said) = host.refuses(&[&["notifications"], args].concat());
        assert!(code == Some(2) && said.contains(what), "{args:?}: {code:?} {said}");
    }
    let path = "/v1/channels/acme/notifications/drop";
    let reader = host.wharf(&["token", "create", "r", "--role", "read"])["token"].as_str().unwrap().to_owned();
    assert_eq!(host.admin_as(&reader, "POST", path, Some(&json!({}))).status, 403);
    for body in [json!({ "filter": { "evnt": "x" } }), json!({ "filter": { "since": 3 } }), json!({ "fliter": {} })] {
        assert_eq!(host.admin("POST", path, Some(&body)).status, 400, "{body}");
    }
    let none = host.admin("POST", path, Some(&json!({}))).ok(200);
    assert_eq!(none, json!({ "matched": 0, "next": null, "dry_run": false }));
}
