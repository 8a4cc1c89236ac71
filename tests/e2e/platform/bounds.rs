//! What is set for the looks at the platform's list, and felt.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::deltas::{cancellation, each_once, looking, queued, shown};
use super::list::{List, Manner};
use super::*;
use crate::host::wait_for;
use crate::upstream::{Upstream, saying};

#[test]
fn channels_beyond_the_limit_wait_for_a_place() {
    let (now, most, all) =
        (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (inside, peak, count) = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&all));
    let platform = Upstream::answering(move |head, _| {
        if head.contains("latestCursor") {
            return saying(200, "{\"latestCursor\":\"1\"}");
        }
        count.fetch_add(1, Ordering::SeqCst);
        peak.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // Long enough for others to come, if they may.
        let (_sender, never) = std::sync::mpsc::channel::<()>();
        let _ = never.recv_timeout(Duration::from_millis(100));
        inside.fetch_sub(1, Ordering::SeqCst);
        saying(200, "[]")
    });
    let host = node("[deltas]\nconcurrent = 1\n");
    deploy(&host, &platform.address, &["behaviour=answer"], &[]);
    let folder = folder(&platform.address, "");
    let file = folder.path().join("chaos.wasm");
    for channel in ["bolt", "cold"] {
        host.channel(channel);
        host.wharf(&["secret", "set", channel, "PLATFORM_TOKEN", "--value", TOKEN]);
        host.wharf(&["deploy", channel, file.to_str().unwrap(), "--skip-preflight"]);
    }
    for channel in ["acme", "bolt", "cold"] {
        host.wharf(&["channel", "set", channel, "--deltas-every", "100ms"]);
    }
    let polls = |channel: &str| host.wharf(&["channel", "show", channel])["deltas"]["polls"].as_u64().unwrap();
    wait_for("each to have its turns", || ["acme", "bolt", "cold"].iter().all(|channel| polls(channel) >= 3));
    let (looks, peak) = (all.load(Ordering::SeqCst), most.load(Ordering::SeqCst));
    println!("{looks} looks at three lists, {peak} at the same time");
    assert!(looks >= 6 && peak == 1, "{looks} {peak}");
}

#[test]
fn a_webhook_beyond_the_window_is_another_notification() {
    let list = List::start();
    let (host, keys) = looking(&list, "[queue]\ndelta-dedupe = \"0s\"\n");
    list.tell(cancellation(1));
    wait_for("it to be taken", || queued(&host) == each_once([1]));
    let late = host.notify("acme", &keys.notification, &cancellation(1)).ok(202);
    assert_eq!(late["duplicate"], false, "{late}");
}

#[test]
fn the_member_that_has_the_cursor_is_the_operators_to_name() {
    let list = List::start();
    let (host, _) = looking(&list, "[notification]\ndelta-cursor = \"place\"\n");
    let item = json!([{ "place": "100", "eventType": "x" }, { "place": 101, "eventType": "workflow.validation", "entityID": 5 }]);
    list.behave(Manner::Always(saying(200, &item.to_string())));
    wait_for("it to be taken", || queued(&host) == each_once([5]));
    assert_eq!(shown(&host)["cursor"], "101");
    wait_for("the end, where the list has nothing new", || {
        shown(&host)["error"].as_str().is_some_and(|error| error.contains("does not lead on"))
    });
    assert_eq!(queued(&host), each_once([5]));
}
