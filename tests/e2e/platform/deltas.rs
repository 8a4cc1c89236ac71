//! What a lost webhook leaves out: found in the platform's list, taken once, whatever happens.

use std::collections::BTreeMap;

use serde_json::Value;

use super::list::{List, Manner};
use super::*;
use crate::host::{Keys, wait_for};
use crate::trust::{Dice, rounds};
use crate::upstream::{Upstream, saying};

/// Looks that follow each other fast, and give up soon.
const QUICK: &str = "[deltas]\ntime = \"500ms\"\nlongest-pause = \"400ms\"\n";

pub(super) fn cancellation(document: u64) -> Value {
    json!({ "eventType": "document.cancellation", "entityTypeID": 2, "entityID": document })
}

/// A node whose channel looks at this list; `config` is over the quick one.
pub(super) fn looking(list: &List, config: &str) -> (Host, Keys) {
    let host = node(config);
    deploy(&host, list.address(), &["behaviour=answer"], &[]);
    let key = |kind: &str| {
        let made = host.wharf(&["channel", "rotate", "acme", kind]);
        made[format!("{kind}_key")].as_str().unwrap_or_default().to_owned()
    };
    let keys = Keys { sdk: String::new(), notification: key("notification"), payment: String::new() };
    assert_eq!(host.wharf(&["channel", "show", "acme"])["deltas"], Value::Null, "off by default");
    host.wharf(&["channel", "set", "acme", "--deltas", "on", "--deltas-every", "100ms"]);
    wait_for("the first look", || !shown(&host)["cursor"].is_null());
    (host, keys)
}

pub(super) fn shown(host: &Host) -> Value {
    let status = host.wharf(&["status"]);
    status["channels"][0]["deltas"].clone()
}

/// How often each entity is in the queue, whatever became of it.
pub(super) fn queued(host: &Host) -> BTreeMap<u64, u64> {
    let list = host.wharf(&["notifications", "list", "acme", "--limit", "1000"]);
    let mut count = BTreeMap::new();
    for one in list.as_array().unwrap() {
        *count.entry(one["entity"].as_u64().unwrap()).or_default() += 1;
    }
    count
}

pub(super) fn each_once(entities: impl IntoIterator<Item = u64>) -> BTreeMap<u64, u64> {
    entities.into_iter().map(|entity| (entity, 1)).collect()
}

#[test]
fn a_lost_webhook_is_repaired_and_one_that_came_is_not_doubled() {
    let list = List::start();
    list.tell(cancellation(1));
    let (host, keys) = looking(&list, QUICK);
    assert_eq!(shown(&host)["cursor"], "101", "what was there before is not taken");
    let webhook = |document| host.notify("acme", &keys.notification, &cancellation(document)).ok(202);
    assert_eq!(webhook(2)["duplicate"], false);
    list.tell(cancellation(2));
    list.tell(json!({ "eventType": "document.validation", "entityTypeID": 2, "entityID": 9, "data": {} }));
    for document in [3, 4] {
        list.tell(cancellation(document));
    }
    wait_for("the lost ones to be taken", || queued(&host) == each_once([2, 3, 4]));
    wait_for("the cursor to be at the end", || shown(&host)["cursor"] == "105");
    let late = webhook(3);
    assert_eq!(late["duplicate"], true, "a webhook that comes after its delta: {late}");
    assert_eq!(webhook(3)["id"], late["id"], "and again");
    let told = shown(&host);
    assert_eq!(
        (&told["taken"], &told["duplicates"], &told["skipped"], &told["error"]),
        (&json!(2), &json!(1), &json!(1), &Value::Null)
    );
    assert!(told["every_ms"] == 100 && told["polls"].as_u64() > Some(0) && told["polled"].is_u64(), "{told}");
    let id = late["id"].as_str().unwrap();
    wait_for("it to be delivered", || host.wharf(&["notifications", "show", id])["state"] == "done");
    let head = list.seen().concat().to_lowercase();
    assert!(head.contains(&format!("x-token: bearer {TOKEN}")) && !host.log().contains("canary-"), "{head}");
    let metrics = host.admin("GET", "/metrics", None).body;
    assert!(metrics.contains("wharf_delta_events_total{channel=\"acme\",result=\"taken\"} 2"), "{metrics}");
    assert!(metrics.contains("wharf_delta_errors_total{channel=\"acme\"} 0"), "{metrics}");
    for command in [&["channel", "show", "acme"][..], &["status"]] {
        let people = String::from_utf8(host.cli(command).stdout).unwrap();
        assert!(people.contains("cursor 105: 2 taken, 1 known, 1 skipped since the start"), "{people}");
    }

    list.tell(cancellation(5));
    let host = host.kill_and_restart();
    wait_for("what was told meanwhile to be taken", || queued(&host) == each_once([2, 3, 4, 5]));
    assert_eq!(shown(&host)["cursor"], "106");
    host.wharf(&["channel", "set", "acme", "--deltas", "off"]);
    assert_eq!(host.wharf(&["channel", "show", "acme"])["deltas"], Value::Null);
    list.tell(cancellation(6));
    host.wharf(&["channel", "set", "acme", "--deltas", "on"]);
    wait_for("a new beginning", || shown(&host)["cursor"] == "107");
    assert_eq!(shown(&host)["every_ms"], 60_000, "as the node does");
    assert_eq!(queued(&host), each_once([2, 3, 4, 5]), "what was told while it was off is left out");
}

