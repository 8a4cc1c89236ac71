//! Many swaps under steady load on several channels.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::load::{Call, Caller, Counted, Habit, for_a_while, under_load};
use super::{percentile, receipts, rounds, status};
use crate::host::{Host, plugin, wait_for};

/// KiB by which resident memory may grow over the last half of the swaps. The allocator and SQLite come and go within one
/// or two MiB; if only the reference plugin's compiled code stayed behind each time, 25 times a MiB and more would be added.
const SLACK_KIB: u64 = 8 << 10;

fn push() -> Value {
    json!({ "inventory_updates": [{ "sku": "A", "quantity_available": 1 }] })
}

/// KiB of the node that are in memory.
fn resident(host: &Host) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{}/statm", host.id())).unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    // Linux counts pages here, of 4 KiB wherever this runs.
    pages * 4
}

fn median(mut numbers: Vec<u64>) -> u64 {
    numbers.sort_unstable();
    numbers[numbers.len() / 2]
}

#[test]
fn hundreds_of_swaps_under_load_lose_no_call_and_leave_no_memory_behind() {
    let swaps = rounds(200, 1000);
    let host = Host::start();
    // After an odd number of swaps the second release is active.
    host.serving("acme", "echo", &[]);
    let file = plugin("reference");
    host.wharf(&["deploy", "acme", file.to_str().unwrap(), "--no-activate"]);
    host.serving("small", "echo", &[]);
    host.serving("large", "reference", &["orders=3"]);
    let counted = Counted::default();
    let [acme, small] = ["acme", "small"].map(|name| Call::sdk(&host, name, "inventory_push", &push()));
    let large = Call::sdk(&host, "large", "order_pull", &json!({}));
    let swapped = |caller: &Caller, memory: &mut u64| {
        counted.hold(memory, || match caller.make(&acme).ok(200)["events"][0]["code"].as_str() {
            Some("STOCK") => false,
            Some("UNKNOWN_SKU") => true,
            other => panic!("{other:?}"),
        });
    };
    let habits: [Habit<'_>; 4] =
        [&swapped, &swapped, &|caller, _| assert_eq!(caller.make(&small).code(), "STOCK"), &|caller, _| {
            assert_eq!(caller.make(&large).ok(200)["orders"].as_array().unwrap().len(), 3);
        }];
    let began = Instant::now();
    let mut resident_kib = Vec::new();
    let mut took = Vec::new();
    let ((), times) = under_load(&habits, || {
        for swap in 1..=swaps {
            // Half of them are told done once the release before has drained, half as soon as it is replaced.
            let wish = json!({ "release": 1 + swap % 2, "wait": swap % 4 < 2 });
            let began = Instant::now();
            let answer = counted.swap(|| host.admin("POST", "/v1/channels/acme/activate", Some(&wish)));
            took.push(began.elapsed());
            let receipt = answer.ok(200);
            assert_eq!((receipt["from"].as_u64(), receipt["to"].as_u64()), (Some(2 - swap % 2), Some(1 + swap % 2)));
            resident_kib.push(resident(&host));
        }
    });
    let time = began.elapsed();
    let ((), calm) = under_load(&habits, || for_a_while(time));
    took.sort();
    tell(swaps, &took, &times, &calm);
    no_memory_is_left(&resident_kib);
    all_is_told(&host, swaps);
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
fn tell(swaps: u64, took: &[Duration], times: &[Duration], calm: &[Duration]) {
    let (with, without) = (percentile(times, 99), percentile(calm, 99));
    println!(
        "swaps: {swaps} in {} calls, 0 failed; a swap took {:?} p50, {:?} p99; the same time without swaps: {} calls",
        times.len(),
        percentile(took, 50),
        percentile(took, 99),
        calm.len(),
    );
    println!(
        "swaps: calls took {with:?} p99 during the swaps, {without:?} p99 without: ratio {:.2}",
        with.as_micros() as f64 / without.as_micros() as f64
    );
}

fn no_memory_is_left(resident_kib: &[u64]) {
    let quarter = resident_kib.len() / 4;
    let middles: Vec<_> = resident_kib.chunks(quarter).take(4).map(|part| median(part.to_vec())).collect();
    println!("swaps: KiB in memory, middle of each quarter of the swaps: {middles:?}");
    assert!(middles[3] <= middles[2] + SLACK_KIB, "memory grows: {middles:?}");
}

/// Status, receipts and the journal say the same as the callers.
fn all_is_told(host: &Host, swaps: u64) {
    let now = status(host, "acme");
    assert_eq!((&now["release"], &now["active"]), (&json!(1 + swaps % 2), &json!(1 + swaps % 2)), "{now}");
    let mut kept = Vec::new();
    wait_for("the receipts to tell how every release drained", || {
        kept = receipts(host, "acme");
        kept.retain(|receipt| receipt["change"] == "activate");
        kept.iter().all(|receipt| receipt["drain_ms"].is_u64())
    });
    assert_eq!(kept.len() as u64, swaps.min(1000), "each swap has left its receipt");
    assert!(kept.windows(2).all(|pair| pair[0]["from"] == pair[1]["to"]), "each begins where the one before ended");
    assert!(kept.iter().all(|receipt| receipt["killed"] == 0), "no call was ended by a swap");
    for channel in ["acme", "small", "large"] {
        let failed = host.wharf(&["calls", channel, "--limit", "1000"]);
        let failed: Vec<_> = failed.as_array().unwrap().iter().filter(|call| call["outcome"] != "ok").collect();
        assert!(failed.is_empty(), "{failed:?}");
    }
}
