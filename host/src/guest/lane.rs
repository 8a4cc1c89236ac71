//! A channel's lane: how fast its calls come, how many are under way, how many wait for that, and that other channels get their
//! turn in between.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::task::yield_now;

use super::fault::Fault;
use super::limits::Limits;

/// The places of a channel. They outlive its releases, so that a swap does not lift a limit.
#[derive(Debug)]
pub struct Lane {
    places: Semaphore,
    /// Places that there are when nobody is in.
    size: AtomicU32,
    /// Places that were taken away while somebody was in them.
    owed: AtomicUsize,
    waiting: AtomicU32,
    queue: AtomicU32,
    queue_wait_us: AtomicU64,
    pace: Pace,
    turn: Turn,
    turned_away: AtomicU64,
}

/// What a channel has used of the threads that everybody shares since the others had their turn. Their queue is in the order of
/// arrival: without this, a channel that gets 500 short calls at once keeps everybody else waiting until the last of them has
/// ended, although none of them uses up its own slice.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Nanoseconds.
    used: AtomicU64,
    /// Whether one of the channel's calls lets the others go first now.
    gives_way: AtomicBool,
    others_went: Notify,
}

impl Turn {
    /// Counts processor time on a thread that everybody shares.
    pub(super) fn count(&self, nanos: u64) {
        self.used.fetch_add(nanos, Ordering::Relaxed);
    }

    fn is_over(&self, longest: Duration) -> bool {
        self.used.load(Ordering::Relaxed) >= in_u64(longest.as_nanos())
    }

    /// Once the channel has had its turn of the `longest`, one call lets everybody else go first, what came in meanwhile included,
    /// since a task that yields is woken after the next look at the sockets; the channel's other calls wait for that one.
    pub(super) async fn take(&self, longest: Duration) {
        while self.is_over(longest) {
            let others_went = self.others_went.notified();
            if self.gives_way.swap(true, Ordering::AcqRel) {
                // Woken all at once, not one by the other: each then runs on whichever thread is free.
                others_went.await;
            } else {
                let _next = NextTurn(self);
                yield_now().await;
                return;
            }
        }
    }
}

/// Begins a channel's next turn when dropped.
struct NextTurn<'a>(&'a Turn);

impl Drop for NextTurn<'_> {
    fn drop(&mut self) {
        self.0.used.store(0, Ordering::Relaxed);
        self.0.gives_way.store(false, Ordering::Release);
        self.0.others_went.notify_waiters();
    }
}

/// The rate, as the generic cell rate algorithm has it: one number, the time at which the channel has used up what it may.
#[derive(Debug)]
struct Pace {
    since: Instant,
    /// Nanoseconds since `since`.
    used_until: AtomicU64,
    /// Nanoseconds that one call takes of the rate.
    each: AtomicU64,
    /// Nanoseconds by which `used_until` may be ahead of the clock.
    ahead: AtomicU64,
}

/// A place that is taken.
#[derive(Debug)]
pub(super) struct Place<'a> {
    lane: &'a Lane,
    permit: Option<SemaphorePermit<'a>>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let owed = &self.lane.owed;
        if owed.load(Ordering::Relaxed) > 0
            && owed.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |owed| owed.checked_sub(1)).is_ok()
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
        }
    }
}

impl Lane {
    /// A lane with these limits.
    pub fn new(limits: &Limits) -> Self {
        let lane = Self {
            places: Semaphore::new(0),
            size: AtomicU32::new(0),
            owed: AtomicUsize::new(0),
            waiting: AtomicU32::new(0),
            queue: AtomicU32::new(0),
            queue_wait_us: AtomicU64::new(0),
            pace: Pace {
                since: Instant::now(),
                used_until: AtomicU64::new(0),
                each: AtomicU64::new(0),
                ahead: AtomicU64::new(0),
            },
            turn: Turn::default(),
            turned_away: AtomicU64::new(0),
        };
        lane.set(limits);
        lane
    }

