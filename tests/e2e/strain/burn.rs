//! Guests that compute.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::json;

use super::push;
use crate::host::{Host, wait_for};
use crate::trust::load::{Call, Caller, for_a_while, under_load};
use crate::trust::{percentile, rounds};

#[test]
fn a_guest_that_computes_ends_at_its_processor_time_long_before_its_deadline() {
    let host = Host::with_config("[breaker]\nfaults = 0\n[call]\ncpu = \"100ms\"\npush-cpu = \"300ms\"\n");
    host.serving("bad", "chaos", &["behaviour=spin"]);
    for (interaction, limit) in [("order_pull", "100ms"), ("inventory_push", "300ms")] {
        let began = Instant::now();
        let answer = host.sdk("bad", interaction, push());
        assert_eq!((answer.status, answer.code().as_str()), (504, "HOST_CPU_DEADLINE"), "{interaction}");
        assert!(began.elapsed() < Duration::from_secs(9), "{interaction} took {:?} of 12 s", began.elapsed());
        let id = answer.header("wharf-call-id").unwrap().to_owned();
        let mut call = json!(null);
        wait_for("the call to be in the journal", || {
            call = host.wharf(&["calls", "bad", "--limit", "1"])[0].clone();
            call["id"] == id.as_str()
        });
        assert_eq!(call["outcome"], "cpu-deadline");
        assert!(call["detail"].as_str().unwrap().contains(limit), "{call}");
    }
}

#[test]
fn a_guest_that_waits_uses_no_processor_time() {
    let host = Host::with_config("[call]\ncpu = \"50ms\"\npush-cpu = \"50ms\"\n");
    host.serving("slow", "chaos", &["behaviour=sleep", "sleep_ms=1500"]);
    assert_eq!(host.sdk("slow", "inventory_push", push()).status, 200);
}

#[test]
fn a_notification_that_computes_or_waits_ends_at_its_own_limit_of_time() {
    let limits = [
        ("async-cpu = \"200ms\"", "behaviour=spin", "200ms of processor time"),
        ("async-deadline = \"300ms\"", "behaviour=sleep", "did not end within 300ms"),
    ];
    for (limit, behaviour, told) in limits {
        dies(&format!("[call]\n{limit}\n[queue]\nschedule = [\"0s\"]\n"), behaviour, told);
    }
}

/// The one attempt at a notification fails, and what its history says of it has these words.
fn dies(config: &str, behaviour: &str, told: &str) {
    let host = Host::with_config(config);
    let keys = host.serving("bad", "chaos", &[behaviour, "sleep_ms=60000"]);
    let sent = json!({ "eventType": "document.cancellation", "entityTypeID": 1, "entityID": 2 });
    assert_eq!(host.notify("bad", &keys.notification, &sent).status, 202);
    let mut dead = json!(null);
    wait_for("the notification to die", || {
        dead = host.wharf(&["notifications", "list", "bad", "--state", "dead"]);
        dead.as_array().is_some_and(|dead| dead.len() == 1)
    });
    let id = dead[0]["id"].as_str().unwrap();
    let shown = host.wharf(&["notifications", "show", id]).to_string();
    assert!(shown.contains(told), "{shown}");
}

/// Starts a node that has one processor.
fn on_one_processor(config: &str) -> Host {
    std::thread::scope(|scope| {
        let started = scope.spawn(|| {
            let all = sched_getaffinity(None).unwrap();
            let mut one = CpuSet::new();
            one.set((0..CpuSet::MAX_CPU).find(|number| all.is_set(*number)).unwrap());
            // Of this thread, and so of what it starts.
            sched_setaffinity(None, &one).unwrap();
            Host::with_config(config)
        });
        started.join().unwrap()
    })
}

/// They compute for 320 ticks together, between which a neighbour is answered 190 times, whatever a machine is like. Were each of them to
/// compute for a tick before anybody else is looked after, it would be 40 times.
#[test]
fn between_two_ticks_of_a_channel_whoever_may_compute_next_its_neighbour_gets_in() {
    const CALLS: usize = 32;
    let host = on_one_processor(
        "[breaker]\nfaults = 0\n[call]\npush-cpu = \"100ms\"\nsdk-deadline = \"60s\"\nshare = 1.0\n[guest]\ninstances = 40\ntick = \"10ms\"\nslice = \"1m\"\n",
    );
    host.serving("good", "echo", &[]);
    host.serving("bad", "chaos", &["behaviour=spin"]);
    let [good, bad] = ["good", "bad"].map(|channel| Call::sdk(&host, channel, "inventory_push", &push()));
    let polite = |caller: &Caller, _: &mut u64| assert_eq!(caller.make(&good).status, 200);
    let ((), seen) = under_load(&[&polite], || {
        std::thread::scope(|scope| {
            let hogs: Vec<_> = (0..CALLS).map(|_| scope.spawn(|| Caller::new().make(&bad).code())).collect();
            for hog in hogs {
                assert_eq!(hog.join().unwrap(), "HOST_CPU_DEADLINE");
            }
        });
    });
    let answers = seen.len();
    println!("beside {CALLS} calls that computed for ten ticks each, a neighbour was answered {answers} times");
    assert!(answers > 100, "beside {CALLS} calls of ten ticks each, a neighbour was answered only {answers} times");
}

#[test]
fn beside_guests_that_loop_every_call_of_a_neighbour_is_answered() {
    let host = Host::with_config("[breaker]\nfaults = 0\n");
    host.serving("good", "echo", &[]);
    host.serving("bad", "chaos", &["behaviour=spin"]);
    let (good, bad) =
        (Call::sdk(&host, "good", "inventory_push", &push()), Call::sdk(&host, "bad", "order_pull", &push()));
    let time = Duration::from_secs(rounds(3, 60));
    let polite = |caller: &Caller, _: &mut u64| {
        assert_eq!(caller.make(&good).status, 200);
        for_a_while(Duration::from_millis(5));
    };
    let ((), quiet) = under_load(&[&polite, &polite], || for_a_while(time));
    let ended = std::sync::Mutex::new(BTreeMap::new());
    let hog = |caller: &Caller, _: &mut u64| {
        let answer = caller.make(&bad);
        *ended.lock().unwrap().entry((answer.status, answer.code())).or_insert(0_u32) += 1;
    };
    let (beside, hogs) = std::thread::scope(|scope| {
        let hogs =
            scope.spawn(|| under_load(&[&hog, &hog, &hog, &hog, &hog, &hog, &hog, &hog], || for_a_while(time)).1.len());
        let ((), beside) = under_load(&[&polite, &polite], || for_a_while(time));
        (beside, hogs.join().unwrap())
    });
    let ended = ended.into_inner().unwrap();
    let ratio = |percent| percentile(&beside, percent).as_secs_f64() / percentile(&quiet, percent).as_secs_f64();
    println!(
        "beside {hogs} calls that loop ({ended:?}): {} calls of a neighbour, none failed; p50 {:?}, p99 {:?}; against quiet {:.2} and {:.2}",
        beside.len(),
        percentile(&beside, 50),
        percentile(&beside, 99),
        ratio(50),
        ratio(99),
    );
    assert!(hogs >= 8 && ended.keys().all(|(status, _)| *status == 504), "{ended:?}");
}
