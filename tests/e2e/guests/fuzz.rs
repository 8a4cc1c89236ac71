//! The boundary between guests and host, in both directions: scripts of calls with any values, and answers of any bytes.

use std::panic::AssertUnwindSafe;

use bolero::check;
use serde_json::json;

use super::shell::{Guest, hex};
use crate::admission::Files;
use crate::host::Host;

/// A node that looks at nothing but the limits of each call.
fn node() -> Host {
    let host = Host::with_config(
        "[call]\nsdk-deadline = \"2s\"\n[breaker]\nfaults = 0\n[release]\nautomatic-return = false\n",
    );
    host.serving("good", "echo", &[]);
    host
}

/// Hands a script to a channel's guest. Whatever the guest does of it, its host answers, and never with a fault of its own.
fn throw(host: &Host, channel: &str, bytes: &[u8]) {
    let payload = json!({ "script": hex("", bytes), "inventory_updates": [] });
    let answer = host.sdk(channel, "inventory_push", payload);
    assert!([200, 422, 429, 501, 502, 503, 504].contains(&answer.status), "{answer:?}");
    if bytes.len().is_multiple_of(16) {
        let good = host.sdk("good", "inventory_push", json!({ "inventory_updates": [] }));
        assert_eq!(good.status, 200, "the neighbour: {good:?}");
    }
}

#[test]
fn any_calls_of_host_functions_are_borne() {
    let host = AssertUnwindSafe(node());
    host.serving("bad", "chaos", &["behaviour=forward"]);
    check!().for_each(|script: &[u8]| throw(&host, "bad", script));
    host.sdk("good", "inventory_push", json!({ "inventory_updates": [] })).ok(200);
}

/// Reads the hexadecimal digits behind `"script":"` in the request into its memory, from the address 0 on, and says that this is
/// its answer.
const ANSWERING_WITH_THE_SCRIPT: &str = r"
(call $raw-request (i32.const 60000))
(call $copy (i32.load (i32.const 60000)) (i32.load (i32.const 60004)))
i32.const 0";

const COPY: &str = r"
(func $digit (param $at i32) (result i32)
    (select
        (i32.sub (i32.load8_u (local.get $at)) (i32.const 87))
        (i32.sub (i32.load8_u (local.get $at)) (i32.const 48))
        (i32.gt_u (i32.load8_u (local.get $at)) (i32.const 57))))
(func $copy (param $at i32) (param $length i32)
    (local $end i32) (local $to i32)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (block $found (loop $next
        (br_if $found (i64.eq (i64.load (local.get $at)) (i64.const 0x223a227470697263)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $at) (local.get $end)))
        return))
    (local.set $at (i32.add (local.get $at) (i32.const 8)))
    (loop $next
        (if (i32.or
                (i32.ge_u (local.get $at) (local.get $end))
                (i32.eq (i32.load8_u (local.get $at)) (i32.const 34)))
            (then return))
        (i32.store8 (local.get $to)
            (i32.or (i32.shl (call $digit (local.get $at)) (i32.const 4)) (call $digit (i32.add (local.get $at) (i32.const 1)))))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (local.set $at (i32.add (local.get $at) (i32.const 2)))
        (br $next)))";

/// Bytes that are more often an answer than chance would have it: most words are small, and so may be addresses and lengths.
fn words(script: &[u8]) -> Vec<u8> {
    let word = |two: &[u8]| match (two[0], two.get(1).copied().unwrap_or(0)) {
        (0..=99, low) => [low % 8, 0, 0, 0],
        (100..=219, low) => [low & 0xfc, two[0] % 8, 0, 0],
        (220..=239, low) => [low, low, low, low],
        (_, low) => [low, 0xff, 0xff, 0xff],
    };
    script.chunks(2).flat_map(word).collect()
}

#[test]
fn any_bytes_as_an_answer_are_borne() {
    let host = AssertUnwindSafe(node());
    let files = Files::new();
    host.channel("bad");
    let guest = Guest::pushing(ANSWERING_WITH_THE_SCRIPT).with(COPY);
    host.wharf(&["deploy", "bad", &files.write("answers.wasm", &guest.build()), "--skip-preflight"]);
    // One event, with two texts and one subject.
    let whole: Vec<u8> = [0, 12, 1, 0, 64, 2, 64, 2, 0, 0, 0, 52, 1, 7, 64, 2, 0x6161]
        .iter()
        .flat_map(|word: &u32| word.to_le_bytes())
        .collect();
    let answer =
        host.sdk("bad", "inventory_push", json!({ "script": hex("", &whole), "inventory_updates": [] })).ok(200);
    assert_eq!(answer["events"][0]["code"], "aa", "{answer}");
    check!().for_each(|script: &[u8]| {
        let mut bytes = words(&script[..script.len().min(600)]);
        if script.len().is_multiple_of(2) {
            // The whole answer, with some of its words put in others' place.
            let mut spoilt = whole.clone();
            for (at, word) in script.iter().zip(bytes.chunks(4)).take(4) {
                let at = usize::from(*at) % 17 * 4;
                spoilt[at..at + word.len()].copy_from_slice(word);
            }
            bytes = spoilt;
        }
        throw(&host, "bad", &bytes);
    });
    host.sdk("good", "inventory_push", json!({ "inventory_updates": [] })).ok(200);
}