    /// Gives it other limits. Who is in stays in. For one caller at a time.
    pub fn set(&self, limits: &Limits) {
        let before = self.size.swap(limits.in_flight, Ordering::AcqRel);
        let (more, fewer) = (limits.in_flight.saturating_sub(before), before.saturating_sub(limits.in_flight));
        for _ in 0..more {
            // A place that is still owed need not be taken away and given back.
            let settled = self.owed.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |owed| owed.checked_sub(1));
            if settled.is_err() {
                self.places.add_permits(1);
            }
        }
        let fewer = fewer as usize;
        self.owed.fetch_add(fewer - self.places.forget_permits(fewer), Ordering::AcqRel);
        self.queue.store(limits.queue, Ordering::Relaxed);
        self.queue_wait_us.store(in_u64(limits.queue_wait.as_micros()), Ordering::Relaxed);
        let each = 1_000_000_000 / u64::from(limits.rate.max(1));
        self.pace.each.store(each, Ordering::Relaxed);
        self.pace.ahead.store(each.saturating_mul(u64::from(limits.burst.max(1))), Ordering::Relaxed);
    }

    /// How many places are free.
    pub fn free(&self) -> usize {
        self.places.available_permits()
    }

    /// How many places there are.
    pub fn size(&self) -> u32 {
        self.size.load(Ordering::Relaxed)
    }

    /// Calls that wait for a place now.
    pub fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Calls that were turned away so far: too fast, the queue full, waited in vain, or too many notifications kept.
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// Counts a call that is turned away for another reason.
    pub fn turn_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    /// How the channel shares the threads with the others.
    pub(super) fn turn(&self) -> &Turn {
        &self.turn
    }

    /// Counts a call against the channel's rate.
    ///
    /// # Errors
    /// [`Fault::Rate`] with the seconds until one is allowed again.
    pub fn count(&self) -> Result<(), Fault> {
        self.pace.count(self.pace.since.elapsed()).map_err(|wait| {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            Fault::Rate(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1))
        })
    }

    /// Takes a place and one of the node's `slots`, at once or after a wait in the channel's bounded queue.
    pub(super) async fn enter<'a>(
        &'a self,
        slots: &'a Semaphore,
        deadline: Instant,
    ) -> Result<(Place<'a>, SemaphorePermit<'a>), Fault> {
        if let Ok(permit) = self.places.try_acquire() {
            let place = Place { lane: self, permit: Some(permit) };
            if let Ok(slot) = slots.try_acquire() {
                return Ok((place, slot));
            }
        }
        let entered = self.queue(slots, deadline).await;
        if entered.is_err() {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
        }
        entered
    }

    /// Takes a place and one of the node's `slots`, whenever within `patience` they are free.
    pub(super) async fn enter_patiently<'a>(
        &'a self,
        slots: &'a Semaphore,
        patience: Duration,
    ) -> Result<(Place<'a>, SemaphorePermit<'a>), Fault> {
        self.take(slots, Instant::now() + patience).await
    }

    async fn queue<'a>(
        &'a self,
        slots: &'a Semaphore,
        deadline: Instant,
    ) -> Result<(Place<'a>, SemaphorePermit<'a>), Fault> {
        let _waiting = Waiting::join(self)?;
        let wait = Duration::from_micros(self.queue_wait_us.load(Ordering::Relaxed));
        self.take(slots, deadline.min(Instant::now() + wait)).await
    }

    async fn take<'a>(
        &'a self,
        slots: &'a Semaphore,
        until: Instant,
    ) -> Result<(Place<'a>, SemaphorePermit<'a>), Fault> {
        let timeout = |semaphore: &'a Semaphore| tokio::time::timeout_at(until.into(), semaphore.acquire());
        let permit = timeout(&self.places).await.ok().and_then(Result::ok).ok_or(Fault::Busy("call.in-flight"))?;
        let place = Place { lane: self, permit: Some(permit) };
        let slot = timeout(slots).await.ok().and_then(Result::ok).ok_or(Fault::Busy("guest.instances"))?;
        Ok((place, slot))
    }
}

/// Somebody in the queue.
struct Waiting<'a>(&'a Lane);

