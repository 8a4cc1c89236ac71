//! The lane of idle priority and the clock of running guests, as the system sees them.

use super::push;
use crate::host::{Host, wait_for};

/// `SCHED_IDLE`, as the kernel numbers it.
const IDLE: u32 = 5;

/// The threads of the lane: nanoseconds that each had of a processor, and its scheduling policy.
fn lane(host: &Host) -> Vec<(u64, u32)> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", host.id())).unwrap();
    let read = |task: std::io::Result<std::fs::DirEntry>| {
        let of = |name: &str| std::fs::read_to_string(task.as_ref().unwrap().path().join(name)).unwrap_or_default();
        if of("comm").trim() != "idle" {
            return None;
        }
        let run = of("schedstat").split(' ').next()?.parse().ok()?;
        // After the name, which may have anything in it: state, parent … the policy is the 39th.
        let policy = of("stat").rsplit(") ").next()?.split(' ').nth(38)?.parse().ok()?;
        Some((run, policy))
    };
    tasks.filter_map(read).collect()
}

/// Milliseconds that the whole lane had of the processors.
fn ran(host: &Host) -> u64 {
    lane(host).iter().map(|(run, _)| run / 1_000_000).sum()
}

/// Milliseconds of processor time that a call of the guest took, which must have been too many.
fn spins(host: &Host) -> u64 {
    let answer = host.sdk("bad", "inventory_push", push());
    assert_eq!((answer.status, answer.code().as_str()), (504, "HOST_CPU_DEADLINE"));
    let (id, mut call) = (answer.header("wharf-call-id").unwrap(), serde_json::Value::Null);
    wait_for("the call to be in the journal", || {
        call = host.wharf(&["calls", "bad", "--limit", "1"])[0].clone();
        call["id"] == id
    });
    call["cpu_us"].as_u64().unwrap() / 1000
}

#[test]
fn the_lane_has_as_many_threads_as_it_is_given_and_all_of_them_give_way() {
    let host = Host::with_config("[guest]\nidle-threads = 3\n");
    wait_for("the threads to start", || lane(&host).iter().filter(|(_, policy)| *policy == IDLE).count() == 3);
    assert_eq!(lane(&host).len(), 3);
}

#[test]
fn a_call_goes_on_in_the_lane_when_it_has_used_its_slice_and_not_before() {
    for (slice, moves) in [("0ms", true), ("1m", false)] {
        let host = Host::with_config(&format!("[call]\npush-cpu = \"200ms\"\n[guest]\nslice = \"{slice}\"\n"));
        host.serving("bad", "chaos", &["behaviour=spin"]);
        let before = ran(&host);
        let took = spins(&host);
        let in_lane = ran(&host) - before;
        println!("a slice of {slice}: {in_lane} of {took} ms in the lane");
        assert_eq!(in_lane >= 100, moves, "{in_lane} of {took} ms were in the lane after {slice}");
    }
}

#[test]
fn a_limit_of_time_is_noticed_at_the_next_tick() {
    let longest = |tick: &str| {
        let host =
            Host::with_config(&format!("[call]\npush-cpu = \"20ms\"\n[guest]\nslice = \"1m\"\ntick = \"{tick}\"\n"));
        host.serving("bad", "chaos", &["behaviour=spin"]);
        // The first one ends at a tick, so that the second has a whole one before it.
        (0..2).map(|_| spins(&host)).max().unwrap()
    };
    let (fine, coarse) = (longest("1ms"), longest("1s"));
    println!("20 ms of processor time end after {fine} ms with a tick of 1 ms, after {coarse} ms with one of 1 s");
    assert!(coarse >= 500 && fine < coarse / 2, "{fine} ms, {coarse} ms");
}
