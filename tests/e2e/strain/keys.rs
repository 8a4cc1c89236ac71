//! The limits of an instance that no other test turns: each bites where it is low, and not where it is as it was.

use std::cell::Cell;

use crate::admission::Files;
use crate::guests::Guest;
use crate::host::{Host, plugin};

/// Holds a hundred pollables.
fn hoards() -> Guest {
    Guest::pushing(
        "(block $done (loop $more
            (br_if $done (i32.ge_u (local.get $i) (i32.const 100)))
            (drop (call $after (i64.const 1)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $more)))
        i32.const 0",
    )
}

/// Logs a hundred kilobytes at once.
fn shouts() -> Guest {
    Guest::pushing(
        "(call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 1024) (i32.const 100000)) i32.const 0",
    )
}

/// Calls itself so many times.
fn descends(times: u32) -> Guest {
    Guest::pushing(format!("(drop (call $down (i32.const {times}))) i32.const 0")).with(
        "(func $down (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
                (else (i32.const 0))))",
    )
}

/// Ends the guest when its last host call was refused.
pub(super) const UNLESS_DONE: &str = "(if (i32.load8_u (i32.const 1024)) (then unreachable))";

/// So often, this, with the number of the turn in `$turn`.
pub(super) fn times(count: u32, body: &str) -> String {
    format!(
        "(loop $on {body}
            (global.set $turn (i32.add (global.get $turn) (i32.const 1)))
            (br_if $on (i32.lt_u (global.get $turn) (i32.const {count}))))"
    )
}

pub(super) const TURN: &str = "(global $turn (mut i32) (i32.const 0))";

/// Reads the same key so many times at once; its value has 50,000 bytes, or it has none.
fn reads(count: u32, has_value: bool) -> Guest {
    let set =
        "(call $set (local.get $i) (i32.const 512) (i32.const 7) (i32.const 65536) (i32.const 50000) (i32.const 1024))";
    let set = if has_value { format!("{set} {UNLESS_DONE}") } else { String::new() };
    let place = "(i32.add (i32.const 131072) (i32.mul (global.get $turn) (i32.const 8)))";
    let list = times(count, &format!("(i32.store {place} (i32.const 512)) (i32.store offset=4 {place} (i32.const 7))"));
    let read = format!("(call $get-many (local.get $i) (i32.const 131072) (i32.const {count}) (i32.const 1024))");
    Guest::keeping(&format!("{set} (global.set $next (i32.const 196608)) {list} {read} {UNLESS_DONE}"))
        .with(TURN)
        .pages(4)
}

/// Keeps so many `cas` handles.
fn compares(count: u32) -> Guest {
    let cas = "(call $cas (local.get $i) (i32.const 512) (i32.const 7) (i32.const 1024))";
    Guest::keeping(&times(count, &format!("{cas} {UNLESS_DONE}"))).with(TURN)
}

/// A node that runs guests, each in a channel of its own.
pub(super) struct Node {
    pub(super) host: Host,
    files: Files,
    channels: Cell<u32>,
}

impl Node {
    pub(super) fn new(config: &str) -> Self {
        let host = Host::with_config(&format!("[breaker]\nfaults = 0\n{config}"));
        Self { host, files: Files::new(), channels: Cell::new(0) }
    }

    /// The channel that runs this guest from now on.
    pub(super) fn serving(&self, guest: &Guest) -> String {
        let channel = format!("guest-{}", self.channels.replace(self.channels.get() + 1));
        self.host.channel(&channel);
        let file = self.files.write(&format!("{channel}.wasm"), &guest.build());
        self.host.wharf(&["deploy", &channel, &file, "--skip-preflight"]);
        channel
    }

    /// The code of the guest's answer; empty when it is well.
    pub(super) fn code(&self, guest: &Guest) -> String {
        let answer = self.host.sdk(&self.serving(guest), "inventory_push", super::push());
        if answer.status == 200 { String::new() } else { answer.code() }
    }
}

const TRAP: &str = "HOST_TRAP";

#[test]
fn handles_resources_and_what_crosses_at_once_are_bounded() {
    let node = Node::new("");
    assert_eq!([node.code(&hoards()), node.code(&shouts())], ["", ""]);
    assert_eq!(Node::new("[guest]\nhandles = 50\n").code(&hoards()), TRAP);
    assert_eq!(Node::new("[guest]\nresources = 50\n").code(&hoards()), TRAP);
    let little = "[guest]\nhost-call-fuel = \"64KiB\"\n[call]\nanswer = \"32KiB\"\n";
    assert_eq!(Node::new(little).code(&shouts()), TRAP);
}

#[test]
fn a_component_of_more_parts_than_the_node_gives_is_refused() {
    let (files, reference) = (Files::new(), plugin("reference"));
    let two = Guest::answering().with("(memory $second 1)");
    assert_eq!(Node::new("").code(&two), "", "two memories are not too many");
    let (reference, two) = (reference.to_str().unwrap().to_owned(), files.write("two.wasm", &two.build()));
    for (limit, file) in [("core-instances = 1", &reference), ("tables = 1", &reference), ("memories = 1", &two)] {
        let host = Host::with_config(&format!("[guest]\n{limit}\n"));
        host.channel("acme");
        let (code, said) = host.refuses(&["deploy", "acme", file, "--skip-preflight"]);
        assert!(code == Some(1) && said.contains("[guest]"), "{limit}: {said}");
    }
}

#[test]
fn the_stack_ends_where_it_is_said_to_end() {
    let small = Node::new("[guest]\nstack = \"64KiB\"\n");
    let large = Node::new("[guest]\nstack = \"1MiB\"\n");
    // A turn takes at least 16 bytes, for its frame and where it returns to, and at most 128.
    assert_eq!([small.code(&descends(400)), large.code(&descends(8_000))], ["", ""]);
    let over = "HOST_STACK_OVERFLOW";
    assert_eq!([small.code(&descends(8_000)), large.code(&descends(80_000))], [over, over]);
}

#[test]
fn one_operation_on_pairs_takes_so_many_keys_and_bytes_and_a_call_so_many_handles() {
    let usual = Node::new("");
    let few = Node::new("[key-value]\nbatch = 10\n");
    let little = Node::new("[key-value]\nread = \"256KiB\"\n");
    let single = Node::new("[key-value]\ncas = 1\n");
    for (what, node, fits, too_much) in [
        ("few keys", few, reads(10, false), reads(11, false)),
        ("little at once", little, reads(5, true), reads(6, true)),
        ("one handle", single, compares(1), compares(2)),
    ] {
        assert_eq!([node.code(&fits).as_str(), &node.code(&too_much)], ["", TRAP], "{what}");
    }
    for (what, fits, too_much) in [
        ("keys", reads(1000, false), reads(1001, false)),
        ("bytes", reads(83, true), reads(84, true)),
        ("handles", compares(16), compares(17)),
    ] {
        assert_eq!([usual.code(&fits).as_str(), &usual.code(&too_much)], ["", TRAP], "{what} as they are by default");
    }
}
