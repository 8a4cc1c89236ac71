//! The lane of idle priority and the clock of running guests, as the system sees them.

use super::push;
use crate::host::{Host, wait_for};

/// `SCHED_IDLE`, as the kernel numbers it.
const IDLE: u32 = 5;

/// A thread of the node.
struct Thread {
    /// Nanoseconds that it had of a processor.
    ran: u64,
    niceness: i32,
    policy: u32,
}

/// The threads of this name.
fn threads(host: &Host, name: &str) -> Vec<Thread> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", host.id())).unwrap();
    let read = |task: std::io::Result<std::fs::DirEntry>| {
        let of = |name: &str| std::fs::read_to_string(task.as_ref().unwrap().path().join(name)).unwrap_or_default();
        if of("comm").trim() != name {
            return None;
        }
        let ran = of("schedstat").split(' ').next()?.parse().ok()?;
        // After the name, which may have anything in it: state, parent … the niceness is the 17th, the policy the 39th.
        let stat = of("stat");
        let fields: Vec<_> = stat.rsplit(") ").next()?.split(' ').collect();
        Some(Thread { ran, niceness: fields.get(16)?.parse().ok()?, policy: fields.get(38)?.parse().ok()? })
    };
    tasks.filter_map(read).collect()
}

/// The threads of the lane.
fn lane(host: &Host) -> Vec<Thread> {
    threads(host, "idle")
}

/// Milliseconds that the whole lane had of the processors.
fn ran(host: &Host) -> u64 {
    lane(host).iter().map(|thread| thread.ran / 1_000_000).sum()
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
    wait_for("the threads to start", || lane(&host).iter().filter(|thread| thread.policy == IDLE).count() == 3);
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

#[test]
fn the_thread_that_gives_memory_back_works_without_a_call_and_lets_those_that_answer_go_first() {
    let host = Host::start();
    wait_for("the thread to start", || threads(&host, "memory").iter().any(|thread| thread.niceness > 0));
    let before = threads(&host, "memory")[0].ran;
    wait_for("the thread to do something", || threads(&host, "memory")[0].ran > before);
}