#[test]
fn kills_lose_nothing_and_double_nothing() {
    let list = List::start();
    let (mut host, keys) = looking(&list, QUICK);
    let mut dice = Dice::thrown("deltas under kills");
    let mut next = 0;
    for _ in 0..rounds(4, 200) {
        for _ in 0..=dice.below(7) {
            next += 1;
            // Half of the webhooks are lost, and some come after their deltas.
            let webhook = || drop(host.notify("acme", &keys.notification, &cancellation(next)).ok(202));
            let (comes, first) = (dice.below(2) == 0, dice.below(2) == 0);
            if comes && first {
                webhook();
            }
            list.tell(cancellation(next));
            if comes && !first {
                webhook();
            }
        }
        let asked = list.asked().len() as u64 + dice.below(4);
        wait_for("some more looks", || list.asked().len() as u64 >= asked);
        host = host.kill_and_restart();
    }
    wait_for("everything to be taken", || queued(&host) == each_once(1..=next));
    let end = (100 + next).to_string();
    wait_for("the end of the list", || shown(&host)["cursor"] == end.as_str());
    let done = || host.wharf(&["notifications", "list", "acme", "--limit", "1000", "--state", "done"]);
    assert!(done().as_array().unwrap().len() as u64 <= next);
    assert_eq!(queued(&host), each_once(1..=next));
    println!("{next} notifications, each taken once");
}

