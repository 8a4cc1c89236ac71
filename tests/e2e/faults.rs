//! What callers hear of a hostile or broken component, through the real program.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::host::{Host, wait_for};

/// A node whose channel `bad` misbehaves in this way.
fn misbehaving(behaviour: &str, config: &str) -> Host {
    let host = Host::with_config(config);
    host.serving("bad", "chaos", &[&format!("behaviour={behaviour}")]);
    host
}

fn push() -> serde_json::Value {
    json!({ "inventory_updates": [{ "sku": "A", "quantity_available": 1 }] })
}

#[test]
fn a_guest_that_traps_or_panics_is_a_502_and_its_author_finds_the_cause() {
    for behaviour in ["trap", "panic"] {
        let host = misbehaving(behaviour, "");
        let answer = host.sdk("bad", "inventory_push", push());
        assert_eq!((answer.status, answer.code().as_str()), (502, "HOST_TRAP"), "{behaviour}");
        let id = answer.header("wharf-call-id").unwrap().to_owned();
        let mut call = json!(null);
        wait_for("the call to be in the journal", || {
            let listed = host.wharf(&["calls", "bad"]);
            call =
                listed.as_array().unwrap().iter().find(|call| call["id"] == id.as_str()).cloned().unwrap_or_default();
            !call.is_null()
        });
        assert_eq!((call["outcome"].as_str(), call["status"].as_u64()), (Some("trap"), Some(502)), "{call}");
        assert!(call["detail"].as_str().unwrap().contains("trapped"), "{call}");
        assert!(!answer.body.contains("wasm"), "no guest internals for callers: {}", answer.body);
        if behaviour == "panic" {
            let shown = host.wharf(&["calls", "show", &id]).to_string();
            assert!(shown.contains("panicked"), "the panic's message is in the call's log: {shown}");
        }
    }
}

#[test]
fn a_guest_that_computes_or_waits_for_ever_is_stopped_at_the_deadline() {
    // What computes has processor time for longer than the deadline, or else that would end first.
    for (behaviour, cpu) in [("spin", "1m"), ("sleep", "250ms")] {
        let config = format!("[call]\nsdk-deadline = \"1s\"\ncpu = \"{cpu}\"\npush-cpu = \"{cpu}\"\n");
        let host = misbehaving(behaviour, &config);
        let began = Instant::now();
        let answer = host.sdk("bad", "inventory_push", push());
        assert_eq!((answer.status, answer.code().as_str()), (504, "HOST_DEADLINE"), "{behaviour}");
        assert!(began.elapsed() >= Duration::from_millis(900), "{behaviour} was stopped too early");
        assert_eq!(host.sdk("bad", "catalog_get_config", json!({})).status, 504);
    }
}

#[test]
fn a_guest_that_computes_for_too_long_is_stopped_at_its_processor_time_and_one_that_waits_is_not() {
    let budget = "[call]\ncpu = \"100ms\"\npush-cpu = \"100ms\"\n";
    let answer = misbehaving("spin", budget).sdk("bad", "inventory_push", push());
    assert_eq!((answer.status, answer.code().as_str()), (504, "HOST_CPU_DEADLINE"));
    let host = Host::with_config(budget);
    host.serving("slow", "chaos", &["behaviour=sleep", "sleep_ms=500"]);
    assert_eq!(host.sdk("slow", "inventory_push", push()).status, 200, "to wait costs no processor time");
}

#[test]
fn a_spinning_guest_does_not_stop_its_neighbours() {
    let host = misbehaving("spin", "[call]\nsdk-deadline = \"3s\"\npush-cpu = \"1m\"\nrate = 100000\nburst = 100000\n");
    host.serving("good", "echo", &[]);
    std::thread::scope(|scope| {
        let hogs: Vec<_> = (0..4).map(|_| scope.spawn(|| host.sdk("bad", "inventory_push", push()).status)).collect();
        let mut answered = 0;
        while hogs.iter().any(|hog| !hog.is_finished()) {
            assert_eq!(host.sdk("good", "inventory_push", push()).status, 200);
            answered += 1;
        }
        assert!(
            answered > 20,
            "only {answered} calls of the neighbour were answered beside four hogs in three seconds"
        );
        for hog in hogs {
            assert_eq!(hog.join().unwrap(), 504);
        }
    });
}

#[test]
fn a_guest_cannot_have_more_memory_than_its_limit() {
    let host = misbehaving("grow", "");
    let answer = host.sdk("bad", "inventory_push", push());
    assert_eq!((answer.status, answer.code().as_str()), (502, "HOST_OUT_OF_MEMORY"));
    assert_eq!(host.sdk("bad", "inventory_push", push()).status, 502, "the place is free again");
}

#[test]
fn a_guest_that_calls_itself_for_ever_runs_out_of_stack_and_the_process_lives() {
    let host = misbehaving("recurse", "[breaker]\nfaults = 0\n");
    for _ in 0..20 {
        let answer = host.sdk("bad", "inventory_push", push());
        assert_eq!((answer.status, answer.code().as_str()), (502, "HOST_STACK_OVERFLOW"));
    }
}

#[test]
fn an_answer_that_is_too_large_or_breaks_a_rule_is_not_sent() {
    for behaviour in ["huge-answer", "illegal-answer"] {
        let host = misbehaving(behaviour, "");
        for interaction in ["order_pull", "inventory_push"] {
            let answer = host.sdk("bad", interaction, push());
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (502, "HOST_INVALID_ANSWER"),
                "{behaviour} {interaction}"
            );
            assert!(answer.json().get("orders").is_none());
        }
    }
}

