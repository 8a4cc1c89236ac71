//! The limits of an instance that no other test turns: each bites where it is low, and not where it is as it was.

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

fn status(config: &str, guest: &Guest) -> u16 {
    let host = Host::with_config(config);
    host.channel("acme");
    let files = Files::new();
    host.wharf(&["deploy", "acme", &files.write("acme.wasm", &guest.build()), "--skip-preflight"]);
    host.sdk("acme", "inventory_push", super::push()).status
}

#[test]
fn handles_resources_and_what_crosses_at_once_are_bounded() {
    for guest in [hoards(), shouts()] {
        assert_eq!(status("", &guest), 200);
    }
    assert_eq!(status("[guest]\nhandles = 50\n", &hoards()), 502);
    assert_eq!(status("[guest]\nresources = 50\n", &hoards()), 502);
    assert_eq!(status("[guest]\nhost-call-fuel = \"64KiB\"\n[call]\nanswer = \"32KiB\"\n", &shouts()), 502);
}

#[test]
fn a_component_of_more_parts_than_the_node_gives_is_refused() {
    let file = plugin("reference");
    for limit in ["core-instances = 1", "tables = 1"] {
        let host = Host::with_config(&format!("[guest]\n{limit}\n"));
        host.channel("acme");
        let (code, said) = host.refuses(&["deploy", "acme", file.to_str().unwrap()]);
        assert!(code == Some(1) && said.contains("[guest]"), "{limit}: {said}");
    }
}
