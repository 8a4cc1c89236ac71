//! What is left after many calls, a third of which fail.

use super::{open_files, process, push};
use crate::host::Host;
use crate::trust::load::{Call, Caller};
use crate::trust::rounds;

#[test]
fn after_many_calls_of_which_a_third_fail_nothing_has_grown() {
    let host = Host::with_config(
        "[breaker]\nfaults = 0\n[journal]\ncalls = 500\nlog-lines = 500\n[call]\ncpu = \"20ms\"\npush-cpu = \"20ms\"\n",
    );
    let kinds = [
        ("a", "behaviour=answer", 8),
        ("b", "behaviour=count", 6),
        ("c", "behaviour=trap", 4),
        ("d", "behaviour=recurse", 1),
        ("e", "behaviour=illegal-answer", 2),
        ("f", "behaviour=spin", 1),
        ("g", "behaviour=refuse", 2),
    ];
    for (channel, behaviour, _) in kinds {
        host.serving(channel, "chaos", &[behaviour]);
    }
    let calls: Vec<_> = kinds
        .iter()
        .flat_map(|(channel, _, share)| (0..*share).map(move |_| channel))
        .map(|channel| Call::sdk(&host, channel, "inventory_push", &push()))
        .collect();
    let caller = Caller::new();
    let (mut memory, mut faults) = (Vec::new(), 0);
    let each = rounds(30, 4000);
    for _ in 0..8 {
        for _ in 0..each {
            faults += calls.iter().filter(|call| caller.make(call).status >= 500).count();
        }
        memory.push((process(&host, "VmRSS:"), open_files(&host), process(&host, "Threads:")));
    }
    let all = 8 * each * calls.len() as u64;
    println!("{all} calls, {faults} failed; memory in KiB, files, threads after each eighth: {memory:?}");
    let (early, late) = (memory[2], memory[7]);
    // Of the journal's pages and the allocator's, some are taken late.
    assert!(late.0 < early.0 + 16 * 1024, "memory grew: {memory:?}");
    assert!(late.1 <= early.1 + 2 && late.2 <= early.2 + 2, "files or threads grew: {memory:?}");
}
