//! Memory that nobody uses any more goes back to the system on a thread of its own.
//!
//! The allocator gives it back once a second, all of it in one go, on whichever thread asks for memory just then. Measured after
//! 500 answers of 256 KiB that nobody had read: 8.7 ms, in which a thread that answers everybody answers nobody. And on a node
//! without calls nobody asks.

use std::time::Duration;

/// Calls allocate and free in bursts on many threads, which it bears better than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Half of the allocator's own time, so that this thread comes first.
const PAUSE: Duration = Duration::from_millis(500);

/// Threads that answer come first. Not lower: one that needs the kernel's lock on the address space waits until this one gives it up.
const NICENESS: i32 = 10;

/// Starts the thread, which lives as long as the process. Without it the allocator goes on in its own way.
pub fn start_giving_back() {
    let started = std::thread::Builder::new().name("memory".to_owned()).spawn(|| {
        if let Err(error) = rustix::process::nice(NICENESS) {
            tracing::warn!(%error, "the thread that gives memory back has the priority of those that answer");
        }
        loop {
            #[expect(clippy::disallowed_methods, reason = "this thread does little but wait")]
            std::thread::sleep(PAUSE);
            give_back();
        }
    });
    if let Err(error) = started {
        tracing::warn!(%error, "threads that answer give memory back, too: the slowest calls may be slower");
    }
}

/// Gives back what is free, whichever thread freed it.
#[expect(unsafe_code, reason = "the allocator is written in C")]
fn give_back() {
    // On a thread that has no memory of its own it does nothing.
    let _own = std::hint::black_box(Box::new(0_u8));
    // SAFETY: it takes no pointer, and may be called on any thread at any time.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that the process has in memory.
    fn resident() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
        pages * rustix::param::page_size()
    }

    #[test]
    fn what_one_thread_freed_another_gives_back_at_once() {
        const EACH: usize = 1 << 20;
        let held: Vec<Vec<u8>> = (0..256).map(|_| vec![1; EACH]).collect();
        let most = resident();
        drop(held);
        std::thread::spawn(give_back).join().unwrap();
        let left = resident();
        // Other tests take and give memory meanwhile.
        assert!(left < most - 128 * EACH, "{most} → {left}");
    }
}
