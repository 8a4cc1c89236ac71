//! What is told of the queue: in the status, in the metrics and in the log.

use serde_json::{Value, json};

use super::{accepted, becomes, cancellation, left};
use crate::host::{Host, wait_for};

/// The value of a metric with these labels.
fn metric(host: &Host, name: &str) -> Option<u64> {
    let text = host.admin("GET", "/metrics", None).body;
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

fn status(host: &Host) -> (Value, Value) {
    let status = host.wharf(&["status"]);
    let channel = status["channels"].as_array().unwrap().iter().find(|one| one["channel"] == "acme").cloned();
    (status["queue"].clone(), channel.unwrap()["notifications"].clone())
}

#[test]
fn depth_and_age_are_in_the_status_and_in_the_metrics() {
    let host = Host::with_config("[queue]\nworkers = 1\n");
    let keys = host.serving("acme", "chaos", &["behaviour=sleep", "sleep_ms=50000"]);
    host.channel("idle");
    let (running, _) = accepted(&host, &keys, &cancellation(1));
    becomes(&host, &running, "running");
    for document in 2..=4 {
        accepted(&host, &keys, &cancellation(document));
    }
    wait_for("the oldest to be a second old, and the next to be overdue", || {
        let (node, own) = status(&host);
        assert_eq!(node, own, "there is no other channel with any");
        assert_eq!((&own["queued"], &own["running"], &own["dead"]), (&json!(3), &json!(1), &json!(0)), "{own}");
        own["oldest_s"].as_u64().unwrap() >= 1 && own["overdue_s"].as_u64().unwrap() >= 1
    });
    for (name, least) in [
        ("wharf_queue_notifications{state=\"queued\"}", 3),
        ("wharf_queue_oldest_seconds", 1),
        ("wharf_queue_overdue_seconds", 1),
        ("wharf_channel_notifications{channel=\"acme\",state=\"queued\"}", 3),
        ("wharf_channel_notifications{channel=\"acme\",state=\"running\"}", 1),
        ("wharf_channel_notifications_oldest_seconds{channel=\"acme\"}", 1),
        ("wharf_channel_notifications_overdue_seconds{channel=\"acme\"}", 1),
    ] {
        assert!(metric(&host, name).is_some_and(|found| found >= least), "{name}: {:?}", metric(&host, name));
    }
    assert_eq!(metric(&host, "wharf_channel_notification_deaths_total{channel=\"acme\"}"), Some(0));
    let said = String::from_utf8(host.cli(&["status"]).stdout).unwrap();
    assert!(said.contains("3 queued, 1 running, 0 dead; the oldest came in"), "{said}");
    host.wharf(&["channel", "delete", "acme"]);
    assert_eq!(metric(&host, "wharf_queue_notifications{state=\"queued\"}"), Some(0), "they went with their channel");
}

#[test]
fn one_channels_notifications_have_a_share_of_the_disk() {
    let host = Host::with_config("[queue]\nbytes = \"2KiB\"\n");
    let (keys, other) = (host.serving("acme", "chaos", &["behaviour=retry-later"]), host.channel("bolt"));
    let mut kept: Vec<_> = (1..=3).map(|document| accepted(&host, &keys, &cancellation(document)).0).collect();
    let refused = host.notify("acme", &keys.notification, &cancellation(4));
    assert_eq!((refused.status, refused.code().as_str()), (503, "HOST_UNAVAILABLE"), "{refused:?}");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(accepted(&host, &keys, &cancellation(3)), (kept[2].clone(), true), "one that is known takes no room");
    assert_eq!(host.notify("bolt", &other.notification, &cancellation(4)).status, 202);
    let bytes = status(&host).1["bytes"].as_u64().unwrap();
    assert!((3 * 512..2048).contains(&bytes), "{bytes}");
    wait_for("the log to tell of it", || host.log().contains("more than the queue may keep"));
    host.wharf(&["notifications", "drop", &kept[0]]);
    kept[0] = accepted(&host, &keys, &cancellation(4)).0;
    for id in &kept {
        host.wharf(&["notifications", "drop", id]);
    }
    assert_eq!(status(&host).1["bytes"], 0);
}

#[test]
fn a_burst_of_deaths_is_counted_and_told_in_two_lines() {
    let mut host = Host::start();
    let keys = host.serving("acme", "chaos", &["behaviour=refuse"]);
    for document in 0..300 {
        accepted(&host, &keys, &cancellation(document));
    }
    let name = "wharf_channel_notification_deaths_total{channel=\"acme\"}";
    wait_for("all to be dead", || metric(&host, name) == Some(300));
    let said = String::from_utf8(host.cli(&["status"]).stdout).unwrap();
    assert!(said.contains("acme: 300 dead notifications (wharf notifications list acme --state dead)"), "{said}");
    let dropped = host.cli(&["notifications", "drop", "acme", "--dead"]);
    let said = String::from_utf8(dropped.stdout).unwrap();
    assert_eq!(said, "300 dead notifications of channel acme are dropped\n", "in several steps");
    assert_eq!((metric(&host, name), left(&host).len()), (Some(300), 0), "what died stays counted");
    host.terminate();
    host.await_exit();
    wait_for("the log to end", || host.log().contains("stopped"));
    let log = host.log();
    let first: Vec<_> = log.lines().filter(|line| line.contains("a notification died")).collect();
    assert!(!first.is_empty() && first.len() <= 2, "{first:?}");
    for field in ["ERROR", "channel=\"acme\"", "id=\"", "event=\"document.cancellation\"", "attempts=1", "reason=\""] {
        assert!(first[0].contains(field), "{field} is not in {}", first[0]);
    }
    let rest = log.lines().filter(|line| line.contains("more notifications died"));
    let rest: u64 = rest.filter_map(|line| line.split("deaths=").nth(1)?.parse::<u64>().ok()).sum();
    assert_eq!(first.len() as u64 + rest, 300, "every death is in a line");
}
