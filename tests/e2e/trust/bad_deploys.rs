//! Every third deploy is bad, and nobody who calls can tell.

use serde_json::json;

use super::load::{Call, Caller, Counted, Habit, under_load};
use super::{receipts, rounds, status};
use crate::admission::{Files, empty_export, exporting, hard_code, told};
use crate::host::{Host, plugin};

/// The compiler has memory enough for our plugins, and far too little for the bomb.
const CONFIG: &str = "[compile]\ntime = \"10s\"\nmemory = \"144MiB\"\n";

/// A way to fail: what is deployed, with which settings, and a part of what is said.
struct Bad {
    what: &'static str,
    file: String,
    settings: &'static [&'static str],
    says: &'static str,
}

fn bad_ones(files: &Files) -> Vec<Bad> {
    let bad = |what, file, says| Bad { what, file, settings: &[], says };
    let written = |name: &str, bytes: &[u8]| files.write(name, bytes);
    let chaos = plugin("chaos").to_str().unwrap().to_owned();
    vec![
        bad("an illegal export", written("export.wasm", &empty_export("wharf:channel/refunds@0.1.0")), "exports"),
        bad("garbage", written("garbage.wasm", b"not a component at all"), "is not a WebAssembly component"),
        bad(
            "another contract",
            written("contract.wasm", &empty_export("wharf:channel/orders@0.2.0")),
            "this host speaks wharf:channel@0.1.0",
        ),
        bad(
            "a compile bomb",
            written("bomb.wasm", &exporting("wharf:channel/inventory@0.1.0", &hard_code())),
            "too hard to compile",
        ),
        Bad { settings: &["--set", "behaviour=trap"], ..bad("a trap", chaos, "preflight failed") },
    ]
}

#[test]
fn every_third_deploy_is_bad_and_nothing_that_a_caller_sees_changes() {
    let deploys = rounds(45, 1000);
    let (host, files) = (Host::with_config(CONFIG), Files::new());
    host.serving("acme", "echo", &[]);
    host.serving("other", "reference", &["orders=3"]);
    let bad = bad_ones(&files);
    let counted = Counted::default();
    let acme = Call::sdk(&host, "acme", "inventory_push", &json!({ "inventory_updates": [{ "sku": "A" }] }));
    let other = Call::sdk(&host, "other", "order_pull", &json!({}));
    let deployed = |caller: &Caller, memory: &mut u64| {
        counted.hold(memory, || caller.make(&acme).ok(200)["events"][0]["code"] == "UNKNOWN_SKU");
    };
    let habits: [Habit<'_>; 3] = [&deployed, &deployed, &|caller, _| {
        assert_eq!(caller.make(&other).ok(200)["orders"].as_array().unwrap().len(), 3);
    }];
    let (good, times) = under_load(&habits, || {
        let mut good = 1;
        for deploy in 1..=deploys {
            if deploy % 3 == 0 {
                refused(&host, &bad[usize::try_from(deploy / 3).unwrap() % bad.len()]);
            } else {
                let name = ["echo", "reference"][usize::from(good % 2 == 1)];
                good += 1;
                assert_eq!(counted.swap(|| host.deploy("acme", name, &[])), good);
            }
            let now = status(&host, "acme");
            assert_eq!((&now["release"], &now["active"]), (&json!(good), &json!(good)), "after deploy {deploy}");
        }
        good
    });
    assert_eq!(host.wharf(&["releases", "acme"]).as_array().unwrap().len() as u64, good, "the bad ones left none");
    let kept = receipts(&host, "acme");
    assert_eq!(kept.len() as u64, good.min(1000));
    assert!(kept.iter().all(|receipt| receipt["killed"].as_u64().unwrap_or_default() == 0));
    println!("bad deploys: {} of {deploys} were refused; {} calls, 0 failed", deploys / 3, times.len());
}

fn refused(host: &Host, bad: &Bad) {
    let (code, said) = host.refuses(&[&["deploy", "acme", &bad.file, "--json"], bad.settings].concat());
    assert_eq!(code, Some(1), "{}: {said}", bad.what);
    assert!(told(&said).contains(bad.says), "{}: {said}", bad.what);
}
