//! Guests that fill the host's memory with requests which they never send.

use serde_json::{Value, json};

use super::keys::{Node, TURN, UNLESS_DONE, times};
use super::push;
use crate::guests::Guest;
use crate::host::wait_for;

/// Does this forty times, with an empty set of headers or a request of it in `$i`. At 4096 lies a kilobyte of letters.
fn prepares(made: &str, body: &str) -> Guest {
    let letters = "a".repeat(1024);
    Guest::pushing(format!("(local.set $i {made}) {} i32.const 0", times(40, body)))
        .with(TURN)
        .with(format!("(data (i32.const 4096) \"{letters}\")"))
        .holding(1536, &[4096, 4, 4096, 1024])
        .holding(1600, &[4096, 1024])
}

/// Each function that puts a kilobyte into the head of a request.
fn heads() -> [(&'static str, Guest); 8] {
    const FIELDS: &str = "(call $fields)";
    const REQUEST: &str = "(call $request (call $fields))";
    [
        ("from-list", prepares(FIELDS, "(call $from-list (i32.const 1536) (i32.const 1) (i32.const 1024))")),
        (
            "append",
            prepares(
                FIELDS,
                "(call $append (local.get $i) (i32.const 4096) (i32.const 4) (i32.const 4096) (i32.const 1024) (i32.const 1024))",
            ),
        ),
        (
            "set",
            prepares(
                FIELDS,
                "(call $set-header (local.get $i) (i32.const 4096) (i32.const 4) (i32.const 1600) (i32.const 1) (i32.const 1024))",
            ),
        ),
        (
            "clone",
            prepares(
                FIELDS,
                "(if (i32.eqz (global.get $turn)) (then
                    (call $append (local.get $i) (i32.const 4096) (i32.const 4) (i32.const 4096) (i32.const 1024) (i32.const 1024))))
                 (drop (call $clone (local.get $i)))",
            ),
        ),
        (
            "set-method",
            prepares(
                REQUEST,
                "(drop (call $set-method (local.get $i) (i32.const 9) (i32.const 4096) (i32.const 1024)))",
            ),
        ),
        (
            "set-scheme",
            prepares(
                REQUEST,
                "(drop (call $set-scheme (local.get $i) (i32.const 1) (i32.const 2) (i32.const 4096) (i32.const 1024)))",
            ),
        ),
        (
            "set-authority",
            prepares(
                REQUEST,
                "(drop (call $set-authority (local.get $i) (i32.const 1) (i32.const 4096) (i32.const 1024)))",
            ),
        ),
        (
            "set-path-with-query",
            prepares(
                REQUEST,
                "(drop (call $set-path (local.get $i) (i32.const 1) (i32.const 4096) (i32.const 1024)))",
            ),
        ),
    ]
}

/// Gives so many bytes of a request's body to the host at once.
fn pours(bytes: u32) -> Guest {
    Guest::pushing(format!(
        "(call $body (call $request (call $fields)) (i32.const 1024)) {UNLESS_DONE}
         (call $stream (i32.load (i32.const 1028)) (i32.const 1024)) {UNLESS_DONE}
         (call $write (i32.load (i32.const 1028)) (i32.const 65536) (i32.const {bytes}) (i32.const 1024)) {UNLESS_DONE}
         i32.const 0"
    ))
    .pages(4)
}

#[test]
fn the_heads_of_a_calls_requests_are_bounded_together_though_none_is_sent() {
    let (usual, tight) = (Node::new(""), Node::new("[outbound]\nparts = \"32KiB\"\n"));
    for (function, guest) in heads() {
        assert_eq!(usual.code(&guest), "", "{function}");
        let channel = tight.serving(&guest);
        let answer = tight.host.sdk(&channel, "inventory_push", push());
        assert_eq!((answer.status, answer.code().as_str()), (502, "HOST_TRAP"), "{function}");
        let mut rows = Value::Null;
        wait_for("the call to be in the journal", || {
            rows = tight.host.wharf(&["calls", &channel]);
            rows != json!([])
        });
        assert!(rows[0]["detail"].as_str().is_some_and(|told| told.contains("outbound.parts")), "{function}: {rows}");
    }
}

#[test]
fn a_requests_body_is_taken_in_pieces() {
    for (config, most) in [("", 65_536), ("[outbound]\nchunk = \"4KiB\"\n", 4096)] {
        let node = Node::new(config);
        assert_eq!([node.code(&pours(most)).as_str(), &node.code(&pours(most + 1))], ["", "HOST_TRAP"], "{most}");
    }
}