impl<'a> Waiting<'a> {
    fn join(lane: &'a Lane) -> Result<Self, Fault> {
        let room = |waiting: u32| (waiting < lane.queue.load(Ordering::Relaxed)).then_some(waiting + 1);
        match lane.waiting.fetch_update(Ordering::AcqRel, Ordering::Relaxed, room) {
            Ok(_) => Ok(Self(lane)),
            Err(_) => Err(Fault::Busy("call.queue")),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Pace {
    /// Takes one call's time of the rate, or says how long it is until it may.
    fn count(&self, now: Duration) -> Result<(), Duration> {
        let (each, ahead) = (self.each.load(Ordering::Relaxed), self.ahead.load(Ordering::Relaxed));
        let now = in_u64(now.as_nanos());
        let next = |used_until: u64| {
            let next = used_until.max(now) + each;
            (next <= now.saturating_add(ahead)).then_some(next)
        };
        match self.used_until.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
            Ok(_) => Ok(()),
            Err(used_until) => Err(Duration::from_nanos((used_until + each).saturating_sub(now + ahead))),
        }
    }
}

fn in_u64(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::store::LimitOverrides;

    fn limits(in_flight: u32, queue: u32, wait_ms: u64) -> Limits {
        let own = LimitOverrides {
            in_flight: Some(in_flight),
            queue: Some(queue),
            queue_wait_ms: Some(wait_ms),
            ..LimitOverrides::default()
        };
        Limits::of(&Config::default(), 256, &own, &LimitOverrides::default())
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[tokio::test]
    async fn one_more_than_there_are_places_and_waits_is_turned_away_at_once() {
        let (lane, slots) = (Lane::new(&limits(1, 1, 10_000)), Semaphore::new(8));
        let first = lane.enter(&slots, soon()).await.unwrap();
        let mut second = Box::pin(lane.enter(&slots, soon()));
        assert!(futures_util::poll!(&mut second).is_pending());
        assert_eq!(lane.waiting(), 1);
        assert_eq!(lane.enter(&slots, soon()).await.unwrap_err(), Fault::Busy("call.queue"));
        drop(first);
        drop(second.await.unwrap());
        assert_eq!((lane.waiting(), lane.turned_away(), lane.free()), (0, 1, 1));
    }

    #[tokio::test]
    async fn a_wait_ends_and_says_what_was_missing() {
        let (lane, slots) = (Lane::new(&limits(1, 1, 50)), Semaphore::new(1));
        let first = lane.enter(&slots, soon()).await.unwrap();
        assert_eq!(lane.enter(&slots, soon()).await.unwrap_err(), Fault::Busy("call.in-flight"));
        let other = Lane::new(&limits(1, 1, 50));
        assert_eq!(other.enter(&slots, soon()).await.unwrap_err(), Fault::Busy("guest.instances"));
        drop(first);
        assert_eq!((other.free(), lane.free(), slots.available_permits()), (1, 1, 1));
    }

    #[tokio::test]
    async fn places_taken_away_go_when_those_in_them_go() {
        let (lane, slots) = (Lane::new(&limits(4, 0, 0)), Semaphore::new(8));
        let mut inside = Vec::new();
        for _ in 0..4 {
            inside.push(lane.enter(&slots, soon()).await.unwrap());
        }
        lane.set(&limits(1, 0, 0));
        inside.truncate(1);
        assert_eq!((lane.free(), lane.size()), (0, 1));
        lane.set(&limits(2, 0, 0));
        assert_eq!(lane.free(), 1);
        drop(inside);
        assert_eq!(lane.free(), 2);
    }

    #[tokio::test]
    async fn a_channel_that_has_had_its_turn_lets_everybody_else_go_first_and_keeps_its_own_order() {
        let (turn, longest) = (Turn::default(), Duration::from_millis(1));
        let order = std::cell::RefCell::new(Vec::new());
        let busy = async |name| {
            turn.take(longest).await;
            order.borrow_mut().push(name);
            turn.count(1_000_000);
        };
        let other = async || order.borrow_mut().push("other");
        tokio::join!(busy("first"), busy("second"), busy("third"), other());
        assert_eq!(*order.borrow(), ["first", "other", "second", "third"]);
        turn.take(longest).await;
        turn.count(999_999);
        assert!(futures_util::poll!(std::pin::pin!(turn.take(longest))).is_ready(), "it has some of its turn left");
        turn.count(1);
        // Who gives way and goes away does not keep the next one waiting.
        assert!(futures_util::poll!(Box::pin(turn.take(longest))).is_pending());
        assert!(futures_util::poll!(Box::pin(turn.take(longest))).is_ready());
    }

    #[test]
    fn the_rate_lets_a_burst_through_and_then_one_at_a_time() {
        let pace = Pace {
            since: Instant::now(),
            used_until: AtomicU64::new(0),
            each: AtomicU64::new(100_000_000),
            ahead: AtomicU64::new(300_000_000),
        };
        let at = Duration::from_millis;
        assert_eq!((0..5).filter(|_| pace.count(at(0)).is_ok()).count(), 3);
        assert_eq!(pace.count(at(50)), Err(at(50)));
        assert_eq!(pace.count(at(100)), Ok(()));
        assert_eq!(pace.count(at(100)), Err(at(100)));
        assert_eq!((0..20).filter(|_| pace.count(at(5000)).is_ok()).count(), 3);
    }
}
