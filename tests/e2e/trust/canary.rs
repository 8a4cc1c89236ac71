//! A release on trial for a share of the calls.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use serde_json::{Value, json};

use super::load::{Call, Caller};
use super::{receipts, rounds, status};
use crate::host::{Host, Keys, plugin};

/// Threads that call.
const CALLERS: u64 = 4;

#[test]
fn a_canary_of_ten_percent_gets_ten_percent_of_the_calls() {
    let calls = rounds(5000, 20_000);
    let (least, most) = if calls < 20_000 { (8.5, 11.5) } else { (9.0, 11.0) };
    let host = Host::start();
    host.serving("acme", "reference", &["sku_fanout=no_fanout"]);
    let file = plugin("reference");
    host.wharf(&["deploy", "acme", file.to_str().unwrap(), "--no-activate", "--set", "sku_fanout=related_skus"]);
    let call = Call::sdk(&host, "acme", "catalog_get_config", &json!({}));
    let shared = |calls: u64| {
        let tried = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| {
                    let caller = Caller::new();
                    for _ in 0..calls / CALLERS {
                        match caller.make(&call).ok(200)["sku_fanout"].as_str() {
                            Some("related_skus") => tried.fetch_add(1, SeqCst),
                            Some("no_fanout") => 0,
                            other => panic!("{other:?}"),
                        };
                    }
                });
            }
        });
        tried.load(SeqCst)
    };
    assert_eq!(shared(100), 0, "stored, but not on trial");
    let receipt = host.wharf(&["activate", "acme", "2", "--canary", "10%"]);
    assert_eq!((&receipt["change"], &receipt["share"]), (&json!("canary"), &json!("10%")), "{receipt}");
    let tried = shared(calls);
    let hundredths = u32::try_from(tried * 10_000 / calls).unwrap();
    let percent = f64::from(hundredths) / 100.0;
    println!("canary: {tried} of {calls} calls went to the canary of 10 %: {percent} %");
    assert!((least..=most).contains(&percent), "{percent} % of {calls}");
    let shown = &status(&host, "acme")["canary"];
    assert_eq!((&shown["share"], &shown["calls"], &shown["faults"]), (&json!("10%"), &json!(tried), &json!(0)));

    host.wharf(&["activate", "acme", "--promote"]);
    assert_eq!(shared(100), 100, "promoted: all calls");
    host.wharf(&["activate", "acme", "1", "--canary", "50%"]);
    host.wharf(&["activate", "acme", "--abort"]);
    assert_eq!(shared(100), 100, "aborted: none");
    let done: Vec<_> =
        receipts(&host, "acme").iter().rev().map(|one| one["change"].as_str().unwrap().to_owned()).collect();
    assert_eq!(done, ["deploy", "deploy", "canary", "promote", "canary", "abort"]);
}

/// Who answers what is about an order, a document, a contact: the candidate refuses, the other does not.
fn answered_by(host: &Host, keys: &Keys) -> BTreeMap<String, bool> {
    let mut candidate = BTreeMap::new();
    let order = |number: u64| json!({ "order": { "channel_order_refnum": format!("A-{number}") } });
    let note = |event: &str, id: u64, data: Value| {
        let note = json!({ "eventType": event, "entityTypeID": 2, "entityID": id, "data": data });
        host.notify("acme", &keys.notification, &note).ok(200)["errorCode"] == "CHAOS"
    };
    for number in 0..60 {
        let told = ["order_cancel", "order_update", "order_settle_payment"].map(|interaction| {
            let answer = host.sdk("acme", interaction, order(number)).ok(200);
            answer["events"].as_array().unwrap().iter().any(|event| event["code"] == "CHAOS")
        });
        assert!(told.iter().all(|one| *one == told[0]), "one order, two releases: {number}: {told:?}");
        candidate.insert(format!("order {number}"), told[0]);
        let told =
            [note("document.validation", number, json!({})), note("document.pricing", number, json!({ "items": [] }))];
        assert!(told[0] == told[1], "one document, two releases: {number}: {told:?}");
        candidate.insert(format!("document {number}"), told[0]);
    }
    candidate
}

#[test]
fn one_order_or_document_gets_one_release_for_as_long_as_the_canary_runs() {
    let host = Host::with_config("[notification]\nsame-answer = \"0s\"\n");
    let keys = host.serving("acme", "chaos", &["behaviour=answer"]);
    let file = plugin("chaos");
    let refusing = ["deploy", "acme", file.to_str().unwrap(), "--set", "behaviour=refuse", "--no-activate"];
    host.wharf(&[&refusing[..], &["--skip-preflight"]].concat());
    let taken = |answers: &BTreeMap<String, bool>| answers.values().filter(|candidate| **candidate).count();
    assert_eq!(taken(&answered_by(&host, &keys)), 0);

    host.wharf(&["activate", "acme", "2", "--canary", "20%"]);
    let first = answered_by(&host, &keys);
    assert!((5..50).contains(&taken(&first)), "20 % of 120: {}", taken(&first));
    assert_eq!(answered_by(&host, &keys), first);
    let host = host.kill_and_restart();
    assert_eq!(status(&host, "acme")["canary"]["share"], "20%");
    assert_eq!(answered_by(&host, &keys), first, "after a kill and a restart");

    host.wharf(&["activate", "acme", "2", "--canary", "60%"]);
    let larger = answered_by(&host, &keys);
    assert!(first.iter().all(|(subject, candidate)| !candidate || larger[subject]), "a larger share keeps its own");
    assert!(taken(&larger) > taken(&first) && taken(&larger) < larger.len());
    host.wharf(&["rollback", "acme"]);
    assert_eq!(taken(&answered_by(&host, &keys)), 0, "a rollback takes a canary back");
    println!("canary: of {} orders and documents {} at 20 %, {} at 60 %", first.len(), taken(&first), taken(&larger));
}
