//! Guests that take all the memory that they can get.

use std::collections::BTreeMap;

use super::{process, push};
use crate::admission::Files;
use crate::guests::Guest;
use crate::host::{Host, wait_for};
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
        ("huge", "behaviour=huge-answer", "kilobytes=20480"),
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

#[test]
fn what_a_guest_prints_is_bounded_in_lines_like_what_it_logs() {
    let host = Host::with_config("[guest]\nlog-lines = 20\n");
    host.channel("prints");
    let lines = "x\\n".repeat(1000);
    let guest =
        Guest::pushing("(call $print (call $stdout) (i32.const 2048) (i32.const 2000) (i32.const 8192)) i32.const 0");
    let file = Files::new();
    let path = file.write("prints.wasm", &guest.with(format!("(data (i32.const 2048) \"{lines}\")")).build());
    host.wharf(&["deploy", "prints", &path, "--skip-preflight"]);
    assert_eq!(host.sdk("prints", "inventory_push", push()).status, 200);
    let mut logged = serde_json::Value::Null;
    wait_for("the lines to be in the journal", || {
        logged = host.wharf(&["logs", "prints"]);
        logged.as_array().is_some_and(|lines| !lines.is_empty())
    });
    let count = logged.as_array().unwrap().len();
    assert!(count == 21 && logged.to_string().contains("980 more lines were dropped"), "{count}: {logged}");
}

#[test]
fn large_bodies_without_a_key_are_turned_away_when_they_fill_their_room() {
    use std::io::Write;
    let host = Host::with_config("[edge]\nbodies = \"1MiB\"\n");
    host.serving("good", "echo", &[]);
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut socket = std::net::TcpStream::connect(&host.edge).unwrap();
        write!(socket, "POST /channels/nobody/inventory_push_v1 HTTP/1.1\r\nhost: x\r\ncontent-length: 900000\r\n\r\n")
            .unwrap();
        socket.write_all(&vec![b' '; 560_000]).unwrap();
        held.push(socket);
    }
    let large = format!("{}{}", " ".repeat(900_000), "{}");
    let url = crate::host::sdk_url(&host.edge, "good", "inventory_push");
    wait_for("the room to be full", || crate::wire::post(&url, &[], &large).status == 503);
    let told = crate::wire::post(&url, &[], &large);
    assert_eq!((told.code().as_str(), told.header("retry-after")), ("HOST_BUSY", Some("1")));
    assert_eq!(host.sdk("good", "inventory_push", push()).status, 200, "small calls are taken all the while");
    drop(held);
    wait_for("the room to be free again", || crate::wire::post(&url, &[], &large).status == 401);
}