#[test]
fn what_a_guest_says_itself_travels_in_the_platforms_own_words() {
    let host = misbehaving("refuse", "");
    let answer = host.sdk("bad", "inventory_push", push());
    assert_eq!((answer.status, answer.json()["events"][0]["event_type"].as_str()), (200, Some("error")));
    assert_eq!(host.sdk("bad", "order_pull", json!({})).status, 422);
    let cancelled = host.sdk("bad", "order_cancel", json!({ "order": { "channel_order_refnum": "1" } }));
    assert_eq!((cancelled.status, cancelled.json()["status"].as_str()), (200, Some("fail")));

    host.deploy("bad", "chaos", &["behaviour=unsupported"]);
    assert_eq!(host.sdk("bad", "order_pull", json!({})).status, 501);
    host.deploy("bad", "chaos", &["behaviour=retry-later"]);
    let later = host.sdk("bad", "order_pull", json!({}));
    assert_eq!(later.status, 503);
    assert!(later.header("retry-after").is_some());
    host.deploy("bad", "chaos", &["behaviour=internal"]);
    let failed = host.sdk("bad", "order_pull", json!({}));
    assert_eq!((failed.status, failed.code().as_str()), (502, "HOST_PLUGIN_FAILED"));
}

#[test]
fn what_a_plugin_does_not_export_the_host_answers() {
    let host = Host::start();
    let keys = host.serving("small", "echo", &[]);
    let answer = host.sdk("small", "order_pull", json!({}));
    assert_eq!((answer.status, answer.code().as_str()), (501, "HOST_NOT_IMPLEMENTED"));
    let body = json!({ "eventType": "document.validation", "entityTypeID": 1, "entityID": 2, "data": {} });
    let envelope = host.notify("small", &keys.notification, &body).ok(200);
    assert_eq!(
        (envelope["success"].as_bool(), envelope["errorCode"].as_str()),
        (Some(false), Some("HOST_NOT_IMPLEMENTED"))
    );
}

#[test]
fn a_channel_without_a_release_is_unavailable() {
    let host = Host::start();
    host.channel("empty");
    let answer = host.sdk("empty", "order_pull", json!({}));
    assert_eq!((answer.status, answer.code().as_str()), (503, "HOST_UNAVAILABLE"));
    assert!(answer.header("retry-after").is_some());
}

#[test]
fn calls_beyond_a_channels_places_are_told_to_come_again() {
    let host = misbehaving("sleep", "[call]\nsdk-deadline = \"2s\"\nin-flight = 1\nqueue = 1\n");
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..6).map(|_| scope.spawn(|| host.sdk("bad", "inventory_push", push()))).collect();
        let answers: Vec<_> = calls.into_iter().map(|call| call.join().unwrap()).collect();
        let count = |status| answers.iter().filter(|answer| answer.status == status).count();
        assert!(count(504) >= 1 && count(503) >= 4, "{answers:?}");
        let busy = answers.iter().find(|answer| answer.status == 503).unwrap();
        assert_eq!((busy.code().as_str(), busy.header("retry-after")), ("HOST_BUSY", Some("1")));
    });
}

#[test]
fn nothing_is_left_of_a_call_for_the_next_one() {
    let host = misbehaving("leak", "");
    for _ in 0..50 {
        let answer = host.sdk("bad", "inventory_push", push()).ok(200);
        assert_eq!(answer["events"][0]["message"], "found nothing", "{answer}");
    }
}

#[test]
fn a_flood_of_log_lines_is_cut_at_its_limit() {
    let host = Host::with_config("[guest]\nlog-lines = 20\n");
    host.serving("bad", "chaos", &["behaviour=flood-log", "lines=1000"]);
    let answer = host.sdk("bad", "inventory_push", push());
    assert_eq!(answer.status, 200);
    let mut lines = json!(null);
    wait_for("the lines to be in the journal", || {
        lines = host.wharf(&["logs", "bad"]);
        lines.as_array().is_some_and(|lines| !lines.is_empty())
    });
    assert!(lines.as_array().unwrap().len() <= 21, "{}", lines.as_array().unwrap().len());
    assert!(lines.to_string().contains("dropped"), "{lines}");
}

#[test]
fn failed_notifications_are_envelopes_at_level_critical() {
    let host = Host::start();
    let keys = host.serving("bad", "chaos", &["behaviour=trap"]);
    for (event, data) in [
        ("document.validation", json!({})),
        ("document.pricing", json!({ "items": [] })),
        ("payment.validation", json!({ "amount": 1.5 })),
        ("contact.search", json!({ "searchString": "a" })),
    ] {
        let envelope = host
            .notify(
                "bad",
                &keys.notification,
                &json!({ "eventType": event, "entityTypeID": 1, "entityID": 2, "data": data }),
            )
            .ok(200);
        assert_eq!(
            (envelope["success"].as_bool(), envelope["errorLevel"].as_i64(), envelope["errorCode"].as_str()),
            (Some(false), Some(4), Some("HOST_TRAP")),
            "{event}"
        );
        assert!(envelope.get("data").is_none(), "no status and no prices: {envelope}");
        assert_eq!(envelope.get("forceValidation").cloned(), (event == "document.validation").then_some(json!(false)));
    }
}
