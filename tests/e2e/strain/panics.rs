//! Bugs of the host's own: a panic in what a guest calls ends that call, and nothing else.

use serde_json::json;

use super::push;
use crate::host::{Host, wait_for};

/// Where a panic can be planted in a debug build, and a plugin that comes there.
const POINTS: [(&str, &str); 11] = [
    ("config-get", "behaviour=answer"),
    ("keyvalue-open", "behaviour=count"),
    ("keyvalue-increment", "behaviour=count"),
    ("keyvalue-get", "behaviour=recall"),
    ("logging-log", "behaviour=flood-log"),
    ("http-send", "behaviour=fetch"),
    ("platform-request", "behaviour=platform"),
    ("wasi", "behaviour=random"),
    ("raw-request", "behaviour=raw"),
    ("memory-grow", "behaviour=answer"),
    ("epoch", "behaviour=spin"),
];

#[test]
fn a_panic_in_a_host_function_ends_its_call_alone() {
    let host = Host::with_config("[outbound]\nallow-http = true\n[breaker]\nfaults = 0\n");
    host.serving("good", "echo", &[]);
    for (point, behaviour) in POINTS {
        let channel = format!("panics-in-{point}");
        let keys = host.channel(&channel);
        let plugin = crate::host::plugin("chaos");
        let deploy = ["deploy", &channel, plugin.to_str().unwrap(), "--skip-preflight", "--allow", "127.0.0.1:9"];
        let settings = ["--set", behaviour, "--set", "url=http://127.0.0.1:9/", "--set", "lines=1"];
        host.wharf(&[deploy.as_slice(), settings.as_slice()].concat());
        for interaction in ["inventory_push", "order_pull"] {
            let answer = host.sdk(&channel, interaction, push());
            assert_eq!((answer.status, answer.code().as_str()), (500, "HOST_ERROR"), "{point}");
            assert!(!answer.body.contains("planted"), "a cause reached the caller: {}", answer.body);
        }
        let event = json!({ "eventType": "document.validation", "entityTypeID": 1, "entityID": 2, "data": {} });
        let envelope = host.notify(&channel, &keys.notification, &event).ok(200);
        assert_eq!(
            (envelope["success"].as_bool(), envelope["errorCode"].as_str(), envelope["errorLevel"].as_i64()),
            (Some(false), Some("HOST_ERROR"), Some(4)),
            "{point}"
        );
        assert_eq!(host.sdk("good", "inventory_push", push()).status, 200, "after {point}");
        let free = super::free_places(&host, &channel);
        assert_eq!(free, super::free_places(&host, "good"), "{point} left a place taken");
    }
    wait_for("the causes to be logged", || {
        let log = host.log();
        POINTS.iter().all(|(point, _)| log.contains(&format!("planted in {point}")))
    });
}
