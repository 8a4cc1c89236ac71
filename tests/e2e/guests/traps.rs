//! Code that ends itself, or would never end.

use std::fmt::Write as _;

use super::shell::Guest;
use super::{Case, Ends};

pub(super) fn cases() -> Vec<Case> {
    [ends_at_once(), out_of_bounds(), out_of_room(), burns()].concat()
}

fn trap(name: &'static str, guest: Guest) -> Case {
    Case::new(name, Ends::Traps, guest)
}

fn ends_at_once() -> Vec<Case> {
    vec![
        trap("unreachable", Guest::pushing("unreachable")),
        trap("division by zero", Guest::pushing("(i32.div_s (i32.const 1) (local.get $i))")),
        trap("overflow of a division", Guest::pushing("(i32.div_s (i32.const 0x80000000) (i32.const -1))")),
        trap("a remainder by zero", Guest::pushing("(i32.wrap_i64 (i64.rem_u (i64.const 1) (i64.const 0)))")),
        trap("a number that is none as an integer", Guest::pushing("(i32.trunc_f64_s (f64.const nan))")),
        trap("an infinite number as an integer", Guest::pushing("(i32.trunc_f64_u (f64.const inf))")),
        trap("a start that traps", Guest::answering().with("(func $go unreachable) (start $go)")),
        trap(
            "a call of nothing",
            Guest::pushing("(call_indirect (result i32) (i32.const 3))").with("(table 8 funcref)"),
        ),
        trap(
            "a call of another type",
            Guest::pushing("(call_indirect (param i64) (result i32) (i64.const 1) (i32.const 0))")
                .with("(table 8 funcref) (elem (i32.const 0) $realloc)"),
        ),
        trap(
            "a call behind the table",
            Guest::pushing("(call_indirect (result i32) (i32.const -1))").with("(table 8 funcref)"),
        ),
    ]
}

fn out_of_bounds() -> Vec<Case> {
    let table = "(table $t 8 funcref)";
    vec![
        trap("a load behind the memory", Guest::pushing("(i32.load (i32.const -1))")),
        trap("a load with the largest offset", Guest::pushing("(i32.load offset=0xffffffff (i32.const -1))")),
        trap("a load across the end", Guest::pushing("(i32.load (i32.const 131069))")),
        trap("a store behind the memory", Guest::pushing("(i64.store (i32.const -8) (i64.const 1)) i32.const 0")),
        trap(
            "a fill behind the memory",
            Guest::pushing("(memory.fill (i32.const 131000) (i32.const 1) (i32.const -1)) i32.const 0"),
        ),
        trap(
            "a copy behind the memory",
            Guest::pushing("(memory.copy (i32.const 0) (i32.const 8) (i32.const -1)) i32.const 0"),
        ),
        trap(
            "a part of a segment that is not there",
            Guest::pushing("(memory.init $d (i32.const 0) (i32.const 2) (i32.const 9)) i32.const 0")
                .with("(data $d \"abcd\")"),
        ),
        trap(
            "a segment that was dropped",
            Guest::pushing("(data.drop $d) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) i32.const 0")
                .with("(data $d \"abcd\")"),
        ),
        trap("a segment behind the memory", Guest::answering().with("(data (i32.const 131070) \"abcd\")")),
        trap("an entry behind the table", Guest::pushing("(table.get $t (i32.const 8)) drop i32.const 0").with(table)),
        trap(
            "a copy behind the table",
            Guest::pushing("(table.copy $t $t (i32.const 4) (i32.const 0) (i32.const 5)) i32.const 0").with(table),
        ),
    ]
}

fn out_of_room() -> Vec<Case> {
    let grown = |step: &str| format!("(loop $more (br_if $more (i32.ne {step} (i32.const -1)))) unreachable");
    vec![
        Case::new("memory without an end", Ends::Memory, Guest::pushing(grown("(memory.grow (i32.const 1))"))),
        Case::new(
            "memory at one go, refused and put up with",
            Ends::Answers,
            Guest::pushing("(memory.grow (i32.const 65000)) drop i32.const 0"),
        ),
        trap(
            "a table without an end",
            Guest::pushing(grown("(table.grow $t (ref.null func) (i32.const 1000))")).with("(table $t 8 funcref)"),
        ),
        Case::new(
            "calls without an end",
            Ends::Stack,
            Guest::pushing("(call $again (local.get $i))")
                .with("(func $again (param i32) (result i32) (i32.add (i32.const 1) (call $again (local.get 0))))"),
        ),
        Case::new(
            "calls through a table without an end",
            Ends::Stack,
            Guest::pushing("(call $again)").with(
                "(table 1 funcref) (elem (i32.const 0) $again)
                 (func $again (result i32) (i32.add (i32.const 1) (call_indirect (result i32) (i32.const 0))))",
            ),
        ),
        Case::new("a thousand parameters", Ends::Stack, thousand_parameters()),
        Case::new("more memory than there is, from the start", Ends::Refused, Guest::answering().pages(65_000)),
        Case::new(
            "megabytes of data",
            Ends::Answers,
            Guest::answering().pages(100).with(format!("(data (i32.const 65536) \"{}\")", "wharf".repeat(800_000))),
        ),
    ]
}

/// As many as a function may have, passed on for ever.
fn thousand_parameters() -> Guest {
    let passed = |from: &str| {
        (0..1000).fold(String::new(), |mut text, n| {
            let _ = write!(text, "({from} {n})");
            text
        })
    };
    Guest::pushing(format!("(call $again {})", passed("i64.const"))).with(format!(
        "(func $again (param {}) (result i32) (i32.add (i32.const 1) (call $again {})))",
        "i64 ".repeat(1000),
        passed("local.get")
    ))
}

fn burns() -> Vec<Case> {
    let late = |name, guest| Case::new(name, Ends::Late, guest);
    let for_ever = |body: &str| format!("(loop $on {body} (br $on)) i32.const 0");
    let ways = 5_000;
    let targets = "$on ".repeat(ways);
    vec![
        late("a loop", Guest::pushing(for_ever(""))),
        late("a start that loops", Guest::answering().with("(func $go (loop $on (br $on))) (start $go)")),
        late(
            "loops in loops",
            Guest::pushing(format!("{}(br 0){} i32.const 0", "(loop ".repeat(200), ")".repeat(200))),
        ),
        late(
            "a branch of thousands of ways",
            Guest::pushing(for_ever(&format!(
                "(local.set $i (i32.add (local.get $i) (i32.const 7))) (br_table {targets} (i32.rem_u (local.get $i) (i32.const {ways})))"
            ))),
        ),
        late(
            "copies of megabytes",
            Guest::pushing(for_ever("(memory.copy (i32.const 0) (i32.const 65536) (i32.const 30000000))")).pages(900),
        ),
        late(
            "the smallest of numbers",
            Guest::pushing(for_ever(
                "(local.set $f (f64.div (f64.add (local.get $f) (f64.const 0x1p-1074)) (f64.const 3)))",
            )),
        ),
        late("questions to the host", Guest::pushing(for_ever("(drop (call $deadline))"))),
        late(
            "the request, fetched again and again",
            Guest::pushing(for_ever("(global.set $next (i32.const 65536)) (call $raw-request (i32.const 1024))")),
        ),
    ]
}
