//! Guests that take all the memory that they can get.

use std::collections::BTreeMap;

use super::{process, push};
use crate::host::Host;
use crate::trust::load::{Call, Caller};
use crate::trust::rounds;

#[test]
fn all_that_hoard_together_stay_within_the_memory_of_the_instances() {
    const SLOTS: u64 = 4;
    const MEMORY: u64 = 32;
    let host = Host::with_config(&format!(
        "[guest]\ninstances = {SLOTS}\nmemory = \"{MEMORY}MiB\"\n[call]\nshare = 1.0\n[breaker]\nfaults = 0\n"
    ));
    let hoarders = [
        ("grow", "behaviour=grow", "x=1"),
        ("huge", "behaviour=huge-answer", "megabytes=20"),
        ("random", "behaviour=random", "bytes=1073741824"),
        ("flood", "behaviour=flood-log", "lines=2000"),
    ];
    for (channel, behaviour, setting) in hoarders {
        host.serving(channel, "chaos", &[behaviour, setting]);
    }
    host.serving("good", "echo", &[]);
    let before = process(&host, "VmHWM:");
    let each = rounds(8, 200);
    let ended: Vec<_> = std::thread::scope(|scope| {
        let callers: Vec<_> = hoarders
            .iter()
            .map(|(channel, ..)| Call::sdk(&host, channel, "inventory_push", &push()))
            .map(|call| {
                scope.spawn(move || {
                    let caller = Caller::new();
                    (0..each).map(|_| caller.make(&call).status).collect::<Vec<_>>()
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    let after = process(&host, "VmHWM:");
    let mut statuses = BTreeMap::new();
    for (status, (channel, ..)) in ended.iter().zip(hoarders).flat_map(|(all, one)| all.iter().map(move |s| (s, one))) {
        *statuses.entry((channel, *status)).or_insert(0_u32) += 1;
    }
    let most = SLOTS * MEMORY * 1024 * 12 / 10;
    println!("hoarding: {statuses:?}; the peak grew by {} KiB of {most} KiB", after - before);
    assert!(
        after - before <= most + 64 * 1024,
        "the peak grew by {} KiB; {most} KiB are the instances'",
        after - before
    );
    for (channel, ..) in &hoarders[..3] {
        assert!(!statuses.contains_key(&(*channel, 200)), "{statuses:?}");
    }
    assert_eq!(host.sdk("good", "inventory_push", push()).status, 200);
}

#[test]
fn at_the_limit_of_memory_the_same_guest_always_ends_the_same_way() {
    let host = Host::with_config("[guest]\nmemory = \"4MiB\"\n");
    let answer = |pages: u64| {
        let channel = format!("holds-{pages}");
        host.serving(&channel, "chaos", &["behaviour=hold", &format!("pages={pages}")]);
        let call = Call::sdk(&host, &channel, "inventory_push", &push());
        let caller = Caller::new();
        let told = || caller.make(&call).ok(200)["events"][0]["message"].as_str().unwrap().to_owned();
        let first = told();
        for _ in 0..rounds(50, 1000) {
            assert_eq!(told(), first, "{pages} pages");
        }
        first != "0 more pages"
    };
    // 64 pages are 4 MiB, of which the component has some from the start.
    let (mut fits, mut too_many) = (1, 64);
    assert!(answer(fits) && !answer(too_many));
    while too_many - fits > 1 {
        let middle = u64::midpoint(fits, too_many);
        if answer(middle) { fits = middle } else { too_many = middle }
    }
    println!("{fits} more pages always fit, {too_many} never do");
}
