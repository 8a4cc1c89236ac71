//! The failure table through the real program: every interaction and every notification, each way of failing.

use serde_json::json;
use wharf_protocol::sdk::Interaction;

use super::{notes, payload, status};
use crate::host::{Host, Keys, TEST_KEY, sdk_body, sdk_url, wait_for};
use crate::wire::{self, Answer};

/// One way of failing: the channel's name, what its component is told to do, what an SDK caller and a notification hear.
struct Row {
    channel: &'static str,
    settings: &'static [&'static str],
    status: u16,
    code: &'static str,
    retry: bool,
}

const fn row(
    channel: &'static str,
    settings: &'static [&'static str],
    status: u16,
    code: &'static str,
    retry: bool,
) -> Row {
    Row { channel, settings, status, code, retry }
}

/// `empty`, `slow` and `rapid` have no component that fails: nobody answers there, or not so many at a time.
const ROWS: [Row; 13] = [
    row("trap", &["behaviour=trap"], 502, "HOST_TRAP", false),
    row("oom", &["behaviour=grow"], 502, "HOST_OUT_OF_MEMORY", false),
    row("stack", &["behaviour=recurse"], 502, "HOST_STACK_OVERFLOW", false),
    row("illegal", &["behaviour=illegal-answer"], 502, "HOST_INVALID_ANSWER", false),
    row("huge", &["behaviour=huge-answer", "kilobytes=1024"], 502, "HOST_INVALID_ANSWER", false),
    row("failed", &["behaviour=internal"], 502, "HOST_PLUGIN_FAILED", false),
    row("cpu", &["behaviour=spin"], 504, "HOST_CPU_DEADLINE", false),
    row("wall", &["behaviour=sleep"], 504, "HOST_DEADLINE", false),
    row("none", &["behaviour=unsupported"], 501, "HOST_NOT_IMPLEMENTED", false),
    row("later", &["behaviour=retry-later"], 503, "HOST_RETRY_LATER", true),
    row("empty", &[], 503, "HOST_UNAVAILABLE", true),
    row("slow", &["behaviour=sleep", "sleep_ms=30000"], 503, "HOST_BUSY", true),
    row("rapid", &["behaviour=answer"], 429, "HOST_RATE_LIMITED", true),
];

const CONFIG: &str = "[call]\nsdk-deadline = \"600ms\"\nnotification-deadline = \"600ms\"\ncpu = \"100ms\"\npush-cpu = \"100ms\"\n\
    answer = \"64KiB\"\n[breaker]\nfaults = 0\n[guest]\nmemory = \"8MiB\"\n[release]\nautomatic-return = false\n\
    [notification]\nerror-level = { ok = 0, info = 1, warning = 2, error = 3, critical = 4 }\npayment-status = { pending = \"PENDING\" }\n";

/// What has no rule to break, or nothing that could be large, is a legal answer.
fn is_answered(channel: &str, action: &str) -> bool {
    let harmless: &[&str] = match channel {
        "illegal" => {
            &["catalog_get_config", "contact.", "document.validation", "payment.validation", "document.pricing"]
        }
        "huge" => &["catalog_get_config"],
        _ => &[],
    };
    harmless.iter().any(|start| action.starts_with(start))
}

fn node() -> (Host, Vec<Keys>) {
    let host = Host::with_config(CONFIG);
    let keys = ROWS.iter().map(|row| match row.settings {
        [] => host.channel(row.channel),
        settings => host.serving(row.channel, "chaos", settings),
    });
    let keys = keys.collect();
    host.wharf(&["channel", "set", "rapid", "--limit", "rate=1", "--limit", "burst=1"]);
    host.wharf(&["channel", "set", "cpu", "--limit", "deadline=1m"]);
    let slow = ["--limit", "in-flight=1", "--limit", "queue=0", "--limit", "deadline=1m"];
    host.wharf(&[&["channel", "set", "slow"][..], &slow].concat());
    (host, keys)
}

