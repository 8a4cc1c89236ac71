//! Steady load: callers who keep their connections, and what they saw.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::host::{Host, TEST_KEY, sdk_body, sdk_url, wait_for};
use crate::wire::{Answer, agent, try_send};

/// One call, ready to be made again and again.
pub(crate) struct Call {
    url: String,
    body: String,
}

impl Call {
    /// A call of an SDK interaction.
    pub(crate) fn sdk(host: &Host, channel: &str, interaction: &str, payload: &Value) -> Self {
        Self { url: sdk_url(&host.edge, channel, interaction), body: sdk_body(TEST_KEY, interaction, payload) }
    }
}

/// Somebody who calls over one connection.
pub(crate) struct Caller {
    agent: ureq::Agent,
}

impl Caller {
    pub(crate) fn new() -> Self {
        Self { agent: agent() }
    }

    /// Makes a call, which must be answered.
    pub(crate) fn make(&self, call: &Call) -> Answer {
        try_send(&self.agent, "POST", &call.url, &[], call.body.as_bytes())
            .unwrap_or_else(|error| panic!("{}: {error}", call.url))
    }
}

/// What one of several callers does again and again; the number is its own to remember.
pub(crate) type Habit<'a> = &'a (dyn Fn(&Caller, &mut u64) + Sync);

/// Does `work` while callers follow their habits; gives what came of it and how long each call took, in order of length.
pub(crate) fn under_load<T>(habits: &[Habit<'_>], work: impl FnOnce() -> T) -> (T, Vec<Duration>) {
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }
    let (over, begun) = (AtomicBool::new(false), AtomicU64::new(0));
    let habitually = |habit: Habit<'_>| {
        let (caller, mut memory, mut times) = (Caller::new(), 0, Vec::new());
        while !over.load(SeqCst) {
            let start = Instant::now();
            habit(&caller, &mut memory);
            times.push(start.elapsed());
            if times.len() == 1 {
                begun.fetch_add(1, SeqCst);
            }
        }
        times
    };
    std::thread::scope(|scope| {
        let callers: Vec<_> = habits.iter().map(|habit| scope.spawn(|| habitually(*habit))).collect();
        let over = Over(&over);
        wait_for("every caller to be under way", || begun.load(SeqCst) == habits.len() as u64);
        let done = work();
        drop(over);
        let mut times: Vec<_> = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
        times.sort();
        (done, times)
    })
}

/// Lets callers go on for so long.
pub(crate) fn for_a_while(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

/// Which of alternating releases answered: swaps are counted, an answer tells whether an even or an odd number was made,
/// and a caller never hears of fewer than before.
#[derive(Default)]
pub(crate) struct Counted {
    begun: AtomicU64,
    done: AtomicU64,
}

impl Counted {
    /// Counts a swap around its request: from here on its release may answer, afterwards no other may.
    pub(crate) fn swap<T>(&self, request: impl FnOnce() -> T) -> T {
        self.begun.fetch_add(1, SeqCst);
        let answer = request();
        self.done.fetch_add(1, SeqCst);
        answer
    }

    /// Makes a call whose answer tells whether the number of swaps was odd, and holds it against what may have answered.
    pub(crate) fn hold(&self, memory: &mut u64, call: impl FnOnce() -> bool) {
        let replaced_before = self.done.load(SeqCst);
        let odd = call();
        let most = self.begun.load(SeqCst);
        let least = replaced_before.max(*memory);
        let seen = if (least % 2 == 1) == odd { least } else { least + 1 };
        assert!(
            seen <= most,
            "an answer of {} swaps, of which {replaced_before} to {most} were made; this caller had seen {memory}",
            if odd { "an odd number of" } else { "an even number of" },
        );
        *memory = seen;
    }
}
