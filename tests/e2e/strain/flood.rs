//! A channel whose callers want more than it may have.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use super::push;
use crate::host::{Host, wait_for};
use crate::trust::load::{Call, Caller, Habit, for_a_while, under_load};
use crate::trust::{percentile, rounds};

#[test]
fn calls_faster_than_the_rate_are_told_when_to_come_back() {
    let host = Host::with_config("[call]\nrate = 5\nburst = 10\n");
    let keys = host.serving("acme", "echo", &[]);
    let answers: Vec<_> = (0..40).map(|_| host.sdk("acme", "inventory_push", push())).collect();
    let taken = answers.iter().filter(|answer| answer.status == 200).count();
    let told = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert!((10..40).contains(&taken), "{taken} were taken");
    assert_eq!((told.code().as_str(), told.header("retry-after")), ("HOST_RATE_LIMITED", Some("1")));
    // Whoever waits for an envelope gets one, and what is not yet durable is refused plainly.
    let event = |kind: &str| json!({ "eventType": kind, "entityTypeID": 1, "entityID": 2, "data": {} });
    let mut envelope = json!(null);
    wait_for("a notification to come too fast", || {
        envelope = host.notify("acme", &keys.notification, &event("document.validation")).ok(200);
        envelope["errorCode"] == "HOST_RATE_LIMITED"
    });
    assert_eq!((envelope["success"].as_bool(), envelope["errorLevel"].as_i64()), (Some(false), Some(4)));
    wait_for("an asynchronous notification to come too fast", || {
        host.notify("acme", &keys.notification, &event("workflow.x")).status == 429
    });
    // Another channel has a rate of its own.
    host.serving("other", "echo", &[]);
    assert_eq!(host.sdk("other", "inventory_push", push()).status, 200);
}

#[test]
fn a_full_queue_answers_at_once_and_a_short_one_is_worth_the_wait() {
    let host = Host::with_config("[call]\nin-flight = 1\nqueue = 2\nqueue-wait = \"20s\"\n");
    host.serving("acme", "chaos", &["behaviour=sleep", "sleep_ms=300"]);
    let call = Call::sdk(&host, "acme", "inventory_push", &push());
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8).map(|_| scope.spawn(|| Caller::new().make(&call))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    let count = |status| statuses.iter().filter(|answer| answer.status == status).count();
    assert!(count(200) >= 3 && count(503) >= 1 && count(200) + count(503) == 8, "{statuses:?}");
    let told = statuses.iter().find(|answer| answer.status == 503).unwrap();
    assert_eq!((told.code().as_str(), told.header("retry-after")), ("HOST_BUSY", Some("1")));
}

#[test]
fn nobody_waits_in_the_queue_for_longer_than_its_limit() {
    let host = Host::with_config("[call]\nin-flight = 1\nqueue-wait = \"100ms\"\n");
    host.serving("acme", "chaos", &["behaviour=sleep", "sleep_ms=3000"]);
    let call = Call::sdk(&host, "acme", "inventory_push", &push());
    std::thread::scope(|scope| {
        let first = scope.spawn(|| Caller::new().make(&call).status);
        wait_for("the place to be taken", || super::free_places(&host, "acme") == 0);
        assert_eq!(Caller::new().make(&call).code(), "HOST_BUSY");
        assert!(!first.is_finished(), "the second waited for the first");
        assert_eq!(first.join().unwrap(), 200);
    });
}

#[test]
fn a_channel_holds_no_more_than_its_share_of_the_instances() {
    let host = Host::with_config("[guest]\ninstances = 8\n[call]\nshare = 0.25\nqueue-wait = \"100ms\"\n");
    host.serving("greedy", "chaos", &["behaviour=sleep", "sleep_ms=3000"]);
    host.serving("good", "echo", &[]);
    assert_eq!(super::free_places(&host, "greedy"), 2);
    let call = Call::sdk(&host, "greedy", "inventory_push", &push());
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8).map(|_| scope.spawn(|| Caller::new().make(&call).status)).collect();
        wait_for("the share to be used up", || super::free_places(&host, "greedy") == 0);
        assert_eq!(host.sdk("good", "inventory_push", push()).status, 200);
        let statuses: Vec<_> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 2, "{statuses:?}");
    });
}

/// Many channels, one of which is called as fast as it goes with calls that loop, and far over its rate.
#[test]
fn one_flooded_channel_costs_the_others_no_call() {
    let neighbours = rounds(12, 64);
    let host = Host::with_config("[call]\nrate = 40\nburst = 40\n[breaker]\nfaults = 0\n");
    host.serving("flood", "chaos", &["behaviour=sometimes", "other=spin", "share=3"]);
    let names: Vec<_> = (0..neighbours).map(|index| format!("good-{index}")).collect();
    for name in &names {
        host.serving(name, "echo", &[]);
    }
    let calls: Vec<_> = names.iter().map(|name| Call::sdk(&host, name, "inventory_push", &push())).collect();
    let polite = |caller: &Caller, turn: &mut u64| {
        *turn += 1;
        let answer = caller.make(&calls[usize::try_from(*turn % neighbours).unwrap()]);
        assert_eq!(answer.status, 200, "a neighbour was turned away: {answer:?}");
        for_a_while(Duration::from_millis(10));
    };
    let flood = Call::sdk(&host, "flood", "order_pull", &push());
    let ended = Mutex::new(BTreeMap::new());
    let flooding = |caller: &Caller, _: &mut u64| {
        *ended.lock().unwrap().entry(caller.make(&flood).status).or_insert(0_u64) += 1;
    };
    let time = Duration::from_secs(rounds(3, 120));
    let polite: Vec<Habit<'_>> = vec![&polite; 3];
    let ((), quiet) = under_load(&polite, || for_a_while(time));
    let beside = std::thread::scope(|scope| {
        let flooders = scope.spawn(|| under_load(&[&flooding as Habit<'_>; 4], || for_a_while(time)));
        let ((), beside) = under_load(&polite, || for_a_while(time));
        flooders.join().unwrap();
        beside
    });
    let ended = ended.into_inner().unwrap();
    println!(
        "flooded: {ended:?}; {} calls of {neighbours} neighbours, none turned away; p99 {:?}, quiet {:?}",
        beside.len(),
        percentile(&beside, 99),
        percentile(&quiet, 99)
    );
    assert!(ended.get(&429).is_some_and(|count| *count > 50), "the flood was let through: {ended:?}");
}

#[test]
fn under_ten_times_what_it_can_do_a_node_answers_everybody_and_recovers() {
    let host = Host::with_config("[call]\nin-flight = 4\nqueue = 4\n");
    host.serving("acme", "chaos", &["behaviour=sleep", "sleep_ms=50"]);
    let call = Call::sdk(&host, "acme", "inventory_push", &push());
    let ended = Mutex::new(BTreeMap::new());
    let pressing = |caller: &Caller, _: &mut u64| {
        let answer = caller.make(&call);
        *ended.lock().unwrap().entry(answer.status).or_insert(0_u64) += 1;
        if answer.status == 503 {
            assert_eq!(answer.header("retry-after"), Some("1"));
            for_a_while(Duration::from_millis(5));
        }
    };
    under_load(&[&pressing as Habit<'_>; 80], || for_a_while(Duration::from_secs(rounds(2, 60))));
    let ended = ended.into_inner().unwrap();
    println!("80 callers for 8 places: {ended:?}");
    assert!(ended.keys().all(|status| [200, 503].contains(status)) && ended.len() == 2, "{ended:?}");
    assert_eq!(host.sdk("acme", "inventory_push", push()).status, 200);
}
