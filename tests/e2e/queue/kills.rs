//! `kill -9` again and again while notifications come in: what was acknowledged is never lost.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{assert_whole, cancellation, database};
use crate::host::{Host, Keys, wait_for};
use crate::trust::{Dice, percentile, rounds};
use crate::wire::{agent, try_send};

const SENDERS: u64 = 8;
/// Between two notifications of one sender: 500 in a second from all of them.
const PAUSE: Duration = Duration::from_millis(16);

/// Numbers of documents: each notification is about another one.
static DOCUMENT: AtomicU64 = AtomicU64::new(1);

/// Sends until the node goes away; the ids of what it has acknowledged.
fn send(edge: &str, keys: &Keys, stop: &AtomicBool) -> Vec<String> {
    let (agent, url) = (agent(), format!("http://{edge}/channels/acme/notifications"));
    let mut acknowledged = Vec::new();
    let mut next = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let body = cancellation(DOCUMENT.fetch_add(1, Ordering::Relaxed)).to_string();
        let headers = [("x-api-key", keys.notification.as_str())];
        let Ok(answer) = try_send(&agent, "POST", &url, &headers, body.as_bytes()) else { break };
        let body = answer.ok(202);
        assert_eq!(body["duplicate"], false);
        acknowledged.push(body["id"].as_str().unwrap().to_owned());
        next += PAUSE;
        std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
    }
    acknowledged
}

/// One round: notifications come in until the node is killed; the ids that were acknowledged, and the restart's time.
fn round(host: Host, keys: &Keys, life: Duration) -> (Host, Vec<String>, Duration) {
    let stop = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (edge, keys, stop) = (host.edge.clone(), keys.clone(), Arc::clone(&stop));
            std::thread::spawn(move || send(&edge, &keys, &stop))
        })
        .collect();
    let until = Instant::now() + life;
    while Instant::now() < until {
        std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
    }
    let remains = host.kill();
    stop.store(true, Ordering::Relaxed);
    let acknowledged = senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
    let began = Instant::now();
    let host = remains.start();
    (host, acknowledged, began.elapsed())
}

#[test]
fn what_was_acknowledged_is_done_once_for_its_id_however_often_the_node_is_killed() {
    let mut dice = Dice::thrown("notification kills");
    let mut host = Host::with_config(
        "[breaker]\nfaults = 0\n[key-value]\nkeys = 10000000\nbytes = \"1GiB\"\n[queue]\nworkers = 32\nworkers-per-channel = 32\n",
    );
    let keys = host.serving("acme", "chaos", &["behaviour=effect"]);
    let kills = rounds(30, 500);
    let (mut acknowledged, mut restarts) = (HashSet::new(), Vec::new());
    for _ in 0..kills {
        let life = Duration::from_millis(50 + dice.below(rounds(300, 900)));
        let (next, ids, restart) = round(host, &keys, life);
        host = next;
        acknowledged.extend(ids);
        restarts.push(restart);
    }
    let open = || -> i64 {
        let count = "SELECT queued + running FROM queue_usage WHERE channel = 'acme'";
        database(host.data()).query_row(count, [], |row| row.get(0)).unwrap()
    };
    let mut left = open();
    while left > 0 {
        let before = left;
        wait_for("the queue to get shorter", || {
            left = open();
            left < before
        });
    }
    let db = database(host.data());
    let all = |sql: &str| -> HashSet<String> {
        db.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let done = all("SELECT id FROM event WHERE state = 'done'");
    let effects = all("SELECT substr(key, 8) FROM kv WHERE channel = 'acme' AND key LIKE 'effect-%'");
    assert_eq!(acknowledged.difference(&done).count(), 0, "acknowledged, and lost");
    assert_eq!(done, effects, "each has its effect, and nothing else has one");
    let attempts: i64 = db.query_row("SELECT count(*) FROM attempt", [], |row| row.get(0)).unwrap();
    restarts.sort_unstable();
    let (usual, longest) = (percentile(&restarts, 50), restarts[restarts.len() - 1]);
    println!(
        "notification kills: {kills}; {} acknowledged, 0 lost; {} stored and not acknowledged; {} attempts were repeated; \
         a restart took {usual:?}, {longest:?} at most",
        acknowledged.len(),
        done.len() - acknowledged.len(),
        attempts - i64::try_from(done.len()).unwrap(),
    );
    assert!(acknowledged.len() as u64 > kills * 20, "hardly anything was sent: {}", acknowledged.len());
    assert!(longest < Duration::from_secs(3), "a restart took {longest:?}");
    assert_whole(host.kill().data());
}