/// Makes the channel such that the next call fails as its row says, while `work` runs.
fn prepared(host: &Host, row: &Row, work: impl FnOnce()) {
    match row.channel {
        "slow" => {
            // Takes the only place; it is let go of when the node is.
            let url = sdk_url(&host.edge, "slow", "order_update");
            let body = sdk_body(TEST_KEY, "order_update", &payload(Interaction::OrderUpdate));
            std::thread::spawn(move || wire::try_send(&wire::agent(), "POST", &url, &[], body.as_bytes()));
            wait_for("the only place to be taken", || status(host, "slow")["in_flight_free"] == 0);
            work();
        }
        _ => work(),
    }
}

/// The answer of a call that fails as its row says; of a channel that is called too fast, once it is.
fn failing(row: &Row, call: impl Fn() -> Answer) -> Answer {
    let mut answer = call();
    for _ in 0..100 {
        if row.channel != "rapid" || answer.body.contains(row.code) {
            break;
        }
        answer = call();
    }
    answer
}

fn sdk_is_told(row: &Row, interaction: Interaction, events: bool, answer: &Answer) {
    let name = interaction.name();
    let what = format!("{} {name} {answer:?}", row.channel);
    if is_answered(row.channel, name) {
        assert_eq!(answer.status, 200, "{what}");
        return;
    }
    let status = if events && interaction.reports_events() { 200 } else { row.status };
    assert_eq!((answer.status, answer.code().as_str()), (status, row.code), "{what}");
    let body = answer.json();
    let event = &body["events"][0];
    assert_eq!(event["event_type"], "error", "{what}");
    assert_eq!(body.get("status").cloned(), interaction.reports_status().then(|| json!("fail")), "{what}");
    assert!(body.get("orders").is_none() && body.get("next_page_token").is_none(), "{what}");
    assert_eq!(answer.header("retry-after").is_some(), row.retry, "{what}");
    let id = answer.header("wharf-call-id").unwrap();
    assert_eq!(body["call_id"], id, "{what}");
    assert!(!answer.body.contains("wasm") && !answer.body.contains("chaos"), "no internals for callers: {what}");
}

#[test]
fn every_interaction_tells_every_failure_by_its_row_in_both_modes() {
    let (host, _) = node();
    let mut told = 0;
    for events in [false, true] {
        let mode = if events { "events" } else { "http" };
        for row in &ROWS {
            host.wharf(&["channel", "set", row.channel, "--failure-mode", mode]);
        }
        std::thread::scope(|scope| {
            let sweeps: Vec<_> = ROWS
                .iter()
                .filter(|row| !(events && row.channel == "slow"))
                .map(|row| {
                    let host = &host;
                    scope.spawn(move || {
                        prepared(host, row, || {
                            for interaction in Interaction::ALL {
                                let call = || host.sdk(row.channel, interaction.name(), payload(interaction));
                                let answer = failing(row, call);
                                sdk_is_told(row, interaction, events, &answer);
                            }
                        });
                        Interaction::ALL.len()
                    })
                })
                .collect();
            told += sweeps.into_iter().map(|sweep| sweep.join().unwrap()).sum::<usize>();
        });
    }
    for wrong in
        [host.sdk_as("wrong", "trap", "order_cancel", json!({})), host.sdk_as("x", "nobody", "order_cancel", json!({}))]
    {
        assert_eq!((wrong.status, wrong.code().as_str()), (401, "HOST_UNAUTHORIZED"), "whatever the mode");
    }
    let broken = wire::post(&sdk_url(&host.edge, "trap", "order_cancel"), &[], "{");
    assert_eq!(broken.status, 400, "whatever the mode: {broken:?}");
    println!(
        "{told} failures of {} kinds on {} interactions were told by their rows",
        ROWS.len(),
        Interaction::ALL.len()
    );
}

