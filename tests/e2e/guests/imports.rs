//! Host functions, called as nobody should: handles that are none, lists that end nowhere, more of everything.

use super::shell::Guest;
use super::{Case, Ends};

pub(super) fn cases() -> Vec<Case> {
    [handles(), leaks(), wishes(), clocks(), exits()].concat()
}

fn trap(name: &'static str, guest: Guest) -> Case {
    Case::new(name, Ends::Traps, guest)
}

/// So often, this.
fn times(count: u32, body: &str) -> String {
    format!(
        "(local.set $i (i32.const 0))
         (loop $on {body} (br_if $on (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {count}))))
         i32.const 0"
    )
}

fn handles() -> Vec<Case> {
    const DROP: &str = "(call $drop-bucket (local.get $i))";
    const GET: &str = "(call $get (local.get $i) (i32.const 512) (i32.const 7) (i32.const 1024))";
    vec![
        Case::new("a handle as it should be", Ends::Answers, Guest::keeping(&[GET, DROP].concat())),
        trap("a handle dropped twice", Guest::keeping(&[DROP, DROP].concat())),
        trap("a handle used after it was dropped", Guest::keeping(&[DROP, GET].concat())),
        trap("a made-up handle", Guest::keeping("(local.set $i (i32.const 12345)) (call $drop-bucket (local.get $i))")),
        trap("the largest handle", Guest::keeping("(call $drop-bucket (i32.const -1))")),
        trap(
            "a handle of another kind",
            Guest::keeping("(local.set $i (call $after (i64.const 0))) (call $drop-bucket (local.get $i))"),
        ),
        trap("a bucket waited for", Guest::keeping("(call $block (local.get $i))")),
        trap("a handle in a list that is none", {
            Guest::pushing("(call $poll (i32.const 512) (i32.const 3) (i32.const 1024)) i32.const 0")
                .holding(512, &[1, 99, 7])
        }),
    ]
}

fn leaks() -> Vec<Case> {
    let open = "(call $open (i32.const 512) (i32.const 7) (i32.const 1024))";
    let opened = |count| Guest::pushing(times(count, open)).with("(data (i32.const 512) \"default\")");
    let waits =
        "(i32.store (i32.add (i32.const 65536) (i32.mul (local.get $i) (i32.const 4))) (call $after (i64.const 0)))";
    let poll = |count: u32| {
        format!(
            "{} drop (call $poll (i32.const 65536) (i32.const {count}) (i32.const 1024)) i32.const 0",
            times(count, waits)
        )
    };
    vec![
        trap("a hundred thousand handles kept", opened(100_000)),
        trap("ten thousand waits kept", Guest::pushing(times(10_000, "(drop (call $after (i64.const -1)))"))),
        Case::new("four thousand waits at once", Ends::Allowed, {
            Guest::pushing(format!("(global.set $next (i32.const 90000)) {}", poll(4_000)))
        }),
        trap(
            "a wait for nothing",
            Guest::pushing("(call $poll (i32.const 0) (i32.const 0) (i32.const 1024)) i32.const 0"),
        ),
        trap("a wait for four billion", {
            Guest::pushing("(call $poll (i32.const 0) (i32.const -1) (i32.const 1024)) i32.const 0")
        }),
        Case::new(
            "a wait for centuries",
            Ends::Late,
            Guest::pushing("(call $block (call $after (i64.const -1))) i32.const 0"),
        ),
    ]
}

fn wishes() -> Vec<Case> {
    let print = "(call $print (call $stdout) (i32.const 512) (i32.const 4096) (i32.const 8192))";
    vec![
        trap("all random numbers", Guest::pushing("(call $random (i64.const -1) (i32.const 1024)) i32.const 0")),
        trap("random numbers to nowhere", Guest::pushing("(call $random (i64.const 16) (i32.const -4)) i32.const 0")),
        trap("the request to nowhere", Guest::pushing("(call $raw-request (i32.const -4)) i32.const 0")),
        trap("the request to an odd address", Guest::pushing("(call $raw-request (i32.const 1025)) i32.const 0")),
        trap("a line from nowhere", {
            Guest::pushing(
                "(call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 100)) i32.const 0",
            )
        }),
        trap("a line of no level", {
            Guest::pushing(
                "(call $log (i32.const 77) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1)) i32.const 0",
            )
        }),
        Case::new("lines of a megabyte", Ends::Allowed, {
            let log = "(call $log (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 65536) (i32.const 1000000))";
            Guest::pushing(times(100, log)).pages(20)
        }),
        Case::new("a key of megabytes", Ends::Allowed, {
            Guest::keeping("(call $get (local.get $i) (i32.const 65536) (i32.const 50000000) (i32.const 1024))")
                .pages(800)
        }),
        Case::new("a value of megabytes", Ends::Allowed, {
            Guest::keeping(
                "(call $set (local.get $i) (i32.const 512) (i32.const 7) (i32.const 65536) (i32.const 50000000) (i32.const 1024))",
            )
            .pages(800)
        }),
        Case::new("a flood on its standard output", Ends::Allowed, Guest::pushing(times(2_000, print))),
        trap("a megabyte written unasked", {
            let body =
                "(call $write (call $stdout) (i32.const 65536) (i32.const 2000000) (i32.const 8192)) i32.const 0";
            Guest::pushing(body).pages(40)
        }),
    ]
}

/// A guest that traps when a clock tells it more than whole milliseconds, and looks until the clock has gone on by some of them.
fn clocks() -> Vec<Case> {
    let looks = |look: &str| {
        format!(
            "(loop $on
                {look}
                (if (i64.ne (i64.rem_u (local.get $time) (i64.const 1000000)) (i64.const 0)) (then unreachable))
                (if (i64.eqz (local.get $first)) (then (local.set $first (local.get $time))))
                (br_if $on (i64.lt_u (i64.sub (local.get $time) (local.get $first)) (i64.const 3000000))))
             i32.const 0"
        )
    };
    let elapsed = "(local.set $time (call $elapsed))";
    let now = "(call $now (i32.const 1024)) (local.set $time (i64.load32_u (i32.const 1032)))
               (if (i64.lt_u (local.get $time) (local.get $first)) (then (return (i32.const 0))))";
    let guest = |look| Guest::pushing(format!("(local $time i64) (local $first i64) {}", looks(look)));
    vec![
        Case::new("a look at the time that has gone by", Ends::Answers, guest(elapsed)),
        Case::new("a look at the time of day", Ends::Answers, guest(now)),
    ]
}

fn exits() -> Vec<Case> {
    vec![
        trap("an exit with success", Guest::pushing("(call $exit (i32.const 0)) i32.const 0")),
        trap("an exit with a failure", Guest::pushing("(call $exit (i32.const 1)) i32.const 0")),
        trap("an exit with no status", Guest::pushing("(call $exit (i32.const 5)) i32.const 0")),
        Case::new("numbers that are none, with something in them", Ends::Answers, {
            Guest::pushing(
                "(i64.store (i32.const 2048) (i64.reinterpret_f64 (f64.sqrt (f64.add (f64.const -nan:0x4000000000001) (f64.const -1))))) i32.const 0",
            )
        }),
    ]
}
