//! The automatic return: a release that fails too often is taken back, and no other.

use serde_json::{Value, json};

use super::load::{Call, Caller};
use super::{receipts, rounds, status};
use crate::host::{Host, plugin, wait_for};

/// Breakers would end the calls that are to fail here.
const CONFIG: &str = "[breaker]\nfaults = 0\n";

/// A channel that answers, and a second release of it, with these settings, that is not active.
fn with_candidate(host: &Host, channel: &str, settings: &[&str]) {
    host.serving(channel, "chaos", &["behaviour=answer"]);
    deploy(host, channel, &[&["--no-activate"], settings].concat());
}

fn deploy(host: &Host, channel: &str, flags: &[&str]) {
    let file = plugin("chaos");
    host.wharf(&[&["deploy", channel, file.to_str().unwrap(), "--skip-preflight"], flags].concat());
}

const SOME_TRAPS: [&str; 6] = ["--set", "behaviour=sometimes", "--set", "other=trap", "--set", "share=5"];
const ALL_TRAPS: [&str; 2] = ["--set", "behaviour=trap"];

/// Calls until this is so, but so often at most; gives how many calls were made and how many failed.
fn call_until(host: &Host, channel: &str, most: u64, so: impl Fn() -> bool) -> (u64, u64) {
    let (caller, call) = (Caller::new(), Call::sdk(host, channel, "inventory_push", &json!({})));
    let mut failed = 0;
    for made in 1..=most {
        let answer = caller.make(&call);
        assert!(answer.status == 200 || answer.code() == "HOST_TRAP", "{answer:?}");
        failed += u64::from(answer.status != 200);
        // A look costs as much as twenty calls.
        if (answer.status != 200 || made % 100 == 0) && so() {
            return (made, failed);
        }
    }
    (most, failed)
}

/// The newest receipt is of a return, and status says the same.
#[track_caller]
fn returned(host: &Host, channel: &str, from: u64, to: u64) -> Value {
    let newest = receipts(host, channel)[0].clone();
    let kept = (&newest["change"], &newest["who"], &newest["from"], &newest["to"]);
    assert_eq!(kept, (&json!("return"), &json!("wharf"), &json!(from), &json!(to)), "{newest}");
    let reason = newest["reason"].as_str().unwrap();
    assert!(reason.contains(&format!("release {from} failed")) && reason.contains('%'), "{reason}");
    let now = status(host, channel);
    assert_eq!((&now["release"], &now["active"], &now["canary"]), (&json!(to), &json!(to), &Value::Null), "{now}");
    assert_eq!((&now["returned"]["reason"], &now["trial"]), (&newest["reason"], &Value::Null), "{now}");
    let said = host.cli(&["status"]);
    assert!(String::from_utf8_lossy(&said.stdout).contains(reason), "people are told, too");
    newest
}

#[test]
fn a_canary_that_traps_in_five_percent_is_taken_back_within_fifty_faults() {
    let host = Host::with_config(CONFIG);
    with_candidate(&host, "acme", &SOME_TRAPS);
    host.wharf(&["activate", "acme", "2", "--canary", "50%"]);
    let gone = || status(&host, "acme")["canary"].is_null();
    let (made, failed) = call_until(&host, "acme", 5000, gone);
    assert!(gone() && (3..=50).contains(&failed), "after {made} calls and {failed} faults");
    println!("returns: a canary that traps in 5 % of its calls was taken back after {made} calls and {failed} faults");
    returned(&host, "acme", 2, 1);
    assert_eq!(call_until(&host, "acme", 200, || false), (200, 0), "nothing fails afterwards");
}

#[test]
fn a_canary_that_refuses_thirty_percent_as_business_stays() {
    let host = Host::with_config(CONFIG);
    with_candidate(&host, "acme", &["--set", "behaviour=sometimes", "--set", "other=refuse", "--set", "share=30"]);
    host.wharf(&["activate", "acme", "2", "--canary", "100%"]);
    let (caller, call) = (Caller::new(), Call::sdk(&host, "acme", "inventory_push", &json!({})));
    let calls = rounds(1000, 5000);
    let refused = (0..calls).filter(|_| caller.make(&call).ok(200)["events"][0]["code"] == "CHAOS").count() as u64;
    assert!((calls / 4..=calls * 35 / 100).contains(&refused), "{refused} of {calls}");
    let canary = &status(&host, "acme")["canary"];
    assert_eq!((&canary["release"], &canary["calls"], &canary["faults"]), (&json!(2), &json!(calls), &json!(0)));
    println!("returns: a canary that refused {refused} of {calls} calls as business stayed");
}