fn note_is_told(row: &Row, event: &str, answer: &Answer) {
    let what = format!("{} {event} {answer:?}", row.channel);
    assert_eq!(answer.status, 200, "{what}");
    let envelope = answer.json();
    if is_answered(row.channel, event) {
        return;
    }
    assert_eq!(
        (&envelope["success"], &envelope["errorLevel"], &envelope["errorCode"]),
        (&json!(false), &json!(4), &json!(row.code)),
        "{what}"
    );
    assert!(envelope.get("data").is_none(), "no status, no prices: {what}");
    let force = (event == "document.validation").then_some(json!(false));
    assert_eq!(envelope.get("forceValidation").cloned(), force, "{what}");
    assert!(envelope["message"].as_str().unwrap().contains(answer.header("wharf-call-id").unwrap()), "{what}");
    let stopped = row.status == 504;
    let warned = ["may have been", "before paying again"].iter().any(|text| answer.body.contains(text));
    let changes = matches!(event, "document.validation" | "payment.validation" | "contact.validation");
    assert_eq!(warned, stopped && changes, "{what}");
}

#[test]
fn every_notification_that_somebody_waits_for_tells_every_failure_by_its_row() {
    let (host, keys) = node();
    let told: usize = std::thread::scope(|scope| {
        let sweeps: Vec<_> = ROWS
            .iter()
            .zip(&keys)
            .map(|(row, keys)| {
                let host = &host;
                scope.spawn(move || {
                    let mut told = 0;
                    prepared(host, row, || {
                        for (event, _, body) in notes().into_iter().filter(|(_, waits, _)| *waits) {
                            let answer = failing(row, || host.notify(row.channel, &keys.notification, &body));
                            note_is_told(row, &event, &answer);
                            told += 1;
                        }
                    });
                    told
                })
            })
            .collect();
        sweeps.into_iter().map(|sweep| sweep.join().unwrap()).sum()
    });
    println!("{told} failures were told in envelopes");
}

#[test]
fn what_nobody_answers_is_parked_at_once_and_can_be_replayed() {
    let (host, keys) = node();
    for (row, keys) in ROWS.iter().zip(&keys).filter(|(row, _)| matches!(row.channel, "none" | "empty")) {
        for (event, _, body) in notes().into_iter().filter(|(_, waits, _)| !waits) {
            let accepted = host.notify(row.channel, &keys.notification, &body).ok(202);
            let id = accepted["id"].as_str().unwrap();
            wait_for("the notification to be parked", || host.wharf(&["notifications", "show", id])["state"] == "dead");
            let shown = host.wharf(&["notifications", "show", id]);
            let reason = shown["history"][0]["reason"].as_str().unwrap();
            assert_eq!(shown["attempts"], 1, "{event}: {shown}");
            assert!(reason.contains("does not answer") || reason.contains("no active release"), "{event}: {shown}");
            host.deploy(row.channel, "chaos", &["behaviour=answer"]);
            host.wharf(&["notifications", "replay", id]);
            wait_for("the notification to be done", || host.wharf(&["notifications", "show", id])["state"] == "done");
            if row.channel == "none" {
                host.deploy("none", "chaos", &["behaviour=unsupported"]);
            } else {
                break;
            }
        }
    }
}

#[test]
fn a_node_has_a_failure_mode_for_the_channels_that_have_none() {
    let host = Host::with_config("[sdk]\nfailure-mode = \"events\"\n");
    for (channel, status) in [("usual", 200), ("own", 502)] {
        host.serving(channel, "chaos", &["behaviour=trap"]);
        if channel == "own" {
            host.wharf(&["channel", "set", channel, "--failure-mode", "http"]);
        }
        let answer = host.sdk(channel, "inventory_push", json!({ "inventory_updates": [] }));
        assert_eq!((answer.status, answer.code().as_str()), (status, "HOST_TRAP"), "{channel}");
    }
}
