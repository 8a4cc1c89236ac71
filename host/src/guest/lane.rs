//! A channel's lane: how fast its calls come, how many are under way, how many wait for that, and that other channels get their
//! turn in between.

mod queue;
mod rate;
mod turn;

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::engine::PROCESSORS;
use super::fault::Fault;
use super::limits::Limits;
use queue::Queue;
use rate::Rate;
use turn::Turn;

/// The places of a channel. They outlive its releases, so that a swap does not lift a limit.
#[derive(Debug)]
pub struct Lane {
    places: Semaphore,
    /// Places that there are when nobody is in.
    size: AtomicU32,
    /// Places that were taken away while somebody was in them.
    owed: AtomicUsize,
    queue: Queue,
    rate: Rate,
    turn: Turn,
    turned_away: AtomicU64,
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
            queue: Queue::new(),
            rate: Rate::new(),
            turn: Turn::new(*PROCESSORS),
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
        self.queue.set(limits);
        self.rate.set(limits);
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
        self.queue.waiting()
    }

    /// Calls that were turned away so far: too fast, the queue full, waited in vain, or too many notifications kept.
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// Counts a call that is turned away for another reason.
    pub fn turn_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a call against the channel's rate.
    ///
    /// # Errors
    /// [`Fault::Rate`] with the seconds until one is allowed again.
    pub fn count(&self) -> Result<(), Fault> {
        self.rate.count(Instant::now()).map_err(|wait| {
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
        let waiting = self.queue.join(Instant::now())?;
        let entered = self.take(slots, deadline.min(waiting.until)).await;
        waiting.ended(entered.as_ref().err(), Instant::now());
        entered
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
        let now = Instant::now();
        assert!(lane.queue.join(now).unwrap().until < now + Duration::from_millis(50), "the next ones wait less");
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
}