#[test]
fn an_answer_that_is_none_is_told_and_asked_for_less_and_less_often() {
    let list = List::start();
    let (host, _) = looking(&list, QUICK);
    let stuck = json!([{ "cursor": "7", "eventType": "workflow.x", "entityID": 7 }, { "cursor": "100", "eventType": "workflow.x", "entityID": 8 }]);
    let nameless = json!([{ "place": "7", "eventType": "workflow.x", "entityID": 7 }]);
    let huge = json!([{ "cursor": "7", "eventType": "workflow.x", "data": "x".repeat(5 << 20) }]);
    let deep = format!("[{}{}]", "[".repeat(200), "]".repeat(200));
    for (answer, told) in [
        (saying(200, "<html>"), "the answer is no JSON list of notifications"),
        (saying(200, "{\"success\":false,\"message\":\"no rights\"}"), "the platform says no: no rights"),
        (saying(500, "oh"), "the platform answers 500"),
        (saying(401, ""), "the platform answers 401"),
        (saying(302, ""), "the platform answers 302"),
        (saying(200, &huge.to_string()), "the answer has more than 4194304 bytes"),
        (saying(200, &stuck.to_string()), "the list does not lead on from the cursor \"100\""),
        (saying(200, &nameless.to_string()), "notification.delta-cursor"),
        (saying(200, &deep), "edge.json-depth"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[".to_owned(), "the connection broke"),
    ] {
        list.behave(Manner::Always(answer));
        let mut before = Value::Null;
        wait_for(told, || {
            before = shown(&host);
            before["error"].as_str().is_some_and(|error| error.contains(told))
        });
        let asked = list.asked().len() as u64;
        wait_for("another look", || shown(&host)["errors"].as_u64() > before["errors"].as_u64());
        let looks = shown(&host)["polls"].as_u64().unwrap() - before["polls"].as_u64().unwrap();
        let more = list.asked().len() as u64 - asked;
        assert!(more <= looks + 2, "{told}: {more} requests for {looks} looks");
    }
    assert_eq!(queued(&host), BTreeMap::new());
    assert_eq!(shown(&host)["cursor"], "100");
    list.behave(Manner::Well);
    list.tell(cancellation(1));
    wait_for("it to go on once the platform does", || queued(&host) == each_once([1]));
    assert_eq!(shown(&host)["error"], Value::Null);
}

#[test]
fn a_list_without_an_end_is_taken_bit_by_bit() {
    let list = List::start();
    let config = "[deltas]\npages = 3\nitems = 2\n[queue]\nworkers = 1\n";
    let (host, _) = looking(&list, config);
    // Slow from here on, so that looks can be told apart.
    host.wharf(&["channel", "set", "acme", "--deltas-every", "1h"]);
    let before = shown(&host)["polls"].as_u64();
    list.behave(Manner::Endlessly(5));
    let asked = list.asked().len();
    wait_for("the last quick look", || shown(&host)["polls"].as_u64() > before);
    let asked = &list.asked()[asked..];
    let newest: Vec<u64> = asked.iter().rev().take(3).map(|cursor| cursor.parse().unwrap()).collect();
    assert!(
        asked.len() <= 4 && newest[0] == newest[1] + 2,
        "two items are taken of each answer, three answers a look: {asked:?}"
    );
    let cursor: u64 = shown(&host)["cursor"].as_str().unwrap().parse().unwrap();
    wait_for("all of them, once", || queued(&host) == each_once(101..=cursor));
}

#[test]
fn nothing_is_looked_at_without_a_release_or_a_platform_and_a_slow_one_holds_nobody_up() {
    let list = List::start();
    let silent = Upstream::silent();
    let host = node("[deltas]\nevery = \"100ms\"\nconcurrent = 2\ntime = \"500ms\"\n");
    let on = |channel: &str| drop(host.wharf(&["channel", "set", channel, "--deltas", "on"]));
    let told = |channel: &str, text: &str| {
        wait_for(text, || {
            host.wharf(&["channel", "show", channel])["deltas"]["error"]
                .as_str()
                .is_some_and(|error| error.contains(text))
        });
    };
    on("acme");
    told("acme", "there is no release that answers");
    host.deploy("acme", "echo", &[]);
    told("acme", "the release that answers has no [platform]");
    assert_eq!(host.wharf(&["channel", "show", "acme"])["deltas"]["polls"], 0);
    deploy(&host, &silent.address, &["behaviour=answer"], &[]);
    told("acme", "there is no answer in time");
    // Another platform's cursors are its own.
    deploy(&host, list.address(), &["behaviour=answer"], &[]);
    wait_for("the other platform", || host.wharf(&["channel", "show", "acme"])["deltas"]["cursor"] == "100");
    for wrong in [json!({ "every_ms": 99 }), json!({ "every_ms": 86_400_001 }), json!({ "every": 5 }), json!(5)] {
        let answer = host.admin("PATCH", "/v1/channels/acme", Some(&json!({ "deltas": wrong })));
        assert_eq!(answer.status, 400, "{wrong}");
    }
    // A node that stops waits for nobody.
    deploy(&host, &silent.address, &["behaviour=answer"], &[]);
    let mut host = host;
    host.terminate();
    assert_eq!(host.await_exit(), Some(0));
}
