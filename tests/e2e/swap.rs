//! Swapping a component under load: no call is lost, and none is answered by a release that is not active any more.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use serde_json::{Value, json};

use crate::host::{Host, plugin, wait_for};

/// How many times each test swaps.
const SWAPS: u64 = 20;
/// Callers beside the swaps.
const CALLERS: usize = 3;

fn push() -> Value {
    json!({ "inventory_updates": [{ "sku": "A", "quantity_available": 1 }] })
}

/// Does `work` while callers call, each with a number of its own to remember; gives how many calls were made.
fn beside_calls(call: impl Fn(&mut u64) + Sync, work: impl FnOnce()) -> u64 {
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }
    let (over, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                let mut memory = 0;
                while !over.load(SeqCst) {
                    call(&mut memory);
                    calls.fetch_add(1, SeqCst);
                }
            });
        }
        let _over = Over(&over);
        wait_for("the callers to be under way", || calls.load(SeqCst) > 0);
        work();
    });
    calls.load(SeqCst)
}

/// Every recorded call of a channel ended well; the journal is written behind the answers.
fn all_went_well(host: &Host, channel: &str, least: u64) {
    let mut listed = Value::Null;
    wait_for("the calls to be in the journal", || {
        listed = host.wharf(&["calls", channel, "--limit", "1000"]);
        listed.as_array().unwrap().len() as u64 >= least.min(1000)
    });
    let bad: Vec<_> = listed.as_array().unwrap().iter().filter(|call| call["outcome"] != "ok").collect();
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn twenty_deploys_under_load_lose_no_call_and_only_move_forward() {
    let host = Host::start();
    // The number of orders tells which release answered.
    host.serving("acme", "reference", &["orders=1"]);
    let (begun, done) = (AtomicU64::new(1), AtomicU64::new(1));
    let calls = beside_calls(
        |newest| {
            let least = done.load(SeqCst);
            let answer = host.sdk("acme", "order_pull", json!({})).ok(200);
            let release = answer["orders"].as_array().unwrap().len() as u64;
            let most = begun.load(SeqCst);
            assert!((least..=most).contains(&release), "release {release} answered between {least} and {most}");
            assert!(release >= *newest, "release {release} answered after {newest}");
            *newest = release;
        },
        || {
            for release in 2..=SWAPS {
                begun.store(release, SeqCst);
                assert_eq!(host.deploy("acme", "reference", &[&format!("orders={release}")]), release);
                done.store(release, SeqCst);
            }
        },
    );
    assert!(calls > SWAPS, "only {calls} calls beside {SWAPS} deploys");
    all_went_well(&host, "acme", calls);
}

#[test]
fn activations_and_rollbacks_under_load_answer_with_the_active_release_alone() {
    let host = Host::start();
    host.serving("acme", "reference", &["sku_fanout=no_fanout"]);
    host.deploy("acme", "reference", &["sku_fanout=related_skus"]);
    // After an even number of swaps the second release is active.
    let fanout = |swaps: u64| ["related_skus", "no_fanout"][usize::from(swaps % 2 == 1)];
    let (begun, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let calls = beside_calls(
        |_| {
            let least = done.load(SeqCst);
            let answer = host.sdk("acme", "catalog_get_config", json!({})).ok(200);
            let most = begun.load(SeqCst);
            let known: Vec<_> = (least..=most).map(fanout).collect();
            let told = answer["sku_fanout"].as_str().unwrap_or_else(|| panic!("{answer}"));
            assert!(known.contains(&told), "{told} after {least} to {most} swaps");
        },
        || {
            for swap in 1..=SWAPS {
                begun.store(swap, SeqCst);
                let to = if swap % 2 == 1 { 1 } else { 2 };
                let activate = ["activate", "acme", &to.to_string()];
                let swapped = host.wharf(if to == 1 { &["rollback", "acme"] } else { &activate });
                assert_eq!((swapped["to"].as_u64(), swapped["from"].as_u64()), (Some(to), Some(3 - to)));
                done.store(swap, SeqCst);
            }
        },
    );
    all_went_well(&host, "acme", calls);
}

#[test]
fn components_of_different_size_swap_under_load() {
    let host = Host::start();
    host.serving("acme", "echo", &[]);
    let calls = beside_calls(
        |_| {
            let answer = host.sdk("acme", "inventory_push", push()).ok(200);
            // The one counts the units, the other sells no such SKU.
            let code = answer["events"][0]["code"].as_str().unwrap();
            assert!(["STOCK", "UNKNOWN_SKU"].contains(&code), "{answer}");
        },
        || {
            for swap in 0..SWAPS {
                let (name, code) = [("reference", "UNKNOWN_SKU"), ("echo", "STOCK")][usize::from(swap % 2 == 1)];
                host.deploy("acme", name, &[]);
                assert_eq!(host.sdk("acme", "inventory_push", push()).code(), code, "right after the deploy");
            }
        },
    );
    all_went_well(&host, "acme", calls);
}

#[test]
fn a_call_ends_on_the_release_that_it_began_with() {
    let host = Host::start();
    host.serving("acme", "chaos", &["behaviour=sleep", "sleep_ms=1500"]);
    let free = || host.wharf(&["status"])["channels"][0]["in_flight_free"].as_u64().unwrap();
    let idle = free();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| host.sdk("acme", "inventory_push", push()));
        wait_for("the slow call to be under way", || free() < idle);
        let file = plugin("echo");
        let receipt = &host.wharf(&["deploy", "acme", file.to_str().unwrap(), "--no-wait"])["receipt"];
        assert_eq!((receipt["in_flight"].as_u64(), &receipt["drain_ms"]), (Some(1), &Value::Null), "{receipt}");
        assert_eq!(host.sdk("acme", "inventory_push", push()).code(), "STOCK", "a new call has the new release");
        assert!(!slow.is_finished(), "the swap came too late to show anything");
        let answer = slow.join().unwrap();
        assert_eq!(answer.ok(200)["events"], json!([]), "the old release says nothing");
        let id = answer.header("wharf-call-id").unwrap();
        wait_for("the slow call to be in the journal", || host.cli(&["calls", "show", id]).status.success());
        assert_eq!(host.wharf(&["calls", "show", id])["release"], 1);
        wait_for("the receipt to tell how it went over", || {
            let receipt = &host.wharf(&["receipts", "acme"])[0];
            receipt["drain_ms"].as_u64().is_some() && receipt["killed"] == 0
        });
    });
}

