//! How much processor time a call has used: what its budget is held against, and what moves it to the lane of idle priority.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::idle;
use super::lane::Lane;

/// What one poll counts for at most on a thread that everybody shares. A guest yields at every tick, and the longest copy that
/// nothing interrupts takes 15 ms: whatever took longer, the kernel had given the processor to somebody else, and a call must not
/// end for that. What burns goes on where its time is known exactly.
const LONGEST_POLL: Duration = Duration::from_millis(20);

/// The processor time of one call, told between the future that is polled and the engine's callback inside of that poll.
#[derive(Debug)]
pub struct Pace {
    born: Instant,
    /// Nanoseconds of the polls that have ended.
    used: AtomicU64,
    /// The clock's nanoseconds at which the poll under way began.
    since: AtomicU64,
    burns: AtomicBool,
    /// Nanoseconds that one poll counts for at most on a thread that everybody shares.
    longest: AtomicU64,
    /// The channel whose turn it counts for, once that is known.
    lane: OnceLock<Arc<Lane>>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            born: Instant::now(),
            used: AtomicU64::new(0),
            since: AtomicU64::new(0),
            burns: AtomicBool::new(false),
            longest: AtomicU64::new(nanos(LONGEST_POLL)),
            lane: OnceLock::new(),
        }
    }
}

impl Pace {
    /// The processor time used so far.
    pub(super) fn used(&self) -> Duration {
        Duration::from_nanos(self.used.load(Ordering::Relaxed))
    }

    /// The processor time used so far, asked from within a poll.
    pub(super) fn used_now(&self) -> Duration {
        self.used() + self.under_way()
    }

    /// The processor time of the poll under way.
    pub(super) fn under_way(&self) -> Duration {
        let took = Duration::from_nanos(self.clock().saturating_sub(self.since.load(Ordering::Relaxed)));
        if idle::is_here() { took } else { took.min(Duration::from_nanos(self.longest.load(Ordering::Relaxed))) }
    }

    /// Says whose turn it counts for.
    pub(super) fn counts_for(&self, lane: &Arc<Lane>) {
        self.lane.get_or_init(|| Arc::clone(lane));
    }

    /// Begins another call, on an engine with this tick.
    pub(super) fn restart(&self, tick: Duration) {
        self.longest.store(nanos(LONGEST_POLL.max(tick * 2)), Ordering::Relaxed);
        self.used.store(0, Ordering::Relaxed);
    }

    /// Says that the call has used what it may of the threads that everybody shares.
    pub(super) fn burn(&self) {
        self.burns.store(true, Ordering::Relaxed);
    }

    /// The lane of the channel whose call it is.
    pub(super) fn lane(&self) -> Option<&Arc<Lane>> {
        self.lane.get()
    }

    pub(super) fn burns(&self) -> bool {
        self.burns.load(Ordering::Relaxed)
    }

    /// Nanoseconds of a clock that stands still for nobody but this thread. A thread of idle priority waits for the processor
    /// most of the time, so there the kernel is asked; on the others, where it would cost a system call twice a call, the time
    /// of a poll is its processor time but for what the kernel gave to somebody else.
    fn clock(&self) -> u64 {
        if idle::is_here() {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
        } else {
            nanos(self.born.elapsed())
        }
    }
}

pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A future whose polls are timed.
pub(super) struct Timed<'a, F> {
    work: F,
    pace: &'a Pace,
}

impl<'a, F: Future + Unpin> Timed<'a, F> {
    /// Counts for the call's pace.
    pub(super) fn new(work: F, pace: &'a Pace) -> Self {
        Self { work, pace }
    }
}

impl<F: Future + Unpin> Future for Timed<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.pace.since.store(self.pace.clock(), Ordering::Relaxed);
        let polled = Pin::new(&mut self.work).poll(cx);
        let used = nanos(self.pace.under_way());
        self.pace.used.fetch_add(used, Ordering::Relaxed);
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_uses_no_processor_time_and_computing_does() {
        let pace = Arc::new(Pace::default());
        let work = std::pin::pin!(async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let until = Instant::now() + Duration::from_millis(5);
            while Instant::now() < until {
                std::hint::black_box(0);
            }
            pace.used_now()
        });
        let seen = Timed::new(work, &pace).await;
        assert!(seen >= Duration::from_millis(5) && pace.used() >= seen, "{seen:?} of {:?}", pace.used());
        assert!(pace.used() < Duration::from_millis(300), "{:?}", pace.used());
        pace.restart(Duration::from_millis(1));
        assert_eq!(pace.used(), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_poll_that_was_kept_from_the_processor_counts_for_little() {
        let pace = Arc::new(Pace::default());
        let work = std::pin::pin!(async {
            let until = Instant::now() + LONGEST_POLL * 5;
            while Instant::now() < until {
                std::thread::yield_now();
            }
            pace.used_now()
        });
        let seen = Timed::new(work, &pace).await;
        assert_eq!((seen, pace.used()), (LONGEST_POLL, LONGEST_POLL));
    }
}
