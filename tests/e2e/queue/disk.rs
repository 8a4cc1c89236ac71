//! A disk that is full or fails: what cannot be kept is not acknowledged, and what was acknowledged is kept.

use std::collections::HashSet;
use std::process::Command;

use serde_json::{Value, json};

use super::{assert_whole, left};
use crate::host::{Host, Keys, wait_for};

/// A notification about this document, with so many bytes in it that nobody asks for.
fn bulky(document: u64, bytes: usize) -> Value {
    json!({ "eventType": "document.cancellation", "entityTypeID": 2, "entityID": document, "note": "x".repeat(bytes) })
}

/// What became of many notifications, one after the other.
#[derive(Debug, Default)]
struct Sent {
    acknowledged: HashSet<String>,
    refused: u64,
    /// How often one was acknowledged after one that was refused.
    recoveries: u64,
}

impl Sent {
    /// Sends the next; any answer but 202 must be a 503 that says so.
    fn send(&mut self, host: &Host, keys: &Keys, note: &Value, was_refused: &mut bool) {
        let answer = host.notify("acme", &keys.notification, note);
        if answer.status == 202 {
            self.recoveries += u64::from(std::mem::take(was_refused));
            self.acknowledged.insert(answer.json()["id"].as_str().unwrap().to_owned());
        } else {
            assert_eq!((answer.status, answer.code().as_str()), (503, "HOST_UNAVAILABLE"), "{answer:?}");
            assert!(answer.header("retry-after").is_some() && answer.json()["success"] == false, "{answer:?}");
            self.refused += 1;
            *was_refused = true;
        }
    }

    /// Kills the node, and holds another one, whose disk is well again, against what was acknowledged.
    fn hold(&self, host: Host, keys: &Keys) {
        let remains = host.kill();
        assert_whole(remains.data());
        let host = remains.start();
        let known: HashSet<String> = {
            let db = super::database(host.data());
            let mut ids = db.prepare("SELECT id FROM event").unwrap();
            ids.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
        };
        assert_eq!(self.acknowledged.difference(&known).count(), 0, "acknowledged, and lost");
        assert_eq!(host.notify("acme", &keys.notification, &bulky(u64::from(u32::MAX), 0)).status, 202);
        wait_for("everything to be done", || left(&host).is_empty());
        assert_whole(host.kill().data());
    }
}

fn prepared() -> (Host, Keys) {
    let host = Host::with_config("[breaker]\nfaults = 0\n[queue]\nworkers = 2\n");
    let keys = host.serving("acme", "chaos", &["behaviour=answer"]);
    (host, keys)
}

#[test]
fn a_disk_that_is_nearly_full_takes_no_notification_and_answers_all_else() {
    let host = Host::with_config("[queue]\nleast-free-disk = \"1048576GiB\"\n");
    let keys = host.serving("acme", "chaos", &[]);
    let refused = host.notify("acme", &keys.notification, &bulky(1, 0));
    assert_eq!((refused.status, refused.code().as_str()), (503, "HOST_UNAVAILABLE"), "{refused:?}");
    assert!(refused.header("retry-after").is_some());
    assert!(left(&host).is_empty());
    let saved =
        json!({ "eventType": "document.validation", "entityTypeID": 2, "entityID": 5, "data": { "internalCode": "" } });
    assert_eq!(host.notify("acme", &keys.notification, &saved).ok(200)["success"], true);
    assert_eq!(host.sdk("acme", "order_pull", json!({})).status, 200);
    let status = host.wharf(&["status"]);
    assert_eq!(status["disk"]["low"], true, "{status}");
    assert!(status["disk"]["free"].as_u64().unwrap() > 0);
    wait_for("the log to tell of it", || host.log().contains("the disk is nearly full"));
    let said = String::from_utf8(host.cli(&["status"]).stdout).unwrap();
    assert!(said.contains("the disk is nearly full"), "{said}");
}

#[test]
fn writes_that_fail_are_never_acknowledged_and_the_store_recovers() {
    let (host, keys) = prepared();
    // No file may grow beyond 1.5 MiB, which the log does again and again before it is emptied, and in the end the database too.
    let limited = "trap '' XFSZ; ulimit -f 3072; exec \"$@\"";
    let host = host.kill().start_under("sh", &["-c", limited, "sh"]);
    let (mut sent, mut was_refused) = (Sent::default(), false);
    for document in 0..600 {
        sent.send(&host, &keys, &bulky(document, 2000), &mut was_refused);
        if sent.recoveries >= 3 {
            break;
        }
    }
    println!(
        "failing writes: {} acknowledged, {} refused, {} recoveries",
        sent.acknowledged.len(),
        sent.refused,
        sent.recoveries
    );
    assert!(sent.recoveries >= 3, "{} refused, {} acknowledged", sent.refused, sent.acknowledged.len());
    assert!(host.log().contains("the store writes again"));
    // Now the database itself cannot grow any more.
    for document in 1000..1400 {
        sent.send(&host, &keys, &bulky(document, 20_000), &mut was_refused);
    }
    assert!(was_refused, "there is no room left, and still it says yes");
    assert_eq!(host.sdk("acme", "order_pull", json!({})).status, 200, "what needs no disk is answered");
    sent.hold(host, &keys);
}

#[test]
fn syncs_that_fail_are_never_acknowledged_and_the_store_recovers() {
    if Command::new("strace").args(["-D", "-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success()) {
        let (host, keys) = prepared();
        let inject = "inject=fsync,fdatasync:error=EIO:when=30+7";
        let host = host.kill().start_under("strace", &["-D", "-f", "-qq", "-o", "/dev/null", "-e", inject]);
        let (mut sent, mut was_refused) = (Sent::default(), false);
        for document in 0..200 {
            sent.send(&host, &keys, &bulky(document, 10), &mut was_refused);
        }
        println!(
            "failing syncs: {} acknowledged, {} refused, {} recoveries",
            sent.acknowledged.len(),
            sent.refused,
            sent.recoveries
        );
        assert!(sent.refused >= 3 && sent.recoveries >= 3, "{} refused, {} recoveries", sent.refused, sent.recoveries);
        sent.hold(host, &keys);
    } else {
        println!("failing syncs: SKIPPED, because strace is not there or may not trace");
    }
}