#[test]
fn failed_deploys_change_nothing_that_a_caller_sees() {
    let host = Host::start();
    host.serving("acme", "reference", &["orders=7"]);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let whole = std::fs::read(plugin("reference")).unwrap();
    let files = [
        write("text.wasm", b"not a component"),
        write("core.wasm", b"\0asm\x01\0\0\0"),
        write("half.wasm", &whole[..whole.len() / 2]),
        write("import.wasm", &wat::parse_str(r#"(component (import "acme:evil/root" (instance)))"#).unwrap()),
        write("nothing.wasm", &wat::parse_str("(component)").unwrap()),
    ];
    let before = host.wharf(&["releases", "acme"]);
    beside_calls(
        |_| assert_eq!(host.sdk("acme", "order_pull", json!({})).ok(200)["orders"].as_array().unwrap().len(), 7),
        || {
            for file in &files {
                let (code, said) = host.refuses(&["deploy", "acme", file]);
                assert_eq!(code, Some(1), "{file}: {said}");
            }
            let file = plugin("reference");
            let (code, said) = host.refuses(&["deploy", "acme", file.to_str().unwrap(), "--allow", "https://a/b"]);
            assert_eq!(code, Some(1), "{said}");
        },
    );
    assert_eq!(host.wharf(&["releases", "acme"]), before);
}