#[test]
fn a_new_release_that_traps_is_taken_back_and_one_that_was_known_before_is_not() {
    let host = Host::with_config(CONFIG);
    host.serving("acme", "chaos", &["behaviour=answer"]);
    deploy(&host, "acme", &ALL_TRAPS);
    let trial = &status(&host, "acme")["trial"];
    assert_eq!(
        (&trial["release"], &trial["against"], &trial["automatic_return"]),
        (&json!(2), &json!(1), &json!(true))
    );
    let back = || status(&host, "acme")["release"] == 1;
    let (_, failed) = call_until(&host, "acme", 1000, back);
    assert!(back() && (3..=50).contains(&failed), "{failed} faults");
    let receipt = returned(&host, "acme", 2, 1);

    // Whoever activates it once more gets it taken back once more; whoever returns to what is known to fail does not.
    host.wharf(&["activate", "acme", "2"]);
    call_until(&host, "acme", 1000, back);
    assert_ne!(returned(&host, "acme", 2, 1)["id"], receipt["id"]);
    host.wharf(&["channel", "set", "acme", "--automatic-return", "off"]);
    host.wharf(&["activate", "acme", "2"]);
    deploy(&host, "acme", &["--set", "behaviour=answer"]);
    host.wharf(&["channel", "set", "acme", "--usual-watch"]);
    host.wharf(&["rollback", "acme"]);
    assert_eq!(call_until(&host, "acme", 60, || false), (60, 60));
    let now = status(&host, "acme");
    assert_eq!((&now["release"], &now["trial"], &now["returned"]), (&json!(2), &Value::Null, &Value::Null), "{now}");
}

#[test]
fn a_channels_own_thresholds_are_honoured() {
    let host = Host::with_config(CONFIG);
    with_candidate(&host, "patient", &SOME_TRAPS);
    host.wharf(&["channel", "set", "patient", "--fault-rate", "20%"]);
    host.wharf(&["activate", "patient", "2", "--canary", "100%"]);
    let (_, failed) = call_until(&host, "patient", 600, || false);
    assert!(failed > 5, "only {failed} faults");
    assert_eq!(status(&host, "patient")["canary"]["faults"], failed, "5 % are less than the channel's 20 %");

    with_candidate(&host, "stubborn", &ALL_TRAPS);
    host.wharf(&["channel", "set", "stubborn", "--automatic-return", "off"]);
    host.wharf(&["activate", "stubborn", "2"]);
    assert_eq!(call_until(&host, "stubborn", 60, || false), (60, 60));
    assert_eq!(status(&host, "stubborn")["trial"]["automatic_return"], false);
    host.wharf(&["channel", "set", "stubborn", "--usual-watch"]);
    let back = || status(&host, "stubborn")["release"] == 1;
    // Judged anew at its next fault, however many it had before.
    host.sdk("stubborn", "inventory_push", json!({}));
    wait_for("the return", back);
    returned(&host, "stubborn", 2, 1);

    with_candidate(&host, "strict", &ALL_TRAPS);
    host.wharf(&["channel", "set", "strict", "--least-faults", "1"]);
    host.wharf(&["activate", "strict", "2"]);
    host.sdk("strict", "inventory_push", json!({}));
    wait_for("the return after one fault", || status(&host, "strict")["release"] == 1);
    returned(&host, "strict", 2, 1);
}

#[test]
fn a_release_whose_trial_is_over_stays_whatever_comes_later() {
    let host = Host::with_config(CONFIG);
    with_candidate(&host, "quiet", &ALL_TRAPS);
    host.wharf(&["channel", "set", "quiet", "--watch-time", "50ms", "--least-faults", "1"]);
    host.wharf(&["activate", "quiet", "2"]);
    wait_for("the trial to end without calls", || status(&host, "quiet")["trial"].is_null());
    assert_eq!(call_until(&host, "quiet", 60, || false), (60, 60));
    assert_eq!(status(&host, "quiet")["release"], 2);
}

#[test]
fn a_canary_does_not_end_the_trial_of_the_release_beside_it() {
    let host = Host::with_config(CONFIG);
    with_candidate(&host, "acme", &ALL_TRAPS);
    deploy(&host, "acme", &["--set", "behaviour=answer", "--no-activate"]);
    host.wharf(&["activate", "acme", "2"]);
    host.wharf(&["activate", "acme", "3", "--canary", "1%"]);
    assert_eq!(status(&host, "acme")["trial"]["release"], 3);
    let back = || status(&host, "acme")["release"] == 1;
    let (_, failed) = call_until(&host, "acme", 1000, back);
    assert!(back() && (3..=50).contains(&failed), "{failed} faults");
    let receipt = returned(&host, "acme", 2, 1);
    assert!(receipt["reason"].as_str().unwrap().contains("the canary of release 3 ended with it"), "{receipt}");
}

#[test]
fn a_trial_goes_on_after_a_restart_for_as_long_as_the_channel_says() {
    let host = Host::with_config(&format!("{CONFIG}[release]\nwatch-time = \"10ms\"\n"));
    for (channel, time) in [("long", "1h"), ("short", "10ms")] {
        with_candidate(&host, channel, &ALL_TRAPS);
        host.wharf(&["channel", "set", channel, "--watch-time", time]);
        host.wharf(&["activate", channel, "2"]);
    }
    let host = host.kill_and_restart();
    assert_eq!(status(&host, "long")["trial"]["release"], 2);
    assert!(status(&host, "short")["trial"].is_null());
}
