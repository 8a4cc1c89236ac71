//! What one guest leaves, another looks for.

use crate::admission::Files;
use crate::guests::Guest;
use crate::host::Host;
use crate::trust::load::{Call, Caller};
use crate::trust::rounds;

/// A table of its own, whose entries may be this function.
const TABLE: &str = "(table $t 1000 funcref) (elem declare func $realloc)";

/// Writes the same word over all the memory that it can get and over its table, and then ends like this.
fn writer(end: &str) -> Vec<u8> {
    let push = format!(
        "(drop (memory.grow (i32.const 28)))
        (local.set $i (i32.const 1024))
        (block $done (loop $more
            (br_if $done (i32.ge_u (local.get $i) (i32.mul (memory.size) (i32.const 65536))))
            (i64.store (local.get $i) (i64.const 0x5ec2e75ec2e75ec2))
            (local.set $i (i32.add (local.get $i) (i32.const 8)))
            (br $more)))
        (table.fill $t (i32.const 0) (ref.func $realloc) (i32.const 1000))
        {end}"
    );
    Guest::pushing(push).with(TABLE).build()
}

/// Traps unless all memory that it was never given anything in is zero, and its table empty.
fn seeker() -> Vec<u8> {
    let push = "(drop (memory.grow (i32.const 28)))
        (local.set $i (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
        (block $done (loop $more
            (br_if $done (i32.ge_u (local.get $i) (i32.mul (memory.size) (i32.const 65536))))
            (if (i64.ne (i64.load (local.get $i)) (i64.const 0)) (then unreachable))
            (local.set $i (i32.add (local.get $i) (i32.const 8)))
            (br $more)))
        (local.set $i (i32.const 0))
        (block $done (loop $more
            (br_if $done (i32.ge_u (local.get $i) (i32.const 1000)))
            (if (i32.eqz (ref.is_null (table.get $t (local.get $i)))) (then unreachable))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $more)))
        i32.const 0";
    Guest::pushing(push).with(TABLE).build()
}

#[test]
fn nothing_that_one_guest_wrote_is_there_for_the_next_however_it_ended() {
    // One instance, so that every call gets the memory and the stack of the one before.
    let host =
        Host::with_config("[guest]\ninstances = 1\nmemory = \"2MiB\"\n[call]\nshare = 1.0\n[breaker]\nfaults = 0\n");
    let files = Files::new();
    let ends = [
        ("returns", "i32.const 0", 200),
        ("traps", "unreachable", 502),
        ("loops", "(loop $for_ever (br $for_ever)) unreachable", 504),
        ("waits", "(call $block (call $after (i64.const -1))) i32.const 0", 504),
    ];
    for (name, bytes) in ends.iter().map(|(name, end, _)| (*name, writer(end))).chain([("seeks", seeker())]) {
        host.channel(name);
        let file = files.write(&format!("{name}.wasm"), &bytes);
        host.wharf(&["deploy", name, &file, "--skip-preflight"]);
    }
    host.wharf(&["channel", "set", "loops", "--limit", "cpu=10ms"]);
    // Dropped in the middle, as one is whose caller goes away.
    host.wharf(&["channel", "set", "waits", "--limit", "deadline=50ms"]);
    let call = |name: &str| Call::sdk(&host, name, "inventory_push", &super::push());
    let (seek, caller) = (call("seeks"), Caller::new());
    let alternations = rounds(500, 10_000);
    for round in 0..alternations {
        let (name, _, status) = ends[usize::try_from(round % 4).unwrap()];
        assert_eq!(caller.make(&call(name)).status, status, "{name}");
        let found = caller.make(&seek);
        assert_eq!(found.status, 200, "something was left by the one that {name}: {found:?}");
    }
    println!("{alternations} alternations, nothing found");
}
