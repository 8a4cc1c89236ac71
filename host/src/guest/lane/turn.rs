//! A channel's turn on the threads that everybody shares.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::yield_now;

use super::{Lane, in_u64};

/// What a channel has used of the threads that everybody shares since the others had their turn. Their queue is in the order of
/// arrival: without this, a channel that gets 500 short calls at once keeps everybody else waiting until the last of them has
/// ended, although none of them uses up its own slice.
#[derive(Debug)]
pub(super) struct Turn {
    /// Nanoseconds.
    used: AtomicU64,
    /// For the calls that let the others go first, one for each thread; the channel's other calls wait for them, in the order in
    /// which they came.
    ways: Semaphore,
}

impl Turn {
    /// A turn of which nothing is used, on so many threads.
    pub(super) fn new(threads: usize) -> Self {
        Self { used: AtomicU64::new(0), ways: Semaphore::new(threads) }
    }

    /// Counts time on a thread that everybody shares.
    fn count(&self, time: Duration) {
        self.used.fetch_add(in_u64(time.as_nanos()), Ordering::Relaxed);
    }

    fn is_over(&self, longest: Duration) -> bool {
        self.used.load(Ordering::Relaxed) >= in_u64(longest.as_nanos())
    }

    /// Once the channel has had its turn of the `longest`, one call on each thread lets everybody else go first, what came in meanwhile
    /// included, since a task that yields is woken after the next look at the sockets; the channel's other calls wait for those.
    ///
    /// `so_far` counts for the first look alone: by the next one, the poll that it was used in has ended.
    async fn take(&self, longest: Duration, so_far: Duration) {
        if !self.is_over(longest.saturating_sub(so_far)) {
            return;
        }
        if let Ok(way) = self.ways.try_acquire() {
            self.let_others_go(way).await;
        } else if let Ok(way) = self.ways.acquire().await
            && self.is_over(longest)
        {
            self.let_others_go(way).await;
        }
    }

    async fn let_others_go<'a>(&'a self, way: SemaphorePermit<'a>) {
        let _next = NextTurn { used: &self.used, _way: way };
        yield_now().await;
    }
}

/// Begins a channel's next turn when dropped.
struct NextTurn<'a> {
    used: &'a AtomicU64,
    /// Given up after that.
    _way: SemaphorePermit<'a>,
}

impl Drop for NextTurn<'_> {
    fn drop(&mut self) {
        self.used.store(0, Ordering::Relaxed);
    }
}

impl Lane {
    /// Waits until it is the channel's turn on the threads that everybody shares: once it has had the `longest` of them, all others
    /// go first.
    ///
    /// What a call uses is counted when its poll ends; `so_far` is what this one has used and may not be counted yet.
    pub(in crate::guest) async fn take_turn(&self, longest: Duration, so_far: Duration) {
        self.turn.take(longest, so_far).await;
    }

    /// Counts what a call of the channel used of them.
    pub(in crate::guest) fn count_turn(&self, time: Duration) {
        self.turn.count(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::guest::Limits;
    use crate::store::LimitOverrides;

    #[tokio::test]
    async fn a_channel_that_has_had_its_turn_lets_everybody_else_go_first_and_keeps_its_own_order() {
        let (turn, longest) = (Turn::new(1), Duration::from_millis(1));
        let order = std::cell::RefCell::new(Vec::new());
        let busy = async |name| {
            turn.take(longest, Duration::ZERO).await;
            order.borrow_mut().push(name);
            turn.count(longest);
        };
        let other = async || order.borrow_mut().push("other");
        tokio::join!(busy("first"), busy("second"), busy("third"), other());
        assert_eq!(*order.borrow(), ["first", "other", "second", "third"]);
        turn.take(longest, Duration::ZERO).await;
        turn.count(Duration::from_nanos(999_999));
        assert!(
            futures_util::poll!(std::pin::pin!(turn.take(longest, Duration::ZERO))).is_ready(),
            "it has some of its turn left"
        );
        turn.count(Duration::from_nanos(1));
        // Who gives way and goes away does not keep the next one waiting.
        assert!(futures_util::poll!(Box::pin(turn.take(longest, Duration::ZERO))).is_pending());
        assert!(futures_util::poll!(Box::pin(turn.take(longest, Duration::ZERO))).is_ready());
    }

    #[tokio::test]
    async fn what_a_call_has_used_so_far_counts_before_its_poll_ends() {
        let limits = Limits::of(&Config::default(), 8, &LimitOverrides::default(), &LimitOverrides::default());
        let (lane, turn) = (Lane::new(&limits), Duration::from_millis(1));
        lane.count_turn(turn / 2);
        for (so_far, is_over) in [(turn / 4, false), (turn / 2, true), (turn * 2, true)] {
            let polled = futures_util::poll!(Box::pin(lane.take_turn(turn, so_far)));
            assert_eq!(polled.is_pending(), is_over, "{so_far:?}");
            lane.count_turn(if is_over { turn / 2 } else { Duration::ZERO });
        }
        // Those who wait for the same turn need not wait for one another as well.
        let [mut first, mut second, mut third] = [(); 3].map(|()| Box::pin(lane.take_turn(turn, turn)));
        let [first, second, third] = [&mut first, &mut second, &mut third];
        assert!(futures_util::poll!(&mut *first).is_pending());
        assert!(futures_util::poll!(&mut *second).is_pending() && futures_util::poll!(&mut *third).is_pending());
        assert!(futures_util::poll!(first).is_ready());
        assert!(futures_util::poll!(second).is_ready() && futures_util::poll!(third).is_ready());
    }
}
